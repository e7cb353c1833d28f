//! Queries as plain text, for the one statement that can't bind values: `CREATE VIEW`.

use std::fmt::Write;

use crate::error::{Error, Result};
use crate::sql::{Sql, Value};

/// The query with its values written as literals in place of their placeholders.
///
/// Placeholders are the `?` outside of quotes. The text consists of compile-time text and quoted identifiers (see
/// [`Sql`]), so a quote is closed by the same quote, and a doubled quote reads as closing and opening again.
pub(super) fn inline(sql: &Sql) -> Result<String> {
    let mut text = String::with_capacity(sql.as_text().len());
    let mut values = sql.values().iter();
    let mut quote = None;
    for character in sql.as_text().chars() {
        match (quote, character) {
            (None, '?') => {
                let value = values.next().ok_or_else(|| Error::bug("a view has more placeholders than values"))?;
                write_literal(&mut text, value)?;
                continue;
            }
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            _ => {}
        }
        text.push(character);
    }
    if values.next().is_some() || quote.is_some() {
        return Err(Error::bug("a view has more values than placeholders, or an open quote"));
    }
    Ok(text)
}

/// A DuckDB string literal knows one escape: a quote is doubled.
fn write_literal(text: &mut String, value: &Value) -> Result<()> {
    match value {
        Value::Text(value) if value.contains('\0') => {
            return Err(Error::invalid(format!("{value:?} contains a NUL character, which a query cannot carry")));
        }
        Value::Double(value) if !value.is_finite() => {
            return Err(Error::bug(format!("{value} has no literal")));
        }
        value => write!(text, "{value}").map_err(|error| Error::bug(error.to_string()))?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::inline;
    use crate::sql::Sql;

    #[test]
    fn only_placeholders_become_literals() {
        let mut sql = Sql::new();
        sql.text("SELECT '?', ").identifier("a?\"b").text(", ").value("it's ?").text(" + ").value(3_i64);
        assert_eq!(inline(&sql).unwrap(), r#"SELECT '?', "a?""b", 'it''s ?' + 3"#);
    }

    #[test]
    fn a_nul_character_is_refused() {
        let mut sql = Sql::new();
        sql.value("a\0b");
        assert!(inline(&sql).is_err());
    }
}
