//! What may be done now, and what it changes.
//!
//! Each rule is a pure function from the present state and a request to the new state, or a refusal; whoever calls it
//! loads the state, stores the outcome, and does both in one transaction, so that a refused request changes nothing
//! (B-11). The clock comes in as `now`.
//!
//! Rule numbers (`L-…`, `V-…`, `B-…`) are those of the compatible reference system; a `B-…` is a fault of that system
//! which this one does not have.

mod create;
mod end;
mod flag;
mod launch;
mod variants;

pub use create::{NewExperiment, Surroundings, create};
pub use end::end;
pub use flag::{ExistingFlag, NewFlag, create_flag};
pub use launch::launch;

use jiff::Timestamp;

use crate::error::{Error, Result};

/// An experiment does not end before it begins (B-17).
fn check_dates(start: Option<Timestamp>, end: Option<Timestamp>) -> Result<()> {
    match (start, end) {
        (Some(start), Some(end)) if end < start => {
            let message = format!("the end date ({end}) is before the start date ({start})");
            Err(Error::invalid_field("end_date", "invalid_input", message))
        }
        _ => Ok(()),
    }
}
