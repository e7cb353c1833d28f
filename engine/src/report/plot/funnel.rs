//! How far each variant gets: a bar per step and variant.

use super::canvas::{Anchor, Canvas, EDGE, Look, SMALL, WIDTH};
use super::scale::{Scale, Unit};
use super::{axis, style, words};
use crate::report::number;
use crate::report::text::listed_title;
use crate::report::units::{self, share, step_name};
use crate::results::{ExperimentResult, ListedResult, MetricResult};

const ROW: f64 = 20.0;
const GAP: f64 = 14.0;
const NAMES: f64 = 130.0;
const NUMBERS: f64 = 300.0;

/// The bars of one variant.
struct Bars<'a> {
    variant: &'a str,
    /// The units at the beginning and at each step.
    reached: Vec<u64>,
}

/// The share of each variant at each step, the share of the step before, and the lift over the baseline. `None` unless the metric is
/// a funnel that somebody entered.
pub(super) fn funnel(result: &ExperimentResult) -> Option<String> {
    drawn(&units::title(result), &result.result)
}

/// As [`funnel`], of a listed metric.
pub(super) fn listed_funnel(listed: &ListedResult) -> Option<String> {
    drawn(&listed_title(listed), &listed.result.result)
}

fn drawn(title: &str, result: &MetricResult) -> Option<String> {
    let (names, bars): (Vec<String>, Vec<Bars<'_>>) = match result {
        MetricResult::Units { metric, variants, .. } => {
            let steps = variants.iter().map(|variant| variant.step_counts.len()).max().filter(|steps| *steps > 0)?;
            let names = (0..steps).map(|step| step_name(metric, step));
            let reached = |exposed: u64, steps: &[u64]| [&[exposed], steps].concat();
            let bars = variants.iter().map(|variant| Bars {
                variant: &variant.key,
                reached: reached(variant.number_of_samples, &variant.step_counts),
            });
            (["exposure".to_owned()].into_iter().chain(names).collect(), bars.collect())
        }
        MetricResult::Funnel { insight, .. } => {
            let names = insight.first()?.steps.iter().map(|step| step.name.clone());
            let bars = insight.iter().map(|series| Bars {
                variant: &series.variant,
                reached: series.steps.iter().map(|step| step.count).collect(),
            });
            (names.collect(), bars.collect())
        }
        MetricResult::Trend { .. } => return None,
    };
    bars.iter().any(|bars| bars.reached.first().is_some_and(|units| *units > 0)).then(|| draw(title, &names, &bars))
}

fn draw(title: &str, names: &[String], variants: &[Bars<'_>]) -> String {
    let says = "Of all units that entered, how many got to each step; beside it the share of the step before, and the lift over \
                the first variant.";
    let (mut canvas, top) = Canvas::new(title, says);
    let scale = Scale::of_shares(EDGE + NAMES, WIDTH - EDGE - NUMBERS);
    let mut bottom = top;
    for _ in names {
        bottom += 20.0 + GAP;
        for _ in variants {
            bottom += ROW;
        }
    }
    axis::below(&mut canvas, &scale, Unit::Share, top, bottom);
    let mut y = top;
    for (step, name) in names.iter().enumerate() {
        y += 20.0;
        let title = format!("{}. {name}", step + 1);
        canvas.name((EDGE, y - 5.0), Anchor::Start, &title, NAMES + 200.0);
        for (index, bars) in variants.iter().enumerate() {
            bar(&mut canvas, &scale, variants, (index, bars), step, y);
            y += ROW;
        }
        y += GAP;
    }
    canvas.finish(bottom + axis::LABELS + EDGE)
}

fn bar(
    canvas: &mut Canvas,
    scale: &Scale,
    variants: &[Bars<'_>],
    (index, bars): (usize, &Bars<'_>),
    step: usize,
    y: f64,
) {
    let of_all = |bars: &Bars<'_>| share(*bars.reached.get(step)?, *bars.reached.first()?);
    let Some(part) = of_all(bars) else {
        canvas.name((EDGE + 10.0, y + 13.0), Anchor::Start, bars.variant, NAMES - 24.0);
        return;
    };
    let units = bars.reached[step];
    let mut facts = vec![format!("{} ({})", number::percent(part), number::count(units))];
    let baseline = variants.first().and_then(of_all).filter(|baseline| *baseline > 0.0);
    let lift = baseline.filter(|_| index > 0 && step > 0).map(|baseline| part / baseline - 1.0);
    facts.extend(lift.map(number::signed_percent));
    let before = step.checked_sub(1).and_then(|before| share(units, bars.reached[before]));
    facts.extend(before.filter(|_| step > 1).map(|before| format!("{} of step {step}", number::percent(before))));
    let facts = facts.join(" · ");
    let hover = format!("{}: {facts}", bars.variant);
    let class = style::colour(index);
    let (left, right) = (scale.at(0.0), scale.at(part));
    canvas.rectangle(&format!("{class} half"), (left, y + 2.0), (right - left, ROW - 5.0), &hover);
    canvas.line(&super::canvas::stroke(index), (right, y + 2.0), (right, y + ROW - 3.0));
    canvas.name((EDGE + 10.0, y + 13.0), Anchor::Start, bars.variant, NAMES - 24.0);
    let facts = words::shortened(&facts, SMALL, NUMBERS - 14.0);
    canvas.text(Look::Number, (WIDTH - EDGE - NUMBERS + 12.0, y + 13.0), Anchor::Start, &facts);
}
