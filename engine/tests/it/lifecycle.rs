//! The rules: what may be done to an experiment, and what it changes. Each test names its rule.

use abduck::lifecycle::{Ending, ExistingFlag, NewExperiment, Surroundings, create, create_flag, end, launch};
use abduck::model::experiment::{CreateExperiment, Experiment, Status};
use abduck::model::flag::{CreateFlag, FeatureFlag, Variant};
use abduck::model::holdout::Holdout;
use abduck::{Error, ErrorKind, Result};
use jiff::Timestamp;
use serde_json::{Value, json};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2024-02-01T00:00:00Z")
}

fn at_once() -> Ending {
    Ending { at: now(), conclusion: None, comment: None }
}

/// A request with a name and a key, and the given fields on top.
fn payload(fields: &Value) -> Value {
    let mut payload = json!({"name": "Checkout", "feature_flag_key": "checkout"});
    payload.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    payload
}

#[expect(clippy::needless_pass_by_value, reason = "json!(…) reads better at the many calls")]
fn create_with(fields: Value, surroundings: &Surroundings) -> Result<NewExperiment> {
    create(CreateExperiment::from_json(payload(&fields))?, surroundings, now(), Some("ada"))
}

fn created(fields: Value) -> NewExperiment {
    create_with(fields, &Surroundings::default()).unwrap()
}

/// Field, code and text of the refusal.
fn refusal(fields: Value) -> (String, &'static str, String) {
    parts(&create_with(fields, &Surroundings::default()).unwrap_err())
}

fn parts(error: &Error) -> (String, &'static str, String) {
    let ErrorKind::Invalid { field, code, message } = error.kind() else { panic!("not a wrong request: {error:?}") };
    (field.clone().unwrap_or_default(), code, message.clone())
}

/// A request whose variants have the given keys and percentages.
fn split(variants: &[(&str, f64)]) -> Value {
    let variants = variants.iter().map(|(key, share)| json!({"key": key, "rollout_percentage": share}));
    json!({"parameters": {"feature_flag_variants": variants.collect::<Vec<_>>()}})
}

fn draft() -> (Experiment, FeatureFlag) {
    let new = created(json!({}));
    (new.experiment, new.flag)
}

fn existing(deleted: bool, has_experiment: bool) -> Surroundings {
    let flag = FeatureFlag { id: 7, deleted, ..draft().1 };
    Surroundings { flag: Some(ExistingFlag { flag, has_experiment }), ..Surroundings::default() }
}

#[test]
fn l1_without_a_start_it_is_a_draft() {
    for start in [json!({}), json!({"start_date": null})] {
        let new = created(start);
        assert!(new.experiment.is_draft());
        assert!(!new.flag.active, "L-2");
        assert_eq!(new.experiment.status(now()), Status::Draft);
    }
}

#[test]
fn l2_the_flag_is_made_with_the_experiment() {
    let flag = created(json!({"start_date": "2024-01-01"})).flag;
    assert_eq!((flag.key.as_str(), flag.name.as_str()), ("checkout", "Feature Flag for Experiment Checkout"));
    assert!(flag.active);
    let filters = json!({
        "groups": [{"properties": [], "rollout_percentage": 100}],
        "multivariate": {"variants": [
            {"key": "control", "name": "Control Group", "rollout_percentage": 50},
            {"key": "test", "name": "Test Variant", "rollout_percentage": 50},
        ]},
        "aggregation_group_type_index": null,
        "holdout_groups": null,
    });
    assert_eq!(json!(flag.filters), filters);
}

#[test]
fn l2_the_holdout_is_copied_to_the_flag() {
    let groups = json!([{"properties": [], "rollout_percentage": 20, "variant": "holdout-3"}]);
    let holdout = json!({
        "id": 3, "name": "January", "description": null, "filters": groups, "created_by": null,
        "created_at": now(), "updated_at": now(),
    });
    let holdout: Holdout = serde_json::from_value(holdout).unwrap();
    let surroundings = Surroundings { holdout: Some(holdout), ..Surroundings::default() };
    let new = create_with(json!({"holdout_id": 3}), &surroundings).unwrap();
    assert_eq!(json!(new.flag.filters.holdout_groups), groups);
    assert_eq!(new.experiment.holdout_id, Some(3));
}

