"""Changing experiments, and what they share: holdouts, saved metrics and cohorts."""

import json
import multiprocessing
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import abduck
import pytest
from conftest import EXPERIMENT, FUNNEL, START, everything

SERIES = {"kind": "TrendsQuery", "series": [{"kind": "EventsNode", "event": "search"}]}
QUERY = {"kind": "ExperimentTrendsQuery", "count_query": SERIES}
PROS = {"properties": {"type": "OR", "values": [{"type": "person", "key": "plan", "value": "pro"}]}}


def draft(lab: abduck.Lab, key: str = "checkout", **fields: Any) -> abduck.Experiment:
    return lab.experiments.create(name="Checkout", feature_flag_key=key, filters=FUNNEL, **fields)


def refused(
    lab: abduck.Lab, call: Callable[[], object], error: type[abduck.AbduckError], field: str | None, code: str
) -> abduck.AbduckError:
    """The call is refused with this error, and nothing has changed."""
    before = everything(lab)
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    assert (caught.value.field, caught.value.code) == (field, code)
    assert everything(lab) == before
    return caught.value


def test_an_update_changes_what_is_given(lab: abduck.Lab) -> None:
    before = draft(lab, description="Shorter", end_date="2025-03-01")
    after = before.update(name="Checkout 2", description=None, filters={}, end_date=START + timedelta(days=9))
    assert (after.name, after.description, after.filters) == ("Checkout 2", None, {})
    assert after.end_date == START + timedelta(days=9)
    assert after.updated_at > before.updated_at
    assert (before.name, before.description, before.filters) == ("Checkout", "Shorter", FUNNEL)
    assert after == lab.experiments["checkout"]
    unchanged = {"id", "feature_flag", "start_date", "parameters", "created_at", "saved_metrics", "status"}
    assert {name: before.to_dict()[name] for name in unchanged} == {name: after.to_dict()[name] for name in unchanged}
    assert after.update(end_date=None).end_date is None


def test_an_update_goes_on_to_the_flag_of_a_draft(lab: abduck.Lab) -> None:
    variants = [{"key": "control", "rollout_percentage": 20}, {"key": "b", "rollout_percentage": 80}]
    changed = draft(lab).update(parameters={"feature_flag_variants": variants})
    assert changed.variants == changed.flag.variants == lab.flags["checkout"].variants == {"control": 20, "b": 80}
    launched = changed.update(start_date=START)
    assert (launched.status, launched.flag.active) == ("running", True)


@pytest.mark.parametrize(
    ("fields", "field", "code", "message"),
    [
        ({"name": None}, "name", "null", "This field may not be null."),
        ({"type": "web"}, None, "invalid_input", "Can't update keys: type on Experiment"),
        ({"nmae": "x"}, None, "invalid_input", "Can't update keys: nmae on Experiment"),
        ({"feature_flag_key": "other"}, None, "invalid_input", "Can't update keys: get_feature_flag_key on Experiment"),
        ({"holdout_id": 7}, "holdout_id", "does_not_exist", 'Invalid pk "7" - object does not exist.'),
        ({"end_date": "2024-01-01", "start_date": START}, "end_date", "invalid_input", "before the start date"),
        ({"conclusion": "great"}, "conclusion", "invalid_choice", '"great" is not a valid choice.'),
        ({"saved_metrics_ids": {}}, "saved_metrics_ids", "not_a_list", "Expected a list of items"),
        ({"saved_metrics_ids": [{"id": 3}]}, "saved_metrics_ids", "invalid_input", "Saved metric does not exist"),
        ({"name": "new", "filters": {"properties": [{}]}}, None, "invalid_input", "global filter properties"),
    ],
)
def test_a_refused_update_changes_nothing(
    lab: abduck.Lab, fields: dict[str, Any], field: str | None, code: str, message: str
) -> None:
    experiment = draft(lab)
    error = refused(lab, lambda: experiment.update(**fields), abduck.InvalidError, field, code)
    assert message in str(error)
    assert error.hints == () or all(error.hints)


