//! Experiments after they were created: changes, pauses, endings, copies.

use serde_json::json;

use crate::support::{Place, assert_transcript};

/// A lab with a draft, `checkout`.
fn draft() -> Place {
    let lab = Place::lab();
    lab.succeeds("experiment create --name Checkout --flag checkout --event bought");
    lab
}

/// A lab with a running experiment, `checkout`.
fn running() -> Place {
    let lab = draft();
    lab.succeeds("experiment launch checkout --at 2026-03-01");
    lab
}

const METRIC: &str = "{name: Revenue, query: {kind: ExperimentTrendsQuery, count_query: {kind: TrendsQuery, series: \
                      [{kind: EventsNode, event: paid}]}}}";

#[test]
fn an_experiment_is_changed_by_options() {
    let lab = draft();
    lab.succeeds("holdout create --name Everyone --percent 5");
    lab.write("metric.yaml", METRIC);
    lab.succeeds("metric create metric.yaml");
    assert_transcript!(lab.abduck(
        "experiment update checkout --name Shorter --description Less --holdout Everyone --metric funnel --event viewed \
         --event bought --window-days 3 --where plan=pro --variant control=20 --variant test=30 --variant long=50% \
         --end 2026-03-30 --set saved_metrics_ids=[{\"id\":1,\"metadata\":{\"type\":\"secondary\"}}]"
    ));
    // Present variants keep their names, other parameters stay (L-17).
    lab.succeeds("experiment update 1 --set parameters={\"minimum_detectable_effect\":5}");
    lab.succeeds("experiment update 1 --variant control=50 --variant test=50");
    let shown = lab.json("experiment show 1");
    assert_eq!(shown["experiment"]["parameters"]["minimum_detectable_effect"], 5);
    let variants = &shown["feature_flag"]["filters"]["multivariate"]["variants"];
    assert_eq!(variants[1], json!({"key": "test", "name": "Test Variant", "rollout_percentage": 50}));
    assert_eq!(shown["holdout"]["name"], "Everyone");
}

#[test]
fn the_default_variants_keep_their_names() {
    let lab = draft();
    lab.succeeds("experiment update checkout --variant control=10 --variant test=90");
    let shown = lab.json("experiment show checkout");
    assert_eq!(
        shown["feature_flag"]["filters"]["multivariate"]["variants"],
        json!([
            {"key": "control", "name": "Control Group", "rollout_percentage": 10},
            {"key": "test", "name": "Test Variant", "rollout_percentage": 90},
        ])
    );
}

#[test]
fn an_experiment_is_changed_by_a_file_and_options_win() {
    let lab = draft();
    lab.write("changes.yaml", "name: From the file\ndescription: Kept\narchived: true\n");
    lab.succeeds("experiment update checkout changes.yaml --name Mine");
    let changed = &lab.json("experiment show checkout")["experiment"];
    assert_eq!((&changed["name"], &changed["description"]), (&json!("Mine"), &json!("Kept")));
    assert_eq!(changed["archived"], true);
    let read = lab.abduck_reading("experiment update checkout - --by eve", "{\"archived\": false}");
    assert_eq!((read.exit, read.stderr.as_str()), (0, "changed; `abduck log checkout` shows what it was before\n"));
    assert_eq!(lab.json("experiment show checkout")["status"], "draft");
}

#[test]
fn dates_launch_and_are_taken_away() {
    let lab = draft();
    let launched = lab.abduck("experiment update checkout --start 2026-03-01 --end 2099-01-01");
    assert_eq!(launched.stderr, "launched; see `abduck results checkout`\n");
    assert_eq!(lab.json("flag show checkout")["active"], true);
    lab.succeeds("experiment update checkout --end none");
    assert_eq!(lab.json("experiment show checkout")["experiment"]["end_date"], json!(null));
    let taken = lab.abduck("experiment update checkout --start none");
    assert!(taken.stderr.starts_with("a draft again, its flag off; "), "{taken}");
    assert_eq!(lab.json("flag show checkout")["active"], false);
}

#[test]
fn changes_that_break_a_rule_are_refused() {
    let lab = running();
    lab.succeeds("holdout create --name Everyone --percent 5");
    assert_transcript!(lab.refuses("experiment update checkout --set nmae=A", 2));
    assert_transcript!(lab.refuses("experiment update checkout --variant control=20 --variant test=80", 4));
    for (options, exit) in [
        ("checkout", 2),
        ("nonsense --name A", 3),
        ("checkout nowhere.yaml", 3),
        ("checkout --holdout Nobody", 3),
        ("checkout --name A --set name=B", 2),
        ("checkout --set name=A --set name=B", 2),
        ("checkout --set parameters={", 2),
        ("checkout --set type=web", 2),
        ("checkout --metric funnel", 2),
        ("checkout --start yesterday", 2),
        // V-13, V-14, B-17 and V-1.
        ("checkout --variant control=50 --variant other=50", 2),
        ("checkout --holdout Everyone", 2),
        ("checkout --end 2026-02-01", 2),
        ("checkout --set name=null", 2),
    ] {
        lab.refuses(&format!("experiment update {options}"), exit);
    }
}

#[test]
fn an_experiment_is_paused_and_resumed() {
    let lab = running();
    assert_transcript!(lab.abduck("experiment pause checkout"));
    assert_eq!(lab.json("experiment show checkout")["is_paused"], true);
    assert!(lab.succeeds("experiment list").contains("running (paused)"));
    lab.refuses("experiment pause checkout", 4);
    assert_transcript!(lab.abduck("experiment resume checkout"));
    lab.refuses("experiment resume checkout", 4);
    lab.succeeds("experiment create --name Draft --flag draft");
    lab.refuses("experiment pause draft", 4);
    lab.refuses("experiment resume nonsense", 3);
}

