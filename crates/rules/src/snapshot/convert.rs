//! Physical Parquet and Arrow types → values of the pack's types.
//!
//! A value that is none – a code outside its list, a day that does not exist, a number outside 64 bits – counts as
//! missing and is reported with its first place. A column of a type that cannot be meant is an error.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use bangfu_policy::arithmetic::make_date;
use bangfu_policy::model::{CodeList, FieldType, Pack};

use super::columns::{Growing, Kind, Texts, filled, set};
use crate::frame::Bitmap;

/// What a column is to become.
pub(crate) enum Target<'a> {
    Integer,
    /// Integers count whole numbers (`whole`) or units of `10^-scale`.
    Decimal {
        scale: u8,
        whole: bool,
    },
    Date,
    Boolean,
    Code(HashMap<&'a str, i64>),
    Text,
}

impl<'a> Target<'a> {
    pub(crate) fn of(pack: &'a Pack, ty: FieldType, scale_written: Option<u8>) -> Self {
        match ty {
            FieldType::Integer | FieldType::Year => Self::Integer,
            FieldType::Decimal(scale) => Self::Decimal { scale, whole: scale_written != Some(scale) },
            FieldType::Money => Self::Decimal { scale: 2, whole: false },
            FieldType::Date => Self::Date,
            FieldType::Boolean => Self::Boolean,
            FieldType::Code(list) => Self::Code(pack.codes.get(list.index()).map(positions).unwrap_or_default()),
            _ => Self::Text,
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Boolean => Kind::Boolean,
            Self::Text => Kind::Text,
            _ => Kind::Number,
        }
    }

    /// What a column may be, for messages.
    pub(crate) fn expected(&self) -> String {
        match self {
            Self::Integer => "an integer column".to_owned(),
            Self::Decimal { scale, whole: false } if *scale == 2 => {
                "decimal with at most 2 digits after the point, or int64 in 1/100".to_owned()
            }
            Self::Decimal { scale, .. } => format!("decimal with at most {scale} digits after the point, or integers"),
            Self::Date => "date32, timestamp, int32 as yyyymmdd, or string as yyyy-mm-dd".to_owned(),
            Self::Boolean => "boolean, or integers 0 and 1".to_owned(),
            Self::Code(_) => "a string column with codes of the list".to_owned(),
            Self::Text => "a string column".to_owned(),
        }
    }
}

fn positions(list: &CodeList) -> HashMap<&str, i64> {
    list.values.iter().enumerate().map(|(at, code)| (code.code.as_str(), at as i64)).collect()
}

/// Values that are none of their type.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bad {
    pub(crate) count: u64,
    /// First row and what stands there.
    pub(crate) first: Option<(usize, String)>,
}

impl Bad {
    fn add(&mut self, row: usize, sample: impl FnOnce() -> String) {
        self.count += 1;
        self.first.get_or_insert_with(|| (row, sample()));
    }

    /// Adds what was found in a later piece that begins at `start`.
    pub(crate) fn extend(&mut self, other: Self, start: usize) {
        self.count += other.count;
        if self.first.is_none() {
            self.first = other.first.map(|(row, sample)| (row + start, sample));
        }
    }
}

/// The type of the array cannot be meant.
pub(crate) struct WrongType;

fn validity(array: &dyn Array) -> Option<Bitmap> {
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0)?;
    let chunks = nulls.inner().bit_chunks();
    let mut words: Vec<u64> = chunks.iter().collect();
    if chunks.remainder_len() > 0 {
        words.push(chunks.remainder_bits());
    }
    Some(Bitmap { words, len: array.len() })
}

struct Sink<'s> {
    values: &'s mut Vec<i64>,
    known: Option<Bitmap>,
    bad: &'s mut Bad,
    start: usize,
}

