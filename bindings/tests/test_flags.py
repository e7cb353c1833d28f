"""Evaluating flags: for one id, and for the rows of a frame."""

import dataclasses
import pickle
from datetime import datetime, timezone
from typing import Any

import abduck
import pandas
import polars
import pyarrow
import pytest

VARIANTS = [{"key": "control", "rollout_percentage": 50}, {"key": "test", "rollout_percentage": 50}]
COLUMNS = ["distinct_id", "value", "variant", "match", "reason", "condition_index"]


def flag(*groups: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"key": "a-b-test", "filters": {"groups": list(groups), "multivariate": {"variants": VARIANTS}, **more}}


def asks(key: str, value: Any, operator: str = "exact", kind: str = "person") -> dict[str, Any]:
    return {"properties": [{"key": key, "value": value, "operator": operator, "type": kind}]}


def test_an_evaluation_says_what_and_why() -> None:
    definition = flag({"rollout_percentage": 100}, payloads={"test": {"a": 2}})
    evaluation = abduck.evaluate_flag(definition, "user-1")
    assert evaluation == abduck.Evaluation("test", "test", True, "condition_match", 0, {"a": 2})
    assert repr(evaluation).startswith("Evaluation(value='test', variant='test', match=True, reason='condition_match'")
    assert pickle.loads(pickle.dumps(evaluation)) == evaluation
    with pytest.raises(dataclasses.FrozenInstanceError):
        evaluation.value = False  # type: ignore[misc, union-attr]


def test_a_flag_that_is_off_has_no_evaluation() -> None:
    assert abduck.evaluate_flag({**flag({}), "active": False}, "user-1") is None
    rows = abduck.evaluate_flag_frame({**flag({}), "deleted": True}, polars.DataFrame({"distinct_id": ["a"]}))
    assert rows.to_polars().rows() == [("a", None, None, None, None, None)]


def test_everything_about_a_person_counts() -> None:
    def is_on(definition: dict[str, Any], **known: Any) -> bool:
        evaluation = abduck.evaluate_flag(definition, "ann", **known)
        assert evaluation is not None
        return evaluation.match

    assert is_on(flag(asks("plan", "pro")), person_properties={"plan": "Pro"})
    after = flag(asks("seen", "-3d", "is_date_after"))
    seen = datetime(2024, 1, 3, tzinfo=timezone.utc)
    assert is_on(after, person_properties={"seen": seen}, now="2024-01-05")
    assert not is_on(after, person_properties={"seen": seen}, now=datetime(2024, 1, 9, tzinfo=timezone.utc))
    assert not is_on(after, person_properties={"seen": seen})
    of_groups = flag(asks("size", 10, "gt", "group"), aggregation_group_type_index=0)
    known = {"groups": {"company": 7}, "group_properties": {"company": {"size": 11}}}
    assert is_on(of_groups, **known, group_types={0: "company"})
    assert not is_on(of_groups, **known)
    in_cohort = flag({"properties": [{"type": "cohort", "key": "id", "value": 3}]})
    payers = {"type": "OR", "values": [{"key": "plan", "value": "pro"}]}
    assert is_on(in_cohort, person_properties={"plan": "pro"}, cohorts={3: payers})
    assert is_on(in_cohort, cohorts={"3": True})
    assert not is_on(in_cohort, cohorts={3: False})


def test_a_kept_id_decides() -> None:
    definition = {**flag({}), "ensure_experience_continuity": True}
    values = [abduck.evaluate_flag(definition, "user-0", hash_key_override=kept) for kept in (None, "user-2")]
    assert [value and value.value for value in values] == ["test", "control"]


def test_a_malformed_flag_says_where() -> None:
    with pytest.raises(abduck.InvalidError) as caught:
        abduck.evaluate_flag(flag({}, asks("plan", "x", "almost")), "ann")
    assert caught.value.field == "filters.groups[1].properties[0]"
    with pytest.raises(abduck.InvalidError):
        abduck.evaluate_flag({}, "ann")
    with pytest.raises(abduck.InvalidError):
        abduck.evaluate_flag(flag({}), "ann", now="soon")


