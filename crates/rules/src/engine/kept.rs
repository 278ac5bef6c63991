//! Values that outlive their chunk: written by every thread into its own part of one allocation.

use std::mem::MaybeUninit;

use super::buffer::{Buffer, Lane};

/// Room for the values of a node in all rows.
pub(super) struct Room {
    lane: Lane,
    rows: usize,
    mask: Vec<u8>,
    narrow: Vec<i32>,
    wide: Vec<i64>,
    valid: Vec<u8>,
}

/// The part of a room that one thread fills, from its first row to its last.
pub(super) struct Part<'a> {
    values: Values<'a>,
    valid: &'a mut [MaybeUninit<u8>],
    state: Filled,
}

enum Values<'a> {
    Mask(&'a mut [MaybeUninit<u8>]),
    Narrow(&'a mut [MaybeUninit<i32>]),
    Wide(&'a mut [MaybeUninit<i64>]),
}

/// How far a part was filled.
#[derive(Clone, Copy)]
pub(super) struct Filled {
    rows: usize,
    all_valid: bool,
}

impl Room {
    pub(super) fn new(lane: Lane, rows: usize) -> Self {
        let of = |own: Lane| if lane == own { rows } else { 0 };
        Self {
            lane,
            rows,
            mask: Vec::with_capacity(of(Lane::Mask)),
            narrow: Vec::with_capacity(of(Lane::Narrow)),
            wide: Vec::with_capacity(of(Lane::Wide)),
            valid: Vec::with_capacity(rows),
        }
    }

    /// Parts of these lengths, one after the other.
    pub(super) fn split(&mut self, lengths: impl Iterator<Item = usize>) -> Vec<Part<'_>> {
        /// What is left of a lane, from which parts are cut.
        struct Rest<'a, T>(&'a mut [MaybeUninit<T>]);
        impl<'a, T> Rest<'a, T> {
            fn cut(&mut self, length: usize) -> &'a mut [MaybeUninit<T>] {
                let whole = std::mem::take(&mut self.0);
                let (part, left) = whole.split_at_mut(length.min(whole.len()));
                self.0 = left;
                part
            }
        }
        let mut mask = Rest(self.mask.spare_capacity_mut());
        let mut narrow = Rest(self.narrow.spare_capacity_mut());
        let mut wide = Rest(self.wide.spare_capacity_mut());
        let mut valid = Rest(self.valid.spare_capacity_mut());
        let lane = self.lane;
        let part = |length| Part {
            values: match lane {
                Lane::Mask => Values::Mask(mask.cut(length)),
                Lane::Narrow => Values::Narrow(narrow.cut(length)),
                Lane::Wide => Values::Wide(wide.cut(length)),
            },
            valid: valid.cut(length),
            state: Filled { rows: 0, all_valid: true },
        };
        lengths.map(part).collect()
    }

    /// The values, when the parts fill the room; otherwise nothing.
    pub(super) fn finish(mut self, parts: &[Filled]) -> Buffer {
        let all_valid = parts.iter().all(|part| part.all_valid);
        let rows = parts.iter().map(|part| part.rows).sum::<usize>();
        if rows != self.rows {
            return Buffer::default();
        }
        if !all_valid {
            // Parts in which nothing was missing have not written their validity.
            let mut at = 0;
            let spare = self.valid.spare_capacity_mut();
            for part in parts {
                if part.all_valid {
                    known(spare.get_mut(at..at + part.rows).unwrap_or_default());
                }
                at += part.rows;
            }
        }
        #[expect(unsafe_code, reason = "only so is a room filled by several threads without being cleared first")]
        // SAFETY: every part writes its rows from the first on and counts them, the counts add up to the room's rows, so
        // all of its lane is written; so is the validity, by the parts or just above.
        unsafe {
            match self.lane {
                Lane::Mask => self.mask.set_len(rows),
                Lane::Narrow => self.narrow.set_len(rows),
                Lane::Wide => self.wide.set_len(rows),
            }
            if !all_valid {
                self.valid.set_len(rows);
            }
        }
        if all_valid {
            self.valid = Vec::new();
        }
        Buffer { mask: self.mask, narrow: self.narrow, wide: self.wide, valid: self.valid, all_valid }
    }
}

impl Part<'_> {
    /// Adds a chunk's rows; chunks that do not fit are left out, and the room then stays empty.
    pub(super) fn push(&mut self, chunk: &Buffer, rows: usize) {
        fn copy<T: Copy>(to: &mut [MaybeUninit<T>], at: usize, from: &[T], rows: usize) -> bool {
            match (to.get_mut(at..at + rows), from.get(..rows)) {
                (Some(to), Some(from)) => {
                    to.write_copy_of_slice(from);
                    true
                }
                _ => false,
            }
        }
        let at = self.state.rows;
        let written = match &mut self.values {
            Values::Mask(to) => copy(to, at, &chunk.mask, rows),
            Values::Narrow(to) => copy(to, at, &chunk.narrow, rows),
            Values::Wide(to) => copy(to, at, &chunk.wide, rows),
        };
        if !written {
            return;
        }
        if !chunk.all_valid {
            if self.state.all_valid {
                known(self.valid.get_mut(..at).unwrap_or_default());
                self.state.all_valid = false;
            }
            if !copy(self.valid, at, &chunk.valid, rows) {
                return;
            }
        } else if !self.state.all_valid {
            known(self.valid.get_mut(at..at + rows).unwrap_or_default());
        }
        self.state.rows += rows;
    }

    pub(super) fn filled(&self) -> Filled {
        self.state
    }
}

fn known(valid: &mut [MaybeUninit<u8>]) {
    for byte in valid {
        byte.write(1);
    }
}
