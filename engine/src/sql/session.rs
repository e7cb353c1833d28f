//! Sessions, made of their events (M-24, Q-D2, Q-P1).

use crate::model::session::{SESSION_ID, SessionProperty};
use crate::sql::Sql;
use crate::sql::property::{OF_EVENT, plain_text, text};

/// The session of an event, as text; null without one.
pub(super) fn id(sql: &mut Sql) {
    sql.text("nullif(");
    plain_text(sql, OF_EVENT, SESSION_ID);
    sql.text(", '')");
}

/// What the events of a session come to, as an aggregate over `events AS e`.
pub(super) fn property(sql: &mut Sql, property: SessionProperty) {
    match property {
        SessionProperty::Duration => {
            sql.text("epoch_us(max(e.timestamp)) // 1000000 - epoch_us(min(e.timestamp)) // 1000000");
        }
        SessionProperty::Start => {
            sql.text("CAST(min(e.timestamp) AS VARCHAR)");
        }
        SessionProperty::End => {
            sql.text("CAST(max(e.timestamp) AS VARCHAR)");
        }
        SessionProperty::Events(name) => {
            sql.text("count(*) FILTER (WHERE e.event = ").value(name).text(")");
        }
        SessionProperty::Entry(key) => chosen(sql, "arg_min(", key),
        SessionProperty::Exit(key) => chosen(sql, "arg_max(", key),
    }
}

/// The property of the first or last event that has it; of several at that instant, the one with the smallest or largest id.
fn chosen(sql: &mut Sql, choose: &'static str, key: &str) {
    sql.text(choose);
    text(sql, OF_EVENT, key);
    sql.text(", (e.timestamp, e.uuid)) FILTER (WHERE nullif(");
    plain_text(sql, OF_EVENT, key);
    sql.text(", '') IS NOT NULL)");
}
