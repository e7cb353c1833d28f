//! Says what to do with an experiment, in words and as an exit code.

use abduck::stats::decision::Verdict;
use abduck::{Result, ResultsRequest, report};

use crate::args::{DecideArguments, Global};
use crate::exit::Exit;
use crate::output::{Answer, Output, json};

/// Prints the decision and its reasons; the exit code is the verdict.
pub(crate) fn run(global: &Global, arguments: &DecideArguments, output: &Output) -> Result<Exit> {
    let now = super::now();
    let request = ResultsRequest { as_of: arguments.as_of.unwrap_or(now), now, refresh: false, max_age: None };
    let decision = super::open(global)?.decide(&arguments.key, &request)?;
    output.answer(&Answer {
        text: Some(report::decision(&decision, output.width())),
        table: report::decision_table(&decision),
        data: json(&decision)?,
    })?;
    Ok(match decision.decision.verdict {
        Verdict::Ship => Exit::Success,
        Verdict::KeepRunning => Exit::KeepRunning,
        Verdict::Hold => Exit::Hold,
        Verdict::RollBack => Exit::RollBack,
    })
}