def test_what_cannot_be_written_as_json_is_refused(lab: abduck.Lab) -> None:
    experiment = draft(lab)
    with pytest.raises(TypeError, match="object"):
        experiment.update(name=object())
    assert experiment == lab.experiments["checkout"]


def test_an_end_says_what_was_concluded(lab: abduck.Lab) -> None:
    running = draft(lab).launch(START)
    refused(lab, lambda: running.end(conclusion="great"), abduck.InvalidError, "conclusion", "invalid_choice")  # type: ignore[arg-type]
    refused(lab, lambda: running.end(comment="x" * 401), abduck.InvalidError, "conclusion_comment", "max_length")
    ended = running.end(START + timedelta(days=7), conclusion="won", comment="It is shorter")
    assert (ended.status, ended.conclusion, ended.conclusion_comment) == ("complete", "won", "It is shorter")
    assert (running.conclusion, running.conclusion_comment) == (None, None)
    assert ended.flag.active
    refused(lab, ended.end, abduck.NotAllowedError, None, "not_allowed")
    changed = ended.update(conclusion="lost", conclusion_comment=None)
    assert (changed.conclusion, changed.conclusion_comment) == ("lost", None)
    assert changed.update(conclusion=None).conclusion is None


def test_shipping_gives_the_variant_to_everyone(lab: abduck.Lab) -> None:
    experiment = draft(lab)
    refused(lab, lambda: experiment.ship("test"), abduck.NotReadyError, None, "not_ready")
    running = experiment.launch(START)
    error = refused(lab, lambda: running.ship("tset"), abduck.InvalidError, "variant", "invalid_choice")
    assert error.hints == ("did you mean 'test'?",)
    early = START - timedelta(days=1)
    refused(lab, lambda: running.ship("test", at=early), abduck.InvalidError, "end_date", "invalid_input")
    at = datetime(2025, 2, 1, 12, tzinfo=timezone.utc)
    shipped = running.ship("test", at=at, conclusion="won", comment="clear")
    assert (shipped.status, shipped.end_date, shipped.conclusion) == ("complete", at, "won")
    assert shipped.variants == {"control": 0, "test": 100}
    values = {lab.flags["checkout"].evaluate(f"user-{number}").value for number in range(50)}
    assert values == {"test"}


def test_pausing_switches_the_flag_off_for_a_while(lab: abduck.Lab) -> None:
    experiment = draft(lab)
    assert not experiment.is_paused
    refused(lab, experiment.pause, abduck.NotReadyError, None, "not_ready")
    running = experiment.launch(START)
    refused(lab, running.resume, abduck.NotAllowedError, None, "not_allowed")
    paused = running.pause()
    assert (paused.status, paused.is_paused, paused.flag.active) == ("running", True, False)
    assert lab.experiments["checkout"].is_paused
    assert not running.is_paused
    assert lab.flags["checkout"].evaluate("ann") is None
    refused(lab, paused.pause, abduck.NotAllowedError, None, "not_allowed")
    resumed = paused.resume()
    assert (resumed.is_paused, resumed.flag.active) == (False, True)
    ended = resumed.end()
    assert not ended.is_paused
    refused(lab, ended.pause, abduck.NotAllowedError, None, "not_allowed")


def test_a_reset_makes_a_draft_again(lab: abduck.Lab) -> None:
    experiment = draft(lab)
    refused(lab, experiment.reset, abduck.NotAllowedError, None, "not_allowed")
    again = experiment.launch(START).end(conclusion="invalid").archive().reset()
    assert (again.status, again.start_date, again.end_date, again.conclusion) == ("draft", None, None, None)
    assert not again.flag.active
    assert again.launch().status == "running"


def test_archiving_can_be_taken_back(lab: abduck.Lab) -> None:
    experiment = draft(lab)
    archived = experiment.archive()
    assert archived.status == "archived"
    refused(lab, archived.launch, abduck.NotAllowedError, None, "not_allowed")
    assert archived.unarchive().status == "draft"
    paused = archived.unarchive().launch().pause().archive()
    assert (paused.status, paused.is_paused) == ("archived", True)


