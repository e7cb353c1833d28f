//! Evaluating a flag for the rows of a table: Arrow in, Arrow out.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanBuilder, RecordBatch, StringBuilder, UInt32Builder, make_array};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Field, Float64Type, Int64Type, Schema, TimeUnit, TimestampMicrosecondType, UInt64Type,
};
use jiff::civil::date;
use jiff::{Timestamp, ToSpan};
use serde_json::{Map, Value};

use super::evaluation::Evaluation;
use super::evaluator::Evaluator;
use super::subject::{Properties, Subject};
use crate::error::{Error, Result};

/// The name of the column with the ids, in answers and unless told otherwise in questions.
pub const ID_COLUMN: &str = "distinct_id";

/// Which columns of a table mean what. All columns that are not named here are properties of the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The column with the ids.
    pub id_column: String,
    /// For a flag that splits groups: the column with the groups' keys. Columns whose names begin with this name and a full
    /// stop are properties of the group.
    pub group_column: Option<String>,
}

/// The columns of an answer: `distinct_id, value, variant, match, reason, condition_index`. All but the id are null for a
/// flag that is switched off (F-1).
#[must_use]
pub fn evaluation_schema() -> Arc<Schema> {
    let text = |name: &str, nullable: bool| Field::new(name, DataType::Utf8, nullable);
    Arc::new(Schema::new(vec![
        text(ID_COLUMN, false),
        text("value", true),
        text("variant", true),
        Field::new("match", DataType::Boolean, true),
        text("reason", true),
        Field::new("condition_index", DataType::UInt32, true),
    ]))
}

/// The flag's answer for each row of a batch, in the columns of [`evaluation_schema`].
///
/// # Errors
/// `Schema` when the id column is missing or has no id in some row, and when a column that the flag looks at has a type that
/// conditions cannot read.
///
/// ```
/// use std::sync::Arc;
/// use abduck::assignment::{Evaluator, Layout, References, evaluate_batch};
/// use abduck::model::flag::FeatureFlag;
/// use arrow::array::{AsArray, RecordBatch, StringArray};
///
/// let flag = FeatureFlag::from_json(serde_json::json!({"key": "for-pros", "filters": {"groups": [
///     {"properties": [{"key": "plan", "value": "pro", "type": "person"}]},
/// ]}}))?;
/// let evaluator = Evaluator::new(&flag, &References::default())?;
/// let ids = Arc::new(StringArray::from(vec!["ann", "bob"]));
/// let plans = Arc::new(StringArray::from(vec!["pro", "free"]));
/// let batch = RecordBatch::try_from_iter([("distinct_id", ids as _), ("plan", plans as _)]).unwrap();
/// let layout = Layout { id_column: "distinct_id".to_owned(), group_column: None };
/// let answer = evaluate_batch(&evaluator, &batch, &layout)?;
/// let values: Vec<_> = answer.column(1).as_string::<i32>().iter().flatten().collect();
/// assert_eq!(values, ["true", "false"]);
/// # Ok::<(), abduck::Error>(())
/// ```
pub fn evaluate_batch(evaluator: &Evaluator, batch: &RecordBatch, layout: &Layout) -> Result<RecordBatch> {
    let id_name = layout.id_column.as_str();
    let ids = batch.column_by_name(id_name).ok_or_else(|| {
        let columns: Vec<_> = batch.schema_ref().fields().iter().map(|field| field.name().clone()).collect();
        Error::schema(format!("there is no column '{id_name}'"))
            .hint(format!("name the column with the ids; there are: {}", columns.join(", ")))
    })?;
    let ids = Cells::of(ids, id_name)?;
    let named = |name: String| batch.column_by_name(&name).map(|column| Cells::of(column, &name)).transpose();
    let group_keys = layout.group_column.clone().map(named).transpose()?.flatten();
    let mut columns = Vec::new();
    for key in evaluator.property_keys() {
        if let Some(cells) = named(layout.property_column(key))? {
            columns.push((key.to_owned(), cells));
        }
    }
    let mut answers = Answers::with_capacity(batch.num_rows());
    let mut row_subject = RowSubject::new(evaluator);
    for row in 0..batch.num_rows() {
        let id = ids.text(row).ok_or_else(|| no_id(id_name, row))?;
        if columns.is_empty() && group_keys.is_none() {
            answers.push(&id, evaluator.evaluate(&Subject::new(&id)));
            continue;
        }
        let group_key = group_keys.as_ref().and_then(|keys| keys.text(row));
        row_subject.fill(group_key, columns.iter().filter_map(|(key, cells)| Some((key, cells.value(row)?))));
        answers.push(&id, evaluator.evaluate(&row_subject.subject(&id)));
    }
    answers.finish()
}

