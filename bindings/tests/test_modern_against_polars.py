"""Modern metrics over random logs, computed by abduck and as joins and aggregates in Polars: equal sums.

A third answer beside the engine's kernels and the slow oracle of its own tests. What the rules leave to the order of
rows does not occur in the logs: no person has two events at one instant.
"""

import dataclasses
import json
import random
from datetime import timedelta
from itertools import pairwise
from typing import Any

import abduck
import polars as pl
import pytest
from conftest import START

LOGS = 4
PERSONS = 120
SEED = 20260127
HOURS = 6 * 24
END = START + timedelta(hours=HOURS)
AS_OF = START + timedelta(hours=HOURS + 30)
ZONE = "Europe/Berlin"
LOOK_BACK = timedelta(days=14)
AMOUNTS = [None, "many", "2.5", "1e1", 3, 4, 7, -2]
NUMBERS = {None: 0.0, "many": 0.0, "2.5": 2.5, "1e1": 10.0, 3: 3.0, 4: 4.0, 7: 7.0, -2: -2.0}


def any_log(chance: random.Random) -> pl.DataFrame:
    """Whole hours, so that windows often end at an event; some before the experiment, some after it."""
    rows = []
    for person in range(PERSONS):
        for hour in chance.sample(range(-40, HOURS + 40), chance.randint(1, 14)):
            name = chance.choice(["$feature_flag_called"] * 4 + ["view"] * 3 + ["buy"] * 3 + ["back"] * 2)
            rows.append(
                {
                    "person": f"p{person}",
                    "id": f"p{person}-{chance.randint(0, 1)}",
                    "name": name,
                    "at": START + timedelta(hours=hour),
                    "variant": chance.choice(["control", "control", "test", "test", "test", "gone"]),
                    "amount": chance.choice(AMOUNTS),
                    "session": chance.choice([None, "s1", "s2", "s3"]),
                    "internal": chance.random() < 0.15,
                }
            )
    chance.shuffle(rows)
    schema = {"amount": pl.Object, "at": pl.Datetime("us", "UTC")}
    frame = pl.DataFrame(rows, schema_overrides=schema)
    number = pl.Series("number", [NUMBERS[row["amount"]] for row in rows], dtype=pl.Float64)
    return frame.with_columns(number)


def ingest(lab: abduck.Lab, log: pl.DataFrame) -> None:
    def properties(row: dict[str, Any]) -> dict[str, Any]:
        own = {"amount": row["amount"], "internal": row["internal"], "$session_id": row["session"]}
        if row["name"] == "$feature_flag_called":
            own |= {"$feature_flag": "button", "$feature_flag_response": row["variant"]}
        return {key: value for key, value in own.items() if value is not None}

    lines = [
        {
            "event": row["name"],
            "distinct_id": row["id"],
            "person_id": row["person"],
            "timestamp": row["at"],
            "properties": json.dumps(properties(row)),
        }
        for row in log.iter_rows(named=True)
    ]
    lab.ingest(pl.DataFrame(lines, schema_overrides={"timestamp": pl.Datetime("us", "UTC")}))


