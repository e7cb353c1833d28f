//! Metrics in the reference system's legacy form (`filters`), read and checked.

use serde_json::{Map, Value};

mod funnel;
mod trend;

pub use super::entity::{ALL_EVENTS, Entity, EntitySource};
pub use funnel::{
    Aggregation, Attribution, ConversionWindow, FunnelExclusion, FunnelMetric, FunnelOrder, STEPS_MAX, WindowUnit,
};
pub use trend::{Interval, TableRows, TrendMetric, TrendSource};

use super::entity::{entities, entities_with_math, invalid, known_keys, no_target_metric, test_accounts, unsupported};
use crate::error::{Error, Result};

/// What an experiment measures.
#[derive(Clone, Debug, PartialEq)]
pub enum Metric {
    /// How often something happens.
    Trend(TrendMetric),
    /// How many people get through a sequence of steps.
    Funnel(FunnelMetric),
}

/// Keys of a metric that change nothing here: they affect how the reference draws it (Q-F14), the experiment replaces them
/// (Q-T1, Q-F1, Q-P21), or they belong to insights that are no experiments.
const IGNORED_KEYS: [&str; 18] = [
    "breakdown",
    "breakdown_type",
    "compare",
    "date_from",
    "date_to",
    "display",
    "entity_type",
    "explicit_date",
    "funnel_from_step",
    "funnel_step_reference",
    "funnel_to_step",
    "funnel_viz_type",
    "hidden_legend_keys",
    "layout",
    "new_entity",
    "properties",
    "show_legend",
    "shown_as",
];

/// Keys of a metric that are read.
const READ_KEYS: [&str; 15] = [
    "actions",
    "aggregation_group_type_index",
    "breakdown_attribution_type",
    "breakdown_attribution_value",
    "events",
    "exclusions",
    "filter_test_accounts",
    "formula",
    "funnel_aggregate_by_hogql",
    "funnel_order_type",
    "funnel_window_days",
    "funnel_window_interval",
    "funnel_window_interval_unit",
    "insight",
    "interval",
];

impl Metric {
    /// Reads a metric from the `filters` of an experiment.
    ///
    /// # Errors
    /// `Invalid` when there is no metric (`Experiment has no target metric`, R-2), a key is unknown, or a setting is wrong
    /// or not supported.
    ///
    /// ```
    /// use abduck::model::metric::Metric;
    ///
    /// let filters = serde_json::json!({"insight": "FUNNELS", "events": [{"id": "view"}, {"id": "buy", "order": 1}]});
    /// let Metric::Funnel(funnel) = Metric::parse(filters.as_object().unwrap())? else { unreachable!() };
    /// assert_eq!((funnel.steps.len(), funnel.window.length), (2, 14));
    /// # Ok::<(), abduck::Error>(())
    /// ```
    pub fn parse(filters: &Map<String, Value>) -> Result<Self> {
        if filters.is_empty() {
            return Err(no_target_metric());
        }
        refuse_unknown_keys(filters)?;
        // R-3: a missing insight means trends. The reference takes everything else for a funnel; a slip of the pen is refused.
        match filters.get("insight") {
            None | Some(Value::Null) => refuse_unsupported(filters).and_then(|()| trend::trend(filters)),
            Some(Value::String(insight)) if insight.eq_ignore_ascii_case("trends") => {
                refuse_unsupported(filters).and_then(|()| trend::trend(filters))
            }
            Some(Value::String(insight)) if insight.eq_ignore_ascii_case("funnels") => funnel::funnel(filters),
            Some(other) => {
                Err(invalid("filters.insight", format!("the insight {other} is neither \"TRENDS\" nor \"FUNNELS\"")))
            }
        }
    }
}

impl Metric {
    /// Whether the lab's test accounts are left out (Q-P20).
    #[must_use]
    pub fn filter_test_accounts(&self) -> bool {
        match self {
            Self::Trend(trend) => trend.filter_test_accounts,
            Self::Funnel(funnel) => funnel.filter_test_accounts,
        }
    }

    /// The entities in their order; none where rows of a table are counted.
    #[must_use]
    pub fn entities(&self) -> &[Entity] {
        match self {
            Self::Trend(trend) => match &trend.counted {
                TrendSource::Events(entity) => std::slice::from_ref(entity),
                TrendSource::Rows(_) => &[],
            },
            Self::Funnel(funnel) => &funnel.steps,
        }
    }
}

