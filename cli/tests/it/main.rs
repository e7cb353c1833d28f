//! The command as people and scripts meet it: the real binary, in a directory of its own, its whole answer at once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

mod demo;
mod events;
mod exit_codes;
mod experiments;
mod flags;
mod forms;
mod interrupt;
mod lab;
mod readme;
mod results;
