"""The flags of a lab: defining and evaluating them."""

from datetime import datetime, timezone
from typing import Any

import abduck
import polars
import pyarrow
import pytest
from conftest import EXPERIMENT, FUNNEL, START
from test_definitions import PROS, refused

VARIANTS = {"variants": [{"key": "control", "rollout_percentage": 50}, {"key": "test", "rollout_percentage": 50}]}


def filters(*groups: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"groups": list(groups), **more}


def asks(key: str, value: object, operator: str = "exact") -> dict[str, Any]:
    return {"properties": [{"key": key, "value": value, "operator": operator, "type": "person"}]}


def in_cohort(cohort: abduck.Cohort) -> dict[str, Any]:
    return {"properties": [{"type": "cohort", "key": "id", "value": cohort.id}]}


def test_flags_are_made_and_found(lab: abduck.Lab) -> None:
    menu = lab.flags.create({"key": "menu", "name": "Another"}, name="New menu", filters=filters({}))
    other = lab.flags.create(key="other", active=False, rollout_percentage=30, ensure_experience_continuity=True)
    assert (menu.key, menu.name, menu.active, menu.deleted, menu.version) == ("menu", "New menu", True, False, 1)
    assert (menu.created_by, menu.variants) == (lab.by, {})
    assert datetime.now(timezone.utc) >= menu.created_at > START
    assert (other.active, other.rollout_percentage, other.ensure_experience_continuity) == (False, 30, True)
    experiment = lab.experiments.create(EXPERIMENT)
    assert lab.flags.list() == list(lab.flags) == [experiment.flag, other, menu]
    assert lab.flags["menu"] == lab.flags.get("menu") == menu
    error = refused(lab, lambda: lab.flags["mneu"], abduck.NotFoundError, None, "not_found")
    assert error.hints == ("did you mean 'menu'?",)


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({}, "key", "required"),
        ({"key": "menu"}, "key", "unique"),
        ({"key": "a b"}, "key", "invalid_key"),
        ({"key": "x", "filter": {}}, "filter", "unknown_field"),
        ({"key": "x", "filters": filters({**asks("a", "b"), "variant": "c"})}, "filters.groups[0]", "invalid_input"),
        ({"key": "x", "filters": {"multivariate": {"variants": VARIANTS["variants"][:1]}}}, "filters", "invalid_input"),
        (
            {"key": "x", "filters": filters({"properties": [{"type": "cohort", "key": "id", "value": 9}]})},
            "filters.groups[0].properties[0]",
            "cohort_does_not_exist",
        ),
        ({"key": "x", "active": None}, "active", "null"),
        ({"key": "x", "rollout_percentage": 101}, "rollout_percentage", "invalid_input"),
    ],
)
def test_a_refused_flag_changes_nothing(lab: abduck.Lab, fields: dict[str, Any], field: str, code: str) -> None:
    lab.flags.create(key="menu")
    refused(lab, lambda: lab.flags.create(fields), abduck.InvalidError, field, code)


def test_a_flag_changes_and_its_experiment_follows(lab: abduck.Lab) -> None:
    running = lab.experiments.create(name="Checkout", feature_flag_key="checkout", filters=FUNNEL).launch()
    shares = [{**variant, "rollout_percentage": 25 * (1 + 2 * i)} for i, variant in enumerate(VARIANTS["variants"])]
    changed = running.flag.update(filters=filters({"rollout_percentage": 80}, multivariate={"variants": shares}))
    assert changed.variants == lab.experiments["checkout"].variants == {"control": 25, "test": 75}
    assert running.flag.variants == {"control": 50, "test": 50}
    assert changed.version == running.flag.version + 1
    assert lab.experiments["checkout"].to_dict()["parameters"]["feature_flag_variants"] == shares
    assert changed.update().version == changed.version
    assert changed.update(active=False, name=None).name == ""
    assert lab.experiments["checkout"].is_paused
    refused(lab, lambda: changed.update(key="other"), abduck.InvalidError, "key", "invalid_input")
    fewer = filters({}, multivariate={"variants": [{"key": "control", "rollout_percentage": 100}]})
    error = refused(lab, lambda: changed.update(filters=fewer), abduck.InvalidError, "filters", "invalid_input")
    assert "Can't update feature_flag_variants on Experiment" in str(error)
    refused(lab, lambda: changed.update(version=1, nmae="x"), abduck.InvalidError, "nmae", "unknown_field")


def test_a_renamed_flag_has_another_key(lab: abduck.Lab) -> None:
    menu = lab.flags.create(key="menu")
    renamed = menu.update(key="new-menu", rollout_percentage=None)
    assert (renamed.id, renamed.key) == (menu.id, "new-menu")
    for call in (menu.update, menu.delete, menu.restore, lambda: menu.evaluate("ann")):
        refused(lab, call, abduck.NotFoundError, None, "not_found")


def test_a_deleted_flag_can_be_restored(lab: abduck.Lab) -> None:
    flag = lab.experiments.create(EXPERIMENT).flag
    deleted = flag.delete()
    assert (deleted.deleted, flag.deleted) == (True, False)
    assert deleted.evaluate("ann") is None
    assert lab.experiments["checkout"].flag == lab.flags["checkout"] == deleted
    refused(lab, lambda: lab.flags.create(key="checkout"), abduck.InvalidError, "key", "invalid_input")
    restored = deleted.restore()
    assert not restored.deleted
    assert restored.evaluate("ann") is not None
    assert [entry.operation for entry in lab.log() if entry.noun == "feature_flag"] == ["create", "delete", "restore"]


