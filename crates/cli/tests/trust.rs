//! Trust and heads files through the program, and what somebody who holds the bucket, another node's
//! key or an old heads file can make of them.
#![allow(clippy::unwrap_used, reason = "a test")]

mod desk;
mod node;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use auditseal_vectors::{Chain, TestSigner, events, head_text};
use desk::{Desk, ORIGIN, begun, grown, ours, said};
use node::{finish, program};

#[test]
fn a_head_is_kept_moves_on_and_notices_a_missing_tail() {
    let desk = Desk::new();
    let (short, long) = (ours(), grown(ours(), 3));
    desk.trusts(&[&short]);
    desk.holds(&[short.archive()]);
    let text = desk.verify(&short, 0);
    assert!(
        text.contains(" heads=first\n") && text.contains("the heads file wasn't there"),
        "{text}"
    );
    assert!(
        text.ends_with("ALL COMPLETE chains=1 complete=1 seals=2 lines=3 bytes=525\n"),
        "{text}"
    );
    desk.holds(&[long.archive()]);
    let text = desk.verify(&long, 0);
    assert!(text.contains(" known=1 age=15s heads=advanced\n"), "{text}");
    let known = desk.heads();
    assert!(known.contains(&format!("head {ORIGIN} {} ", head_text(long.head()))), "{known}");
    // The tail is gone, or all of it.
    desk.holds(&[short.archive()]);
    let text = desk.verify(&long, 1);
    assert!(
        text.contains("TRUNCATED origin=prod/cp-1/audit seq=2-4") && text.contains("heads=ahead"),
        "{text}"
    );
    desk.holds(&[]);
    let text = desk.verify(&long, 1);
    assert!(text.contains("MISSING origin=prod/cp-1/audit: no object of this chain"), "{text}");
    assert_eq!(desk.heads(), known, "nothing of that moved the head");
}

#[test]
fn branch_b_after_branch_a_is_a_fork_for_good() {
    let desk = Desk::new();
    let (a, b) = (grown(ours(), 2), {
        let mut chain = ours();
        chain.wait(1);
        grown(chain, 5)
    });
    desk.trusts(&[&a]);
    desk.holds(&[a.archive()]);
    desk.verify(&a, 0);
    desk.holds(&[b.archive()]);
    let text = desk.verify(&b, 3);
    assert!(
        text.contains("FORK origin=prod/cp-1/audit seq=3: the note here isn't the one"),
        "{text}"
    );
    assert!(text.contains("heads=forked") && text.contains("forked=1\n"), "{text}");
    let known = desk.heads();
    for seal in [head_text(a.head()), head_text(b.get(3))] {
        assert!(known.contains(&format!("fork {ORIGIN} {seal} ")), "{known}");
    }
    assert!(known.contains(&format!("head {ORIGIN} {} ", head_text(a.head()))), "{known}");
    // The bucket shows the first branch again: the second was signed all the same.
    desk.holds(&[a.archive()]);
    let text = desk.verify(&a, 3);
    assert!(text.contains("FORK origin=prod/cp-1/audit seq=3: the heads file keeps"), "{text}");
    // Until somebody looked.
    let accept = |seal: &str| {
        let mut command = program();
        command.args(["trust", "accept", "--origin", ORIGIN, "--trust"]).arg(desk.path("trust"));
        let policy = said(command.args(["FORK", seal, "copy of a disk, ticket 4"]), 0);
        fs::write(desk.path("trust"), policy).unwrap();
    };
    let before = fs::read_to_string(desk.path("trust")).unwrap();
    accept(&head_text(a.head()));
    desk.verify(&a, 0);
    assert!(desk.heads().matches("\nfork ").count() == 2, "no program removes one");
    // Or said that it is the other.
    fs::write(desk.path("trust"), before).unwrap();
    accept(&head_text(b.get(3)));
    desk.holds(&[b.archive()]);
    let text = desk.verify(&b, 0);
    assert!(text.contains("heads=advanced"), "{text}");
}

