//! Packs beside an archive and in its place, and what is wrong with them: FORMAT.md, *Packs*.

use auditseal_format::Time;
use auditseal_format::packs::PartSize;

use super::{LOG, ORIGIN, small, stranger};
use crate::packs::{TestPack, attest_finding, frame, packs_of, text_of};
use crate::{Archive, Chain, Lost, Piece, TestSigner, Vector, events, head_text, raw_block};

const DAY: i64 = 86_400;

pub(super) fn cases() -> Vec<Vector> {
    [good(), broken(), texts(), frames(), beside(), found(), taken(), instead(), begins(), known()]
        .concat()
}

pub(super) fn auditor() -> TestSigner {
    TestSigner::named("auditor.example", 200)
}

/// Nine objects: the genesis, then packs of 1–4 and 5–7, then one that no pack has.
pub(super) fn packable() -> Chain {
    let mut chain = small();
    chain.batch(&[Piece::new(LOG, events(2..5)).last(), Piece::new("audit-2.log", events(5..6))]);
    chain.heartbeat();
    chain.wait(DAY);
    chain.batch(&[Piece::new("audit-2.log", events(6..9))]);
    chain.heartbeat();
    chain.batch(&[Piece::new("audit-2.log", b"torn".to_vec())]);
    chain.wait(DAY);
    chain.heartbeat();
    chain.heartbeat();
    chain
}

/// A trust file's lines: read from there on, and these lines behind; with this auditor.
fn trusting(chain: &Chain, begin: &str, rest: &[&str], cluster: &str) -> String {
    let (origin, key) = (chain.origin(), chain.current_signer().identity());
    let mut lines = format!("origin {origin} static {key}\n  begin {begin}\n  silent-after 10m\n");
    rest.iter().for_each(|line| lines.push_str(&format!("  {line}\n")));
    lines + &format!("auditor {cluster} {}\n", auditor().identity())
}

/// The chain and the packs, for somebody who trusts the auditor.
fn vector(name: &str, about: &str, chain: &Chain, packs: Archive) -> Vector {
    let policy = trusting(chain, "0", &[], "c");
    Vector::new(&format!("pack-{name}"), about, chain).policy(&policy).packs(packs)
}

/// Whose objects of these seqs are gone.
fn gone(vector: Vector, chain: &Chain, seqs: impl IntoIterator<Item = usize>) -> Vector {
    let mut objects = vector.objects.clone();
    for seq in seqs {
        objects.remove(&chain.key(seq)).expect("an object");
    }
    vector.objects(objects)
}

/// Findings of one verdict about each of these seqs.
pub(super) fn each(vector: Vector, verdict: &str, seqs: impl IntoIterator<Item = u64>) -> Vector {
    seqs.into_iter()
        .fold(vector, |vector, seq| vector.finding(&format!("{verdict} {ORIGIN} {seq}")))
}

/// It is all there, and gives the source back.
fn whole(vector: Vector, chain: &Chain) -> Vector {
    vector.complete(chain.head().seal.sealed).restores(&chain.restored())
}

/// The first pack of [`packable`], and the root with the other one.
pub(super) fn first_of() -> (Chain, TestPack, Archive) {
    let chain = packable();
    let mut packs = TestPack::all(&chain);
    let first = packs.remove(0);
    (chain, first, packs_of(&packs, &auditor()))
}

fn good() -> Vec<Vector> {
    let chain = packable();
    let packs = TestPack::all(&chain);
    assert_eq!(packs.iter().map(|pack| pack.attestation.objects()).collect::<Vec<_>>(), [4, 3]);
    let root = packs_of(&packs, &auditor());
    let case = |name: &str, about: &str, seqs: &[usize]| {
        let vector = vector(name, about, &chain, root.clone());
        whole(gone(vector, &chain, seqs.iter().copied()), &chain)
    };
    let beside = case("beside", "packs, and all objects beside them", &[]);
    let alone = case("alone", "packs, and what they hold is gone", &[1, 2, 3, 4, 5, 6, 7]);
    let some = case("some-gone", "packs, and some of what they hold is gone", &[2, 3, 7]);
    let raw = packs.iter().map(|pack| pack.clone().edited(|_, _| {})).collect::<Vec<_>>();
    let raw = vector("raw", "packs of raw blocks", &chain, packs_of(&raw, &auditor()));
    let raw = whole(gone(raw, &chain, 1..8), &chain);
    let mut forged = small();
    let seal = text_of(forged.head()).split_off(usize_of(forged.head().seal.payload.bytes));
    let lines = [events(2..3), seal.repeat(3), events(3..4), seal].concat();
    forged.batch(&[Piece::new(LOG, lines)]);
    forged.wait(DAY);
    forged.heartbeat();
    forged.heartbeat();
    let root = packs_of(&TestPack::all(&forged), &auditor());
    let forged_gone = vector("line-like-a-seal", "lines that are a seal line", &forged, root);
    let forged_gone = whole(gone(forged_gone, &forged, 1..4), &forged);
    vec![beside, alone, some, raw, forged_gone]
}

