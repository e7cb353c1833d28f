"""Metrics as classes: what they become, what is refused, and where they are taken."""

import dataclasses
import pickle
from datetime import datetime, timedelta, timezone
from typing import Any

import abduck
import polars
import pytest

STEP = {"kind": "EventsNode", "event": "purchase"}
REVENUE = {**STEP, "math": "sum", "math_property": "revenue"}

BECOMES: list[tuple[abduck.Metric, dict[str, Any]]] = [
    (abduck.Funnel(["purchase"]), {"metric_type": "funnel", "series": [STEP]}),
    (
        abduck.Funnel(
            ["purchase", "purchase"],
            order="strict",
            within="7d",
            exclusions=[abduck.Exclusion("refund", from_step=0, to_step=1)],
        ),
        {
            "metric_type": "funnel",
            "series": [STEP, STEP],
            "funnel_order_type": "strict",
            "exclusions": [{"kind": "EventsNode", "event": "refund", "funnelFromStep": 0, "funnelToStep": 1}],
            "conversion_window": 7,
            "conversion_window_unit": "day",
        },
    ),
    (
        abduck.Mean("purchase", value="revenue", cuped=True, outliers=abduck.Outliers(upper=0.99, ignore_zeros=True)),
        {
            "metric_type": "mean",
            "source": REVENUE,
            "cuped": {"enabled": True},
            "upper_bound_percentile": 0.99,
            "ignore_zeros": True,
        },
    ),
    (
        abduck.Mean("purchase", value="revenue", aggregate="max", cuped="2w", covariates=["visit"], breakdown="plan"),
        {
            "metric_type": "mean",
            "source": {**STEP, "math": "max", "math_property": "revenue"},
            "cuped": {"enabled": True, "lookback_days": 14},
            "covariates": [{"kind": "EventsNode", "event": "visit"}],
            "breakdownFilter": {"breakdowns": [{"property": "plan", "type": "event"}]},
        },
    ),
    (
        abduck.Count(
            "purchase", name="Purchases", description="All of them", goal="decrease", guardrail=0.01, uuid="u"
        ),
        {
            "metric_type": "mean",
            "name": "Purchases",
            "description": "All of them",
            "uuid": "u",
            "source": STEP,
            "goal": "decrease",
            "guardrail": {"margin": 0.01},
        },
    ),
    (
        abduck.Ratio(
            abduck.Event("purchase", value="revenue"), "purchase", denominator_outliers=abduck.Outliers(lower=0.1)
        ),
        {
            "metric_type": "ratio",
            "numerator": REVENUE,
            "denominator": STEP,
            "denominator_outlier_handling": {"lower_bound_percentile": 0.1},
        },
    ),
    (
        abduck.Retention(
            "purchase", "purchase", days=(7, 14), prior={"alpha": 2.0, "beta": 8.0}, sequential={"method": "betting"}
        ),
        {
            "metric_type": "retention",
            "start_event": STEP,
            "completion_event": STEP,
            "retention_window_start": 7,
            "retention_window_end": 14,
            "retention_window_unit": "day",
            "prior": {"alpha": 2.0, "beta": 8.0},
            "sequential": {"method": "betting"},
        },
    ),
    (
        abduck.Retention("purchase", "purchase", hours=(0, 1), start_handling="last_seen"),
        {
            "metric_type": "retention",
            "start_event": STEP,
            "completion_event": STEP,
            "retention_window_start": 0,
            "retention_window_end": 1,
            "retention_window_unit": "hour",
            "start_handling": "last_seen",
        },
    ),
    (
        abduck.Quantile("purchase", value="revenue", level=0.95, of="event"),
        {"metric_type": "quantile", "source": REVENUE, "quantile": 0.95, "quantile_of": "event"},
    ),
    (
        abduck.TimeToConvert(["purchase"], delay="30m", lookback=timedelta(hours=36)),
        {
            "metric_type": "time_to_convert",
            "series": [STEP],
            "delay": 30,
            "delay_unit": "minute",
            "lookback_window": 36,
            "lookback_window_unit": "hour",
        },
    ),
]


