//! Changing what is defined: experiments, flags, holdouts and saved metrics, and how they follow each other. Each test
//! names its rule and goes through `Engine`.

use std::collections::BTreeMap;

use abduck::lifecycle::{Copy, Ending};
use abduck::model::action::{CreateAction, UpdateAction};
use abduck::model::cohort::CreateCohort;
use abduck::model::experiment::{Conclusion, CreateExperiment, CreateWebExperiment, UpdateExperiment};
use abduck::model::flag::{CreateFlag, FeatureFlag, UpdateFlag};
use abduck::model::holdout::{CreateHoldout, Holdout, UpdateHoldout};
use abduck::model::saved_metric::{CreateSavedMetric, SavedMetric, UpdateSavedMetric};
use abduck::{Engine, Error, ErrorKind, Experiment, IngestOptions, Result, ResultsRequest, Source};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

const BY: Option<&str> = Some("ada");

/// Something that is done to a lab, and what it changes.
type Step<'a> = (&'static str, Box<dyn FnMut(&mut Lab) + 'a>);

struct Lab {
    engine: Engine,
    folder: TempDir,
}

fn now() -> Timestamp {
    "2024-02-01T00:00:00Z".parse().unwrap()
}

fn later() -> Timestamp {
    "2024-03-01T00:00:00Z".parse().unwrap()
}

fn split(shares: &[(&str, i64)]) -> Value {
    shares.iter().map(|(key, share)| json!({"key": key, "rollout_percentage": share})).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "json!(…) reads better at the many calls")]
impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { engine: Engine::init(folder.path().join("lab")).unwrap(), folder }
    }

    fn create(&mut self, fields: Value) -> Experiment {
        self.try_create(fields).unwrap()
    }

    fn try_create(&mut self, fields: Value) -> Result<Experiment> {
        let mut request = json!({"name": "Checkout", "feature_flag_key": "checkout"});
        request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.engine.create_experiment(CreateExperiment::from_json(request)?, now(), BY)
    }

    fn running(&mut self, fields: Value) -> Experiment {
        let mut fields = fields;
        fields["start_date"] = json!("2024-01-01T00:00:00Z");
        self.create(fields)
    }

    fn update(&mut self, request: Value) -> Result<Experiment> {
        self.engine.update_experiment("checkout", UpdateExperiment::from_json(request)?, later(), BY)
    }

    fn update_flag(&mut self, request: Value) -> Result<FeatureFlag> {
        self.engine.update_flag("checkout", UpdateFlag::from_json(request)?, later(), BY)
    }

    fn create_flag(&mut self, request: Value) -> Result<FeatureFlag> {
        self.engine.create_flag(CreateFlag::from_json(request)?, now(), BY)
    }

    fn holdout(&mut self, percentage: f64) -> Holdout {
        let request = json!({"name": format!("{percentage} %"), "filters": [{"rollout_percentage": percentage}]});
        self.engine.create_holdout(CreateHoldout::from_json(request).unwrap(), now(), BY).unwrap()
    }

    fn update_holdout(&mut self, id: i64, request: Value) -> Result<Holdout> {
        self.engine.update_holdout(&id.to_string(), UpdateHoldout::from_json(request)?, later(), BY)
    }

    fn metric(&mut self, name: &str) -> SavedMetric {
        let query = json!({"kind": "ExperimentTrendsQuery", "count_query": {"kind": "TrendsQuery", "series": []}});
        let request = CreateSavedMetric::from_json(json!({"name": name, "query": query})).unwrap();
        self.engine.create_saved_metric(request, now(), BY).unwrap()
    }

    fn ingest(&mut self, events: &[Value]) {
        let file = self.folder.path().join("events.ndjson");
        std::fs::write(&file, events.iter().map(|event| format!("{event}\n")).collect::<String>()).unwrap();
        let source = Source::Files(vec![file.display().to_string()]);
        self.engine.ingest(source, &IngestOptions::default(), &mut |_| ()).unwrap();
    }

    fn members(&mut self, cohort: &str, as_defined: bool) -> Vec<String> {
        let members = self.engine.members_of_cohort(cohort, as_defined, later()).unwrap();
        members.into_iter().map(|member| member.distinct_id).collect()
    }

    fn experiment(&mut self) -> Experiment {
        self.engine.experiment("checkout").unwrap()
    }

    fn flag(&mut self) -> FeatureFlag {
        self.engine.flag("checkout").unwrap()
    }

    fn shares(&mut self) -> Vec<(String, f64)> {
        let flag = self.flag();
        flag.variants().iter().map(|variant| (variant.key.clone(), variant.rollout_percentage)).collect()
    }

    /// All that a refusal must leave alone.
    fn everything(&mut self) -> Value {
        let engine = &mut self.engine;
        json!([
            engine.experiments().unwrap(),
            engine.flags().unwrap(),
            engine.holdouts().unwrap(),
            engine.saved_metrics().unwrap(),
            engine.cohorts().unwrap(),
            engine.audit_log(1000).unwrap(),
        ])
    }

    /// The message of a refusal, which must have changed nothing (B-11).
    fn refused<T: std::fmt::Debug>(&mut self, attempt: impl FnOnce(&mut Self) -> Result<T>) -> String {
        let before = self.everything();
        let error = attempt(self).unwrap_err();
        assert_eq!(self.everything(), before, "a refused request changes nothing: {error}");
        error.to_string()
    }
}

fn field(error: &Error) -> Option<&str> {
    match error.kind() {
        ErrorKind::Invalid { field, .. } => field.as_deref(),
        _ => None,
    }
}

fn ending(at: Timestamp) -> Ending {
    Ending { at, conclusion: None, comment: None }
}

