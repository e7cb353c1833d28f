//! The error catalogue: every kind has a name, a message and occurs.

use std::path::Path;

use abduck::{Error, ErrorKind};

/// One error of every kind; a new kind does not compile until it is here.
fn one_of_each() -> Vec<Error> {
    let place = |error: &Error| match error.kind() {
        ErrorKind::NotFound { .. } => 0,
        ErrorKind::Invalid { .. } => 1,
        ErrorKind::NotAllowed { .. } => 2,
        ErrorKind::NotReady { .. } => 3,
        ErrorKind::Busy { .. } => 4,
        ErrorKind::Schema { .. } => 5,
        ErrorKind::Query { .. } => 6,
        ErrorKind::Storage { .. } => 7,
        ErrorKind::Io { .. } => 8,
        ErrorKind::Interrupted => 9,
        ErrorKind::Bug { .. } => 10,
    };
    let errors = vec![
        Error::not_found("experiment", "checkout"),
        Error::invalid_field("name", "required", "This field is required."),
        Error::not_allowed("experiment 'checkout' is launched already"),
        Error::not_ready("Experiment does not have a start date"),
        ErrorKind::Busy { holder: "process 7 (ingest)".into(), waited_seconds: 1.5 }.into(),
        Error::schema("no column looks like the event's name"),
        Error::query("no such table", "SELECT 1"),
        Error::storage(Path::new("catalog.sqlite"), "file is not a database"),
        Error::io(Path::new("events.csv"), std::io::ErrorKind::NotFound.into()),
        ErrorKind::Interrupted.into(),
        Error::bug("a count was negative"),
    ];
    assert!(errors.iter().enumerate().all(|(index, error)| place(error) == index));
    errors
}

#[test]
fn the_catalogue_names_every_kind_once() {
    let names: Vec<_> = one_of_each().iter().map(|error| error.kind().name()).collect();
    assert_eq!(names, ErrorKind::NAMES);
}

#[test]
fn messages_are_sentences_to_build_on() {
    let messages: Vec<_> = one_of_each().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(messages.join("\n"), @r"
    experiment 'checkout' was not found
    This field is required.
    experiment 'checkout' is launched already
    Experiment does not have a start date
    the lab is in use by process 7 (ingest); gave up after 1.5 s
    no column looks like the event's name
    no such table
    catalog.sqlite: file is not a database
    events.csv: entity not found
    interrupted; nothing was changed
    internal error: a count was negative
    ");
}

#[test]
fn every_kind_occurs_in_the_tests() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("errors.rs") {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
    assert!(!text.is_empty());
    // A broken promise of the engine cannot be brought about from outside.
    for kind in
        ["NotFound", "Invalid", "NotAllowed", "NotReady", "Busy", "Schema", "Query", "Storage", "Io", "Interrupted"]
    {
        assert!(text.contains(&format!("ErrorKind::{kind}")), "no test expects ErrorKind::{kind}");
    }
}
