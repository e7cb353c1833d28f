//! Who computes: here, or elsewhere.
//!
//! A backend takes a [`Plan`](crate::plan::Plan) and gives back counts per variant
//! ([`Measured`](crate::stats::Measured)); nothing about single units leaves it, unless they are what was asked for: the
//! persons exposed to an experiment, or the members of a cohort.

mod local;
mod persons;

pub use local::{
    SeriesCells, Shuffle, UnitHistory, WithoutLargest, for_each_unit, measure, measure_table, reconcile, reduce,
    shuffle, unit_history, unit_series, without_largest,
};
pub use persons::{cohort_members, exposures, person_names, requires_flag_implementation};
