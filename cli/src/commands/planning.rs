//! Plans: how many units, how much longer, and how often the tests are wrong.

use abduck::stats::modern::sequential::Layout;
use abduck::stats::past::Goal;
use abduck::stats::power::{Means, Shares};
use abduck::{Error, PastQuestion, Result, ResultsRequest, report};
use serde_json::json;

use super::given_metric::{GivenMetric, moment};
use crate::args::{
    CalibrateArguments, GivenMetricArguments, Global, InfluenceArguments, PastArguments, PlanCommand,
    RemainingArguments, SizeArguments,
};
use crate::output::{Answer, Output, json as to_json};

/// Does what was asked of `plan`.
pub(crate) fn run(global: &Global, command: PlanCommand, output: &Output) -> Result<()> {
    match command {
        PlanCommand::Size(arguments) => size(&arguments, output),
        PlanCommand::Remaining(arguments) => remaining(global, &arguments, output),
        PlanCommand::Past(arguments) => past(global, &arguments, output),
        PlanCommand::Prior(arguments) => prior(global, &arguments, output),
    }
}

/// Prints how many units a comparison needs.
fn size(arguments: &SizeArguments, output: &Output) -> Result<()> {
    let SizeArguments { rate, mean, sd, lift, alpha, power, variance_reduction, variants, per_day } = arguments;
    let layout = Layout { alpha: *alpha, ..Layout::default() };
    let value = rate.or(*mean).unwrap_or_default();
    let difference = lift * value;
    let deviation = rate.map_or(sd.unwrap_or_default(), |rate| {
        let variance = |share: f64| share * (1.0 - share);
        (0.5 * (variance(rate) + variance(rate + difference)).max(0.0)).sqrt()
    });
    let design =
        Means { standard_deviation: deviation * (1.0 - variance_reduction).max(0.0).sqrt(), ratio: 1.0, alpha: *alpha };
    let one_look = match rate {
        Some(rate) => {
            let shares = Shares { control: *rate, treatment: rate + difference, alpha: *alpha };
            shares.units_pooled(*power)? * (1.0 - variance_reduction)
        }
        None => design.units(difference, *power)?,
    };
    let any_time = design.units_anytime(difference, *power, layout)?;
    let plan = [("one look", one_look.ceil()), ("any time", any_time.ceil())];
    let mut table = report::Table::new(&["looks", "units per variant", "units", "days"]);
    let mut data = Vec::new();
    for (looks, units) in plan {
        let all = units * f64::from(*variants);
        let days = per_day.map(|per_day| (all / per_day).ceil());
        let count = |units: f64| report::Cell::number(report::number::amount(units), units);
        table.push(vec![
            report::Cell::text(looks),
            count(units),
            count(all),
            report::Cell::optional(days, report::number::amount),
        ]);
        data.push(json!({"looks": looks, "units_per_variant": units, "units": all, "days": days}));
    }
    output.answer(&Answer { text: None, table, data: data.into() })
}

/// Prints how much longer an experiment has to run.
fn remaining(global: &Global, arguments: &RemainingArguments, output: &Output) -> Result<()> {
    let RemainingArguments { given, lift, power } = arguments;
    let metric = GivenMetric::read(given.metric.as_deref())?;
    let mut engine = super::open(global)?;
    let metric = metric.of(&mut engine, &given.key)?;
    let now = super::now();
    let request = ResultsRequest { as_of: given.as_of.unwrap_or(now), now, refresh: false, max_age: None };
    let remaining = engine.remaining(&given.key, &metric, &request, *lift, *power)?;
    output.answer(&Answer {
        text: Some(report::remaining(&remaining, output.width())),
        table: report::remaining_table(&remaining),
        data: to_json(&remaining)?,
    })
}

/// Prints how many units and days an experiment will need, from the past.
fn past(global: &Global, arguments: &PastArguments, output: &Output) -> Result<()> {
    let PastArguments { metric, exposure, days, lift, power, alpha, variants, filter_test_accounts, as_of } = arguments;
    let GivenMetric::Definition(metric) = GivenMetric::read(Some(metric))? else {
        return Err(Error::invalid_field("metric", "invalid_input", "before an experiment, a metric has no name")
            .hint(
                "give a file, or JSON such as '{\"metric_type\": \"funnel\", \"series\": [{\"event\": \"purchase\"}]}'",
            ));
    };
    let exposure = if exposure.trim_start().starts_with('{') {
        serde_json::from_str(exposure).map_err(|error| Error::invalid(format!("--exposure: {error}")))?
    } else {
        serde_json::Map::from_iter([("event".to_owned(), json!(exposure))])
    };
    let layout = Layout { alpha: *alpha, ..Layout::default() };
    let goal = Goal { lift: *lift, power: *power, variants: *variants, layout };
    let question = PastQuestion { exposure, days: *days, filter_test_accounts: *filter_test_accounts, goal };
    let plan = super::open(global)?.plan_from_past(&metric, &question, moment(*as_of))?;
    output.answer(&Answer {
        text: Some(report::past_plan(&plan, output.width())),
        table: report::past_plan_table(&plan),
        data: to_json(&plan)?,
    })
}

/// Prints a prior learned from past experiments.
fn prior(global: &Global, given: &GivenMetricArguments, output: &Output) -> Result<()> {
    let metric = GivenMetric::read(given.metric.as_deref())?;
    let mut engine = super::open(global)?;
    let metric = metric.of(&mut engine, &given.key)?;
    let now = super::now();
    let request = ResultsRequest { as_of: given.as_of.unwrap_or(now), now, refresh: false, max_age: None };
    let prior = engine.learn_prior(&given.key, &metric, &request)?;
    output.answer(&Answer {
        text: Some(report::prior(&prior, output.width())),
        table: report::prior_table(&prior),
        data: to_json(&prior)?,
    })
}

/// Prints how often the tests of a metric are wrong.
pub(crate) fn calibrate(global: &Global, arguments: &CalibrateArguments, output: &Output) -> Result<()> {
    let CalibrateArguments { given, rounds, lift } = arguments;
    let metric = GivenMetric::read(given.metric.as_deref())?;
    let mut engine = super::open(global)?;
    let metric = metric.of(&mut engine, &given.key)?;
    let calibration = engine.calibrate(&given.key, &metric, moment(given.as_of), *rounds, *lift)?;
    output.answer(&Answer {
        text: Some(report::calibration(&calibration, output.width())),
        table: report::calibration_table(&calibration),
        data: to_json(&calibration)?,
    })
}

/// Prints a metric with and without its largest units.
pub(crate) fn influence(global: &Global, arguments: &InfluenceArguments, output: &Output) -> Result<()> {
    let InfluenceArguments { given, top } = arguments;
    let metric = GivenMetric::read(given.metric.as_deref())?;
    let mut engine = super::open(global)?;
    let metric = metric.of(&mut engine, &given.key)?;
    let influence = engine.influence(&given.key, &metric, moment(given.as_of), *top)?;
    output.answer(&Answer {
        text: Some(report::influence(&influence, output.width())),
        table: report::influence_table(&influence),
        data: to_json(&influence)?,
    })
}
