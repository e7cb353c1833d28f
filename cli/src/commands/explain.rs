//! How a result comes about: the plan, its SQL, and what the queries did.

use abduck::{Result, report};
use jiff::Timestamp;

use super::given_metric::GivenMetric;
use crate::args::{ExplainArguments, Global};
use crate::output::{Answer, Output, json};

/// Prints how the result of an experiment comes about.
pub(crate) fn run(global: &Global, arguments: &ExplainArguments, output: &Output) -> Result<()> {
    let as_of = arguments.as_of.unwrap_or_else(super::now);
    if let Some(unit) = &arguments.unit {
        return explain_unit(global, arguments, unit, as_of, output);
    }
    let explanation =
        super::open(global)?.explain(&arguments.key, arguments.metric.as_deref(), as_of, arguments.run)?;
    let text = Some(report::explanation(&explanation, output.width()));
    output.answer(&Answer { text, table: report::stage_table(&explanation), data: json(&explanation)? })
}

/// Prints what a modern metric makes of one unit, event by event.
fn explain_unit(
    global: &Global,
    arguments: &ExplainArguments,
    unit: &str,
    as_of: Timestamp,
    output: &Output,
) -> Result<()> {
    let metric = GivenMetric::read(arguments.metric.as_deref())?;
    let mut engine = super::open(global)?;
    let metric = metric.of(&mut engine, &arguments.key)?;
    let told = engine.explain_unit(&arguments.key, &metric, unit, as_of)?;
    let text = Some(report::unit_explanation(&told, output.width()));
    output.answer(&Answer { text, table: report::unit_event_table(&told), data: json(&told)? })
}
