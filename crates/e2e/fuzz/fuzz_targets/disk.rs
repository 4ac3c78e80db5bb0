//! A directory with one log file in it.

use std::ffi::OsStr;
use std::io;

use auditseal_tail::{
    Disk, DiskFile, Entry, Family, FileKey, Folder, FolderId, Follower, History, Listing, Mode,
    ReadError, Room, Settings, Stat, Take,
};

const KEY: FileKey = FileKey { dev: 1, ino: 2 };

struct OneFile(&'static str, Vec<u8>);

struct Open(Vec<u8>);

impl Disk for OneFile {
    type File = Open;

    fn list(&mut self) -> io::Result<Listing> {
        let (id, size) = (FolderId(0), self.1.len() as u64);
        let family = Family::of(OsStr::new("audit.log")).unwrap();
        let entry = Entry { name: self.0.into(), folder: id, key: KEY, size, refusal: None };
        let folders = vec![Folder { id, family, former: false, link: None }];
        Ok(Listing { folders, entries: vec![entry] })
    }

    fn leave(&mut self, _: FolderId) {}

    fn open(&mut self, _: FolderId, _: &OsStr) -> io::Result<Open> {
        Ok(Open(self.1.clone()))
    }

    fn room(&mut self) -> Option<Room> {
        None
    }
}

impl DiskFile for Open {
    fn stat(&self) -> io::Result<Stat> {
        Ok(Stat { key: KEY, size: self.0.len() as u64, links: 1 })
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.0.get(at..)).unwrap_or_default();
        let read = rest.len().min(buf.len());
        buf[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn data_after(&self, offset: u64) -> io::Result<u64> {
        Ok(offset)
    }
}

/// Reads a take as whoever packs it does. How much a decoder still gives of damaged bytes depends on
/// how it is asked; where it is less than before, the rest is a gap.
fn pack(take: &Take<Open>, taken: &mut Vec<u8>) -> bool {
    while (taken.len() as u64) < take.end {
        let mut piece = vec![0; (take.end - taken.len() as u64).min(4096) as usize];
        match take.content.read_at(taken.len() as u64, &mut piece) {
            Ok(read) => {
                assert!(read > 0);
                taken.extend_from_slice(&piece[..read]);
            }
            Err(ReadError::Damaged(_)) => return false,
            Err(ReadError::Io(error)) => panic!("memory never fails: {error}"),
        }
    }
    match take.holds() {
        Ok(holds) => assert!(holds),
        Err(ReadError::Damaged(_)) => return false,
        Err(ReadError::Io(error)) => panic!("memory never fails: {error}"),
    }
    true
}

/// Takes all there is, and returns it with the number of gaps.
pub fn drain(name: &'static str, bytes: &[u8]) -> (Vec<u8>, usize) {
    let family = Family::of(OsStr::new("audit.log")).unwrap();
    let settings = Settings { mode: Mode::Drain, ..Settings::default() };
    let disk = OneFile(name, bytes.to_vec());
    let mut follower = Follower::new(family, disk, History::default(), settings);
    let (mut taken, mut gaps) = (Vec::new(), 0);
    for now in 0..200 {
        let look = follower.look(now, 4096);
        for take in &look.takes {
            assert_eq!(take.start, taken.len() as u64, "takes join");
            if !pack(take, &mut taken) {
                return (taken, gaps + 1);
            }
            follower.committed(&take.file, take.end);
        }
        gaps += look.gaps.len();
        if !look.more || taken.len() > 1 << 20 {
            break;
        }
    }
    (taken, gaps)
}
