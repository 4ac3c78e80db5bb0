//! The lines of a log's files, in bounded memory.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use auditseal_decompress::{Codec, Decoder, Error};
use auditseal_format::printable;
use auditseal_tail::Family;
use auditseal_tail::fs::open_live;

use crate::host;

/// Longest line that is looked at; of a longer one only its length counts.
const LONGEST: usize = 8 << 20;
/// Bytes that are read at a time.
const PIECE: usize = 256 << 10;

/// A line of a log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// All of it, without its newline.
    Whole(&'a [u8]),
    /// One of so many bytes, without its newline: too long to be looked at.
    Long(u64),
    /// The end of a file, without a newline: it may be half a line.
    Open(&'a [u8]),
}

/// Splits what a reader gives into lines.
///
/// # Errors
/// Those of the reader; the lines before were handed out.
pub(crate) fn each_line(
    mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
    take: &mut dyn FnMut(Line<'_>),
) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    let mut open = Open::default();
    let done = loop {
        match read(&mut buffer) {
            Ok(0) => break Ok(()),
            Ok(length) => open.add(buffer.get(..length).unwrap_or_default(), take),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    if open.dropped > 0 {
        take(Line::Long(open.length()));
    } else if !open.kept.is_empty() {
        take(Line::Open(&open.kept));
    }
    done
}

/// The line whose end hasn't come yet.
#[derive(Default)]
struct Open {
    kept: Vec<u8>,
    /// Bytes of it that were let go.
    dropped: u64,
}

impl Open {
    fn length(&self) -> u64 {
        let kept = u64::try_from(self.kept.len()).unwrap_or(u64::MAX);
        self.dropped.saturating_add(kept)
    }

    fn add(&mut self, mut bytes: &[u8], take: &mut dyn FnMut(Line<'_>)) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(end);
            bytes = rest.get(1..).unwrap_or_default();
            if self.length() == 0 {
                take(Line::Whole(line));
                continue;
            }
            self.keep(line);
            take(match self.dropped {
                0 => Line::Whole(&self.kept),
                _ => Line::Long(self.length()),
            });
            self.dropped = 0;
            self.kept.clear();
        }
        self.keep(bytes);
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.dropped == 0 && self.kept.len() + bytes.len() <= LONGEST {
            self.kept.extend_from_slice(bytes);
        } else {
            self.dropped =
                self.length().saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            self.kept = Vec::new();
        }
    }
}

/// A file of a log.
#[derive(Debug)]
pub(crate) struct Part {
    path: PathBuf,
    codec: Option<Codec>,
}

/// The files of the log that a path means: the live file with its rotated siblings, oldest names
/// first; those in a directory; or, where it is none of that, the one file.
///
/// # Errors
/// A sentence, where there is nothing to read.
pub(crate) fn parts(path: &Path) -> Result<Vec<Part>, String> {
    let shown = printable(path);
    let one = |path: &Path| Part {
        path: path.to_owned(),
        codec: Codec::strip(path.as_os_str().as_bytes()).map(|(_, codec)| codec),
    };
    let alone = path.file_name().is_some_and(|name| Family::of(name).is_err());
    if !path.is_dir() && alone {
        return if path.is_file() {
            Ok(vec![one(path)])
        } else {
            Err(format!("{shown}: it isn't there"))
        };
    }
    let (live, family) = host::live(path).map_err(|why| format!("{shown}: {why}"))?;
    let directory = live.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    let names: BTreeSet<OsString> =
        host::names(directory).filter(|name| family.has(name)).collect();
    // Beside its plain sibling a compressed file isn't complete yet.
    let twice = |name: &OsStr| {
        let plain = Codec::strip(name.as_bytes()).map(|(plain, _)| OsStr::from_bytes(plain));
        plain.is_some_and(|plain| names.contains(plain))
    };
    let files = names.iter().filter(|name| !twice(name)).map(|name| one(&directory.join(name)));
    let files: Vec<_> = files.filter(|part| part.path.is_file()).collect();
    if files.is_empty() { Err(format!("{shown}: it isn't there")) } else { Ok(files) }
}

impl Part {
    /// Reads the file as long as it is now.
    ///
    /// # Errors
    /// A sentence, where it can't be read to its end; the lines before were handed out.
    pub(crate) fn read(&self, take: &mut dyn FnMut(Line<'_>)) -> Result<(), String> {
        let named = |error: io::Error| format!("{}: {error}", printable(&self.path));
        let file = open_live(&self.path).map_err(named)?;
        let length = file.metadata().map_err(named)?.len();
        let mut file = file.take(length);
        match self.codec {
            None => each_line(|buffer| file.read(buffer), take),
            Some(codec) => {
                let mut decoder = Decoder::new(codec, file);
                let read = |buffer: &mut [u8]| match decoder.read(buffer) {
                    Ok(read) => Ok(read),
                    Err(Error::Io(error)) => Err(error),
                    Err(error) => Err(io::Error::other(error.to_string())),
                };
                each_line(read, take)
            }
        }
        .map_err(named)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;

    fn lines(bytes: &[u8], piece: usize) -> Vec<String> {
        let mut all = Vec::new();
        let mut rest = bytes;
        let read = |buffer: &mut [u8]| {
            let length = piece.min(buffer.len());
            rest.read(&mut buffer[..length])
        };
        each_line(read, &mut |line| {
            all.push(match line {
                Line::Whole(line) => String::from_utf8_lossy(line).into_owned(),
                Line::Long(length) => format!("<{length}>"),
                Line::Open(line) => format!("{}…", String::from_utf8_lossy(line)),
            });
        })
        .unwrap();
        all
    }

    #[test]
    fn lines_are_whole_however_they_are_read() {
        let text = b"a\n\nbcd\r\n\0\0\ne";
        for piece in 1..=text.len() {
            assert_eq!(lines(text, piece), ["a", "", "bcd\r", "\0\0", "e…"], "pieces of {piece}");
        }
        assert!(lines(b"", 1).is_empty());
    }

    #[test]
    fn a_line_longer_than_is_looked_at_is_counted_and_not_kept() {
        let bytes =
            [b"a\n".as_slice(), &vec![b'x'; LONGEST], b"\nb\n", &vec![b'y'; LONGEST + 1], b"\nc\n"];
        let found = lines(&bytes.concat(), PIECE);
        assert_eq!(found.len(), 5);
        assert_eq!((found[1].len(), found[3].as_str()), (LONGEST, "<8388609>"));
        // A hundred megabytes without an end.
        let mut left = 400;
        let read = |buffer: &mut [u8]| {
            left -= 1;
            Ok(if left > 0 { buffer.len() } else { 0 })
        };
        let mut seen = Vec::new();
        each_line(read, &mut |line| {
            let Line::Long(length) = line else { panic!("it is long") };
            seen.push(length);
        })
        .unwrap();
        assert_eq!(seen, [399 * PIECE as u64]);
    }

    #[test]
    fn the_files_of_a_log_are_read_once_each() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(root.path().join(name), text).unwrap();
        write("audit.log", "live\nhal");
        write("audit-2026-11-21T01-00-00.000.log", "one\n");
        write("audit-2026-11-21T02-00-00.000.log", "two\n");
        write("audit-2026-11-21T02-00-00.000.log.gz", "\x1f");
        write("other.txt", "stranger\n");
        let packed = root.path().join("audit-2026-11-21T03-00-00.000.log.gz");
        let mut file = fs::File::create(&packed).unwrap();
        // Stored, not deflated: `three` and a newline.
        file.write_all(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 6, 0, 0xf9, 0xff]).unwrap();
        file.write_all(b"three\n").unwrap();
        file.write_all(&[0xd8, 0xc5, 0x46, 0xff, 6, 0, 0, 0]).unwrap();
        let read = |path: &Path| {
            let mut all = Vec::new();
            let mut wrong = Vec::new();
            for part in parts(path).unwrap() {
                let mut take = |line: Line<'_>| match line {
                    Line::Whole(line) => all.push(String::from_utf8_lossy(line).into_owned()),
                    other => all.push(format!("{other:?}")),
                };
                wrong.extend(part.read(&mut take).err());
            }
            (all, wrong.len())
        };
        let (all, _) = read(root.path());
        assert_eq!(all, ["one", "two", "three", "live", "Open([104, 97, 108])"]);
        assert_eq!(read(&root.path().join("audit.log")).0, all);
        let (one, wrong) = read(&packed);
        assert_eq!((one, wrong), (vec!["three".to_owned()], 0));
        let mut bytes = fs::read(&packed).unwrap();
        bytes[21] ^= 1;
        fs::write(&packed, bytes).unwrap();
        let (one, wrong) = read(&packed);
        assert_eq!((one, wrong), (vec!["three".to_owned()], 1), "a wrong checksum is said");
        assert!(parts(&root.path().join("none/audit.log")).is_err());
        assert!(parts(&root.path().join("none.log.gz")).is_err());
        assert!(parts(&root.path().join("none.log")).is_err());
    }
}
