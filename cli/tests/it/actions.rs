//! Actions: events that mean the same, under one name.

use crate::support::{Place, assert_transcript};

#[test]
fn an_action_is_created_changed_measured_and_deleted() {
    let lab = Place::running();
    assert_transcript!(lab.abduck("action list"));
    lab.write("bought.yaml", "name: Bought\nsteps: [{event: bought}]\n");
    assert_transcript!(lab.abduck("action create bought.yaml --by ada"));
    lab.succeeds("action update Bought --name Paid");
    lab.write(
        "metric.json",
        "{\"filters\": {\"insight\": \"TRENDS\", \"actions\": [{\"id\": 1, \"type\": \"actions\"}]}}",
    );
    let before = lab.json("results checkout")["result"]["variants"].clone();
    lab.succeeds("experiment update checkout metric.json");
    assert_eq!(lab.json("results checkout")["result"]["variants"], before);
    assert_transcript!(lab.refuses("action delete Paid", 4));
    lab.succeeds("experiment delete checkout --yes");
    assert_eq!(lab.abduck("action delete Paid").exit, 0);
    assert_eq!(lab.abduck("action show Paid").exit, 3);
}

#[test]
fn a_malformed_action_is_refused() {
    let lab = Place::lab();
    lab.write("typo.yaml", "name: Bought\nsteps: [{evnt: bought}]\n");
    assert_transcript!(lab.refuses("action create typo.yaml", 2));
}
