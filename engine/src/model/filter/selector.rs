//! Selectors of elements: the part of CSS that captured elements can answer (Q-P19, Q-A1).

use serde::Serialize;

use super::invalid;
use crate::error::{Error, Result};

/// An element, and the elements it stands in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Selector {
    /// The selected element first, then what it stands in, each with how the one before relates to it.
    pub compounds: Vec<Compound>,
}

/// What one element must have.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Compound {
    /// How the element before in the list stands in this one; `None` for the selected element.
    pub combinator: Option<Combinator>,
    /// Its tag; `None` is any.
    pub tag_name: Option<String>,
    /// Classes it has.
    pub classes: Vec<String>,
    /// Attributes it has, with their values.
    pub attributes: Vec<(String, String)>,
}

/// How one element stands in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Combinator {
    /// Directly (`>`).
    Child,
    /// At any depth (a space).
    Descendant,
}

/// More compounds than any selector of a page needs.
const COMPOUNDS_MAX: usize = 8;

/// What a selector can consist of, for messages.
const KNOWN: &str = "known: tag, .class, #id, [attribute=\"value\"], :nth-child(n), :nth-of-type(n), a space and >";

impl Selector {
    /// Reads a selector, such as `nav > a.button[href="/join"]`; `field` is where it stands.
    ///
    /// # Errors
    /// `Invalid` when it is no selector, or asks for more than captured elements can answer.
    ///
    /// ```
    /// use abduck::model::filter::{Combinator, Selector};
    ///
    /// let selector = Selector::parse("nav > a.button", "selector")?;
    /// assert_eq!(selector.compounds[0].tag_name.as_deref(), Some("a"));
    /// assert_eq!(selector.compounds[1].combinator, Some(Combinator::Child));
    /// # Ok::<(), abduck::Error>(())
    /// ```
    pub fn parse(text: &str, field: &str) -> Result<Self> {
        let mut reader = Reader { text, rest: text.trim(), field };
        let mut compounds = vec![reader.compound()?];
        while !reader.rest.is_empty() {
            let combinator = reader.combinator();
            // What comes next is what the elements so far stand in the other way round: the last one is selected.
            if let Some(outer) = compounds.last_mut() {
                outer.combinator = Some(combinator);
            }
            compounds.push(reader.compound()?);
        }
        if compounds.len() > COMPOUNDS_MAX {
            return Err(reader.wrong(&format!("it has more than {COMPOUNDS_MAX} elements")));
        }
        compounds.reverse();
        Ok(Self { compounds })
    }
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
    field: &'a str,
}

impl Reader<'_> {
    fn compound(&mut self) -> Result<Compound> {
        let mut compound = Compound::default();
        let before = self.rest;
        if !self.skip('*') && self.rest.starts_with(is_name) {
            compound.tag_name = Some(self.name()?.to_ascii_lowercase());
        }
        loop {
            if self.skip('.') {
                compound.classes.push(self.name()?);
            } else if self.skip('#') {
                compound.attributes.push(("id".to_owned(), self.name()?));
            } else if self.skip('[') {
                compound.attributes.push(self.attribute()?);
            } else if self.skip(':') {
                compound.attributes.push(self.position()?);
            } else if before.len() == self.rest.len() {
                return Err(self.wrong("an element is missing"));
            } else {
                return Ok(compound);
            }
        }
    }

    fn combinator(&mut self) -> Combinator {
        self.rest = self.rest.trim_start();
        if self.skip('>') {
            self.rest = self.rest.trim_start();
            Combinator::Child
        } else {
            Combinator::Descendant
        }
    }

    fn attribute(&mut self) -> Result<(String, String)> {
        let name = self.name()?;
        if !self.skip('=') {
            return Err(self.wrong("an attribute needs a value"));
        }
        let value = match self.rest.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let inner = &self.rest[1..];
                let end = inner.find(quote).ok_or_else(|| self.wrong("a quotation mark is missing"))?;
                self.rest = &inner[end + 1..];
                inner[..end].to_owned()
            }
            _ => self.name()?,
        };
        if self.skip(']') { Ok((name, value)) } else { Err(self.wrong("a ] is missing")) }
    }

    fn position(&mut self) -> Result<(String, String)> {
        let name = self.name()?;
        if !matches!(name.as_str(), "nth-child" | "nth-of-type") {
            return Err(self.wrong(&format!("':{name}' is not known")));
        }
        if !self.skip('(') {
            return Err(self.wrong("a ( is missing"));
        }
        let number = self.name()?;
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(self.wrong("the position must be a number"));
        }
        if self.skip(')') { Ok((name, number)) } else { Err(self.wrong("a ) is missing")) }
    }

    fn name(&mut self) -> Result<String> {
        let end = self.rest.find(|character| !is_name(character)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.is_empty() {
            return Err(self.wrong("a name is missing"));
        }
        self.rest = rest;
        Ok(name.to_owned())
    }

    fn skip(&mut self, character: char) -> bool {
        let rest = self.rest.strip_prefix(character);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn wrong(&self, reason: &str) -> Error {
        let position = self.text.trim_end().chars().count() - self.rest.chars().count() + 1;
        invalid(self.field, format!("the selector '{}' cannot be read at character {position}: {reason}", self.text))
            .hint(KNOWN)
    }
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '-' | '_')
}
