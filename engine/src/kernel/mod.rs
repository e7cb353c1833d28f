//! What SQL says badly: sequences.
//!
//! Kernels know neither the database nor Arrow (only `columns` reads batches): they take slices of one unit's events and
//! give values per unit.

pub mod attribution;
pub mod columns;
mod conversion;
pub mod funnel;
mod instant;
mod ordered;
pub mod rules;
mod strict;
pub mod trace;
pub mod units;
mod unordered;

#[cfg(test)]
mod tests;
