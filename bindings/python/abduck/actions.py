"""Actions: events that mean the same, under one name."""

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
class Action(Entity):
    """An action as it was when it was read from the lab; `update` returns it as it is afterwards."""

    id: int
    """The number of the action."""
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
    def steps(self) -> list[dict[str, Any]]:
        """The ways to match; an event that fits one of them is meant."""
        return deepcopy(self._fields["steps"])

    def update(self, **fields: Any) -> Action:
        """Changes the action, for every experiment that uses it.

        Args:
            fields: What changes: `name`, `description` and `steps` (as a whole).

        Raises:
            NotFoundError: The action was deleted.
            InvalidError: The change breaks a rule; `field` says where. Nothing has changed then.
        """
        text = self._lab.update_action(str(self.id), to_json(None, fields))
        return _action(json.loads(text), self._lab)

    def delete(self) -> None:
        """Deletes an action that no experiment measures.

        Raises:
            NotFoundError: It was deleted already.
            NotAllowedError: An experiment measures it.
        """
        self._lab.delete_action(str(self.id))

    def _row(self) -> dict[str, object]:
        return {"id": self.id, "name": self.name, "steps": len(self._fields["steps"]), "created": self.created_at}


class Actions(Entities[Action]):
    """The actions of a lab, newest first. They are found by their numbers or names.

    >>> import abduck, tempfile
    >>> lab = abduck.init(tempfile.mkdtemp())
    >>> bought = lab.actions.create(name="Bought", steps=[{"event": "purchase"}, {"event": "order placed"}])
    >>> filters = {"insight": "TRENDS", "actions": [{"id": bought.id, "type": "actions"}]}
    >>> lab.experiments.create(name="Menu", feature_flag_key="menu", filters=filters).status
    'draft'
    """

    __slots__ = ()

    def create(self, definition: Mapping[str, Any] | None = None, /, **fields: Any) -> Action:
        """Creates an action.

        Args:
            definition: The definition as a mapping.
            fields: Fields of the definition; they go before those of the mapping: `name`, `steps`, and perhaps
                `description`.

        Raises:
            InvalidError: The definition breaks a rule; `field` says where. Nothing has changed then.
        """
        return self._entity(json.loads(self._lab.create_action(to_json(definition, fields))))

    def _entity(self, fields: dict[str, Any]) -> Action:
        return _action(fields, self._lab)

    def _one(self, key: str) -> str:
        return self._lab.action(key)

    def _all(self) -> str:
        return self._lab.actions()


def _action(fields: dict[str, Any], lab: _engine.Lab) -> Action:
    return Action(
        id=fields["id"],
        name=fields["name"],
        description=fields["description"],
        created_by=fields["created_by"],
        created_at=_moment.from_text(fields["created_at"]),
        updated_at=_moment.from_text(fields["updated_at"]),
        _fields=fields,
        _lab=lab,
    )
