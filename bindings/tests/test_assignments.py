"""The audit of assignments."""

import csv
import pickle
from datetime import timedelta
from pathlib import Path

import abduck
import polars
import pytest
from conftest import EXPERIMENT, START

FLAG = {
    "key": "checkout",
    "filters": {
        "groups": [{}],
        "multivariate": {
            "variants": [
                {"key": "control", "rollout_percentage": 50},
                {"key": "test", "rollout_percentage": 50},
            ]
        },
    },
}


@pytest.fixture
def audit(lab: abduck.Lab) -> abduck.AssignmentAudit:
    """Of 200 visitors, every tenth was given the other variant; the properties of events have it right."""
    rows = []
    for index in range(200):
        visitor = f"visitor-{index:03}"
        right = abduck.evaluate_flag(FLAG, visitor)
        assert right is not None
        wrong = "test" if right.value == "control" else "control"
        logged = wrong if index % 10 == 3 else right.value
        answer = {"$feature_flag": "checkout", "$feature_flag_response": logged}
        time = START + timedelta(minutes=index)
        rows.append({"event": "$feature_flag_called", "distinct_id": visitor, "timestamp": time, "properties": answer})
        carried = {"$feature/checkout": right.value}
        rows.append({"event": "viewed", "distinct_id": visitor, "timestamp": time, "properties": carried})
    lab.ingest(polars.DataFrame(rows))
    return lab.experiments.create(EXPERIMENT).audit(examples=3)


def test_planted_wrong_assignments_are_found(audit: abduck.AssignmentAudit) -> None:
    called, carried = audit.sources
    assert (called.source, called.ids, called.agreeing, called.disagreeing) == ("flag_called", 200, 180, 20)
    assert (carried.source, carried.agreement, carried.reasons) == ("event_property", 1.0, {})
    assert (audit.code, audit.agreement) == ("disagrees", 0.95)
    assert called.reasons == {"unexplained": 20}
    assert called.disagreeing_since == START + timedelta(minutes=3)
    assert called.disagreeing_until == START + timedelta(minutes=193)
    assert [example.distinct_id for example in audit.examples] == ["visitor-003", "visitor-013", "visitor-023"]
    assert audit.not_evaluable == ()
    assert audit.next_step is not None
    assert audit.as_of > START
    assert audit.experiment.name == "Checkout"


def test_rows_are_the_same_in_every_form(audit: abduck.AssignmentAudit) -> None:
    rows = audit.to_dicts()
    assert sum(row["assignments"] for row in rows) == 400
    assert audit.to_arrow().to_pylist() == rows
    assert audit.to_polars().to_dicts() == rows
    assert list(audit.to_pandas().columns) == list(rows[0])


def test_all_who_disagree_are_listed_in_a_file(lab: abduck.Lab, audit: abduck.AssignmentAudit, tmp_path: Path) -> None:
    file = tmp_path / "wrong.csv"
    again = lab.experiments.get("checkout").audit(examples=0, disagreements=file)
    assert again.examples == ()
    with file.open(newline="") as lines:
        listed = list(csv.DictReader(lines))
    assert len(listed) == 20
    first = min(listed, key=lambda row: row["first_seen"])
    assert first["distinct_id"] == audit.examples[0].distinct_id
    with pytest.raises(abduck.IoError):
        lab.experiments.get("checkout").audit(disagreements=tmp_path / "no" / "place.csv")


def test_an_audit_survives_json_and_pickle_and_cannot_be_changed(audit: abduck.AssignmentAudit) -> None:
    for again in [abduck.AssignmentAudit.from_json(audit.to_json()), pickle.loads(pickle.dumps(audit))]:
        assert again == audit
        assert hash(again) == hash(audit)
        assert again.to_dict() == audit.to_dict()
    assert audit != audit.to_dict()
    with pytest.raises(abduck.InvalidError):
        abduck.AssignmentAudit.from_json("{}")
    with pytest.raises(AttributeError):
        audit.code = "agrees"
    with pytest.raises(AttributeError):
        del audit._data


def test_an_audit_reads_as_a_report(audit: abduck.AssignmentAudit) -> None:
    for page in [repr(audit), audit._repr_html_()]:
        assert audit.verdict in page
        assert "visitor-003" in page


def test_a_draft_has_no_audit(lab: abduck.Lab) -> None:
    with pytest.raises(abduck.NotReadyError):
        lab.experiments.create(name="Draft", feature_flag_key="draft").audit()
