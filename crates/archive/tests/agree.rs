//! Archives that nobody thought of: histories, forks, keys, losses and lies by dice. What `verify` and `cat`
//! say of one archive must agree; and `crates/e2e/chains.sh` holds it against the second verifier, for
//! which each archive is written as a vector.
//!
//! `AUDITSEAL_SEED` and `AUDITSEAL_ARCHIVES` say which, `AUDITSEAL_VECTORS` the folder to write to.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::PathBuf;

use auditseal_archive::{CatOptions, OriginReport, Piped, Report, cat, verify};
use auditseal_chain::{Extent, Finding, Verdict};
use auditseal_format::seal::Word;
use auditseal_format::{Alternate, Date, ObjectKey, Seal, Time, hash};
use auditseal_reader::Error;
use auditseal_vectors::{Chain, Lost, Piece, TestSigner, Vector, event, head_text, text};
use common::{Dice, Sink, spelled, store_of};

/// What the second verifier looks at all of, and the first below this.
const PREFIX: &str = "cluster=c/node=n/source=s";
const LABELS: [&str; 4] = ["a", "b", "c", "d"];

/// A history that an honest writer, or one with the key, made step by step.
struct Story {
    chain: Chain,
    begun: Vec<String>,
    events: u64,
}

impl Story {
    fn new(origin: &str, signer: TestSigner) -> Self {
        let mut chain = Chain::new(origin, signer);
        chain.promise(1_000_000).genesis();
        Self { chain, begun: Vec::new(), events: 0 }
    }

    fn go_on(&mut self, dice: &mut Dice, steps: usize) {
        for _ in 0..steps {
            self.step(dice);
        }
    }

    fn step(&mut self, dice: &mut Dice) {
        if dice.one_in(12) {
            self.chain.edit(lie(dice));
        }
        match dice.roll(16) {
            0 | 1 => drop(self.chain.heartbeat().clone()),
            2 => drop(self.chain.edit(stalls).heartbeat().clone()),
            3 => drop(self.chain.reanchor("state-lost").clone()),
            4 => drop(self.chain.squat(b"garbage").heartbeat().clone()),
            5 => drop(self.chain.wait(40_000).heartbeat().clone()),
            6 => drop(self.chain.final_().clone()),
            7 | 8 if !self.begun.is_empty() => {
                let file = dice.pick(&self.begun).clone();
                let lost = match dice.roll(3) {
                    0 => Lost::unknown(Some("gone.log")),
                    1 => Lost::rest(&file),
                    _ => Lost::bytes(&file, 1 + dice.roll(40) as u64),
                };
                self.chain.gap(&[lost]);
            }
            _ => {
                let pieces: Vec<_> = (0..=dice.roll(3)).map(|_| self.piece(dice)).collect();
                self.chain.batch(&pieces);
            }
        }
        if dice.one_in(14) {
            self.misstate(dice);
        }
    }

    fn piece(&mut self, dice: &mut Dice) -> Piece {
        let label = (*dice.pick(&LABELS)).to_owned();
        let new = !self.begun.contains(&label);
        let mut bytes = Vec::new();
        if new {
            bytes.extend(vec![0; dice.roll(3)]);
            bytes.extend(format!("first of {label}\n").bytes());
        }
        for _ in 0..dice.roll(4) {
            self.events += 1;
            bytes.extend((event(self.events) + "\n").bytes());
        }
        bytes.extend((0..=dice.roll(12)).map(|_| b"xy\n\0\0"[dice.roll(5)]));
        let mut piece = Piece::new(&label, bytes);
        if new && !self.begun.is_empty() && dice.one_in(2) {
            piece = piece.before(dice.pick::<String>(&self.begun));
        }
        if new {
            self.begun.push(label);
        }
        if dice.one_in(4) { piece.last() } else { piece }
    }

    /// Signs the newest note once more with a number that isn't so.
    fn misstate(&mut self, dice: &mut Dice) {
        let keyword =
            *dice.pick(&["lines", "bytes", "chunks", "malformed", "window", "first", "seq"]);
        let value = dice.pick(&["0", "1", "7", "20", "-", "999999999999"]).to_string();
        self.chain.rewrite(|note| {
            match text::find(note, keyword) {
                Some(said) if said != value => text::set(note, keyword, &value),
                // It says so already.
                _ => note.to_owned(),
            }
        });
    }
}

/// A lie about the chain within the rules of a single note.
fn lie(dice: &mut Dice) -> impl Fn(&mut Seal) + Send + Sync + 'static {
    let (kind, by) = (dice.roll(5), dice.roll(3) as u64 + 1);
    move |seal: &mut Seal| match kind {
        0 => seal.seq += by,
        1 => seal.prev = seal.prev.map(|_| hash(b"another")),
        2 => seal.sealed = seal.sealed.saturating_add(-86_400_000_000 * by as i64),
        3 => seal.cursors.clear(),
        _ => {
            if let Some(range) = seal.ranges.first_mut() {
                (range.start, range.end) = (range.start + by, range.end + by);
                range.holes.iter_mut().for_each(|hole| hole.offset += by);
            }
        }
    }
}