fn usize_of(number: u64) -> usize {
    usize::try_from(number).expect("small")
}

/// A case in which the first pack isn't used, where its objects are there and where they are gone.
fn unused(name: &str, about: &str, verdict: Option<&str>, root: &Archive) -> Vec<Vector> {
    let chain = packable();
    let there = vector(&format!("{name}-beside"), about, &chain, root.clone());
    let lost = gone(vector(name, about, &chain, root.clone()), &chain, 1..8);
    let lost = each(lost, "MISSING", 1..5);
    match verdict {
        Some(verdict) => vec![each(there, verdict, 1..5), each(lost, verdict, 1..5)],
        None => vec![whole(there, &chain), lost],
    }
}

fn broken() -> Vec<Vector> {
    let (_, first, mut root) = first_of();
    first.attest(&auditor(), &mut root);
    let absent = unused("absent", "a pack isn't there", Some("MISSING"), &root);
    let with = |bytes: Vec<u8>| {
        let mut root = root.clone();
        root.insert(first.key(), bytes);
        root
    };
    let mut flipped = first.bytes.clone();
    flipped[100] ^= 1;
    let flipped = unused("changed", "a bit of a pack", Some("TAMPERED"), &with(flipped));
    let half = first.bytes[..first.bytes.len() / 2].to_vec();
    let half = unused("half", "half of a pack", Some("TAMPERED"), &with(half));
    let longer = [first.bytes.clone(), b"\n".to_vec()].concat();
    let longer = unused("longer", "a byte behind a pack", Some("TAMPERED"), &with(longer));
    let (_, first, mut root) = first_of();
    root.insert(first.key(), first.bytes.clone());
    let unattested = unused("unattested", "nobody attests a pack", None, &root);
    let (_, first, mut root) = first_of();
    root.insert(first.key(), b"squatted".to_vec());
    let squatted = first.attesting(|attestation| attestation.generation = 1);
    let key = squatted.key();
    squatted.put(&auditor(), &mut root);
    assert!(root.contains_key(&key));
    let chain = packable();
    let squatted = vector("generation-1", "the key of a pack was taken", &chain, root.clone());
    let squatted = whole(gone(squatted, &chain, 1..8), &chain);
    let bytes = root.remove(&key).expect("the pack");
    root.insert(first_of().1.key(), bytes);
    let elsewhere =
        unused("other-generation", "it stands at another generation", Some("MISSING"), &root);
    [absent, flipped, half, longer, unattested, vec![squatted], elsewhere].concat()
}

/// A pack of another text, rightly attested: it counts up to the first object that isn't as it should be.
fn texts() -> Vec<Vector> {
    type Edit = fn(&mut Vec<Vec<u8>>, &mut auditseal_format::packs::Attestation);
    let case = |name: &str, about: &str, from: u64, edit: Edit| {
        let (chain, first, mut root) = first_of();
        first.edited(edit).put(&auditor(), &mut root);
        let there = vector(&format!("{name}-beside"), about, &chain, root.clone());
        let lost = gone(vector(name, about, &chain, root), &chain, 1..8);
        let lost = each(each(lost, "TAMPERED", 1..5), "MISSING", from..5);
        vec![each(there, "TAMPERED", 1..5), lost]
    };
    let swapped = case("two-swapped", "two batches are swapped", 2, |texts, attestation| {
        texts.swap(1, 2);
        attestation.batches.swap(1, 2);
    });
    let seal = case("seal-changed", "a digit of a seal", 3, |texts, _| {
        let at = texts[2].windows(7).position(|found| found == b"sealed ").expect("a time");
        texts[2][at + 10] ^= 1;
    });
    let unsealed = case("no-seal", "a seal line is cut short", 2, |texts, attestation| {
        let cut = texts[1].len() - 5;
        texts[1].truncate(cut);
        attestation.batches[1].seal -= 5;
    });
    let shifted = case("shifted", "a size is told of the batch before", 1, |_, attestation| {
        attestation.batches[0].seal -= 1;
        attestation.batches[1].seal += 1;
    });
    [swapped, seal, unsealed, shifted, lines(), heads()].concat()
}

