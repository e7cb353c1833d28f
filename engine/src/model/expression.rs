//! Expressions over an event, as definitions give them: parsed and checked, never pasted into a query (Q-P15, Q-F12).
//!
//! ```text
//! toFloat(properties.price) * properties['number of items'] > 100 and person.properties.plan in ('pro', 'team')
//! ```
//!
//! - Values: `properties.x`, `properties.$x`, `properties['a b']`, the same behind `person.` and `group_0.` to `group_4.`;
//!   `event`, `timestamp`, `distinct_id`, `person_id`; numbers, `'text'`, `true`, `false`, `null`.
//! - `+ - * /`, `= == != <> < <= > >=`, `and or not`, `in (…)`, `is null`, `is not null`, `like`, `ilike`, each with `not`.
//! - The functions in [`Function::NAMES`].
//!
//! A property is a text where it meets a text, and a number where it meets a number (spaces are left out; what is no number
//! is null). Two properties are equal as texts and ordered as numbers. Null goes through every operation, as in SQL; so does
//! what has no value, such as a division by zero.

mod aggregate;
mod check;
mod parse;
mod token;

pub(crate) use aggregate::aggregate_call;

use serde::Serialize;

use crate::error::Result;

/// A value computed from one event.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Expression {
    /// A property.
    Property {
        /// Whose it is.
        owner: PropertyOwner,
        /// Its name.
        key: String,
    },
    /// What every event has.
    Field(EventField),
    /// A number; finite.
    Number(f64),
    /// A text.
    Text(String),
    /// A truth value.
    Boolean(bool),
    /// A point in time, in microseconds since 1970 UTC.
    Instant(i64),
    /// No value.
    Null,
    /// A number with the other sign.
    Negative(Box<Expression>),
    /// Two numbers make a third.
    Arithmetic {
        /// How.
        operator: ArithmeticOperator,
        /// The first number.
        left: Box<Expression>,
        /// The second number.
        right: Box<Expression>,
    },
    /// Two values are compared.
    Comparison {
        /// How.
        operator: ComparisonOperator,
        /// What both are compared as.
        kind: Kind,
        /// The first value.
        left: Box<Expression>,
        /// The second value.
        right: Box<Expression>,
    },
    /// Whether every part holds.
    All(Vec<Expression>),
    /// Whether some part holds.
    Any(Vec<Expression>),
    /// Whether the part does not hold.
    Not(Box<Expression>),
    /// Whether a value is one of several.
    In {
        /// What they are compared as.
        kind: Kind,
        /// The value.
        value: Box<Expression>,
        /// Those it may be; at least one.
        list: Vec<Expression>,
    },
    /// Whether there is no value.
    IsNull(Box<Expression>),
    /// Whether a pattern is found in a text.
    Found {
        /// The text.
        text: Box<Expression>,
        /// The pattern.
        pattern: String,
    },
    /// A function of values.
    Call {
        /// Which.
        function: Function,
        /// What it gives.
        kind: Kind,
        /// The values.
        arguments: Vec<Expression>,
    },
}

/// Whose property it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PropertyOwner {
    /// The event's.
    Event,
    /// The event's person's; the latest value (Q-P22).
    Person,
    /// That of the event's group of a type; the latest value.
    Group(u8),
}

/// What every event has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventField {
    /// Its name.
    Event,
    /// When it happened.
    Timestamp,
    /// The id it carries.
    DistinctId,
    /// The store's number of the person the id belongs to.
    PersonId,
}

/// How two numbers make a third.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ArithmeticOperator {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum ComparisonOperator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What sort of value an expression has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A number in double precision.
    Number,
    /// A text.
    Text,
    /// True or false.
    Boolean,
    /// A point in time.
    Instant,
    /// A property or null: whatever is asked for.
    Open,
}

/// A function of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// A value as a number; points in time count seconds since 1970 UTC.
    ToFloat,
    /// A value as a whole number, without what follows the decimal point.
    ToInt,
    /// A value as a text.
    ToText,
    /// A text in lower case.
    Lower,
    /// A text in upper case.
    Upper,
    /// The number of characters of a text.
    Length,
    /// The first value that is not null.
    Coalesce,
    /// The second value if the first holds, else the third.
    If,
    /// A number without its sign.
    Abs,
    /// A number rounded half away from zero, to a number of decimals if one is given.
    Round,
    /// The largest whole number that is not greater.
    Floor,
    /// The smallest whole number that is not less.
    Ceil,
    /// The greatest of the numbers that are not null.
    Greatest,
    /// The least of the numbers that are not null.
    Least,
    /// The texts one after another.
    Concat,
    /// Whether a text begins with another.
    StartsWith,
    /// Whether a text ends with another.
    EndsWith,
    /// Whether a pattern is found in a text (RE2 syntax).
    Match,
}

impl Function {
    /// The names of the functions; case does not matter.
    pub const NAMES: [(&'static str, Self); 20] = [
        ("toFloat", Self::ToFloat),
        ("toInt", Self::ToInt),
        ("toString", Self::ToText),
        ("lower", Self::Lower),
        ("upper", Self::Upper),
        ("length", Self::Length),
        ("coalesce", Self::Coalesce),
        ("ifNull", Self::Coalesce),
        ("if", Self::If),
        ("abs", Self::Abs),
        ("round", Self::Round),
        ("floor", Self::Floor),
        ("ceil", Self::Ceil),
        ("ceiling", Self::Ceil),
        ("greatest", Self::Greatest),
        ("least", Self::Least),
        ("concat", Self::Concat),
        ("startsWith", Self::StartsWith),
        ("endsWith", Self::EndsWith),
        ("match", Self::Match),
    ];
}

impl Expression {
    /// The most characters of an expression.
    pub const LENGTH_MAX: usize = 4_000;

    /// The most values and operations of an expression.
    pub const PARTS_MAX: usize = 200;

    /// Reads an expression; `field` is where it stands in the definition, for messages.
    ///
    /// # Errors
    /// `Invalid` when it is none, with the position in the text: a name or function that is not known, values that do not go
    /// together, or more than [`Expression::LENGTH_MAX`] characters or [`Expression::PARTS_MAX`] parts.
    ///
    /// ```
    /// use abduck::model::expression::{Expression, Kind};
    ///
    /// let expression = Expression::parse("toFloat(properties.price) * 2", "math_hogql")?;
    /// assert_eq!(expression.kind(), Kind::Number);
    /// let error = Expression::parse("propertis.price", "math_hogql").unwrap_err();
    /// assert_eq!(error.to_string(), "the name 'propertis' at character 1 of the expression is not known");
    /// assert_eq!(error.hints()[0], "did you mean 'properties'?");
    /// # Ok::<(), abduck::Error>(())
    /// ```
    pub fn parse(text: &str, field: &str) -> Result<Self> {
        parse::parse(text, field)
    }

    /// What sort of value it has.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Property { .. } | Self::Null => Kind::Open,
            Self::Field(EventField::Event | EventField::DistinctId) | Self::Text(_) => Kind::Text,
            Self::Field(EventField::Timestamp) | Self::Instant(_) => Kind::Instant,
            Self::Field(EventField::PersonId) | Self::Number(_) | Self::Negative(_) | Self::Arithmetic { .. } => {
                Kind::Number
            }
            Self::Boolean(_)
            | Self::Comparison { .. }
            | Self::All(_)
            | Self::Any(_)
            | Self::Not(_)
            | Self::In { .. }
            | Self::IsNull(_)
            | Self::Found { .. } => Kind::Boolean,
            Self::Call { kind, .. } => *kind,
        }
    }
}

#[cfg(test)]
mod tests;
