//! Metrics of a table with one row per unit: what is asked of it, read and checked.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::model::experiment_metric::Outliers;
use crate::model::fields::{Fields, invalid};

/// What is asked of a table with one row per unit.
#[derive(Clone, Debug, PartialEq)]
pub struct TableQuestion {
    /// The column with the variant.
    pub variant: String,
    /// The column with the unit, each of which may occur once only; without it, that is not checked.
    pub unit: Option<String>,
    /// The metrics by name.
    pub metrics: IndexMap<String, TableMetric>,
    /// The columns that the results are broken down by; mostly none.
    pub breakdowns: Vec<String>,
    /// What a missing value counts as; without it, missing values are refused.
    pub missing: Option<MissingValues>,
    /// The key of the baseline; without it, `control`.
    pub baseline: Option<String>,
    /// The keys of the variants; units of others are left out. Empty: whatever the column holds.
    pub variants: Vec<String>,
}

/// A metric of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableMetric {
    /// What is measured.
    pub value: TableValue,
    /// The columns with what was known of each unit before the experiment; not of quantiles.
    pub covariates: Vec<String>,
    /// The definition, with all that was left out but counts.
    pub definition: Map<String, Value>,
}

/// What a metric measures of each unit.
#[derive(Clone, Debug, PartialEq)]
pub enum TableValue {
    /// The mean of a column.
    Mean {
        /// The column.
        column: String,
        /// How extreme values are clamped (M-23).
        outliers: Outliers,
    },
    /// The share of units with 1 or true in a column of 0 and 1.
    Proportion {
        /// The column.
        column: String,
    },
    /// The sum of one column divided by the sum of another (M-40).
    Ratio {
        /// The upper column.
        numerator: String,
        /// The lower column.
        denominator: String,
        /// How extreme upper values are clamped (M-41).
        numerator_outliers: Outliers,
        /// How extreme lower values are clamped.
        denominator_outliers: Outliers,
    },
    /// A quantile of a column.
    Quantile {
        /// The column.
        column: String,
        /// Which one, between 0 and 1.
        level: f64,
    },
}

/// What a missing value counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MissingValues {
    /// It counts as 0.
    Zero,
    /// Its unit does not count in the metric.
    Drop,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Mean,
    Proportion,
    Ratio,
    Quantile,
}

const KINDS: [(&str, Kind); 4] =
    [("mean", Kind::Mean), ("proportion", Kind::Proportion), ("ratio", Kind::Ratio), ("quantile", Kind::Quantile)];

const MISSING: [(&str, MissingValues); 2] = [("zero", MissingValues::Zero), ("drop", MissingValues::Drop)];

const OUTLIERS: [&str; 4] = ["lower_bound_percentile", "upper_bound_percentile", "ignore_zeros", "percentile_method"];

const HANDLING: [&str; 2] = ["numerator_outlier_handling", "denominator_outlier_handling"];

/// The key of a metric's covariates: a column, or several.
const COVARIATE: &str = "covariate";

/// The most covariates of a metric.
const COVARIATES_MAX: usize = 10;

/// The most columns a table is broken down by (M-60).
const BREAKDOWNS_MAX: usize = 3;

impl TableQuestion {
    /// Reads a question.
    ///
    /// # Errors
    /// `Invalid`, with the field, when a key is unknown or missing, or a setting is wrong.
    ///
    /// ```
    /// use abduck::model::table_metric::{TableQuestion, TableValue};
    ///
    /// let question = TableQuestion::from_json(&serde_json::json!({"variant": "group", "metrics": {
    ///     "revenue": "revenue",
    ///     "ctr": {"numerator": "clicks", "denominator": "views"},
    ///     "p90": {"column": "latency", "quantile": 0.9},
    /// }}))?;
    /// assert_eq!(question.number_columns().len(), 4);
    /// assert!(matches!(question.metrics["ctr"].value, TableValue::Ratio { .. }));
    /// # Ok::<(), abduck::Error>(())
    /// ```
    pub fn from_json(question: &Value) -> Result<Self> {
        let map = question.as_object().ok_or_else(|| Error::invalid("a question must be an object"))?;
        let fields = Fields { map, place: "analyze".into() };
        let known = ["variant", "unit", "metrics", "covariates", "breakdown", "missing", "baseline", "variants"];
        fields.refuse_unknown(&known)?;
        let mut metrics = metrics(&fields)?;
        covariates(&fields, &mut metrics)?;
        let breakdowns = texts(&fields, "breakdown")?;
        if breakdowns.len() > BREAKDOWNS_MAX {
            let message = format!("a table is broken down by at most {BREAKDOWNS_MAX} columns");
            return Err(invalid("breakdown", message));
        }
        Ok(Self {
            variant: named(fields.text("variant")?, "variant", "the column with the variant")?,
            unit: fields.text("unit")?,
            metrics,
            breakdowns,
            missing: fields.choice("missing", &MISSING)?,
            baseline: fields.text("baseline")?,
            variants: texts(&fields, "variants")?,
        })
    }

