"""Holdouts: people kept out of every experiment that uses them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from abduck import _engine, _moment
from abduck._entities import Entities, Entity, to_json

if TYPE_CHECKING:
    from abduck.experiments import Experiment


@dataclass(frozen=True)
class Holdout(Entity):
    """A holdout as it was when it was read from the lab; `update` returns it as it is afterwards."""

    id: int
    """The number of the holdout."""
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
    def filters(self) -> list[dict[str, Any]]:
        """Who is held out; only the first element counts."""
        return deepcopy(self._fields["filters"])

    def experiments(self) -> list[Experiment]:
        """The experiments that use it, oldest first.

        Raises:
            NotFoundError: The holdout was deleted.
        """
        # Experiments know holdouts already.
        from abduck.experiments import experiment_of

        return [experiment_of(fields, self._lab) for fields in json.loads(self._lab.experiments_of_holdout(self._key))]

    def update(self, **fields: Any) -> Holdout:
        """Changes the holdout, and the flags of its experiments with it, running ones included.

        Args:
            fields: What changes: `name`, `description` and `filters` (as a whole).

        Raises:
            NotFoundError: The holdout was deleted.
            InvalidError: The change breaks a rule; `field` says where. Nothing has changed then.
        """
        return holdout_of(json.loads(self._lab.update_holdout(self._key, to_json(None, fields))), self._lab)

    def delete(self) -> None:
        """Deletes the holdout; its experiments have none then.

        Raises:
            NotFoundError: It was deleted already.
        """
        self._lab.delete_holdout(self._key)

    @property
    def _key(self) -> str:
        return str(self.id)

    def _row(self) -> dict[str, object]:
        share = f"{self._fields['filters'][0]['rollout_percentage']:g} %"
        return {"id": self.id, "name": self.name, "held out": share, "created": self.created_at}


class Holdouts(Entities[Holdout]):
    """The holdouts of a lab, newest first. They are found by their numbers or names.

    >>> import abduck, tempfile
    >>> lab = abduck.init(tempfile.mkdtemp())
    >>> holdout = lab.holdouts.create(name="2025", filters=[{"rollout_percentage": 5}])
    >>> lab.experiments.create(name="Menu", feature_flag_key="menu", holdout_id=holdout.id).holdout.name
    '2025'
    """

    __slots__ = ()

    def create(self, definition: Mapping[str, Any] | None = None, /, **fields: Any) -> Holdout:
        """Creates a holdout.

        Args:
            definition: The definition as a mapping.
            fields: Fields of the definition; they go before those of the mapping: `name`, `filters` such as
                `[{"rollout_percentage": 5}]`, and perhaps `description`.

        Raises:
            InvalidError: The definition breaks a rule; `field` says where. Nothing has changed then.
        """
        return self._entity(json.loads(self._lab.create_holdout(to_json(definition, fields))))

    def _entity(self, fields: dict[str, Any]) -> Holdout:
        return holdout_of(fields, self._lab)

    def _one(self, key: str) -> str:
        return self._lab.holdout(key)

    def _all(self) -> str:
        return self._lab.holdouts()


def holdout_of(fields: dict[str, Any], lab: _engine.Lab) -> Holdout:
    """The holdout with these fields."""
    return Holdout(
        id=fields["id"],
        name=fields["name"],
        description=fields["description"],
        created_by=fields["created_by"],
        created_at=_moment.from_text(fields["created_at"]),
        updated_at=_moment.from_text(fields["updated_at"]),
        _fields=fields,
        _lab=lab,
    )
