//! A directory by its descriptor: whatever its path comes to mean, this stays the same one.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, StatxFlags, fstat, openat,
    openat2, readlinkat, statat, statx,
};
use rustix::io::Errno;

use super::owners::Owners;
use crate::disk::{Entry, Refusal};
use crate::inode::{FileKey, FolderId};
use crate::names::Family;

/// Said once by the kernel, or by who filters our calls: there is no openat2 here.
static NO_OPENAT2: AtomicBool = AtomicBool::new(false);

/// An open directory.
#[derive(Debug)]
pub(crate) struct DirFd {
    fd: OwnedFd,
    key: FileKey,
    /// Which mount it was reached through, where the kernel tells.
    mount: Option<u64>,
}

impl AsFd for DirFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl DirFd {
    /// Opens the directory that an operator's path leads to, links included.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::reach(CWD, path)
    }

    /// The same for a path that a link in this directory holds.
    pub(super) fn open_from(&self, path: &Path) -> io::Result<Self> {
        Self::reach(self.fd.as_fd(), path)
    }

    fn reach(from: BorrowedFd<'_>, path: &Path) -> io::Result<Self> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        // No more than a hold on it: this neither reads it nor asks for the right to.
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = openat(from, path, flags, Mode::empty())?;
        let found = fstat(&fd)?;
        let mount = statx(&fd, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).ok();
        let mount = mount.filter(|answer| answer.stx_mask & StatxFlags::MNT_ID.bits() != 0);
        Ok(Self { fd, key: key(&found), mount: mount.map(|answer| answer.stx_mnt_id) })
    }

    /// Device and inode. While the descriptor is open no other directory can have them.
    pub(crate) fn key(&self) -> FileKey {
        self.key
    }

    /// Whether it was reached through the same mount: if not, the other one is the better hold, for
    /// this one's mount may be about to go.
    pub(super) fn same_mount(&self, other: &Self) -> bool {
        self.mount == other.mount
    }

    /// A path that leads to this directory whatever its name is by now, where `/proc` is mounted.
    pub(crate) fn proc_path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.fd.as_raw_fd()))
    }

    /// What stands under a name, links not followed.
    pub(super) fn stat(&self, name: &OsStr) -> io::Result<Stat> {
        Ok(statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// What the directory itself is now.
    pub(super) fn stat_self(&self) -> io::Result<Stat> {
        Ok(fstat(&self.fd)?)
    }

    /// Where a link leads.
    pub(super) fn read_link(&self, name: &OsStr) -> io::Result<PathBuf> {
        let target = readlinkat(&self.fd, name, Vec::new())?;
        Ok(OsString::from_vec(target.into_bytes()).into())
    }

    /// Hands on its entries but `link`, judged by who owns what. A directory that was deleted has none.
    ///
    /// # Errors
    /// When it can't be listed.
    pub(super) fn each(
        &self,
        (id, family): (FolderId, &Family),
        link: Option<&OsStr>,
        owners: &Owners,
        each: &mut dyn FnMut(Entry),
    ) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut listed = match openat(&self.fd, ".", flags, Mode::empty()) {
            Ok(fd) => Dir::new(fd)?,
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let (folder, live) = (self.stat_self()?, family.live());
        // Files of several names wait until it is known whose the live file is.
        let (mut owner, mut doubtful) = (None, Vec::new());
        while let Some(next) = listed.read() {
            let next = match next {
                Ok(next) => next,
                Err(Errno::NOENT) => break,
                Err(error) => return Err(error.into()),
            };
            let name = OsStr::from_bytes(next.file_name().to_bytes());
            if name == "." || name == ".." || Some(name) == link {
                continue;
            }
            let mut entry = Entry {
                name: name.to_owned(),
                folder: id,
                key: FileKey { dev: 0, ino: 0 },
                size: 0,
                refusal: Some(Refusal::Unknown),
            };
            match self.stat(name) {
                Ok(found) => {
                    if name == live {
                        owner = Some(found.st_uid);
                    }
                    entry.key = key(&found);
                    entry.size = u64::try_from(found.st_size).unwrap_or(0);
                    entry.refusal = owners.refuse(&found, &folder, || None);
                    if name == live && entry.refusal == Some(Refusal::Link) {
                        // It wasn't followed, then: whose it is may be why.
                        let why = owners.refuse_link(&found, &folder);
                        entry.refusal = why.or(entry.refusal);
                    }
                    let regular = FileType::from_raw_mode(found.st_mode).is_file();
                    if regular && entry.refusal.is_some() {
                        doubtful.push((entry, found));
                        continue;
                    }
                }
                // Renamed or deleted meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                // Whatever it is, it doesn't keep the others from being listed.
                Err(_) => {}
            }
            each(entry);
        }
        for (mut entry, found) in doubtful {
            entry.refusal = owners.refuse(&found, &folder, || owner);
            each(entry);
        }
        Ok(())
    }

    /// The same, all at once.
    ///
    /// # Errors
    /// When it can't be listed.
    pub(super) fn entries(
        &self,
        of: (FolderId, &Family),
        link: Option<&OsStr>,
        owners: &Owners,
    ) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        self.each(of, link, owners, &mut |entry| entries.push(entry))?;
        Ok(entries)
    }

    /// Opens the regular file of this name, if its owner allows.
    ///
    /// # Errors
    /// `NotFound` when no file has the name; anything else when it can't be opened, or may not be.
    pub(super) fn open_file(
        &self,
        name: &OsStr,
        family: &Family,
        owners: &Owners,
    ) -> io::Result<File> {
        let refused = |why: Refusal| io::Error::new(io::ErrorKind::InvalidInput, why.to_string());
        let folder = self.stat_self()?;
        let judge = |found: &Stat| {
            let live = || self.stat(&family.live()).ok().map(|live| live.st_uid);
            owners.refuse(found, &folder, live).map_or(Ok(()), |why| Err(refused(why)))
        };
        // To open a device may do something to it, so it is looked at first. What is open then is
        // judged again: another file may have got the name in between.
        judge(&self.stat(name)?)?;
        let file = File::from(self.open_beneath(name)?);
        judge(&fstat(&file)?)?;
        Ok(file)
    }

    /// Without O_NONBLOCK, a FIFO that took a log's name would block here for ever, and a file that
    /// its owner has leased for 45 seconds.
    fn open_beneath(&self, name: &OsStr) -> io::Result<OwnedFd> {
        let bytes = name.as_bytes();
        if bytes.is_empty() || bytes == b"." || bytes == b".." || bytes.contains(&b'/') {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let flags =
            OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY | OFlags::CLOEXEC;
        if !NO_OPENAT2.load(Ordering::Relaxed) {
            let resolve =
                ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            match openat2(&self.fd, name, flags, Mode::empty(), resolve) {
                // Older filters of system calls answer EPERM to those they don't know; reading
                // alone has no other reason to.
                Err(Errno::NOSYS | Errno::PERM) => {}
                answer => return Ok(answer?),
            }
        }
        // A single name, which isn't followed if it is a link: nothing else is left to be forbidden.
        let fd = openat(&self.fd, name, flags, Mode::empty())?;
        NO_OPENAT2.store(true, Ordering::Relaxed);
        Ok(fd)
    }
}

pub(super) fn key(found: &Stat) -> FileKey {
    FileKey { dev: found.st_dev, ino: found.st_ino }
}
