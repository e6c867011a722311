//! Locks that a panic elsewhere does not poison: what they guard is valid after each statement.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes the lock, also after a thread that held it has panicked.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
