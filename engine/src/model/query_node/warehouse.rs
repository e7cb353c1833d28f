//! A series of rows of a table (Q-N6).

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::model::fields::{Fields, invalid};
use crate::model::math::{EventNumber, Math, Statistic};
use crate::model::metric::TableRows;

/// The kind of such a series.
pub(super) const KIND: &str = "DataWarehouseNode";

/// Keys that are read, and others that say how something is drawn, or where the table comes from.
const KEYS: [&str; 19] = [
    "kind",
    "table_name",
    "timestamp_field",
    "distinct_id_field",
    "math",
    "math_property",
    "math_property_type",
    "properties",
    "id",
    "id_field",
    "name",
    "custom_name",
    "dw_source_type",
    "fixedProperties",
    "optionalInFunnel",
    "math_multiplier",
    "response",
    "version",
    "limit",
];

/// What is computed, before it becomes something that adds up (Q-N1).
const MATHS: [(&str, Known); 6] = [
    ("total", Known::Rows),
    ("dau", Known::Persons),
    ("sum", Known::Sum),
    ("avg", Known::Sum),
    ("min", Known::Sum),
    ("max", Known::Sum),
];

#[derive(Clone, Copy)]
enum Known {
    Rows,
    Persons,
    Sum,
}

/// Reads the node of a series that stands at `place`.
pub(super) fn rows(node: &Map<String, Value>, place: &str) -> Result<(TableRows, Math)> {
    let fields = Fields { map: node, place: place.to_owned() };
    fields.refuse_unknown(&KEYS)?;
    for key in ["properties", "fixedProperties"] {
        if fields.get(key).is_some_and(|filters| filters.as_array().is_none_or(|list| !list.is_empty())) {
            let message = "filters on the rows of a table are not supported";
            return Err(Error::invalid_field(fields.at(key), "unsupported", message)
                .hint("filter the table before it is loaded"));
        }
    }
    if fields.get("math_multiplier").is_some_and(|factor| *factor != 1) {
        return Err(invalid(&fields.at("math_multiplier"), "a multiplier would change the unit of the metric")
            .hint("multiply the column before the table is loaded"));
    }
    let rows = TableRows {
        table: fields.required_text("table_name")?,
        timestamp_column: fields.required_text("timestamp_field")?,
        distinct_id_column: fields.required_text("distinct_id_field")?,
    };
    let math = match fields.choice("math", &MATHS)?.unwrap_or(Known::Rows) {
        Known::Rows => Math::Total,
        Known::Persons => Math::UniquePersons,
        Known::Sum => Math::Numbers {
            number: EventNumber::Column(fields.required_text("math_property")?),
            statistic: Statistic::Sum,
        },
    };
    Ok((rows, math))
}
