//! Types of groups: their names, and which of the five columns of an event holds their keys.
//!
//! A type is known by the first event or table that names it, and keeps its index from then on: the index of the column
//! that holds the same keys, if events have both `$groups` and `$group_<index>`; else the lowest that is free, in the order
//! in which the types come. Five types fit. A row that names a sixth is rejected.

use std::collections::BTreeMap;

use duckdb::Connection;

use super::database::{self, text};
use super::ingest::mapping::GROUPS;
use crate::error::Result;
use crate::sql::Sql;

/// The names of types that are not known yet, in the order of their first appearance.
const NEW_NAMES: &str = "
    SELECT name FROM (
        SELECT each.key AS name, checked.rowid AS row_id, 0 AS rank
        FROM checked, json_each(said[4]) AS each
        WHERE json_type(said[4]) = 'OBJECT' AND nullif(each.value ->> '$', '') IS NOT NULL
        UNION ALL
        SELECT said[5] ->> '$', rowid, 1 FROM checked
        WHERE (event = '$groupidentify' OR event IS NULL) AND nullif(said[5] ->> '$', '') IS NOT NULL
    )
    WHERE name NOT IN (SELECT name FROM group_type)
    GROUP BY name
    ORDER BY min((row_id, rank)), name
";

/// In how many rows a column of group keys holds what `$groups` says of a type.
const AGREEMENT: &str = "
    SELECT each.key, held.group_type_index::UTINYINT, count(*)
    FROM checked, json_each(said[4]) AS each,
        (VALUES (0), (1), (2), (3), (4)) AS held(group_type_index)
    WHERE json_type(said[4]) = 'OBJECT' AND each.key NOT IN (SELECT name FROM group_type)
        AND [group_0, group_1, group_2, group_3, group_4][held.group_type_index + 1] = each.value ->> '$'
    GROUP BY ALL
    ORDER BY count(*) DESC, 1, 2
";

/// Where there is no more room: rows that name such a type are rejected, fit to be mended.
const REJECT: &str = "
    UPDATE checked
    SET reason = concat('\"', unknown.name, '\" would be a sixth type of groups; there is room for five'),
        raw = CAST(json_merge_patch('{}'::JSON, json_object(
            'event', event, 'distinct_id', distinct_id, 'group_key', CASE WHEN event IS NULL THEN said[6] ->> '$' END,
            'timestamp', CAST(timestamp AS VARCHAR), 'uuid', CAST(uuid AS VARCHAR), 'person_id', person_id,
            'properties', CAST(properties AS JSON),
            'group_0', group_0, 'group_1', group_1, 'group_2', group_2, 'group_3', group_3, 'group_4', group_4)) AS VARCHAR)
    FROM (
        SELECT row_id, min(name) AS name FROM (
            SELECT checked.rowid AS row_id, each.key AS name
            FROM checked, json_each(said[4]) AS each
            WHERE json_type(said[4]) = 'OBJECT' AND nullif(each.value ->> '$', '') IS NOT NULL
            UNION ALL
            SELECT rowid, said[5] ->> '$' FROM checked
            WHERE (event = '$groupidentify' OR event IS NULL) AND nullif(said[5] ->> '$', '') IS NOT NULL
        )
        WHERE name NOT IN (SELECT name FROM group_type)
        GROUP BY row_id
    ) AS unknown
    WHERE checked.rowid = unknown.row_id
";

/// Gives the group types of the rows in `checked` their indexes, and the rows the keys of the groups that `$groups` names.
/// Returns the types for which there is no room; the rows that name one have got a reason.
pub(super) fn number(connection: &Connection) -> Result<Vec<String>> {
    let mut names: Vec<String> = database::rows(connection, &text(NEW_NAMES), |row| row.get(0))?;
    if !names.is_empty() {
        let known = known(connection)?;
        let agreement = database::rows(connection, &text(AGREEMENT), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let taken: Vec<u8> = known.iter().map(|(index, _)| *index).collect();
        let numbered = assign(&names, &agreement, &taken);
        for (name, index) in &numbered {
            let mut sql = text("INSERT INTO group_type VALUES (");
            sql.value(i64::from(*index)).text(", ").value(name.as_str()).text(")");
            database::execute(connection, &sql)?;
        }
        names.retain(|name| !numbered.contains_key(name));
        if !names.is_empty() {
            database::run(connection, REJECT)?;
        }
    }
    fill(connection)?;
    Ok(names)
}

/// Which index each new name gets; names are left out when all indexes are taken.
fn assign(names: &[String], agreement: &[(String, u8)], taken: &[u8]) -> BTreeMap<String, u8> {
    let mut free: Vec<u8> = (0..5).filter(|index| !taken.contains(index)).collect();
    let mut numbered = BTreeMap::new();
    for (name, index) in agreement {
        if free.contains(index) && !numbered.contains_key(name) {
            free.retain(|other| other != index);
            numbered.insert(name.clone(), *index);
        }
    }
    let others: Vec<&String> = names.iter().filter(|name| !numbered.contains_key(*name)).collect();
    numbered.extend(others.into_iter().cloned().zip(free));
    numbered
}

/// Puts the keys that `$groups` names into the columns, where these are empty.
fn fill(connection: &Connection) -> Result<()> {
    let known = known(connection)?;
    if known.is_empty() {
        return Ok(());
    }
    let mut sql = text("UPDATE checked SET ");
    sql.separated(", ", &known, |sql, (index, name)| {
        sql.text(COLUMNS[usize::from(*index)]).text(" = ");
        key(sql, *index, name, "checked");
    });
    sql.text(" WHERE json_type(said[4]) = 'OBJECT'");
    database::execute(connection, &sql).map(|_| ())
}

/// The known types by index.
pub(super) fn known(connection: &Connection) -> Result<Vec<(u8, String)>> {
    let sql = text("SELECT group_type_index, name FROM group_type ORDER BY group_type_index");
    database::rows(connection, &sql, |row| Ok((row.get(0)?, row.get(1)?)))
}

/// The columns with the keys of groups, by index.
pub(super) const COLUMNS: [&str; GROUPS] = ["group_0", "group_1", "group_2", "group_3", "group_4"];

/// The key of an event's group of a type: from the column, else from `$groups`.
pub(super) fn key(sql: &mut Sql, index: u8, name: &str, row: &'static str) {
    let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
    sql.text("coalesce(").text(row).text(".").text(COLUMNS[usize::from(index)]).text(", nullif(").text(row);
    sql.text(".said[4] ->> ").value(pointer).text(", ''))");
}

#[cfg(test)]
mod tests {
    use super::assign;

    #[test]
    fn a_column_with_the_same_keys_decides_the_index() {
        let names = ["team", "company", "site"].map(str::to_owned);
        let agreement = [("company".to_owned(), 0), ("company".to_owned(), 2), ("site".to_owned(), 0)];
        let numbered = assign(&names, &agreement, &[]);
        assert_eq!(
            numbered.into_iter().collect::<Vec<_>>(),
            [("company".to_owned(), 0), ("site".to_owned(), 2), ("team".to_owned(), 1)]
        );
    }

    #[test]
    fn there_is_room_for_five() {
        let names = ["c", "b", "a"].map(str::to_owned);
        let numbered = assign(&names, &[], &[0, 1, 3]);
        assert_eq!(numbered.into_iter().collect::<Vec<_>>(), [("b".to_owned(), 4), ("c".to_owned(), 2)]);
    }
}
