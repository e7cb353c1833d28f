//! The projection: what is asked of events most often, in narrow columns beside the store.
//!
//! ```text
//! lab/projection/<hash of the data>/
//!   manifest.json         how many events, and how persons are divided into buckets
//!   units.arrow           per bucket its persons, in ascending order, and how many events each has
//!   timestamp.arrow       per event, person by person, in order of time and uuid
//!   event_name.arrow      the number of the event's name
//!   row.arrow             the event's place in the store
//!   <hash of a question>.arrow   the answer to a question about each event, said in SQL
//! ```
//!
//! All are Arrow files with one batch per bucket. Nothing in here is a second truth: a column is what the store itself
//! answered, for exactly the data whose hash the folder has; when the data change, another folder is begun. Any part may be
//! removed at any time, and is made again when it is missed. Files appear whole, by renaming, so that readers never wait.

mod answer;
mod base;
mod bucket;
mod file;
mod layout;

pub use self::answer::{Answer, Question};
pub use self::bucket::Bucket;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::{process, thread};

use self::bucket::Loader;
use self::layout::Manifest;
use super::interrupt::Interrupt;
use super::store::Reader;
use crate::error::{Error, Result};

/// Where the events of a metric are read. The numbers do not depend on it, only how long they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventsFrom {
    /// The projection where it can answer, if there are so many events that making it pays; otherwise the table.
    #[default]
    Quickest,
    /// The projection wherever it can answer, however few events there are.
    Projection,
    /// The table of events.
    Table,
}

/// From how many events on making a projection pays: below, a query over the table takes a few hundredths of a second.
const PAYS_FROM_EVENTS: u64 = 100_000;

/// The narrow columns of a lab's events, as of the data that its reader sees.
#[derive(Debug)]
pub struct Projection<'a> {
    reader: &'a Reader,
    folder: PathBuf,
    manifest: Manifest,
}

impl Reader {
    /// The same store, read from elsewhere.
    #[must_use]
    pub fn reading_from(mut self, events_from: EventsFrom) -> Self {
        self.events_from = events_from;
        self
    }

    /// The projection of the stored events, made if it is missing; `None` when there is none: where it is not wanted or does not
    /// pay, where files are attached, which may change beside the store, and where the lab cannot be written to.
    ///
    /// # Errors
    ///
    /// `Query` if the store cannot be read, `Interrupted`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use abduck::events::{EventStore, EventsFrom, Interrupt};
    /// # fn main() -> abduck::error::Result<()> {
    /// # let directory = std::env::temp_dir().join(format!("abduck-doc-projection-{}", std::process::id()));
    /// # let store = EventStore::create(&directory)?;
    /// let reader = store.reading_from(EventsFrom::Projection).read(Duration::from_secs(1), "count")?;
    /// // Without events there is nothing to project.
    /// assert!(reader.projection(&Interrupt::new())?.is_none());
    /// # drop(reader);
    /// # std::fs::remove_dir_all(&directory).ok();
    /// # Ok(())
    /// # }
    /// ```
    pub fn projection(&self, interrupt: &Interrupt) -> Result<Option<Projection<'_>>> {
        let Some((name, events)) = layout::of(self)? else { return Ok(None) };
        let is_wanted = match self.events_from {
            EventsFrom::Quickest => events >= PAYS_FROM_EVENTS,
            EventsFrom::Projection => true,
            EventsFrom::Table => false,
        };
        if !is_wanted {
            return Ok(None);
        }
        let folder = self.directory.join("projection").join(&name);
        if let Some(manifest) = Manifest::read(&folder) {
            return Ok(Some(Projection { reader: self, folder, manifest }));
        }
        let Some(wanted) = layout::wanted(self, events)? else { return Ok(None) };
        match self.project(&folder, &name, &wanted, interrupt) {
            Ok(manifest) => Ok(Some(Projection { reader: self, folder, manifest })),
            Err(error) if error.is_of_storage() => {
                tracing::info!(%error, "no projection could be written; queries read the event table");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes the columns that every question needs, aside, and gives them their name once they are complete.
    fn project(&self, folder: &Path, name: &str, wanted: &layout::Wanted, interrupt: &Interrupt) -> Result<Manifest> {
        let parent = folder.parent().unwrap_or(folder);
        let unfinished = parent.join(format!(".{name}-{}", unique()));
        fs::create_dir_all(&unfinished).map_err(|error| Error::io(&unfinished, error))?;
        let made = base::write(self, &unfinished, wanted, interrupt);
        if Manifest::read(folder).is_none() {
            // What has the name without being complete was damaged.
            fs::remove_dir_all(folder).ok();
        }
        // Somebody else may have been faster, with the same columns.
        let named = made.and_then(|manifest| match fs::rename(&unfinished, folder) {
            Err(_) if Manifest::read(folder).is_some() => Ok(manifest),
            renamed => renamed.map(|()| manifest).map_err(|error| Error::io(folder, error)),
        });
        fs::remove_dir_all(&unfinished).ok();
        if named.is_ok() {
            remove_older(parent, name);
        }
        named
    }
}

/// Removes the projections of what the data were before. Whoever still reads one has its files open.
fn remove_older(parent: &Path, name: &str) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name() != *name) {
        // Of those being written by somebody else, the data are the present ones too.
        if !entry.file_name().to_string_lossy().starts_with(&format!(".{name}")) {
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}

/// A suffix that no other writer has.
fn unique() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

impl Projection<'_> {
    /// The number of events.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.manifest.events
    }

