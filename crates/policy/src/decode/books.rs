//! Books: columns opened into sums, one for each cell.

use super::Entries;
use super::cursor::{Cursor, Report};
use super::indicators::unit;
use super::rules::entity;
use super::structure::clauses;
use super::tree::Node;
use crate::books::{Book, BookCell, BookColumn, BookLine, Head, Measure};
use crate::formula::Compiler;
use crate::ir::{Aggregate, ExprId, Type};
use crate::model::{Combination, Entity, IndicatorAggregate, Place, Unit};
use crate::value::number;

/// Most sums of a book: a table with more is read by nobody.
const MOST_SUMS: usize = 5_000;

pub(super) fn books(compiler: &mut Compiler<'_>, entries: &Entries<'_>, report: &mut Report) -> Vec<Book> {
    let mut books: Vec<Book> =
        entries.iter().filter_map(|(id, place, node)| book(compiler, id, place, node, report)).collect();
    books.sort_by_cached_key(|book| in_order(&book.number));
    books
}

/// `1.10` comes after `1.9`; books without number come last.
fn in_order(number: &str) -> (bool, Vec<(u64, String)>) {
    let part = |part: &str| {
        let digits = part.chars().take_while(char::is_ascii_digit).count();
        let (digits, rest) = part.split_at(digits);
        (digits.parse().unwrap_or(u64::MAX), rest.to_owned())
    };
    (number.is_empty(), number.split(['.', '-', '/']).map(part).collect())
}

/// What a column is while the book is read: its cells, and for each the records that it takes.
struct Opened {
    column: BookColumn,
    measures: Vec<Measure>,
}

fn book(compiler: &mut Compiler<'_>, id: &str, place: &Place, node: &Node, report: &mut Report) -> Option<Book> {
    let mut cursor = Cursor::new(node, &format!("book `{id}`"), report)?;
    let of = entity(compiler.pack(), &mut cursor, report)?;
    let title = cursor.title("title", report);
    let number = cursor.text("no", report).map(|(text, _)| text).unwrap_or_default();
    let group = cursor.optional_title("group", report);
    let clauses = clauses(&mut cursor, report);
    let condition = cursor.text("where", report);
    let filter = condition.and_then(|(text, at)| compiler.expression(&text, of, Some(Type::Boolean), at));
    let rows = cursor.text("rows", report);
    let groups = match &rows {
        Some((text, at)) => groups(compiler, of, (text, at), &[], report),
        None => None,
    };
    let columns = cursor.required("columns", report).map(|_| cursor.list("columns")).unwrap_or_default();
    let mut opened = Vec::new();
    let mut untold = Untold::default();
    for node in columns {
        let book = Reading { of, filter, rows: rows.is_some() };
        opened.extend(column(compiler, &book, node, &mut untold, report));
    }
    cursor.finish(report);
    if rows.is_some() && groups.is_none() {
        return None;
    }
    let whole: Vec<Measure> = opened.iter().flat_map(|opened| opened.measures.clone()).collect();
    let groups = groups.unwrap_or_default();
    if whole.len().saturating_mul(groups.len() + 1) > MOST_SUMS {
        report.say(
            place,
            format!("book `{id}` has more than {MOST_SUMS} cells"),
            "count by a shorter code list, or make several books of it",
        );
        return None;
    }
    let untold = untold.measure(compiler, of);
    let lines = groups
        .into_iter()
        .map(|(head, records)| BookLine {
            head,
            measures: whole.iter().map(|measure| only(compiler, measure, records)).collect(),
            untold: only(compiler, &untold, records),
        })
        .collect();
    let columns = opened.into_iter().map(|opened| opened.column).collect();
    let (id, place) = (id.to_owned(), place.clone());
    Some(Book { id, number, title, group, clauses, of, columns, whole, untold, lines, place })
}

/// What a column must know of its book.
struct Reading {
    of: Entity,
    filter: Option<ExprId>,
    rows: bool,
}

