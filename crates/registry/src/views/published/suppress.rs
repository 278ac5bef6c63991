//! Small counts in a table that everybody reads: which cells of it are shown.
//!
//! A count below a limit is only said to be so. As the total over all cells is known too, further cells are withheld
//! until nobody can tell more about a small count than that it is below the limit – also who knows how they are chosen.

/// What is shown of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// The count.
    Shown,
    /// That it is below the limit.
    Fewer,
    /// Nothing: a smaller one could be computed from it.
    Withheld,
}

/// What is shown of counts whose sum is known to everybody; counts that are not known at all are no part of it.
/// `limit`: counts below it are small; 0: none is.
///
/// With `p` small cells and `k` withheld ones that add up to `s`, a small cell can be anything from
/// `s - (p - 1)(limit - 1) - k · (smallest shown cell)` to `s - k · limit`. Cells are withheld, the smallest first,
/// until this spans 0 to `limit - 1`; if it never does, nothing is told of any of them.
pub(super) fn marks(cells: &[i64], limit: i64) -> Vec<Mark> {
    let mut marks: Vec<Mark> =
        cells.iter().map(|count| if *count < limit { Mark::Fewer } else { Mark::Shown }).collect();
    let small = cells.iter().filter(|count| **count < limit);
    let (p, mut sum) = small.fold((0_i64, 0_i64), |(p, sum), count| (p + 1, sum.saturating_add(*count)));
    if p == 0 {
        return marks;
    }
    let mut order: Vec<usize> = (0..cells.len()).filter(|at| marks.get(*at) == Some(&Mark::Shown)).collect();
    order.sort_by_key(|at| cells.get(*at));
    let mut rest = order.iter().filter_map(|at| Some((*at, *cells.get(*at)?))).peekable();
    let mut k = 0_i64;
    loop {
        let withheld_at_most = match rest.peek() {
            _ if k == 0 => 0,
            Some((_, next)) => k.saturating_mul(*next),
            None => i64::MAX,
        };
        let least = sum.saturating_sub(withheld_at_most).saturating_sub((p - 1) * (limit - 1));
        if least <= 0 && sum - k * limit >= limit - 1 {
            return marks;
        }
        let Some((at, count)) = rest.next() else { return vec![Mark::Withheld; cells.len()] };
        if let Some(mark) = marks.get_mut(at) {
            *mark = Mark::Withheld;
        }
        (k, sum) = (k + 1, sum.saturating_add(count));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_small_count_takes_another_with_it() {
        use Mark::{Fewer, Shown, Withheld};
        assert_eq!(marks(&[12, 40, 7], 5), [Shown, Shown, Shown]);
        assert_eq!(marks(&[3, 90, 12, 40], 5), [Fewer, Shown, Withheld, Shown]);
        // Two that are nearly alike: whoever knows that the smaller one is withheld would know too much.
        assert_eq!(marks(&[3, 20, 21, 400], 5), [Fewer, Withheld, Withheld, Shown]);
        // Nothing is left that could hide them.
        assert_eq!(marks(&[3, 4], 5), [Withheld, Withheld]);
        assert_eq!(marks(&[0, 1, 7], 0), [Shown, Shown, Shown]);
    }

    /// Whether a small cell can have a value, for somebody who knows the marks, the sum and how marks are made.
    fn possible(cells: &[i64], marks: &[Mark], limit: i64, at: usize, value: i64) -> bool {
        let shown = || cells.iter().zip(marks).filter(|(_, mark)| **mark == Mark::Shown).map(|(count, _)| *count);
        let blank = marks.iter().all(|mark| *mark == Mark::Withheld);
        let range = |mark: Mark| match mark {
            Mark::Fewer => (0, limit - 1),
            Mark::Withheld if blank => (0, i64::from(i32::MAX)),
            _ => (limit, shown().min().unwrap_or(i64::from(i32::MAX))),
        };
        let others = marks.iter().enumerate().filter(|(n, mark)| *n != at && **mark != Mark::Shown);
        let (least, most) = others.fold((0, 0), |(least, most), (_, mark)| {
            let (low, high) = range(*mark);
            (least + low, most + high)
        });
        let rest = cells.iter().sum::<i64>() - shown().sum::<i64>() - value;
        least <= rest && rest <= most
    }

    proptest! {
        #[test]
        fn nobody_can_tell_more_than_that_a_count_is_small(
            cells in proptest::collection::vec(prop_oneof![0_i64..8, 0_i64..60, 50_i64..1000], 2..12),
            limit in 1_i64..12,
        ) {
            let marks = marks(&cells, limit);
            prop_assert_eq!(marks.len(), cells.len());
            prop_assume!(cells.iter().sum::<i64>() >= limit);
            for (at, (count, mark)) in cells.iter().zip(&marks).enumerate() {
                prop_assert!(*count >= limit || *mark != Mark::Shown, "a small count is shown");
                prop_assert!(*count < limit || *mark != Mark::Fewer, "a count is said to be smaller than it is");
                if *count < limit {
                    for value in 0..limit {
                        prop_assert!(possible(&cells, &marks, limit, at, value), "{cells:?} {marks:?}: {at} is not {value}");
                    }
                }
            }
            let small = cells.iter().any(|count| *count < limit);
            prop_assert!(small || marks.iter().all(|mark| *mark == Mark::Shown), "withheld without need");
        }
    }
}
