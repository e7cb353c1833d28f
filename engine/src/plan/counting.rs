//! What is computed from events: amounts that add up, and statistics that stand for one interval each.

use serde::Serialize;

use crate::model::math::{EventNumber, Math, Statistic};
use crate::plan::Unit;

/// An amount of events that adds up over intervals.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Counting {
    /// Their number (Q-T3).
    Events,
    /// The units they belong to, each once, where its first event is (Q-T8). Events of no unit are dropped.
    Units(Unit),
    /// The sum of their numbers (Q-T4).
    Sum(EventNumber),
}

/// What the series of a trend is made of.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TrendValue {
    /// An amount, shown as a running total; the statistics compare it with the exposure.
    Cumulative(Counting),
    /// A statistic of each interval alone. The statistics compare the number of events with the units that have some,
    /// whatever the series shows (Q-T6, Q-X7).
    PerInterval(IntervalStatistic),
}

/// A statistic of the events of one interval (Q-T5); 0 where there is nothing to compute it from (Q-P30).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IntervalStatistic {
    /// Of the events' numbers.
    Numbers {
        /// What number each event has.
        number: EventNumber,
        /// Which statistic.
        statistic: Statistic,
    },
    /// Of the number of events of each unit that has some in the interval.
    EventsPerUnit(Statistic),
}

impl TrendValue {
    /// What a math asks for, where `unit` stands for persons.
    pub(super) fn of(math: &Math, unit: &Unit) -> Self {
        match math {
            Math::Total => Self::Cumulative(Counting::Events),
            Math::UniquePersons => Self::Cumulative(Counting::Units(unit.clone())),
            Math::UniqueGroups { group_type_index } => {
                Self::Cumulative(Counting::Units(Unit::Group { group_type_index: *group_type_index }))
            }
            Math::UniqueSessions => Self::Cumulative(Counting::Units(Unit::Session)),
            Math::Numbers { number, statistic: Statistic::Sum } => Self::Cumulative(Counting::Sum(number.clone())),
            Math::Numbers { number, statistic } => {
                Self::PerInterval(IntervalStatistic::Numbers { number: number.clone(), statistic: *statistic })
            }
            Math::PerPerson(statistic) => Self::PerInterval(IntervalStatistic::EventsPerUnit(*statistic)),
        }
    }
}
