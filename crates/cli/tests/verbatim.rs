//! Whatever bytes a log holds come back: backfill, verify, cat.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::io::Write as _;

use node::{Node, events, finish};

/// Archives this as the live log, and gets it back; returns how many lines were malformed.
#[track_caller]
fn comes_back(log: &[u8]) -> u64 {
    let node = Node::with(log);
    node.backfill().ok();
    node.assert_same();
    let args = ["--origin", "prod/cp-1/audit", "--vkey", &node.vkey, "--format", "json"];
    let report: serde_json::Value =
        serde_json::from_slice(&node.read("verify", &args).ok().out).unwrap();
    report["origins"][0]["malformed"].as_u64().unwrap()
}

fn rows(node: &Node) -> Vec<serde_json::Value> {
    let rows = node.read("ls", &["--format", "json"]).ok().text();
    rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect()
}

fn around(middle: &[u8]) -> Vec<u8> {
    [&events(0, 3), middle, &events(3, 6)].concat()
}

#[test]
fn well_formed_lines() {
    assert_eq!(comes_back(&events(0, 1000)), 0);
}

#[test]
fn malformed_lines_are_kept_and_counted() {
    assert_eq!(comes_back(&around(b"not json\n{\"kind\":\"Event\"\n")), 2);
}

#[test]
fn an_empty_line() {
    assert_eq!(comes_back(&around(b"\n")), 1);
    assert_eq!(comes_back(b"\n"), 1);
    assert_eq!(comes_back(b"\n\n\n"), 3);
}

#[test]
fn carriage_returns() {
    let crlf = String::from_utf8(events(0, 3)).unwrap().replace('\n', "\r\n");
    comes_back(crlf.as_bytes());
    comes_back(&around(b"\r\n\r\r\n"));
}

#[test]
fn invalid_utf8() {
    assert_eq!(comes_back(&around(b"{\"a\":\"\xff\xfe\xc3\x28\"}\n\x80\n")), 2);
}

#[test]
fn runs_of_nul() {
    let nul = vec![0; 5000];
    comes_back(&[&nul[..], &events(0, 3)].concat());
    comes_back(&around(&nul));
    comes_back(&around(b"{\"a\":\"\0\"}\n"));
    comes_back(&[&events(0, 3)[..], &nul].concat());
    comes_back(&[&events(0, 3)[..], &nul, b"\n"].concat());
}

#[test]
fn nothing_but_nul() {
    comes_back(&[0; 4096]);
    comes_back(&[0; 1]);
}

#[test]
fn a_line_of_five_megabytes() {
    let line = [b"{\"kind\":\"Event\",\"pad\":\"", &vec![b'x'; 5 << 20][..], b"\"}\n"].concat();
    comes_back(&around(&line));
}

#[test]
fn no_newline_at_the_end() {
    let mut log = events(0, 3);
    log.truncate(log.len() - 20);
    comes_back(&log);
    comes_back(b"x");
}

/// Two lines become one then, and whoever reads lines should know. A live file that was torn is none.
#[test]
fn a_backup_without_a_last_newline_is_told() {
    let (torn, other): (&[u8], &[u8]) = (b"{\"auditID\":\"tor", b"x");
    let (whole, more): (&[u8], &[u8]) = (&events(0, 2), &events(4, 6));
    for (backups, said) in [
        (vec![torn, whole], Some("1 files don't end with a line break")),
        (vec![torn, other], Some("2 files don't end with a line break")),
        (vec![other, whole, torn], Some("2 files don't end with a line break")),
        (vec![whole, more], None),
    ] {
        let node = Node::with(&[&events(2, 4)[..], b"{\"live"].concat());
        for (n, bytes) in backups.iter().enumerate() {
            node.write(&format!("audit-2026-11-2{n}T08-04-19.851.log"), bytes);
        }
        node.backfill().ok();
        let read = node.cat().ok();
        assert_eq!(read.out, [&backups.concat()[..], &events(2, 4), b"{\"live"].concat());
        let told = read.err.contains("don't end with a line break");
        assert_eq!(told, said.is_some(), "{}", read.err);
        assert!(said.is_none_or(|said| read.err.contains(said)), "{}", read.err);
    }
}

