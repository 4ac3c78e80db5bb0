//! Corpora on disk.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use auditseal_format::Time;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::Events;

/// Writes whole events, at least `bytes` of them. Returns how many bytes and lines.
///
/// # Errors
/// Those of `out`.
pub fn write(events: &mut Events, bytes: u64, out: &mut impl Write) -> io::Result<(u64, u64)> {
    let (mut written, mut lines) = (0, 0);
    while written < bytes {
        let line = events.line();
        out.write_all(line)?;
        written += line.len() as u64;
        lines += 1;
    }
    Ok((written, lines))
}

/// Writes one file of at least `bytes`. Returns its bytes and lines.
///
/// # Errors
/// Those of the disk.
pub fn file(seed: u64, bytes: u64, path: &Path) -> io::Result<(u64, u64)> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let counts = write(&mut Events::new(seed), bytes, &mut out)?;
    out.flush()?;
    Ok(counts)
}

/// Writes a rotation set into a directory: backups of `each` bytes, named and compressed as
/// kube-apiserver does it, and the live file with the rest. Returns its raw bytes and lines.
///
/// # Errors
/// Those of the disk.
pub fn rotated(
    seed: u64,
    bytes: u64,
    each: u64,
    gzip: bool,
    directory: &Path,
) -> io::Result<(u64, u64)> {
    fs::create_dir_all(directory)?;
    let (mut events, mut total, mut number) = (Events::new(seed), (0, 0), 0);
    while total.0 < bytes {
        let size = each.max(1).min(bytes - total.0);
        let live = total.0 + size >= bytes;
        let path = directory.join(if live { "audit.log".to_owned() } else { backup(number, gzip) });
        let out = BufWriter::with_capacity(1 << 20, File::create(path)?);
        let counts = if gzip && !live {
            // The level that lumberjack uses: Go's default, 6.
            let mut out = GzEncoder::new(out, Compression::default());
            let counts = write(&mut events, size, &mut out)?;
            out.finish()?.flush()?;
            counts
        } else {
            let mut out = out;
            let counts = write(&mut events, size, &mut out)?;
            out.flush()?;
            counts
        };
        total = (total.0 + counts.0, total.1 + counts.1);
        number += 1;
    }
    Ok(total)
}

/// The name of the backup that was made as the `number`th, ten seconds after the one before.
fn backup(number: i64, gzip: bool) -> String {
    let stamp = Time::from_micros(1_767_225_600_000_000 + number * 10_000_000).to_string();
    let stamp = stamp[..23].replace(':', "-");
    format!("audit-{stamp}.log{}", if gzip { ".gz" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn a_rotation_set_is_the_same_log_in_pieces() {
        let root = tempfile::tempdir().unwrap();
        let whole = root.path().join("whole");
        let counts = file(5, 300_000, &whole).unwrap();
        for gzip in [false, true] {
            let directory = root.path().join(format!("set-{gzip}"));
            assert_eq!(rotated(5, 300_000, 100_000, gzip, &directory).unwrap(), counts);
            let mut names: Vec<_> =
                fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
            names.sort();
            assert_eq!(names.len(), 3);
            // `audit-…` sorts before `audit.log`.
            let mut all = Vec::new();
            for name in names {
                let mut stored = File::open(&name).unwrap();
                if name.extension().is_some_and(|extension| extension == "gz") {
                    flate2::read::GzDecoder::new(stored).read_to_end(&mut all).unwrap();
                } else {
                    stored.read_to_end(&mut all).unwrap();
                }
            }
            assert!(all == fs::read(&whole).unwrap());
        }
    }

    #[test]
    fn backups_are_named_as_the_apiserver_names_them() {
        assert_eq!(backup(1, true), "audit-2026-01-01T00-00-10.000.log.gz");
    }
}
