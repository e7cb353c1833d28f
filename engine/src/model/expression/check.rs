//! Which values go together.

use super::{ArithmeticOperator, ComparisonOperator, EventField, Expression, Function, Kind};
use crate::error::{Error, Result};
use crate::model::date;

/// The position of a character in an expression, from 1.
pub(super) type Place = usize;

/// An error at a place of an expression.
pub(super) fn refused(field: &str, place: Place, what: &str, why: &str) -> Error {
    let message = format!("{what} at character {place} of the expression {why}");
    Error::invalid_field(field, "invalid_input", message)
}

/// Puts expressions together; every function takes the place to blame.
pub(super) struct Check<'a> {
    pub(super) field: &'a str,
}

impl Check<'_> {
    pub(super) fn negative(&self, value: Expression, place: Place) -> Result<Expression> {
        // A negative literal is a literal.
        if let Expression::Number(number) = value {
            return Ok(Expression::Number(-number));
        }
        self.expect(Kind::Number, &value, "the operator '-'", place)?;
        Ok(Expression::Negative(Box::new(value)))
    }

    pub(super) fn arithmetic(
        &self,
        operator: ArithmeticOperator,
        left: Expression,
        right: Expression,
        place: Place,
    ) -> Result<Expression> {
        for value in [&left, &right] {
            self.expect(Kind::Number, value, "the operator", place)?;
        }
        Ok(Expression::Arithmetic { operator, left: Box::new(left), right: Box::new(right) })
    }

    pub(super) fn comparison(
        &self,
        operator: ComparisonOperator,
        left: Expression,
        right: Expression,
        place: Place,
    ) -> Result<Expression> {
        let right = self.dated(right, &left, place)?;
        let left = self.dated(left, &right, place)?;
        let is_order = !matches!(operator, ComparisonOperator::Equal | ComparisonOperator::NotEqual);
        let kind = match self.common(&[left.kind(), right.kind()], "the comparison", place)? {
            Kind::Boolean if is_order => {
                return Err(refused(self.field, place, "the comparison", "asks which of two truth values is greater"));
            }
            Kind::Open if is_order => Kind::Number,
            Kind::Boolean | Kind::Open => Kind::Text,
            kind => kind,
        };
        self.check_instant(kind, &left, place)?;
        self.check_instant(kind, &right, place)?;
        Ok(Expression::Comparison { operator, kind, left: Box::new(left), right: Box::new(right) })
    }

    pub(super) fn is_in(&self, value: Expression, list: Vec<Expression>, place: Place) -> Result<Expression> {
        let list = list.into_iter().map(|item| self.dated(item, &value, place)).collect::<Result<Vec<_>>>()?;
        let kinds: Vec<_> = std::iter::once(&value).chain(&list).map(Expression::kind).collect();
        let kind = match self.common(&kinds, "the list", place)? {
            Kind::Boolean | Kind::Open => Kind::Text,
            kind => kind,
        };
        for item in std::iter::once(&value).chain(&list) {
            self.check_instant(kind, item, place)?;
        }
        Ok(Expression::In { kind, value: Box::new(value), list })
    }

    pub(super) fn condition(&self, value: Expression, what: &str, place: Place) -> Result<Expression> {
        self.expect(Kind::Boolean, &value, what, place)?;
        Ok(value)
    }

    /// Whether a text fits a pattern with `%` for anything and `_` for any character.
    pub(super) fn like(
        &self,
        text: Expression,
        pattern: &Expression,
        ignores_case: bool,
        place: Place,
    ) -> Result<Expression> {
        self.expect(Kind::Text, &text, "the comparison", place)?;
        let Expression::Text(like) = pattern else {
            return Err(refused(self.field, place, "the pattern", "must be a text in quotation marks"));
        };
        let mut pattern = String::from(if ignores_case { "^(?is:" } else { "^(?s:" });
        let mut characters = like.chars();
        while let Some(character) = characters.next() {
            match character {
                '%' => pattern.push_str(".*"),
                '_' => pattern.push('.'),
                '\\' => pattern.push_str(&regex::escape(characters.next().unwrap_or('\\').encode_utf8(&mut [0; 4]))),
                other => pattern.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
            }
        }
        pattern.push_str(")$");
        Ok(Expression::Found { text: Box::new(text), pattern })
    }

    pub(super) fn call(
        &self,
        function: Function,
        name: &str,
        arguments: Vec<Expression>,
        place: Place,
    ) -> Result<Expression> {
        let what = format!("the function '{name}'");
        let (least, most) = arity(function);
        if arguments.len() < least || arguments.len() > most {
            let wanted = match (least, most) {
                (least, usize::MAX) => format!("needs at least {least} values"),
                (1, 1) => "takes one value".to_owned(),
                (least, most) if least == most => format!("takes {least} values"),
                (least, most) => format!("takes {least} to {most} values"),
            };
            return Err(refused(self.field, place, &what, &format!("{wanted}, not {}", arguments.len())));
        }
        let kind = match function {
            Function::ToFloat | Function::ToInt => Kind::Number,
            Function::ToText | Function::Concat => Kind::Text,
            Function::Coalesce => self.common(&kinds(&arguments), &what, place)?,
            Function::If => {
                self.expect(Kind::Boolean, &arguments[0], &what, place)?;
                self.common(&kinds(&arguments[1..]), &what, place)?
            }
            Function::Abs | Function::Floor | Function::Ceil | Function::Greatest | Function::Least => {
                self.expect_all(Kind::Number, &arguments, &what, place)?
            }
            Function::Round => {
                let is_whole = |digits: &f64| digits.fract() == 0.0 && (0.0..=15.0).contains(digits);
                match arguments.get(1) {
                    None => {}
                    Some(Expression::Number(digits)) if is_whole(digits) => {}
                    Some(_) => return Err(refused(self.field, place, &what, "takes 0 to 15 decimals, as a number")),
                }
                self.expect_all(Kind::Number, &arguments, &what, place)?
            }
            Function::Lower | Function::Upper => self.expect_all(Kind::Text, &arguments, &what, place)?,
            Function::Length => self.expect_all(Kind::Text, &arguments, &what, place).map(|_| Kind::Number)?,
            Function::StartsWith | Function::EndsWith => {
                self.expect_all(Kind::Text, &arguments, &what, place).map(|_| Kind::Boolean)?
            }
            Function::Match => return self.found(arguments, &what, place),
        };
        Ok(Expression::Call { function, kind, arguments })
    }

    fn found(&self, arguments: Vec<Expression>, what: &str, place: Place) -> Result<Expression> {
        let mut arguments = arguments.into_iter();
        let (Some(text), Some(Expression::Text(pattern))) = (arguments.next(), arguments.next()) else {
            return Err(refused(self.field, place, what, "takes a text, and a pattern in quotation marks"));
        };
        self.expect(Kind::Text, &text, what, place)?;
        if let Err(error) = regex::Regex::new(&pattern) {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            return Err(refused(self.field, place, what, &format!("has a pattern that cannot be used: {reason}"))
                .hint("write it without look-around and backreferences"));
        }
        Ok(Expression::Found { text: Box::new(text), pattern })
    }

    /// A text that is compared with a point in time is one.
    fn dated(&self, value: Expression, other: &Expression, place: Place) -> Result<Expression> {
        match (&value, other) {
            (Expression::Text(text), Expression::Field(EventField::Timestamp)) => match date::absolute(text) {
                Some(moment) => Ok(Expression::Instant(moment.as_microsecond())),
                None => Err(refused(self.field, place, "the comparison", &format!("needs a date, not '{text}'"))
                    .hint("dates are such as '2026-03-01' or '2026-03-01T09:30:00+01:00'")),
            },
            _ => Ok(value),
        }
    }

    /// Only what is a point in time, or null, can be compared as one.
    fn check_instant(&self, kind: Kind, value: &Expression, place: Place) -> Result<()> {
        if kind != Kind::Instant || value.kind() == Kind::Instant || *value == Expression::Null {
            return Ok(());
        }
        Err(refused(self.field, place, "the comparison", "puts a property beside a point in time")
            .hint("compare timestamp with a date in quotation marks"))
    }

    /// The one kind that values have, apart from those that are anything.
    fn common(&self, kinds: &[Kind], what: &str, place: Place) -> Result<Kind> {
        let mut common = Kind::Open;
        for kind in kinds.iter().filter(|kind| **kind != Kind::Open) {
            if common != Kind::Open && common != *kind {
                let why = format!("mixes {} with {}", noun(common), noun(*kind));
                return Err(refused(self.field, place, what, &why).hint("convert one with toFloat or toString"));
            }
            common = *kind;
        }
        Ok(common)
    }

    fn expect_all(&self, kind: Kind, values: &[Expression], what: &str, place: Place) -> Result<Kind> {
        values.iter().try_for_each(|value| self.expect(kind, value, what, place)).map(|()| kind)
    }

    fn expect(&self, kind: Kind, value: &Expression, what: &str, place: Place) -> Result<()> {
        let found = value.kind();
        if found == kind || found == Kind::Open {
            return Ok(());
        }
        let hint = match kind {
            Kind::Number => "convert it with toFloat",
            Kind::Text => "convert it with toString",
            _ => "compare it with something, such as `> 0`",
        };
        Err(refused(self.field, place, what, &format!("needs {}, not {}", noun(kind), noun(found))).hint(hint))
    }
}

fn kinds(values: &[Expression]) -> Vec<Kind> {
    values.iter().map(Expression::kind).collect()
}

fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Number => "a number",
        Kind::Text => "a text",
        Kind::Boolean => "a truth value",
        Kind::Instant => "a point in time",
        Kind::Open => "a property",
    }
}

/// The least and the most values that a function takes.
fn arity(function: Function) -> (usize, usize) {
    match function {
        Function::ToFloat
        | Function::ToInt
        | Function::ToText
        | Function::Lower
        | Function::Upper
        | Function::Length
        | Function::Abs
        | Function::Floor
        | Function::Ceil => (1, 1),
        Function::Round => (1, 2),
        Function::StartsWith | Function::EndsWith | Function::Match => (2, 2),
        Function::If => (3, 3),
        Function::Coalesce | Function::Concat => (1, usize::MAX),
        Function::Greatest | Function::Least => (2, usize::MAX),
    }
}