def test_a_duplicate_is_a_draft_of_its_own(lab: abduck.Lab) -> None:
    metric = lab.saved_metrics.create(name="Searches", query=QUERY)
    holdout = lab.holdouts.create(name="2025", filters=[{"rollout_percentage": 5}])
    uses = [{"id": metric.id, "metadata": {"type": "secondary"}}]
    original = draft(lab, holdout_id=holdout.id, saved_metrics_ids=uses, description="Shorter").launch(START)
    copy = original.duplicate("checkout-2")
    assert (copy.key, copy.name, copy.status, copy.start_date) == ("checkout-2", "Checkout (copy)", "draft", None)
    assert (copy.description, copy.filters, copy.holdout) == ("Shorter", FUNNEL, holdout)
    assert [(use.saved_metric, use.metadata) for use in copy.saved_metrics] == [(metric.id, {"type": "secondary"})]
    assert copy.flag.filters == original.flag.filters
    assert copy.flag.id != original.flag.id
    assert original.duplicate("checkout-3", name="Third").name == "Third"
    refused(lab, lambda: original.duplicate("checkout"), abduck.InvalidError, "key", "unique")
    refused(lab, lambda: original.duplicate("a b"), abduck.InvalidError, "key", "invalid_key")
    refused(lab, lambda: original.duplicate(""), abduck.InvalidError, "feature_flag_key", "blank")
    refused(lab, lambda: original.duplicate("c", name=""), abduck.InvalidError, "name", "blank")


def test_a_deleted_experiment_frees_its_key(lab: abduck.Lab) -> None:
    experiment = lab.experiments.create(EXPERIMENT)
    assert experiment.delete() is None
    assert lab.experiments.list() == []
    assert lab.flags["checkout"].deleted
    for call in (experiment.delete, experiment.archive, experiment.pause, experiment.log, experiment.results):
        refused(lab, call, abduck.NotFoundError, None, "not_found")
    assert draft(lab).id != experiment.id


def test_web_experiments_come_with_their_changes(lab: abduck.Lab) -> None:
    share = {"rollout_percentage": 50}
    variants = {"control": share, "big": {**share, "transforms": [{"selector": "#buy", "text": "Buy!"}]}}
    first = lab.experiments.create_web(name="Buy button", variants=variants, description="Louder")
    second = lab.experiments.create_web({"name": "Buy button", "variants": variants})
    assert (first.key, second.key) == ("buy-button-web-experiment-feature", "buy-button-web-experiment-feature-2")
    assert (first.status, first.flag.active, first.description) == ("draft", False, "Louder")
    assert first.variants == {"control": 50, "big": 50}
    assert first.to_dict()["variants"] == variants
    assert first.to_dict()["type"] == "web"
    draft(lab)
    assert lab.experiments.web() == [second, first]
    second.archive()
    assert lab.experiments.web() == [first]
    first.launch(START).end()
    assert lab.experiments.web() == []
    without = {"control": share, "big": {**share, "transforms": [{"text": "Buy!"}]}}
    cases: list[tuple[object, str]] = [
        (None, "Experiment does not have any variants"),
        ([], "Experiment variants should be a dictionary of keys -> transforms"),
        ({"big": share}, "Experiment should contain a control variant"),
        ({"control": {}}, "Experiment variant 'control' does not have any rollout percentage"),
        (without, "does not have a selector"),
    ]
    for wrong, message in cases:
        create = lambda wrong=wrong: lab.experiments.create_web(name="x", variants=wrong)  # noqa: E731
        assert message in str(refused(lab, create, abduck.InvalidError, "variants", "invalid_input"))


