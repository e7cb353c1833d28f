//! Bringing the catalog's tables up to date, forward only.
//!
//! `PRAGMA application_id` says that a file is a catalog, `PRAGMA user_version` how many migrations it has had.

use rusqlite::{Connection, TransactionBehavior};

use super::place::{Place, no_lab};
use crate::error::{Error, Result};

/// Marks a SQLite file as a catalog: `abdk` in ASCII.
const APPLICATION_ID: i64 = 0x6162_646b;

/// All migrations in order. Published ones never change; a change of the tables is a new file at the end.
const MIGRATIONS: [&str; 3] = [
    include_str!("migrations/001_definitions.sql"),
    include_str!("migrations/002_conclusions.sql"),
    include_str!("migrations/003_exposure_criteria.sql"),
];

/// The version of a catalog that is up to date.
#[expect(clippy::cast_possible_wrap, reason = "there are a few migrations")]
const KNOWN: i64 = MIGRATIONS.len() as i64;

/// Claims an empty file for a catalog.
pub(super) fn found(connection: &mut Connection, place: &Place) -> Result<()> {
    let claim = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let claim = claim.map_err(|error| place.error(error))?;
    match content(&claim).map_err(|error| place.error(error))? {
        Content::Nothing => {}
        Content::Catalog { .. } => {
            return Err(Error::not_allowed(format!(
                "'{}' exists: the directory is a lab already",
                place.path.display()
            ))
            .hint("open it, or choose another directory"));
        }
        Content::Foreign => return Err(foreign(place)),
    }
    claim.pragma_update(None, "application_id", APPLICATION_ID).map_err(|error| place.error(error))?;
    claim.commit().map_err(|error| place.error(error))
}

/// Applies the migrations that the catalog has not had, each in a transaction of its own.
pub(super) fn upgrade(connection: &mut Connection, place: &Place) -> Result<()> {
    for (number, migration) in (1..).zip(MIGRATIONS) {
        if version(connection, place)? >= number {
            continue;
        }
        let step = connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let step = step.map_err(|error| place.error(error))?;
        // Another process may have been faster.
        if version(&step, place)? < number {
            tracing::info!(number, "migrating the catalog");
            step.execute_batch(migration)
                .and_then(|()| step.pragma_update(None, "user_version", number))
                .and_then(|()| step.commit())
                .map_err(|error| place.error(error))?;
        }
    }
    Ok(())
}

/// How many migrations the catalog has had, at most as many as are known.
fn version(connection: &Connection, place: &Place) -> Result<i64> {
    match content(connection).map_err(|error| place.error(error))? {
        Content::Catalog { version } if version > KNOWN => {
            let message = format!("the lab was made by a newer abduck (catalog version {version}, known is {KNOWN})");
            Err(Error::not_allowed(message).hint("upgrade abduck"))
        }
        Content::Catalog { version } => Ok(version),
        Content::Nothing => Err(no_lab(place.path.parent().unwrap_or(&place.path))),
        Content::Foreign => Err(foreign(place)),
    }
}

/// What a SQLite file holds.
enum Content {
    /// Nothing at all, as a new file does.
    Nothing,
    /// A catalog.
    Catalog {
        /// How many migrations it has had.
        version: i64,
    },
    /// The tables of another program.
    Foreign,
}

fn content(connection: &Connection) -> rusqlite::Result<Content> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (number("application_id")?, number("user_version")?);
    if application == APPLICATION_ID {
        return Ok(Content::Catalog { version });
    }
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if (application, version, tables) == (0, 0, 0) { Ok(Content::Nothing) } else { Ok(Content::Foreign) }
}

fn foreign(place: &Place) -> Error {
    place.foreign("is a SQLite database, but not the catalog of a lab")
}
