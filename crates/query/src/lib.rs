//! Questions to an archive: which events are meant, in the order of time, each proved and citable.
//!
//! [`Asking::find`] finds the parts of the chains that are to be searched, [`FoundParts::run`] searches them: a
//! chain's seals are proved in order, its batches are fetched, checked, decoded and searched for the bytes
//! that an event must have ([`auditseal_predicate::Predicate::literals`]), and only lines that have them are
//! read. What is altered isn't searched; the [`Answered`] names it, and all else that isn't known.
//!
//! [`FlowAsking`] asks logs of network policies in the same way.
//!
//! [`asked`] reads `TYPE/NAME` as kubectl does.

mod answer;
mod chain;
mod columns;
mod flow_question;
mod flow_search;
mod flows;
mod footer;
mod held;
mod hit;
mod join;
mod kinds;
mod lines;
mod order;
mod parts;
mod range;
mod request;
mod scan;
mod search;
mod show;
mod sieve;
mod top;
mod types;
mod unreadable;

pub use answer::{Answered, ChainSearched};
pub use columns::Columns;
pub use flow_question::{FlowPorts, FlowQuestion, FlowSide};
pub use flows::{FlowAsking, FlowShow, carried};
pub use footer::{Put, size};
pub use hit::{Citation, Hit, Unknowns};
pub use range::{Archive, AskedChain, ScanCost};
pub use search::{Asking, FoundParts};
pub use show::{Show, for_terminal};
pub use top::{Top, VALUES};
pub use types::{Asked, NotAsked, asked, names, strange};
pub use unreadable::{UnreadableLine, Unreadables};
