//! Where restored bytes go, and what becomes of a source's holes there.
//!
//! A hole costs its line in a note and nothing more (FORMAT.md, "Work"), and may be as long as a
//! file can be. So it is left a hole where the output is a file; what goes into a pipe is bounded.

use std::fs::File;
use std::io::{self, ErrorKind, Seek as _, SeekFrom, Write};

use auditseal_format::FileId;

/// NUL bytes written at a time: a hole may be larger than memory.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
/// NUL bytes of holes, of all together, that are written out one by one. A log that `logrotate`
/// truncated has one of its own size; a note of 300 bytes can claim one of 2^63.
const MAX_ZEROS: u64 = 1 << 30;

/// Fewer bytes are put together with those that follow before they are written to a file; more are written where they lie.
const TOGETHER: usize = 32 << 10;

/// Takes a source's bytes.
pub trait Output: Write {
    /// Takes this many NUL bytes, as a hole if that is possible.
    ///
    /// # Errors
    /// [`ErrorKind::FileTooLarge`] if they could only be written one by one and are too many; the
    /// output's own.
    fn hole(&mut self, length: u64) -> io::Result<()>;

    /// What comes next is of this file.
    fn file(&mut self, _file: FileId) {}
}

/// An output that knows no holes: a pipe, a terminal, memory.
#[derive(Debug)]
pub struct Piped<W> {
    out: W,
    zeros: Zeros,
}

impl<W: Write> Piped<W> {
    /// Will write at most 1 GiB of holes.
    pub fn new(out: W) -> Self {
        Self { out, zeros: Zeros::new(MAX_ZEROS) }
    }
}

impl<W: Write> Write for Piped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W: Write> Output for Piped<W> {
    fn hole(&mut self, length: u64) -> io::Result<()> {
        self.zeros.write(length, &mut self.out)
    }
}

/// A file, in which holes stay holes.
#[derive(Debug)]
pub struct Sparse {
    out: io::BufWriter<File>,
    zeros: Zeros,
}

impl Sparse {
    /// Will write at the file's position, and leave holes where that is its end.
    pub fn new(file: File) -> Self {
        let out = io::BufWriter::with_capacity(TOGETHER, file);
        Self { out, zeros: Zeros::new(MAX_ZEROS) }
    }
}

impl Write for Sparse {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Output for Sparse {
    fn hole(&mut self, length: u64) -> io::Result<()> {
        self.out.flush()?;
        let file = self.out.get_mut();
        let (position, end) = (file.stream_position()?, file.metadata()?.len());
        // Amid a file (`1<>FILE`) there are other bytes, which a hole wouldn't overwrite. So it is
        // at the start of one that is appended to, before the first byte has moved the position.
        if position != end {
            return self.zeros.write(length, &mut self.out);
        }
        // Longer first, then the position: with O_APPEND the next write goes to the end of itself.
        file.set_len(end.checked_add(length).ok_or(ErrorKind::FileTooLarge)?)?;
        file.seek(SeekFrom::End(0))?;
        Ok(())
    }
}

/// How many NUL bytes may still be written one by one.
#[derive(Debug)]
struct Zeros {
    most: u64,
    left: u64,
}

impl Zeros {
    fn new(most: u64) -> Self {
        Self { most, left: most }
    }

    fn write(&mut self, length: u64, out: &mut impl Write) -> io::Result<()> {
        let Some(left) = self.left.checked_sub(length) else {
            let most = self.most;
            let why = format!(
                "the source had a hole of {length} bytes here, and of all holes no more than {most} \
                 are written as NUL bytes: where the output is a new file (`> FILE`) they stay holes"
            );
            return Err(io::Error::new(ErrorKind::FileTooLarge, why));
        };
        self.left = left;
        let mut rest = length;
        while rest > 0 {
            let count = rest.min(ZEROS.len() as u64);
            out.write_all(&ZEROS[..usize::try_from(count).unwrap_or(ZEROS.len())])?;
            rest -= count;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail so")]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    /// Counts what it is given.
    struct Sink(u64);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_pipe_takes_holes_up_to_a_bound_of_all_together() {
        for (holes, written) in [
            (&[1 << 20, 3][..], Some((1 << 20) + 3)),
            (&[MAX_ZEROS], Some(MAX_ZEROS)),
            (&[MAX_ZEROS + 1], None),
            (&[MAX_ZEROS - 5, 6], None),
            (&[10 * MAX_ZEROS], None),
            (&[u64::MAX], None),
        ] {
            let mut out = Piped::new(Sink(0));
            let done = holes.iter().try_for_each(|length| out.hole(*length));
            match written {
                Some(written) => {
                    assert_eq!((done.is_ok(), out.out.0), (true, written), "{holes:?}")
                }
                None => assert_eq!(done.unwrap_err().kind(), ErrorKind::FileTooLarge, "{holes:?}"),
            }
            assert!(out.out.0 <= MAX_ZEROS, "{holes:?}");
        }
    }

    #[test]
    fn in_a_file_a_hole_stays_one_whatever_its_length() {
        let file = tempfile::tempfile().unwrap();
        let mut out = Sparse::new(file.try_clone().unwrap());
        let hole = 10 * MAX_ZEROS;
        out.write_all(b"before").unwrap();
        out.hole(hole).unwrap();
        out.write_all(b"behind").unwrap();
        out.hole(5).unwrap();
        out.flush().unwrap();
        let about = file.metadata().unwrap();
        assert_eq!(about.len(), 6 + hole + 6 + 5);
        assert!(about.blocks() * 512 < 1 << 20, "{} blocks", about.blocks());
        let mut ends = [1; 17];
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut ends, 6 + hole - 6).unwrap();
        assert_eq!(&ends, b"\0\0\0\0\0\0behind\0\0\0\0\0");
        // Longer than any file can be: an error, and no gigabytes before it.
        let error = out.hole(u64::MAX - 100).unwrap_err();
        assert!(file.metadata().unwrap().blocks() * 512 < 1 << 20, "{error}");
    }

    #[test]
    fn amid_a_file_the_old_bytes_dont_show_through() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(0).unwrap();
        (&file).write_all(b"old bytes").unwrap();
        (&file).seek(SeekFrom::Start(0)).unwrap();
        let mut out = Sparse::new(file.try_clone().unwrap());
        out.hole(3).unwrap();
        out.flush().unwrap();
        let mut all = [0; 9];
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut all, 0).unwrap();
        assert_eq!(&all, b"\0\0\0 bytes");
    }
}
