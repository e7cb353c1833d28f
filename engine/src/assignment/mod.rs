//! Which variant does an id get? Flag evaluation, rules F-0 to F-16 of the compatible reference system.
//!
//! A flag is compiled once into an [`Evaluator`], which then answers for any number of [`Subject`]s without looking at
//! JSON again. Everything that could make an answer differ comes in as a value: there is no clock, no chance and no IO here.
//!
//! | answer | when | rule |
//! |---|---|---|
//! | nothing | the flag is switched off or deleted | F-1 |
//! | `no_group_type` | the flag splits groups, and the subject belongs to none of that type | F-2 |
//! | `super_condition_value` | the first super group decides | F-5 |
//! | `holdout_condition_value` | the subject is held out | F-6 |
//! | `condition_match` | a release condition lets the subject in | F-7 to F-10 |
//! | `out_of_rollout_bound`, `no_condition_match` | none does | F-11 |
//!
//! Where the rules are silent on how a property is compared, it is done as the Python SDK of the same time (posthog 3.7)
//! evaluates flags locally, except that a value's text is its JSON text (`true`, not `True`). What that SDK leaves to the
//! server because a property was not given is decided here by F-14.

mod audit;
mod cohort;
mod columns;
mod date;
mod evaluation;
mod evaluator;
mod hash;
mod logged;
mod property;
mod subject;
#[cfg(test)]
mod tests;

pub use audit::{
    Auditor, Definition, Disagreement, DisagreementReason, KnownProperties, MatrixCell, NotEvaluable, ReasonCount,
    Source, SourceAudit, Tally,
};
pub use cohort::CohortDefinition;
pub use columns::{ID_COLUMN, Layout, evaluate_batch, evaluate_objects, evaluation_schema};
pub use evaluation::{Evaluation, FlagValue, Reason};
pub use evaluator::Evaluator;
pub use hash::hash;
pub use logged::{Logged, read_logged};
pub use subject::{KnownSubject, Properties, References, Subject};
