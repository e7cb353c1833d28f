//! Metrics given as query nodes: `ExperimentTrendsQuery` and `ExperimentFunnelsQuery` (query rules Q-N).
//!
//! A node is put into the legacy form and read as that, so both forms know the same settings and refuse the same ones.

mod warehouse;

use serde_json::{Map, Value, json};

use super::entity::{invalid, known_keys, unsupported};
use super::exposure::CustomExposure;
use super::filter::Filter;
use super::math::{Math, Statistic};
use super::metric::{Metric, TrendSource};
use crate::error::{Error, ErrorKind, Result};

/// A metric given as a query node, and what it brings with it.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryNode {
    /// What is measured.
    pub metric: Metric,
    /// The metric's own exposure (Q-N1); without it, the flag's.
    pub exposure: Option<CustomExposure>,
    /// What every event of a funnel must pass besides: the properties of the whole query, which stay (Q-N4).
    pub filter: Filter,
}

/// The kind of a trend.
pub const TRENDS: &str = "ExperimentTrendsQuery";

/// The kind of a funnel.
pub const FUNNELS: &str = "ExperimentFunnelsQuery";

/// Keys of a query that are read.
const READ_KEYS: [&str; 8] = [
    "kind",
    "series",
    "interval",
    "filterTestAccounts",
    "trendsFilter",
    "funnelsFilter",
    "properties",
    "aggregation_group_type_index",
];

/// Keys of a query that change nothing here: the experiment replaces them, or they say how something is drawn.
const IGNORED_KEYS: [&str; 8] =
    ["breakdownFilter", "compareFilter", "dataColorTheme", "dateRange", "modifiers", "response", "tags", "version"];

/// Keys of the filter of trends that change nothing here (Q-N1: the display is always cumulative).
const IGNORED_TRENDS_KEYS: [&str; 14] = [
    "aggregationAxisFormat",
    "aggregationAxisPostfix",
    "aggregationAxisPrefix",
    "decimalPlaces",
    "display",
    "goalLines",
    "hiddenLegendIndexes",
    "resultCustomizations",
    "showAlertThresholdLines",
    "showLabelsOnSeries",
    "showLegend",
    "showPercentStackView",
    "showValuesOnSeries",
    "yAxisScaleType",
];

/// Settings of funnels and their names in the legacy form.
const FUNNEL_SETTINGS: [(&str, &str); 6] = [
    ("funnelOrderType", "funnel_order_type"),
    ("funnelWindowInterval", "funnel_window_interval"),
    ("funnelWindowIntervalUnit", "funnel_window_interval_unit"),
    ("breakdownAttributionType", "breakdown_attribution_type"),
    ("breakdownAttributionValue", "breakdown_attribution_value"),
    ("funnelAggregateByHogQL", "funnel_aggregate_by_hogql"),
];

/// Settings of funnels that change nothing here (Q-F14).
const IGNORED_FUNNELS_KEYS: [&str; 8] = [
    "binCount",
    "funnelFromStep",
    "funnelStepReference",
    "funnelToStep",
    "funnelVizType",
    "hiddenLegendBreakdowns",
    "hidden_legend_breakdowns",
    "layout",
];

/// Keys of an element of `series`, and of an exclusion.
const NODE_KEYS: [&str; 14] = [
    "kind",
    "event",
    "id",
    "name",
    "custom_name",
    "math",
    "math_property",
    "math_group_type_index",
    "math_hogql",
    "properties",
    "fixedProperties",
    "funnelFromStep",
    "funnelToStep",
    "math_property_type",
];

impl QueryNode {
    /// Reads a metric; `field` is where it stands in the experiment, for messages.
    ///
    /// # Errors
    /// `Invalid` when it is of another kind, a key is unknown, or a setting is wrong or not supported.
    ///
    /// ```
    /// use abduck::model::metric::Metric;
    /// use abduck::model::query_node::QueryNode;
    ///
    /// let series = serde_json::json!([{"kind": "EventsNode", "event": "view"}, {"kind": "EventsNode", "event": "buy"}]);
    /// let query = serde_json::json!({"kind": "FunnelsQuery", "series": series});
    /// let node = serde_json::json!({"kind": "ExperimentFunnelsQuery", "funnels_query": query});
    /// let read = QueryNode::read(node.as_object().unwrap(), "metrics[0]")?;
    /// assert!(matches!(read.metric, Metric::Funnel(funnel) if funnel.steps.len() == 2));
    /// # Ok::<(), abduck::Error>(())
    /// ```
    pub fn read(node: &Map<String, Value>, field: &str) -> Result<Self> {
        match node.get("kind").and_then(Value::as_str) {
            Some(TRENDS) => trends(node, field),
            Some(FUNNELS) => funnels(node, field),
            Some("ExperimentMetric") => {
                Err(unsupported(&format!("{field}.kind"), "the kind \"ExperimentMetric\"", KINDS))
            }
            _ => {
                Err(invalid(&format!("{field}.kind"), "the kind of the metric is unknown")
                    .hint(format!("known: {KINDS}")))
            }
        }
    }
}

