"""Metrics that are tried out on the sample log, whose sums are known."""

import json
import pickle
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import abduck
import pytest

PURCHASE = {"kind": "EventsNode", "event": "purchase"}
REVENUE = {
    "name": "Revenue",
    "metric_type": "mean",
    "source": {**PURCHASE, "math": "sum", "math_property": "revenue"},
}
FUNNEL = {"metric_type": "funnel", "series": [{"kind": "EventsNode", "event": "cart_added"}, PURCHASE]}


@pytest.fixture
def experiment(demo: abduck.Lab) -> abduck.Experiment:
    return demo.experiments["quick-checkout"]


@pytest.fixture(scope="session")
def truth(log: Any) -> dict[str, Any]:
    """What was planted in the log, by variant of the experiment."""
    flags = json.loads(log.with_name("shop.truth.json").read_text(encoding="utf-8"))["flags"]
    return {variant["key"]: variant["counted"] for variant in flags[0]["variants"]}


def test_a_metric_that_is_stored_nowhere_has_a_result(experiment: abduck.Experiment, truth: dict[str, Any]) -> None:
    result = experiment.try_metric(REVENUE)
    assert result.kind == "units"
    assert (result.significant, result.undecided, result.significance_code) == (None, None, None)
    for variant in result.to_dict()["result"]["variants"]:
        counted = truth[variant["key"]]
        assert variant["number_of_samples"] == counted["exposed_persons"]
        assert variant["sum"] == pytest.approx(counted["revenue_cents"] / 100)
    control, test = result.variants
    assert control.rate == pytest.approx(truth["control"]["revenue_cents"] / 100 / truth["control"]["exposed_persons"])
    assert test.rel_effect_size == pytest.approx(test.rate / control.rate - 1)
    assert control.rate_ci_lower < control.rate < control.rate_ci_upper
    assert control.chance_to_win + test.chance_to_win == pytest.approx(1)
    assert (control.p_value, test.p_value > test.p_value_fixed_horizon) == (None, True)
    assert test.rel_effect_size_ci_lower < test.rel_effect_size < test.rel_effect_size_ci_upper
    assert (control.sequential_method, test.sequential_method) == (None, "asymptotic")
    assert (test.sequential_p_value, test.sequential_undecided) == (test.p_value, None)
    assert test.e_value > 0


def test_the_method_that_a_metric_names_decides(experiment: abduck.Experiment) -> None:
    funnel = experiment.try_metric({**FUNNEL, "sequential": {"method": "betting"}})
    _, test = funnel.variants
    assert test.sequential_method == "betting"
    assert test.e_value is None or test.sequential_p_value == pytest.approx(min(1, 1 / test.e_value))
    revenue = experiment.try_metric({**REVENUE, "sequential": {"method": "group_sequential", "looks": 4}})
    _, test = revenue.variants
    assert (test.sequential_method, test.sequential_p_value) == ("group_sequential", None)
    assert "planned_units" in test.sequential_undecided
    with pytest.raises(abduck.InvalidError, match="shares only"):
        experiment.try_metric({**REVENUE, "sequential": {"method": "betting"}})


def test_the_result_of_a_unit_metric_has_every_form(experiment: abduck.Experiment) -> None:
    result = experiment.try_metric(FUNNEL)
    rows = result.to_dicts()
    assert result.to_arrow().to_pylist() == result.to_polars().to_dicts() == rows
    assert list(result.to_pandas().columns) == list(rows[0])
    assert abduck.ExperimentResult.from_json(result.to_json()) == pickle.loads(pickle.dumps(result)) == result
    for text in (repr(result), result._repr_html_()):
        assert "converted" in text
        assert "steps after the exposure" in text
    assert "| converted |" in result.to_markdown()
    assert result.verdict in repr(result)
    assert experiment.try_metric(FUNNEL) == result


def test_a_series_ends_in_the_result(experiment: abduck.Experiment) -> None:
    series = experiment.metric_series(REVENUE)
    sums = [variant["sum"] for variant in experiment.try_metric(REVENUE).to_dict()["result"]["variants"]]
    assert [variant.sum for variant in series.cumulative[-1].variants] == pytest.approx(sums)
    by_day = [point.variants[0].sum for point in series.by_exposure_day]
    assert sum(by_day) == pytest.approx(sums[0])
    assert series.by_days_since_exposure[0].label == "0"
    assert (series.metric_type, series.metric) == ("mean", REVENUE)
    frame = series.to_polars()
    points = len(series.cumulative) + len(series.by_exposure_day) + len(series.by_days_since_exposure)
    assert frame.height == 2 * points
    assert "Revenue" in repr(series)
    assert "days since the first exposure" in series._repr_html_()