/// The seals are the chain's, and the lines before them aren't.
fn lines() -> Vec<Vector> {
    type Edit = fn(&mut Vec<Vec<u8>>, &mut auditseal_format::packs::Attestation);
    let case = |name: &str, about: &str, edit: Edit| {
        let (chain, first, mut root) = first_of();
        first.edited(edit).put(&auditor(), &mut root);
        let there = vector(&format!("{name}-beside"), about, &chain, root.clone());
        let there = whole(there, &chain).info(&format!("UNEXPECTED_OBJECT {ORIGIN} 2"));
        let lost = gone(vector(name, about, &chain, root), &chain, 1..8);
        vec![there, each(lost, "TAMPERED", [2])]
    };
    let changed = case("line-changed", "a letter of a line", |texts, _| {
        texts[1][3] ^= 0x20;
    });
    let more = case("line-more", "a line more", |texts, attestation| {
        texts[1].splice(..0, *b"{}\n");
        attestation.batches[1].parts[0].bytes += 3;
        attestation.batches[1].parts[0].lines += 1;
    });
    let moved =
        case("line-of-the-next-file", "parts of two files are cut elsewhere", |_, attested| {
            let line = events(0..1).len() as u64;
            let [PartSize { bytes, lines }, second] = &mut attested.batches[1].parts[..] else {
                panic!("two files")
            };
            (*bytes, *lines) = (*bytes - line, *lines - 1);
            (second.bytes, second.lines) = (second.bytes + line, second.lines + 1);
        });
    let counted =
        case("line-not-counted", "a part has a line more than attested", |_, attested| {
            attested.batches[1].parts[0].lines -= 1;
        });
    [changed, more, moved, counted].concat()
}

/// What is attested of the ends isn't so.
fn heads() -> Vec<Vector> {
    let (chain, first, mut root) = first_of();
    let left_out = first.edited(|texts, attestation| {
        texts.remove(2);
        attestation.batches.remove(2);
        attestation.last -= 1;
    });
    left_out.put(&auditor(), &mut root);
    let about = "a batch is left out, and the seqs are told accordingly";
    let lost = gone(vector("batch-left-out", about, &chain, root), &chain, 1..8);
    let lost = each(each(lost, "TAMPERED", 1..4), "MISSING", 3..5);
    let (chain, _, mut root) = first_of();
    let mut other = Chain::new("c/n/other", TestSigner::of("c/n/other", 1));
    other.genesis();
    other.batch(&[Piece::new(LOG, events(0..2))]);
    other.heartbeat();
    let theirs = TestPack::of(&other, 1..=2)
        .attesting(|attestation| attestation.origin = chain.origin().clone());
    theirs.put(&auditor(), &mut root);
    let about = "another chain's pack is attested as this one's";
    let theirs = gone(vector("of-another-chain", about, &chain, root), &chain, 5..8);
    let theirs = each(each(theirs, "TAMPERED", 1..3), "FORK", [0, 2]).forked();
    vec![lost, theirs]
}

fn frames() -> Vec<Vector> {
    let (chain, first, root) = first_of();
    let text = first.texts.concat();
    let last = usize_of(first.attestation.last_seal().into());
    let right = frame(&text, last);
    let case = |name: &str, about: &str, from: u64, bytes: Vec<u8>| {
        let mut root = root.clone();
        first.clone().with_bytes(bytes).put(&auditor(), &mut root);
        let lost = gone(vector(&format!("frame-{name}"), about, &chain, root), &chain, 1..8);
        each(each(lost, "TAMPERED", 1..5), "MISSING", from..5)
    };
    let behind = [right.clone(), frame(b"{}\n", 3)].concat();
    let mut sized = right.clone();
    sized[6] ^= 1;
    let mut window = right.clone();
    window[5] = 16 << 3;
    let mut unended = right.clone();
    let at = right.len() - last - 3;
    unended[at] &= !1;
    let short = frame(&text[..text.len() - 1], last - 1);
    let bomb = |header: &[u8]| {
        let mut bytes = header.to_vec();
        (0..64).for_each(|_| bytes.extend(crate::rle_block(b'\n', 131_072)));
        bytes.extend(&raw_block(b"\n")[..]);
        bytes
    };
    vec![
        case("twice", "a second frame behind a pack's", 5, behind),
        case("size", "its header has another size", 1, sized),
        case("window", "its window is too large", 1, window),
        case("unended", "its last block isn't the last", 5, unended),
        case("short", "its text ends early", 1, short),
        case("bomb", "it has more text than attested", 1, bomb(&right[..14])),
    ]
}

