//! How much each variant differs, with intervals side by side.

use super::canvas::{Anchor, Canvas, EDGE, Look, SMALL, WIDTH};
use super::scale::{Scale, Unit};
use super::{axis, style, words};
use crate::report::text::{listed_title, verdict};
use crate::report::units;
use crate::results::{ExperimentResult, ListedResult, MetricResult, rows};
use crate::stats::Outcome;
use crate::stats::comparison::Comparison;

/// The height of an interval, and what is free between variants.
const ROW: f64 = 19.0;
const GAP: f64 = 12.0;
/// The columns for names and for numbers.
const NAMES: f64 = 130.0;
const NUMBERS: f64 = 190.0;

/// What an interval says; the order is that of the legend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Rate,
    AnyTime,
    Adjusted,
    OneLook,
    Believed,
}

impl Answer {
    fn in_words(self) -> &'static str {
        match self {
            Self::Rate => "believed rate, 95 %",
            Self::AnyTime => "at any look",
            Self::Adjusted => "at any look, covariates taken out",
            Self::OneLook => "for a single look",
            Self::Believed => "believed, 95 %",
        }
    }
}

struct Row<'a> {
    variant: &'a str,
    answer: Answer,
    /// The observed value; what is believed has none of its own.
    point: Option<f64>,
    interval: [f64; 2],
}

/// The effects with their intervals, of a result; of a legacy metric the rates. `None` while nothing can be judged.
pub(super) fn forest(result: &ExperimentResult) -> Option<String> {
    drawn(&units::title(result), result)
}

/// As [`forest`], of a listed metric.
pub(super) fn listed_forest(listed: &ListedResult) -> Option<String> {
    drawn(&listed_title(listed), &listed.result)
}

fn drawn(title: &str, result: &ExperimentResult) -> Option<String> {
    let rates = rows(result);
    let (unit, about, drawn) = match result.result.outcome() {
        Outcome::Undecided(_) => return None,
        Outcome::Estimated(_) => {
            let unit = if matches!(result.result, MetricResult::Funnel { .. }) { Unit::Share } else { Unit::Amount };
            let rows = rates.iter().filter_map(|rate| {
                let interval = [rate.rate_ci_lower?, rate.rate_ci_upper?];
                Some(Row { variant: &rate.variant, answer: Answer::Rate, point: rate.rate, interval })
            });
            (unit, "the rate of each variant", rows.collect::<Vec<_>>())
        }
        Outcome::Observed(observed) => {
            let compared = &observed.comparisons.against_baseline;
            let lifts =
                |(variant, comparison)| lifts(variant, comparison, observed.relative_lift.get(variant).copied());
            let relative: Vec<Row<'_>> = compared.iter().flat_map(lifts).collect();
            if relative.is_empty() {
                let rows = compared.iter().flat_map(|(variant, comparison)| differences(variant, comparison));
                (Unit::Difference, "the difference to the baseline", rows.collect())
            } else {
                (Unit::Lift, "the lift over the baseline", relative)
            }
        }
    };
    if drawn.is_empty() {
        None
    } else {
        Some(draw(title, &format!("{} Shown is {about}.", verdict(result)), unit, &drawn))
    }
}

/// The answers about the relative difference, where they are bounded.
fn lifts<'a>(variant: &'a String, comparison: &Comparison, lift: Option<f64>) -> Vec<Row<'a>> {
    let row = |answer, point, interval: Option<[f64; 2]>| Some(Row { variant, answer, point, interval: interval? });
    let adjusted = comparison.adjusted.as_ref().and_then(|adjusted| adjusted.anytime_valid.relative_interval);
    let believed = comparison.believed.as_ref().and_then(|believed| believed.relative_credible_interval);
    let rows = [
        row(Answer::AnyTime, lift, comparison.anytime_valid.relative_interval),
        row(Answer::Adjusted, None, adjusted),
        row(Answer::OneLook, lift, comparison.fixed_horizon.relative_interval),
        row(Answer::Believed, None, believed),
    ];
    rows.into_iter().flatten().filter(Row::is_finite).collect()
}

