//! A directory as a store: how objects get their names there, and what lies in it.

use std::fs::{self, File, FileType, OpenOptions, ReadDir};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::UNIX_EPOCH;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use auditseal_store::Version;

use crate::mounts::Mounts;

/// A directory that holds an archive.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) root: PathBuf,
    /// Its file system refused a hard link: by one objects are given their names, for it never
    /// takes a name that is there.
    linkless: AtomicBool,
    /// What must be mounted for it to be the archive.
    mounts: Mounts,
}

impl Directory {
    pub(crate) fn new(root: PathBuf, fstab: &Path) -> Self {
        let mounts = Mounts::read(fstab, &root);
        Self { root, linkless: AtomicBool::new(false), mounts }
    }

    /// The mount point on the way to it at which nothing is mounted, though something should be.
    pub(crate) fn unmounted(&self) -> Option<PathBuf> {
        self.mounts.absent()
    }

    pub(crate) fn is_linkless(&self) -> bool {
        self.linkless.load(Ordering::Relaxed)
    }

    /// Takes note of a put's error; whether it may mean that files can't be linked here.
    pub(crate) fn refused(&self, error: &(dyn std::error::Error + 'static)) -> bool {
        let mut next = Some(error);
        while let Some(link) = next {
            let code = link.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
            if code.is_some_and(|code| NO_LINKS.contains(&Errno::from_raw_os_error(code))) {
                self.linkless.store(true, Ordering::Relaxed);
                return true;
            }
            next = link.source();
        }
        false
    }
}

/// What file systems without hard links answer to one: FAT and exFAT, FUSE, SMB.
const NO_LINKS: [Errno; 4] = [Errno::PERM, Errno::OPNOTSUPP, Errno::NOSYS, Errno::MLINK];

/// What file systems answer that know no rename which replaces nothing.
const NO_EXCLUSIVE_RENAME: [Errno; 3] = [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP];

/// Puts a file at a name that must be free, where it can't be linked there: it is written beside it,
/// and renamed so that nothing is replaced. To create it under its own name at once wouldn't do: a
/// crash would leave half an object where a whole one belongs.
///
/// # Errors
/// `AlreadyExists` when the name is taken; `Unsupported` when the file system knows no such rename.
pub(crate) fn put_by_rename(path: &Path, bytes: &[u8]) -> io::Result<()> {
    create_durably(path.parent().unwrap_or(path))?;
    let (mut file, staged) = stage(path)?;
    let named = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| {
        renameat_with(CWD, &staged, CWD, path, RenameFlags::NOREPLACE).map_err(|errno| {
            if NO_EXCLUSIVE_RENAME.contains(&errno) {
                return ErrorKind::Unsupported.into();
            }
            io::Error::from(errno)
        })
    });
    if let Err(error) = named {
        drop(fs::remove_file(&staged));
        return Err(error);
    }
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// Creates a directory so that it survives a power cut: each new entry's parent is synced, or the
/// archive's first objects could vanish together with their directory.
pub(crate) fn create_durably(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(Path::new("/"));
    create_durably(parent)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => File::open(parent)?.sync_all(),
    }
}

