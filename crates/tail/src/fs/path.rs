//! What an operator's path means, now.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, io};

use auditseal_format::printable;
use rustix::fs::FileType;

use super::Limits;
use super::folder::DirFd;
use super::owners::Owners;
use crate::inode::{FileKey, FolderId};
use crate::names::{Family, FamilyError};

/// A source's path as the operator wrote it: the live file, or the directory that holds it. What it
/// means is asked anew each time, for it may come to mean something else: a link is pointed
/// elsewhere, a disk mounted over the directory, the directory renamed and made anew.
#[derive(Debug, Clone)]
pub struct LogPath {
    path: PathBuf,
    names: Names,
    family: Family,
    owners: Owners,
}

/// What the path's last part names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    File,
    Directory,
}

/// A path that no log can be read from.
#[derive(Debug)]
pub enum FindError {
    /// The directory can't be asked.
    Io(io::Error),
    /// The name, or what the directory holds, is no log.
    Family(FamilyError),
    /// The directory is empty.
    Empty,
    /// A directory has the live file's name: backups of a log of that name lie beside it.
    InTheWay,
}

impl fmt::Display for FindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Family(error) => error.fmt(f),
            Self::Empty => f.write_str("the directory is empty"),
            Self::InTheWay => {
                f.write_str("it is a directory, and backups of a log of that name lie beside it")
            }
        }
    }
}

impl std::error::Error for FindError {}

/// What a path means.
#[derive(Debug, Default)]
pub(crate) struct Meaning {
    /// The directory of each link on the way, and last the one of the file itself.
    pub(crate) folders: Vec<Place>,
    /// Why the file's own directory isn't among them.
    pub(crate) trouble: Option<String>,
}

/// A directory that a path leads through or to.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) dir: Arc<DirFd>,
    pub(crate) family: Family,
    /// The entry that is a link on the way.
    pub(super) link: Option<OsString>,
}

impl LogPath {
    /// Finds out whether the path is the live file's or the directory's, and which log it means.
    ///
    /// # Errors
    /// When it means none, or several.
    pub fn find(path: &Path, owners: Owners) -> Result<Self, FindError> {
        if !path.is_dir() {
            return Self::file(path, owners).map_err(FindError::Family);
        }
        if is_in_the_way(path, &owners).map_err(FindError::Io)? {
            return Err(FindError::InTheWay);
        }
        let dir = DirFd::open(path).map_err(FindError::Io)?;
        // Any family: only links and other odd ones are to be told from files.
        let any = Family::of(OsStr::new("audit.log")).map_err(FindError::Family)?;
        let entries =
            dir.entries((Default::default(), &any), None, &owners).map_err(FindError::Io)?;
        let names = entries.iter().filter(|entry| entry.refusal.is_none());
        let found = Family::among(names.map(|entry| entry.name.as_os_str()));
        let family = found.map_err(FindError::Family)?.ok_or(FindError::Empty)?;
        Ok(Self { owners, ..Self::directory(path, family) })
    }

    /// The path of a live file, which needn't exist yet.
    ///
    /// # Errors
    /// When the name isn't a live file's.
    pub fn file(path: &Path, owners: Owners) -> Result<Self, FamilyError> {
        let family = Family::of(path.file_name().ok_or(FamilyError::NoName)?)?;
        Ok(Self { path: path.to_owned(), names: Names::File, family, owners })
    }

    /// The path of the directory that holds this family's files; it needn't exist yet.
    #[must_use]
    pub fn directory(path: &Path, family: Family) -> Self {
        let owners = Owners::default();
        Self { path: path.to_owned(), names: Names::Directory, family, owners }
    }