#[test]
fn an_older_heads_file_knows_less_and_nothing_wrong() {
    let desk = Desk::new();
    let (short, long) = (ours(), grown(ours(), 4));
    desk.trusts(&[&short]);
    desk.holds(&[short.archive()]);
    desk.verify(&short, 0);
    let older = desk.heads();
    desk.holds(&[long.archive()]);
    desk.verify(&long, 0);
    fs::write(desk.path("heads"), &older).unwrap();
    assert!(desk.verify(&long, 0).contains(" known=1 age=20s heads=advanced\n"));
    // What it knows it holds against the chain all the same.
    fs::write(desk.path("heads"), &older).unwrap();
    let mut other = begun(ORIGIN, TestSigner::of(ORIGIN, 1));
    other.rewrite(|text| text.replace("malformed 0", "malformed 1"));
    let other = grown(other, 3);
    desk.holds(&[other.archive()]);
    assert!(desk.verify(&other, 3).contains("FORK origin=prod/cp-1/audit seq=1"));
    assert!(desk.heads().starts_with(older.as_str()));
}

#[test]
fn a_key_is_trusted_for_its_own_chain_and_for_no_other() {
    let desk = Desk::new();
    let (one, two) = (ours(), begun("prod/cp-2/audit", TestSigner::of("prod/cp-2/audit", 2)));
    desk.trusts(&[&one, &two]);
    desk.holds(&[one.archive(), two.archive()]);
    desk.verify(&two, 0);
    let known = desk.heads();
    // Node 2's key begins a history of node 1, appends to it, and does so with a name that fits.
    let by_name = |name: &str| begun(ORIGIN, TestSigner::named(name, 2));
    let same_name = grown(by_name("prod/cp-1"), 3);
    desk.holds(&[same_name.archive(), two.archive()]);
    let text = desk.verify(&same_name, 1);
    assert!(text.contains("FOREIGN_CHAIN origin=prod/cp-1/audit seq=0"), "{text}");
    assert!(
        text.contains("COMPLETE until=") && text.contains("NOT COMPLETE origin=prod/cp-1/audit"),
        "{text}"
    );
    let mut appended = one.clone();
    appended.signer(TestSigner::named("prod/cp-1", 2)).heartbeat();
    appended.reanchor("state-lost");
    desk.holds(&[appended.archive(), two.archive()]);
    let text = desk.verify(&appended, 0);
    assert!(text.contains("info: UNEXPECTED_OBJECT origin=prod/cp-1/audit seq=2"), "{text}");
    assert!(text.contains("seals=2 lines=3") && text.contains("heads=confirmed"), "{text}");
    let head = |text: &str| text.lines().nth(1).unwrap().rsplit_once(' ').unwrap().0.to_owned();
    assert_eq!(head(&desk.heads()), head(&known));
    // And no trust file can say otherwise.
    let text = fs::read_to_string(desk.path("trust")).unwrap();
    let key = two.current_signer().identity().to_string();
    fs::write(desk.path("trust"), text.replace(&one.current_signer().identity().to_string(), &key))
        .unwrap();
    let done = finish(&mut desk.verifying(&two, "heads", &[]));
    done.refused("line 2: it is a key for prod/cp-2, and the origin is prod/cp-1/audit");
}

