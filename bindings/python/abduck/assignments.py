"""The audit of an experiment's assignments: were people given the variants that the flag gives?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from abduck import _engine, _frame, _moment, _table
from abduck.result import ExperimentSummary

if TYPE_CHECKING:
    # Private names, as the module does not have them when it runs.
    import pandas as _pandas
    import polars as _polars
    import pyarrow as _pyarrow


@dataclass(frozen=True)
class Disagreement:
    """An id that was logged with another value than the flag gives."""

    distinct_id: str
    """The id."""
    group: str | None
    """The key of the group, of a flag that splits groups."""
    source: str
    """Where it was logged: `flag_called` or `event_property`."""
    logged: str
    """The logged value."""
    recomputed: str
    """The value that the flag gives."""
    reason: str
    """What the data say about why: `flag_changed`, `holdout`, `unknown_variant`, `other_id`,
    `rollout` or `unexplained`."""
    first_seen: datetime
    """The time of the first event with the value."""
    last_seen: datetime
    """The time of the last event with the value."""
    events: int
    """The number of events with the value."""


@dataclass(frozen=True)
class MatrixCell:
    """How often a value was logged where the flag gives some other or the same."""

    logged: str
    """The logged value."""
    recomputed: str | None
    """What the flag gives; none where it could not be recomputed."""
    assignments: int
    """The number of assignments: an id with a value."""
    events: int
    """The number of their events."""


@dataclass(frozen=True)
class SourceAudit:
    """What was found in one source. Unless it says otherwise, counts are of assignments: an id with a value."""

    source: str
    """`flag_called`: answers of `$feature_flag_called` events; `event_property`: `$feature/<key>` of other events."""
    ids: int
    """Ids that were seen."""
    ids_with_several_values: int
    """Ids that were logged with more than one value."""
    agreeing: int
    """Logged as the flag gives it."""
    disagreeing: int
    """Logged otherwise."""
    not_evaluable: int
    """Not to be recomputed, as the flag asks for what is not known."""
    unanswered: int
    """Logged without a value."""
    agreement: float | None
    """The share that agrees of those that could be compared; none when none could."""
    disagreeing_since: datetime | None
    """The first time that a value was logged which disagrees."""
    disagreeing_until: datetime | None
    """The last time."""
    reasons: dict[str, int]
    """How many disagree for which likely reason."""
    matrix: tuple[MatrixCell, ...]
    """Logged values against recomputed ones."""


class AssignmentAudit:
    """Whether people were given the variants that the flag gives. It cannot be changed and prints as a report.

    As a frame it has one row per source, logged and recomputed value.

    >>> import abduck
    >>> audit = abduck.demo().experiments.get("quick-checkout").audit()
    >>> audit.code, audit.examples[0].reason
    ('disagrees', 'rollout')
    """

    __slots__ = ("_data", "_inner")
    _data: dict[str, Any]
    _inner: _engine.AssignmentAudit

    def __init__(self, inner: _engine.AssignmentAudit) -> None:
        object.__setattr__(self, "_inner", inner)
        object.__setattr__(self, "_data", json.loads(inner.to_json()))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("an audit cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("an audit cannot be changed")

    @classmethod
    def from_json(cls, text: str) -> AssignmentAudit:
        """An audit from its JSON form.

        Raises:
            InvalidError: The text is not an audit.
        """
        return cls(_engine.AssignmentAudit.from_json(text))

    @property
    def experiment(self) -> ExperimentSummary:
        """The experiment."""
        experiment = self._data["experiment"]
        dates = {name: _moment.optional(experiment[name]) for name in ("start_date", "end_date")}
        return ExperimentSummary(**{**experiment, **dates})

    @property
    def as_of(self) -> datetime:
        """The moment up to which logged assignments were looked at."""
        return _moment.from_text(self._data["as_of"])

    @property
    def code(self) -> str:
        """One of `agrees`, `mostly_agrees`, `flag_changed`, `disagrees`, `not_evaluable` and `nothing_logged`."""
        return str(self._data["verdict"])

    @property
    def verdict(self) -> str:
        """One sentence that says what came out."""
        return self._inner.verdict

    @property
    def next_step(self) -> str | None:
        """What to do next; none when there is nothing to do."""
        next_step: str | None = self._data["next_step"]
        return next_step

    @property
    def agreement(self) -> float | None:
        """The share that agrees of all assignments that could be compared; none when none could."""
        agreeing = sum(source.agreeing for source in self.sources)
        compared = agreeing + sum(source.disagreeing for source in self.sources)
        return agreeing / compared if compared else None

    @property
    def sources(self) -> tuple[SourceAudit, ...]:
        """What was found, by where it was logged."""
        return tuple(_source(source) for source in self._data["tally"]["sources"])

    @property
    def examples(self) -> tuple[Disagreement, ...]:
        """The first that disagree, by time and then by id."""
        return tuple(_disagreement(example) for example in self._data["tally"]["examples"])

    @property
    def not_evaluable(self) -> tuple[str, ...]:
        """Why some were not recomputed: `unknown_properties`, `unknown_cohort`, `unknown_group`; empty if all were."""
        return tuple(self._data["tally"]["not_evaluable"])

    def to_json(self) -> str:
        """Everything, as JSON text."""
        return self._inner.to_json()

    def to_dict(self) -> dict[str, Any]:
        """Everything, in the outward form."""
        audit: dict[str, Any] = json.loads(self.to_json())
        return audit

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dictionary per source, logged and recomputed value."""
        sources = self._data["tally"]["sources"]
        return [{"source": source["source"], **cell} for source in sources for cell in source["matrix"]]

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The rows as an Arrow stream, for any library that reads them."""
        return self._inner.__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> _pyarrow.Table:
        """The rows as a table of pyarrow."""
        return _frame.to_arrow(self)

    def to_polars(self) -> _polars.DataFrame:
        """The rows as a frame of Polars."""
        return _frame.to_polars(self)

    def to_pandas(self) -> _pandas.DataFrame:
        """The rows as a frame of pandas; it needs pyarrow as well."""
        return self.to_arrow().to_pandas()

    def to_markdown(self) -> str:
        """The rows as a table in Markdown."""
        return _table.markdown(self.to_dicts())

    def to_html(self) -> str:
        """The report as a piece of HTML, as notebooks show it."""
        return self._inner.html()

    def _repr_html_(self) -> str:
        return self.to_html()

    def __repr__(self) -> str:
        return self._inner.to_text()

    def __eq__(self, other: object) -> bool:
        return self._data == other._data if isinstance(other, AssignmentAudit) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.to_json())

    def __reduce__(self) -> tuple[Any, ...]:
        return AssignmentAudit.from_json, (self.to_json(),)


def _source(source: dict[str, Any]) -> SourceAudit:
    moments = {name: _moment.optional(source[name]) for name in ("disagreeing_since", "disagreeing_until")}
    reasons = {count["reason"]: count["assignments"] for count in source["reasons"]}
    matrix = tuple(MatrixCell(**cell) for cell in source["matrix"])
    return SourceAudit(**{**source, **moments, "reasons": reasons, "matrix": matrix})


def _disagreement(example: dict[str, Any]) -> Disagreement:
    moments = {name: _moment.from_text(example[name]) for name in ("first_seen", "last_seen")}
    return Disagreement(**{**example, **moments})
