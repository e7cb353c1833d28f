//! Where are the events? The event store of a lab: its schema, ingest, attached files, and running SQL.
//!
//! The only room that knows DuckDB. It knows nothing of experiments or metrics: the others see one relation,
//!
//! ```text
//! events(uuid UUID, event VARCHAR, distinct_id VARCHAR, person_id UINTEGER, timestamp TIMESTAMP,
//!        properties VARIANT, group_0 … group_4 VARCHAR)
//! ```
//!
//! which covers the stored events and the attached Parquet files alike. `timestamp` is UTC in microseconds,
//! `properties` is always an object, and `person_id` is the person to whom the distinct id belongs *now*. Beside it are
//!
//! ```text
//! persons(person_id UINTEGER, properties VARIANT)                                    one row per person
//! groups(group_type_index UTINYINT, group_key VARCHAR, properties VARIANT)           one row per described group
//! ```
//!
//! with the latest properties: `persons.person_id` is that of the events, `groups.group_key` is what events have in
//! `group_<group_type_index>`. A group that was never described has no row.
//!
//! Beside these are the lab's own tables, as `tables.<name>`, with whatever columns they were loaded with.
//!
//! The store is held only while an operation runs: any number of [`Reader`]s, or one [`Writer`]. Whoever comes too early
//! waits as long as it was told to. A change is one transaction: it happens as a whole or not at all, also when the
//! process is killed.

mod attach;
mod changes;
mod database;
mod groups;
mod ingest;
mod interrupt;
mod known;
mod literal;
mod lock;
mod migrate;
mod profiles;
mod projection;
mod scan;
mod state;
mod store;
mod table;
mod table_scan;
mod tables;

pub use duckdb::arrow;

pub use self::attach::{AttachReport, AttachedChange, Change, attach, detach, refresh_attached};
pub use self::ingest::{
    ColumnMapping, FileReport, Format, IngestOptions, IngestReport, Progress, Source, Stage, TableFileReport,
    TableOptions, TableReport, TimestampUnit, ingest, ingest_groups, ingest_persons,
};
pub use self::interrupt::Interrupt;
pub use self::profiles::{GroupProfile, GroupType, PersonProfile};
pub use self::projection::{Answer, Bucket, EventsFrom, Projection, Question};
pub use self::state::DataState;
pub use self::store::{EventStore, Reader, Writer};
pub use self::table::{TableRows, read_table};
pub use self::table_scan::scan_table;
pub use self::tables::{LabTable, LabTableColumn, LoadReport, drop_table, load_table};
