//! Whatever is asked, no batch and no pack is left out that has an answer.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod support;

use auditseal_index::{
    Index, Lookup, PackId, Pattern, Rollup, RollupBuilder, RollupSearch, Term, TermKind,
};
use proptest::prelude::*;
use support::{Batch, batches, build, event, terms};

/// Whether a line answers, in the plainest way.
fn answers(lookup: &Lookup, line: &(std::collections::BTreeSet<Term>, String)) -> bool {
    match lookup {
        Lookup::Any => true,
        Lookup::Term(pattern) => {
            let own = format!("{pattern:?}");
            line.0.iter().any(|term| format!("{:?}", Pattern::from(term)) == own)
        }
        Lookup::AuditId(id) => id.is_empty() || *id == line.1,
        Lookup::All(parts) => parts.iter().all(|part| answers(part, line)),
        Lookup::Either(parts) => parts.iter().any(|part| answers(part, line)),
    }
}

fn lookups() -> impl Strategy<Value = Lookup> {
    let leaf = prop_oneof![
        1 => Just(Lookup::Any),
        8 => (event(), any::<prop::sample::Index>()).prop_map(|(line, at)| {
            let own: Vec<_> = terms(&line).unwrap().0.into_iter().collect();
            Lookup::Term(Pattern::from(&own[at.index(own.len())]))
        }),
        2 => (event(), any::<bool>()).prop_map(|(line, empty)| {
            Lookup::AuditId(if empty { String::new() } else { terms(&line).unwrap().1 })
        }),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Lookup::All),
            prop::collection::vec(inner, 0..4).prop_map(Lookup::Either),
        ]
    })
}

fn may_answer(batch: &Batch, lookup: &Lookup) -> bool {
    batch.iter().any(|line| terms(line).is_none_or(|line| answers(lookup, &line)))
}

fn asked(bytes: &[u8], lookup: &Lookup, most: u64) -> (Vec<u32>, usize) {
    let rollup = Rollup::open(&bytes[..Rollup::front_length(bytes).unwrap()]).unwrap();
    let mut search = RollupSearch::new(&rollup, lookup, most);
    let mut reads = 0;
    while let Some(range) = search.wants() {
        assert!(!range.is_empty());
        search.take(&bytes[range.start as usize..range.end as usize]).unwrap();
        reads += 1;
    }
    (search.finish().iter().collect(), reads)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_answer_is_left_out(
        packs in prop::collection::vec(batches(), 1..6), lookup in lookups(), most in 0..9_u64,
    ) {
        let (mut first, mut rolled, mut hits) = (0, RollupBuilder::new(), Vec::new());
        for (nth, pack) in (0..).zip(&packs) {
            let index = Index::open(build(first, pack, 4096)).unwrap();
            let found = index.answering(&lookup);
            for (at, batch) in (0..).zip(pack) {
                prop_assert!(found.contains(at) || !may_answer(batch, &lookup), "{lookup:?} {batch:?}");
            }
            if lookup.is_any() {
                prop_assert_eq!(found.len() as usize, pack.len());
            }
            hits.extend(pack.iter().any(|batch| may_answer(batch, &lookup)).then_some(nth));
            let last = first + pack.len() as u64 - 1;
            rolled.push(PackId { first, last, note: [0; 8] }, &index).unwrap();
            first = last + 1;
        }
        let bytes = rolled.finish().unwrap();
        let (found, _) = asked(&bytes, &lookup, most);
        prop_assert!(hits.iter().all(|hit| found.contains(hit)), "{hits:?} {found:?}");
    }
}

/// Ranges that overlap are read once, and in pieces of the size that is asked for.
#[test]
fn a_roll_up_is_read_in_pieces_and_each_piece_once() {
    let pack: Vec<Batch> = (0..3)
        .map(|batch| {
            let line =
                |n: u32| format!(r#"{{"verb":"verb-{batch}-{n:06}","sourceIPs":["10.0.0.1"]}}"#);
            (0..9_000).map(line).collect()
        })
        .collect();
    let index = Index::open(build(1, &pack, 4096)).unwrap();
    let mut rolled = RollupBuilder::new();
    rolled.push(PackId { first: 1, last: 3, note: [0; 8] }, &index).unwrap();
    let bytes = rolled.finish().unwrap();
    let all = || Lookup::Term(Pattern::new(TermKind::Action));
    let twice = Lookup::Either(vec![all(), all()]);
    let (_, one) = asked(&bytes, &all(), u64::MAX);
    assert_eq!(one, 1);
    let (found, pieces) = asked(&bytes, &twice, 40_000);
    assert_eq!((found, pieces), (vec![0], asked(&bytes, &all(), 40_000).1));
    assert!(pieces > 3, "{pieces}");
    // What wasn't read, or is another's, leaves nothing out.
    let rollup = Rollup::open(&bytes[..Rollup::front_length(&bytes).unwrap()]).unwrap();
    let none = Lookup::All(vec![all(), Lookup::Either(Vec::new())]);
    assert_eq!(asked(&bytes, &none, 40_000).0, Vec::<u32>::new());
    let mut search = RollupSearch::new(&rollup, &none, 40_000);
    let range = search.wants().unwrap();
    assert!(search.take(&bytes[range.start as usize + 1..range.end as usize + 1]).is_err());
    assert_eq!(search.finish().len(), 1);
}
