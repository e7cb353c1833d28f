"""Runs the peers side by side on one log, checks that they agree, and prints how long each takes, in times of abduck.

Every peer answers in a process of its own, on two threads, with the log loaded before. One round warms up; then the
peers take turns, so that whatever else the machine does falls on all of them alike. Times are medians; beside them
stand the seconds of processor time, which other programs disturb less, and the largest memory of the process.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from generate import generate
from peers import PEERS, WORKLOADS, Rows


@dataclass(frozen=True)
class Measured:
    """How a peer did on a workload."""

    workload: str
    peer: str
    first_seconds: float
    wall_seconds: float
    processor_seconds: float
    memory_bytes: int
    rows: Rows


def serve(peer: str, log: Path, cache: Path) -> None:
    """Loads the log, then answers each workload that is asked for on a line of the standard input."""
    answers = os.fdopen(os.dup(1), "w")
    # What a peer prints while it loads is no answer.
    os.dup2(2, 1)
    folder = cache / peer
    loaded = folder / "loaded"
    is_new = not loaded.is_file()
    if is_new:
        # Also what is left of a load that was interrupted.
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    ask = PEERS[peer](log, folder, is_new)
    loaded.touch()
    for line in sys.stdin:
        wall, processor = time.perf_counter(), time.process_time()
        rows = ask(line.strip())
        told = {"wall": time.perf_counter() - wall, "processor": time.process_time() - processor, "rows": rows}
        told["memory"] = largest_memory()
        answers.write(json.dumps(told) + "\n")
        answers.flush()


def largest_memory() -> int:
    """The most memory that this process ever had, in bytes; `getrusage` would count that of its parent, too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


class Server:
    """A peer in a process of its own."""

    def __init__(self, peer: str, log: Path, cache: Path) -> None:
        command = [sys.executable, __file__, "--serve", peer, "--log", str(log), "--cache", str(cache)]
        environment = {**os.environ, "POLARS_MAX_THREADS": "2"}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def ask(self, workload: str) -> dict[str, Any]:
        """One answer with what it cost; `SystemExit` if the peer fails."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(workload + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"error: a peer failed on {workload}; what it said stands above")
        told: dict[str, Any] = json.loads(line)
        return told

    def close(self) -> None:
        """Lets it end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def measure(workload: str, names: list[str], log: Path, cache: Path, rounds: int) -> list[Measured]:
    """All peers on one workload, in turns."""
    servers = {name: Server(name, log, cache) for name in names}
    told: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for turn in range(rounds + 1):
        # Nobody always comes after the same neighbour.
        for name in names if turn % 2 == 0 else reversed(names):
            told[name].append(servers[name].ask(workload))
    for server in servers.values():
        server.close()

    def measured(name: str) -> Measured:
        warm = told[name][1:]
        return Measured(
            workload,
            name,
            told[name][0]["wall"],
            statistics.median(one["wall"] for one in warm),
            statistics.median(one["processor"] for one in warm),
            max(one["memory"] for one in told[name]),
            [tuple(row) for row in told[name][-1]["rows"]],
        )

    return [measured(name) for name in names]


def disagreement(one: Rows, other: Rows) -> str | None:
    """Where two answers differ; counts must be equal, and sums to ten digits, as everybody adds in another order."""
    if len(one) != len(other):
        return f"{len(one)} rows and {len(other)}"
    for row, same in zip(one, other, strict=True):
        fits = len(row) == len(same) and row[0] == same[0]
        if not fits or not all(math.isclose(a, b, rel_tol=1e-10) for a, b in zip(row[1:], same[1:], strict=True)):
            return f"{list(row)} and {list(same)}"
    return None


def table(results: list[Measured]) -> str:
    """The results as Markdown."""
    lines = [
        "| workload | who | seconds | processor seconds | memory, MB | times as long as abduck | by processor time |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    ours = {result.workload: result for result in results if result.peer == "abduck"}
    for result in results:
        base = ours[result.workload]
        lines.append(
            f"| {result.workload} | {result.peer} | {result.wall_seconds:.3f} | {result.processor_seconds:.3f} "
            f"| {result.memory_bytes / 1e6:,.0f} | {result.wall_seconds / base.wall_seconds:.1f} "
            f"| {result.processor_seconds / base.processor_seconds:.1f} |"
        )
    return "\n".join(lines)


def machine() -> dict[str, Any]:
    """Where this was measured, and with which versions."""
    models = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    packages = {name: version(name) for name in ("abduck", "chdb", "duckdb", "polars")}
    return {
        "processor": models[0] if models else platform.machine(),
        "processors": os.cpu_count(),
        "versions": packages,
    }


def main() -> None:
    """Parses the command line and runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cache", type=Path, required=True, help="where logs and loaded tables are kept")
    parser.add_argument("--json", type=Path, help="a file for the results")
    parser.add_argument("--only", nargs="*", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--serve", choices=list(PEERS), help=argparse.SUPPRESS)
    parser.add_argument("--log", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.log, options.cache)
        return
    made_by = b"".join((Path(__file__).parent / name).read_bytes() for name in ("generate.py", "peers.py"))
    cache = options.cache / f"{options.events}-{hashlib.sha256(made_by).hexdigest()[:8]}"
    cache.mkdir(parents=True, exist_ok=True)
    log = cache / "events.parquet"
    if not log.is_file():
        generate(options.events, log)
    names = [name for name in PEERS if name in options.only or name == "abduck"]
    results: list[Measured] = []
    for workload in WORKLOADS:
        measured = measure(workload, names, log, cache, options.rounds)
        for result in measured:
            difference = disagreement(measured[0].rows, result.rows)
            if difference:
                raise SystemExit(f"error: on {workload}, abduck and {result.peer} disagree: {difference}")
        results += measured
    where = machine()
    heading = f"{options.events:,} events, {where['processor']}, {where['versions']}"
    sys.stdout.write(f"{heading}\n\n{table(results)}\n")
    if options.json:
        rows = [{key: value for key, value in vars(result).items() if key != "rows"} for result in results]
        options.json.write_text(json.dumps({"events": options.events, **where, "results": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