#[test]
fn keys_take_their_turns() {
    let desk = Desk::new();
    let mut chain = ours();
    let (first, second) = (chain.current_signer().clone(), TestSigner::of(ORIGIN, 9));
    chain.signer(second.clone()).reanchor("new-key");
    let chain = grown(chain, 2);
    let policy = format!(
        "auditseal/trust/v1\norigin {ORIGIN} static {} until={}\norigin {ORIGIN} static {} from=2\n  \
         begin 0\n  silent-after 10m\n",
        first.identity(),
        head_text(chain.get(1)),
        second.identity()
    );
    fs::write(desk.path("trust"), policy).unwrap();
    desk.holds(&[chain.archive()]);
    desk.verify(&chain, 0);
    // The first key is stolen afterwards: it can sign nothing behind its end, not even a reanchor.
    let mut stolen = ours();
    stolen.reanchor("state-lost");
    let stolen = grown(stolen, 5);
    desk.holds(&[stolen.archive()]);
    let text = desk.verify(&stolen, 1);
    assert!(text.contains("TRUNCATED origin=prod/cp-1/audit seq=2-4"), "{text}");
    // `cat` and the list of paths hold to the same.
    desk.holds(&[chain.archive()]);
    let reading = |name: &str| {
        let mut command = desk.command(&[name, "--origin", ORIGIN]);
        command.arg("--trust").arg(desk.path("trust"));
        command
    };
    assert_eq!(said(&mut reading("cat"), 0).as_bytes(), events(0..3));
    assert_eq!(said(reading("ls").args(["-o", "paths"]), 0).lines().count(), 5);
    desk.holds(&[stolen.archive()]);
    assert_eq!(said(reading("ls").args(["-o", "paths"]), 0).lines().count(), 2, "none of its");
    let other = finish(
        desk.command(&["cat", "--origin", "prod/cp-7/audit"])
            .arg("--trust")
            .arg(desk.path("trust")),
    );
    other.refused("the trust file doesn't name this chain");
}

#[test]
fn a_file_that_says_something_twice_is_refused() {
    let desk = Desk::new();
    let chain = ours();
    desk.trusts(&[&chain]);
    desk.holds(&[chain.archive()]);
    desk.verify(&chain, 0);
    let (heads, trust) = (desk.heads(), fs::read_to_string(desk.path("trust")).unwrap());
    let doubled = |text: &str, line: usize| {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.insert(line, lines[line]);
        lines.join("\n") + "\n"
    };
    fs::write(desk.path("heads"), doubled(&heads, 1)).unwrap();
    let done = finish(&mut desk.verifying(&chain, "heads", &[]));
    done.refused("heads: line 3: lines stand in the order");
    fs::write(desk.path("heads"), &heads).unwrap();
    for line in 1..trust.lines().count() {
        fs::write(desk.path("trust"), doubled(&trust, line)).unwrap();
        finish(&mut desk.verifying(&chain, "heads", &[])).refused("read trust file");
    }
    assert_eq!(desk.heads(), heads);
}

#[test]
fn two_verifiers_at_once_are_no_fork_and_lose_nothing() {
    let desk = Desk::new();
    let chains: Vec<Chain> = (1..9)
        .map(|node| {
            let origin = format!("prod/cp-{node}/audit");
            grown(begun(&origin, TestSigner::of(&origin, node)), 20)
        })
        .collect();
    desk.trusts(&chains.iter().collect::<Vec<_>>());
    desk.holds(&chains.iter().map(Chain::archive).collect::<Vec<_>>());
    let start =
        |more: &[&str]| node::Running::start(&mut desk.verifying(&chains[0], "heads", more));
    for _ in 0..3 {
        let origin = |of: usize| chains[of].origin().to_string();
        let (one, other) = (origin(0), origin(1));
        let running = [
            start(&[]),
            start(&["--origin", &one, "--to", "7"]),
            start(&["--origin", &one]),
            start(&["--origin", &other, "--to", "3"]),
            start(&[]),
        ];
        for run in running {
            let done = run.end(Duration::from_secs(60));
            assert_eq!(done.code, 0, "{}{}", done.text(), done.err);
        }
    }
    let heads = desk.heads();
    for chain in &chains {
        assert!(
            heads.contains(&format!("head {} {} ", chain.origin(), head_text(chain.head()))),
            "{heads}"
        );
    }
    assert_eq!(heads.lines().count(), 9, "{heads}");
}

