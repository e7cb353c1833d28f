//! A course of results: what it comes to, a table of moments, and a line per variant.

use std::fmt::Write;

use crate::report::html::escape;
use crate::report::number;
use crate::report::plot::sparkline;
use crate::report::table::{Cell, Table};
use crate::results::{HistoryPoint, HistoryVariant, ResultHistory, history_rows};
use crate::stats::SignificanceCode;

/// The most characters of a line; a longer course is drawn with several moments in each.
const LINE_WIDTH: usize = 64;

/// The row of the plot that says what was significant.
const VERDICT: &str = "verdict";

/// A course for people to read; tables fit `width` characters where one is given.
#[must_use]
pub fn history(history: &ResultHistory, width: Option<u16>) -> String {
    let mut text =
        format!("{}  (history, {})\n{}\n", history.experiment.name, subject(history), history_verdict(history));
    if !history.points.is_empty() {
        let _ = write!(text, "\n{}\n{}", history_table(history).to_text(width), plot(history));
    }
    for warning in &history.warnings {
        let _ = write!(text, "\nwarning: {}\nhint: {}\n", warning.message, warning.next_step);
    }
    text
}

/// One sentence that says how the verdict went.
#[must_use]
pub fn history_verdict(history: &ResultHistory) -> String {
    let Some(significant) = history.significant else {
        return match history.points.len() {
            0 => "No results were kept yet.".into(),
            _ => "No result could be judged yet.".into(),
        };
    };
    let flips = match history.flips {
        0 => "never changed".to_owned(),
        1 => "changed once".to_owned(),
        flips => format!("changed {flips} times"),
    };
    match history.first_significant {
        None => "Not significant so far, at any moment.".into(),
        Some(first) => {
            let now = if significant { "Significant" } else { "Not significant" };
            format!("{now} at last; the verdict {flips}. First significant as of {first}.")
        }
    }
}

/// One row per moment.
#[must_use]
pub fn history_table(history: &ResultHistory) -> Table {
    let mut table = Table::new(&["as of", "units", "count", "ahead", "chance to win", "verdict", "computed"]);
    for point in &history.points {
        let sum = |count: fn(&HistoryVariant) -> f64| point.variants.iter().map(count).sum::<f64>();
        let (units, count) = (sum(|variant| variant.units), sum(|variant| variant.count));
        let ahead = ahead(point);
        table.push(vec![
            Cell::text(point.as_of.to_string()),
            Cell::number(number::amount(units), units),
            Cell::number(number::amount(count), count),
            Cell::text(ahead.map_or("–", |(variant, _)| variant)),
            Cell::optional(ahead.map(|(_, chance)| chance), number::probability),
            Cell::text(point.significance_code.map_or("undecided", SignificanceCode::as_str)),
            Cell::text(format!("{:.0}{}", point.computed_at, if point.in_hindsight { ", in hindsight" } else { "" })),
        ]);
    }
    table
}

/// One row per moment and variant, with the column names that programs know.
#[must_use]
pub fn history_csv(history: &ResultHistory) -> Table {
    let mut table = Table::new(&[
        "as_of",
        "computed_at",
        "in_hindsight",
        "data_version",
        "significance_code",
        "significant",
        "variant",
        "units",
        "count",
        "rate",
        "chance_to_win",
    ]);
    for row in history_rows(history) {
        let optional = |value: Option<f64>| Cell::optional(value, |value| value.to_string());
        table.push(vec![
            Cell::text(row.as_of.to_string()),
            Cell::text(row.computed_at.to_string()),
            Cell::text(row.in_hindsight.to_string()),
            Cell::number(row.data_version.to_string(), row.data_version),
            Cell::text(row.significance_code.unwrap_or_default()),
            Cell::text(row.significant.map(|significant| significant.to_string()).unwrap_or_default()),
            Cell::text(&row.variant.variant),
            Cell::number(row.variant.units.to_string(), row.variant.units),
            Cell::number(row.variant.count.to_string(), row.variant.count),
            optional(row.variant.rate),
            optional(row.variant.chance_to_win),
        ]);
    }
    table
}