    /// Removes it, so that it is made anew when it is asked for again: for one that cannot be read.
    pub fn discard(self) {
        fs::remove_dir_all(&self.folder).ok();
    }

    /// The number of each event name.
    #[must_use]
    pub fn event_names(&self) -> &BTreeMap<String, u16> {
        &self.manifest.event_names
    }

    /// Answers questions about every event, each once for all: what was answered before is not asked again.
    ///
    /// # Errors
    ///
    /// `Query` if the store refuses a question, `Io` if the answers cannot be written, `Interrupted`.
    pub fn answer(&self, questions: &[Question], interrupt: &Interrupt) -> Result<()> {
        answer::write_missing(self.reader, &self.folder, &self.manifest, questions, interrupt)
    }

    /// Calls `each` for one bucket after another, with the answers to some questions.
    ///
    /// # Errors
    ///
    /// As [`Projection::for_each_bucket`].
    pub fn in_order(
        &self,
        questions: &[Question],
        interrupt: &Interrupt,
        each: &mut dyn FnMut(&Bucket<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut loader = Loader::open(&self.folder, questions)?;
        (0..self.manifest.buckets()).try_for_each(|bucket| {
            interrupt.check()?;
            loader.with(bucket, &mut *each)
        })
    }

    /// Calls `each` for every bucket, with the answers to some questions, on all processors at once; the results are in the
    /// order of the buckets, so of the persons.
    ///
    /// # Errors
    ///
    /// `Io` and `Storage` if a column cannot be read, `Interrupted`, and whatever `each` returns.
    pub fn for_each_bucket<T: Send>(
        &self,
        questions: &[Question],
        interrupt: &Interrupt,
        each: &(dyn Fn(&Bucket<'_>) -> Result<T> + Sync),
    ) -> Result<Vec<T>> {
        let buckets = self.manifest.buckets();
        let next = AtomicUsize::new(0);
        let done = Mutex::new(Vec::with_capacity(buckets));
        // The connection to the store stays with its thread.
        let folder = &self.folder;
        let work = || -> Result<()> {
            let mut loader = Loader::open(folder, questions)?;
            loop {
                let bucket = next.fetch_add(1, Ordering::Relaxed);
                if bucket >= buckets {
                    return Ok(());
                }
                interrupt.check()?;
                let result = loader.with(bucket, &mut |columns| each(columns))?;
                done.lock().unwrap_or_else(PoisonError::into_inner).push((bucket, result));
            }
        };
        let workers = thread::available_parallelism().map_or(1, usize::from).min(buckets);
        thread::scope(|scope| {
            let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            let joined = threads.into_iter().map(|thread| {
                thread.join().unwrap_or_else(|_| Err(Error::bug("a thread that reads the projection panicked")))
            });
            // All are waited for, whatever one of them says.
            joined.collect::<Vec<_>>().into_iter().collect::<Result<()>>()
        })?;
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(bucket, _)| *bucket);
        Ok(done.into_iter().map(|(_, result)| result).collect())
    }
}
