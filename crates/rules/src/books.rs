//! Books over a frame: every cell for every division of every level, in little room.
//!
//! The sums are those of [`crate::indicators`]; nothing here knows what a column means.

use bangfu_policy::books::{Book, Measure};
use bangfu_policy::ir::{Scalar, Type};
use bangfu_policy::model::{LevelId, Pack, ParameterId};

use crate::engine::EngineError;
use crate::engine::measure;
use crate::frame::Frame;
use crate::indicators::{Figure, Figures, Quotient, ratio};

/// The cells of a book, in the order of [`Book::measures`].
#[derive(Debug)]
pub struct Tally {
    measures: Vec<Sums>,
}

/// One measure for the divisions of all levels.
#[derive(Debug)]
struct Sums {
    above: Type,
    below: Option<Type>,
    levels: Vec<[Numbers; 3]>,
}

impl Tally {
    /// Counts a book.
    ///
    /// # Errors
    /// A formula has no result for some records.
    pub fn new(
        pack: &Pack,
        frame: &Frame,
        overrides: &[(ParameterId, Scalar)],
        book: &Book,
    ) -> Result<Self, EngineError> {
        let asked: Vec<&Measure> = book.measures().collect();
        let quotient = |measure: &&'_ Measure| (measure.above.ty, measure.below.as_ref().map(|below| below.ty));
        let types: Vec<(Type, Option<Type>)> = asked.iter().map(quotient).collect();
        let quotients: Vec<Quotient<'_>> = asked
            .iter()
            .map(|measure| Quotient { above: &measure.above, below: measure.below.as_ref(), strict: false })
            .collect();
        let mut measures: Vec<Sums> = Vec::with_capacity(asked.len());
        measure(pack, frame, overrides, &quotients, |made: Vec<Figures>| {
            for figures in made {
                let (above, below) = types.get(measures.len()).copied().unwrap_or((Type::INTEGER, None));
                let levels = figures.iter().map(|figures| packed(figures)).collect();
                measures.push(Sums { above, below, levels });
            }
        })?;
        Ok(Self { measures })
    }

    /// A cell: position among the measures, level, and row of the division in the frame.
    pub fn figure(&self, measure: usize, level: LevelId, row: usize) -> Option<Figure> {
        let sums = self.measures.get(measure)?;
        let [above, below, unknown] = sums.levels.get(level.index())?;
        let (numerator, denominator) = (above.at(row), below.at(row));
        Some(Figure {
            numerator,
            denominator,
            value: ratio(sums.above, sums.below, numerator, denominator),
            unknown: unknown.at(row).unwrap_or(0),
        })
    }

    /// Bytes that it occupies, about.
    pub fn size(&self) -> usize {
        let numbers = self.measures.iter().flat_map(|sums| sums.levels.iter().flatten());
        numbers.map(Numbers::size).sum::<usize>() + self.measures.len() * size_of::<Sums>()
    }
}

fn packed(figures: &[Figure]) -> [Numbers; 3] {
    [
        Numbers::of(figures.iter().map(|figure| figure.numerator)),
        Numbers::of(figures.iter().map(|figure| figure.denominator)),
        Numbers::of(figures.iter().map(|figure| Some(figure.unknown))),
    ]
}

/// Numbers in the narrowest lane that holds them; the smallest value of a lane stands for nothing.
#[derive(PartialEq, Debug)]
enum Numbers {
    Same(Option<i64>),
    I8(Vec<i8>),
    I16(Vec<i16>),
    I32(Vec<i32>),
    I64(Vec<i64>),
}

impl Numbers {
    fn of(numbers: impl Iterator<Item = Option<i64>> + Clone) -> Self {
        let known = || numbers.clone().flatten();
        let first = numbers.clone().next().flatten();
        if numbers.clone().all(|number| number == first) {
            return Self::Same(first);
        }
        let (low, high) = (known().min().unwrap_or(0), known().max().unwrap_or(0));
        macro_rules! lane {
            ($kind:ident, $ty:ty) => {
                if low > i64::from(<$ty>::MIN) && high <= i64::from(<$ty>::MAX) {
                    let narrow = |number: Option<i64>| number.map_or(<$ty>::MIN, |number| number as $ty);
                    return Self::$kind(numbers.map(narrow).collect());
                }
            };
        }
        lane!(I8, i8);
        lane!(I16, i16);
        lane!(I32, i32);
        Self::I64(numbers.map(|number| number.unwrap_or(i64::MIN)).collect())
    }

    fn at(&self, row: usize) -> Option<i64> {
        macro_rules! lane {
            ($values:expr, $ty:ty) => {
                $values.get(row).filter(|value| **value != <$ty>::MIN).map(|value| i64::from(*value))
            };
        }
        match self {
            Self::Same(number) => *number,
            Self::I8(values) => lane!(values, i8),
            Self::I16(values) => lane!(values, i16),
            Self::I32(values) => lane!(values, i32),
            Self::I64(values) => lane!(values, i64),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Same(_) => 0,
            Self::I8(values) => values.len(),
            Self::I16(values) => values.len() * 2,
            Self::I32(values) => values.len() * 4,
            Self::I64(values) => values.len() * 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Numbers;

    #[test]
    fn numbers_come_back_from_any_lane() {
        for largest in [0, 127, 128, 40_000, 3_000_000_000_i64] {
            let numbers = [Some(0), None, Some(-largest), Some(largest), Some(-1)];
            let packed = Numbers::of(numbers.iter().copied());
            let back: Vec<Option<i64>> = (0..numbers.len()).map(|row| packed.at(row)).collect();
            assert_eq!(back, numbers, "{packed:?}");
        }
        assert_eq!(Numbers::of([Some(3), Some(3)].into_iter()).size(), 0);
        assert_eq!(Numbers::of([Some(-128), None].into_iter()), Numbers::I16(vec![-128, i16::MIN]));
        assert_eq!(Numbers::of(std::iter::empty()).at(0), None);
    }
}
