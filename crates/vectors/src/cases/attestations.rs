//! Attestations that don't count: by whom, where, and of which shape. FORMAT.md, *Attestation*.

use auditseal_format::packs::Blob;

use super::packs::{auditor, each, first_of};
use crate::text::{add_after, remove, repeat, set, substitute, swap, value};
use crate::{Archive, TestSigner, Vector};

pub(super) fn cases() -> Vec<Vector> {
    [whose(), places(), shapes(), values(), sizes(), findings(), fine()].concat()
}

/// The first pack's objects are gone, and this is what is attested of it, at that key.
fn attested(name: &str, about: &str, attestation: (String, Vec<u8>)) -> Vector {
    let (chain, first, mut root) = first_of();
    root.insert(first.key(), first.bytes);
    root.insert(attestation.0, attestation.1);
    lost(&format!("attestation-{name}"), about, &chain, root)
}

/// An archive of which only the packs have seqs 1–7.
fn lost(name: &str, about: &str, chain: &crate::Chain, root: Archive) -> Vector {
    let key = chain.current_signer().identity();
    let policy = format!(
        "origin {} static {key}\n  begin 0\n  silent-after 10m\nauditor c {}\n",
        chain.origin(),
        auditor().identity()
    );
    let vector = Vector::new(name, about, chain).policy(&policy).packs(root);
    let mut objects = chain.archive();
    (1..8).for_each(|seq| drop(objects.remove(&chain.key(seq))));
    vector.objects(objects)
}

/// It doesn't count: the pack is as good as not there.
fn void(name: &str, about: &str, attestation: (String, Vec<u8>)) -> Vector {
    each(attested(name, about, attestation), "MISSING", 1..5)
}

fn whose() -> Vec<Vector> {
    let (chain, first, mut root) = first_of();
    let impostor = TestSigner::named("auditor.example", 201);
    let signed = |by: &TestSigner| first.signed_as(by, str::to_owned);
    first.put(&auditor(), &mut root);
    let elsewhere = lost("attestation-of-another-clusters-auditor", "", &chain, root);
    let trust = elsewhere.trust.iter().map(|line| line.replace("auditor c ", "auditor d "));
    let elsewhere = Vector {
        about: "the auditor is another cluster's".to_owned(),
        trust: trust.collect(),
        ..elsewhere
    };
    let (_, mut flipped) = signed(&auditor());
    let last = flipped.len() - 10;
    flipped[last] = if flipped[last] == b'A' { b'B' } else { b'A' };
    let flipped = (first.name().attestation(&flipped), flipped);
    let text =
        first.signed_as(&auditor(), |text| set(text, "key", &impostor.identity().to_string()));
    vec![
        each(elsewhere, "MISSING", 1..8),
        void("of-a-stranger", "a stranger's, with the auditor's name", signed(&impostor)),
        void("signature", "its signature is of something else", flipped),
        void("other-key", "it names another key than it is signed with", text),
    ]
}

fn places() -> Vec<Vector> {
    let (_, first, _) = first_of();
    let (key, note) = first.signed_as(&auditor(), str::to_owned);
    let at = |key: String| (key, note.clone());
    let own = &key[key.len() - 21..key.len() - 5];
    let edited = |from: &str, to: &str| at(substitute(&key, from, to));
    vec![
        void("at-another-hash", "its key names other bytes", edited(own, "0123456789abcdef")),
        void("at-another-date", "its key has another date", edited("-21/", "-22/")),
        void("at-another-seq", "its key has another seq", edited("0000001-", "0000002-")),
        void("at-another-name", "its key ends otherwise", edited(".note", ".txt")),
        void("in-another-folder", "it stands among the packs", edited("_attestations/", "")),
    ]
}

/// An attestation by the auditor with another text, where it would count.
fn spelled(name: &str, about: &str, edit: impl FnOnce(&str) -> String) -> Vector {
    let (_, first, _) = first_of();
    void(name, about, first.signed_as(&auditor(), edit))
}

