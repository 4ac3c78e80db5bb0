//! Reading files that an operator names.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{OFlags, fcntl_setfl, fstatfs};

/// The file system of pipes without a name, such as a shell hands over (`<(…)`): statfs(2).
const PIPES: u64 = 0x5049_5045;

/// Bytes of a file that are read: bundles of authorities have some hundred KiB.
const LARGEST: u64 = 4 << 20;

/// The bytes of a regular file, or of a pipe without a name. Anything else is refused at once: to open a
/// named pipe would wait for whoever writes to it, and a device may have no end.
///
/// # Errors
/// `InvalidInput` for what is neither, or larger than 4 MiB; else what opening and reading it say.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let kind = file.metadata()?.file_type();
    let nameless = kind.is_fifo() && fstatfs(&file)?.f_type as u64 == PIPES;
    if !kind.is_file() && !nameless {
        return Err(refused("it isn't a regular file"));
    }
    // Whoever writes to what has no name is there, and waited for.
    fcntl_setfl(&file, OFlags::empty())?;
    let mut bytes = Vec::new();
    let read = file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if read as u64 > LARGEST {
        return Err(refused(&format!("it is larger than {LARGEST} bytes")));
    }
    Ok(bytes)
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use std::fs;
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn nothing_but_a_file_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), b"pem").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        for name in ["file", "link"] {
            assert_eq!(read(&at(name)).unwrap(), b"pem", "a Secret's files are links");
        }
        mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        for path in [at("pipe").as_path(), dir.path(), Path::new("/dev/zero")] {
            assert_eq!(read(path).unwrap_err().to_string(), "it isn't a regular file", "{path:?}");
        }
        let large = fs::File::create(at("large")).unwrap();
        large.set_len(10 * LARGEST).unwrap();
        let refused = read(&at("large")).unwrap_err().to_string();
        assert_eq!(refused, "it is larger than 4194304 bytes");
        let (out, mut into) = io::pipe().unwrap();
        let writes = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(50));
            into.write_all(b"pem")
        });
        let handed = format!("/proc/self/fd/{}", out.as_raw_fd());
        assert_eq!(read(Path::new(&handed)).unwrap(), b"pem", "what a shell hands over");
        writes.join().unwrap().unwrap();
        assert_eq!(read(&at("absent")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
