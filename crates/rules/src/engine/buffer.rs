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
        out.all_valid = out.valid.iter().fold(1, |all, bit| all & bit) == 1;
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

/// A byte's bits as eight bytes of 0 or 1.
const EIGHTS: [[u8; 8]; 256] = {
    let mut table = [[0; 8]; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut bit = 0;
        while bit < 8 {
            table[byte][bit] = (byte >> bit) as u8 & 1;
            bit += 1;
        }
        byte += 1;
    }
    table
};

/// Bits → bytes of 0 or 1.
fn unpack(bits: &Bitmap, start: usize, out: &mut [u8]) {
    let word = |at: usize| bits.words.get(at).copied().unwrap_or(0);
    for (index, bytes) in out.chunks_mut(64).enumerate() {
        let at = start + index * 64;
        let (first, shift) = (at / 64, at % 64);
        let high = if shift == 0 { 0 } else { word(first + 1) << (64 - shift) };
        let wanted = word(first) >> shift | high;
        let mut of = wanted.to_le_bytes().into_iter().map(|byte| &EIGHTS[usize::from(byte)]);
        let (eights, rest) = bytes.as_chunks_mut::<8>();
        for (group, eight) in eights.iter_mut().zip(&mut of) {
            *group = *eight;
        }
        for (out, bit) in rest.iter_mut().zip(of.next().into_iter().flatten()) {
            *out = *bit;
        }
    }
}

/// Bytes of 0 or 1 → bits.
pub(super) fn pack(bytes: &[u8]) -> Bitmap {
    let words = bytes.chunks(64).map(|chunk| {
        let (eights, rest) = chunk.as_chunks::<8>();
        let mut word = 0_u64;
        for (index, eight) in eights.iter().enumerate() {
            // The lowest bit of each of eight bytes, gathered by one multiplication.
            let bits = (u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080)) >> 56;
            word |= bits << (index * 8);
        }
        let done = eights.len() * 8;
        rest.iter().enumerate().fold(word, |word, (index, byte)| word | u64::from(*byte & 1) << (done + index))
    });
    Bitmap { words: words.collect(), len: bytes.len() }
}
