//! `indicators.parquet`: one row per indicator, level and division.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, Float64Array, Int32Array, Int64Array, RecordBatch};
use arrow::array::{PrimitiveArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field, Float64Type, Int32Type, Int64Type, Schema, SchemaRef};
use bangfu_policy::model::{Entity, IndicatorId, LevelId, Pack};

use super::{batches, column};
use crate::frame::Frame;
use crate::indicators::{Figure, Figures};
use crate::snapshot::SnapshotError;
use crate::snapshot::writer::ParquetFile;

/// The indicators of a run.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct IndicatorTable {
    /// Codes of the divisions of each level.
    pub codes: Vec<Vec<String>>,
    /// For each indicator of the pack, for each level, for each of its divisions; nothing for levels below the records.
    pub figures: Vec<Figures>,
}

impl IndicatorTable {
    /// Figures of the divisions of a frame.
    pub fn new(pack: &Pack, frame: &Frame, figures: Vec<Figures>) -> Self {
        let codes = |level| frame.tables.get(&Entity::Level(LevelId(level as u16))).map(|table| table.keys.clone());
        Self { codes: (0..pack.levels.len()).map(|level| codes(level).unwrap_or_default()).collect(), figures }
    }

    /// Writes the file, one indicator after the other.
    pub(super) fn write(&self, pack: &Pack, path: &Path) -> Result<(), SnapshotError> {
        let text = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let schema: SchemaRef = Arc::new(Schema::new(vec![
            Field::new("division", text.clone(), false),
            Field::new("level", text.clone(), false),
            Field::new("indicator", text, false),
            Field::new("numerator", DataType::Int64, true),
            Field::new("denominator", DataType::Int64, true),
            Field::new("value", DataType::Float64, true),
            Field::new("unknown", DataType::Int64, false),
        ]));
        let wrong = |source| SnapshotError::Arrow { register: "indicators".to_owned(), source };
        let words = |keys: Vec<i32>, texts: &ArrayRef| -> Result<ArrayRef, SnapshotError> {
            let made = DictionaryArray::<Int32Type>::try_new(Int32Array::from(keys), texts.clone());
            Ok(Arc::new(made.map_err(wrong)?))
        };
        let divisions: ArrayRef = Arc::new(StringArray::from_iter_values(self.codes.iter().flatten()));
        let levels: ArrayRef = Arc::new(StringArray::from_iter_values(pack.levels.iter().map(|level| &level.id)));
        let mut file = ParquetFile::create(path, &schema)?;
        for (indicator, figures) in pack.indicators.iter().zip(&self.figures) {
            let (mut of_division, mut of_level) = (Vec::new(), Vec::new());
            let mut first = 0;
            for (level, (codes, figures)) in self.codes.iter().zip(figures).enumerate() {
                let count = codes.len().min(figures.len());
                of_division.extend(first..first + count as i32);
                of_level.extend(std::iter::repeat_n(level as i32, count));
                first += codes.len() as i32;
            }
            let all = || self.codes.iter().zip(figures).flat_map(|(codes, figures)| figures.iter().take(codes.len()));
            let own: ArrayRef = Arc::new(StringArray::from_iter_values([&indicator.id]));
            let same = vec![0; of_division.len()];
            let arrays: Vec<ArrayRef> = vec![
                words(of_division, &divisions)?,
                words(of_level, &levels)?,
                words(same, &own)?,
                Arc::new(all().map(|figure| figure.numerator).collect::<Int64Array>()),
                Arc::new(all().map(|figure| figure.denominator).collect::<Int64Array>()),
                Arc::new(all().map(|figure| figure.value).collect::<Float64Array>()),
                Arc::new(all().map(|figure| Some(figure.unknown)).collect::<Int64Array>()),
            ];
            file.write(&RecordBatch::try_new(schema.clone(), arrays).map_err(wrong)?)?;
        }
        file.finish()?;
        Ok(())
    }
}

/// Hands over the indicators of a result folder – indicator, id of the level, code of the division, figure; those that
/// the pack no longer has are left out.
///
/// # Errors
/// The file cannot be read.
pub fn read_indicators(
    folder: &Path,
    pack: &Pack,
    mut take: impl FnMut(IndicatorId, &str, &str, Figure),
) -> Result<(), SnapshotError> {
    let path = folder.join("indicators.parquet");
    for batch in batches(&path)? {
        let names =
            [texts(&batch, &path, "division")?, texts(&batch, &path, "level")?, texts(&batch, &path, "indicator")?];
        let [divisions, levels, indicators] = &names;
        let known: Vec<Option<IndicatorId>> =
            indicators.texts.iter().map(|id| pack.indicator(id.unwrap_or_default())).collect();
        let numerators = numbers::<Int64Type>(&batch, &path, "numerator")?;
        let denominators = numbers::<Int64Type>(&batch, &path, "denominator")?;
        let values = numbers::<Float64Type>(&batch, &path, "value")?;
        let unknown = numbers::<Int64Type>(&batch, &path, "unknown")?;
        for row in 0..batch.num_rows() {
            let Some(indicator) = indicators.at(row).and_then(|at| known.get(at).copied().flatten()) else { continue };
            let figure = Figure {
                numerator: value(numerators, row),
                denominator: value(denominators, row),
                value: value(values, row),
                unknown: value(unknown, row).unwrap_or(0),
            };
            take(indicator, levels.text(row), divisions.text(row), figure);
        }
    }
    Ok(())
}

/// A column of texts of which most repeat.
struct Words {
    keys: Int32Array,
    texts: StringArray,
}

impl Words {
    fn at(&self, row: usize) -> Option<usize> {
        usize::try_from(self.keys.value(row)).ok()
    }

    fn text(&self, row: usize) -> &str {
        self.at(row).filter(|at| *at < self.texts.len()).map_or("", |at| self.texts.value(at))
    }
}

fn wrong(path: &Path, name: &str) -> SnapshotError {
    SnapshotError::ColumnType {
        place: path.display().to_string(),
        column: name.to_owned(),
        found: "another type".to_owned(),
        expected: "what `bangfu run` writes".to_owned(),
    }
}

fn texts(batch: &RecordBatch, path: &Path, name: &str) -> Result<Words, SnapshotError> {
    let wanted = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let array = cast(column(batch, path, name)?, &wanted).map_err(|_| wrong(path, name))?;
    let array = array.as_dictionary_opt::<Int32Type>().ok_or_else(|| wrong(path, name))?;
    let texts = array.values().as_string_opt::<i32>().ok_or_else(|| wrong(path, name))?;
    Ok(Words { keys: array.keys().clone(), texts: texts.clone() })
}

fn numbers<'b, T: ArrowPrimitiveType>(
    batch: &'b RecordBatch,
    path: &Path,
    name: &str,
) -> Result<&'b PrimitiveArray<T>, SnapshotError> {
    column(batch, path, name)?.as_primitive_opt::<T>().ok_or_else(|| wrong(path, name))
}

fn value<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, row: usize) -> Option<T::Native> {
    array.is_valid(row).then(|| array.value(row))
}
