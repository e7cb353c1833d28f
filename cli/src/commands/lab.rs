//! The lab as a whole: making one, and what it holds.

use std::path::PathBuf;

use abduck::events::{AttachedChange, Change, GroupType};
use abduck::report::number;
use abduck::{Engine, Error, Result};
use jiff::Timestamp;
use serde_json::json;

use crate::args::Global;
use crate::commands::experiment;
use crate::output::{Answer, Output};

/// How many event names are listed.
const EVENT_NAMES: u32 = 20;

/// Makes a directory a lab.
pub(crate) fn init(global: &Global, directory: Option<PathBuf>, output: &Output) -> Result<()> {
    let directory = directory.unwrap_or_else(|| global.lab.clone());
    Engine::init(&directory)?;
    let shown = directory.display();
    output.note(&format!("{shown} is a lab now; take events in with `abduck --lab {shown} ingest FILES`"));
    Ok(())
}

/// Shows what the lab holds.
pub(crate) fn status(global: &Global, output: &Output) -> Result<()> {
    let mut engine = super::open(global)?;
    let state = engine.data_state()?;
    let names = engine.event_names(EVENT_NAMES)?;
    let experiments = experiment::described_all(&mut engine)?;
    let lab = std::path::absolute(engine.directory()).map_err(|error| Error::io(engine.directory(), error))?;
    let moment = |moment: Option<Timestamp>| moment.map_or_else(|| "–".to_owned(), |moment| moment.to_string());
    let mut fields = vec![
        ("lab", lab.display().to_string()),
        ("events", number::count(state.event_count)),
        ("persons", number::count(state.person_count)),
        ("first event", moment(state.first_event)),
        ("last event", moment(state.last_event)),
        ("data version", state.data_version.to_string()),
    ];
    let groups = |known: &GroupType| {
        ("groups", format!("{} (index {})  {}", known.name, known.index, number::count(known.group_count)))
    };
    fields.extend(state.group_types.iter().map(groups));
    fields.extend(state.attached.iter().map(|pattern| ("attached", pattern.clone())));
    fields.extend(names.iter().map(|(name, count)| ("event", format!("{name}  {}", number::count(*count)))));
    fields.extend(experiments.iter().map(|experiment| ("experiment", experiment.one_line())));
    state.attached_changes.iter().for_each(|change| output.warning(&changed(change)));
    let data = json!({
        "lab": lab,
        "events": state.event_count,
        "persons": state.person_count,
        "group_types": state.group_types,
        "first_event": state.first_event,
        "last_event": state.last_event,
        "data_version": state.data_version,
        "attached": state.attached,
        "event_names": names.iter().map(|(name, count)| json!({"event": name, "count": count})).collect::<Vec<_>>(),
        "experiments": experiments,
    });
    output.answer(&Answer::fields(&fields, &data)?)
}

fn changed(changed: &AttachedChange) -> String {
    let change = match changed.change {
        Change::Altered => "has changed",
        Change::Vanished => "is gone",
        Change::Appeared => "is new",
    };
    format!("attached file {} {change}; it is read again for the next results", changed.path.display())
}
