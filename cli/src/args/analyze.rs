//! Metrics of a table, without a lab.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};
use serde_json::{Value, json};

use super::events::FileFormat;
use super::values::pair;

#[derive(Args, Debug)]
pub(crate) struct AnalyzeArguments {
    /// Parquet, CSV or NDJSON files with one row per unit; patterns such as 'units/*.parquet' as well
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<String>,
    /// The files hold sums: a row per metric and variant with `metric`, `variant`, `number_of_samples`, `sum`, `sum_squares`;
    /// or JSON with them under the metric and the variant
    #[arg(long, conflicts_with_all = ["variant", "unit", "metric", "proportion", "covariate", "breakdown", "missing", "known"])]
    pub(crate) aggregates: bool,
    /// The column with the variant
    #[arg(long, value_name = "COLUMN", required_unless_present = "aggregates")]
    pub(crate) variant: Option<String>,
    /// The column with the unit, each of which may occur once only
    #[arg(long, value_name = "COLUMN")]
    pub(crate) unit: Option<String>,
    /// A metric: the mean of a column `revenue`, a ratio `ctr=clicks/views`, a quantile `p90=latency@0.9`, or JSON
    /// `name={"column": "revenue", "upper_bound_percentile": 0.99}`
    #[arg(long, value_name = "NAME[=WHAT]", value_parser = metric)]
    pub(crate) metric: Vec<(String, Value)>,
    /// A metric that is the share of units with 1 or true in a column
    #[arg(long, value_name = "NAME[=COLUMN]", value_parser = proportion)]
    pub(crate) proportion: Vec<(String, Value)>,
    /// A column with what was known before the experiment, of a metric; may be given again
    #[arg(long, value_name = "METRIC=COLUMN", value_parser = pair)]
    pub(crate) covariate: Vec<(String, String)>,
    /// A column to break the results down by; up to three
    #[arg(long, value_name = "COLUMN")]
    pub(crate) breakdown: Vec<String>,
    /// What a missing value counts as [default: it is an error]
    #[arg(long, value_name = "HOW")]
    pub(crate) missing: Option<MissingHow>,
    /// The key of the baseline [default: control]
    #[arg(long, value_name = "KEY")]
    pub(crate) baseline: Option<String>,
    /// The key of a variant that counts; units of others are left out [default: whatever the column holds]
    #[arg(long = "known-variant", value_name = "KEY")]
    pub(crate) known: Vec<String>,
    /// The format of the files, where their names do not tell it
    #[arg(long)]
    pub(crate) format: Option<FileFormat>,
}

/// What a missing value counts as.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum MissingHow {
    /// As 0
    Zero,
    /// Its unit does not count in the metric
    Drop,
}

impl AnalyzeArguments {
    /// What is asked, as the engine reads it.
    pub(crate) fn question(&self) -> Value {
        let named = |(name, definition): &(String, Value)| {
            let mut definition = definition.clone();
            definition["name"] = json!(name);
            definition
        };
        let mut covariates: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (metric, column) in &self.covariate {
            covariates.entry(metric).or_default().push(column);
        }
        json!({
            "variant": self.variant,
            "unit": self.unit,
            "metrics": self.metric.iter().chain(&self.proportion).map(named).collect::<Vec<_>>(),
            "covariates": covariates,
            "breakdown": self.breakdown,
            "missing": self.missing.map(|missing| match missing {
                MissingHow::Zero => "zero",
                MissingHow::Drop => "drop",
            }),
            "baseline": self.baseline,
            "variants": self.known,
        })
    }

    /// The one file, if it is named like JSON.
    pub(crate) fn json_file(&self) -> Option<PathBuf> {
        let file = PathBuf::from(self.files.first()?);
        let is_json = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        (self.files.len() == 1 && self.format.is_none() && is_json).then_some(file)
    }
}

/// `NAME`, `NAME=COLUMN`, `NAME=COLUMN/COLUMN`, `NAME=COLUMN@QUANTILE` or `NAME={…}`.
fn metric(text: &str) -> Result<(String, Value), String> {
    let (name, what) = text.split_once('=').unwrap_or((text, text));
    if name.is_empty() || what.is_empty() {
        return Err("expected a column, or a name, = and what it is".to_owned());
    }
    let definition = if what.starts_with('{') {
        serde_json::from_str(what).map_err(|error| format!("the definition is not JSON: {error}"))?
    } else if let Some((column, level)) = what.rsplit_once('@') {
        let level: f64 = level.parse().map_err(|_| format!("'{level}' is no quantile such as 0.9"))?;
        json!({"column": column, "quantile": level})
    } else if let Some((numerator, denominator)) = what.split_once('/') {
        json!({"numerator": numerator, "denominator": denominator})
    } else {
        json!({"column": what})
    };
    Ok((name.to_owned(), definition))
}

/// `NAME` or `NAME=COLUMN`.
fn proportion(text: &str) -> Result<(String, Value), String> {
    let (name, column) = text.split_once('=').unwrap_or((text, text));
    if name.is_empty() || column.is_empty() {
        return Err("expected a column, or a name, = and a column".to_owned());
    }
    Ok((name.to_owned(), json!({"column": column, "metric_type": "proportion"})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_understood_by_their_form() {
        let cases = [
            ("revenue", "revenue", json!({"column": "revenue"})),
            ("r=revenue", "r", json!({"column": "revenue"})),
            ("ctr=clicks/views", "ctr", json!({"numerator": "clicks", "denominator": "views"})),
            ("p90=latency@0.9", "p90", json!({"column": "latency", "quantile": 0.9})),
            ("odd={\"column\": \"a/b@c\"}", "odd", json!({"column": "a/b@c"})),
        ];
        for (text, name, definition) in cases {
            assert_eq!(metric(text), Ok((name.to_owned(), definition)));
        }
        assert!(metric("p=a@high").is_err() && metric("=a").is_err() && metric("a={").is_err());
    }
}
