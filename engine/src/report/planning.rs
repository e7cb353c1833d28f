//! How much longer, and how often wrong: as text and tables.

use std::fmt::Write;

use crate::report::number;
use crate::report::plot::sparkline;
use crate::report::table::{Cell, Table};
use crate::report::units;
use crate::report::units::metric_title;
use crate::results::{Calibration, Influence, PastPlan, PriorFromPast, Remaining};
use crate::stats::calibration::{CalibratedMethod, RoundShare};

/// How much longer, for people to read; tables fit `width` characters where one is given.
#[must_use]
pub fn remaining(remaining: &Remaining, width: Option<u16>) -> String {
    let mut text = format!(
        "{}\nTo see {} of {} with a probability of {}:\n\n{}",
        metric_title(&remaining.experiment.name, &remaining.metric),
        number::signed_percent(remaining.lift),
        number::amount(remaining.baseline_value),
        number::percent(remaining.power),
        remaining_table(remaining).to_text(width)
    );
    let _ = writeln!(text, "\n{} units come per day.", number::amount(remaining.exposed_per_day.round()));
    text
}

/// One row per variant: what it has, what it needs, and how long that takes.
#[must_use]
pub fn remaining_table(remaining: &Remaining) -> Table {
    let columns = [
        "variant",
        "units now",
        "seen now from",
        "units, one look",
        "days, one look",
        "units, any time",
        "days, any time",
        "variance taken out",
    ];
    let mut table = Table::new(&columns);
    let units = |units: f64| Cell::number(number::amount(units), units);
    for variant in &remaining.variants {
        let now: u64 = variant.units_now.iter().sum();
        table.push(vec![
            Cell::text(&variant.variant),
            Cell::number(number::count(now), now),
            Cell::number(number::signed_percent(variant.detectable_lift_now), variant.detectable_lift_now),
            units(variant.units_single_look),
            Cell::optional(variant.days_single_look, days),
            units(variant.units_any_time),
            Cell::optional(variant.days_any_time, days),
            Cell::number(number::percent(variant.variance_reduction), variant.variance_reduction),
        ]);
    }
    table
}

/// How often the tests are wrong, for people to read.
#[must_use]
pub fn calibration(calibration: &Calibration, width: Option<u16>) -> String {
    format!(
        "{}\n{} units, {} times put into two variants at random; {} planted. The tests promise to see an effect where there is none \
         in at most {} of cases.\n\n{}",
        metric_title(&calibration.experiment.name, &calibration.metric),
        number::count(calibration.units),
        number::count(u64::from(calibration.rounds)),
        number::signed_percent(calibration.lift),
        number::percent(calibration.alpha),
        calibration_table(calibration).to_text(width)
    )
}

/// One row per method.
#[must_use]
pub fn calibration_table(calibration: &Calibration) -> Table {
    let mut table = Table::new(&["method", "false positives", "coverage", "power"]);
    for method in &calibration.methods {
        table.push(vec![
            Cell::text(in_words(method.method)),
            share(method.false_positives),
            share(method.coverage),
            share(method.power),
        ]);
    }
    table
}

/// A metric with and without its largest units, for people to read.
#[must_use]
pub fn influence(influence: &Influence, width: Option<u16>) -> String {
    let title = metric_title(&influence.experiment.name, &influence.metric);
    let mut largest = Table::new(&["largest units", "variant", "value"]);
    for unit in &influence.largest {
        let value = Cell::number(number::amount(unit.value), unit.value);
        largest.push(vec![Cell::text(&unit.unit), Cell::text(&unit.variant), value]);
    }
    format!("{title}\n\n{}\n{}", influence_table(influence).to_text(width), largest.to_text(width))
}

/// One row per variant: value, lift and p-values with all units and without the largest.
#[must_use]
pub fn influence_table(influence: &Influence) -> Table {
    let without = format!("without the {} largest", influence.largest.len());
    let mut columns = vec!["variant".to_owned()];
    for of in ["with all", without.as_str()] {
        columns.extend([of.to_owned(), "lift".to_owned(), "p any-time".to_owned()]);
    }
    let mut table = Table::new(&columns.iter().map(String::as_str).collect::<Vec<_>>());
    for variant in influence.all.value.keys() {
        let mut cells = vec![Cell::text(variant)];
        for observed in [&influence.all, &influence.without] {
            let compared = observed.comparisons.against_baseline.get(variant);
            cells.push(Cell::optional(observed.value.get(variant).copied(), |value| {
                number::significant_digits(value, 4)
            }));
            cells.push(Cell::optional(observed.relative_lift.get(variant).copied(), number::signed_percent));
            cells.push(Cell::optional(compared.map(|compared| compared.anytime_valid.p_value), number::p_value));
        }
        table.push(cells);
    }
    table
}

