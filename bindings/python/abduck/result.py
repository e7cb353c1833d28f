"""The result of an experiment."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from abduck import _engine, _frame, _moment
from abduck.plot import Plot

if TYPE_CHECKING:
    # Private names, as the module does not have them when it runs.
    import pandas as _pandas
    import polars as _polars
    import pyarrow as _pyarrow


@dataclass(frozen=True)
class VariantRow:
    """What is known of one variant."""

    variant: str
    """The variant's key."""
    units: float
    """Exposures of a trend (persons unless the definition says otherwise), persons that entered a funnel, units of
    any other metric."""
    count: float
    """What a trend counted (events, persons, the sum of a property), persons that completed a funnel, the
    sum of the values of any other metric."""
    rate: float | None
    """The observed rate: `count` per unit; of other metrics the mean, the ratio of the sums, or the quantile."""
    rel_effect_size: float | None
    """How much larger the rate is than the baseline's, as a share of it."""
    rate_ci_lower: float | None
    """The lower end of the central 95 % interval of the rate."""
    rate_ci_upper: float | None
    """The upper end of the central 95 % interval of the rate."""
    chance_to_win: float | None
    """The probability that the variant is the best of all."""
    expected_loss: float | None
    """What choosing the variant costs on average where another is better, in the unit of the rate; modern only."""
    rel_effect_size_ci_lower: float | None
    """The lower end of the anytime-valid 95 % interval of `rel_effect_size`; modern metrics only."""
    rel_effect_size_ci_upper: float | None
    """The upper end of the anytime-valid 95 % interval of `rel_effect_size`; modern metrics only."""
    p_value: float | None
    """The anytime-valid p-value of no difference from the baseline; modern metrics only."""
    p_value_fixed_horizon: float | None
    """The p-value for a single look at a moment chosen beforehand; modern metrics only."""
    sequential_method: str | None
    """The sequential method that decides; modern metrics only."""
    sequential_p_value: float | None
    """The p-value of the answer that decides, with covariates taken out where there are some; modern metrics only."""
    sequential_ci_lower: float | None
    """The lower end of its interval of the relative difference; modern metrics only."""
    sequential_ci_upper: float | None
    """The upper end of its interval of the relative difference; modern metrics only."""
    e_value: float | None
    """The evidence against no difference of the answer that decides; of methods that have one."""
    sequential_undecided: str | None
    """Why the method that was chosen to decide does not."""
    variance_reduction: float | None
    """The share of the variance that covariates take out of the difference; modern metrics only."""
    days_saved: float | None
    """The days so far that this saves; modern metrics of events only."""
    effect_size: float | None
    """How much larger the rate is than the baseline's, in its own unit."""
    effect_size_ci_lower: float | None
    """The lower end of the anytime-valid 95 % interval of `effect_size`; modern metrics only."""
    effect_size_ci_upper: float | None
    """The upper end of the anytime-valid 95 % interval of `effect_size`; modern metrics only."""

    @property
    def pvalue(self) -> float | None:
        """`p_value`, as other packages call it."""
        return self.p_value


@dataclass(frozen=True)
class ExperimentSummary:
    """Which experiment a result belongs to."""

    id: int
    """The experiment's number."""
    name: str
    """Its name."""
    feature_flag_key: str
    """The key of its flag."""
    start_date: datetime | None
    """When it began."""
    end_date: datetime | None
    """When it ended; none while it runs."""


@dataclass(frozen=True)
class Provenance:
    """What a result was computed from: enough to compute it again."""

    engine_version: str
    """The version of the engine."""
    data_version: int
    """The version of the event data."""
    data_digest: str
    """A hash of all changes of the event data: it tells stores with equal versions apart."""
    fingerprint: str
    """The hash of the plan and the data."""
    as_of: datetime
    """The moment the result holds for."""


@dataclass(frozen=True)
class ResultWarning:
    """Something to be careful about."""

    code: str
    """The machine-readable name."""
    message: str
    """What was seen."""
    next_step: str
    """What to do next."""


@dataclass(frozen=True)
class MissingData:
    """What a metric lacks to be judged."""

    no_events: bool
    """No event of the metric was found."""
    no_flag_info: bool
    """No event carries a known variant."""
    no_control_variant: bool
    """No event carries the baseline variant."""
    no_test_variant: bool
    """No event carries any other known variant."""
    no_exposures: bool | None = None
    """Nobody was exposed to any variant; only said of trends given as query nodes."""
    negative_count: bool = False
    """What was added up is negative for some variant, which no rate of events can be."""


