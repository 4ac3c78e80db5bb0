//! Writes the vectors, those of proofs and of roll-ups, and FORMAT.md's worked example: `make vectors`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use auditseal_vectors::{cases, example};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let mut directory = || arguments.next().map(PathBuf::from);
    let outcome = match [directory(), directory(), directory(), directory()] {
        [Some(archives), Some(proofs), Some(rollups), None] => write(&archives, &proofs, &rollups),
        _ => Err("usage: vectors DIRECTORY DIRECTORY_OF_PROOFS DIRECTORY_OF_ROLL-UPS".to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            use std::io::Write as _;
            // There is nowhere else to say that it couldn't be said.
            writeln!(std::io::stderr(), "vectors: {what}").ok();
            ExitCode::FAILURE
        }
    }
}

fn write(archives: &Path, proofs: &Path, rollups: &Path) -> Result<(), String> {
    let all = cases::all();
    write_all(archives, all.iter().map(|vector| (vector.name.clone(), vector.to_string())))?;
    let all = cases::proofs();
    write_all(proofs, all.iter().map(|vector| (vector.name.clone(), vector.to_string())))?;
    let all = cases::rollups();
    write_all(rollups, all.iter().map(|vector| (vector.name.clone(), vector.to_string())))?;
    rewrite(&example::page())
}

/// Writes these vectors, and removes all others.
fn write_all(
    directory: &Path,
    vectors: impl Iterator<Item = (String, String)>,
) -> Result<(), String> {
    fs::create_dir_all(directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    let mut names = BTreeSet::new();
    for (name, text) in vectors {
        let path = directory.join(format!("{name}.txt"));
        fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
        names.insert(path);
    }
    let entries = fs::read_dir(directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    for entry in entries {
        let path = entry.map_err(|e| format!("{}: {e}", directory.display()))?.path();
        let stale = path.extension().is_some_and(|e| e == "txt") && !names.contains(&path);
        if stale {
            fs::remove_file(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        }
    }
    Ok(())
}

fn rewrite(page: &Path) -> Result<(), String> {
    let fail = |e: std::io::Error| format!("{}: {e}", page.display());
    let text = fs::read_to_string(page).map_err(fail)?;
    let text = example::with_example(&text)
        .ok_or_else(|| format!("{}: no markers for the worked example", page.display()))?;
    fs::write(page, text).map_err(fail)
}
