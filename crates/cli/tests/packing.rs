//! `pack` through the program: what it leaves for those who watch it.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use auditseal_vectors::{Chain, Piece, TestSigner, events, head_text};
use node::{finish, program};
use tempfile::TempDir;

const ORIGIN: &str = "prod/cp-1/audit";

/// An auditor's folder: an archive of one chain that has ended, a key, and a trust file that names both.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        let mut chain = Chain::new(ORIGIN, TestSigner::of(ORIGIN, 1));
        chain.genesis();
        chain.batch(&[Piece::new("audit.log", events(0..3))]);
        chain.final_();
        for (key, bytes) in chain.archive() {
            let path = desk.path("k8s").join(key);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let mut keygen = program();
        keygen.args(["keygen", "--name", "prod/auditor", "--out"]).arg(desk.path("auditor.key"));
        let (auditor, head) = (finish(&mut keygen).ok().text(), head_text(chain.head()));
        let key = chain.current_signer().identity();
        let trust = format!(
            "auditseal/trust/v1\norigin {ORIGIN} static {key}\n  begin 0\n  ended {head}\nauditor prod {auditor}"
        );
        fs::write(desk.path("trust"), trust).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn pack(&self, metrics: &str) -> Command {
        let mut command = program();
        command.args(["pack", "--store", &format!("file://{}", self.path("k8s").display())]);
        command.arg("--trust").arg(self.path("trust"));
        command.arg("--auditor-key").arg(self.path("auditor.key"));
        command.arg("--pack-state").arg(self.path("state"));
        command.arg("--metrics").arg(self.path(metrics));
        command
    }
}

#[test]
fn a_run_leaves_its_metrics() {
    let desk = Desk::new();
    for packed in ["2 objects packed in 1 packs", "nothing new behind seq 2"] {
        let said = finish(&mut desk.pack("pack.prom")).ok().text();
        assert!(said.contains(packed), "{said}");
        let metrics = fs::read_to_string(desk.path("pack.prom")).unwrap();
        for (name, value) in [("left_objects", 0), ("findings", 0), ("failed", 0)] {
            let line = format!("\nauditseal_pack_{name}{{origin=\"{ORIGIN}\"}} {value}\n");
            assert!(metrics.contains(&line), "{line}{metrics}");
        }
        assert!(metrics.contains("\nauditseal_pack_last_run_seconds "), "{metrics}");
    }
}

/// A run that can't leave them has packed all the same, and says which of the two failed.
#[test]
fn metrics_that_cannot_be_written_are_told_of_behind_the_report() {
    let desk = Desk::new();
    let done = finish(&mut desk.pack("none/pack.prom"));
    assert_eq!(done.code, 2, "{}", done.err);
    assert!(done.text().contains("2 objects packed in 1 packs"), "{}", done.text());
    assert!(done.err.contains("the run itself came to its end"), "{}", done.err);
    assert!(desk.path("k8s-packs").is_dir());
}

#[test]
fn metrics_of_a_dry_run_are_refused() {
    let desk = Desk::new();
    finish(desk.pack("pack.prom").arg("--dry-run")).refused("--dry-run puts nothing");
    assert!(!desk.path("pack.prom").exists() && !desk.path("k8s-packs").exists());
}
