//! What became of documents.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::error::{Error, ErrorKind, Result};
use crate::model::document::{Document, DocumentKind, Place};

/// What applying documents did, or in a dry run would do.
#[derive(Debug, Serialize)]
pub struct ApplyReport {
    /// Whether it was only tried.
    pub dry_run: bool,
    /// Whether the lab holds what the documents define now. It does not after a dry run, or when one was refused.
    pub is_applied: bool,
    /// What became of each document, in the order they were given.
    pub changes: Vec<DocumentChange>,
}

/// What became of a document.
#[derive(Debug, Serialize)]
pub struct DocumentChange {
    /// What it defines.
    pub kind: DocumentKind,
    /// The key or name of the thing; empty for the settings.
    pub key: String,
    /// What is done.
    pub action: ApplyAction,
    /// The fields that change, of a thing that exists.
    pub changes: Vec<FieldChange>,
    /// Where the document stands, or what is wrong in it; null when it was not read from a text.
    pub place: Option<Place>,
    /// Why it is refused.
    #[serde(serialize_with = "refusal")]
    pub error: Option<Error>,
}

/// What is done about a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplyAction {
    /// The thing is made.
    Create,
    /// The thing is changed.
    Update,
    /// The thing is as it should be.
    NoChange,
    /// The document breaks a rule.
    Refuse,
}

/// A field that changes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldChange {
    /// The path of the field, such as `flag.filters.groups`.
    pub field: String,
    /// What it was; null when it was left out.
    pub before: Value,
    /// What it becomes; null when it is left out.
    pub after: Value,
}

/// What was done about a document that is not refused.
pub(super) struct Done {
    action: ApplyAction,
    changes: Vec<FieldChange>,
}

impl Done {
    pub(super) fn created() -> Self {
        Self { action: ApplyAction::Create, changes: Vec::new() }
    }

    pub(super) fn updated(changes: Vec<FieldChange>) -> Self {
        let action = if changes.is_empty() { ApplyAction::NoChange } else { ApplyAction::Update };
        Self { action, changes }
    }
}

impl ApplyAction {
    /// The word for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::NoChange => "no change",
            Self::Refuse => "refuse",
        }
    }
}

impl DocumentChange {
    pub(super) fn new(document: &Document, done: Result<Done>) -> Self {
        let (Done { action, changes }, error) = match done {
            Ok(done) => (done, None),
            Err(error) => (Done { action: ApplyAction::Refuse, changes: Vec::new() }, Some(error)),
        };
        let field = error.as_ref().and_then(|error| match error.kind() {
            ErrorKind::Invalid { field, .. } => field.as_deref(),
            _ => None,
        });
        let key = document.key().to_owned();
        Self { kind: document.kind, key, action, changes, place: document.place(field), error }
    }

    /// Why the document is refused, with the place and the thing in front; `None` when it is not.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        let error = self.error.as_ref()?;
        let place = self.place.as_ref().map_or_else(String::new, |place| format!("{place}: "));
        let field = match error.kind() {
            ErrorKind::Invalid { field: Some(field), .. } => format!("{field}: "),
            _ => String::new(),
        };
        let key = if self.key.is_empty() { String::new() } else { format!(" '{}'", self.key) };
        Some(format!("{place}{}{key}: {field}{error}", self.kind))
    }
}

impl ApplyReport {
    pub(super) fn new(dry_run: bool, changes: Vec<DocumentChange>) -> Self {
        let is_accepted = changes.iter().all(|change| change.error.is_none());
        Self { dry_run, is_applied: is_accepted && !dry_run, changes }
    }

    /// All refusals as one error of the kind of the first; `None` when there are none.
    #[must_use]
    pub fn refusal(&self) -> Option<Error> {
        let refused = || self.changes.iter().filter(|change| change.error.is_some());
        let first = refused().find_map(|change| change.error.as_ref())?;
        let lines: Vec<String> = refused().filter_map(DocumentChange::refusal).collect();
        let message = format!(
            "{} of {} documents refused, nothing was changed\n  {}",
            lines.len(),
            self.changes.len(),
            lines.join("\n  ")
        );
        let error = match first.kind() {
            ErrorKind::NotAllowed { .. } => Error::not_allowed(message),
            ErrorKind::NotReady { .. } => Error::not_ready(message),
            ErrorKind::Invalid { field, code, .. } => ErrorKind::Invalid { field: field.clone(), code, message }.into(),
            _ => Error::invalid(message),
        };
        let hints = refused().filter_map(|change| change.error.as_ref()).flat_map(Error::hints);
        let mut different: Vec<&String> = Vec::new();
        for hint in hints {
            if !different.contains(&hint) {
                different.push(hint);
            }
        }
        Some(different.into_iter().cloned().fold(error, Error::hint))
    }
}

#[expect(clippy::ref_option, reason = "the form that serialize_with calls")]
fn refusal<S: Serializer>(error: &Option<Error>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    let shown = error.as_ref().map(|error| {
        let field = match error.kind() {
            ErrorKind::Invalid { field, .. } => field.as_deref(),
            _ => None,
        };
        json!({
            "kind": error.kind().name(), "code": error.code(), "field": field, "message": error.to_string(),
            "hints": error.hints(),
        })
    });
    shown.serialize(serializer)
}

/// What differs between two forms of a thing, object by object.
pub(super) fn differences(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    compare("", before, after, &mut changes);
    changes
}

fn compare(path: &str, before: &Map<String, Value>, after: &Map<String, Value>, changes: &mut Vec<FieldChange>) {
    let new = after.keys().filter(|field| !before.contains_key(*field));
    for field in before.keys().chain(new) {
        let place = if path.is_empty() { field.clone() } else { format!("{path}.{field}") };
        match (before.get(field), after.get(field)) {
            (one, other) if one == other => {}
            (Some(Value::Object(before)), Some(Value::Object(after))) => compare(&place, before, after, changes),
            (one, other) => {
                let before = one.cloned().unwrap_or_default();
                changes.push(FieldChange { field: place, before, after: other.cloned().unwrap_or_default() });
            }
        }
    }
}
