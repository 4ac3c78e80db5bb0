//! Numbered values side by side.

use std::collections::BTreeMap;

/// Values in one piece of memory.
const PIECE: u64 = 32;

/// Values by numbers that are given once, in ascending order: a hundred thousand take no more room
/// than they are large, and none is moved. Room is given back by pieces, for the oldest go first.
#[derive(Debug)]
pub(crate) struct Shelf<T> {
    pieces: BTreeMap<u64, Piece<T>>,
    next: u64,
    count: usize,
}

#[derive(Debug)]
struct Piece<T> {
    slots: Box<[Option<T>]>,
    count: usize,
}

impl<T> Shelf<T> {
    pub(crate) fn new() -> Self {
        Self { pieces: BTreeMap::new(), next: 0, count: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The number that the next value gets.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Adds a value. Returns its number.
    pub(crate) fn add(&mut self, value: T) -> u64 {
        let number = self.next;
        self.next += 1;
        let empty = || Piece { slots: (0..PIECE).map(|_| None).collect(), count: 0 };
        let piece = self.pieces.entry(number / PIECE).or_insert_with(empty);
        piece.slots[slot(number)] = Some(value);
        piece.count += 1;
        self.count += 1;
        number
    }

    pub(crate) fn get(&self, number: u64) -> Option<&T> {
        self.pieces.get(&(number / PIECE))?.slots[slot(number)].as_ref()
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        self.pieces.get_mut(&(number / PIECE))?.slots[slot(number)].as_mut()
    }

    pub(crate) fn remove(&mut self, number: u64) -> Option<T> {
        let piece = self.pieces.get_mut(&(number / PIECE))?;
        let value = piece.slots[slot(number)].take()?;
        piece.count -= 1;
        if piece.count == 0 {
            self.pieces.remove(&(number / PIECE));
        }
        self.count -= 1;
        Some(value)
    }

    /// All values by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &T)> + Clone {
        self.pieces.iter().flat_map(|(at, piece)| {
            let first = at * PIECE;
            (first..).zip(&piece.slots).filter_map(|(number, slot)| Some((number, slot.as_ref()?)))
        })
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.pieces.values_mut().flat_map(|piece| piece.slots.iter_mut().flatten())
    }
}

fn slot(number: u64) -> usize {
    (number % PIECE) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_what_a_map_is(
            steps in prop::collection::vec((any::<bool>(), 0..400_u64), 0..600),
        ) {
            let (mut shelf, mut model) = (Shelf::new(), BTreeMap::new());
            for (more, value) in steps {
                if more {
                    let number = shelf.next();
                    prop_assert_eq!(shelf.add(value), number);
                    model.insert(number, value);
                } else {
                    prop_assert_eq!(shelf.remove(value), model.remove(&value));
                }
                prop_assert_eq!(shelf.get(value), model.get(&value));
                prop_assert_eq!(shelf.len(), model.len());
            }
            shelf.values_mut().for_each(|value| *value += 1);
            model.values_mut().for_each(|value| *value += 1);
            prop_assert!(shelf.iter().eq(model.iter().map(|(number, value)| (*number, value))));
            let room = shelf.pieces.len() as u64 * PIECE;
            prop_assert!(room <= model.len() as u64 * PIECE, "a piece without values is given back");
        }
    }
}
