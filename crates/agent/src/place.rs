//! What a `--source` means.

use std::fmt::Display;
use std::sync::Mutex;

use auditseal_format::{Origin, TimeField, printable};
use auditseal_tail::fs::{Claims, FindError, LogPath, Owners, SourceDisk};
use auditseal_tail::{Disk as _, Family, FileKey, overlap};

use crate::lock::locked;
use crate::settings::SourceSpec;
use crate::{Error, ErrorKind};

/// Where a source's files are: the operator's path, which is asked again whenever it matters.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) origin: Origin,
    pub(crate) path: LogPath,
    /// Where its lines say when they happened.
    pub(crate) times: TimeField,
    /// Which source's path leads to which files, told to each other.
    claims: Claims,
}

impl Place {
    pub(crate) fn new(origin: Origin, path: LogPath, times: TimeField) -> Self {
        Self { origin, path, times, claims: Claims::default() }
    }

    /// Finds the log that a `--source` means. Where it `must_be`, its absence is an error; where
    /// not, only the absence of its directory is.
    pub(crate) fn find(
        spec: &SourceSpec,
        origin: Origin,
        owners: Owners,
        must_be: bool,
    ) -> Result<Self, Error> {
        let what = format!("open source {}={}", spec.name, printable(&spec.path));
        let fail = |why: &dyn Display| Error::new(ErrorKind::Source, &what, why);
        let path = LogPath::find(&spec.path, owners).map_err(|error| match &error {
            FindError::Family(why) => fail(why).hint(why.hint()),
            FindError::Empty => fail(&error).hint("name the live file, and run waits for it"),
            FindError::InTheWay => fail(&error).hint(
                "find out who put it there; to archive what is in it, give --source a path inside",
            ),
            FindError::Io(_) => fail(&error),
        })?;
        let place = Self::new(origin, path, spec.format.times());
        let mut disk = SourceDisk::new(place.path.clone());
        // One by one: of a hundred thousand backups one is enough.
        let mut ours = false;
        let listed = disk.each(&mut |family, entry| ours |= family.has(&entry.name));
        let folders = listed.map_err(|error| fail(&error))?;
        let trouble = disk.state().trouble().map(|trouble| trouble.why);
        if folders.is_empty() {
            return Err(fail(&trouble.unwrap_or_default()).hint(
                "there is no such directory: is it the one of kube-apiserver's --audit-log-path, \
                 and in a pod, is it mounted? The file in it may come later",
            ));
        }
        if must_be {
            if let Some(why) = trouble {
                return Err(fail(&why));
            }
            if !ours {
                return Err(fail(&"no such file, and no rotated sibling of it"));
            }
        }
        Ok(place)
    }

    /// The source's disk.
    pub(crate) fn disk(&self) -> SourceDisk {
        SourceDisk::new(self.path.clone()).with_claims(self.claims.clone(), self.origin.source())
    }
}

/// What the sources' paths lead to, as far as they are open: two that would archive the same files are
/// refused.
#[derive(Debug, Default)]
pub(crate) struct Apart {
    claims: Claims,
    opened: Mutex<Vec<Opened>>,
}

#[derive(Debug)]
struct Opened {
    /// Which `--source` of the command line it is.
    nth: usize,
    source: String,
    folders: Vec<(FileKey, Family)>,
}

impl Apart {
    /// Adds the place of the `nth` source, and lets it know of the others: what their paths come to
    /// mean later is refused then.
    ///
    /// # Errors
    /// When it leads to files of one that was added before.
    pub(crate) fn add(&self, nth: usize, mut place: Place) -> Result<Place, Error> {
        place.claims = self.claims.clone();
        let source = place.origin.source().to_owned();
        let what = format!("open source {source}");
        // Asked before anything is locked: its disk may hang, and others are to be added.
        let folders = place.path.folders();
        let folders = folders.map_err(|e| Error::new(ErrorKind::Source, &what, e))?;
        let mut opened = locked(&self.opened);
        let overlaps = |other: &&Opened| {
            let both = |(key, family): &(FileKey, Family)| {
                let same = |(k, f): &(FileKey, Family)| overlap((*key, family), (*k, f));
                other.folders.iter().any(same)
            };
            folders.iter().any(both)
        };
        if let Some(other) = opened.iter().find(overlaps) {
            // As the command line has them, whichever was open first.
            let (one, other) = match other.nth < nth {
                true => (&other.source, &source),
                false => (&source, &other.source),
            };
            let what = format!("open sources {one} and {other}");
            return Err(Error::new(ErrorKind::Usage, &what, "they name the same files"));
        }
        opened.push(Opened { nth, source, folders });
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use std::path::Path;

    use auditseal_flows::LogFormat;

    use super::*;

    fn place(name: &str, path: &Path) -> Place {
        let spec =
            SourceSpec { name: name.to_owned(), path: path.to_owned(), format: LogFormat::Hubble };
        let origin = Origin::new("c", "n", name).unwrap();
        Place::find(&spec, origin, Owners::default(), false).unwrap()
    }

    /// What a source's format says of its lines' times is what its chain's seals say.
    #[test]
    fn a_sources_lines_are_dated_as_its_format_says() {
        let dir = tempfile::tempdir().unwrap();
        let found = place("flows", &dir.path().join("events.log"));
        assert_eq!(found.times.to_string(), "json:time");
    }

    #[test]
    fn whichever_is_open_first_two_sources_of_the_same_files_are_refused_alike() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("audit.log");
        for order in [[0, 1], [1, 0]] {
            let apart = Apart::default();
            apart.add(2, place("other", &dir.path().join("other.log"))).unwrap();
            let places = [place("a", &log), place("b", &log)];
            apart.add(order[0], places[order[0]].clone()).unwrap();
            let error = apart.add(order[1], places[order[1]].clone()).unwrap_err();
            assert_eq!(error.to_string(), "open sources a and b: they name the same files");
            assert_eq!(error.kind(), ErrorKind::Usage);
        }
    }
}
