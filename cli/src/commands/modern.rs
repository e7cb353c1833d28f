//! Metrics that are tried out: their result, their course, the units behind them, and how they come about.

use abduck::results::{ListedUnit, SeriesView, UnitSelection};
use abduck::{Engine, Result, ResultsRequest, report};
use serde_json::{Map, Value};

use super::given_metric::{GivenMetric, moment};
use super::results;
use crate::args::{
    ExposureViewArguments, Format, GivenMetricArguments, Global, SeriesArguments, SeriesViewName, UnitsArguments,
};
use crate::output::{Answer, Output, json};

/// Prints the result of a metric that need not be stored anywhere.
pub(crate) fn try_metric(global: &Global, given: &GivenMetricArguments, output: &Output) -> Result<()> {
    let (mut engine, metric) = ready(global, given)?;
    let result = engine.try_metric(&given.key, &metric, &request(given))?;
    output.answer(&results::answer(&result, output)?)
}

/// Prints the course of a metric.
pub(crate) fn series(global: &Global, arguments: &SeriesArguments, output: &Output) -> Result<()> {
    let SeriesArguments { given, view } = arguments;
    let (mut engine, metric) = ready(global, given)?;
    let series = engine.metric_series(&given.key, &metric, &request(given))?;
    let only = view.map(SeriesView::from);
    let view = only.unwrap_or_default();
    let table = match output.format() {
        Some(Format::Csv) => report::series_csv(&series, only),
        _ => report::series_table(&series, view),
    };
    output.answer(&Answer { text: Some(report::series(&series, view, output.width())), table, data: json(&series)? })
}

/// Prints who came into an experiment, and when.
pub(crate) fn exposure_view(global: &Global, arguments: &ExposureViewArguments, output: &Output) -> Result<()> {
    let ExposureViewArguments { exposures, segments } = arguments;
    let view = super::open(global)?.exposure_view(&exposures.key, moment(exposures.as_of), segments)?;
    let table = match output.format() {
        Some(Format::Csv) => report::exposure_csv(&view),
        _ => report::exposure_table(&view),
    };
    output.answer(&Answer { text: Some(report::exposure_view(&view, output.width())), table, data: json(&view)? })
}

/// Lists the units behind a metric.
pub(crate) fn units(global: &Global, arguments: &UnitsArguments, output: &Output) -> Result<()> {
    let UnitsArguments { given, variant, step, dropped, left_out } = arguments;
    let selection = UnitSelection { variant: variant.clone(), step: *step, dropped: *dropped, left_out: *left_out };
    let (mut engine, metric) = ready(global, given)?;
    let mut units: Vec<ListedUnit> = Vec::new();
    engine.units(&given.key, &metric, moment(given.as_of), &selection, &mut |unit| {
        units.push(unit.clone());
        Ok(())
    })?;
    output.note(&match units.len() {
        0 => "no such units".to_owned(),
        1 => "1 unit".to_owned(),
        count => format!("{count} units"),
    });
    output.answer(&Answer::list(report::unit_list(&units), &units)?)
}

/// Prints why a plain query says something else than a metric.
pub(crate) fn reconcile(global: &Global, given: &GivenMetricArguments, output: &Output) -> Result<()> {
    let (mut engine, metric) = ready(global, given)?;
    let reconciliation = engine.reconcile(&given.key, &metric, moment(given.as_of))?;
    let table = match output.format() {
        Some(Format::Csv) => report::reconciliation_csv(&reconciliation),
        _ => report::reconciliation_table(&reconciliation),
    };
    let text = report::reconciliation(&reconciliation, output.width());
    output.answer(&Answer { text: Some(text), table, data: json(&reconciliation)? })
}

/// The lab, and the metric that the command is about.
fn ready(global: &Global, given: &GivenMetricArguments) -> Result<(Engine, Map<String, Value>)> {
    let metric = GivenMetric::read(given.metric.as_deref())?;
    let mut engine = super::open(global)?;
    let metric = metric.of(&mut engine, &given.key)?;
    Ok((engine, metric))
}

fn request(given: &GivenMetricArguments) -> ResultsRequest {
    let now = super::now();
    ResultsRequest { as_of: given.as_of.unwrap_or(now), now, refresh: false, max_age: None }
}

impl From<SeriesViewName> for SeriesView {
    fn from(name: SeriesViewName) -> Self {
        match name {
            SeriesViewName::Cumulative => Self::Cumulative,
            SeriesViewName::ByExposureDay => Self::ByExposureDay,
            SeriesViewName::ByDaysSinceExposure => Self::ByDaysSinceExposure,
        }
    }
}