const KINDS: &str = "ExperimentTrendsQuery, ExperimentFunnelsQuery";

fn trends(node: &Map<String, Value>, field: &str) -> Result<QueryNode> {
    let place = format!("{field}.count_query");
    let metric = counted(part(node, "count_query", field)?, &place)?;
    let exposure = match node.get("exposure_query") {
        None | Some(Value::Null) => None,
        Some(_) => {
            let place = format!("{field}.exposure_query");
            let legacy = Legacy::of(part(node, "exposure_query", field)?, &place, "TRENDS")?;
            CustomExposure::read(&legacy.filters, "filters").map_err(|error| legacy.located(error, "filters"))?
        }
    };
    Ok(QueryNode { metric, exposure, filter: Filter::EVERYTHING })
}

fn funnels(node: &Map<String, Value>, field: &str) -> Result<QueryNode> {
    let place = format!("{field}.funnels_query");
    let query = part(node, "funnels_query", field)?;
    let legacy = Legacy::of(query, &place, "FUNNELS")?;
    let metric = Metric::parse(&legacy.filters).map_err(|error| legacy.located(error, "filters"))?;
    let filter = Filter::parse(query.get("properties").unwrap_or(&Value::Null), &format!("{place}.properties"))?;
    Ok(QueryNode { metric, exposure: None, filter })
}

/// The metric of a count query: rows of a table if its series says so (Q-N6), else events.
fn counted(query: &Map<String, Value>, place: &str) -> Result<Metric> {
    let series = query.get("series").and_then(Value::as_array).map(Vec::as_slice);
    let rows = match series {
        Some([Value::Object(node)]) if node.get("kind").is_some_and(|kind| kind == warehouse::KIND) => {
            Some(warehouse::rows(node, &format!("{place}.series[0]"))?)
        }
        _ => None,
    };
    let mut query = query.clone();
    if rows.is_some() {
        // The rest of the query is read as that of any events.
        query.insert("series".to_owned(), json!([{"kind": "EventsNode", "event": null}]));
    }
    let legacy = Legacy::of(&query, place, "TRENDS")?;
    let mut metric = Metric::parse(&legacy.filters).map_err(|error| legacy.located(error, "filters"))?;
    if let Metric::Trend(trend) = &mut metric {
        trend.math = cumulative(&trend.math);
        if let Some((rows, math)) = rows {
            (trend.counted, trend.math) = (TrendSource::Rows(rows), math);
        }
    }
    Ok(metric)
}

/// The math in a form that adds up over intervals: other statistics of a property become its sum (Q-N1), and the sum of
/// the numbers of events per person is the number of events.
fn cumulative(math: &Math) -> Math {
    match math {
        Math::Numbers { number, .. } => Math::Numbers { number: number.clone(), statistic: Statistic::Sum },
        Math::PerPerson(_) => Math::Total,
        other => other.clone(),
    }
}

fn part<'a>(node: &'a Map<String, Value>, name: &str, field: &str) -> Result<&'a Map<String, Value>> {
    let part = node.get(name).and_then(Value::as_object);
    part.ok_or_else(|| invalid(&format!("{field}.{name}"), "must be a query").hint("give it a `series` of nodes"))
}

/// A query in the legacy form.
struct Legacy {
    filters: Map<String, Value>,
    /// Where the query stands in the experiment.
    place: String,
    /// The place in `series` of each event, and of each action.
    events: Vec<usize>,
    actions: Vec<usize>,
}

