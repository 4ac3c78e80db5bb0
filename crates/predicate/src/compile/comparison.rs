//! Comparisons of two sides.

use super::side::Side;
use super::{Compiler, Typed};
use crate::question::{Field, Literal, Operand, Question, Relation, Test};
use crate::schema::Type;
use crate::syntax::{Expr, Node, Operator, Refused};

impl Compiler<'_> {
    pub(super) fn comparison(
        &mut self,
        at: usize,
        operator: Operator,
        left: &Expr,
        right: &Expr,
    ) -> Result<Question, Refused> {
        let (how, negated) = match operator {
            Operator::Unequal => (Relation::Equal, true),
            Operator::Less => (Relation::Less, false),
            Operator::AtMost => (Relation::AtMost, false),
            Operator::Greater => (Relation::Greater, false),
            Operator::AtLeast => (Relation::AtLeast, false),
            Operator::Equal | Operator::In | Operator::Minus => (Relation::Equal, false),
        };
        let (left, right) = (self.side(left)?, self.side(right)?);
        let asks = |side: &Side| !matches!(side, Side::Literal(_) | Side::Null | Side::Length(_));
        let question = match (asks(&left), asks(&right)) {
            (false, false) => {
                return self.refuse(at, "this is the same for every event: compare a field");
            }
            (true, _) => self.compare(at, left, how, right)?,
            (false, true) => self.compare(at, right, how.mirrored(), left)?,
        };
        Ok(if negated { !question } else { question })
    }

    /// The left side has a field.
    fn compare(
        &self,
        at: usize,
        left: Side,
        how: Relation,
        right: Side,
    ) -> Result<Question, Refused> {
        match (left, right) {
            (Side::Field(field), Side::Null) if how == Relation::Equal => {
                Ok(!Question::from(Test::Present(Operand::Field(field.field))))
            }
            (Side::Field(field), Side::Literal(literal)) => {
                self.with_literal(at, field, how, literal)
            }
            (Side::Field(left), Side::Field(right)) => self.fields(at, left, how, right),
            (Side::Time(left), Side::Literal(Literal::Time(time))) => {
                Ok(times(left.field, how, Operand::Literal(Literal::Time(time))))
            }
            (Side::Time(left), Side::Time(right)) => {
                Ok(times(left.field, how, Operand::Field(right.field)))
            }
            (Side::Size(of), Side::Literal(Literal::Number(than))) => {
                Ok(Test::Size { of: Operand::Field(of.field), how, than }.into())
            }
            (Side::Between(later, earlier), Side::Length(micros)) => {
                let (later, earlier) = (Operand::Field(later.field), Operand::Field(earlier.field));
                Ok(Test::Elapsed { later, earlier, how, micros }.into())
            }
            (Side::Size(_), _) => self.refuse(at, "a size is compared with a number"),
            (Side::Between(..), _) => {
                self.refuse(at, "a length of time is compared with duration('5s')")
            }
            (Side::Time(_), _) | (_, Side::Time(_)) => self.refuse(
                at,
                "a time is compared with timestamp('2026-11-30T06:00:00Z') or timestamp(field)",
            ),
            (_, Side::Null) => self.refuse(at, "null is only compared by == and !="),
            _ => self.refuse(at, "these can't be compared with each other"),
        }
    }

    fn with_literal(
        &self,
        at: usize,
        field: Typed,
        how: Relation,
        literal: Literal,
    ) -> Result<Question, Refused> {
        let of = Operand::Field(field.field);
        let ordered = how != Relation::Equal;
        let why = match (field.kind, &literal) {
            (Type::Text, Literal::Text(text)) if text.is_empty() && !ordered => {
                return Ok(Test::Empty(of).into());
            }
            (Type::Time, Literal::Text(_)) if ordered => "a time is compared with timestamp('…')",
            (_, Literal::Bool(_)) if ordered => "true and false have no order",
            (Type::Any, _) | (Type::Text | Type::Time, Literal::Text(_)) => "",
            (Type::Text | Type::Time, Literal::Time(_)) => "",
            (Type::Number, Literal::Number(_)) | (Type::Bool, Literal::Bool(_)) => "",
            (Type::Number, _) => "this field is a number: write it without quotes",
            (Type::Text | Type::Time, _) => "this field is a text: write 'between quotes'",
            (Type::Bool, _) => "this field is true or false",
            (Type::Texts, _) => "this field is a list: write 'x' in field, or field.exists(x, …)",
            (Type::TextMap | Type::Members(_), _) => {
                "this field is an object: compare one of its members"
            }
        };
        if !why.is_empty() {
            return self.refuse(at, why);
        }
        let times = matches!(literal, Literal::Time(_));
        Ok(Test::Compare { left: of, how, right: Operand::Literal(literal), times }.into())
    }

    fn fields(
        &self,
        at: usize,
        left: Typed,
        how: Relation,
        right: Typed,
    ) -> Result<Question, Refused> {
        let plain = |kind: Type| {
            matches!(kind, Type::Text | Type::Time | Type::Number | Type::Bool | Type::Any)
        };
        let alike = left.kind == right.kind || left.kind == Type::Any || right.kind == Type::Any;
        if !alike || !plain(left.kind) || !plain(right.kind) {
            return self.refuse(at, "these two fields are of types that are never equal");
        }
        let times = left.kind == Type::Time && right.kind == Type::Time;
        let (left, right) = (Operand::Field(left.field), Operand::Field(right.field));
        Ok(Test::Compare { left, how, right, times }.into())
    }

    /// `item in of`.
    pub(super) fn member(
        &mut self,
        at: usize,
        item: &Expr,
        of: &Expr,
    ) -> Result<Question, Refused> {
        if let Node::List(elements) = &of.node {
            return self.one_of(at, item, elements);
        }
        let of = self.field(of)?;
        if !matches!(of.kind, Type::Texts | Type::TextMap | Type::Members(_) | Type::Any) {
            return self.refuse(
                of.at,
                "`in` needs a list or an object; for a part of a text, write .contains('x')",
            );
        }
        let item = match self.literal(item) {
            Some(Literal::Text(text)) => Operand::Literal(Literal::Text(text)),
            Some(literal) if of.kind == Type::Any => Operand::Literal(literal),
            Some(_) => return self.refuse(item.at, "this list has texts: write 'between quotes'"),
            None => Operand::Field(self.field(item)?.field),
        };
        if item.depth() > of.field.depth() {
            return self.refuse(at, super::loops::PRODUCT);
        }
        Ok(Test::Has { of: Operand::Field(of.field), item }.into())
    }

    fn one_of(&mut self, at: usize, item: &Expr, elements: &[Expr]) -> Result<Question, Refused> {
        if elements.is_empty() {
            return self.refuse(at, "nothing is in an empty list");
        }
        let of = self.field(item)?;
        let mut these = Vec::with_capacity(elements.len());
        let mut empty = false;
        for element in elements {
            let Some(literal) = self.literal(element) else {
                return self.refuse(
                    element.at,
                    "only strings, numbers, true and false stand in such a list",
                );
            };
            // The same rules as for one of them.
            let alone = Typed { at: of.at, field: of.field.clone(), kind: of.kind };
            let asked = self.with_literal(element.at, alone, Relation::Equal, literal.clone())?;
            empty |= matches!(asked, Question::Test(Test::Empty(_)));
            these.push(literal);
        }
        let of = Operand::Field(of.field);
        let one_of = Question::from(Test::OneOf { of: of.clone(), these });
        Ok(if empty { Question::Any(vec![Test::Empty(of).into(), one_of]) } else { one_of })
    }
}

fn times(left: Field, how: Relation, right: Operand) -> Question {
    Test::Compare { left: Operand::Field(left), how, right, times: true }.into()
}
