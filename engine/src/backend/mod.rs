//! Who computes: here, or elsewhere.
//!
//! A backend takes a [`Plan`](crate::plan::Plan) and gives back counts per variant
//! ([`Measured`](crate::stats::Measured)); nothing about single units leaves it.

mod local;

pub use local::measure;
