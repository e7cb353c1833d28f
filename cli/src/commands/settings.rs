//! The settings of the lab.

use abduck::model::filter::Filter;
use abduck::model::settings::{LabSettings, WeekStart as FirstDay, time_zone};
use abduck::{Error, Result};
use serde_json::{Value, json};

use crate::args::{Global, SettingsArguments, SettingsCommand, WeekStart};
use crate::output::{Answer, Output, json};

/// Shows or changes the settings.
pub(crate) fn run(global: &Global, command: SettingsCommand, output: &Output) -> Result<()> {
    match command {
        SettingsCommand::Show => output.answer(&shown(&super::open(global)?.settings()?)?),
        SettingsCommand::Set(arguments) => set(global, arguments, output),
    }
}

fn set(global: &Global, arguments: SettingsArguments, output: &Output) -> Result<()> {
    let mut engine = super::open(global)?;
    let settings = changed(engine.settings()?, arguments)?;
    engine.set_settings(&settings, super::now(), global.by.as_deref())?;
    output.answer(&shown(&settings)?)
}

fn changed(mut settings: LabSettings, arguments: SettingsArguments) -> Result<LabSettings> {
    if let Some(name) = arguments.timezone {
        settings.timezone = time_zone(&name)?;
    }
    if let Some(day) = arguments.week_start {
        settings.week_start_day = FirstDay::from(day);
    }
    if let Some(filters) = arguments.test_account_filters {
        settings.test_account_filters = filter_list(&filters)?;
    }
    Ok(settings)
}

/// A list of property filters that the engine will understand.
fn filter_list(text: &str) -> Result<Vec<Value>> {
    const FIELD: &str = "test_account_filters";
    let filters: Vec<Value> = serde_json::from_str(text).map_err(|error| {
        Error::invalid_field(FIELD, "invalid_input", format!("the test-account filters are not a JSON list: {error}"))
            .hint(r#"an example: [{"key": "email", "operator": "not_icontains", "value": "@example.com"}]"#)
    })?;
    Filter::parse(&json!(filters), FIELD)?;
    Ok(filters)
}

fn shown(settings: &LabSettings) -> Result<Answer> {
    let data = json(settings)?;
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let fields = [
        ("timezone", text(&data["timezone"])),
        ("week start", text(&data["week_start_day"])),
        ("test account filters", text(&data["test_account_filters"])),
        ("aggregate users by distinct id", text(&data["aggregate_users_by_distinct_id"])),
    ];
    Answer::fields(&fields, &data)
}

impl From<WeekStart> for FirstDay {
    fn from(day: WeekStart) -> Self {
        match day {
            WeekStart::Sunday => Self::Sunday,
            WeekStart::Monday => Self::Monday,
        }
    }
}