#[test]
fn a_kill_in_the_midst_leaves_the_old_file_or_the_new_one() {
    let desk = Desk::new();
    let write = |name: &str, count: usize, second: usize| {
        let heads: BTreeSet<String> = (0..count)
            .map(|node| {
                format!(
                    "head prod/n-{node:06}/audit 7:{} 2026-11-21T08:00:{second:02}.000000Z\n",
                    "ab".repeat(32)
                )
            })
            .collect();
        let text =
            heads.into_iter().fold("auditseal/heads/v1\n".to_owned(), |text, line| text + &line);
        fs::write(desk.path(name), &text).unwrap();
        text
    };
    // Large, so that a kill meets it being written.
    let (old, new) = (write("old", 20_000, 1), write("new", 20_000, 2));
    let merging = || {
        let mut command = program();
        command.args(["trust", "merge"]).arg(desk.path("new"));
        command.arg("--into").arg(desk.path("into"));
        command
    };
    fs::write(desk.path("into"), &old).unwrap();
    let since = Instant::now();
    said(&mut merging(), 0);
    let whole = since.elapsed();
    let mut killed = 0;
    for round in 0..24_u32 {
        fs::write(desk.path("into"), &old).unwrap();
        let running = node::Running::start(&mut merging());
        std::thread::sleep(whole * round / 24);
        running.signal(rustix::process::Signal::KILL);
        killed += u32::from(running.end(Duration::from_secs(60)).code != 0);
        let text = fs::read_to_string(desk.path("into")).unwrap();
        assert!(text == old || text == new, "round {round}: {} bytes", text.len());
    }
    assert!(killed > 5, "{killed} were killed before they ended");
    // What a killed one left beside it is in nobody's way.
    said(&mut merging(), 0);
    assert_eq!(fs::read_to_string(desk.path("into")).unwrap(), new);
}

#[test]
fn shards_come_to_the_same_as_one_run() {
    let desk = Desk::new();
    let chains: Vec<Chain> = (1..20)
        .map(|node| {
            let origin = format!("prod/cp-{node:02}/audit");
            grown(begun(&origin, TestSigner::of(&origin, node)), usize::from(node) % 4)
        })
        .collect();
    let at = grown(chains[0].clone(), 5);
    desk.trusts(&chains[..18].iter().collect::<Vec<_>>());
    desk.holds(&chains.iter().map(Chain::archive).collect::<Vec<_>>());
    let text = said(&mut desk.verifying(&at, "whole", &[]), 0);
    assert!(
        text.contains("info: prod/cp-19/audit is in the store and not in the trust file: not read")
    );
    let (mut named, mut lines) = (0, 0);
    for shard in 0..4 {
        let text = said(
            &mut desk.verifying(
                &at,
                &format!("heads.{shard}"),
                &["--shard", &format!("{shard}/4")],
            ),
            0,
        );
        named += text.matches("not in the trust file").count();
        lines += text.matches("COMPLETE until=").count();
        assert!(text.contains(&format!("ALL COMPLETE shard={shard}/4 chains=")), "{text}");
    }
    assert_eq!((named, lines), (1, 18));
    let merge = |more: &[&str]| {
        let mut command = program();
        command
            .args(["trust", "merge"])
            .args((0..4).map(|shard| desk.path(&format!("heads.{shard}"))));
        command.args(more);
        command
    };
    let whole = fs::read_to_string(desk.path("whole")).unwrap();
    assert_eq!(said(&mut merge(&[]), 0), whole);
    said(&mut merge(&["--into", desk.path("into").to_str().unwrap()]), 0);
    assert_eq!(fs::read_to_string(desk.path("into")).unwrap(), whole);
    // Two shards that tell different things of one chain.
    let hash = "cd".repeat(32);
    let seq = head_text(chains[0].head()).split_once(':').unwrap().0.to_owned();
    fs::write(
        desk.path("heads.3"),
        format!(
            "auditseal/heads/v1\nhead prod/cp-01/audit {seq}:{hash} 2026-11-21T09:00:00.000000Z\n"
        ),
    )
    .unwrap();
    assert_eq!(said(&mut merge(&[]), 3).matches("\nfork prod/cp-01/audit ").count(), 2);
}

