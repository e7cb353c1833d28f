//! Modern metrics (`ExperimentMetric`): a value per exposed unit, summed up per variant (query rules M-1 to M-53).
//!
//! Beyond the reference's four types there are quantiles, the time to convert, and numbers from an expression.

mod kind;
mod outliers;
mod source;
mod span;

pub use kind::{Exclusion, Measured, QuantileOf, Retention, StartHandling};
pub use outliers::{Outliers, PercentileMethod};
pub use source::{Aggregation, Source, SourceKind, TableSource, ValueOf};
pub use span::{Span, SpanUnit};

use serde_json::{Map, Value};

use crate::error::Result;
use crate::model::cuped::Cuped;
use crate::model::fields::{Fields, invalid};
use crate::model::prior::Prior;
use crate::model::sequential::SequentialMethod;

/// A modern metric, read and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct ExperimentMetric {
    /// The name, if the definition gives one.
    pub name: Option<String>,
    /// The id other systems know it by, if the definition gives one.
    pub uuid: Option<String>,
    /// Which direction is good.
    pub goal: Goal,
    /// How much worse it may get, as a share of the baseline's value, if it is there to guard against harm.
    pub guardrail_margin: Option<f64>,
    /// What is measured.
    pub measured: Measured,
    /// Which events of a unit count.
    pub window: Window,
    /// Properties of the first exposure that the result is broken down by (M-60); mostly none.
    pub breakdowns: Vec<String>,
    /// What else of the time before the exposure may explain the value, besides the metric itself; mostly none.
    pub covariates: Vec<Source>,
    /// Whether the units' own past is taken out; without it, as the experiment says.
    pub cuped: Option<Cuped>,
    /// What is believed of each variant's value before the data; without it, next to nothing.
    pub prior: Option<Prior>,
    /// Which answer decides while the experiment runs; without it, the one that the experiment names.
    pub sequential: Option<SequentialMethod>,
}

/// Which direction of a metric is good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Goal {
    /// More is better.
    #[default]
    Increase,
    /// Less is better.
    Decrease,
}

/// Which events of a unit count, by their time (M-21).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// How long after an exposure events count; without it, until the experiment ends.
    pub conversion: Option<Span>,
    /// How long after the first exposure they begin to count.
    pub delay: Option<Span>,
    /// How much of the experiment's last time counts; without it, all.
    pub lookback: Option<Span>,
}

/// The value of `kind` that says that a metric has this form.
pub const KIND: &str = "ExperimentMetric";

/// The most properties a metric is broken down by (M-60).
const BREAKDOWNS_MAX: usize = 3;

/// Keys that every type of metric has.
const COMMON: [&str; 22] = [
    "kind",
    "metric_type",
    "name",
    "description",
    "uuid",
    "fingerprint",
    "goal",
    "guardrail",
    "isSharedMetric",
    "sharedMetricId",
    "version",
    "breakdownFilter",
    "covariates",
    "cuped",
    "prior",
    "sequential",
    "conversion_window",
    "conversion_window_unit",
    "delay",
    "delay_unit",
    "lookback_window",
    "lookback_window_unit",
];

impl ExperimentMetric {
    /// Reads a metric; `field` is where it stands, for messages.
    ///
    /// # Errors
    /// `Invalid`, with the field, when a key is unknown or missing, or a setting is wrong.
    ///
    /// ```
    /// use abduck::model::experiment_metric::{ExperimentMetric, Measured};
    ///
    /// let metric = serde_json::json!({"metric_type": "mean", "source": {"kind": "EventsNode", "event": "purchase",
    ///     "math": "sum", "math_property": "amount"}, "conversion_window": 14, "conversion_window_unit": "day"});
    /// let metric = ExperimentMetric::parse(metric.as_object().unwrap(), "metric")?;
    /// assert!(matches!(metric.measured, Measured::Mean { .. }));
    /// assert_eq!(metric.window.conversion.unwrap().microseconds(), 14 * 86_400 * 1_000_000);
    /// # Ok::<(), abduck::Error>(())
    /// ```
    pub fn parse(metric: &Map<String, Value>, field: &str) -> Result<Self> {
        let fields = Fields { map: metric, place: field.to_owned() };
        if let Some(kind) = fields.text("kind")?.filter(|kind| kind != KIND) {
            return Err(invalid(&format!("{field}.kind"), format!("the kind '{kind}' is not {KIND}")));
        }
        let (measured, own) = kind::read(&fields)?;
        fields.refuse_unknown(&[&COMMON[..], own].concat())?;
        let goals = [("increase", Goal::Increase), ("decrease", Goal::Decrease)];
        let goal = fields.choice("goal", &goals)?.unwrap_or_default();
        Ok(Self {
            name: fields.text("name")?,
            uuid: fields.text("uuid")?,
            goal,
            guardrail_margin: guardrail_margin(&fields)?,
            covariates: covariates(&fields, &measured)?,
            cuped: cuped(&fields, &measured)?,
            prior: prior(&fields, &measured, goal)?,
            sequential: sequential(&fields, &measured)?,
            measured,
            window: window(&fields)?,
            breakdowns: breakdowns(&fields)?,
        })
    }
}

