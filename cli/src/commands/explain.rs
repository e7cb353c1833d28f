//! How a result comes about: the plan, its SQL, and what the queries did.

use abduck::{Result, report};

use crate::args::{ExplainArguments, Global};
use crate::output::{Answer, Output, json};

/// Prints how the result of an experiment comes about.
pub(crate) fn run(global: &Global, arguments: &ExplainArguments, output: &Output) -> Result<()> {
    let as_of = arguments.as_of.unwrap_or_else(super::now);
    let explanation =
        super::open(global)?.explain(&arguments.key, arguments.metric.as_deref(), as_of, arguments.run)?;
    let text = Some(report::explanation(&explanation, output.width()));
    output.answer(&Answer { text, table: report::stage_table(&explanation), data: json(&explanation)? })
}
