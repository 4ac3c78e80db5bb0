//! Text of a pack: its index is found to have each line's terms, however the text is cut, and a line that
//! isn't JSON opens its batch. The first byte tells how it is cut.
#![no_main]

use auditseal_index::{Builder, Index, Pattern, terms_of};
use libfuzzer_sys::fuzz_target;

/// Between two batches, in place of a seal.
const SEAL: u8 = 0x1e;

fn build(text: &[u8], piece: usize) -> Index {
    let mut builder = Builder::new(0);
    for batch in text.split(|byte| *byte == SEAL) {
        batch.chunks(piece).for_each(|piece| builder.text(piece));
        builder.end_batch();
    }
    Index::open(builder.finish().expect("a pack")).expect("an index that was made is read")
}

fuzz_target!(|bytes: &[u8]| {
    let Some((first, text)) = bytes.split_first() else { return };
    let index = build(text, 1 << 20);
    assert!(index.hash() == build(text, usize::from(*first) + 1).hash());
    for (number, batch) in (0..).zip(text.split(|byte| *byte == SEAL)) {
        let whole = batch.strip_suffix(b"\n").unwrap_or(batch);
        if batch.is_empty() {
            continue;
        }
        for line in whole.split(|byte| *byte == b'\n') {
            match terms_of(line) {
                None => assert!(index.open_batches().contains(number)),
                Some(found) => {
                    for term in &found.terms {
                        assert!(index.matching(&Pattern::from(term)).contains(number));
                    }
                    if let Some(id) = found.audit_id {
                        assert!(index.with_audit_id(&id).contains(number));
                    }
                    assert!(serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok() || deep(line));
                }
            }
        }
    }
});

/// The other parser stops at a depth of 128.
fn deep(line: &[u8]) -> bool {
    line.iter().filter(|byte| matches!(byte, b'{' | b'[')).count() > 120
}
