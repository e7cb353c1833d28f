"""Saved metrics: metrics that several experiments share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from abduck import _engine, _moment
from abduck._entities import Entities, Entity, to_json


@dataclass(frozen=True)
class SavedMetric(Entity):
    """A saved metric as it was when it was read from the lab; `update` returns it as it is afterwards."""

    id: int
    """The number of the metric."""
    name: str
    """The name."""
    description: str | None
    """The description."""
    created_by: str | None
    """Who made it, if known."""
    created_at: datetime
    """When it was made."""
    updated_at: datetime
    """When it was last changed."""
    _fields: dict[str, Any] = field(repr=False, hash=False)
    _lab: _engine.Lab = field(repr=False, compare=False)

    @property
    def query(self) -> dict[str, Any]:
        """What is measured."""
        return deepcopy(self._fields["query"])

    def update(self, **fields: Any) -> SavedMetric:
        """Changes the metric, for every experiment that uses it.

        Args:
            fields: What changes: `name`, `description` and `query` (as a whole).

        Raises:
            NotFoundError: The metric was deleted.
            InvalidError: The change breaks a rule; `field` says where. Nothing has changed then.
        """
        text = self._lab.update_saved_metric(str(self.id), to_json(None, fields))
        return _saved_metric(json.loads(text), self._lab)

    def delete(self) -> None:
        """Deletes the metric; experiments that use it stay.

        Raises:
            NotFoundError: It was deleted already.
        """
        self._lab.delete_saved_metric(str(self.id))

    def _row(self) -> dict[str, object]:
        kind = self._fields["query"].get("kind")
        return {"id": self.id, "name": self.name, "kind": kind, "created": self.created_at}


@dataclass(frozen=True)
class ExperimentSavedMetric:
    """The use of a saved metric by an experiment."""

    id: int
    """The number of the link."""
    experiment: int
    """The number of the experiment."""
    saved_metric: int
    """The number of the saved metric."""
    name: str
    """The metric's name when the experiment was read."""
    query: dict[str, Any] = field(hash=False)
    """What the metric measured then."""
    metadata: dict[str, Any] = field(hash=False)
    """How the experiment uses it; `type` is `primary` or `secondary`."""
    created_at: datetime
    """When the metric was linked."""
    updated_at: datetime
    """When the link was last changed."""

    @classmethod
    def _of(cls, fields: dict[str, Any]) -> ExperimentSavedMetric:
        moments = {name: _moment.from_text(fields[name]) for name in ("created_at", "updated_at")}
        return cls(**{**deepcopy(fields), **moments})


class SavedMetrics(Entities[SavedMetric]):
    """The saved metrics of a lab, newest first. They are found by their numbers or names.

    >>> import abduck, tempfile
    >>> lab = abduck.init(tempfile.mkdtemp())
    >>> searches = {"kind": "TrendsQuery", "series": [{"kind": "EventsNode", "event": "search"}]}
    >>> query = {"kind": "ExperimentTrendsQuery", "count_query": searches}
    >>> metric = lab.saved_metrics.create(name="Searches", query=query)
    >>> uses = [{"id": metric.id, "metadata": {"type": "secondary"}}]
    >>> experiment = lab.experiments.create(name="Menu", feature_flag_key="menu", saved_metrics_ids=uses)
    >>> [(use.name, use.metadata["type"]) for use in experiment.saved_metrics]
    [('Searches', 'secondary')]
    """

    __slots__ = ()

    def create(self, definition: Mapping[str, Any] | None = None, /, **fields: Any) -> SavedMetric:
        """Creates a saved metric.

        Args:
            definition: The definition as a mapping.
            fields: Fields of the definition; they go before those of the mapping: `name`, `query`, and perhaps
                `description`.

        Raises:
            InvalidError: The definition breaks a rule; `field` says where. Nothing has changed then.
        """
        return self._entity(json.loads(self._lab.create_saved_metric(to_json(definition, fields))))

    def _entity(self, fields: dict[str, Any]) -> SavedMetric:
        return _saved_metric(fields, self._lab)

    def _one(self, key: str) -> str:
        return self._lab.saved_metric(key)

    def _all(self) -> str:
        return self._lab.saved_metrics()


def _saved_metric(fields: dict[str, Any], lab: _engine.Lab) -> SavedMetric:
    return SavedMetric(
        id=fields["id"],
        name=fields["name"],
        description=fields["description"],
        created_by=fields["created_by"],
        created_at=_moment.from_text(fields["created_at"]),
        updated_at=_moment.from_text(fields["updated_at"]),
        _fields=fields,
        _lab=lab,
    )
