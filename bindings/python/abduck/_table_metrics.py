"""Metrics of a table: what an event is to a metric elsewhere, a column is to it here."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from abduck._definition import invalid
from abduck.metrics import Metric
from abduck.quantities import Mean, Outliers, Quantile, Ratio
from abduck.sources import Event

# What a table's metric has: the rest is about events, and would be ignored.
_KNOWN = {"name", "covariates", "event", "numerator", "denominator", "level", "of"}


def table_metric(metric: Metric, place: str) -> dict[str, Any]:
    """A metric of a table in the outward form.

    Raises:
        InvalidError: It says something that a table with a row per unit has no place for.
    """
    if not isinstance(metric, (Mean, Ratio, Quantile)):
        hint = "give an abduck.Mean, Ratio or Quantile of columns; the mean of a column of 0 and 1 is a share"
        raise invalid(place, f"a table has no {type(metric).__name__.lower()}: its rows are units, not events", hint)
    _refuse_what_is_about_events(metric, place)
    named = {} if metric.name is None else {"name": metric.name}
    covariates = [_column(source, f"{place}.covariates") for source in metric.covariates]
    return {**named, **_value(metric, place), **({"covariate": covariates} if covariates else {})}


def _value(metric: Mean | Ratio | Quantile, place: str) -> dict[str, Any]:
    if isinstance(metric, Ratio):
        parts = {part: _column(getattr(metric, part), f"{place}.{part}") for part in ("numerator", "denominator")}
        outliers = {f"{part}_outlier_handling": getattr(metric, f"{part}_outliers") for part in parts}
        return {**parts, **{key: each.to_dict() for key, each in outliers.items() if each is not None}}
    column = {"column": _column(metric.event, f"{place}.event")}
    if isinstance(metric, Quantile):
        return {**column, "quantile": metric.level}
    return {**column, **(metric.outliers.to_dict() if metric.outliers else {})}


def _refuse_what_is_about_events(metric: Metric, place: str) -> None:
    for each in fields(metric):
        value = getattr(metric, each.name)
        if each.name not in _KNOWN and not isinstance(value, Outliers) and value != each.default:
            message = f"{each.name} says nothing of a table"
            raise invalid(f"{place}.{each.name}", message, "leave it out, or put it into the table's columns")


def _column(source: object, place: str) -> str:
    if isinstance(source, Event) and source.name is not None and source == Event(source.name):
        return source.name
    raise invalid(place, f"{source!r} is no column", "give the name of a column")