#[test]
fn an_end_has_a_conclusion() {
    let lab = running();
    lab.refuses("experiment end checkout --conclusion maybe", 2);
    lab.refuses("experiment end checkout --at 2026-02-01", 2);
    let transcript = lab.transcript(
        lab.command("experiment end checkout --at 2026-03-15 --conclusion stopped-early")
            .args(["--comment", "too slow"]),
    );
    assert_transcript!(transcript);
    assert_eq!(lab.json("experiment show checkout")["experiment"]["conclusion"], "stopped_early");
    lab.refuses("experiment end checkout", 4);
    for conclusion in ["won", "lost", "inconclusive", "invalid"] {
        lab.succeeds(&format!("experiment update checkout --set conclusion={conclusion}"));
        assert_eq!(lab.json("experiment show checkout")["experiment"]["conclusion"], conclusion);
    }
}

#[test]
fn a_variant_is_shipped() {
    let lab = running();
    assert_transcript!(lab.refuses("experiment ship checkout tset", 2));
    let shipped = lab.abduck("experiment ship checkout test --conclusion won --comment Faster");
    let note = "shipped: the flag gives test to everyone; `abduck log checkout` shows what it was before\n";
    assert_eq!((shipped.exit, shipped.stderr.as_str()), (0, note));
    let shown = lab.json("experiment show checkout");
    assert_eq!((&shown["status"], &shown["experiment"]["conclusion"]), (&json!("complete"), &json!("won")));
    assert!(lab.succeeds("flag evaluate checkout anybody -o csv").contains("value,test"));
    lab.succeeds("experiment create --name Draft --flag draft");
    lab.refuses("experiment ship draft test", 4);
}

#[test]
fn an_experiment_begins_again() {
    let lab = running();
    lab.succeeds("experiment end checkout --conclusion lost");
    assert_transcript!(lab.abduck("experiment reset checkout"));
    lab.refuses("experiment reset checkout", 4);
    lab.succeeds("experiment launch checkout");
}

#[test]
fn an_experiment_is_put_away_and_taken_out() {
    let lab = running();
    assert_transcript!(lab.abduck("experiment archive checkout"));
    assert_transcript!(lab.abduck("experiment unarchive checkout"));
    lab.refuses("experiment archive nonsense", 3);
}

#[test]
fn an_experiment_is_duplicated() {
    let lab = running();
    assert_transcript!(lab.abduck("experiment duplicate checkout --flag again"));
    let named = lab.transcript(lab.command("experiment duplicate 1 --flag third").args(["--name", "Third time"]));
    assert_eq!((named.exit, lab.json("experiment show third")["experiment"]["name"].as_str()), (0, Some("Third time")));
    lab.refuses("experiment duplicate checkout --flag again", 2);
    lab.refuses("experiment duplicate checkout", 2);
    lab.refuses("experiment duplicate nonsense --flag other", 3);
}

#[test]
fn an_experiment_is_deleted_only_when_somebody_is_sure() {
    let lab = running();
    assert_transcript!(lab.refuses("experiment delete checkout", 2));
    assert_eq!(lab.abduck_reading("experiment delete checkout", "y\n").exit, 2);
    lab.refuses("experiment delete nonsense --yes", 3);
    assert_transcript!(lab.abduck("experiment delete checkout --yes"));
    assert_eq!(lab.abduck("experiment show checkout").exit, 3);
    // The key is free (L-21).
    lab.succeeds("experiment create --name Checkout --flag checkout");
}

#[test]
fn a_web_experiment_is_created_and_listed() {
    let lab = running();
    lab.write(
        "web.yaml",
        "name: Red button\nvariants: {control: {rollout_percentage: 50}, red: {rollout_percentage: 50, \
                           transforms: [{selector: '#buy', css: 'color: red'}]}}\n",
    );
    assert_transcript!(lab.abduck("experiment create-web web.yaml"));
    assert_eq!(lab.json("experiment list --web").as_array().unwrap().len(), 1);
    lab.succeeds("experiment archive red-button-web-experiment-feature");
    assert_transcript!(lab.abduck("experiment list --web"));
    lab.write("broken.yaml", "name: Red button\nvariants: {red: {rollout_percentage: 50}}\n");
    assert_transcript!(lab.refuses("experiment create-web broken.yaml", 2));
}

#[test]
fn experiments_are_listed_by_where_they_are() {
    let lab = running();
    for (flag, start, end) in [("draft", "", ""), ("done", "--start 2026-03-01", "--end 2026-03-02")] {
        lab.succeeds(&format!("experiment create --name {flag} --flag {flag} {start} {end}"));
    }
    lab.succeeds("experiment duplicate done --flag old");
    lab.succeeds("experiment archive old");
    for (status, key) in [("draft", "draft"), ("running", "checkout"), ("complete", "done"), ("archived", "old")] {
        let listed = lab.json(&format!("experiment list --status {status}"));
        let keys: Vec<_> =
            listed.as_array().unwrap().iter().map(|one| &one["experiment"]["feature_flag_key"]).collect();
        assert_eq!(keys, [key], "{status}");
    }
    assert_eq!(lab.abduck("experiment list --status gone").exit, 2);
}
