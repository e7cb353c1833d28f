//! What is printed: data on stdout in the format asked for, messages on stderr.

pub(crate) mod difference;
pub(crate) mod stream;

use std::fmt::Write as _;
use std::io::{ErrorKind as IoErrorKind, IsTerminal, Write as _};
use std::path::{Path, PathBuf};

use abduck::report::{Cell, Table};
use abduck::{Error, ErrorKind, Result};
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Color, Style};
use serde::Serialize;
use serde_json::Value;
use tracing_subscriber::filter::LevelFilter;

use crate::args::{Format, Global, Target};

/// Where a command answers to.
#[derive(Debug)]
pub(crate) struct Output {
    format: Option<Format>,
    file: Option<PathBuf>,
    is_quiet: bool,
    width: Option<u16>,
}

/// The answer of a command, in every form it can be printed in.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// For people; the table when there is nothing better.
    pub(crate) text: Option<String>,
    /// For `csv` and `md`.
    pub(crate) table: Table,
    /// For `json`.
    pub(crate) data: Value,
}

const ERROR: Style = bold(AnsiColor::Red);
const WARNING: Style = bold(AnsiColor::Yellow);
const HINT: Style = bold(AnsiColor::Cyan);

const fn bold(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(color))).bold()
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        let width = terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| width.0);
        let (format, file) = match &global.output {
            Some(Target::Format(format)) => (Some(*format), None),
            Some(Target::File(file)) => (None, Some(file.clone())),
            None => (None, None),
        };
        Self { format, file, is_quiet: global.quiet, width }
    }

    /// The format asked for, if one was.
    pub(crate) fn format(&self) -> Option<Format> {
        self.format
    }

    /// The file that a report or a plot is written to, if one was named.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Whether messages are unwanted.
    pub(crate) fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    /// The width of the terminal that tables have to fit, if stdout is one.
    pub(crate) fn width(&self) -> Option<u16> {
        self.width
    }

    /// Prints the answer of a command.
    pub(crate) fn answer(&self, answer: &Answer) -> Result<()> {
        match self.format.unwrap_or(Format::Table) {
            Format::Table => match &answer.text {
                Some(text) => self.print(text),
                None => self.print(&answer.table.to_text(self.width)),
            },
            Format::Json => self.json(&answer.data),
            Format::Csv => self.print(&answer.table.to_csv()?),
            Format::Md => self.print(&answer.table.to_markdown()),
        }
    }

    /// Prints JSON: indented for people, on one line for programs.
    pub(crate) fn json(&self, value: &Value) -> Result<()> {
        let text = if std::io::stdout().is_terminal() { format!("{value:#}\n") } else { format!("{value}\n") };
        self.print(&text)
    }

    /// Prints text as it is.
    pub(crate) fn print(&self, text: &str) -> Result<()> {
        self.print_part(text).map(drop)
    }

    /// Prints text of which more is to come; false when nobody reads it any more.
    #[expect(clippy::unused_self, reason = "all that is printed goes through here")]
    pub(crate) fn print_part(&self, text: &str) -> Result<bool> {
        let mut stdout = anstream::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            // A reader that has seen enough, such as `head`, is content.
            Err(error) if error.kind() == IoErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Error::io("standard output", error)),
            Ok(()) => Ok(true),
        }
    }

    /// Tells people what was done, or what they can do next.
    pub(crate) fn note(&self, text: &str) {
        if !self.is_quiet {
            say(&format!("{text}\n"));
        }
    }

    /// Tells people what to be careful about.
    pub(crate) fn warning(&self, text: &str) {
        if !self.is_quiet {
            say(&format!("{WARNING}warning:{WARNING:#} {text}\n"));
        }
    }

    /// Says what went wrong, and what to do about it.
    #[expect(clippy::unused_self, reason = "all that is printed goes through here")]
    pub(crate) fn error(&self, error: &Error) {
        let mut text = format!("{ERROR}error:{ERROR:#} {}{error}\n", place(error));
        for hint in error.hints() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{HINT}hint:{HINT:#} {hint}");
        }
        say(&text);
    }

    /// Asks before something is done that cannot be undone, unless the caller is sure. It cannot be quiet about that.
    ///
    /// # Errors
    /// `Invalid` when there is nobody to ask; `Interrupted` when the answer is no.
    #[expect(clippy::unused_self, reason = "all that is printed goes through here")]
    pub(crate) fn confirm(&self, question: &str, is_sure: bool) -> Result<()> {
        if is_sure {
            return Ok(());
        }
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            let message = "what is deleted for good must be confirmed, and there is nobody to ask";
            return Err(Error::invalid(message).hint("confirm it with --yes"));
        }
        say(&format!("{question} [y/N] "));
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).map_err(|error| Error::io("standard input", error))?;
        if is_yes(&answer) { Ok(()) } else { Err(ErrorKind::Interrupted.into()) }
    }

    /// Shows the engine's log on stderr, from the first `-v` on.
    #[expect(clippy::unused_self, reason = "all that is printed goes through here")]
    pub(crate) fn start_log(&self, verbose: u8) {
        let level = match verbose {
            0 => return,
            1 => LevelFilter::INFO,
            _ => LevelFilter::DEBUG,
        };
        let is_colored = AutoStream::choice(&std::io::stderr()) != ColorChoice::Never;
        let log = tracing_subscriber::fmt().with_max_level(level).with_ansi(is_colored).with_writer(std::io::stderr);
        // It fails only when there is a log already, which serves as well.
        let _ = log.try_init();
    }
}

