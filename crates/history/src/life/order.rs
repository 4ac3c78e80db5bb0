//! Puts requests into the order that their answers' versions give.

use std::collections::VecDeque;

use auditseal_audit::Time;

use crate::act::{Act, Body};
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

/// How much of a request's bodies is held.
fn held(act: &Act) -> usize {
    [&act.request, &act.response].into_iter().filter(|body| body.held().is_some()).count()
}

/// Whether two lines tell of one request: all that both hold is the same. Clients choose a request's id, so that alone says
/// nothing.
fn is_told_again(one: &Act, other: &Act) -> bool {
    let lacks = |body: &Body| matches!(body, Body::Truncated | Body::Level);
    let alike = |one: &Body, other: &Body| one == other || lacks(one) || lacks(other);
    !one.audit_id.is_empty()
        && one.done.is_some()
        && (&one.audit_id, one.received, one.done) == (&other.audit_id, other.received, other.done)
        && (&one.verb, &one.user, &one.acting_as) == (&other.verb, &other.user, &other.acting_as)
        && (&one.sources, &one.agent, &one.query) == (&other.sources, &other.agent, &other.query)
        && (one.code, &one.target) == (other.code, &other.target)
        && alike(&one.request, &other.request)
        && alike(&one.response, &other.response)
}

/// Requests that wait.
#[derive(Debug)]
pub(crate) struct Order {
    group: String,
    waiting: VecDeque<Act>,
    repeated: u64,
}

impl Order {
    pub(crate) fn new(group: String) -> Self {
        Self { group, waiting: VecDeque::new(), repeated: 0 }
    }

    /// The version that a request's answer shows, if it is a number.
    fn version(&self, act: &Act) -> Option<u64> {
        // A read may show what a cache held.
        let object =
            act.stored().filter(|_| act.verb != "get" && act.target.api_group == self.group)?;
        text(object, &["metadata", "resourceVersion"])?.parse().ok()
    }

    /// Takes one in that isn't told again; gives those that wait no longer.
    pub(crate) fn put(&mut self, act: Act) -> Option<Act> {
        // A log may be sealed twice, and one of its copies be cut: the one that holds more counts.
        if let Some(other) = self.waiting.iter_mut().find(|other| is_told_again(other, &act)) {
            if held(&act) > held(other) {
                *other = act;
            }
            self.repeated += 1;
            return None;
        }
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

    /// Lines of requests that waited already.
    pub(crate) fn repeated(&self) -> u64 {
        self.repeated
    }

    /// All that wait.
    pub(crate) fn drain(&mut self) -> Vec<Act> {
        self.waiting.drain(..).collect()
    }
}
