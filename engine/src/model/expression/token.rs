//! The words of an expression.

use super::check::{Place, refused};
use crate::error::Result;

/// A word, and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) word: Word,
    pub(super) place: Place,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    Number(f64),
    Text(String),
    /// A name or keyword.
    Name(String),
    /// A name in backquotes or double quotes, which is never a keyword.
    Quoted(String),
    Symbol(&'static str),
    End,
}

/// The longer ones first.
const SYMBOLS: [&str; 18] =
    ["==", "!=", "<>", "<=", ">=", "=", "<", ">", "+", "-", "*", "/", "(", ")", "[", "]", ",", "."];

/// Takes an expression apart; the last word is [`Word::End`].
pub(super) fn tokens(text: &str, field: &str) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut reader = Reader { characters: text.chars().collect(), at: 0, field };
    loop {
        while reader.peek().is_some_and(char::is_whitespace) {
            reader.at += 1;
        }
        let place = reader.at + 1;
        let word = reader.word()?;
        let is_end = word == Word::End;
        tokens.push(Token { word, place });
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Reader<'a> {
    characters: Vec<char>,
    at: usize,
    field: &'a str,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn word(&mut self) -> Result<Word> {
        let Some(first) = self.peek() else { return Ok(Word::End) };
        let next = self.characters.get(self.at + 1);
        match first {
            '\'' => self.quoted('\'').map(Word::Text),
            '`' | '"' => self.quoted(first).map(Word::Quoted),
            '0'..='9' => self.number(),
            '.' if next.is_some_and(char::is_ascii_digit) => self.number(),
            _ if is_name(first) => Ok(Word::Name(self.while_matching(is_name))),
            _ => self.symbol(),
        }
    }

    fn while_matching(&mut self, belongs: impl Fn(char) -> bool) -> String {
        let word: String = self.characters[self.at..].iter().copied().take_while(|next| belongs(*next)).collect();
        self.at += word.chars().count();
        word
    }

    /// What stands in quotation marks; one of them is written twice or behind a backslash.
    fn quoted(&mut self, quote: char) -> Result<String> {
        let place = self.at + 1;
        self.at += 1;
        let mut content = String::new();
        while let Some(character) = self.peek() {
            self.at += 1;
            let next = self.peek();
            match character {
                '\\' if next.is_some_and(|next| next == quote || next == '\\') => {
                    content.extend(next);
                    self.at += 1;
                }
                _ if character == quote && next == Some(quote) => {
                    content.push(quote);
                    self.at += 1;
                }
                _ if character == quote => return Ok(content),
                _ => content.push(character),
            }
        }
        Err(refused(self.field, place, "the quotation", "does not end").hint(format!("end it with {quote}")))
    }

    fn number(&mut self) -> Result<Word> {
        let place = self.at + 1;
        let mut text = self.while_matching(|next| next.is_ascii_digit());
        if self.peek() == Some('.') {
            self.at += 1;
            text = format!("{text}.{}", self.while_matching(|next| next.is_ascii_digit()));
        }
        let exponent: String = self.characters[self.at..].iter().take(3).collect();
        let unsigned = exponent.strip_prefix(['e', 'E']).map(|rest| rest.strip_prefix(['+', '-']).unwrap_or(rest));
        if unsigned.is_some_and(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit())) {
            text.extend(self.characters[self.at..=self.at + 1].iter());
            self.at += 2;
            text.push_str(&self.while_matching(|next| next.is_ascii_digit()));
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() && !self.peek().is_some_and(is_name) => Ok(Word::Number(number)),
            _ => {
                Err(refused(self.field, place, "the number", "cannot be read")
                    .hint("numbers are such as 5, 0.5 or 1e6"))
            }
        }
    }

    fn symbol(&mut self) -> Result<Word> {
        let ahead: String = self.characters[self.at..].iter().take(2).collect();
        let Some(symbol) = SYMBOLS.iter().find(|symbol| ahead.starts_with(**symbol)) else {
            let shown = ahead.chars().next().unwrap_or_default();
            return Err(refused(self.field, self.at + 1, &format!("the character '{shown}'"), "means nothing")
                .hint("put texts into '…', and names with other characters than letters, digits, _ and $ into `…`"));
        };
        self.at += symbol.len();
        Ok(Word::Symbol(symbol))
    }
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$')
}
