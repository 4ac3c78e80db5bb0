//! What can't work is refused: exit code 2, what failed and why, and a hint.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use node::{Done, Node, Running, events, finish, is_root, mode, program, until};
use rustix::process::Signal;

/// A backfill of the live log with one argument more, or another one.
fn backfill(node: &Node, args: &[&str]) -> Done {
    let mut command = node.bare("backfill");
    let given = |flag| args.iter().any(|arg| arg.split('=').next() == Some(flag));
    if !given("--source") {
        command.arg("--source").arg(format!("audit={}", node.shown("logs/audit.log")));
    }
    if !given("--store") {
        command.args(["--store", &node.store()]);
    }
    finish(command.args(args))
}

fn from(node: &Node, path: &str) -> Done {
    backfill(node, &["--source", &format!("audit={}", node.shown(path))])
}

#[test]
fn sources_that_are_not_there() {
    let node = Node::new();
    from(&node, "logs/audit.log").refused("no such file, and no rotated sibling of it");
    from(&node, "nowhere/audit.log").refused("No such file or directory");
    from(&node, "logs").refused("the directory is empty");
    assert!(!node.path("store/cluster=prod").exists());
}

#[test]
fn sources_that_name_no_log() {
    let node = Node::with(&events(0, 3));
    node.write("other.log", &events(0, 3));
    let several = from(&node, "logs");
    several.refused("several logs");
    assert!(several.err.contains("audit.log") && several.err.contains("other.log"));
    node.write("audit-2026-11-21T08-04-19.851.log", &events(0, 3));
    let rotated = from(&node, "logs/audit-2026-11-21T08-04-19.851.log");
    rotated.refused("is a rotated file, not a live log");
    assert!(rotated.err.contains("hint: name the live file, audit.log;"), "{}", rotated.err);
    for spec in ["audit", "=path", "audit=", ""] {
        let done = backfill(&node, &["--source", spec]);
        done.refused("expected NAME=PATH");
    }
}

#[test]
fn a_source_that_cannot_be_read() {
    let node = Node::with(&events(0, 3));
    let live = node.path("logs/audit.log");
    if is_root() {
        // Root reads everything, but no directory as if it were a file.
        fs::create_dir(node.path("logs/audit-2026-11-21T08-04-19.851.log")).unwrap();
        let done = from(&node, "logs/audit.log").ok();
        assert!(done.err.contains("audit-2026-11-21T08-04-19.851.log (it is a directory)"));
    } else {
        mode(&live, 0);
        let done = from(&node, "logs/audit.log");
        done.refused("open source file audit.log: Permission denied");
        assert!(done.err.contains("CAP_DAC_READ_SEARCH"), "{}", done.err);
    }
}

#[test]
fn a_pipe_in_the_place_of_a_log_does_not_hang() {
    let node = Node::new();
    let pipe = node.path("logs/audit.log");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    from(&node, "logs/audit.log").refused("open source file audit.log: it is a FIFO");
}

#[test]
fn a_link_to_something_that_is_no_file_is_no_log() {
    let node = Node::new();
    symlink("/dev/zero", node.path("logs/audit.log")).unwrap();
    for _ in 0..2 {
        from(&node, "logs/audit.log").refused("open source file zero: it is a device");
    }
}

