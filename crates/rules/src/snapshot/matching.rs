//! Owners of rows: the parent's row for each row of a register, and rows that come twice.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use rayon::prelude::*;

use super::columns::{NONE, Texts};

/// A fast hash of keys. Collisions cost time, never correctness: keys are compared.
#[derive(Default)]
pub(super) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            for (slot, byte) in word.iter_mut().zip(chunk) {
                *slot = *byte;
            }
            self.0 = (self.0.rotate_left(23) ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }
}

/// Row of the parent for each row; [`NONE`] where there is no such parent.
///
/// Children mostly stand in the order of their parents: then one walk over both finds all. Otherwise keys are hashed.
pub(super) fn owners(rows: &Texts, parents: &[String]) -> Vec<u32> {
    walk(rows, parents).unwrap_or_else(|| {
        let mut by_key: HashMap<&str, u32, BuildHasherDefault<KeyHasher>> = HashMap::default();
        for (row, key) in parents.iter().enumerate() {
            by_key.entry(key.as_str()).or_insert(row as u32);
        }
        (0..rows.len())
            .into_par_iter()
            .map(|row| rows.get(row).and_then(|key| by_key.get(key)).copied().unwrap_or(NONE))
            .collect()
    })
}

fn walk(rows: &Texts, parents: &[String]) -> Option<Vec<u32>> {
    let mut owners = Vec::with_capacity(rows.len());
    let mut at = 0;
    for row in 0..rows.len() {
        let key = rows.get(row)?;
        while parents.get(at)? != key {
            at += 1;
        }
        owners.push(at as u32);
    }
    Some(owners)
}

/// Rows, in file order, whose key an earlier row has.
pub(super) fn doubles(keys: &Texts) -> Vec<u32> {
    let increasing = (1..keys.len()).all(|row| keys.get(row - 1) < keys.get(row));
    if increasing {
        return Vec::new();
    }
    let mut hashed: Vec<(u64, u32)> = (0..keys.len())
        .into_par_iter()
        .filter_map(|row| {
            let mut hasher = KeyHasher::default();
            hasher.write(keys.get(row)?.as_bytes());
            Some((hasher.finish(), row as u32))
        })
        .collect();
    hashed.par_sort_unstable();
    let mut doubled = Vec::new();
    for group in hashed.chunk_by(|a, b| a.0 == b.0) {
        for (at, (_, row)) in group.iter().enumerate() {
            let key = keys.get(*row as usize);
            if group.iter().take(at).any(|(_, earlier)| keys.get(*earlier as usize) == key) {
                doubled.push(*row);
            }
        }
    }
    doubled.sort_unstable();
    doubled
}
