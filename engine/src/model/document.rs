//! Documents: definitions as files say them, with names instead of numbers.
//!
//! A document has a `kind` and the fields of the request that creates a thing of that kind. What it leaves out has its
//! default; but where an experiment is in its life (`start_date`, `end_date`, `archived`, `conclusion`,
//! `conclusion_comment`, and whether its flag is on or deleted) stays as it is unless the document says so.
//!
//! Things are named: an experiment by its `feature_flag_key`, a flag by its `key`, everything else by its `name`. An
//! experiment says `holdout: NAME` and `saved_metrics: [{name: NAME, type: primary}]`, and wherever a condition of type
//! `cohort` stands, its value is the name of the cohort.

mod definition;
mod names;
mod outward;
mod schema;
mod strict;
mod yaml;

pub use definition::{ExperimentDefinition, FlagDefinition};
pub(crate) use names::referred_cohorts;
pub use names::{Names, NamesOfKind};
pub use outward::{ExperimentParts, cohort, experiment, flag, flag_filters, holdout, saved_metric, settings};
pub use schema::json_schema;

use std::collections::HashMap;
use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::suggest::closest;
use crate::error::{Error, Result};

/// What a document defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DocumentKind {
    /// A set of persons.
    Cohort,
    /// People kept out of a family of experiments.
    Holdout,
    /// A metric that several experiments share.
    SavedMetric,
    /// A flag without an experiment.
    Flag,
    /// An experiment and its flag.
    Experiment,
    /// What holds for the whole lab.
    Settings,
}

/// A definition as a file says it.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// What is defined.
    pub kind: DocumentKind,
    /// The fields without `kind`, in the order they were written.
    pub fields: Map<String, Value>,
    source: Option<Source>,
}

/// Where a document comes from.
#[derive(Clone, Debug, PartialEq)]
struct Source {
    name: String,
    positions: HashMap<String, (usize, usize)>,
}

/// A place in a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file, or `-` for standard input.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl DocumentKind {
    /// All kinds, in the order they are applied: what is referred to comes first.
    pub const ALL: [Self; 6] =
        [Self::Cohort, Self::Holdout, Self::SavedMetric, Self::Flag, Self::Experiment, Self::Settings];

    /// The word after `kind:`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cohort => "cohort",
            Self::Holdout => "holdout",
            Self::SavedMetric => "saved_metric",
            Self::Flag => "flag",
            Self::Experiment => "experiment",
            Self::Settings => "settings",
        }
    }

    /// The folder that documents of this kind are written to.
    #[must_use]
    pub fn folder(self) -> &'static str {
        match self {
            Self::Cohort => "cohorts",
            Self::Holdout => "holdouts",
            Self::SavedMetric => "saved_metrics",
            Self::Flag => "flags",
            Self::Experiment => "experiments",
            Self::Settings => ".",
        }
    }

    /// The field that a thing of this kind is found again by; the settings are found without.
    #[must_use]
    pub fn key_field(self) -> Option<&'static str> {
        match self {
            Self::Cohort | Self::Holdout | Self::SavedMetric => Some("name"),
            Self::Flag => Some("key"),
            Self::Experiment => Some("feature_flag_key"),
            Self::Settings => None,
        }
    }

    /// The fields of a document of this kind.
    #[must_use]
    pub fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Cohort => &["name", "description", "is_static", "filters", "members"],
            Self::Holdout => &["name", "description", "filters"],
            Self::SavedMetric => &["name", "description", "query"],
            Self::Flag => &["key", "name", "filters", "rollout_percentage", "active", "ensure_experience_continuity"],
            Self::Experiment => &definition::EXPERIMENT_FIELDS,
            Self::Settings => &["timezone", "week_start_day", "test_account_filters", "aggregate_users_by_distinct_id"],
        }
    }
}

impl fmt::Display for DocumentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for DocumentKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Document {
    /// A document that was not read from a text.
    #[must_use]
    pub fn new(kind: DocumentKind, fields: Map<String, Value>) -> Self {
        Self { kind, fields, source: None }
    }

    /// Reads a document from JSON.
    ///
    /// # Errors
    /// `Invalid` when it is no object, or its `kind` is missing or unknown.
    pub fn from_json(document: Value) -> Result<Self> {
        let Value::Object(mut fields) = document else {
            return Err(Error::invalid("a document must be an object with a kind").hint(KINDS_HINT));
        };
        let kind = kind(fields.shift_remove("kind").as_ref())?;
        Ok(Self::new(kind, fields))
    }

