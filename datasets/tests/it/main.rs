//! The generator from the outside: files are read back with Polars and counted again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "counts and amounts here are far from the limits of their types"
)]

mod command;
mod determinism;
mod effects;
mod formats;
mod log;
mod pathologies;
mod recount;
mod sample;
