//! A time that is asked for is answered by all lines of that time, whenever they were sealed and whatever clock was
//! looked at then, or the answer says that it isn't whole.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use auditseal_doubles::MemoryStore;
use auditseal_format::Time;
use auditseal_predicate::Predicate;
use auditseal_query::{Answered, Archive, AskedChain, Asking, Hit};
use auditseal_reader::Window;
use auditseal_trust::TrustFile;
use auditseal_vectors::{Chain, Piece, TestSigner, text};
use common::{Dice, archive, asking, auditor, event, found, packed, store};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600;

/// A line of a chain: when it happened, where that is certain, and where it stands.
#[derive(Debug, Clone, Copy)]
struct Line {
    time: Option<Time>,
    at: (u64, u64),
}

/// A chain whose writer is behind at times, and whose clock jumps; and the plain list of its lines.
struct Story {
    chain: Chain,
    lines: Vec<Line>,
    events: u64,
    step: i64,
}

impl Story {
    fn new(signer: TestSigner, step: i64) -> Self {
        let mut chain = Chain::new("c/n/s", signer);
        chain.promise(90 * 86_400).genesis();
        Self { chain, lines: Vec::new(), events: 0, step }
    }

    /// Seals lines of these times; one without a time is none that can be dated.
    fn seal(&mut self, times: &[Option<Time>]) {
        let seq = self.chain.batches().count() as u64;
        let mut text = String::new();
        for (nth, time) in (1..).zip(times) {
            self.events += 1;
            let dated = event(self.events, time.unwrap_or(self.chain.now()), "ann");
            let undated = || dated.replace("\"stageTimestamp\"", "\"stage\\u0054imestamp\"");
            text += &time.map_or_else(undated, |_| dated.clone());
            self.lines.push(Line { time: *time, at: (seq, nth) });
        }
        self.chain.batch(&[Piece::new("audit.log", text.into_bytes())]);
    }

    fn ago(&self, seconds: i64) -> Time {
        self.chain.now().saturating_add(-seconds * SECOND)
    }

    fn plain(&mut self, dice: &mut Dice) {
        let step = self.step * (1 + dice.roll(4) as i64);
        self.chain.wait(step);
        if dice.hits(8) {
            self.chain.heartbeat();
            return;
        }
        let ago = |dice: &mut Dice| 1 + dice.roll(step as u64) as i64;
        let times: Vec<_> = (0..1 + dice.roll(3)).map(|_| Some(self.ago(ago(dice)))).collect();
        self.seal(&times);
    }

    /// Its writer was down, and seals within minutes what happened meanwhile.
    fn behind(&mut self, dice: &mut Dice) {
        let hours = 2 + dice.roll(60) as i64;
        let (begun, batches) = (self.chain.now(), 2 + dice.roll(40) as i64);
        self.chain.wait(hours * HOUR);
        for nth in 0..batches {
            let time = begun.saturating_add(hours * HOUR * SECOND * nth / batches);
            self.chain.wait(20);
            self.seal(&[Some(time), Some(time.saturating_add(SECOND))]);
        }
    }

    fn grow(&mut self, dice: &mut Dice) {
        match dice.roll(60) {
            0 | 1 => self.behind(dice),
            // A clock that is set, and set right again, or not.
            2 | 3 => {
                let jump = (1 + dice.roll(60) as i64) * if dice.hits(2) { HOUR } else { -HOUR };
                self.chain.step_clock(jump);
                (0..dice.roll(9)).for_each(|_| self.plain(dice));
                if dice.hits(2) {
                    self.chain.step_clock(-jump);
                }
            }
            // An old file is found.
            4 => {
                self.chain.wait(self.step);
                let old = self.ago((1 + dice.roll(200) as i64) * HOUR);
                self.seal(&[Some(old), Some(self.ago(1))]);
            }
            5 if dice.hits(3) => self.seal(&[None]),
            _ => self.plain(dice),
        }
    }

    /// The chain goes on with another key, which its last seal names.
    fn rotate(&mut self, number: u8) {
        let second = TestSigner::named("c/n", number);
        let next = second.identity().to_string();
        self.chain.rewrite(|note| text::set(note, "next", &next));
        self.chain.signer(second);
    }

    fn expected(&self, window: Window) -> BTreeSet<(u64, u64)> {
        let inside = |line: &&Line| line.time.is_none_or(|time| window.has(time));
        self.lines.iter().filter(inside).map(|line| line.at).collect()
    }
}

/// What stands in the stores.
struct Case {
    story: Story,
    objects: MemoryStore,
    packs: MemoryStore,
    asked: AskedChain,
    /// Something was destroyed.
    damaged: bool,
    /// What no pack has is more than is looked at seal by seal.
    long: bool,
}

