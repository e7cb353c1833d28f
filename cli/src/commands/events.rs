//! Taking events in, and querying files where they lie.

use abduck::events::{AttachReport, ColumnMapping, Format, TimestampUnit};
use abduck::report::{Cell, Table, number};
use abduck::{IngestOptions, IngestReport, Result, Source};
use serde_json::json;

use crate::args::{AttachArguments, FileFormat, Global, IngestArguments, MappingArguments, Unit};
use crate::output::{Answer, Output, aligned};
use crate::progress::IngestProgress;

/// Takes events into the lab.
pub(crate) fn ingest(global: &Global, arguments: IngestArguments, output: &Output) -> Result<()> {
    let IngestArguments { files, format, strict, mapping } = arguments;
    let options = IngestOptions { format: format.map(Format::from), mapping: column_mapping(mapping)?, strict };
    let mut engine = super::open(global)?;
    let progress = IngestProgress::new(output.is_quiet());
    let report = engine.ingest(Source::Files(files), &options, &mut |step| progress.show(&step))?;
    drop(progress);
    if let Some(file) = &report.rejects_file {
        let (rejected, file) = (number::count(report.rejected), file.display());
        output.warning(&format!("rejected rows: {rejected}; they are in {file}, each with the reason"));
    }
    if let Some(name) = options.mapping.exposure_event.filter(|_| report.exposures == 0) {
        output.warning(&format!("no row has the exposure event '{name}', so nobody counts as exposed"));
    }
    output.answer(&ingested(&report)?)
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
    mapping.groups.extend(arguments.groups);
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
