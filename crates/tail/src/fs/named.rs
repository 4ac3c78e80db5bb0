//! Files by the paths that operators name, opened so that nobody is waited for.
//!
//! Whoever opens a named pipe waits until somebody opens its other end, and there may be nobody. So
//! nothing is opened here without `O_NONBLOCK`, and what was opened is looked at before it is read.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use rustix::fs::{Mode, OFlags, fcntl_setfl, fstatfs, open};

use super::owners;

/// Where the kernel has pipes without names: `PIPEFS_MAGIC` of linux/magic.h.
const PIPES: u64 = 0x5049_5045;

/// Opens what an operator named to be read: a key, a manifest, a policy. Links are followed, as
/// those of a mounted Secret are, and what a shell hands over (`<(…)`) is a pipe without a name,
/// which is read.
///
/// # Errors
/// What the file system said, and `InvalidInput` for a named pipe, wherever a link to it stands.
pub fn open_named(path: &Path) -> io::Result<File> {
    let file = File::from(opened(path, OFlags::empty())?);
    let pipe = file.metadata()?.file_type().is_fifo();
    if pipe && fstatfs(&file)?.f_type as u64 != PIPES {
        return Err(refused("it is a named pipe, and no file"));
    }
    // Whoever writes to what has no name is there, and waited for.
    fcntl_setfl(&file, OFlags::empty())?;
    Ok(file)
}

/// Opens a log's live file where an operator's path leads to it, links included.
///
/// # Errors
/// What the file system said, and `InvalidInput` for what is no regular file, in the words of
/// [`Refusal`](crate::Refusal).
pub fn open_live(path: &Path) -> io::Result<File> {
    // To open a device may do something to it, so it is looked at first.
    regular(&fs::metadata(path)?)?;
    regular_file(opened(path, OFlags::empty())?)
}

/// Opens a file that stands beside a log: anybody may have put it there, so no link is followed.
///
/// # Errors
/// As [`open_live`], and for a link.
pub fn open_beside(path: &Path) -> io::Result<File> {
    regular(&fs::symlink_metadata(path)?)?;
    regular_file(opened(path, OFlags::NOFOLLOW)?)
}

fn opened(path: &Path, more: OFlags) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(open(path, flags | more, Mode::empty())?)
}

/// Another file may have got the name since it was looked at.
fn regular_file(fd: OwnedFd) -> io::Result<File> {
    let file = File::from(fd);
    regular(&file.metadata()?)?;
    Ok(file)
}

fn regular(found: &fs::Metadata) -> io::Result<()> {
    owners::refuse_kind(found.mode()).map_or(Ok(()), |why| Err(refused(&why.to_string())))
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use std::io::{Read as _, Write as _};
    use std::os::fd::AsRawFd as _;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;
    use std::thread;
    use std::time::Duration;

    use rustix::fs::{CWD, FileType, mknodat};

    use super::*;

    fn said<T>(result: io::Result<T>) -> String {
        result.map(|_| ()).unwrap_err().to_string()
    }

    fn text(file: io::Result<File>) -> String {
        let mut text = String::new();
        file.unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_named_pipe_is_refused_however_it_is_reached() {
        let dir = tempfile::tempdir().unwrap();
        let (pipe, link) = (dir.path().join("pipe"), dir.path().join("link"));
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR, 0).unwrap();
        symlink("pipe", &link).unwrap();
        for path in [&pipe, &link] {
            assert_eq!(said(open_named(path)), "it is a named pipe, and no file");
            assert_eq!(said(open_live(path)), "it is a FIFO");
        }
        assert_eq!(said(open_beside(&pipe)), "it is a FIFO");
        assert_eq!(said(open_beside(&link)), "it is a symbolic link");
    }

    #[test]
    fn what_a_shell_hands_over_is_read_to_its_end() {
        let (reader, mut writer) = io::pipe().unwrap();
        let path = PathBuf::from(format!("/proc/self/fd/{}", reader.as_raw_fd()));
        let file = open_named(&path);
        let late = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            writer.write_all(b"late").unwrap();
        });
        assert_eq!(text(file), "late");
        late.join().unwrap();
    }

    #[test]
    fn files_are_opened_and_devices_are_no_logs() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "text").unwrap();
        symlink("file", &link).unwrap();
        for opened in [open_named(&file), open_named(&link), open_live(&file), open_live(&link)] {
            assert_eq!(text(opened), "text");
        }
        assert_eq!(text(open_beside(&file)), "text");
        assert_eq!(said(open_live(Path::new("/dev/zero"))), "it is a device");
        assert_eq!(said(open_live(dir.path())), "it is a directory");
        for absent in [open_named, open_live, open_beside] {
            let error = absent(&dir.path().join("none")).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
        }
    }
}
