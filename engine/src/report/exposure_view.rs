//! Who came into an experiment, and when: as text, as tables, and as HTML.

use std::fmt::Write;

use crate::report::html::{self, escape};
use crate::report::number;
use crate::report::plot::sparkline;
use crate::report::table::{Cell, Table};
use crate::report::text::{during, warnings};
use crate::report::units::share;
use crate::results::{ExposureDay, ExposureView, SEVERAL, exposure_rows};

/// The most characters of a line; a longer course is drawn with several days in each.
const LINE_WIDTH: usize = 64;

/// The view for people to read; tables fit `width` characters where one is given.
#[must_use]
pub fn exposure_view(view: &ExposureView, width: Option<u16>) -> String {
    let subject = during("first exposures", &view.experiment, &view.provenance);
    let mut text = format!("{}  ({subject})\n{}\n", view.experiment.name, summary(view));
    let _ = write!(text, "\n{}\n{}", totals(view).to_text(width), exposure_table(view).to_text(width));
    text.push_str(&plot(view));
    if !view.mismatch_segments.is_empty() {
        let _ =
            write!(text, "\nparts of the units against the split, the worst first\n{}", segments(view).to_text(width));
    }
    text.push_str(&warnings(&view.warnings));
    text
}

/// One row per day: the units first exposed on it, of each variant and of those that saw several.
#[must_use]
pub fn exposure_table(view: &ExposureView) -> Table {
    let keys: Vec<&str> = view.totals.keys().map(String::as_str).collect();
    let mut table = Table::new(&[&["day"], keys.as_slice(), &["all so far"]].concat());
    let mut so_far = 0;
    for day in &view.days {
        let numbers = keys.iter().map(|key| day.first_exposures.get(*key).copied().unwrap_or(0));
        so_far += numbers.clone().sum::<u64>();
        let count = |count: u64| Cell::number(number::count(count), count);
        let mut cells = vec![Cell::text(&day.day)];
        cells.extend(numbers.map(count));
        cells.push(count(so_far));
        table.push(cells);
    }
    table
}

/// One row per day and variant, with the column names that programs know.
#[must_use]
pub fn exposure_csv(view: &ExposureView) -> Table {
    let mut table = Table::new(&["day", "variant", "first_exposures", "cumulative"]);
    for row in exposure_rows(view) {
        let count = |count: u64| Cell::number(count.to_string(), count);
        table.push(vec![
            Cell::text(row.day),
            Cell::text(row.variant),
            count(row.first_exposures),
            count(row.cumulative),
        ]);
    }
    table
}

/// The view as one `<div>` for a notebook.
#[must_use]
pub fn exposure_view_html(view: &ExposureView) -> String {
    let name = escape(&view.experiment.name);
    format!(
        "<div><p><b>{name}</b><br>{}</p>{}<pre>{}</pre>{}{}{}</div>",
        escape(&summary(view)),
        totals(view).to_html(),
        escape(&plot(view)),
        exposure_table(view).to_html(),
        if view.mismatch_segments.is_empty() { String::new() } else { segments(view).to_html() },
        html::warnings(&view.warnings)
    )
}

pub(super) fn summary(view: &ExposureView) -> String {
    let units: u64 = view.totals.values().sum();
    let several = view.totals.get(SEVERAL).copied().unwrap_or(0);
    let mut text = format!("{} exposed", number::count(units));
    if several > 0 {
        let _ = write!(
            text,
            ", {} of them ({}) to several variants",
            number::count(several),
            number::percent(view.several_variants_share)
        );
    }
    if let Some(ratio) = &view.sample_ratio {
        let verdict = if ratio.is_mismatch { "does not fit the split" } else { "fits the split" };
        let p_value = number::p_value(ratio.anytime_p_value);
        let _ = write!(text, "; the ratio of the variants {verdict} (any-time p {p_value})");
    }
    match view.flickering_units {
        0 => text.push('.'),
        1 => text.push_str("; 1 came back to a variant it had left."),
        units => {
            let _ = write!(text, "; {} came back to a variant they had left.", number::count(units));
        }
    }
    text
}

/// One row per variant: how many, which share of those with one variant, and which share the flag's split expects.
pub(super) fn totals(view: &ExposureView) -> Table {
    let mut table = Table::new(&["variant", "units", "share", "expected"]);
    let with_one: u64 = view.totals.iter().filter(|(key, _)| *key != SEVERAL).map(|(_, units)| units).sum();
    for (key, units) in &view.totals {
        let share = if key == SEVERAL { None } else { share(*units, with_one) };
        table.push(vec![
            Cell::text(key),
            Cell::number(number::count(*units), units),
            Cell::optional(share, number::percent),
            Cell::optional(view.expected_share.get(key).copied(), number::percent),
        ]);
    }
    table
}

/// One row per part of the units: how many of each variant, and whether that fits the split, with and without the part.
fn segments(view: &ExposureView) -> Table {
    let expected = view.expected_share.iter().filter(|(_, share)| **share > 0.0);
    let keys: Vec<&str> = expected.map(|(key, _)| key.as_str()).collect();
    let mut table = Table::new(&[&["part"], keys.as_slice(), &["chi-square", "p", "p of the others"]].concat());
    for segment in &view.mismatch_segments {
        let mut cells = vec![Cell::text(&segment.segment)];
        cells.extend(segment.counts.iter().map(|count| Cell::number(number::amount(*count), *count)));
        cells.push(Cell::number(number::amount(segment.chi_square), segment.chi_square));
        cells.push(Cell::number(number::p_value(segment.p_value), segment.p_value));
        cells.push(Cell::number(number::p_value(segment.p_value_of_the_others), segment.p_value_of_the_others));
        table.push(cells);
    }
    table
}

/// First exposures over the days, all variants on one scale; of several days in a character the mean.
fn plot(view: &ExposureView) -> String {
    let count = view.days.len().min(LINE_WIDTH);
    let columns: Vec<_> = (0..count)
        .map(|index| &view.days[index * view.days.len() / count..(index + 1) * view.days.len() / count])
        .collect();
    let units =
        |days: &[ExposureDay], key: &str| days.iter().filter_map(|day| day.first_exposures.get(key)).sum::<u64>();
    let keys = || view.totals.iter().filter(|(_, units)| **units > 0).map(|(key, _)| key.as_str());
    let mean = |days: &[ExposureDay], key: &str| share(units(days, key), days.len() as u64);
    let means = || columns.iter().flat_map(|days| keys().filter_map(|key| mean(days, key)));
    let high = means().fold(0.0, f64::max);
    if high == 0.0 {
        return String::new();
    }
    let width = keys().map(|key| key.chars().count()).max().unwrap_or(0);
    let mut text = format!("\nfirst exposures per day, from 0 to {}\n", number::amount(high));
    for key in keys() {
        let line = sparkline(columns.iter().map(|days| mean(days, key).map(|units| units / high)));
        let _ = writeln!(text, "{}", format!("{key:<width$}  {line}").trim_end());
    }
    text
}
