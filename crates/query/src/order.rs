//! Hits of several chains in the order of time, in bounded memory.
//!
//! Lines of one log are nearly in order and not wholly: kube-apiserver writes them as requests end, and
//! a batch may begin with a rotated file. So of each chain hits wait until the chain has been searched up
//! to a [`SLACK`] behind them, and the earliest of all chains goes first. What comes later than that is
//! given where it comes, and counted. Where the hits of so much time are more than a chain may hold
//! ([`HELD`]) the earliest goes before its time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// How much later than its time a line may be found and still come in order, microseconds: a minute.
pub(crate) const SLACK: i64 = 60_000_000;
/// Bytes of hits that wait of one chain.
pub(crate) const HELD: usize = 8 << 20;
/// What a hit costs beside its bytes.
const EACH: usize = 256;

/// Where a hit stands: chains are numbered in the order of their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Standing {
    /// Only the end of its chain shows that it is told: such hits come behind all others.
    pub(crate) behind: bool,
    /// When it happened, microseconds since the Unix epoch.
    pub(crate) micros: i64,
    /// Its chain.
    pub(crate) chain: usize,
    /// Its place in the chain.
    pub(crate) seq: u64,
    /// Its place in the batch, from 1.
    pub(crate) line: u64,
}

struct Waiting<T> {
    at: Standing,
    bytes: usize,
    hit: T,
}

impl<T> PartialEq for Waiting<T> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl<T> Eq for Waiting<T> {}

impl<T> PartialOrd for Waiting<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Waiting<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

struct Lane<T> {
    waiting: BinaryHeap<Reverse<Waiting<T>>>,
    bytes: usize,
    /// Up to when it was searched, less the slack.
    settled: i64,
    ended: bool,
}

impl<T> Lane<T> {
    /// Whether no hit before this one is to be expected of it.
    fn is_past(&self, at: Standing) -> bool {
        self.ended || (!at.behind && at.micros <= self.settled)
    }
}

/// The hits of several chains, put in order.
pub(crate) struct Merge<T> {
    lanes: Vec<Lane<T>>,
    held: usize,
    latest: i64,
    late: u64,
}

impl<T> Merge<T> {
    /// Hits of so many chains, each of which holds so many bytes at most before its turn.
    pub(crate) fn new(chains: usize, held: usize) -> Self {
        let lane =
            |_| Lane { waiting: BinaryHeap::new(), bytes: 0, settled: i64::MIN, ended: false };
        Self { lanes: (0..chains).map(lane).collect(), held, latest: i64::MIN, late: 0 }
    }

    /// A hit of `bytes` bytes was found.
    pub(crate) fn push(&mut self, at: Standing, bytes: usize, hit: T) {
        let Some(lane) = self.lanes.get_mut(at.chain) else { return };
        let bytes = bytes + EACH;
        lane.bytes += bytes;
        lane.waiting.push(Reverse(Waiting { at, bytes, hit }));
    }

    /// A chain was searched up to lines of this time.
    pub(crate) fn searched(&mut self, chain: usize, micros: i64) {
        if let Some(lane) = self.lanes.get_mut(chain) {
            lane.settled = lane.settled.max(micros.saturating_sub(SLACK));
        }
    }

    /// A chain was searched to its end.
    pub(crate) fn ended(&mut self, chain: usize) {
        if let Some(lane) = self.lanes.get_mut(chain) {
            lane.ended = true;
        }
    }

    /// The next hit, if it is known which one that is.
    pub(crate) fn next(&mut self) -> Option<T> {
        let heads = self.lanes.iter().filter_map(|lane| lane.waiting.peek());
        let first = heads.map(|Reverse(waiting)| waiting.at).min()?;
        let past = self.lanes.iter().all(|lane| lane.is_past(first));
        if !past && !self.awaited().is_empty() {
            return None;
        }
        let lane = &mut self.lanes[first.chain];
        let Reverse(Waiting { bytes, hit, .. }) = lane.waiting.pop()?;
        lane.bytes -= bytes;
        if !first.behind {
            self.late += u64::from(first.micros < self.latest);
            self.latest = self.latest.max(first.micros);
        }
        Some(hit)
    }

    /// The chains of which more must be known before another hit can go: none means that the earliest
    /// goes now, or that all have ended.
    pub(crate) fn awaited(&self) -> Vec<usize> {
        let heads = self.lanes.iter().filter_map(|lane| lane.waiting.peek());
        let first = heads.map(|Reverse(waiting)| waiting.at).min();
        let behind = |lane: &Lane<T>| match first {
            Some(first) => !lane.is_past(first),
            None => !lane.ended,
        };
        let room = |lane: &Lane<T>| lane.bytes < self.held;
        let lanes = self.lanes.iter().enumerate();
        lanes.filter(|(_, lane)| behind(lane) && room(lane)).map(|(chain, _)| chain).collect()
    }