fn shapes() -> Vec<Vector> {
    let mut all: Vec<_> = [
        "origin", "key", "objects", "date", "prev", "head", "pack", "text", "index", "times",
        "untimed", "gaps", "first", "last", "sealed", "lock", "judged", "attested", "batch",
        "findings",
    ]
    .iter()
    .flat_map(|keyword| {
        [
            spelled(&format!("no-{keyword}"), "a line is left out", |text| remove(text, keyword)),
            spelled(&format!("two-{keyword}"), "a line stands twice", |text| repeat(text, keyword)),
        ]
    })
    .collect();
    all.extend([
        spelled("order", "two lines are swapped", |text| swap(text, "judged", "attested")),
        spelled("version", "another version", |text| {
            substitute(text, "attestation/v1", "attestation/v2")
        }),
        spelled("line-more", "a line more", |text| format!("{text}remark none\n")),
        spelled("line-unknown", "a line that isn't known", |text| {
            add_after(text, "attested", "witness none\n")
        }),
        spelled("space", "two spaces", |text| substitute(text, "lock ", "lock  ")),
        spelled("space-last", "a space behind a line", |text| {
            substitute(text, "lock none", "lock none ")
        }),
        spelled("crlf", "a carriage return", |text| {
            substitute(text, "lock none\n", "lock none\r\n")
        }),
        spelled("mark", "a byte order mark", |text| format!("\u{feff}{text}")),
        spelled("empty-line", "an empty line", |text| add_after(text, "lock", "\n")),
    ]);
    all
}

fn values() -> Vec<Vector> {
    let edit = |name: &str, keyword: &'static str, to: &'static str| {
        spelled(name, &format!("{keyword} {to}"), move |text| set(text, keyword, to))
    };
    let with = |name: &str, keyword: &'static str, from: &'static str, to: &'static str| {
        let about = format!("{keyword} with {to:?} for {from:?}");
        spelled(name, &about, move |text| {
            let said = value(text, keyword);
            set(text, keyword, &substitute(&said, from, to))
        })
    };
    vec![
        edit("objects-padded", "objects", "01 4"),
        edit("objects-from-0", "objects", "0 3"),
        edit("objects-backwards", "objects", "4 1"),
        edit("objects-one", "objects", "1"),
        edit("objects-three", "objects", "1 4 4"),
        edit("date-none", "date", "2026-02-30"),
        edit("date-short", "date", "2026-11-1"),
        edit("prev-none", "prev", "-"),
        edit("head-short", "head", "00"),
        with("generation-padded", "pack", " 0", " 00"),
        with("generation-100", "pack", " 0", " 100"),
        with("generation-none", "pack", " 0", ""),
        edit("text-padded", "text", "07000"),
        edit("index-empty", "index", "- 0"),
        edit(
            "index-no-size",
            "index",
            "0000000000000000000000000000000000000000000000000000000000000000",
        ),
        edit("times-unknown", "times", "some"),
        edit("times-stage", "times", "json:stageTimestamp"),
        edit("untimed-more", "untimed", "10"),
        edit("untimed-all", "untimed", "9"),
        edit("gaps-none", "gaps", "-"),
        edit("gaps-padded", "gaps", "00"),
        edit("gaps-more", "gaps", "5"),
        edit("first-none", "first", "-"),
        edit("first-late", "first", "2099-01-01T00:00:00.000000Z"),
        edit("last-short", "last", "2026-11-21T08:00:00Z"),
        edit("sealed-one", "sealed", "2026-11-21T08:00:05.000000Z"),
        edit("lock-unknown", "lock", "legal-hold"),
        edit("lock-no-time", "lock", "compliance"),
        edit("lock-none-until", "lock", "none 2099-01-01T00:00:00.000000Z"),
        edit("judged-none", "judged", "-"),
        edit("attested-no-day", "attested", "2026-11-31T00:00:00.000000Z"),
    ]
}

