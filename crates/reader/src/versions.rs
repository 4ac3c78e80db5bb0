//! The versions that stand at one key, tried until one has the bytes that are wanted.

use auditseal_store::{Error, Fetched, Kind, Version};
use bytes::Bytes;

use crate::source::{Object, Source};

/// What came of looking for content that is known by its size and hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stands<T> {
    /// A version has it.
    Found(T),
    /// Something else stands there.
    Other,
    /// Nothing does.
    Nothing,
}

impl<T> Stands<T> {
    /// What was found.
    #[must_use]
    pub fn found(self) -> Option<T> {
        match self {
            Self::Found(found) => Some(found),
            Self::Other | Self::Nothing => None,
        }
    }
}

/// Versions of one key that were tried, each for the same content.
#[derive(Debug, Default)]
pub struct Tried {
    /// Something else stands there.
    other: bool,
}

impl Tried {
    /// What a read of one version came to: the content, or `None` for other content. A version that isn't there
    /// any more tells nothing, and one that is too large has other content.
    ///
    /// # Errors
    /// The store gave no answer.
    pub fn take<T>(&mut self, answer: Result<Option<T>, Error>) -> Result<Option<T>, Error> {
        match answer {
            Ok(Some(found)) => Ok(Some(found)),
            Ok(None) => {
                self.other = true;
                Ok(None)
            }
            Err(error) if error.kind() == Kind::NotFound => Ok(None),
            Err(error) if error.kind() == Kind::TooLarge => {
                self.other = true;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// What stands there, when none of the versions had it.
    #[must_use]
    pub fn without<T>(self) -> Stands<T> {
        if self.other { Stands::Other } else { Stands::Nothing }
    }
}

impl Source {
    /// The versions at a key that have bytes, the oldest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn versions_at(&self, key: &str) -> Result<Vec<Version>, Error> {
        let folder = key.rsplit_once('/').map_or("", |(folder, _)| folder);
        let add = |all: &mut Vec<Version>, version: Version| {
            if version.key == key && !version.marker {
                all.push(version);
            }
        };
        let mut all = self.versions(folder, Vec::new, add).await?;
        all.sort_by_key(|version| (version.latest, version.modified));
        Ok(all)
    }

    /// The content of at most `limit` bytes that `fits`, in whatever version of the key has it. The latest one is
    /// asked for first, and others are listed only if it is another.
    ///
    /// # Errors
    /// The store's.
    pub async fn content(
        &self,
        key: &str,
        limit: u64,
        fits: impl Fn(&[u8]) -> bool,
    ) -> Result<Stands<Bytes>, Error> {
        let mut tried = Tried::default();
        let latest = self.get(Object { key, version: None }, limit).await;
        if let Some(bytes) = tried.take(of(latest, &fits))? {
            return Ok(Stands::Found(bytes));
        }
        for version in self.versions_at(key).await? {
            let (Some(id), true) = (version.id.as_deref(), version.size <= limit) else {
                tried.other = true;
                continue;
            };
            let answer = self.get(Object { key, version: Some(id) }, limit).await;
            if let Some(bytes) = tried.take(of(answer, &fits))? {
                return Ok(Stands::Found(bytes));
            }
        }
        Ok(tried.without())
    }
}

/// The bytes of an answer, if they fit.
fn of(
    answer: Result<Fetched, Error>,
    fits: &impl Fn(&[u8]) -> bool,
) -> Result<Option<Bytes>, Error> {
    answer.map(|fetched| Some(fetched.bytes).filter(|bytes| fits(bytes)))
}
