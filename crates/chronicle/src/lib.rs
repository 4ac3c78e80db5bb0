//! Lives of objects: what is asked of an archive about them, and how they are told.
//!
//! [`WantedObjects`] says which events are meant, [`Lives`] follows the objects through them in bounded memory. What is
//! told goes out as text ([`LifeText`]), as JSON ([`entry_json`]) or as a page ([`LifePage`]). Pure: verified lines in, words
//! out.

mod flows;
mod json;
mod left_out;
mod live;
mod lives;
mod marked;
mod page;
mod said;
mod shown;
mod text;
mod wanted;

pub use flows::{ToldFlows, may_show_in_flows};
pub use json::{answer_json, compared_json, end_json, entry_json};
pub use live::{ComparedObject, LiveObjects, NotComparable, compared};
pub use lives::{LifeEnd, LifeTally, Lives, MAX_LIVES, Telling, ToldEntry};
pub use marked::{marks, moment_yaml};
pub use page::LifePage;
pub use shown::object_name;
pub use text::LifeText;
pub use wanted::WantedObjects;
