"""Metrics without an event log: of a table with one row per unit, or of sums per variant."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from abduck import _engine, _frame, lab
from abduck._table_metrics import table_metric
from abduck.metrics import Metric
from abduck.result import ResultWarning

if TYPE_CHECKING:
    # Private names, as the module does not have them when it runs.
    import pandas as _pandas
    import polars as _polars
    import pyarrow as _pyarrow

    from abduck.lab import ArrowStream, Source


@dataclass(frozen=True)
class TableRow:
    """What is known of one variant of a metric."""

    metric: str
    """The metric's name."""
    metric_type: str
    """Its type: `mean`, `proportion`, `ratio` or `quantile`."""
    breakdown: Mapping[str, str | None] | None
    """The values in the columns that the table is broken down by; none of all units together."""
    variant: str
    """The variant's key."""
    units: int
    """The number of units."""
    sum: float
    """The sum of their values; of a ratio, of the numerators."""
    value: float | None
    """The observed value: the mean, the share, the ratio of the sums, or the quantile."""
    rel_effect_size: float | None
    """How much larger the value is than the baseline's, as a share of it."""
    rel_effect_size_ci_lower: float | None
    """The lower end of the anytime-valid 95 % interval of `rel_effect_size`."""
    rel_effect_size_ci_upper: float | None
    """The upper end of the anytime-valid 95 % interval of `rel_effect_size`."""
    p_value: float | None
    """The anytime-valid p-value of no difference from the baseline."""
    p_value_fixed_horizon: float | None
    """The p-value for a single look at a moment chosen beforehand."""
    effect_size: float | None
    """How much larger the value is than the baseline's, in its own unit."""
    effect_size_ci_lower: float | None
    """The lower end of the anytime-valid 95 % interval of `effect_size`."""
    effect_size_ci_upper: float | None
    """The upper end of the anytime-valid 95 % interval of `effect_size`."""
    chance_to_win: float | None
    """The probability that the variant is the best of all."""
    expected_loss: float | None
    """What choosing the variant costs on average where another is better, in the unit of the value."""

    @property
    def pvalue(self) -> float | None:
        """`p_value`, as other packages call it."""
        return self.p_value