class Polars:
    """The rules as relations: exposed units, their windows, and what lies in them."""

    def __init__(self, log: pl.DataFrame, case: dict[str, Any]) -> None:
        self.case = case
        self.window = timedelta(hours=case["window"]) if case["window"] else None
        log = log.drop("amount").filter(pl.col("at") <= AS_OF)
        # M-11: test accounts are in nothing.
        self.log = log.filter(~pl.col("internal")) if case["filter_test_accounts"] else log
        # M-10, M-11: the flag's own events in the experiment's time, both ends inside, with a known variant.
        self.exposures = self.log.filter(
            (pl.col("name") == "$feature_flag_called")
            & pl.col("variant").is_in(["control", "test"])
            & pl.col("at").is_between(START, END)
        )
        # M-12, M-13: one row per unit.
        units = self.exposures.group_by("person").agg(
            pl.col("at").min().alias("first"),
            pl.col("at").max().alias("last"),
            pl.col("variant").n_unique().alias("seen"),
            pl.col("variant").sort_by("at").first(),
        )
        if not case["first_seen"]:
            units = units.filter(pl.col("seen") == 1)
        reach = (self.window or timedelta()) + timedelta(days=case["metric"].get("retention_window_end", 0))
        if case["matured"] and reach:
            # M-15
            units = units.filter(pl.col("first") + reach <= AS_OF)
        self.units = units

    def inside(self) -> pl.DataFrame:
        """Events from the first exposure on, until the end or the window's (M-21)."""
        joined = self.log.drop("variant").join(self.units, on="person")
        end = pl.col("at") <= END if self.window is None else pl.col("at") < pl.col("last") + self.window
        return joined.filter((pl.col("at") >= pl.col("first")) & end)

    def before(self) -> pl.DataFrame:
        """Events in the look-back before the first exposure (M-61)."""
        joined = self.log.drop("variant").join(self.units, on="person")
        return joined.filter((pl.col("at") < pl.col("first")) & (pl.col("at") >= pl.col("first") - LOOK_BACK))

    @staticmethod
    def aggregate(events: pl.DataFrame, source: dict[str, Any], name: str) -> pl.DataFrame:
        """One number per unit that has events (M-20)."""
        number = pl.col("number")
        how = {
            "total": pl.len().cast(pl.Float64),
            "dau": pl.lit(1.0),
            "sum": number.sum(),
            "avg": number.mean(),
            "min": number.min(),
            "max": number.max(),
            "unique_session": pl.col("session").drop_nulls().n_unique().cast(pl.Float64),
        }
        of_source = events if source["event"] is None else events.filter(pl.col("name") == source["event"])
        return of_source.group_by("person").agg(how[source["math"]].alias(name))

    def values(self) -> pl.DataFrame:
        """Per unit its value, and what stands beside it: a covariate or a denominator."""
        metric = self.case["metric"]
        kind = metric["metric_type"]
        if kind == "mean":
            parts = [self.aggregate(self.inside(), metric["source"], "value")]
            if self.case["cuped"]:
                parts.append(self.aggregate(self.before(), metric["source"], "other"))
        elif kind == "ratio":
            parts = [
                self.aggregate(self.inside(), metric["numerator"], "value"),
                self.aggregate(self.inside(), metric["denominator"], "other"),
            ]
        elif kind == "funnel":
            parts = [self.converted()]
            if self.case["cuped"]:
                last = {"event": metric["series"][-1]["event"], "math": "dau"}
                parts.append(self.aggregate(self.before(), last, "other"))
        else:
            return self.retained()
        units = self.units
        for part in parts:
            units = units.join(part, on="person", how="left")
        missing = [name for name in ("value", "other") if name not in units.columns]
        units = units.with_columns(pl.lit(0.0).alias(name) for name in missing)
        return units.with_columns(pl.col("value", "other").fill_null(0.0))

    def converted(self) -> pl.DataFrame:
        """Units that did all steps in order after one of their exposures, within its window (M-30, M-31)."""
        until = pl.lit(END) if self.window is None else pl.col("start") + self.window
        runs = self.exposures.select("person", pl.col("at").alias("start")).with_columns(until.alias("until"))
        runs = runs.with_columns(pl.col("start").alias("now"))
        for step in self.case["metric"]["series"]:
            events = self.log.filter(pl.col("name") == step["event"]).select("person", "at")
            reached = runs.join(events, on="person").filter(pl.col("at").is_between("now", "until"))
            # Unique times: the earliest event of the next step is the best one, and it is another event.
            runs = reached.group_by("person", "start", "until").agg(pl.col("at").min().alias("now"))
        return runs.select("person").unique().with_columns(pl.lit(1.0).alias("value"))

    def retained(self) -> pl.DataFrame:
        """Of the units that began, who came back on the days asked for (M-50 to M-53)."""
        metric = self.case["metric"]
        joined = self.log.drop("variant").join(self.units, on="person")
        latest = pl.lit(END) if self.window is None else pl.col("first") + self.window
        starts = joined.filter((pl.col("name") == "view") & pl.col("at").is_between(pl.col("first"), latest))
        anchor = pl.col("at").max() if metric.get("start_handling") == "last_seen" else pl.col("at").min()
        begun = starts.group_by("person", "variant").agg(anchor.alias("anchor"))
        day = lambda column: pl.col(column).dt.convert_time_zone(ZONE).dt.date()  # noqa: E731
        reach = (self.window or timedelta()) + timedelta(days=metric["retention_window_end"])
        back = self.log.filter((pl.col("name") == "back") & (pl.col("at") <= END + reach)).select("person", "at")
        days = (day("at") - day("anchor")).dt.total_days()
        wanted = days.is_between(metric["retention_window_start"], metric["retention_window_end"])
        came = begun.join(back, on="person").filter(wanted).select("person").unique()
        came = came.with_columns(pl.lit(1.0).alias("value"))
        return begun.join(came, on="person", how="left").with_columns(
            pl.col("value").fill_null(0.0), pl.lit(1.0).alias("other")
        )

    def sums(self) -> dict[str, dict[str, float]]:
        value, other = pl.col("value"), pl.col("other")
        sums = (
            self.values()
            .group_by("variant")
            .agg(
                pl.len().alias("number_of_samples"),
                value.sum().alias("sum"),
                (value * value).sum().alias("sum_squares"),
                other.sum().alias("other_sum"),
                (other * other).sum().alias("other_sum_squares"),
                (value * other).sum().alias("product"),
            )
        )
        return {row.pop("variant"): row for row in sums.iter_rows(named=True)}