/// The course as one `<div>` for a notebook.
#[must_use]
pub fn history_html(history: &ResultHistory) -> String {
    let name = escape(&history.experiment.name);
    let mut html = format!("<div><p><b>{name}</b><br>{}</p>", escape(&history_verdict(history)));
    if !history.points.is_empty() {
        let _ = write!(html, "<pre>{}</pre>{}", escape(&plot(history)), history_table(history).to_html());
    }
    for warning in &history.warnings {
        let _ = write!(html, "<p>⚠ {}<br><i>{}</i></p>", escape(&warning.message), escape(&warning.next_step));
    }
    html.push_str("</div>");
    html
}

fn subject(history: &ResultHistory) -> String {
    let moments = match history.points.as_slice() {
        [] => "no moments".to_owned(),
        [only] => format!("1 moment, {}", only.as_of),
        [first, .., last] => format!("{} moments, {} to {}", history.points.len(), first.as_of, last.as_of),
    };
    format!("flag {}, {moments}", history.experiment.feature_flag_key)
}

/// The variant with the best chance; of equal ones the first.
fn ahead(point: &HistoryPoint) -> Option<(&str, f64)> {
    let chances = point.variants.iter().filter_map(|variant| Some((variant.variant.as_str(), variant.chance_to_win?)));
    chances.reduce(|best, next| if next.1 > best.1 { next } else { best })
}

/// The chance of each variant over the moments, and below it where the difference was significant.
fn plot(history: &ResultHistory) -> String {
    let mut variants: Vec<&str> = Vec::new();
    for variant in history.points.iter().flat_map(|point| &point.variants) {
        if !variants.contains(&variant.variant.as_str()) {
            variants.push(&variant.variant);
        }
    }
    let columns: Vec<&[HistoryPoint]> = columns(&history.points);
    let width = variants.iter().map(|key| key.chars().count()).chain([VERDICT.len()]).max().unwrap_or(0);
    let mut text = "chance to win, from 0 to 1\n".to_owned();
    for key in variants {
        let chance = |point: &HistoryPoint| {
            point.variants.iter().find(|variant| variant.variant == key).and_then(|variant| variant.chance_to_win)
        };
        let line = sparkline(columns.iter().map(|column| column.last().and_then(chance)));
        let _ = writeln!(text, "{}", format!("{key:<width$}  {line}").trim_end());
    }
    let marks: String = columns.iter().map(|column| mark(column)).collect();
    let _ = writeln!(text, "{VERDICT:<width$}  {marks}");
    let legend = if marks.contains('◐') { ", ◐ both" } else { "" };
    let _ = writeln!(text, "{:<width$}  ● significant, ○ not, · undecided{legend}", "");
    text
}

/// The moments that each character of a line stands for.
fn columns(points: &[HistoryPoint]) -> Vec<&[HistoryPoint]> {
    let count = points.len().min(LINE_WIDTH);
    (0..count).map(|index| &points[index * points.len() / count..(index + 1) * points.len() / count]).collect()
}

