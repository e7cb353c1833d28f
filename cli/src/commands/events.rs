//! Taking events in, and querying files where they lie.

use std::path::Path;

use abduck::events::{AttachReport, ColumnMapping, Format, TimestampUnit};
use abduck::report::{Cell, Table, number};
use abduck::{IngestOptions, IngestReport, Result, Source, TableOptions, TableReport};
use serde_json::json;

use crate::args::{AttachArguments, FileFormat, Global, IngestArguments, MappingArguments, Unit};
use crate::output::{Answer, Output, aligned};
use crate::progress::IngestProgress;

/// Takes events into the lab.
pub(crate) fn ingest(global: &Global, arguments: IngestArguments, output: &Output) -> Result<()> {
    if arguments.table.persons || arguments.table.groups {
        return ingest_table(global, arguments, output);
    }
    let IngestArguments { files, format, strict, mapping, .. } = arguments;
    let options = IngestOptions { format: format.map(Format::from), mapping: column_mapping(mapping)?, strict };
    let mut engine = super::open(global)?;
    let progress = IngestProgress::new(output.is_quiet());
    let report = engine.ingest(Source::Files(files), &options, &mut |step| progress.show(&step))?;
    drop(progress);
    warn_of_rejects(report.rejected, report.rejects_file.as_deref(), output);
    if let Some(name) = options.mapping.exposure_event.filter(|_| report.exposures == 0) {
        output.warning(&format!("no row has the exposure event '{name}', so nobody counts as exposed"));
    }
    output.answer(&ingested(&report)?)
}

/// Takes a table of persons or groups into the lab.
fn ingest_table(global: &Global, arguments: IngestArguments, output: &Output) -> Result<()> {
    let IngestArguments { files, format, strict, table, mapping } = arguments;
    let options = TableOptions {
        format: format.map(Format::from),
        strict,
        distinct_id: mapping.distinct_id,
        person_id: mapping.person_id,
        group_key: table.group_key,
        timestamp: mapping.timestamp,
        properties: mapping.properties,
        timestamp_unit: mapping.timestamp_unit.map(TimestampUnit::from),
        timezone: mapping.timezone,
        ..TableOptions::as_of(table.as_of.unwrap_or_else(super::now))
    };
    let mut engine = super::open(global)?;
    let progress = IngestProgress::new(output.is_quiet());
    let (source, mut show) = (Source::Files(files), |step| progress.show(&step));
    let report = match &table.group_type {
        Some(group_type) => engine.ingest_groups(source, group_type, &options, &mut show)?,
        None => engine.ingest_persons(source, &options, &mut show)?,
    };
    drop(progress);
    warn_of_rejects(report.rejected, report.rejects_file.as_deref(), output);
    output.answer(&taken_in(&report, table.groups)?)
}

fn warn_of_rejects(rejected: u64, file: Option<&Path>, output: &Output) {
    if let Some(file) = file {
        let (rejected, file) = (number::count(rejected), file.display());
        output.warning(&format!("rejected rows: {rejected}; they are in {file}, each with the reason"));
    }
}

/// Makes files part of the events.
pub(crate) fn attach(global: &Global, arguments: AttachArguments, output: &Output) -> Result<()> {
    let mapping = column_mapping(arguments.mapping)?;
    let mut engine = super::open(global)?;
    let report = engine.attach(&arguments.pattern, &mapping)?;
    if report.rejected > 0 {
        output.warning(&format!("rows that cannot be understood and are left out: {}", number::count(report.rejected)));
    }
    output.answer(&attached(&report)?)
}

/// Takes attached files out of the events.
pub(crate) fn detach(global: &Global, pattern: &str, output: &Output) -> Result<()> {
    let mut engine = super::open(global)?;
    let data_version = engine.detach(pattern)?;
    output.note("events that were both in these files and ingested are gone with them: ingest them again to keep them");
    let fields = [("pattern", pattern.to_owned()), ("data version", data_version.to_string())];
    output.answer(&Answer::fields(&fields, &json!({"pattern": pattern, "data_version": data_version}))?)
}