/// As [`evaluate_batch`], for rows that are JSON objects.
///
/// # Errors
/// `Schema` when some row has no id.
pub fn evaluate_objects(evaluator: &Evaluator, rows: &[Properties], layout: &Layout) -> Result<RecordBatch> {
    let keys = evaluator.property_keys();
    let columns: Vec<_> = keys.into_iter().map(|key| (key.to_owned(), layout.property_column(key))).collect();
    let mut answers = Answers::with_capacity(rows.len());
    let mut row_subject = RowSubject::new(evaluator);
    for (row, object) in rows.iter().enumerate() {
        let text_of = |column: &str| object.get(column).and_then(text);
        let id = text_of(&layout.id_column).ok_or_else(|| no_id(&layout.id_column, row))?;
        let group_key = layout.group_column.as_deref().and_then(text_of);
        let known = columns.iter().filter_map(|(key, column)| Some((key, object.get(column)?.clone())));
        row_subject.fill(group_key, known);
        answers.push(&id, evaluator.evaluate(&row_subject.subject(&id)));
    }
    answers.finish()
}

impl Layout {
    /// The columns that make a difference to a flag, beside the one with the ids.
    #[must_use]
    pub fn columns(&self, evaluator: &Evaluator) -> BTreeSet<String> {
        let properties = evaluator.property_keys().into_iter().map(|key| self.property_column(key));
        properties.chain(self.group_column.clone()).collect()
    }

    /// The column with a property that the flag looks at.
    fn property_column(&self, key: &str) -> String {
        self.group_column.as_ref().map_or_else(|| key.to_owned(), |group| format!("{group}.{key}"))
    }
}

/// What a row says of its subject; used again for each row.
struct RowSubject<'e> {
    group_type: Option<&'e str>,
    properties: Properties,
    groups: BTreeMap<String, String>,
    group_properties: BTreeMap<String, Properties>,
}

impl<'e> RowSubject<'e> {
    fn new(evaluator: &'e Evaluator) -> Self {
        Self {
            group_type: evaluator.group_type(),
            properties: Map::new(),
            groups: BTreeMap::new(),
            group_properties: BTreeMap::new(),
        }
    }

    fn fill<'k>(&mut self, group_key: Option<Cow<'_, str>>, known: impl Iterator<Item = (&'k String, Value)>) {
        self.groups.clear();
        if let (Some(name), Some(key)) = (self.group_type, group_key) {
            self.groups.insert(name.to_owned(), key.into_owned());
        }
        let properties = match self.group_type {
            Some(name) => self.group_properties.entry(name.to_owned()).or_default(),
            None => &mut self.properties,
        };
        properties.clear();
        properties.extend(known.map(|(key, value)| (key.clone(), value)));
    }

    fn subject<'s>(&'s self, id: &'s str) -> Subject<'s> {
        Subject {
            person_properties: Some(&self.properties),
            groups: Some(&self.groups),
            group_properties: Some(&self.group_properties),
            ..Subject::new(id)
        }
    }
}

fn no_id(column: &str, row: usize) -> Error {
    Error::schema(format!("row {} has no id in column '{column}'", row + 1)).hint("leave rows without an id out")
}

/// The text of a value as an id or a group's key; null is none.
fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(Cow::Borrowed(text)),
        other => Some(Cow::Owned(other.to_string())),
    }
}

/// A column, read as JSON values.
enum Cells {
    Null,
    Boolean(ArrayRef),
    Integer(ArrayRef),
    Unsigned(ArrayRef),
    Double(ArrayRef),
    Text(ArrayRef),
    /// Days since 1970.
    Date(ArrayRef),
    /// Microseconds since 1970; those without a zone are UTC.
    Moment(ArrayRef),
    List(ArrayRef, String),
    Struct(Vec<(String, Cells)>, ArrayRef),
}