def test_an_exposure_view_counts_everybody_once(experiment: abduck.Experiment, truth: dict[str, Any]) -> None:
    view = experiment.exposure_view()
    counted = {key: variant["exposed_persons"] for key, variant in truth.items()}
    assert view.totals == {**counted, "$multiple": 0}
    assert view.expected_share == {"control": 0.5, "test": 0.5}
    assert (view.flickering_units, view.several_variants_share, view.warnings) == (0, 0.0, ())
    last = [row for row in view.to_dicts() if row["variant"] == "test"][-1]
    assert last["cumulative"] == counted["test"]
    assert "first exposures per day" in repr(view)


def test_a_reconciliation_ends_in_the_result(experiment: abduck.Experiment) -> None:
    way = experiment.reconcile(REVENUE)
    assert way.steps[0].rule == "naive"
    sums = [variant["sum"] for variant in experiment.try_metric(REVENUE).to_dict()["result"]["variants"]]
    assert [variant.sum for variant in way.steps[-1].variants] == pytest.approx(sums)
    assert way.metric == REVENUE
    assert way.verdict in repr(way)
    assert way.verdict in way._repr_html_()
    assert way.to_polars()["rule"].unique(maintain_order=True).to_list() == [step.rule for step in way.steps]


def test_answers_survive_json_and_pickle_and_cannot_be_changed(experiment: abduck.Experiment) -> None:
    answers = [experiment.metric_series(FUNNEL), experiment.exposure_view(), experiment.reconcile(FUNNEL)]
    for answer in answers:
        rows = answer.to_dicts()
        assert answer.to_arrow().to_pylist() == answer.to_polars().to_dicts() == rows
        assert list(answer.to_pandas().columns) == list(rows[0])
        for again in [type(answer).from_json(answer.to_json()), pickle.loads(pickle.dumps(answer))]:
            assert again == answer
            assert hash(again) == hash(answer)
            assert again.to_dict() == json.loads(answer.to_json())
        assert answer.experiment.feature_flag_key == "quick-checkout"
        assert answer.provenance.data_version == 1
        with pytest.raises(abduck.InvalidError):
            type(answer).from_json("{}")
        with pytest.raises(AttributeError):
            answer.experiment = None
        with pytest.raises(AttributeError):
            del answer._data
    assert answers[0] != answers[1]


def test_units_are_those_behind_the_numbers(experiment: abduck.Experiment) -> None:
    counts = experiment.try_metric(FUNNEL).to_dict()["result"]["variants"][1]
    everybody = experiment.units(FUNNEL, variant="test")
    assert len(everybody) == counts["number_of_samples"]
    for step, reached in enumerate(counts["step_counts"], start=1):
        units = experiment.units(FUNNEL, variant="test", step=step)
        assert len(units) == reached
        assert min(units.to_polars()["steps"]) >= step
    assert len(experiment.units(FUNNEL, left_out=True)) == 0
    rows = everybody.to_dicts()
    assert everybody.to_polars().to_dicts() == everybody.to_arrow().to_pylist() == rows
    assert list(everybody.to_pandas().columns) == list(rows[0])
    assert repr(everybody) == f"<abduck.ListedUnits, {len(rows)} rows>"


def test_a_metric_of_the_experiment_is_given_by_its_place(lab: abduck.Lab, part: Any) -> None:
    lab.ingest(part)
    metric = {"kind": "ExperimentMetric", **REVENUE}
    experiment = lab.experiments.create(
        name="Quick", feature_flag_key="quick-checkout", start_date="2026-03-02", metrics=[metric]
    )
    assert experiment.try_metric(0) == experiment.try_metric(metric)
    assert experiment.reconcile(0).metric == metric
    for place in (1, -1):
        with pytest.raises(abduck.NotFoundError, match="metric"):
            experiment.metric_series(place)


def test_what_is_no_metric_is_refused(lab: abduck.Lab, experiment: abduck.Experiment) -> None:
    with pytest.raises(abduck.InvalidError) as caught:
        experiment.try_metric({"metric_type": "meen"})
    assert caught.value.field == "metric.metric_type"
    for options in ({"step": 3}, {"dropped": True}, {"variant": "nobody"}):
        with pytest.raises(abduck.InvalidError) as caught:
            experiment.units(FUNNEL, **options)
        assert caught.value.field == next(iter(options))
    draft = lab.experiments.create(name="Draft", feature_flag_key="draft")
    for ask in (draft.try_metric, draft.metric_series, draft.reconcile, draft.units):
        with pytest.raises(abduck.NotReadyError):
            ask(REVENUE)
    with pytest.raises(abduck.NotReadyError):
        draft.exposure_view()