def test_a_holdout_changes_the_flags_of_its_experiments(lab: abduck.Lab) -> None:
    holdout = lab.holdouts.create(name="2025", filters=[{"rollout_percentage": 5}], description="Nothing new")
    assert holdout.filters == [{"properties": [], "rollout_percentage": 5, "variant": f"holdout-{holdout.id}"}]
    assert (holdout.name, holdout.description, holdout.created_by) == ("2025", "Nothing new", lab.by)
    experiment = draft(lab, holdout_id=holdout.id)
    assert experiment.holdout == holdout == lab.holdouts["2025"] == lab.holdouts.get(holdout.id)
    assert experiment.flag.filters["holdout_groups"] == holdout.filters
    assert holdout.experiments() == [experiment]
    wider = holdout.update(filters=[{"rollout_percentage": 7.5}], description=None)
    assert (wider.filters[0]["rollout_percentage"], wider.description) == (7.5, None)
    assert holdout.filters[0]["rollout_percentage"] == 5
    assert lab.flags["checkout"].filters["holdout_groups"] == wider.filters
    assert lab.experiments["checkout"].holdout == wider
    running = experiment.launch()
    refused(lab, lambda: running.update(holdout_id=None), abduck.InvalidError, None, "invalid_input")
    assert wider.delete() is None
    assert lab.experiments["checkout"].holdout is None
    assert lab.flags["checkout"].filters["holdout_groups"] is None
    for call in (wider.delete, wider.experiments, wider.update):
        refused(lab, call, abduck.NotFoundError, None, "not_found")


@pytest.mark.parametrize(
    ("fields", "field", "code", "message"),
    [
        ({"name": "x"}, "filters", "invalid_input", "Filters are required to create an holdout group"),
        ({"name": "x", "filters": [{}]}, "filters", "invalid_input", "Rollout percentage must be present."),
        (
            {"name": "x", "filters": [{"rollout_percentage": 101}]},
            "filters",
            "invalid_input",
            "Rollout percentage must be between 0 and 100.",
        ),
        ({"filters": [{"rollout_percentage": 1}]}, "name", "required", "This field is required."),
        ({"name": "x", "filter": []}, "filter", "unknown_field", "filter"),
    ],
)
def test_a_refused_holdout_changes_nothing(
    lab: abduck.Lab, fields: dict[str, Any], field: str, code: str, message: str
) -> None:
    assert message in str(refused(lab, lambda: lab.holdouts.create(fields), abduck.InvalidError, field, code))
    holdout = lab.holdouts.create(name="2025", filters=[{"rollout_percentage": 5}])
    empty: dict[str, Any] = {"filters": []}
    refused(lab, lambda: holdout.update(**empty), abduck.InvalidError, "filters", "invalid_input")


def test_a_saved_metric_shows_through_where_it_is_used(lab: abduck.Lab) -> None:
    metric = lab.saved_metrics.create(name="Searches", query=QUERY)
    assert (metric.query, metric.created_by) == (QUERY, lab.by)
    use = {"id": metric.id, "metadata": {"type": "primary"}}
    experiment = draft(lab, saved_metrics_ids=[use])
    (link,) = experiment.saved_metrics
    assert (link.saved_metric, link.experiment, link.name) == (metric.id, experiment.id, "Searches")
    assert (link.query, link.metadata) == (QUERY, {"type": "primary"})
    renamed = metric.update(name="All searches", description="Each of them")
    assert (metric.name, renamed.name, renamed.description) == ("Searches", "All searches", "Each of them")
    assert lab.experiments["checkout"].saved_metrics[0].name == "All searches"
    assert experiment.saved_metrics[0].name == "Searches"
    assert lab.saved_metrics["All searches"] == lab.saved_metrics[metric.id] == lab.saved_metrics.list()[0] == renamed
    assert experiment.update(saved_metrics_ids=None).saved_metrics == ()
    assert len(experiment.update(saved_metrics_ids=[use]).saved_metrics) == 1
    assert renamed.delete() is None
    assert lab.experiments["checkout"].saved_metrics == ()
    for call in (renamed.delete, renamed.update):
        refused(lab, call, abduck.NotFoundError, None, "not_found")


@pytest.mark.parametrize(
    ("query", "field", "code", "message"),
    [
        (None, "query", "null", "may not be null"),
        ({}, "query", "invalid_input", "Query is required to create a saved metric"),
        ({"kind": "Other"}, "query", "invalid_input", "Metric query kind must be"),
        (
            {"kind": "ExperimentTrendsQuery"},
            "query",
            "invalid_input",
            "'loc': ('count_query',), 'msg': 'Field required'",
        ),
    ],
)
def test_a_refused_saved_metric_changes_nothing(
    lab: abduck.Lab, query: object, field: str, code: str, message: str
) -> None:
    create = lambda: lab.saved_metrics.create(name="x", query=query)  # noqa: E731
    assert message in str(refused(lab, create, abduck.InvalidError, field, code))
    metric = lab.saved_metrics.create(name="Searches", query=QUERY)
    assert message in str(refused(lab, lambda: metric.update(query=query), abduck.InvalidError, field, code))


