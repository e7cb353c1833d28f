//! The catalog: what it keeps, and what it refuses to open.

use std::fs;
use std::path::Path;
use std::sync::Barrier;
use std::time::Duration;

use abduck::catalog::{CachedResult, Catalog, Change};
use abduck::lifecycle::{self, Surroundings};
use abduck::model::experiment::{CreateExperiment, Experiment};
use abduck::model::flag::{CreateFlag, FeatureFlag};
use abduck::model::settings::{LabSettings, WeekStart, time_zone};
use abduck::{Error, ErrorKind, Result};
use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2024-02-01T00:00:00.123456Z")
}

fn change(operation: &'static str) -> Change {
    Change { operation, who: Some("ada".to_owned()), at: now() }
}

fn lab() -> (TempDir, Catalog) {
    let folder = tempdir().unwrap();
    let catalog = Catalog::create(folder.path()).unwrap();
    (folder, catalog)
}

/// The catalog's file, past the engine.
fn database(folder: &Path) -> Connection {
    Connection::open(folder.join("catalog.sqlite")).unwrap()
}

fn create(catalog: &mut Catalog, fields: Value, now: Timestamp) -> Result<(Experiment, FeatureFlag)> {
    let request = CreateExperiment::from_json(fields)?;
    let mut transaction = catalog.transaction()?;
    let flag = transaction.existing_flag(&request.feature_flag_key)?;
    let new = lifecycle::create(request, &Surroundings { flag, ..Surroundings::default() }, now, Some("ada"))?;
    let made = transaction.insert_experiment(new, &change("create"))?;
    transaction.commit()?;
    Ok(made)
}

fn create_simple(catalog: &mut Catalog, key: &str) -> (Experiment, FeatureFlag) {
    create(catalog, json!({"name": key, "feature_flag_key": key}), now()).unwrap()
}

#[test]
fn everything_comes_back_after_reopening() {
    let (folder, mut catalog) = lab();
    let fields = json!({
        "name": "Checkout", "feature_flag_key": "checkout", "description": "", "start_date": "2024-01-01T10:23:00.000001Z",
        "end_date": "2024-06-01", "type": "web", "archived": true, "stats_config": {"version": 2},
        "parameters": {"zeta": 1, "alpha": [1.5, null], "feature_flag_variants": [
            {"key": "control", "rollout_percentage": 33.5, "name": "c"}, {"key": "test", "rollout_percentage": 66.5}]},
        "filters": {"events": [{"order": 0, "id": "$pageview"}]}, "secondary_metrics": [{"name": "s", "filters": {}}],
        "metrics": null, "metrics_secondary": [{"kind": "ExperimentMetric"}],
    });
    let (experiment, flag) = create(&mut catalog, fields.clone(), now()).unwrap();
    drop(catalog);

    let mut catalog = Catalog::open(folder.path()).unwrap();
    let snapshot = catalog.snapshot().unwrap();
    let stored = snapshot.experiment("checkout").unwrap();
    assert_eq!(stored, experiment);
    assert_eq!(stored, snapshot.experiment(&experiment.id.to_string()).unwrap());
    assert_eq!(snapshot.flag_of(&stored).unwrap(), flag);
    assert_eq!(snapshot.flag("checkout").unwrap(), flag);
    for field in ["parameters", "filters", "secondary_metrics", "metrics", "metrics_secondary"] {
        // As text, since the order of keys is the client's as well.
        assert_eq!(json!(stored)[field].to_string(), fields[field].to_string());
    }
    let read_back: Experiment = serde_json::from_value(json!(stored)).unwrap();
    assert_eq!(read_back, stored);
}

#[test]
fn the_newest_experiment_is_listed_first() {
    let (_folder, mut catalog) = lab();
    for (key, time) in [
        ("a", "2024-01-02T00:00:00Z"),
        ("b", "2024-01-03T00:00:00Z"),
        ("c", "2024-01-03T00:00:00Z"),
        ("d", "2024-01-01T00:00:00Z"),
    ] {
        create(&mut catalog, json!({"name": key, "feature_flag_key": key}), at(time)).unwrap();
    }
    let snapshot = catalog.snapshot().unwrap();
    let keys: Vec<_> =
        snapshot.experiments().unwrap().into_iter().map(|experiment| experiment.feature_flag_key).collect();
    assert_eq!(keys, ["c", "b", "a", "d"]);
    let keys: Vec<_> = snapshot.flags().unwrap().into_iter().map(|flag| flag.key).collect();
    assert_eq!(keys, ["c", "b", "a", "d"]);
}