impl Sink<'_> {
    /// Takes over all values; `make` gives `None` for a value that is none.
    fn numbers<T: Copy + std::fmt::Display>(
        &mut self,
        array: &dyn Array,
        values: &[T],
        make: impl Fn(T) -> Option<i64>,
    ) {
        self.known = validity(array);
        self.values.clear();
        self.values.reserve(values.len());
        for (row, value) in values.iter().enumerate() {
            if let Some(number) = make(*value) {
                self.values.push(number);
            } else {
                self.values.push(0);
                if array.is_valid(row) {
                    self.refuse(row, values.len(), || value.to_string());
                }
            }
        }
    }

    fn plain<T: Copy + Into<i64>>(&mut self, array: &dyn Array, values: &[T]) {
        self.known = validity(array);
        self.values.clear();
        self.values.extend(values.iter().map(|value| (*value).into()));
    }

    fn refuse(&mut self, row: usize, len: usize, sample: impl FnOnce() -> String) {
        self.bad.add(self.start + row, sample);
        set(self.known.get_or_insert_with(|| filled(len, true)), row, false);
    }

    /// Texts row by row through `make`, which sees every distinct text of a dictionary once.
    fn texts(&mut self, array: &ArrayRef, mut make: impl FnMut(&str) -> Option<i64>) -> Result<(), WrongType> {
        self.known = validity(array.as_ref());
        self.values.clear();
        if let DataType::Dictionary(key, value) = array.data_type() {
            let wanted = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            let same = **key == DataType::Int32 && **value == DataType::Utf8;
            let array = if same { array.clone() } else { cast(array, &wanted).map_err(|_| WrongType)? };
            let dictionary = array.as_dictionary_opt::<Int32Type>().ok_or(WrongType)?;
            let texts = dictionary.values().as_string_opt::<i32>().ok_or(WrongType)?;
            let made: Vec<Option<i64>> = texts.iter().map(|text| text.and_then(&mut make)).collect();
            for (row, key) in dictionary.keys().values().iter().enumerate() {
                let position = usize::try_from(*key).ok();
                if let Some(number) = position.and_then(|position| made.get(position)).copied().flatten() {
                    self.values.push(number);
                } else {
                    self.values.push(0);
                    if array.is_valid(row) {
                        let text = position.filter(|p| *p < texts.len()).map(|p| texts.value(p));
                        self.refuse(row, dictionary.len(), || text.unwrap_or_default().to_owned());
                    }
                }
            }
            return Ok(());
        }
        let len = array.len();
        for row in 0..len {
            let text = text_at(array, row)?;
            if let Some(number) = text.and_then(&mut make) {
                self.values.push(number);
            } else {
                self.values.push(0);
                if let Some(text) = text {
                    self.refuse(row, len, || text.to_owned());
                }
            }
        }
        Ok(())
    }
}

/// Text of a row of a plain string array; `None` is missing.
fn text_at(array: &ArrayRef, row: usize) -> Result<Option<&str>, WrongType> {
    if array.is_null(row) {
        return Ok(None);
    }
    Ok(Some(match array.data_type() {
        DataType::Utf8 => array.as_string_opt::<i32>().ok_or(WrongType)?.value(row),
        DataType::LargeUtf8 => array.as_string_opt::<i64>().ok_or(WrongType)?.value(row),
        DataType::Utf8View => array.as_string_view_opt().ok_or(WrongType)?.value(row),
        _ => return Err(WrongType),
    }))
}

/// Appends an array to a column; `start` is the row of its first value in the piece that is read.
pub(crate) fn push(
    column: &mut Growing,
    array: &ArrayRef,
    target: &Target<'_>,
    scratch: &mut Vec<i64>,
    bad: &mut Bad,
    start: usize,
) -> Result<(), WrongType> {
    let mut sink = Sink { values: scratch, known: None, bad, start };
    match target {
        Target::Text => {
            let mut seen = Vec::new();
            let mut at = HashMap::new();
            sink.texts(array, |text| {
                let next = seen.len() as i64;
                Some(*at.entry(text.to_owned()).or_insert_with(|| {
                    seen.push(text.to_owned());
                    next
                }))
            })?;
            let moved: Vec<i64> = seen.iter().map(|text| column.position(text)).collect();
            for value in sink.values.iter_mut() {
                *value = moved.get(*value as usize).copied().unwrap_or(0);
            }
        }
        Target::Code(codes) => sink.texts(array, |text| codes.get(text).copied())?,
        Target::Boolean if *array.data_type() == DataType::Boolean => {
            let bits = array.as_boolean_opt().ok_or(WrongType)?;
            sink.known = validity(array.as_ref());
            sink.values.clear();
            sink.values.extend(bits.values().iter().map(i64::from));
        }
        Target::Boolean => integers(&mut sink, array, |value| (0..=1).contains(&value).then_some(value))?,
        Target::Integer => integers(&mut sink, array, Some)?,
        Target::Decimal { scale, whole } => decimals(&mut sink, array, *scale, *whole)?,
        Target::Date => dates(&mut sink, array)?,
    }
    let known = sink.known.take();
    column.push(scratch, known);
    Ok(())
}

fn integers(sink: &mut Sink<'_>, array: &ArrayRef, make: impl Fn(i64) -> Option<i64>) -> Result<(), WrongType> {
    let a = array.as_ref();
    match array.data_type() {
        DataType::Int8 => sink.plain(a, array.as_primitive_opt::<Int8Type>().ok_or(WrongType)?.values()),
        DataType::Int16 => sink.plain(a, array.as_primitive_opt::<Int16Type>().ok_or(WrongType)?.values()),
        DataType::Int32 => sink.plain(a, array.as_primitive_opt::<Int32Type>().ok_or(WrongType)?.values()),
        DataType::Int64 => sink.plain(a, array.as_primitive_opt::<Int64Type>().ok_or(WrongType)?.values()),
        DataType::UInt8 => sink.plain(a, array.as_primitive_opt::<UInt8Type>().ok_or(WrongType)?.values()),
        DataType::UInt16 => sink.plain(a, array.as_primitive_opt::<UInt16Type>().ok_or(WrongType)?.values()),
        DataType::UInt32 => sink.plain(a, array.as_primitive_opt::<UInt32Type>().ok_or(WrongType)?.values()),
        DataType::UInt64 => {
            let values = array.as_primitive_opt::<UInt64Type>().ok_or(WrongType)?;
            sink.numbers(a, values.values(), |value| i64::try_from(value).ok());
        }
        _ => return Err(WrongType),
    }
    let len = array.len();
    for row in 0..len {
        let Some(value) = sink.values.get(row).copied() else { continue };
        match make(value) {
            Some(number) => {
                if let Some(slot) = sink.values.get_mut(row) {
                    *slot = number;
                }
            }
            None if array.is_valid(row) => sink.refuse(row, len, || value.to_string()),
            None => {}
        }
    }
    Ok(())
}

