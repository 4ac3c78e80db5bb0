//! The readers' ways to ask for less than all, through the program: a part, a salvage, paths, times.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use node::{Node, finish, program};

const ORIGIN: &str = "prod/cp-1/audit";

/// Lines of the log.
fn events(from: usize, to: usize) -> String {
    String::from_utf8(node::events(from, to)).unwrap()
}

/// What a command said.
struct Said {
    out: String,
    err: String,
}

#[track_caller]
fn said(command: &mut Command, code: i32) -> Said {
    let done = finish(command);
    assert_eq!(done.code, code, "{}\n{}", done.err, String::from_utf8_lossy(&done.out));
    Said { out: done.text(), err: done.err }
}

/// A directory's archive of a chain with a batch for each of four backfills, and a `final` behind each.
struct Archive {
    node: Node,
}

impl Archive {
    fn new() -> Self {
        let node = Node::with(&node::events(0, 10));
        finish(&mut node.writer("backfill")).ok();
        for n in 1..4 {
            node.write("audit.log", &node::events(10 * n, 10 * n + 10));
            finish(&mut node.writer("backfill")).ok();
        }
        Self { node }
    }

    fn command(&self, name: &str) -> Command {
        let mut command = program();
        let store = format!("file://{}", self.node.path("store").display());
        command.args([name, "--store", &store, "--origin", ORIGIN]);
        command
    }

    #[track_caller]
    fn ask(&self, name: &str, args: &[&str], code: i32) -> Said {
        said(self.command(name).args(["--vkey", &self.node.vkey]).args(args), code)
    }

    /// Seq, hash and key of each object.
    fn rows(&self) -> Vec<(u64, String, String)> {
        let listed = said(self.command("ls").args(["-o", "json"]), 0);
        let row = |line: &str| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            (row["seq"].as_u64().unwrap(), text("hash"), text("key"))
        };
        listed.out.lines().map(row).collect()
    }

    fn file(&self, key: &str) -> PathBuf {
        self.node.path("store").join(key)
    }
}

#[test]
fn a_chain_whose_first_objects_expired_is_read_from_a_known_seal() {
    let archive = Archive::new();
    let rows = archive.rows();
    let whole = archive.ask("cat", &[], 0).out;
    assert_eq!(whole, events(0, 40));
    let (seq, hash, _) = &rows[rows.len() - 2];
    for (_, _, key) in &rows[..rows.len() - 2] {
        fs::remove_file(archive.file(key)).unwrap();
    }
    let from = format!("{seq}:{hash}");
    assert!(archive.ask("verify", &[], 1).out.contains("MISSING"));
    let done = archive.ask("verify", &["--from", &from], 0);
    assert!(done.out.contains("COMPLETE from=20"), "{}", done.out);
    assert!(done.out.contains(&format!("note: only from seq {seq} on: ")), "{}", done.out);
    assert!(archive.ask("cat", &[], 1).out.is_empty());
    assert_eq!(archive.ask("cat", &["--from", &from], 0).out, events(30, 40));
    let json = archive.ask("verify", &["--from", &from, "-o", "json"], 0).out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["origins"][0]["from"], from.as_str());
    assert!(json["origins"][0]["complete_from"].is_string());
    // The hash of another seal doesn't open the door.
    let wrong = format!("{seq}:{}", rows[0].1);
    assert!(archive.ask("verify", &["--from", &wrong], 1).out.contains("FORK"));
    let refused = archive.ask("verify", &["--from", &from, "--to", "0"], 2);
    assert!(refused.err.contains("--to 0 is before --from"), "{}", refused.err);
}