@pytest.mark.parametrize("convert", [lambda frame: frame, polars.DataFrame.to_arrow, polars.DataFrame.to_pandas])
def test_a_frame_gets_what_each_row_gets_alone(convert: Any) -> None:
    definition = flag(
        {**asks("plan", ["pro"]), "variant": "test"}, {**asks("age", 30, "gte"), "rollout_percentage": 60}, asks("x", 1)
    )
    rows = [
        {"distinct_id": f"user-{i}", "plan": ["pro", "free", None][i % 3], "age": i, "noise": b"?"} for i in range(60)
    ]
    answers = abduck.evaluate_flag_frame(definition, convert(polars.DataFrame(rows))).to_polars()
    assert answers.columns == COLUMNS
    for row, answer in zip(rows, answers.to_dicts(), strict=True):
        known = {key: row[key] for key in ("plan", "age") if row[key] is not None}
        alone = abduck.evaluate_flag(definition, str(row["distinct_id"]), person_properties=known)
        assert alone is not None
        expected = dataclasses.asdict(alone) | {"distinct_id": row["distinct_id"]}
        expected["value"] = str(alone.value) if alone.variant else str(alone.match).lower()
        del expected["payload"]
        assert answer == expected
    assert answers["match"].n_unique() == 2


def test_columns_of_every_type_are_read() -> None:
    frame = polars.DataFrame(
        {
            "id": [1, 2],
            "bool": [True, None],
            "small": polars.Series([1, 2], dtype=polars.UInt8),
            "float": [1.5, 2.5],
            "category": polars.Series(["a", "b"], dtype=polars.Categorical),
            "day": polars.Series(["2024-01-01", "2024-02-01"]).str.to_date(),
            "moment": polars.Series(["2024-01-01T10:00:00", "2024-02-01T10:00:00"]).str.to_datetime(),
            "list": [["x"], ["x", "y"]],
            "struct": [{"a": 1}, {"a": 2}],
        }
    )

    def matches(group: dict[str, Any]) -> list[bool]:
        rows = abduck.evaluate_flag_frame(flag(group), frame, id_column="id").to_polars()
        assert rows["distinct_id"].to_list() == ["1", "2"]
        return rows["match"].to_list()

    assert matches(asks("bool", "true")) == [True, False]
    assert matches(asks("small", 1, "gt")) == [False, True]
    assert matches(asks("float", "1.5")) == [True, False]
    assert matches(asks("category", "B")) == [False, True]
    assert matches(asks("day", "2024-01-15", "is_date_before")) == [True, False]
    assert matches(asks("moment", "2024-01-01T09:59:59Z", "is_date_after")) == [True, True]
    assert matches(asks("list", "x")) == [True, False]
    assert matches(asks("list", '["x","y"]')) == [False, True]
    assert matches(asks("struct", '{"a":2}')) == [False, True]


def test_group_columns_name_groups_and_their_properties() -> None:
    frame = polars.DataFrame(
        {"distinct_id": ["a", "b", "c"], "group:company": ["acme", "acme", None], "group:company.size": [5, 50, 50]}
    )
    definition = flag(asks("size", 10, "gt", "group"), aggregation_group_type_index=0)
    rows = abduck.evaluate_flag_frame(definition, frame, group_types={0: "company"}).to_polars()
    assert rows["reason"].to_list() == ["no_condition_match", "condition_match", "no_group_type"]
    assert rows["condition_index"].to_list() == [0, 0, None]


def test_answers_speak_arrow() -> None:
    rows = abduck.evaluate_flag_frame(flag({}), pyarrow.table({"distinct_id": ["a", "b"]}))
    assert len(rows) == 2
    assert repr(rows) == "<Evaluations of 2 rows>"
    assert rows.to_arrow().column_names == COLUMNS
    assert rows.to_arrow() == pyarrow.table(rows)
    assert isinstance(rows.to_pandas(), pandas.DataFrame)
    assert len(abduck.evaluate_flag_frame(flag({}), pyarrow.table({"distinct_id": pyarrow.array([], "string")}))) == 0


def test_frames_that_do_not_fit_are_refused() -> None:
    with pytest.raises(abduck.SchemaError, match="no column 'distinct_id'"):
        abduck.evaluate_flag_frame(flag({}), polars.DataFrame({"id": [1]}))
    with pytest.raises(abduck.SchemaError, match="row 2 has no id"):
        abduck.evaluate_flag_frame(flag({}), polars.DataFrame({"distinct_id": ["a", None]}))
    with pytest.raises(abduck.SchemaError, match="column 'p' has the type"):
        abduck.evaluate_flag_frame(flag(asks("p", 1)), polars.DataFrame({"distinct_id": ["a"], "p": [b"x"]}))
    with pytest.raises(TypeError, match="__arrow_c_stream__"):
        abduck.evaluate_flag_frame(flag({}), [{"distinct_id": "a"}])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="static cohort"):
        abduck.evaluate_flag_frame(flag({}), polars.DataFrame(), cohorts={3: True})  # type: ignore[dict-item]