class ExperimentResult:
    """The result of an experiment's primary metric. It cannot be changed, can be pickled, and prints as a report.

    Two results are equal when they say the same of the same experiment and data, whenever they were asked for.

    >>> import abduck
    >>> result = abduck.demo().experiments.get("quick-checkout").results()
    >>> result.kind, [row.variant for row in result.variants]
    ('funnel', ['control', 'test'])
    >>> abduck.ExperimentResult.from_json(result.to_json()) == result
    True
    """

    __slots__ = ("_data", "_inner")
    _data: dict[str, Any]
    _inner: _engine.ExperimentResult | _engine.SecondaryResult | _engine.ListedResult

    def __init__(self, inner: _engine.ExperimentResult) -> None:
        object.__setattr__(self, "_inner", inner)
        object.__setattr__(self, "_data", json.loads(inner.to_json()))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a result cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a result cannot be changed")

    @classmethod
    def from_json(cls, text: str) -> ExperimentResult:
        """A result from its JSON form.

        Raises:
            InvalidError: The text is not a result.
        """
        return cls(_engine.ExperimentResult.from_json(text))

    @property
    def kind(self) -> str:
        """The kind of the metric: `trend` or `funnel`, or `units` of a metric that is a value per unit."""
        return str(self._data["result"]["kind"])

    @property
    def experiment(self) -> ExperimentSummary:
        """The experiment."""
        experiment = self._data["experiment"]
        dates = {name: _moment.optional(experiment[name]) for name in ("start_date", "end_date")}
        return ExperimentSummary(**{**experiment, **dates})

    @property
    def provenance(self) -> Provenance:
        """What the result was computed from."""
        provenance = self._data["provenance"]
        return Provenance(**{**provenance, "as_of": _moment.from_text(provenance["as_of"])})

    @property
    def last_refresh(self) -> datetime:
        """When the numbers were computed."""
        return _moment.from_text(self._data["last_refresh"])

    @property
    def is_cached(self) -> bool:
        """Whether the numbers were computed earlier and kept."""
        return bool(self._data["is_cached"])

    @property
    def verdict(self) -> str:
        """One sentence that says what came out."""
        return self._inner.verdict

    @property
    def undecided(self) -> MissingData | None:
        """What the metric lacks to be judged; none when it was judged."""
        missing = self._data["result"]["outcome"].get("undecided")
        if missing is None:
            return None
        return MissingData(**{name.replace("-", "_"): is_missing for name, is_missing in missing.items()})

    @property
    def significant(self) -> bool | None:
        """Whether the difference is significant; none when the metric was not judged."""
        code = self.significance_code
        return None if code is None else code == "significant"

    @property
    def significance_code(self) -> str | None:
        """The verdict as a machine-readable name; none when the metric was not judged."""
        return self._significance.get("code")

    @property
    def p_value(self) -> float | None:
        """The p-value, in families of metrics that have one."""
        return self._significance.get("p_value")

    @property
    def expected_loss(self) -> float | None:
        """What choosing the best variant is expected to cost, in families of metrics that say so."""
        return self._significance.get("expected_loss")

    @property
    def variants(self) -> tuple[VariantRow, ...]:
        """One row per variant, the baseline first."""
        return tuple(VariantRow(**row) for row in self.to_dicts())

    @property
    def warnings(self) -> tuple[ResultWarning, ...]:
        """What to be careful about."""
        return tuple(ResultWarning(**warning) for warning in self._data["warnings"])

    @property
    def _significance(self) -> dict[str, Any]:
        estimated: dict[str, Any] = self._data["result"]["outcome"].get("estimated") or {"significance": {}}
        significance: dict[str, Any] = estimated["significance"]
        return significance

    def to_json(self) -> str:
        """Everything, as JSON text."""
        return self._inner.to_json()

    def to_dict(self) -> dict[str, Any]:
        """Everything, in the outward form."""
        result: dict[str, Any] = json.loads(self.to_json())
        return result

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dictionary per variant, the baseline first."""
        rows: list[dict[str, Any]] = json.loads(self._inner.rows_json())
        return rows

    def legacy_dict(self) -> dict[str, Any]:
        """The answer of the reference system: `result`, `last_refresh` and `is_cached`.

        Raises:
            NotReadyError: The metric was not judged.
        """
        legacy: dict[str, Any] = json.loads(self._inner.legacy_json())
        return legacy

    def plot(self, kind: str = "forest") -> Plot:
        """A picture of the result.

        Args:
            kind: `forest`, effects with their intervals; or `funnel`, the steps of a funnel.

        Raises:
            InvalidError: There is nothing to draw.

        >>> import abduck
        >>> abduck.demo().experiments["quick-checkout"].results().plot("funnel")
        <Plot funnel>
        """
        return Plot(kind, self._inner.plot(kind))

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
        """The rows as a frame of pandas."""
        try:
            import pandas
        except ModuleNotFoundError as error:
            raise _frame.missing("pandas") from error
        frame = pandas.DataFrame(self.to_dicts())
        numbers = [column.name for column in fields(VariantRow) if str(column.type).startswith("float")]
        return frame.astype(dict.fromkeys(numbers, float))

    def to_markdown(self) -> str:
        """The report as Markdown: the verdict, the table and the warnings."""
        warnings = "".join(f"\n> **Warning:** {warning.message}. {warning.next_step}.\n" for warning in self.warnings)
        return f"**{self.verdict}**\n\n{self._inner.table_markdown()}{warnings}"

    def _repr_markdown_(self) -> str:
        return self.to_markdown()

    def to_html(self) -> str:
        """The report as a piece of HTML, as notebooks show it."""
        return self._inner.html()

    def _repr_html_(self) -> str:
        return self.to_html()

    def __repr__(self) -> str:
        return self._inner.to_text()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ExperimentResult) or type(other) is not type(self):
            return NotImplemented
        parts = ("experiment", "result", "warnings")
        same_data = self.provenance.fingerprint == other.provenance.fingerprint
        return same_data and all(self._data[part] == other._data[part] for part in parts)

    def __hash__(self) -> int:
        return hash(self.provenance.fingerprint)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_json, (self.to_json(),)


class SecondaryResult(ExperimentResult):
    """The result of a secondary metric: one number per variant, and everything a result of a primary metric has.

    >>> import abduck
    >>> visits = {"name": "Visits", "filters": {"insight": "TRENDS", "events": [{"id": "visit"}]}}
    >>> lab = abduck.demo()
    >>> experiment = lab.experiments.create(
    ...     name="Again", feature_flag_key="again", start_date="2026-03-02", secondary_metrics=[visits]
    ... )
    >>> result = experiment.secondary_results(0)
    >>> result.name, result.values
    ('Visits', {})
    """

    __slots__ = ("_metric", "_values")
    _metric: dict[str, Any]
    _values: dict[str, float]

    def __init__(self, inner: _engine.SecondaryResult) -> None:
        data = json.loads(inner.to_json())
        object.__setattr__(self, "_inner", inner)
        object.__setattr__(self, "_data", data["result"])
        object.__setattr__(self, "_metric", data["metric"])
        object.__setattr__(self, "_values", data["values"])

    @classmethod
    def from_json(cls, text: str) -> SecondaryResult:
        """A secondary result from its JSON form.

        Raises:
            InvalidError: The text is not a secondary result.
        """
        return cls(_engine.SecondaryResult.from_json(text))

    @property
    def index(self) -> int:
        """The metric's place among the experiment's secondary metrics, from 0."""
        return int(self._metric["index"])

    @property
    def name(self) -> str:
        """The metric's name; empty when the definition gives none."""
        return str(self._metric["name"])

    @property
    def values(self) -> dict[str, float]:
        """The number of each variant with data: events of a trend, the share of persons that completed a funnel."""
        return dict(self._values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecondaryResult):
            return NotImplemented
        return self._metric == other._metric and self._values == other._values and super().__eq__(other)

    def __hash__(self) -> int:
        return super().__hash__()


