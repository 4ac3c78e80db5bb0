//! Requests and answers of FUSE as bytes: fuse(4), `linux/fuse.h`. Version 7.31, on the same machine,
//! so in its own byte order.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;

use rustix::io::Errno;

/// Longest write that is asked for at once: 32 pages, which every kernel allows.
pub(crate) const MAX_WRITE: u32 = 128 << 10;
const MAJOR: u32 = 7;
const MINOR: u32 = 31;
/// Writes of more than a page.
const BIG_WRITES: u32 = 1 << 5;
/// Nothing of the file is kept in the page cache: each read and write asks the disk.
const DIRECT_IO: u32 = 1;
/// A close asks nothing. The kernel lets nobody be killed who waits for that, and on a real disk a
/// close has nothing to wait for.
const NO_FLUSH: u32 = 1 << 5;

/// Of the operations, those that are answered, or need no answer; any other isn't there.
pub(crate) mod op {
    pub(crate) const LOOKUP: u32 = 1;
    pub(crate) const FORGET: u32 = 2;
    pub(crate) const GETATTR: u32 = 3;
    pub(crate) const SETATTR: u32 = 4;
    pub(crate) const MKDIR: u32 = 9;
    pub(crate) const UNLINK: u32 = 10;
    pub(crate) const RMDIR: u32 = 11;
    pub(crate) const RENAME: u32 = 12;
    pub(crate) const LINK: u32 = 13;
    pub(crate) const OPEN: u32 = 14;
    pub(crate) const READ: u32 = 15;
    pub(crate) const WRITE: u32 = 16;
    pub(crate) const STATFS: u32 = 17;
    pub(crate) const RELEASE: u32 = 18;
    pub(crate) const FSYNC: u32 = 20;
    pub(crate) const INIT: u32 = 26;
    pub(crate) const OPENDIR: u32 = 27;
    pub(crate) const READDIR: u32 = 28;
    pub(crate) const RELEASEDIR: u32 = 29;
    pub(crate) const FSYNCDIR: u32 = 30;
    pub(crate) const CREATE: u32 = 35;
    pub(crate) const INTERRUPT: u32 = 36;
    pub(crate) const DESTROY: u32 = 38;
    pub(crate) const BATCH_FORGET: u32 = 42;
    pub(crate) const RENAME2: u32 = 45;
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) operation: u32,
    pub(crate) unique: u64,
    pub(crate) node: u64,
    pub(crate) body: Body<'a>,
}

impl<'a> Request<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut head = Body(bytes);
        let length = head.u32().ok()? as usize;
        let (operation, unique) = (head.u32().ok()?, head.u64().ok()?);
        let node = head.u64().ok()?;
        // Who asks: uid, gid, pid, and how much stands behind the request, which was asked for nowhere.
        let body = Body(bytes.get(40..length)?);
        Some(Self { operation, unique, node, body })
    }
}

