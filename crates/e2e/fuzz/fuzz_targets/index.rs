//! Indexes and roll-ups of packs: whatever the bytes are, nothing panics, and what is read answers.
#![no_main]

use auditseal_index::{Index, Pattern, Rollup, TermField, TermKind};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let patterns = TermKind::ALL.map(|kind| Pattern::new(kind).with(TermField::Verb, "get"));
    if let Ok(index) = Index::open(bytes.to_vec()) {
        for pattern in &patterns {
            assert_eq!(index.matching(pattern).below(), index.batches());
        }
        index.each_term(|term, batches| {
            assert!(!batches.is_empty());
            let mut found = index.matching(&Pattern::from(&term));
            found.intersect(&batches);
            assert!(found == batches);
        });
        assert_eq!(index.with_audit_id("x").below(), index.batches());
    }
    let front = Rollup::front_length(bytes).ok().and_then(|length| bytes.get(..length));
    if let Some(Ok(rollup)) = front.map(Rollup::open) {
        for pattern in &patterns {
            let range = rollup.range(pattern);
            assert!(range.end <= rollup.length());
            let (start, end) = (range.start as usize, range.end as usize);
            drop(rollup.matching(pattern, bytes.get(start..end).unwrap_or_default()));
        }
    }
});
