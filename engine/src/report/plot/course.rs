//! The course of a metric: lifts with the intervals that hold at any look, and values day by day.

use super::canvas::{Anchor, Canvas, EDGE, WIDTH, stroke};
use super::scale::{Scale, Unit};
use super::{axis, style};
use crate::report::number;
use crate::report::series::remarks;
use crate::report::units;
use crate::results::{MetricSeries, SeriesPoint, SeriesVariant, SeriesView};

/// The column for the numbers of the upright axis.
const NUMBERS: f64 = 66.0;
/// The height of the panel of a variant, and of the panel of all.
const PANEL: f64 = 104.0;
const SHEET: f64 = 220.0;
const GAP: f64 = 30.0;
/// The widest of so many parts of the intervals do not stretch the axis: few units make them wider than all others.
const WIDE_PART: usize = 4;

/// The lift of each variant with its interval, over the days or by days since the exposure. `None` where no lift is known.
pub(super) fn course(series: &MetricSeries, view: SeriesView) -> Option<String> {
    let points = series.points(view);
    points.iter().flat_map(|point| &point.variants).find_map(|variant| variant.relative_lift)?;
    let what = match view {
        SeriesView::Cumulative => "as of the end of each day",
        SeriesView::ByExposureDay => "of the units first exposed on each day",
        SeriesView::ByDaysSinceExposure => "by days since the first exposure, of units observed that long",
    };
    let says = format!("The lift {what}, with the interval that holds at any look.{}", remarks(series, view));
    let title = units::metric_title(&series.experiment.name, &series.metric);
    let (mut canvas, mut top) = Canvas::new(&title, &says);
    let names: Vec<&str> = points.iter().map(|point| point.label.as_str()).collect();
    let keys = points.last()?.variants.iter().skip(1).map(|variant| variant.key.as_str());
    for (index, key) in (1..).zip(keys) {
        canvas.mark(index, (EDGE + 5.0, top + 8.0), "");
        canvas.name((EDGE + 16.0, top + 12.0), Anchor::Start, key, WIDTH - 2.0 * EDGE - 16.0);
        top += 24.0;
        panel(&mut canvas, points, key, index, top);
        axis::points(&mut canvas, &names, &|point| abscissa(points.len(), point), top + PANEL);
        top += PANEL + GAP;
    }
    Some(canvas.finish(top))
}

/// One variant's lifts, and the area between the ends of their intervals.
fn panel(canvas: &mut Canvas, points: &[SeriesPoint], key: &str, index: usize, top: f64) {
    let scale = Scale::covering(shown(points, key).into_iter().chain([0.0]), top + PANEL, top);
    axis::beside(canvas, &scale, Unit::Lift, EDGE + NUMBERS, WIDTH - EDGE, 4);
    canvas.line("axis", (EDGE + NUMBERS, top + PANEL), (WIDTH - EDGE, top + PANEL));
    canvas.line("zero", (EDGE + NUMBERS, scale.at(0.0)), (WIDTH - EDGE, scale.at(0.0)));
    let at = |place: usize| abscissa(points.len(), place);
    for part in runs(points, |point| interval(of(point, key)?)) {
        let upper = part.iter().map(|(place, [_, upper])| (at(*place), scale.at(*upper)));
        let lower = part.iter().rev().map(|(place, [lower, _])| (at(*place), scale.at(*lower)));
        canvas.polygon(&format!("{} pale", style::colour(index)), &upper.chain(lower).collect::<Vec<_>>());
    }
    for part in runs(points, |point| of(point, key)?.relative_lift) {
        let line: Vec<_> = part.iter().map(|(place, lift)| (at(*place), scale.at(*lift))).collect();
        canvas.polyline(&stroke(index), &line);
    }
    hover(canvas, points, (top, top + PANEL), |point| of(point, key).map(told));
}

/// The values that the axis of a panel shows: the narrower intervals, and the lifts beside them.
fn shown(points: &[SeriesPoint], key: &str) -> Vec<f64> {
    let known = points.iter().filter_map(|point| of(point, key));
    let judged = known.clone().filter_map(|variant| Some((variant.relative_lift?, interval(variant)?)));
    let mut judged: Vec<(f64, [f64; 2])> = judged.collect();
    if judged.is_empty() {
        return known.filter_map(|variant| variant.relative_lift).collect();
    }
    let width = |[lower, upper]: [f64; 2]| upper - lower;
    judged.sort_by(|one, other| width(one.1).total_cmp(&width(other.1)));
    judged.truncate(judged.len() - judged.len() / WIDE_PART);
    judged.into_iter().flat_map(|(lift, [lower, upper])| [lift, lower, upper]).collect()
}