impl Legacy {
    fn of(query: &Map<String, Value>, place: &str, insight: &str) -> Result<Self> {
        refuse_unknown(query, place, &READ_KEYS, &IGNORED_KEYS)?;
        let mut legacy = Self { filters: Map::new(), place: place.to_owned(), events: Vec::new(), actions: Vec::new() };
        legacy.set("insight", &json!(insight));
        for (name, in_legacy_form) in [("interval", "interval"), ("filterTestAccounts", "filter_test_accounts")] {
            legacy.set(in_legacy_form, query.get(name).unwrap_or(&Value::Null));
        }
        legacy.set("aggregation_group_type_index", query.get("aggregation_group_type_index").unwrap_or(&Value::Null));
        if insight == "FUNNELS" {
            legacy.filters.remove("interval");
        }
        legacy.series(query)?;
        legacy.trends_filter(query)?;
        legacy.funnels_filter(query)?;
        Ok(legacy)
    }

    fn set(&mut self, key: &str, value: &Value) {
        if !value.is_null() {
            self.filters.insert(key.to_owned(), value.clone());
        }
    }

    fn series(&mut self, query: &Map<String, Value>) -> Result<()> {
        let place = format!("{}.series", self.place);
        let Some(Value::Array(series)) = query.get("series") else {
            return Err(invalid(&place, "the series must be a list of nodes"));
        };
        let (mut events, mut actions) = (Vec::new(), Vec::new());
        for (index, node) in series.iter().enumerate() {
            let entity = entity(node, &format!("{place}[{index}]"), index)?;
            if entity["type"] == "actions" {
                actions.push(entity);
                self.actions.push(index);
            } else {
                events.push(entity);
                self.events.push(index);
            }
        }
        self.set("events", &Value::Array(events));
        self.set("actions", &Value::Array(actions));
        Ok(())
    }

    fn trends_filter(&mut self, query: &Map<String, Value>) -> Result<()> {
        let place = format!("{}.trendsFilter", self.place);
        let Some(filter) = settings(query, "trendsFilter", &place)? else { return Ok(()) };
        refuse_unknown(filter, &place, &["formula", "formulas", "smoothingIntervals"], &IGNORED_TRENDS_KEYS)?;
        let is_given = |key: &str| filter.get(key).is_some_and(|value| !value.is_null() && *value != json!([]));
        if is_given("formula") || is_given("formulas") {
            return Err(unsupported(&place, "a formula", "one event or action"));
        }
        if is_given("smoothingIntervals") && filter["smoothingIntervals"] != 1 {
            return Err(unsupported(&place, "a smoothed series", "smoothingIntervals 1"));
        }
        Ok(())
    }

    fn funnels_filter(&mut self, query: &Map<String, Value>) -> Result<()> {
        let place = format!("{}.funnelsFilter", self.place);
        let Some(filter) = settings(query, "funnelsFilter", &place)? else { return Ok(()) };
        let read: Vec<_> = FUNNEL_SETTINGS.iter().map(|(name, _)| *name).chain(["exclusions"]).collect();
        refuse_unknown(filter, &place, &read, &IGNORED_FUNNELS_KEYS)?;
        for (name, in_legacy_form) in FUNNEL_SETTINGS {
            self.set(in_legacy_form, filter.get(name).unwrap_or(&Value::Null));
        }
        // The unit's default goes without an interval there, too.
        if !self.filters.contains_key("funnel_window_interval") {
            self.filters.remove("funnel_window_interval_unit");
        }
        let exclusions = match filter.get("exclusions") {
            None | Some(Value::Null) => return Ok(()),
            Some(Value::Array(exclusions)) => exclusions,
            Some(_) => return Err(invalid(&place, "the exclusions must be a list of nodes")),
        };
        let read = |(index, node): (usize, &Value)| exclusion(node, &format!("{place}.exclusions[{index}]"), index);
        let exclusions = exclusions.iter().enumerate().map(read).collect::<Result<Vec<_>>>()?;
        self.set("exclusions", &Value::Array(exclusions));
        Ok(())
    }

    /// An error about the legacy form, with the place in the query that it comes from.
    fn located(&self, error: Error, prefix: &str) -> Error {
        let ErrorKind::Invalid { field: Some(field), code, message } = error.kind() else { return error };
        let Some(rest) = field.strip_prefix(prefix) else { return error };
        let in_series =
            in_series(rest, ".events[", &self.events).or_else(|| in_series(rest, ".actions[", &self.actions));
        let rest = in_series.unwrap_or_else(|| rest.to_owned());
        let located = Error::invalid_field(format!("{}{rest}", self.place), code, message);
        error.hints().iter().fold(located, Error::hint)
    }
}