/// Which column means what: the file's word, and the options' over it.
fn column_mapping(arguments: MappingArguments) -> Result<ColumnMapping> {
    let file = arguments.mapping.as_deref().map(ColumnMapping::from_file).transpose()?.unwrap_or_default();
    let mut mapping = ColumnMapping {
        event: arguments.event.or(file.event),
        distinct_id: arguments.distinct_id.or(file.distinct_id),
        timestamp: arguments.timestamp.or(file.timestamp),
        uuid: arguments.uuid.or(file.uuid),
        properties: arguments.properties.or(file.properties),
        person_id: arguments.person_id.or(file.person_id),
        groups: file.groups,
        timestamp_unit: arguments.timestamp_unit.map(TimestampUnit::from).or(file.timestamp_unit),
        timezone: arguments.timezone.or(file.timezone),
        flags: file.flags,
        exposure_event: arguments.exposure_event.or(file.exposure_event),
    };
    mapping.groups.extend(arguments.index_groups);
    mapping.flags.extend(arguments.flags);
    Ok(mapping)
}

fn ingested(report: &IngestReport) -> Result<Answer> {
    let mut by_file = Table::new(&["file", "read", "stored", "duplicates", "rejected"]);
    for file in &report.files {
        let count = |count: u64| Cell::number(number::count(count), count);
        by_file.push(vec![
            Cell::text(&file.file),
            count(file.read),
            count(file.stored),
            count(file.duplicates),
            count(file.rejected),
        ]);
    }
    let text = aligned(&[
        ("read", number::count(report.read)),
        ("stored", number::count(report.stored)),
        ("duplicates", number::count(report.duplicates)),
        ("rejected", number::count(report.rejected)),
        ("exposures", number::count(report.exposures)),
        ("new persons", number::count(report.new_persons)),
        ("merged persons", number::count(report.merges)),
        ("changed persons", number::count(report.changed_persons)),
        ("changed groups", number::count(report.changed_groups)),
        ("data version", report.data_version.to_string()),
    ]);
    Ok(Answer { text: Some(text), ..Answer::table(by_file, report)? })
}

fn taken_in(report: &TableReport, are_groups: bool) -> Result<Answer> {
    let mut by_file = Table::new(&["file", "read", "rejected"]);
    for file in &report.files {
        let count = |count: u64| Cell::number(number::count(count), count);
        by_file.push(vec![Cell::text(&file.file), count(file.read), count(file.rejected)]);
    }
    let (new, changed) = if are_groups { ("new groups", "changed groups") } else { ("new persons", "changed persons") };
    let text = aligned(&[
        ("read", number::count(report.read)),
        ("rejected", number::count(report.rejected)),
        (new, number::count(report.new)),
        (changed, number::count(report.changed)),
        ("merged persons", number::count(report.merges)),
        ("data version", report.data_version.to_string()),
    ]);
    Ok(Answer { text: Some(text), ..Answer::table(by_file, report)? })
}

fn attached(report: &AttachReport) -> Result<Answer> {
    let fields = [
        ("pattern", report.pattern.clone()),
        ("files", number::count(report.files)),
        ("events", number::count(report.events)),
        ("rejected", number::count(report.rejected)),
        ("new persons", number::count(report.new_persons)),
        ("merged persons", number::count(report.merges)),
        ("data version", report.data_version.to_string()),
    ];
    Answer::fields(&fields, report)
}

impl From<FileFormat> for Format {
    fn from(format: FileFormat) -> Self {
        match format {
            FileFormat::Parquet => Self::Parquet,
            FileFormat::Csv => Self::Csv,
            FileFormat::Ndjson => Self::Ndjson,
        }
    }
}

impl From<Unit> for TimestampUnit {
    fn from(unit: Unit) -> Self {
        match unit {
            Unit::Seconds => Self::Seconds,
            Unit::Milliseconds => Self::Milliseconds,
            Unit::Microseconds => Self::Microseconds,
        }
    }
}
