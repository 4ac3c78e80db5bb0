//! What auditseal asks of an object store, and what a store says of what it keeps.
//!
//! [`Store`] is the contract; `vault` keeps it for the clouds and for directories, `doubles` in memory
//! for tests. Whoever reads an archive needs no more than this: no HTTP, no TLS, no credentials.

mod canary;
mod contract;
mod demand;
mod error;
mod facts;
mod key;
mod listing;
mod lock;
mod mark;
mod object;
mod text;

pub use canary::{Canary, canary};
pub use contract::{ObjectFile, Pieces, Quirks, Store};
pub use demand::{Held, Retention};
pub use error::{Error, Kind, Operation};
pub use facts::{BucketLock, Fact, Facts, LifecycleRule, StoreTime, Versioning};
pub use key::{check_key, check_prefix};
pub use listing::{ending_with_error, fold, in_parts};
pub use lock::{Lock, LockMode, LockedBy};
pub use mark::{MARK, check_markable};
pub use object::{Bookmark, Fetched, ObjectInfo, Part, Stored, Version};
pub use text::{between, clean, looks_like_html};