impl Answer {
    /// A table, and the same as data.
    pub(crate) fn table(table: Table, data: &impl Serialize) -> Result<Self> {
        Ok(Self { text: None, table, data: json(data)? })
    }

    /// A table that may have no rows, of which people see nothing then, and the same as data.
    pub(crate) fn list(table: Table, data: &impl Serialize) -> Result<Self> {
        let text = table.is_empty().then(String::new);
        Ok(Self { text, ..Self::table(table, data)? })
    }

    /// What was deleted, as it was.
    pub(crate) fn deleted(noun: &str, id: i64, name: &str, was: &impl Serialize) -> Result<Self> {
        let fields = [("deleted", noun.to_owned()), ("number", id.to_string()), ("name", name.to_owned())];
        Self::fields(&fields, &serde_json::json!({"deleted": json(was)?}))
    }

    /// Named values, a line each, and the same as data.
    pub(crate) fn fields(fields: &[(&'static str, String)], data: &impl Serialize) -> Result<Self> {
        let mut table = Table::new(&["field", "value"]);
        for (name, value) in fields {
            table.push(vec![Cell::text(*name), Cell::text(value)]);
        }
        Ok(Self { text: Some(aligned(fields)), table, data: json(data)? })
    }
}

/// A value in its JSON form.
pub(crate) fn json(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| Error::bug(format!("an answer has no JSON form: {error}")))
}

/// Named values, a line each.
pub(crate) fn aligned(fields: &[(&'static str, String)]) -> String {
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    fields.iter().map(|(name, value)| format!("{name:<width$}  {value}").trim_end().to_owned() + "\n").collect()
}

/// The field that an error is about, where the message does not name it.
fn place(error: &Error) -> String {
    match error.kind() {
        ErrorKind::Invalid { field: Some(field), message, .. } if !message.contains(field.as_str()) => {
            format!("{field}: ")
        }
        _ => String::new(),
    }
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// A message for people. If nobody can read it, the work is no worse for it.
fn say(text: &str) {
    let _ = anstream::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        assert!(is_yes("y\n") && is_yes(" Yes\r\n"));
        assert!(!is_yes("") && !is_yes("\n") && !is_yes("n\n") && !is_yes("yesterday\n"));
    }

    #[test]
    fn a_field_is_named_once() {
        let error = |message: &str| Error::invalid_field("name", "required", message);
        assert_eq!(place(&error("This field is required.")), "name: ");
        assert_eq!(place(&error("the name is too long")), "");
        assert_eq!(place(&Error::not_found("experiment", "checkout")), "");
    }
}