#[test]
fn l3_given_variants_are_taken_and_empty_ones_are_not() {
    let three = created(split(&[("control", 33.33), ("a", 33.33), ("b", 33.34)]));
    let keys: Vec<_> = three.flag.variants().iter().map(|variant| variant.key.as_str()).collect();
    assert_eq!(keys, ["control", "a", "b"]);
    for parameters in
        [json!(null), json!({}), json!({"feature_flag_variants": []}), json!({"feature_flag_variants": null})]
    {
        let new = created(json!({"parameters": parameters}));
        assert_eq!(new.flag.variants().len(), 2);
        assert_eq!(json!(new.experiment.parameters), parameters, "V-4: kept as given");
    }
}

#[test]
fn l4_the_group_type_comes_from_the_parameters_only() {
    let index = |fields| created(fields).flag.filters.aggregation_group_type_index;
    assert_eq!(index(json!({"filters": {"aggregation_group_type_index": 1}})), None);
    assert_eq!(index(json!({"parameters": {"aggregation_group_type_index": 0}})), Some(0));
    assert_eq!(index(json!({"parameters": {"aggregation_group_type_index": null}})), None);
    for wrong in [json!(5), json!(-1), json!("0"), json!(1.5)] {
        assert_eq!(refusal(json!({"parameters": {"aggregation_group_type_index": wrong}})).0, "parameters");
    }
}

#[test]
fn l5_a_live_flag_with_the_key_refuses_the_experiment() {
    let error = create_with(json!({}), &existing(false, false)).unwrap_err();
    let text = "There is already a feature flag with this key.";
    assert_eq!(parts(&error), ("key".into(), "unique", text.into()));
}

#[test]
fn l6_a_deleted_flag_gives_up_its_key_unless_an_experiment_needs_it() {
    assert_eq!(create_with(json!({}), &existing(true, false)).unwrap().replaces, Some(7));
    let error = create_with(json!({}), &existing(true, true)).unwrap_err();
    assert!(error.to_string().starts_with("Feature flag with this key already exists and is used in an experiment."));
}

#[test]
fn l7_filters_may_be_empty_even_when_launched() {
    assert!(created(json!({"filters": {}, "start_date": "2024-01-01"})).experiment.filters.is_empty());
    assert_eq!(refusal(json!({"filters": null})).1, "null");
    assert_eq!(refusal(json!({"filters": []})).2, "Expected a dictionary of items but got type \"list\".");
}

#[test]
fn l8_the_caller_made_it() {
    let new = created(json!({"created_by": "eve", "id": 99}));
    assert_eq!(new.experiment.created_by.as_deref(), Some("ada"), "names that only the engine writes have no effect");
    assert_eq!(new.experiment.created_at, now());
    assert_eq!(new.experiment.id, 0);
}

#[test]
fn l9_a_start_to_come_counts_as_launched() {
    let new = created(json!({"start_date": "2999-01-01T00:00"}));
    assert!(new.flag.active);
    assert_eq!(new.experiment.status(now()), Status::Running);
}

#[test]
fn l20_a_web_experiment_shows_its_variants() {
    let variants = created(json!({"type": "web"})).experiment.variants;
    assert_eq!(json!(variants), json!({"control": {"rollout_percentage": 50}, "test": {"rollout_percentage": 50}}));
    assert_eq!(json!(created(json!({})).experiment.variants), json!({}));
    assert_eq!(
        refusal(json!({"type": "app"})),
        ("type".into(), "invalid_choice", "\"app\" is not a valid choice.".into())
    );
}

#[test]
fn v1_the_name_and_the_key_must_say_something() {
    for field in ["name", "feature_flag_key"] {
        let refused = |value| refusal(json!({field: value}));
        assert_eq!(refused(json!(null)), (field.into(), "null", "This field may not be null.".into()));
        assert_eq!(refused(json!(" ")), (field.into(), "blank", "This field may not be blank.".into()));
        assert_eq!(refused(json!(5)).2, "Not a valid string.");
        assert_eq!(refused(json!("x".repeat(401))).2, "Ensure this field has no more than 400 characters.");
        let mut missing = payload(&json!({}));
        missing.as_object_mut().unwrap().remove(field);
        let error = CreateExperiment::from_json(missing).unwrap_err();
        assert_eq!(parts(&error), (field.into(), "required", "This field is required.".into()));
    }
    assert!(create_with(json!({"name": "ä".repeat(400)}), &Surroundings::default()).is_ok());
}

