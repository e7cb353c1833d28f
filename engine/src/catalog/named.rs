//! Finding things by their number or their name.

use crate::error::{Error, Result};
use crate::model::suggest::closest;

/// A thing asked for by key does not exist; the closest key is the hint.
pub(super) fn not_found(noun: &'static str, key: &str, keys: &[String]) -> Error {
    let error = Error::not_found(noun, key);
    match closest(key, keys.iter().map(String::as_str)) {
        Some(similar) => error.hint(format!("did you mean '{similar}'?")),
        None => error.hint(format!("list them with `abduck {} list`", command(noun))),
    }
}

/// What a thing is called where it has a number and a name.
pub(super) trait Named {
    /// The noun, as errors say it.
    const NOUN: &'static str;
    /// The number.
    fn id(&self) -> i64;
    /// The name, which others may have too.
    fn name(&self) -> &str;
}

/// The one of these with a number, else with a name that no other has.
pub(super) fn one_of<T: Named>(things: Vec<T>, id_or_name: &str) -> Result<T> {
    let number = id_or_name.parse::<i64>().ok();
    if let Some(index) = things.iter().position(|thing| Some(thing.id()) == number) {
        return things.into_iter().nth(index).ok_or_else(|| Error::bug("a position beyond the end"));
    }
    let names: Vec<String> = things.iter().map(|thing| thing.name().to_owned()).collect();
    let mut with_name = things.into_iter().filter(|thing| thing.name() == id_or_name);
    match (with_name.next(), with_name.next()) {
        (Some(thing), None) => Ok(thing),
        (None, _) => Err(not_found(T::NOUN, id_or_name, &names)),
        (Some(one), Some(other)) => {
            let message = format!("several are called '{id_or_name}'");
            let error = Error::invalid_field(T::NOUN, "ambiguous", message);
            Err(error.hint(format!("name it by its number, such as {} or {}", one.id(), other.id())))
        }
    }
}

/// The noun of the command line.
fn command(noun: &str) -> &str {
    match noun {
        "saved metric" => "metric",
        other => other,
    }
}
