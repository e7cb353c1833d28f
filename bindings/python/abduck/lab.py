"""A lab: a directory that holds events, experiments and results."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from os import PathLike, fspath
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, TypeAlias

from abduck import _engine, _moment, documents, profiles
from abduck._definition import to_json
from abduck.actions import Actions
from abduck.audit import AuditLog
from abduck.cohorts import Cohorts
from abduck.experiments import Experiments
from abduck.flags import Flags
from abduck.holdouts import Holdouts
from abduck.metrics import Metric
from abduck.planning import PastPlan, past_plan_of
from abduck.profiles import Group, GroupType, Person, TableReport
from abduck.saved_metrics import SavedMetrics
from abduck.sources import Event
from abduck.tables import Tables


class ArrowStream(Protocol):
    """Anything that hands over its rows by the Arrow PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """A capsule with a stream."""


Source: TypeAlias = str | PathLike[str] | Iterable[str | PathLike[str]] | ArrowStream
"""Files, as paths or glob patterns; or a data frame, table or relation that speaks Arrow."""


@dataclass(frozen=True)
class FileReport:
    """What an ingest did with one file, in rows."""

    file: str
    """The file, or `record batches`."""
    read: int
    """Rows read: the sum of the next three."""
    stored: int
    """New events."""
    duplicates: int
    """Rows whose event was there already."""
    rejected: int
    """Rows that could not be stored."""


@dataclass(frozen=True)
class IngestReport:
    """What an ingest did, in rows unless it says otherwise."""

    read: int
    """Rows read: the sum of the next three."""
    stored: int
    """New events."""
    duplicates: int
    """Rows whose event was there already, in the store or earlier in this ingest."""
    rejected: int
    """Rows that could not be stored."""
    new_persons: int
    """Persons all of whose distinct ids are new."""
    merges: int
    """How many times two persons became one."""
    changed_persons: int
    """Persons whose properties are others than before."""
    changed_groups: int
    """Groups whose properties are others than before."""
    exposures: int
    """Rows that say who was shown a variant; rejected rows are not among them."""
    data_version: int
    """The version of the data afterwards; unchanged if nothing was stored."""
    files: tuple[FileReport, ...]
    """The same counts by file, in the order they were read."""
    rejects_file: Path | None
    """Where the rejected rows are, one JSON object per line."""


@dataclass(frozen=True)
class AttachReport:
    """What attaching files did."""

    pattern: str
    """The absolute path or glob pattern."""
    files: int
    """Number of files."""
    events: int
    """Number of events in them."""
    rejected: int
    """Rows that are left out, as they could not be stored either."""
    new_persons: int
    """Persons all of whose distinct ids are new."""
    merges: int
    """How many times two persons became one."""
    data_version: int
    """The version of the data afterwards."""


@dataclass(frozen=True)
class Progress:
    """How far an ingest is."""

    stage: str
    """What it is doing: `reading`, `comparing`, `storing` or `committing`."""
    file: str | None
    """The file that is being read."""
    bytes_read: int
    """Bytes of the files read so far, as they lie on disk."""
    bytes_total: int
    """Bytes of all files; 0 for a data frame."""


@dataclass(frozen=True)
class Status:
    """What the event store of a lab holds."""

    directory: Path
    """The directory of the lab."""
    events: int
    """Number of events, stored and attached."""
    persons: int
    """Number of persons."""
    group_types: tuple[GroupType, ...]
    """The types of groups, by index."""
    first_event: datetime | None
    """Time of the earliest event."""
    last_event: datetime | None
    """Time of the latest event."""
    data_version: int
    """Rises with every change of the data; 0 for an empty new store."""
    attached: tuple[str, ...]
    """The patterns of the attached files, in the order they were attached."""
    attached_changes: Mapping[str, str]
    """Attached files that are not as they were scanned: `altered`, `vanished` or `appeared`."""


@dataclass(frozen=True)
class Settings:
    """What holds for every experiment of a lab."""

    timezone: str = "UTC"
    """Where days begin and end; an IANA name."""
    test_account_filters: tuple[Mapping[str, Any], ...] = field(default=())
    """Property filters that leave out the lab's own people."""
    week_start_day: Literal["sunday", "monday"] = "sunday"
    """Where weeks begin."""
    aggregate_users_by_distinct_id: bool = False
    """Whether metrics count distinct ids rather than persons."""


