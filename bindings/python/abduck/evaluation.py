"""Evaluating feature flags: which variant does an id get?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from abduck import _engine, _frame, _question

if TYPE_CHECKING:
    # Private names, as the module does not have them when it runs.
    import pandas as _pandas
    import polars as _polars
    import pyarrow as _pyarrow

    from abduck.lab import ArrowStream


@dataclass(frozen=True)
class Evaluation:
    """What a flag answers for one id."""

    value: bool | str
    """What code sees of the flag: the variant's key if there is one, else whether the flag is on."""
    variant: str | None
    """The variant's key; none when the flag does not match, or matches without a variant."""
    match: bool
    """Whether the flag is on for the id."""
    reason: str
    """Why: `condition_match`, `no_condition_match`, `out_of_rollout_bound`, `no_group_type`, `super_condition_value` or
    `holdout_condition_value`."""
    condition_index: int | None
    """Where the condition that decided stands in its list; none when no condition was looked at."""
    payload: Any
    """What to deliver with the answer; none when there is nothing."""

    @classmethod
    def _from_json(cls, text: str) -> Evaluation | None:
        answer = json.loads(text)
        return None if answer is None else cls(**answer)


class Evaluations:
    """What a flag answers for the rows of a frame, in their order. It cannot be changed.

    The columns are `distinct_id`, `value` (as text: a variant's key, `true` or `false`), `variant`, `match`, `reason`
    and `condition_index`. All but the first are null for a flag that is switched off.

    >>> import abduck, polars
    >>> is_pro = {"key": "plan", "value": "pro", "type": "person"}
    >>> flag = {"key": "for-pros", "filters": {"groups": [{"properties": [is_pro]}]}}
    >>> frame = polars.DataFrame({"distinct_id": ["ann", "bob"], "plan": ["pro", "free"]})
    >>> abduck.evaluate_flag_frame(flag, frame).to_polars()["match"].to_list()
    [True, False]
    """

    __slots__ = ("_inner",)
    _inner: _engine.Evaluations

    def __init__(self, inner: _engine.Evaluations) -> None:
        object.__setattr__(self, "_inner", inner)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("evaluations cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("evaluations cannot be changed")

    def __len__(self) -> int:
        return len(self._inner)

    def __repr__(self) -> str:
        return f"<Evaluations of {len(self)} rows>"

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The answers as an Arrow stream, for any library that reads them."""
        return self._inner.__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> _pyarrow.Table:
        """The answers as a table of pyarrow."""
        return _frame.to_arrow(self)

    def to_polars(self) -> _polars.DataFrame:
        """The answers as a frame of Polars."""
        return _frame.to_polars(self)

    def to_pandas(self) -> _pandas.DataFrame:
        """The answers as a frame of pandas; it needs pyarrow as well."""
        return self.to_arrow().to_pandas()


def evaluate_flag(
    flag: Mapping[str, Any],
    distinct_id: str,
    *,
    person_properties: Mapping[str, Any] | None = None,
    groups: Mapping[str, object] | None = None,
    group_properties: Mapping[str, Mapping[str, Any]] | None = None,
    hash_key_override: str | None = None,
    group_types: Mapping[int | str, str] | None = None,
    cohorts: Mapping[int | str, Mapping[str, Any] | bool] | None = None,
    now: datetime | str | None = None,
) -> Evaluation | None:
    """Evaluates a flag for one id, without a lab; none when the flag is switched off or deleted.

    The answer is that of the reference system. Keys of the flag that make no difference to it, such as `id`, are passed
    over.

    Args:
        flag: The flag's definition: `key`, `filters`, and as needed `active`, `deleted`, `rollout_percentage` and
            `ensure_experience_continuity`.
        distinct_id: The id.
        person_properties: What is known of the person.
        groups: The person's groups: from the group type's name to the group's key.
        group_properties: What is known of these groups, by the group type's name.
        hash_key_override: The id that was kept for this person and flag, for flags with experience continuity.
        group_types: The names of the group types, by index; needed by flags that split groups.
        cohorts: The cohorts that the flag names, by id: definitions such as `{"type": "OR", "values": [...]}`, or for
            static cohorts whether the person is listed.
        now: The moment from which relative dates are counted; the present if it is left out.

    Raises:
        InvalidError: The flag is malformed; `field` says where.

    >>> import abduck
    >>> variants = [{"key": "control", "rollout_percentage": 50}, {"key": "test", "rollout_percentage": 50}]
    >>> flag = {"key": "a-b-test", "filters": {"groups": [{}], "multivariate": {"variants": variants}}}
    >>> abduck.evaluate_flag(flag, "user-2").value
    'control'
    """
    question = _question.flag_json(flag, group_types, cohorts, now)
    person = _question.person_json(distinct_id, person_properties, groups, group_properties, hash_key_override)
    return Evaluation._from_json(_engine.evaluate_flag(question, person))


def evaluate_flag_frame(
    flag: Mapping[str, Any],
    frame: ArrowStream,
    *,
    id_column: str = "distinct_id",
    group_types: Mapping[int | str, str] | None = None,
    cohorts: Mapping[int | str, Mapping[str, Any]] | None = None,
    now: datetime | str | None = None,
) -> Evaluations:
    """Evaluates a flag for every row of a frame, without a lab.

    Columns named `group:<type>` hold the keys of groups, and those named `group:<type>.<property>` what is known of
    them. All other columns are properties of the person; only those that the flag looks at are read. Null means "not
    known".

    Args:
        flag: The flag's definition, as in `evaluate_flag`.
        frame: Whatever has `__arrow_c_stream__`: a frame of Polars or pandas, a table of pyarrow, a relation of DuckDB.
        id_column: The column with the ids.
        group_types: The names of the group types, by index; needed by flags that split groups.
        cohorts: The definitions of the dynamic cohorts that the flag names, by id.
        now: The moment from which relative dates are counted; the present if it is left out.

    Raises:
        InvalidError: The flag is malformed; `field` says where.
        SchemaError: There is no such column, a row has no id, or a column cannot be compared with anything.

    >>> import abduck, polars
    >>> flag = {"key": "a-b-test", "filters": {"groups": [{"rollout_percentage": 50}]}}
    >>> frame = polars.DataFrame({"user": [1, 2, 3]})
    >>> abduck.evaluate_flag_frame(flag, frame, id_column="user").to_polars().columns
    ['distinct_id', 'value', 'variant', 'match', 'reason', 'condition_index']
    """
    if any(isinstance(cohort, bool) for cohort in (cohorts or {}).values()):
        raise TypeError("whether somebody is listed in a static cohort differs from row to row: evaluate_flag takes it")
    _question.check_frame(frame)
    question = _question.flag_json(flag, group_types, cohorts, now)
    return Evaluations(_engine.evaluate_flag_frame(question, frame, id_column))
