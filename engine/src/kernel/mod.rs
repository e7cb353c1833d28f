//! What SQL says badly: sequences.
//!
//! Kernels know neither the database nor Arrow (only `columns` reads batches): they take slices of one unit's events and
//! give values per unit.

pub mod columns;
pub mod conversion;
pub mod funnel;
pub mod units;
