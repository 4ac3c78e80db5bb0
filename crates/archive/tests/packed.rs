//! Chains and packs that nobody thought of: by dice, as `agree.rs` does it for objects alone. What `verify` and
//! `cat` say of one must agree, and `crates/e2e/chains.sh` holds it against the second verifier.
//!
//! `AUDITSEAL_SEED` and `AUDITSEAL_ARCHIVES` say which, `AUDITSEAL_VECTORS` the folder to write to.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::PathBuf;

use auditseal_chain::Finding;
use auditseal_format::seal::Word;
use auditseal_format::{ObjectKey, hash};
use auditseal_vectors::packs::{TestPack, attest_finding};
use auditseal_vectors::{Archive, Chain, Lost, Piece, TestSigner, Vector, events, head_text};
use common::{Dice, estate, source_of, spelled};

const DAY: i64 = 86_400;
const VERDICTS: [&str; 4] = ["HIDDEN", "SHADOWED", "MALFORMED", "CURSED"];

fn auditor() -> TestSigner {
    TestSigner::named("auditor.example", 200)
}

/// Goes on with a history, honestly.
fn go_on(dice: &mut Dice, chain: &mut Chain, steps: usize) {
    for _ in 0..steps {
        let next = chain.batches().count() as u64 * 4;
        match dice.roll(10) {
            0 | 1 => drop(chain.heartbeat().clone()),
            2 | 3 => drop(chain.wait(DAY).heartbeat().clone()),
            4 if dice.one_in(3) => drop(chain.reanchor("state-lost").clone()),
            5 if dice.one_in(3) => {
                chain.edit(|seal| seal.reason = Word::new("stalled")).heartbeat();
            }
            6 if dice.one_in(4) && next > 4 => drop(chain.gap(&[Lost::unknown(None)]).clone()),
            7 => drop(chain.squat(b"garbage").heartbeat().clone()),
            _ => {
                let mut pieces = vec![Piece::new("a", events(next..next + 2))];
                if dice.one_in(2) {
                    pieces.push(Piece::new("b", events(next + 2..next + 3)));
                }
                chain.batch(&pieces);
            }
        }
    }
}

/// Two histories that have their beginning in common.
fn histories(dice: &mut Dice) -> [Chain; 2] {
    let mut ours = Chain::new("c/n/s", TestSigner::new(1));
    ours.promise(1_000_000).genesis();
    let steps = 2 + dice.roll(6);
    go_on(dice, &mut ours, steps);
    let mut fork = ours.clone();
    fork.wait(1);
    go_on(dice, &mut fork, 3);
    let steps = 1 + dice.roll(6);
    go_on(dice, &mut ours, steps);
    [ours, fork]
}

/// Consecutive objects of one date.
fn span(dice: &mut Dice, chain: &Chain) -> Option<(usize, usize)> {
    let count = chain.batches().count();
    let first = 1 + dice.roll(count - 1);
    let date = |seq: usize| ObjectKey::parse(&chain.key(seq)).unwrap().date;
    let most = (first..count).take_while(|seq| date(*seq) == date(first)).last()?;
    Some((first, first + dice.roll(most - first + 1)))
}

/// The packs of a chain as they should be, and some others.
fn packed(dice: &mut Dice, from: &[Chain; 2]) -> Archive {
    let mut root = Archive::new();
    let mut packs = TestPack::all(&from[0]);
    packs.retain(|_| !dice.one_in(6));
    for _ in 0..dice.roll(3) {
        let chain = if dice.one_in(5) { &from[1] } else { &from[0] };
        packs.extend(span(dice, chain).map(|(first, last)| TestPack::of(chain, first..=last)));
    }
    for pack in packs {
        let pack = if dice.one_in(3) { spoiled(dice, pack, &from[0]) } else { pack };
        if !dice.one_in(12) {
            root.insert(pack.key(), pack.bytes.clone());
        }
        let by = if dice.one_in(20) { TestSigner::named("auditor.example", 7) } else { auditor() };
        let (key, note) = pack.signed_as(&by, str::to_owned);
        root.insert(key, note);
    }
    for _ in 0..dice.roll(2) {
        damage(dice, &mut root);
    }
    root
}

/// Something about a pack isn't so, or was found.
fn spoiled(dice: &mut Dice, pack: TestPack, chain: &Chain) -> TestPack {
    let (first, objects) = (pack.attestation.first, pack.texts.len());
    let nth = dice.roll(objects);
    match dice.roll(8) {
        0 => pack.edited(|texts, _| {
            let at = dice.roll(texts[nth].len());
            texts[nth][at] ^= 1 << dice.roll(8);
        }),
        1 => pack.edited(|texts, attestation| {
            let other = dice.roll(objects);
            texts.swap(nth, other);
            if dice.one_in(2) {
                attestation.batches.swap(nth, other);
            }
        }),
        2 => pack.attesting(|attestation| attestation.head = hash(b"another")),
        3 => pack.attesting(|attestation| attestation.prev = hash(b"another")),
        4 => pack.attesting(|attestation| attestation.generation = 1),
        5 => {
            let text = pack.texts.concat();
            let last = pack.attestation.last_seal() as usize;
            let mut bytes = auditseal_vectors::packs::frame(&text, last);
            let at = dice.roll(bytes.len());
            bytes[at] ^= 1 << dice.roll(8);
            pack.with_bytes(bytes)
        }
        _ => pack.attesting(|attestation| {
            let verdict = *dice.pick(&VERDICTS);
            let seq = first + nth as u64;
            let known = (seq as usize) < chain.batches().count() && dice.one_in(2);
            attest_finding(attestation, verdict, seq, known.then_some(chain));
            attestation.attested = attestation.attested.saturating_add(dice.roll(2) as i64);
        }),
    }
}