fn stalls(seal: &mut Seal) {
    seal.reason = Word::new("stalled");
}

/// An archive, and what its reader is told.
fn archive(seed: u64) -> Vector {
    let mut dice = Dice::new(seed);
    let dice = &mut dice;
    let signer = if dice.one_in(3) { TestSigner::ratchet(1) } else { TestSigner::new(1) };
    let mut ours = Story::new("c/n/s", signer);
    let steps = dice.roll(8);
    ours.go_on(dice, steps);
    // The same history, gone on with otherwise.
    let mut fork = Story { chain: ours.chain.clone(), begun: ours.begun.clone(), events: 500 };
    let steps = 1 + dice.roll(4);
    fork.go_on(dice, steps);
    let steps = dice.roll(5);
    ours.go_on(dice, steps);
    let (others, strangers) = (Story::new("c/n/s", TestSigner::new(9)), "c/m/s");
    let mut stranger = others;
    let steps = dice.roll(4);
    stranger.go_on(dice, steps);
    let mut neighbour = Story::new(strangers, TestSigner::of(strangers, 2));
    neighbour.go_on(dice, 2);
    let mut vector = Vector::new(&format!("seed-{seed:06}"), "made by dice", &ours.chain);
    vector.vkeys = vec![TestSigner::new(1).identity().to_string()];
    let from: [&Chain; 4] = [&ours.chain, &fork.chain, &stranger.chain, &neighbour.chain];
    if dice.one_in(6) {
        vector.objects.extend(stranger.chain.archive());
        vector.objects.extend(ours.chain.archive());
    }
    for _ in 0..dice.roll(5) {
        damage(dice, &mut vector, from);
    }
    tell(dice, &mut vector, from);
    vector
}

/// Something happens to the archive.
fn damage(dice: &mut Dice, vector: &mut Vector, from: [&Chain; 4]) {
    let keys: Vec<String> = vector.objects.keys().cloned().collect();
    if keys.is_empty() {
        return;
    }
    let key = dice.pick(&keys).clone();
    let chain = *dice.pick(&from);
    let count = chain.batches().count();
    let seq = dice.roll(count);
    let (other, bytes) = (chain.key(seq), chain.get(seq).bytes.clone());
    match dice.roll(11) {
        0 | 1 => drop(vector.objects.remove(&key)),
        2 => drop(vector.objects.insert(key, bytes)),
        3 => drop(vector.objects.insert(other, bytes)),
        4 => drop(vector.objects.insert(moved(dice, &key), vector.objects[&key].clone())),
        5 => drop(vector.objects.insert(moved(dice, &key), bytes)),
        6 => drop(vector.objects.insert(moved(dice, &key), b"garbage".to_vec())),
        7 => drop(vector.objects.insert(key, b"garbage".to_vec())),
        8 => {
            let object = vector.objects.get_mut(&key).unwrap();
            let at = dice.roll(object.len().max(1));
            if let Some(byte) = object.get_mut(at) {
                *byte ^= 1 << dice.roll(8);
            }
        }
        9 => {
            let object = vector.objects.get_mut(&key).unwrap();
            object.truncate(dice.roll(object.len().max(1)));
        }
        _ => drop(vector.objects.insert(format!("{PREFIX}/readme"), bytes)),
    }
}

/// Another key of the chain.
fn moved(dice: &mut Dice, key: &str) -> String {
    let Some(key) = ObjectKey::parse(key) else { return format!("{PREFIX}/elsewhere") };
    let alternate = Alternate::parse(&format!("{:016x}", 1 + dice.roll(3)));
    let day =
        |days: i64| Time::from_micros(key.date.start().micros() + days * 86_400_000_000).date();
    match dice.roll(4) {
        0 => ObjectKey { alternate, ..key },
        1 => ObjectKey { seq: key.seq + 1 + dice.roll(3) as u64, ..key },
        2 => ObjectKey { date: if dice.one_in(3) { Date::EPOCH } else { day(1) }, ..key },
        _ => ObjectKey { seq: key.seq + 1_000_000, ..key },
    }
    .to_string()
}