#[test]
fn the_first_trust_file_takes_nothing_from_the_store() {
    let desk = Desk::new();
    let (one, two) = (ours(), begun("prod/cp-2/audit", TestSigner::of("prod/cp-2/audit", 2)));
    desk.holds(&[one.archive(), two.archive()]);
    let key = one.current_signer().identity().to_string();
    fs::write(desk.path("cp-1.vkey"), format!("{key}\n")).unwrap();
    let init = |origins: &[&str], keys: &[&Path]| {
        let mut command = desk.command(&["trust", "init"]);
        command.args(origins.iter().flat_map(|origin| ["--origin", origin]));
        for key in keys {
            command.arg("--vkey").arg(key);
        }
        command
    };
    let file = desk.path("cp-1.vkey");
    let done = finish(&mut init(&[ORIGIN, "prod/cp-1/other"], &[&file]));
    assert_eq!(done.code, 0, "{}", done.err);
    fs::write(desk.path("trust"), done.text()).unwrap();
    let expected = format!(
        "auditseal/trust/v1\norigin {ORIGIN} static {key}\n  begin 0\n  silent-after 10m\n"
    );
    assert!(done.text().starts_with(&expected), "{}", done.text());
    for word in [
        &format!("{ORIGIN} is trusted by {key}"),
        "sha256 ",
        "the store has no object of it",
        "in the store, and not trusted: prod/cp-2/audit",
        "no lock is demanded",
    ] {
        assert!(done.err.contains(word), "{word}: {}", done.err);
    }
    let none = finish(&mut init(&[ORIGIN, "prod/cp-2/audit"], &[&file]));
    none.refused("no key that was given is for prod/cp-2/audit");
    let double = TestSigner::of(ORIGIN, 7).identity().to_string();
    finish(&mut init(&[ORIGIN], &[&file, Path::new(&double)]))
        .refused("2 keys that were given are for");
    let text = said(program().args(["trust", "show", "--trust"]).arg(desk.path("trust")), 0);
    assert!(text.contains(&format!("{ORIGIN}\n  key {key} from seq 0 on\n    sha256 ")), "{text}");
}

#[test]
fn more_chains_than_init_names_are_counted() {
    let desk = Desk::new();
    let chain = ours();
    let key = chain.current_signer().identity().to_string();
    let strange = (0..130).map(|node| {
        let folder = format!("cluster=prod/node=x-{node}/source=audit/date=1970-01-01");
        (format!("{folder}/000000000000.jsonl.zst"), Vec::new())
    });
    desk.holds(&[chain.archive(), strange.collect()]);
    let mut command = desk.command(&["trust", "init", "--origin", ORIGIN, "--vkey", &key]);
    let done = finish(&mut command);
    assert_eq!(done.err.matches("in the store, and not trusted: ").count(), 100, "{}", done.err);
    assert!(done.err.contains("… and 30 more chains in the store"), "{}", done.err);
    assert_eq!((done.code, done.text().lines().count()), (0, 4));
}

#[test]
fn a_file_larger_than_any_is_refused_unread() {
    let desk = Desk::new();
    let chain = ours();
    desk.trusts(&[&chain]);
    desk.holds(&[chain.archive()]);
    // Sparse: there is nothing on the disk.
    let large = |name: &str, size: u64| {
        fs::File::create(desk.path(name)).unwrap().set_len(size).unwrap();
    };
    large("heads", (256 << 20) + 1);
    let done = finish(&mut desk.verifying(&chain, "heads", &[]));
    done.refused("it is larger than 268435456 bytes");
    large("trust", (64 << 20) + 1);
    let done = finish(&mut desk.verifying(&chain, "none", &[]));
    done.refused("it is larger than 67108864 bytes");
}

