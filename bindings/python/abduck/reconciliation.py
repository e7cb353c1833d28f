"""Why a plain query says something else than a metric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from abduck import _engine
from abduck._report import Report


@dataclass(frozen=True)
class VariantSum:
    """What a variant comes to."""

    variant: str
    """The variant's key."""
    units: int
    """The number of units."""
    sum: float
    """The sum of their values."""
    denominator_sum: float
    """The sum of what the values are divided by; the number of units unless the metric is a ratio."""


@dataclass(frozen=True)
class ReconcileStep:
    """What the variants come to once a rule, and all before it, are applied."""

    rule: str
    """The rule, such as `identity_merged`; the first is `naive`."""
    changed_units: int
    """The units whose contribution the rule changed."""
    variants: tuple[VariantSum, ...]
    """What the variants come to."""


class Reconciliation(Report):
    """The way from a naive count to the result. It cannot be changed, can be pickled, and prints as a report.

    As a frame it has one row per rule and variant, with a description of the rule.

    >>> import abduck
    >>> experiment = abduck.demo().experiments["quick-checkout"]
    >>> purchases = {"metric_type": "mean", "source": {"kind": "EventsNode", "event": "purchase"}}
    >>> way = experiment.reconcile(purchases)
    >>> [(step.rule, step.changed_units) for step in way.steps][:3]
    [('naive', 0), ('duplicate', 0), ('identity_merged', 339)]
    >>> way.verdict
    'The last row is the result: control 499 of 5,319 units, test 675 of 5,377 units.'
    """

    __slots__ = ()
    _inner: _engine.Reconciliation

    @classmethod
    def from_json(cls, text: str) -> Reconciliation:
        """A reconciliation from its JSON form.

        Raises:
            InvalidError: The text is not a reconciliation.
        """
        return cls(_engine.Reconciliation.from_json(text))

    @property
    def metric(self) -> dict[str, Any]:
        """The metric's definition."""
        metric: dict[str, Any] = self.to_dict()["metric"]
        return metric

    @property
    def steps(self) -> tuple[ReconcileStep, ...]:
        """The rules in their order; the first is the naive count, the last comes to the result."""
        return tuple(
            ReconcileStep(
                step["rule"], step["changed_units"], tuple(VariantSum(**variant) for variant in step["variants"])
            )
            for step in self._data["steps"]
        )

    @property
    def verdict(self) -> str:
        """One sentence that names the result."""
        return self._inner.verdict
