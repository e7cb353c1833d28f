//! Filters by cohort (Q-P17).

use serde::Serialize;
use serde_json::{Map, Value};

use super::invalid;
use crate::error::Result;

/// Whether the event's person belongs to some of several cohorts, or to none of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CohortFilter {
    /// The numbers of the cohorts.
    pub cohorts: Vec<i64>,
    /// Whether the person belongs to one of them, rather than to none.
    pub is_in: bool,
}

impl CohortFilter {
    pub(super) fn parse(object: &Map<String, Value>, is_negated: bool, field: &str) -> Result<Self> {
        let is_in = match object.get("operator") {
            None | Some(Value::Null) => true,
            Some(Value::String(operator)) if operator == "in" || operator == "exact" => true,
            Some(Value::String(operator)) if operator == "not_in" || operator == "is_not" => false,
            Some(other) => {
                return Err(invalid(field, format!("the operator {other} is not supported for cohorts"))
                    .hint("supported operators: in, not_in"));
            }
        };
        let ids = match object.get("value") {
            None | Some(Value::Null) => return Err(invalid(field, "a filter by cohort needs the cohort's number")),
            Some(Value::Array(ids)) => ids.as_slice(),
            Some(id) => std::slice::from_ref(id),
        };
        let number = |id: &Value| {
            let number = id.as_i64().or_else(|| id.as_str()?.trim().parse().ok());
            number.ok_or_else(|| {
                invalid(field, format!("{id} is not the number of a cohort"))
                    .hint("list them with `abduck cohort list`")
            })
        };
        Ok(Self { cohorts: ids.iter().map(number).collect::<Result<_>>()?, is_in: is_in != is_negated })
    }
}