#[test]
fn a_part_ends_where_it_is_told_to() {
    let archive = Archive::new();
    let rows = archive.rows();
    let to = rows[rows.len() - 3].0.to_string();
    let done = archive.ask("verify", &["--to", &to], 0);
    assert!(done.out.contains(&format!("only up to seq {to}")), "{}", done.out);
    let lines = archive.ask("cat", &["--to", &to], 0).out;
    assert_eq!(lines, events(0, 30));
    let beyond = archive.ask("verify", &["--to", "999"], 1);
    assert!(beyond.out.contains("TRUNCATED"), "{}", beyond.out);
    let head = format!("999:{}", rows[0].1);
    assert!(archive.ask("cat", &["--head", &head], 1).err.contains("TRUNCATED"));
}

#[test]
fn a_salvage_writes_what_is_proved_and_reports_the_rest() {
    let archive = Archive::new();
    let rows = archive.rows();
    let batch = |row: &&(u64, String, String)| row.0 % 2 == 1;
    let (seq, _, key) = rows.iter().filter(batch).nth(1).unwrap();
    let sound = fs::read(archive.file(key)).unwrap();
    let mut bytes = sound.clone();
    bytes[30] ^= 1;
    fs::write(archive.file(key), bytes).unwrap();
    let refused = archive.ask("cat", &[], 1);
    let report = archive.node.path("report");
    let shown = report.display().to_string();
    let done = archive.ask("cat", &["--salvage", "--report", &shown], 1);
    assert!(done.out.len() < events(0, 40).len() && done.out.len() >= events(0, 30).len());
    assert!(done.out.starts_with(&events(0, 10)) && done.out.ends_with(&events(30, 40)));
    assert!(done.out.len() > refused.out.len());
    let told = fs::read_to_string(&report).unwrap();
    let (head, list) = told.split_once('\n').unwrap();
    assert!(head.starts_with(&format!("# salvage of {ORIGIN} begun 20")), "{told}");
    assert!(head.ends_with(": 1 finding"), "{told}");
    assert!(list.starts_with(&format!("TAMPERED origin={ORIGIN} seq={seq} ")), "{told}");
    assert!(done.err.contains("1 finding: "), "{}", done.err);
    // Without a file, on standard error.
    assert!(archive.ask("cat", &["--salvage"], 1).err.contains("not proved: TAMPERED"));
    assert!(archive.ask("cat", &["--report", &shown], 2).err.contains("--salvage"));
    // What is repaired has a report of its own, and what can't be read at all none of before.
    fs::write(archive.file(key), sound).unwrap();
    assert_eq!(archive.ask("cat", &["--salvage", "--report", &shown], 0).out, events(0, 40));
    let told = fs::read_to_string(&report).unwrap();
    assert!(
        told.ends_with(": all that is there is proved\n") && told.lines().count() == 1,
        "{told}"
    );
    fs::remove_dir_all(archive.node.path("store")).unwrap();
    fs::create_dir(archive.node.path("store")).unwrap();
    archive.ask("cat", &["--salvage", "--report", &shown], 2);
    let told = fs::read_to_string(&report).unwrap();
    assert!(told.contains(": not ended") && told.lines().count() == 1, "{told}");
    let nowhere = archive.node.path("none/report").display().to_string();
    let refused = archive.ask("cat", &["--salvage", "--report", &nowhere], 2);
    assert!(refused.out.is_empty() && refused.err.contains("write report"), "{}", refused.err);
}

#[test]
fn paths_are_the_keys_that_hold_each_line_once() {
    let archive = Archive::new();
    let rows = archive.rows();
    let keys: String = rows.iter().map(|(_, _, key)| format!("{key}\n")).collect();
    assert_eq!(archive.ask("ls", &["-o", "paths"], 0).out, keys);
    let key = &rows[1].2;
    fs::write(archive.file(key), "garbage").unwrap();
    let less = archive.ask("ls", &["-o", "paths"], 1);
    assert_eq!(less.out, keys.replace(&format!("{key}\n"), ""));
    assert!(less.err.contains("seq=1"), "{}", less.err);
    let untrusted = said(archive.command("ls").args(["-o", "paths"]), 2);
    assert!(untrusted.err.contains("--vkey"), "{}", untrusted.err);
    let other = archive.node.keygen_for("prod/cp-2", "cp-2.key");
    let stranger = said(archive.command("ls").args(["-o", "paths", "--vkey", &other]), 2);
    assert!(stranger.err.contains("the given keys are for prod/cp-2"), "{}", stranger.err);
}