#[test]
fn l10_what_is_given_changes_and_the_rest_stays() {
    let mut lab = Lab::new();
    lab.create(json!({"description": "one page", "parameters": {"recommended_sample_size": 5}}));
    let after = lab.update(json!({"name": "Quick checkout", "id": 99, "created_at": "2000-01-01"})).unwrap();
    assert_eq!((after.name.as_str(), after.description.as_deref()), ("Quick checkout", Some("one page")));
    assert_eq!((after.id, after.created_at, after.updated_at), (1, now(), later()));
    // The key is accepted when it is the present one.
    lab.update(json!({"feature_flag_key": "checkout", "description": null})).unwrap();
    assert_eq!(lab.experiment().description, None);
}

#[test]
fn l11_b15_a_draft_changes_of_its_flag_what_is_given_and_keeps_the_rest() {
    let mut lab = Lab::new();
    lab.create(json!({"parameters": {"feature_flag_variants": split(&[("control", 50), ("a", 50)])}}));
    let groups = json!([{"properties": [{"key": "plan", "value": "pro", "type": "person"}], "rollout_percentage": 20}]);
    let multivariate = json!({"variants": split(&[("control", 50), ("a", 50)])});
    let filters = json!({"groups": groups, "multivariate": multivariate, "payloads": {"a": {"color": "red"}}});
    lab.update_flag(json!({"filters": filters})).unwrap();

    // Parameters without variants leave the variants, the conditions and the payloads.
    lab.update(json!({"parameters": {"minimum_detectable_effect": 2}})).unwrap();
    let flag = lab.flag();
    assert_eq!(json!(flag.filters)["groups"], groups);
    assert_eq!(json!(flag.filters)["payloads"]["a"]["color"], "red");
    assert_eq!(lab.shares(), [("control".to_owned(), 50.0), ("a".to_owned(), 50.0)]);

    // Given ones take their place.
    let shares = split(&[("control", 20), ("a", 30), ("b", 50)]);
    lab.update(json!({"parameters": {"feature_flag_variants": shares, "aggregation_group_type_index": null}})).unwrap();
    assert_eq!(lab.shares().len(), 3);
    assert_eq!(json!(lab.flag().filters)["groups"], groups);
}

#[test]
fn l12_the_holdout_of_a_draft_goes_on_to_its_flag() {
    let mut lab = Lab::new();
    let (small, large) = (lab.holdout(5.0), lab.holdout(20.0));
    lab.create(json!({"holdout_id": small.id}));
    lab.update(json!({"holdout_id": large.id})).unwrap();
    assert_eq!(lab.flag().filters.holdout_groups, Some(large.filters));
    lab.update(json!({"holdout_id": null})).unwrap();
    assert_eq!((lab.flag().filters.holdout_groups, lab.experiment().holdout_id), (None, None));
    let message = lab.refused(|lab| lab.update(json!({"holdout_id": 77})));
    assert_eq!(message, "Invalid pk \"77\" - object does not exist."); // V-16
}

#[test]
fn l13_v13_a_running_experiment_keeps_its_variants() {
    let mut lab = Lab::new();
    lab.running(json!({}));
    for shares in [vec![("control", 100)], vec![("control", 50), ("other", 50)]] {
        let request = json!({"parameters": {"feature_flag_variants": split(&shares)}});
        let message = lab.refused(|lab| lab.update(request));
        assert_eq!(message, "Can't update feature_flag_variants on Experiment");
    }
}

#[test]
fn b19_the_flag_is_the_only_source_of_the_split() {
    let mut lab = Lab::new();
    lab.running(json!({}));
    let shares = split(&[("control", 10), ("test", 90)]);
    lab.update(json!({"parameters": {"feature_flag_variants": shares}})).unwrap();
    assert_eq!(lab.shares()[0].1, 50.0);
    // The flag itself changes both.
    let filters = json!({"groups": [{"rollout_percentage": 100}], "multivariate": {"variants": shares}});
    lab.update_flag(json!({"filters": filters})).unwrap();
    assert_eq!(lab.shares()[0].1, 10.0);
    assert_eq!(json!(lab.experiment().parameters)["feature_flag_variants"], shares);
}

#[test]
fn l14_v14_a_running_experiment_keeps_its_holdout() {
    let mut lab = Lab::new();
    let (one, other) = (lab.holdout(5.0), lab.holdout(20.0));
    lab.running(json!({"holdout_id": one.id}));
    for holdout in [json!(other.id), json!(null)] {
        let message = lab.refused(|lab| lab.update(json!({"holdout_id": holdout})));
        assert_eq!(message, "Can't update holdout on running Experiment");
    }
    lab.update(json!({"holdout_id": one.id})).unwrap();
}

#[test]
fn l15_v15_no_filters_on_the_whole_metric() {
    let mut lab = Lab::new();
    lab.create(json!({}));
    let filters = json!({"events": [{"id": "buy"}], "properties": [{"key": "id", "value": 1, "type": "cohort"}]});
    let message = lab.refused(|lab| lab.update(json!({"filters": filters})));
    assert_eq!(message, "Experiments do not support global filter properties");
}

#[test]
fn l16_b16_the_flag_goes_on_with_the_start_and_off_without_it() {
    let mut lab = Lab::new();
    lab.create(json!({}));
    assert!(lab.update(json!({"start_date": "2024-02-15"})).unwrap().start_date.is_some());
    assert!(lab.flag().active);
    lab.update(json!({"end_date": "2024-02-20", "archived": true})).unwrap();
    assert!(lab.flag().active, "neither the end nor archiving switch it off");
    lab.update(json!({"start_date": null, "end_date": null})).unwrap();
    assert!(!lab.flag().active && lab.experiment().is_draft());
}

