"""Actions, and cohorts of the people exposed to an experiment."""

from __future__ import annotations

import abduck
import pytest


@pytest.fixture
def lab(tmp_path):
    lab = abduck.init(tmp_path / "lab")
    path = tmp_path / "events.csv"
    path.write_text(
        "user_id,event,timestamp,variant\n"
        "ann,exposed,2026-05-01T10:00:00Z,control\n"
        "ann,signup,2026-05-01T10:05:00Z,control\n"
        "bob,exposed,2026-05-01T11:00:00Z,test\n",
        encoding="utf-8",
    )
    lab.ingest(path, flags={"new": "variant"}, exposure_event="exposed")
    return lab


def test_an_action_stands_for_its_events(lab):
    action = lab.actions.create(name="Joined", steps=[{"event": "signup"}])
    assert (action.id, action.steps[0]["event"]) == (1, "signup")
    filters = {"insight": "TRENDS", "actions": [{"id": action.id, "type": "actions"}]}
    experiment = lab.experiments.create(name="New", feature_flag_key="new", start_date="2026-05-01", filters=filters)
    counts = {variant.variant: variant.count for variant in experiment.results().variants}
    assert counts == {"control": 1}
    renamed = action.update(name="Signed up")
    assert lab.actions["Signed up"].id == renamed.id
    with pytest.raises(abduck.NotAllowedError):
        renamed.delete()
    experiment.delete()
    renamed.delete()
    assert list(lab.actions) == []


def test_a_misspelt_step_is_refused(lab):
    with pytest.raises(abduck.InvalidError) as refusal:
        lab.actions.create(name="Joined", steps=[{"evnt": "signup"}])
    assert "evnt" in str(refusal.value)
    assert list(lab.actions) == []


def test_the_people_exposed_become_a_cohort(lab):
    filters = {"insight": "TRENDS", "events": [{"id": "signup"}]}
    experiment = lab.experiments.create(name="New", feature_flag_key="new", filters=filters)
    with pytest.raises(abduck.NotReadyError):
        experiment.create_exposure_cohort()
    cohort = experiment.launch("2026-05-01").create_exposure_cohort()
    assert [person["distinct_id"] for person in cohort.persons()] == ["ann", "bob"]
    assert len(cohort.persons(as_defined=True)) == 2
    assert cohort.persons(as_of="2026-05-01T10:30:00Z") == cohort.persons()[:1]
    with pytest.raises(abduck.NotAllowedError):
        experiment.create_exposure_cohort()


def test_a_static_cohort_knows_the_persons_it_lists(lab):
    cohort = lab.cohorts.create("Testers", members=["ann", "nobody"])
    assert [person["distinct_id"] for person in cohort.persons()] == ["ann"]
    groups = [{"properties": [{"key": "id", "type": "cohort", "value": cohort.id}], "rollout_percentage": 100}]
    flag = lab.flags.create(key="beta", filters={"groups": groups})
    assert [flag.evaluate(user).match for user in ("ann", "bob")] == [True, False]