fn column(
    compiler: &mut Compiler<'_>,
    book: &Reading,
    node: &Node,
    untold: &mut Untold,
    report: &mut Report,
) -> Option<Opened> {
    let mut cursor = Cursor::new(node, "a column", report)?;
    let heading = cursor.node("title").is_some().then(|| cursor.title("title", report));
    let (value, per) = (cursor.text("value", report), cursor.text("per", report));
    let (by, sum) = (cursor.text("by", report), cursor.text("sum", report));
    let bands: Vec<&Node> = cursor.list("bands");
    let unit = cursor.text("unit", report).map(|(text, place)| (unit(&text, place, report), place));
    let at = cursor.place.clone();
    cursor.finish(report);
    let opened = match (value, by) {
        (Some((text, place)), None) => {
            if let Some(place) = sum.map(|(_, place)| place).or(bands.first().map(|node| &node.place)) {
                report.say(place, "a column with `value` has no `sum` or `bands`", "they belong to `by`");
            }
            let Some(heading) = heading else {
                report.say(&at, "a column with `value` has no `title`", "add `title: …`");
                return None;
            };
            let above = sums(compiler, book, &text, place, untold, report)?;
            let below = match per {
                Some((text, place)) => Some(sums(compiler, book, &text, place, untold, report)?),
                None => None,
            };
            if below.is_some() && unit.is_none() {
                report.say(place, "a quotient has no `unit`", "add `unit: percent`, per_mille, money or number");
            }
            let cell = cell(Head::Title(heading), unit.map(|(unit, _)| unit), &above, below.as_ref());
            let column = BookColumn { heading: None, cells: vec![cell] };
            Opened { column, measures: vec![Measure { above, below }] }
        }
        (None, Some((text, place))) => {
            if let Some((_, place)) = per {
                report.say(place, "`per` belongs to `value`", "write the share as a column of its own");
            }
            let groups = groups(compiler, book.of, (&text, place), &bands, report);
            let added = sum.and_then(|(text, at)| compiler.expression(&text, book.of, None, at).zip(Some(at)));
            if let Some((added, at)) = added
                && !matches!(compiler.ty(added), Type::Number { .. })
            {
                report.say(at, "only numbers and money can be added up", "name a number, or leave out `sum` to count");
                return None;
            }
            let (groups, added) = (groups?, added.map(|(added, _)| added));
            if let Some((unit, place)) = unit {
                check_unit(compiler, unit, &groups, added, place, report);
            }
            by_groups(compiler, book, heading, groups, added, untold)
        }
        _ => {
            report.say(&at, "a column has either `value` or `by`", "write `value: count(…)` or `by: …`");
            return None;
        }
    };
    Some(opened)
}

fn by_groups(
    compiler: &mut Compiler<'_>,
    book: &Reading,
    heading: Option<crate::model::Text>,
    groups: Vec<(Head, ExprId)>,
    added: Option<ExprId>,
    untold: &mut Untold,
) -> Opened {
    let function = if added.is_some() { Aggregate::Sum } else { Aggregate::Count };
    let ty = added.map_or(Type::INTEGER, |added| compiler.ty(added));
    untold.note(compiler, book.of, book.filter, added);
    let (mut cells, mut measures) = (Vec::new(), Vec::new());
    for (head, records) in groups {
        let filter = compiler.all_of(book.filter.into_iter().chain([records]).collect());
        let above = one(IndicatorAggregate { function, over: book.of, value: added, filter }, ty);
        cells.push(cell(head, None, &above, None));
        measures.push(Measure { above, below: None });
    }
    Opened { column: BookColumn { heading, cells }, measures }
}

