//! The course of a modern metric: as text, as tables, and as HTML.

use std::fmt::Write;

use crate::report::html::escape;
use crate::report::number;
use crate::report::plot::sparkline;
use crate::report::table::{Cell, Table};
use crate::report::text::during;
use crate::report::units;
use crate::results::{MetricSeries, Peeking, SeriesPoint, SeriesView, series_rows};
use crate::stats::novelty::{Course, Novelty};

/// The most characters of a line; a longer course is drawn with several points in each.
const LINE_WIDTH: usize = 64;

/// A view of a series for people to read; tables fit `width` characters where one is given.
#[must_use]
pub fn series(series: &MetricSeries, view: SeriesView, width: Option<u16>) -> String {
    let title = units::metric_title(&series.experiment.name, &series.metric);
    let subject = during(&format!("series of a {}", series.metric_type), &series.experiment, &series.provenance);
    let mut text = format!("{title}  ({subject})\n{}\n", meaning(view));
    let table = series_table(series, view);
    if table.is_empty() {
        text.push_str("\nNo day has passed yet.\n");
    } else {
        let _ = write!(text, "\n{}\n{}", table.to_text(width), plot(series, view));
        text.push_str(&remarks(series, view));
    }
    text
}

/// What a view says besides its points, as sentences that follow another one.
pub(super) fn remarks(series: &MetricSeries, view: SeriesView) -> String {
    match view {
        SeriesView::Cumulative => peeking(&series.peeking),
        SeriesView::ByDaysSinceExposure => novelty(&series.novelty),
        SeriesView::ByExposureDay => String::new(),
    }
}

/// Whether effects change with the time since the exposure.
fn novelty(variants: &[Novelty]) -> String {
    let mut text = String::new();
    for Novelty { variant, slope_per_day, p_value, course, .. } in variants {
        let says = match course {
            Course::Steady => "is not known to change",
            Course::Fading => "fades",
            Course::Growing => "grows",
        };
        let change = format!("{}{}", if *slope_per_day < 0.0 { "" } else { "+" }, number::amount(*slope_per_day));
        let p_value = number::p_value(*p_value);
        let _ = writeln!(
            text,
            "\n{variant}: the effect {says} with the days since the exposure ({change} a day, p {p_value})."
        );
    }
    text
}

/// What looking every day would have cost.
fn peeking(variants: &[Peeking]) -> String {
    let mut text = String::new();
    for variant in variants.iter().filter(|variant| variant.looks > 0) {
        let times = match variant.fixed_horizon_flips {
            1 => "once".to_owned(),
            flips => format!("{flips} times"),
        };
        let Peeking { variant, looks, fixed_horizon_significant, anytime_valid_since, .. } = variant;
        let _ = write!(
            text,
            "\n{variant}: looked at on {looks} days, the test for a single look calls it significant on \
             {fixed_horizon_significant} and changes its mind {times}; the one for any number of looks "
        );
        let _ = match anytime_valid_since {
            Some(day) => writeln!(text, "says so from {day} on."),
            None => writeln!(text, "never does."),
        };
    }
    text
}

/// A view as one row per point, with units, value and lift of each variant side by side.
#[must_use]
pub fn series_table(series: &MetricSeries, view: SeriesView) -> Table {
    let points = series.points(view);
    let variants = points.first().map(|point| point.variants.as_slice()).unwrap_or_default();
    let mut names = vec![point_name(view).to_owned()];
    for (index, variant) in variants.iter().enumerate() {
        names.extend([format!("{} units", variant.key), variant.key.clone()]);
        if index > 0 {
            names.push(format!("{} lift", variant.key));
            if view == SeriesView::Cumulative {
                names.push("any-time interval".to_owned());
            }
        }
    }
    let mut table = Table::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for point in points {
        let mut cells = vec![Cell::text(&point.label)];
        for (index, variant) in point.variants.iter().enumerate() {
            let units = variant.number_of_samples;
            cells.push(Cell::number(number::count(units), units));
            cells.push(Cell::optional(variant.value, |value| units::shown(&series.metric_type, value)));
            if index > 0 {
                cells.push(Cell::optional(variant.relative_lift, number::signed_percent));
                if view == SeriesView::Cumulative {
                    let (lower, upper) = (variant.rel_effect_size_ci_lower, variant.rel_effect_size_ci_upper);
                    cells.push(units::interval_cell(lower, upper));
                }
            }
        }
        table.push(cells);
    }
    table
}

