"""The feature flags of a lab: those of experiments, and others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from abduck import _engine, _moment, _question
from abduck._entities import Entities, Entity, to_json
from abduck.evaluation import Evaluation, Evaluations

if TYPE_CHECKING:
    from abduck.lab import ArrowStream


@dataclass(frozen=True)
class Flag(Entity):
    """A flag as it was when it was read from the lab; methods that change it return it as it is afterwards.

    They, and `evaluate`, go to the flag that has the key in the lab now.

    >>> import abduck
    >>> flag = abduck.demo().flags["quick-checkout"]
    >>> flag.active, flag.deleted, flag.variants
    (True, False, {'control': 50, 'test': 50})
    """

    id: int
    """The number of the flag."""
    key: str
    """The name that assignments and events carry."""
    name: str
    """The description."""
    active: bool
    """Whether it is evaluated at all."""
    deleted: bool
    """Whether it was deleted; it stays while an experiment needs it, and can be restored."""
    ensure_experience_continuity: bool
    """Whether people keep the variant they had before they signed in."""
    rollout_percentage: float | None
    """The rollout of a flag whose filters have no groups, in percent."""
    version: int
    """Counts the changes of the flag, from 1."""
    created_by: str | None
    """Who made it, if known."""
    created_at: datetime
    """When it was made."""
    _fields: dict[str, Any] = field(repr=False, hash=False)
    _lab: _engine.Lab = field(repr=False, compare=False)

    @property
    def variants(self) -> dict[str, float]:
        """The variants and their shares in percent; none for a flag that is only on or off."""
        variants = (self._fields["filters"].get("multivariate") or {}).get("variants", [])
        return {variant["key"]: variant["rollout_percentage"] for variant in variants}

    @property
    def filters(self) -> dict[str, Any]:
        """Who gets which variant."""
        return deepcopy(self._fields["filters"])

    def update(self, **fields: Any) -> Flag:
        """Changes the flag; its experiments follow.

        Args:
            fields: What changes: `key`, `name`, `filters` (as a whole), `rollout_percentage`, `active`, `deleted` and
                `ensure_experience_continuity`.

        Raises:
            NotFoundError: There is no such flag any more.
            InvalidError: The change breaks a rule; `field` says where. Nothing has changed then.

        >>> import abduck
        >>> abduck.demo().flags["quick-checkout"].update(active=False).active
        False
        """
        return flag_of(json.loads(self._lab.update_flag(self.key, to_json(None, fields))), self._lab)

    def delete(self) -> Flag:
        """Deletes the flag; its experiments keep it.

        Raises:
            NotFoundError: There is no such flag any more.
        """
        return flag_of(json.loads(self._lab.delete_flag(self.key, True)), self._lab)

    def restore(self) -> Flag:
        """Takes the deletion back.

        Raises:
            NotFoundError: There is no such flag any more.
            InvalidError: The flag cannot be live as it is.
        """
        return flag_of(json.loads(self._lab.delete_flag(self.key, False)), self._lab)

    def evaluate(
        self,
        distinct_id: str,
        *,
        person_properties: Mapping[str, Any] | None = None,
        groups: Mapping[int | str, object] | None = None,
        group_properties: Mapping[int | str, Mapping[str, Any]] | None = None,
        hash_key_override: str | None = None,
        now: datetime | str | None = None,
    ) -> Evaluation | None:
        """Evaluates the flag for one id; none when it is switched off or deleted.

        Cohorts are those of the lab; a static one holds for the ids that it lists.

        Args:
            distinct_id: The id.
            person_properties: What is known of the person.
            groups: The person's groups: from the group type's number, 0 to 4, to the group's key.
            group_properties: What is known of these groups, by the group type's number.
            hash_key_override: The id that was kept for this person and flag, for flags with experience continuity.
            now: The moment from which relative dates are counted; the present if it is left out.

        Raises:
            NotFoundError: There is no such flag any more.
            InvalidError: The flag cannot be evaluated; `field` says where.

        >>> import abduck
        >>> abduck.demo().flags["quick-checkout"].evaluate("user-1").value
        'control'
        """
        person = _question.person_json(distinct_id, person_properties, groups, group_properties, hash_key_override)
        return Evaluation._from_json(self._lab.evaluate_flag(self.key, person, _moment.to_text(now)))

    def evaluate_frame(
        self, frame: ArrowStream, *, id_column: str = "distinct_id", now: datetime | str | None = None
    ) -> Evaluations:
        """Evaluates the flag for every row of a frame.

        Columns named `group:<number>` hold the keys of groups, and those named `group:<number>.<property>` what is
        known of them. All other columns are properties of the person; only those that the flag looks at are read. Null
        means "not known".

        Args:
            frame: Whatever has `__arrow_c_stream__`: a frame of Polars or pandas, a table of pyarrow, a relation of
                DuckDB.
            id_column: The column with the ids.
            now: The moment from which relative dates are counted; the present if it is left out.

        Raises:
            NotFoundError: There is no such flag any more.
            InvalidError: The flag cannot be evaluated, or asks who is in a static cohort, which rows do not say.
            SchemaError: There is no such column, a row has no id, or a column cannot be compared with anything.

        >>> import abduck, polars
        >>> frame = polars.DataFrame({"user": ["user-1", "user-3"]})
        >>> abduck.demo().flags["quick-checkout"].evaluate_frame(frame, id_column="user").to_polars()["value"].to_list()
        ['control', 'test']
        """
        _question.check_frame(frame)
        return Evaluations(self._lab.evaluate_flag_frame(self.key, frame, id_column, _moment.to_text(now)))

    def _row(self) -> dict[str, object]:
        shares = ", ".join(f"{key} {share:g} %" for key, share in self.variants.items())
        state = "deleted" if self.deleted else "on" if self.active else "off"
        return {"id": self.id, "key": self.key, "state": state, "variants": shares, "created": self.created_at}


class Flags(Entities[Flag]):
    """The flags of a lab, newest first, deleted ones included. They are found by their keys.

    >>> import abduck
    >>> lab = abduck.demo()
    >>> [flag.key for flag in lab.flags]
    ['smart-search', 'quick-checkout']
    """

    __slots__ = ()

    def create(self, definition: Mapping[str, Any] | None = None, /, **fields: Any) -> Flag:
        """Creates a flag without an experiment.

        Args:
            definition: The definition as a mapping.
            fields: Fields of the definition; they go before those of the mapping: `key`, and as needed `name`,
                `filters`, `rollout_percentage`, `active` and `ensure_experience_continuity`.

        Raises:
            InvalidError: The definition breaks a rule; `field` says where. Nothing has changed then.

        >>> import abduck, tempfile
        >>> lab = abduck.init(tempfile.mkdtemp())
        >>> flag = lab.flags.create(key="new-menu", filters={"groups": [{"rollout_percentage": 100}]})
        >>> flag.evaluate("ann").value
        True
        """
        return self._entity(json.loads(self._lab.create_flag(to_json(definition, fields))))

    def get(self, key: str | int) -> Flag:
        """The flag with a key: the live one, else the newest deleted one.

        Raises:
            NotFoundError: There is none.
        """
        return super().get(key)

    def _entity(self, fields: dict[str, Any]) -> Flag:
        return flag_of(fields, self._lab)

    def _one(self, key: str) -> str:
        return self._lab.flag(key)

    def _all(self) -> str:
        return self._lab.flags()


def flag_of(fields: dict[str, Any], lab: _engine.Lab) -> Flag:
    """The flag with these fields."""
    return Flag(
        id=fields["id"],
        key=fields["key"],
        name=fields["name"],
        active=fields["active"],
        deleted=fields["deleted"],
        ensure_experience_continuity=fields["ensure_experience_continuity"],
        rollout_percentage=fields["rollout_percentage"],
        version=fields["version"],
        created_by=fields["created_by"],
        created_at=_moment.from_text(fields["created_at"]),
        _fields=fields,
        _lab=lab,
    )
