//! Lines of an audit log that can't be read: which they are, so that somebody can look at them.

use auditseal_format::TimeField;

/// Lines that are named of one batch, and of one chain; of more the number is told.
pub(crate) const NAMED: usize = 5;

/// A line that can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableLine {
    /// Its batch's place in the chain.
    pub seq: u64,
    /// Its place in the batch, from 1.
    pub line: u64,
    /// What is wrong with it, in words of ours.
    pub why: String,
}

/// The first of them, and how many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unreadables {
    /// The first of them.
    pub first: Vec<UnreadableLine>,
    /// All of them.
    pub total: u64,
}

impl Unreadables {
    /// A line of this batch, whose lines are dated so: of a log of another kind each would be one.
    pub(crate) fn add(&mut self, (seq, times): (u64, TimeField), line: u64, why: String) {
        if times != TimeField::Audit {
            return;
        }
        self.total += 1;
        if self.first.len() < NAMED {
            self.first.push(UnreadableLine { seq, line, why });
        }
    }

    /// Takes those of a later batch.
    pub(crate) fn join(&mut self, later: Self) {
        self.total += later.total;
        let room = NAMED - self.first.len().min(NAMED);
        self.first.extend(later.first.into_iter().take(room));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten times as many as are named, in two batches: all are counted, and the first are named.
    #[test]
    fn more_lines_than_are_named_are_counted() {
        let of = |seq| {
            let mut batch = Unreadables::default();
            (1..=5 * NAMED as u64)
                .for_each(|line| batch.add((seq, TimeField::Audit), line, "why".to_owned()));
            batch
        };
        let mut all = Unreadables::default();
        all.join(of(1));
        all.join(of(2));
        assert_eq!((all.total, all.first.len()), (10 * NAMED as u64, NAMED));
        assert!(all.first.iter().all(|one| one.seq == 1 && one.line <= NAMED as u64));
        let mut flows = Unreadables::default();
        flows.add((1, TimeField::None), 1, "why".to_owned());
        assert_eq!(flows, Unreadables::default());
    }
}