fn sizes() -> Vec<Vector> {
    let batch = |name: &str, about: &str, edit: fn(&str) -> String| {
        spelled(name, about, move |text| set(text, "batch", &edit(&value(text, "batch"))))
    };
    vec![
        batch("sizes-less", "sizes that don't add up", |said| {
            let (seal, parts) = said.split_once(' ').expect("a part");
            format!("{} {parts}", seal.parse::<u64>().expect("a number") - 1)
        }),
        batch("sizes-padded", "a size with a zero before", |said| format!("0{said}")),
        batch("sizes-no-lines", "a part without its lines", |said| {
            said.split('/').next().expect("a part").to_owned()
        }),
        batch("sizes-three", "a part of three numbers", |said| format!("{said}/1")),
        batch("sizes-empty-part", "a part of nothing", |said| format!("{said} 0/0")),
        batch("sizes-lines", "more lines than bytes", |said| {
            let (before, _) = said.split_once('/').expect("a part");
            format!("{before}/99999")
        }),
        batch("sizes-space", "a space at the end", |said| format!("{said} ")),
        batch("sizes-no-seal", "a seal of nothing", |said| {
            let (seal, part) = said.split_once(' ').expect("a part");
            let (bytes, lines) = part.split_once('/').expect("lines");
            let number = |text: &str| text.parse::<u64>().expect("a number");
            format!("0 {}/{lines}", number(seal) + number(bytes))
        }),
    ]
}

/// A finding with so long a detail.
fn long(text: &str, characters: usize) -> String {
    format!("{}finding HIDDEN 1 {}\n", set(text, "findings", "1"), "x".repeat(characters))
}

fn findings() -> Vec<Vector> {
    let told = |name: &str, about: &str, line: &'static str| {
        spelled(&format!("finding-{name}"), about, move |text| {
            let text = set(text, "findings", "1");
            format!("{text}finding {line}\n")
        })
    };
    vec![
        spelled("findings-untold", "a finding that isn't told", |text| set(text, "findings", "1")),
        spelled("findings-more-told", "one that isn't counted", |text| {
            format!("{text}finding HIDDEN 1 seen\n")
        }),
        told("before", "of a seq before the pack", "HIDDEN 0 seen"),
        told("behind", "of a seq behind the pack", "HIDDEN 5 seen"),
        told("out", "of seqs that reach behind the pack", "HIDDEN 2-5 seen"),
        told("backwards", "of seqs in no order", "HIDDEN 3-2 seen"),
        told("run-of-one", "of a run of one", "HIDDEN 2-2 seen"),
        told("padded", "of a seq with a zero before", "HIDDEN 02 seen"),
        told("hash", "of half a hash", "HIDDEN 2:00 seen"),
        told("no-detail", "without a detail", "HIDDEN 2"),
        told("empty", "with an empty detail", "HIDDEN 2 "),
        told("space-first", "with a space before the detail", "HIDDEN 2  seen"),
        told("space-last", "with a space behind it", "HIDDEN 2 seen "),
        told("not-ascii", "in letters of all the world", "HIDDEN 2 gesehen für wahr"),
        told("lower-case", "its verdict in small letters", "hidden 2 seen"),
        spelled("finding-long", "with a detail of 1,001 characters", |text| long(text, 1001)),
        told("long-verdict", "a verdict of 33 letters", "HIDDENHIDDENHIDDENHIDDENHIDDENHID 2 seen"),
    ]
}

/// Those that count, with values that stand in no other vector.
fn fine() -> Vec<Vector> {
    let (chain, first, _) = first_of();
    let until = chain.head().seal.sealed;
    let right = |name: &str, about: &str, edit: &dyn Fn(&str) -> String| {
        attested(name, about, first.signed_as(&auditor(), edit))
            .complete(until)
            .restores(&chain.restored())
    };
    let longest = first.signed_as(&auditor(), |text| long(text, 1000));
    let longest = attested("finding-longest", "with a detail of 1,000 characters", longest);
    let index = Blob::of(&first.index());
    let index = format!("{} {}", index.hash, index.size);
    vec![
        right("plain", "an attestation", &str::to_owned),
        right("index", "an index that isn't there", &|text| set(text, "index", &index)),
        right("locked", "a lock", &|text| {
            set(text, "lock", "compliance 2099-01-01T00:00:00.000000Z")
        }),
        right("undisclosed", "a lock of which nothing is said", &|text| {
            set(text, "lock", "undisclosed")
        }),
        each(longest, "HIDDEN", [1]),
    ]
}