/// A place in a list of entities as a place in the series.
fn in_series(rest: &str, list: &str, places: &[usize]) -> Option<String> {
    let (index, behind) = rest.strip_prefix(list)?.split_once(']')?;
    Some(format!(".series[{}]{behind}", places.get(index.parse::<usize>().ok()?)?))
}

fn settings<'a>(query: &'a Map<String, Value>, key: &str, place: &str) -> Result<Option<&'a Map<String, Value>>> {
    match query.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(settings)) => Ok(Some(settings)),
        Some(_) => Err(invalid(place, "must be an object")),
    }
}

/// A node in the legacy form, in its place.
fn entity(node: &Value, place: &str, index: usize) -> Result<Value> {
    let Value::Object(node) = node else { return Err(invalid(place, "an element of `series` must be an object")) };
    let (list, id) = match node.get("kind").and_then(Value::as_str) {
        Some("EventsNode") => ("events", node.get("event")),
        Some("ActionsNode") => ("actions", node.get("id")),
        Some(warehouse::KIND) => {
            let message = "rows of a table count only as the one series of a count query";
            return Err(invalid(&format!("{place}.kind"), message).hint("in funnels, take events or actions"));
        }
        _ => return Err(invalid(&format!("{place}.kind"), "the kind must be EventsNode or ActionsNode")),
    };
    refuse_unknown(node, place, &NODE_KEYS, &["optionalInFunnel", "response", "version", "limit", "orderBy"])?;
    let mut entity = json!({"id": id, "type": list, "order": index + 1});
    for key in ["name", "custom_name", "math", "math_property", "math_group_type_index", "math_hogql"] {
        if let Some(value) = node.get(key).filter(|value| !value.is_null()) {
            entity[key] = value.clone();
        }
    }
    let is_of_session = node.get("math_property").is_some_and(|property| property == "$session_duration");
    let of = if is_of_session { "session_properties" } else { "event_properties" };
    if node.get("math_property_type").is_some_and(|kind| !kind.is_null() && kind != of) {
        return Err(unsupported(
            &format!("{place}.math_property_type"),
            "a property of something else",
            "event_properties, and session_properties for $session_duration",
        ));
    }
    let properties = |key: &str| node.get(key).filter(|properties| !properties.is_null()).cloned();
    entity["properties"] = match (properties("properties"), properties("fixedProperties")) {
        (Some(own), Some(Value::Array(fixed))) if !fixed.is_empty() => {
            let list = |values: Value| json!({"type": "AND", "values": values});
            json!({"type": "AND", "values": [list(own), list(Value::Array(fixed))]})
        }
        (Some(own), _) => own,
        (None, fixed) => fixed.unwrap_or_else(|| json!([])),
    };
    Ok(entity)
}

fn exclusion(node: &Value, place: &str, index: usize) -> Result<Value> {
    let mut exclusion = entity(node, place, index)?;
    for (name, in_legacy_form) in [("funnelFromStep", "funnel_from_step"), ("funnelToStep", "funnel_to_step")] {
        exclusion[in_legacy_form] = node[name].clone();
    }
    Ok(exclusion)
}

