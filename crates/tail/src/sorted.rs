//! A sorted list that takes hardly more room than what is in it.

use std::cmp::Ordering;

/// Elements in one piece: to insert one moves half of so many, and a piece that is full is split.
const PIECE: usize = 512;

/// Elements in an order that its owner knows: it may be that of what they stand for.
///
/// A tree that is filled in ascending order is half empty; this is full then, and two thirds full
/// in any other. Made anew with each listing it takes the places of those before: one vector of a
/// megabyte wouldn't, for something small stands amid the place of the last one by then.
#[derive(Debug)]
pub(crate) struct Sorted<T>(Vec<Vec<T>>);

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Copy + Ord> FromIterator<T> for Sorted<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        let mut all = Self::default();
        elements.into_iter().for_each(|element| all.add(element));
        all
    }
}

impl<T: Copy + Ord> Sorted<T> {
    /// Inserts an element, in its own order.
    pub(crate) fn add(&mut self, element: T) {
        self.insert(element, |other| other.cmp(&element));
    }

    /// Whether it is there, of a list in this order.
    pub(crate) fn has(&self, element: &T) -> bool {
        self.from(|other| other.cmp(element)).next().is_some_and(|found| found == *element)
    }

    /// The greatest, of a list in this order.
    pub(crate) fn last(&self) -> Option<T> {
        self.0.last()?.last().copied()
    }
}

impl<T: Copy> Sorted<T> {
    /// A list of elements that come in ascending order.
    pub(crate) fn of(ascending: impl Iterator<Item = T>) -> Self {
        let mut all = Self::default();
        ascending.for_each(|element| all.append(element));
        all
    }

    fn append(&mut self, element: T) {
        match self.0.last_mut().filter(|last| last.len() < PIECE) {
            Some(last) => last.push(element),
            None => self.0.push(vec![element]),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// The first place whose element isn't before what is sought: its piece, and where in it.
    fn place(&self, order: &impl Fn(&T) -> Ordering) -> (usize, usize) {
        let before = |element: &T| order(element) == Ordering::Less;
        let piece = self.0.partition_point(|piece| piece.last().is_some_and(before));
        (piece, self.0.get(piece).map_or(0, |piece| piece.partition_point(before)))
    }

    /// Inserts an element; `order` says how another one stands to it. Nothing happens if an equal
    /// one is there.
    pub(crate) fn insert(&mut self, element: T, order: impl Fn(&T) -> Ordering) {
        let (piece, at) = self.place(&order);
        let Some(found) = self.0.get_mut(piece) else { return self.append(element) };
        if found.get(at).is_some_and(|there| order(there) == Ordering::Equal) {
            return;
        }
        if found.len() < PIECE {
            return found.insert(at, element);
        }
        let mut upper = found.split_off(PIECE / 2);
        match at.checked_sub(PIECE / 2) {
            Some(at) => upper.insert(at, element),
            None => found.insert(at, element),
        }
        found.shrink_to_fit();
        self.0.insert(piece + 1, upper);
    }

    /// Takes out the element that `order` finds. Returns whether it was there.
    pub(crate) fn remove(&mut self, order: impl Fn(&T) -> Ordering) -> bool {
        let (piece, at) = self.place(&order);
        let Some(found) = self.0.get_mut(piece) else { return false };
        if found.get(at).is_none_or(|there| order(there) != Ordering::Equal) {
            return false;
        }
        found.remove(at);
        if found.len() <= PIECE / 4 {
            self.join(piece);
        }
        true
    }

    /// A piece that has become small is joined with one beside it, if both fit, and gives back room:
    /// a few that are left of each would else hold that of all.
    fn join(&mut self, piece: usize) {
        let length = |at: usize| self.0.get(at).map_or(0, Vec::len);
        let fits = |at: &usize| at + 1 < self.0.len() && length(*at) + length(at + 1) <= PIECE / 2;
        if length(piece) == 0 {
            self.0.remove(piece);
        } else if let Some(at) =
            [Some(piece), piece.checked_sub(1)].into_iter().flatten().find(fits)
        {
            let behind = self.0.remove(at + 1);
            self.0[at].extend(behind);
        } else if self.0[piece].capacity() > 4 * self.0[piece].len() {
            let length = self.0[piece].len();
            self.0[piece].shrink_to(2 * length);
        }
    }

    /// All elements.
    pub(crate) fn iter(&self) -> impl Iterator<Item = T> {
        self.0.iter().flatten().copied()
    }

    /// The elements from the first one on that isn't before what is sought.
    pub(crate) fn from(&self, order: impl Fn(&T) -> Ordering) -> impl Iterator<Item = T> {
        let (piece, at) = self.place(&order);
        let pieces = self.0.get(piece..).unwrap_or_default();
        pieces.iter().flatten().skip(at).copied()
    }

    /// The last element before what is sought.
    pub(crate) fn before(&self, order: impl Fn(&T) -> Ordering) -> Option<T> {
        match self.place(&order) {
            (piece, 0) => self.0.get(piece.checked_sub(1)?)?.last().copied(),
            (piece, at) => self.0.get(piece)?.get(at - 1).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn whole(sorted: &Sorted<u32>, model: &BTreeSet<u32>) {
        assert!(sorted.iter().eq(model.iter().copied()));
        assert_eq!(sorted.len(), model.len());
        assert!(sorted.0.iter().all(|piece| !piece.is_empty() && piece.len() <= PIECE));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn it_is_what_a_set_is(
            steps in prop::collection::vec((any::<bool>(), 0..3000_u32), 0..6000),
            sought in 0..3000_u32,
        ) {
            let (mut sorted, mut model) = (Sorted::default(), BTreeSet::new());
            for (more, number) in steps {
                if more {
                    sorted.insert(number, |other| other.cmp(&number));
                    model.insert(number);
                } else {
                    let removed = sorted.remove(|other| other.cmp(&number));
                    prop_assert_eq!(removed, model.remove(&number));
                }
            }
            whole(&sorted, &model);
            let order = |other: &u32| other.cmp(&sought);
            prop_assert!(sorted.from(order).eq(model.range(sought..).copied()));
            prop_assert_eq!(sorted.before(order), model.range(..sought).next_back().copied());
            prop_assert_eq!(sorted.has(&sought), model.contains(&sought));
            prop_assert_eq!(sorted.last(), model.last().copied());
            whole(&model.iter().rev().copied().collect(), &model);
        }
    }

    #[test]
    fn room_follows_what_is_in_it() {
        const MANY: u32 = 100_000;
        let room = |sorted: &Sorted<u32>| sorted.0.iter().map(Vec::capacity).sum::<usize>();
        let mut sorted = Sorted::of(0..MANY);
        assert!(room(&sorted) <= MANY as usize + PIECE, "full when it is filled in order");
        for number in (0..MANY).filter(|number| number % 100 > 0) {
            sorted.remove(|other| other.cmp(&number));
        }
        assert_eq!(sorted.len(), 1000);
        assert!(room(&sorted) <= 8 * 1000, "one in a hundred is left: {}", room(&sorted));
        let mut model: BTreeSet<u32> = sorted.iter().collect();
        // In no order.
        for number in (0..MANY).map(|number| number.wrapping_mul(2_654_435_761)) {
            sorted.insert(number, |other| other.cmp(&number));
            model.insert(number);
        }
        whole(&sorted, &model);
        assert!(room(&sorted) < 2 * model.len(), "half full at least");
    }
}