    /// The columns that hold numbers, each once.
    #[must_use]
    pub fn number_columns(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let columns = self.metrics.values().flat_map(TableMetric::columns);
        columns.filter(|column| seen.insert(*column)).map(ToOwned::to_owned).collect()
    }
}

impl TableMetric {
    /// Reads a metric: the name of a column, of which the mean is taken, or an object.
    fn read(definition: &Value, place: String) -> Result<Self> {
        let map = match definition {
            Value::String(column) => Map::from_iter([("column".to_owned(), column.clone().into())]),
            Value::Object(map) => map.clone(),
            other => return Err(invalid(&place, format!("must be a column or an object, not {other}"))),
        };
        let fields = Fields { map: &map, place };
        let inferred = if fields.get("numerator").or(fields.get("denominator")).is_some() {
            Kind::Ratio
        } else if fields.get("quantile").is_some() {
            Kind::Quantile
        } else {
            Kind::Mean
        };
        let kind = fields.choice("metric_type", &KINDS)?.unwrap_or(inferred);
        let (value, own): (_, &[&str]) = match kind {
            Kind::Mean => {
                let value =
                    TableValue::Mean { column: fields.required_text("column")?, outliers: Outliers::read(&fields)? };
                (value, &["column", COVARIATE, OUTLIERS[0], OUTLIERS[1], OUTLIERS[2], OUTLIERS[3]])
            }
            Kind::Proportion => {
                (TableValue::Proportion { column: fields.required_text("column")? }, &["column", COVARIATE])
            }
            Kind::Ratio => (ratio(&fields)?, &["numerator", "denominator", COVARIATE, HANDLING[0], HANDLING[1]]),
            Kind::Quantile => (quantile(&fields)?, &["column", "quantile"]),
        };
        fields.refuse_unknown(&[&["metric_type"][..], own].concat())?;
        let covariates = texts(&fields, COVARIATE)?;
        check_covariates(&covariates, &fields.at(COVARIATE))?;
        let mut metric = Self { value, covariates, definition: Map::new() };
        metric.definition.insert("metric_type".to_owned(), metric.metric_type().into());
        metric.definition.extend(map.into_iter().filter(|(key, value)| key != "metric_type" && !value.is_null()));
        Ok(metric)
    }

    /// The name of its type, as definitions have it.
    #[must_use]
    pub fn metric_type(&self) -> &'static str {
        match self.value {
            TableValue::Mean { .. } => "mean",
            TableValue::Proportion { .. } => "proportion",
            TableValue::Ratio { .. } => "ratio",
            TableValue::Quantile { .. } => "quantile",
        }
    }

    /// The columns it needs: that of the values first, then the denominator if it is a ratio, then the covariates.
    #[must_use]
    pub fn columns(&self) -> Vec<&str> {
        let (first, second) = match &self.value {
            TableValue::Ratio { numerator, denominator, .. } => (numerator, Some(denominator)),
            TableValue::Mean { column, .. }
            | TableValue::Proportion { column }
            | TableValue::Quantile { column, .. } => (column, None),
        };
        [Some(first), second].into_iter().flatten().chain(&self.covariates).map(String::as_str).collect()
    }
}

fn metrics(fields: &Fields<'_>) -> Result<IndexMap<String, TableMetric>> {
    let mut metrics = IndexMap::new();
    let mut add = |name: &str, metric: TableMetric| match metrics.insert(name.to_owned(), metric) {
        Some(_) => Err(Error::invalid_field("metrics", "unique", format!("two metrics have the name '{name}'"))),
        None => Ok(()),
    };
    match fields.get("metrics") {
        Some(Value::Object(map)) => {
            for (name, definition) in map {
                add(name, TableMetric::read(definition, format!("metrics.{name}"))?)?;
            }
        }
        Some(Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                let (name, definition) = listed(item, &format!("metrics[{index}]"))?;
                add(&name, TableMetric::read(&definition, format!("metrics[{index}]"))?)?;
            }
        }
        Some(other) => return Err(invalid("metrics", format!("must be an object or a list, not {other}"))),
        None => {}
    }
    if metrics.is_empty() {
        return Err(Error::invalid_field("metrics", "required", "no metrics are asked for")
            .hint("name at least one column of numbers"));
    }
    Ok(metrics)
}

/// The name and the definition of a metric in a list: a column, or an object with a name.
fn listed(item: &Value, place: &str) -> Result<(String, Value)> {
    match item {
        Value::String(column) => Ok((column.clone(), item.clone())),
        Value::Object(map) => {
            let name = Fields { map, place: place.to_owned() }.text("name")?;
            let column = map.get("column").and_then(Value::as_str).map(ToOwned::to_owned);
            let mut map = map.clone();
            map.shift_remove("name");
            let hint = "give it one, or put the metrics into an object by their names";
            let name = name.or(column).ok_or_else(|| invalid(place, "the metric has no name").hint(hint))?;
            Ok((name, Value::Object(map)))
        }
        other => Err(invalid(place, format!("must be a column or an object, not {other}"))),
    }
}