#[test]
fn what_a_change_trusts_more_is_said() {
    let desk = Desk::new();
    let chain = ours();
    desk.trusts(&[&chain]);
    let trust = desk.path("trust");
    let accept = |words: &[&str]| {
        let mut command = program();
        command.args(["trust", "accept", "--origin", ORIGIN, "--trust"]).arg(&trust).args(words);
        command
    };
    let seal = head_text(chain.head());
    let before = fs::read_to_string(&trust).unwrap();
    let done = finish(&mut accept(&["SOURCE_GAP", &seal, "disk replaced, ticket 7"]));
    assert!(
        done.code == 0
            && done.err.contains("more trusted: prod/cp-1/audit: new: accept SOURCE_GAP"),
        "{}",
        done.err
    );
    assert_eq!(fs::read_to_string(&trust).unwrap(), before, "it isn't changed in place");
    fs::write(desk.path("next"), done.text()).unwrap();
    let diff = |one: &str, other: &str| {
        let mut command = program();
        command.args(["trust", "diff"]).arg(desk.path(one)).arg(desk.path(other));
        command
    };
    assert_eq!(said(&mut diff("trust", "trust"), 0), "");
    assert!(
        said(&mut diff("trust", "next"), 1)
            .starts_with("more trusted: prod/cp-1/audit: new: accept")
    );
    assert!(
        said(&mut diff("next", "trust"), 1)
            .starts_with("less trusted: prod/cp-1/audit: no longer there")
    );
    finish(&mut accept(&["TAMPERED", &seal, "x"])).refused("what else is wrong stays wrong");
    finish(&mut accept(&["SOURCE_GAP", "1", "x"])).refused("expected SEQ:HASH");
    finish(&mut accept(&["SOURCE_GAP", &seal])).refused("<REASON>");
    finish(&mut accept(&["SOURCE_GAP", &seal, "gr\u{fc}n"])).refused("ASCII");
    finish(&mut accept(&[])).refused("required");
}

#[test]
fn a_heads_file_that_cant_be_written_is_no_success() {
    let desk = Desk::new();
    let chain = ours();
    desk.trusts(&[&chain]);
    desk.holds(&[chain.archive()]);
    let text = said(&mut desk.verifying(&chain, "none/heads", &[]), 2);
    assert!(text.contains("error: lock heads file") && text.contains("COMPLETE until="), "{text}");
    // What would say two things of one matter is refused.
    let head = head_text(chain.head());
    for other in [["--vkey", "x+y"], ["--head", &head], ["--require-retention", "9d"]] {
        finish(desk.verifying(&chain, "heads", &[]).args(other)).refused("cannot be used with");
    }
}

/// Two chains in sixty-four parts: most have none.
#[test]
fn a_part_without_a_chain_has_a_heads_file_too() {
    let desk = Desk::new();
    let chain = ours();
    desk.trusts(&[&chain]);
    desk.holds(&[chain.archive()]);
    let name = |shard: u32| format!("heads.{shard}");
    for shard in 0..8 {
        let part = format!("{shard}/8");
        said(&mut desk.verifying(&chain, &name(shard), &["--shard", &part]), 0);
    }
    let mut merge = program();
    merge.args(["trust", "merge"]).args((0..8).map(|shard| desk.path(&name(shard))));
    let merged = said(&mut merge, 0);
    assert_eq!(merged.lines().count(), 2, "{merged}");
}

/// What is told of heads and parts counts for a trust file: with keys alone it isn't passed over.
#[test]
fn heads_and_shards_want_a_trust_file() {
    let desk = Desk::new();
    let chain = ours();
    desk.holds(&[chain.archive()]);
    let vkey = chain.current_signer().identity().to_string();
    for more in [["--heads", "heads"], ["--shard", "0/4"]] {
        let mut command = desk.command(&["verify", "--origin", ORIGIN, "--vkey", &vkey]);
        let done = finish(command.args(more));
        assert_eq!(done.code, 2, "{more:?}: {}", done.text());
        assert!(done.err.contains("cannot be used with"), "{}", done.err);
    }
}

/// Whoever reads an archive whose end was cut off is told what `verify` would say of it.
#[test]
fn cat_and_paths_say_that_a_chain_is_overdue() {
    let desk = Desk::new();
    let chain = ours();
    desk.holds(&[chain.archive()]);
    let vkey = chain.current_signer().identity().to_string();
    let key = ["--origin", ORIGIN, "--vkey", &vkey];
    for (words, code) in [(&["cat"][..], 0), (&["cat", "--strict"], 0), (&["ls", "-o", "paths"], 0)]
    {
        let done = finish(desk.command(words).args(key));
        assert_eq!(done.code, code, "{words:?}: {}", done.err);
        assert!(done.err.contains("SILENT"), "{words:?}: {}", done.err);
    }
}
