//! The directory that is shown: what the kernel asks about it is done there.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, Dir, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT,
    linkat, mkdirat, open, openat, renameat_with, statvfs, unlinkat, utimensat,
};
use rustix::io::Errno;

use crate::wire::{self, Body, Request, Said, op};

/// The kernel's number for the directory itself.
const ROOT: u64 = 1;
/// A node is opened as a place only: that needs no right to read it, and survives renames.
const PLACE: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// What the kernel knows by a number.
#[derive(Debug)]
struct Node {
    place: File,
    /// How many times the kernel was told of it, and hasn't forgotten.
    known: u64,
}

/// What is open.
#[derive(Debug)]
enum Handle {
    File(File),
    /// With its names, as they were when the reading of them began.
    Directory(File, Vec<(u64, OsString)>),
}

/// A directory, and what the kernel knows and has open of it.
#[derive(Debug)]
pub(crate) struct Mirror {
    nodes: HashMap<u64, Node>,
    /// Nodes by device and inode.
    numbers: HashMap<(u64, u64), u64>,
    handles: HashMap<u64, Handle>,
    next: u64,
}

/// The error number of an error.
fn number(error: io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

/// Where an open file can be opened again, or changed.
fn again(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

impl Mirror {
    pub(crate) fn of(directory: &Path) -> io::Result<Self> {
        let place = File::from(open(directory, OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?);
        let meta = place.metadata()?;
        Ok(Self {
            numbers: [((meta.dev(), meta.ino()), ROOT)].into(),
            nodes: [(ROOT, Node { place, known: 1 })].into(),
            handles: HashMap::new(),
            next: ROOT + 1,
        })
    }

    /// Does what is asked. `None`: no answer is wanted.
    pub(crate) fn answer(&mut self, request: &Request<'_>) -> Option<Result<Said, Errno>> {
        let &Request { operation, node, body, .. } = request;
        Some(match operation {
            op::FORGET | op::BATCH_FORGET => {
                // Nobody hears that a number was wrong.
                self.forget(operation, node, body).ok();
                return None;
            }
            // Who asked is told when what it asked for is done.
            op::INTERRUPT => return None,
            op::INIT => wire::init(body),
            op::LOOKUP => self.look_up(node, body),
            op::GETATTR => self.meta(node).map(|meta| wire::attributes(&meta)),
            op::SETATTR => self.set(node, body),
            op::MKDIR => self.make_directory(node, body),
            op::UNLINK => self.remove(node, body, AtFlags::empty()),
            op::RMDIR => self.remove(node, body, AtFlags::REMOVEDIR),
            op::RENAME | op::RENAME2 => self.rename(node, body, operation == op::RENAME2),
            op::LINK => self.link(node, body),
            op::OPEN | op::OPENDIR => self.open(node, body, operation == op::OPENDIR),
            op::CREATE => self.create(node, body),
            op::READ => self.read(body),
            op::READDIR => self.list(body),
            op::WRITE => self.write(body),
            op::FSYNC | op::FSYNCDIR => self.sync(body),
            op::RELEASE | op::RELEASEDIR => self.release(body),
            op::STATFS => self.room(node),
            op::DESTROY => Ok(Said::default()),
            _ => Err(Errno::NOSYS),
        })
    }

    fn place(&self, node: u64) -> Result<&File, Errno> {
        self.nodes.get(&node).map(|node| &node.place).ok_or(Errno::STALE)
    }

    fn meta(&self, node: u64) -> Result<Metadata, Errno> {
        self.place(node)?.metadata().map_err(number)
    }

    fn handle(&mut self, mut body: Body<'_>) -> Result<&mut Handle, Errno> {
        self.handles.get_mut(&body.u64()?).ok_or(Errno::BADF)
    }

    fn file(&mut self, body: Body<'_>) -> Result<&File, Errno> {
        match self.handle(body)? {
            Handle::File(file) | Handle::Directory(file, _) => Ok(file),
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// Tells the kernel of what has a name.
    fn tell(&mut self, parent: u64, name: &OsStr) -> Result<Said, Errno> {
        let place = File::from(openat(self.place(parent)?, name, PLACE, Mode::empty())?);
        let meta = place.metadata().map_err(number)?;
        let inode = (meta.dev(), meta.ino());
        let node = match self.numbers.get(&inode) {
            Some(node) => *node,
            None => self.number(),
        };
        self.numbers.insert(inode, node);
        self.nodes.entry(node).or_insert(Node { place, known: 0 }).known += 1;
        Ok(wire::entry(node, &meta))
    }

    fn forget(&mut self, operation: u32, node: u64, mut body: Body<'_>) -> Result<(), Errno> {
        if operation == op::FORGET {
            self.forget_one(node, body.u64()?);
            return Ok(());
        }
        let count = body.u32()?;
        body.skip(4)?;
        for _ in 0..count {
            let (node, times) = (body.u64()?, body.u64()?);
            self.forget_one(node, times);
        }
        Ok(())
    }

    fn forget_one(&mut self, number: u64, times: u64) {
        let Some(node) = self.nodes.get_mut(&number) else { return };
        node.known = node.known.saturating_sub(times);
        if node.known == 0 && number != ROOT {
            self.nodes.remove(&number);
            self.numbers.retain(|_, node| *node != number);
        }
    }

    fn look_up(&mut self, parent: u64, mut body: Body<'_>) -> Result<Said, Errno> {
        self.tell(parent, body.name()?)
    }

    fn set(&mut self, node: u64, mut body: Body<'_>) -> Result<Said, Errno> {
        let (valid, _padding) = (body.u32()?, body.u32()?);
        let has = |bit: u32| valid & 1 << bit != 0;
        let (_handle, size, _owner) = (body.u64()?, body.u64()?, body.u64()?);
        let seconds = [body.u64()?, body.u64()?, body.u64()?];
        let nanos = [body.u32()?, body.u32()?, body.u32()?];
        let (mode, _unused) = (body.u32()?, body.u32()?);
        let owner = [body.u32()?, body.u32()?];
        let path = again(self.place(node)?);
        if has(0) {
            std::fs::set_permissions(&path, Permissions::from_mode(mode & 0o7777))
                .map_err(number)?;
        }
        if has(1) || has(2) {
            chown(&path, has(1).then_some(owner[0]), has(2).then_some(owner[1])).map_err(number)?;
        }
        if has(3) {
            let file = File::options().write(true).open(&path).map_err(number)?;
            file.set_len(size).map_err(number)?;
        }
        let time = |at: usize, given: u32, now: u32| match (has(given), has(now)) {
            (_, true) => Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
            (true, false) => {
                Timespec { tv_sec: seconds[at].cast_signed(), tv_nsec: nanos[at].into() }
            }
            (false, false) => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        };
        let times = Timestamps { last_access: time(0, 4, 7), last_modification: time(1, 5, 8) };
        utimensat(CWD, &path, &times, AtFlags::empty())?;
        self.meta(node).map(|meta| wire::attributes(&meta))
    }

    fn make_directory(&mut self, parent: u64, mut body: Body<'_>) -> Result<Said, Errno> {
        let (mode, _umask) = (body.u32()?, body.u32()?);
        let name = body.name()?;
        mkdirat(self.place(parent)?, name, Mode::from_raw_mode(mode))?;
        self.tell(parent, name)
    }

    fn remove(&self, parent: u64, mut body: Body<'_>, flags: AtFlags) -> Result<Said, Errno> {
        unlinkat(self.place(parent)?, body.name()?, flags)?;
        Ok(Said::default())
    }

    fn rename(&self, parent: u64, mut body: Body<'_>, flags: bool) -> Result<Said, Errno> {
        let to = body.u64()?;
        let mut how = RenameFlags::empty();
        if flags {
            how = RenameFlags::from_bits_retain(body.u32()?);
            body.skip(4)?;
        }
        let (old, new) = (body.name()?, body.name()?);
        renameat_with(self.place(parent)?, old, self.place(to)?, new, how)?;
        Ok(Said::default())
    }

    fn link(&mut self, parent: u64, mut body: Body<'_>) -> Result<Said, Errno> {
        let (old, name) = (body.u64()?, body.name()?);
        let (from, to) = (again(self.place(old)?), self.place(parent)?);
        linkat(CWD, &from, to, name, AtFlags::SYMLINK_FOLLOW)?;
        self.tell(parent, name)
    }

    fn open(&mut self, node: u64, mut body: Body<'_>, directory: bool) -> Result<Said, Errno> {
        let flags = OFlags::from_bits_retain(body.u32()?) - OFlags::NOFOLLOW;
        let path = again(self.place(node)?);
        let file = File::from(open(&path, flags | OFlags::CLOEXEC, Mode::empty())?);
        let number = self.number();
        if directory {
            self.handles.insert(number, Handle::Directory(file, Vec::new()));
            return Ok(wire::opened_directory(number));
        }
        self.handles.insert(number, Handle::File(file));
        Ok(wire::opened(number))
    }

    fn create(&mut self, parent: u64, mut body: Body<'_>) -> Result<Said, Errno> {
        let flags = OFlags::from_bits_retain(body.u32()?);
        let mode = Mode::from_raw_mode(body.u32()?);
        body.skip(8)?;
        let name = body.name()?;
        let flags = flags | OFlags::CREATE | OFlags::CLOEXEC;
        let file = File::from(openat(self.place(parent)?, name, flags, mode)?);
        let entry = self.tell(parent, name)?;
        let number = self.number();
        self.handles.insert(number, Handle::File(file));
        Ok(entry.bytes(&wire::opened(number).done()))
    }

    fn read(&mut self, mut body: Body<'_>) -> Result<Said, Errno> {
        let file = self.file(body)?;
        let (_handle, offset, size) = (body.u64()?, body.u64()?, body.u32()?);
        let mut bytes = vec![0; size.min(wire::MAX_WRITE) as usize];
        let mut length = 0;
        while length < bytes.len() {
            match file.read_at(&mut bytes[length..], offset + length as u64).map_err(number)? {
                0 => break,
                more => length += more,
            }
        }
        Ok(Said::default().bytes(&bytes[..length]))
    }

    fn write(&mut self, mut body: Body<'_>) -> Result<Said, Errno> {
        let file = self.file(body)?;
        let (_handle, offset, size) = (body.u64()?, body.u64()?, body.u32()?);
        body.skip(20)?;
        let bytes = body.rest().get(..size as usize).ok_or(Errno::INVAL)?;
        file.write_all_at(bytes, offset).map_err(number)?;
        Ok(Said::default().u32(&[size, 0]))
    }

    /// A directory's names. Begun anew, they are read anew.
    fn list(&mut self, mut body: Body<'_>) -> Result<Said, Errno> {
        let handle = self.handle(body)?;
        let Handle::Directory(file, names) = handle else { return Err(Errno::NOTDIR) };
        let (_handle, offset, size) = (body.u64()?, body.u64()?, body.u32()?);
        if offset == 0 {
            names.clear();
            for entry in Dir::read_from(&*file)? {
                let entry = entry?;
                names.push((entry.ino(), OsStr::from_bytes(entry.file_name().to_bytes()).into()));
            }
        }
        let mut said = Said::default();
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        for (next, (inode, name)) in (1..).zip(names.iter()).skip(at) {
            if !wire::listed(&mut said, size as usize, (*inode, next), name) {
                break;
            }
        }
        Ok(said)
    }

    fn sync(&mut self, body: Body<'_>) -> Result<Said, Errno> {
        self.file(body)?.sync_all().map_err(number)?;
        Ok(Said::default())
    }

    fn release(&mut self, mut body: Body<'_>) -> Result<Said, Errno> {
        self.handles.remove(&body.u64()?);
        Ok(Said::default())
    }

    fn room(&self, node: u64) -> Result<Said, Errno> {
        let of = statvfs(again(self.place(node)?))?;
        let short = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        Ok(Said::default()
            .u64(&[of.f_blocks, of.f_bfree, of.f_bavail, of.f_files, of.f_ffree])
            .u32(&[short(of.f_bsize), short(of.f_namemax), short(of.f_frsize)])
            .u32(&[0; 7]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request as the kernel has it, answered.
    fn ask(mirror: &mut Mirror, operation: u32, node: u64, body: Said) -> Result<Vec<u8>, Errno> {
        let body = body.done();
        let length = u32::try_from(40 + body.len()).unwrap();
        let head = Said::default().u32(&[length, operation]).u64(&[1, node]).u64(&[0, 0]);
        let bytes = head.bytes(&body).done();
        mirror.answer(&Request::read(&bytes).unwrap()).unwrap().map(Said::done)
    }

    fn named(name: &str) -> Said {
        Said::default().bytes(name.as_bytes()).bytes(&[0])
    }

    fn number_at(bytes: &[u8], at: usize) -> u64 {
        u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap())
    }

    #[test]
    fn what_is_written_is_in_the_directory_and_stays_open_under_other_names() {
        let dir = tempfile::tempdir().unwrap();
        let mut mirror = Mirror::of(dir.path()).unwrap();
        let flags = OFlags::RDWR.bits();
        let create = Said::default().u32(&[flags, 0o100_600, 0, 0]).bytes(b"log\0");
        let made = ask(&mut mirror, op::CREATE, ROOT, create).unwrap();
        let (node, handle) = (number_at(&made, 0), number_at(&made, 128));
        let write = Said::default().u64(&[handle, 0]).u32(&[5, 0, 0, 0, 0, 0]).bytes(b"line\n");
        ask(&mut mirror, op::WRITE, node, write).unwrap();
        assert_eq!(std::fs::read(dir.path().join("log")).unwrap(), b"line\n");
        // From behind, as another host would.
        std::fs::rename(dir.path().join("log"), dir.path().join("log.1")).unwrap();
        assert_eq!(ask(&mut mirror, op::LOOKUP, ROOT, named("log")), Err(Errno::NOENT));
        let again = ask(&mut mirror, op::LOOKUP, ROOT, named("log.1")).unwrap();
        assert_eq!(number_at(&again, 0), node, "one file has one number");
        ask(&mut mirror, op::UNLINK, ROOT, named("log.1")).unwrap();
        let read = Said::default().u64(&[handle, 2]).u32(&[100, 0, 0, 0, 0, 0]);
        assert_eq!(ask(&mut mirror, op::READ, node, read).unwrap(), b"ne\n");
        let attributes = ask(&mut mirror, op::GETATTR, node, Said::default()).unwrap();
        assert_eq!(number_at(&attributes, 24), 5, "its size");
        // Told of twice, it is forgotten with the second.
        mirror.forget_one(node, 1);
        assert!(mirror.meta(node).is_ok());
        mirror.forget_one(node, 1);
        assert_eq!(mirror.meta(node).unwrap_err(), Errno::STALE);
        assert_eq!(mirror.numbers.len(), 1);
    }

    #[test]
    fn a_directory_that_is_read_anew_is_read_as_it_is_then() {
        let dir = tempfile::tempdir().unwrap();
        let mut mirror = Mirror::of(dir.path()).unwrap();
        let opened = ask(&mut mirror, op::OPENDIR, ROOT, Said::default().u32(&[0, 0])).unwrap();
        let list = Said::default().u64(&[number_at(&opened, 0), 0]).u32(&[4096, 0]);
        let before = ask(&mut mirror, op::READDIR, ROOT, list).unwrap();
        std::fs::write(dir.path().join("audit.log"), "x").unwrap();
        let list = Said::default().u64(&[number_at(&opened, 0), 0]).u32(&[4096, 0]);
        let after = ask(&mut mirror, op::READDIR, ROOT, list).unwrap();
        assert_eq!(after.len() - before.len(), 40);
    }
}
