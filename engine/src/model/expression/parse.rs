//! Reading an expression, word by word: each function reads what binds at least as tightly as its name says.

use super::check::{Check, Place, refused};
use super::token::{Token, Word, tokens};
use super::{ArithmeticOperator, ComparisonOperator, EventField, Expression, Function, PropertyOwner};
use crate::error::{Error, Result};
use crate::model::suggest::closest;

/// How deep parentheses, functions and signs may stand in each other.
const DEPTH_MAX: usize = 40;

const FIELDS: [(&str, EventField); 4] = [
    ("event", EventField::Event),
    ("timestamp", EventField::Timestamp),
    ("distinct_id", EventField::DistinctId),
    ("person_id", EventField::PersonId),
];

const OWNERS: [(&str, PropertyOwner); 6] = [
    ("person", PropertyOwner::Person),
    ("group_0", PropertyOwner::Group(0)),
    ("group_1", PropertyOwner::Group(1)),
    ("group_2", PropertyOwner::Group(2)),
    ("group_3", PropertyOwner::Group(3)),
    ("group_4", PropertyOwner::Group(4)),
];

const COMPARISONS: [(&str, ComparisonOperator); 8] = [
    ("=", ComparisonOperator::Equal),
    ("==", ComparisonOperator::Equal),
    ("!=", ComparisonOperator::NotEqual),
    ("<>", ComparisonOperator::NotEqual),
    ("<", ComparisonOperator::Less),
    ("<=", ComparisonOperator::LessOrEqual),
    (">", ComparisonOperator::Greater),
    (">=", ComparisonOperator::GreaterOrEqual),
];

