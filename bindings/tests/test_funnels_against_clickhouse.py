"""Ordered funnels over random logs, computed here and by ClickHouse's windowFunnel: equal counts.

ClickHouse comes as the package chdb, which the tests do not require: without it this file is skipped. What differs by
design does not occur in the logs: equal timestamps of one person (Q-F8), and events that match several steps (Q-F9).
"""

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import abduck
import polars
import pytest
from conftest import START

clickhouse = pytest.importorskip("chdb.session", reason="chdb is not installed: no ClickHouse to compare with")

LOGS = 5
PERSONS = 400
SEED = 20241201
NAMES = ["A", "B", "C", "D", "other"]
VARIANTS = ["control", "test", "foreign", ""]
WINDOWS_SECONDS = [1, 7, 30, 3_600]


def any_log(chance: random.Random) -> polars.DataFrame:
    rows = []
    for person in range(PERSONS):
        variant = chance.choice(VARIANTS)
        seconds = chance.sample(range(60), chance.randint(1, 14))
        rows += [
            {
                "person": f"p{person}",
                "name": chance.choice(NAMES),
                "second": second,
                "at": START + timedelta(seconds=second),
                "variant": variant,
            }
            for second in seconds
        ]
    return polars.DataFrame(rows).sample(fraction=1, shuffle=True, seed=chance.randrange(1_000))


def by_clickhouse(session: object, log: Path, steps: list[str], window: int) -> dict[str, list[int]]:
    conditions = ", ".join(f"name = '{step}'" for step in steps)
    reached = ", ".join(f"countIf(level >= {step + 1})" for step in range(len(steps)))
    query = f"""
        SELECT variant, {reached} FROM (
            SELECT person, any(variant) AS variant, windowFunnel({window})(toUInt32(second), {conditions}) AS level
            FROM file('{log}', Parquet) GROUP BY person
        ) WHERE variant IN ('control', 'test') AND level > 0 GROUP BY variant FORMAT TSV"""
    lines = str(session.query(query)).splitlines()  # type: ignore[attr-defined]
    return {variant: [int(count) for count in counts] for variant, *counts in map(str.split, lines)}


def by_abduck(lab: abduck.Lab, steps: list[str], window: int) -> dict[str, list[int]]:
    experiment = lab.experiments.create(
        {
            "name": "Checkout",
            "feature_flag_key": f"within-{window}",
            "start_date": START.isoformat(),
            "end_date": (START + timedelta(days=1)).isoformat(),
            "filters": {
                "insight": "FUNNELS",
                "events": [{"id": step, "order": order} for order, step in enumerate(steps)],
                "funnel_window_interval": window,
                "funnel_window_interval_unit": "second",
            },
        }
    )
    insight = experiment.results().to_dict()["result"]["insight"]
    return {series["variant"]: [step["count"] for step in series["steps"]] for series in insight}


@pytest.fixture(scope="module")
def session() -> Iterator[object]:
    session = clickhouse.Session()
    yield session
    session.close()


@pytest.mark.parametrize("number", range(LOGS))
def test_ordered_funnels_agree_with_clickhouse(session: object, lab: abduck.Lab, tmp_path: Path, number: int) -> None:
    chance = random.Random(SEED + number)
    events = any_log(chance)
    file = tmp_path / "log.parquet"
    events.write_parquet(file)
    flags = {f"within-{window}": "variant" for window in WINDOWS_SECONDS}
    lab.ingest(events, event="name", distinct_id="person", timestamp="at", flags=flags)
    for window in WINDOWS_SECONDS:
        steps = chance.sample(NAMES[:4], chance.randint(1, 4))
        counts = by_abduck(lab, steps, window)
        assert counts == by_clickhouse(session, file, steps, window), (steps, window)
        assert set(counts) == {"control", "test"}
