//! What is read of a line for a predicate's sake.

use auditseal_index::{Builder, Index, Lookup};
use auditseal_predicate::{Event, Keep, Predicate, Truth};
use proptest::prelude::*;

/// Whether an index of this line alone says that it may match.
pub(crate) fn found(plan: &Lookup, line: &[u8]) -> bool {
    let mut builder = Builder::new(0);
    builder.text(line);
    builder.text(b"\n");
    builder.end_batch();
    let index = Index::open(builder.finish().unwrap()).unwrap();
    index.answering(plan).contains(0)
}

/// A line of which the answer isn't no is read, however it is written.
pub(crate) fn nothing_is_left_out(predicate: &Predicate, line: &[u8]) -> Result<(), TestCaseError> {
    let Ok(event) = Event::parse(line) else { return Ok(()) };
    let answer = predicate.eval(&event);
    if answer == Truth::False {
        return Ok(());
    }
    let text = String::from_utf8_lossy(line);
    let early = event.stage().is_some_and(|stage| format!("{stage:?}") == "RequestReceived");
    for keep in [Keep::All, Keep::Answered] {
        if keep == Keep::Answered && early && answer == Truth::Unknown {
            continue;
        }
        let (literals, plan) = (predicate.literals_for(keep), predicate.terms_for(keep));
        prop_assert!(literals.may_match(line), "{:?} {:?} {}: {:?}", answer, keep, text, literals);
        prop_assert!(found(&plan, line), "{:?} {:?} {}: {:?}", answer, keep, text, plan);
    }
    Ok(())
}
