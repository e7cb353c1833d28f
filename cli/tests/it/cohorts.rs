//! Cohorts, and the members of static ones.

use serde_json::json;

use crate::support::{Place, assert_transcript};

const DYNAMIC: &str = "\
name: Pros
filters: {properties: {type: OR, values: [{type: person, key: plan, value: pro}]}}
";

#[test]
fn a_static_cohort_is_created_with_its_members() {
    let lab = Place::lab();
    assert_transcript!(lab.abduck("cohort list"));
    lab.write("members.txt", "ann\nbob\n\n  cid \nann\n");
    assert_transcript!(lab.abduck("cohort create --name Testers --static --members members.txt"));
    assert_transcript!(lab.abduck("cohort add Testers ann dan"));
    assert_transcript!(lab.abduck("cohort remove 1 ann eve"));
    assert_eq!(lab.json("cohort add 1 bob cid dan")["added"], 0);
}

#[test]
fn members_come_from_every_form_of_a_file() {
    let lab = Place::lab();
    lab.write("people.csv", "plan,distinct_id\npro,ann\nfree,007\n,42\n");
    lab.write("people.list", "\"distinct_id\"\nann\n");
    lab.succeeds("cohort create --name Testers --static");
    let count = |arguments: &str| lab.json(&format!("cohort {arguments}"));
    assert_eq!(count("add 1 --from people.csv")["added"], 3);
    assert_eq!(count("remove 1 007 42")["removed"], 2);
    assert_eq!(count("remove 1 --from people.list")["removed"], 1);
    lab.write("users.csv", "user,plan\nzoe,pro\n");
    assert_eq!(count("add 1 --from users.csv --id-column user")["added"], 1);
    let read = |text: &str| lab.abduck_reading("cohort add 1 --from - -o csv", text).stdout;
    assert!(read("ann\r\nbob").contains("added,2"));
    assert!(read("distinct_id,plan\ncid,pro\n").contains("added,1"));
}

#[test]
fn a_dynamic_cohort_is_created_changed_and_deleted() {
    let lab = Place::lab();
    lab.write("pros.yaml", DYNAMIC);
    assert_transcript!(lab.abduck("cohort create pros.yaml --description Paying"));
    lab.succeeds("cohort create --name Testers --static");
    assert_transcript!(lab.abduck("cohort list"));
    let printed = lab.succeeds("cohort show Pros -o json").replace("\"pro\"", "\"team\"");
    assert_eq!(lab.abduck_reading("cohort update Pros - --name Teams", &printed).exit, 0);
    assert_eq!(lab.json("cohort show Teams")["filters"]["properties"]["values"][0]["value"], "team");
    assert_transcript!(lab.abduck("cohort delete Teams"));
    assert_eq!(lab.abduck("cohort show Teams").exit, 3);
}

#[test]
fn a_cohort_that_a_flag_names_stays() {
    let lab = Place::lab();
    lab.write("pros.yaml", DYNAMIC);
    lab.succeeds("cohort create pros.yaml");
    lab.write("flag.yaml", "filters: {groups: [{properties: [{type: cohort, key: id, value: 1}]}]}\n");
    lab.succeeds("flag create for-pros flag.yaml");
    assert_transcript!(lab.refuses("cohort delete Pros", 4));
}

#[test]
fn cohorts_that_break_a_rule_are_refused() {
    let lab = Place::lab();
    lab.write("pros.yaml", DYNAMIC);
    lab.succeeds("cohort create pros.yaml");
    lab.succeeds("cohort create --name Testers --static");
    lab.write("empty.txt", "\n\n");
    lab.write("other.csv", "user,plan\nann,pro\n");
    lab.write("bare.yaml", "name: Bare\n");
    assert_transcript!(lab.refuses("cohort add Pros ann", 4));
    assert_transcript!(lab.refuses("cohort create --name New --static --members empty.txt", 2));
    assert_transcript!(lab.refuses("cohort create --name New --static --members other.csv", 6));
    for (arguments, exit) in [
        ("create", 2),
        ("create --name New", 2),
        ("create pros.yaml --static", 2),
        ("create pros.yaml --members empty.txt", 2),
        ("create bare.yaml", 2),
        ("create --static", 2),
        ("create --name New --static --members nowhere.txt", 3),
        ("create --name New --static --members nowhere.csv", 3),
        ("update Pros", 2),
        ("update Testers pros.yaml", 2),
        ("update Nobody --name A", 3),
        ("show Nobody", 3),
        ("delete Nobody", 3),
        ("add Testers", 2),
        ("add Testers ann --from empty.txt", 2),
        ("remove Testers --from empty.txt", 2),
        ("remove Nobody ann", 3),
    ] {
        lab.refuses(&format!("cohort {arguments}"), exit);
    }
    assert_eq!(lab.json("cohort list").as_array().map(Vec::len), Some(2));
    assert_eq!(lab.json("cohort show Pros")["filters"]["properties"]["type"], json!("OR"));
}

#[test]
fn the_people_exposed_to_an_experiment_are_a_cohort() {
    let lab = Place::running();
    let made = lab.abduck("experiment create-cohort checkout");
    assert_eq!(made.exit, 0, "{made}");
    let members = lab.json("cohort members 1");
    let exposed = lab.json("experiment exposures checkout");
    assert_eq!(members.as_array().unwrap().len(), exposed.as_array().unwrap().len());
    assert!(lab.succeeds("cohort members 1 -o csv").starts_with("person_id,distinct_id\n"));
    assert_eq!(lab.refuses("experiment create-cohort checkout", 4).exit, 4);
}