#[test]
fn l17_b4_parameters_are_replaced_as_a_whole_and_may_be_null() {
    let mut lab = Lab::new();
    lab.running(json!({"parameters": {"minimum_detectable_effect": 5, "note": "x"}}));
    let after = lab.update(json!({"parameters": {"recommended_sample_size": 1500}})).unwrap();
    assert_eq!(json!(after.parameters), json!({"recommended_sample_size": 1500}));
    assert_eq!(lab.update(json!({"parameters": null})).unwrap().parameters, None);
    assert_eq!(lab.shares().len(), 2);
}

#[test]
fn l19_the_parameters_follow_the_flag() {
    let mut lab = Lab::new();
    lab.create(json!({"parameters": {"minimum_detectable_effect": 5}}));
    let shares = split(&[("control", 10), ("test", 90)]);
    let mut filters = json!({"groups": [{"rollout_percentage": 100}], "multivariate": {"variants": shares}});
    filters["aggregation_group_type_index"] = json!(1);
    lab.update_flag(json!({"filters": filters})).unwrap();
    let expected = json!({"minimum_detectable_effect": 5, "feature_flag_variants": shares,
        "aggregation_group_type_index": 1});
    assert_eq!(json!(lab.experiment().parameters), expected);
    filters["aggregation_group_type_index"] = json!(null);
    lab.update_flag(json!({"filters": filters})).unwrap();
    assert_eq!(json!(lab.experiment().parameters).get("aggregation_group_type_index"), None);
}

#[test]
fn l20_b18_a_web_experiment_stays_in_step_with_its_flag() {
    let mut lab = Lab::new();
    lab.create(json!({"type": "web"}));
    let shares = split(&[("control", 30), ("test", 70)]);
    lab.update(json!({"parameters": {"feature_flag_variants": shares}})).unwrap();
    assert_eq!(json!(lab.experiment().variants)["test"]["rollout_percentage"], 70);
    let message = lab.refused(|lab| lab.update(json!({"type": "product"})));
    assert_eq!(message, "Can't update keys: type on Experiment");
}

#[test]
fn l20a_a_web_experiment_comes_with_the_changes_of_its_pages() {
    let mut lab = Lab::new();
    let mut create = |variants: Value| {
        let request = CreateWebExperiment::from_json(json!({"name": "New Hero!", "variants": variants})).unwrap();
        lab.engine.create_web_experiment(request, now(), BY)
    };
    for (variants, message) in [
        (json!(null), "Experiment does not have any variants"),
        (json!([1]), "Experiment variants should be a dictionary of keys -> transforms"),
        (json!({"test": {}}), "Experiment should contain a control variant"),
        (json!({"control": {}}), "Experiment variant 'control' does not have any rollout percentage"),
    ] {
        assert_eq!(create(variants).unwrap_err().to_string(), message);
    }
    let no_selector = json!({"control": {"rollout_percentage": 50}, "test": {"rollout_percentage": 50,
        "transforms": [{"text": "Buy"}]}});
    assert!(create(no_selector).unwrap_err().to_string().contains("selector"));
    let variants = json!({"control": {"rollout_percentage": 50}, "test": {"rollout_percentage": 50,
        "transforms": [{"selector": "#buy", "text": "Buy"}]}});
    let first = create(variants.clone()).unwrap();
    assert_eq!((first.feature_flag_key.as_str(), first.is_draft()), ("new-hero-web-experiment-feature", true));
    assert_eq!(json!(first.variants), variants);
    assert_eq!(create(variants).unwrap().feature_flag_key, "new-hero-web-experiment-feature-2");
    // The changes of the page stay when the shares change.
    let shares = json!({"variants": split(&[("control", 40), ("test", 60)])});
    let request = UpdateFlag::from_json(json!({"filters": {"groups": [], "multivariate": shares}})).unwrap();
    lab.engine.update_flag(&first.feature_flag_key, request, now(), BY).unwrap();
    let page = json!(lab.engine.experiment("1").unwrap().variants);
    assert_eq!(page["test"], json!({"rollout_percentage": 60, "transforms": [{"selector": "#buy", "text": "Buy"}]}));
    let public = |lab: &mut Lab| lab.engine.web_experiments().unwrap().len();
    assert_eq!(public(&mut lab), 2);
    lab.engine.archive("1", true, now(), BY).unwrap();
    assert_eq!(public(&mut lab), 1);
}

#[test]
fn l21_l6_a_deleted_experiment_frees_its_key() {
    let mut lab = Lab::new();
    lab.running(json!({}));
    lab.engine.delete_experiment("checkout", later(), BY).unwrap();
    assert!(lab.engine.experiments().unwrap().is_empty() && lab.flag().deleted);
    lab.create(json!({}));
    assert!(!lab.flag().deleted);
    assert_eq!(lab.engine.flags().unwrap().len(), 1);
}

#[test]
fn l22_v23_a_deleted_flag_leaves_its_experiment_and_keeps_its_key() {
    let mut lab = Lab::new();
    lab.running(json!({}));
    lab.engine.delete_flag("checkout", true, later(), BY).unwrap();
    assert_eq!(lab.experiment().name, "Checkout");
    let message = lab.refused(|lab| lab.try_create(json!({})));
    assert!(message.starts_with("Feature flag with this key already exists and is used in an experiment."));
    lab.engine.delete_flag("checkout", false, later(), BY).unwrap();
    assert!(!lab.flag().deleted);
}

