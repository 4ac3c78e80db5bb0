//! The life of an object, told from what an audit log holds of it; and what a change means.
//!
//! Pure: events in, findings out.

pub mod diff;
pub mod patch;
mod path;
mod schema;
pub mod value;

pub use diff::{Diff, FieldDiff, Noise, diff};
pub use path::{FieldPath, PathStep};
pub use value::{Unreadable, parse};
