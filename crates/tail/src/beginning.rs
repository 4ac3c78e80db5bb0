//! How a file begins, for whoever wants to know which one it is and doesn't follow it.

use std::ffi::OsStr;
use std::io;
use std::sync::Arc;

use auditseal_decompress::Codec;
use auditseal_merkle::{Hash, hash};

use crate::disk::{Disk, DiskFile};
use crate::inode::FolderId;
use crate::names::Family;
use crate::scan::{HeadScan, Progress, advance, read_full};
use crate::unpack::{End, Unpack};

/// Bytes within which the first line must end: a file with a longer one isn't recognised so.
const LONGEST: u64 = 1 << 20;

/// How a file begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginning {
    /// Hash of its first line, as its identity has it.
    pub hash: Hash,
    /// NUL bytes before that line.
    pub base: u64,
    /// The line.
    pub line: Vec<u8>,
    /// How long the file is, uncompressed.
    pub length: Length,
}

/// How long a file is, uncompressed, as far as that is known without decoding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// So many bytes.
    Bytes(u64),
    /// So many, or more by a multiple of 2³²: what gzip says at its end.
    Low(u32),
    /// Its codec doesn't say.
    Unknown,
}

impl Beginning {
    /// Reads it; `None`: the first line is too long, or can't be had. Where it has no end, it is all
    /// that there is of a backup.
    ///
    /// # Errors
    /// When the file can't be opened or read.
    pub fn read<D: Disk>(
        disk: &mut D,
        folder: FolderId,
        family: &Family,
        name: &OsStr,
    ) -> io::Result<Option<Self>> {
        let file = Arc::new(disk.open(folder, name)?);
        match family.role(name).and_then(|role| role.codec) {
            None => plain(&*file),
            Some(codec) => packed(&file, codec),
        }
    }
}

fn plain<F: DiskFile>(file: &F) -> io::Result<Option<Beginning>> {
    let mut scan = HeadScan::new();
    let (head, end) = match advance(&mut scan, file, &mut LONGEST.clone())? {
        Progress::Head(head) => (head, head.end.saturating_sub(1)),
        Progress::Incomplete => (scan.finish(), scan.at()),
        Progress::Unfinished | Progress::Changed => return Ok(None),
    };
    // It isn't longer than what was read.
    let mut line = vec![0; end.saturating_sub(head.base) as usize];
    let read = read_full(file, head.base, &mut line)?;
    // Cut since: it may be any file now.
    let whole = read == line.len() && hash(&line) == head.hash;
    let length = Length::Bytes(file.stat()?.size);
    Ok(whole.then_some(Beginning { hash: head.hash, base: head.base, line, length }))
}

fn packed<F: DiskFile>(file: &Arc<F>, codec: Codec) -> io::Result<Option<Beginning>> {
    let mut unpack = Unpack::new(codec, Arc::clone(file));
    let mut wanted = 64 << 10;
    loop {
        unpack.fill(wanted)?;
        let bytes = unpack.ahead();
        let base = bytes.iter().take_while(|byte| **byte == 0).count();
        let end = memchr::memchr(b'\n', &bytes[base..]);
        let all = (unpack.end() == Some(&End::Whole)).then_some(bytes.len() - base);
        if let Some(end) = end.or(all) {
            let line = bytes[base..base + end].to_vec();
            let length = if codec == Codec::Gzip { gzip_length(&**file)? } else { Length::Unknown };
            return Ok(Some(Beginning { hash: hash(&line), base: base as u64, line, length }));
        }
        if unpack.end().is_some() || bytes.len() as u64 >= LONGEST {
            return Ok(None);
        }
        wanted = (2 * wanted).min(LONGEST as usize);
    }
}

/// Of the last member, which in a log's backup is the only one.
fn gzip_length<F: DiskFile>(file: &F) -> io::Result<Length> {
    let mut low = [0; 4];
    let Some(at) = file.stat()?.size.checked_sub(4) else { return Ok(Length::Unknown) };
    let read = read_full(file, at, &mut low)?;
    Ok(if read == 4 { Length::Low(u32::from_le_bytes(low)) } else { Length::Unknown })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::disk::Folder;
    use crate::fs::{LogPath, SourceDisk};

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_file_begins_alike_however_it_is_stored() {
        let dir = tempfile::tempdir().unwrap();
        let family = Family::of(OsStr::new("audit.log")).unwrap();
        let long = [vec![b'x'; 300_000], b"\nmore\n".to_vec()].concat();
        let too_long = vec![b'x'; 2 << 20];
        type Case<'a> = (&'a [u8], Option<(u64, usize)>);
        let cases: [Case<'_>; 6] = [
            (b"first\nsecond\n", Some((0, 5))),
            (b"\0\0\0first\nsecond", Some((3, 5))),
            (b"\n", Some((0, 0))),
            (&long, Some((0, 300_000))),
            (b"no end", Some((0, 6))),
            (&too_long, None),
        ];
        for (bytes, expected) in cases {
            let stored = [
                ("audit.log.1", bytes.to_vec(), Length::Bytes(bytes.len() as u64)),
                ("audit.log.2.gz", gzip(bytes), Length::Low(bytes.len() as u32)),
                ("audit.log.3.zst", zstd::encode_all(bytes, 1).unwrap(), Length::Unknown),
            ];
            for (name, stored, length) in stored {
                std::fs::write(dir.path().join(name), stored).unwrap();
                let path = LogPath::directory(dir.path(), family.clone());
                let mut disk = SourceDisk::new(path);
                let Folder { id, .. } = disk.list().unwrap().folders[0].clone();
                let found = Beginning::read(&mut disk, id, &family, OsStr::new(name)).unwrap();
                let Some((base, line)) = expected else {
                    assert_eq!(found, None, "{name}");
                    continue;
                };
                let line = bytes[base as usize..][..line].to_vec();
                let expected = Beginning { hash: hash(&line), base, line, length };
                assert_eq!(found, Some(expected), "{name}");
            }
        }
    }
}
