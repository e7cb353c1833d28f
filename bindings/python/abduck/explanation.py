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


def _query(query: dict[str, Any]) -> Query:
    return Query(purpose=query["purpose"], sql=query["sql"]["text"], values=tuple(query["sql"]["values"]))
