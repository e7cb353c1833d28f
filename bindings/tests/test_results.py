"""What comes out, in every form."""

import dataclasses
import json
import pickle
import sys
from datetime import datetime, timedelta, timezone
from html import escape

import abduck
import polars
import pyarrow
import pytest
from conftest import COLUMNS, EXPERIMENT

KEYS = ["quick-checkout", "smart-search"]


@pytest.fixture(params=KEYS)
def result(demo: abduck.Lab, request: pytest.FixtureRequest) -> abduck.ExperimentResult:
    return demo.experiments.get(request.param).results()


def test_a_result_says_what_it_is(result: abduck.ExperimentResult) -> None:
    data = result.to_dict()
    assert result.kind == data["result"]["kind"]
    assert result.experiment.feature_flag_key in KEYS
    assert result.experiment.start_date is not None
    assert result.provenance.engine_version == abduck.__version__
    assert result.provenance.data_version == 1
    assert datetime.now(timezone.utc) - result.last_refresh < timedelta(minutes=10)
    assert result.significant == (result.significance_code == "significant")
    assert (result.p_value is None) != (result.expected_loss is None)
    assert sum(row.chance_to_win for row in result.variants) == pytest.approx(1)
    assert result.variants[0].variant == "control"
    assert result.variants[0].rel_effect_size is None
    assert [warning.code for warning in result.warnings] == [warning["code"] for warning in data["warnings"]]


def test_rows_are_the_same_in_every_form(result: abduck.ExperimentResult) -> None:
    rows = result.to_dicts()
    assert [dataclasses.asdict(row) for row in result.variants] == rows
    assert result.to_arrow().to_pylist() == rows
    assert result.to_polars().to_dicts() == rows
    assert pyarrow.record_batch(pyarrow.table(result).to_batches()[0]).num_rows == len(rows)
    pandas = result.to_pandas()
    assert list(pandas.columns) == list(rows[0])
    assert pandas.astype(object).where(pandas.notna(), None).to_dict("records") == rows


def test_rows_without_numbers_keep_their_types(lab: abduck.Lab, events: polars.DataFrame) -> None:
    lab.ingest(events.filter(polars.col("arm") == "control"), **COLUMNS)
    result = lab.experiments.create(EXPERIMENT).results()
    assert result.undecided == abduck.MissingData(
        no_events=False, no_flag_info=False, no_control_variant=False, no_test_variant=True
    )
    assert (result.significant, result.significance_code, result.p_value) == (None, None, None)
    assert [row.rate for row in result.variants] == [None]
    assert str(result.to_pandas()["rate"].dtype) == "float64"
    assert result.to_polars().schema["rate"] == polars.Float64
    assert "Undecided" in result.verdict
    with pytest.raises(abduck.NotReadyError) as caught:
        result.legacy_dict()
    assert json.loads(str(caught.value.args[0])) == {
        "no-events": False,
        "no-flag-info": False,
        "no-control-variant": False,
        "no-test-variant": True,
    }


def test_a_result_survives_json_and_pickle(result: abduck.ExperimentResult) -> None:
    for again in [abduck.ExperimentResult.from_json(result.to_json()), pickle.loads(pickle.dumps(result))]:
        assert again == result
        assert again.to_dict() == result.to_dict()
        assert hash(again) == hash(result)
    assert result != result.to_dict()
    with pytest.raises(abduck.InvalidError):
        abduck.ExperimentResult.from_json(result.to_json().replace("format_version", "version_of_format"))


def test_a_kept_result_says_the_same(demo: abduck.Lab) -> None:
    experiment = demo.experiments.get("quick-checkout")
    fresh, kept = experiment.results(refresh=True), experiment.results()
    assert (fresh.is_cached, kept.is_cached) == (False, True)
    assert fresh == kept
    assert len({fresh, kept}) == 1
    assert demo.experiments.get("smart-search").results() != fresh


def test_a_result_cannot_be_changed(result: abduck.ExperimentResult) -> None:
    for name in ["verdict", "_data", "other"]:
        with pytest.raises(AttributeError):
            setattr(result, name, None)
    with pytest.raises(AttributeError):
        del result._data
    result.to_dict()["warnings"].append("none")
    assert result.to_dict()["warnings"] == [dataclasses.asdict(warning) for warning in result.warnings]


