//! Values of parameters for the rows of a chunk.
#![expect(clippy::too_many_arguments, reason = "a kernel takes the step, its rows, its inputs and its outputs")]

use std::ops::Range;

use bangfu_policy::ir::Scalar;
use bangfu_policy::model::{Parameter, ParameterId};

use super::buffer::{Buffer, Lane};
use super::execute::{Shared, missing, put, settle};
use super::kernels::{NarrowLanes, Same, Source, View, WideLanes, with_lanes};
use super::plan::Step;

pub(super) fn parameter_values(
    shared: &Shared<'_>,
    step: &Step,
    parameter: ParameterId,
    table: bool,
    shift: i32,
    (selector, known): (View<'_>, Option<&[u8]>),
    range: &Range<usize>,
    out: &mut Buffer,
) {
    let rows = range.len();
    let Some(definition) = shared.pack.parameters.get(parameter.index()) else { return missing(out, rows) };
    let day = bangfu_policy::period::shift_day(shared.frame.as_of, shift);
    let set = shared.overrides.iter().find(|(id, _)| *id == parameter).map(|(_, value)| *value);
    if table {
        let entries = definition.row_on(day, "", None).map(|row| row.table.as_slice()).unwrap_or_default();
        look_up(step.lane, rows, entries, set, (selector, known), out);
    } else {
        by_row(shared, step, definition, day, set, (selector, known), range, out);
    }
    settle(out);
}

/// A table's values, one for each code.
fn look_up(
    lane: Lane,
    rows: usize,
    entries: &[Scalar],
    set: Option<Scalar>,
    (selector, known): (View<'_>, Option<&[u8]>),
    out: &mut Buffer,
) {
    let value = |entry: Scalar| number(set.unwrap_or(entry));
    let mut values: Vec<i64> = entries.iter().map(|entry| value(*entry).unwrap_or(0)).collect();
    let mut present: Vec<u8> = entries.iter().map(|entry| u8::from(value(*entry).is_some())).collect();
    // One entry more, for codes that the table does not have.
    values.push(value(Scalar::Missing).unwrap_or(0));
    present.push(u8::from(value(Scalar::Missing).is_some()));
    let last = entries.len();
    out.size_valid(rows);
    out.all_valid = false;
    macro_rules! write {
        ($lanes:ident, $to:expr, $as:ty) => {{
            let (to, valid) = (&mut $to[..rows], &mut out.valid[..rows]);
            for row in 0..rows {
                let code = (Source::<i64>::at(&$lanes, row) as usize).min(last);
                to[row] = values[code] as $as;
                valid[row] = present[code];
            }
        }};
    }
    with_lanes!(selector, rows, lanes => match lane {
        Lane::Mask => write!(lanes, out.mask, u8),
        Lane::Narrow => write!(lanes, out.narrow, i32),
        Lane::Wide => write!(lanes, out.wide, i64),
    });
    if let Some(known) = known {
        super::kernels::and_into(&mut out.valid, known);
    }
}

/// Values that depend on the division of the row or on its class.
fn by_row(
    shared: &Shared<'_>,
    step: &Step,
    definition: &Parameter,
    day: i32,
    set: Option<Scalar>,
    (selector, known): (View<'_>, Option<&[u8]>),
    range: &Range<usize>,
    out: &mut Buffer,
) {
    missing(out, range.len());
    let codes = shared.frame.tables.get(&step.entity).map(|table| table.keys.as_slice()).unwrap_or_default();
    let classes = definition.class.is_some() && !step.operands.is_empty();
    for row in 0..range.len() {
        let code = codes.get(range.start + row).map_or("", String::as_str);
        let class_known = known.is_none_or(|known| known[row] == 1);
        let class = (classes && class_known).then(|| selector.get(row));
        let found = definition.row_on(day, code, class);
        // An unknown class leaves the value unknown, unless a division's own row decides.
        let decided =
            class.is_some() || !classes || !definition.has_classes() || found.is_some_and(|row| row.division.is_some());
        let value = if decided { found.map_or(Scalar::Missing, |row| row.value) } else { Scalar::Missing };
        if let Some(number) = number(set.unwrap_or(value)) {
            put(step.lane, row, number, out);
            out.valid[row] = 1;
        }
    }
}

fn number(value: Scalar) -> Option<i64> {
    match value {
        Scalar::Integer(number) => Some(number),
        Scalar::Boolean(truth) => Some(i64::from(truth)),
        Scalar::Missing => None,
    }
}