#[test]
fn an_empty_live_file_beside_full_backups() {
    let node = Node::new();
    node.write("audit-2026-11-21T08-04-19.851.log", &events(0, 50));
    node.write("audit-2026-11-21T08-05-19.851.log", &events(50, 90));
    node.write("audit.log", b"");
    node.backfill().ok();
    node.assert_same();
}

#[test]
fn backups_without_a_live_file() {
    let node = Node::new();
    node.write("audit-2026-11-21T08-04-19.851.log", &events(0, 50));
    node.backfill().ok();
    node.assert_same();
}

#[test]
fn an_empty_file_alone() {
    let node = Node::with(b"");
    assert!(node.backfill().ok().text().starts_with("prod/cp-1/audit: sealed 0 lines (0 B) in "));
    node.assert_same();
}

#[test]
fn again_adds_only_what_is_new() {
    let node = Node::with(&events(0, 10));
    assert!(node.backfill().ok().text().starts_with("prod/cp-1/audit: sealed 10 lines ("));
    let again = node.backfill().ok().text();
    assert!(again.starts_with("prod/cp-1/audit: nothing new, nothing uploaded; head "), "{again}");
    node.write("audit.log", &events(10, 13));
    assert!(node.backfill().ok().text().starts_with("prod/cp-1/audit: sealed 3 lines ("));
    node.assert_same();
}

#[test]
fn the_printed_head_is_the_one_that_verify_wants() {
    let node = Node::with(&events(0, 10));
    let summary = node.backfill().ok().text();
    let head = summary.trim_end().rsplit_once("head ").unwrap().1;
    let verify = |head: &str| {
        node.read("verify", &["--origin", "prod/cp-1/audit", "--vkey", &node.vkey, "--head", head])
    };
    let report = verify(head).ok().text();
    assert!(report.contains(&format!("head={head}")), "{report}");
    let (seq, hash) = head.split_once(':').unwrap();
    let later = format!("{}:{hash}", seq.parse::<u64>().unwrap() + 1);
    assert_eq!(verify(&later).code, 1, "a chain that ends before the head was truncated");
}

#[test]
fn inspect_counts_malformed_lines_and_ls_shows_every_object() {
    let node = Node::with(&around(b"no event\n"));
    node.backfill().ok();
    let rows = rows(&node);
    let kinds: Vec<_> = rows.iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["genesis", "batch", "final"]);
    assert_eq!(rows[1]["lines"], 7);
    let key = rows[1]["key"].as_str().unwrap();
    let shown = node.read("inspect", &[key]).ok().text();
    let count = shown.lines().find_map(|line| line.strip_prefix("malformed ")).unwrap();
    assert_eq!(count.trim(), "1", "{shown}");
    let table = node.read::<&str>("ls", &[]).ok().text();
    assert_eq!(table.lines().count(), 5, "the chain, the head of the table, three rows: {table}");
}

#[test]
fn a_flipped_bit_is_found() {
    let node = Node::with(&events(0, 100));
    node.backfill().ok();
    let rows = rows(&node);
    let key = rows[1]["key"].as_str().unwrap();
    let path = node.path("store").join(key);
    let mut bytes = std::fs::read(&path).unwrap();
    node::mode(&path, 0o600);
    bytes[200] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(node.verify().code, 1);
    assert_eq!(node.read("inspect", &[key]).code, 1);
    let cat = node.cat();
    assert_eq!((cat.code, cat.out.len()), (1, 0), "{}", cat.err);
    assert!(cat.err.contains("auditseal: failed to read archive: "), "{}", cat.err);
    assert!(cat.err.contains("hint: `auditseal verify` says all that is wrong"), "{}", cat.err);
}