    /// How many hits came out after a later one.
    pub(crate) fn late(&self) -> u64 {
        self.late
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(micros: i64, chain: usize, line: u64) -> Standing {
        Standing { behind: false, micros, chain, seq: 0, line }
    }

    fn drained(merge: &mut Merge<Standing>) -> Vec<i64> {
        std::iter::from_fn(|| merge.next()).map(|hit| hit.micros).collect()
    }

    #[test]
    fn a_hit_waits_for_the_chain_that_may_have_an_earlier_one() {
        let mut merge = Merge::new(2, HELD);
        merge.push(at(10, 0, 1), 1, at(10, 0, 1));
        merge.searched(0, 10 + SLACK);
        assert_eq!(merge.awaited(), [1]);
        assert!(merge.next().is_none());
        merge.push(at(5, 1, 1), 1, at(5, 1, 1));
        merge.searched(1, 9 + SLACK);
        assert_eq!(drained(&mut merge), [5]);
        assert_eq!(merge.awaited(), [1]);
        merge.ended(1);
        assert_eq!(drained(&mut merge), [10]);
        assert_eq!(merge.awaited(), [0]);
        merge.ended(0);
        assert!(merge.awaited().is_empty() && merge.next().is_none());
        assert_eq!(merge.late(), 0);
    }

    #[test]
    fn what_comes_behind_the_slack_is_given_and_counted() {
        let mut merge = Merge::new(1, HELD);
        merge.push(at(2 * SLACK, 0, 1), 1, at(2 * SLACK, 0, 1));
        merge.searched(0, 3 * SLACK);
        assert_eq!(drained(&mut merge), [2 * SLACK]);
        merge.push(at(0, 0, 2), 1, at(0, 0, 2));
        merge.ended(0);
        assert_eq!((drained(&mut merge), merge.late()), (vec![0], 1));
    }

    #[test]
    fn what_only_the_end_shows_comes_last() {
        let mut merge = Merge::new(2, HELD);
        let behind = Standing { behind: true, ..at(1, 0, 1) };
        merge.push(behind, 1, behind);
        merge.ended(0);
        assert!(merge.next().is_none() && merge.awaited() == [1]);
        merge.push(at(9, 1, 1), 1, at(9, 1, 1));
        merge.ended(1);
        assert_eq!((drained(&mut merge), merge.late()), (vec![9, 1], 0));
    }

    /// Ten times what a chain may hold, all within the slack: nothing is lost, and no more is held.
    #[test]
    fn more_than_is_held_goes_before_its_time() {
        let held = 100 * EACH;
        let mut merge: Merge<Standing> = Merge::new(2, held);
        let (mut next, mut out) = ([0_u64; 2], Vec::new());
        loop {
            while let Some(hit) = merge.next() {
                out.push((hit.chain, hit.line));
            }
            let awaited = merge.awaited();
            if awaited.is_empty() {
                break;
            }
            for chain in awaited {
                if next[chain] == 1000 {
                    merge.ended(chain);
                    continue;
                }
                next[chain] += 1;
                let micros = i64::try_from(next[chain] ^ 5).unwrap();
                merge.push(at(micros, chain, next[chain]), 0, at(micros, chain, next[chain]));
                assert!(merge.lanes.iter().all(|lane| lane.bytes <= held + EACH));
            }
        }
        assert_eq!(out.len(), 2000);
        out.sort_unstable();
        out.dedup();
        assert_eq!(out.len(), 2000, "each of them once");
    }

    proptest! {
        /// Lines that are found within the slack of their time come in order, whatever chain they are of.
        #[test]
        fn lines_nearly_in_order_come_in_order(
            chains in prop::collection::vec(prop::collection::vec(0..SLACK, 0..40), 1..5),
            turns in prop::collection::vec(any::<prop::sample::Index>(), 400),
        ) {
            let mut merge = Merge::new(chains.len(), HELD);
            let mut next = vec![0; chains.len()];
            let (mut out, mut turns) = (Vec::new(), turns.into_iter());
            loop {
                out.extend(drained(&mut merge));
                let awaited = merge.awaited();
                if awaited.is_empty() {
                    break;
                }
                let turn = turns.next().map_or(0, |turn| turn.index(awaited.len()));
                let chain = awaited[turn];
                let Some(early) = chains[chain].get(next[chain]) else {
                    merge.ended(chain);
                    continue;
                };
                next[chain] += 1;
                let reached = next[chain] as i64 * SLACK / 3;
                let micros = reached - early;
                merge.push(at(micros, chain, next[chain] as u64), 9, at(micros, chain, 0));
                merge.searched(chain, reached);
            }
            prop_assert!(out.is_sorted(), "{:?}", out);
            prop_assert_eq!(out.len(), chains.iter().map(Vec::len).sum::<usize>());
            prop_assert_eq!(merge.late(), 0);
        }
    }
}
