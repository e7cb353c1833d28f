"""What the parts of an experiment's class share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from abduck._definition import to_json
from abduck._entities import Entity
from abduck.metrics import Metric

if TYPE_CHECKING:
    # A private name, as the module does not have it when it runs.
    _MetricLike: TypeAlias = Metric | Mapping[str, Any] | str | int | None


class ExperimentBase(Entity):
    """An experiment that can be asked for."""

    __slots__ = ()
    id: int

    @property
    def _key(self) -> str:
        return str(self.id)

    def _metric_json(self, metric: _MetricLike) -> str:
        """The definition of a metric: given as it is, or one of the experiment's by number, id or name."""
        if metric is None or isinstance(metric, str | int):
            return self._lab.modern_metric(self._key, None if metric is None else str(metric))
        return to_json(metric)