fn mark(column: &[HistoryPoint]) -> char {
    let has = |significant: Option<bool>| column.iter().any(|point| point.significant == significant);
    match (has(Some(true)), has(Some(false))) {
        (true, true) => '◐',
        (true, false) => '●',
        (false, true) => '○',
        (false, false) => '·',
    }
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, ToSpan};

    use super::*;
    use crate::results::{ExperimentSummary, Warning};

    fn point(hour: i64, chance: Option<f64>, significant: Option<bool>) -> HistoryPoint {
        let variant = |key: &str, chance_to_win: Option<f64>| HistoryVariant {
            variant: key.into(),
            units: 1_000.0,
            count: 100.0,
            rate: chance_to_win.map(|_| 0.1),
            chance_to_win,
        };
        let as_of = "2024-01-01T00:00:00Z".parse::<Timestamp>().unwrap() + hour.hours();
        HistoryPoint {
            as_of,
            computed_at: as_of,
            in_hindsight: hour % 2 == 0,
            data_version: 3,
            engine_version: "0.1.0".into(),
            significance_code: significant.map(|significant| {
                if significant { SignificanceCode::Significant } else { SignificanceCode::LowWinProbability }
            }),
            significant,
            variants: vec![variant("control", chance.map(|chance| 1.0 - chance)), variant("test", chance)],
        }
    }

    fn course(points: Vec<HistoryPoint>) -> ResultHistory {
        ResultHistory {
            experiment: ExperimentSummary {
                id: 1,
                name: "Check<out>".into(),
                feature_flag_key: "checkout".into(),
                start_date: None,
                end_date: None,
            },
            first_significant: points.iter().find(|point| point.significant == Some(true)).map(|point| point.as_of),
            significant: points.last().and_then(|point| point.significant),
            points,
            flips: 3,
            losses: 1,
            unreadable: 0,
            other_definition: 0,
            warnings: vec![Warning { code: "c".into(), message: "said".into(), next_step: "do".into() }],
        }
    }

    #[test]
    fn a_course_reads_as_a_report() {
        let points = [
            (None, None),
            (Some(0.7), Some(false)),
            (Some(0.96), Some(true)),
            (Some(0.8), Some(false)),
            (Some(0.99), Some(true)),
        ];
        let points = (0..).zip(points).map(|(hour, (chance, significant))| point(hour, chance, significant)).collect();
        insta::assert_snapshot!(history(&course(points), None), @r"
    Check<out>  (history, flag checkout, 5 moments, 2024-01-01T00:00:00Z to 2024-01-01T04:00:00Z)
    Significant at last; the verdict changed 3 times. First significant as of 2024-01-01T02:00:00Z.

     as of                  units   count   ahead   chance to win   verdict               computed
    ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
     2024-01-01T00:00:00Z   2,000     200   –                   –   undecided             2024-01-01T00:00:00Z, in hindsight
     2024-01-01T01:00:00Z   2,000     200   test          70.00 %   low_win_probability   2024-01-01T01:00:00Z
     2024-01-01T02:00:00Z   2,000     200   test          96.00 %   significant           2024-01-01T02:00:00Z, in hindsight
     2024-01-01T03:00:00Z   2,000     200   test          80.00 %   low_win_probability   2024-01-01T03:00:00Z
     2024-01-01T04:00:00Z   2,000     200   test          99.00 %   significant           2024-01-01T04:00:00Z, in hindsight

    chance to win, from 0 to 1
    control   ▃▁▂▁
    test      ▆█▇█
    verdict  ·○●○●
             ● significant, ○ not, · undecided

    warning: said
    hint: do
    ");
    }

    #[test]
    fn a_long_course_has_several_moments_in_a_character() {
        let points: Vec<_> = (0..200).map(|hour| point(hour, Some(0.5), Some(hour == 100))).collect();
        let text = plot(&course(points));
        let marks = text.lines().find(|line| line.starts_with(VERDICT)).unwrap();
        assert_eq!((marks.chars().filter(|mark| *mark == '◐').count(), marks.chars().count()), (1, 9 + LINE_WIDTH));
        assert!(text.contains("◐ both"));
    }

    #[test]
    fn html_escapes() {
        let html = history_html(&course(vec![point(0, Some(0.5), Some(true))]));
        assert!(html.contains("Check&lt;out&gt;") && !html.contains("<out>") && html.contains("<pre>"), "{html}");
    }

    #[test]
    fn without_moments_there_is_only_a_sentence() {
        let text = history(&ResultHistory { warnings: Vec::new(), ..course(Vec::new()) }, None);
        assert_eq!(text, "Check<out>  (history, flag checkout, no moments)\nNo results were kept yet.\n");
    }
}
