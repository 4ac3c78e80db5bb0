//! The events of one request, joined.

use std::collections::{BTreeMap, HashMap, VecDeque};

use auditseal_audit::policy::Stage;
use auditseal_merkle::{Hash, hash};

use crate::event::Event;
use crate::json::Raw;

/// Members by which two events are known to be of one request, besides the `auditID`: none of them changes from stage to
/// stage.
const SAME: [&str; 5] = ["auditID", "requestReceivedTimestamp", "verb", "requestURI", "user"];

/// Joins the events of requests, so that each request is reported once.
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
    /// Events of stage `RequestReceived`, not reported yet.
    received: Queue<T>,
    /// Requests that went on for long, whose start was reported: their end needn't be.
    started: Queue<()>,
}

impl<T> Stages<T> {
    /// Holds at most so many requests that came, and as many that were let through; at least one.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { received: Queue::new(most), started: Queue::new(most) }
    }

    /// Tells of an event, in the order of the log, with what is to be reported of it; `None` if nothing is, for then it
    /// still settles what came before of its request. Gives what is to be reported now: of this event, or of an older
    /// one for which there is no more room.
    pub fn tell(&mut self, event: &Event<'_>, item: Option<T>) -> Option<T> {
        let Some(stage) = event.stage() else { return item };
        let key = key(event);
        if stage == Stage::RequestReceived {
            return self.received.push(key, item?);
        }
        drop(self.received.take(key));
        let started = stage != Stage::ResponseStarted && self.started.take(key).is_some();
        if stage == Stage::ResponseStarted && item.is_some() {
            // The oldest may be forgotten: its end is then reported too.
            let _ = self.started.push(key, ());
        }
        // A crash after the start says more than the start.
        item.filter(|_| !started || stage == Stage::Panic)
    }

    /// What is still held: requests of which no more was told than that they came, in the order of the log.
    pub fn finish(self) -> impl Iterator<Item = T> {
        self.received.into_values()
    }
}

/// Values by keys, of which each may have several, in the order in which they came; no more than so many.
#[derive(Debug)]
struct Queue<V> {
    most: usize,
    by_key: HashMap<Hash, VecDeque<u64>>,
    in_order: BTreeMap<u64, (Hash, V)>,
    next: u64,
}

impl<V> Queue<V> {
    fn new(most: usize) -> Self {
        Self { most: most.max(1), by_key: HashMap::new(), in_order: BTreeMap::new(), next: 0 }
    }

    /// Adds a value; gives the oldest one if there is no more room.
    fn push(&mut self, key: Hash, value: V) -> Option<V> {
        self.by_key.entry(key).or_default().push_back(self.next);
        self.in_order.insert(self.next, (key, value));
        self.next += 1;
        let full = self.in_order.len() > self.most;
        let oldest = self.in_order.first_key_value().filter(|_| full).map(|(_, (key, _))| *key)?;
        self.take(oldest)
    }

    /// Takes the oldest value of a key.
    fn take(&mut self, key: Hash) -> Option<V> {
        let numbers = self.by_key.get_mut(&key)?;
        let number = numbers.pop_front()?;
        if numbers.is_empty() {
            self.by_key.remove(&key);
        }
        self.in_order.remove(&number).map(|(_, value)| value)
    }

    fn into_values(self) -> impl Iterator<Item = V> {
        self.in_order.into_values().map(|(_, value)| value)
    }
}

