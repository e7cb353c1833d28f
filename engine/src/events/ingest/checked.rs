//! One source after another as rows of one form, each checked.
//!
//! Whatever the format, the rows of a source become a [`Relation`]; [`checked`] wraps it into the one query that decides
//! which rows can be stored and why the others can't. Attached files go through the same query.

use std::collections::HashMap;

use super::instant;
use super::mapping::{ColumnMapping, Columns, Rows};
use crate::error::{Error, Result};
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

/// The query `line, reason, raw, uuid, event, distinct_id, other_id, person_id, timestamp, properties, group_0 …, said`;
/// where `reason` is null the row is fit to be stored.
///
/// `said` is what the row says of persons and groups, as JSON: `$set`, `$set_once`, `$unset`, `$groups`, `$group_type`,
/// `$group_key`, `$group_set`, `$group_0` to `$group_4`. Rows of a table of persons are one `$set`, rows of a table of
/// groups one `$group_set`.
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
    table(&mut sql, &columns.rows);
    optional_text(&mut sql, columns.event.as_deref()).text(" AS event, ");
    optional_text(&mut sql, columns.distinct_id.as_deref()).text(" AS distinct_id, ");
    optional_text(&mut sql, columns.group_key.as_deref()).text(" AS group_key, ");
    optional_text(&mut sql, columns.person_id.as_deref()).text(" AS person_id, ");
    time(&mut sql, relation, &kind, mapping)?;
    uuid(&mut sql, columns.uuid.as_deref().map(|column| (column, kind(column))));
    is_too_deep(&mut sql, relation, &kind);
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

/// `noun`: what a row is; and the type of group it is.
fn table(sql: &mut Sql, rows: &Rows) {
    match rows {
        Rows::Events => sql.text("'event' AS noun, NULL::VARCHAR AS group_type, "),
        Rows::Persons { .. } => sql.text("'person' AS noun, NULL::VARCHAR AS group_type, "),
        Rows::Groups { group_type, .. } => {
            sql.text("'group' AS noun, CAST(").value(group_type.as_str()).text(" AS VARCHAR) AS group_type, ")
        }
    };
}

/// `given_timestamp` as it came, and `instant`.
fn time<'a>(
    sql: &mut Sql,
    relation: &Relation<'_>,
    kind: &impl Fn(&str) -> &'a str,
    mapping: &ColumnMapping,
) -> Result<()> {
    let Some(column) = &relation.columns.timestamp else {
        if let Rows::Persons { as_of_us } | Rows::Groups { as_of_us, .. } = relation.columns.rows {
            sql.text("'given' AS given_timestamp, make_timestamp(CAST(").value(as_of_us);
            sql.text(" AS BIGINT)) AS instant, ");
            return Ok(());
        }
        return Err(Error::bug("events without a time"));
    };
    sql.identifier(column).text(" AS given_timestamp, ");
    sql.append(&instant::expression(column, kind(column), mapping, relation.origin)?).text(" AS instant, ");
    Ok(())
}

/// `is_too_deep`: whether some JSON text of the row is nested so deeply that the database had better not read it (2.0.0
/// reads it by recursion, and dies of some ten thousand levels).
fn is_too_deep<'a>(sql: &mut Sql, relation: &Relation<'_>, kind: &impl Fn(&str) -> &'a str) {
    let columns = relation.columns;
    let properties = columns.properties.iter().filter(|column| matches!(kind(column), "VARCHAR" | "JSON"));
    let others = others(relation).filter(|(_, kind)| kind == "JSON").map(|(name, _)| name);
    sql.text("(false");
    for column in properties.chain(others) {
        sql.text(" OR coalesce(");
        exceeds_depth(sql, column).text(", false)");
    }
    sql.text(") AS is_too_deep, ");
}

/// Whether a JSON text is nested more than 100 levels deep. Few texts have that many brackets; only of these are the
/// levels counted: strings and all else but brackets are taken out, and the sum of +1 and -1 is followed, with its maximum
/// in the upper part of the number.
fn exceeds_depth<'a>(sql: &'a mut Sql, column: &str) -> &'a mut Sql {
    let mut text = Sql::new();
    text.text("CAST(").identifier(column).text(" AS VARCHAR)");
    sql.text("CASE WHEN strlen(").append(&text).text(") - strlen(replace(replace(").append(&text);
    sql.text(", '[', ''), '{', '')) <= 100 THEN false ELSE list_reduce(list_transform(string_split(");
    sql.text("regexp_replace(regexp_replace(").append(&text);
    sql.text(concat!(
        r#", '"(?:[^"\\]|\\.)*"', '', 'g'), '[^\[\]{}]+', '', 'g'), ''), "#,
        "lambda bracket: CASE WHEN bracket IN ('[', '{') THEN 1::BIGINT ELSE -1::BIGINT END), ",
        "lambda state, step: greatest(state // 1048576, state % 1048576 + step) * 1048576 + state % 1048576 + step, ",
        "0::BIGINT) // 1048576 > 100 END",
    ))
}

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
        Some((column, "VARIANT")) => {
            sql.identifier(column).text(" AS given_properties, TRY_CAST(coalesce(CAST(").identifier(column);
            sql.text(" AS JSON), '{}') AS JSON) AS object, ")
        }
        Some((column, "VARCHAR" | "JSON")) => {
            sql.identifier(column).text(" AS given_properties, TRY_CAST(CASE WHEN NOT coalesce(");
            exceeds_depth(sql, column).text(", false) THEN coalesce(");
            text_of(sql, column).text(", '{}') END AS JSON) AS object, ")
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
    if others(relation).next().is_none() && columns.flags.is_empty() {
        sql.text("NULL::JSON AS additions, ");
        return;
    }
    sql.text("json_object(");
    let values = others(relation)
        .map(|(name, kind)| (name.clone(), name, kind.as_str()))
        .chain(columns.flags.iter().map(|(key, column)| (format!("$feature/{key}"), column, "flag")));
    sql.separated(", ", values, |sql, (key, column, kind)| {
        sql.value(key).text(", ");
        match kind {
            "flag" => text_of(sql, column),
            "JSON" => {
                sql.text("CASE WHEN NOT coalesce(");
                exceeds_depth(sql, column).text(", false) THEN ").identifier(column).text(" END")
            }
            _ => sql.identifier(column),
        };
    });
    sql.text(") AS additions, ");
}

/// The columns without a role that become properties.
fn others<'a>(relation: &'a Relation<'_>) -> impl Iterator<Item = &'a (String, String)> {
    let columns = relation.columns;
    relation.types.iter().filter(|(name, _)| columns.keep_others && !columns.has_role(name))
}

/// `exposed_flag` and `exposed_variant`: set where the event is the exposure event.
fn exposure(sql: &mut Sql, mapping: &ColumnMapping, columns: &Columns) {
    match (&mapping.exposure_event, columns.flags.first()) {
        (Some(event), Some((flag, column))) => {
            sql.text("CASE WHEN ");
            optional_text(sql, columns.event.as_deref()).text(" = ").value(event.as_str());
            sql.text(" THEN ").value(flag.as_str()).text(" END AS exposed_flag, ");
            text_of(sql, column).text(" AS exposed_variant");
        }
        _ => {
            sql.text("NULL::VARCHAR AS exposed_flag, NULL::VARCHAR AS exposed_variant");
        }
    }
}
