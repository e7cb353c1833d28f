"""Threads, processes, signals, and other libraries in the same process."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import abduck
import polars
import pytest
from conftest import COLUMNS, EXPERIMENT


def script(text: str, *arguments: object) -> subprocess.Popen[str]:
    """Another Python that runs the text, without this project's environment variables."""
    environment = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
    command = [sys.executable, "-c", textwrap.dedent(text), *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment)


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline() or output(process)


def output(process: subprocess.Popen[str]) -> str:
    text, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return text


def test_threads_share_a_lab(demo: abduck.Lab) -> None:
    def work(number: int) -> str:
        key = ["quick-checkout", "smart-search"][number % 2]
        return demo.experiments.get(key).results(refresh=number % 3 == 0).provenance.fingerprint

    with ThreadPoolExecutor(8) as pool:
        fingerprints = list(pool.map(work, range(40)))
    assert len(set(fingerprints)) == 2
    assert len(set(fingerprints[::2])) == 1


def test_other_threads_run_meanwhile(lab: abduck.Lab, big: Path) -> None:
    ticks: list[float] = []
    done = threading.Event()

    def tick() -> None:
        while not done.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.005)

    thread = threading.Thread(target=tick)
    thread.start()
    began = time.monotonic()
    lab.ingest(big)
    ended = time.monotonic()
    done.set()
    thread.join()
    during = [tick for tick in ticks if began < tick < ended]
    assert max(later - earlier for earlier, later in pairwise(during)) < 0.5


def test_a_lab_does_not_wait_for_itself(lab: abduck.Lab, events: polars.DataFrame) -> None:
    with pytest.raises(abduck.NotAllowedError, match="progress function"):
        lab.ingest(events, **COLUMNS, progress=lambda _: lab.status())
    assert lab.status().events == 0
    shown: list[str] = []
    lab.ingest(events, **COLUMNS, progress=lambda _: shown.append(repr(lab)))
    assert set(shown) == {repr(lab)}


def test_two_handles_see_the_same(lab: abduck.Lab, events: polars.DataFrame) -> None:
    experiment = lab.experiments.create(EXPERIMENT)
    with abduck.open(lab.directory) as other:
        other.ingest(events, **COLUMNS)
        assert other.experiments.get("checkout").results() == experiment.results()
        assert experiment.results().is_cached


def test_two_processes_see_the_same(lab: abduck.Lab, events: polars.DataFrame, tmp_path: Path) -> None:
    events.write_parquet(tmp_path / "events.parquet")
    experiment = lab.experiments.create(EXPERIMENT)
    ingest = """
        import sys, abduck
        lab = abduck.open(sys.argv[1])
        columns = dict(event="action", distinct_id="visitor", timestamp="at", flags={"checkout": "arm"})
        report = lab.ingest(sys.argv[2], **columns)
        print(report.stored, lab.experiments.get("checkout").results().provenance.fingerprint)
    """
    processes = [script(ingest, lab.directory, tmp_path / "events.parquet") for _ in range(2)]
    stored, fingerprints = zip(*(output(process).split() for process in processes), strict=True)
    assert sorted(map(int, stored)) == [0, len(events)]
    assert set(fingerprints) == {experiment.results().provenance.fingerprint}
    assert experiment.results().is_cached


def test_a_reader_waits_for_a_writer_in_another_process(lab: abduck.Lab, log: Path) -> None:
    hold = """
        import sys, time, abduck
        def wait(progress):
            print("holding", flush=True)
            time.sleep(1.5)
            raise SystemExit(0)
        abduck.open(sys.argv[1]).ingest(sys.argv[2], progress=wait)
    """
    process = script(hold, lab.directory, log)
    assert line(process) == "holding\n"
    with abduck.open(lab.directory, wait=0.2) as hasty, pytest.raises(abduck.BusyError) as caught:
        hasty.status()
    assert str(process.pid) in str(caught.value)
    assert lab.status().events == 0
    output(process)


def test_a_fork_must_open_the_lab_again(lab: abduck.Lab) -> None:
    use_after_fork = """
        import os, sys, abduck
        lab = abduck.open(sys.argv[1])
        child = os.fork()
        try:
            lab.status()
        except abduck.NotAllowedError:
            os._exit(7)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    assert output(script(use_after_fork, lab.directory)) == "7\n"


@pytest.fixture(scope="session")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log that takes a while."""
    path = tmp_path_factory.mktemp("big") / "big.parquet"
    rows = 1_000_000
    visitor = polars.int_range(rows, eager=True) % 200_000
    arm = polars.Series(["control", "test"])[(visitor % 2)]
    frame = polars.DataFrame(
        {
            "distinct_id": "v" + visitor.cast(polars.String),
            "event": polars.Series(["viewed", "bought"])[(polars.int_range(rows, eager=True) // 200_000) % 2],
            "timestamp": polars.datetime_range(
                polars.datetime(2025, 1, 1), polars.datetime(2025, 2, 1), "1s", time_zone="UTC", eager=True
            )[:rows],
            "$feature/checkout": arm,
        }
    )
    frame.write_parquet(path)
    return path


INTERRUPTED = """
    import sys, time, abduck
    lab = abduck.open(sys.argv[1])
    experiment = lab.experiments.get("checkout")
    {prepare}
    before = lab.status()
    print("ready", flush=True)
    try:
        while True:
            {work}
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    assert lab.status() == before
    {after}
    print("whole")
"""


@pytest.mark.parametrize(
    ("prepare", "work", "after"),
    [
        ("pass", "lab.ingest(sys.argv[2])", "assert lab.ingest(sys.argv[2]).stored > 0"),
        ("lab.ingest(sys.argv[2])", "experiment.results(refresh=True)", "experiment.results(refresh=True)"),
        ("lab.ingest(sys.argv[2])", "experiment.explain(run=True)", "experiment.explain(run=True)"),
    ],
    ids=["ingest", "results", "explain"],
)
def test_an_interrupt_leaves_the_lab_whole(lab: abduck.Lab, big: Path, prepare: str, work: str, after: str) -> None:
    lab.experiments.create(EXPERIMENT)
    text = textwrap.dedent(INTERRUPTED).format(prepare=prepare, work=work, after=after)
    process = script(text, lab.directory, big)
    assert line(process) == "ready\n"
    time.sleep(0.4)
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    assert line(process) == "interrupted\n"
    assert time.monotonic() - sent < 2
    assert output(process) == "whole\n"


@pytest.mark.parametrize("first", ["abduck", "duckdb"])
def test_the_module_needs_no_environment_and_gets_along_with_duckdb(first: str, tmp_path: Path) -> None:
    both = """
        import sys
        if sys.argv[1] == "abduck":
            import abduck
            lab = abduck.demo(sys.argv[2])
            import duckdb
        else:
            import duckdb
            assert duckdb.sql("SELECT sum(i) FROM range(100000) t(i)").fetchall() == [(4999950000,)]
            import abduck
            lab = abduck.demo(sys.argv[2])
        relation = duckdb.sql("SELECT 'a' AS distinct_id, 'seen' AS event, TIMESTAMP '2025-01-01' AS timestamp")
        assert lab.ingest(relation).stored == 1
        result = lab.experiments.get("quick-checkout").results()
        rows = result.to_arrow()
        assert duckdb.sql("SELECT count(*) FROM rows").fetchall() == [(2,)]
        duckdb.sql("CREATE TABLE kept AS SELECT * FROM range(1000000)")
        print(len(result.variants))
    """
    assert output(script(both, first, tmp_path / "lab")) == "2\n"