/// Objects that stand beside a pack.
fn beside() -> Vec<Vector> {
    let chain = packable();
    let root = packs_of(&TestPack::all(&chain), &auditor());
    let with = |name: &str, about: &str, seq: usize, object: Vec<u8>| {
        let vector = vector(&format!("beside-{name}"), about, &chain, root.clone());
        let mut objects = vector.objects.clone();
        objects.insert(chain.key(seq), object);
        vector.objects(objects)
    };
    let garbage = with("garbage", "something else at an object's key", 3, b"garbage".to_vec());
    let garbage = whole(garbage, &chain).info(&format!("UNEXPECTED_OBJECT {ORIGIN} 3"));
    let mut flipped = chain.get(2).bytes.clone();
    flipped[20] ^= 1;
    let flipped = with("changed", "an object with a changed bit", 2, flipped);
    let flipped = whole(flipped, &chain).info(&format!("UNEXPECTED_OBJECT {ORIGIN} 2"));
    let moved = with("moved", "another object at an object's key", 2, chain.get(3).bytes.clone());
    let moved = whole(moved, &chain).info(&format!("UNEXPECTED_OBJECT {ORIGIN} 2"));
    let mut other = small();
    other.heartbeat();
    let second = with("fork", "another seal at a packed seq", 2, other.get(2).bytes.clone());
    let second = each(second, "FORK", [2]).forked();
    let (seal, hash) = (head_text(chain.get(2)), chain.get(2).hash);
    let policy = trusting(&chain, "0", &[&format!("accept FORK {seal} \"ticket 2\"")], "c");
    let accepted =
        with("fork-accepted", "and the packed one is accepted", 2, other.get(2).bytes.clone());
    assert_ne!(other.get(2).hash, hash);
    let accepted = accepted
        .policy(&policy)
        .complete(chain.head().seal.sealed)
        .info(&format!("FORK {ORIGIN} 2"));
    let (_, first, mut broken) = first_of();
    let swapped = first.edited(|texts, attestation| {
        texts.swap(2, 3);
        attestation.batches.swap(2, 3);
    });
    swapped.put(&auditor(), &mut broken);
    let about = "and the pack isn't as attested behind that seq";
    let late = with("fork-in-half-a-pack", about, 2, other.get(2).bytes.clone()).packs(broken);
    let late = each(each(late, "FORK", [2]), "TAMPERED", 1..5).forked();
    vec![garbage, flipped, moved, second, accepted, late]
}

/// What an auditor found of objects that are gone, and what a pack shows by itself.
fn found() -> Vec<Vector> {
    let (chain, first, root) = first_of();
    let case = |name: &str,
                about: &str,
                rest: &[&str],
                tell: &dyn Fn(&mut auditseal_format::packs::Attestation)| {
        let mut root = root.clone();
        first.clone().attesting(|attestation| tell(attestation)).put(&auditor(), &mut root);
        let policy = trusting(&chain, "0", rest, "c");
        let vector = vector(&format!("finding-{name}"), about, &chain, root).policy(&policy);
        gone(vector, &chain, 1..8)
    };
    let hidden = |attestation: &mut _| attest_finding(attestation, "HIDDEN", 2, Some(&chain));
    let told = case("told", "an object was hidden when it was packed", &[], &hidden);
    let accept = format!("accept HIDDEN {} \"ticket 7\"", head_text(chain.get(2)));
    let accepted = case("accepted", "and that is accepted", &[&accept], &hidden);
    let accepted = whole(accepted, &chain).info(&format!("HIDDEN {ORIGIN} 2"));
    let nameless = |attestation: &mut _| attest_finding(attestation, "HIDDEN", 2, None);
    let nameless = case("without-hash", "of a seq, not of a seal", &[&accept], &nameless);
    let unknown = |attestation: &mut _| attest_finding(attestation, "CURSED", 3, Some(&chain));
    let unknown = case("unknown", "a verdict that is none today", &[], &unknown);
    let run = |attestation: &mut _| {
        attest_finding(attestation, "MALFORMED", 2, None);
        attestation.found[0].through = Some(4);
    };
    let run = case("of-several", "of three seqs", &[], &run);
    let mut lost = small();
    lost.gap(&[Lost::bytes(LOG, 10)]);
    lost.wait(DAY);
    lost.edit(|seal| seal.reason = auditseal_format::seal::Word::new("stalled"));
    lost.heartbeat();
    lost.heartbeat();
    lost.heartbeat();
    let root = packs_of(&TestPack::all(&lost), &auditor());
    let shown = vector("shows-a-gap", "a gap and a stalled heartbeat in a pack", &lost, root);
    let shown = gone(shown, &lost, 1..4);
    let mut silent = packs_of(&TestPack::all(&lost), &auditor());
    silent.retain(|key, _| !key.ends_with(".note"));
    for pack in TestPack::all(&lost) {
        pack.attesting(|attestation| attestation.gaps = 0).attest(&auditor(), &mut silent);
    }
    let about = "a pack whose attestation doesn't tell that its notes do";
    let untold = gone(vector("gaps-untold", about, &lost, silent), &lost, 1..4);
    let untold = each(each(untold, "SOURCE_GAP", [2]), "STALLED", [3]);
    vec![
        each(told, "HIDDEN", [2]),
        accepted,
        each(nameless, "HIDDEN", [2]),
        each(unknown, "UNEXPECTED_OBJECT", [3]),
        each(run, "MALFORMED", 2..5),
        each(each(shown, "SOURCE_GAP", [2]), "STALLED", [3]),
        each(untold, "WRONG_TIMES", 1..4),
    ]
}

