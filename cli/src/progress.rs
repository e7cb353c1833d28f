//! The progress bar of an ingest, on a terminal only.

use std::time::Duration;

use abduck::Progress;
use abduck::events::Stage;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often the bar moves, also while a large Parquet file is read in one go.
const TICK: Duration = Duration::from_millis(100);

/// Shows how far an ingest is; invisible when quiet, and when stderr is not a terminal.
pub(crate) struct IngestProgress {
    bar: ProgressBar,
}

impl IngestProgress {
    pub(crate) fn new(is_quiet: bool) -> Self {
        let target = if is_quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = "{spinner} {msg} {wide_bar} {bytes}/{total_bytes} {elapsed}";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(TICK);
        Self { bar }
    }

    pub(crate) fn show(&self, progress: &Progress) {
        self.bar.set_length(progress.bytes_total);
        self.bar.set_position(progress.bytes_read);
        self.bar.set_message(match (progress.stage, &progress.file) {
            (Stage::Reading, Some(file)) => format!("reading {file}"),
            (Stage::Reading, None) => "reading".into(),
            (Stage::Comparing, _) => "comparing with what is there".into(),
            (Stage::Storing, _) => "storing".into(),
            (Stage::Committing, _) => "making it final".into(),
        });
    }
}

impl Drop for IngestProgress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
