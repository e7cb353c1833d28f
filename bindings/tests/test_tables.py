"""Tables of a lab that are no events."""

from pathlib import Path

import abduck
import polars
import pytest

PAYMENTS = polars.DataFrame({"customer": ["c1", "c2"], "paid_at": ["2025-01-02", "soon"], "amount": [3.5, 4.0]})


def test_files_and_frames_make_the_same_table(lab: abduck.Lab, tmp_path: Path) -> None:
    assert lab.tables.list() == ()
    PAYMENTS.write_parquet(tmp_path / "payments.parquet")
    report = lab.tables.load("payments", tmp_path / "payments.parquet", timestamp="paid_at")
    assert (report.replaced, report.unreadable_timestamps, report.table.rows) == (False, 1, 2)
    assert dict(report.table.columns) == {"customer": "VARCHAR", "paid_at": "VARCHAR", "amount": "DOUBLE"}
    for frame in (PAYMENTS, PAYMENTS.to_arrow(), PAYMENTS.to_pandas()):
        again = lab.tables.load("payments", frame)
        assert (again.replaced, again.unreadable_timestamps, again.table) == (True, None, report.table)
    assert lab.tables.list() == (report.table,)
    assert lab.status().data_version == again.data_version


def test_a_table_can_be_dropped(lab: abduck.Lab) -> None:
    lab.tables.load("payments", PAYMENTS)
    assert lab.tables.drop("payments") > 0
    assert lab.tables.list() == ()
    with pytest.raises(abduck.NotFoundError):
        lab.tables.drop("payments")


def test_what_is_refused_changes_nothing(lab: abduck.Lab) -> None:
    report = lab.tables.load("payments", PAYMENTS)
    with pytest.raises(abduck.SchemaError, match="has no rows"):
        lab.tables.load("payments", PAYMENTS.head(0))
    with pytest.raises(abduck.InvalidError, match="has no column 'paid'"):
        lab.tables.load("payments", PAYMENTS, timestamp="paid")
    with pytest.raises(abduck.NotFoundError):
        lab.tables.load("payments", "nothing.csv")
    assert lab.tables.list() == (report.table,)
