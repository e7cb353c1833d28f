//! The engine of an open lab, shared by the threads of one process.

use std::path::PathBuf;
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use abduck::{Engine, Error, Interrupt, Progress};
use pyo3::prelude::*;

use crate::errors::exception;
use crate::wait::wait;

/// How long to pause between two looks at whether another thread is done with the lab.
const PAUSE: Duration = Duration::from_millis(5);

/// An engine that one thread at a time may use.
pub(crate) struct Session {
    engine: Mutex<Option<Engine>>,
    interrupt: Interrupt,
    /// The directory of the lab.
    pub(crate) directory: PathBuf,
    /// The thread that uses the engine.
    user: Mutex<Option<ThreadId>>,
    process: u32,
}

impl Session {
    /// Opens a lab; `patience_seconds` is how long to wait for others who use it.
    pub(crate) fn begin(
        py: Python<'_>,
        patience_seconds: f64,
        open: impl FnOnce() -> abduck::Result<Engine> + Send,
    ) -> PyResult<Self> {
        let invalid = || Error::invalid_field("wait", "invalid", "wait must be a number of seconds, 0 or more");
        let opened = py.detach(|| {
            let patience = Duration::try_from_secs_f64(patience_seconds).map_err(|_| invalid())?;
            open()?.waiting_at_most(patience)
        });
        let engine = opened.map_err(|error| exception(py, &error))?;
        Ok(Self {
            interrupt: engine.interrupt(),
            directory: engine.directory().to_owned(),
            engine: Mutex::new(Some(engine)),
            user: Mutex::new(None),
            process: process::id(),
        })
    }

    /// Lets go of the engine.
    pub(crate) fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.hold(py).map(|mut engine| drop(engine.take()))
    }

    /// Whether the engine was let go of.
    pub(crate) fn is_closed(&self) -> bool {
        // A lab in use is open; asking must not wait.
        self.engine.try_lock().is_ok_and(|engine| engine.is_none())
    }

    /// Does something with the engine.
    pub(crate) fn run<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Engine) -> abduck::Result<T> + Send,
    ) -> PyResult<T> {
        self.run_with_progress(py, |engine, _| work(engine), None)
    }

    /// Does something with the engine that tells how far it is.
    pub(crate) fn run_with_progress<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Engine, &mut dyn FnMut(Progress)) -> abduck::Result<T> + Send,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<T> {
        let on_news = move |py: Python<'_>, news| progress.as_ref().map_or(Ok(()), |progress| tell(py, progress, news));
        self.run_with_news(py, work, on_news)
    }

    /// Does something with the engine that has news while it is done.
    pub(crate) fn run_with_news<T: Send, News: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Engine, &mut dyn FnMut(News)) -> abduck::Result<T> + Send,
        on_news: impl FnMut(Python<'_>, News) -> PyResult<()> + Send,
    ) -> PyResult<T> {
        let mut held = self.hold(py)?;
        let engine = held.as_mut().ok_or_else(|| exception(py, &closed()))?;
        self.interrupt.clear();
        self.set_user(Some(thread::current().id()));
        let done = wait(py, &self.interrupt, |tell| work(engine, tell), on_news);
        self.set_user(None);
        done
    }

    fn user(&self) -> Option<ThreadId> {
        *self.user.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_user(&self, user: Option<ThreadId>) {
        *self.user.lock().unwrap_or_else(PoisonError::into_inner) = user;
    }

    /// The engine, once other threads are done with it.
    fn hold(&self, py: Python<'_>) -> PyResult<MutexGuard<'_, Option<Engine>>> {
        if self.process != process::id() {
            return Err(exception(py, &forked()));
        }
        loop {
            match self.engine.try_lock() {
                Ok(engine) => return Ok(engine),
                Err(TryLockError::Poisoned(engine)) => return Ok(PoisonError::into_inner(engine)),
                Err(TryLockError::WouldBlock) if self.user() == Some(thread::current().id()) => {
                    return Err(exception(py, &occupied()));
                }
                Err(TryLockError::WouldBlock) => {}
            }
            py.check_signals()?;
            py.detach(|| thread::sleep(PAUSE));
        }
    }
}

fn tell(py: Python<'_>, progress: &Py<PyAny>, news: Progress) -> PyResult<()> {
    let stage = format!("{:?}", news.stage).to_lowercase();
    progress.call1(py, (stage, news.file, news.bytes_read, news.bytes_total)).map(drop)
}

fn closed() -> Error {
    Error::not_allowed("the lab is closed").hint("open it again with abduck.open")
}

fn forked() -> Error {
    Error::not_allowed("the lab was opened by the process that this one was forked from")
        .hint("open it again with abduck.open in each process")
}

fn occupied() -> Error {
    Error::not_allowed("a progress function cannot use the lab whose progress it is told")
        .hint("use the lab when the ingest has ended")
}