impl Cells {
    fn of(array: &ArrayRef, name: &str) -> Result<Self> {
        let as_type = |target: DataType| {
            cast(array, &target).map_err(|error| Error::schema(format!("column '{name}' cannot be read: {error}")))
        };
        let same = || make_array(array.to_data());
        Ok(match array.data_type() {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Boolean(same()),
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => {
                Self::Integer(as_type(DataType::Int64)?)
            }
            kind if kind.is_unsigned_integer() => Self::Unsigned(as_type(DataType::UInt64)?),
            kind if kind.is_floating() || kind.is_decimal() => Self::Double(as_type(DataType::Float64)?),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text(as_type(DataType::LargeUtf8)?),
            DataType::Dictionary(_, values) => return Self::of(&as_type(values.as_ref().clone())?, name),
            DataType::Date32 | DataType::Date64 => Self::Date(as_type(DataType::Date32)?),
            DataType::Timestamp(_, zone) => {
                Self::Moment(as_type(DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))?)
            }
            DataType::List(item) | DataType::FixedSizeList(item, _) | DataType::LargeList(item) => {
                Self::List(as_type(DataType::LargeList(item.clone()))?, name.to_owned())
            }
            DataType::Struct(fields) => {
                let columns = array.as_struct().columns().iter();
                let parts = fields.iter().zip(columns).map(|(field, column)| {
                    Ok((field.name().clone(), Self::of(column, &format!("{name}.{}", field.name()))?))
                });
                Self::Struct(parts.collect::<Result<_>>()?, same())
            }
            other => {
                return Err(Error::schema(format!("column '{name}' has the type {other}, which cannot be compared"))
                    .hint("cast it to text or numbers first"));
            }
        })
    }

    /// The value in a row; none when it is null, because null in a table means "not known".
    fn value(&self, row: usize) -> Option<Value> {
        let filled = |array: &ArrayRef| !array.is_null(row);
        match self {
            Self::Boolean(array) => filled(array).then(|| array.as_boolean().value(row).into()),
            Self::Integer(array) => filled(array).then(|| array.as_primitive::<Int64Type>().value(row).into()),
            Self::Unsigned(array) => filled(array).then(|| array.as_primitive::<UInt64Type>().value(row).into()),
            Self::Double(array) => filled(array).then(|| array.as_primitive::<Float64Type>().value(row).into()),
            Self::Text(array) => filled(array).then(|| array.as_string::<i64>().value(row).into()),
            Self::Date(array) if filled(array) => day(array.as_primitive::<Date32Type>().value(row)),
            Self::Moment(array) if filled(array) => moment(array.as_primitive::<TimestampMicrosecondType>().value(row)),
            Self::List(array, name) if filled(array) => {
                let items = array.as_list::<i64>().value(row);
                let cells = Self::of(&items, name).ok()?;
                Some((0..items.len()).map(|item| cells.value(item).unwrap_or(Value::Null)).collect())
            }
            Self::Struct(parts, array) if filled(array) => {
                Some(parts.iter().map(|(key, cells)| (key.clone(), cells.value(row).unwrap_or(Value::Null))).collect())
            }
            Self::Null | Self::Date(_) | Self::Moment(_) | Self::List(..) | Self::Struct(..) => None,
        }
    }

    /// The value in a row as an id.
    fn text(&self, row: usize) -> Option<Cow<'_, str>> {
        if let Self::Text(array) = self {
            let texts = array.as_string::<i64>();
            return texts.is_valid(row).then(|| Cow::Borrowed(texts.value(row)));
        }
        text(&self.value(row)?).map(|text| Cow::Owned(text.into_owned()))
    }
}

fn day(days: i32) -> Option<Value> {
    let day = date(1970, 1, 1).checked_add(i64::from(days).days()).ok()?;
    Some(day.to_string().into())
}

fn moment(microseconds: i64) -> Option<Value> {
    let moment = Timestamp::from_microsecond(microseconds).ok()?;
    Some(moment.to_string().into())
}

/// The columns of an answer while it grows.
struct Answers {
    ids: StringBuilder,
    values: StringBuilder,
    variants: StringBuilder,
    matches: BooleanBuilder,
    reasons: StringBuilder,
    indices: UInt32Builder,
}

impl Answers {
    fn with_capacity(rows: usize) -> Self {
        let texts = || StringBuilder::with_capacity(rows, rows * 16);
        Self {
            ids: texts(),
            values: texts(),
            variants: texts(),
            matches: BooleanBuilder::with_capacity(rows),
            reasons: texts(),
            indices: UInt32Builder::with_capacity(rows),
        }
    }

    fn push(&mut self, id: &str, evaluation: Option<Evaluation<'_>>) {
        self.ids.append_value(id);
        self.values.append_option(evaluation.map(|evaluation| evaluation.value().as_text()));
        self.variants.append_option(evaluation.and_then(|evaluation| evaluation.variant));
        self.matches.append_option(evaluation.map(|evaluation| evaluation.is_match));
        self.reasons.append_option(evaluation.map(|evaluation| evaluation.reason.name()));
        let index = evaluation.and_then(|evaluation| u32::try_from(evaluation.condition_index?).ok());
        self.indices.append_option(index);
    }

    fn finish(mut self) -> Result<RecordBatch> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.ids.finish()),
            Arc::new(self.values.finish()),
            Arc::new(self.variants.finish()),
            Arc::new(self.matches.finish()),
            Arc::new(self.reasons.finish()),
            Arc::new(self.indices.finish()),
        ];
        RecordBatch::try_new(evaluation_schema(), columns)
            .map_err(|error| Error::bug(format!("answers do not fit their table: {error}")))
    }
}
