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

fn pipe(path: &std::path::Path) {
    drop(fs::remove_file(path));
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Whoever opens a named pipe waits for somebody at its other end.
#[test]
fn a_named_pipe_is_refused_where_a_file_belongs() {
    for (name, said) in [
        ("trust", "it is a named pipe, and no file"),
        ("auditor.key", "it is a named pipe, and no file"),
        ("state/lock", "it is no file, and only a file can be locked"),
    ] {
        let desk = Desk::new();
        fs::create_dir(desk.path("state")).unwrap();
        pipe(&desk.path(name));
        let done = finish(&mut desk.pack("pack.prom"));
        assert!(done.code == 2 && done.err.contains(said), "{name}: {}", done.err);
    }
    // At a pack's key it costs a generation, and nothing else.
    let desk = Desk::new();
    finish(&mut desk.pack("pack.prom")).ok();
    let listed = |desk: &Desk| {
        let mut found = Vec::new();
        let mut open = vec![desk.path("k8s-packs")];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { open.push(path) } else { found.push(path) }
            }
        }
        found.retain(|path| path.extension().is_some_and(|ending| ending == "zst"));
        found
    };
    let [key] = &listed(&desk)[..] else { panic!("one pack") };
    pipe(key);
    let said = finish(&mut desk.pack("pack.prom")).ok().text();
    assert!(said.contains(".1.jsonl.zst"), "{said}");
}

/// What is listed for an engine, and what isn't read because nobody is trusted to attest it.
#[test]
fn packs_are_listed_by_whoever_trusts_an_auditor() {
    let desk = Desk::new();
    finish(&mut desk.pack("pack.prom")).ok();
    let store = format!("file://{}", desk.path("k8s").display());
    let ls = || {
        let mut command = program();
        command.args(["ls", "--store", &store, "-o", "paths", "--trust"]);
        command
    };
    let listed = finish(ls().arg(desk.path("trust"))).ok().text();
    let lines: Vec<_> = listed.lines().collect();
    assert!(lines[0].ends_with("/000000000000.jsonl.zst") && !lines[0].contains("://"), "{listed}");
    assert!(lines[1].starts_with(&format!("{store}-packs/cluster=prod/")), "{listed}");
    assert_eq!(lines.len(), 2);
    let trust = fs::read_to_string(desk.path("trust")).unwrap();
    let without: String = trust
        .lines()
        .filter(|line| !line.starts_with("auditor"))
        .fold(String::new(), |all, line| all + line + "\n");
    fs::write(desk.path("blind"), without).unwrap();
    let done = finish(ls().arg(desk.path("blind")));
    assert_eq!(done.text().lines().count(), 3, "{}", done.text());
    assert!(done.err.contains("aren't read: the trust file names no auditor"), "{}", done.err);
}

/// Packs that nobody trusted attests are named by whoever reads the chain, with what would make them count: the answer
/// is of what stands beside them alone.
#[test]
fn packs_that_nobody_trusted_attests_are_named_by_every_reader() {
    let desk = Desk::new();
    finish(&mut desk.pack("pack.prom")).ok();
    let key = |name: &str| {
        let mut keygen = program();
        keygen.args(["keygen", "--name", name, "--out"]).arg(desk.path(&name.replace('/', "-")));
        finish(&mut keygen).ok().text()
    };
    let trust = fs::read_to_string(desk.path("trust")).unwrap();
    let (rest, _) = trust.split_once("auditor").unwrap();
    let store = format!("file://{}", desk.path("k8s").display());
    // Another auditor of this cluster, and one of another cluster.
    for other in ["prod/other", "stage/other"] {
        let (cluster, _) = other.split_once('/').unwrap();
        fs::write(desk.path("other"), format!("{rest}auditor {cluster} {}", key(other))).unwrap();
        for words in [
            &["verify"][..],
            &["cat", "--origin", ORIGIN],
            &["ls"],
            &["ls", "-o", "paths"],
            &["query", "-o", "count"],
        ] {
            let mut command = program();
            command.args(words).args(["--store", &store, "--trust"]).arg(desk.path("other"));
            let done = finish(&mut command);
            let said = format!("{}{}", done.text(), done.err);
            for part in [
                "1 packs, named for seals 1 to 2, aren't read",
                "attested by prod/auditor, who is no auditor of prod by the trust file",
                "'auditor prod VKEY'",
            ] {
                assert!(said.contains(part), "{words:?} with {other}: {said}");
            }
        }
    }
    let mut command = program();
    command.args(["verify", "--store", &store, "--trust"]).arg(desk.path("trust"));
    let done = finish(&mut command).ok();
    assert!(!done.text().contains("aren't read"), "{}", done.text());
}

#[test]
fn a_place_that_is_not_there_is_told_by_its_own_option() {
    let desk = Desk::new();
    let mut dry = desk.pack("pack.prom");
    let args: Vec<_> = dry.get_args().map(ToOwned::to_owned).collect();
    dry = program();
    dry.args(args.iter().take_while(|arg| *arg != "--metrics")).arg("--dry-run");
    let done = finish(&mut dry);
    assert!(done.code == 2 && done.err.contains("--dry-run makes no folder"), "{}", done.err);
    fs::write(desk.path("state"), "a file").unwrap();
    let done = finish(&mut desk.pack("pack.prom"));
    assert!(done.code == 2 && done.err.contains("--pack-state names a folder"), "{}", done.err);
}