class Lab:
    """An open lab. Get one from `abduck.open`, `abduck.init` or `abduck.demo`; close it, or use it in a `with` block.

    A lab may be used from several threads and opened by several processes; they wait for each other.

    >>> import abduck
    >>> lab = abduck.demo()
    >>> lab.status().persons > 100
    True
    """

    __slots__ = ("_inner",)
    _inner: _engine.Lab

    def __init__(self, inner: _engine.Lab) -> None:
        self._inner = inner

    @property
    def directory(self) -> Path:
        """The directory of the lab."""
        return Path(self._inner.directory)

    @property
    def by(self) -> str | None:
        """Who makes the changes, as the log has it; none when the system does not know the user's name."""
        return self._inner.by

    @property
    def experiments(self) -> Experiments:
        """The experiments of the lab."""
        return Experiments(self._inner)

    @property
    def flags(self) -> Flags:
        """The flags of the lab: those of experiments, and others."""
        return Flags(self._inner)

    @property
    def holdouts(self) -> Holdouts:
        """The holdouts of the lab."""
        return Holdouts(self._inner)

    @property
    def saved_metrics(self) -> SavedMetrics:
        """The saved metrics of the lab."""
        return SavedMetrics(self._inner)

    @property
    def actions(self) -> Actions:
        """The actions of the lab: events that mean the same, under one name."""
        return Actions(self._inner)

    @property
    def tables(self) -> Tables:
        """The tables of the lab that are no events."""
        return Tables(self._inner)

    @property
    def cohorts(self) -> Cohorts:
        """The cohorts of the lab."""
        return Cohorts(self._inner)

    def log(self, limit: int = 100) -> AuditLog:
        """The last changes of definitions, oldest first: who changed what, when, with before and after.

        Args:
            limit: How many at most.

        >>> import abduck, tempfile
        >>> lab = abduck.init(tempfile.mkdtemp(), by="ada")
        >>> experiment = lab.experiments.create(name="Menu", feature_flag_key="menu")
        >>> [(entry.who, entry.operation, entry.noun) for entry in lab.log()]
        [('ada', 'create', 'feature_flag'), ('ada', 'create', 'experiment')]
        """
        return AuditLog(self._inner.audit_log(limit))

    @property
    def settings(self) -> Settings:
        """The settings of the lab. Assign other settings, or a mapping, to replace them.

        >>> import abduck, dataclasses
        >>> lab = abduck.demo()
        >>> lab.settings = dataclasses.replace(lab.settings, timezone="Europe/Amsterdam")
        >>> lab.settings.timezone
        'Europe/Amsterdam'
        """
        settings = json.loads(self._inner.settings())
        return Settings(**{**settings, "test_account_filters": tuple(settings["test_account_filters"])})

    @settings.setter
    def settings(self, settings: Settings | Mapping[str, Any]) -> None:
        self._inner.set_settings(json.dumps(asdict(settings) if isinstance(settings, Settings) else dict(settings)))

    def plan_from_past(
        self,
        metric: Metric | Mapping[str, Any],
        *,
        exposure: str | Event | Mapping[str, Any],
        days: int = 28,
        lift: float = 0.05,
        power: float = 0.8,
        alpha: float = 0.05,
        variants: int = 2,
        filter_test_accounts: bool = False,
        as_of: datetime | date | str | None = None,
    ) -> PastPlan:
        """How many units and days an experiment will need to see an effect, from the events that the lab has already.

        Args:
            metric: A modern metric, or its definition.
            exposure: The event by which people will come into the experiment: its name, an `Event`, or a mapping with
                `properties`.
            days: How many days of the past are looked at, up to 366.
            lift: The relative effect to see.
            power: The probability to see it.
            alpha: The two-sided error rate.
            variants: The number of variants, the baseline included.
            filter_test_accounts: Whether the lab's test accounts are left out.
            as_of: The moment until which the past is looked at; now if it is left out. Without an offset it is UTC.

        Raises:
            NotReadyError: Nobody came, or all have the same value.
            InvalidError: The metric or the exposure is malformed, or the goal impossible.
        """
        named = to_json({"event": exposure} if isinstance(exposure, str) else exposure)
        asked = (days, lift, power, alpha, variants, filter_test_accounts)
        data, text = self._inner.plan_from_past(to_json(metric), named, _moment.to_text(as_of), asked)
        return past_plan_of(json.loads(data), text)

    def ingest(
        self,
        source: Source,
        *,
        mapping: Mapping[str, Any] | str | PathLike[str] | None = None,
        event: str | None = None,
        distinct_id: str | None = None,
        timestamp: str | None = None,
        uuid: str | None = None,
        properties: str | None = None,
        person_id: str | None = None,
        groups: Mapping[int, str] | None = None,
        timestamp_unit: Literal["seconds", "milliseconds", "microseconds"] | None = None,
        timezone: str | None = None,
        flags: Mapping[str, str] | None = None,
        exposure_event: str | None = None,
        format: Literal["parquet", "csv", "ndjson"] | None = None,
        strict: bool = False,
        progress: Callable[[Progress], object] | None = None,
    ) -> IngestReport:
        """Takes events in: all of them or, on error or Ctrl-C, none. Taking the same events in again changes nothing.

        Columns that are not named are recognised by their names; those without a role become properties of the events.
        `$set`, `$set_once` and `$unset` among the properties change those of the person, `$groupidentify` those of a
        group; what was said latest, by the time of the events, counts.

        Args:
            source: Paths or glob patterns of Parquet, CSV or NDJSON files; or whatever has `__arrow_c_stream__`: a
                frame of Polars or pandas (without its index), a table of pyarrow, a relation of DuckDB.
            mapping: Which column means what, as a mapping or a YAML or JSON file; the next arguments go before it.
            event: The column with the event's name.
            distinct_id: The column with the id of whoever did it.
            timestamp: The column that says when it happened.
            uuid: The column with the event's own id, by which repetitions are recognised.
            properties: The column with the properties: JSON text with an object, a struct or a map.
            person_id: The column with another system's id of the person.
            groups: From a group's index, 0 to 4, to the column with its key.
            timestamp_unit: What a timestamp that is a number counts since 1970.
            timezone: The IANA time zone of timestamps without an offset; UTC if it is left out.
            flags: From a flag's key to the column with the variant.
            exposure_event: The event that says "was shown the variant" of the one flag in `flags`.
            format: The format of all files, where their names don't tell it.
            strict: Whether one row that can't be stored refuses them all.
            progress: Called with how far the ingest is, which waits for it; what it raises before the last stage,
                `committing`, stops the ingest.

        Raises:
            SchemaError: Columns are not recognised, or rows cannot be stored.
            NotFoundError: No file matches.
            BusyError: Somebody else held the lab for too long.

        >>> import abduck, tempfile
        >>> lab = abduck.init(tempfile.mkdtemp())
        >>> report = lab.ingest(abduck.sample(tempfile.mkdtemp()))
        >>> report.read == report.stored + report.duplicates + report.rejected
        True
        """
        columns = _columns(
            mapping,
            event=event,
            distinct_id=distinct_id,
            timestamp=timestamp,
            uuid=uuid,
            properties=properties,
            person_id=person_id,
            groups=groups,
            timestamp_unit=timestamp_unit,
            timezone=timezone,
            flags=flags,
            exposure_event=exposure_event,
        )
        options = json.dumps({"mapping": columns, "format": format, "strict": strict})
        tell = None if progress is None else lambda *news: progress(Progress(*news))
        if hasattr(source, "__arrow_c_stream__"):
            return _ingest_report(self._inner.ingest_frame(_without_index(source), options, tell))
        return _ingest_report(self._inner.ingest_files(_paths(source), options, tell))

    def ingest_persons(
        self,
        source: Source,
        *,
        as_of: datetime | str | None = None,
        distinct_id: str | None = None,
        person_id: str | None = None,
        timestamp: str | None = None,
        properties: str | None = None,
        timestamp_unit: Literal["seconds", "milliseconds", "microseconds"] | None = None,
        timezone: str | None = None,
        format: Literal["parquet", "csv", "ndjson"] | None = None,
        strict: bool = False,
        progress: Callable[[Progress], object] | None = None,
    ) -> TableReport:
        """Takes a table of persons in: all of it or, on error or Ctrl-C, nothing. Other columns are their properties.

        A row says of a person what `$set` says in an event, and gives way to what is said of later times.

        Args:
            source: Files or a frame, as in `ingest`.
            as_of: The time that rows without a time of their own speak of; now if it is left out.
            distinct_id: The column with a distinct id of the person; recognised as in `ingest`.
            person_id: The column with another system's id of the person, beside or instead of a distinct id.
            timestamp: The column that says of which time a row speaks; `timestamp`, if there is one.
            properties: A column with properties as JSON text, a struct or a map; `properties`, if there is one.
            timestamp_unit: What a timestamp that is a number counts since 1970.
            timezone: The IANA time zone of timestamps without an offset; UTC if it is left out.
            format: The format of all files, where their names don't tell it.
            strict: Whether one row that can't be taken in refuses them all.
            progress: As in `ingest`.

        Raises:
            SchemaError: Columns are not recognised, or rows cannot be taken in.
            NotFoundError: No file matches.
            BusyError: Somebody else held the lab for too long.

        >>> import abduck, pyarrow, tempfile
        >>> lab = abduck.init(tempfile.mkdtemp())
        >>> lab.ingest_persons(pyarrow.table({"distinct_id": ["ann"], "plan": ["pro"]})).changed
        1
        >>> lab.person("ann").properties["plan"]
        'pro'
        """
        return self._ingest_table(
            source,
            progress,
            as_of=_moment.to_text(as_of),
            distinct_id=distinct_id,
            person_id=person_id,
            timestamp=timestamp,
            properties=properties,
            timestamp_unit=timestamp_unit,
            timezone=timezone,
            format=format,
            strict=strict,
        )

    def ingest_groups(
        self,
        source: Source,
        *,
        group_type: str,
        as_of: datetime | str | None = None,
        group_key: str | None = None,
        timestamp: str | None = None,
        properties: str | None = None,
        timestamp_unit: Literal["seconds", "milliseconds", "microseconds"] | None = None,
        timezone: str | None = None,
        format: Literal["parquet", "csv", "ndjson"] | None = None,
        strict: bool = False,
        progress: Callable[[Progress], object] | None = None,
    ) -> TableReport:
        """Takes a table of groups of one type in: all of it or, on error or Ctrl-C, nothing.

        Args:
            source: Files or a frame, as in `ingest`.
            group_type: The type of the groups, as events name it in `$groups`.
            as_of: The time that rows without a time of their own speak of; now if it is left out.
            group_key: The column with the key of the group; `group_key` or `key`.
            timestamp: As in `ingest_persons`.
            properties: As in `ingest_persons`.
            timestamp_unit: As in `ingest_persons`.
            timezone: As in `ingest_persons`.
            format: As in `ingest_persons`.
            strict: As in `ingest_persons`.
            progress: As in `ingest`.

        Raises:
            SchemaError: Columns are not recognised, rows cannot be taken in, or there are five other types of groups.
            NotFoundError: No file matches.
            BusyError: Somebody else held the lab for too long.

        >>> import abduck, pyarrow, tempfile
        >>> lab = abduck.init(tempfile.mkdtemp())
        >>> lab.ingest_groups(pyarrow.table({"key": ["acme"], "seats": [5]}), group_type="company").changed
        1
        >>> lab.group("company", "acme").properties["seats"]
        5
        """
        return self._ingest_table(
            source,
            progress,
            group_type=group_type,
            as_of=_moment.to_text(as_of),
            group_key=group_key,
            timestamp=timestamp,
            properties=properties,
            timestamp_unit=timestamp_unit,
            timezone=timezone,
            format=format,
            strict=strict,
        )

    def _ingest_table(
        self, source: Source, progress: Callable[[Progress], object] | None, **options: object
    ) -> TableReport:
        request = json.dumps(options)
        tell = None if progress is None else lambda *news: progress(Progress(*news))
        if hasattr(source, "__arrow_c_stream__"):
            return profiles.table_report(self._inner.ingest_table_frame(_without_index(source), request, tell))
        return profiles.table_report(self._inner.ingest_table_files(_paths(source), request, tell))

    def person(self, distinct_id: str) -> Person:
        """The person that a distinct id belongs to, with the latest properties.

        Raises:
            NotFoundError: No event and no table has named it.
        """
        return profiles.person(self._inner.person(distinct_id))

    def group(self, group_type: str, group_key: str) -> Group:
        """The group of a type with a key, with the latest properties.

        Raises:
            NotFoundError: No event and no table has described it.
        """
        return Group(**json.loads(self._inner.group(group_type, group_key)))

    def attach(
        self,
        pattern: str | PathLike[str],
        *,
        mapping: Mapping[str, Any] | str | PathLike[str] | None = None,
        **columns: Any,
    ) -> AttachReport:
        """Makes Parquet files part of the events without copying them.

        Args:
            pattern: A path or glob pattern.
            mapping: Which column means what, as in `ingest`.
            columns: The single columns, as in `ingest`.

        Raises:
            NotFoundError: No file matches.
            NotAllowedError: The pattern is attached already.
            SchemaError: Columns are not recognised, no row is usable, or an event occurs twice.
        """
        return AttachReport(**json.loads(self._inner.attach(fspath(pattern), json.dumps(_columns(mapping, **columns)))))

    def detach(self, pattern: str | PathLike[str]) -> int:
        """Takes attached files out of the events again; returns the new version of the data.

        Raises:
            NotFoundError: The pattern is not attached.
        """
        return self._inner.detach(fspath(pattern))

    def status(self) -> Status:
        """What the event store holds.

        >>> import abduck
        >>> abduck.demo().status().data_version
        1
        """
        state = json.loads(self._inner.state())
        return Status(
            directory=self.directory,
            events=state["event_count"],
            persons=state["person_count"],
            group_types=tuple(GroupType(**known) for known in state["group_types"]),
            first_event=_moment.optional(state["first_event"]),
            last_event=_moment.optional(state["last_event"]),
            data_version=state["data_version"],
            attached=tuple(state["attached"]),
            attached_changes=dict(state["attached_changes"]),
        )

    def event_names(self, limit: int = 20) -> dict[str, int]:
        """The most frequent event names with their counts.

        >>> import abduck
        >>> "search" in abduck.demo().event_names()
        True
        """
        return dict(self._inner.event_names(limit))

    def apply(
        self,
        source: str | PathLike[str] | Mapping[str, Any] | Iterable[Mapping[str, Any]],
        *,
        dry_run: bool = False,
    ) -> documents.ApplyReport:
        r"""Makes the lab hold what documents define: all of them or, if one is refused, none.

        What is missing is created, what differs is changed; nothing is ever deleted.

        Args:
            source: A file or a folder of documents; or YAML text, which has a line break or a colon with a space behind
                it; or a document as a dictionary, or several.
            dry_run: Whether to find out only what would be done. Refused documents are in the report then.

        Raises:
            InvalidError, NotAllowedError, NotReadyError: A document is refused; nothing was changed.

        >>> import abduck, tempfile
        >>> lab = abduck.init(tempfile.mkdtemp())
        >>> lab.apply({"kind": "experiment", "feature_flag_key": "checkout", "name": "Checkout"})
        applied 1 document: 1 created
          create     experiment 'checkout'
        >>> lab.apply("kind: flag\nkey: beta\nactive: false", dry_run=True)
        would apply 1 document: 1 created
          create     flag 'beta'
        """
        if isinstance(source, str) and documents.is_text(source):
            report = self._inner.apply_text(source, "text", dry_run)
        elif isinstance(source, (str, PathLike)):
            report = self._inner.apply_path(Path(source), dry_run)
        else:
            report = self._inner.apply_text(documents.text(source), "documents", dry_run)
        return documents.report(report)

    def export(self, *keys: str) -> str:
        """The definitions of the lab as YAML text, which `apply` reads.

        Args:
            keys: The keys of experiments or flags, or anything as `kind/name`; all when there are none.

        Raises:
            NotFoundError: Nothing has such a key.

        >>> import abduck
        >>> print(abduck.demo().export("smart-search").splitlines()[1])
        feature_flag_key: smart-search
        """
        return self._inner.export(list(keys))

    def export_to(self, directory: str | PathLike[str], *keys: str, force: bool = False) -> list[Path]:
        """Writes the definitions of the lab to files, one each, such as `experiments/KEY.yaml`.

        Args:
            directory: The folder to write to.
            keys: As for `export`.
            force: Whether to overwrite files that differ.

        Returns:
            The files that were written; those that were as they should be are not among them.

        Raises:
            NotAllowedError: A file is there and differs; nothing was written.

        >>> import abduck, tempfile
        >>> [file.name for file in abduck.demo().export_to(tempfile.mkdtemp(), "smart-search")]
        ['smart-search.yaml']
        """
        return [Path(file) for file in self._inner.export_to(Path(directory), list(keys), force)]

    def close(self) -> None:
        """Closes the lab; closing it twice does no harm."""
        self._inner.close()

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._inner.is_closed else "open"
        return f"<abduck.Lab {str(self.directory)!r}, {state}>"


def _columns(mapping: Mapping[str, Any] | str | PathLike[str] | None, **columns: object) -> dict[str, Any]:
    given = {role: column for role, column in columns.items() if column is not None}
    if isinstance(mapping, (str, PathLike)):
        return {**json.loads(_engine.read_mapping(Path(mapping))), **given}
    return {**(mapping or {}), **given}


def _paths(source: Any) -> list[str]:
    if isinstance(source, (str, PathLike)):
        return [fspath(source)]
    try:
        return [fspath(path) for path in source]
    except TypeError:
        raise TypeError(
            f"events come from paths or from an object with __arrow_c_stream__, not from {type(source).__name__}"
        ) from None


def _without_index(source: Any) -> Any:
    """The index of a pandas frame would become a column."""
    return source.reset_index(drop=True) if hasattr(source, "reset_index") else source


def _ingest_report(text: str) -> IngestReport:
    report = json.loads(text)
    files = tuple(FileReport(**file) for file in report.pop("files"))
    rejects_file = report.pop("rejects_file")
    return IngestReport(**report, files=files, rejects_file=Path(rejects_file) if rejects_file else None)
