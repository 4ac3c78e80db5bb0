//! Where a chain goes on: what a node has of it, held against what the store has.

use crate::spooled::Spooled;
use crate::types::StoreHead;

/// What is to be done with what a node has and a store shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// Neither has anything: a new chain begins.
    Begin,
    /// The node's state was lost: the chain goes on from the store's head.
    TakeUp,
    /// The store has what the node sent, or less: the chain goes on from the node's head.
    GoOn,
    /// The store has notes that the node doesn't know: our own, sent before a snapshot of the state
    /// was restored, or a double's. They are the chain's if they continue it without a break.
    Adopt,
    /// The store has another note than the one that ours continue: there are two histories.
    Fork,
}

/// Decides it. Pure: the agent, the simulator and the uploads ask the same question.
#[must_use]
pub fn course(ours: &Spooled, store: Option<&StoreHead>) -> Course {
    let Some(newest) = ours.objects.back() else {
        return if store.is_some() { Course::TakeUp } else { Course::Begin };
    };
    let Some(store) = store else { return Course::GoOn };
    let seq = store.key.seq;
    if seq > newest.seq {
        return Course::Adopt;
    }
    match ours.hash_of(seq) {
        Some(hash) if hash == store.hash => Course::GoOn,
        // Ours before it are the same, or the way back from it will tell.
        Some(_) => Course::Adopt,
        // It is before one of ours: of the last one before, ours say what it must be. What the store lost of
        // older ones a verifier says; going on neither mends it nor makes it worse.
        None if ours.before(seq + 1).is_some_and(|hash| hash != Some(store.hash)) => Course::Fork,
        None => Course::GoOn,
    }
}
