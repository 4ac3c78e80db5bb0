//! How a head moves: TRUST.md, "How a head moves".

#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::collections::BTreeSet;

use auditseal_format::{Hash, Origin, SealId, Time, hash};
use auditseal_trust::{Heads, Kept, KnownHead, Proof};
use proptest::prelude::*;

fn origin() -> Origin {
    "prod/cp-1/audit".parse().unwrap()
}

/// The hash of a seal of a branch.
fn of(branch: &str, seq: u64) -> Hash {
    hash(format!("{branch}{seq}").as_bytes())
}

fn seal(branch: &str, seq: u64) -> SealId {
    SealId { seq, hash: of(branch, seq) }
}

fn at(second: i64) -> Time {
    Time::from_micros(second * 1_000_000)
}

/// A run that read a branch up to a seq, and proved it.
fn run(branch: &str, newest: u64, held: Option<SealId>) -> Proof {
    Proof {
        origin: origin(),
        at: at(i64::try_from(newest).unwrap()),
        newest: Some(seal(branch, newest)),
        whole: true,
        begin: 0,
        held,
        trail: (newest.saturating_sub(4)..=newest).map(|seq| seal(branch, seq)).collect(),
        forks: vec![],
        settled: BTreeSet::new(),
    }
}

fn head(heads: &Heads) -> Option<SealId> {
    heads.get(&origin()).map(|head| head.seal)
}

/// Heads that know this one.
fn knowing(known: SealId) -> Heads {
    let mut heads = Heads::default();
    heads.set(origin(), KnownHead { seal: known, verified: at(0) });
    heads
}

#[test]
fn a_head_moves_on_and_never_back() {
    let mut heads = Heads::default();
    assert_eq!(heads.commit(&run("a", 10, None)), Kept::First);
    assert_eq!(heads.commit(&run("a", 10, Some(seal("a", 10)))), Kept::Confirmed);
    assert_eq!(heads.commit(&run("a", 900, Some(seal("a", 10)))), Kept::Advanced);
    assert_eq!(heads.get(&origin()).unwrap().verified, at(900));
    // A shorter run that ends later.
    assert_eq!(heads.commit(&run("a", 700, Some(seal("a", 10)))), Kept::Ahead);
    assert_eq!(head(&heads), Some(seal("a", 900)));
    assert!(heads.forked(&origin()).is_empty());
}

#[test]
fn runs_of_different_length_are_no_fork_in_whatever_order_they_end() {
    // Both began when no head was known.
    for order in [[10, 13], [13, 10]] {
        let mut heads = Heads::default();
        for newest in order {
            assert_ne!(heads.commit(&run("a", newest, None)), Kept::Forked);
        }
        assert_eq!((head(&heads), heads.forks().count()), (Some(seal("a", 13)), 0), "{order:?}");
    }
    // Another moved the head to a place that this run doesn't remember: it stays.
    let mut heads = knowing(seal("a", 50));
    assert_eq!(heads.commit(&run("a", 100, Some(seal("a", 7)))), Kept::Unjoined);
    assert_eq!(head(&heads), Some(seal("a", 50)));
    assert_eq!(heads.commit(&run("a", 100, Some(seal("a", 50)))), Kept::Advanced);
}

#[test]
fn a_head_before_the_beginning_gives_way_to_it() {
    let mut heads = knowing(seal("a", 50));
    let later = |begin| Proof { begin, ..run("a", 200, None) };
    assert_eq!(heads.commit(&later(50)), Kept::Unjoined);
    assert_eq!(heads.commit(&Proof { whole: false, ..later(51) }), Kept::Blocked);
    assert_eq!(heads.commit(&later(51)), Kept::Advanced);
    assert_eq!(head(&heads), Some(seal("a", 200)));
}

#[test]
fn what_is_not_proved_moves_nothing() {
    let mut heads = Heads::default();
    let unproved = |newest, held| Proof { whole: false, ..run("a", newest, held) };
    assert_eq!(heads.commit(&unproved(10, None)), Kept::Blocked);
    assert_eq!(head(&heads), None);
    heads.commit(&run("a", 8, None));
    assert_eq!(heads.commit(&unproved(10, None)), Kept::Blocked);
    assert_eq!(heads.commit(&unproved(100, None)), Kept::Blocked);
    let nothing = Proof { newest: None, trail: vec![], ..unproved(8, None) };
    assert_eq!(heads.commit(&nothing), Kept::Ahead);
    assert_eq!(head(&heads), Some(seal("a", 8)));
}

