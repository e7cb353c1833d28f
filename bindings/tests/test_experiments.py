"""Defining, launching and ending experiments."""

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import abduck
import pytest
from conftest import EXPERIMENT, FUNNEL, START


def test_definitions_come_as_keywords_dictionaries_and_files(lab: abduck.Lab, tmp_path: Path) -> None:
    (tmp_path / "checkout.yaml").write_text("name: Prüfung 😀\nfeature_flag_key: from-yaml\nstart_date: 2025-01-01\n")
    (tmp_path / "checkout.json").write_text(json.dumps({**EXPERIMENT, "start_date": None, "feature_flag_key": "json"}))
    created = [
        lab.experiments.create(name="Prüfung 😀", feature_flag_key="from-keywords"),
        lab.experiments.create(EXPERIMENT),
        lab.experiments.create(EXPERIMENT, feature_flag_key="from-both", start_date=START + timedelta(days=1)),
        lab.experiments.create(tmp_path / "checkout.yaml"),
        lab.experiments.create(str(tmp_path / "checkout.json")),
    ]
    assert [experiment.key for experiment in created] == ["from-keywords", "checkout", "from-both", "from-yaml", "json"]
    assert created[0].name == created[3].name == "Prüfung 😀"
    assert [experiment.start_date for experiment in created] == [None, START, START + timedelta(days=1), START, None]
    assert lab.experiments.list() == list(lab.experiments) == created[::-1]
    with pytest.raises(TypeError, match="not both"):
        lab.experiments.create(tmp_path / "checkout.yaml", name="Other")
    with pytest.raises(FileNotFoundError):
        lab.experiments.create("nowhere.yaml")


def test_experiments_are_found_by_key_and_number(lab: abduck.Lab) -> None:
    created = lab.experiments.create(EXPERIMENT)
    assert lab.experiments.get("checkout") == lab.experiments["checkout"] == lab.experiments.get(created.id) == created
    assert hash(lab.experiments.get("checkout")) == hash(created)
    assert repr(lab.experiments) == f"<abduck.Experiments of {str(lab.directory)!r}>"
    with pytest.raises(KeyError) as caught:
        lab.experiments.get("Checkout")
    assert "experiment 'Checkout' was not found" in str(caught.value)


def test_an_experiment_shows_its_fields(lab: abduck.Lab) -> None:
    variants = [{"key": "control", "rollout_percentage": 40}, {"key": "b", "rollout_percentage": 60}]
    experiment = lab.experiments.create(
        EXPERIMENT, description="Shorter", parameters={"feature_flag_variants": variants}
    )
    assert experiment.variants == {"control": 40, "b": 60}
    assert experiment.description == "Shorter"
    assert experiment.filters == FUNNEL
    assert experiment.end_date == datetime(2025, 3, 1, tzinfo=timezone.utc)
    assert datetime.now(timezone.utc) - experiment.created_at < timedelta(minutes=1)
    assert experiment.to_dict()["feature_flag"]["key"] == "checkout"
    experiment.to_dict()["filters"].clear()
    experiment.filters.clear()
    assert experiment.filters == FUNNEL
    assert "_lab" not in repr(experiment)


def test_an_experiment_lives_from_draft_to_complete(lab: abduck.Lab) -> None:
    draft = lab.experiments.create(name="Checkout", feature_flag_key="checkout", filters=FUNNEL)
    with pytest.raises(abduck.NotReadyError):
        draft.results()
    with pytest.raises(abduck.NotReadyError):
        draft.end()
    running = draft.launch()
    assert (draft.status, running.status) == ("draft", "running")
    assert running.start_date is not None
    assert datetime.now(timezone.utc) - running.start_date < timedelta(minutes=1)
    assert running == lab.experiments.get("checkout")
    with pytest.raises(abduck.NotAllowedError):
        running.launch()
    complete = running.end()
    assert (complete.status, complete.start_date) == ("complete", running.start_date)
    with pytest.raises(abduck.NotAllowedError):
        complete.end()


@pytest.mark.parametrize("at", [START, START.astimezone(timezone(timedelta(hours=9))), "2025-01-01", START.date()])
def test_moments_come_in_several_forms(lab: abduck.Lab, at: object) -> None:
    draft = lab.experiments.create(name="Checkout", feature_flag_key="checkout")
    launched = draft.launch(at)
    assert launched.start_date == START
    assert launched.end("2025-01-02T03:04:05.678901Z").end_date == datetime(
        2025, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc
    )


def test_wrong_moments_are_refused(lab: abduck.Lab) -> None:
    draft = lab.experiments.create(name="Checkout", feature_flag_key="checkout")
    with pytest.raises(abduck.InvalidError) as caught:
        draft.launch("yesterday")
    assert caught.value.field == "at"
    with pytest.raises(abduck.InvalidError) as caught:
        draft.launch(START).end(START - timedelta(days=1))
    assert caught.value.field == "end_date"


def test_wrong_definitions_change_nothing(lab: abduck.Lab) -> None:
    with pytest.raises(abduck.InvalidError) as caught:
        lab.experiments.create(name="Checkout", feature_flag_key="checkout", filter={})
    assert (caught.value.field, caught.value.code) == ("filter", "unknown_field")
    assert caught.value.hints == ("did you mean 'filters'?",)
    with pytest.raises(abduck.InvalidError, match="required"):
        lab.experiments.create()
    with pytest.raises(TypeError):
        lab.experiments.create(name=object())
    assert lab.experiments.list() == []


def test_an_explanation_shows_plan_and_queries(demo: abduck.Lab) -> None:
    experiment = demo.experiments.get("smart-search")
    planned = experiment.explain(as_of=datetime.now(timezone.utc))
    assert planned.plan["population"]["variants"] == ["control", "suggestions", "semantic"]
    assert all(query.sql.count("?") == len(query.values) > 0 for query in planned.queries)
    assert planned.stages is None
    assert planned.measured is None
    done = experiment.explain(run=True)
    assert done.queries == planned.queries
    assert done.stages is not None
    assert [stage.purpose for stage in done.stages] == [query.purpose for query in done.queries]
    assert all(stage.rows > 0 and stage.seconds >= 0 for stage in done.stages)
    assert repr(done) == done.text
    assert "variant_extract(e.properties, '$feature/smart-search')" in done.text
    assert all(stage.purpose in {"counts", "exposures"} for stage in done.stages)