def test_a_static_cohort_lists_its_members(lab: abduck.Lab) -> None:
    testers = lab.cohorts.create("Testers", members=["ann", "bob", 7, "ann"], description="Ours")
    assert (testers.name, testers.description, testers.is_static) == ("Testers", "Ours", True)
    assert (testers.filters, testers.created_by) == ({}, lab.by)
    assert testers.members() == ["7", "ann", "bob"]
    assert testers.add(["cem", "ann"]).members() == ["7", "ann", "bob", "cem"]
    assert testers.remove(iter(["ann", "zoe"])).members() == ["7", "bob", "cem"]
    assert lab.cohorts["Testers"] == lab.cohorts[testers.id] == lab.cohorts.list()[0] == testers
    assert testers.update(name="Our testers").name == "Our testers"
    assert lab.cohorts.create("Nobody").members() == []
    before = everything(lab)
    for call in (testers.add, testers.remove, lambda ids: lab.cohorts.create("x", ids)):
        with pytest.raises(TypeError, match="list"):
            call("ann")
    assert everything(lab) == before
    refused(lab, lambda: testers.update(filters=PROS), abduck.InvalidError, "filters", "invalid_input")
    refused(lab, lambda: lab.cohorts.create(""), abduck.InvalidError, "name", "blank")
    refused(lab, lambda: lab.cohorts.create("x" * 401, ["ann"]), abduck.InvalidError, "name", "max_length")
    assert testers.delete() is None
    for gone in (testers.members, testers.delete, lambda: testers.add(["x"])):
        refused(lab, gone, abduck.NotFoundError, None, "not_found")


def test_a_dynamic_cohort_lists_nobody(lab: abduck.Lab) -> None:
    pros = lab.cohorts.create("Pros", filters=PROS)
    assert (pros.is_static, pros.filters, pros.members()) == (False, PROS, [])
    for call in (pros.add, pros.remove):
        refused(lab, lambda call=call: call(["ann"]), abduck.NotAllowedError, None, "not_allowed")
    refused(lab, lambda: lab.cohorts.create("x", filters={}), abduck.InvalidError, "filters", "invalid_input")
    before = everything(lab)
    with pytest.raises(TypeError, match="not both"):
        lab.cohorts.create("x", ["ann"], filters=PROS)
    assert everything(lab) == before
    everyone = {"groups": [{"properties": [{"type": "cohort", "key": "id", "value": pros.id}]}]}
    flag = lab.flags.create(key="for-pros", filters=everyone)
    refused(lab, pros.delete, abduck.NotAllowedError, None, "not_allowed")
    flag.delete()
    assert pros.delete() is None


def test_a_cohort_whose_members_are_refused_is_not_left_behind(lab: abduck.Lab) -> None:
    with pytest.raises(abduck.NotAllowedError, match="dynamic"):
        lab._inner.create_cohort(json.dumps({"name": "Pros", "filters": PROS}), ["ann"])
    assert lab.cohorts.list() == []


def test_names_that_several_have_are_refused(lab: abduck.Lab) -> None:
    twins = [lab.cohorts.create("Twins"), lab.cohorts.create("Twins")]
    error = refused(lab, lambda: lab.cohorts["Twins"], abduck.InvalidError, "cohort", "ambiguous")
    assert all(str(twin.id) in error.hints[0] for twin in twins)
    for kind in (lab.experiments, lab.flags, lab.holdouts, lab.saved_metrics, lab.cohorts):
        refused(lab, lambda kind=kind: kind["nowhere"], abduck.NotFoundError, None, "not_found")
        assert repr(kind) == f"<abduck.{type(kind).__name__} of {str(lab.directory)!r}>"


