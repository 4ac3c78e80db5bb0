//! What a store's URL says about where it is, for whoever writes a command about it.

use crate::location::{self, Place};
use auditseal_store::{Error, Kind, Operation};

/// Whose store it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    /// A directory.
    Directory,
    /// S3, or a server that speaks it.
    S3,
    /// Google Cloud Storage.
    Google,
    /// Azure Blob Storage.
    Azure,
}

/// A store's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Whose it is.
    pub provider: Provider,
    /// The bucket or the container; of a directory its path.
    pub bucket: String,
    /// The beginning of all keys, without slashes around it; empty for none.
    pub prefix: String,
    /// Azure: the account, where the URL names it.
    pub account: Option<String>,
    /// The URL for messages.
    pub shown: String,
}

/// Takes a store's URL apart, and looks at nothing else.
///
/// # Errors
/// `Kind::Invalid` when it isn't one.
pub fn site(url: &str) -> Result<Site, Error> {
    let location = location::parse(url)
        .map_err(|why| Error::new(Operation::Open, "the store", Kind::Invalid, &why))?;
    let (provider, bucket, account) = match location.place {
        Place::Local(path) => (Provider::Directory, path.display().to_string(), None),
        Place::S3 { bucket } => (Provider::S3, bucket, None),
        Place::Gcs { bucket } => (Provider::Google, bucket, None),
        Place::Azure { account, container } => (Provider::Azure, container, account),
    };
    Ok(Site { provider, bucket, prefix: location.prefix, account, shown: location.shown })
}
