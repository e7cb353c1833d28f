"""Cohorts: named sets of persons, listed (static) or found by conditions (dynamic)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from abduck import _engine, _moment
from abduck._entities import Entities, Entity, texts, to_json


@dataclass(frozen=True)
class Cohort(Entity):
    """A cohort as it was when it was read from the lab; methods that change it return it as it is afterwards."""

    id: int
    """The number of the cohort."""
    name: str
    """The name."""
    description: str | None
    """The description."""
    is_static: bool
    """Whether its members are listed rather than found by conditions."""
    created_by: str | None
    """Who made it, if known."""
    created_at: datetime
    """When it was made."""
    updated_at: datetime
    """When its definition was last changed."""
    _fields: dict[str, Any] = field(repr=False, hash=False)
    _lab: _engine.Lab = field(repr=False, compare=False)

    @property
    def filters(self) -> dict[str, Any]:
        """Who belongs to a dynamic cohort; empty for a static one."""
        return deepcopy(self._fields["filters"])

    def members(self) -> list[str]:
        """The ids that a static cohort lists now, in order; none for a dynamic one.

        Raises:
            NotFoundError: The cohort was deleted.
        """
        return self._lab.cohort_members(str(self.id))

    def persons(self, *, as_defined: bool = False, as_of: datetime | str | None = None) -> list[dict[str, Any]]:
        """The members that the events know, one dictionary per person: `person_id` and `distinct_id`.

        Args:
            as_defined: Of an experiment's cohort, whoever its own filters find, as in the compatible system, rather
                than whom the experiment's results count.
            as_of: The moment the list holds for; now if it is left out. Without an offset it is UTC.

        Raises:
            NotFoundError: The cohort was deleted.
            InvalidError: Its filters ask for something that is not supported.
        """
        persons = self._lab.cohort_persons(str(self.id), as_defined, _moment.to_text(as_of))
        return [{"person_id": person_id, "distinct_id": distinct_id} for person_id, distinct_id in persons]

    def add(self, ids: Iterable[object]) -> Cohort:
        """Lists ids in a static cohort; those that it lists already do no harm.

        Args:
            ids: Distinct ids, or the names that other systems gave to persons.

        Raises:
            NotFoundError: The cohort was deleted.
            NotAllowedError: It is dynamic.
        """
        return cohort_of(json.loads(self._lab.change_cohort_members(str(self.id), texts(ids), [])), self._lab)

    def remove(self, ids: Iterable[object]) -> Cohort:
        """Takes ids off the list of a static cohort; those that it does not list do no harm.

        Args:
            ids: Distinct ids, or the names that other systems gave to persons.

        Raises:
            NotFoundError: The cohort was deleted.
            NotAllowedError: It is dynamic.
        """
        return cohort_of(json.loads(self._lab.change_cohort_members(str(self.id), [], texts(ids))), self._lab)

    def update(self, **fields: Any) -> Cohort:
        """Changes the definition of the cohort.

        Args:
            fields: What changes: `name`, `description` and `filters` (as a whole).

        Raises:
            NotFoundError: The cohort was deleted.
            InvalidError: The change breaks a rule; `field` says where. Nothing has changed then.
            NotAllowedError: It holds the people exposed to an experiment, and its filters would change.
        """
        return cohort_of(json.loads(self._lab.update_cohort(str(self.id), to_json(None, fields))), self._lab)

    def delete(self) -> None:
        """Deletes the cohort and the list of its members.

        Raises:
            NotFoundError: It was deleted already.
            NotAllowedError: A flag or another cohort names it.
        """
        self._lab.delete_cohort(str(self.id))

    def _row(self) -> dict[str, object]:
        kind = "static" if self.is_static else "dynamic"
        return {"id": self.id, "name": self.name, "kind": kind, "created": self.created_at}


class Cohorts(Entities[Cohort]):
    """The cohorts of a lab, newest first. They are found by their numbers or names.

    >>> import abduck, tempfile
    >>> lab = abduck.init(tempfile.mkdtemp())
    >>> testers = lab.cohorts.create("Testers", members=["ann", "bob"])
    >>> testers.add(["cem"]).remove(["ann"]).members()
    ['bob', 'cem']
    """

    __slots__ = ()

    def create(
        self,
        name: str,
        members: Iterable[object] = (),
        *,
        description: str | None = None,
        filters: Mapping[str, Any] | None = None,
    ) -> Cohort:
        """Creates a cohort: static, or dynamic if it has filters.

        Args:
            name: The name.
            members: The members of a static cohort: distinct ids, or the names that other systems gave to persons.
            description: The description.
            filters: Who belongs to a dynamic cohort: `{"properties": {"type": "OR", "values": [...]}}`.

        Raises:
            InvalidError: The definition breaks a rule; `field` says where. Nothing has changed then.
        """
        listed = texts(members)
        if listed and filters is not None:
            raise TypeError("give members or filters, not both")
        definition: dict[str, Any] = {"name": name, "description": description, "is_static": filters is None}
        if filters is not None:
            definition["filters"] = dict(filters)
        return self._entity(json.loads(self._lab.create_cohort(to_json(definition, {}), listed)))

    def _entity(self, fields: dict[str, Any]) -> Cohort:
        return cohort_of(fields, self._lab)

    def _one(self, key: str) -> str:
        return self._lab.cohort(key)

    def _all(self) -> str:
        return self._lab.cohorts()


def cohort_of(fields: dict[str, Any], lab: _engine.Lab) -> Cohort:
    """A cohort from its outward form."""
    return Cohort(
        id=fields["id"],
        name=fields["name"],
        description=fields["description"],
        is_static=fields["is_static"],
        created_by=fields["created_by"],
        created_at=_moment.from_text(fields["created_at"]),
        updated_at=_moment.from_text(fields["updated_at"]),
        _fields=fields,
        _lab=lab,
    )
