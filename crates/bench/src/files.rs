//! The files below a directory, as objects of a store.

use std::fs;
use std::io;
use std::path::Path;

/// All files below a directory: their paths from there on, and their bytes, in the order of the paths.
///
/// # Errors
/// What can't be read.
pub(crate) fn files_below(directory: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if let Ok(name) = path.strip_prefix(directory) {
                found.push((name.display().to_string(), fs::read(&path)?));
            }
        }
    }
    found.sort();
    Ok(found)
}
