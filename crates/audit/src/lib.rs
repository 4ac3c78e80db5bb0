//! What auditseal needs to know of one line of an audit log, without changing a byte of it.
//!
//! Source of the shapes: `k8s.io/apiserver`, `pkg/apis/audit/v1/types.go` (`Event`).
//! Pure: bytes in, facts out.

mod block;
mod certain;
pub mod event;
mod exposed;
mod field;
mod line;
pub mod policy;
pub mod text;
mod time;

pub use certain::TimeFinder;
pub use event::Event;
pub use exposed::{Exposed, exposed};
pub use field::{FieldName, TimeField};
pub use line::{LineFacts, LineScanner, scan};
pub use time::{Date, Time};
