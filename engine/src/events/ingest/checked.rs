//! One source after another as rows of one form, each checked.
//!
//! Whatever the format, the rows of a source become a [`Relation`]; [`checked`] wraps it into the one query that decides
//! which rows can be stored and why the others can't. Attached files go through the same query.

use std::collections::HashMap;

use super::instant;
use super::mapping::{ColumnMapping, Columns};
use crate::error::Result;
use crate::sql::Sql;

/// Rows to be checked.
pub(in crate::events) struct Relation<'a> {
    /// What follows `FROM`.
    pub(in crate::events) from: Sql,
    /// The number of a row in its file, from 1.
    pub(in crate::events) line: Sql,
    pub(in crate::events) columns: &'a Columns,
    /// The names and database types of all columns, in order.
    pub(in crate::events) types: &'a [(String, String)],
    /// Whether the relation has the columns `flaw` and `raw`: why the reader could not read the line, and its text.
    pub(in crate::events) has_flaws: bool,
    /// For messages.
    pub(in crate::events) origin: &'a str,
}

/// The query `line, reason, raw, uuid, event, distinct_id, other_id, person_id, timestamp, properties, group_0 …`; where
/// `reason` is null the row is fit to be stored.
pub(in crate::events) fn checked(relation: &Relation<'_>, mapping: &ColumnMapping) -> Result<Sql> {
    let mut sql = Sql::new();
    sql.text(include_str!("checked_head.sql"));
    sql.append(&canonical(relation, mapping)?);
    sql.text(include_str!("checked_tail.sql"));
    Ok(sql)
}

/// The columns by their roles.
fn canonical(relation: &Relation<'_>, mapping: &ColumnMapping) -> Result<Sql> {
    let columns = relation.columns;
    let types: HashMap<&str, &str> = relation.types.iter().map(|(name, kind)| (name.as_str(), kind.as_str())).collect();
    let kind = |column: &str| types.get(column).copied().unwrap_or("VARCHAR");
    let mut sql = Sql::new();
    sql.text("SELECT ").append(&relation.line).text(" AS line, ");
    sql.text(if relation.has_flaws { "flaw, raw, " } else { "NULL::VARCHAR AS flaw, NULL::VARCHAR AS raw, " });
    text_of(&mut sql, &columns.event).text(" AS event, ");
    text_of(&mut sql, &columns.distinct_id).text(" AS distinct_id, ");
    optional_text(&mut sql, columns.person_id.as_deref()).text(" AS person_id, ");
    sql.identifier(&columns.timestamp).text(" AS given_timestamp, ");
    sql.append(&instant::expression(&columns.timestamp, kind(&columns.timestamp), mapping, relation.origin)?);
    sql.text(" AS instant, ");
    uuid(&mut sql, columns.uuid.as_deref().map(|column| (column, kind(column))));
    properties(&mut sql, columns.properties.as_deref().map(|column| (column, kind(column))));
    additions(&mut sql, relation);
    for (group, name) in columns.groups.iter().zip(GROUP_NAMES) {
        optional_text(&mut sql, group.as_deref()).text(name);
    }
    exposure(&mut sql, mapping, columns);
    sql.text(" FROM ").append(&relation.from);
    Ok(sql)
}

const GROUP_NAMES: [&str; super::mapping::GROUPS] =
    [" AS group_0, ", " AS group_1, ", " AS group_2, ", " AS group_3, ", " AS group_4, "];

/// A column as text; empty text is no value.
fn text_of<'a>(sql: &'a mut Sql, column: &str) -> &'a mut Sql {
    sql.text("NULLIF(CAST(").identifier(column).text(" AS VARCHAR), '')")
}

fn optional_text<'a>(sql: &'a mut Sql, column: Option<&str>) -> &'a mut Sql {
    match column {
        Some(column) => text_of(sql, column),
        None => sql.text("NULL::VARCHAR"),
    }
}

/// `given_uuid` as it came, and `uuid`.
fn uuid(sql: &mut Sql, column: Option<(&str, &str)>) {
    match column {
        None => sql.text("NULL::VARCHAR AS given_uuid, NULL::UUID AS uuid, "),
        Some((column, "UUID")) => sql.identifier(column).text(" AS given_uuid, ").identifier(column).text(" AS uuid, "),
        Some((column, _)) => {
            text_of(sql, column).text(" AS given_uuid, TRY_CAST(");
            text_of(sql, column).text(" AS UUID) AS uuid, ")
        }
    };
}

/// `given_properties` as they came, and `object`: the same as JSON, null if they are none.
fn properties(sql: &mut Sql, column: Option<(&str, &str)>) {
    match column {
        None => sql.text("NULL::VARCHAR AS given_properties, '{}'::JSON AS object, "),
        Some((column, kind @ ("VARCHAR" | "JSON" | "VARIANT"))) => {
            sql.identifier(column).text(" AS given_properties, TRY_CAST(");
            if kind == "VARIANT" {
                sql.text("coalesce(CAST(").identifier(column).text(" AS JSON), '{}')");
            } else {
                sql.text("coalesce(");
                text_of(sql, column).text(", '{}')");
            }
            sql.text(" AS JSON) AS object, ")
        }
        Some((column, _)) => {
            sql.identifier(column).text(" AS given_properties, coalesce(to_json(").identifier(column);
            sql.text("), '{}'::JSON) AS object, ")
        }
    };
}

/// `additions`: the properties that come from columns of their own, null if there are none.
fn additions(sql: &mut Sql, relation: &Relation<'_>) {
    let columns = relation.columns;
    let others = || relation.types.iter().filter(|(name, _)| columns.keep_others && !columns.has_role(name));
    if others().next().is_none() && columns.flags.is_empty() {
        sql.text("NULL::JSON AS additions, ");
        return;
    }
    sql.text("json_object(");
    let values = others()
        .map(|(name, _)| (name.clone(), name, false))
        .chain(columns.flags.iter().map(|(key, column)| (format!("$feature/{key}"), column, true)));
    sql.separated(", ", values, |sql, (key, column, as_text)| {
        sql.value(key).text(", ");
        if as_text {
            text_of(sql, column)
        } else {
            sql.identifier(column)
        };
    });
    sql.text(") AS additions, ");
}

/// `exposed_flag` and `exposed_variant`: set where the event is the exposure event.
fn exposure(sql: &mut Sql, mapping: &ColumnMapping, columns: &Columns) {
    match (&mapping.exposure_event, columns.flags.first()) {
        (Some(event), Some((flag, column))) => {
            sql.text("CASE WHEN CAST(").identifier(&columns.event).text(" AS VARCHAR) = ").value(event.as_str());
            sql.text(" THEN ").value(flag.as_str()).text(" END AS exposed_flag, ");
            text_of(sql, column).text(" AS exposed_variant");
        }
        _ => {
            sql.text("NULL::VARCHAR AS exposed_flag, NULL::VARCHAR AS exposed_variant");
        }
    }
}