/// What stands behind a request's head, read from the front.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Errno> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Errno::INVAL)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Errno> {
        self.take().map(u32::from_ne_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Errno> {
        self.take().map(u64::from_ne_bytes)
    }

    pub(crate) fn skip(&mut self, bytes: usize) -> Result<(), Errno> {
        self.0 = self.0.get(bytes..).ok_or(Errno::INVAL)?;
        Ok(())
    }

    /// A name, up to its NUL.
    pub(crate) fn name(&mut self) -> Result<&'a OsStr, Errno> {
        let end = self.0.iter().position(|byte| *byte == 0).ok_or(Errno::INVAL)?;
        let (name, rest) = self.0.split_at(end);
        self.0 = &rest[1..];
        Ok(OsStr::from_bytes(name))
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// What an answer says, piece by piece.
#[derive(Debug, Default)]
pub(crate) struct Said(Vec<u8>);

impl Said {
    pub(crate) fn u32(mut self, values: &[u32]) -> Self {
        values.iter().for_each(|value| self.0.extend(value.to_ne_bytes()));
        self
    }

    pub(crate) fn u64(mut self, values: &[u64]) -> Self {
        values.iter().for_each(|value| self.0.extend(value.to_ne_bytes()));
        self
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn done(self) -> Vec<u8> {
        self.0
    }

    fn attributes(self, of: &Metadata) -> Self {
        let seconds = [of.atime(), of.mtime(), of.ctime()].map(i64::cast_unsigned);
        let nanos = [of.atime_nsec(), of.mtime_nsec(), of.ctime_nsec()].map(short);
        self.u64(&[of.ino(), of.size(), of.blocks()])
            .u64(&seconds)
            .u32(&nanos)
            .u32(&[of.mode(), short(of.nlink().cast_signed()), of.uid(), of.gid()])
            .u32(&[short(of.rdev().cast_signed()), short(of.blksize().cast_signed()), 0])
    }
}

/// What fits.
fn short(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// What a name stands for. Nothing may be remembered of it: each question reaches the disk.
pub(crate) fn entry(node: u64, of: &Metadata) -> Said {
    Said::default().u64(&[node, 0, 0, 0]).u32(&[0, 0]).attributes(of)
}

pub(crate) fn attributes(of: &Metadata) -> Said {
    Said::default().u64(&[0]).u32(&[0, 0]).attributes(of)
}

pub(crate) fn opened(handle: u64) -> Said {
    Said::default().u64(&[handle]).u32(&[DIRECT_IO | NO_FLUSH, 0])
}

pub(crate) fn opened_directory(handle: u64) -> Said {
    Said::default().u64(&[handle]).u32(&[0, 0])
}

/// One name in a directory, if it fits; `next` is where to go on behind it.
pub(crate) fn listed(
    said: &mut Said,
    limit: usize,
    (inode, next): (u64, u64),
    name: &OsStr,
) -> bool {
    let name = name.as_bytes();
    let padded = (24 + name.len()).next_multiple_of(8);
    if said.len() + padded > limit {
        return false;
    }
    let length = short(i64::try_from(name.len()).unwrap_or(i64::MAX));
    let padding = padded - 24 - name.len();
    // Of what kind it is, isn't said: whoever wants to know asks.
    *said = std::mem::take(said)
        .u64(&[inode, next])
        .u32(&[length, 0])
        .bytes(name)
        .bytes(&[0; 8][..padding]);
    true
}

/// What both sides can do.
pub(crate) fn init(mut body: Body<'_>) -> Result<Said, Errno> {
    let (major, _minor) = (body.u32()?, body.u32()?);
    let (read_ahead, flags) = (body.u32()?, body.u32()?);
    if major != MAJOR {
        return Err(Errno::PROTO);
    }
    let background = 12 << 16 | 12;
    Ok(Said::default()
        .u32(&[MAJOR, MINOR, read_ahead, flags & BIG_WRITES])
        .u32(&[background, MAX_WRITE, 1])
        .u32(&[0; 9]))
}

/// An answer with its head.
pub(crate) fn reply(unique: u64, answer: Result<Said, Errno>) -> Vec<u8> {
    let (error, said) = match answer {
        Ok(said) => (0, said.done()),
        Err(errno) => (-errno.raw_os_error(), Vec::new()),
    };
    let length = short(i64::try_from(16 + said.len()).unwrap_or(i64::MAX));
    Said::default().u32(&[length, error.cast_unsigned()]).u64(&[unique]).bytes(&said).done()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_as_long_as_it_says() {
        let mut bytes = Said::default().u32(&[44, op::LOOKUP]).u64(&[7, 1]).u64(&[0, 0]).done();
        bytes.extend(b"log\0and what isn't part of it");
        let mut request = Request::read(&bytes).unwrap();
        assert_eq!((request.operation, request.unique, request.node), (op::LOOKUP, 7, 1));
        assert_eq!(request.body.name().unwrap(), "log");
        assert_eq!(request.body.u32(), Err(Errno::INVAL));
        assert!(Request::read(&bytes[..43]).is_none());
    }

    #[test]
    fn answers_are_as_long_as_the_kernel_wants_them() {
        let of = std::fs::metadata("/").unwrap();
        for (said, length) in [
            (entry(1, &of), 128),
            (attributes(&of), 104),
            (opened(1), 16),
            (opened_directory(1), 16),
        ] {
            assert_eq!(said.len(), length);
        }
        let asked = Said::default().u32(&[7, 45, 4096, u32::MAX]).done();
        let said = init(Body(&asked)).unwrap().done();
        assert_eq!((said.len(), &said[..4]), (64, &7_u32.to_ne_bytes()[..]));
        let failed = reply(9, Err(Errno::NOENT));
        assert_eq!((failed.len(), &failed[4..8]), (16, &(-2_i32).to_ne_bytes()[..]));
    }

    #[test]
    fn a_directory_is_listed_as_far_as_there_is_room() {
        let mut said = Said::default();
        let name = OsStr::new("audit.log");
        assert!(listed(&mut said, 80, (5, 1), name));
        assert!(listed(&mut said, 80, (6, 2), name));
        assert!(!listed(&mut said, 80, (7, 3), name));
        assert_eq!(said.len(), 80);
    }
}
