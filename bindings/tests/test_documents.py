"""Definitions as documents."""

from datetime import datetime, timezone
from pathlib import Path

import abduck
import pytest

SHOP = """\
kind: experiment
feature_flag_key: checkout
name: Checkout
holdout: Everyone
---
kind: holdout
name: Everyone
filters: [{rollout_percentage: 5}]
"""


def test_documents_come_as_text_files_folders_and_dictionaries(lab: abduck.Lab, tmp_path: Path) -> None:
    report = lab.apply(SHOP)
    assert [(change.kind, change.key, change.action) for change in report.changes] == [
        ("experiment", "checkout", "create"),
        ("holdout", "Everyone", "create"),
    ]
    assert (report.is_applied, report.dry_run) == (True, False)
    (tmp_path / "defs").mkdir()
    (tmp_path / "defs" / "shop.yaml").write_text(SHOP)
    for source in (tmp_path / "defs", str(tmp_path / "defs" / "shop.yaml"), lab.export()):
        assert repr(lab.apply(source)) == "applied 2 documents: 2 unchanged"
    documents = [
        {
            "kind": "experiment",
            "feature_flag_key": "checkout",
            "name": "Quick 😀",
            "holdout": "Everyone",
            "start_date": datetime(2025, 1, 1, tzinfo=timezone.utc),
        },
        {"kind": "flag", "key": "beta"},
    ]
    report = lab.apply(documents)
    assert [change.field for change in report.changes[0].changes] == ["name", "start_date"]
    assert report.changes[0].changes[0] == abduck.FieldChange("name", "Checkout", "Quick 😀")
    updated = '"Checkout" → "Quick 😀"; start_date: null → "2025-01-01T00:00:00Z"'
    assert repr(report).splitlines() == [
        "applied 2 documents: 1 created, 1 updated",
        f"  update     experiment 'checkout'  name: {updated}",
        "  create     flag 'beta'",
    ]


def test_a_dry_run_changes_nothing_and_tells_refusals(lab: abduck.Lab) -> None:
    text = SHOP.replace("holdout: Everyone", "holdot: Everyone")
    report = lab.apply(text, dry_run=True)
    refused = report.changes[0]
    assert (refused.action, refused.place, refused.hints) == ("refuse", "text:4:1", ("did you mean 'holdout'?",))
    assert "text:4:1: unknown field 'holdot'" in repr(report)
    with pytest.raises(abduck.InvalidError, match="1 of 2 documents refused, nothing was changed"):
        lab.apply(text)
    assert lab.export() == ""
    with pytest.raises(abduck.InvalidError, match="text:2:1: the key 'kind' is given twice"):
        lab.apply("kind: flag\nkind: flag\n")
    with pytest.raises(abduck.NotFoundError):
        lab.apply("nowhere.yaml")
    with pytest.raises(TypeError, match="cannot hold object"):
        lab.apply({"kind": "flag", "key": object()})


def test_definitions_are_written_to_files(lab: abduck.Lab, tmp_path: Path) -> None:
    lab.apply(SHOP)
    written = lab.export_to(tmp_path / "defs")
    assert [file.name for file in written] == ["everyone.yaml", "checkout.yaml"]
    assert written[1].read_text() == lab.export("checkout")
    assert lab.export_to(tmp_path / "defs") == []
    written[1].write_text("other")
    with pytest.raises(abduck.NotAllowedError):
        lab.export_to(tmp_path / "defs", "checkout")
    assert lab.export_to(tmp_path / "defs", "checkout", force=True) == [written[1]]
    with abduck.init(tmp_path / "other") as other:
        other.apply(tmp_path / "defs")
        assert other.export() == lab.export()
