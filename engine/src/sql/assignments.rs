//! The query of an assignment audit: which values of a flag were logged for whom.

use crate::plan::{Condition, TimeRange};
use crate::sql::Sql;
use crate::sql::population::{in_range, variant_text};
use crate::sql::unit::group_key;

/// Every value of a flag that was logged for an id, once per source, with the first and the last time and the number of
/// events.
///
/// Columns: `person_id`, `distinct_id`, `group_key` (null unless the flag splits groups), `source` (0: what
/// `$feature_flag_called` events answer; 1: the property `$feature/<key>` of other events), `value` (null where a call has no
/// answer), `first_seen` and `last_seen` in microseconds since 1970 UTC, `events`. The rows of one person, and within them
/// of one id, stand together; the order is total.
#[must_use]
pub fn logged_assignments(feature_flag_key: &str, group_type_index: Option<u8>, range: TimeRange) -> Sql {
    let property = format!("$feature/{feature_flag_key}");
    let mut sql = Sql::new();
    sql.text("SELECT person_id, distinct_id, group_key, CAST(source AS UINTEGER) AS source, value,\n  ");
    sql.text(
        "epoch_us(min(timestamp)) AS first_seen, epoch_us(max(timestamp)) AS last_seen, count(*) AS events\nFROM (\n",
    );
    sql.text("  SELECT person_id, distinct_id, group_key, timestamp, source, ");
    sql.text("CASE source WHEN 0 THEN answer ELSE carried END AS value\n  FROM (\n");
    sql.text("    SELECT e.person_id, e.distinct_id, ");
    sql.text(group_type_index.map_or("CAST(NULL AS VARCHAR)", group_key));
    sql.text(" AS group_key, e.timestamp,\n      CASE WHEN e.event = '$feature_flag_called' AND coalesce(");
    variant_text(&mut sql, "$feature_flag");
    sql.text(", '') = ").value(feature_flag_key).text(" THEN 0 ELSE 1 END AS source,\n      ");
    variant_text(&mut sql, "$feature_flag_response");
    sql.text(" AS answer, ");
    variant_text(&mut sql, &property);
    sql.text(" AS carried\n    FROM events AS e\n    WHERE ");
    in_range(&mut sql, range, &Condition::EVERYTHING);
    sql.text("\n  )\n  WHERE source = 0 OR carried IS NOT NULL\n)\nGROUP BY person_id, distinct_id, group_key, source, value\n");
    sql.text("ORDER BY person_id, distinct_id, group_key NULLS FIRST, source, value NULLS FIRST");
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_reads_as_intended() {
        let range = TimeRange { from_microseconds: 1, until_microseconds: 2 };
        insta::assert_snapshot!(logged_assignments("it's", Some(2), range).to_string(), @r"
        SELECT person_id, distinct_id, group_key, CAST(source AS UINTEGER) AS source, value,
          epoch_us(min(timestamp)) AS first_seen, epoch_us(max(timestamp)) AS last_seen, count(*) AS events
        FROM (
          SELECT person_id, distinct_id, group_key, timestamp, source, CASE source WHEN 0 THEN answer ELSE carried END AS value
          FROM (
            SELECT e.person_id, e.distinct_id, e.group_2 AS group_key, e.timestamp,
              CASE WHEN e.event = '$feature_flag_called' AND coalesce(variant_extract(e.properties, '$feature_flag')::VARCHAR, '') = 'it''s' THEN 0 ELSE 1 END AS source,
              variant_extract(e.properties, '$feature_flag_response')::VARCHAR AS answer, variant_extract(e.properties, '$feature/it''s')::VARCHAR AS carried
            FROM events AS e
            WHERE e.timestamp >= make_timestamp(1) AND e.timestamp < make_timestamp(2)
          )
          WHERE source = 0 OR carried IS NOT NULL
        )
        GROUP BY person_id, distinct_id, group_key, source, value
        ORDER BY person_id, distinct_id, group_key NULLS FIRST, source, value NULLS FIRST
        ");
    }
}
