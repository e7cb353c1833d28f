//! Metrics without a lab: of a table with one row per unit, or of sums.

use serde_json::{Map, Value};

use crate::backend;
use crate::error::{Error, Result};
use crate::events::{Format, Interrupt, Source, TableRows, scan_table};
use crate::kernel::columns::{TableColumns, TableReader};
use crate::model::table_aggregate::{Aggregates, KEYS};
use crate::model::table_metric::TableQuestion;
use crate::plan;
use crate::results::{TableAnalysis, aggregate_analysis, table_analysis};

/// The columns that tell metrics and variants apart in a table of sums.
const METRIC: &str = "metric";
const VARIANT: &str = "variant";

/// The metrics of a table with one row per unit.
///
/// # Errors
/// `NotFound` and `Io` when a file cannot be opened; `Schema` when the table lacks a column, a unit occurs twice, or a value is
/// missing or not what its metric needs; `Invalid` when the baseline is none of the variants; `Interrupted`.
///
/// ```
/// use abduck::events::Interrupt;
/// use abduck::model::table_metric::TableQuestion;
///
/// let file = std::env::temp_dir().join(format!("abduck-doc-analyze-{}.csv", std::process::id()));
/// std::fs::write(&file, "user,variant,revenue\nann,control,2\nbob,control,4\ncid,test,6\ndan,test,3\n").unwrap();
/// let question = serde_json::json!({"variant": "variant", "unit": "user", "metrics": ["revenue"]});
/// let question = TableQuestion::from_json(&question)?;
/// let source = abduck::Source::Files(vec![file.display().to_string()]);
/// let analysis = abduck::analyze(source, None, &question, &Interrupt::new())?;
/// assert_eq!(analysis.metrics["revenue"].variants[0].sum, 6.0);
/// let rows = abduck::results::table_analysis_rows(&analysis);
/// assert_eq!((rows[1].value, rows[1].rel_effect_size), (Some(4.5), Some(0.5)));
/// # std::fs::remove_file(&file).ok();
/// # Ok::<(), abduck::Error>(())
/// ```
pub fn analyze(
    source: Source,
    format: Option<Format>,
    question: &TableQuestion,
    interrupt: &Interrupt,
) -> Result<TableAnalysis> {
    let texts: Vec<String> = std::iter::once(&question.variant).chain(&question.breakdowns).cloned().collect();
    let numbers = question.number_columns();
    let required: Vec<String> = texts.iter().chain(&question.unit).chain(&numbers).cloned().collect();
    let reader = TableReader::new(question.unit.clone(), texts, numbers);
    let table = read(source, format, &required, &[], reader, interrupt)?;
    let cells = backend::measure_table(question, &table)?;
    table_analysis(question, &cells)
}

/// The metrics that sums per variant give, as if the units were there.
///
/// # Errors
/// `Invalid` when a metric lacks the baseline.
pub fn analyze_aggregates(aggregates: &Aggregates) -> Result<TableAnalysis> {
    let mut baseline = String::new();
    for (name, variants) in &aggregates.metrics {
        let keys: Vec<String> = variants.keys().cloned().collect();
        let ordered = plan::table_variants(aggregates.baseline.as_deref(), &keys, &keys)
            .map_err(|error| error.hint(format!("it is missing in the metric '{name}'")))?;
        baseline.clone_from(&ordered[0]);
    }
    aggregate_analysis(aggregates, &baseline)
}

/// Reads sums from a table with a row per variant: the columns `variant`, `number_of_samples`, `sum`, `sum_squares`, and as
/// needed `metric` and those of a denominator or covariate.
///
/// # Errors
/// As [`analyze`]; and `Invalid` when sums are impossible.
pub fn read_aggregates(
    source: Source,
    format: Option<Format>,
    baseline: Option<String>,
    interrupt: &Interrupt,
) -> Result<Aggregates> {
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let reader = TableReader::new(None, own(&[METRIC, VARIANT]), own(&KEYS));
    let required = own(&[VARIANT, KEYS[0], KEYS[1], KEYS[2]]);
    let optional = [own(&[METRIC]), own(&KEYS[3..])].concat();
    let table = read(source, format, &required, &optional, reader, interrupt)?;
    Aggregates::from_json(&Value::Object(sums(&table)?), baseline)
}

fn sums(table: &TableColumns) -> Result<Map<String, Value>> {
    let mut metrics = Map::new();
    for row in 0..table.rows {
        let text = |column: &str| table.texts.get(column).and_then(|column| column.get(row));
        let variant = text(VARIANT).ok_or_else(|| {
            Error::schema(format!("row {} has no variant", row + 1)).hint("each row is a variant of a metric")
        })?;
        let name = text(METRIC).unwrap_or("metric");
        let numbers = table.numbers.iter().filter(|(_, column)| !column[row].is_nan());
        let sums: Map<_, _> = numbers.map(|(key, column)| (key.clone(), Value::from(column[row]))).collect();
        let metric = metrics.entry(name).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(variants) = metric
            && variants.insert(variant.to_owned(), Value::Object(sums)).is_some()
        {
            return Err(Error::schema(format!("row {}: the variant '{variant}' of '{name}' occurs twice", row + 1)));
        }
    }
    Ok(metrics)
}

fn read(
    source: Source,
    format: Option<Format>,
    required: &[String],
    optional: &[String],
    mut reader: TableReader,
    interrupt: &Interrupt,
) -> Result<TableColumns> {
    scan_table(source, format, required, optional, interrupt, &mut |rows| match rows {
        TableRows::Columns(batch) => reader.read_batch(batch),
        TableRows::Objects(objects) => reader.read_objects(objects),
    })?;
    let table = reader.finish();
    if table.rows == 0 {
        return Err(Error::schema("the table has no rows"));
    }
    Ok(table)
}
