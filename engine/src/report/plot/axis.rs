//! Axes: lines at round numbers, and the numbers beside them.

use super::canvas::{Anchor, Canvas, Look, SMALL};
use super::scale::{Scale, Unit};
use super::words::width;

/// The height of the numbers below an axis.
pub(super) const LABELS: f64 = 20.0;
/// What is free between two numbers.
const APART: f64 = 10.0;

/// Upright lines at round numbers, the numbers below; as many as have room.
pub(super) fn below(canvas: &mut Canvas, scale: &Scale, unit: Unit, top: f64, bottom: f64) {
    canvas.line("axis", (scale.ends()[0], bottom), (scale.ends()[1], bottom));
    let label = |most: u32, tick: f64| unit.tick(tick, scale.step(most));
    let fits = |most: &u32| {
        let places: Vec<(f64, f64)> =
            scale.ticks(*most).iter().map(|tick| (scale.at(*tick), width(&label(*most, *tick), SMALL))).collect();
        places.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 0.5 * (pair[0].1 + pair[1].1) + APART)
    };
    let most = (1..=8).rev().find(fits).unwrap_or(1);
    for tick in scale.ticks(most) {
        let x = scale.at(tick);
        canvas.line("grid", (x, top), (x, bottom));
        canvas.text(Look::Number, (x, bottom + 14.0), Anchor::Middle, &label(most, tick));
    }
}

/// Level lines at round numbers from `left` on, the numbers at their left.
pub(super) fn beside(canvas: &mut Canvas, scale: &Scale, unit: Unit, left: f64, right: f64, most: u32) {
    for tick in scale.ticks(most) {
        let y = scale.at(tick);
        canvas.line("grid", (left, y), (right, y));
        canvas.text(Look::Number, (left - 6.0, y + 4.0), Anchor::End, &unit.tick(tick, scale.step(most)));
    }
}

/// The names of points below an axis: the first, and then every so many that they have room.
pub(super) fn points(canvas: &mut Canvas, names: &[&str], at: &dyn Fn(usize) -> f64, y: f64) {
    let widest = names.iter().map(|name| width(name, SMALL)).fold(0.0, f64::max) + APART;
    let every = (1..names.len().max(2)).find(|every| at(*every) - at(0) >= widest).unwrap_or(names.len().max(1));
    for (index, name) in names.iter().enumerate().step_by(every) {
        canvas.text(Look::Number, (at(index), y + 14.0), Anchor::Middle, name);
    }
}