def test_a_flag_answers_as_its_definition_does(lab: abduck.Lab) -> None:
    definition = filters(
        {**asks("plan", "pro"), "variant": "test"},
        {"rollout_percentage": 60},
        multivariate=VARIANTS,
        payloads={"test": {"color": "red"}},
    )
    flag = lab.flags.create(key="menu", filters=definition)
    rows = [{"distinct_id": f"user-{i}", "plan": ["pro", "free"][i % 2]} for i in range(60)]
    for row in rows:
        known = {"plan": row["plan"]}
        alone = flag.evaluate(row["distinct_id"], person_properties=known)
        assert alone == abduck.evaluate_flag(flag.to_dict(), row["distinct_id"], person_properties=known)
    frame = polars.DataFrame(rows)
    answers = flag.evaluate_frame(frame)
    assert answers.to_arrow() == abduck.evaluate_flag_frame(flag.to_dict(), frame).to_arrow()
    assert answers.to_polars()["value"].n_unique() == 3
    first = flag.evaluate("user-0", person_properties={"plan": "pro"})
    assert first is not None
    assert first.payload == {"color": "red"}
    renamed = frame.rename({"distinct_id": "user"})
    assert flag.evaluate_frame(renamed, id_column="user").to_arrow() == answers.to_arrow()
    with pytest.raises(abduck.SchemaError, match="no column 'distinct_id'"):
        flag.evaluate_frame(renamed)
    with pytest.raises(TypeError, match="__arrow_c_stream__"):
        flag.evaluate_frame(rows)  # type: ignore[arg-type]


def test_it_is_the_flag_of_the_lab_that_answers(lab: abduck.Lab) -> None:
    flag = lab.flags.create(key="menu", filters=filters({}))
    flag.update(filters=filters({"rollout_percentage": 0}))
    answer = flag.evaluate("ann")
    assert answer is not None
    assert not answer.match
    flag.update(active=False)
    assert flag.evaluate("ann") is None
    assert flag.evaluate_frame(polars.DataFrame({"distinct_id": ["ann"]})).to_polars()["match"].to_list() == [None]


def test_groups_dates_and_kept_ids_are_known(lab: abduck.Lab) -> None:
    def is_on(flag: abduck.Flag, **known: Any) -> bool:
        answer = flag.evaluate("ann", **known)
        assert answer is not None
        return answer.match

    size = {"key": "size", "value": "10", "operator": "gt", "type": "group", "group_type_index": 1}
    big = filters({"properties": [size]}, aggregation_group_type_index=1)
    companies = lab.flags.create(key="companies", filters=big)
    assert is_on(companies, groups={1: 7}, group_properties={1: {"size": 11}})
    assert is_on(companies, groups={"1": "acme"}, group_properties={"1": {"size": 11}})
    assert not is_on(companies, groups={0: 7}, group_properties={0: {"size": 11}})
    frame = polars.DataFrame({"distinct_id": ["a", "b"], "group:1": ["acme", None], "group:1.size": [50, 50]})
    assert companies.evaluate_frame(frame).to_polars()["reason"].to_list() == ["condition_match", "no_group_type"]
    recent = lab.flags.create(key="recent", filters=filters(asks("seen", "-3d", "is_date_after")))
    seen = {"seen": datetime(2024, 1, 3, tzinfo=timezone.utc)}
    assert is_on(recent, person_properties=seen, now="2024-01-05")
    assert not is_on(recent, person_properties=seen, now=datetime(2024, 1, 9, tzinfo=timezone.utc))
    assert not is_on(recent, person_properties=seen)
    days = polars.DataFrame({"distinct_id": ["a"], "seen": ["2024-01-03"]})
    assert recent.evaluate_frame(days, now="2024-01-05").to_polars()["match"].to_list() == [True]
    kept = lab.flags.create(
        key="a-b-test", filters=filters({}, multivariate=VARIANTS), ensure_experience_continuity=True
    )
    values = [kept.evaluate("user-0", hash_key_override=other) for other in (None, "user-2")]
    assert [value and value.value for value in values] == ["test", "control"]
    with pytest.raises(abduck.InvalidError):
        recent.evaluate("ann", now="soon")


def test_cohorts_are_those_of_the_lab(lab: abduck.Lab) -> None:
    frame = pyarrow.table({"distinct_id": ["ann", "bob"], "plan": ["free", "pro"]})
    pros = lab.cohorts.create("Pros", filters=PROS)
    for_pros = lab.flags.create(key="for-pros", filters=filters(in_cohort(pros)))
    assert for_pros.evaluate_frame(frame).to_polars()["match"].to_list() == [False, True]
    assert [for_pros.evaluate("ann", person_properties={"plan": plan}).match for plan in ("pro", "free")] == [
        True,
        False,
    ]
    testers = lab.cohorts.create("Testers", ["ann"])
    for_testers = lab.flags.create(key="for-testers", filters=filters(in_cohort(testers)))
    assert [for_testers.evaluate(who).match for who in ("ann", "bob")] == [True, False]
    testers.remove(["ann"]).add(["bob"])
    assert [for_testers.evaluate(who).match for who in ("ann", "bob")] == [False, True]
    # Rows do not say who is listed; nobody is told that nobody is.
    error = refused(lab, lambda: for_testers.evaluate_frame(frame), abduck.InvalidError, "filters", "unsupported")
    assert "for-testers" in str(error)
    nested = lab.cohorts.create(
        "Both",
        filters={"properties": {"type": "AND", "values": [{"type": "cohort", "key": "id", "value": testers.id}]}},
    )
    for_both = lab.flags.create(key="for-both", filters=filters(in_cohort(nested)))
    assert [for_both.evaluate(who).match for who in ("ann", "bob")] == [False, True]
    refused(lab, lambda: for_both.evaluate_frame(frame), abduck.InvalidError, "filters", "unsupported")
