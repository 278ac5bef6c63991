//! Values of a node for the rows of a chunk.

use crate::frame::{Bitmap, Lanes};

/// Which lanes a node runs in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lane {
    /// Truth: one byte, 0 or 1.
    Mask,
    /// 32-bit integers.
    Narrow,
    /// 64-bit integers.
    Wide,
}

/// Values and, where some are missing, which are known (1) or missing (0). Missing truths are 0.
#[derive(Clone, Default, Debug)]
pub(super) struct Buffer {
    pub mask: Vec<u8>,
    pub narrow: Vec<i32>,
    pub wide: Vec<i64>,
    pub valid: Vec<u8>,
    /// Whether every value is known: then `valid` holds nothing of meaning.
    pub all_valid: bool,
}

impl Buffer {
    /// Room for `rows` values of a lane.
    pub(super) fn size(&mut self, lane: Lane, rows: usize) {
        match lane {
            Lane::Mask => self.mask.resize(rows, 0),
            Lane::Narrow => self.narrow.resize(rows, 0),
            Lane::Wide => self.wide.resize(rows, 0),
        }
    }

    /// Room for the validity of `rows` values.
    pub(super) fn size_valid(&mut self, rows: usize) {
        self.valid.resize(rows, 0);
    }
}

/// Reads rows of a stored column into a buffer.
pub(super) fn load(lanes: &Lanes, validity: Option<&Bitmap>, start: usize, rows: usize, lane: Lane, out: &mut Buffer) {
    out.size(lane, rows);
    out.all_valid = true;
    if let Some(validity) = validity {
        out.size_valid(rows);
        unpack(validity, start, &mut out.valid);
        out.all_valid = out.valid.iter().all(|bit| *bit == 1);
    }
    macro_rules! widen {
        ($from:expr) => {{
            let from = $from.get(start..start + rows).unwrap_or_default();
            match lane {
                Lane::Narrow => out.narrow.iter_mut().zip(from).for_each(|(out, value)| *out = *value as i32),
                Lane::Wide => out.wide.iter_mut().zip(from).for_each(|(out, value)| *out = *value as i64),
                Lane::Mask => out.mask.iter_mut().zip(from).for_each(|(out, value)| *out = (*value != 0) as u8),
            }
        }};
    }
    match lanes {
        Lanes::I8(values) => widen!(values),
        Lanes::I16(values) => widen!(values),
        Lanes::I32(values) => widen!(values),
        Lanes::I64(values) => widen!(values),
        Lanes::Texts { positions, .. } => widen!(positions),
        Lanes::Bits(bits) => {
            out.size(Lane::Mask, rows);
            unpack(bits, start, &mut out.mask);
            if !out.all_valid {
                out.mask.iter_mut().zip(&out.valid).for_each(|(truth, valid)| *truth &= valid);
            }
        }
    }
}

/// Bits → bytes of 0 or 1.
fn unpack(bits: &Bitmap, start: usize, out: &mut [u8]) {
    for (index, byte) in out.iter_mut().enumerate() {
        let at = start + index;
        *byte = bits.words.get(at / 64).map_or(0, |word| (word >> (at % 64)) as u8 & 1);
    }
}

/// Bytes of 0 or 1 → bits.
pub(super) fn pack(bytes: &[u8]) -> Bitmap {
    let words = bytes
        .chunks(64)
        .map(|chunk| chunk.iter().enumerate().fold(0_u64, |word, (index, byte)| word | u64::from(*byte & 1) << index));
    Bitmap { words: words.collect(), len: bytes.len() }
}