#[test]
fn l30_v31_v32_v33_a_holdout_says_who_is_held_out() {
    let mut lab = Lab::new();
    let request = json!({"name": "h", "filters": [{"properties": [], "rollout_percentage": 20, "variant": "x"}]});
    let holdout = lab.engine.create_holdout(CreateHoldout::from_json(request).unwrap(), now(), BY).unwrap();
    assert_eq!(holdout.filters[0].variant.as_deref(), Some("holdout-1"));
    for (filters, message) in [
        (json!([]), "Filters are required to create an holdout group"),
        (json!([{"properties": []}]), "Rollout percentage must be present."),
        (json!([{"rollout_percentage": null}]), "Rollout percentage must be present."),
        (json!([{"rollout_percentage": 150}]), "Rollout percentage must be between 0 and 100."),
        (json!([{"rollout_percentage": -1}]), "Rollout percentage must be between 0 and 100."),
        (json!([{"rollout_percentage": "NaN"}]), "Rollout percentage must be between 0 and 100."),
    ] {
        let create = |lab: &mut Lab| {
            let request = CreateHoldout::from_json(json!({"name": "h", "filters": filters}))?;
            lab.engine.create_holdout(request, now(), BY)
        };
        assert_eq!(lab.refused(create), message);
        // B-23: an update is held to the same.
        assert_eq!(lab.refused(|lab| lab.update_holdout(1, json!({"filters": filters}))), message);
    }
}

#[test]
fn l31_b23_flags_follow_their_holdout_but_not_a_list_sent_back_unchanged() {
    let mut lab = Lab::new();
    let holdout = lab.holdout(20.0);
    lab.running(json!({"holdout_id": holdout.id}));
    let version = lab.flag().version;
    let unchanged = json!({"filters": [{"properties": [], "rollout_percentage": 20.0}], "name": "same"});
    lab.update_holdout(holdout.id, unchanged).unwrap();
    assert_eq!(lab.flag().version, version);
    let changed = lab.update_holdout(holdout.id, json!({"filters": [{"rollout_percentage": 30}]})).unwrap();
    let flag = lab.flag();
    assert_eq!((flag.filters.holdout_groups, flag.version), (Some(changed.filters), version + 1));
}

#[test]
fn l32_without_its_holdout_nobody_is_held_out() {
    let mut lab = Lab::new();
    let holdout = lab.holdout(20.0);
    lab.running(json!({"holdout_id": holdout.id}));
    lab.engine.delete_holdout("1", later(), BY).unwrap();
    assert_eq!((lab.flag().filters.holdout_groups, lab.experiment().holdout_id), (None, None));
    assert!(lab.engine.holdouts().unwrap().is_empty());
}

#[test]
fn l40_v41_v42_a_saved_metric_fits_its_kind() {
    let mut lab = Lab::new();
    for (query, message) in [
        (json!({}), "Query is required to create a saved metric"),
        (
            json!({"kind": "TrendsQuery"}),
            "Metric query kind must be 'ExperimentTrendsQuery' or 'ExperimentFunnelsQuery'",
        ),
        (
            json!({"kind": "ExperimentFunnelsQuery"}),
            "[{'type': 'missing', 'loc': ('funnels_query',), 'msg': 'Field required'}]",
        ),
        (
            json!({"kind": "ExperimentTrendsQuery", "count_query": {"kind": "FunnelsQuery"}}),
            "[{'type': 'literal_error', 'loc': ('count_query', 'kind'), 'msg': \"Input should be 'TrendsQuery'\"}, \
             {'type': 'missing', 'loc': ('count_query', 'series'), 'msg': 'Field required'}]",
        ),
    ] {
        let create = |lab: &mut Lab| {
            let request = CreateSavedMetric::from_json(json!({"name": "m", "query": query}))?;
            lab.engine.create_saved_metric(request, now(), BY)
        };
        assert_eq!(lab.refused(create), message);
    }
}

#[test]
fn l41_links_stay_are_replaced_or_dropped() {
    let mut lab = Lab::new();
    let (one, other) = (lab.metric("one"), lab.metric("other"));
    lab.create(json!({"saved_metrics_ids": [{"id": one.id, "metadata": {"type": "primary"}}]}));
    lab.update(json!({"name": "x"})).unwrap();
    assert_eq!(lab.experiment().saved_metrics.len(), 1);
    let links = json!([{"id": other.id, "metadata": {"type": "secondary"}}, {"id": one.id}]);
    let after = lab.update(json!({"saved_metrics_ids": links})).unwrap();
    let names: Vec<_> = after.saved_metrics.iter().map(|link| link.name.as_str()).collect();
    assert_eq!(names, ["other", "one"]);
    for nothing in [json!([]), json!(null)] {
        lab.update(json!({"saved_metrics_ids": [{"id": one.id}]})).unwrap();
        assert!(lab.update(json!({"saved_metrics_ids": nothing})).unwrap().saved_metrics.is_empty());
    }
}

#[test]
fn l42_v6_to_v11_b14_a_link_names_a_metric_and_its_use() {
    let mut lab = Lab::new();
    let id = lab.metric("one").id;
    lab.create(json!({}));
    for (links, message) in [
        (json!([[id]]), "Saved metric must be an object"),
        (json!([{"saved_metric": id}]), "Saved metric must have an id"),
        (json!([{"id": id, "metadata": 1}]), "Metadata must be an object"),
        (json!([{"id": id, "metadata": {}}]), "Metadata must have a type key"),
        (json!([{"id": 99}]), "Saved metric does not exist"),
        (json!([{"id": id}, {"id": id}]), "Saved metric 1 is given twice"),
        (json!({"id": id}), "Expected a list of items but got type \"dict\"."),
    ] {
        assert_eq!(lab.refused(|lab| lab.update(json!({"saved_metrics_ids": links}))), message);
    }
}

#[test]
fn b11_a_refused_update_keeps_the_links() {
    let mut lab = Lab::new();
    let id = lab.metric("one").id;
    lab.running(json!({"saved_metrics_ids": [{"id": id}]}));
    let holdout = lab.holdout(5.0);
    lab.refused(|lab| lab.update(json!({"saved_metrics_ids": [], "holdout_id": holdout.id})));
    lab.refused(|lab| lab.update(json!({"saved_metrics_ids": [], "end_date": "2023-01-01"})));
    assert_eq!(lab.experiment().saved_metrics.len(), 1);
}