pub(super) fn parse(text: &str, field: &str) -> Result<Expression> {
    if text.chars().count() > Expression::LENGTH_MAX {
        let message = format!("an expression has at most {} characters", Expression::LENGTH_MAX);
        return Err(Error::invalid_field(field, "invalid_input", message).hint("split it, or name what it computes"));
    }
    let mut parser = Parser { tokens: tokens(text, field)?, at: 0, depth: 0, parts: 0, check: Check { field } };
    let expression = parser.disjunction()?;
    match parser.word() {
        Word::End => Ok(expression),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    parts: usize,
    check: Check<'a>,
}

impl Parser<'_> {
    fn disjunction(&mut self) -> Result<Expression> {
        self.connected("or", Self::conjunction, Expression::Any)
    }

    fn conjunction(&mut self) -> Result<Expression> {
        self.connected("and", Self::negation, Expression::All)
    }

    fn connected(
        &mut self,
        keyword: &str,
        read: fn(&mut Self) -> Result<Expression>,
        connect: fn(Vec<Expression>) -> Expression,
    ) -> Result<Expression> {
        let first_place = self.place();
        let first = read(self)?;
        if !self.is_keyword(keyword) {
            return Ok(first);
        }
        let what = format!("the operator '{keyword}'");
        let mut parts = vec![self.check.condition(first, &what, first_place)?];
        while self.skip_keyword(keyword) {
            let place = self.place();
            let part = read(self)?;
            parts.push(self.check.condition(part, &what, place)?);
        }
        Ok(connect(parts))
    }

    fn negation(&mut self) -> Result<Expression> {
        let place = self.place();
        if !self.skip_keyword("not") {
            return self.predicate();
        }
        let value = self.deeper(Self::negation)?;
        let value = self.check.condition(value, "the operator 'not'", place)?;
        Ok(Expression::Not(Box::new(value)))
    }

    fn predicate(&mut self) -> Result<Expression> {
        let left = self.sum()?;
        let place = self.place();
        if let Word::Symbol(symbol) = self.word()
            && let Some((_, operator)) = COMPARISONS.iter().find(|(known, _)| known == symbol)
        {
            self.at += 1;
            let right = self.sum()?;
            return self.check.comparison(*operator, left, right, place);
        }
        if self.skip_keyword("is") {
            let is_negated = self.skip_keyword("not");
            if !self.skip_keyword("null") {
                return Err(self.unexpected("null"));
            }
            return Ok(negated_if(is_negated, Expression::IsNull(Box::new(left))));
        }
        let is_negated = self.skip_keyword("not");
        let predicate = if self.skip_keyword("in") {
            let list = self.list()?;
            self.check.is_in(left, list, place)?
        } else if self.is_keyword("like") || self.is_keyword("ilike") {
            let ignores_case = self.is_keyword("ilike");
            self.at += 1;
            let pattern = self.sum()?;
            self.check.like(left, &pattern, ignores_case, place)?
        } else if is_negated {
            return Err(self.unexpected("in, like or ilike"));
        } else {
            return Ok(left);
        };
        Ok(negated_if(is_negated, predicate))
    }

    /// The values in parentheses or brackets; at least one.
    fn list(&mut self) -> Result<Vec<Expression>> {
        let close = match self.word() {
            Word::Symbol("(") => ")",
            Word::Symbol("[") => "]",
            _ => return Err(self.unexpected("(")),
        };
        self.at += 1;
        let mut list = vec![self.deeper(Self::sum)?];
        while self.skip(",") {
            list.push(self.deeper(Self::sum)?);
        }
        self.close(close)?;
        Ok(list)
    }

    fn sum(&mut self) -> Result<Expression> {
        let operators = [("+", ArithmeticOperator::Add), ("-", ArithmeticOperator::Subtract)];
        self.arithmetic(operators, Self::product)
    }

    fn product(&mut self) -> Result<Expression> {
        let operators = [("*", ArithmeticOperator::Multiply), ("/", ArithmeticOperator::Divide)];
        self.arithmetic(operators, Self::signed)
    }

    fn arithmetic(
        &mut self,
        operators: [(&'static str, ArithmeticOperator); 2],
        read: fn(&mut Self) -> Result<Expression>,
    ) -> Result<Expression> {
        let mut value = read(self)?;
        loop {
            let place = self.place();
            let Some((_, operator)) = operators.into_iter().find(|(symbol, _)| self.skip(symbol)) else {
                return Ok(value);
            };
            let right = read(self)?;
            value = self.check.arithmetic(operator, value, right, place)?;
        }
    }

    fn signed(&mut self) -> Result<Expression> {
        let place = self.place();
        if !self.skip("-") {
            return self.single();
        }
        let value = self.deeper(Self::signed)?;
        self.check.negative(value, place)
    }

    fn single(&mut self) -> Result<Expression> {
        self.parts += 1;
        if self.parts > Expression::PARTS_MAX {
            let message = format!("has more than {} parts", Expression::PARTS_MAX);
            return Err(refused(self.check.field, self.place(), "the value", &message).hint("shorten the expression"));
        }
        let Token { word, place } = self.tokens[self.at].clone();
        match word {
            Word::Number(number) => Ok(self.literal(Expression::Number(number))),
            Word::Text(text) => Ok(self.literal(Expression::Text(text))),
            Word::Symbol("(") => {
                self.at += 1;
                let inner = self.deeper(Self::disjunction)?;
                self.close(")")?;
                Ok(inner)
            }
            Word::Name(name) => {
                self.at += 1;
                if self.skip("(") { self.call(&name, place) } else { self.named(&name, place) }
            }
            Word::Quoted(name) => {
                self.at += 1;
                self.named(&name, place)
            }
            Word::Symbol(_) | Word::End => Err(self.unexpected("a value")),
        }
    }

    fn literal(&mut self, literal: Expression) -> Expression {
        self.at += 1;
        literal
    }

    fn call(&mut self, name: &str, place: Place) -> Result<Expression> {
        let known = Function::NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let Some((name, function)) = known else {
            let names = Function::NAMES.map(|(known, _)| known);
            return Err(self.unknown(&format!("the function '{name}'"), name, &names, place));
        };
        let mut arguments = Vec::new();
        if !self.skip(")") {
            arguments.push(self.deeper(Self::disjunction)?);
            while self.skip(",") {
                arguments.push(self.deeper(Self::disjunction)?);
            }
            self.close(")")?;
        }
        self.check.call(*function, name, arguments, place)
    }

    /// A constant, a part of the event, or a property.
    fn named(&mut self, name: &str, place: Place) -> Result<Expression> {
        for (constant, value) in
            [("true", Expression::Boolean(true)), ("false", Expression::Boolean(false)), ("null", Expression::Null)]
        {
            if constant.eq_ignore_ascii_case(name) {
                return Ok(value);
            }
        }
        if let Some((_, field)) = FIELDS.iter().find(|(known, _)| *known == name) {
            return Ok(Expression::Field(*field));
        }
        if name == "properties" {
            return self.property(PropertyOwner::Event);
        }
        let Some((_, owner)) = OWNERS.iter().find(|(known, _)| *known == name) else {
            let known = FIELDS.iter().map(|(known, _)| *known).chain(OWNERS.iter().map(|(known, _)| *known));
            let known: Vec<_> = known.chain(["properties"]).collect();
            return Err(self.unknown(&format!("the name '{name}'"), name, &known, place));
        };
        if !self.skip(".") || !self.skip_keyword("properties") {
            return Err(self.unexpected(".properties"));
        }
        self.property(*owner)
    }

    /// The name of a property: behind a dot, or as a text in brackets.
    fn property(&mut self, owner: PropertyOwner) -> Result<Expression> {
        let key = if self.skip(".") {
            match self.word().clone() {
                Word::Name(key) | Word::Quoted(key) if !key.is_empty() => {
                    self.at += 1;
                    key
                }
                _ => return Err(self.unexpected("the name of a property")),
            }
        } else if self.skip("[") {
            let Word::Text(key) = self.word().clone() else {
                return Err(self.unexpected("the name of a property in quotation marks"));
            };
            self.at += 1;
            self.close("]")?;
            key
        } else {
            return Err(self.unexpected("the name of a property, as in properties.price"));
        };
        match self.word() {
            Word::Symbol("." | "[") => {
                Err(refused(self.check.field, self.place(), "the property", "goes into a property")
                    .hint("only properties of the first level are known; put names with dots into `…`"))
            }
            _ => Ok(Expression::Property { owner, key }),
        }
    }

    fn deeper(&mut self, read: fn(&mut Self) -> Result<Expression>) -> Result<Expression> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let why = format!("lies more than {DEPTH_MAX} levels deep");
            return Err(refused(self.check.field, self.place(), "the value", &why).hint("use fewer parentheses"));
        }
        let expression = read(self)?;
        self.depth -= 1;
        Ok(expression)
    }

    fn word(&self) -> &Word {
        &self.tokens[self.at].word
    }

    fn place(&self) -> Place {
        self.tokens[self.at].place
    }

    fn skip(&mut self, symbol: &str) -> bool {
        let is_there = matches!(self.word(), Word::Symbol(found) if *found == symbol);
        self.at += usize::from(is_there);
        is_there
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.word(), Word::Name(found) if found.eq_ignore_ascii_case(keyword))
    }

    fn skip_keyword(&mut self, keyword: &str) -> bool {
        let is_there = self.is_keyword(keyword);
        self.at += usize::from(is_there);
        is_there
    }

    fn close(&mut self, symbol: &'static str) -> Result<()> {
        if self.skip(symbol) { Ok(()) } else { Err(self.unexpected(symbol)) }
    }

    fn unexpected(&self, wanted: &str) -> Error {
        let found = match self.word() {
            Word::Number(number) => format!("the number {number}"),
            Word::Text(text) => format!("the text '{text}'"),
            Word::Name(name) | Word::Quoted(name) => format!("the name '{name}'"),
            Word::Symbol(symbol) => format!("the symbol '{symbol}'"),
            Word::End => "the end".to_owned(),
        };
        refused(self.check.field, self.place(), &found, &format!("is not what comes here: {wanted}"))
            .hint("expressions are such as toFloat(properties.price) > 10 and event = 'paid'")
    }

    fn unknown(&self, what: &str, name: &str, known: &[&str], place: Place) -> Error {
        let hint = match closest(name, known.iter().copied()) {
            Some(similar) => format!("did you mean '{similar}'?"),
            None => format!("known: {}; texts stand in '…'", known.join(", ")),
        };
        refused(self.check.field, place, what, "is not known").hint(hint)
    }
}

fn negated_if(is_negated: bool, expression: Expression) -> Expression {
    if is_negated { Expression::Not(Box::new(expression)) } else { expression }
}