/// The value of each variant on each day of the first exposure. `None` where there is no value.
pub(super) fn daily(series: &MetricSeries) -> Option<String> {
    let points = series.points(SeriesView::ByExposureDay);
    let values = || points.iter().flat_map(|point| &point.variants).filter_map(|variant| variant.value);
    values().next()?;
    let title = units::metric_title(&series.experiment.name, &series.metric);
    let says = "By the day of the first exposure: all that these units did since.";
    let (mut canvas, top) = Canvas::new(&title, says);
    let keys: Vec<&str> = points.last()?.variants.iter().map(|variant| variant.key.as_str()).collect();
    let top = canvas.legend(keys.iter().copied().enumerate(), top) + 4.0;
    let unit = if units::is_share(&series.metric_type) { Unit::Share } else { Unit::Amount };
    let scale = Scale::from_zero(values(), top + SHEET, top);
    axis::beside(&mut canvas, &scale, unit, EDGE + NUMBERS, WIDTH - EDGE, 5);
    canvas.line("axis", (EDGE + NUMBERS, top + SHEET), (WIDTH - EDGE, top + SHEET));
    let at = |place: usize| abscissa(points.len(), place);
    hover(&mut canvas, points, (top, top + SHEET), |_| None);
    for (index, key) in keys.iter().enumerate() {
        for part in runs(points, |point| of(point, key)?.value) {
            let line: Vec<_> = part.iter().map(|(place, value)| (at(*place), scale.at(*value))).collect();
            canvas.polyline(&stroke(index), &line);
            for ((place, value), at) in part.iter().zip(line) {
                let label = &points[*place].label;
                let count = of(&points[*place], key).map_or(0, |variant| variant.number_of_samples);
                let hover = format!("{key}, {label}: {} of {} units", unit.value(*value), number::count(count));
                canvas.mark(index, at, &hover);
            }
        }
    }
    let names: Vec<&str> = points.iter().map(|point| point.label.as_str()).collect();
    axis::points(&mut canvas, &names, &at, top + SHEET);
    Some(canvas.finish(top + SHEET + axis::LABELS + EDGE))
}

/// What a point of a panel says.
fn told(variant: &SeriesVariant) -> String {
    let lift = variant.relative_lift.map_or_else(|| "no lift yet".to_owned(), number::signed_percent);
    let interval = interval(variant).map(|ends| format!(" ({})", Unit::Lift.interval(ends))).unwrap_or_default();
    format!("{lift}{interval}, {} units", number::count(variant.number_of_samples))
}

/// A strip for each point that tells its numbers under the pointer.
fn hover(
    canvas: &mut Canvas,
    points: &[SeriesPoint],
    (top, bottom): (f64, f64),
    tell: impl Fn(&SeriesPoint) -> Option<String>,
) {
    let wide = abscissa(points.len(), 1) - abscissa(points.len(), 0);
    for (place, point) in points.iter().enumerate() {
        if let Some(told) = tell(point) {
            let left = (abscissa(points.len(), place) - 0.5 * wide).max(EDGE + NUMBERS);
            let right = (abscissa(points.len(), place) + 0.5 * wide).min(WIDTH - EDGE);
            let hover = format!("{}: {told}", point.label);
            canvas.rectangle("reach", (left, top), (right - left, bottom - top), &hover);
        }
    }
}

fn of<'a>(point: &'a SeriesPoint, key: &str) -> Option<&'a SeriesVariant> {
    point.variants.iter().find(|variant| variant.key == key)
}

fn interval(variant: &SeriesVariant) -> Option<[f64; 2]> {
    Some([variant.rel_effect_size_ci_lower?, variant.rel_effect_size_ci_upper?])
}

/// Points without a gap between them, by their place.
fn runs<T: Copy>(points: &[SeriesPoint], value: impl Fn(&SeriesPoint) -> Option<T>) -> Vec<Vec<(usize, T)>> {
    let known: Vec<_> = points.iter().enumerate().filter_map(|(place, point)| Some((place, value(point)?))).collect();
    known.chunk_by(|one, next| one.0 + 1 == next.0).map(<[_]>::to_vec).collect()
}

/// Where one of so many points stands; both ends leave room for half a name.
#[expect(clippy::cast_precision_loss, reason = "few points")]
fn abscissa(count: usize, place: usize) -> f64 {
    let (left, right) = (EDGE + NUMBERS + 36.0, WIDTH - EDGE - 40.0);
    if count < 2 { 0.5 * (left + right) } else { left + (right - left) * place as f64 / (count - 1) as f64 }
}