fn share(share: RoundShare) -> Cell {
    let [lower, upper] = share.interval.map(number::percent);
    Cell::number(format!("{} ({lower} to {upper})", number::percent(share.share)), share.share)
}

fn in_words(method: CalibratedMethod) -> &'static str {
    match method {
        CalibratedMethod::FixedHorizon => "one look",
        CalibratedMethod::AnytimeValid => "any time",
        CalibratedMethod::FixedHorizonAdjusted => "one look, adjusted",
        CalibratedMethod::AnytimeValidAdjusted => "any time, adjusted",
    }
}

fn days(days: f64) -> String {
    if days <= 0.0 { "enough".to_owned() } else { number::significant_digits(days, 2) }
}

/// A plan from the past, for people to read; tables fit `width` characters where one is given.
#[must_use]
pub fn past_plan(plan: &PastPlan, width: Option<u16>) -> String {
    let reduction = if plan.variance_reduction > 0.0 {
        format!(", of which the two weeks before explain {}", number::percent(plan.variance_reduction))
    } else {
        String::new()
    };
    let mut text = format!(
        "To see a lift of {} with a power of {} ({} variants)\n\nIn the {} days until {}, {} units had a value of {} and a variance of \
         {} per unit{reduction}.\n\n{}",
        number::signed_percent(plan.lift),
        number::percent(plan.power),
        plan.variants,
        plan.arrivals.len(),
        plan.as_of,
        number::count(plan.units),
        number::significant_digits(plan.value, 4),
        number::significant_digits(plan.unit_variance, 4),
        past_plan_table(plan).to_text(width)
    );
    let most = plan.arrivals.iter().copied().max().unwrap_or_default();
    if most > 0 {
        let line = sparkline(plan.arrivals.iter().map(|arrived| units::share(*arrived, most)));
        let _ = writeln!(text, "\nnew units per day, from 0 to {}\n{line}", number::count(most));
    }
    if plan.needs.iter().any(|need| need.is_extrapolated) {
        text.push_str("\nWhere it takes longer than was looked at, the last week is taken to go on.\n");
    }
    text
}

/// One row per way of looking.
#[must_use]
pub fn past_plan_table(plan: &PastPlan) -> Table {
    let mut table = Table::new(&["looks", "past taken out", "units per variant", "units", "days"]);
    for need in &plan.needs {
        table.push(vec![
            Cell::text(if need.any_time { "any time" } else { "one look" }),
            Cell::text(if need.adjusted { "yes" } else { "no" }),
            Cell::number(number::amount(need.units_per_variant), need.units_per_variant),
            Cell::number(number::amount(need.units), need.units),
            Cell::optional(need.days, number::amount),
        ]);
    }
    table
}

/// A prior from the past, for people to read; the table fits `width` characters where one is given.
#[must_use]
pub fn prior(prior: &PriorFromPast, width: Option<u16>) -> String {
    let mut text = format!(
        "{}  (a prior from {} variants of past experiments: {})\n\n{}",
        prior.experiment.name,
        prior.arms,
        prior.experiments.join(", "),
        prior_table(prior).to_text(width)
    );
    if prior.is_limited {
        text.push_str(
            "\nThe variants differ no more than chance, so the prior is as sure as all their units together.\n",
        );
    }
    for (key, reason) in &prior.left_out {
        let _ = writeln!(text, "\n{key} is left out: {reason}");
    }
    let json = serde_json::Value::Object(prior.prior.clone());
    let _ = writeln!(text, "\nIn the metric: \"prior\": {json}");
    if let Some(rate) = &prior.rate_prior {
        let (json, dispersion) =
            (serde_json::Value::Object(rate.prior.clone()), number::significant_digits(rate.dispersion, 3));
        let _ = writeln!(
            text,
            "Or, as the metric counts events, of their rate: \"prior\": {json}\n(the counts vary {dispersion} times as much as \
             Poisson's, so events and units count for as much less)"
        );
    }
    text
}

/// The parameters of a prior.
#[must_use]
pub fn prior_table(prior: &PriorFromPast) -> Table {
    let mut table = Table::new(&["parameter", "value"]);
    for (name, value) in &prior.prior {
        let value = value.as_f64().unwrap_or_default();
        table.push(vec![Cell::text(name), Cell::number(number::significant_digits(value, 5), value)]);
    }
    table
}