/// A hole of a source costs a line of its note, and may be as long as a file can be: whoever gives
/// it back must not write terabytes for it.
#[test]
fn a_hole_of_terabytes_stays_one_in_a_file_and_is_refused_to_a_pipe() {
    use std::os::unix::fs::{FileExt as _, MetadataExt as _};
    let hole = 2 << 40;
    let node = Node::with(&events(0, 3));
    let log = std::fs::File::options().append(true).open(node.path("logs/audit.log")).unwrap();
    let begin = log.metadata().unwrap().len();
    log.set_len(begin + hole).unwrap();
    (&log).write_all(&[b"\n", &events(3, 6)[..]].concat()).unwrap();
    node.backfill().ok();
    assert_eq!(node.verify().code, 0);

    let piped = node.cat();
    assert_eq!(piped.code, 2, "{}", piped.err);
    // Before it stands what the batches before the hole's have: the start of it, too.
    assert!(piped.out.starts_with(&events(0, 3)) && piped.out.len() < 1 << 30);
    assert!(piped.err.contains("the source had a hole of 21990"), "{}", piped.err);
    assert!(piped.err.contains("`> FILE`"), "{}", piped.err);

    let args = ["--origin", "prod/cp-1/audit", "--vkey", &node.vkey];
    for append in [false, true] {
        let path = node.path("restored");
        let mut file = std::fs::File::options();
        let file = file.append(append).write(true).create(true).open(&path).unwrap();
        let mut cat = node.reader("cat");
        cat.args(args).stdout(file.try_clone().unwrap()).stderr(std::process::Stdio::piped());
        let cat = cat.spawn().unwrap().wait_with_output().unwrap();
        let told = String::from_utf8(cat.stderr).unwrap();
        assert_eq!((cat.status.code(), told.as_str()), (Some(0), ""));
        let about = file.metadata().unwrap();
        assert_eq!(about.len(), log.metadata().unwrap().len());
        assert!(about.blocks() * 512 < 1 << 20, "{} bytes on disk", about.blocks() * 512);
        let file = std::fs::File::open(&path).unwrap();
        let mut end = vec![1; events(3, 6).len() + 2];
        let from = about.len() - end.len() as u64;
        file.read_exact_at(&mut end, from).unwrap();
        assert_eq!(end, [b"\0\n", &events(3, 6)[..]].concat());
        let mut start = vec![1; begin as usize + 1];
        file.read_exact_at(&mut start, 0).unwrap();
        assert_eq!(start, [&events(0, 3)[..], b"\0"].concat());
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn cat_by_time() {
    let node = Node::with(&events(0, 120));
    node.backfill().ok();
    let cat = |args: &[&str]| {
        let all = ["--origin", "prod/cp-1/audit", "--vkey", &node.vkey];
        finish(node.reader("cat").args(all).args(args)).ok().out
    };
    assert!(cat(&["--since", "2026-11-21T08:01:00Z"]) == events(60, 120));
    assert!(cat(&["--until", "2026-11-21T08:00:59.000059Z"]) == events(0, 60), "inclusive");
    assert!(cat(&["--since", "2026-11-21", "--until", "2026-11-22"]) == events(0, 120));
    assert!(cat(&["--until", "2026-11-21"]).is_empty());
}

/// A file of gzip in which the bytes stand as they are.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    let mut blocks = bytes.chunks(65_535).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap();
        gzip.push(u8::from(blocks.peek().is_none()));
        gzip.extend([length.to_le_bytes(), (!length).to_le_bytes()].concat());
        gzip.extend(block);
    }
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    gzip.extend((!crc).to_le_bytes());
    gzip.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
    gzip
}

/// Tools pad a compressed file to a block of a disk or tape. Up to 1 MiB of that nothing is said;
/// of more, what stands in it isn't known, and that is a gap. What was compressed is archived whole.
#[test]
fn padding_of_any_size_behind_a_compressed_backup() {
    const SEARCHED: usize = 1 << 20;
    let (backup, live) = (events(0, 300), events(300, 400));
    for padding in [SEARCHED - 8, SEARCHED, SEARCHED + 16, 10 * SEARCHED] {
        let node = Node::with(&live);
        let name = "audit-2026-11-21T08-04-19.851.log.gz";
        node.write(name, &[stored(&backup), vec![0; padding]].concat());
        let done = node.backfill();
        assert_eq!(node.cat().out, [&backup[..], &live].concat(), "{padding}: {}", done.err);
        let (gap, report) = (padding > SEARCHED, node.verify());
        assert_eq!(report.code, i32::from(gap), "{padding}: {}{}", report.text(), report.err);
        let words = "gzip-damaged";
        assert_eq!(report.text().contains(words), gap, "{padding}: {}", report.text());
    }
}
