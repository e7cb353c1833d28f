"""The course of results, and how old they may be."""

import json
import pickle
from datetime import datetime, timedelta, timezone

import abduck
import polars
import pytest
from conftest import COLUMNS, EXPERIMENT, START


@pytest.fixture
def experiment(lab: abduck.Lab, events: polars.DataFrame) -> abduck.Experiment:
    lab.ingest(events, **COLUMNS)
    return lab.experiments.create(EXPERIMENT)


def test_a_backfill_tells_how_far_it_is_and_fills_once(experiment: abduck.Experiment) -> None:
    told: list[tuple[int, int]] = []
    history = experiment.history(backfill="day", progress=lambda *done: told.append(done))
    days = 17  # 400 visitors, one an hour
    assert told == [(done, days) for done in range(days + 1)]
    assert len(history) == len(history.points) == days
    assert history.points[0].as_of == START + timedelta(hours=23, minutes=59, seconds=59)
    assert all(point.in_hindsight for point in history.points)
    told.clear()
    assert experiment.history(backfill="day", progress=lambda *done: told.append(done)) == history
    assert told == [(0, 0)]


def test_points_are_what_results_said(experiment: abduck.Experiment) -> None:
    result = experiment.results(as_of="2025-01-10")
    point = experiment.history().points[-1]
    assert point.as_of == datetime(2025, 1, 10, tzinfo=timezone.utc)
    assert (point.significance_code, point.significant) == (result.significance_code, result.significant)
    assert [(row.variant, row.units, row.count, row.rate, row.chance_to_win) for row in point.variants] == [
        (row.variant, row.units, row.count, row.rate, row.chance_to_win) for row in result.variants
    ]


def test_rows_are_the_same_in_every_form(experiment: abduck.Experiment) -> None:
    history = experiment.history(backfill="week")
    rows = history.to_dicts()
    assert len(rows) == 2 * len(history)
    assert history.to_arrow().to_pylist() == rows
    assert history.to_polars().to_dicts() == rows
    assert list(history.to_pandas().columns) == list(rows[0])


def test_a_history_survives_json_and_pickle_and_cannot_be_changed(experiment: abduck.Experiment) -> None:
    history = experiment.history(backfill="week")
    for again in [abduck.ResultHistory.from_json(history.to_json()), pickle.loads(pickle.dumps(history))]:
        assert again == history
        assert hash(again) == hash(history)
        assert again.to_dict() == json.loads(history.to_json())
    assert history != history.to_dict()
    with pytest.raises(abduck.InvalidError):
        abduck.ResultHistory.from_json("{}")
    with pytest.raises(AttributeError):
        history.points = ()
    with pytest.raises(AttributeError):
        del history._data


def test_a_history_reads_as_a_report(experiment: abduck.Experiment) -> None:
    assert "No results were kept yet" in repr(experiment.history())
    history = experiment.history(backfill="week")
    assert history.verdict in repr(history)
    assert history.verdict in history._repr_html_()
    assert history.experiment.feature_flag_key == "checkout"
    assert (history.unreadable, history.other_definition, history.losses) == (0, 0, 0)
    assert history.flips == sum(
        before.significant != after.significant
        for before, after in zip(history.points, history.points[1:], strict=False)
    )
    assert (history.first_significant is not None) == any(point.significant for point in history.points)


def test_a_backfill_can_be_stopped_and_must_be_possible(lab: abduck.Lab, experiment: abduck.Experiment) -> None:
    def stop(computed: int, missing: int) -> None:
        if computed == 2:
            raise RuntimeError(missing)

    with pytest.raises(RuntimeError):
        experiment.history(backfill="day", progress=stop)
    assert len(experiment.history()) == 0
    with pytest.raises(abduck.InvalidError, match="hour"):
        experiment.history(backfill="hour")
    with pytest.raises(abduck.NotReadyError):
        lab.experiments.create(name="Draft", feature_flag_key="draft", filters=EXPERIMENT["filters"]).history(
            backfill="day"
        )


def test_an_age_can_be_asked_for(experiment: abduck.Experiment) -> None:
    assert not experiment.results().is_cached
    assert experiment.results(max_age=timedelta(hours=1)).is_cached
    assert not experiment.results(max_age=0).is_cached
    assert experiment.results(max_age=3600.5).is_cached
    with pytest.raises(abduck.InvalidError) as caught:
        experiment.results(max_age=-1)
    assert caught.value.field == "max_age"
