//! Histories beside a hostile store: whatever it does, nothing is lost, and no seal made twice.

use super::disk::Op;
use super::hostile::Hostile;
use super::node::Node;
use super::{Sim, number, private_key};

impl Sim {
    /// One history beside a hostile store.
    fn run_hostile(&mut self, seed: u64, turns: usize) -> [u64; 2] {
        self.hostile = Some(Hostile::new(seed.is_multiple_of(3)));
        let mut node = self.start(false);
        for _ in 0..turns {
            if self.chance.below(8) == 0 {
                self.attack();
            }
            node = self.turn(node);
        }
        self.end_hostile(node)
    }

    /// In the end it shows what it has. Returns how many seals were sent, and how many uploads it took.
    fn end_hostile(&mut self, node: Node) -> [u64; 2] {
        self.disclose_all();
        self.hostile().over = true;
        self.end_well(node);
        let hostile = self.hostile();
        hostile.count();
        [hostile.seals.len() as u64, hostile.uploads]
    }
}

#[test]
fn what_a_hostile_store_captures_hides_and_replays_costs_nothing_but_time() {
    let key = private_key();
    let first = number("AUDITSEAL_SEED").unwrap_or(1);
    let runs = number("AUDITSEAL_RUNS").unwrap_or(25);
    let mut counts = [0; 2];
    for seed in first..first + runs {
        let run = std::panic::catch_unwind(|| Sim::new(seed, &key).run_hostile(seed, 400));
        let Ok(more) = run else {
            panic!("seed {seed}: AUDITSEAL_SEED={seed} AUDITSEAL_RUNS=1 shows it again")
        };
        counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
    }
    let [seals, uploads] = counts;
    println!("{runs} histories: {seals} seals, {uploads} uploads");
    assert!(runs < 20 || uploads > seals, "nothing is shown");
}

/// Something is written every four seconds, and all of what this store does it does all the time.
#[test]
fn beside_a_hostile_store_no_line_waits() {
    let key = private_key();
    // With versions; among many runs an hour, and without them too.
    let (seeds, minutes) = match number("AUDITSEAL_RUNS") > Some(100) {
        true => (&[2, 3][..], 60),
        false => (&[2][..], 10),
    };
    for &seed in seeds {
        let mut sim = Sim::new(seed, &key);
        sim.hostile = Some(Hostile::new(seed == 3));
        let mut node = sim.start(false);
        let until = sim.disk.world().clock + minutes * 60_000;
        let (mut late, mut lines) = (0, 0);
        while sim.disk.world().clock < until {
            sim.attack();
            sim.disk.world().apply(Op::Append(1, 60));
            lines += 1;
            let begun = sim.disk.world().clock;
            node = sim.advance(node, 4_000);
            node = sim.rest(node);
            late = late.max(sim.disk.world().clock - begun - 4_000);
        }
        let [seals, uploads] = sim.end_hostile(node);
        println!("seed {seed}: {lines} lines, {seals} seals, {uploads} uploads, {late} ms");
        assert!(seals > 10 * minutes && uploads > seals, "{seals} seals, {uploads} uploads");
        assert!(late <= 1_000, "a line waited for {late} ms more");
    }
}
