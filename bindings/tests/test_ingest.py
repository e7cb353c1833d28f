"""Taking events in from everywhere."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import abduck
import duckdb
import pandas
import polars
import pyarrow
import pyarrow.parquet
import pytest
from conftest import COLUMNS, EXPERIMENT

SOURCES: dict[str, Callable[[Path], object]] = {
    "path": lambda log: log,
    "text": str,
    "glob": lambda log: str(log.with_name("*.parquet")),
    "list": lambda log: [log, str(log)],
    "polars": polars.read_parquet,
    "polars in chunks": lambda log: polars.concat(polars.read_parquet(log).iter_slices(1000), rechunk=False),
    "pandas": pandas.read_parquet,
    "pandas with another index": lambda log: pandas.read_parquet(log).set_index("uuid", drop=False),
    "pyarrow table": pyarrow.parquet.read_table,
    "pyarrow reader": lambda log: pyarrow.parquet.read_table(log).to_reader(1000),
    "duckdb": lambda log: duckdb.read_parquet(str(log)),
}


def stored(lab: abduck.Lab) -> list[tuple[object, ...]]:
    """All events as they are stored."""
    with duckdb.connect(str(lab.directory / "events.duckdb"), read_only=True) as connection:
        query = "SELECT uuid, event, distinct_id, timestamp, CAST(properties AS JSON)::VARCHAR FROM events ORDER BY ALL"
        return connection.sql(query).fetchall()


@pytest.fixture(scope="session")
def from_file(part: Path) -> Iterator[abduck.Lab]:
    with abduck.init(part.parent / "lab") as lab:
        lab.ingest(part)
        yield lab


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_the_same_store(lab: abduck.Lab, part: Path, from_file: abduck.Lab, source: str) -> None:
    expected = stored(from_file)
    report = lab.ingest(SOURCES[source](part))
    assert report.stored == len(expected) > 0
    assert report.read == report.stored + report.duplicates + report.rejected
    assert (report.rejected, report.data_version, report.rejects_file) == (0, 1, None)
    assert sum(file.stored for file in report.files) == report.stored
    assert stored(lab) == expected
    assert lab.status().persons == from_file.status().persons


def test_taking_the_same_in_again_changes_nothing(lab: abduck.Lab, events: polars.DataFrame, tmp_path: Path) -> None:
    lab.ingest(events, **COLUMNS)
    events.write_csv(tmp_path / "events.csv")
    events.write_ndjson(tmp_path / "events.ndjson")
    for again in [events, events.to_pandas(), tmp_path / "events.csv", tmp_path / "events.ndjson"]:
        report = lab.ingest(again, **COLUMNS)
        assert (report.stored, report.duplicates, report.data_version) == (0, len(events), 1)


def test_columns_are_named_by_keywords_a_mapping_or_a_file(events: polars.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "mapping.yaml").write_text(
        "{event: action, distinct_id: visitor, timestamp: nowhere, flags: {checkout: arm}}"
    )
    ways = [
        COLUMNS,
        {"mapping": COLUMNS},
        {"mapping": {**COLUMNS, "timestamp": "nowhere"}, "timestamp": "at"},
        {"mapping": tmp_path / "mapping.yaml", "timestamp": "at"},
    ]
    stores = []
    for number, way in enumerate(ways):
        with abduck.init(tmp_path / str(number)) as lab:
            lab.ingest(events, **way)
            stores.append(stored(lab))
    assert stores == [stores[0]] * len(ways)
    assert json.loads(str(stores[0][0][4]))["$feature/checkout"] in {"control", "test"}


def test_all_columns_may_be_named(lab: abduck.Lab) -> None:
    frame = polars.DataFrame(
        {
            "what": ["seen", "bought"],
            "who": ["a", "b"],
            "when": [1_735_689_600, 1_735_689_660],
            "id": ["0190a0a0-0000-7000-8000-000000000001", "0190a0a0-0000-7000-8000-000000000002"],
            "more": ['{"price": 1}', '{"price": 2}'],
            "person": ["p", "p"],
            "company": ["x", "y"],
            "arm": ["control", "test"],
        }
    )
    report = lab.ingest(
        frame,
        event="what",
        distinct_id="who",
        timestamp="when",
        uuid="id",
        properties="more",
        person_id="person",
        groups={0: "company"},
        timestamp_unit="seconds",
        timezone="Europe/Amsterdam",
        flags={"checkout": "arm"},
        exposure_event="seen",
        strict=True,
    )
    assert (report.stored, report.new_persons + report.merges > 0, lab.status().persons) == (2, True, 1)
    assert set(lab.event_names()) == {"$feature_flag_called", "bought"}


def test_exposures_serve_a_trend(lab: abduck.Lab, events: polars.DataFrame) -> None:
    lab.ingest(events, **COLUMNS, exposure_event="assigned")
    trend = {"insight": "TRENDS", "events": [{"id": "viewed", "order": 0}]}
    result = lab.experiments.create(EXPERIMENT, filters=trend).results()
    assert [(row.variant, row.units, row.count) for row in result.variants] == [
        ("control", 200, 200),
        ("test", 200, 200),
    ]


def test_rejected_rows_are_kept_aside(lab: abduck.Lab, tmp_path: Path) -> None:
    (tmp_path / "events.log").write_text("user_id,event,timestamp\na,seen,2025-01-01T00:00:00Z\nb,seen,yesterday\n")
    report = lab.ingest(tmp_path / "events.log", format="csv")
    assert (report.read, report.stored, report.rejected) == (2, 1, 1)
    assert report.rejects_file is not None
    assert json.loads(report.rejects_file.read_text())["line"] == 3
    with pytest.raises(abduck.SchemaError):
        lab.ingest(tmp_path / "events.log", format="csv", strict=True)


def test_progress_is_told(lab: abduck.Lab, part: Path) -> None:
    seen: list[abduck.Progress] = []
    lab.ingest(part, progress=seen.append)
    assert {progress.stage for progress in seen} == {"reading", "comparing", "storing", "committing"}
    assert seen[0].file == str(part)
    assert seen[-1].bytes_read == seen[-1].bytes_total == part.stat().st_size


def test_a_progress_function_stops_the_ingest_by_raising(lab: abduck.Lab, part: Path) -> None:
    def stop(progress: abduck.Progress) -> None:
        raise ZeroDivisionError(progress.stage)

    with pytest.raises(ZeroDivisionError, match="reading"):
        lab.ingest(part, progress=stop)
    assert lab.status().events == 0
    assert lab.ingest(part).stored > 0


def test_a_stream_that_fails_leaves_the_store_alone(lab: abduck.Lab, events: polars.DataFrame) -> None:
    batches = events.to_arrow().to_batches()

    def broken() -> object:
        yield from batches
        raise RuntimeError("the cable was pulled")

    with pytest.raises(abduck.SchemaError, match="the cable was pulled"):
        lab.ingest(pyarrow.RecordBatchReader.from_batches(batches[0].schema, broken()), **COLUMNS)
    assert lab.status().events == 0


@pytest.mark.parametrize("source", [None, 3, [None]])
def test_other_sources_are_refused(lab: abduck.Lab, source: object) -> None:
    with pytest.raises(TypeError, match="__arrow_c_stream__"):
        lab.ingest(source)


def test_a_capsule_must_hold_a_stream(lab: abduck.Lab) -> None:
    class NoStream:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return pyarrow.schema([]).__arrow_c_schema__()

    class NoCapsule:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return "stream"

    with pytest.raises(ValueError, match="PyCapsule"):
        lab.ingest(NoStream())
    with pytest.raises(TypeError, match="Capsule"):
        lab.ingest(NoCapsule())


def test_a_capsule_serves_once(lab: abduck.Lab, events: polars.DataFrame) -> None:
    class Once:
        capsule = events.__arrow_c_stream__()

        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return self.capsule

    once = Once()
    assert lab.ingest(once, **COLUMNS).stored == len(events)
    with pytest.raises(abduck.SchemaError, match="released"):
        lab.ingest(once, **COLUMNS)
