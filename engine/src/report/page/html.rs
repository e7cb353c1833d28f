//! A report as one HTML file: nothing is loaded, no script runs, and every text is escaped.

use std::fmt::Write;

use super::{capital, definition, doubts, fingerprints, headline, name, overview, role, subject};
use crate::report::decision::decision_table;
use crate::report::explain::explanation;
use crate::report::exposure_view::summary;
use crate::report::html::escape;
use crate::report::plot::{PlotKind, PlotSource, svg};
use crate::report::table::Table;
use crate::report::text::{listed_table, verdict};
use crate::report::units;
use crate::results::{Report, ReportedMetric, Warning};

const STYLE: &str = include_str!("style.css");

/// A report as a file that can be opened, sent and printed.
#[must_use]
pub fn report_html(report: &Report) -> String {
    let title = escape(&report.experiment.name);
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n<header><h1>{title}</h1><p class=\"muted\">{}</p></header>\n",
        escape(&subject(report))
    );
    html.push_str(&decision(report));
    let metrics = overview(report);
    if !metrics.is_empty() {
        let _ = writeln!(html, "<section><h2>Metrics</h2>{}</section>", scrolled(&metrics));
    }
    for reported in &report.metrics {
        html.push_str(&metric(reported));
    }
    html.push_str(&exposures(report));
    html.push_str(&careful(report));
    html.push_str(&definitions(report));
    let _ = write!(
        html,
        "<section><h2>Where the numbers come from</h2>{}</section>\n</main>\n</body>\n</html>\n",
        scrolled(&fingerprints(report))
    );
    html
}

fn decision(report: &Report) -> String {
    let verdict = report.decision.as_ref().map_or("none", |decision| decision.decision.verdict.as_str());
    let mut html = format!("<section class=\"verdict {verdict}\"><h2>{}</h2>", escape(&headline(report)));
    if let Some(decision) = &report.decision {
        if !decision.rows().is_empty() {
            html.push_str(&scrolled(&decision_table(decision)));
        }
        if !decision.ignored_metrics.is_empty() {
            let _ = write!(
                html,
                "<p class=\"muted\">Without a part in the decision, because only modern metrics have answers that hold at any \
                 look: {}.</p>",
                escape(&decision.ignored_metrics.join(", "))
            );
        }
    }
    html.push_str("</section>\n");
    html
}

fn metric(reported: &ReportedMetric) -> String {
    let ReportedMetric { listed, posteriors, series, .. } = reported;
    let mut html = format!(
        "<section><h2>{} <small>{}</small></h2><p>{}</p>{}",
        escape(&capital(name(reported))),
        escape(&role(reported)),
        escape(&verdict(&listed.result)),
        scrolled(&listed_table(listed))
    );
    for kind in PlotKind::ALL {
        let source = match kind {
            PlotKind::Forest | PlotKind::Funnel => Some(PlotSource::Listed(listed)),
            PlotKind::Posterior => posteriors.as_ref().map(PlotSource::Posteriors),
            PlotKind::Series | PlotKind::Daily | PlotKind::Age => series.as_ref().map(PlotSource::Series),
            PlotKind::Exposure => None,
        };
        html.push_str(&figure(source.and_then(|source| svg(kind, source))));
    }
    for (heading, table) in units::sections(&listed.result.result) {
        let _ = write!(html, "<h3>{}</h3>{}", escape(&capital(&heading)), scrolled(&table));
    }
    html.push_str("</section>\n");
    html
}

fn exposures(report: &Report) -> String {
    let Some(view) = &report.exposures else { return String::new() };
    let plot = figure(svg(PlotKind::Exposure, PlotSource::Exposures(view)));
    format!("<section><h2>Exposures</h2><p>{}</p>{plot}</section>\n", escape(&summary(view)))
}

fn careful(report: &Report) -> String {
    let doubts = doubts(report);
    if doubts.is_empty() {
        return String::new();
    }
    let item = |(about, Warning { message, next_step, .. }): &(String, &Warning)| {
        let about = if about.is_empty() { String::new() } else { format!("<b>{}</b>: ", escape(about)) };
        format!("<li>{about}{}<br><i>{}</i></li>", escape(message), escape(next_step))
    };
    format!(
        "<section><h2>What to be careful about</h2><ul>{}</ul></section>\n",
        doubts.iter().map(item).collect::<String>()
    )
}

fn definitions(report: &Report) -> String {
    let mut html = "<section><h2>Definitions</h2>".to_owned();
    let mut put = |summary: &str, text: &str| {
        let _ = write!(html, "<details><summary>{}</summary><pre>{}</pre></details>", escape(summary), escape(text));
    };
    put("The experiment", &report.definition);
    for metric in &report.metrics {
        put(&format!("{}: the definition", name(metric)), &definition(metric));
        put(&format!("{}: the plan and its SQL", name(metric)), &explanation(&metric.explanation, None));
    }
    html.push_str("</section>\n");
    html
}

fn figure(plot: Option<String>) -> String {
    plot.map_or_else(String::new, |svg| format!("<figure>{svg}</figure>"))
}

/// A table that scrolls by itself where it is wider than the page.
fn scrolled(table: &Table) -> String {
    format!("<div class=\"wide\">{}</div>", table.to_html())
}
