//! Waiting for the engine without holding up Python.

use std::panic;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use abduck::Interrupt;
use pyo3::prelude::*;

use crate::errors::exception;

/// How often Python's signals are looked at.
const POLL: Duration = Duration::from_millis(100);

/// Does work of the engine in a thread of its own while other Python threads go on.
///
/// News of the work is handed to `on_news` in the calling thread, and the work goes on when that has returned. When it or
/// a signal handler raises (Ctrl-C raises `KeyboardInterrupt`), the work is interrupted, its end awaited, and the exception
/// raised.
pub(crate) fn wait<T: Send, News: Send>(
    py: Python<'_>,
    interrupt: &Interrupt,
    work: impl FnOnce(&mut dyn FnMut(News)) -> abduck::Result<T> + Send,
    mut on_news: impl FnMut(Python<'_>, News) -> PyResult<()> + Send,
) -> PyResult<T> {
    let (heard, done) = py.detach(|| {
        thread::scope(|scope| {
            let (teller, listener) = mpsc::channel();
            let (answerer, answers) = mpsc::channel();
            let mut tell = move |news| {
                // Fails only when the caller has panicked; the work may go on then.
                let _ = teller.send(news).is_ok() && answers.recv().is_ok();
            };
            // The channels close when the work has ended, also by a panic.
            let worker = scope.spawn(move || work(&mut tell));
            let mut heard = Ok(());
            loop {
                let news = match listener.recv_timeout(POLL) {
                    Ok(news) => Some(news),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => break,
                };
                let is_answer_due = news.is_some();
                if heard.is_ok() {
                    heard = Python::attach(|py| {
                        py.check_signals()?;
                        news.map_or(Ok(()), |news| on_news(py, news))
                    });
                }
                if heard.is_err() {
                    interrupt.interrupt();
                }
                if is_answer_due {
                    let _ = answerer.send(());
                }
            }
            (heard, worker.join())
        })
    });
    heard?;
    done.unwrap_or_else(|payload| panic::resume_unwind(payload)).map_err(|error| exception(py, &error))
}
