"""Persons and groups as they are now, and what taking in a table of them did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Person:
    """A person, as of the latest events and tables.

    >>> import abduck, pyarrow, tempfile
    >>> lab = abduck.init(tempfile.mkdtemp())
    >>> report = lab.ingest_persons(pyarrow.table({"distinct_id": ["ann"], "seats": [3]}))
    >>> lab.person("ann").distinct_ids, lab.person("ann").properties
    (('ann',), {'seats': 3})
    """

    person_id: int
    """The number by which events name the person; merging persons may change it."""
    distinct_ids: tuple[str, ...]
    """The distinct ids of the person, in alphabetical order."""
    properties: Mapping[str, Any]
    """The properties."""


@dataclass(frozen=True)
class Group:
    """A group, as of the latest events and tables."""

    group_type: str
    """The name of its type."""
    group_type_index: int
    """The index of its type: the keys of such groups are in `group_<index>` of the events."""
    group_key: str
    """Its key."""
    properties: Mapping[str, Any]
    """The properties; empty if none were ever given."""


@dataclass(frozen=True)
class GroupType:
    """A type of groups."""

    index: int
    """The keys of such groups are in `group_<index>` of the events."""
    name: str
    """Its name."""
    group_count: int
    """Number of groups that an event or a table has described."""


@dataclass(frozen=True)
class TableFileReport:
    """What taking in one file of a table did, in rows."""

    file: str
    """The file, or `record batches`."""
    read: int
    """Rows read."""
    rejected: int
    """Rows among them that could not be taken in."""


@dataclass(frozen=True)
class TableReport:
    """What taking in a table of persons or groups did, in rows unless it says otherwise."""

    read: int
    """Rows read."""
    rejected: int
    """Rows among them that could not be taken in."""
    new: int
    """Persons all of whose distinct ids are new, or groups that nothing had described."""
    changed: int
    """Persons or groups whose properties are others than before."""
    merges: int
    """How many times two persons became one."""
    data_version: int
    """The version of the data afterwards; unchanged if the table said nothing new."""
    files: tuple[TableFileReport, ...]
    """The first two counts by file, in the order they were read."""
    rejects_file: Path | None
    """Where the rejected rows are, one JSON object per line."""


def person(text: str) -> Person:
    """The person that the engine wrote."""
    person = json.loads(text)
    return Person(**{**person, "distinct_ids": tuple(person["distinct_ids"])})


def table_report(text: str) -> TableReport:
    """The report that the engine wrote."""
    report = json.loads(text)
    files = tuple(TableFileReport(**file) for file in report.pop("files"))
    rejects_file = report.pop("rejects_file")
    return TableReport(**report, files=files, rejects_file=Path(rejects_file) if rejects_file else None)
