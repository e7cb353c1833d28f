//! Writing SQL that cannot be injected into.
//!
//! A [`Sql`] grows from three things only: text known at compile time, identifiers (quoted here) and values (bound by the
//! database, never part of the text). There is no way to paste a run-time string into it.

use std::fmt;

use serde::Serialize;

/// A value bound to a query.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number in double precision.
    Double(f64),
    /// A truth value.
    Boolean(bool),
}

/// A query: its text, with `?` where a value goes, and the values in order.
///
/// ```
/// use abduck::sql::Sql;
///
/// let mut sql = Sql::new();
/// sql.text("SELECT count(*) FROM ").identifier("my \"events\"").text(" WHERE event = ").value("it's");
/// assert_eq!(sql.as_text(), "SELECT count(*) FROM \"my \"\"events\"\"\" WHERE event = ?");
/// assert_eq!(sql.values().len(), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sql {
    text: String,
    values: Vec<Value>,
}

impl Sql {
    /// An empty query.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends text that was written in this code base.
    pub fn text(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Appends a quoted identifier.
    pub fn identifier(&mut self, name: &str) -> &mut Self {
        self.text.push('"');
        self.text.push_str(&name.replace('"', "\"\""));
        self.text.push('"');
        self
    }

    /// Appends a placeholder and binds a value to it.
    pub fn value(&mut self, value: impl Into<Value>) -> &mut Self {
        self.text.push('?');
        self.values.push(value.into());
        self
    }

    /// Appends another query, values included.
    pub fn append(&mut self, other: &Self) -> &mut Self {
        self.text.push_str(&other.text);
        self.values.extend(other.values.iter().cloned());
        self
    }

    /// Appends the items one after another with a separator in between.
    pub fn separated<T>(
        &mut self,
        separator: &'static str,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.text(separator);
            }
            write(self, item);
        }
        self
    }

    /// The text, with `?` for each value.
    #[must_use]
    pub fn as_text(&self) -> &str {
        &self.text
    }

    /// The values, in the order of their placeholders.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl fmt::Display for Sql {
    /// The query with its values in their places, for reading only: what runs has the values bound.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut values = self.values.iter();
        let mut quote = None;
        for character in self.text.chars() {
            match (character, quote) {
                // Question marks inside quotes are no places.
                ('?', None) => match values.next() {
                    Some(value) => write!(f, "{value}")?,
                    None => f.write_str("?")?,
                },
                ('\'' | '"', None) => {
                    quote = Some(character);
                    write!(f, "{character}")?;
                }
                _ => {
                    quote = quote.filter(|open| *open != character);
                    write!(f, "{character}")?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Value {
    /// The value as a SQL literal, for reading only: queries bind values and never contain this text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(value) => write!(f, "'{}'", value.replace('\'', "''")),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Double(value) => write!(f, "{value}"),
            Self::Boolean(value) => write!(f, "{value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_their_places_and_nowhere_else() {
        let mut sql = Sql::new();
        sql.text("SELECT ").identifier("what?").text(" WHERE a = ").value("it's ?").text(" AND b <> '?' AND c = ");
        sql.value(5_i64);
        assert_eq!(sql.to_string(), "SELECT \"what?\" WHERE a = 'it''s ?' AND b <> '?' AND c = 5");
    }
}
