//! The index of a pack: which of its batches may have a line that is asked for, and which have none. Specified
//! in `crates/format/FORMAT.md`, "Index".
//!
//! An index is a function of the pack's text alone, so whoever verifies a pack in full builds it again
//! ([`Builder`]) and compares bytes. It may cost a read, and never hides a line: a batch with a line that can't
//! be read is found by every question.
//!
//! * [`Builder`] makes one, in bounded memory; [`terms_of`] says what it is told of one line.
//! * [`Index`] reads one: a [`Pattern`], or several as a [`Lookup`], in, [`Ordinals`] of batches out.
//! * [`Rollup`] is the same over the packs of a month, and is read in ranges.
//!
//! Neither `fst` nor `roaring` is used for the bytes: what the first writes depends on the size of a cache inside
//! it, and it would take as many pages to specify as it saves lines. Pure: bytes in, bytes and facts out.

mod builder;
mod bytes;
mod error;
mod filter;
mod gather;
mod index;
mod layout;
mod line;
mod lookup;
mod ordinals;
mod pattern;
mod rollup;
mod table;
mod term;
mod terms;
mod varint;

pub use builder::Builder;
pub use error::IndexError;
pub use index::Index;
pub use lookup::Lookup;
pub use ordinals::Ordinals;
pub use pattern::Pattern;
pub use rollup::{PackId, Rollup, RollupBuilder, RollupSearch};
pub use term::{MAX_VALUE, Term, TermField, TermKind, TermValue};
pub use terms::{LineTerms, terms_of};
