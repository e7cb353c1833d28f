//! An explanation as text: the plan in words, the SQL with its values in place, and what the queries did.

use std::fmt::Write;

use jiff::Timestamp;
use serde::Serialize;

use crate::model::math::{EventNumber, Statistic};
use crate::model::metric::{Attribution, FunnelOrder};
use crate::plan::{
    Counted, Counting, Deadline, EventMatch, EventPattern, Exclusion, ExposureOrigin, ExposureUnit, FunnelMeasure,
    IntervalStatistic, Measure, Origin, Plan, TrendValue, Unit, UnitMeasure,
};
use crate::report::number;
use crate::report::table::{Cell, Table};
use crate::results::{Explanation, metric_type};
use crate::stats::Measured;

const SECOND_MICROSECONDS: i64 = 1_000_000;
const DAY_MICROSECONDS: i64 = 86_400 * SECOND_MICROSECONDS;

/// An explanation for people to read; tables fit `width` characters where one is given.
#[must_use]
pub fn explanation(explanation: &Explanation, width: Option<u16>) -> String {
    let mut text = fields(&plan(&explanation.plan));
    text.push_str("\n-- for reading: the engine binds the values, it never writes them into the SQL\n");
    for query in &explanation.queries {
        let _ = write!(text, "\n-- {}\n{};\n", query.purpose.label(), query.sql);
    }
    if let Some(measured) = &explanation.measured {
        let _ = write!(
            text,
            "\n{}\n{}",
            stage_table(explanation).to_text(width),
            counts(&explanation.plan, measured).to_text(width)
        );
    }
    text
}

/// One row per query of an explanation; rows and seconds only if it was run.
#[must_use]
pub fn stage_table(explanation: &Explanation) -> Table {
    let mut table = Table::new(&["query", "rows", "seconds"]);
    for (index, query) in explanation.queries.iter().enumerate() {
        let stage = explanation.stages.as_ref().and_then(|stages| stages.get(index));
        table.push(vec![
            Cell::text(query.purpose.label()),
            stage.map_or_else(Cell::missing, |stage| Cell::number(number::count(stage.rows), stage.rows)),
            stage.map_or_else(Cell::missing, |stage| Cell::number(format!("{:.3}", stage.seconds), stage.seconds)),
        ]);
    }
    table
}

fn fields(fields: &[(&str, String)]) -> String {
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    fields.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name:<width$}  {value}");
        text
    })
}

fn plan(plan: &Plan) -> Vec<(&'static str, String)> {
    let population = &plan.population;
    let mut fields = vec![
        ("rules", word(&plan.semantics)),
        ("metric", word(&plan.role)),
        ("flag", population.feature_flag_key.clone()),
        ("variants", population.variants.join(", ")),
        ("from", instant(population.range.from_microseconds)),
        ("until before", instant(population.range.until_microseconds)),
    ];
    if !population.filter.is_everything() {
        fields.push(("only where", json(&population.filter)));
    }
    match &plan.measure {
        Measure::Trend(trend) => {
            fields.push(("measure", format!("{} per {}", value(&trend.value), exposure(trend.exposure.unit()))));
            fields.push(("counted", counted(&trend.counted)));
            if trend.exposure.origin == ExposureOrigin::Custom {
                fields.push(("exposure", event(&trend.exposure.matching)));
                if !trend.exposure.filter.is_everything() {
                    fields.push(("only where", json(&trend.exposure.filter)));
                }
            }
            fields.push(("buckets", trend.buckets.count().to_string()));
        }
        Measure::Funnel(funnel) => {
            fields.push(("measure", funnel_measure(plan, funnel)));
            fields.extend(funnel.steps.iter().map(|step| ("step", event(step))));
            fields.extend(funnel.exclusions.iter().map(|exclusion| ("never", never(exclusion))));
            fields.push(("within", deadline(&funnel.deadline)));
            if funnel.attribution != Attribution::FirstTouch {
                fields.push(("variant by", attribution(funnel.attribution)));
            }
        }
        Measure::Units(measure) => fields.extend(units(measure)),
    }
    fields
}