/// Something happens to what is stored.
fn damage(dice: &mut Dice, store: &mut Archive) {
    let keys: Vec<String> = store.keys().cloned().collect();
    if keys.is_empty() {
        return;
    }
    let (key, other) = (dice.pick(&keys).clone(), dice.pick(&keys).clone());
    let bytes = store.get_mut(&key).unwrap();
    match dice.roll(5) {
        0 => drop(store.remove(&key)),
        1 => bytes.truncate(dice.roll(bytes.len() + 1)),
        2 => drop(store.insert(key, b"garbage".to_vec())),
        3 => {
            let moved = bytes.clone();
            store.insert(other, moved);
        }
        _ => {
            let at = dice.roll(bytes.len().max(1));
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << dice.roll(8);
            }
        }
    }
}

/// An archive, its packs, and what its reader is told.
fn archive(seed: u64) -> Vector {
    let mut dice = Dice::new(seed ^ 0x7061_636b);
    let dice = &mut dice;
    let from = histories(dice);
    let [ours, fork] = &from;
    let count = ours.batches().count();
    let mut vector = Vector::new(&format!("packs-{seed:06}"), "made by dice", ours);
    let gone = dice.roll(4);
    for seq in 1..count {
        if dice.roll(4) < gone {
            vector.objects.remove(&ours.key(seq));
        }
    }
    if dice.one_in(8) {
        let seq = dice.roll(fork.batches().count());
        vector.objects.insert(fork.key(seq), fork.get(seq).bytes.clone());
    }
    if dice.one_in(3) {
        damage(dice, &mut vector.objects);
    }
    let mut lines = format!("origin c/n/s static {}\n", ours.current_signer().identity());
    let begin = if dice.one_in(4) { dice.roll(count) } else { 0 };
    let seal = if begin == 0 { "0".to_owned() } else { head_text(ours.get(begin)) };
    lines += &format!("  begin {seal}\n  silent-after 366d\n");
    for seq in begin..count {
        for verdict in ["FORK", "HIDDEN", "SHADOWED", "SOURCE_GAP", "STALLED"] {
            if dice.one_in(12) {
                lines += &format!("  accept {verdict} {} \"seen\"\n", head_text(ours.get(seq)));
            }
        }
    }
    lines +=
        &format!("auditor {} {}", if dice.one_in(20) { "d" } else { "c" }, auditor().identity());
    let packs = packed(dice, &from);
    vector.policy(&lines).packs(packs)
}

/// What `verify` finds, as a vector says it; and whether `cat` gives what that allows.
async fn judged(mut vector: Vector) -> Vector {
    let report = estate(&vector).await.unwrap();
    vector.exit = report.exit_code();
    let [origin] = report.origins.as_slice() else { panic!("one chain") };
    let chain = &origin.chain;
    assert_eq!(chain.errors, Vec::<String>::new(), "{}", vector.name);
    vector.findings = spelled(&chain.findings);
    let infos: Vec<Finding> = [chain.information.clone(), report.unexpected.clone()].concat();
    vector.infos = spelled(&infos);
    if vector.exit == 0 {
        vector.until = chain.complete_until.into_iter().collect();
    }
    if vector.exit == 0 && vector.trust.iter().any(|line| line == "  begin 0") {
        let given = source_of(&vector).await;
        vector.restored = Some(given.unwrap_or_else(|why| panic!("{}: {why}", vector.name)));
    }
    vector
}

fn setting(name: &str, without: u64) -> u64 {
    std::env::var(name).ok().map_or(without, |told| told.parse().unwrap())
}

#[tokio::test]
async fn whatever_packs_hold_they_are_judged_one_way() {
    let (first, count) = (setting("AUDITSEAL_SEED", 1), setting("AUDITSEAL_ARCHIVES", 200));
    let folder = std::env::var_os("AUDITSEAL_VECTORS").map(PathBuf::from);
    let mut seen = [0_u64; 4];
    for seed in first..first + count {
        let vector = judged(archive(seed)).await;
        seen[usize::from(vector.exit)] += 1;
        if let Some(folder) = &folder {
            let path = folder.join(format!("{}.txt", vector.name));
            std::fs::write(path, vector.to_string()).unwrap();
        }
    }
    // Dice that make only broken packs, or only sound ones, would show nothing.
    assert!(count < 100 || (seen[0] > count / 20 && seen[1] > count / 5), "exits: {seen:?}");
}