/// A new file beside the one that it is to become. Names like its are left out of listings.
fn stage(path: &Path) -> io::Result<(File, PathBuf)> {
    for number in 1.. {
        let mut name = path.as_os_str().to_owned();
        name.push(format!("#{number}"));
        let staged = PathBuf::from(name);
        match OpenOptions::new().write(true).create_new(true).open(&staged) {
            Ok(file) => return Ok((file, staged)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    unreachable!("numbers don't run out")
}

/// Whether a file is one that is being put, or was when somebody pulled the plug.
fn is_staged(name: &str) -> bool {
    let number = name.split_once('#').map(|(_, number)| number);
    number.is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The files below a directory, in no particular order.
///
/// Beside an archive's folders, which begin with `NAME=`, there may be others': `lost+found`, a
/// snapshot, a trash. Such a one that can't be read is listed as a name that ends in `/`, and stops
/// nothing; of an archive's, nothing can be known then, and that is an error.
pub(crate) struct Walk {
    root: PathBuf,
    /// Relative to the root: what is to be read first, until it is.
    first: Option<PathBuf>,
    /// The folders that are being read, each inside the one before it.
    open: Vec<Open>,
}

struct Open {
    /// Relative to the root; empty for the root.
    path: PathBuf,
    /// Device and inode: a link back to one of these leads round in circles.
    id: (u64, u64),
    entries: ReadDir,
}

/// Entries handed out at a time.
const CHUNK: usize = 1000;

/// Folders inside each other that are held open: an archive has five, and the prefix of its URL.
const DEPTH: usize = 64;

impl Walk {
    /// What lies below `below`, which is relative to the root.
    pub(crate) fn new(root: &Path, below: &str) -> Self {
        Self { root: root.to_owned(), first: Some(PathBuf::from(below)), open: Vec::new() }
    }

    /// The next files; none at the end.
    ///
    /// # Errors
    /// A folder of an archive can't be read: what follows isn't known.
    pub(crate) fn next_chunk(&mut self) -> io::Result<Vec<Version>> {
        let mut found = Vec::new();
        if let Some(first) = self.first.take() {
            self.enter(first, &mut found)?;
        }
        while found.len() < CHUNK
            && let Some(folder) = self.open.last_mut()
        {
            match folder.entries.next() {
                None => drop(self.open.pop()),
                Some(Ok(entry)) => {
                    let path = folder.path.join(entry.file_name());
                    self.meet(path, &mut found)?;
                }
                Some(Err(error)) => {
                    let path = folder.path.clone();
                    self.open.pop();
                    pass_over(&path, error, &mut found)?;
                }
            }
        }
        Ok(found)
    }

    fn meet(&mut self, path: PathBuf, found: &mut Vec<Version>) -> io::Result<()> {
        let meta = match fs::metadata(self.root.join(&path)) {
            Ok(meta) => meta,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // Deleted meanwhile, if there is no link.
                if fs::symlink_metadata(self.root.join(&path)).is_ok() {
                    found.push(no_object(&path, "a link that leads nowhere"));
                }
                return Ok(());
            }
            Err(error) if is_loop(&error) && is_object(&path) => {
                found.push(no_object(&path, LOOP));
                return Ok(());
            }
            Err(error) if is_archive(&path) => return Err(error),
            Err(_) => {
                found.push(no_object(&path, "it can't be looked at"));
                return Ok(());
            }
        };
        if meta.is_dir() && is_object(&path) {
            found.push(no_object(&path, "a folder"));
            return Ok(());
        }
        if meta.is_dir() {
            return self.enter(path, found);
        }
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        if let Some(what) = no_file(meta.file_type()) {
            found.push(no_object(&path, what));
        } else if !is_staged(&name) {
            let since = meta.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            let micros = since.and_then(|since| i64::try_from(since.as_micros()).ok());
            let key = path.to_string_lossy().into_owned();
            found.push(entry(key, meta.len(), micros.unwrap_or(0)));
        }
        Ok(())
    }

    fn enter(&mut self, path: PathBuf, found: &mut Vec<Version>) -> io::Result<()> {
        let whole = self.root.join(&path);
        let opened = fs::metadata(&whole).and_then(|meta| {
            let id = (meta.dev(), meta.ino());
            if self.open.iter().any(|open| open.id == id) {
                return Ok(None);
            }
            if self.open.len() >= DEPTH {
                return Err(io::Error::other(format!("it lies {DEPTH} folders deep")));
            }
            Ok(Some((id, fs::read_dir(&whole)?)))
        });
        match opened {
            Ok(Some((id, entries))) => self.open.push(Open { path, id, entries }),
            // All that is behind it is met without it.
            Ok(None) => found.push(no_object(&path, "a link to a folder that it lies in")),
            Err(error) => return pass_over(&path, error, found),
        }
        Ok(())
    }
}

/// A folder can't be read: another's is only named.
fn pass_over(path: &Path, error: io::Error, found: &mut Vec<Version>) -> io::Result<()> {
    // Deleted meanwhile: nothing is below it.
    if error.kind() == ErrorKind::NotFound {
        return Ok(());
    }
    if is_archive(path) {
        return Err(error);
    }
    found.push(entry(format!("{}/", path.to_string_lossy()), 0, 0));
    Ok(())
}

/// Whether an archive may lie there: all its keys begin with a folder `cluster=…`. The root itself
/// is one of its folders.
fn is_archive(path: &Path) -> bool {
    path.iter().next().is_none_or(|first| first.as_encoded_bytes().contains(&b'='))
}

/// Whether it is the name of an object of an archive: where a folder stands at one, none is in it.
fn is_object(path: &Path) -> bool {
    is_archive(path) && path.as_os_str().as_encoded_bytes().ends_with(b".jsonl.zst")
}

/// What a link is that leads to itself, by way of others or not.
pub(crate) const LOOP: &str = "a link that leads round in circles";

/// Whether a name can't be followed because of such a link.
pub(crate) fn is_loop(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

/// What stands where an object might, and is no file. Nobody may open it: a pipe would be waited for
/// for ever.
pub(crate) fn no_file(kind: FileType) -> Option<&'static str> {
    if kind.is_file() || kind.is_dir() {
        return None;
    }
    Some(match () {
        () if kind.is_fifo() => "a pipe",
        () if kind.is_socket() => "a socket",
        () => "a device",
    })
}

/// Something that is no object, under a name that no object has: whoever lists it says so.
fn no_object(path: &Path, what: &str) -> Version {
    Version::no_object(&path.to_string_lossy(), what)
}

fn entry(key: String, size: u64, modified: i64) -> Version {
    Version { key, id: None, size, modified, latest: true, marker: false, archived: false }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn keys(root: &Path, below: &str) -> Vec<String> {
        let mut walk = Walk::new(root, below);
        let mut keys = Vec::new();
        loop {
            let chunk = walk.next_chunk().unwrap();
            if chunk.is_empty() {
                keys.sort();
                return keys;
            }
            keys.extend(chunk.into_iter().map(|version| version.key));
        }
    }

    #[test]
    fn a_name_that_is_taken_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        put_by_rename(&path, b"first").unwrap();
        let again = put_by_rename(&path, b"second").unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        // What a crash left is in nobody's way.
        fs::write(dir.path().join("b#1"), "half").unwrap();
        put_by_rename(&dir.path().join("b"), b"x").unwrap();
        assert_eq!(keys(dir.path(), ""), ["a", "b"]);
    }

    #[test]
    fn only_what_a_link_is_refused_by_leads_to_another_way() {
        for (errno, other) in [
            (Errno::PERM, true),
            (Errno::OPNOTSUPP, true),
            (Errno::NOSYS, true),
            (Errno::EXIST, false),
            (Errno::NOSPC, false),
            (Errno::ACCESS, false),
            (Errno::ROFS, false),
        ] {
            let directory = Directory::new("/x".into(), Path::new("/absent"));
            let source = Box::new(io::Error::from(errno));
            let error = object_store::Error::Generic { store: "directory", source };
            assert_eq!((directory.refused(&error), directory.is_linkless()), (other, other));
        }
    }

    #[test]
    fn strangers_are_listed_or_passed_and_stop_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (root, make) = (dir.path(), |path: &str| {
            fs::create_dir_all(dir.path().join(path)).unwrap();
        });
        make("cluster=c/node=n");
        make(".snapshot/daily");
        fs::write(root.join("cluster=c/node=n/x"), "abc").unwrap();
        fs::write(root.join(".DS_Store"), "").unwrap();
        fs::write(root.join(std::ffi::OsString::from("odd\u{fffd}%zz\n")), "").unwrap();
        symlink(root, root.join(".snapshot/daily/round")).unwrap();
        symlink("nowhere", root.join("broken")).unwrap();
        symlink("ring", root.join("ring")).unwrap();
        rustix::fs::mknodat(
            CWD,
            root.join("pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        assert_eq!(
            keys(root, ""),
            [
                ".DS_Store",
                ".snapshot/daily/round (a link to a folder that it lies in)",
                "broken (a link that leads nowhere)",
                "cluster=c/node=n/x",
                "odd\u{fffd}%zz\n",
                "pipe (a pipe)",
                "ring (it can't be looked at)",
            ]
        );
        assert_eq!(keys(root, "cluster=c"), ["cluster=c/node=n/x"]);
        symlink("..", root.join("cluster=c/node=n/up")).unwrap();
        assert_eq!(
            keys(root, "cluster=c"),
            ["cluster=c/node=n/up (a link to a folder that it lies in)", "cluster=c/node=n/x"]
        );
        assert!(keys(root, "cluster=other").is_empty());
        // What stands at an object's name is named, whatever it is.
        make("cluster=c/node=n/1.jsonl.zst/inside");
        symlink("2.jsonl.zst", root.join("cluster=c/node=n/2.jsonl.zst")).unwrap();
        assert_eq!(
            keys(root, "cluster=c")[..2],
            [
                "cluster=c/node=n/1.jsonl.zst (a folder)",
                "cluster=c/node=n/2.jsonl.zst (a link that leads round in circles)",
            ]
        );
        // Beneath the archive's own names nothing may be passed over.
        symlink("ring", root.join("cluster=c/ring")).unwrap();
        assert!(Walk::new(root, "").next_chunk().is_err());
        assert!(Walk::new(root, "cluster=c").next_chunk().is_err());
    }

    #[test]
    fn folders_of_others_deeper_than_are_held_open_are_only_named() {
        let dir = tempfile::tempdir().unwrap();
        let deep = "d/".repeat(DEPTH + 3);
        fs::create_dir_all(dir.path().join(&deep)).unwrap();
        fs::write(dir.path().join(&deep).join("x"), "").unwrap();
        assert_eq!(keys(dir.path(), ""), ["d/".repeat(DEPTH)]);
        assert_eq!(keys(dir.path(), "d/d/d/d"), [format!("{deep}x")]);
    }

    #[test]
    fn more_files_than_are_handed_out_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..2 * CHUNK + 7 {
            fs::write(dir.path().join(number.to_string()), "").unwrap();
        }
        assert_eq!(keys(dir.path(), "").len(), 2 * CHUNK + 7);
    }
}
