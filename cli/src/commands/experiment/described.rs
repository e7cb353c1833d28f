//! Experiments, as people and programs are shown them.

use abduck::model::experiment::{Conclusion, Status};
use abduck::model::flag::FeatureFlag;
use abduck::model::holdout::Holdout;
use abduck::model::saved_metric::ExperimentSavedMetric;
use abduck::report::{Cell, Table, number};
use abduck::{Engine, Experiment, Result};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::commands::{flag, now};

/// An experiment with what belongs to it.
#[derive(Debug, Serialize)]
pub(crate) struct Described {
    /// Where it is in its life, by the caller's clock.
    pub(crate) status: Status,
    /// Whether it runs with its flag switched off.
    pub(crate) is_paused: bool,
    /// The experiment as it is stored.
    pub(crate) experiment: Experiment,
    /// The flag that splits its traffic.
    pub(crate) feature_flag: FeatureFlag,
    /// Who is kept out of it.
    pub(crate) holdout: Option<Holdout>,
}

impl Described {
    pub(super) fn new(engine: &mut Engine, experiment: Experiment) -> Result<Self> {
        let feature_flag = engine.flag_of(&experiment)?;
        let holdout = experiment.holdout_id.map(|id| engine.holdout(&id.to_string())).transpose()?;
        let status = experiment.status(now());
        let is_paused = status == Status::Running && !feature_flag.active && !feature_flag.deleted;
        Ok(Self { status, is_paused, experiment, feature_flag, holdout })
    }

    /// The experiment in a list of other things.
    pub(crate) fn one_line(&self) -> String {
        let Experiment { feature_flag_key, name, .. } = &self.experiment;
        format!("{feature_flag_key}  {name}  ({})", self.state())
    }

    /// The experiment, field by field; what it does not have is left out.
    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        let Self { experiment, feature_flag, holdout, .. } = self;
        let mut fields = vec![
            ("number", experiment.id.to_string()),
            ("key", experiment.feature_flag_key.clone()),
            ("name", experiment.name.clone()),
            ("status", self.state().to_owned()),
            ("start", moment(experiment.start_date)),
            ("end", moment(experiment.end_date)),
            ("variants", flag::shown_variants(feature_flag)),
            ("metric", Value::Object(experiment.filters.clone()).to_string()),
        ];
        let saved_metrics: Vec<_> = experiment.saved_metrics.iter().map(used).collect();
        let optional = [
            ("saved metrics", (!saved_metrics.is_empty()).then(|| saved_metrics.join(", "))),
            ("holdout", holdout.as_ref().map(|holdout| format!("{}  {}", holdout.name, held_out(holdout)))),
            ("flag", feature_flag.deleted.then(|| "deleted".to_owned())),
            ("conclusion", experiment.conclusion.map(|conclusion| name_of(conclusion).to_owned())),
            ("comment", experiment.conclusion_comment.clone()),
            ("description", experiment.description.clone()),
            ("created by", experiment.created_by.clone()),
        ];
        fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        fields
    }

    /// Where it is in its life, and whether it is paused there.
    pub(super) fn state(&self) -> &'static str {
        match self.status {
            Status::Draft => "draft",
            Status::Running if self.is_paused => "running (paused)",
            Status::Running => "running",
            Status::Complete => "complete",
            Status::Archived => "archived",
        }
    }
}

/// Experiments, a row each.
pub(super) fn table(experiments: &[Described]) -> Table {
    let mut table = Table::new(&["number", "key", "name", "status", "start", "end"]);
    for described in experiments {
        let experiment = &described.experiment;
        table.push(vec![
            Cell::number(experiment.id.to_string(), experiment.id),
            Cell::text(&experiment.feature_flag_key),
            Cell::text(&experiment.name),
            Cell::text(described.state()),
            Cell::text(moment(experiment.start_date)),
            Cell::text(moment(experiment.end_date)),
        ]);
    }
    table
}

/// How many people a holdout keeps out; only its first condition counts (L-33).
pub(crate) fn held_out(holdout: &Holdout) -> String {
    let percent = holdout.filters.first().and_then(|group| group.rollout_percentage);
    percent.map_or_else(|| "–".to_owned(), |percent| number::percent(percent / 100.0))
}

/// A saved metric in use, and as what.
fn used(link: &ExperimentSavedMetric) -> String {
    match link.metadata.get("type").and_then(Value::as_str) {
        Some(kind) => format!("{} ({kind})", link.name),
        None => link.name.clone(),
    }
}

fn name_of(conclusion: Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Won => "won",
        Conclusion::Lost => "lost",
        Conclusion::Inconclusive => "inconclusive",
        Conclusion::StoppedEarly => "stopped early",
        Conclusion::Invalid => "invalid",
    }
}

fn moment(moment: Option<Timestamp>) -> String {
    moment.map_or_else(|| "–".to_owned(), |moment| moment.to_string())
}
