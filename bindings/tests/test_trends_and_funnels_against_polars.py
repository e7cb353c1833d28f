"""Compatible trends and funnels over random logs, by abduck and as joins and aggregates in Polars: equal counts.

A third answer beside the engine and the slow oracle of its own tests. No person has two events at one instant, and
no event fits two steps, so that the order of rows says nothing.
"""

import json
import random
from datetime import timedelta
from typing import Any

import abduck
import polars as pl
import pytest
from conftest import START

LOGS = 4
PERSONS = 150
SEED = 20260128
HOURS = 5 * 24
END = START + timedelta(hours=HOURS)
VARIANTS = ["control", "test"]
AMOUNTS = {None: None, "many": None, "2.5": 2.5, 3: 3.0, 4: 4.0, -1: -1.0}


def any_log(chance: random.Random) -> pl.DataFrame:
    rows = []
    for person in range(PERSONS):
        for hour in chance.sample(range(-20, HOURS + 20), chance.randint(1, 12)):
            amount = chance.choice(list(AMOUNTS))
            rows.append(
                {
                    "person": f"p{person}",
                    "id": f"p{person}-{chance.randint(0, 1)}",
                    "name": chance.choice(["$feature_flag_called", "view", "view", "cart", "buy", "other"]),
                    "at": START + timedelta(hours=hour),
                    "carried": chance.choice(["control", "test", "test", "gone", None]),
                    "response": chance.choice(["control", "test", "gone"]),
                    "properties": amount,
                    "number": AMOUNTS[amount],
                }
            )
    chance.shuffle(rows)
    return pl.DataFrame(rows, schema_overrides={"properties": pl.Object, "at": pl.Datetime("us", "UTC")})


def ingest(lab: abduck.Lab, log: pl.DataFrame) -> None:
    def properties(row: dict[str, Any]) -> str:
        own = {"amount": row["properties"], "$feature/button": row["carried"], "$feature_flag": "button"}
        own["$feature_flag_response"] = row["response"]
        return json.dumps({key: value for key, value in own.items() if value is not None})

    lines = [
        {
            "event": row["name"],
            "distinct_id": row["id"],
            "person_id": row["person"],
            "timestamp": row["at"],
            "properties": properties(row),
        }
        for row in log.iter_rows(named=True)
    ]
    lab.ingest(pl.DataFrame(lines, schema_overrides={"timestamp": pl.Datetime("us", "UTC")}))


def result_of(lab: abduck.Lab, filters: dict[str, Any]) -> dict[str, Any]:
    """The result of an experiment that is made for it, and gone again."""
    experiment = lab.experiments.create(
        {
            "name": "Button",
            "feature_flag_key": "button",
            "start_date": START.isoformat(),
            "end_date": END.isoformat(),
            "filters": filters,
        }
    )
    result = experiment.results().to_dict()["result"]
    experiment.delete()
    return result


def inside(log: pl.DataFrame) -> pl.DataFrame:
    """Q-D1, Q-D2: both ends are inside."""
    return log.filter(pl.col("at").is_between(START, END))


@pytest.mark.parametrize("number", range(LOGS))
def test_trends_come_to_equal_counts(lab: abduck.Lab, number: int) -> None:
    """Q-T1, Q-T3 to Q-T5, Q-T8, Q-T10, Q-V1 to Q-V3, Q-X1, Q-X2, Q-X7, Q-X8."""
    log = any_log(random.Random(SEED + number))
    ingest(lab, log)
    events = inside(log).filter(pl.col("carried").is_in(VARIANTS))
    called = inside(log).filter((pl.col("name") == "$feature_flag_called") & pl.col("response").is_in(VARIANTS))
    exposed = dict(called.group_by("response").agg(pl.col("person").n_unique()).iter_rows())
    days = pl.col("at").dt.date()
    for name in ("view", "buy"):
        own = events.filter(pl.col("name") == name)
        first = own.group_by("carried", "person").agg(pl.col("at").min())
        for math, counts in {
            "total": own.group_by("carried").len(),
            "dau": first.group_by("carried").len(),
            "sum": own.group_by("carried").agg(pl.col("number").sum()),
            "avg": own.group_by("carried", days).agg(pl.col("number").mean()).group_by("carried").agg(pl.sum("number")),
            "max_count_per_actor": own.group_by("carried", days, "person")
            .len()
            .group_by("carried", "at")
            .agg(pl.col("len").max())
            .group_by("carried")
            .agg(pl.col("len").sum()),
        }.items():
            entity = {"id": name, "math": math} | ({"math_property": "amount"} if math in ("sum", "avg") else {})
            result = result_of(lab, {"insight": "TRENDS", "events": [entity]})
            got = {series["variant"]: series["count"] for series in result["insight"]}
            assert got == pytest.approx(dict(counts.iter_rows()), abs=1e-9), (name, math)
            exposures = {variant["key"]: variant["absolute_exposure"] for variant in result["variants"]}
            if math in ("total", "dau", "sum"):
                assert exposures == exposed, (name, math)
            else:
                assert exposures == dict(own.group_by("carried").agg(pl.col("person").n_unique()).iter_rows())


def funnel(log: pl.DataFrame, steps: list[str], window: timedelta) -> dict[str, list[int]]:
    """Persons per variant and step: of all starts the one that gets farthest, within the window of the first step."""
    events = inside(log).filter(pl.col("name").is_in(steps))
    # Q-F5, Q-F6: the variant of a person is the first value on any of the funnel's events.
    touched = events.filter(pl.col("carried").is_not_null()).sort("at")
    variants = touched.group_by("person", maintain_order=True).agg(pl.col("carried").first().alias("variant"))
    runs = events.filter(pl.col("name") == steps[0]).select("person", pl.col("at").alias("start"))
    runs = runs.with_columns(pl.col("start").alias("now"))
    reached = []
    for index, step in enumerate(steps):
        if index > 0:
            own = events.filter(pl.col("name") == step).select("person", "at")
            limit = pl.col("start") + window
            later = runs.join(own, on="person").filter(pl.col("at").is_between(pl.col("now"), limit))
            runs = later.group_by("person", "start").agg(pl.col("at").min().alias("now"))
        persons = runs.select("person").unique().join(variants, on="person")
        counts = dict(persons.filter(pl.col("variant").is_in(VARIANTS)).group_by("variant").len().iter_rows())
        reached.append(counts)
    return {variant: [counts.get(variant, 0) for counts in reached] for variant in reached[0]}


@pytest.mark.parametrize("number", range(LOGS))
def test_ordered_funnels_come_to_equal_counts(lab: abduck.Lab, number: int) -> None:
    """Q-F1 to Q-F7, Q-O1."""
    log = any_log(random.Random(SEED + 100 + number))
    ingest(lab, log)
    for steps in (["view", "buy"], ["view", "cart", "buy"], ["cart", "buy", "view", "other"]):
        for hours in (1, 8, 30, 400):
            filters = {
                "insight": "FUNNELS",
                "events": [{"id": step, "order": order} for order, step in enumerate(steps)],
                "funnel_window_interval": hours,
                "funnel_window_interval_unit": "hour",
            }
            insight = result_of(lab, filters)["insight"]
            got = {series["variant"]: [step["count"] for step in series["steps"]] for series in insight}
            assert got == funnel(log, steps, timedelta(hours=hours)), (steps, hours)
            assert sum(counts[0] for counts in got.values()) > 20
