//! The grammar of CEL, read into a tree with places: `cel-spec`, `doc/langdef.md`, "Syntax".
//!
//! Why not the `cel` crate's parser: it brings an ANTLR runtime, locks and identifiers into a pure crate (16 packages),
//! rewrites `exists` and `all` into folds that would have to be recognised again, and bounds neither `a.b.c…` nor
//! `a || b || …`.

mod lexer;
mod parser;
mod refused;

pub(crate) use parser::{Expr, Node, Operator, parse};
pub use refused::Refused;