/// The sums of a `value` or `per`: those over what the book counts take only its records.
fn sums(
    compiler: &mut Compiler<'_>,
    book: &Reading,
    text: &str,
    place: &Place,
    untold: &mut Untold,
    report: &mut Report,
) -> Option<Combination> {
    let mut combination = compiler.combination(text, place)?;
    for aggregate in &mut combination.aggregates {
        if aggregate.over == book.of {
            aggregate.filter = compiler.all_of(book.filter.into_iter().chain(aggregate.filter).collect());
        } else if book.rows {
            let (of, over) = (compiler.pack().entity_id(book.of), compiler.pack().entity_id(aggregate.over));
            report.say(
                place,
                format!("with `rows`, every column counts {of}, but this one counts {over}"),
                format!("count {of}, or leave out `rows`"),
            );
            return None;
        }
        untold.note(compiler, aggregate.over, aggregate.filter, aggregate.value);
    }
    Some(combination)
}

/// The values of a formula with the records of each; the last ones are those of which it is missing, if it can be.
fn groups(
    compiler: &mut Compiler<'_>,
    of: Entity,
    (text, place): (&str, &Place),
    bands: &[&Node],
    report: &mut Report,
) -> Option<Vec<(Head, ExprId)>> {
    let by = compiler.expression(text, of, None, place)?;
    let ty = compiler.ty(by);
    let mut found = Vec::new();
    if let (false, Some(first)) = (matches!(ty, Type::Number { .. }), bands.first()) {
        report.say(&first.place, "only numbers and money have `bands`", "leave them out: each code has its column");
        return None;
    }
    match ty {
        Type::Code(list) => {
            let count = compiler.pack().codes.get(list.index()).map_or(0, |list| list.values.len());
            for position in 0..count.min(MOST_SUMS + 1) {
                found.push((Head::Code(list, position), compiler.has_code(by, position)));
            }
        }
        Type::Boolean => found.extend([true, false].map(|so| (Head::Truth(so), compiler.is(by, so)))),
        Type::Number { .. } if !bands.is_empty() => {
            let bounds = bounds(bands, ty, report)?;
            let lower = std::iter::once(None).chain(bounds.iter().copied().map(Some));
            for (from, to) in lower.zip(bounds.iter().copied().map(Some).chain([None])) {
                found.push((Head::Band { from, to, ty }, compiler.in_band(by, from, to)));
            }
        }
        Type::Number { .. } => {
            let advice = "for a column add `bands: [16, 60]`; for rows make a code of it with `case`";
            report.say(place, format!("`{text}` is a number without bands"), advice);
            return None;
        }
        Type::Date | Type::Text => {
            let advice = "name a code, a truth, or a number with `bands`";
            report.say(place, format!("nothing can be counted by `{text}`: it is a date or a text"), advice);
            return None;
        }
    }
    if compiler.can_be_missing(by) {
        found.push((Head::Missing, compiler.lacks(by)));
    }
    Some(found)
}

/// Bounds of bands in the units of the type.
fn bounds(nodes: &[&Node], ty: Type, report: &mut Report) -> Option<Vec<i64>> {
    let Type::Number { scale, .. } = ty else { return None };
    let mut bounds: Vec<i64> = Vec::new();
    for node in nodes {
        let text = node.scalar_text().unwrap_or_default();
        match number(&text, scale) {
            Ok(bound) if bounds.last().is_none_or(|last| *last < bound) => bounds.push(bound),
            Ok(_) => {
                report.say(&node.place, format!("the band from {text} is out of order"), "write bounds from low to high");
                return None;
            }
            Err(error) => {
                report.say(&node.place, format!("`{text}`: {error}"), error.advice());
                return None;
            }
        }
    }
    Some(bounds)
}

