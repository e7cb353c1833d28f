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
//! `properties` is always an object, and `person_id` is the person to whom the distinct id belongs *now*.
//!
//! The store is held only while an operation runs: any number of [`Reader`]s, or one [`Writer`]. Whoever comes too early
//! waits as long as it was told to. A change is one transaction: it happens as a whole or not at all, also when the
//! process is killed.

mod attach;
mod database;
mod ingest;
mod interrupt;
mod literal;
mod lock;
mod scan;
mod state;
mod store;
mod table;

pub use duckdb::arrow;

pub use self::attach::{AttachReport, AttachedChange, Change, attach, detach, refresh_attached};
pub use self::ingest::{
    ColumnMapping, FileReport, Format, IngestOptions, IngestReport, Progress, Source, Stage, TimestampUnit, ingest,
};
pub use self::interrupt::Interrupt;
pub use self::state::DataState;
pub use self::store::{EventStore, Reader, Writer};
pub use self::table::{TableRows, read_table};
