//! Definitions: from a file or from stdin, with options that win over them.

use std::io::{ErrorKind as IoErrorKind, Read};
use std::path::Path;

use abduck::model::definition;
use abduck::{Error, ErrorKind, Result};
use serde_json::{Map, Value};

/// What a definition says so far.
#[derive(Debug)]
pub(crate) struct Definition {
    fields: Value,
    /// The noun whose form it has, as `abduck schema` knows it; nothing when it is from options alone.
    form: Option<&'static str>,
}

impl Definition {
    /// Reads the file, if there is one.
    pub(crate) fn from_file(file: Option<&Path>, form: &'static str) -> Result<Self> {
        let Some(file) = file else { return Ok(Self { fields: Value::Object(Map::new()), form: None }) };
        let fields = definition::read(&text(file)?).map_err(|error| see_form(in_file(file, error), form))?;
        Ok(Self { fields, form: Some(form) })
    }

    /// A field, as far as it is given.
    pub(crate) fn field(&self, name: &str) -> Option<&Value> {
        self.fields.get(name)
    }

    /// Gives a field, whatever the file says of it.
    pub(crate) fn set(&mut self, field: &str, value: impl Into<Value>) {
        // What is no object is refused when it is read.
        if let Value::Object(fields) = &mut self.fields {
            fields.insert(field.to_owned(), value.into());
        }
    }

    /// Gives a field if the option for it was given.
    pub(crate) fn set_given(&mut self, field: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(field, value);
        }
    }

    /// Refuses a change that changes nothing because nothing was said.
    pub(crate) fn refuse_silence(&self) -> Result<()> {
        if self.form.is_none() && self.fields.as_object().is_some_and(Map::is_empty) {
            return Err(Error::invalid("nothing is said to be changed").hint("name a file, or see the options: --help"));
        }
        Ok(())
    }

    /// Makes the request of it.
    pub(crate) fn read<T>(self, read: impl FnOnce(Value) -> Result<T>) -> Result<T> {
        read(self.fields).map_err(|error| match self.form {
            Some(form) => see_form(error, form),
            None => error,
        })
    }
}

/// The text of a file, or of stdin.
pub(crate) fn text(file: &Path) -> Result<String> {
    let text = if is_stdin(file) {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    text.map_err(|error| match error.kind() {
        IoErrorKind::NotFound => Error::not_found("file", file.display().to_string()),
        _ => Error::io(name(file), error),
    })
}

/// Whether a file is the one that means stdin.
pub(crate) fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

/// What a file is called.
pub(crate) fn name(file: &Path) -> String {
    if is_stdin(file) { "standard input".to_owned() } else { file.display().to_string() }
}

fn see_form(error: Error, form: &str) -> Error {
    error.hint(format!("see its form with `abduck schema {form}`"))
}

/// The error with the file that it is about.
fn in_file(file: &Path, error: Error) -> Error {
    match error.kind() {
        ErrorKind::Invalid { message, .. } => Error::invalid(format!("{}: {message}", name(file))),
        _ => error,
    }
}
