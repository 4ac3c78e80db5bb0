//! Terms in order, each with its set, in blocks that can be read one by one: FORMAT.md, "Index", *Table*.

mod block;
mod directory;
mod writer;

pub(crate) use block::{Entries, Entry};
pub(crate) use directory::Directory;
pub(crate) use writer::{Table, Writer};
