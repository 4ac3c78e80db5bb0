//! An index says what the text says.

mod support;

use std::collections::BTreeSet;

use auditseal_index::{
    Builder, Index, IndexError, Ordinals, Pattern, TermField, TermKind, TermValue, terms_of,
};
use proptest::prelude::*;
use support::{Batch, Model, batches, broken, build, event, terms};

fn set(ordinals: &Ordinals) -> BTreeSet<u32> {
    ordinals.iter().collect()
}

proptest! {
    #[test]
    fn an_index_says_what_its_text_says(batches in batches(), first in 0..1_000_000_u64, size in 1..300_usize) {
        let model = Model::of(&batches);
        let bytes = build(first, &batches, size);
        prop_assert_eq!(&bytes, &build(first, &batches, 1 << 20), "pieces say nothing");
        let index = Index::open(bytes).unwrap();
        prop_assert_eq!((index.first(), index.batches() as usize), (first, batches.len()));
        prop_assert_eq!(set(index.open_batches()), model.open.clone());
        let mut found = Model { open: model.open.clone(), ids: model.ids.clone(), ..Model::default() };
        index.each_term(|term, batches| drop(found.terms.insert(term, set(&batches))));
        prop_assert_eq!(&found, &model);
        for (term, of) in &model.terms {
            let expected: BTreeSet<_> = of.union(&model.open).copied().collect();
            prop_assert_eq!(set(&index.matching(&Pattern::from(term))), expected);
        }
        for id in &model.ids {
            prop_assert_eq!(index.with_audit_id(id).len() as usize, batches.len());
        }
        // Now and then one that isn't there seems to be: hardly four.
        let absent = ["no line's", "nobody's", "of no event", "never seen"].map(|id| set(&index.with_audit_id(id)));
        prop_assert!(absent.contains(&model.open));
    }

    #[test]
    fn patterns_find_what_has_their_fields(batches in batches(), kind in 0..5_usize, known in 0..32_u8, by in event()) {
        let kind = TermKind::ALL[kind];
        let (model, index) = (Model::of(&batches), Index::open(build(0, &batches, 4096)).unwrap());
        let (own, _) = terms(&by).unwrap();
        let Some(term) = own.into_iter().find(|term| term.kind() == kind) else { return Ok(()) };
        let is_short = |text: &str| text.len() < 2;
        let mut pattern = Pattern::new(kind);
        for (at, (field, value)) in kind.fields().iter().zip(term.values()).enumerate() {
            match value {
                TermValue::Text(text) if known >> at & 1 == 1 => pattern = pattern.with(*field, text),
                _ if known >> at & 1 == 1 => pattern = pattern.passing(*field, is_short),
                _ => {}
            }
        }
        let fits = |other: &auditseal_index::Term| {
            other.kind() == kind
                && term.values().zip(other.values()).enumerate().all(|(at, (own, value))| match own {
                    _ if known >> at & 1 == 0 => true,
                    TermValue::Text(_) => own == value,
                    TermValue::Hashed(_) => match value {
                        TermValue::Text(text) => is_short(text),
                        TermValue::Hashed(_) => true,
                    },
                })
        };
        let mut expected = model.open.clone();
        expected.extend(model.terms.iter().filter(|(term, _)| fits(term)).flat_map(|(_, of)| of));
        prop_assert_eq!(set(&index.matching(&pattern)), expected);
    }

    #[test]
    fn the_terms_of_a_line_are_those_of_its_index(line in prop_oneof![9 => event(), 1 => broken()]) {
        let ours = terms_of(line.as_bytes()).map(|line| (line.terms, line.audit_id.unwrap_or_default()));
        prop_assert_eq!(ours, terms(&line));
    }
}

/// Four hundred batches of many events: blocks, bitmaps and runs.
#[test]
fn a_pack_of_many_batches_is_found_term_by_term() {
    let line = |number: u32| {
        let (verb, ns) = (["get", "list", "watch"][number as usize % 3], number % 50);
        format!(
            r#"{{"auditID":"{number}","verb":"{verb}","user":{{"username":"u-{}"}},"sourceIPs":["10.0.0.{}"],"objectRef":{{"resource":"pods","namespace":"ns-{ns}","name":"pod-{number}"}}}}"#,
            number % 97,
            number % 5
        )
    };
    let batches: Vec<Batch> =
        (0..400).map(|batch| (0..20).map(|at| line(batch * 13 + at)).collect()).collect();
    let (model, bytes) = (Model::of(&batches), build(5, &batches, 1 << 16));
    let index = Index::open(bytes).unwrap();
    for (term, of) in &model.terms {
        assert_eq!(&set(&index.matching(&Pattern::from(term))), of, "{term:?}");
    }
    let pods = Pattern::new(TermKind::Object).with(TermField::Resource, "pods");
    assert_eq!(index.matching(&pods).len(), 400);
    let node = Pattern::new(TermKind::Object).with(TermField::Resource, "nodes");
    assert!(index.matching(&node).is_empty());
    let pods = Pattern::new(TermKind::Object).with(TermField::Resource, "pod");
    assert!(index.matching(&pods).is_empty(), "a value isn't the beginning of another");
}

#[test]
fn a_pack_without_batches_or_beyond_all_numbers_has_no_index() {
    assert_eq!(Builder::new(0).finish(), Err(IndexError::Empty));
    let mut last = Builder::new(999_999_999_999);
    last.end_batch();
    assert!(Index::open(last.finish().unwrap()).is_ok());
    let mut beyond = Builder::new(999_999_999_999);
    beyond.end_batch();
    beyond.end_batch();
    assert!(matches!(beyond.finish(), Err(IndexError::TooMany(_))));
    assert!(matches!(Index::open(vec![0; Index::MAX_LENGTH + 1]), Err(IndexError::TooMany(_))));
}

#[test]
fn more_batches_than_a_pack_has_make_no_index() {
    let mut builder = Builder::new(0);
    (0..1 << 20).for_each(|_| builder.end_batch());
    builder.text(b"not read\n");
    builder.end_batch();
    assert!(matches!(builder.finish(), Err(IndexError::TooMany(_))));
    let mut builder = Builder::new(0);
    (0..1 << 20).for_each(|_| builder.end_batch());
    assert_eq!(Index::open(builder.finish().unwrap()).unwrap().batches(), 1 << 20);
}

#[test]
fn a_line_without_its_newline_is_one_too() {
    let mut builder = Builder::new(0);
    builder.text(br#"{"verb":"get"}"#);
    builder.end_batch();
    builder.text(br#"{"verb":"get""#);
    builder.end_batch();
    builder.end_batch();
    builder.text(b" ");
    builder.end_batch();
    let index = Index::open(builder.finish().unwrap()).unwrap();
    let gets = Pattern::new(TermKind::Action).with(TermField::Verb, "get");
    assert_eq!(set(&index.matching(&gets)), BTreeSet::from([0, 1, 3]));
    assert_eq!(set(index.open_batches()), BTreeSet::from([1, 3]));
}