fn decimals(sink: &mut Sink<'_>, array: &ArrayRef, scale: u8, whole: bool) -> Result<(), WrongType> {
    let factor = |written: i8| {
        let digits = i16::from(scale) - i16::from(written);
        u32::try_from(digits).ok().and_then(|digits| 10_i128.checked_pow(digits)).ok_or(WrongType)
    };
    let a = array.as_ref();
    match array.data_type() {
        DataType::Decimal32(_, written) => {
            let factor = factor(*written)?;
            let values = array.as_primitive_opt::<Decimal32Type>().ok_or(WrongType)?;
            sink.numbers(a, values.values(), |value| i64::try_from(i128::from(value).checked_mul(factor)?).ok());
        }
        DataType::Decimal64(_, written) => {
            let factor = factor(*written)?;
            let values = array.as_primitive_opt::<Decimal64Type>().ok_or(WrongType)?;
            sink.numbers(a, values.values(), |value| i64::try_from(i128::from(value).checked_mul(factor)?).ok());
        }
        DataType::Decimal128(_, written) => {
            let factor = factor(*written)?;
            let values = array.as_primitive_opt::<Decimal128Type>().ok_or(WrongType)?;
            if factor == 1 {
                sink.numbers(a, values.values(), |value| i64::try_from(value).ok());
            } else {
                sink.numbers(a, values.values(), |value| i64::try_from(value.checked_mul(factor)?).ok());
            }
        }
        _ if whole => {
            let factor = 10_i64.pow(u32::from(scale).min(18));
            integers(sink, array, |value| value.checked_mul(factor))?;
        }
        _ => integers(sink, array, Some)?,
    }
    Ok(())
}

fn dates(sink: &mut Sink<'_>, array: &ArrayRef) -> Result<(), WrongType> {
    const DAY: i64 = 86_400;
    let a = array.as_ref();
    match array.data_type() {
        DataType::Date32 => sink.plain(a, array.as_primitive_opt::<Date32Type>().ok_or(WrongType)?.values()),
        DataType::Date64 => {
            let values = array.as_primitive_opt::<Date64Type>().ok_or(WrongType)?;
            sink.numbers(a, values.values(), |value| Some(value.div_euclid(DAY * 1_000)));
        }
        DataType::Timestamp(TimeUnit::Second, _) => {
            let values = array.as_primitive_opt::<TimestampSecondType>().ok_or(WrongType)?;
            sink.numbers(a, values.values(), |value| Some(value.div_euclid(DAY)));
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            let values = array.as_primitive_opt::<TimestampMillisecondType>().ok_or(WrongType)?;
            sink.numbers(a, values.values(), |value| Some(value.div_euclid(DAY * 1_000)));
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let values = array.as_primitive_opt::<TimestampMicrosecondType>().ok_or(WrongType)?;
            sink.numbers(a, values.values(), |value| Some(value.div_euclid(DAY * 1_000_000)));
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            let values = array.as_primitive_opt::<TimestampNanosecondType>().ok_or(WrongType)?;
            sink.numbers(a, values.values(), |value| Some(value.div_euclid(DAY * 1_000_000_000)));
        }
        DataType::Int32 | DataType::Int64 | DataType::UInt32 => {
            integers(sink, array, |value| make_date(value / 10_000, value / 100 % 100, value % 100))?;
        }
        _ => sink.texts(array, date_of_text)?,
    }
    Ok(())
}

/// `2016-01-31`.
fn date_of_text(text: &str) -> Option<i64> {
    let mut parts = text.trim().splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    make_date(year, month, day)
}

/// Appends an array to a technical column of texts; integers are written out, since keys of other systems may be.
pub(crate) fn push_texts(texts: &mut Texts, array: &ArrayRef) -> Result<(), WrongType> {
    let array = match array.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => array.clone(),
        DataType::Dictionary(_, _) | DataType::Int32 | DataType::Int64 | DataType::UInt32 | DataType::UInt64 => {
            cast(array, &DataType::Utf8).map_err(|_| WrongType)?
        }
        _ => return Err(WrongType),
    };
    if let Some(plain) = array.as_string_opt::<i32>() {
        plain.iter().for_each(|text| texts.push(text));
        return Ok(());
    }
    for row in 0..array.len() {
        texts.push(text_at(&array, row)?);
    }
    Ok(())
}
