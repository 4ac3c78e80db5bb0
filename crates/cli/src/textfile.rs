//! A file of metrics, for the textfile collector of Prometheus' node_exporter.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Writes a file of metrics in one step: whoever reads it finds the old one or the new one.
pub(crate) fn replace(path: &Path, metrics: &str) -> Result<(), Failure> {
    // The collector takes nothing but names that end with .prom.
    let mut name = OsString::from(path);
    name.push(".tmp");
    let beside = PathBuf::from(name);
    let written = write(&beside, metrics).and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        drop(fs::remove_file(&beside));
        let what =
            format!("write metrics {}: {error}; the run itself came to its end", path.display());
        Failure::new(what).hint(Some("its folder must be there, and be writable to this user"))
    })
}

fn write(path: &Path, metrics: &str) -> io::Result<()> {
    fs::write(path, metrics)?;
    // Who collects it is another user, and nothing in it is secret.
    fs::set_permissions(path, Permissions::from_mode(0o644))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_anybody_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.prom");
        for metrics in ["a 1\nb 2\n", "a 3\n"] {
            replace(&path, metrics).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), metrics);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn where_it_cannot_be_written_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.prom");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("b"), "").unwrap();
        assert!(replace(&path, "a 1\n").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(replace(&folder.path().join("none/a.prom"), "a 1\n").is_err());
    }
}