#[test]
fn two_hashes_for_one_seq_are_a_fork_and_both_are_kept() {
    for whole in [true, false] {
        let mut heads = knowing(seal("a", 10));
        let rival = Proof { whole, ..run("b", 12, None) };
        assert_eq!(heads.commit(&rival), Kept::Forked);
        assert_eq!(head(&heads), Some(seal("a", 10)));
        let (of, seals) = heads.forks().next().unwrap();
        let seals: BTreeSet<String> = seals.iter().map(|head| head.seal.to_string()).collect();
        assert_eq!(*of, origin());
        let both = [seal("a", 10), seal("b", 10)].map(|seal| seal.to_string());
        assert_eq!(seals, BTreeSet::from(both));
        // Once more: they are kept as they were.
        let text = heads.to_string();
        assert_eq!(heads.commit(&Proof { at: at(99), ..rival }), Kept::Forked);
        assert_eq!(heads.to_string(), text);
        assert_eq!(Heads::parse(&text), Ok(heads));
    }
    // Both are in the store.
    let mut heads = Heads::default();
    let forks = vec![(3, [of("a", 3), of("b", 3)])];
    let seen = Proof { whole: false, forks, ..run("a", 3, None) };
    assert_eq!(heads.commit(&seen), Kept::Forked);
    assert_eq!((head(&heads), heads.forked(&origin())), (None, BTreeSet::from([3])));
}

#[test]
fn what_somebody_settled_moves_the_head_over() {
    let mut heads = knowing(seal("a", 10));
    let settled = Proof { settled: BTreeSet::from([10]), ..run("b", 12, None) };
    assert_eq!(heads.commit(&settled), Kept::Advanced);
    assert_eq!((head(&heads), heads.forks().count()), (Some(seal("b", 12)), 0));
}

#[test]
fn merging_takes_the_further_head_and_all_forks() {
    let mut one = knowing(seal("a", 10));
    let other: Origin = "prod/cp-2/audit".parse().unwrap();
    let mut two = knowing(seal("a", 12));
    two.set(other.clone(), KnownHead { seal: seal("c", 3), verified: at(3) });
    let pair = ["a", "b"].map(|of| KnownHead { seal: seal(of, 5), verified: at(5) });
    two.fork(&other, pair);
    assert!(one.merge(&two).is_empty());
    assert_eq!(
        (head(&one), one.get(&other).map(|head| head.seal)),
        (Some(seal("a", 12)), Some(seal("c", 3)))
    );
    assert_eq!(one.forked(&other), BTreeSet::from([5]));
    let before = one.clone();
    assert!(one.merge(&before).is_empty() && one == before);
    // Equal ones: the later time, whichever comes first.
    let mut late = knowing(seal("a", 12));
    late.set(origin(), KnownHead { seal: seal("a", 12), verified: at(77) });
    one.merge(&late);
    late.merge(&before);
    assert_eq!(
        (one.get(&origin()).unwrap().verified, late.get(&origin()).unwrap().verified),
        (at(77), at(77))
    );
    // Two hashes for one seq.
    let found = one.merge(&knowing(seal("b", 12)));
    assert_eq!(found, BTreeSet::from([(origin(), 12)]));
    assert_eq!((head(&one), one.forked(&origin())), (Some(seal("a", 12)), BTreeSet::from([12])));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// However many honest runs end in whatever order: no fork, and the head is the furthest that one
    /// proved, or one that a run couldn't join.
    #[test]
    fn honest_runs_never_fork(runs in prop::collection::vec((1_u64..40, any::<bool>(), any::<bool>()), 1..12)) {
        let (mut heads, mut highest) = (Heads::default(), None);
        for (newest, whole, knew) in runs {
            let held = head(&heads).filter(|known| knew && known.seq <= newest);
            let proof = Proof { whole, ..run("a", newest, held) };
            let before = head(&heads);
            let kept = heads.commit(&proof);
            prop_assert_ne!(kept, Kept::Forked);
            let now = head(&heads);
            prop_assert!(now.map(|seal| seal.seq) >= before.map(|seal| seal.seq));
            prop_assert!(now.is_none_or(|now| now == seal("a", now.seq)));
            highest = highest.max(Some(newest).filter(|_| whole));
            prop_assert!(now.map(|seal| seal.seq) <= highest);
        }
        prop_assert_eq!(heads.forks().count(), 0);
        prop_assert_eq!(Heads::parse(&heads.to_string()), Ok(heads));
    }

    /// Files merge to the same in whatever order, as long as none contradicts another.
    #[test]
    fn merging_has_no_order(given in prop::collection::vec((0_u64..9, 0_i64..9), 1..6)) {
        let files: Vec<Heads> = given.iter().map(|(seq, time)| {
            let mut heads = Heads::default();
            heads.set(origin(), KnownHead { seal: seal("a", *seq), verified: at(*time) });
            heads
        }).collect();
        let merged = |files: &mut dyn Iterator<Item = &Heads>| {
            files.fold(Heads::default(), |mut all, one| {
                assert!(all.merge(one).is_empty());
                all
            })
        };
        prop_assert_eq!(merged(&mut files.iter()), merged(&mut files.iter().rev()));
    }
}
