"""What to do with an experiment, and why."""

from __future__ import annotations

from dataclasses import dataclass

from abduck import _engine, _moment
from abduck._report import Report
from abduck.result import Provenance


@dataclass(frozen=True)
class Reason:
    """What is known of one metric of one variant."""

    metric: str
    """The metric."""
    role: str
    """What it is to the decision: `primary`, `secondary` or `guardrail`."""
    variant: str
    """The variant."""
    finding: str
    """`better`, `worse`, `open`, `safe`, `breached` or `too_little_data`."""
    adjusted_p_value: float | None
    """The p-value that holds at any look, corrected within its family; none of a guardrail."""
    relative_interval: tuple[float, float] | None
    """The interval of the relative difference that holds at any look."""
    margin: float | None = None
    """Of a guardrail, the tolerated loss as a share of the baseline's value."""
    undecided: str | None = None
    """Why the sequential method that the experiment chose does not answer, where it does not."""


class Decision(Report):
    """Ship a variant, hold, roll back or keep running. It cannot be changed, can be pickled, and prints as a report.

    As a frame it has one row per metric and variant.

    >>> import abduck
    >>> lab = abduck.demo()
    >>> metric = {"kind": "ExperimentMetric", "name": "buyers", "metric_type": "funnel"}
    >>> metric["series"] = [{"event": "purchase"}]
    >>> experiment = lab.experiments["quick-checkout"].update(metrics=[metric])
    >>> decision = experiment.decide()
    >>> decision.action, decision.variant
    ('ship', 'test')
    >>> [(reason.metric, reason.finding) for reason in decision.reasons]
    [('buyers', 'better')]
    """

    __slots__ = ()
    _inner: _engine.Decision

    @classmethod
    def from_json(cls, text: str) -> Decision:
        """A decision from its JSON form.

        Raises:
            InvalidError: The text is not a decision.
        """
        return cls(_engine.Decision.from_json(text))

    @property
    def action(self) -> str:
        """What to do: `ship`, `keep_running`, `hold` or `roll_back`."""
        return str(self._data["decision"]["verdict"])

    @property
    def variant(self) -> str | None:
        """The variant to ship."""
        variant: str | None = self._data["decision"]["variant"]
        return variant

    @property
    def verdict(self) -> str:
        """What to do and why, in one sentence."""
        return self._inner.verdict

    @property
    def variants(self) -> dict[str, str]:
        """What to do with each variant."""
        return dict(self._data["decision"]["variants"])

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """What is known of each metric of each variant."""

        def reason(data: dict[str, object]) -> Reason:
            interval = data["relative_interval"]
            pair = None if interval is None else tuple(interval)  # type: ignore[arg-type, var-annotated]
            return Reason(**{**data, "relative_interval": pair})  # type: ignore[arg-type]

        return tuple(reason(data) for data in self._data["decision"]["reasons"])

    @property
    def provenance(self) -> Provenance:
        """A decision is made of several results, each of which has its own.

        Raises:
            AttributeError: Always.
        """
        raise AttributeError("a decision is made of several results: ask those for where they come from")

    @property
    def as_of(self) -> object:
        """The moment it holds for."""
        return _moment.from_text(self._data["as_of"])