#[test]
fn v2_ten_variants_are_fine_and_eleven_are_not() {
    let keys = ["control", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"];
    let variants = keys.map(|key| (key, 10.0));
    assert_eq!(created(split(&variants[..10])).flag.variants().len(), 10);
    let text = "Feature flag variants must be less than 11";
    assert_eq!(refusal(split(&variants)), ("parameters".into(), "invalid_input", text.into()));
}

#[test]
fn v3_one_variant_is_control() {
    let text = "Feature flag variants must contain a control variant";
    assert_eq!(refusal(split(&[("a", 50.0), ("b", 50.0)])), ("parameters".into(), "invalid_input", text.into()));
}

#[test]
fn v10_v16_what_is_referred_to_must_exist() {
    let holdout = refusal(json!({"holdout_id": 12}));
    assert_eq!(holdout, ("holdout_id".into(), "does_not_exist", "Invalid pk \"12\" - object does not exist.".into()));
    assert_eq!(refusal(json!({"saved_metrics_ids": [{"id": 1}]})).2, "Saved metric does not exist");
    assert!(created(json!({"saved_metrics_ids": [], "holdout_id": null})).experiment.saved_metrics.is_empty());
}

#[test]
fn b3_absent_parameters_count_as_null() {
    assert_eq!(created(json!({})).experiment.parameters, None);
}

#[test]
fn b5_an_incomplete_variant_is_named_by_its_place() {
    let refused = |variant: Value| {
        let control = json!({"key": "control", "rollout_percentage": 50});
        refusal(json!({"parameters": {"feature_flag_variants": [control, variant]}})).2
    };
    assert_eq!(refused(json!({"rollout_percentage": 50})), "Invalid variant definitions: variant 1 has no key.");
    assert_eq!(
        refused(json!({"key": "", "rollout_percentage": 50})),
        "Invalid variant definitions: variant 1 has no key."
    );
    assert_eq!(refused(json!({"key": "test"})), "Invalid variant definitions: variant 1 has no rollout_percentage.");
    assert_eq!(refused(json!("test")), "Invalid variant definitions: variant 1 must be an object.");
    let text = "Expected a list of items but got type \"dict\".";
    assert_eq!(refusal(json!({"parameters": {"feature_flag_variants": {}}})).2, text);
}

#[test]
fn b13_v22_variants_share_out_the_whole_traffic() {
    let sum = "Invalid variant definitions: Variant rollout percentages must sum to 100.";
    assert_eq!(refusal(split(&[("control", 50.0), ("test", 40.0)])).2, sum);
    assert_eq!(refusal(split(&[("control", 33.33), ("a", 33.33), ("b", 33.33)])).2, sum);
    assert!(refusal(split(&[("control", 150.0), ("test", -50.0)])).2.contains("from 0 to 100"));
    assert!(refusal(split(&[("control", 50.0), ("test", 25.0), ("test", 25.0)])).2.contains("'test'"));
    assert_eq!(created(split(&[("control", 0.0), ("test", 100.0)])).flag.variants().len(), 2);
}

#[test]
fn b17_no_end_before_the_start() {
    let refused = refusal(json!({"start_date": "2024-01-02", "end_date": "2024-01-01"}));
    assert_eq!((refused.0.as_str(), refused.1), ("end_date", "invalid_input"));
    let same = created(json!({"start_date": "2024-01-02", "end_date": "2024-01-02"}));
    assert_eq!(same.experiment.status(now()), Status::Complete);
}

#[test]
fn v20_v22_a_flag_of_its_own_follows_the_rules_for_flags() {
    let request = |percentages: [f64; 2]| {
        let variant = |key: &str, rollout_percentage| Variant { key: key.into(), name: None, rollout_percentage };
        let variants = [variant("a", percentages[0]), variant("b", percentages[1])];
        CreateFlag::from_json(json!({"key": "new", "filters": {"multivariate": {"variants": variants}}})).unwrap()
    };
    let flag = create_flag(request([60.0, 40.0]), None, &[], now(), None).unwrap().flag;
    assert!(flag.active && !flag.deleted && flag.groups()[0].properties.is_empty());
    let error = create_flag(request([60.0, 30.0]), None, &[], now(), None).unwrap_err();
    assert_eq!(parts(&error).0, "filters");
    let taken = existing(false, false).flag;
    assert_eq!(create_flag(request([60.0, 40.0]), taken.as_ref(), &[], now(), None).unwrap_err().code(), "unique");
}

#[test]
fn f0_a_flag_without_groups_reads_as_one_group() {
    let request =
        json!({"key": "old", "rollout_percentage": 30, "filters": {"properties": [{"key": "plan", "value": "pro"}]}});
    let flag = create_flag(CreateFlag::from_json(request).unwrap(), None, &[], now(), None).unwrap().flag;
    let group = json!({"properties": [{"key": "plan", "value": "pro"}], "rollout_percentage": 30});
    assert_eq!(json!(flag.groups()), json!([group]));
    for variants in [json!(null), json!({}), json!("none")] {
        let request = json!({"key": "old", "filters": {"multivariate": {"variants": variants}}});
        assert!(CreateFlag::from_json(request).unwrap().filters.multivariate.unwrap().variants.is_empty());
    }
}

#[test]
fn times_are_read_in_the_forms_clients_write() {
    let start = |text: &str| created(json!({"start_date": text})).experiment.start_date.unwrap().to_string();
    assert_eq!(start("2021-12-01T10:23"), "2021-12-01T10:23:00Z");
    assert_eq!(start("2021-12-01 10:23:05"), "2021-12-01T10:23:05Z");
    assert_eq!(start("2021-12-01T10:23:05.123456789Z"), "2021-12-01T10:23:05.123456Z");
    assert_eq!(start("2021-12-01T10:23:00+02:00"), "2021-12-01T08:23:00Z");
    assert_eq!(start("2021-12-01T10:23+02:00"), "2021-12-01T08:23:00Z");
    assert_eq!(start("2021-12-01T10:23-0230"), "2021-12-01T12:53:00Z");
    assert_eq!(start("2021-12-01"), "2021-12-01T00:00:00Z");
    for wrong in [json!("soon"), json!("2021-13-01"), json!(5), json!("2021-12-01T10:23[Mars/Olympus]"), json!("")] {
        let refused = refusal(json!({"start_date": wrong}));
        assert_eq!((refused.0.as_str(), refused.1), ("start_date", "invalid"), "{wrong}");
    }
}

#[test]
fn an_unknown_field_is_refused_with_a_suggestion() {
    let error = CreateExperiment::from_json(payload(&json!({"filter": {}}))).unwrap_err();
    assert_eq!(parts(&error), ("filter".into(), "unknown_field", "unknown field 'filter'".into()));
    assert_eq!(error.hints(), ["did you mean 'filters'?"]);
    let error = CreateExperiment::from_json(payload(&json!({"colour": 1}))).unwrap_err();
    assert!(error.hints()[0].starts_with("known fields: name, "));
    assert_eq!(
        CreateExperiment::from_json(json!([])).unwrap_err().to_string(),
        "Invalid data. Expected a dictionary, but got list."
    );
}

#[test]
fn a_definition_can_be_yaml() {
    let text = "name: Checkout\nfeature_flag_key: checkout\nstart_date: 2024-01-01\nparameters:\n  minimum_detectable_effect: 5\n";
    let request = CreateExperiment::from_yaml(text).unwrap();
    assert_eq!(request.start_date, Some(at("2024-01-01T00:00:00Z")));
    assert_eq!(json!(request.parameters), json!({"minimum_detectable_effect": 5}));
    assert!(CreateExperiment::from_yaml("name: [").unwrap_err().to_string().starts_with("the definition is not YAML"));
}

#[test]
fn the_schema_of_a_definition_names_every_field() {
    let schema = json!(schemars::schema_for!(CreateExperiment));
    assert_eq!(schema["required"], json!(["name", "feature_flag_key"]));
    assert_eq!(schema["additionalProperties"], json!(false));
    let properties = schema["properties"].as_object().unwrap();
    // Every field of the schema is accepted, with the schema's own idea of an empty value.
    for field in properties.keys().filter(|field| {
        !["name", "feature_flag_key", "filters", "stats_config", "archived", "only_count_matured_users"]
            .contains(&field.as_str())
    }) {
        assert!(create_with(json!({field: null}), &Surroundings::default()).is_ok(), "{field}");
    }
    assert_eq!(properties.len(), 17);
}

#[test]
fn l16_launch_starts_a_draft_now_and_switches_its_flag_on() {
    let (experiment, flag) = draft();
    let later = at("2024-03-01T12:00:00Z");
    let (launched, switched_on) = launch(&experiment, &flag, later, later).unwrap();
    assert_eq!((launched.start_date, launched.updated_at), (Some(later), later));
    assert_eq!((switched_on.active, switched_on.version), (true, 2));
    assert_eq!(launched.status(later), Status::Running);
    assert_eq!(Experiment { start_date: None, updated_at: now(), ..launched }, experiment, "nothing else changes");
}

#[test]
fn launch_is_refused_when_launched_archived_without_flag_or_past_the_end() {
    let (experiment, flag) = draft();
    let refused = |experiment: &Experiment, flag: &FeatureFlag| launch(experiment, flag, now(), now()).unwrap_err();
    for forbidden in [
        refused(&Experiment { start_date: Some(now()), ..experiment.clone() }, &flag),
        refused(&Experiment { archived: true, ..experiment.clone() }, &flag),
        refused(&experiment, &FeatureFlag { deleted: true, ..flag.clone() }),
    ] {
        assert!(matches!(forbidden.kind(), ErrorKind::NotAllowed { .. }), "{forbidden}");
    }
    let planned = Experiment { end_date: Some(at("2024-01-31T00:00:00Z")), ..experiment };
    assert_eq!(parts(&refused(&planned, &flag)).0, "end_date", "B-17");
}

#[test]
fn l16_end_ends_a_launched_experiment_now() {
    let experiment = created(json!({"start_date": "2024-01-01", "end_date": "2024-06-01"})).experiment;
    let ended = end(&experiment, at_once(), now()).unwrap();
    assert_eq!((ended.end_date, ended.status(now())), (Some(now()), Status::Complete));
    assert_eq!(Experiment { end_date: experiment.end_date, ..ended }, experiment, "nothing else changes");
}

#[test]
fn end_is_refused_for_a_draft_when_ended_and_before_the_start() {
    let refused = |fields| end(&created(fields).experiment, at_once(), now()).unwrap_err();
    assert!(matches!(refused(json!({})).kind(), ErrorKind::NotReady { .. }));
    let ended = refused(json!({"start_date": "2024-01-01", "end_date": "2024-01-20"}));
    assert!(matches!(ended.kind(), ErrorKind::NotAllowed { .. }));
    assert_eq!(ended.to_string(), "experiment 'checkout' has ended already, on 2024-01-20T00:00:00Z");
    assert_eq!(parts(&refused(json!({"start_date": "2999-01-01"}))).0, "end_date", "B-17");
}

#[test]
fn an_archived_experiment_is_archived_whatever_else_it_is() {
    let new = created(json!({"archived": true, "start_date": "2024-01-01"}));
    assert_eq!(new.experiment.status(now()), Status::Archived);
    assert_eq!(refusal(json!({"archived": "yes"})).2, "Must be a valid boolean.");
}

#[test]
fn a_misspelt_parameter_is_refused_and_a_foreign_one_is_kept() {
    let variants = json!([{"key": "control", "rollout_percentage": 50}, {"key": "blue", "rollout_percentage": 50}]);
    let (field, _, message) = refusal(json!({"parameters": {"feature_flag_variant": variants}}));
    assert_eq!((field.as_str(), message.as_str()), ("parameters", "unknown parameter 'feature_flag_variant'"));
    let kept = created(json!({"parameters": {"colour_of_the_button": "blue"}}));
    assert_eq!(kept.experiment.parameters.unwrap()["colour_of_the_button"], "blue");
}
