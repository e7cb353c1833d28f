//! Ctrl-C.

use abduck::{Error, Interrupt, Result};

use crate::exit::Exit;

/// Lets the first Ctrl-C stop the engine, which then leaves everything as it was; the second ends the process at once.
///
/// That loses nothing either, because whatever the engine changes it changes in a transaction.
pub(crate) fn stop_on_control_c(interrupt: Interrupt) -> Result<()> {
    #[expect(clippy::exit, reason = "the caller asked twice")]
    let stop = move || {
        if interrupt.is_raised() {
            std::process::exit(i32::from(Exit::Interrupted as u8));
        }
        interrupt.interrupt();
    };
    ctrlc::set_handler(stop).map_err(|error| Error::bug(format!("Ctrl-C cannot be handled: {error}")))
}