#[test]
fn l43_a_saved_metric_shows_through_and_goes_without_its_experiments() {
    let mut lab = Lab::new();
    let metric = lab.metric("one");
    lab.create(json!({"saved_metrics_ids": [{"id": metric.id}]}));
    let request = UpdateSavedMetric::from_json(json!({"name": "renamed"})).unwrap();
    lab.engine.update_saved_metric("one", request, later(), BY).unwrap();
    assert_eq!(lab.experiment().saved_metrics[0].name, "renamed");
    lab.engine.delete_saved_metric("renamed", later(), BY).unwrap();
    assert!(lab.experiment().saved_metrics.is_empty());
}

#[test]
fn v12_keys_that_cannot_change_are_all_named() {
    let mut lab = Lab::new();
    lab.create(json!({}));
    let message = lab.refused(|lab| lab.update(json!({"type": "web", "nmae": "x"})));
    assert_eq!(message, "Can't update keys: nmae, type on Experiment");
    let message = lab.refused(|lab| lab.update(json!({"feature_flag_key": "other"})));
    assert_eq!(message, "Can't update keys: get_feature_flag_key on Experiment");
    let error = lab.update(json!({"nmae": "x"})).unwrap_err();
    assert_eq!(error.hints(), ["did you mean 'name'?"]);
}

#[test]
fn b17_no_end_before_the_start_whichever_comes_last() {
    let mut lab = Lab::new();
    lab.running(json!({}));
    assert!(lab.refused(|lab| lab.update(json!({"end_date": "2023-12-31"}))).contains("before the start"));
    lab.update(json!({"end_date": "2024-02-10"})).unwrap();
    assert!(lab.refused(|lab| lab.update(json!({"start_date": "2024-02-11"}))).contains("before the start"));
}

#[test]
fn v21_v24_v27_flags_are_told_what_does_not_fit() {
    let mut lab = Lab::new();
    let variants = json!({"variants": split(&[("control", 50), ("test", 50)])});
    let person = json!({"key": "plan", "value": "pro", "type": "person"});
    let group = |index: u8| json!({"key": "plan", "value": "pro", "type": "group", "group_type_index": index});
    for (filters, message) in [
        (
            json!({"groups": [{"properties": [group(0)]}]}),
            "Filters are not valid (can only use person and cohort properties)",
        ),
        (
            json!({"groups": [{"properties": [person]}], "aggregation_group_type_index": 0}),
            "Filters are not valid (can only use group properties)",
        ),
        (
            json!({"groups": [{"properties": [group(1)]}], "aggregation_group_type_index": 0}),
            "Filters are not valid (can only use group properties)",
        ),
        (
            json!({"groups": [{"variant": "red"}], "multivariate": variants}),
            "Filters are not valid (variant override does not exist)",
        ),
        (
            json!({"groups": [], "multivariate": variants, "payloads": {"red": 1}}),
            "Payload keys must match a variant key for multivariate flags",
        ),
        (json!({"groups": [], "payloads": {"test": 1}}), "Payload keys must be 'true' for boolean flags"),
    ] {
        let create = |lab: &mut Lab| lab.create_flag(json!({"key": "f", "filters": filters}));
        assert_eq!(lab.refused(create), message);
    }
    let fits = json!({"groups": [{"properties": [group(0)]}], "aggregation_group_type_index": 0});
    lab.create_flag(json!({"key": "f", "filters": fits})).unwrap();
}

#[test]
fn v25_v26_conditions_name_cohorts_and_values_that_can_be_used() {
    let mut lab = Lab::new();
    let cohort = |lab: &mut Lab, name: &str, condition: Value| {
        let filters = json!({"properties": {"type": "OR", "values": [condition]}});
        let request = CreateCohort::from_json(json!({"name": name, "filters": filters})).unwrap();
        lab.engine.create_cohort(request, &[], now(), BY).unwrap().id
    };
    let behaviour = json!({"type": "behavioral", "value": "performed_event", "key": "buy", "event_type": "events"});
    let buyers = cohort(&mut lab, "buyers", behaviour);
    let nested = cohort(&mut lab, "nested", json!({"type": "cohort", "key": "id", "value": buyers}));
    let pros = cohort(&mut lab, "pros", json!({"type": "person", "key": "plan", "value": "pro"}));
    let flag = |property: Value| json!({"key": "f", "filters": {"groups": [{"properties": [property]}]}});
    let in_cohort = |id: i64| flag(json!({"key": "id", "type": "cohort", "value": id}));
    for (request, message, code) in [
        (in_cohort(99), "Cohort with id 99 does not exist".to_owned(), "cohort_does_not_exist"),
        (
            in_cohort(nested),
            "Cohort 'buyers' with filters on events cannot be used in feature flags.".to_owned(),
            "behavioral_cohort_found",
        ),
        (
            flag(json!({"key": "d", "operator": "is_date_before", "value": "soon"})),
            "Invalid date value: soon".to_owned(),
            "invalid_date",
        ),
        (
            flag(json!({"key": "d", "operator": "gt", "value": 4})),
            "Invalid value for operator gt: 4".to_owned(),
            "invalid_value",
        ),
    ] {
        let error = lab.create_flag(request).unwrap_err();
        assert_eq!((error.to_string(), error.code()), (message, code));
        assert_eq!(field(&error), Some("filters.groups[0].properties[0]"));
    }
    lab.create_flag(in_cohort(pros)).unwrap();
    // A cohort that a flag needs stays.
    let message = lab.refused(|lab| lab.engine.delete_cohort("pros", now(), BY));
    assert_eq!(message, "cohort 'pros' is used by flag 'f'");
}