/// The entities of a metric, at least one.
fn given_entities(filters: &Map<String, Value>) -> Result<Vec<Entity>> {
    let entities = entities(filters, "filters")?;
    if entities.is_empty() { Err(no_entity()) } else { Ok(entities) }
}

fn no_entity() -> Error {
    no_target_metric().hint("give `events` a list with at least one {\"id\": \"event name\"}")
}

fn refuse_unknown_keys(filters: &Map<String, Value>) -> Result<()> {
    let known = |key: &str| READ_KEYS.contains(&key) || IGNORED_KEYS.contains(&key);
    match filters.keys().find(|key| !known(key)) {
        None => Ok(()),
        Some(key) => {
            Err(invalid("filters", format!("unknown key '{key}' in the metric")).hint(known_keys(key, &READ_KEYS)))
        }
    }
}

/// Refuses settings of a trend that change the numbers and are not built yet, or belong to funnels, rather than ignoring
/// them.
fn refuse_unsupported(filters: &Map<String, Value>) -> Result<()> {
    let given = |key: &str| match filters.get(key) {
        None | Some(Value::Null) => false,
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::String(text)) => !text.is_empty(),
        Some(_) => true,
    };
    if given("exclusions") {
        return Err(unsupported("filters.exclusions", "a funnel with exclusions", "steps only"));
    }
    if given("formula") {
        return Err(unsupported("filters.formula", "a formula", "one event"));
    }
    if given("aggregation_group_type_index") {
        return Err(unsupported("filters.aggregation_group_type_index", "a metric over groups", "persons"));
    }
    for (key, supported) in [
        ("funnel_order_type", "ordered"),
        ("breakdown_attribution_type", "first_touch"),
        ("funnel_aggregate_by_hogql", "person_id"),
    ] {
        if given(key) && filters[key] != supported {
            return Err(unsupported(&format!("filters.{key}"), format!("the setting {}", filters[key]), supported));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::ErrorKind;
    use crate::model::math::{EventNumber, Math, Statistic};

    fn parse(filters: &Value) -> Result<Metric> {
        Metric::parse(filters.as_object().unwrap())
    }

    fn refusal(filters: &Value) -> (String, &'static str, String) {
        match parse(filters) {
            Ok(metric) => panic!("{filters} was read as {metric:?}"),
            Err(error) => match error.kind() {
                ErrorKind::Invalid { field, code, message } => {
                    (field.clone().unwrap_or_default(), code, message.clone())
                }
                other => panic!("{other:?}"),
            },
        }
    }

    #[test]
    fn entities_come_in_their_order_and_keep_ties_in_place() {
        // Q-A2
        let filters = json!({"insight": "funnels", "events": [
            {"id": "c", "order": 2}, {"id": "a", "order": 0}, {"id": "b", "order": 2}]});
        let Metric::Funnel(funnel) = parse(&filters).unwrap() else { panic!("not a funnel") };
        let event = |name: &str| EntitySource::Event(name.to_owned());
        let sources: Vec<_> = funnel.steps.into_iter().map(|step| step.source).collect();
        assert_eq!(sources, [event("a"), event("c"), event("b")]);
    }

    #[test]
    fn actions_and_events_are_ordered_together() {
        // Q-A2: at equal order, and without one, actions come first.
        let filters = json!({"insight": "FUNNELS",
            "events": [{"id": "a", "order": 1}, {"id": null, "order": 0}],
            "actions": [{"id": "7", "order": 1, "type": "actions"}, {"id": 8, "order": 2}, {"id": 9}]});
        let Metric::Funnel(funnel) = parse(&filters).unwrap() else { panic!("not a funnel") };
        let sources: Vec<_> = funnel.steps.into_iter().map(|step| step.source).collect();
        let [action, event] = [EntitySource::Action as fn(i64) -> _, |_| EntitySource::Event("a".into())];
        assert_eq!(sources, [action(9), EntitySource::AllEvents, action(7), event(0), action(8)]);
    }

    #[test]
    fn only_trends_look_at_the_math() {
        // Q-F1: a funnel counts actors, whatever its steps say.
        let math =
            json!([{"id": "a", "math": "sum", "math_property": "amount"}, {"id": "b", "math": "dau", "order": 1}]);
        assert!(matches!(parse(&json!({"insight": "FUNNELS", "events": math})).unwrap(), Metric::Funnel(_)));
        let Metric::Trend(trend) = parse(&json!({"events": [math[0]]})).unwrap() else { panic!("not a trend") };
        assert_eq!(
            trend.math,
            Math::Numbers { number: EventNumber::Property("amount".into()), statistic: Statistic::Sum }
        );
    }

    #[test]
    fn a_missing_insight_means_trends() {
        // R-3
        let metric = parse(&json!({"events": [{"id": null}]})).unwrap();
        assert!(metric.entities()[0].source == EntitySource::AllEvents);
    }

    #[test]
    fn window_days_win_over_interval_and_unit() {
        // Q-F4
        let window_of = |extra: Value| {
            let mut filters = json!({"insight": "FUNNELS", "events": [{"id": "a"}]});
            filters.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            match parse(&filters).unwrap() {
                Metric::Funnel(funnel) => (funnel.window.length, funnel.window.unit),
                Metric::Trend(_) => panic!("not a funnel"),
            }
        };
        assert_eq!(window_of(json!({})), (14, WindowUnit::Day));
        assert_eq!(window_of(json!({"funnel_window_interval": 3})), (3, WindowUnit::Day));
        let hours = json!({"funnel_window_interval": "3", "funnel_window_interval_unit": "hour"});
        assert_eq!(window_of(hours), (3, WindowUnit::Hour));
        let both = json!({"funnel_window_days": 7, "funnel_window_interval": 3, "funnel_window_interval_unit": "hour"});
        assert_eq!(window_of(both), (7, WindowUnit::Day));
    }

    fn funnel_of(steps: usize, extra: &Value) -> Result<FunnelMetric> {
        let step = |step: usize| json!({"id": format!("step {step}"), "order": step});
        let mut filters = json!({"insight": "FUNNELS", "events": (0..steps).map(step).collect::<Vec<_>>()});
        filters.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        match parse(&filters)? {
            Metric::Funnel(funnel) => Ok(funnel),
            Metric::Trend(_) => panic!("not a funnel"),
        }
    }

    #[test]
    fn the_settings_of_a_funnel_are_read() {
        // Q-O0, Q-F10 to Q-F12; empty settings are none.
        let plain = funnel_of(2, &json!({"funnel_order_type": "", "exclusions": [], "formula": ""})).unwrap();
        assert_eq!((plain.order, plain.attribution), (FunnelOrder::Ordered, Attribution::FirstTouch));
        assert_eq!(plain.aggregation, Aggregation::Users);
        let strict = json!({"funnel_order_type": "strict", "breakdown_attribution_type": "step",
            "breakdown_attribution_value": "1", "aggregation_group_type_index": "3", "funnel_aggregate_by_hogql": "person_id"});
        let strict = funnel_of(2, &strict).unwrap();
        assert_eq!((strict.order, strict.attribution), (FunnelOrder::Strict, Attribution::Steps { steps: 0b10 }));
        assert_eq!(strict.aggregation, Aggregation::Groups { group_type_index: 3 });
        let unordered = json!({"funnel_order_type": "unordered", "breakdown_attribution_type": "step",
            "funnel_aggregate_by_hogql": "properties.$account_id"});
        let unordered = funnel_of(3, &unordered).unwrap();
        assert_eq!(unordered.attribution, Attribution::Steps { steps: 0b111 });
        assert!(matches!(unordered.aggregation, Aggregation::Values(_)));
        assert_eq!(
            funnel_of(2, &json!({"funnel_aggregate_by_hogql": "person_id"})).unwrap().aggregation,
            Aggregation::Users
        );
    }

    #[test]
    fn exclusions_are_checked_with_the_texts_clients_know() {
        // Q-E4, Q-E5
        let exclusion = |from: Value, to: Value, id: &str, order: &str| {
            let exclusion = json!({"id": id, "type": "events", "funnel_from_step": from, "funnel_to_step": to});
            funnel_of(3, &json!({"exclusions": [exclusion], "funnel_order_type": order}))
        };
        let read = exclusion(json!(0), json!("1"), "x", "ordered").unwrap().exclusions;
        assert_eq!((read[0].from_step, read[0].to_step, read[0].entity.custom_name.as_deref()), (0, 1, None));
        assert!(exclusion(json!(0), json!(2), "x", "unordered").is_ok());
        // A step outside of the range may be the same.
        assert!(exclusion(json!(0), json!(1), "step 2", "ordered").is_ok());
        for (from, to, id, order, text) in [
            (json!(null), json!(1), "x", "ordered", "Exclusion event needs to define funnel steps"),
            (json!(0), json!("next"), "x", "strict", "Exclusion event needs to define funnel steps"),
            (
                json!(1),
                json!(1),
                "x",
                "ordered",
                "Exclusion event range is invalid. End of range should be greater than start.",
            ),
            (
                json!(2),
                json!(3),
                "x",
                "ordered",
                "Exclusion event range is invalid. Start of range is greater than number of steps.",
            ),
            (
                json!(1),
                json!(3),
                "x",
                "ordered",
                "Exclusion event range is invalid. End of range is greater than number of steps.",
            ),
            (json!(0), json!(1), "step 1", "ordered", "Exclusion event can't be the same as funnel step"),
            (json!(0), json!(1), "x", "unordered", "Partial Exclusions not allowed in unordered funnels"),
        ] {
            assert_eq!(exclusion(from, to, id, order).unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn a_funnel_has_a_bit_for_every_step_and_exclusion() {
        let exclusion = json!({"exclusions": [{"id": "x", "funnel_from_step": 0, "funnel_to_step": 1}]});
        assert!(funnel_of(32, &json!({})).is_ok() && funnel_of(31, &exclusion).is_ok());
        assert!(funnel_of(33, &json!({})).is_err() && funnel_of(32, &exclusion).is_err());
    }

    #[test]
    fn wrong_metrics_are_refused_with_field_and_reason() {
        let with = |key: &str, value: Value| {
            let mut filters = json!({"insight": "FUNNELS", "events": [{"id": "a"}]});
            filters[key] = value;
            filters
        };
        // R-2
        assert_eq!(refusal(&json!({})).2, "Experiment has no target metric");
        assert_eq!(refusal(&json!({"insight": "TRENDS"})).2, "Experiment has no target metric");
        for (filters, field, code) in [
            (with("evnts", json!([])), "filters", "invalid_input"),
            (with("funnel_window_days", json!(0)), "filters.funnel_window_days", "invalid_input"),
            (with("funnel_order_type", json!("random")), "filters.funnel_order_type", "invalid_input"),
            (with("exclusions", json!([{"id": "x"}])), "filters.exclusions[0]", "invalid_input"),
            (with("exclusions", json!({"id": "x"})), "filters.exclusions", "invalid_input"),
            (with("breakdown_attribution_type", json!("any")), "filters.breakdown_attribution_type", "invalid_input"),
            (with("breakdown_attribution_type", json!("step")), "filters.breakdown_attribution_value", "invalid_input"),
            (with("aggregation_group_type_index", json!(5)), "filters.aggregation_group_type_index", "invalid_input"),
            (with("funnel_aggregate_by_hogql", json!(1)), "filters.funnel_aggregate_by_hogql", "invalid_input"),
            (with("funnel_aggregate_by_hogql", json!("1;")), "filters.funnel_aggregate_by_hogql", "invalid_input"),
            (with("formula", json!("A/B")), "filters.formula", "unsupported"),
            (json!({"events": [{"id": "a"}], "exclusions": [1]}), "filters.exclusions", "unsupported"),
            (with("actions", json!([{"id": "signup"}])), "filters.actions[0].id", "invalid_input"),
            (json!({"events": [{"id": "a", "math": "median"}]}), "filters.events[0].math_property", "invalid_input"),
            (json!({"events": [{"id": "a", "math": "hogql"}]}), "filters.events[0].math_hogql", "invalid_input"),
            (json!({"events": [{"name": "a"}]}), "filters.events[0]", "invalid_input"),
            (json!({"events": [{"id": "a", "maths": 1}]}), "filters.events[0]", "invalid_input"),
            (json!({"insight": "TREND", "events": [{"id": "a"}]}), "filters.insight", "invalid_input"),
            (with("sampling_factor", json!(0.1)), "filters", "invalid_input"),
            (with("funnel_order_type", json!(["strict"])), "filters.funnel_order_type", "invalid_input"),
            (
                with("funnel_window_interval_unit", json!("hour")),
                "filters.funnel_window_interval_unit",
                "invalid_input",
            ),
            (json!({"events": [{"id": "a"}, {"id": "b"}]}), "filters.events", "unsupported"),
            (json!({"events": [{"id": "1", "type": "actions"}]}), "filters.events[0].type", "unsupported"),
            (json!({"events": [{"id": "a", "math": 5}]}), "filters.events[0].math", "invalid_input"),
            (json!({"events": [{"id": "a"}], "interval": "fortnight"}), "filters.interval", "invalid_input"),
        ] {
            let (got_field, got_code, message) = refusal(&filters);
            assert_eq!((got_field.as_str(), got_code), (field, code), "{filters}: {message}");
        }
    }
}
