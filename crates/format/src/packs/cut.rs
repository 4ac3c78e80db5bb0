//! Where a pack ends and the next begins: FORMAT.md, "Cuts". A function of the notes alone, so that whoever
//! packs a chain, whenever, makes the same packs.

use auditseal_audit::{Date, TimeField};

use super::{MAX_SIZES, MAX_TEXT};

/// What of an object decides where packs are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// Place in the chain.
    pub seq: u64,
    /// The date in its key.
    pub date: Date,
    /// How the times of its lines are found.
    pub field: TimeField,
    /// Bytes of its text: payload and seal line.
    pub text: u64,
    /// Sizes that an attestation has of it: one, and one for each of its ranges that isn't empty.
    pub sizes: u64,
}

/// Consecutive objects that are a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Seq of the first.
    pub first: u64,
    /// Seq of the last.
    pub last: u64,
    /// The date in the keys of all of them.
    pub date: Date,
    /// How the times of all their lines are found.
    pub field: TimeField,
    /// Bytes of their texts.
    pub text: u64,
    /// Sizes that an attestation has of them.
    pub sizes: u64,
}

/// Cuts a chain into packs, object by object.
#[derive(Debug)]
pub struct Cutter {
    open: Option<Cut>,
    /// Objects are passed over up to the first with another date in its key: where their day began isn't
    /// known, and packs that began here would have other borders than those of who knows.
    skip: Option<Option<Date>>,
    most_text: u64,
    most_sizes: u64,
}

impl Cutter {
    /// For a chain that is read from where a day begins in its keys, or where the pack before ended.
    #[must_use]
    pub fn new() -> Self {
        Self::within(MAX_TEXT, MAX_SIZES)
    }

    /// The same with other bounds than those of the format: for tests and measurements.
    #[must_use]
    pub fn within(most_text: u64, most_sizes: u64) -> Self {
        Self { open: None, skip: None, most_text, most_sizes }
    }

    /// For a chain that is read from the midst of a day: the objects up to the next day are passed over.
    #[must_use]
    pub fn from_the_midst(self) -> Self {
        Self { skip: Some(None), ..self }
    }

    /// Takes the chain's next object. Gives the pack that ends before it.
    ///
    /// The genesis is in no pack: it stays where it is.
    pub fn take(&mut self, next: Measure) -> Option<Cut> {
        if next.seq == 0 || self.skips(&next) {
            return self.open.take();
        }
        let joins = self.open.filter(|open| self.fits(open, &next));
        let Some(open) = joins else {
            let Measure { seq, date, field, text, sizes } = next;
            return self.open.replace(Cut { first: seq, last: seq, date, field, text, sizes });
        };
        let text = open.text.saturating_add(next.text);
        self.open = Some(Cut { last: next.seq, text, sizes: open.sizes + next.sizes, ..open });
        None
    }

    /// What stands behind isn't there, or isn't proved: the pack ends here, whatever it holds.
    pub fn hole(&mut self) -> Option<Cut> {
        self.open.take()
    }

    fn skips(&mut self, next: &Measure) -> bool {
        let Some(date) = self.skip else { return false };
        let day = date.unwrap_or(next.date);
        self.skip = (day == next.date).then_some(Some(day));
        self.skip.is_some()
    }

    fn fits(&self, open: &Cut, next: &Measure) -> bool {
        open.last + 1 == next.seq
            && (open.date, open.field) == (next.date, next.field)
            && open.text.saturating_add(next.text) <= self.most_text
            && open.sizes + next.sizes <= self.most_sizes
    }
}

impl Default for Cutter {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(seq: u64, day: u8, text: u64) -> Measure {
        let date = Date::parse(format!("2026-11-{day:02}").as_bytes()).unwrap();
        Measure { seq, date, field: TimeField::Audit, text, sizes: 2 }
    }

    fn cuts(mut cutter: Cutter, objects: &[Measure]) -> Vec<(u64, u64, u64)> {
        let cuts = objects.iter().filter_map(|object| cutter.take(*object));
        cuts.map(|cut| (cut.first, cut.last, cut.text)).collect()
    }

    #[test]
    fn a_pack_ends_where_the_notes_say() {
        let within = || Cutter::within(100, 6);
        for (what, objects, expected) in [
            ("the last is never closed", vec![measure(1, 1, 10), measure(2, 1, 10)], vec![]),
            (
                "the genesis is in none",
                vec![measure(0, 1, 10), measure(1, 2, 10), measure(2, 3, 10)],
                vec![(1, 1, 10)],
            ),
            (
                "a day",
                vec![measure(1, 1, 10), measure(2, 1, 10), measure(3, 2, 10)],
                vec![(1, 2, 20)],
            ),
            (
                "exactly full",
                vec![measure(1, 1, 50), measure(2, 1, 50), measure(3, 1, 1)],
                vec![(1, 2, 100)],
            ),
            (
                "over by one byte",
                vec![measure(1, 1, 50), measure(2, 1, 51), measure(3, 2, 1)],
                vec![(1, 1, 50), (2, 2, 51)],
            ),
            (
                "a large one is alone",
                vec![measure(1, 1, 1), measure(2, 1, 900), measure(3, 1, 1)],
                vec![(1, 1, 1), (2, 2, 900)],
            ),
            (
                "so many objects",
                (1..=7).map(|seq| measure(seq, 1, 1)).collect(),
                vec![(1, 3, 3), (4, 6, 3)],
            ),
            (
                "a hole",
                vec![measure(1, 1, 1), measure(3, 1, 1), measure(4, 2, 1)],
                vec![(1, 1, 1), (3, 3, 1)],
            ),
        ] {
            assert_eq!(cuts(within(), &objects), expected, "{what}");
        }
    }

    #[test]
    fn whoever_begins_in_a_day_waits_for_the_next() {
        let objects: Vec<_> = (1..=9).map(|seq| measure(seq, 1 + (seq / 3) as u8, 40)).collect();
        let all = cuts(Cutter::within(100, 18), &objects);
        assert_eq!(all, [(1, 2, 80), (3, 4, 80), (5, 5, 40), (6, 7, 80), (8, 8, 40)]);
        let late = cuts(Cutter::within(100, 18).from_the_midst(), &objects[3..]);
        assert_eq!(late, [(6, 7, 80), (8, 8, 40)]);
    }

    #[test]
    fn the_bounds_of_the_format() {
        let many: Vec<_> = (1..=MAX_SIZES * 5 + 1).map(|seq| measure(seq, 1, 1)).collect();
        let found = cuts(Cutter::new(), &many);
        assert_eq!(found.len(), 10);
        assert!(found.iter().all(|(first, last, _)| 2 * (last - first + 1) == MAX_SIZES));
        let large: Vec<_> = (1..=21).map(|seq| measure(seq, 1, MAX_TEXT / 2)).collect();
        assert_eq!(cuts(Cutter::new(), &large).len(), 10);
    }
}
