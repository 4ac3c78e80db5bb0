//! One pass through what a store lists of a chain, which goes on where the store failed.

use std::sync::Arc;
use std::time::Duration;

use auditseal_format::{Date, ObjectKey, Origin};
use auditseal_store::{Bookmark, Error, Kind, Version};
use futures::StreamExt as _;

use super::days::Days;
use super::window::{Top, Window};
use crate::listing::Entry;
use crate::source::{Source, WAITS, transient};
use auditseal_chain::Place;

/// What is listed of a chain.
#[derive(Debug, Clone)]
pub(super) enum Folders {
    Chain,
    Days(Arc<[Date]>),
}

impl Folders {
    fn get(&self, origin: &Origin, at: usize) -> Option<String> {
        let chain = ObjectKey::prefix(origin);
        match self {
            Self::Chain => (at == 0).then_some(chain),
            Self::Days(days) => days.get(at).map(|day| format!("{chain}/date={day}")),
        }
    }
}

/// A pass that may be interrupted by any error.
#[derive(Debug)]
pub(super) struct Pass {
    folders: Folders,
    /// The folder that is listed, and from where on.
    at: usize,
    from: Option<Bookmark>,
    window: Window,
    /// On which days what was listed lies, where all of it is.
    days: Option<Days>,
    seen: u32,
}

impl Pass {
    pub(super) fn new(folders: Folders, window: Window) -> Self {
        let days = matches!(folders, Folders::Chain).then(Days::default);
        Self { folders, at: 0, from: None, window, days, seen: 0 }
    }

    /// Whether nothing of the chain is left out.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.folders, Folders::Chain)
    }

    /// Lists what isn't listed yet. After an error it may be asked again, and goes on there.
    pub(super) async fn run(&mut self, source: &Source, origin: &Origin) -> Result<(), Error> {
        let mut waits = WAITS.iter();
        while let Some(folder) = self.folders.get(origin, self.at) {
            let (seen, resumed) = (self.seen, self.from.is_some());
            let listed = self.list(source, origin, &folder).await;
            source.note(&listed);
            let Err(error) = listed else {
                (self.at, self.from) = (self.at + 1, None);
                continue;
            };
            if self.seen != seen {
                waits = WAITS.iter();
            } else if resumed && !matches!(error.kind(), Kind::Timeout | Kind::Unavailable) {
                // A bookmark may have grown too old. What was listed twice counts once.
                self.from = None;
            }
            match waits.next().filter(|_| transient(&error)) {
                Some(wait) => tokio::time::sleep(Duration::from_millis(*wait)).await,
                None => return Err(error),
            }
        }
        Ok(())
    }

    async fn list(&mut self, source: &Source, origin: &Origin, folder: &str) -> Result<(), Error> {
        let mut parts = source.parts(folder, self.from.as_ref());
        while let Some(part) = parts.next().await {
            let part = part?;
            for version in part.versions {
                self.add(version, origin);
            }
            self.from = part.behind;
        }
        Ok(())
    }

    fn add(&mut self, version: Version, origin: &Origin) {
        self.seen = self.seen.saturating_add(1);
        // A store that lists beside the prefix asked for is wrong; what it says isn't needed.
        let Some(key) = ObjectKey::parse(&version.key).filter(|key| key.origin == *origin) else {
            return;
        };
        // Hidden or not, an object is looked at: so no marker matters.
        if !version.marker {
            let entry = Entry::of(Place::from(&key), version, self.seen);
            if let Some(days) = &mut self.days {
                days.add(&entry);
            }
            self.window.add(entry);
        }
    }

    /// What came of it.
    pub(super) fn end(self) -> (Top, Option<Days>) {
        (self.window.end(), self.days)
    }
}