fn case(dice: &mut Dice, long: bool) -> Case {
    let ratchet = dice.hits(3);
    let signer = if ratchet { TestSigner::ratchet(1) } else { TestSigner::new(1) };
    let fresh = signer.identity();
    let step = if long { 300 } else { [600, HOUR, 3 * HOUR][dice.roll(3) as usize] };
    let mut story = Story::new(signer, step);
    let count = if long { 560 } else { 30 + dice.roll(90) };
    let mut halves = Vec::new();
    let rotates = (!long && !ratchet && dice.hits(3)).then(|| 1 + dice.roll(count));
    for nth in 0..count {
        story.grow(dice);
        if Some(nth) == rotates {
            story.rotate(7);
        }
        // The packer runs, once or twice.
        if dice.roll(count) < 2 {
            halves.push(story.chain.clone());
        }
    }
    let (objects, packs) = (store(&[&story.chain]), MemoryStore::new());
    let mut there = Vec::new();
    for half in &halves {
        let all = packed(half);
        for (key, bytes) in all.objects() {
            packs.insert(&key, bytes);
        }
        there.extend(common::indexed(half).into_iter().map(|(pack, _)| pack));
    }
    let mut damaged = false;
    // Attestations are gone, and what stood in their packs is there as objects, or isn't.
    if dice.hits(2) {
        for pack in there.clone() {
            if dice.hits(4) {
                assert!(packs.remove(&pack.signed(&auditor()).key()).is_some());
                let destroyed = dice.hits(3);
                damaged |= destroyed;
                there.retain(|other| other.attestation.first != pack.attestation.first);
                for seq in pack.attestation.first..=pack.attestation.last {
                    if destroyed {
                        objects.remove(&story.chain.key(seq as usize));
                    }
                }
            }
        }
    }
    // What is packed has expired.
    if dice.hits(2) {
        for pack in &there {
            for seq in pack.attestation.first..=pack.attestation.last {
                objects.remove(&story.chain.key(seq as usize));
            }
        }
    }
    let trust = format!(
        "auditseal/trust/v1\norigin c/n/s static {fresh}\n  begin 0\n  silent-after 366d\nauditor c {}\n",
        auditor().identity()
    );
    let trust = TrustFile::parse(&trust).unwrap();
    let mut asked = common::by_key(&story.chain);
    asked.vkeys.clear();
    asked.trusted = trust.get(story.chain.origin()).cloned();
    asked.auditors = trust.auditors_of(story.chain.origin());
    Case { story, objects, packs, asked, damaged, long }
}

async fn ask(case: &Case, asking: Asking, loose: bool) -> (Vec<Hit>, Answered) {
    let packs = Arc::new(case.packs.clone()) as Arc<dyn auditseal_store::Store>;
    let objects = if loose { store(&[&case.story.chain]) } else { case.objects.clone() };
    let packs = Some(packs).filter(|_| !loose);
    let from = Archive { packs, ..archive(&objects) };
    found(asking.find(&from, vec![case.asked.clone()]).await.unwrap()).await
}

fn windows(story: &Story, dice: &mut Dice) -> Vec<Window> {
    let dated: Vec<Time> = story.lines.iter().filter_map(|line| line.time).collect();
    let some = (0..3).map(|_| {
        let since = dated[dice.roll(dated.len() as u64) as usize];
        let minutes = [0, 30, 200, 900, 3_000][dice.roll(5) as usize];
        let until = since.saturating_add(minutes * 60 * SECOND);
        let since = Some(since).filter(|_| !dice.hits(6));
        Window { since, until: Some(until).filter(|_| since.is_none() || !dice.hits(5)) }
    });
    some.collect()
}

/// Whatever was sealed late, whatever a clock was set to, whichever packs there are and whatever became of them.
#[tokio::test]
async fn a_time_is_answered_by_all_lines_of_it() {
    let (mut whole, mut told, mut lost, mut found) = (0, 0, 0, 0);
    let seeds = std::env::var("AUDITSEAL_WINDOW_SEEDS").ok().and_then(|n| n.parse().ok());
    let first = std::env::var("AUDITSEAL_WINDOW_SEED").ok().and_then(|n| n.parse().ok());
    let first: u64 = first.unwrap_or(0);
    let mut wrong = Vec::new();
    for seed in first..first + seeds.unwrap_or(14) {
        let mut dice = Dice(seed);
        let case = case(&mut dice, seed % 12 == 11);
        for window in windows(&case.story, &mut dice) {
            let expected = case.story.expected(window);
            let plain = asking(&case.story.chain, Predicate::user("ann").unwrap());
            let plain = Asking { window, all_stages: true, allow_unanchored: true, ..plain };
            for (loose, no_index) in [(false, false), (false, true), (true, true)] {
                let asking = Asking { no_index, ..plain.clone() };
                let (hits, answer) = ask(&case, asking, loose).await;
                let hits: BTreeSet<_> = hits.iter().map(|hit| (hit.seq, hit.line)).collect();
                let (code, all) = (answer.exit_code(), answer.is_whole());
                let of = format!("seed {seed}, {window:?}, loose {loose}, no index {no_index}");
                if !hits.is_subset(&expected) {
                    wrong.push(format!("{of}: of another time"));
                }
                if code == 0 && all && hits != expected {
                    let lacks = expected.difference(&hits).next();
                    wrong.push(format!("{of}: {} of {}: {lacks:?}", hits.len(), expected.len()));
                }
                if (!case.damaged || loose) && code != 0 {
                    let findings = &answer.chains[0].findings;
                    wrong.push(format!("{of}: nothing is wrong, and {code}: {findings:?}"));
                }
                if (!case.damaged || loose) && !case.long && !all {
                    wrong.push(format!("{of}: not whole"));
                }
                if !all && !case.damaged {
                    // Whoever asks for each seal has all.
                    let asking = Asking { every_seal: true, no_index, ..plain.clone() };
                    let (hits, answer) = ask(&case, asking, loose).await;
                    let hits: BTreeSet<_> = hits.iter().map(|hit| (hit.seq, hit.line)).collect();
                    if hits != expected || !answer.is_whole() {
                        wrong.push(format!(
                            "{of}: each seal, {} of {}",
                            hits.len(),
                            expected.len()
                        ));
                    }
                }
                whole += u64::from(all);
                told += u64::from(!all);
                lost += u64::from(case.damaged && code == 1);
                found += hits.len();
            }
        }
    }
    let shown: Vec<_> = wrong.iter().take(30).collect();
    assert!(wrong.is_empty(), "{} of {}: {shown:#?}", wrong.len(), whole + told);
    // The test is of something.
    assert!(whole > 60 && told > 0 && lost > 0 && found > 1_000, "{whole} {told} {lost} {found}");
}
