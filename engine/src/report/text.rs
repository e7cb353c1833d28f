//! A result as text: the verdict first, then a table, a plot of the intervals, and what to be careful about.

use std::fmt::Write;

use indexmap::IndexMap;

use crate::plan::ExposureUnit;
use crate::report::number;
use crate::report::plot::intervals;
use crate::report::table::{Cell, Table};
use crate::report::units;
use crate::results::{
    ExperimentResult, ExperimentSummary, ListedResult, MetricResult, Provenance, SecondaryResult, TrendCount,
    VariantRow, Warning, rows,
};
use crate::stats::comparison::{Comparison, SequentialAnswer};
use crate::stats::{Estimates, MissingData, Observations, Outcome, Rule, Rung, SignificanceCode};

/// The width of the plot, in characters.
const PLOT_WIDTH: usize = 48;

/// A result for people to read; tables fit `width` characters where one is given.
#[must_use]
pub fn result(result: &ExperimentResult, width: Option<u16>) -> String {
    let title = format!("{}  ({})", units::title(result), subject(result));
    text(&title, result, &variant_table(result), width)
}

/// A secondary result for people to read; tables fit `width` characters where one is given.
#[must_use]
pub fn secondary_result(secondary: &SecondaryResult, width: Option<u16>) -> String {
    let subject = subject(&secondary.result);
    let title = format!("{}  (secondary metric {}, {subject})", secondary_title(secondary), secondary.metric.index);
    text(&title, &secondary.result, &secondary_table(secondary), width)
}

/// The result of a listed metric for people to read; tables fit `width` characters where one is given.
#[must_use]
pub fn listed_result(listed: &ListedResult, width: Option<u16>) -> String {
    let title = format!("{}  ({}, {})", listed_title(listed), listed.metric.id, subject(&listed.result));
    text(&title, &listed.result, &listed_table(listed), width)
}

/// The experiment and, if it has a name, the metric.
pub(super) fn secondary_title(secondary: &SecondaryResult) -> String {
    title(&secondary.result, &secondary.metric.name)
}

/// The experiment and, if it has a name, the metric.
pub(super) fn listed_title(listed: &ListedResult) -> String {
    title(&listed.result, &listed.metric.name)
}

fn title(result: &ExperimentResult, metric: &str) -> String {
    let experiment = &result.experiment.name;
    if metric.is_empty() { experiment.clone() } else { format!("{experiment}: {metric}") }
}

fn text(title: &str, result: &ExperimentResult, table: &Table, width: Option<u16>) -> String {
    let mut text = format!("{title}\n{}\n\n", verdict(result));
    if !table.is_empty() {
        text.push_str(&table.to_text(width));
    }
    text.push_str(&plot(&rows(result)));
    for (heading, table) in units::sections(&result.result) {
        let _ = write!(text, "\n{heading}\n{}", table.to_text(width));
    }
    text.push_str(&warnings(&result.warnings));
    text
}

/// One sentence that says what came out.
#[must_use]
pub fn verdict(result: &ExperimentResult) -> String {
    match result.result.outcome() {
        Outcome::Undecided(missing) => format!("Undecided: {}.", missing_text(*missing, &result.result)),
        Outcome::Estimated(estimates) => judged(estimates),
        Outcome::Observed(observed) => observed_text(observed),
    }
}

/// One row per variant of a secondary result, the baseline first, with the metric's number.
#[must_use]
pub fn secondary_table(secondary: &SecondaryResult) -> Table {
    valued_table(&secondary.result, &secondary.values)
}

/// One row per variant of a listed metric, the baseline first, with the metric's number.
#[must_use]
pub fn listed_table(listed: &ListedResult) -> Table {
    if matches!(listed.result.result, MetricResult::Units { .. }) {
        return variant_table(&listed.result);
    }
    valued_table(&listed.result, &listed.values)
}

fn valued_table(result: &ExperimentResult, values: &IndexMap<String, f64>) -> Table {
    let [variant, others @ ..] = columns(result);
    let columns: Vec<_> = [variant, "value"].into_iter().chain(others).collect();
    let mut table = Table::new(&columns);
    for row in rows(result) {
        let value = Cell::optional(values.get(&row.variant).copied(), |value| value.to_string());
        let mut cells = variant_cells(&row, is_share(result));
        cells.insert(1, value);
        table.push(cells);
    }
    table
}

/// One row per variant, the baseline first.
#[must_use]
pub fn variant_table(result: &ExperimentResult) -> Table {
    if let MetricResult::Units { metric_type, variants, .. } = &result.result {
        return units::table(metric_type, variants, &rows(result));
    }
    let mut table = Table::new(&columns(result));
    for row in rows(result) {
        table.push(variant_cells(&row, is_share(result)));
    }
    table
}

