//! A question in CEL, a newline, and a line: neither makes anything panic, and a line of which the answer isn't no is
//! found by an index and by a byte search. `!` and two questions joined mean what logic says.
#![no_main]

use auditseal_index::{Builder, Index};
use auditseal_predicate::{Event, FieldPath, Keep, Predicate, Truth};
use libfuzzer_sys::fuzz_target;

fn index_of(line: &[u8]) -> Index {
    let mut builder = Builder::new(0);
    builder.text(line);
    builder.text(b"\n");
    builder.end_batch();
    Index::open(builder.finish().expect("a pack")).expect("an index that was made is read")
}

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let (Some(text), line) = (parts.next(), parts.next().unwrap_or_default()) else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let event = if line.contains(&b'\n') { None } else { Event::parse(line).ok() };
    if let (Some(event), Ok(path)) = (&event, text.parse::<FieldPath>()) {
        drop(event.field(&path));
    }
    let predicate = match Predicate::from_cel(text) {
        Ok(predicate) => predicate,
        Err(refused) => {
            assert!(refused.offset <= text.len() && text.is_char_boundary(refused.offset), "{refused:?}");
            return;
        }
    };
    let Some(event) = event else { return };
    let answer = predicate.eval(&event);
    assert_eq!((!predicate.clone()).eval(&event), !answer);
    let both = Predicate::all(vec![predicate.clone(), !predicate.clone()]);
    assert_eq!(both.eval(&event), answer.and(!answer));
    for predicate in [predicate.clone(), !predicate] {
        if predicate.eval(&event) == Truth::False {
            continue;
        }
        assert!(predicate.literals_for(Keep::All).may_match(line), "{:?}", predicate.literals_for(Keep::All));
        let (index, plan) = (index_of(line), predicate.terms_for(Keep::All));
        assert!(index.answering(&plan).contains(0), "{plan:?}");
    }
});
