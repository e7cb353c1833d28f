"""Properties of persons and groups."""

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import abduck
import pandas
import polars
import pyarrow
import pytest

PERSONS = polars.DataFrame({"distinct_id": ["ann", "bob"], "plan": ["pro", None], "seats": [3, 1]})


def csv(path: Path) -> Path:
    PERSONS.write_csv(path.with_suffix(".csv"))
    return path.with_suffix(".csv")


def parquet(path: Path) -> Path:
    PERSONS.write_parquet(path.with_suffix(".parquet"))
    return path.with_suffix(".parquet")


def ndjson(path: Path) -> str:
    PERSONS.write_ndjson(path.with_suffix(".ndjson"))
    return str(path.with_suffix(".ndjson"))


SOURCES: dict[str, Callable[[Path], object]] = {
    "csv": csv,
    "parquet": parquet,
    "ndjson": ndjson,
    "polars": lambda path: PERSONS,
    "pandas": lambda path: PERSONS.to_pandas().set_index("distinct_id", drop=False),
    "pyarrow": lambda path: PERSONS.to_arrow(),
}


@pytest.mark.parametrize("source", SOURCES)
def test_persons_come_from_everywhere(lab: abduck.Lab, tmp_path: Path, source: str) -> None:
    report = lab.ingest_persons(SOURCES[source](tmp_path / "persons"))
    assert (report.read, report.rejected, report.new, report.changed) == (2, 0, 2, 2)
    assert (report.merges, report.data_version, report.rejects_file) == (0, 1, None)
    assert sum(file.read for file in report.files) == 2
    assert lab.person("ann").properties == {"plan": "pro", "seats": 3}
    assert lab.person("bob").properties == {"seats": 1}
    assert (lab.status().persons, lab.status().events) == (2, 0)


def said(plan: str, day: int) -> dict[str, object]:
    return {
        "event": "$set",
        "distinct_id": "ann",
        "timestamp": datetime(2025, 1, day, tzinfo=timezone.utc),
        "properties": f'{{"$set": {{"plan": "{plan}"}}, "$groups": {{"company": "acme"}}}}',
    }


def test_what_was_said_latest_counts(lab: abduck.Lab) -> None:
    report = lab.ingest(polars.DataFrame([said("event", 5)]))
    assert (report.changed_persons, report.changed_groups) == (1, 0)
    table = pandas.DataFrame({"visitor": ["ann"], "plan": ["table"]})
    before = lab.ingest_persons(table, distinct_id="visitor", as_of="2025-01-04")
    assert (before.changed, lab.person("ann").properties["plan"]) == (0, "event")
    lab.ingest_persons(table, distinct_id="visitor", as_of=datetime(2025, 1, 6, tzinfo=timezone.utc))
    assert lab.person("ann").properties["plan"] == "table"
    # Without a time, a table speaks of now.
    lab.ingest(polars.DataFrame([said("later", 7)]))
    lab.ingest_persons(table, distinct_id="visitor")
    assert lab.person("ann").properties["plan"] == "table"


def test_groups_have_types(lab: abduck.Lab) -> None:
    lab.ingest(polars.DataFrame([said("event", 5)]))
    report = lab.ingest_groups(pyarrow.table({"name": ["acme"], "size": [7]}), group_type="company", group_key="name")
    assert (report.new, report.changed) == (1, 1)
    assert lab.status().group_types == (abduck.GroupType(index=0, name="company", group_count=1),)
    assert lab.group("company", "acme") == abduck.Group("company", 0, "acme", {"size": 7})
    with pytest.raises(abduck.NotFoundError):
        lab.group("company", "beta")
    with pytest.raises(abduck.NotFoundError):
        lab.person("nobody")


def test_rows_that_cannot_be_taken_in_are_kept_aside(lab: abduck.Lab, tmp_path: Path) -> None:
    (tmp_path / "persons.csv").write_text("distinct_id,plan,timestamp\nann,pro,2025-01-01\nbob,pro,yesterday\n")
    report = lab.ingest_persons(tmp_path / "persons.csv")
    assert (report.read, report.rejected) == (2, 1)
    assert report.rejects_file is not None
    assert "timestamp cannot be read" in report.rejects_file.read_text()
    with pytest.raises(abduck.SchemaError):
        lab.ingest_persons(tmp_path / "persons.csv", strict=True)
    with pytest.raises(abduck.SchemaError, match="group_key"):
        lab.ingest_groups(PERSONS, group_type="company")
    with pytest.raises(abduck.InvalidError):
        lab.ingest_persons(PERSONS, as_of="soon")
    with pytest.raises(TypeError, match="__arrow_c_stream__"):
        lab.ingest_persons(3)  # type: ignore[arg-type]


def test_progress_is_told(lab: abduck.Lab, tmp_path: Path) -> None:
    seen: list[abduck.Progress] = []
    lab.ingest_persons(csv(tmp_path / "persons"), progress=seen.append)
    assert [progress.stage for progress in seen if progress.stage != "reading"] == ["storing", "committing"]
