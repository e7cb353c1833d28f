"""Secondary results, exposures, and whether a flag is in the events."""

import json
import pickle
from datetime import datetime, timedelta, timezone

import abduck
import polars
import pytest
from conftest import COLUMNS, EXPERIMENT, FUNNEL, START

SECONDARY = [
    {"name": "Conversion", "filters": FUNNEL},
    {"name": "Purchases", "filters": {"insight": "TRENDS", "events": [{"id": "bought"}]}},
    {"name": "Nothing", "filters": {"insight": "TRENDS", "events": [{"id": "nothing"}]}},
]


@pytest.fixture
def experiment(lab: abduck.Lab, events: polars.DataFrame) -> abduck.Experiment:
    lab.ingest(events, **COLUMNS)
    return lab.experiments.create(EXPERIMENT, secondary_metrics=SECONDARY)


def test_a_secondary_result_has_its_numbers_and_all_that_results_have(experiment: abduck.Experiment) -> None:
    result = experiment.secondary_results(0)
    assert (result.index, result.name, result.kind) == (0, "Conversion", "funnel")
    assert set(result.values) == {"control", "test"}
    rows = result.to_dicts()
    assert [round(row["count"] / row["units"], 3) for row in rows] == list(result.values.values())
    assert result.to_arrow().to_pylist() == result.to_polars().to_dicts() == rows
    assert list(result.to_pandas().columns) == list(rows[0])
    assert result.verdict in repr(result)
    assert "secondary metric 0" in repr(result)
    assert result._repr_html_().count("<td") == 8 * len(rows)
    assert "| value " in result.to_markdown()
    assert experiment.secondary_results(1).values == {"control": 40.0, "test": 67.0}


def test_a_secondary_result_survives_json_and_pickle(experiment: abduck.Experiment) -> None:
    result = experiment.secondary_results(0)
    for again in [abduck.SecondaryResult.from_json(result.to_json()), pickle.loads(pickle.dumps(result))]:
        assert again == result
        assert hash(again) == hash(result)
        assert type(again) is abduck.SecondaryResult
    assert result != experiment.results()
    assert experiment.results() != result
    assert result != experiment.secondary_results(1)
    assert (experiment.secondary_results(0).is_cached, experiment.secondary_results(0, refresh=True).is_cached) == (
        True,
        False,
    )
    with pytest.raises(abduck.InvalidError):
        abduck.SecondaryResult.from_json(experiment.results().to_json())
    result.values.clear()
    assert result.values


def test_without_data_there_are_no_numbers_and_no_error(experiment: abduck.Experiment) -> None:
    nothing = experiment.secondary_results(2)
    assert nothing.values == {}
    assert nothing.undecided is not None
    assert set(nothing.legacy_dict()["result"]) == {"result", "insight", "filters", "exposure_filters"}
    assert "probability" in experiment.secondary_results(0).legacy_dict()["result"]
    for index in (3, -1):
        with pytest.raises(abduck.InvalidError, match="Invalid metric ID"):
            experiment.secondary_results(index)


def test_exposures_are_the_same_in_every_form(demo: abduck.Lab) -> None:
    experiment = demo.experiments.get("smart-search")
    exposures = experiment.exposures()
    rows = exposures.to_dicts()
    assert len(exposures) == len(rows) > 1_000
    assert exposures.to_arrow().to_pylist() == exposures.to_polars().to_dicts() == rows
    assert exposures.to_pandas()["distinct_id"].tolist() == [row["distinct_id"] for row in rows]
    assert rows == sorted(rows, key=lambda row: (row["first_exposure"], row["person_id"], row["variant"]))
    assert repr(exposures) == f"<abduck.Exposures, {len(rows)} rows>"
    counts = {row.variant: row.units for row in experiment.results().variants}
    assert {variant: sum(row["variant"] == variant for row in rows) for variant in counts} == counts


def test_nobody_exposed_keeps_the_types(lab: abduck.Lab) -> None:
    exposures = lab.experiments.create(EXPERIMENT).exposures()
    assert (len(exposures), exposures.to_dicts()) == (0, [])
    assert exposures.to_polars().schema["first_exposure"] == polars.Datetime("us", "UTC")
    assert list(exposures.to_pandas().columns) == exposures.to_polars().columns


@pytest.mark.parametrize("package", ["polars", "pandas", "pyarrow"])
def test_missing_packages_are_named(demo: abduck.Lab, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    import sys

    exposures = demo.experiments.get("smart-search").exposures()
    monkeypatch.setitem(sys.modules, package, None)
    convert = getattr(exposures, {"pyarrow": "to_arrow"}.get(package, f"to_{package}"))
    with pytest.raises(ModuleNotFoundError, match=f"abduck\\[{package}\\]"):
        convert()


def test_a_flag_that_is_missing_in_the_events_is_noticed(lab: abduck.Lab, experiment: abduck.Experiment) -> None:
    day = START + timedelta(days=1)
    assert experiment.requires_flag_implementation(as_of=day) is False
    assert experiment.requires_flag_implementation(as_of=START - timedelta(seconds=1)) is True
    assert experiment.requires_flag_implementation(as_of=datetime.now(timezone.utc)) is True
    other = lab.experiments.create(name="Other", feature_flag_key="other", filters=FUNNEL)
    assert other.requires_flag_implementation(as_of=day) is True
    assert other.requires_flag_implementation(as_of=day, any_flag=True) is False
    assert json.loads(experiment.secondary_results(0).to_json())["metric"]["name"] == "Conversion"
