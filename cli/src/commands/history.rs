//! How the results of an experiment went.

use abduck::model::metric::Interval;
use abduck::report;
use abduck::{Backfill, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::args::{BackfillInterval, Format, Global, HistoryArguments};
use crate::output::{Answer, Output, json};

/// Prints the course of an experiment's results, after computing what is missing if that was asked for.
pub(crate) fn run(global: &Global, arguments: &HistoryArguments, output: &Output) -> Result<()> {
    let HistoryArguments { key, backfill } = arguments;
    let mut engine = super::open(global)?;
    if let Some(interval) = backfill {
        let bar = bar(output.is_quiet());
        let done = engine.backfill_history(key, interval.into(), super::now(), &mut |done| show(&bar, done));
        bar.finish_and_clear();
        let Backfill { computed, .. } = done?;
        output.note(&match computed {
            0 => "no moment was missing".to_owned(),
            1 => "computed 1 moment that was missing".to_owned(),
            moments => format!("computed {moments} moments that were missing"),
        });
    }
    let history = engine.history(key)?;
    if history.points.is_empty() {
        output.note(&format!("see `abduck results {key}`, or compute the past with --backfill day"));
    }
    let table = match output.format() {
        Some(Format::Csv) => report::history_csv(&history),
        _ => report::history_table(&history),
    };
    let text = report::history(&history, output.width());
    output.answer(&Answer { text: Some(text), table, data: json(&history)? })
}

/// A bar that is invisible when quiet, and when stderr is not a terminal.
fn bar(is_quiet: bool) -> ProgressBar {
    let target = if is_quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(None, target);
    let style = "{spinner} computing {wide_bar} {pos}/{len} moments {elapsed}, {eta} to go";
    bar.with_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(bar: &ProgressBar, done: Backfill) {
    bar.set_length(done.missing);
    bar.set_position(done.computed);
}

impl From<&BackfillInterval> for Interval {
    fn from(interval: &BackfillInterval) -> Self {
        match interval {
            BackfillInterval::Day => Self::Day,
            BackfillInterval::Week => Self::Week,
        }
    }
}
