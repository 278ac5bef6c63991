//! Explanations that were made already: the same file is opened again and again while somebody works on it, and the
//! records of a run do not change.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bangfu_policy::model::{Entity, VariableId};

/// Row, variable and language of an explanation.
pub(super) type Key = (Entity, usize, VariableId, &'static str);

/// Explanations of a generation; at most twice as many are kept.
const MOST: usize = 10_000;

/// Those that were asked for lately.
#[derive(Debug)]
pub(super) struct Told<T>(Mutex<[HashMap<Key, T>; 2]>);

impl<T> Default for Told<T> {
    fn default() -> Self {
        Self(Mutex::new([HashMap::new(), HashMap::new()]))
    }
}

impl<T: Clone> Told<T> {
    /// One that was made before, or else what `make` makes; nothing is kept where that fails.
    pub(super) fn get<E>(&self, key: Key, make: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().iter().find_map(|generation| generation.get(&key).cloned()) {
            return Ok(known);
        }
        // Others are not held up meanwhile; who asks for the same makes it too.
        let made = make()?;
        let mut generations = lock();
        let [young, old] = &mut *generations;
        if young.len() >= MOST {
            *old = std::mem::take(young);
        }
        young.insert(key, made.clone());
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_made_once_and_old_ones_go() {
        let told: Told<usize> = Told::default();
        let key = |row| (Entity::Level(bangfu_policy::model::LevelId(0)), row, VariableId(0), "en");
        let mut made = 0;
        let mut ask = |row| {
            let make = || {
                made += 1;
                Ok::<_, ()>(row)
            };
            told.get(key(row), make).unwrap();
            made
        };
        assert_eq!((ask(0), ask(0), ask(1), ask(0)), (1, 1, 2, 2));
        for row in 0..3 * MOST {
            ask(row);
        }
        let before = ask(3 * MOST - 1);
        assert_eq!(ask(0), before + 1, "the oldest one is gone");
        assert!(told.get(key(9 * MOST), || Err("no")).is_err());
    }
}
