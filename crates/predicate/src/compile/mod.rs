//! CEL's tree into a question.

mod call;
mod comparison;
mod loops;
mod side;

use crate::path::Step;
use crate::question::{Field, Operand, Question, Test};
use crate::schema::{Type, behind, field};
use crate::syntax::{Expr, Node, Operator, Refused};

/// The most regular expressions of one text: each may take memory of its own.
const MAX_REGEXES: usize = 32;

/// What a text is being turned into.
struct Compiler<'a> {
    text: &'a str,
    /// The lists that are being gone through, outermost first.
    scopes: Vec<Scope>,
    regexes: usize,
}

/// The names that stand for an element.
struct Scope {
    key: Option<String>,
    value: String,
    /// What a key and a value are.
    types: (Type, Type),
}

/// A field, with its type and the byte at which it stands.
struct Typed {
    at: usize,
    field: Field,
    kind: Type,
}

/// Turns the tree of a text into a question.
///
/// # Errors
/// [`Refused`] for what can't be asked of an event.
pub(crate) fn compile(text: &str, expr: &Expr) -> Result<Question, Refused> {
    Compiler { text, scopes: Vec::new(), regexes: 0 }.question(expr)
}

/// The field that an expression names.
///
/// # Errors
/// [`Refused`] for anything else.
pub(crate) fn field_path(text: &str, expr: &Expr) -> Result<Field, Refused> {
    Compiler { text, scopes: Vec::new(), regexes: 0 }.field(expr).map(|typed| typed.field)
}

impl Compiler<'_> {
    fn refuse<T>(&self, at: usize, why: impl Into<String>) -> Result<T, Refused> {
        Err(Refused::at(self.text, at, why))
    }

    fn question(&mut self, expr: &Expr) -> Result<Question, Refused> {
        match &expr.node {
            Node::Bool(value) => Ok(Question::Is(*value)),
            Node::Not(of) => Ok(!self.question(of)?),
            Node::All(parts) => Ok(Question::All(self.questions(parts)?)),
            Node::Any(parts) => Ok(Question::Any(self.questions(parts)?)),
            Node::Binary(Operator::In, sides) => self.member(expr.at, &sides[0], &sides[1]),
            Node::Binary(Operator::Minus, _) => {
                self.refuse(expr.at, "a length of time is compared: a - b > duration('5s')")
            }
            Node::Binary(operator, sides) => {
                self.comparison(expr.at, *operator, &sides[0], &sides[1])
            }
            Node::Call(of, name, arguments) => self.call(expr.at, of.as_deref(), name, arguments),
            Node::Choice(_) => {
                self.refuse(expr.at, "`a ? b : c` can't be asked: write (a && b) || (!a && c)")
            }
            Node::Name(_) | Node::Select(..) | Node::Index(..) => {
                let of = self.field(expr)?;
                match of.kind {
                    Type::Bool | Type::Any => Ok(Test::IsTrue(Operand::Field(of.field)).into()),
                    _ => self.refuse(of.at, "this is neither true nor false: compare it"),
                }
            }
            Node::Text(_) | Node::Number(_) | Node::Null | Node::List(_) => {
                self.refuse(expr.at, "this is neither true nor false: compare a field with it")
            }
        }
    }

    fn questions(&mut self, parts: &[Expr]) -> Result<Vec<Question>, Refused> {
        parts.iter().map(|part| self.question(part)).collect()
    }

    /// A field's path.
    fn field(&self, expr: &Expr) -> Result<Typed, Refused> {
        let (mut steps, mut at) = (Vec::new(), expr);
        let name = loop {
            at = match &at.node {
                Node::Name(name) => break name,
                Node::Select(of, key) => {
                    steps.push(Step::Key(key.as_str().into()));
                    of
                }
                Node::Index(of, index) => {
                    steps.push(self.index(index)?);
                    of
                }
                _ => return self.refuse(at.at, "a field was expected here"),
            };
        };
        steps.reverse();
        let place = at.at;
        let bound = self.scopes.iter().enumerate().rev().find_map(|(at, scope)| {
            let key = scope.key.as_ref() == Some(name);
            (key || scope.value == *name).then_some((at + 1, key, scope.types))
        });
        let found = match bound {
            Some((depth, key, (of_key, of_value))) => {
                let kind = if key { of_key } else { of_value };
                behind(name, kind, &steps).map(|kind| (Field::Bound { depth, key, steps }, kind))
            }
            None => field(name, steps),
        };
        match found {
            Ok((field, kind)) => Ok(Typed { at: place, field, kind }),
            Err(why) => self.refuse(place, why),
        }
    }

    fn index(&self, index: &Expr) -> Result<Step, Refused> {
        match &index.node {
            Node::Text(key) => Ok(Step::Key(key.as_str().into())),
            Node::Number(number) => match number.parse() {
                Ok(at) => Ok(Step::Index(at)),
                Err(_) => self.refuse(index.at, "an index is a whole number from 0 on"),
            },
            _ => self.refuse(
                index.at,
                "only a string or a number stands between [ and ]: for any key, write .exists(key, value, …)",
            ),
        }
    }
}

#[cfg(test)]
mod tests;
