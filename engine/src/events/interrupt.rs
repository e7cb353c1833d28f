//! Stopping a running operation from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use duckdb::Connection;

use crate::error::{ErrorKind, Result};

/// How often a running operation looks whether it should stop.
const POLL: Duration = Duration::from_millis(10);

/// A switch that stops running operations; clones share it.
///
/// [`Interrupt::interrupt`] only sets a flag, so any thread and any signal handler may call it. The flag stays up, and
/// stops every operation it was given to, until [`Interrupt::clear`].
///
/// ```
/// use abduck::events::Interrupt;
///
/// let interrupt = Interrupt::new();
/// let on_signal = interrupt.clone();
/// on_signal.interrupt();
/// assert!(interrupt.check().is_err());
/// interrupt.clear();
/// assert!(interrupt.check().is_ok());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    raised: Arc<AtomicBool>,
}

impl Interrupt {
    /// A switch that is not raised.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops the operations this switch was given to, now and until it is cleared.
    pub fn interrupt(&self) {
        self.raised.store(true, Ordering::SeqCst);
    }

    /// Makes the switch ready for use again.
    pub fn clear(&self) {
        self.raised.store(false, Ordering::SeqCst);
    }

    /// Whether the switch is raised.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.raised.load(Ordering::SeqCst)
    }

    /// Fails if the switch is raised.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Interrupted`].
    pub fn check(&self) -> Result<()> {
        if self.is_raised() { Err(ErrorKind::Interrupted.into()) } else { Ok(()) }
    }

    /// Does `work`, and stops what it runs on the connection once the switch is raised.
    ///
    /// DuckDB forgets an interrupt that arrives before its query has started; therefore a thread watches the flag and
    /// repeats itself until the work has ended.
    pub(super) fn watch<T>(&self, connection: &Connection, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.check()?;
        let handle = connection.interrupt_handle();
        let ended = AtomicBool::new(false);
        thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                while !ended.load(Ordering::SeqCst) {
                    if self.is_raised() {
                        handle.interrupt();
                    }
                    thread::park_timeout(POLL);
                }
            });
            let _end = End { ended: &ended, watcher: watcher.thread().clone() };
            work()
        })
    }
}

/// Ends the watcher, also when the work panics.
struct End<'a> {
    ended: &'a AtomicBool,
    watcher: thread::Thread,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        self.watcher.unpark();
    }
}