/// `unit: money` may be written where bands or sums are money; anything else says nothing.
fn check_unit(
    compiler: &Compiler<'_>,
    unit: Unit,
    groups: &[(Head, ExprId)],
    added: Option<ExprId>,
    place: &Place,
    report: &mut Report,
) {
    let is_money = |ty: Type| matches!(ty, Type::Number { money: true, .. });
    let bands = groups.iter().any(|(head, _)| matches!(head, Head::Band { ty, .. } if is_money(*ty)));
    let sums = added.is_some_and(|added| is_money(compiler.ty(added)));
    let fits = match unit {
        Unit::Money => bands || sums,
        Unit::Count => added.is_none(),
        Unit::Number => added.is_some() && !sums,
        _ => false,
    };
    if !fits {
        report.say(place, "this unit is not that of the column", "leave it out: the formulas tell the unit");
    }
}

fn cell(head: Head, unit: Option<Unit>, above: &Combination, below: Option<&Combination>) -> BookCell {
    let (money, scale) = match above.ty {
        Type::Number { money, scale } => (money, scale),
        _ => (false, 0),
    };
    let own = match (money, scale) {
        (true, _) => Unit::Money,
        (false, 0) => Unit::Count,
        _ => Unit::Number,
    };
    // Products and extremes of lower divisions do not add up to those of the whole.
    let sums = above.aggregates.iter().all(|sum| matches!(sum.function, Aggregate::Count | Aggregate::Sum));
    let linear = above.terms.iter().all(|(_, used)| used.len() == 1);
    let (unit, quotient) = (unit.unwrap_or(own), below.is_some());
    BookCell { head, unit, scale, quotient, additive: !quotient && sums && linear }
}

/// A combination of a single sum.
fn one(aggregate: IndicatorAggregate, ty: Type) -> Combination {
    Combination { terms: vec![(1, vec![0])], aggregates: vec![aggregate], ty }
}

/// A measure over some of the records only.
fn only(compiler: &mut Compiler<'_>, measure: &Measure, records: ExprId) -> Measure {
    let mut measure = measure.clone();
    for combination in std::iter::once(&mut measure.above).chain(&mut measure.below) {
        for aggregate in &mut combination.aggregates {
            aggregate.filter = compiler.all_of([records].into_iter().chain(aggregate.filter).collect());
        }
    }
    measure
}

/// For each entity that columns count: when a record cannot be counted.
#[derive(Default)]
struct Untold(Vec<(Entity, Vec<ExprId>)>);

impl Untold {
    /// A sum takes the records that pass `filter` and adds `value`; either may be missing.
    fn note(&mut self, compiler: &mut Compiler<'_>, over: Entity, filter: Option<ExprId>, value: Option<ExprId>) {
        let mut parts = Vec::new();
        if let Some(filter) = filter.filter(|filter| compiler.can_be_missing(*filter)) {
            parts.push(compiler.lacks(filter));
        }
        if let Some(value) = value.filter(|value| compiler.can_be_missing(*value)) {
            let lacks = compiler.lacks(value);
            let taken = filter.map(|filter| compiler.is(filter, true));
            parts.extend(compiler.all_of(taken.into_iter().chain([lacks]).collect()));
        }
        match self.0.iter_mut().find(|(entity, _)| *entity == over) {
            Some((_, known)) => known.extend(parts),
            None => self.0.push((over, parts)),
        }
    }

    /// Records that some column could not count.
    fn measure(self, compiler: &mut Compiler<'_>, of: Entity) -> Measure {
        let mut sum = Combination { terms: Vec::new(), aggregates: Vec::new(), ty: Type::INTEGER };
        for (over, parts) in self.0 {
            if let Some(filter) = compiler.any_of(parts) {
                sum.terms.push((1, vec![sum.aggregates.len()]));
                let filter = Some(filter);
                sum.aggregates.push(IndicatorAggregate { function: Aggregate::Count, over, value: None, filter });
            }
        }
        if sum.aggregates.is_empty() {
            // Nothing can be missing; a sum over no records says so for every division.
            sum.terms.push((0, vec![0]));
            sum.aggregates.push(IndicatorAggregate { function: Aggregate::Count, over: of, value: None, filter: None });
        }
        Measure { above: sum, below: None }
    }
}
