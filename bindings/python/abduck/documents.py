"""What applying documents did.

>>> import abduck
>>> report = abduck.demo().apply({"kind": "flag", "key": "beta"})
>>> [(change.key, change.action) for change in report.changes]
[('beta', 'create')]
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from abduck._definition import Definition


@dataclass(frozen=True)
class FieldChange:
    """A field that changes."""

    field: str
    """The path of the field, such as `flag.filters.groups`."""
    before: Any
    """What it was; `None` when it was left out."""
    after: Any
    """What it becomes; `None` when it is left out."""


@dataclass(frozen=True)
class DocumentChange:
    """What became of a document."""

    kind: str
    """What it defines: `experiment`, `flag`, `holdout`, `saved_metric`, `cohort` or `settings`."""
    key: str
    """The key or name of the thing; empty for the settings."""
    action: str
    """What is done: `create`, `update`, `no_change` or `refuse`."""
    changes: tuple[FieldChange, ...]
    """The fields that change, of a thing that exists."""
    place: str | None
    """Where the document stands, or what is wrong in it: `file:line:column`."""
    error: str | None
    """Why it is refused."""
    hints: tuple[str, ...]
    """What to do about that."""

    def __str__(self) -> str:
        told = [f"{change.field}: {_short(change.before)} → {_short(change.after)}" for change in self.changes]
        if self.error is not None:
            told = [f"{self.place}: {self.error}" if self.place else self.error]
        key = f" {self.key!r}" if self.key else ""
        return f"{self.action.replace('_', ' '):<10} {self.kind}{key}" + (f"  {'; '.join(told)}" if told else "")


@dataclass(frozen=True, repr=False)
class ApplyReport:
    """What applying documents did, or in a dry run would do."""

    dry_run: bool
    """Whether it was only tried."""
    is_applied: bool
    """Whether the lab holds what the documents define now; not after a dry run."""
    changes: tuple[DocumentChange, ...]
    """What became of each document, in the order they were given."""

    def __repr__(self) -> str:
        names = {"create": "created", "update": "updated", "no_change": "unchanged", "refuse": "refused"}
        actions = [change.action for change in self.changes]
        counts = ", ".join(f"{actions.count(action)} {name}" for action, name in names.items() if action in actions)
        documents = f"{len(actions)} document{'' if len(actions) == 1 else 's'}"
        first = f"{'would apply' if self.dry_run else 'applied'} {documents}" + (f": {counts}" if counts else "")
        shown = [f"  {change}" for change in self.changes if change.action != "no_change"]
        return "\n".join([first, *shown])


def is_text(source: str) -> bool:
    """Whether a text is YAML or JSON rather than a path."""
    return "\n" in source or ": " in source or source.lstrip().startswith(("{", "["))


def text(source: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> str:
    """Documents as JSON text."""
    if not isinstance(source, Mapping):
        source = [dict(document) for document in source]
    return json.dumps(source, default=_plain, ensure_ascii=False)


def report(text: str) -> ApplyReport:
    """The report of the engine."""
    fields = json.loads(text)
    return ApplyReport(fields["dry_run"], fields["is_applied"], tuple(map(_change, fields["changes"])))


def _change(fields: dict[str, Any]) -> DocumentChange:
    place, error = fields["place"], fields["error"] or {}
    return DocumentChange(
        kind=fields["kind"],
        key=fields["key"],
        action=fields["action"],
        changes=tuple(FieldChange(**change) for change in fields["changes"]),
        place=f"{place['file']}:{place['line']}:{place['column']}" if place else None,
        error=error.get("message"),
        hints=tuple(error.get("hints", ())),
    )


def _plain(value: object) -> object:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, Definition):
        return value.to_dict()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a document cannot hold {type(value).__name__}")


def _short(value: object) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= 60 else f"{shown[:59]}…"