/// One row per view, point and variant, with the column names that programs know; only of one view if one is given.
#[must_use]
pub fn series_csv(series: &MetricSeries, view: Option<SeriesView>) -> Table {
    let columns = [
        "view",
        "label",
        "variant",
        "number_of_samples",
        "sum",
        "value",
        "variance",
        "relative_lift",
        "rel_effect_size_ci_lower",
        "rel_effect_size_ci_upper",
        "p_value",
        "p_value_fixed_horizon",
    ];
    let mut table = Table::new(&columns);
    for row in series_rows(series) {
        if view.is_some_and(|view| view.as_str() != row.view) {
            continue;
        }
        let optional = |value: Option<f64>| Cell::optional(value, |value| value.to_string());
        table.push(vec![
            Cell::text(row.view),
            Cell::text(row.label),
            Cell::text(row.variant),
            Cell::number(row.number_of_samples.to_string(), row.number_of_samples),
            optional(Some(row.sum)),
            optional(row.value),
            optional(row.variance),
            optional(row.relative_lift),
            optional(row.rel_effect_size_ci_lower),
            optional(row.rel_effect_size_ci_upper),
            optional(row.p_value),
            optional(row.p_value_fixed_horizon),
        ]);
    }
    table
}

/// The series as one `<div>` for a notebook: the course of every view, and the cumulative one as a table.
#[must_use]
pub fn series_html(series: &MetricSeries) -> String {
    let title = units::metric_title(&series.experiment.name, &series.metric);
    let mut html = format!("<div><p><b>{}</b><br>series of a {}</p>", escape(&title), escape(&series.metric_type));
    for view in SeriesView::ALL {
        if !series.points(view).is_empty() {
            let _ = write!(html, "<p>{}</p><pre>{}</pre>", escape(meaning(view)), escape(&plot(series, view)));
        }
    }
    html.push_str(&series_table(series, SeriesView::Cumulative).to_html());
    html.push_str("</div>");
    html
}

fn meaning(view: SeriesView) -> &'static str {
    match view {
        SeriesView::Cumulative => "As of the end of each day, over everything since the start.",
        SeriesView::ByExposureDay => "By the day of the first exposure: all that these units did since.",
        SeriesView::ByDaysSinceExposure => {
            "By days since the first exposure, of units observed that long: a lift that fades is novelty."
        }
    }
}

fn point_name(view: SeriesView) -> &'static str {
    match view {
        SeriesView::Cumulative | SeriesView::ByExposureDay => "day",
        SeriesView::ByDaysSinceExposure => "days since",
    }
}

/// The value of each variant over the points, on one scale; of several points in a character the last.
fn plot(series: &MetricSeries, view: SeriesView) -> String {
    let points = series.points(view);
    let count = points.len().min(LINE_WIDTH);
    let columns: Vec<&SeriesPoint> =
        (0..count).filter_map(|index| points.get(((index + 1) * points.len() / count) - 1)).collect();
    let values = || columns.iter().flat_map(|point| &point.variants).filter_map(|variant| variant.value);
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    if low > high {
        return String::new();
    }
    let shown = |value: f64| units::shown(&series.metric_type, value);
    let mut text = format!("value, from {} to {}\n", shown(low), shown(high));
    let variants = || points.iter().take(1).flat_map(|point| &point.variants);
    let width = variants().map(|variant| variant.key.chars().count()).max().unwrap_or(0);
    let scaled = |value: f64| if high > low { (value - low) / (high - low) } else { 0.5 };
    for (index, variant) in variants().enumerate() {
        let value = |point: &&SeriesPoint| point.variants.get(index).and_then(|variant| variant.value).map(scaled);
        let _ = writeln!(
            text,
            "{}",
            format!("{:<width$}  {}", variant.key, sparkline(columns.iter().map(value))).trim_end()
        );
    }
    text
}
