//! Truths packed eight to a byte, so that those of a group are counted by one instruction.
#![expect(clippy::inline_always, reason = "the copy for AVX2 exists only if everything is inlined into it")]

/// Packed truths, with eight bytes to spare at the end.
pub(super) struct Packed(Vec<u8>);

impl Packed {
    /// Rows that are read at once; a byte's rest is left for the beginning within a byte.
    const AT_ONCE: usize = 56;

    #[inline(always)]
    pub(super) fn of(mask: &[u8]) -> Self {
        let (eights, rest) = mask.as_chunks::<8>();
        let mut bytes = vec![0; eights.len() + 9];
        for (byte, eight) in bytes.iter_mut().zip(eights) {
            // The lowest bit of each of eight bytes, gathered by one multiplication.
            *byte = (u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8;
        }
        bytes[eights.len()] = rest.iter().enumerate().fold(0, |byte, (at, truth)| byte | truth << at);
        Self(bytes)
    }

    /// How many of the rows are true.
    #[inline(always)]
    pub(super) fn count(&self, start: usize, end: usize) -> u32 {
        let mut rows = end - start;
        let mut count = 0;
        let mut at = start;
        while rows > Self::AT_ONCE {
            count += (self.window(at) & ((1 << Self::AT_ONCE) - 1)).count_ones();
            at += Self::AT_ONCE;
            rows -= Self::AT_ONCE;
        }
        count + (self.window(at) & ((1 << rows) - 1)).count_ones()
    }

    #[inline(always)]
    fn window(&self, at: usize) -> u64 {
        let bytes = self.0.get(at / 8..).and_then(|bytes| bytes.first_chunk::<8>());
        bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes)) >> (at % 8)
    }
}

#[cfg(test)]
mod tests {
    use super::Packed;

    #[test]
    fn counts_are_those_of_the_bytes() {
        let mask: Vec<u8> = (0..517_usize).map(|row| u8::from(row * row % 7 < 3)).collect();
        let packed = Packed::of(&mask);
        for start in [0, 1, 7, 8, 63, 100, 511, 517] {
            for end in [start, start + 1, start + 55, start + 56, start + 57, start + 200, 517] {
                let end = end.clamp(start, mask.len());
                let expected: u32 = mask[start..end].iter().map(|truth| u32::from(*truth)).sum();
                assert_eq!(packed.count(start, end), expected, "{start}..{end}");
            }
        }
    }
}
