//! From a modern metric, an experiment and a moment to a plan.

use jiff::Timestamp;

use super::measure::{Exposed, covariate, events, measure};
use super::{EventWindow, UnitMeasure, UnitValue};
use crate::error::{Error, Result};
use crate::model::cuped::{Cuped, LOOKBACK_DAYS};
use crate::model::entity::EntitySource;
use crate::model::experiment::Experiment;
use crate::model::experiment_metric::{ExperimentMetric, Goal, Outliers, SpanUnit};
use crate::model::exposure_criteria::{ExposureConfig, ExposureCriteria, SeveralVariants};
use crate::model::flag::FeatureFlag;
use crate::model::metric::Interval;
use crate::model::stats_config::{BASELINE, BASELINE_FIELD};
use crate::plan::exposure::test_accounts;
use crate::plan::{
    Buckets, Condition, EventMatch, Library, Measure, MetricRole, Plan, Population, Semantics, Statistics, TimeRange,
    Unit, no_start,
};

/// Compiles a modern metric of an experiment, as of a moment.
///
/// # Errors
/// `NotReady` for a draft and before the experiment begins; `Invalid` when an action does not exist, or a filter or the
/// exposure criteria are wrong.
pub fn compile_metric(
    metric: &ExperimentMetric,
    role: MetricRole,
    experiment: &Experiment,
    flag: &FeatureFlag,
    library: &Library,
    as_of: Timestamp,
) -> Result<Plan> {
    let library = &library.at(as_of);
    let criteria = ExposureCriteria::of(experiment)?;
    let range = range(experiment, as_of)?;
    let mut statistics = Statistics {
        lower_is_better: metric.goal == Goal::Decrease,
        prior: metric.prior,
        ..Statistics::of(experiment)?
    };
    if let Some(method) = metric.sequential.clone() {
        statistics.config.sequential = method.planned_by(experiment.parameters.as_ref());
    }
    let population = population(&criteria, experiment, flag, library, range, &statistics.config.baseline)?;
    let (exposure, variant_property) = exposure(&criteria, &population, library)?;
    let exposed = Exposed {
        exposure,
        variant_property: Some(variant_property),
        several_variants: criteria.several_variants,
        are_mature: criteria.only_count_matured_users,
        covariate_microseconds: covariate(
            metric,
            metric.cuped.map_or(experiment.covariate_lookback_days()?, Cuped::days),
        ),
    };
    let measure = measure(metric, exposed, range, library, as_of)?;
    Ok(Plan { semantics: Semantics::Modern, role, population, measure: Measure::Units(Box::new(measure)), statistics })
}

/// Plans a metric over the past, before there is an experiment: of everybody who did something, as one variant, some days until
/// `as_of`. Only units whose window has passed count, and what they did in the two weeks before, or as many days as the
/// metric says, is their covariate.
///
/// # Errors
/// As [`compile_metric`].
pub fn compile_past(
    metric: &ExperimentMetric,
    exposure: &ExposureConfig,
    filter_test_accounts: bool,
    days: i64,
    library: &Library,
    as_of: Timestamp,
) -> Result<Plan> {
    let library = &library.at(as_of);
    let ExposureConfig::Custom(entity) = exposure else {
        return Err(Error::invalid_field("exposure", "invalid_input", "the past knows no flag")
            .hint("name the event by which people will come into the experiment"));
    };
    let until_microseconds = as_of.as_microsecond() + 1;
    let from_microseconds = as_of.as_microsecond().saturating_sub(days.saturating_mul(SpanUnit::Day.microseconds()));
    let range = TimeRange { from_microseconds, until_microseconds };
    let exposed = Exposed {
        exposure: events(entity, "exposure", library)?,
        variant_property: None,
        several_variants: SeveralVariants::Exclude,
        are_mature: true,
        covariate_microseconds: covariate(metric, metric.cuped.map_or(Some(LOOKBACK_DAYS), Cuped::days)),
    };
    let by_distinct_id = library.settings.aggregate_users_by_distinct_id;
    let population = Population {
        feature_flag_key: String::new(),
        variants: vec![BASELINE.to_owned()],
        unit: if by_distinct_id { Unit::DistinctId } else { Unit::Person },
        range,
        filter: test_accounts(filter_test_accounts, library)?,
        marked: Condition::EVERYTHING,
        every_delivery: false,
    };
    let measure = Measure::Units(Box::new(measure(metric, exposed, range, library, as_of)?));
    let statistics = Statistics { lower_is_better: metric.goal == Goal::Decrease, ..Statistics::default() };
    Ok(Plan { semantics: Semantics::Modern, role: MetricRole::Primary, population, measure, statistics })
}

