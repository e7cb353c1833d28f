//! What is believed about differences: a density for each variant.

use super::axis;
use super::canvas::{Anchor, Canvas, EDGE, Look, WIDTH};
use super::scale::{Scale, Unit};
use super::style;
use crate::report::number;
use crate::report::units;
use crate::results::{DifferencePosterior, DifferencePosteriors};

const ROW: f64 = 64.0;
const NAMES: f64 = 130.0;
const NUMBERS: f64 = 150.0;

/// The density of the difference of each variant to the baseline; `None` while nothing can be compared.
pub(super) fn posterior(posteriors: &DifferencePosteriors) -> Option<String> {
    let drawn: Vec<&DifferencePosterior> = posteriors.variants.iter().filter(|one| one.density.len() > 2).collect();
    if drawn.is_empty() {
        return None;
    }
    let is_share = units::is_share(&posteriors.metric_type);
    let unit = if is_share { Unit::Points } else { Unit::Difference };
    let says = if is_share {
        "What is believed about the difference to the baseline, in percentage points (pp); the bar below each density is the \
         central 95 % interval."
    } else {
        "What is believed about the difference to the baseline, in the unit of the metric; the bar below each density is \
         the central 95 % interval."
    };
    let title = units::metric_title(&posteriors.experiment.name, &posteriors.metric);
    let (mut canvas, top) = Canvas::new(&title, says);
    let values = drawn.iter().flat_map(|one| one.density.iter().map(|[value, _]| *value));
    let scale = Scale::covering(values.chain([0.0]), EDGE + NAMES, WIDTH - EDGE - NUMBERS);
    let mut bottom = top;
    for _ in &drawn {
        bottom += ROW;
    }
    axis::below(&mut canvas, &scale, unit, top, bottom);
    let mut floor = top;
    for (index, one) in drawn.iter().enumerate() {
        floor += ROW;
        ridge(&mut canvas, &scale, unit, index + 1, one, floor - 12.0);
    }
    canvas.line("zero", (scale.at(0.0), top), (scale.at(0.0), bottom));
    Some(canvas.finish(bottom + axis::LABELS + EDGE))
}

fn ridge(canvas: &mut Canvas, scale: &Scale, unit: Unit, index: usize, one: &DifferencePosterior, floor: f64) {
    let highest = one.density.iter().map(|[_, density]| *density).fold(f64::MIN_POSITIVE, f64::max);
    let at = |[value, density]: &[f64; 2]| (scale.at(*value), floor - density / highest * (ROW - 22.0));
    let mut outline: Vec<(f64, f64)> = one.density.iter().map(at).collect();
    let colour = style::colour(index);
    canvas.polyline(&super::canvas::stroke(index), &outline);
    let ends = [outline.first(), outline.last()].map(|end| end.map_or(0.0, |end| end.0));
    outline.extend([(ends[1], floor), (ends[0], floor)]);
    canvas.polygon(&format!("{colour} pale"), &outline);
    let [lower, upper] = one.believed.credible_interval.map(|end| scale.at(end));
    let larger = number::probability(one.believed.probability_of_being_larger);
    let interval = unit.interval(one.believed.credible_interval);
    let hover = format!("{}: {interval} with 95 %; larger with {larger}", one.variant);
    canvas.rectangle(&format!("{colour} fill"), (lower, floor + 2.0), (upper - lower, 4.0), &hover);
    canvas.rectangle("reach", (ends[0], floor - ROW + 22.0), (ends[1] - ends[0], ROW - 22.0), &hover);
    canvas.name((EDGE, floor), Anchor::Start, &one.variant, NAMES - 14.0);
    canvas.text(Look::Number, (WIDTH - EDGE, floor), Anchor::End, &format!("larger: {larger}"));
}