    /// Reads the documents of a text: YAML, several of them separated by `---`, or JSON, several in a list. `file` is where
    /// the text comes from, for messages.
    ///
    /// # Errors
    /// `Invalid`, with file, line and column, when the text is no YAML, gives a key twice, or has a document without a
    /// known `kind`.
    ///
    /// ```
    /// use abduck::model::document::{Document, DocumentKind};
    ///
    /// let text = "kind: holdout\nname: 2025 global\nfilters: [{rollout_percentage: 5}]\n---\nkind: flag\nkey: beta\n";
    /// let documents = Document::from_text(text, "lab.yaml")?;
    /// assert_eq!(documents[1].kind, DocumentKind::Flag);
    ///
    /// let error = Document::from_text("kind: flag\nkind: holdout\n", "lab.yaml").unwrap_err();
    /// assert_eq!(error.to_string(), "lab.yaml:2:1: the key 'kind' is given twice");
    /// # Ok::<(), abduck::Error>(())
    /// ```
    pub fn from_text(text: &str, file: &str) -> Result<Vec<Self>> {
        let at = |(line, column): yaml::Position| Place { file: file.to_owned(), line, column };
        let texts =
            yaml::read(text).map_err(|fault| Error::invalid(format!("{}: {}", at(fault.position), fault.message)))?;
        let mut documents = Vec::new();
        for yaml::Located { value, positions } in texts {
            match value {
                Value::Array(items) => {
                    for (index, item) in items.into_iter().enumerate() {
                        let prefix = format!("[{index}]");
                        let of_item = |(path, position): (&String, &yaml::Position)| {
                            let rest = path.strip_prefix(&prefix)?;
                            Some((rest.strip_prefix('.').unwrap_or(rest).to_owned(), *position))
                        };
                        documents.push((item, positions.iter().filter_map(of_item).collect::<HashMap<_, _>>()));
                    }
                }
                value => documents.push((value, positions)),
            }
        }
        let read = |(value, positions): (Value, HashMap<String, yaml::Position>)| {
            let position = positions.get("kind").or_else(|| positions.get("")).copied().unwrap_or((1, 1));
            let document = Self::from_json(value).map_err(|error| located(&error, &at(position)))?;
            Ok(Self { source: Some(Source { name: file.to_owned(), positions }), ..document })
        };
        documents.into_iter().map(read).collect()
    }

    /// What the thing is found again by; empty when the document does not say it, and for the settings.
    #[must_use]
    pub fn key(&self) -> &str {
        let field = self.kind.key_field();
        field.and_then(|field| self.fields.get(field)).and_then(Value::as_str).map(str::trim).unwrap_or_default()
    }

    /// Where a field stands, or what is closest around it; `None` when the document was not read from a text.
    #[must_use]
    pub fn place(&self, field: Option<&str>) -> Option<Place> {
        let Source { name, positions } = self.source.as_ref()?;
        let mut paths = std::iter::successors(Some(field.unwrap_or_default()), |path| shorten(path)).chain([""]);
        let (line, column) = paths.find_map(|path| positions.get(path)).copied()?;
        Some(Place { file: name.clone(), line, column })
    }

    /// The document as YAML.
    ///
    /// # Errors
    /// `Bug` when it cannot be written.
    pub fn to_yaml(&self) -> Result<String> {
        serde_yaml_ng::to_string(self).map_err(|error| Error::bug(format!("a document has no YAML form: {error}")))
    }

    /// Refuses fields that a document of this kind does not have, and misspelt ones further inside.
    pub(crate) fn check_fields(&self) -> Result<()> {
        strict::check(self)
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kind = ("kind".to_owned(), Value::from(self.kind.name()));
        let all = std::iter::once(kind).chain(self.fields.clone());
        serializer.collect_map(all)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Documents as one YAML text, separated by `---`.
///
/// # Errors
/// `Bug` when they cannot be written.
pub fn to_yaml(documents: &[Document]) -> Result<String> {
    let texts = documents.iter().map(Document::to_yaml).collect::<Result<Vec<_>>>()?;
    Ok(texts.join("---\n"))
}

/// The path of what a part stands in.
fn shorten(path: &str) -> Option<&str> {
    path.rfind(['.', '[']).map(|end| path.split_at(end).0)
}

/// The error with its place in front.
fn located(error: &Error, place: &Place) -> Error {
    let located = Error::invalid(format!("{place}: {error}"));
    error.hints().iter().cloned().fold(located, Error::hint)
}

const KINDS_HINT: &str = "known kinds: cohort, holdout, saved_metric, flag, experiment, settings";

fn kind(value: Option<&Value>) -> Result<DocumentKind> {
    let Some(value) = value else {
        return Err(Error::invalid_field("kind", "required", "a document needs a kind").hint(KINDS_HINT));
    };
    let name = value.as_str().unwrap_or_default();
    DocumentKind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let error = Error::invalid_field("kind", "invalid_choice", format!("unknown kind '{shown}'"));
        match closest(name, DocumentKind::ALL.map(DocumentKind::name)) {
            Some(meant) => error.hint(format!("did you mean '{meant}'?")),
            None => error.hint(KINDS_HINT),
        }
    })
}
