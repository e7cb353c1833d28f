"""The course of a metric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from abduck import _engine
from abduck._report import Report


@dataclass(frozen=True)
class SeriesVariant:
    """A variant at one point of a series."""

    key: str
    """The variant's key."""
    number_of_samples: int
    """The number of units that count."""
    sum: float
    """The sum of their values."""
    value: float | None
    """The observed value: the mean, the ratio of the sums, or the quantile."""
    variance: float | None
    """The sample variance of the values over units."""
    relative_lift: float | None
    """How much larger the value is than the baseline's, as a share of it."""
    difference: float | None
    """The value minus the baseline's, in the unit of the metric."""
    standard_error: float | None
    """The standard error of the difference."""
    rel_effect_size_ci_lower: float | None
    """The lower end of the interval of the lift that holds at any look."""
    rel_effect_size_ci_upper: float | None
    """Its upper end."""
    p_value: float | None
    """The p-value that holds at any look."""
    p_value_fixed_horizon: float | None
    """The p-value of a single look."""


@dataclass(frozen=True)
class SeriesPoint:
    """One point of a series."""

    label: str
    """The day, or the number of days since the exposure."""
    variants: tuple[SeriesVariant, ...]
    """The variants, the baseline first."""


@dataclass(frozen=True)
class Novelty:
    """How the difference of a variant to the baseline changes with the days since the exposure."""

    variant: str
    """The variant."""
    days: int
    """The days since the exposure that could be judged."""
    slope_per_day: float
    """The change of the difference per day, in the unit of the metric."""
    standard_error: float
    """Its standard error."""
    p_value: float
    """The p-value of no change, for a single look."""
    course: Literal["steady", "fading", "growing"]
    """What that means: an effect that fades wears off, one that grows is learned."""


@dataclass(frozen=True)
class Peeking:
    """What looking at the end of every day shows of a variant."""

    variant: str
    """The variant."""
    looks: int
    """The days on which it could be judged."""
    fixed_horizon_significant: int
    """The days on which the test for a single look called it significant."""
    fixed_horizon_flips: int
    """How often that test changed its mind from one day to the next."""
    anytime_valid_since: str | None
    """The first day on which the answer that holds at any look was significant."""


class MetricSeries(Report):
    """The course of a metric, in three views. It cannot be changed, can be pickled, and prints as a report.

    As a frame it has one row per view, point and variant.

    >>> import abduck
    >>> experiment = abduck.demo().experiments["quick-checkout"]
    >>> purchases = {"metric_type": "mean", "source": {"kind": "EventsNode", "event": "purchase"}}
    >>> series = experiment.metric_series(purchases)
    >>> [(variant.key, variant.sum) for variant in series.cumulative[-1].variants]
    [('control', 499.0), ('test', 675.0)]
    >>> series.to_polars()["view"].unique(maintain_order=True).to_list()
    ['cumulative', 'by_exposure_day', 'by_days_since_exposure']
    """

    __slots__ = ()
    _inner: _engine.MetricSeries

    @classmethod
    def from_json(cls, text: str) -> MetricSeries:
        """A series from its JSON form.

        Raises:
            InvalidError: The text is not a series.
        """
        return cls(_engine.MetricSeries.from_json(text))

    @property
    def metric(self) -> dict[str, Any]:
        """The metric's definition."""
        metric: dict[str, Any] = self.to_dict()["metric"]
        return metric

    @property
    def metric_type(self) -> str:
        """Its type, such as `mean` or `funnel`."""
        return str(self._data["metric_type"])

    @property
    def cumulative(self) -> tuple[SeriesPoint, ...]:
        """As of the end of each day, over all data since the start; the last point is the metric's result."""
        return _points(self._data["cumulative"])

    @property
    def by_exposure_day(self) -> tuple[SeriesPoint, ...]:
        """Of the units first exposed on each day."""
        return _points(self._data["by_exposure_day"])

    @property
    def by_days_since_exposure(self) -> tuple[SeriesPoint, ...]:
        """By days since the first exposure, of units observed that long; tells novelty from lasting effects."""
        return _points(self._data["by_days_since_exposure"])

    @property
    def peeking(self) -> tuple[Peeking, ...]:
        """What looking every day would have cost: how often the test for a single look changed its mind."""
        return tuple(Peeking(**variant) for variant in self._data["peeking"])

    @property
    def novelty(self) -> tuple[Novelty, ...]:
        """How the effect of each variant changes with the days since the exposure."""
        return tuple(Novelty(**variant) for variant in self._data["novelty"])


def _points(points: list[dict[str, Any]]) -> tuple[SeriesPoint, ...]:
    return tuple(
        SeriesPoint(point["label"], tuple(SeriesVariant(**variant) for variant in point["variants"]))
        for point in points
    )
