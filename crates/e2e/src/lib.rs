//! End-to-end checks of the auditseal binary against real parts: a Kubernetes control plane that writes the log, object stores that lock,
//! and the programs that people read archives with.
//!
//! There is nothing to link here, and one program beside: `hangfs`, a disk that hangs. The checks are scripts, because what they drive are
//! other projects' programs: `run.sh` runs them all, its head says how. Only their form is tested with the workspace; they take minutes and
//! downloads, so they run on demand.

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    fn scripts() -> Vec<PathBuf> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let files =
            |dir: PathBuf| std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        files(root.to_owned())
            .chain(files(root.join("parts")))
            .filter(|path| path.extension().is_some_and(|it| it == "sh"))
            .collect()
    }

    #[test]
    fn scripts_parse_and_are_executable() {
        let scripts = scripts();
        assert!(scripts.len() > 5, "only {scripts:?}");
        for script in scripts {
            let parsed = Command::new("bash").arg("-n").arg(&script).output().unwrap();
            assert!(
                parsed.status.success(),
                "{}: {}",
                script.display(),
                String::from_utf8_lossy(&parsed.stderr)
            );
            let mode = script.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o111, 0o111, "{} isn't executable", script.display());
        }
    }
}
