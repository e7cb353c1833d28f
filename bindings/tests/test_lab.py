"""Opening labs, their settings and their state."""

import dataclasses
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import abduck
import polars
import pytest
from conftest import COLUMNS, EXPERIMENT


def test_a_lab_is_made_once_and_opened_often(tmp_path: Path) -> None:
    place = tmp_path / "lab"
    with pytest.raises(abduck.NotFoundError):
        abduck.open(place)
    with abduck.open(place, create=True) as lab:
        assert lab.directory == place
        assert repr(lab) == f"<abduck.Lab {str(place)!r}, open>"
    assert repr(lab).endswith("closed>")
    with abduck.open(str(place)) as lab:
        assert lab.status().events == 0
    with pytest.raises(abduck.NotAllowedError):
        abduck.init(place)


def test_a_closed_lab_refuses_everything(lab: abduck.Lab) -> None:
    lab.close()
    lab.close()
    with pytest.raises(abduck.NotAllowedError, match="closed"):
        lab.status()


def test_creating_does_not_hide_other_failures(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").write_text("no database, but longer than the header of one " * 9)
    with pytest.raises(abduck.StorageError) as caught:
        abduck.open(tmp_path, create=True)
    assert Path(str(caught.value.path)).name == "catalog.sqlite"


@pytest.mark.parametrize("wait", [-1.0, float("nan"), 1e300])
def test_the_time_to_wait_must_make_sense(tmp_path: Path, wait: float) -> None:
    with pytest.raises(abduck.InvalidError) as caught:
        abduck.init(tmp_path / "lab", wait=wait)
    assert caught.value.field == "wait"


def test_settings_are_replaced(lab: abduck.Lab) -> None:
    assert lab.settings == abduck.Settings()
    lab.settings = dataclasses.replace(lab.settings, timezone="Europe/Amsterdam", week_start_day="monday")
    assert lab.settings == abduck.Settings(timezone="Europe/Amsterdam", week_start_day="monday")
    staff = {"key": "email", "value": "@shop.example", "operator": "not_icontains", "type": "event"}
    lab.settings = {"test_account_filters": [staff]}
    assert lab.settings == abduck.Settings(test_account_filters=(staff,))
    with pytest.raises(abduck.InvalidError, match="Mars"):
        lab.settings = {"timezone": "Mars/Olympus"}
    with pytest.raises(abduck.InvalidError, match="time_zone"):
        lab.settings = {"time_zone": "UTC"}
    assert lab.settings == abduck.Settings(test_account_filters=(staff,))


def test_the_status_tells_what_is_there(lab: abduck.Lab, events: polars.DataFrame) -> None:
    empty = lab.status()
    assert (empty.events, empty.persons, empty.first_event, empty.data_version) == (0, 0, None, 0)
    lab.ingest(events, **COLUMNS)
    status = lab.status()
    assert (status.events, status.persons, status.data_version) == (len(events), 400, 1)
    assert (status.first_event, status.last_event) == (events["at"].min(), events["at"].max())
    assert status.attached_changes == {}
    assert lab.event_names() == dict(events["action"].value_counts().iter_rows())
    assert list(lab.event_names(1)) == ["assigned"]


def test_attached_files_are_part_of_the_events(lab: abduck.Lab, events: polars.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    events.write_parquet(tmp_path / "files" / "a.parquet")
    report = lab.attach(tmp_path / "files" / "*.parquet", mapping=COLUMNS)
    assert (report.files, report.events, report.rejected) == (1, len(events), 0)
    experiment = lab.experiments.create(EXPERIMENT)
    attached = experiment.results()
    with pytest.raises(abduck.NotAllowedError):
        lab.attach(tmp_path / "files" / "*.parquet", mapping=COLUMNS)

    more = events.with_columns(visitor="more " + polars.col("visitor"), at=polars.col("at") + timedelta(days=1))
    more.write_parquet(tmp_path / "files" / "b.parquet")
    assert lab.status().attached_changes == {str(tmp_path / "files" / "b.parquet"): "appeared"}
    assert experiment.results().variants[0].units == 2 * attached.variants[0].units
    assert lab.detach(tmp_path / "files" / "*.parquet") == lab.status().data_version
    assert lab.status().events == 0
    with pytest.raises(abduck.NotFoundError):
        lab.detach(tmp_path / "files" / "*.parquet")


def test_the_sample_comes_with_its_truth(log: Path) -> None:
    truth = json.loads((log.parent / "shop.truth.json").read_text(encoding="utf-8"))
    frame = polars.read_parquet(log)
    assert len(frame) == truth["rows"]
    assert frame["uuid"].n_unique() == truth["events"]


def test_the_demo_finds_what_was_planted(demo: abduck.Lab, log: Path) -> None:
    truth = json.loads((log.parent / "shop.truth.json").read_text(encoding="utf-8"))
    assert demo.status().events == truth["events"]
    assert demo.status().persons == truth["persons"]
    assert {experiment.name for experiment in demo.experiments} == {each["name"] for each in truth["experiments"]}
    for flag in truth["flags"]:
        result = demo.experiments.get(flag["key"]).results()
        assert result.undecided is None
        assert {row.variant for row in result.variants} == {variant["key"] for variant in flag["variants"]}
        for row in result.variants:
            assert row.rate_ci_lower < row.rate < row.rate_ci_upper


def test_a_lab_may_be_asked_before_it_has_events(lab: abduck.Lab) -> None:
    result = lab.experiments.create(EXPERIMENT).results(as_of=datetime(2025, 4, 1, tzinfo=timezone.utc))
    assert result.undecided is not None
    assert result.undecided.no_events