@dataclass(frozen=True)
class MetricEntry:
    """One of an experiment's metrics."""

    id: str
    """Where it stands in the experiment, such as `filters`, `metrics[0]`, or `saved_metrics[7]` for a saved metric."""
    index: int
    """Its place in the list, from 0."""
    name: str
    """Its name; empty when the definition gives none."""
    role: str
    """What it is to the experiment: `primary` or `secondary`."""
    kind: str
    """The form it is given in: `filters` for the legacy form, else the `kind` of its query."""
    query: dict[str, Any]
    """Its definition."""


class MetricResult(ExperimentResult):
    """The result of one of an experiment's metrics: one number per variant, and everything other results have.

    >>> import abduck
    >>> experiment = abduck.demo().experiments.get("quick-checkout")
    >>> result = experiment.results(metric="filters")
    >>> result.metric.role, sorted(result.values)
    ('primary', ['control', 'test'])
    """

    __slots__ = ("_metric", "_values")
    _metric: dict[str, Any]
    _values: dict[str, float]

    def __init__(self, inner: _engine.ListedResult) -> None:
        data = json.loads(inner.to_json())
        object.__setattr__(self, "_inner", inner)
        object.__setattr__(self, "_data", data["result"])
        object.__setattr__(self, "_metric", data["metric"])
        object.__setattr__(self, "_values", data["values"])

    @classmethod
    def from_json(cls, text: str) -> MetricResult:
        """A result from its JSON form.

        Raises:
            InvalidError: The text is not the result of a listed metric.
        """
        return cls(_engine.ListedResult.from_json(text))

    @property
    def metric(self) -> MetricEntry:
        """Which metric."""
        return MetricEntry(**self._metric)

    @property
    def values(self) -> dict[str, float]:
        """The number of each variant with data: what a trend counts, the share of persons that completed a funnel."""
        return dict(self._values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MetricResult):
            return NotImplemented
        return self._metric == other._metric and self._values == other._values and super().__eq__(other)

    def __hash__(self) -> int:
        return super().__hash__()
