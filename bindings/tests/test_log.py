"""Who changed what, and when."""

import getpass
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import abduck
import pandas
import polars
import pyarrow
import pytest
from conftest import EXPERIMENT, START

COLUMNS = ["id", "at", "who", "operation", "noun", "noun_id", "before", "after"]


def test_every_change_has_who_made_it(tmp_path: Path) -> None:
    with abduck.init(tmp_path / "lab", by="ada") as lab:
        assert lab.by == "ada"
        lab.experiments.create(EXPERIMENT)
        assert lab.experiments["checkout"].created_by == lab.flags["checkout"].created_by == "ada"
    with abduck.open(tmp_path / "lab", by="bob") as lab:
        lab.settings = {"timezone": "Europe/Amsterdam"}
        lab.experiments["checkout"].archive()
        lab.cohorts.create("Testers", ["ann"])
        lab.flags["checkout"].update(active=False)
        log = lab.log()
    assert [(entry.who, entry.operation, entry.noun) for entry in log] == [
        ("ada", "create", "feature_flag"),
        ("ada", "create", "experiment"),
        ("bob", "update", "lab_settings"),
        ("bob", "archive", "experiment"),
        ("bob", "create", "cohort"),
        ("bob", "create", "cohort"),
        ("bob", "update", "feature_flag"),
    ]
    assert all(datetime.now(timezone.utc) - entry.at < timedelta(minutes=5) for entry in log)
    archived = log[3]
    assert archived.before is not None
    assert archived.after is not None
    assert (archived.before["archived"], archived.after["archived"]) == (False, True)
    assert log[0].before is None
    assert log[-1] == list(log)[-1]
    with pytest.raises(IndexError):
        log[7]


def test_by_default_the_user_makes_the_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with abduck.open(tmp_path / "lab", create=True) as lab:
        assert lab.by == getpass.getuser()
    monkeypatch.setattr(getpass, "getuser", lambda: "cem")
    with abduck.open(tmp_path / "lab") as lab:
        assert lab.by == "cem"
    with abduck.open(tmp_path / "other", create=True, by="dia") as lab:
        assert lab.by == "dia"

    def unknown() -> str:
        raise OSError if sys.version_info >= (3, 13) else KeyError

    monkeypatch.setattr(getpass, "getuser", unknown)
    with abduck.init(tmp_path / "third") as lab:
        assert lab.by is None
        assert lab.flags.create(key="menu").created_by is None
        assert lab.log()[0].who is None
        assert lab.log().to_polars()["who"].to_list() == [None]
    with pytest.raises(AttributeError):
        lab.by = "eve"  # type: ignore[misc]


def test_an_experiment_has_its_own_log(lab: abduck.Lab) -> None:
    lab.flags.create(key="menu")
    experiment = lab.experiments.create({**EXPERIMENT, "start_date": None, "end_date": None})
    experiment.launch(START).pause().resume().end(conclusion="lost")
    log = experiment.log()
    assert [(entry.operation, entry.noun) for entry in log if entry.noun == "experiment"] == [
        ("create", "experiment"),
        ("launch", "experiment"),
        ("pause", "experiment"),
        ("resume", "experiment"),
        ("end", "experiment"),
    ]
    assert {entry.noun_id for entry in log if entry.noun == "feature_flag"} == {experiment.flag.id}
    assert [entry.id for entry in log] == sorted(entry.id for entry in log)
    assert log[-1].after is not None
    assert log[-1].after["conclusion"] == "lost"


def test_the_log_is_limited_to_the_last_changes(lab: abduck.Lab) -> None:
    for number in range(105):
        lab.flags.create(key=f"flag-{number}")
    assert [entry.noun_id for entry in lab.log(3)] == [103, 104, 105]
    assert len(lab.log()) == 100
    assert len(lab.log(0)) == 0
    assert lab.log(0).to_polars().shape == (0, 8)
    with pytest.raises(OverflowError):
        lab.log(-1)


def test_the_log_becomes_a_frame(lab: abduck.Lab) -> None:
    lab.experiments.create(EXPERIMENT, name="Prüfung 😀").archive()
    log = lab.log()
    assert repr(log) == f"<AuditLog of {len(log)} changes>"
    assert log.to_dicts()[0]["at"] == log[0].at
    assert [*log.to_dicts()[0]] == COLUMNS
    frame = log.to_polars()
    assert frame.columns == COLUMNS
    assert frame["at"].dtype == polars.Datetime("us", "UTC")
    assert frame["at"].to_list() == [entry.at for entry in log]
    assert frame["before"].to_list()[:2] == [None, None]
    assert polars.Series([frame["after"][1]]).str.json_path_match("$.name").to_list() == ["Prüfung 😀"]
    assert log.to_arrow() == pyarrow.table(log)
    assert isinstance(log.to_pandas(), pandas.DataFrame)
    assert len({log[0], log[0]}) == 1
    with pytest.raises(AttributeError):
        log.entries = ()  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        del log._inner
