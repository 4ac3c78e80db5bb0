//! The life of an object, told from what an audit log holds of it; and what a change means.
//!
//! [`Act`] reads the line of a request's last stage, [`Life`] makes entries of them. Pure: events in, findings out.

mod act;
pub mod diff;
pub mod life;
pub mod patch;
mod path;
mod schema;
pub mod value;
pub mod words;

pub use act::{Act, ActTarget, Body, Cite, DryRun, FieldManager, NoAct, Person};
pub use diff::{Diff, FieldDiff, Noise, diff};
pub use life::{Life, LifeEntry};
pub use path::{ObjectPath, PathStep};
pub use value::{BadBody, parse};