class TableAnalysis:
    """The metrics of a table. It cannot be changed, can be pickled, and prints as a report.

    As a frame it has a row per metric and variant. Where the table is broken down, rows of a part have `is_breakdown`
    set and its values in `breakdown_<column>`.

    >>> import abduck
    >>> sums = {"number_of_samples": 100, "sum": 250, "sum_squares": 900}
    >>> more = {"number_of_samples": 100, "sum": 275, "sum_squares": 950}
    >>> analysis = abduck.analyze_aggregates({"revenue": {"control": sums, "test": more}})
    >>> [(row.variant, row.value) for row in analysis.rows]
    [('control', 2.5), ('test', 2.75)]
    >>> abduck.TableAnalysis.from_json(analysis.to_json()) == analysis
    True
    """

    __slots__ = ("_data", "_inner")
    _data: dict[str, Any]
    _inner: _engine.TableAnalysis

    def __init__(self, inner: _engine.TableAnalysis) -> None:
        object.__setattr__(self, "_inner", inner)
        object.__setattr__(self, "_data", json.loads(inner.to_json()))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("an analysis cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("an analysis cannot be changed")

    @classmethod
    def from_json(cls, text: str) -> TableAnalysis:
        """An analysis from its JSON form.

        Raises:
            InvalidError: The text is not an analysis.
        """
        return cls(_engine.TableAnalysis.from_json(text))

    @property
    def baseline(self) -> str:
        """The key of the baseline."""
        return str(self._data["baseline"])

    @property
    def table_rows(self) -> int | None:
        """The number of rows of the table; none of sums."""
        rows: int | None = self._data["rows"]
        return rows

    @property
    def rows_without_variant(self) -> int:
        """Rows that were left out because they have no variant."""
        return int(self._data["left_out"]["without_variant"])

    @property
    def rows_with_unknown_variant(self) -> int:
        """Rows that were left out because their variant is none of the known ones."""
        return int(self._data["left_out"]["with_unknown_variant"])

    @property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """Each metric with its variants' sums, in the outward form."""
        metrics: dict[str, dict[str, Any]] = json.loads(self.to_json())["metrics"]
        return metrics

    @property
    def verdict(self) -> str:
        """One sentence that says what was looked at."""
        return self._inner.verdict

    @property
    def rows(self) -> tuple[TableRow, ...]:
        """One row per metric and variant, the baseline first; rows of breakdowns follow those of all units."""
        return tuple(TableRow(**row) for row in self.to_dicts())

    @property
    def warnings(self) -> tuple[ResultWarning, ...]:
        """What to be careful about."""
        return tuple(ResultWarning(**warning) for warning in self._data["warnings"])

    def to_json(self) -> str:
        """Everything, as JSON text."""
        return self._inner.to_json()

    def to_dict(self) -> dict[str, Any]:
        """Everything, in the outward form."""
        analysis: dict[str, Any] = json.loads(self.to_json())
        return analysis

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dictionary per row."""
        rows: list[dict[str, Any]] = json.loads(self._inner.rows_json())
        return rows

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
        """The report as Markdown: what was looked at, the table and the warnings."""
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
        return self._data == other._data if isinstance(other, TableAnalysis) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.to_json())

    def __reduce__(self) -> tuple[Any, ...]:
        return TableAnalysis.from_json, (self.to_json(),)


def analyze(
    source: Source,
    *,
    variant: str,
    metrics: Mapping[str, str | Metric | Mapping[str, Any]] | Iterable[str | Metric | Mapping[str, Any]],
    unit: str | None = None,
    covariates: Mapping[str, str | Sequence[str]] | None = None,
    breakdown: str | Iterable[str] | None = None,
    missing: Literal["zero", "drop"] | None = None,
    baseline: str | None = None,
    variants: Iterable[str] | None = None,
    format: Literal["parquet", "csv", "ndjson"] | None = None,
) -> TableAnalysis:
    """Compares variants on a table with one row per unit, such as a user. No lab is needed.

    A metric is a column, of which the mean is taken, or a mapping: `{"column": …}` for a mean, also with
    `lower_bound_percentile` and `upper_bound_percentile` to clamp extreme values at;
    `{"column": …, "metric_type": "proportion"}` for the share of 1 or true; `{"numerator": …, "denominator": …}` for a
    ratio of sums; `{"column": …, "quantile": 0.9}` for a quantile. Or it is an `abduck.Mean`, `Ratio` or `Quantile` of
    columns, such as `abduck.Ratio("clicks", "views")`.

    Args:
        source: A frame of Polars or pandas (without its index), a table of pyarrow, or whatever has
            `__arrow_c_stream__`; or paths or glob patterns of Parquet, CSV or NDJSON files.
        variant: The column with the variant; rows without one are left out and counted.
        metrics: The metrics by name, or a list of columns and of mappings with a `name`.
        unit: The column with the unit; it is checked that none has two rows.
        covariates: From a metric's name to the column, or the columns, with what was known of each unit before the
            experiment; it is taken out of the metric.
        breakdown: The columns to break the results down by, up to three.
        missing: What a missing value counts as: `zero`, or `drop` to leave its unit out of the metric. Without it,
            missing values are an error.
        baseline: The key of the baseline; `control` if it is left out.
        variants: The keys of the variants that count; whatever the column holds if it is left out.
        format: The format of all files, where their names don't tell it.

    Raises:
        SchemaError: A column is missing, a unit has two rows, or a value is missing or not what its metric needs.
        InvalidError: A metric is malformed, or the baseline is none of the variants.
        NotFoundError: No file matches.

    >>> import abduck, polars
    >>> frame = polars.DataFrame({
    ...     "user": ["ann", "bob", "cid", "dan"],
    ...     "group": ["control", "control", "test", "test"],
    ...     "clicks": [1, 2, 3, 3],
    ...     "views": [10, 10, 10, 20],
    ... })
    >>> metrics = {"clicks": abduck.Mean("clicks"), "ctr": abduck.Ratio("clicks", "views")}
    >>> analysis = abduck.analyze(frame, variant="group", unit="user", metrics=metrics)
    >>> analysis.to_polars().select("metric", "variant", "value").rows()
    [('clicks', 'control', 1.5), ('clicks', 'test', 3.0), ('ctr', 'control', 0.15), ('ctr', 'test', 0.2)]
    """
    question = json.dumps(
        {
            "variant": variant,
            "unit": unit,
            "metrics": _metrics(metrics),
            "covariates": {name: _texts(columns) for name, columns in (covariates or {}).items()},
            "breakdown": _texts(breakdown),
            "missing": missing,
            "baseline": baseline,
            "variants": _texts(variants),
        }
    )
    if hasattr(source, "__arrow_c_stream__"):
        return TableAnalysis(_engine.analyze_frame(lab._without_index(source), question))
    return TableAnalysis(_engine.analyze_files(lab._paths(source), json.dumps(format), question))


def analyze_aggregates(
    aggregates: Mapping[str, Mapping[str, Any]] | ArrowStream, *, baseline: str | None = None
) -> TableAnalysis:
    """Compares variants on sums over units, as a data warehouse gives them.

    Each variant of a metric has `number_of_samples`, `sum` and `sum_squares`. With `denominator_sum`,
    `denominator_sum_squares` and `numerator_denominator_sum_product` it is a ratio; with `covariate_sum`,
    `covariate_sum_squares` and `covariate_sum_product` it has a covariate. Sums that no numbers add up to are refused.

    Args:
        aggregates: The sums by metric and variant; or a frame with a row for each, and the columns `metric` and
            `variant` beside the sums. Of a single metric, its name may be left out.
        baseline: The key of the baseline; `control` if it is left out.

    Raises:
        InvalidError: Sums are malformed or impossible, or a metric lacks the baseline.

    >>> import abduck
    >>> analysis = abduck.analyze_aggregates({
    ...     "control": {"number_of_samples": 3, "sum": 6, "sum_squares": 14},
    ...     "test": {"number_of_samples": 2, "sum": 5, "sum_squares": 13},
    ... })
    >>> [variant["variance"] for variant in analysis.metrics["metric"]["variants"]]
    [1.0, 0.5]
    """
    if hasattr(aggregates, "__arrow_c_stream__"):
        return TableAnalysis(_engine.analyze_sums_frame(lab._without_index(aggregates), baseline))
    plain = {name: {key: _plain(inner) for key, inner in sums.items()} for name, sums in aggregates.items()}
    return TableAnalysis(_engine.analyze_sums(json.dumps(plain, default=_number), baseline))


def _metrics(metrics: Any) -> Any:
    if isinstance(metrics, Mapping):
        return {name: _plain(definition, f"analyze.metrics.{name}") for name, definition in metrics.items()}
    if isinstance(metrics, (str, Metric)):
        metrics = [metrics]
    return [_plain(definition, f"analyze.metrics[{index}]") for index, definition in enumerate(metrics)]


def _plain(value: Any, place: str = "") -> Any:
    if isinstance(value, Metric):
        return table_metric(value, place)
    return {key: _plain(inner) for key, inner in value.items()} if isinstance(value, Mapping) else value


def _texts(texts: str | Iterable[str] | None) -> list[str]:
    if texts is None:
        return []
    return [texts] if isinstance(texts, str) else list(texts)


def _number(value: Any) -> Any:
    """Numbers of NumPy know how to become Python's."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no number")