    /// As the operator wrote it.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        &self.path
    }

    /// The family that it meant first.
    #[must_use]
    pub fn family(&self) -> &Family {
        &self.family
    }

    /// Whose files are read.
    pub(super) fn owners(&self) -> &Owners {
        &self.owners
    }

    /// Whether the family is found among the directory's names.
    pub(super) fn is_directory(&self) -> bool {
        self.names == Names::Directory
    }

    /// The directories it leads to now, and whose files there are meant.
    ///
    /// # Errors
    /// When the path can't be asked.
    pub fn folders(&self) -> io::Result<Vec<(FileKey, Family)>> {
        let meaning = self.resolve(&Limits::default())?;
        Ok(meaning.folders.into_iter().map(|place| (place.dir.key(), place.family)).collect())
    }

    /// What it means now. Nothing, if it leads nowhere.
    ///
    /// # Errors
    /// When the path can't be asked: what it meant before may still be right.
    pub(crate) fn resolve(&self, limits: &Limits) -> io::Result<Meaning> {
        let (start, name) = match self.names {
            Names::Directory => (self.path.as_path(), None),
            Names::File => (self.path.parent().unwrap_or(Path::new("")), self.path.file_name()),
        };
        let dir = match DirFd::open(start) {
            Ok(dir) => Arc::new(dir),
            Err(error) if leads_nowhere(&error) => {
                return Ok(Meaning { folders: Vec::new(), trouble: Some(error.to_string()) });
            }
            Err(error) => return Err(error),
        };
        let first = Place { dir, family: self.family.clone(), link: None };
        match name {
            None => Ok(Meaning { folders: vec![first], trouble: None }),
            Some(name) => self.follow(first, name.to_owned(), limits),
        }
    }

    /// Follows the links from a live file's name. Each link's directory is the source's, too: its
    /// backups were written before there was a link.
    fn follow(&self, first: Place, name: OsString, limits: &Limits) -> io::Result<Meaning> {
        let mut meaning = Meaning::default();
        let (mut place, mut name) = (first, name);
        for _ in 0..=limits.links {
            let target = self.link(&place.dir, &name)?;
            place.link = target.is_some().then(|| name.clone());
            let dir = Arc::clone(&place.dir);
            let family = place.family.clone();
            meaning.add(place);
            let Some(target) = target else { return Ok(meaning) };
            place = match next(&dir, &target, &family) {
                Ok(next) => next,
                Err(error) if leads_nowhere(&error) => {
                    let (link, target) = (printable(&name), printable(&target));
                    meaning.trouble = Some(format!("{link} leads to {target}: {error}"));
                    return Ok(meaning);
                }
                Err(error) => return Err(error),
            };
            name = target.file_name().map(OsStr::to_owned).unwrap_or_default();
        }
        let error = io::Error::from(rustix::io::Errno::LOOP);
        meaning.trouble = Some(format!("{}: {error}", printable(&name)));
        Ok(meaning)
    }

    /// Where the entry leads, if it is a link that may be followed.
    fn link(&self, dir: &DirFd, name: &OsStr) -> io::Result<Option<PathBuf>> {
        let found = match dir.stat(name) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if FileType::from_raw_mode(found.st_mode) != FileType::Symlink
            || self.owners.refuse_link(&found, &dir.stat_self()?).is_some()
        {
            return Ok(None);
        }
        match dir.read_link(name) {
            Ok(target) => Ok(Some(target)),
            // Another one by now: the next look sees to it.
            Err(error) if leads_nowhere(&error) || error.kind() == io::ErrorKind::InvalidInput => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether a directory stands where a live file belongs. Whoever may write beside the log may put one
/// there: what lies in it would be archived in the log's place.
fn is_in_the_way(path: &Path, owners: &Owners) -> io::Result<bool> {
    let Some(Ok(family)) = path.file_name().map(Family::of) else { return Ok(false) };
    let parent = DirFd::open(path.parent().unwrap_or(Path::new("")))?;
    let mut found = false;
    parent.each((FolderId::default(), &family), None, owners, &mut |entry| {
        found |= family.has(&entry.name) && entry.name != family.live();
    })?;
    Ok(found)
}

/// The directory that a link's target is in, and the family of the target.
fn next(dir: &DirFd, target: &Path, family: &Family) -> io::Result<Place> {
    let name = target.file_name().ok_or(io::ErrorKind::NotFound)?;
    let family = match Family::of(name) {
        Ok(family) => family,
        // A link to the file of the day, say: the log is what that belongs to.
        Err(FamilyError::Rotated { live: Some(live), .. }) => {
            Family::of(&live).unwrap_or_else(|_| family.clone())
        }
        Err(_) => family.clone(),
    };
    let dir = dir.open_from(target.parent().unwrap_or(Path::new("")))?;
    Ok(Place { dir: Arc::new(dir), family, link: None })
}

impl Meaning {
    fn add(&mut self, place: Place) {
        let same = |p: &Place| p.dir.key() == place.dir.key() && p.family == place.family;
        if !self.folders.iter().any(same) {
            self.folders.push(place);
        }
    }

    /// The directories, each once.
    pub(crate) fn dirs(&self) -> Vec<Arc<DirFd>> {
        let mut dirs: Vec<Arc<DirFd>> = Vec::new();
        for place in &self.folders {
            if !dirs.iter().any(|dir| dir.key() == place.dir.key()) {
                dirs.push(Arc::clone(&place.dir));
            }
        }
        dirs
    }
}

/// Whether the error says that there is nothing, rather than that it can't be told.
fn leads_nowhere(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let nowhere = [Errno::NOENT, Errno::NOTDIR, Errno::LOOP, Errno::NAMETOOLONG];
    error.kind() == io::ErrorKind::NotFound
        || Errno::from_io_error(error).is_some_and(|errno| nowhere.contains(&errno))
}
