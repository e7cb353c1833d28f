"""The peers: how each loads the log, and how it answers a workload. All mean the same.

A person is exposed by `$feature_flag_called` of the flag; who saw two variants is left out. In the funnel any
exposure may start, the steps follow in order, and all happen within the window of that start. Revenue counts from the
first exposure on. Every answer is a list of rows: variant, persons, then persons per step, or revenue.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from generate import FLAG, STEPS, VARIANTS, WINDOW_DAYS

Rows = list[tuple[Any, ...]]
Ask = Callable[[str], Rows]
_WINDOW = WINDOW_DAYS * 86_400_000_000
_START, _END = datetime.datetime(2025, 1, 1), datetime.datetime(2025, 3, 2)


def abduck(log: Path, folder: Path, is_new: bool) -> Ask:
    """This engine, through its Python package; results are computed anew each time."""
    import abduck as package

    lab = package.open(folder / "lab", create=is_new)
    if is_new:
        lab.ingest(log, mapping={"timestamp": "timestamp", "properties": "properties"})
        parameters = [
            {"key": key, "rollout_percentage": share} for key, share in zip(VARIANTS, (34, 33, 33), strict=True)
        ]
        lab.experiments.create(
            {
                "name": "Checkout",
                "feature_flag_key": FLAG,
                "start_date": _START.isoformat() + "Z",
                "end_date": _END.isoformat() + "Z",
                "parameters": {"feature_flag_variants": parameters},
            }
        )
    experiment = lab.experiments.get(FLAG)
    node = [{"kind": "EventsNode", "event": event} for event in STEPS]
    metrics = {
        "funnel": {
            "metric_type": "funnel",
            "series": node,
            "conversion_window": WINDOW_DAYS,
            "conversion_window_unit": "day",
        },
        "revenue": {"metric_type": "mean", "source": {**node[-1], "math": "sum", "math_property": "amount"}},
    }

    def ask(workload: str) -> Rows:
        variants = json.loads(experiment.try_metric(metrics[workload]).to_json())["result"]["variants"]
        if workload == "revenue":
            return sorted((row["key"], row["number_of_samples"], row["sum"]) for row in variants)
        return sorted((row["key"], row["number_of_samples"], *row["step_counts"]) for row in variants)

    return ask


_EXPOSURE = f"event = '$feature_flag_called' AND flag = '{FLAG}'"
_NAMES = ", ".join(f"'{step}'" for step in STEPS)


def clickhouse(log: Path, folder: Path, is_new: bool, *, tuned: bool = False) -> Ask:
    """ClickHouse in the process (chDB): the reference's sorting key, or one made for the question."""
    from chdb.session import Session

    session = Session(str(folder / "session"))
    key = "person_id, ts" if tuned else "toDate(ts), event, cityHash64(person_id)"
    if is_new:
        session.query("CREATE DATABASE IF NOT EXISTS bench ENGINE = Atomic")
        session.query(
            "CREATE TABLE bench.events (event LowCardinality(String), person_id UInt32, ts DateTime64(6, 'UTC'), "
            "flag LowCardinality(String), response LowCardinality(String), amount Float64) "
            f"ENGINE = MergeTree ORDER BY ({key})"
        )
        session.query(
            "INSERT INTO bench.events SELECT event, person_id, timestamp, ifNull(flag, ''), ifNull(response, ''), "
            f"ifNull(amount, 0) FROM file('{log}', Parquet)"
        )
        session.query("OPTIMIZE TABLE bench.events FINAL")
    steps = ", ".join(f"event = '{step}'" for step in STEPS)
    counts = ", ".join(f"countIf(depth >= {step + 2})" for step in range(len(STEPS)))
    head = (
        f"minIf(response, {_EXPOSURE}) AS v, maxIf(response, {_EXPOSURE}) AS other, countIf({_EXPOSURE}) AS exposures"
    )
    texts = {
        "funnel": f"""SELECT v, count(), {counts} FROM (
            SELECT person_id, {head},
                windowFunnel({_WINDOW})(toUInt64(toUnixTimestamp64Micro(ts)), {_EXPOSURE}, {steps}) AS depth
            FROM bench.events WHERE event IN ({_NAMES}) OR ({_EXPOSURE})
            GROUP BY person_id HAVING exposures > 0 AND v = other) GROUP BY v ORDER BY v""",
        "revenue": f"""SELECT v, count(), sum(revenue) FROM (
            SELECT person_id, {head}, minIf(ts, {_EXPOSURE}) AS first,
                groupArrayIf((ts, amount), event = 'purchase') AS all,
                arraySum(one -> one.2, arrayFilter(one -> one.1 >= first, all)) AS revenue
            FROM bench.events WHERE event = 'purchase' OR ({_EXPOSURE})
            GROUP BY person_id HAVING exposures > 0 AND v = other) GROUP BY v ORDER BY v""",
    }
    settings = " SETTINGS max_threads = 2, use_query_condition_cache = 0"

    def ask(workload: str) -> Rows:
        text = session.query(texts[workload] + settings, "JSONCompact").data()
        return [(row[0], *(float(value) for value in row[1:])) for row in json.loads(text)["data"]]

    return ask


def clickhouse_tuned(log: Path, folder: Path, is_new: bool) -> Ask:
    """ClickHouse with the events in order of persons."""
    return clickhouse(log, folder, is_new, tuned=True)