/// What two events of one request have in common, as it is written.
fn key(event: &Event<'_>) -> Hash {
    let mut bytes = Vec::with_capacity(512);
    for name in SAME {
        let value = event.member(name).map_or(&b""[..], Raw::bytes);
        bytes.extend_from_slice(hash(value).as_bytes());
    }
    hash(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str, stage: &str, received: u32) -> String {
        format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"{id}","stage":"{stage}","requestURI":"/x","verb":"get","user":{{"username":"u"}},"requestReceivedTimestamp":"2026-11-30T06:00:00.{received:06}Z"}}"#
        )
    }

    /// Tells of events as `(auditID, stage, time)`; what is told of is its place.
    fn reported(most: usize, events: &[(&str, &str, u32)]) -> (Vec<usize>, Vec<usize>) {
        let mut stages = Stages::new(most);
        let mut told = Vec::new();
        for (at, (id, stage, received)) in events.iter().enumerate() {
            let line = line(id, stage, *received);
            told.extend(stages.tell(&Event::parse(line.as_bytes()).unwrap(), Some(at)));
        }
        (told, stages.finish().collect())
    }

    const R: &str = "RequestReceived";
    const S: &str = "ResponseStarted";
    const C: &str = "ResponseComplete";

    #[test]
    fn the_last_stage_counts_and_of_a_long_request_its_start() {
        assert_eq!(
            reported(9, &[("a", R, 1), ("b", R, 2), ("b", C, 2), ("a", C, 1)]),
            (vec![2, 3], vec![])
        );
        assert_eq!(reported(9, &[("a", R, 1), ("a", S, 1), ("a", C, 1)]), (vec![1], vec![]));
        assert_eq!(
            reported(9, &[("a", R, 1), ("a", S, 1), ("a", "Panic", 1)]),
            (vec![1, 2], vec![])
        );
        assert_eq!(reported(9, &[("a", C, 1)]), (vec![0], vec![]));
        assert_eq!(
            reported(9, &[("b", R, 2), ("a", R, 1)]),
            (vec![], vec![0, 1]),
            "no more is known of them"
        );
    }

    #[test]
    fn nothing_is_hidden_behind_an_audit_id() {
        // Two requests of one auditID, one after the other and at once; and two that are alike in all.
        assert_eq!(reported(9, &[("a", R, 1), ("a", C, 1), ("a", R, 2), ("a", C, 2)]).0, [1, 3]);
        assert_eq!(reported(9, &[("a", R, 1), ("a", R, 2), ("a", C, 2)]), (vec![2], vec![0]));
        assert_eq!(reported(9, &[("a", R, 1), ("a", R, 1), ("a", C, 1), ("a", C, 1)]).0, [2, 3]);
        assert_eq!(reported(9, &[("a", S, 1), ("a", C, 1), ("a", C, 1)]).0, [0, 2]);
    }

    #[test]
    fn an_event_that_is_no_hit_settles_what_came_before() {
        let mut stages = Stages::new(9);
        let mut tell = |stage: &str, item| {
            let line = line("a", stage, 1);
            stages.tell(&Event::parse(line.as_bytes()).unwrap(), item)
        };
        assert_eq!(tell(R, Some(1)), None);
        assert_eq!(tell(S, None), None);
        assert_eq!(tell(C, Some(3)), Some(3), "its start wasn't reported");
        assert_eq!(stages.finish().count(), 0);
    }

    #[test]
    fn beyond_what_is_held_the_oldest_are_reported_as_they_are() {
        let many: Vec<String> = (0..10_000).map(|n| n.to_string()).collect();
        let received: Vec<_> = many.iter().map(|id| (id.as_str(), R, 1)).collect();
        let (told, left) = reported(100, &received);
        assert_eq!((told.len(), left.len()), (9_900, 100));
        assert!(told.iter().copied().eq(0..9_900));
        let started: Vec<_> = many
            .iter()
            .map(|id| (id.as_str(), S, 1))
            .chain([("0", C, 1), ("9999", C, 1)])
            .collect();
        let (told, left) = reported(100, &started);
        assert_eq!((told.len(), left.len()), (10_001, 0), "twice rather than never");
        let (told, _) = reported(0, &[("a", R, 1), ("b", R, 1), ("b", C, 1)]);
        assert_eq!(told, [0, 2]);
    }

    #[test]
    fn a_line_that_is_no_audit_event_is_reported_at_once() {
        let mut stages = Stages::new(1);
        assert_eq!(stages.tell(&Event::parse(b"{\"auditID\":\"a\"}").unwrap(), Some(1)), Some(1));
    }
}
