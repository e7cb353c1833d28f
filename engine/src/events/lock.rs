//! Who may use the store now: the lock file beside it.
//!
//! DuckDB locks its file too, but not between two handles of one process. This lock (flock) belongs to the handle, and
//! the system releases it when the process ends, however it ends.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::interrupt::Interrupt;
use crate::error::{Error, ErrorKind, Result};

/// The first and the longest pause between two attempts.
const PAUSES: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(50));

/// Whether others may hold the store at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Shared,
    Exclusive,
}

/// The store, held until this value is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    access: Access,
}

impl Lock {
    /// Takes the lock, waiting for at most `wait`. `operation` is what others are told if they have to wait.
    pub(super) fn take(
        path: &Path,
        access: Access,
        wait: Duration,
        operation: &str,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let mut file =
            File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(|error| {
                Error::io(path, error)
                    .hint("the lab's directory must be writable, also for queries: they lock the store")
            })?;
        let began = Instant::now();
        let mut pause = PAUSES.0;
        loop {
            let attempt = match access {
                Access::Shared => file.try_lock_shared(),
                Access::Exclusive => file.try_lock(),
            };
            match attempt {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(Error::io(path, error)),
                Err(TryLockError::WouldBlock) => {}
            }
            interrupt.check()?;
            let waited = began.elapsed();
            if waited >= wait {
                return Err(busy(&mut file, waited));
            }
            thread::sleep(pause.min(wait.saturating_sub(waited)));
            pause = (pause * 2).min(PAUSES.1);
        }
        let mut lock = Self { file, access };
        lock.sign(operation);
        Ok(lock)
    }

    /// Writes into the lock file who holds it. That is a courtesy to those who wait, so a failure does not matter.
    fn sign(&mut self, operation: &str) {
        let manner = match self.access {
            Access::Shared => "shared",
            Access::Exclusive => "exclusive",
        };
        let text = format!("{manner}\n{}\n{operation}\n", std::process::id());
        let _ = self.write(text.as_bytes());
    }

    fn write(&mut self, text: &[u8]) -> std::io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(text)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The only holder takes its name off; one of several readers can't, as it may be another's.
        if self.access == Access::Exclusive {
            let _ = self.write(b"");
        }
        let _ = self.file.unlock();
    }
}

fn busy(file: &mut File, waited: Duration) -> Error {
    let mut text = String::new();
    let _ = file.rewind().and_then(|()| file.read_to_string(&mut text));
    let lines: Vec<&str> = text.lines().collect();
    let holder = match lines[..] {
        ["exclusive", process, operation] => format!("process {process} ({operation})"),
        ["shared", process, operation] => format!("readers, the last of them process {process} ({operation})"),
        _ => "another process".to_owned(),
    };
    Error::from(ErrorKind::Busy { holder, waited_seconds: waited.as_secs_f64() })
        .hint("wait longer, or stop the holder; a lock never outlives the process that holds it")
}
