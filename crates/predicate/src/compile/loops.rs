//! Questions of each element of a list.

use super::{Compiler, Scope};
use crate::lift::{home, lift};
use crate::question::{Each, Question};
use crate::schema::Type;
use crate::syntax::{Expr, Node, Refused};

/// Why two lists aren't held against each other.
pub(super) const PRODUCT: &str = "each element of one list can't be held against all of another: that is more work than \
                                  an event may cost";

impl Compiler<'_> {
    /// `range.exists(x, body)`, `range.exists(key, value, body)`, and the same with `all`.
    pub(super) fn each(
        &mut self,
        at: usize,
        range: &Expr,
        all: bool,
        arguments: &[Expr],
    ) -> Result<Question, Refused> {
        let range = self.field(range)?;
        let (names, body) = match arguments {
            [name, body] => ([None, Some(name)], body),
            [key, value, body] => ([Some(key), Some(value)], body),
            _ => return self.refuse(at, "write .exists(x, …) or .exists(key, value, …)"),
        };
        let keyed = names[0].is_some();
        let types = match range.kind {
            Type::Texts => (Type::Number, Type::Text),
            Type::TextMap => (Type::Text, Type::Text),
            Type::Any | Type::Members(_) => (Type::Any, Type::Any),
            _ => return self.refuse(range.at, "this is neither a list nor an object"),
        };
        let mut given = Vec::new();
        for name in names.into_iter().flatten() {
            let Node::Name(text) = &name.node else {
                return self.refuse(name.at, "a name for the element was expected");
            };
            given.push(text.clone());
        }
        let value = given.pop().unwrap_or_default();
        self.scopes.push(Scope { key: given.pop(), value, types });
        let depth = self.scopes.len();
        let body = self.question(body);
        self.scopes.pop();
        let (known, values) = (Vec::new(), Vec::new());
        let mut each = Each { all, range: range.field, depth, keyed, body: body?, known, values };
        lift(&mut each);
        if home(&each) > each.range.depth() {
            return self.refuse(at, PRODUCT);
        }
        Ok(Question::Each(Box::new(each)))
    }
}