fn check_covariates(columns: &[String], place: &str) -> Result<()> {
    if columns.len() > COVARIATES_MAX {
        return Err(invalid(place, format!("a metric has at most {COVARIATES_MAX} covariates")));
    }
    let mut seen = BTreeSet::new();
    match columns.iter().find(|column| !seen.insert(*column)) {
        Some(column) => Err(invalid(place, format!("the covariate '{column}' is named twice"))),
        None => Ok(()),
    }
}

/// Gives metrics their covariates, by the metrics' names.
fn covariates(fields: &Fields<'_>, metrics: &mut IndexMap<String, TableMetric>) -> Result<()> {
    let Some(covariates) = fields.object("covariates")? else { return Ok(()) };
    for name in covariates.map.keys() {
        let columns = texts(&covariates, name)?;
        check_covariates(&columns, "covariates")?;
        let names: Vec<String> = metrics.keys().cloned().collect();
        let Some(metric) = metrics.get_mut(name) else {
            return Err(invalid("covariates", format!("there is no metric '{name}'"))
                .hint(format!("there are: {}", names.join(", "))));
        };
        if matches!(metric.value, TableValue::Quantile { .. }) {
            return Err(invalid("covariates", format!("the metric '{name}' is a quantile, which has no covariates")));
        }
        let said = if let [column] = columns.as_slice() { column.clone().into() } else { columns.clone().into() };
        metric.definition.insert(COVARIATE.to_owned(), said);
        metric.covariates = columns;
    }
    Ok(())
}

fn ratio(fields: &Fields<'_>) -> Result<TableValue> {
    let clamped = |key: &str| match fields.object(key)? {
        None => Ok(Outliers::default()),
        Some(inner) => {
            inner.refuse_unknown(&OUTLIERS)?;
            Outliers::read(&inner)
        }
    };
    Ok(TableValue::Ratio {
        numerator: fields.required_text("numerator")?,
        denominator: fields.required_text("denominator")?,
        numerator_outliers: clamped(HANDLING[0])?,
        denominator_outliers: clamped(HANDLING[1])?,
    })
}

fn quantile(fields: &Fields<'_>) -> Result<TableValue> {
    let place = fields.at("quantile");
    let level = fields.number("quantile", 0.0, 1.0)?.ok_or_else(|| invalid(&place, "is missing"))?;
    if level <= 0.0 || level >= 1.0 {
        return Err(invalid(&place, format!("must lie between 0 and 1, but is {level}")));
    }
    Ok(TableValue::Quantile { column: fields.required_text("column")?, level })
}

/// A text, or a list of different texts.
fn texts(fields: &Fields<'_>, key: &str) -> Result<Vec<String>> {
    let items = match fields.get(key) {
        None => return Ok(Vec::new()),
        Some(Value::Array(items)) => items.clone(),
        Some(other) => vec![other.clone()],
    };
    let mut seen = BTreeSet::new();
    let text = |item: Value| match item {
        Value::String(text) if text.is_empty() => Err(invalid(key, "a name must not be empty")),
        Value::String(text) if !seen.insert(text.clone()) => {
            Err(Error::invalid_field(key, "unique", format!("'{text}' occurs twice")))
        }
        Value::String(text) => Ok(text),
        other => Err(invalid(key, format!("must be texts, not {other}"))),
    };
    items.into_iter().map(text).collect()
}

fn named(text: Option<String>, field: &str, what: &str) -> Result<String> {
    text.filter(|text| !text.is_empty())
        .ok_or_else(|| Error::invalid_field(field, "required", format!("{what} must be named")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(question: &Value) -> String {
        let mut whole = json!({"variant": "v", "metrics": ["a"]});
        whole.as_object_mut().unwrap().extend(question.as_object().unwrap().clone());
        TableQuestion::from_json(&whole).unwrap_err().to_string()
    }

    #[test]
    fn what_is_wrong_is_refused_by_name() {
        let cases = [
            (json!({"metrics": []}), "no metrics are asked for"),
            (json!({"metrics": ["a", "a"]}), "two metrics have the name 'a'"),
            (json!({"metrics": {"a": 3}}), "must be a column or an object, not 3"),
            (json!({"metrics": {"a": {"column": "a", "quantile": 1.0}}}), "must lie between 0 and 1, but is 1"),
            (json!({"metrics": {"a": {"numerator": "a"}}}), "is missing"),
            (json!({"metrics": {"a": {"column": "a", "colum": 1}}}), "unknown key 'colum'"),
            (json!({"metrics": [{"numerator": "a", "denominator": "b"}]}), "the metric has no name"),
            (json!({"covariates": {"b": "c"}}), "there is no metric 'b'"),
            (
                json!({"metrics": {"a": {"column": "a", "quantile": 0.5}}, "covariates": {"a": "c"}}),
                "the metric 'a' is a quantile, which has no covariates",
            ),
            (json!({"breakdown": ["a", "b", "c", "d"]}), "a table is broken down by at most 3 columns"),
            (json!({"breakdown": ["a", "a"]}), "'a' occurs twice"),
            (json!({"missing": "zeros"}), "'zeros' is none of the choices"),
            (json!({"variant": ""}), "the column with the variant must be named"),
        ];
        for (question, message) in cases {
            assert_eq!(refusal(&question), message);
        }
    }
}
