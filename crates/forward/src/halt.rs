//! Why a chain isn't gone on with, now.

use auditseal_reader::Error;
use auditseal_store::Error as StoreError;

/// What stopped it.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The store gave no answer.
    Unread(StoreError),
    /// What comes next isn't proved.
    Broken(String),
    /// Nobody takes parcels any more.
    Closed,
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Unread(error)
    }
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => Self::Unread(error),
            other => Self::Broken(other.to_string()),
        }
    }
}
