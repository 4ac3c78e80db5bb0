//! What a `--source` means.

use std::fmt::Display;

use auditseal_format::{Origin, printable};
use auditseal_tail::fs::{Claims, FindError, LogPath, Owners, SourceDisk};
use auditseal_tail::{Disk as _, Family, FileKey, overlap};

use crate::settings::SourceSpec;
use crate::{Error, ErrorKind};

/// Where a source's files are: the operator's path, which is asked again whenever it matters.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) origin: Origin,
    pub(crate) path: LogPath,
    /// Which source's path leads to which files, told to each other.
    claims: Claims,
}

impl Place {
    pub(crate) fn new(origin: Origin, path: LogPath) -> Self {
        Self { origin, path, claims: Claims::default() }
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
        let place = Self::new(origin, path);
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

    /// Refuses two sources that would archive the same files, and lets each know of the others:
    /// what their paths come to mean later is refused then.
    pub(crate) fn set_apart(places: &mut [Self]) -> Result<(), Error> {
        let claims = Claims::default();
        let mut found: Vec<(Origin, Vec<(FileKey, Family)>)> = Vec::new();
        for place in places.iter_mut() {
            place.claims = claims.clone();
            let name = place.origin.source();
            let what = format!("open source {name}");
            let folders = place.path.folders();
            let folders = folders.map_err(|e| Error::new(ErrorKind::Source, &what, e))?;
            for (other, theirs) in &found {
                if *other == place.origin {
                    return Err(Error::new(ErrorKind::Usage, &what, "two sources have this name"));
                }
                let overlaps = folders.iter().any(|(key, family)| {
                    let both = |(k, f): &(FileKey, Family)| overlap((*key, family), (*k, f));
                    theirs.iter().any(both)
                });
                if overlaps {
                    let what = format!("open sources {} and {name}", other.source());
                    return Err(Error::new(ErrorKind::Usage, &what, "they name the same files"));
                }
            }
            found.push((place.origin.clone(), folders));
        }
        Ok(())
    }
}
