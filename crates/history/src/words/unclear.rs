//! Why a change can't be told in words.

use std::fmt;

/// Of an object whose namespace is a part of what it means, and that names none.
pub(crate) const NOWHERE: &str = "it names no namespace, and in which one it is isn't known";

/// Why a change can't be told in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unclear {
    /// It isn't as its type has it.
    Form(&'static str),
    /// This is no block of addresses.
    Block(String),
    /// There are more parts than are compared.
    Large,
}

impl fmt::Display for Unclear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it can't be told in words: ")?;
        match self {
            Self::Form(what) => f.write_str(what),
            Self::Block(text) => write!(f, "{text:?} is no block of addresses"),
            Self::Large => f.write_str("it has too many parts"),
        }
    }
}

impl std::error::Error for Unclear {}