/// Plans who is exposed to an experiment by the modern rules, and to which variants (M-10 to M-14).
///
/// # Errors
/// As [`compile_metric`].
pub fn compile_exposure_view(
    experiment: &Experiment,
    flag: &FeatureFlag,
    library: &Library,
    as_of: Timestamp,
    breakdowns: &[String],
) -> Result<Plan> {
    let library = &library.at(as_of);
    let criteria = ExposureCriteria::of(experiment)?;
    let range = range(experiment, as_of)?;
    let statistics = Statistics::of(experiment)?;
    let population = population(&criteria, experiment, flag, library, range, &statistics.config.baseline)?;
    let (exposure, variant_property) = exposure(&criteria, &population, library)?;
    let measure = UnitMeasure {
        exposure,
        variant_property: Some(variant_property),
        several_variants: criteria.several_variants,
        sources: Vec::new(),
        value: UnitValue::Exposure,
        outliers: Outliers::default(),
        denominator_outliers: Outliers::default(),
        window: EventWindow { delay_microseconds: 0, conversion_microseconds: None, lookback_microseconds: None },
        covariate_microseconds: None,
        further_covariates: 0,
        breakdowns: breakdowns.to_vec(),
        matured_by_microseconds: None,
        reach_microseconds: 0,
        days: Buckets::cover(range, Interval::Day, &library.settings)?,
        scanned: range,
    };
    let measure = Measure::Units(Box::new(measure));
    Ok(Plan { semantics: Semantics::Modern, role: MetricRole::Primary, population, measure, statistics })
}

/// When units are exposed: from the start to the end, both inside and exact (M-11).
fn range(experiment: &Experiment, as_of: Timestamp) -> Result<TimeRange> {
    let start = experiment.start_date.ok_or_else(no_start)?;
    if as_of < start {
        return Err(Error::not_ready(format!("the experiment begins on {start}, which is after {as_of}"))
            .hint("ask for results once it has begun, or for a later moment"));
    }
    let end = experiment.end_date.map_or(as_of, |end| end.min(as_of));
    Ok(TimeRange { from_microseconds: start.as_microsecond(), until_microseconds: end.as_microsecond() + 1 })
}

fn population(
    criteria: &ExposureCriteria,
    experiment: &Experiment,
    flag: &FeatureFlag,
    library: &Library,
    range: TimeRange,
    baseline: &str,
) -> Result<Population> {
    let filter = test_accounts(criteria.filter_test_accounts, library)?;
    let mut population = Population { range, filter, ..Population::new(experiment, flag, library, range, false)? };
    if !population.variants.iter().any(|key| key == baseline) {
        let message = format!("the flag has no variant '{baseline}' to compare with");
        return Err(Error::invalid_field(BASELINE_FIELD, "invalid_choice", message)
            .hint(format!("choose one of: {}", population.variants.join(", "))));
    }
    population.variants.retain(|key| !criteria.excluded_variants.contains(key) || key == baseline);
    population.unit = match flag.filters.aggregation_group_type_index {
        Some(group_type_index) => Unit::Group { group_type_index },
        None if library.settings.aggregate_users_by_distinct_id => Unit::DistinctId,
        None => Unit::Person,
    };
    Ok(population)
}

/// The exposure event and the property that holds its variant (M-10).
fn exposure(criteria: &ExposureCriteria, population: &Population, library: &Library) -> Result<(EventMatch, String)> {
    match &criteria.config {
        ExposureConfig::Flag => {
            let is_flag = Condition::property_is("$feature_flag", &population.feature_flag_key);
            let matching = EventMatch::event(Some("$feature_flag_called"), is_flag);
            Ok((matching, "$feature_flag_response".to_owned()))
        }
        ExposureConfig::Custom(entity) => {
            let matching = events(entity, "exposure_criteria.exposure_config", library)?;
            let is_flag_event = entity.source == EntitySource::Event("$feature_flag_called".to_owned());
            let property =
                if is_flag_event { "$feature_flag_response".to_owned() } else { population.variant_property() };
            Ok((matching, property))
        }
    }
}
