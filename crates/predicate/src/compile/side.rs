//! What stands on one side of a comparison.

use super::{Compiler, Typed};
use crate::moment::{micros_of, time_of};
use crate::question::Literal;
use crate::schema::Type;
use crate::syntax::{Expr, Node, Operator, Refused};

/// A side of a comparison.
pub(super) enum Side {
    Literal(Literal),
    Null,
    Field(Typed),
    /// `timestamp(field)`
    Time(Typed),
    /// `size(field)`
    Size(Typed),
    /// The time between two fields, the later one first.
    Between(Typed, Typed),
    /// `duration('5s')`, in microseconds.
    Length(i64),
}

impl Compiler<'_> {
    pub(super) fn side(&mut self, expr: &Expr) -> Result<Side, Refused> {
        match &expr.node {
            Node::Null => Ok(Side::Null),
            Node::Name(_) | Node::Select(..) | Node::Index(..) => self.field(expr).map(Side::Field),
            Node::Binary(Operator::Minus, sides) => {
                let (later, earlier) = (self.time(&sides[0])?, self.time(&sides[1])?);
                Ok(Side::Between(later, earlier))
            }
            Node::Call(of, name, arguments) => {
                self.call_side(expr.at, of.as_deref(), name, arguments)
            }
            Node::List(_) => self.refuse(expr.at, "lists aren't compared: write `field in [ … ]`"),
            _ => match self.literal(expr) {
                Some(literal) => Ok(Side::Literal(literal)),
                None => self.refuse(
                    expr.at,
                    "what is true or false isn't compared: write it alone, with && or ||",
                ),
            },
        }
    }

    fn call_side(
        &mut self,
        at: usize,
        of: Option<&Expr>,
        name: &str,
        arguments: &[Expr],
    ) -> Result<Side, Refused> {
        match (of, name, arguments) {
            (None, "size", [field]) | (Some(field), "size", []) => {
                let field = self.field(field)?;
                match field.kind {
                    Type::Number | Type::Bool => self.refuse(field.at, "a number has no size"),
                    _ => Ok(Side::Size(field)),
                }
            }
            (None, "timestamp", [Expr { node: Node::Text(text), at }]) => match time_of(text) {
                Some(time) => Ok(Side::Literal(Literal::Time(time))),
                None => self.refuse(*at, "not a time by RFC 3339: write 2026-11-30T06:00:00Z"),
            },
            (None, "timestamp", [field]) => Ok(Side::Time(self.texts_field(field)?)),
            (None, "duration", [Expr { node: Node::Text(text), at }]) => match micros_of(text) {
                Some(micros) => Ok(Side::Length(micros)),
                None => self.refuse(*at, "not a length of time: write 90s, 1h30m or 200ms"),
            },
            _ => self.refuse(at, format!("`{name}` of these can't be compared")),
        }
    }

    /// `timestamp(field)`.
    fn time(&mut self, expr: &Expr) -> Result<Typed, Refused> {
        match &expr.node {
            Node::Call(None, name, arguments) if name == "timestamp" && arguments.len() == 1 => {
                self.texts_field(&arguments[0])
            }
            _ => self.refuse(expr.at, "only times are subtracted: timestamp(a) - timestamp(b)"),
        }
    }

    /// A field that is a text.
    pub(super) fn texts_field(&self, expr: &Expr) -> Result<Typed, Refused> {
        let field = self.field(expr)?;
        match field.kind {
            Type::Text | Type::Time | Type::Any => Ok(field),
            Type::Texts => self
                .refuse(field.at, "this is a list of texts: write .exists(x, …) for one of them"),
            Type::TextMap => self
                .refuse(field.at, "this is an object: write .exists(key, value, …), or name a key"),
            Type::Number | Type::Bool | Type::Members(_) => {
                self.refuse(field.at, "this is no text")
            }
        }
    }

    /// What an expression is that has no field in it.
    pub(super) fn literal(&self, expr: &Expr) -> Option<Literal> {
        match &expr.node {
            Node::Text(text) => Some(Literal::Text(text.clone())),
            Node::Number(number) => Some(Literal::Number(number.clone())),
            Node::Bool(value) => Some(Literal::Bool(*value)),
            _ => None,
        }
    }
}
