//! A value that one thread sets while others work by it.

use crate::sync::lock;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

/// A shared value; its clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Changeable<T>(Arc<Shared<T>>);

#[derive(Debug, Default)]
struct Shared<T> {
    value: Mutex<T>,
    /// How often it was set.
    version: AtomicU64,
}

impl<T: Clone> Changeable<T> {
    /// With that value.
    pub fn new(value: T) -> Changeable<T> {
        Changeable(Arc::new(Shared { value: Mutex::new(value), version: AtomicU64::new(0) }))
    }

    /// The value as it is now.
    pub fn get(&self) -> T {
        lock(&self.0.value).clone()
    }

    /// Another value from now on.
    pub fn set(&self, value: T) {
        let mut place = lock(&self.0.value);
        *place = value;
        self.0.version.fetch_add(1, Ordering::Release);
    }

    /// The value, if it was set since that version, which begins at 0. Where it was not, this takes no lock.
    pub fn newer_than(&self, version: &mut u64) -> Option<T> {
        if self.0.version.load(Ordering::Acquire) == *version {
            return None;
        }
        let place = lock(&self.0.value);
        *version = self.0.version.load(Ordering::Acquire);
        Some(place.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_once_by_each_who_looks() {
        let value = Changeable::new(1);
        let (same, mut version) = (value.clone(), 0);
        assert_eq!((same.get(), same.newer_than(&mut version)), (1, None));
        value.set(2);
        value.set(3);
        assert_eq!((same.newer_than(&mut version), same.newer_than(&mut version)), (Some(3), None));
        assert_eq!(same.newer_than(&mut 0), Some(3));
    }
}
