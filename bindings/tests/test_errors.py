"""The tree of exceptions."""

import errno
import os
import pickle
import re
import sys
from pathlib import Path

import abduck
import polars
import pytest
from abduck import _engine, errors
from conftest import COLUMNS, EXPERIMENT

CLASSES = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, abduck.AbduckError)]
STANDARD = {
    "not_found": KeyError,
    "invalid": ValueError,
    "busy": TimeoutError,
    "schema": ValueError,
    "io": OSError,
    "bug": RuntimeError,
}


def test_every_kind_of_the_engine_has_its_exception() -> None:
    kinds = {each.kind for each in CLASSES if each is not abduck.AbduckError}
    assert len(kinds) == len(CLASSES) - 1 == 10
    assert kinds == set(_engine.ERROR_KINDS) - {"interrupted"}


def test_the_classes_that_the_engine_raises_exist() -> None:
    source = (Path(__file__).parent.parent / "src" / "errors.rs").read_text(encoding="utf-8")
    raised = re.findall(r'=> Some\("(\w+)"\)', source)
    assert len(raised) == 10
    assert set(raised) == {each.__name__ for each in CLASSES} - {"AbduckError"}


def test_exceptions_are_also_what_python_calls_them() -> None:
    for each in CLASSES:
        assert issubclass(each, STANDARD.get(each.kind, Exception))
        assert each.__name__ in abduck.__all__
        assert each.__doc__


@pytest.mark.parametrize("each", CLASSES)
def test_an_exception_shows_its_message_and_its_hints(each: type[abduck.AbduckError]) -> None:
    error = each("it's gone", hints=["look elsewhere"])
    assert str(error) == ("it's gone" if sys.version_info >= (3, 11) else "it's gone\nhint: look elsewhere")
    if sys.version_info >= (3, 11):
        assert error.__notes__ == ["hint: look elsewhere"]
    assert (error.code, error.hints, error.field) == (each.kind, ("look elsewhere",), None)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.hints, again.code) == (str(error), error.hints, error.code)


def test_not_found(lab: abduck.Lab) -> None:
    with pytest.raises(abduck.NotFoundError) as caught:
        lab.ingest("nowhere/*.parquet")
    assert caught.value.code == "not_found"
    assert caught.value.hints


def test_schema(lab: abduck.Lab) -> None:
    with pytest.raises(abduck.SchemaError, match="distinct_id"):
        lab.ingest(polars.DataFrame({"event": ["seen"]}))


def test_io(lab: abduck.Lab, tmp_path: Path) -> None:
    with pytest.raises(abduck.IoError) as caught:
        lab.ingest(polars.DataFrame(), mapping=tmp_path)
    assert (caught.value.errno, str(caught.value.filename)) == (errno.EISDIR, str(tmp_path))


def test_storage(lab: abduck.Lab) -> None:
    (lab.directory / "events.duckdb").write_bytes(b"no database" * 1000)
    with pytest.raises(abduck.StorageError):
        lab.status()


def test_query(lab: abduck.Lab, events: polars.DataFrame, tmp_path: Path) -> None:
    file = tmp_path / "events.parquet"
    events.write_parquet(file)
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    lab.attach(file, mapping=COLUMNS)
    # Damaged in a way that its size and time of change do not tell.
    content = bytearray(file.read_bytes())
    content[4 : len(content) // 2] = bytes(len(content) // 2 - 4)
    file.write_bytes(content)
    os.utime(file, ns=times)
    with pytest.raises(abduck.QueryError) as caught:
        lab.experiments.create(EXPERIMENT).results()
    assert caught.value.sql.startswith(("SELECT", "WITH"))