#[test]
fn v28_a_key_is_made_of_letters_digits_hyphens_and_underscores() {
    let mut lab = Lab::new();
    for key in ["a b", "a/b", "größe", "a'b"] {
        let error = lab.create_flag(json!({"key": key})).unwrap_err();
        assert_eq!((field(&error), error.code()), (Some("key"), "invalid_key"), "{key}");
    }
    lab.create_flag(json!({"key": "A_b-9"})).unwrap();
}

#[test]
fn b13_shares_are_checked_on_every_change_of_a_flag() {
    let mut lab = Lab::new();
    lab.create(json!({}));
    for (shares, part) in [
        (split(&[("control", 50), ("test", 40)]), "must sum to 100"),
        (split(&[("control", 50), ("control", 50)]), "must be unique"),
        (split(&[("control", 150), ("test", -50)]), "from 0 to 100"),
        (split(&[("control", 50), ("", 50)]), "has no key"),
    ] {
        let filters = json!({"groups": [{"rollout_percentage": 100}], "multivariate": {"variants": shares}});
        let message = lab.refused(|lab| lab.update_flag(json!({"filters": filters})));
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn the_key_of_a_launched_experiment_cannot_change_and_a_drafts_can() {
    let mut lab = Lab::new();
    lab.create(json!({}));
    lab.update_flag(json!({"key": "till"})).unwrap();
    assert_eq!(lab.engine.experiment("till").unwrap().feature_flag_key, "till");
    lab.engine.launch("till", now(), now(), BY).unwrap();
    let rename = |lab: &mut Lab| {
        let request = UpdateFlag::from_json(json!({"key": "desk"}))?;
        lab.engine.update_flag("till", request, later(), BY)
    };
    assert!(lab.refused(rename).contains("cannot change"));
}

#[test]
fn m68_pause_and_resume_switch_the_flag() {
    let mut lab = Lab::new();
    lab.create(json!({}));
    assert!(lab.refused(|lab| lab.engine.pause("checkout", later(), BY)).contains("draft"));
    lab.engine.launch("checkout", now(), now(), BY).unwrap();
    lab.engine.pause("checkout", later(), BY).unwrap();
    assert!(!lab.flag().active && lab.experiment().end_date.is_none());
    assert!(lab.refused(|lab| lab.engine.pause("checkout", later(), BY)).contains("paused already"));
    lab.engine.resume("checkout", later(), BY).unwrap();
    assert!(lab.flag().active);
    assert!(lab.refused(|lab| lab.engine.resume("checkout", later(), BY)).contains("not paused"));
}

#[test]
fn m68_an_experiment_ends_with_a_conclusion_and_ships_a_variant() {
    let mut lab = Lab::new();
    let holdout = lab.holdout(10.0);
    lab.running(json!({"holdout_id": holdout.id}));
    let concluded = Ending { at: later(), conclusion: Some(Conclusion::Won), comment: Some("clear".to_owned()) };
    assert!(lab.refused(|lab| lab.engine.ship("checkout", "tset", concluded.clone(), later(), BY)).contains("tset"));
    let shipped = lab.engine.ship("checkout", "test", concluded, later(), BY).unwrap();
    assert_eq!((shipped.end_date, shipped.conclusion), (Some(later()), Some(Conclusion::Won)));
    assert_eq!(lab.shares(), [("control".to_owned(), 0.0), ("test".to_owned(), 100.0)]);
    assert_eq!(lab.flag().filters.holdout_groups, None);
    assert!(lab.refused(|lab| lab.engine.end("checkout", ending(later()), later(), BY)).contains("ended already"));
}

#[test]
fn a_comment_that_is_too_long_is_refused() {
    let mut lab = Lab::new();
    lab.running(json!({}));
    let long = Ending { at: later(), conclusion: None, comment: Some("é".repeat(401)) };
    let error = lab.engine.end("checkout", long, later(), BY).unwrap_err();
    assert_eq!((field(&error), error.code()), (Some("conclusion_comment"), "max_length"));
}

#[test]
fn m68_reset_makes_a_draft_and_duplicate_a_copy() {
    let mut lab = Lab::new();
    let (metric, holdout) = (lab.metric("one"), lab.holdout(10.0));
    let links = json!([{"id": metric.id, "metadata": {"type": "primary"}}]);
    lab.running(json!({"saved_metrics_ids": links, "holdout_id": holdout.id, "description": "d"}));
    let copy = Copy { feature_flag_key: "checkout-2".to_owned(), name: None };
    let copied = lab.engine.duplicate("checkout", copy.clone(), later(), BY).unwrap();
    assert_eq!((copied.name.as_str(), copied.is_draft()), ("Checkout (copy)", true));
    assert_eq!((copied.saved_metrics.len(), copied.holdout_id), (1, Some(holdout.id)));
    assert!(lab.refused(|lab| lab.engine.duplicate("checkout", copy, later(), BY)).contains("already a feature flag"));

    lab.engine.end("checkout", ending(later()), later(), BY).unwrap();
    let draft = lab.engine.reset("checkout", later(), BY).unwrap();
    assert_eq!((draft.start_date, draft.end_date, lab.flag().active), (None, None, false));
    assert!(lab.refused(|lab| lab.engine.reset("checkout", later(), BY)).contains("draft already"));
}

#[test]
fn the_audit_log_tells_who_changed_what() {
    let mut lab = Lab::new();
    lab.create(json!({}));
    lab.update(json!({"name": "Till"})).unwrap();
    let entries = lab.engine.audit_log_of_experiment("checkout").unwrap();
    let told: Vec<_> = entries.iter().map(|entry| (entry.operation.as_str(), entry.noun.as_str())).collect();
    assert_eq!(told, [("create", "feature_flag"), ("create", "experiment"), ("update", "experiment")]);
    let last = entries.last().unwrap();
    assert_eq!((last.who.as_deref(), last.at), (BY, later()));
    let name = |side: &Option<Value>| side.as_ref().map(|value| value["name"].clone());
    assert_eq!((name(&last.before), name(&last.after)), (Some(json!("Checkout")), Some(json!("Till"))));
    assert_eq!(lab.engine.audit_log(1).unwrap().len(), 1);
}

#[test]
fn absurd_requests_are_refused_by_field() {
    let mut lab = Lab::new();
    let long = "ü".repeat(1000);
    let error = lab.try_create(json!({"name": long})).unwrap_err();
    assert_eq!((field(&error), error.code()), (Some("name"), "max_length"));
    let error = lab.try_create(json!({"name": "é".repeat(400), "feature_flag_key": "k".repeat(401)})).unwrap_err();
    assert_eq!(field(&error), Some("feature_flag_key"));
    let share = json!([{"key": "control", "rollout_percentage": "NaN"}, {"key": "test", "rollout_percentage": 50}]);
    let error = lab.try_create(json!({"parameters": {"feature_flag_variants": share}})).unwrap_err();
    assert_eq!(field(&error), Some("parameters"));
    let error = lab.try_create(json!({"secondary_metrics": [{"name": "x"}]})).unwrap_err();
    assert_eq!(field(&error), Some("secondary_metrics[0]"));
    let error = lab.try_create(json!({"filters": {"evnts": [{"id": "x"}]}})).unwrap_err();
    assert!(error.to_string().contains("evnts"));
    assert!(lab.engine.experiments().unwrap().is_empty() && lab.engine.flags().unwrap().is_empty());
}

#[test]
fn two_writers_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("lab");
    drop(Engine::init(&directory).unwrap());
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let directory = &directory;
            scope.spawn(move || {
                let mut engine = Engine::open(directory).unwrap();
                for number in 0..20 {
                    let request = json!({"name": "x", "feature_flag_key": format!("{writer}-{number}")});
                    let request = CreateExperiment::from_json(request).unwrap();
                    engine.create_experiment(request, now(), BY).unwrap();
                }
            });
        }
    });
    let mut engine = Engine::open(&directory).unwrap();
    assert_eq!(engine.experiments().unwrap().len(), 40);
    assert_eq!(engine.audit_log(1000).unwrap().len(), 80);
}

