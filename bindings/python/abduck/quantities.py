"""Metrics of numbers: means, counts, ratios and quantiles.

>>> import abduck
>>> revenue = abduck.Mean("purchase", value="revenue", within="14d", name="Revenue")
>>> abduck.demo().experiments["quick-checkout"].try_metric(revenue).variants[1].rel_effect_size > 0
True
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from abduck._definition import Definition
from abduck.metrics import Metric
from abduck.sources import Event, read_source, source_dict, source_of, valued

if TYPE_CHECKING:
    # Private names, as the module does not have them when it runs.
    from abduck.sources import _Aggregate, _Source

_OUTLIERS = {
    "lower": "lower_bound_percentile",
    "upper": "upper_bound_percentile",
    "ignore_zeros": "ignore_zeros",
    "method": "percentile_method",
}


@dataclass(frozen=True)
class Outliers(Definition):
    """Between which percentiles of all units extreme values are clamped. Nobody is dropped.

    >>> import abduck
    >>> revenue = abduck.Mean("purchase", value="revenue", outliers=abduck.Outliers(upper=0.99))
    >>> revenue.to_dict()["upper_bound_percentile"]
    0.99
    """

    lower: float | None = None
    """Values below this percentile, 0 to 1, are raised to it."""
    upper: float | None = None
    """Values above this percentile, 0 to 1, are lowered to it."""
    ignore_zeros: bool = False
    """Whether units with the value 0 are left out where the upper percentile is found."""
    method: Literal["linear", "exact"] = "linear"
    """How a percentile between two values is found."""

    def to_dict(self) -> dict[str, Any]:
        """The clamping in the outward form."""
        said = {
            each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name) != each.default
        }
        return {_OUTLIERS[name]: value for name, value in said.items()}

    @classmethod
    def _read(cls, given: Mapping[str, Any] | None) -> Outliers | None:
        said = {name: value for name, key in _OUTLIERS.items() if (value := (given or {}).get(key)) is not None}
        return cls(**said) if said else None


@dataclass(frozen=True)
class Mean(Metric):
    """A number per unit, such as its revenue; over all exposed units, its mean.

    >>> import abduck
    >>> revenue = abduck.Mean("purchase", value="revenue", cuped=True)
    >>> result = abduck.demo().experiments["quick-checkout"].try_metric(revenue)
    >>> [round(row.rate, 2) for row in result.variants]
    [4.91, 6.73]
    """

    metric_type: ClassVar[str] = "mean"
    event: _Source
    """The event, or what an `Event` takes from it."""
    _: KW_ONLY
    value: str | None = None
    """The property whose numbers count; without one, the events do."""
    aggregate: _Aggregate | None = None
    """How the values of one unit are put together, as in an `Event`; their sum unless given."""
    outliers: Outliers | None = None
    """How extreme numbers are clamped."""

    def __post_init__(self) -> None:
        """Puts the settings into one form, and has the engine check them."""
        _take(self, "metric.source")
        super().__post_init__()

    def _own(self) -> dict[str, Any]:
        source = source_dict(self.event)
        return {"source": source, **(self.outliers.to_dict() if self.outliers else {})}

    @classmethod
    def _read(cls, metric: Mapping[str, Any], common: dict[str, Any]) -> Metric:
        source, outliers = read_source(metric["source"]), Outliers._read(metric)
        if isinstance(source, Event) and source.aggregate is None:
            return Count(source, outliers=outliers, **common)
        return cls(source, outliers=outliers, **common)


@dataclass(frozen=True)
class Count(Metric):
    """How often something happens, per unit.

    >>> import abduck
    >>> result = abduck.demo().experiments["quick-checkout"].try_metric(abduck.Count("purchase"))
    >>> [row.count for row in result.variants]
    [499, 675]
    """

    metric_type: ClassVar[str] = "mean"
    event: _Source
    """What is counted."""
    _: KW_ONLY
    outliers: Outliers | None = None
    """How extreme counts are clamped."""

    def __post_init__(self) -> None:
        """Puts the settings into one form, and has the engine check them."""
        self._set("event", source_of(self.event, "metric.source"))
        super().__post_init__()

    def _own(self) -> dict[str, Any]:
        source = source_dict(self.event)
        return {"source": source, **(self.outliers.to_dict() if self.outliers else {})}


@dataclass(frozen=True)
class Ratio(Metric):
    """Two numbers per unit, whose sums are divided.

    >>> import abduck
    >>> per_purchase = abduck.Ratio(abduck.Event("purchase", value="revenue"), "purchase")
    >>> result = abduck.demo().experiments["quick-checkout"].try_metric(per_purchase)
    >>> [round(row.rate, 2) for row in result.variants]
    [52.37, 53.63]
    """

    metric_type: ClassVar[str] = "ratio"
    numerator: _Source
    """The upper number."""
    denominator: _Source
    """The lower number."""
    _: KW_ONLY
    numerator_outliers: Outliers | None = None
    """How extreme upper numbers are clamped."""
    denominator_outliers: Outliers | None = None
    """How extreme lower numbers are clamped."""

    def __post_init__(self) -> None:
        """Puts the settings into one form, and has the engine check them."""
        for part in _PARTS:
            self._set(part, source_of(getattr(self, part), f"metric.{part}"))
        super().__post_init__()

    def _own(self) -> dict[str, Any]:
        own = {part: source_dict(getattr(self, part)) for part in _PARTS}
        outliers = {f"{part}_outlier_handling": getattr(self, f"{part}_outliers") for part in _PARTS}
        return own | {key: each.to_dict() for key, each in outliers.items() if each is not None}

    @classmethod
    def _read(cls, metric: Mapping[str, Any], common: dict[str, Any]) -> Metric:
        numerator, denominator = (read_source(metric[part]) for part in _PARTS)
        clamped = {f"{part}_outliers": Outliers._read(metric.get(f"{part}_outlier_handling")) for part in _PARTS}
        return cls(numerator, denominator, **{**common, **clamped})


@dataclass(frozen=True)
class Quantile(Metric):
    """A quantile of a number per unit, or of the single values of all events.

    >>> import abduck
    >>> median = abduck.Quantile("purchase", value="revenue", level=0.5, of="event")
    >>> result = abduck.demo().experiments["quick-checkout"].try_metric(median)
    >>> [round(row.rate, 2) for row in result.variants]
    [36.4, 35.4]
    """

    metric_type: ClassVar[str] = "quantile"
    event: _Source
    """The event, or what an `Event` takes from it."""
    _: KW_ONLY
    level: float
    """Which quantile, between 0 and 1."""
    value: str | None = None
    """The property whose numbers count; without one, the events do."""
    aggregate: _Aggregate | None = None
    """How the values of one unit are put together, as in an `Event`; their sum unless given."""
    of: Literal["unit", "event"] = "unit"
    """Of one number per unit, or of all events of all units; the uncertainty still counts units."""

    def __post_init__(self) -> None:
        """Puts the settings into one form, and has the engine check them."""
        _take(self, "metric.source")
        super().__post_init__()

    def _own(self) -> dict[str, Any]:
        source = source_dict(self.event)
        return {"source": source, "quantile": self.level, **({} if self.of == "unit" else {"quantile_of": self.of})}

    @classmethod
    def _read(cls, metric: Mapping[str, Any], common: dict[str, Any]) -> Metric:
        own = {"level": metric["quantile"], "of": metric.get("quantile_of") or "unit"}
        return cls(read_source(metric["source"]), **{**common, **own})


_PARTS = ("numerator", "denominator")


def _take(metric: Mean | Quantile, place: str) -> None:
    """Puts what the metric takes from an event into the event, and says it beside it, too."""
    source = valued(metric.event, metric.value, metric.aggregate, place)
    metric._set("event", source)
    if isinstance(source, Event):
        metric._set("value", source.value)
        metric._set("aggregate", source.aggregate)