/// What a modern metric looks at.
fn units(measure: &UnitMeasure) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("measure", format!("{} per exposed unit", metric_type(measure))),
        ("exposure", event(&measure.exposure)),
        ("variant in", measure.variant_property.clone().unwrap_or_else(|| "nothing: all are one".to_owned())),
        ("several variants", word(&measure.several_variants)),
    ];
    for source in &measure.sources {
        let origin = match &source.origin {
            Origin::Events(matching) => event(matching),
            Origin::Table(table) => format!("table {}", table.table),
        };
        fields.push(("counted", format!("{} of {origin}", word(&source.aggregation))));
    }
    let window = measure.window;
    if window.delay_microseconds > 0 {
        fields.push(("not before", format!("{} after the first exposure", length(window.delay_microseconds))));
    }
    match window.conversion_microseconds {
        Some(conversion) => fields.push(("within", format!("{} of an exposure", length(conversion)))),
        None => fields.push(("within", "the experiment".into())),
    }
    if let Some(reach) = measure.covariate_microseconds {
        fields.push(("covariate", format!("the {} before the first exposure", length(reach))));
    }
    if !measure.breakdowns.is_empty() {
        fields.push(("broken down by", measure.breakdowns.join(", ")));
    }
    fields
}

fn length(microseconds: i64) -> String {
    if microseconds % DAY_MICROSECONDS == 0 {
        format!("{} days", microseconds / DAY_MICROSECONDS)
    } else {
        format!("{} s", microseconds / SECOND_MICROSECONDS)
    }
}

fn funnel_measure(plan: &Plan, funnel: &FunnelMeasure) -> String {
    let order = match funnel.order {
        FunnelOrder::Ordered => "in order",
        FunnelOrder::Strict => "in order, with no other event in between",
        FunnelOrder::Unordered => "in any order",
    };
    format!("{} that get through the steps {order}", plan.population.unit.plural())
}

fn never(exclusion: &Exclusion) -> String {
    let (from, to) = (exclusion.from_step + 1, exclusion.to_step + 1);
    format!("{} between steps {from} and {to}", event(&exclusion.matching))
}

fn attribution(attribution: Attribution) -> String {
    match attribution {
        Attribution::FirstTouch => "the first event that carries one".into(),
        Attribution::LastTouch => "the last event that carries one".into(),
        Attribution::AllEvents => "every event for itself".into(),
        Attribution::Steps { steps } => {
            let numbers = (0..u32::BITS).filter(|step| steps >> step & 1 != 0).map(|step| (step + 1).to_string());
            format!("the events of step {}", numbers.collect::<Vec<_>>().join(", "))
        }
    }
}

/// What the statistics compare and, where it is something else, what the series shows.
fn value(value: &TrendValue) -> String {
    match value {
        TrendValue::Cumulative(Counting::Events) => "events".into(),
        TrendValue::Cumulative(Counting::Units(unit)) => match unit {
            Unit::Person => "persons".into(),
            Unit::DistinctId => "distinct ids".into(),
            Unit::Group { group_type_index } => format!("groups of type {group_type_index}"),
            Unit::Session => "sessions".into(),
            Unit::Expression(_) => "units".into(),
        },
        TrendValue::Cumulative(Counting::Sum(number)) => format!("sum of {}", number_name(number)),
        TrendValue::PerInterval(IntervalStatistic::Numbers { number, statistic }) => {
            format!("events (series: {} of {})", statistic_name(*statistic), number_name(number))
        }
        TrendValue::PerInterval(IntervalStatistic::EventsPerUnit(statistic)) => {
            format!("events (series: {} of events per unit)", statistic_name(*statistic))
        }
    }
}

fn number_name(number: &EventNumber) -> String {
    match number {
        EventNumber::Property(name) | EventNumber::Column(name) => name.clone(),
        EventNumber::Expression(_) => "an expression".into(),
        EventNumber::Session(property) => format!("{} of sessions", property.name()),
    }
}

fn statistic_name(statistic: Statistic) -> String {
    match statistic {
        Statistic::Sum => "sum".into(),
        Statistic::Mean => "mean".into(),
        Statistic::Minimum => "minimum".into(),
        Statistic::Maximum => "maximum".into(),
        Statistic::Quantile { percent } => format!("{percent} % quantile"),
    }
}