fn refuse_unknown(given: &Map<String, Value>, place: &str, read: &[&str], ignored: &[&str]) -> Result<()> {
    let known = |key: &str| read.contains(&key) || ignored.contains(&key);
    if given.get("samplingFactor").is_some_and(|factor| !factor.is_null() && *factor != 1) {
        return Err(unsupported(&format!("{place}.samplingFactor"), "a sample of the events", "all events"));
    }
    match given.keys().find(|key| !known(key) && *key != "samplingFactor") {
        None => Ok(()),
        Some(key) => Err(invalid(place, format!("unknown key '{key}'")).hint(known_keys(key, read))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::math::EventNumber;
    use crate::model::metric::{EntitySource, WindowUnit};

    fn read(node: &Value) -> Result<QueryNode> {
        QueryNode::read(node.as_object().unwrap(), "metrics[0]")
    }

    fn trend(query: &Value) -> Value {
        json!({"kind": TRENDS, "count_query": query})
    }

    fn event(name: &str, more: &Value) -> Value {
        let mut node = json!({"kind": "EventsNode", "event": name});
        node.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        node
    }

    #[test]
    fn maths_that_do_not_add_up_become_sums() {
        // Q-N1
        let sum = Math::Numbers { number: EventNumber::Property("amount".into()), statistic: Statistic::Sum };
        for (math, wanted) in [
            (json!({}), Math::Total),
            (json!({"math": "dau"}), Math::UniquePersons),
            (json!({"math": "sum", "math_property": "amount"}), sum.clone()),
            (json!({"math": "p90", "math_property": "amount"}), sum),
            (json!({"math": "avg_count_per_actor"}), Math::Total),
        ] {
            let query = json!({"kind": "TrendsQuery", "series": [event("buy", &math)], "interval": "week",
                "filterTestAccounts": true, "dateRange": {"date_from": "-7d"}, "trendsFilter": {"display": "BoldNumber"}});
            let Metric::Trend(trend) = read(&trend(&query)).unwrap().metric else { panic!("not a trend") };
            assert_eq!((trend.math, trend.filter_test_accounts), (wanted, true));
        }
    }

    #[test]
    fn steps_stay_in_their_order_and_settings_are_honoured() {
        // Q-N4, Q-F4
        let series =
            json!([event("a", &json!({})), {"kind": "ActionsNode", "id": 7}, {"kind": "EventsNode", "event": null}]);
        let filter = json!({"funnelWindowInterval": 3, "funnelWindowIntervalUnit": "hour", "funnelVizType": "steps"});
        let query = json!({"series": series, "funnelsFilter": filter, "properties": [{"key": "x", "value": 1}]});
        let node = read(&json!({"kind": FUNNELS, "funnels_query": query})).unwrap();
        assert!(!node.filter.is_everything());
        let Metric::Funnel(funnel) = node.metric else { panic!("not a funnel") };
        let sources: Vec<_> = funnel.steps.into_iter().map(|step| step.source).collect();
        assert_eq!(sources, [EntitySource::Event("a".into()), EntitySource::Action(7), EntitySource::AllEvents]);
        assert_eq!((funnel.window.length, funnel.window.unit), (3, WindowUnit::Hour));
    }

    #[test]
    fn what_is_wrong_is_said_where_it_stands() {
        let warehouse = json!({"kind": "DataWarehouseNode", "id": "table"});
        for (node, field, code) in [
            (json!({"kind": "ExperimentMetric"}), "metrics[0].kind", "unsupported"),
            (json!({"kind": "Funnel"}), "metrics[0].kind", "invalid_input"),
            (json!({"kind": TRENDS}), "metrics[0].count_query", "invalid_input"),
            // Q-N6
            (trend(&json!({"series": [warehouse]})), "metrics[0].count_query.series[0].table_name", "invalid_input"),
            (
                json!({"kind": FUNNELS, "funnels_query": {"series": [warehouse]}}),
                "metrics[0].funnels_query.series[0].kind",
                "invalid_input",
            ),
            (
                trend(&json!({"series": [event("a", &json!({"math": "sum"}))]})),
                "metrics[0].count_query.series[0].math_property",
                "invalid_input",
            ),
            (
                trend(&json!({"series": [event("a", &json!({}))], "intervall": 1})),
                "metrics[0].count_query",
                "invalid_input",
            ),
            (
                trend(&json!({"series": [event("a", &json!({}))], "trendsFilter": {"formula": "A/B"}})),
                "metrics[0].count_query.trendsFilter",
                "unsupported",
            ),
            (
                trend(&json!({"series": [event("a", &json!({}))], "samplingFactor": 0.1})),
                "metrics[0].count_query.samplingFactor",
                "unsupported",
            ),
            (
                json!({"kind": TRENDS, "count_query": {"series": [event("a", &json!({}))]},
                    "exposure_query": {"series": [event("b", &json!({"math": "avg_count_per_actor"}))]}}),
                "metrics[0].exposure_query",
                "unsupported",
            ),
        ] {
            let error = read(&node).unwrap_err();
            let ErrorKind::Invalid { field: Some(got), .. } = error.kind() else { panic!("{error:?}") };
            assert_eq!((got.as_str(), error.code()), (field, code), "{node}: {error}");
        }
    }
}
