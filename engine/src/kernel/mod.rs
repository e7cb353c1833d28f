//! What SQL says badly: sequences, and sums that do not depend on the order.
//!
//! Kernels know neither the database nor Arrow (only `columns` reads batches): they take slices of one unit's events and
//! give values per unit, or a group's values and give one.

pub mod attribution;
pub mod columns;
mod conversion;
pub mod funnel;
mod instant;
mod ordered;
pub mod persons;
pub mod rules;
pub mod statistic;
mod strict;
pub mod trace;
pub mod units;
mod unordered;

#[cfg(test)]
mod tests;
