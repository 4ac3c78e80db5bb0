//! Puts requests into the order that their answers' versions give.

use std::collections::VecDeque;

use auditseal_audit::Time;

use crate::act::Act;
use crate::value::text;

/// Requests that wait for earlier ones. One that comes later than this many others is told as late.
pub const MAX_WAITING: usize = 32;

/// Microseconds by which apiservers' clocks may differ, so that a line with a lower version is taken for an earlier one.
const SKEW: i64 = 60_000_000;

/// Whether a request came in after all clocks agree that another was done.
pub(crate) fn is_later(received: Option<Time>, done: Option<Time>) -> bool {
    received.zip(done).is_some_and(|(received, done)| received > done.saturating_add(SKEW))
}

/// Whether a request is proved to have written the version that it was answered.
fn wrote(act: &Act) -> bool {
    let answered = act.stored().and_then(|object| text(object, &["metadata", "resourceVersion"]));
    let based = act.submitted_version().is_some_and(|on| answered.is_some_and(|now| now != on));
    based || act.code == Some(201)
}

/// Requests that wait.
#[derive(Debug)]
pub(crate) struct Order {
    group: String,
    waiting: VecDeque<Act>,
}

impl Order {
    pub(crate) fn new(group: String) -> Self {
        Self { group, waiting: VecDeque::new() }
    }

    /// The version that a request's answer shows, if it is a number.
    fn version(&self, act: &Act) -> Option<u64> {
        // A read may show what a cache held.
        let object =
            act.stored().filter(|_| act.verb != "get" && act.target.api_group == self.group)?;
        text(object, &["metadata", "resourceVersion"])?.parse().ok()
    }

    /// Takes one in; gives those that wait no longer.
    pub(crate) fn put(&mut self, act: Act) -> Option<Act> {
        let mut at = self.waiting.len();
        if let Some(version) = self.version(&act) {
            for (place, other) in self.waiting.iter().enumerate().rev() {
                match self.version(other) {
                    // A store that was restored counts from a lower version again.
                    Some(_) if is_later(act.received, other.done) => break,
                    Some(of) if of > version => at = place,
                    // Of those that were answered one version, the one that is proved to have written it is first.
                    Some(of) if of == version && wrote(&act) && !wrote(other) => at = place,
                    Some(_) => break,
                    None => {}
                }
            }
        }
        self.waiting.insert(at, act);
        if self.waiting.len() > MAX_WAITING { self.waiting.pop_front() } else { None }
    }

    /// All that wait.
    pub(crate) fn drain(&mut self) -> Vec<Act> {
        self.waiting.drain(..).collect()
    }
}