#[test]
fn an_unknown_key_is_answered_with_the_closest_one() {
    let (_folder, mut catalog) = lab();
    create_simple(&mut catalog, "checkout-button");
    let snapshot = catalog.snapshot().unwrap();
    for error in [snapshot.experiment("chekout-button").unwrap_err(), snapshot.flag("checkout_button").unwrap_err()] {
        assert!(matches!(error.kind(), ErrorKind::NotFound { .. }));
        assert_eq!(error.hints(), ["did you mean 'checkout-button'?"]);
    }
    let error = snapshot.experiment("99").unwrap_err();
    assert_eq!(error.to_string(), "experiment '99' was not found");
    assert_eq!(error.hints(), ["list them with `abduck experiment list`"]);
}

#[test]
fn a_key_made_of_digits_is_found_unless_it_is_a_number_in_use() {
    let (_folder, mut catalog) = lab();
    let (first, _) = create_simple(&mut catalog, "2024");
    let (_, _) = create_simple(&mut catalog, "1");
    let snapshot = catalog.snapshot().unwrap();
    assert_eq!(snapshot.experiment("2024").unwrap(), first);
    assert_eq!(snapshot.experiment("1").unwrap(), first, "the number wins");
}

#[test]
fn launching_is_stored_with_what_was_and_what_is() {
    let (_folder, mut catalog) = lab();
    let (draft, inactive) = create_simple(&mut catalog, "checkout");
    let mut transaction = catalog.transaction().unwrap();
    let experiment = transaction.experiment("checkout").unwrap();
    let flag = transaction.flag_of(&experiment).unwrap();
    let (experiment, flag) = lifecycle::launch(&experiment, &flag, now(), now()).unwrap();
    transaction.update_experiment(&experiment, None, &change("launch")).unwrap();
    transaction.update_flag(&flag, &change("launch")).unwrap();
    transaction.commit().unwrap();

    let snapshot = catalog.snapshot().unwrap();
    assert_eq!(snapshot.experiment("checkout").unwrap(), experiment);
    assert_eq!(snapshot.flag("checkout").unwrap(), flag);
    let log = snapshot.audit_log("experiment", experiment.id).unwrap();
    let operations: Vec<_> = log.iter().map(|entry| entry.operation.as_str()).collect();
    assert_eq!(operations, ["create", "launch"]);
    assert_eq!((log[0].before.as_ref(), log[0].after.as_ref()), (None, Some(&json!(draft))));
    assert_eq!((log[1].before.as_ref(), log[1].after.as_ref()), (Some(&json!(draft)), Some(&json!(experiment))));
    assert_eq!((log[1].who.as_deref(), log[1].at), (Some("ada"), now()));
    let log = snapshot.audit_log("feature_flag", flag.id).unwrap();
    assert_eq!((log[1].before.as_ref(), log[1].after.as_ref()), (Some(&json!(inactive)), Some(&json!(flag))));
}

#[test]
fn b11_a_refused_operation_leaves_no_trace() {
    let (folder, mut catalog) = lab();
    create_simple(&mut catalog, "checkout");
    let before = dump(folder.path());
    let error = create(&mut catalog, json!({"name": "Again", "feature_flag_key": "checkout"}), now()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Invalid { .. }));
    assert_eq!(dump(folder.path()), before);
}

#[test]
fn a_crash_before_the_commit_leaves_no_trace() {
    let (folder, mut catalog) = lab();
    create_simple(&mut catalog, "checkout");
    let before = dump(folder.path());
    let mut transaction = catalog.transaction().unwrap();
    let experiment = transaction.experiment("checkout").unwrap();
    let flag = transaction.flag_of(&experiment).unwrap();
    let (experiment, flag) = lifecycle::launch(&experiment, &flag, now(), now()).unwrap();
    transaction.update_experiment(&experiment, None, &change("launch")).unwrap();
    transaction.update_flag(&flag, &change("launch")).unwrap();
    // What is on disk at this moment is what a crash would leave.
    let crashed = tempdir().unwrap();
    for file in fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), crashed.path().join(file.file_name())).unwrap();
    }
    drop(transaction);
    let mut reopened = Catalog::open(crashed.path()).unwrap();
    assert_eq!(dump(crashed.path()), before);
    assert!(reopened.snapshot().unwrap().experiment("checkout").unwrap().is_draft());
    assert!(reopened.transaction().is_ok(), "and nobody is locked out");
}

