//! JSON as it stands in a line: RFC 8259's grammar and no more, without a tree in memory.
//!
//! What clients put into bodies an apiserver writes as it came (deep nesting, keys twice, bytes that aren't UTF-8,
//! numbers that no float holds), and it must not decide what can be found.

mod check;
mod number;
mod raw;

pub(crate) use check::{Fault, Member, members};
pub(crate) use number::Decimal;
pub(crate) use raw::{Kind, Raw};
