"""The metrics of an experiment in all their forms."""

import json
import pickle

import abduck
import polars
import pytest
from conftest import COLUMNS, EXPERIMENT

PURCHASES = {
    "kind": "ExperimentTrendsQuery",
    "name": "Purchases",
    "count_query": {"series": [{"kind": "EventsNode", "event": "bought"}]},
    "exposure_query": {"series": [{"kind": "EventsNode", "event": "viewed", "math": "dau"}]},
}


@pytest.fixture
def experiment(lab: abduck.Lab, events: polars.DataFrame) -> abduck.Experiment:
    lab.ingest(events, **COLUMNS)
    return lab.experiments.create(EXPERIMENT, metrics=[PURCHASES], metrics_secondary=[{"kind": "ExperimentMetric"}])


def test_metrics_are_listed_in_their_order(experiment: abduck.Experiment) -> None:
    metrics = experiment.metrics()
    assert [(metric.index, metric.id, metric.role) for metric in metrics] == [
        (0, "filters", "primary"),
        (1, "metrics[0]", "primary"),
        (2, "metrics_secondary[0]", "secondary"),
    ]
    assert (metrics[1].name, metrics[1].kind, metrics[1].query) == ("Purchases", "ExperimentTrendsQuery", PURCHASES)


def test_a_metric_is_asked_for_by_id_place_and_name(experiment: abduck.Experiment) -> None:
    results = [experiment.results(metric=metric) for metric in ("metrics[0]", 1, "Purchases")]
    assert all(result == results[0] for result in results)
    result = results[0]
    assert isinstance(result, abduck.MetricResult)
    assert result.metric == experiment.metrics()[1]
    assert result.values == {"control": 40, "test": 67}
    assert result.to_arrow().to_pylist() == result.to_polars().to_dicts() == result.to_dicts()
    assert "Purchases" in repr(result)
    assert result.verdict in repr(result)
    assert result.legacy_dict()["kind"] == "ExperimentTrendsQuery"
    # The same as JSON and pickled, and not the same as another metric.
    assert abduck.MetricResult.from_json(result.to_json()) == pickle.loads(pickle.dumps(result)) == result
    assert json.loads(result.to_json())["metric"]["id"] == "metrics[0]"
    assert result != experiment.results(metric=0)
    assert experiment.results(metric=0).to_dicts() == experiment.results().to_dicts()


def test_what_cannot_be_asked_for_is_refused(experiment: abduck.Experiment) -> None:
    with pytest.raises(abduck.NotFoundError, match="metric"):
        experiment.results(metric="Purchase")
    with pytest.raises(abduck.InvalidError, match="is missing"):
        experiment.results(metric=2)


def test_sums_are_numbers_with_a_fraction(lab: abduck.Lab) -> None:
    amounts = polars.DataFrame(
        {
            "event": ["bought", "bought"],
            "distinct_id": ["a", "b"],
            "timestamp": ["2026-03-02T00:00:00Z", "2026-03-02T00:00:00Z"],
            "properties": [
                '{"$feature/checkout": "control", "amount": 1.5}',
                '{"$feature/checkout": "test", "amount": 2}',
            ],
        }
    )
    lab.ingest(amounts)
    filters = {"events": [{"id": "bought", "math": "sum", "math_property": "amount"}]}
    experiment = lab.experiments.create(
        name="Sums", feature_flag_key="checkout", start_date="2026-03-01", end_date="2026-03-08", filters=filters
    )
    result = experiment.results()
    assert [row.count for row in result.variants] == [1.5, 2]
    assert result.to_polars()["count"].dtype == polars.Float64
