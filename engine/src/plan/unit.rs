//! What is counted: persons, or something else that events belong to.

use serde::Serialize;

use crate::model::expression::Expression;
use crate::model::metric::{Aggregation, FunnelMetric};
use crate::model::settings::LabSettings;

/// The unit that events are put together by.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// The person an id belongs to when the query runs (Q-X8).
    Person,
    /// The id an event carries, whoever's it is.
    DistinctId,
    /// The group of a type; events without its key are dropped (Q-F11, M-12).
    Group {
        /// The position of the group type, 0 to 4.
        group_type_index: u8,
    },
    /// The session an event belongs to; events without one are dropped (Q-T8).
    Session,
    /// The value of an expression; an event without a value belongs to the unit with the empty text (Q-F12).
    Expression(Expression),
}

impl Unit {
    /// What goes through a funnel (Q-F11, Q-F12).
    pub(in crate::plan) fn of_funnel(metric: &FunnelMetric, settings: &LabSettings) -> Self {
        match &metric.aggregation {
            Aggregation::Users if settings.aggregate_users_by_distinct_id => Self::DistinctId,
            Aggregation::Users => Self::Person,
            Aggregation::Groups { group_type_index } => Self::Group { group_type_index: *group_type_index },
            Aggregation::Values(expression) => Self::Expression(expression.clone()),
        }
    }

    /// What several units are called.
    #[must_use]
    pub fn plural(&self) -> &'static str {
        match self {
            Self::Person => "persons",
            Self::DistinctId => "distinct ids",
            Self::Group { .. } => "groups",
            Self::Session => "sessions",
            Self::Expression(_) => "values",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::metric::Metric;

    #[test]
    fn a_funnel_says_what_goes_through_it() {
        // Q-F11, Q-F12; the lab's setting holds for whatever a metric leaves open.
        let unit = |key: &str, value: serde_json::Value, aggregate_users_by_distinct_id| {
            let filters = json!({"insight": "FUNNELS", "events": [{"id": "a"}], key: value});
            let Metric::Funnel(funnel) = Metric::parse(filters.as_object().unwrap()).unwrap() else { unreachable!() };
            Unit::of_funnel(&funnel, &LabSettings { aggregate_users_by_distinct_id, ..LabSettings::default() })
        };
        assert_eq!(unit("funnel_aggregate_by_hogql", json!(null), false), Unit::Person);
        assert_eq!(unit("funnel_aggregate_by_hogql", json!("person_id"), true), Unit::DistinctId);
        assert_eq!(unit("aggregation_group_type_index", json!(0), true), Unit::Group { group_type_index: 0 });
        let account = Unit::Expression(Expression::parse("properties.account", "").unwrap());
        assert_eq!(unit("funnel_aggregate_by_hogql", json!("properties.account"), true), account);
    }
}
