//! Values that threads share.
//!
//! Two threads that take two mutexes in different orders, or one that takes one twice, wait for ever,
//! and whether they do is a matter of moments. So where assertions are on, each mutex that is taken
//! while others are held is held against the order in which they were taken before, anywhere in the
//! process: a test that only ever comes by both orders fails, though it never waited.

use std::any::type_name;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// A mutex, told from others by where it is, and what it holds.
type Known = (usize, &'static str);

thread_local! {
    /// What this thread holds, where assertions are on.
    static HELD: RefCell<Vec<Known>> = const { RefCell::new(Vec::new()) };
}

/// Which was taken while which was held, by what they hold: as many as there are kinds.
static TAKEN: Mutex<BTreeSet<(&str, &str)>> = Mutex::new(BTreeSet::new());

/// What a mutex gives while it is held. It must not be over an `await`: clippy.toml says so to clippy,
/// which knows the library's own only.
#[derive(Debug)]
pub(crate) struct Locked<'a, T> {
    guard: MutexGuard<'a, T>,
    /// Where the mutex is, if it is among what this thread holds.
    at: Option<usize>,
}

/// A value that blocking tasks share with the loop; a panic in one of them ends the process anyway.
///
/// # Panics
/// Where assertions are on, if this thread holds it, or it and one that this thread holds were taken in
/// the other order.
pub(crate) fn locked<T>(value: &Mutex<T>) -> Locked<'_, T> {
    if cfg!(debug_assertions) {
        check(known(value));
    }
    Locked::of(value, value.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The same if nobody holds it.
pub(crate) fn unless_held<T>(value: &Mutex<T>) -> Option<Locked<'_, T>> {
    let guard = match value.try_lock() {
        Ok(guard) => guard,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return None,
    };
    Some(Locked::of(value, guard))
}

fn known<T>(value: &Mutex<T>) -> Known {
    (std::ptr::from_ref(value).addr(), type_name::<T>())
}

/// Whether a mutex may be waited for by this thread.
fn check((at, what): Known) {
    HELD.with_borrow(|held| {
        assert!(
            held.iter().all(|(other, _)| *other != at),
            "{what} is taken by a thread that holds it: it would wait for itself"
        );
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, other) in held {
            taken.insert((other, what));
            assert!(
                !taken.contains(&(what, other)),
                "{what} is taken while {other} is held, and elsewhere the other way round"
            );
        }
    });
}

impl<'a, T> Locked<'a, T> {
    fn of(value: &'a Mutex<T>, guard: MutexGuard<'a, T>) -> Self {
        let at = cfg!(debug_assertions).then(|| {
            let known = known(value);
            HELD.with_borrow_mut(|held| held.push(known));
            known.0
        });
        Self { guard, at }
    }
}

impl<T> Drop for Locked<'_, T> {
    fn drop(&mut self) {
        if let Some(gone) = self.at {
            // While a thread ends there may be nothing left to take it out of.
            let _gone = HELD.try_with(|held| held.borrow_mut().retain(|(at, _)| *at != gone));
        }
    }
}

impl<T> Deref for Locked<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for Locked<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;

    struct One;
    struct Other;

    #[test]
    #[should_panic(expected = "One is taken by a thread that holds it: it would wait for itself")]
    fn who_would_wait_for_itself_is_told() {
        let one = Mutex::new(One);
        let _held = locked(&one);
        drop(locked(&one));
    }

    #[test]
    #[should_panic(expected = "lock::tests::Other is held, and elsewhere the other way round")]
    fn two_orders_are_told_though_nobody_waits() {
        let (one, other) = (Mutex::new(One), Mutex::new(Other));
        {
            let _held = locked(&one);
            drop(locked(&other));
        }
        let _held = locked(&other);
        drop(locked(&one));
    }

    #[test]
    #[should_panic(expected = "the other way round")]
    fn two_of_a_kind_have_no_order() {
        struct Same;
        let (one, other) = (Mutex::new(Same), Mutex::new(Same));
        let _held = locked(&one);
        drop(locked(&other));
    }

    #[test]
    fn one_after_the_other_is_fine_in_any_order() {
        struct First;
        struct Second;
        let (one, other) = (Mutex::new(First), Mutex::new(Second));
        for _ in 0..2 {
            drop(locked(&one));
            drop(locked(&other));
            let held = unless_held(&one);
            assert!(held.is_some() && unless_held(&one).is_none());
        }
    }
}