fn exposure(unit: ExposureUnit) -> &'static str {
    match unit {
        ExposureUnit::Persons => "exposed person",
        ExposureUnit::DistinctIds => "exposed distinct id",
        ExposureUnit::Groups => "exposed group",
        ExposureUnit::Sessions => "exposed session",
        ExposureUnit::Values => "exposed unit",
        ExposureUnit::Events => "event of exposure",
        ExposureUnit::Sum => "unit of the exposure's sum",
    }
}

fn counted(counted: &Counted) -> String {
    match counted {
        Counted::Events(matching) => event(matching),
        Counted::Rows { rows, exposure, .. } => {
            format!("rows of table {}, by the last exposure before: {}", rows.table, event(exposure))
        }
    }
}

fn event(event: &EventMatch) -> String {
    let patterns: Vec<_> = event.any_of.iter().map(pattern).collect();
    if patterns.is_empty() { "no event".to_owned() } else { patterns.join(", or ") }
}

fn pattern(pattern: &EventPattern) -> String {
    let name = pattern.event.as_deref().unwrap_or("every event");
    if pattern.filter.is_everything() { name.to_owned() } else { format!("{name} where {}", json(&pattern.filter)) }
}

fn deadline(deadline: &Deadline) -> String {
    match deadline {
        Deadline::After { microseconds } if microseconds % DAY_MICROSECONDS == 0 => {
            format!("{} days of the first step", microseconds / DAY_MICROSECONDS)
        }
        Deadline::After { microseconds } => format!("{} s of the first step", microseconds / SECOND_MICROSECONDS),
        Deadline::AfterMonths { months, timezone } => format!("{months} months of the first step, in {timezone}"),
    }
}

fn instant(microseconds: i64) -> String {
    Timestamp::from_microsecond(microseconds)
        .map_or_else(|_| format!("{microseconds} µs"), |instant| instant.to_string())
}

fn counts(plan: &Plan, measured: &Measured) -> Table {
    let count = |count: u64| Cell::number(number::count(count), count);
    match measured {
        Measured::Trend(cells) => {
            // Of plain counts the total is the number of events.
            let is_plain = cells.variants.iter().all(|cell| number::amount(cell.total()) == number::count(cell.events));
            let columns = ["variant", "exposures", "events", "total"];
            let columns = if is_plain { &columns[..3] } else { &columns[..] };
            let mut table = Table::new(columns);
            let amount = |amount: f64| Cell::number(number::amount(amount), amount);
            let mut push = |cells: Vec<Cell>| table.push(cells.into_iter().take(columns.len()).collect());
            for cell in &cells.variants {
                push(vec![Cell::text(&cell.variant), amount(cell.exposures), count(cell.events), amount(cell.total())]);
            }
            let outside = count(cells.events_without_variant);
            push(vec![Cell::text("(none known)"), Cell::missing(), outside, Cell::missing()]);
            table
        }
        Measured::Funnel(cells) => {
            let mut table = Table::new(&["variant", "step", plan.population.unit.plural()]);
            for cell in &cells.variants {
                for (step, persons) in (1_u64..).zip(&cell.persons_by_step) {
                    table.push(vec![Cell::text(&cell.variant), count(step), count(*persons)]);
                }
            }
            table.push(vec![Cell::text("(none)"), count(1), count(cells.persons_without_variant)]);
            table.push(vec![Cell::text("(unknown)"), count(1), count(cells.persons_with_foreign_variant)]);
            table
        }
        Measured::Units(cells) => {
            let mut table = Table::new(&["variant", "units", "sum"]);
            for cell in &cells.variants {
                let sum = cell.moments.sum;
                let sum = Cell::number(number::significant_digits(sum, 6), sum);
                table.push(vec![Cell::text(&cell.variant), count(cell.moments.count), sum]);
            }
            table.push(vec![Cell::text("(several)"), count(cells.several_variants.units), Cell::missing()]);
            table
        }
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The outward name of a value that serialises as a text.
fn word(value: &impl Serialize) -> String {
    json(value).trim_matches('"').to_owned()
}