/// The same about the difference in the unit of the metric.
fn differences<'a>(variant: &'a String, comparison: &Comparison) -> Vec<Row<'a>> {
    let row = |answer, point, interval| Row { variant, answer, point, interval };
    let seen = Some(comparison.difference);
    let adjusted = comparison.adjusted.as_ref();
    let adjusted = adjusted.map(|it| row(Answer::Adjusted, Some(it.difference), it.anytime_valid.interval));
    let believed = comparison.believed.as_ref().map(|it| row(Answer::Believed, None, it.credible_interval));
    let rows = [
        Some(row(Answer::AnyTime, seen, comparison.anytime_valid.interval)),
        adjusted,
        Some(row(Answer::OneLook, seen, comparison.fixed_horizon.interval)),
        believed,
    ];
    rows.into_iter().flatten().filter(Row::is_finite).collect()
}

impl Row<'_> {
    fn is_finite(&self) -> bool {
        self.interval.iter().chain(&self.point).all(|value| value.is_finite())
    }
}

fn draw(title: &str, says: &str, unit: Unit, rows: &[Row<'_>]) -> String {
    let (mut canvas, mut top) = Canvas::new(title, says);
    let mut answers: Vec<Answer> = rows.iter().map(|row| row.answer).collect();
    answers.sort_unstable();
    answers.dedup();
    if answers.len() > 1 {
        top = canvas.legend(answers.iter().map(|answer| (*answer as usize, answer.in_words())), top);
    }
    let compares = matches!(unit, Unit::Lift | Unit::Difference);
    let values = rows.iter().flat_map(|row| row.interval.into_iter().chain(row.point));
    let scale = Scale::covering(values.chain(compares.then_some(0.0)), EDGE + NAMES, WIDTH - EDGE - NUMBERS);
    let groups = || rows.chunk_by(|one, other| one.variant == other.variant);
    let heights = rows.iter().map(|_| ROW).chain(groups().map(|_| GAP));
    let bottom = top + heights.sum::<f64>() - GAP + 8.0;
    axis::below(&mut canvas, &scale, unit, top, bottom);
    if compares {
        canvas.line("zero", (scale.at(0.0), top), (scale.at(0.0), bottom));
    }
    let mut y = top + 4.0;
    for group in groups() {
        canvas.name((EDGE, y + ROW * 0.5 + 4.0), Anchor::Start, group[0].variant, NAMES - 14.0);
        for row in group {
            interval(&mut canvas, &scale, unit, row, y + ROW * 0.5);
            y += ROW;
        }
        y += GAP;
    }
    canvas.finish(bottom + axis::LABELS + EDGE)
}

fn interval(canvas: &mut Canvas, scale: &Scale, unit: Unit, row: &Row<'_>, y: f64) {
    let kind = row.answer as usize;
    let [lower, upper] = row.interval.map(|end| scale.at(end));
    let class = super::canvas::stroke(kind);
    canvas.line(&class, (lower, y), (upper, y));
    for end in [lower, upper] {
        canvas.line(&format!("{} thin", style::colour(kind)), (end, y - 5.0), (end, y + 5.0));
    }
    let range = unit.interval(row.interval);
    let point = row.point.map(|point| format!("{}: ", unit.value(point))).unwrap_or_default();
    let hover = format!("{}, {}: {point}{range}", row.variant, row.answer.in_words());
    canvas.rectangle("reach", (lower, y - ROW * 0.5), (upper - lower, ROW), &hover);
    if let Some(point) = row.point {
        canvas.mark(kind, (scale.at(point), y), &hover);
    }
    let range = words::shortened(&range, SMALL, NUMBERS - 14.0);
    canvas.text(Look::Number, (WIDTH - EDGE, y + 4.0), Anchor::End, &range);
}