#[test]
fn l50_l55_the_people_exposed_become_a_cohort_once() {
    let mut lab = Lab::new();
    lab.create(json!({}));
    let message = lab.refused(|lab| lab.engine.create_exposure_cohort("checkout", later(), BY));
    assert_eq!(message, "Experiment does not have a start date");
    lab.engine.launch("checkout", now(), now(), BY).unwrap();
    let cohort = lab.engine.create_exposure_cohort("checkout", later(), BY).unwrap();
    assert_eq!((cohort.name.as_str(), cohort.is_static), ("Users exposed to experiment \"Checkout\"", false));
    assert_eq!(lab.experiment().exposure_cohort, Some(cohort.id));
    assert_eq!(lab.engine.cohort(&cohort.name).unwrap().experiment_set, [1]);
    let message = lab.refused(|lab| lab.engine.create_exposure_cohort("checkout", later(), BY));
    assert_eq!(message, "Experiment already has an exposure cohort");
    lab.engine.delete_cohort(&cohort.name, later(), BY).unwrap();
    assert_eq!(lab.experiment().exposure_cohort, None);
}

#[test]
fn b27_the_members_of_an_exposure_cohort_are_those_the_results_count() {
    let mut lab = Lab::new();
    lab.running(json!({"filters": {"events": [{"id": "buy"}]}}));
    let called = |id: &str, time: &str, variant: &str| {
        json!({"event": "$feature_flag_called", "distinct_id": id, "timestamp": time,
            "properties": {"$feature_flag": "checkout", "$feature_flag_response": variant}})
    };
    let events = [
        called("at the start", "2024-01-01T00:00:00Z", "control"),
        called("inside", "2024-01-05T00:00:00Z", "test"),
        called("not a variant", "2024-01-05T00:00:00Z", "blue"),
        called("before", "2023-12-31T00:00:00Z", "test"),
    ];
    lab.ingest(&events);
    let cohort = lab.engine.create_exposure_cohort("checkout", now(), BY).unwrap().id.to_string();
    assert_eq!(lab.members(&cohort, false), ["at the start", "inside"]);
    // As the reference defines it: strictly after the start, whatever the answer (L-54).
    assert_eq!(lab.members(&cohort, true), ["inside", "not a variant"]);
}

#[test]
fn a_static_cohort_lists_its_members() {
    let mut lab = Lab::new();
    lab.ingest(&[json!({"event": "x", "distinct_id": "ann", "timestamp": "2024-01-05T00:00:00Z"})]);
    let request = CreateCohort::from_json(json!({"name": "vip", "is_static": true})).unwrap();
    lab.engine.create_cohort(request, &[], now(), BY).unwrap();
    let names = ["ann".to_owned(), "o'neil \"x\"".to_owned()];
    assert_eq!(lab.engine.change_cohort_members("vip", &names, &[], now(), BY).unwrap(), (2, 0));
    assert_eq!(lab.engine.change_cohort_members("vip", &names, &names[1..], now(), BY).unwrap(), (0, 1));
    // Whom the events do not know is no person yet.
    assert_eq!(lab.members("vip", false), ["ann"]);
    let dynamic = json!({"name": "d", "filters": {"properties": {"type": "OR", "values": [
        {"type": "person", "key": "plan", "value": "pro"}]}}});
    lab.engine.create_cohort(CreateCohort::from_json(dynamic).unwrap(), &[], now(), BY).unwrap();
    let change = |lab: &mut Lab| lab.engine.change_cohort_members("d", &names, &[], now(), BY);
    assert!(lab.refused(change).contains("dynamic"));
}