/// `cp` without `-p`, a checkout, a disk whose clock was wrong: a copy has other dates than the store.
#[test]
fn a_copys_dates_are_no_finding() {
    let archive = Archive::new();
    for (_, _, key) in archive.rows() {
        let file = fs::File::options().write(true).open(archive.file(&key)).unwrap();
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
    }
    archive.ask("verify", &[], 0);
}

#[test]
fn times_are_told_in_the_words_that_people_use() {
    let archive = Archive::new();
    for (args, all) in [
        (["--since", "2026-11-20"], true),
        (["--since", "2100-01-01T00:00:00+02:00"], false),
        (["--until", "1971-01-01 00:00"], false),
        (["--since", "20000d"], true),
    ] {
        let given = archive.ask("cat", &args, 0).out;
        assert_eq!(given, if all { events(0, 40) } else { String::new() }, "{args:?}");
    }
    let refused = archive.ask("cat", &["--since", "yesterday"], 2);
    assert!(refused.err.contains("7d for seven days ago"), "{}", refused.err);
    assert_eq!(
        archive.ask("verify", &["--format", "json"], 0).out,
        archive.ask("verify", &["-o", "json"], 0).out
    );
}

#[test]
fn a_gap_is_accepted_of_a_seal_that_is_there() {
    let archive = Archive::new();
    let newest = archive.rows().last().unwrap().0;
    archive.ask("verify", &["--accept", &format!("{ORIGIN}:{newest}")], 0);
    let beyond = format!("{ORIGIN}:{}", newest + 1);
    let done = archive.ask("verify", &["--accept", &beyond], 2);
    let told = format!("error: accept a gap of seq {}: the chain has no seal", newest + 1);
    assert!(done.out.contains(&told), "{}", done.out);
    // Of a part that ends before it, nothing is said.
    archive.ask("verify", &["--accept", &beyond, "--to", "1"], 0);
    let other = archive.ask("verify", &["--accept", "prod/cp-2/audit:0"], 2);
    assert!(other.err.contains("isn't among those of --origin"), "{}", other.err);
    let mut all = program();
    let store = format!("file://{}", archive.node.path("store").display());
    all.args(["verify", "--store", &store, "--vkey", &archive.node.vkey]);
    let absent = said(all.args(["--accept", "prod/cp-2/audit:0"]), 2);
    assert!(
        absent.err.contains("prod/cp-2/audit: the store has no object of it"),
        "{}",
        absent.err
    );
}

#[test]
fn a_head_outside_a_part_is_said_not_to_be_compared() {
    let archive = Archive::new();
    let rows = archive.rows();
    let at = |n: usize| format!("{}:{}", rows[n].0, rows[n].1);
    let done = archive.ask("verify", &["--from", &at(3), "--head", &at(1)], 0);
    assert!(done.out.contains("note: the head at seq 1 is before what was read"), "{}", done.out);
    assert!(done.out.contains("note: no head in that part was given: "), "{}", done.out);
    let done = archive.ask("cat", &["--from", &at(3), "--head", &at(1)], 0);
    assert!(done.err.contains("the head at seq 1 is before what was read"), "{}", done.err);
    let done = archive.ask("verify", &["--to", "2", "--head", &at(3)], 0);
    assert!(done.out.contains("note: the head at seq 3 is behind what was read"), "{}", done.out);
    let done = archive.ask("verify", &["--from", &at(3), "--head", &at(rows.len() - 1)], 0);
    assert!(!done.out.contains("the head"), "{}", done.out);
}