/// Whether rates are shares of persons.
fn is_share(result: &ExperimentResult) -> bool {
    match &result.result {
        MetricResult::Trend { .. } => false,
        MetricResult::Funnel { .. } => true,
        MetricResult::Units { metric_type, .. } => ["funnel", "retention"].contains(&metric_type.as_str()),
    }
}

fn columns(result: &ExperimentResult) -> [&'static str; 7] {
    let [units, count, rate] = match result.result {
        MetricResult::Trend { exposure_unit, counted, .. } => {
            let (exposed, rate) = exposure(exposure_unit);
            [exposed, counted_name(counted), rate]
        }
        MetricResult::Funnel { .. } => ["entered", "converted", "rate"],
        MetricResult::Units { .. } => ["units", "sum", "value"],
    };
    ["variant", units, count, rate, "95 % interval", "lift", "chance to win"]
}

/// The names of an exposure and of a rate by it.
fn exposure(unit: ExposureUnit) -> (&'static str, &'static str) {
    match unit {
        ExposureUnit::Persons => ("exposed", "per person"),
        ExposureUnit::DistinctIds => ("exposed ids", "per id"),
        ExposureUnit::Groups => ("exposed groups", "per group"),
        ExposureUnit::Sessions => ("exposed sessions", "per session"),
        ExposureUnit::Values => ("exposed units", "per unit"),
        ExposureUnit::Events => ("exposures", "per exposure"),
        ExposureUnit::Sum => ("exposure", "per exposure"),
    }
}

fn counted_name(counted: TrendCount) -> &'static str {
    match counted {
        TrendCount::Events => "events",
        TrendCount::Persons => "persons",
        TrendCount::DistinctIds => "distinct ids",
        TrendCount::Groups => "groups",
        TrendCount::Sessions => "sessions",
        TrendCount::Values => "units",
        TrendCount::Sum => "sum",
    }
}

fn variant_cells(row: &VariantRow, is_share: bool) -> Vec<Cell> {
    let rate = |rate: f64| if is_share { number::percent(rate) } else { number::significant_digits(rate, 4) };
    let interval = match (row.rate_ci_lower, row.rate_ci_upper) {
        (Some(lower), Some(upper)) => {
            Cell::number(format!("{} … {}", rate(lower), rate(upper)), format!("{lower};{upper}"))
        }
        _ => Cell::optional(None, rate),
    };
    vec![
        Cell::text(&row.variant),
        Cell::number(number::amount(row.units), row.units),
        Cell::number(number::amount(row.count), row.count),
        Cell::optional(row.rate, rate),
        interval,
        Cell::optional(row.rel_effect_size, number::signed_percent),
        Cell::optional(row.chance_to_win, number::probability),
    ]
}

fn subject(result: &ExperimentResult) -> String {
    let kind = match &result.result {
        MetricResult::Trend { .. } => "trend",
        MetricResult::Funnel { .. } => "funnel",
        MetricResult::Units { metric_type, .. } => metric_type,
    };
    during(kind, &result.experiment, &result.provenance)
}

/// What something is of: the experiment's flag and its time.
pub(super) fn during(kind: &str, experiment: &ExperimentSummary, provenance: &Provenance) -> String {
    let end = experiment.end_date.map_or_else(|| format!("{}, running", provenance.as_of), |end| end.to_string());
    let start = experiment.start_date.map(|start| start.to_string()).unwrap_or_default();
    format!("{kind}, flag {}, {start} to {end}", experiment.feature_flag_key)
}

/// What to be careful about, each with a next step.
pub(super) fn warnings(warnings: &[Warning]) -> String {
    let warning = |warning: &Warning| format!("\nwarning: {}\nhint: {}\n", warning.message, warning.next_step);
    warnings.iter().map(warning).collect()
}

/// What is lacking, or how each variant compares with the baseline.
fn observed_text(observed: &Observations) -> String {
    let lacking = observed.shortfalls.iter().map(|(variant, lacks)| {
        let lacks: Vec<_> = lacks.iter().map(|lack| lack.in_words()).collect();
        format!("{variant} has {}", lacks.join(" and "))
    });
    let lacking: Vec<_> = lacking.collect();
    if !lacking.is_empty() && observed.comparisons.against_baseline.is_empty() {
        return format!("Undecided: {}.", lacking.join("; "));
    }
    let compared =
        observed.comparisons.against_baseline.iter().map(|(variant, comparison)| compared(variant, comparison));
    let mut sentences: Vec<String> = compared.collect();
    if sentences.is_empty() {
        return "Undecided: there is no second variant, or nothing varies.".into();
    }
    if !lacking.is_empty() {
        sentences.push(format!("{}.", lacking.join("; ")));
    }
    sentences.join(" ")
}