@pytest.mark.parametrize(("metric", "definition"), BECOMES)
def test_a_metric_becomes_its_outward_form_and_back(metric: abduck.Metric, definition: dict[str, Any]) -> None:
    assert metric.to_dict() == {"kind": "ExperimentMetric", **definition}
    assert abduck.Metric.from_dict(metric.to_dict()) == metric
    assert abduck.Metric.from_dict(definition) == dataclasses.replace(metric) == pickle.loads(pickle.dumps(metric))
    with pytest.raises(dataclasses.FrozenInstanceError):
        metric.name = "other"  # type: ignore[misc]
    metric.to_dict().clear()
    assert len(metric.to_dict()) > 1


def test_what_is_given_stays_the_callers() -> None:
    where = {"plan": ["pro"]}
    source = {"kind": "ActionsNode", "id": 3}
    metric = abduck.Ratio(abduck.Event("purchase", where=where), source)
    before = metric.to_dict()
    where["plan"].append("team")
    source["id"] = 4
    metric.to_dict()["numerator"]["properties"][0]["value"].append("team")
    assert metric.to_dict() == before


@pytest.mark.parametrize(
    ("event", "filters"),
    [
        ({"plan": "pro"}, [{"key": "plan", "value": "pro", "operator": "exact", "type": "event"}]),
        ({"plan": ("pro", "team")}, [{"key": "plan", "value": ["pro", "team"], "operator": "exact", "type": "event"}]),
        (
            {"price": {"gte": 1, "lt": 5}},
            [
                {"key": "price", "operator": "gte", "value": 1, "type": "event"},
                {"key": "price", "operator": "lt", "value": 5, "type": "event"},
            ],
        ),
        ([{"key": "plan", "value": "pro", "type": "person"}], [{"key": "plan", "value": "pro", "type": "person"}]),
        ({"type": "OR", "values": [{"key": "a"}]}, {"type": "OR", "values": [{"key": "a"}]}),
    ],
)
def test_filters_are_given_in_several_forms(event: Any, filters: Any) -> None:
    assert abduck.Event("purchase", where=event).to_dict()["properties"] == filters


@pytest.mark.parametrize(
    ("event", "source"),
    [
        (abduck.Event(None), {"event": None}),
        (abduck.Event("a", aggregate="count"), {"event": "a", "math": "total"}),
        (abduck.Event("a", aggregate="any"), {"event": "a", "math": "dau"}),
        (abduck.Event("a", aggregate="sessions"), {"event": "a", "math": "unique_session"}),
        (
            abduck.Event("a", value="it's", aggregate="distinct"),
            {"event": "a", "math": "hogql", "math_hogql": "uniq(properties['it\\'s'])"},
        ),
        (
            abduck.Event("a", expression="properties.a * 2", aggregate="avg", label="Doubled"),
            {"event": "a", "math": "hogql", "math_hogql": "avg(properties.a * 2)", "name": "Doubled"},
        ),
    ],
)
def test_aggregates_have_the_engines_names(event: abduck.Event, source: dict[str, Any]) -> None:
    assert event.to_dict() == {"kind": "EventsNode", **source}
    metric = abduck.Ratio(event, "b")
    assert abduck.Metric.from_dict(metric.to_dict()).to_dict() == metric.to_dict()


@pytest.mark.parametrize("span", ["7d", "7 days", "7D", timedelta(days=7), "7day"])
def test_windows_are_texts_or_lengths_of_time(span: Any) -> None:
    assert abduck.Count("a", within=span) == abduck.Count("a", within="7d")