#[test]
fn f15_the_first_id_kept_stays_and_holds_for_every_id_of_the_person() {
    let mut lab = Lab::new();
    let identify = json!({"event": "$identify", "distinct_id": "ann", "timestamp": "2024-01-05T00:00:00Z",
        "properties": {"$anon_distinct_id": "anon-1"}});
    lab.ingest(&[identify]);
    lab.create_flag(json!({"key": "f"})).unwrap();
    let keep = |lab: &mut Lab, id: &str, hash_key: &str| lab.engine.keep_hash_key("f", id, hash_key, now(), BY);
    assert!(lab.refused(|lab| keep(lab, "ann", "anon-1")).contains("does not keep ids"));
    let request = UpdateFlag::from_json(json!({"ensure_experience_continuity": true})).unwrap();
    lab.engine.update_flag("f", request, now(), BY).unwrap();
    assert_eq!(keep(&mut lab, "ann", "anon-1").unwrap(), "anon-1");
    assert_eq!(keep(&mut lab, "anon-1", "other").unwrap(), "anon-1");
    let known = |lab: &mut Lab, id: &str| lab.engine.known_subject("f", id, BTreeMap::new()).unwrap().hash_key_override;
    assert_eq!(known(&mut lab, "anon-1").as_deref(), Some("anon-1"));
    assert_eq!(known(&mut lab, "bob"), None);
}

#[test]
fn f14_a_flag_is_evaluated_with_what_the_lab_knows() {
    let mut lab = Lab::new();
    let set = json!({"event": "$set", "distinct_id": "ann", "timestamp": "2024-01-05T00:00:00Z",
        "properties": {"$set": {"plan": "pro"}}});
    lab.ingest(&[set]);
    let groups =
        json!([{"properties": [{"key": "plan", "value": "pro", "type": "person"}], "rollout_percentage": 100}]);
    lab.create_flag(json!({"key": "f", "filters": {"groups": groups}})).unwrap();
    for (id, expected) in [("ann", true), ("bob", false)] {
        let evaluator = lab.engine.flag_evaluator("f", now()).unwrap();
        let known = lab.engine.known_subject("f", id, BTreeMap::new()).unwrap();
        assert_eq!(evaluator.evaluate(&known.subject(id)).unwrap().is_match, expected, "{id}");
    }
}

#[test]
fn b9_b10_a_kept_result_is_used_only_while_nothing_it_depends_on_has_changed() {
    let mut lab = Lab::new();
    let action = CreateAction::from_json(json!({"name": "bought", "steps": [{"event": "buy"}]})).unwrap();
    let action = lab.engine.create_action(action, now(), BY).unwrap().id.to_string();
    let holdout = lab.holdout(10.0);
    lab.running(json!({"filters": {"actions": [{"id": action}], "filter_test_accounts": true}}));
    let bought = |id: &str| {
        json!({"event": "buy", "distinct_id": id, "timestamp": "2024-01-05T00:00:00Z",
            "properties": {"$feature/checkout": "test"}})
    };
    lab.ingest(&[bought("ann")]);
    let mut at = now();
    let mut ask = |lab: &mut Lab| {
        at += jiff::SignedDuration::from_hours(1);
        let result = lab
            .engine
            .results("checkout", &ResultsRequest { as_of: now(), now: at, refresh: false, max_age: None })
            .unwrap();
        // A kept result keeps the moment it was computed at; a fresh one has the moment of this request (B-10).
        assert_eq!(result.last_refresh == at, !result.is_cached);
        result.is_cached
    };
    assert_eq!((ask(&mut lab), ask(&mut lab)), (false, true));
    let mut changes: Vec<Step<'_>> = vec![
        ("the data", Box::new(|lab| lab.ingest(&[bought("bob")]))),
        ("the timezone and the test accounts", {
            Box::new(|lab| {
                let mut settings = lab.engine.settings().unwrap();
                settings.timezone = abduck::model::settings::time_zone("Asia/Tokyo").unwrap();
                settings.test_account_filters = vec![json!({"key": "plan", "value": "x", "operator": "is_not"})];
                lab.engine.set_settings(&settings, later(), BY).unwrap();
            })
        }),
        ("the action", {
            Box::new(|lab| {
                let request = json!({"steps": [{"event": "buy"}, {"event": "pay"}]});
                lab.engine.update_action("bought", UpdateAction::from_json(request).unwrap(), later(), BY).unwrap();
            })
        }),
        ("the dates", Box::new(|lab| drop(lab.update(json!({"end_date": "2024-01-20"})).unwrap()))),
        ("the variants and the holdout", {
            Box::new(|lab| {
                lab.engine.reset("checkout", later(), BY).unwrap();
                let shares = split(&[("control", 50), ("test", 25), ("third", 25)]);
                let parameters = json!({"feature_flag_variants": shares});
                lab.update(json!({"holdout_id": holdout.id, "parameters": parameters})).unwrap();
                let start = "2024-01-01T00:00:00Z".parse().unwrap();
                lab.engine.launch("checkout", start, later(), BY).unwrap();
            })
        }),
    ];
    for (what, change) in &mut changes {
        change(&mut lab);
        assert!(!ask(&mut lab), "{what}");
        assert!(ask(&mut lab), "{what}");
    }
    // What the numbers do not depend on does not matter.
    lab.update(json!({"name": "Till", "description": "x"})).unwrap();
    assert!(ask(&mut lab));
}
