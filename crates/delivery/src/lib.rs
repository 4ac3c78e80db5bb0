//! What is handed over to other systems, and what became of it: lines, positions and answers in, requests and
//! decisions out.
//!
//! ```text
//! text of a batch ──Loading──▶ Parcel ──ParcelCourse──▶ a piece of it ──encode──▶ request
//!                                 │        ▲                                   │
//!                                 │        └── wait, split, cut, set aside ◀── answer
//!                                 └── delivered: its end is the chain's Position in the sink's Book
//! ```
//!
//! Pure: no clock, file, network or randomness. Whoever does the IO is `auditseal-forward`.

mod answer;
mod book;
mod bulk;
mod course;
mod document;
mod fault;
mod index_template;
mod loading;
mod loki;
mod members;
mod otlp;
mod pace;
mod parcel;
mod places;
mod position;
mod quoted;
mod shape;
mod sink_url;
mod syslog;
mod wire;

pub use auditseal_audit::TimeFinder;

pub use answer::{Heard, LineHeard, of_status};
pub use book::{Book, BookError, Reached, WrittenFile};
pub use bulk::{BulkHeard, begun_answer, bulk, bulk_answer, bulk_of_texts, index_of};
pub use course::{ParcelCourse, Piece, SetAside, Then};
pub use document::{Document, document, text_document};
pub use index_template::{template, template_found, template_taken};
pub use loading::{LONGEST, Loading, ParcelLimits, Selection};
pub use loki::{loki, loki_answer, loki_labels};
pub use otlp::{otlp, otlp_answer};
pub use pace::Pacer;
pub use parcel::{Parcel, ParcelLine, Provenance};
pub use places::{places, places_answer};
pub use position::Position;
pub use quoted::quotes;
pub use shape::{FieldList, LEAST_EVENT, Shape};
pub use sink_url::{SinkKind, SinkRefused, SinkUrl};
pub use syslog::syslog;
