//! Event logs of A/B tests with a known truth, for demos, tests and benches.
//!
//! [`generate`] writes the log of a small web shop that runs two experiments at once:
//!
//! | flag | variants | planted effect |
//! |---|---|---|
//! | `quick-checkout` | control, test (50/50) | conversion from `product_viewed` to `purchase`, per person |
//! | `smart-search` | control, suggestions, semantic (34/33/33) | number of `search` events |
//!
//! and beside it `<stem>.truth.json`, the [`Truth`]: all options, what was planted, what is in the log, and experiment
//! definitions ready to use.
//!
//! # How it is made
//!
//! A person is a pure function of (options, index). The first pass (`census`) generates persons one by one
//! until there are events enough, counting the truth; the second (`slice`) generates them again for every
//! slice of the range and writes the rows in order of arrival. Memory is that of one slice and one batch of rows, however
//! long the log, and equal options give equal bytes.
//!
//! ```
//! use abduck_datasets::{Options, generate};
//!
//! let folder = tempfile::tempdir()?;
//! let options = Options { events: 1_000, ..Options::default() };
//! let truth = generate(&options, &folder.path().join("shop.csv"), |_| {})?;
//! assert!(truth.events >= 1_000);
//! assert!(folder.path().join("shop.truth.json").exists());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "counts, indices, microseconds and amounts here are far from the limits of their types"
)]

mod calendar;
mod census;
mod error;
mod event;
pub mod flag;
mod identifier;
mod options;
mod pathology;
mod person;
mod random;
mod shopper;
mod slice;
mod tally;
mod truth;
mod visit;
mod world;
mod write;

pub use error::Error;
pub use options::{Effects, Options, Pathologies};
pub use pathology::PathologyCounts;
pub use tally::Counts;
pub use truth::{FlagTruth, RevenueTruth, Truth, VariantTruth};
pub use write::Format;

use std::io::Write as _;
use std::path::Path;

/// How far a run is.
///
/// ```
/// let progress = abduck_datasets::Progress { rows_written: 65_536, rows_total: 200_000 };
/// assert!(progress.rows_written < progress.rows_total);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Rows in the file so far.
    pub rows_written: u64,
    /// Rows there will be.
    pub rows_total: u64,
}

/// Generates a log and its truth.
///
/// The extension of `output` decides the [`Format`]. Both files are written under temporary names and renamed when they
/// are complete. `on_batch` hears of every batch of at most 65,536 rows.
///
/// # Errors
///
/// [`Error::Option`] for options or a file name that make no sense, the others when a file cannot be written.
pub fn generate(options: &Options, output: &Path, mut on_batch: impl FnMut(Progress)) -> Result<Truth, Error> {
    let world = world::World::new(options)?;
    let format = Format::of(output)?;
    let (partial_rows, file) = write::Partial::create(output)?;
    let census = census::census(&world);
    let truth = Truth::new(&world, &census);
    let mut rows = write::RowFile::new(format, output, file)?;
    let mut batch = write::Batch::new();
    let mut progress = Progress { rows_written: 0, rows_total: census.rows };
    for slice in slice::slices(&world, census.persons, census.rows.div_ceil(slice::SLICE_ROWS)) {
        for (person, row) in slice.rows() {
            batch.push(person, row, &world.flags);
            if batch.len() == write::BATCH_ROWS {
                progress.rows_written += batch.len() as u64;
                rows.write(std::mem::replace(&mut batch, write::Batch::new()))?;
                on_batch(progress);
            }
        }
    }
    progress.rows_written += batch.len() as u64;
    rows.write(batch)?;
    rows.finish()?;
    on_batch(progress);
    let partial_truth = write_truth(&truth, &output.with_extension("truth.json"))?;
    partial_rows.finish()?;
    partial_truth.finish()?;
    Ok(truth)
}

fn write_truth(truth: &Truth, path: &Path) -> Result<write::Partial, Error> {
    let (partial, mut file) = write::Partial::create(path)?;
    let text = serde_json::to_string_pretty(truth).map_err(std::io::Error::from).map_err(Error::file(path))?;
    file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n")).map_err(Error::file(path))?;
    Ok(partial)
}
