//! One line of an audit log, read for the fields that terms are made of: FORMAT.md, "Index", *Lines*.
//!
//! Lines come in pieces, may be of any length, and are gone through once. What is asked of a line is the
//! grammar of RFC 8259 and no more: what clients put into bodies (deep nesting, keys twice, bytes that aren't
//! UTF-8, numbers that no float holds) an apiserver writes as it came, and it must not decide what can be found.

mod facts;
mod grammar;
mod members;

pub(crate) use facts::Facts;
pub(crate) use grammar::Scanner;