def test_the_compatible_form_has_the_known_keys(result: abduck.ExperimentResult) -> None:
    legacy = result.legacy_dict()
    assert set(legacy) == {"result", "last_refresh", "is_cached"}
    assert legacy["result"]["significant"] == result.significant
    assert legacy["result"]["probability"] == {row.variant: row.chance_to_win for row in result.variants}


def test_a_result_reads_as_a_report(result: abduck.ExperimentResult) -> None:
    assert result.verdict in repr(result)
    assert str(result) == repr(result)
    markdown = result.to_markdown()
    assert markdown == result._repr_markdown_()
    assert markdown.startswith(f"**{result.verdict}**")
    assert len([line for line in markdown.splitlines() if line.startswith("|")]) == 2 + len(result.variants)


def test_html_has_a_row_per_variant_and_escapes_everything(
    result: abduck.ExperimentResult,
) -> None:
    page = result._repr_html_()
    assert page.count("<tr>") == 1 + len(result.variants)
    assert page.count("<td") == 7 * len(result.variants)
    text = result.to_json().replace('"control"', '"con<b>|t"').replace(result.experiment.name, "<script>&")
    evil = abduck.ExperimentResult.from_json(text)
    page = evil._repr_html_()
    assert escape("<script>&") in page
    assert escape("con<b>|t") in page
    assert "<script>" not in page
    assert page.count("<td") == 7 * len(result.variants)


def test_warnings_are_shown(lab: abduck.Lab, events: polars.DataFrame) -> None:
    lab.ingest(events, **COLUMNS)
    trend = {"insight": "TRENDS", "events": [{"id": "viewed", "order": 0}]}
    result = lab.experiments.create(EXPERIMENT, filters=trend).results()
    assert [warning.code for warning in result.warnings] == ["no_exposure", "no_exposure"]
    for page in [repr(result), result.to_markdown(), result._repr_html_()]:
        assert "no exposed person" in page


@pytest.mark.parametrize("package", ["polars", "pandas", "pyarrow"])
def test_missing_packages_are_named(
    result: abduck.ExperimentResult, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    convert = getattr(result, {"pyarrow": "to_arrow"}.get(package, f"to_{package}"))
    with pytest.raises(ModuleNotFoundError, match=f"abduck\\[{package}\\]"):
        convert()


def test_every_answer_with_rows_is_shown_and_frozen(demo: abduck.Lab) -> None:
    experiment = demo.experiments["quick-checkout"]
    bought = abduck.Funnel(["cart_added", "purchase"])
    answers = [
        experiment.results(),
        experiment.try_metric(bought),
        experiment.metric_series(bought),
        experiment.reconcile(bought),
        experiment.exposure_view(),
        experiment.history(),
        experiment.audit(),
    ]
    for answer in answers:
        assert answer.to_html() == answer._repr_html_()
        assert answer.to_markdown().count("\n| ") + answer.to_markdown().startswith("| ") >= 2
        assert len(answer.to_dicts()) == answer.to_arrow().num_rows == answer.to_polars().height
        with pytest.raises(AttributeError):
            answer._inner = None
    for rows in (experiment.units(bought, step=2), experiment.exposures()):
        assert rows.to_markdown().count("\n") == 2 + len(rows)
        assert rows.to_html().count("<tr>") == 1 + len(rows)
        assert rows._repr_html_().count("<tr>") == 11
        assert f"{len(rows)} rows" in rows._repr_html_()
        with pytest.raises(AttributeError):
            rows._inner = None
        with pytest.raises(AttributeError):
            del rows._inner


def test_effects_are_in_both_units(demo: abduck.Lab) -> None:
    control, test = demo.experiments["quick-checkout"].try_metric(abduck.Count("purchase")).variants
    assert test.effect_size == pytest.approx(test.rate - control.rate)
    assert test.rel_effect_size == pytest.approx(test.effect_size / control.rate)
    assert test.effect_size_ci_lower < test.effect_size < test.effect_size_ci_upper
    assert (control.effect_size, control.effect_size_ci_lower, control.pvalue) == (None, None, None)
    assert test.pvalue == test.p_value