/// `{"prior": {"alpha": 10, "beta": 90}}` of a share, `{"prior": {"mu": …, "kappa": …, "alpha": …, "beta": …}}` of a mean,
/// `{"prior": {"shape": …, "rate": …}}` of events per unit.
fn prior(fields: &Fields<'_>, measured: &Measured, goal: Goal) -> Result<Option<Prior>> {
    let Some(given) = fields.object("prior")? else { return Ok(None) };
    let prior = Prior::read(&given)?;
    match (measured, prior) {
        (Measured::Funnel { .. } | Measured::Retention(_), Prior::Share { .. })
        | (Measured::Mean { .. } | Measured::TimeToConvert { .. }, Prior::Mean { .. }) => Ok(Some(prior)),
        (measured, Prior::Rate { .. }) if measured.counts_events() && goal == Goal::Increase => Ok(Some(prior)),
        (_, Prior::Rate { .. }) => {
            Err(invalid(&fields.at("prior"), "of a rate is for means that count events, without outliers, and more is better")
                .hint("give mu, kappa, alpha and beta for any other mean"))
        }
        _ => Err(invalid(&fields.at("prior"), "does not suit the type of the metric").hint(
            "funnels and retention take alpha and beta, means and times mu, kappa, alpha and beta; ratios and quantiles none",
        )),
    }
}

/// As in `stats_config.sequential`; what the metric names must suit it.
fn sequential(fields: &Fields<'_>, measured: &Measured) -> Result<Option<SequentialMethod>> {
    let method = fields.object("sequential")?.map(|fields| SequentialMethod::read(&fields)).transpose()?;
    match (measured, &method) {
        (Measured::Funnel { .. } | Measured::Retention(_), _) => Ok(method),
        (_, Some(SequentialMethod::Betting)) => {
            Err(invalid(&fields.at("sequential"), "bets on shares only, and this metric is none")
                .hint("funnels and retention are shares; others take asymptotic, mixture or group_sequential"))
        }
        _ => Ok(method),
    }
}

/// The most covariates that a metric names.
const COVARIATES_MAX: usize = 10;

/// Sources whose values before the exposure are taken out of the metric with its own.
fn covariates(fields: &Fields<'_>, measured: &Measured) -> Result<Vec<Source>> {
    let covariates = fields.objects("covariates")?.iter().map(Source::read).collect::<Result<Vec<_>>>()?;
    let sources = match measured {
        _ if covariates.is_empty() => return Ok(covariates),
        Measured::Mean { .. } => 1,
        Measured::Ratio { .. } => 2,
        Measured::Funnel { steps, exclusions, .. } => steps.len() + exclusions.len(),
        _ => {
            let message = "covariates are taken out of means, ratios and funnels only";
            return Err(invalid(&fields.at("covariates"), message));
        }
    };
    if covariates.len() > COVARIATES_MAX || sources + covariates.len() > kind::SOURCES_MAX {
        let message = format!(
            "a metric names at most {COVARIATES_MAX} covariates, and {} with what it measures",
            kind::SOURCES_MAX
        );
        return Err(invalid(&fields.at("covariates"), message));
    }
    Ok(covariates)
}

/// `{"cuped": {"enabled": true, "lookback_days": 14}}`, which goes before the experiment's `stats_config`.
fn cuped(fields: &Fields<'_>, measured: &Measured) -> Result<Option<Cuped>> {
    let cuped = fields.object("cuped")?.map(|inner| Cuped::read(&inner)).transpose()?;
    let has_past = matches!(measured, Measured::Mean { .. } | Measured::Ratio { .. } | Measured::Funnel { .. });
    if !has_past && matches!(cuped, Some(Cuped::Days(_))) {
        let message = "the past is taken out of means, ratios and funnels only";
        return Err(invalid(&fields.at("cuped"), message).hint("leave cuped out"));
    }
    Ok(cuped)
}

/// `{"guardrail": {"margin": 0.01}}`: the metric must not get worse by 1 % of the baseline or more.
fn guardrail_margin(fields: &Fields<'_>) -> Result<Option<f64>> {
    let Some(guardrail) = fields.object("guardrail")? else { return Ok(None) };
    guardrail.refuse_unknown(&["margin"])?;
    Ok(Some(guardrail.number("margin", 0.0, 1.0)?.unwrap_or(0.0)))
}

fn window(fields: &Fields<'_>) -> Result<Window> {
    let span = |key: &str, unit: &str| Span::read(fields, key, unit);
    Ok(Window {
        conversion: span("conversion_window", "conversion_window_unit")?,
        delay: span("delay", "delay_unit")?,
        lookback: span("lookback_window", "lookback_window_unit")?,
    })
}

/// The properties in `breakdownFilter`: `{"breakdown": "plan"}` or `{"breakdowns": [{"property": "plan"}, …]}`.
fn breakdowns(fields: &Fields<'_>) -> Result<Vec<String>> {
    let Some(filter) = fields.object("breakdownFilter")? else { return Ok(Vec::new()) };
    filter.refuse_unknown(&["breakdown", "breakdown_type", "breakdowns"])?;
    let is_event = |of: &Fields<'_>, key: &str| match of.text(key)? {
        Some(kind) if kind != "event" => Err(invalid(
            &of.at(key),
            format!("a breakdown is by a property of the exposure event, not by the type '{kind}'"),
        )),
        _ => Ok(()),
    };
    is_event(&filter, "breakdown_type")?;
    let mut names: Vec<String> = filter.text("breakdown")?.into_iter().collect();
    for part in filter.objects("breakdowns")? {
        part.refuse_unknown(&["property", "type"])?;
        is_event(&part, "type")?;
        names.push(part.required_text("property")?);
    }
    if names.len() > BREAKDOWNS_MAX {
        let message = format!("a metric is broken down by at most {BREAKDOWNS_MAX} properties");
        return Err(invalid(&fields.at("breakdownFilter"), message));
    }
    Ok(names)
}
