//! Values that threads share.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A value that blocking tasks share with the loop; a panic in one of them ends the process anyway.
pub(crate) fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
