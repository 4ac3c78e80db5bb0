//! The lines of one request, joined: of those that are meant, the one of the last stage is told.
//!
//! A watch or an exec ends long after it began, so a line of an earlier stage is held until a later one
//! comes, or the chain ends: what was still under way there comes last.

use std::collections::{HashMap, VecDeque};

use crate::request::{Reach, RequestId};
use crate::scan::{Candidate, Found};

/// Requests of which lines are held: beyond it the oldest is told as it is.
const REQUESTS: usize = 20_000;
/// Bytes of lines that are held: beyond it the same.
const BYTES: usize = 16 << 20;

/// What is held of one chain.
#[derive(Debug, Default)]
pub(crate) struct Joiner {
    held: HashMap<RequestId, (Reach, Candidate)>,
    /// In the order in which they came; of what isn't held any more too.
    order: VecDeque<RequestId>,
    bytes: usize,
    /// Lines that were told though a later one of their request may come.
    early: u64,
}

impl Joiner {
    /// What can be told once a batch is searched.
    pub(crate) fn take(&mut self, found: &mut Found) -> Vec<Candidate> {
        let mut told = Vec::new();
        if !self.held.is_empty() {
            for (id, reached) in &found.reached {
                let replaces = |(stage, held): &(Reach, Candidate)| {
                    reached.replaces(*stage, held.unknown.is_some())
                };
                if self.held.get(id).is_some_and(replaces) {
                    self.give_up(*id);
                }
            }
        }
        for candidate in found.candidates.drain(..) {
            match candidate.request {
                None => told.push(candidate),
                Some((id, stage)) => told.extend(self.hold(id, stage, candidate)),
            }
        }
        while self.held.len() > REQUESTS || self.bytes > BYTES {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Some((_, candidate)) = self.give_up(oldest) {
                self.early += 1;
                told.push(candidate);
            }
        }
        told
    }

    /// Holds a line in place of an earlier one of its request. One that is meant is told where the later one
    /// may not be, or is of the same stage: no request has two of these, so they are of two.
    fn hold(&mut self, id: RequestId, stage: Reach, candidate: Candidate) -> Option<Candidate> {
        let before = self.give_up(id);
        self.bytes += candidate.shown.len();
        if self.order.len() > 2 * REQUESTS {
            let held = &self.held;
            self.order.retain(|id| held.contains_key(id));
        }
        self.order.push_back(id);
        let unknown = candidate.unknown.is_some();
        self.held.insert(id, (stage, candidate));
        let stays = |(reached, before): &(Reach, Candidate)| {
            *reached == stage || (unknown && before.unknown.is_none())
        };
        before.filter(stays).map(|(_, before)| before)
    }

    fn give_up(&mut self, id: RequestId) -> Option<(Reach, Candidate)> {
        let (stage, candidate) = self.held.remove(&id)?;
        self.bytes -= candidate.shown.len();
        Some((stage, candidate))
    }

    /// What is held where the chain ends, in the order in which it came, and how many were told early.
    pub(crate) fn finish(mut self) -> (Vec<Candidate>, u64) {
        let order = std::mem::take(&mut self.order);
        let held =
            order.into_iter().filter_map(|id| self.give_up(id)).map(|(_, held)| held).collect();
        (held, self.early)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::RequestIds;
    use crate::scan::Reached;
    use auditseal_format::Time;

    fn candidate(line: u64, request: Option<(RequestId, Reach)>, bytes: usize) -> Candidate {
        Candidate {
            seq: 1,
            line,
            seal: auditseal_format::hash(b""),
            time: None,
            stands: Time::from_micros(0),
            unknown: None,
            truncated: false,
            request,
            shown: vec![b'x'; bytes],
        }
    }

    /// Ten times as many requests under way as are held, and ten times the bytes: none is lost, and no more
    /// are held.
    #[test]
    fn more_requests_than_are_held_are_told_as_they_are() {
        let ids = RequestIds::default();
        for (requests, bytes) in [(10 * REQUESTS, 0), (200, 10 * BYTES / 200)] {
            let (mut joiner, mut told) = (Joiner::default(), 0);
            for n in 0..requests {
                let id = ids.id(&n.to_le_bytes(), b"", b"t");
                let line = candidate(n as u64, Some((id, Reach::Started)), bytes);
                let mut found = Found { candidates: vec![line], ..Found::default() };
                told += joiner.take(&mut found).len();
                assert!(joiner.held.len() <= REQUESTS && joiner.bytes <= BYTES);
                assert!(joiner.order.len() <= 2 * REQUESTS + 1);
            }
            let (rest, early) = joiner.finish();
            assert_eq!((told + rest.len(), early as usize), (requests, told));
            assert!(told > 0 && rest.is_sorted_by_key(|held| held.line));
        }
    }

    /// A line that is meant gives way to another that is, and not to one of which it can't be told.
    #[test]
    fn what_is_meant_gives_way_to_what_is_meant_alone() {
        let id = RequestIds::default().id(b"1", b"", b"t");
        let reached = |meant, read| Reached { meant, read };
        for (later, left) in [
            (reached(Some(Reach::Ended), Some(Reach::Ended)), 0),
            (reached(None, Some(Reach::Ended)), 1),
            (reached(Some(Reach::Received), None), 1),
        ] {
            let mut joiner = Joiner::default();
            let line = candidate(1, Some((id, Reach::Started)), 1);
            assert!(
                joiner.take(&mut Found { candidates: vec![line], ..Found::default() }).is_empty()
            );
            let reached = [(id, later)].into_iter().collect();
            assert!(joiner.take(&mut Found { reached, ..Found::default() }).is_empty());
            assert_eq!(joiner.finish().0.len(), left, "{later:?}");
        }
    }

    #[test]
    fn of_two_lines_of_one_stage_none_hides_the_other() {
        let id = RequestIds::default().id(b"1", b"", b"t");
        let mut joiner = Joiner::default();
        let lines = [1, 2].map(|line| candidate(line, Some((id, Reach::Started)), 1));
        let mut found = Found { candidates: lines.into(), ..Found::default() };
        let told = joiner.take(&mut found);
        let lines = |all: &[Candidate]| all.iter().map(|one| one.line).collect::<Vec<_>>();
        assert_eq!((lines(&told), lines(&joiner.finish().0)), (vec![1], vec![2]));
    }
}
