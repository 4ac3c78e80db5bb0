//! Object stores: put once, read, list, versions, locks.
//!
//! [`open`] turns a URL into a [`Store`]; everything else in auditseal sees only that trait. This
//! is the one crate that knows about HTTP, TLS, credentials and the clouds' dialects. It makes one
//! attempt per call: whoever calls owns the retry loop, because only it can read an object back to
//! settle whether a failed put took effect.
//!
//! Three rules hold for every operation, because the other side of the wire isn't trusted:
//! an answer is bounded in bytes and in time whatever the server says about it; `NotFound` is only
//! ever the store's own word (a proxy's 404 page is not); and no credential reaches an error text.

mod answer;
mod attack;
mod backend;
mod build;
mod canary;
mod checksum;
mod client;
pub mod conformance;
mod date;
mod demand;
mod directory;
pub mod double;
mod environment;
mod error;
mod facts;
mod file;
mod key;
mod listing;
mod location;
mod lock;
mod options;
mod pace;
mod page;
mod pages;
mod partition;
mod protect;
mod request;
mod site;
mod store;
mod swap;
mod text;
mod translate;
mod weapon;
mod xml;

pub use attack::{Answer, Attacker, Attempt, Bytes as CanaryBytes, Look, Seen};
pub use canary::{Canary, canary};
pub use demand::Held;
pub use environment::{is_of_cloud, untidy};
pub use error::{Error, Kind, Operation};
pub use facts::{BucketLock, Fact, Facts, LifecycleRule, StoreTime, Versioning};
pub use file::ObjectFile;
pub use options::{Encryption, Options, Retention, open};
pub use page::{Page, PageOptions};
pub use site::{Provider, Site, site};
pub use store::*;
pub use swap::Swap;
pub use text::clean;