def duckdb_sql(log: Path, folder: Path, is_new: bool) -> Ask:
    """DuckDB with plain SQL: of six forms that were tried, the fastest on a log in order of time."""
    import duckdb

    connection = duckdb.connect(str(folder / "events.duckdb"))
    connection.execute("SET threads = 2")
    if is_new:
        connection.execute(
            "CREATE TABLE events AS SELECT event, CAST(person_id AS UINTEGER) AS person_id, epoch_us(timestamp) AS ts, "
            f"flag, response, amount FROM '{log}'"
        )
    exposed = f"""SELECT person_id, min(ts) AS first, min(response) AS v
        FROM events WHERE {_EXPOSURE} GROUP BY 1 HAVING min(response) = max(response)"""
    numbers = " ".join(f"WHEN event = '{step}' THEN {index + 1}" for index, step in enumerate(STEPS))
    counts = ", ".join(f"count(*) FILTER (WHERE depth >= {index + 1})" for index in range(len(STEPS)))
    # Each level keeps, per start that is still alive, the earliest event that goes on.
    texts = {
        "funnel": f"""WITH RECURSIVE exposed AS MATERIALIZED ({exposed}),
            step AS MATERIALIZED (SELECT person_id, ts, CASE WHEN {_EXPOSURE} THEN 0 {numbers} END AS step
                FROM events WHERE event IN ({_NAMES}) OR ({_EXPOSURE})),
            chain(person_id, start, ts, depth) AS (
                SELECT person_id, ts, ts, 0 FROM step WHERE step = 0 UNION ALL
                SELECT c.person_id, c.start, min(s.ts), c.depth + 1
                FROM chain AS c JOIN step AS s ON s.person_id = c.person_id
                    AND s.step = c.depth + 1 AND s.ts > c.ts AND s.ts <= c.start + {_WINDOW}
                GROUP BY c.person_id, c.start, c.depth),
            reached AS (SELECT person_id, max(depth) AS depth FROM chain GROUP BY 1)
            SELECT v, count(*), {counts} FROM exposed JOIN reached USING (person_id) GROUP BY 1 ORDER BY 1""",
        "revenue": f"""WITH exposed AS ({exposed}),
            each AS (SELECT v, person_id, coalesce(sum(amount), 0) AS revenue FROM exposed LEFT JOIN
                (SELECT person_id, ts, amount FROM events WHERE event = 'purchase') AS e USING (person_id)
                WHERE ts IS NULL OR ts >= first GROUP BY 1, 2)
            SELECT v, (SELECT count(*) FROM exposed AS x WHERE x.v = each.v), sum(revenue)
            FROM each GROUP BY 1 ORDER BY 1""",
    }
    return lambda workload: connection.execute(texts[workload]).fetchall()


def polars(log: Path, folder: Path, is_new: bool) -> Ask:
    """Polars over the Parquet file: the latest start that reached each step, carried forward."""
    import polars as pl

    del folder, is_new  # It has no store of its own.
    exposure = (pl.col("event") == "$feature_flag_called") & (pl.col("flag") == FLAG)
    rows = pl.scan_parquet(log).select(
        "event", "person_id", pl.col("timestamp").dt.epoch("us").alias("ts"), "flag", "response", "amount"
    )
    exposed = (
        rows.filter(exposure)
        .group_by("person_id")
        .agg(
            pl.col("ts").min().alias("first"),
            pl.col("response").min().alias("v"),
            pl.col("response").max().alias("other"),
        )
        .filter(pl.col("v") == pl.col("other"))
        .drop("other")
    )

    def carried(frame: pl.LazyFrame, name: str, where: pl.Expr, value: pl.Expr) -> pl.LazyFrame:
        # Carrying over the whole frame and asking whose it was is faster than carrying person by person.
        owner = pl.when(where).then(pl.col("person_id")).forward_fill()
        frame = frame.with_columns(pl.when(where).then(value).forward_fill().alias(name), owner.alias("owner"))
        own = pl.when(pl.col("owner") == pl.col("person_id")).then(pl.col(name))
        return frame.with_columns(own.alias(name)).drop("owner")

    def funnel() -> Rows:
        frame = rows.filter(exposure | pl.col("event").is_in(STEPS)).sort("person_id", "ts")
        frame = carried(frame, "start0", exposure, pl.col("ts"))
        for index, step in enumerate(STEPS):
            before = pl.col(f"start{index}")
            reaches = (pl.col("event") == step) & (pl.col("ts") - before <= _WINDOW)
            frame = carried(frame, f"start{index + 1}", reaches.fill_null(value=False), before)
        reached = [pl.col(f"start{index + 1}").is_not_null().any() for index in range(len(STEPS))]
        persons = exposed.join(frame.group_by("person_id").agg(*reached), on="person_id")
        counts = [pl.col(f"start{index + 1}").sum() for index in range(len(STEPS))]
        return persons.group_by("v").agg(pl.len().alias("n"), *counts).sort("v").collect().rows()

    def revenue() -> Rows:
        bought = rows.filter(pl.col("event") == "purchase").select("person_id", "ts", "amount")
        each = exposed.join(bought, on="person_id", how="left").with_columns(
            pl.when(pl.col("ts") >= pl.col("first")).then(pl.col("amount")).otherwise(0.0).alias("amount")
        )
        persons = each.group_by("person_id").agg(pl.col("v").first(), pl.col("amount").sum())
        return persons.group_by("v").agg(pl.len(), pl.col("amount").sum()).sort("v").collect().rows()

    return lambda workload: {"funnel": funnel, "revenue": revenue}[workload]()


PEERS: dict[str, Callable[[Path, Path, bool], Ask]] = {
    "abduck": abduck,
    "ClickHouse, the reference's key": clickhouse,
    "ClickHouse, in order of persons": clickhouse_tuned,
    "DuckDB SQL": duckdb_sql,
    "Polars": polars,
}
WORKLOADS = ("funnel", "revenue")