/// Every row of every table that tells of experiments, as text.
fn dump(folder: &Path) -> Vec<String> {
    let connection = database(folder);
    let mut rows = Vec::new();
    for table in ["experiment", "feature_flag", "audit_log"] {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let mut found = statement.query([]).unwrap();
        while let Some(row) = found.next().unwrap() {
            let values: Vec<_> = (0..columns).map(|column| format!("{:?}", row.get_ref(column).unwrap())).collect();
            rows.push(format!("{table}: {}", values.join(", ")));
        }
    }
    rows
}

#[test]
fn l6_a_deleted_flag_makes_room_for_its_key() {
    let (_folder, mut catalog) = lab();
    let request = CreateFlag::from_json(json!({"key": "checkout"})).unwrap();
    let mut transaction = catalog.transaction().unwrap();
    let new = lifecycle::create_flag(request, None, &[], now(), None).unwrap();
    let old = transaction.insert_flag(new, &change("create flag")).unwrap();
    transaction.update_flag(&FeatureFlag { deleted: true, ..old.clone() }, &change("delete flag")).unwrap();
    transaction.commit().unwrap();

    let (_, flag) = create_simple(&mut catalog, "checkout");
    let snapshot = catalog.snapshot().unwrap();
    assert_eq!(snapshot.flags().unwrap(), std::slice::from_ref(&flag));
    assert_ne!(flag.id, old.id, "numbers are not used twice");
    assert_eq!(snapshot.audit_log("feature_flag", old.id).unwrap().last().unwrap().after, None);
}

#[test]
fn settings_have_defaults_and_come_back() {
    let (folder, mut catalog) = lab();
    assert_eq!(catalog.snapshot().unwrap().settings().unwrap(), LabSettings::default());
    let settings = LabSettings {
        timezone: time_zone("Europe/Amsterdam").unwrap(),
        test_account_filters: vec![json!({"key": "internal", "operator": "is_not_set"})],
        week_start_day: WeekStart::Monday,
        aggregate_users_by_distinct_id: true,
    };
    let mut transaction = catalog.transaction().unwrap();
    transaction.set_settings(&settings, &change("set")).unwrap();
    transaction.commit().unwrap();
    let mut catalog = Catalog::open(folder.path()).unwrap();
    let snapshot = catalog.snapshot().unwrap();
    assert_eq!(snapshot.settings().unwrap(), settings);
    assert_eq!(snapshot.audit_log("lab_settings", 1).unwrap()[0].after, Some(json!(settings)));
    assert_eq!(json!(settings)["timezone"], "Europe/Amsterdam");
}

#[test]
fn a_cached_result_comes_back_until_it_is_replaced() {
    let (folder, mut catalog) = lab();
    let put = |catalog: &mut Catalog, value: Value| {
        let result = CachedResult { computed_at: now(), value };
        let mut transaction = catalog.transaction().unwrap();
        transaction.cache_result("plan-1", &result).unwrap();
        transaction.commit().unwrap();
        result
    };
    assert_eq!(catalog.snapshot().unwrap().cached_result("plan-1").unwrap(), None);
    put(&mut catalog, json!({"p": 0.1}));
    let newer = put(&mut catalog, json!({"p": 0.2}));
    assert_eq!(catalog.snapshot().unwrap().cached_result("plan-1").unwrap(), Some(newer));

    database(folder.path()).execute("UPDATE result_cache SET value = 'garbled'", []).unwrap();
    assert_eq!(catalog.snapshot().unwrap().cached_result("plan-1").unwrap(), None, "C-4");
}

#[test]
fn the_history_of_results_grows_in_order_of_time() {
    let (_folder, mut catalog) = lab();
    let (experiment, _) = create_simple(&mut catalog, "checkout");
    let (other, _) = create_simple(&mut catalog, "other");
    let mut transaction = catalog.transaction().unwrap();
    for (id, day) in [(experiment.id, 2), (other.id, 9), (experiment.id, 1)] {
        let time = at(&format!("2024-02-0{day}T00:00:00Z"));
        transaction.append_result(id, &json!({"day": day}), time).unwrap();
    }
    transaction.commit().unwrap();
    let history = catalog.snapshot().unwrap().result_history(experiment.id).unwrap();
    let days: Vec<_> = history.iter().map(|past| &past.result["day"]).collect();
    assert_eq!(days, [1, 2]);
}

#[test]
fn the_audit_log_cannot_be_rewritten() {
    let (folder, mut catalog) = lab();
    create_simple(&mut catalog, "checkout");
    let database = database(folder.path());
    for statement in ["UPDATE audit_log SET who = 'eve'", "DELETE FROM audit_log"] {
        let error = database.execute(statement, []).unwrap_err();
        assert!(error.to_string().contains("append only"), "{error}");
    }
}