REFUSED: list[tuple[Any, str]] = [
    (lambda: abduck.Funnel([]), "metric.series"),
    (lambda: abduck.Funnel("purchase"), "metric.series"),
    (lambda: abduck.Funnel(["a", 3]), "metric.series[1]"),
    (lambda: abduck.Funnel(["a"], order="random"), "metric.funnel_order_type"),
    (lambda: abduck.Funnel(["a"], within="7 parsecs"), "within"),
    (lambda: abduck.Funnel(["a"], within=timedelta(milliseconds=1)), "within"),
    (lambda: abduck.Funnel(["a"], within=7), "within"),
    (lambda: abduck.Mean("a", value="b", goal="up"), "metric.goal"),
    (lambda: abduck.Mean("a", value="b", aggregate="median"), "metric.source.math"),
    (lambda: abduck.Mean("a", aggregate="sum"), "metric.source.math_property"),
    (lambda: abduck.Mean({"event": "a"}, value="b"), "metric.source"),
    (lambda: abduck.Mean(abduck.Event("a", value="c"), value="b"), "metric.source"),
    (lambda: abduck.Mean("a", value="b", guardrail=2), "metric.guardrail.margin"),
    (lambda: abduck.Mean("a", value="b", cuped="12h"), "metric.cuped"),
    (lambda: abduck.Mean("a", value="b", covariates="c"), "metric.covariates"),
    (lambda: abduck.Mean("a", value="b", breakdown=["a", "b", "c", "d"]), "metric.breakdownFilter"),
    (
        lambda: abduck.Mean("a", value="b", outliers=abduck.Outliers(lower=0.9, upper=0.1)),
        "metric.lower_bound_percentile",
    ),
    (lambda: abduck.Mean("a", value="b", prior={"alpha": 1, "beta": 1}), "metric.prior"),
    (lambda: abduck.Mean("a", value="b", sequential={"method": "betting"}), "metric.sequential"),
    (lambda: abduck.Retention("a", "b"), "metric.days"),
    (lambda: abduck.Retention("a", "b", days=7), "metric.days"),
    (lambda: abduck.Retention("a", "b", days=(14, 7)), "metric.retention_window_end"),
    (lambda: abduck.Retention("a", "b", days=(1, 2), cuped=True), "metric.cuped"),
    (lambda: abduck.Quantile("a", level=1.5), "metric.quantile"),
    (lambda: abduck.Quantile("a", level=0.5, of="event"), "metric.source"),
    (lambda: abduck.Event(3), "event"),
    (lambda: abduck.Event("a", value="b", expression="c"), "event.value"),
    (lambda: abduck.Event("a", where="plan"), "event.where"),
    (lambda: abduck.Count(abduck.Event("a", where={"plan": {"like": "x"}})), "metric.source.properties[0]"),
    (lambda: abduck.Event("a", aggregate="distinct").to_dict(), "event.value"),
    (lambda: abduck.Metric.from_dict({"metric_type": "mean"}), "metric.source"),
    (lambda: abduck.Metric.from_dict({"kind": "ExperimentTrendsQuery"}), "metric.kind"),
]


@pytest.mark.parametrize(("make", "field"), REFUSED)
def test_what_is_wrong_is_refused_at_once_with_its_place(make: Any, field: str) -> None:
    with pytest.raises(abduck.InvalidError) as caught:
        make()
    assert caught.value.field == field
    assert str(caught.value)


def test_metrics_stand_wherever_definitions_do(demo: abduck.Lab) -> None:
    experiment = demo.experiments["quick-checkout"]
    metric = abduck.Funnel(["cart_added", "purchase"], within="7d", name="Bought")
    given, as_of = metric.to_dict(), datetime(2026, 3, 29, tzinfo=timezone.utc)
    assert experiment.try_metric(metric) == experiment.try_metric(given)
    for answer in (experiment.metric_series, experiment.reconcile):
        assert answer(metric, as_of=as_of).to_dicts() == answer(given, as_of=as_of).to_dicts()
    assert experiment.remaining(metric) == experiment.remaining(given)
    assert experiment.influence(abduck.Count("purchase")).text
    assert experiment.calibrate(metric, rounds=20) == experiment.calibrate(given, rounds=20)
    units = experiment.units(metric, step=2)
    assert units.to_dicts() == experiment.units(given, step=2).to_dicts()
    unit = units.to_dicts()[0]["unit"]
    assert repr(experiment.explain_unit(unit, metric)) == repr(experiment.explain_unit(unit, given))
    opened = abduck.Event("product_viewed", where={"$feature/quick-checkout": {"is_set": "is_set"}})
    plan = demo.plan_from_past(metric, exposure=opened, as_of=as_of, days=14)
    assert plan == demo.plan_from_past(given, exposure=opened.to_dict(), as_of=as_of, days=14)