def test_definitions_are_values(lab: abduck.Lab) -> None:
    made = [
        draft(lab),
        lab.flags.create(key="menu"),
        lab.holdouts.create(name="2025", filters=[{"rollout_percentage": 5}]),
        lab.saved_metrics.create(name="Searches", query=QUERY),
        lab.cohorts.create("Testers", ["ann"]),
    ]
    for each in made:
        assert len({each, each}) == 1
        assert "_lab" not in repr(each)
        each.to_dict().clear()
        assert each.to_dict()["id"] == each.id
        with pytest.raises(AttributeError):
            each.id = 7  # type: ignore[misc]


def test_notebooks_show_tables(lab: abduck.Lab) -> None:
    kinds = (lab.experiments, lab.flags, lab.holdouts, lab.saved_metrics, lab.cohorts)
    assert {kind._repr_html_() for kind in kinds} == {"<div><p><i>none</i></p></div>"}
    lab.experiments.create(EXPERIMENT, name="<b>Prüfung</b>")
    lab.flags.create(key="menu", active=False)
    lab.holdouts.create(name="2025", filters=[{"rollout_percentage": 2.5}])
    lab.saved_metrics.create(name="Searches", query=QUERY)
    lab.cohorts.create("Testers", ["ann"])
    experiments, flags, holdouts, metrics, cohorts = (kind._repr_html_() for kind in kinds)
    assert "&lt;b&gt;Prüfung&lt;/b&gt;" in experiments
    assert all(part in experiments for part in ("complete", "control 50 %, test 50 %", "2025-01-01 00:00"))
    assert '<td style="text-align: right">1</td>' in experiments
    assert flags.count("<tr>") == 3
    assert all(f">{state}<" in flags for state in ("on", "off"))
    assert "2.5 %" in holdouts
    assert "ExperimentTrendsQuery" in metrics
    assert "static" in cohorts
    assert lab.experiments["checkout"]._repr_html_() == experiments
    assert "launch" not in lab.log()._repr_html_()
    assert lab.log()._repr_html_().count("<tr>") == 1 + len(lab.log())


def test_the_example_of_the_readme_runs_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    (block,) = [block for block in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if ".ship(" in block]
    exec(compile(block, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert [line.split()[2:] for line in printed.splitlines() if line.endswith("experiment")] == [
        ["ada", operation, "experiment"] for operation in ("create", "update", "launch", "pause", "resume", "ship")
    ]


def write(directory: Path, name: str, rounds: int, start: Barrier) -> None:
    """What each of two processes does."""
    with abduck.open(directory, by=name, wait=60) as lab:
        start.wait(timeout=60)
        for number in range(rounds):
            experiment = lab.experiments.create(name=f"{name} {number}", feature_flag_key=f"{name}-{number}")
            experiment.launch().update(description=f"by {name}")
            lab.cohorts["Testers"].add([f"{name}-{number}"])
            lab.flags["shared"].update(name=f"{name} {number}")
            assert lab.experiments[f"{name}-{number}"].description == f"by {name}"


def test_two_processes_writing_at_once_lose_nothing(lab: abduck.Lab) -> None:
    names, rounds = ("ada", "bob"), 12
    lab.cohorts.create("Testers")
    version = lab.flags.create(key="shared").version
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(len(names))
    processes = [context.Process(target=write, args=(lab.directory, name, rounds, start)) for name in names]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=120)
    assert [process.exitcode for process in processes] == [0, 0]
    keys = sorted(f"{name}-{number}" for name in names for number in range(rounds))
    assert sorted(experiment.key for experiment in lab.experiments) == keys
    assert all(experiment.status == "running" and experiment.flag.active for experiment in lab.experiments)
    assert all(experiment.created_by == experiment.key.split("-")[0] for experiment in lab.experiments)
    assert lab.cohorts["Testers"].members() == keys
    assert lab.flags["shared"].version == version + 2 * rounds
    log = lab.log(10_000)
    # Of each experiment: two created, two launched, one updated; one change of members, and one of the shared flag.
    assert [sum(entry.who == name for entry in log) for name in names] == [7 * rounds, 7 * rounds]
    assert [entry.id for entry in log] == sorted(entry.id for entry in log)