#[test]
fn the_tables_hold_what_the_rules_promise() {
    let (folder, mut catalog) = lab();
    let (experiment, flag) = create_simple(&mut catalog, "checkout");
    let database = database(folder.path());
    database.pragma_update(None, "foreign_keys", true).unwrap();
    for (statement, why) in [
        ("DELETE FROM feature_flag", "an experiment needs its flag"),
        ("UPDATE experiment SET start_date = 2, end_date = 1", "B-17"),
        ("UPDATE experiment SET name = ''", "V-1"),
        ("UPDATE experiment SET filters = '[]'", "filters are an object"),
        ("UPDATE feature_flag SET active = 2", "a truth value"),
        ("INSERT INTO feature_flag SELECT 99, key, name, filters, 5, 1, 0, 0, 1, NULL, 0 FROM feature_flag", "V-20"),
    ] {
        assert!(database.execute(statement, []).is_err(), "{why}: {statement}");
    }
    database
        .execute_batch(
            "INSERT INTO holdout VALUES (1, 'h', NULL, '[]', NULL, 0, 0);
             INSERT INTO cohort VALUES (1, 'c', NULL, 0, '{}', NULL, 0, 0);
             INSERT INTO saved_metric VALUES (1, 'm', NULL, '{\"kind\": \"x\"}', NULL, 0, 0);
             UPDATE experiment SET holdout_id = 1, exposure_cohort_id = 1;
             INSERT INTO experiment_saved_metric VALUES (1, 1, 1, '{\"type\": \"primary\"}', 0, 0);",
        )
        .unwrap();
    let linked = catalog.snapshot().unwrap().experiment("checkout").unwrap();
    assert_eq!((linked.holdout_id, linked.exposure_cohort), (Some(1), Some(1)));
    assert_eq!(
        (linked.saved_metrics[0].name.as_str(), &json!(linked.saved_metrics)[0]["query"]),
        ("m", &json!({"kind": "x"}))
    );
    assert_eq!(catalog.snapshot().unwrap().holdout(1).unwrap().unwrap().name, "h");
    // L-32, L-43 and rule 1.1: the experiment stays, and so does its flag.
    database.execute_batch("DELETE FROM holdout; DELETE FROM cohort; DELETE FROM saved_metric;").unwrap();
    let snapshot = catalog.snapshot().unwrap();
    assert_eq!(snapshot.experiment("checkout").unwrap(), experiment);
    assert_eq!(snapshot.flag("checkout").unwrap(), flag);
}

#[test]
fn a_lab_is_made_once() {
    let (folder, catalog) = lab();
    drop(catalog);
    let error = Catalog::create(folder.path()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotAllowed { .. }));
    assert!(Catalog::open(folder.path()).is_ok());
    let nested = folder.path().join("deep/down");
    assert!(Catalog::create(&nested).is_ok(), "missing directories are made");
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error_of_the_system() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let error = Catalog::create(folder.path().join("file/lab")).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Io { .. }), "{error}");
}

fn open_error(folder: &Path) -> Error {
    Catalog::open(folder).unwrap_err()
}

#[test]
fn a_directory_without_catalog_is_no_lab() {
    let folder = tempdir().unwrap();
    for prepare in [|_: &Path| (), |path: &Path| fs::write(path.join("catalog.sqlite"), "").unwrap()] {
        prepare(folder.path());
        let error = open_error(folder.path());
        assert!(matches!(error.kind(), ErrorKind::NotFound { noun: "lab", .. }));
        assert!(error.hints()[0].contains("is not a lab; make it one with `abduck init"), "{:?}", error.hints());
    }
    assert_eq!(fs::read(folder.path().join("catalog.sqlite")).unwrap(), b"", "looking changes nothing");
    assert!(Catalog::create(folder.path()).is_ok(), "an empty file is what a crash at the very beginning leaves");
}

#[test]
fn files_of_others_are_left_alone() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("catalog.sqlite");
    fs::write(&path, "this is a text that is long enough to be looked at by the database, but it is none".repeat(9))
        .unwrap();
    for error in [open_error(folder.path()), Catalog::create(folder.path()).unwrap_err()] {
        assert!(matches!(error.kind(), ErrorKind::Storage { .. }));
        assert!(error.to_string().ends_with("is not a SQLite database"), "{error}");
    }
    fs::remove_file(&path).unwrap();
    database(folder.path()).execute_batch("CREATE TABLE recipe (name TEXT)").unwrap();
    let before = fs::read(&path).unwrap();
    for error in [open_error(folder.path()), Catalog::create(folder.path()).unwrap_err()] {
        assert!(error.to_string().ends_with("is a SQLite database, but not the catalog of a lab"), "{error}");
    }
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_newer_lab_asks_for_a_newer_abduck() {
    let (folder, catalog) = lab();
    drop(catalog);
    database(folder.path()).pragma_update(None, "user_version", 999).unwrap();
    let error = open_error(folder.path());
    assert!(matches!(error.kind(), ErrorKind::NotAllowed { .. }));
    assert!(error.to_string().starts_with("the lab was made by a newer abduck (catalog version 999"), "{error}");
    assert_eq!(error.hints(), ["upgrade abduck"]);
}