/// Several attestations of one seq.
fn taken() -> Vec<Vector> {
    let (chain, first, root) = first_of();
    let case = |name: &str, about: &str, root: Archive| {
        gone(vector(name, about, &chain, root), &chain, 1..8)
    };
    let of = |first: usize, last: usize| TestPack::of(&chain, first..=last);
    let mut longer = root.clone();
    first.put(&auditor(), &mut longer);
    of(1, 2).attest(&auditor(), &mut longer);
    let longer = case("longer-is-taken", "the shorter of two packs isn't there", longer);
    let mut crossing = packs_of(&[of(1, 2), of(2, 4)], &auditor());
    crossing.extend(root.clone());
    let crossing = case("crossing", "two packs that have a seq in common", crossing);
    let mut newer = root.clone();
    first.put(&auditor(), &mut newer);
    let later = first.attestation.attested.saturating_add(1_000_000);
    let renewed = first.clone().attesting(|attestation| {
        attestation.attested = later;
        attest_finding(attestation, "SHADOWED", 1, Some(&chain));
    });
    renewed.attest(&auditor(), &mut newer);
    let newer = case("newest-is-taken", "the newer attestation has a finding", newer);
    let mut older = root.clone();
    let early = first.clone().attesting(|attestation| {
        attestation.attested = Time::EPOCH;
        attest_finding(attestation, "SHADOWED", 1, Some(&chain));
    });
    early.attest(&auditor(), &mut older);
    first.put(&auditor(), &mut older);
    let older = case("older-is-not-taken", "the older attestation has one", older);
    let mut apart = root.clone();
    first.put(&auditor(), &mut apart);
    let aside = first.clone().attesting(|attestation| {
        attestation.head = auditseal_format::hash(b"another note");
        attestation.attested = Time::EPOCH;
    });
    aside.put(&auditor(), &mut apart);
    let apart = case("apart", "two attestations name different heads", apart);
    vec![
        whole(longer, &chain),
        whole(crossing, &chain),
        each(newer, "SHADOWED", [1]),
        whole(older, &chain),
        each(apart, "FORK", [4]).forked(),
    ]
}