/// One sentence on a variant and the baseline, by the answer that holds at every look.
fn compared(variant: &str, comparison: &Comparison) -> String {
    if let Some(answer) = &comparison.sequential {
        return decided(variant, answer);
    }
    let direction = if comparison.difference >= 0.0 { "above" } else { "below" };
    let p_value = number::p_value(comparison.anytime_valid.p_value);
    if comparison.anytime_valid.significant {
        return format!("{variant} is {direction} the baseline (any-time p {p_value}).");
    }
    let fixed = if comparison.fixed_horizon.significant {
        "; a single planned look would call it significant, repeated looks do not"
    } else {
        ""
    };
    format!("No clear difference between {variant} and the baseline yet (any-time p {p_value}){fixed}.")
}

/// One sentence by the sequential method that was chosen.
fn decided(variant: &str, answer: &SequentialAnswer) -> String {
    match answer {
        SequentialAnswer::Undecided { method, reason } => {
            format!("{variant} is undecided by {}: {reason}.", method.as_str())
        }
        SequentialAnswer::Given { method, difference, inference, .. } => {
            let p_value = format!("{} p {}", method.as_str(), number::p_value(inference.p_value));
            let direction = if *difference >= 0.0 { "above" } else { "below" };
            if inference.significant {
                format!("{variant} is {direction} the baseline ({p_value}).")
            } else {
                format!("No clear difference between {variant} and the baseline yet ({p_value}).")
            }
        }
    }
}

fn judged(estimates: &Estimates) -> String {
    let significance = &estimates.significance;
    let best = estimates.probability.iter().max_by(|a, b| a.1.total_cmp(b.1));
    let Some((best, chance)) = best else { return "Undecided: no variant was judged.".into() };
    let chance = number::probability(*chance);
    match significance.code {
        SignificanceCode::Significant => significant(estimates, best, &chance),
        SignificanceCode::NotEnoughExposure
        | SignificanceCode::LowWinProbability
        | SignificanceCode::HighLoss
        | SignificanceCode::HighPValue => {
            let failed = significance.ladder.iter().find(|rung| rung.passed == Some(false)).map(unmet);
            let code = significance.code.as_str();
            format!(
                "Not significant ({code}).{} Ahead so far: {best}, {chance} likely to be the best.",
                failed.unwrap_or_default()
            )
        }
    }
}

/// The compatible rules ask whether control or the test variants *together* win; a single one need not be sure (reference statistics, section 4).
fn significant(estimates: &Estimates, best: &str, chance: &str) -> String {
    let lift = estimates.relative_lift.get(best).map(|lift| number::signed_percent(*lift));
    let against = lift.map(|lift| format!(", {lift} against control")).unwrap_or_default();
    let win = estimates.significance.ladder.iter().find(|rung| rung.rule == Rule::WinProbability);
    let together = win.and_then(|rung| rung.observed).filter(|_| {
        let alone = estimates.probability.get(best).copied().unwrap_or(0.0);
        win.is_some_and(|rung| alone < rung.threshold)
    });
    match together {
        None => format!("Significant: {best} is the best with a probability of {chance}{against}."),
        Some(together) => format!(
            "Significant: some variant beats control with a probability of {}, but which is open; ahead is {best} with \
             {chance}{against}.",
            number::probability(together)
        ),
    }
}

/// What the first rung that failed demands, and what was seen instead.
fn unmet(rung: &Rung) -> String {
    let shown = |observed: f64| match rung.rule {
        Rule::TestExposure | Rule::ControlExposure => format!("{observed}"),
        Rule::WinProbability | Rule::ExpectedLoss | Rule::PValue => number::significant_digits(observed, 3),
    };
    let observed = rung.observed.map_or_else(|| "nothing".into(), shown);
    format!(" Required: {}; observed: {observed}.", rung.description)
}

fn missing_text(missing: MissingData, result: &MetricResult) -> &'static str {
    let are_events_left_out = matches!(result, MetricResult::Trend { events_without_variant: 1.., .. });
    if missing.no_events && !are_events_left_out {
        "no event of the metric lies between the experiment's start and end"
    } else if missing.no_flag_info || missing.no_events {
        "no event of the metric carries a variant of the flag"
    } else if missing.negative_count {
        "the sum of some variant is negative, which the statistics of counts cannot judge"
    } else if missing.no_control_variant {
        "the variant control has no data yet"
    } else if missing.no_test_variant {
        "no variant besides control has data yet"
    } else {
        "nobody was exposed to any variant"
    }
}

fn plot(rows: &[VariantRow]) -> String {
    let drawn: Vec<_> = rows
        .iter()
        .filter_map(|row| Some((row.variant.as_str(), row.rate_ci_lower?, row.rate?, row.rate_ci_upper?)))
        .collect();
    if drawn.is_empty() { String::new() } else { format!("\n{}", intervals(&drawn, PLOT_WIDTH)) }
}