def by_abduck(experiment: abduck.Experiment, metric: dict[str, Any]) -> dict[str, dict[str, float]]:
    def sums(variant: dict[str, Any]) -> dict[str, float]:
        own = {name: variant[name] for name in ("number_of_samples", "sum", "sum_squares")}
        covariate, denominator = variant.get("covariate"), variant.get("denominator")
        if covariate:
            own |= {"other_sum": covariate["covariate_sum"], "other_sum_squares": covariate["covariate_sum_squares"]}
            own["product"] = covariate["covariate_sum_product"]
        elif denominator:
            own["other_sum"] = denominator["denominator_sum"]
            own["other_sum_squares"] = denominator["denominator_sum_squares"]
            own["product"] = denominator["numerator_denominator_sum_product"]
        else:
            own |= {"other_sum": 0.0, "other_sum_squares": 0.0, "product": 0.0}
        return own

    variants = experiment.try_metric(metric, as_of=AS_OF).to_dict()["result"]["variants"]
    return {variant["key"]: sums(variant) for variant in variants if variant["number_of_samples"] > 0}


def source(event: str | None, math: str) -> dict[str, Any]:
    own = {"kind": "EventsNode", "event": event, "math": math}
    return own | ({"math_property": "amount"} if math in ("sum", "avg", "min", "max") else {})


def steps(*names: str) -> list[dict[str, Any]]:
    return [{"kind": "EventsNode", "event": name} for name in names]


def any_case(chance: random.Random) -> dict[str, Any]:
    retention = {
        "metric_type": "retention",
        "start_event": {"event": "view"},
        "completion_event": {"event": "back"},
        "retention_window_unit": "day",
        "start_handling": chance.choice(["first_seen", "last_seen"]),
    }
    first, more = chance.randint(0, 2), chance.randint(0, 2)
    math = chance.choice(["total", "sum", "avg", "min", "max", "unique_session", "dau"])
    metric = chance.choice(
        [
            {"metric_type": "mean", "source": source("buy", math)},
            {"metric_type": "mean", "source": source(None, "total")},
            {"metric_type": "ratio", "numerator": source("buy", "sum"), "denominator": source("view", "total")},
            {"metric_type": "funnel", "series": steps("view", "buy")},
            {"metric_type": "funnel", "series": steps("view", "buy", "back")},
            retention | {"retention_window_start": first, "retention_window_end": first + more},
        ]
    )
    window = chance.choice([None, 1, 5, 24, 60])
    if window:
        metric = metric | {"conversion_window": window, "conversion_window_unit": "hour"}
    settings = {name: chance.random() < 0.5 for name in ("first_seen", "filter_test_accounts", "matured", "cuped")}
    # Of a ratio, and of what it compares with nothing, the covariate stands elsewhere.
    if metric["metric_type"] not in ("mean", "funnel"):
        settings["cuped"] = False
    return {"metric": metric, "window": window, **settings}


@pytest.mark.parametrize("number", range(LOGS))
def test_engine_and_relations_come_to_equal_sums(lab: abduck.Lab, number: int) -> None:
    """M-4, M-10 to M-15, M-20 to M-22, M-30 to M-33, M-40, M-50 to M-53, M-61."""
    chance = random.Random(SEED + number)
    log = any_log(chance)
    ingest(lab, log)
    outsiders = {"key": "internal", "value": ["true"], "operator": "is_not"}
    lab.settings = dataclasses.replace(lab.settings, timezone=ZONE, test_account_filters=(outsiders,))
    counted = 0
    for index in range(16):
        case = any_case(chance)
        experiment = lab.experiments.create(
            {
                "name": f"Case {index}",
                "feature_flag_key": "button",
                "start_date": START.isoformat(),
                "end_date": END.isoformat(),
                "exposure_criteria": {
                    "filterTestAccounts": case["filter_test_accounts"],
                    "multiple_variant_handling": "first_seen" if case["first_seen"] else "exclude",
                },
                "only_count_matured_users": case["matured"],
                "stats_config": {"cuped": {"enabled": case["cuped"]}},
            }
        )
        got, wanted = by_abduck(experiment, case["metric"]), Polars(log, case).sums()
        assert got.keys() == wanted.keys(), case
        for variant, sums in wanted.items():
            assert got[variant] == pytest.approx(sums, rel=1e-9, abs=1e-9), (variant, case)
        counted += sum(sums["sum"] != 0 for sums in wanted.values())
        experiment.delete()
    # The logs are such that there is something to count.
    assert counted > 16


def test_no_person_has_two_events_at_one_instant() -> None:
    log = any_log(random.Random(SEED)).sort("person", "at")
    assert all(earlier != later for earlier, later in pairwise(log.select("person", "at").iter_rows()))