/// A wide pack isn't there, or isn't as attested, and others hold what it should.
fn instead() -> Vec<Vector> {
    let (chain, wide, root) = first_of();
    let of = |first: usize, last: usize| TestPack::of(&chain, first..=last);
    let case = |name: &str, about: &str, root: &Archive| {
        gone(vector(&format!("instead-{name}"), about, &chain, root.clone()), &chain, 1..8)
    };
    let with = |packs: &[TestPack]| {
        let mut root = root.clone();
        root.extend(packs_of(packs, &auditor()));
        root
    };
    let narrow = with(&[of(1, 2), of(3, 4)]);
    let lost = |mut root: Archive| {
        wide.attest(&auditor(), &mut root);
        root
    };
    let holding = |mut root: Archive, bytes: Vec<u8>| {
        root.insert(wide.key(), bytes);
        root
    };
    let all = case("lost", "a pack is lost, and two hold what it held", &lost(narrow.clone()));
    let half = wide.bytes[..wide.bytes.len() / 2].to_vec();
    let about = "half of a pack is left, and two hold what it held";
    let half = case("half", about, &holding(lost(narrow.clone()), half));
    let across = with(&[of(2, 3)]);
    let about = "a pack is lost, and one holds the midst of what it held";
    let some = case("lost-but-some", about, &lost(across.clone()));
    let beside = vector("instead-lost-but-some-beside", about, &chain, lost(across));
    let mut flipped = wide.bytes.clone();
    flipped[100] ^= 1;
    let about = "a bit of a pack, and two others hold what it held";
    let changed = case("changed", about, &holding(lost(narrow.clone()), flipped));
    let mut late = narrow.clone();
    wide.clone()
        .edited(|texts, attestation| {
            texts.swap(2, 3);
            attestation.batches.swap(2, 3);
        })
        .put(&auditor(), &mut late);
    let about = "a pack isn't as attested from its third object on, and others hold that";
    let late = case("from-the-midst", about, &late);
    let mut twice = narrow;
    for pack in [wide, of(2, 4)] {
        pack.with_bytes(b"not a frame".to_vec()).put(&auditor(), &mut twice);
    }
    let twice = case("twice", "two packs aren't as attested, and two others are", &twice);
    let found = |attestation: &mut _| attest_finding(attestation, "HIDDEN", 5, Some(&chain));
    let mut both = with(&[of(5, 6).attesting(found), of(7, 7)]);
    let last = of(5, 7);
    let mut bytes = last.bytes.clone();
    bytes[100] ^= 1;
    last.attest(&auditor(), &mut both);
    both.insert(last.key(), bytes);
    first_of().1.put(&auditor(), &mut both);
    let about = "what an auditor found is told of the pack that is read instead";
    let told = case("finding", about, &both);
    vec![
        whole(all, &chain),
        whole(half, &chain),
        each(some, "MISSING", 1..5),
        each(beside, "MISSING", 1..5),
        each(changed, "TAMPERED", 1..5),
        each(late, "TAMPERED", 1..5),
        each(twice, "TAMPERED", 1..5),
        each(each(told, "TAMPERED", 5..8), "HIDDEN", [5]),
    ]
}

/// Reading begins at a seal.
fn begins() -> Vec<Vector> {
    let chain = packable();
    let root = packs_of(&TestPack::all(&chain), &auditor());
    let from = |seq: usize, name: &str, about: &str| {
        let policy = trusting(&chain, &head_text(chain.get(seq)), &[], "c");
        let vector = vector(name, about, &chain, root.clone()).policy(&policy);
        let from = gone(vector, &chain, 0..8);
        from.complete(chain.head().seal.sealed)
    };
    let border = from(5, "begin", "reading begins with a pack");
    let midst = from(3, "begin-inside", "reading begins in the midst of a pack");
    let policy = trusting(&chain, &head_text(chain.get(5)), &[], "c");
    let policy = policy.replace("  silent", "  retention 400d compliance\n  silent");
    let kept = vector(
        "begin-kept",
        "what stands before is in a pack, but for the genesis",
        &chain,
        root.clone(),
    );
    let kept = each(gone(kept.policy(&policy), &chain, 0..8), "MISSING", [0]);
    vec![border, midst, kept]
}

/// What attestations name is known.
fn known() -> Vec<Vector> {
    let (chain, first, mut root) = first_of();
    first.attest(&auditor(), &mut root);
    root.retain(|key, _| key.starts_with('_'));
    let about = "packs and objects are gone, and attestations tell that they were";
    let all = gone(vector("all-gone", about, &chain, root), &chain, 1..9);
    let all = each(each(each(all, "MISSING", 1..8), "TRUNCATED", [1]), "SILENT", [0]);
    let mut other = Chain::new(ORIGIN, stranger());
    other.genesis();
    other.batch(&[Piece::new(LOG, events(0..2))]);
    other.heartbeat();
    other.heartbeat();
    let wrong = TestPack::of(&other, 1..=3);
    let mut root = first_of().2;
    wrong.put(&auditor(), &mut root);
    let about = "a pack of what another key signed, and an auditor attests it";
    let wrong = each(vector("of-a-stranger", about, &chain, root), "FORK", [0, 3]).forked();
    let wrong =
        (1..4).fold(wrong, |wrong, seq| wrong.info(&format!("UNEXPECTED_OBJECT {ORIGIN} {seq}")));
    vec![all, wrong]
}