def test_one_unit_is_explained_event_by_event(experiment: abduck.Experiment) -> None:
    listed = experiment.units(FUNNEL, variant="test", step=2).to_dicts()[0]
    told = experiment.explain_unit(listed["unit"], FUNNEL)
    assert told.result is not None
    assert (told.result["variant"], told.result["steps"]) == ("test", 2)
    assert [step.step for step in told.steps] == [0, 1, 2]
    filled = [step.filled_at for step in told.steps if step.filled_at is not None]
    assert filled == sorted(filled)
    assert len(filled) == 3
    verdicts = {event.verdict for event in told.events}
    assert {"starts the funnel", "fills step 1", "fills step 2"} <= verdicts
    assert "fills step 2" in repr(told)
    with pytest.raises(abduck.NotFoundError):
        experiment.explain_unit("nobody at all", FUNNEL)


def test_looking_every_day_is_told(experiment: abduck.Experiment) -> None:
    buyers = {"metric_type": "funnel", "series": [{"event": "purchase"}]}
    series = experiment.metric_series(buyers)
    (peeking,) = series.peeking
    tests = [point.variants[1] for point in series.cumulative if point.variants[1].p_value is not None]
    fixed = [variant.p_value_fixed_horizon < 0.05 for variant in tests]
    assert (peeking.variant, peeking.looks) == ("test", len(tests))
    assert peeking.fixed_horizon_significant == sum(fixed)
    assert peeking.fixed_horizon_flips == sum(a != b for a, b in pairwise(fixed))
    assert tests[-1].rel_effect_size_ci_lower < tests[-1].relative_lift < tests[-1].rel_effect_size_ci_upper
    result = experiment.try_metric(buyers).variants[1]
    assert (tests[-1].p_value, tests[-1].p_value_fixed_horizon) == (result.p_value, result.p_value_fixed_horizon)


def test_a_decision_is_a_value(demo: abduck.Lab, tmp_path: Path) -> None:
    lab = abduck.open(shutil.copytree(demo.directory, tmp_path / "lab"))
    metric = {"kind": "ExperimentMetric", "name": "buyers", "metric_type": "funnel", "series": [{"event": "purchase"}]}
    guardrail = {**metric, "name": "not fewer", "guardrail": {"margin": 0.02}}
    experiment = lab.experiments["quick-checkout"].update(metrics=[metric], metrics_secondary=[guardrail])
    decision = experiment.decide()
    assert (decision.action, decision.variant, decision.variants) == ("ship", "test", {"test": "ship"})
    assert decision.verdict.startswith("ship 'test', because 'test' is better in buyers")
    assert [(reason.role, reason.finding) for reason in decision.reasons] == [
        ("primary", "better"),
        ("guardrail", "safe"),
    ]
    assert decision.reasons[1].margin == 0.02
    assert pickle.loads(pickle.dumps(decision)) == decision
    assert decision.to_polars()["finding"].to_list() == ["better", "safe"]
    with pytest.raises(AttributeError):
        _ = decision.provenance
    view = experiment.exposure_view()
    assert view.sample_ratio is not None
    assert not view.sample_ratio["is_mismatch"]
    assert view.mismatch_days == ()


def test_plans_come_from_the_experiments_own_units(experiment: abduck.Experiment) -> None:
    buyers = {"metric_type": "funnel", "series": [{"event": "purchase"}]}
    remaining = experiment.remaining(buyers, lift=0.1)
    (test,) = remaining.variants
    assert sum(test.units_now) == 10696
    assert test.units_any_time > test.units_single_look > 10696
    assert "days, one look" in str(remaining)
    calibration = experiment.calibrate(buyers, rounds=100, lift=0.3)
    fixed, anytime = calibration.methods
    assert (fixed.method, anytime.method) == ("fixed_horizon", "anytime_valid")
    assert fixed.false_positives.share < 0.15
    assert fixed.power.share > 0.9
    assert "false positives" in str(calibration)
    with pytest.raises(abduck.InvalidError, match="rounds must be between 1 and"):
        experiment.calibrate(buyers, rounds=0)
