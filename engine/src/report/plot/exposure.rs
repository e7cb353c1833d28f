//! Who came in on which day, and whether the ratio of the variants fits the split.

use super::canvas::{Anchor, Canvas, EDGE, Look, WIDTH, stroke};
use super::scale::{Scale, Unit};
use super::{axis, style};
use crate::report::exposure_view::summary;
use crate::report::number;
use crate::report::units::share;
use crate::results::{ExposureView, SEVERAL};

const SHEET: f64 = 170.0;
const NUMBERS: f64 = 66.0;
const ROW: f64 = 22.0;
const NAMES: f64 = 130.0;
const FACTS: f64 = 230.0;

/// First exposures per day, and the shares beside those of the split. `None` while nobody was exposed.
pub(super) fn exposure(view: &ExposureView) -> Option<String> {
    if view.totals.values().all(|units| *units == 0) {
        return None;
    }
    let keys: Vec<&str> =
        view.totals.iter().filter(|(key, units)| *key != SEVERAL || **units > 0).map(|(key, _)| key.as_str()).collect();
    let (mut canvas, top) = Canvas::new(&view.experiment.name, &summary(view));
    let top = canvas.legend(keys.iter().copied().enumerate(), top);
    let bottom = days(&mut canvas, view, &keys, top + 22.0);
    let bottom = shares(&mut canvas, view, &keys, bottom + 16.0);
    Some(canvas.finish(bottom + axis::LABELS + EDGE))
}

/// A line per variant; returns the height below.
fn days(canvas: &mut Canvas, view: &ExposureView, keys: &[&str], top: f64) -> f64 {
    canvas.text(Look::Muted, (EDGE, top - 8.0), Anchor::Start, "first exposures per day");
    let bottom = top + SHEET;
    let units = |day: usize, key: &str| view.days[day].first_exposures.get(key).copied().unwrap_or(0);
    let all = (0..view.days.len()).flat_map(|day| keys.iter().map(move |key| count(units(day, key))));
    let scale = Scale::from_zero(all, bottom, top);
    axis::beside(canvas, &scale, Unit::Amount, EDGE + NUMBERS, WIDTH - EDGE, 4);
    canvas.line("axis", (EDGE + NUMBERS, bottom), (WIDTH - EDGE, bottom));
    let (left, right) = (EDGE + NUMBERS + 36.0, WIDTH - EDGE - 40.0);
    let last = count(view.days.len().saturating_sub(1) as u64).max(1.0);
    let at = |day: usize| left + (right - left) * count(day as u64) / last;
    for (index, key) in keys.iter().enumerate() {
        let line: Vec<_> = (0..view.days.len()).map(|day| (at(day), scale.at(count(units(day, key))))).collect();
        canvas.polyline(&stroke(index), &line);
        for (day, place) in line.into_iter().enumerate() {
            canvas.mark(index, place, &format!("{key}, {}: {}", view.days[day].day, number::count(units(day, key))));
        }
    }
    let names: Vec<&str> = view.days.iter().map(|day| day.day.as_str()).collect();
    axis::points(canvas, &names, &at, bottom);
    bottom + axis::LABELS
}

/// A bar per variant with a mark where the split would have it; returns the height below.
fn shares(canvas: &mut Canvas, view: &ExposureView, keys: &[&str], y: f64) -> f64 {
    canvas.text(
        Look::Muted,
        (EDGE, y + 10.0),
        Anchor::Start,
        "share of the units with one variant; the line is the split",
    );
    let top = y + 20.0;
    let with_one: u64 = view.totals.iter().filter(|(key, _)| *key != SEVERAL).map(|(_, units)| units).sum();
    let observed = |key: &str| share(view.totals.get(key).copied().unwrap_or(0), with_one);
    let rows: Vec<(usize, &str)> = keys.iter().copied().enumerate().filter(|(_, key)| *key != SEVERAL).collect();
    let bottom = rows.iter().fold(top, |bottom, _| bottom + ROW) + 4.0;
    let all = rows.iter().flat_map(|(_, key)| [observed(key), view.expected_share.get(*key).copied()]).flatten();
    let scale = Scale::from_zero(all, EDGE + NAMES, WIDTH - EDGE - FACTS);
    axis::below(canvas, &scale, Unit::Share, top, bottom);
    for (row, (index, key)) in rows.into_iter().enumerate() {
        let y = top + ROW * count(row as u64) + 4.0;
        canvas.name((EDGE, y + 13.0), Anchor::Start, key, NAMES - 14.0);
        let part = observed(key).unwrap_or(0.0);
        let expected = view.expected_share.get(key).copied();
        let units = number::count(view.totals.get(key).copied().unwrap_or(0));
        let split = expected.map(|share| format!(" · split {}", number::percent(share))).unwrap_or_default();
        let facts = format!("{} ({units}){split}", number::percent(part));
        let hover = format!("{key}: {facts}");
        canvas.rectangle(
            &format!("{} half", style::colour(index)),
            (scale.at(0.0), y + 2.0),
            (scale.at(part) - scale.at(0.0), ROW - 7.0),
            &hover,
        );
        if let Some(expected) = expected {
            canvas.line("line", (scale.at(expected), y), (scale.at(expected), y + ROW - 3.0));
        }
        canvas.text(Look::Number, (WIDTH - EDGE - FACTS + 12.0, y + 13.0), Anchor::Start, &facts);
    }
    bottom
}

#[expect(clippy::cast_precision_loss, reason = "counts of units stay far below 2^53")]
fn count(units: u64) -> f64 {
    units as f64
}