def test_metrics_are_stored(lab: abduck.Lab) -> None:
    bought, again = abduck.Funnel(["purchase"], name="Bought"), abduck.Retention("purchase", "visit", days=(7, 14))
    saved = lab.saved_metrics.create(name="Again", query=again)
    assert abduck.Metric.from_dict(saved.query) == again
    assert abduck.Metric.from_dict(saved.update(query=bought).query) == bought
    experiment = lab.experiments.create(
        name="Checkout", feature_flag_key="checkout", metrics=[bought], metrics_secondary=[again]
    )
    modern = [entry.query for entry in experiment.metrics() if entry.kind == "ExperimentMetric"]
    stored = [abduck.Metric.from_dict(query) for query in modern]
    assert stored == [bought, again]
    assert [entry.role for entry in experiment.metrics()][-1] == "secondary"
    changed = experiment.update(metrics=[again])
    assert abduck.Metric.from_dict(changed.metrics()[0].query) == again
    document = {"kind": "experiment", "feature_flag_key": "menu", "name": "Menu", "metrics": [bought]}
    assert lab.apply(document).is_applied
    assert lab.experiments["menu"].metrics()[0].name == "Bought"


def test_a_learned_prior_is_a_prior() -> None:
    believed = {"alpha": 2.0, "beta": 8.0}
    learned = abduck.Prior(believed, arms=4, is_limited=False, experiments=("a", "b"), left_out={}, text="")
    assert abduck.Funnel(["purchase"], prior=learned) == abduck.Funnel(["purchase"], prior=believed)


def test_an_action_is_a_source(lab: abduck.Lab) -> None:
    action = lab.actions.create(name="Bought", steps=[{"event": "purchase"}])
    assert abduck.Count(action).to_dict()["source"] == {"kind": "ActionsNode", "id": action.id}
    assert abduck.Funnel([action, "visit"]).to_dict()["series"][0] == {"kind": "ActionsNode", "id": action.id}


def test_cuped_is_a_matter_of_the_metric(demo: abduck.Lab) -> None:
    experiment = demo.experiments["quick-checkout"]

    def reduction(cuped: Any) -> Any:
        result = experiment.try_metric(abduck.Count("search", cuped=cuped)).to_dict()["result"]
        return result["outcome"]["observed"]["comparisons"]["against_baseline"]["test"].get("adjusted")

    assert reduction(None) is None
    assert reduction(False) is None
    assert reduction(True) is not None


def test_columns_of_a_table_are_metrics() -> None:
    table = polars.DataFrame(
        {
            "arm": ["control", "test"] * 50,
            "clicks": [float(index % 7) for index in range(100)],
            "views": [float(5 + index % 11) for index in range(100)],
            "before": [float(index % 5) for index in range(100)],
        }
    )
    metrics = {
        "clicks": abduck.Mean("clicks", outliers=abduck.Outliers(upper=0.9), covariates=["before"]),
        "ctr": abduck.Ratio("clicks", "views"),
        "p90": abduck.Quantile("views", level=0.9),
    }
    plain = {
        "clicks": {"column": "clicks", "upper_bound_percentile": 0.9, "covariate": ["before"]},
        "ctr": {"numerator": "clicks", "denominator": "views"},
        "p90": {"column": "views", "quantile": 0.9},
    }
    analysis = abduck.analyze(table, variant="arm", metrics=metrics)
    assert analysis == abduck.analyze(table, variant="arm", metrics=plain)
    named = abduck.analyze(table, variant="arm", metrics=abduck.Mean("clicks", name="Clicks"))
    assert {row.metric for row in named.rows} == {"Clicks"}
    for row in analysis.rows[1:2]:
        assert row.effect_size == pytest.approx(row.value - analysis.rows[0].value)
        assert row.effect_size_ci_lower < row.effect_size < row.effect_size_ci_upper
        assert row.pvalue == row.p_value


@pytest.mark.parametrize(
    ("metric", "field"),
    [
        (abduck.Funnel(["clicks"]), "analyze.metrics.m"),
        (abduck.Mean("clicks", within="7d"), "analyze.metrics.m.within"),
        (abduck.Mean("purchase", value="clicks"), "analyze.metrics.m.value"),
        (abduck.Ratio(abduck.Event("clicks", where={"a": 1}), "views"), "analyze.metrics.m.numerator"),
    ],
)
def test_a_table_knows_no_events(metric: abduck.Metric, field: str) -> None:
    frame = polars.DataFrame({"arm": ["control", "test"], "clicks": [1.0, 2.0], "views": [2.0, 3.0]})
    with pytest.raises(abduck.InvalidError) as caught:
        abduck.analyze(frame, variant="arm", metrics={"m": metric})
    assert caught.value.field == field
    assert caught.value.hints