#[test]
fn a_name_that_somebody_else_chose_is_never_printed_as_it_is() {
    let node = Node::with(&events(0, 3));
    let name = "b\u{1b}[2J\nERROR\u{202e}";
    fs::write(node.path("logs").join(format!("{name}.log")), "").unwrap();
    let done = from(&node, "logs");
    done.refused(r"directory holds several logs: audit.log b\u{1b}[2J\nERROR\u{202e}.log");
    // The log itself may be called so, and what goes wrong with it is told.
    let name = "c\u{1b}[2J\u{202e}.log";
    let pipe = node.path("logs").join(format!("{name}.1"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let done = from(&node, &format!("logs/{name}")).ok();
    assert!(done.err.contains(r"c\u{1b}[2J\u{202e}.log.1 (it is a FIFO)"), "{}", done.err);
}

#[test]
fn two_sources_of_one_name() {
    let node = Node::with(&events(0, 3));
    let source = format!("audit={}", node.shown("logs/audit.log"));
    backfill(&node, &["--source", &source, "--source", &source])
        .refused("two sources have this name");
}

#[test]
fn sources_that_overlap() {
    let node = Node::with(&events(0, 3));
    symlink(node.path("logs"), node.path("link")).unwrap();
    let one = format!("one={}", node.shown("logs/audit.log"));
    for path in ["logs/audit.log", "logs", "link", "link/audit.log", "logs/../logs/audit.log"] {
        let other = format!("other={}", node.shown(path));
        let done = backfill(&node, &["--source", &one, "--source", &other]);
        done.refused("they name the same files");
        assert!(done.err.contains("failed to open sources one and other: "), "{}", done.err);
    }
}

#[test]
fn names_that_no_origin_can_have() {
    let node = Node::with(&events(0, 3));
    let long = "x".repeat(300);
    let hostile = ["a/b", "..", ".", "", "ü", "a b", "a,b", "-x", "a\u{1b}[31m", "a\nb", &long];
    for name in hostile {
        for flag in ["--cluster", "--node"] {
            let args = match flag {
                "--cluster" => [format!("--cluster={name}"), "--node=n".to_owned()],
                _ => ["--cluster=c".to_owned(), format!("--node={name}")],
            };
            let mut command = program();
            command.arg("backfill").args(args).args(["--store", &node.store()]);
            command.arg("--key").arg(node.path("key")).arg("--state").arg(node.path("state"));
            command.arg("--source").arg(format!("audit={}", node.shown("logs/audit.log")));
            let done = finish(&mut command);
            done.refused(&format!("failed to name the chain: {} ", &flag[2..]));
            assert!(!done.err.contains('\u{1b}'), "{:?}", done.err);
        }
        let source = format!("{name}={}", node.shown("logs/audit.log"));
        let why = if name.is_empty() || name.contains(char::is_whitespace) {
            "expected NAME=PATH"
        } else {
            "failed to name the chain: source "
        };
        backfill(&node, &[&format!("--source={source}")]).refused(why);
    }
    assert!(!node.path("state").exists(), "nothing was begun");
}

#[test]
fn keys_that_are_none() {
    let node = Node::with(&events(0, 3));
    let key = |name: &str, text: &[u8]| {
        fs::write(node.path(name), text).unwrap();
        mode(&node.path(name), 0o600);
        let done = finish(program().arg("pubkey").arg("--key").arg(node.path(name)));
        // The writer says the same.
        let mut command = node.writer("backfill");
        let written = finish(command.arg("--key").arg(node.path(name)));
        assert!(written.code == 2, "{}", written.err);
        done
    };
    key("vkey", node.vkey.as_bytes()).refused("this is a public key (vkey)");
    key("garbage", b"garbage\n").refused("not a private key");
    key("empty", b"").refused("not a private key");
    key("binary", b"\xff\x00\xfe").refused("not a private key: it isn't text");
    let good = fs::read_to_string(node.path("key")).unwrap();
    key("renamed", good.replace("+prod/cp-1+", "+prod/cp-2+").as_bytes())
        .refused("the key's hash doesn't match it");
    finish(program().arg("pubkey").arg("--key").arg(node.path("logs"))).refused("directory");
    let missing = finish(program().arg("pubkey").arg("--key").arg(node.path("missing")));
    missing.refused("No such file");
    assert!(missing.err.contains("auditseal keygen --name"), "{}", missing.err);
    assert!(!node.path("state").exists(), "nothing was begun");
}

#[test]
fn a_key_that_everybody_can_read() {
    let node = Node::with(&events(0, 3));
    mode(&node.path("key"), 0o604);
    let done = node.backfill();
    done.refused("everybody can read or write it (mode 0604)");
    assert!(done.err.contains("hint: chmod 600"), "{}", done.err);
    // A group is how Kubernetes gives a secret to a container.
    mode(&node.path("key"), 0o440);
    node.backfill().ok();
}

#[test]
fn keygen_overwrites_nothing() {
    let node = Node::new();
    let before = fs::read(node.path("key")).unwrap();
    let keygen =
        |path: &Path| finish(program().args(["keygen", "--name", "prod/cp-1", "--out"]).arg(path));
    keygen(&node.path("key")).refused("File exists");
    assert_eq!(fs::read(node.path("key")).unwrap(), before);
    keygen(&node.path("nowhere/key")).refused("No such file");
    let long = format!("prod/{}", "x".repeat(246));
    let names =
        ["", "prod", "prod/", "/cp-1", "prod/cp 1", "prod/cp+1", "prod/ü", "a/b/c/d", &long];
    for name in names {
        let out = node.path("new");
        let mut command = program();
        finish(command.arg("keygen").arg("--out").arg(&out).arg(format!("--name={name}")))
            .refused("a key's name says what it may sign: CLUSTER/NODE");
        assert!(!out.exists(), "{name:?}");
    }
    let unnamed = finish(program().arg("keygen").arg("--out").arg(node.path("new")));
    unnamed.refused("--name <CLUSTER/NODE>");
}

/// A key is made for a node. Under another one's name it seals nothing: no reader would take it for
/// that node's.
#[test]
fn a_key_for_another_node_or_source() {
    let node = Node::with(&events(0, 3));
    for name in ["prod/cp-2", "prod/cp-10", "prod2/cp-1", "prod/cp-1/kube", "prod/cp-1/audit2"] {
        fs::remove_file(node.path("key")).unwrap();
        node.keygen_for(name, "key");
        for command in ["run", "backfill", "retire"] {
            let done = finish(&mut node.writer(command));
            let why = format!("it is a key for {name}, and the chain is prod/cp-1/audit");
            done.refused(&why);
            assert!(done.err.contains("keygen --name prod/cp-1 --out FILE"), "{}", done.err);
        }
    }
    assert!(!node.path("state").exists() && !node.path("store").exists(), "nothing was begun");
    // The source's own is fit, and kept for that source alone.
    fs::remove_file(node.path("key")).unwrap();
    node.keygen_for("prod/cp-1/audit", "key");
    node.backfill().ok();
    let mut both = node.writer("backfill");
    both.arg("--source").arg(format!("other={}", node.shown("logs/other.log")));
    node.write("other.log", &events(3, 5));
    finish(&mut both).refused("it is a key for prod/cp-1/audit, and the chain is prod/cp-1/other");
}

#[test]
fn doctor_tells_a_key_for_another_node() {
    let node = Node::with(&events(0, 3));
    let asked = |key: &str, code: i32, said: &str| {
        let mut doctor = program();
        doctor.args(["doctor", "--cluster", "prod", "--node", "cp-1", "--key", key]);
        doctor.arg("--source").arg(format!("audit={}", node.shown("logs/audit.log")));
        let done = finish(&mut doctor);
        let text = String::from_utf8_lossy(&done.out).into_owned();
        let line = text.lines().find(|line| line.contains(said));
        assert!(line.is_some_and(|line| line.contains("fail") == (code == 1)), "{text}");
        text
    };
    asked(&node.shown("key"), 0, "a key for prod/cp-1");
    node.keygen_for("prod/cp-10", "other");
    let text =
        asked(&node.shown("other"), 1, "a key for prod/cp-10, and the chain is prod/cp-1/audit");
    assert!(text.contains("auditseal keygen --name prod/cp-1 --out FILE"), "{text}");
    asked(&node.shown("missing"), 1, "No such file");
    let private = fs::read_to_string(node.path("key")).unwrap();
    let text = asked(private.trim_end(), 1, "this is a private key itself");
    assert!(!text.contains(&node.seed("key")), "{text}");
}

/// Nothing is wrong with the archive: whoever asks gave a key for something else.
#[test]
fn keys_to_trust_that_are_for_other_nodes() {
    let node = Node::with(&events(0, 3));
    node.backfill().ok();
    let other = node.keygen_for("prod/cp-10", "other");
    for command in ["verify", "cat"] {
        let of = ["--origin", "prod/cp-1/audit", "--vkey"];
        let done = node.read(command, &[&of[..], &[other.as_str()]].concat());
        done.refused("check signatures of prod/cp-1/audit: the given keys are for prod/cp-10");
        assert!(done.err.contains("give the vkey whose name is prod/cp-1 or"), "{}", done.err);
        node.read(command, &[&of[..], &[other.as_str(), "--vkey", node.vkey.as_str()]].concat())
            .ok();
    }
}

#[test]
fn urls_that_name_no_store() {
    let node = Node::with(&events(0, 3));
    for (url, why) in [
        ("ftp://host/x", "the scheme isn't known"),
        ("relative/path", "it isn't a URL"),
        ("/absolute/path", "isn't a URL but a path: write file:///absolute/path"),
        ("", "it isn't a URL"),
        ("file://relative/path", "needs an absolute path"),
        ("file:///", "names no directory"),
        ("s3://", "names no bucket"),
        ("s3:///prefix", "names no bucket"),
        ("gs://", "names no bucket"),
        ("az://", "names no container"),
        ("s3://id:word@bucket/x", "credentials don't belong"),
    ] {
        let done = backfill(&node, &["--store", url]);
        done.refused(why);
        assert!(!done.err.contains("word"), "{}", done.err);
        finish(program().args(["verify", "--vkey", &node.vkey, "--store", url])).refused(why);
    }
    let endpoint = ["--store", "s3://bucket", "--endpoint", "no url"];
    backfill(&node, &endpoint).refused("the endpoint isn't a URL");
    let ca = ["--store", "s3://bucket", "--ca-certificate", "/nowhere/ca.pem"];
    backfill(&node, &ca).refused("read the CA certificates in /nowhere/ca.pem");
}

#[test]
fn reading_a_directory_that_is_not_there() {
    let node = Node::new();
    let key = "cluster=c/node=n/source=s/date=2026-11-21/000000000000.jsonl.zst";
    let runs: [&[&str]; 4] = [
        &["verify", "--vkey", &node.vkey],
        &["cat", "--origin", "prod/cp-1/audit", "--vkey", &node.vkey],
        &["ls"],
        &["inspect", key],
    ];
    for args in runs {
        let done = finish(program().args(args).args(["--store", &node.store()]));
        done.refused("the directory doesn't exist");
        assert!(!node.path("store").exists(), "reading makes nothing");
    }
}

#[test]
fn reading_an_empty_directory() {
    let node = Node::new();
    fs::create_dir(node.path("store")).unwrap();
    let report = node.read("verify", &["--vkey", &node.vkey]);
    assert_eq!(report.code, 2, "{}", report.err);
    assert!(report.text().contains("NOTHING TO VERIFY"), "{}", report.text());
    let absent = node.verify();
    assert_eq!(absent.code, 1, "a chain that must be there: {}", absent.text());
    let cat = node.cat();
    cat.refused("the store has no object of it");
    assert!(node.read::<&str>("ls", &[]).ok().out.is_empty());
    let key = "cluster=prod/node=cp-1/source=audit/date=2026-11-21/000000000000.jsonl.zst";
    let none = node.read("inspect", &[key]);
    assert_eq!(none.code, 2);
    assert!(none.err.contains("there is none"), "{}", none.err);
    for prefix in ["cluster=prod/", "cluster=prod", "x", "/etc/passwd", "../key"] {
        let done = node.read("inspect", &[prefix]);
        done.refused("there is none");
        assert!(done.err.contains("this looks like a prefix"), "{}", done.err);
    }
}

#[test]
fn keys_to_trust_that_are_none() {
    let node = Node::with(&events(0, 3));
    node.backfill().ok();
    let private = fs::read_to_string(node.path("key")).unwrap();
    fs::write(node.path("none.vkey"), "# nothing\n\n").unwrap();
    fs::write(node.path("bad.vkey"), format!("{}\nnonsense\n", node.vkey)).unwrap();
    fs::write(node.path("binary.vkey"), b"\xff\xfe").unwrap();
    let altered = node.vkey.replace("prod/cp-1+", "prod/cp-l+");
    for (vkey, why) in [
        ("nonsense", "no such file, and not a key of the form NAME+HASH+BASE64"),
        ("", "no such file"),
        (altered.as_str(), "the key's hash doesn't match it"),
        (private.trim_end(), "a private key and a public key (vkey) were mixed up"),
        (&node.shown("key"), "a private key and a public key (vkey) were mixed up"),
        (&node.shown("none.vkey"), "no key in it"),
        (&node.shown("bad.vkey"), "not a key"),
        (&node.shown("binary.vkey"), "it isn't text"),
        (&node.shown("logs"), "directory"),
        (&node.shown("missing.vkey"), "no such file"),
    ] {
        let done = node.read("verify", &["--vkey", vkey]);
        done.refused(why);
        assert!(!done.err.contains(&node.seed("key")), "{}", done.err);
    }
    let other = node.keygen("other");
    let report = node.read("verify", &["--vkey", &other]);
    assert_eq!(report.code, 1);
    assert!(report.text().contains("FOREIGN_CHAIN"), "{}", report.text());
    let both = format!("# both\n{other}\n{}\n", node.vkey);
    fs::write(node.path("both.vkey"), both).unwrap();
    node.read("verify", &["--vkey", &node.shown("both.vkey")]).ok();
    // As an environment variable made of a file's contents has it.
    finish(node.reader("verify").env("AUDITSEAL_VKEY", format!("{}\n", node.vkey))).ok();
}

#[test]
fn a_chain_that_another_key_began() {
    let node = Node::with(&events(0, 3));
    node.backfill().ok();
    fs::remove_dir_all(node.path("state")).unwrap();
    fs::rename(node.path("key"), node.path("old")).unwrap();
    node.keygen("key");
    node.write("audit.log", &events(3, 5));
    let done = node.backfill();
    done.refused("the store has it, signed by another key: prod/cp-1+");
    assert!(done.err.contains("failed to extend chain prod/cp-1/audit: "), "{}", done.err);
    fs::rename(node.path("old"), node.path("key")).unwrap();
    node.backfill().ok();
    node.assert_same();
}

/// Whoever may write to the bucket began a chain of a name that was still to come: the node begins
/// beside it when it is told so of that very key, and not before.
#[test]
fn a_chain_begins_beside_anothers_when_told() {
    let stranger = Node::with(&events(0, 3));
    stranger.backfill().ok();
    let node = Node::with(&events(10, 30));
    fs::rename(stranger.path("store"), node.path("store")).unwrap();
    let theirs = stranger.vkey.clone();
    let beside = |keys: &[&str]| {
        let mut command = node.writer("backfill");
        keys.iter().for_each(|key| {
            command.args(["--begin-beside", key]);
        });
        finish(&mut command)
    };
    let done = beside(&[]);
    done.refused("the store has it, signed by another key: prod/cp-1+");
    assert!(done.err.contains("--begin-beside VKEY with that vkey"), "{}", done.err);
    beside(&[&node.vkey]).refused("signed by another key");
    let done = beside(&[&node.keygen("more"), &theirs]).ok();
    assert!(done.err.contains("ours begins beside it"), "{}", done.err);
    assert!(node.cat().ok().out == node.source());
    let report = node.verify();
    let named = report.text().contains("FOREIGN_CHAIN");
    assert!(named, "the other is there, and is said to be: {}", report.text());
    // Once begun it is our chain: nobody need be told again.
    node.write("audit.log", &events(30, 40));
    node.backfill().ok();
    assert!(node.cat().ok().out == node.source());
    let cat = ["--origin", "prod/cp-1/audit", "--vkey", &theirs];
    assert!(node.read("cat", &cat).ok().out == stranger.source(), "theirs is what it was");
}

#[test]
fn another_key_under_the_chains_own_state() {
    let node = Node::with(&events(0, 3));
    node.backfill().ok();
    fs::rename(node.path("key"), node.path("old")).unwrap();
    node.keygen("key");
    node.write("audit.log", &events(3, 5));
    let done = node.backfill();
    done.refused("its newest seal leaves the next one to another key: prod/cp-1+");
    assert!(done.err.contains("use the key that began the chain"), "{}", done.err);
    fs::rename(node.path("old"), node.path("key")).unwrap();
    node.backfill().ok();
    node.assert_same();
    assert_eq!(node.read("verify", &["--vkey", &node.vkey]).ok().code, 0);
}

#[test]
fn a_state_directory_in_use() {
    let node = Node::with(&events(0, 3));
    let daemon = Running::start(&mut node.daemon());
    until("the daemon has begun", || node.path("store/cluster=prod").exists());
    let done = node.backfill();
    done.refused("another process holds it");
    assert!(done.err.contains("waiting up to 5s for it to end"), "{}", done.err);
    assert!(done.err.contains("a state directory of its own"), "{}", done.err);
    daemon.signal(Signal::INT);
    daemon.end(std::time::Duration::from_secs(10)).ok();
    node.backfill().ok();
    node.assert_same();
}

#[test]
fn a_state_directory_that_cannot_be_one() {
    let node = Node::with(&events(0, 3));
    fs::write(node.path("file"), "x").unwrap();
    let state = |path: &Path| {
        let mut command = program();
        command.args(["backfill", "--cluster", "prod", "--node", "cp-1", "--state"]).arg(path);
        command.arg("--source").arg(format!("audit={}", node.shown("logs/audit.log")));
        command.args(["--store", &node.store()]).arg("--key").arg(node.path("key"));
        let done = finish(&mut command);
        assert_eq!(done.code, 2, "{}", done.err);
        assert!(done.err.contains("auditseal: failed to create directory "), "{}", done.err);
        done
    };
    state(&node.path("file"));
    state(&node.path("file/below"));
    if is_root() {
        // Nobody makes a directory there.
        state(Path::new("/proc/auditseal-state"));
    } else {
        fs::create_dir(node.path("closed")).unwrap();
        mode(&node.path("closed"), 0o500);
        let done = state(&node.path("closed/state"));
        assert!(done.err.contains("hint: the state directory must be writable"), "{}", done.err);
    }
}

#[test]
fn values_that_are_malformed() {
    let node = Node::with(&events(0, 3));
    for (flag, values, why) in [
        ("--give-up", &["", "5", "x", "-1s", "1ms", "31d", "99999999999y"][..], "--give-up <TIME>"),
        ("--timeout", &["0s", "soon"], "--timeout <TIME>"),
        ("--batch-size", &["", "1MB", "0", "x", "1.5GiB", "2GiB", "99999999999999999999"], "SIZE"),
        ("--spool-limit", &["0", "-1", "16777216TiB"], "--spool-limit <SIZE>"),
        ("--deleted-limit", &["-1", "x"], "--deleted-limit <SIZE>"),
        ("--min-free", &["-1", "5%"], "--min-free <SIZE>"),
        ("--level", &["0", "20", "x"], "--level <1-19>"),
        ("--jobs", &["0", "257", "x"], "--jobs <N>"),
    ] {
        for value in values {
            backfill(&node, &[&format!("{flag}={value}")]).refused(why);
        }
    }
    backfill(&node, &["--spool-limit=16MiB"]).refused("less than two batches, 32.00 MiB");
    backfill(&node, &["--spool-limit=2KiB", "--batch-size=1KiB"]).ok();
    let hash = "0".repeat(63);
    for head in ["", "1", "1:", ":", "x:y", "1:abc", &format!("1:{hash}"), &format!("-1:{hash}0")] {
        let args = [&format!("--head={head}"), "--vkey", &node.vkey];
        node.read("verify", &args).refused("expected SEQ:HASH");
    }
    for origin in ["", "a", "a/b", "a/b/c/d", "a//c", "../b/c", "a/b/ü"] {
        let args = [&format!("--origin={origin}"), "--vkey", &node.vkey];
        node.read("verify", &args).refused("--origin <C/N/SOURCE>");
        node.read("cat", &args).refused("--origin <C/N/SOURCE>");
    }
    for time in
        ["", "now", "2026-13-01", "2026-11-21T25:00:00", "2026-11-21T08:00:00+1", "7 parsecs"]
    {
        let args = [&format!("--at={time}"), "--vkey", &node.vkey];
        node.read("verify", &args).refused("expected a time like 2026-11-21T08:00:00Z");
    }
    for accept in ["", "a/b/c", "a/b/c:", "a/b:1", "a/b/c:x"] {
        let args = [&format!("--accept={accept}"), "--vkey", &node.vkey];
        node.read("verify", &args).refused("--accept <C/N/SOURCE:SEQ>");
    }
}

#[test]
fn command_lines_that_are_none() {
    let run = |args: &[&str]| finish(program().args(args));
    run(&["verfy"]).refused("unrecognized subcommand 'verfy'");
    run(&["verify"]).refused("--store <URL> --vkey <VKEY|FILE>");
    let flag = run(&["verify", "--vkye", "x"]);
    flag.refused("unexpected argument '--vkye' found");
    assert!(flag.err.contains("hint: did you mean --vkey?"), "{}", flag.err);
    assert!(flag.err.contains("`auditseal verify --help`"), "{}", flag.err);
    run(&["ls", "--store", "file:///x", "--format", "xml"])
        .refused("[possible values: text, json, paths]");
    let nothing = run(&[]);
    assert_eq!(nothing.code, 2);
    assert!(nothing.err.contains("Usage: auditseal"), "{}", nothing.err);
    let times = ["--since", "2026-11-22", "--until", "2026-11-21"];
    let cat = ["cat", "--store", "file:///x", "--origin", "a/b/c"];
    run(&[&cat[..], &times].concat()).refused("--since is after --until");
}

#[test]
fn a_state_directory_whose_holder_is_ending() {
    let node = Node::with(&events(0, 3));
    node.backfill().ok();
    node.write("audit.log", &events(3, 5));
    let held = fs::File::open(node.path("state/lock")).unwrap();
    held.lock().unwrap();
    let mut next = Running::start(&mut node.writer("backfill"));
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert!(!next.ended(), "it waits");
    drop(held);
    next.end(std::time::Duration::from_secs(10)).ok();
    node.assert_same();
}

/// A file with credentials has a few thousand bytes: what is larger than 1 MiB isn't read at all.
#[test]
fn an_environment_file_of_any_size_is_read_or_refused() {
    const LARGEST: usize = 1 << 20;
    let node = Node::with(&events(0, 3));
    let file = node.path("environment");
    for size in [LARGEST - 1, LARGEST, LARGEST + 1, 10 * LARGEST] {
        let line = b"\nno variable";
        let mut text = vec![b'#'; size - line.len()];
        text.extend(line);
        fs::write(&file, text).unwrap();
        let done = finish(node.daemon().arg("--environment").arg(&file));
        let too_large = format!("it has {size} bytes, more than any such file");
        done.refused(if size > LARGEST { &too_large } else { "line 2 isn't NAME=VALUE" });
    }
}
