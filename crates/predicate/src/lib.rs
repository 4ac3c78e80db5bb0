//! What an audit event is asked, and what of the answer is known.
//!
//! A [`Predicate`] is made of flags ([`Predicate::user`], [`Predicate::code`]…) or of CEL
//! ([`Predicate::from_cel`]), and is true of an [`Event`], false, or **unknown**: a field that the audit level
//! left out, that truncation cut or that isn't known yet at the event's stage never counts as "no".
//!
//! * [`Predicate::terms`] says what an index is to be asked for, [`Predicate::literals`] which bytes a line must
//!   have: both leave out only lines of which the predicate is false.
//! * [`Event::field`] gives single fields, and fields that are derived from others: who acted, whether it was a
//!   dry run, what was executed, by what it was denied.
//!
//! ```
//! use auditseal_predicate::{Event, Predicate, Truth};
//!
//! let loosened = Predicate::from_cel("verb == 'update' && requestObject.spec.ingress.exists(r, !has(r.from))")?;
//! let line = br#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","stage":"ResponseComplete",
//! "verb":"update","objectRef":{"resource":"networkpolicies"}}"#;
//! let line: Vec<u8> = line.iter().copied().filter(|byte| *byte != b'\n').collect();
//! let event = Event::parse(&line)?;
//! assert_eq!(loosened.eval(&event), Truth::Unknown, "its level left the body out");
//! assert!(loosened.literals().may_match(&line), "so nothing leaves it out");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The language: `docs/query-language.md`. Pure: bytes in, facts out. Work on an event is bounded by its length
//! times the predicate's.

mod begun;
mod compile;
mod derived;
mod eval;
mod event;
mod field;
mod flags;
mod glob;
mod json;
mod knowledge;
mod lift;
mod literals;
mod lookup;
mod moment;
mod network;
mod path;
mod plan;
mod predicate;
mod question;
mod schema;
mod syntax;
mod terms;
mod truth;

pub use event::{Event, Unreadable};
pub use field::{FieldPath, FieldValue};
pub use flags::{Invalid, ObjectFilter};
pub use literals::Literals;
pub use plan::Keep;
pub use predicate::Predicate;
pub use syntax::Refused;
pub use truth::Truth;