/// What the reader is told out of band, true or not.
fn tell(dice: &mut Dice, vector: &mut Vector, from: [&Chain; 4]) {
    let a_seal = |dice: &mut Dice| {
        let chain = from[dice.roll(10) / 4];
        head_text(chain.get(dice.roll(chain.batches().count())))
    };
    if dice.one_in(8) {
        vector.vkeys.push(TestSigner::new(9).identity().to_string());
    }
    if dice.one_in(4) {
        vector.head = Some(a_seal(dice));
    }
    match dice.roll(8) {
        0 => vector.from = Some(a_seal(dice)),
        1 => vector.from = Some(dice.roll(8).to_string()),
        _ => {}
    }
    if dice.one_in(8) {
        let from = vector.from.as_deref().map_or("0", |from| from.split(':').next().unwrap());
        vector.to = Some(from.parse::<u64>().unwrap() + dice.roll(8) as u64);
    }
    if vector.head.is_some() || vector.from.is_some() || vector.to.is_some() || dice.one_in(3) {
        vector.origins = vec!["c/n/s".to_owned()];
    }
    if vector.origins.is_empty() && dice.one_in(3) {
        vector.origins = vec!["c/n/s".to_owned(), "c/absent/s".to_owned()];
    }
    if dice.one_in(6) {
        vector.now = vector.now.saturating_add(90 * 86_400_000_000);
    }
    // A head, or a part, of one chain: the vector's reader asks for this one.
    if dice.one_in(10) {
        vector.objects.extend(from[3].archive());
    }
}

/// What `verify` finds, as a vector says it; and whether `cat` gives what that allows.
async fn judged(mut vector: Vector) -> Vector {
    let options = common::told(&vector);
    let report = match verify(store_of(&vector.objects), &options, |_| {}).await {
        Ok(report) => report,
        // None of the keys is for a chain that is asked for: nothing could be checked.
        Err(Error::NoKeyFor(..)) => {
            vector.exit = 2;
            return vector;
        }
        Err(error) => panic!("{}: {error}", vector.name),
    };
    vector.exit = report.exit_code();
    let all = |of: fn(&OriginReport) -> &Vec<Finding>| -> Vec<Finding> {
        report.origins.iter().flat_map(of).cloned().collect()
    };
    vector.findings = spelled(&all(|origin| &origin.findings));
    vector.infos =
        spelled(&[all(|origin| &origin.information), report.unexpected.clone()].concat());
    if vector.exit == 0 {
        vector.until = report.origins.iter().filter_map(|origin| origin.complete_until).collect();
        vector.until.sort();
    }
    if report.origins.len() == 1 {
        hold_cat_against(&mut vector, &report, options.extent.unwrap_or_default()).await;
    }
    vector
}

/// What stops `cat` is what `verify` calls wrong in the chain, and nothing else.
async fn hold_cat_against(vector: &mut Vector, report: &Report, extent: Extent) {
    let [chain] = report.origins.as_slice() else { unreachable!("one chain") };
    let told = common::told(vector);
    let options = CatOptions {
        vkeys: Some(told.vkeys),
        extent: Some(extent),
        head: told.head,
        ..CatOptions::default()
    };
    let sink = Sink::default();
    let out = Piped::new(sink.clone());
    let given = cat(store_of(&vector.objects), &chain.origin, &options, out, |_| {}).await;
    let allowed = |finding: &Finding| {
        use Verdict::{Hidden, Shadowed, Silent, SourceGap, Stalled, Unanchored};
        matches!(finding.verdict, Hidden | Shadowed | Silent | SourceGap | Stalled | Unanchored)
    };
    let sound = chain.findings.iter().all(allowed);
    match given {
        Ok(_) => {
            let findings = &chain.findings;
            assert!(sound, "{}: cat gives what verify refuses: {findings:#?}", vector.name);
        }
        Err(error) if sound => panic!("{}: cat refuses what verify allows: {error}", vector.name),
        Err(_) => {}
    }
    if vector.exit == 0 && !extent.is_part() {
        vector.restored = Some(hash(&sink.bytes()));
    }
}

fn setting(name: &str, without: u64) -> u64 {
    std::env::var(name).ok().map_or(without, |told| told.parse().unwrap())
}

#[tokio::test]
async fn whatever_an_archive_holds_it_is_judged_one_way() {
    let (first, count) = (setting("AUDITSEAL_SEED", 1), setting("AUDITSEAL_ARCHIVES", 300));
    let folder = std::env::var_os("AUDITSEAL_VECTORS").map(PathBuf::from);
    let mut seen = [0_u64; 3];
    for seed in first..first + count {
        let vector = judged(archive(seed)).await;
        seen[usize::from(vector.exit)] += 1;
        if let Some(folder) = &folder {
            std::fs::write(folder.join(format!("{}.txt", vector.name)), vector.to_string())
                .unwrap();
        }
    }
    // Dice that make only broken archives, or only sound ones, would show nothing.
    assert!(
        count < 100 || (seen[0] > count / 20 && seen[1] > count / 3),
        "exits 0, 1, 2: {seen:?}"
    );
}
