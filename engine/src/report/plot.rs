//! Plots: as text, on a shared axis, and as SVG.

mod axis;
mod canvas;
mod course;
mod exposure;
mod forest;
mod funnel;
mod kind;
mod posterior;
mod scale;
mod style;
mod words;

pub use kind::{PlotKind, PlotSource, svg};

use std::fmt::Write;

/// Draws intervals with their middle on one axis, a line each: `├────●───┤`.
///
/// Each row is a label, the lower end, the point and the upper end. `width` is the number of characters for the axis.
///
/// ```
/// let plot = abduck::report::intervals(&[("a", 0.0, 1.0, 2.0), ("b", 1.0, 2.0, 4.0)], 9);
/// assert_eq!(plot, "a  ├─●─┤\nb    ├─●───┤\n");
/// ```
#[must_use]
pub fn intervals(rows: &[(&str, f64, f64, f64)], width: usize) -> String {
    let low = rows.iter().map(|row| row.1.min(row.2)).fold(f64::INFINITY, f64::min);
    let high = rows.iter().map(|row| row.3.max(row.2)).fold(f64::NEG_INFINITY, f64::max);
    let label_width = rows.iter().map(|row| row.0.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (label, lower, point, upper) in rows {
        let column = |value: f64| column(value, low, high, width);
        let line = draw(column(*lower), column(*point), column(*upper));
        let _ = writeln!(text, "{label:<label_width$}  {line}");
    }
    text
}

/// The eighths of a line of a sparkline.
const EIGHTHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Draws shares from 0 to 1 as a line of blocks, one character each; where there is none, a blank.
///
/// ```
/// assert_eq!(abduck::report::sparkline([Some(0.0), Some(0.5), None, Some(1.0)]), "▁▅ █");
/// ```
#[must_use]
pub fn sparkline(shares: impl IntoIterator<Item = Option<f64>>) -> String {
    shares
        .into_iter()
        .map(|share| share.map_or(' ', |share| EIGHTHS[column(share.clamp(0.0, 1.0), 0.0, 1.0, 8)]))
        .collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "few columns")]
fn column(value: f64, low: f64, high: f64, width: usize) -> usize {
    if high > low { ((value - low) / (high - low) * (width.max(2) - 1) as f64).round() as usize } else { 0 }
}

fn draw(lower: usize, point: usize, upper: usize) -> String {
    let mark = |column: usize| match column {
        column if column == point => '●',
        column if column == lower => '├',
        column if column == upper => '┤',
        column if column > lower && column < upper => '─',
        _ => ' ',
    };
    (0..=upper.max(point)).map(mark).collect()
}
