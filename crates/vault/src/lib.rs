//! The clouds, and directories, as stores.
//!
//! [`open`] turns a URL into a [`Store`](auditseal_store::Store); everything else sees only that trait. This
//! is the one crate that knows about HTTP, TLS, credentials and the clouds' dialects. It makes one
//! attempt per call: whoever calls owns the retry loop, because only it can read an object back to
//! settle whether a failed put took effect.
//!
//! Three rules hold for every operation, because the other side of the wire isn't trusted:
//! an answer is bounded in bytes and in time whatever the server says about it; `NotFound` is only
//! ever the store's own word (a proxy's 404 page is not); and no credential reaches an error text.

mod answer;
mod apart;
mod backend;
mod body;
mod build;
mod call;
mod cause;
mod checksum;
mod client;
mod date;
mod directory;
mod environment;
mod facts;
mod file;
mod files;
mod listing;
mod location;
mod lock;
mod mark;
mod mounts;
mod open;
mod options;
mod pace;
mod page;
mod pages;
mod partition;
mod peer;
mod protect;
mod regular;
mod request;
mod site;
mod swap;
mod tls;
mod traffic;
mod translate;
mod weapon;
mod xml;

pub use environment::{is_of_cloud, untidy};
pub use open::{Armed, arm, open};
pub use options::{Encryption, Options};
pub use page::{Page, PageOptions};
pub use peer::{AskedWith, Peer, PeerAnswer, PeerOptions, PeerRequest};
pub use site::{Provider, Site, site};
pub use swap::Swap;
pub use tls::{TlsOptions, TlsPeer, TlsStream};
pub use traffic::Traffic;