#[test]
fn a_lab_whose_making_was_cut_off_is_completed() {
    let folder = tempdir().unwrap();
    let half = database(folder.path());
    half.pragma_update(None, "application_id", 0x6162_646b).unwrap();
    drop(half);
    let mut catalog = Catalog::open(folder.path()).unwrap();
    create_simple(&mut catalog, "checkout");
    let mode: String = database(folder.path()).pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
}

#[test]
fn a_damaged_catalog_says_so() {
    let (folder, mut catalog) = lab();
    for index in 0..200 {
        create_simple(&mut catalog, &format!("experiment-{index}"));
    }
    drop(catalog);
    let path = folder.path().join("catalog.sqlite");
    let mut bytes = fs::read(&path).unwrap();
    // The first page says what the file is; everything behind it is lost.
    bytes[4096..].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    let error = Catalog::open(folder.path()).and_then(|mut catalog| catalog.snapshot()?.experiments()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Storage { .. }));
    assert!(error.to_string().contains("is damaged"), "{error}");
    assert_eq!(error.hints(), ["restore the file from a backup"]);
}

#[test]
fn a_stored_value_that_cannot_be_read_is_damage() {
    let (folder, mut catalog) = lab();
    database(folder.path())
        .execute("UPDATE lab_settings SET settings = '{\"timezone\": \"Mars/Olympus\"}'", [])
        .unwrap();
    let error = catalog.snapshot().unwrap().settings().unwrap_err();
    assert!(error.to_string().contains("Mars/Olympus"), "{error}");
}

#[test]
fn a_second_writer_waits_and_then_gives_up() {
    let (folder, mut first) = lab();
    let mut second = Catalog::open(folder.path()).unwrap().waiting_at_most(Duration::from_millis(50)).unwrap();
    let writing = first.transaction().unwrap();
    let error = second.transaction().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Busy { .. }), "{error:?}");
    assert!(!error.hints().is_empty());
    assert!(second.snapshot().unwrap().experiments().unwrap().is_empty(), "readers are not kept out");
    drop(writing);
    assert!(second.transaction().is_ok());
}

#[test]
fn a_snapshot_stays_as_it_was() {
    let (folder, mut first) = lab();
    let mut second = Catalog::open(folder.path()).unwrap();
    let snapshot = second.snapshot().unwrap();
    assert!(snapshot.experiments().unwrap().is_empty());
    create_simple(&mut first, "checkout");
    assert!(snapshot.experiments().unwrap().is_empty());
    drop(snapshot);
    assert_eq!(second.snapshot().unwrap().experiments().unwrap().len(), 1);
}

#[test]
fn writers_at_once_take_turns_and_lose_nothing() {
    let (folder, catalog) = lab();
    drop(catalog);
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let folder = folder.path();
            scope.spawn(move || {
                let mut catalog = Catalog::open(folder).unwrap();
                for index in 0..10 {
                    create_simple(&mut catalog, &format!("{writer}-{index}"));
                }
            });
        }
    });
    assert_eq!(Catalog::open(folder.path()).unwrap().snapshot().unwrap().experiments().unwrap().len(), 40);
}

#[test]
fn of_several_who_make_the_same_lab_one_succeeds() {
    let folder = tempdir().unwrap();
    let made = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..4).map(|_| scope.spawn(|| Catalog::create(folder.path()).map(drop))).collect();
        makers.into_iter().map(|maker| maker.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(made.iter().filter(|result| result.is_ok()).count(), 1, "{made:?}");
    assert!(Catalog::open(folder.path()).is_ok());
}

#[test]
fn of_several_who_complete_the_same_lab_all_succeed() {
    for _ in 0..10 {
        let folder = tempdir().unwrap();
        database(folder.path()).pragma_update(None, "application_id", 0x6162_646b).unwrap();
        let start = Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    start.wait();
                    Catalog::open(folder.path()).unwrap();
                });
            }
        });
    }
}
