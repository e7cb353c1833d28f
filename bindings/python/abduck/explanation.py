"""How a result comes about."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Query:
    """One query of a plan."""

    purpose: str
    """What it answers: `counts`, `exposures` or `funnel_events`."""
    sql: str
    """The text, with `?` for each value."""
    values: tuple[str | int | float | bool, ...]
    """The values, in the order of their placeholders."""


@dataclass(frozen=True)
class Stage:
    """What one query of a plan did."""

    purpose: str
    """What the query answers."""
    rows: int
    """The number of rows that left the event store."""
    seconds: float
    """How long it took."""


@dataclass(frozen=True, repr=False)
class Explanation:
    """How a result comes about: the plan, its queries, and what they did if they were run.

    >>> import abduck
    >>> explanation = abduck.demo().experiments.get("quick-checkout").explain(run=True)
    >>> [stage.purpose for stage in explanation.stages]
    ['funnel_events']
    """

    plan: dict[str, Any]
    """What is computed."""
    queries: tuple[Query, ...]
    """How it is said to the event store."""
    stages: tuple[Stage, ...] | None
    """Rows and time of each query, if the plan was run."""
    measured: dict[str, Any] | None
    """The counts per variant, if the plan was run."""

    text: str
    """All of it as text for people, as the command line prints it."""

    @classmethod
    def _from_json(cls, form: str, text: str) -> Explanation:
        fields = json.loads(form)
        stages = fields["stages"]
        return cls(
            plan=fields["plan"],
            queries=tuple(_query(query) for query in fields["queries"]),
            stages=None if stages is None else tuple(Stage(**stage) for stage in stages),
            measured=fields["measured"],
            text=text,
        )

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True)
class ExplainedEvent:
    """An event of a unit."""

    timestamp: str
    """When, in UTC."""
    event: str
    """Its name; of a row of a table, the table's."""
    matched: tuple[str, ...]
    """What it matched, such as `step 2`; empty when the metric does not look at it."""
    verdict: str
    """What it counts for, or why it does not."""


@dataclass(frozen=True)
class ExplainedStep:
    """A step of a funnel."""

    step: int
    """The number of the step; 0 is the exposure."""
    filled_at: str | None
    """When the event happened that filled it; `None` when it was not reached."""
    missing_because: str | None
    """Why it was not reached."""


@dataclass(frozen=True, repr=False)
class UnitExplanation:
    """What a metric makes of one unit, event by event: which matched what, and why others did not count.

    >>> import abduck
    >>> experiment = abduck.demo().experiments["quick-checkout"]
    >>> metric = {"metric_type": "mean", "source": {"kind": "EventsNode", "event": "purchase"}}
    >>> unit = experiment.units(metric).to_dicts()[0]["unit"]
    >>> experiment.explain_unit(unit, metric).result["left_out"] is None
    True
    """

    unit: str
    """The unit, as it was asked for."""
    result: dict[str, Any] | None
    """What became of it, as `Experiment.units` lists it; `None` when it was not exposed."""
    steps: tuple[ExplainedStep, ...]
    """The steps of a funnel in order; empty for other metrics."""
    events: tuple[ExplainedEvent, ...]
    """Its events in the time that the metric looks at."""

    text: str
    """All of it as text for people, as the command line prints it."""

    @classmethod
    def _from_json(cls, form: str, text: str) -> UnitExplanation:
        fields = json.loads(form)
        return cls(
            unit=fields["unit"],
            result=fields["result"],
            steps=tuple(ExplainedStep(**step) for step in fields["steps"]),
            events=tuple(ExplainedEvent(**{**event, "matched": tuple(event["matched"])}) for event in fields["events"]),
            text=text,
        )

    def __repr__(self) -> str:
        return self.text


def _query(query: dict[str, Any]) -> Query:
    return Query(purpose=query["purpose"], sql=query["sql"]["text"], values=tuple(query["sql"]["values"]))
