//! Columns of registers → tables of a frame: divisions, owners, order, records of periods on their parents.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bangfu_policy::model::{Entity, FieldRef, LevelId, Pack, Register, RegisterId, RegisterKind};
use bangfu_policy::period;
use rayon::prelude::*;

use super::columns::{NONE, gather};
use super::files::{Loaded, Sources};
use super::matching::{doubles, owners};
use super::{Reading, SnapshotError, Warning, WarningKind};
use crate::frame::{Column, Frame, Table};
use crate::interpret::stored;
use crate::needs::Needs;

/// Reads the sources and puts them together.
pub(super) fn assemble(pack: &Pack, needs: &Needs, as_of: i32, sources: &Sources) -> Result<Reading, SnapshotError> {
    let mut loaded = sources.load(pack, needs)?;
    let mut reading = Reading {
        frame: Frame { tables: HashMap::new(), as_of },
        warnings: Vec::new(),
        hash: String::new(),
        rows: BTreeMap::new(),
        elsewhere: BTreeMap::new(),
    };
    for (id, register) in &loaded {
        let Some(definition) = pack.registers.get(id.index()) else { continue };
        reading.rows.insert(definition.id.clone(), register.rows as u64);
        for (column, count, first) in &register.bad {
            reading.warn(WarningKind::BadValue, &definition.id, column, *count, first.clone());
        }
        for field in &register.absent {
            let column = definition.fields.get(*field as usize).map_or("", |field| field.id.as_str());
            reading.warn(WarningKind::NoColumn, &definition.id, column, register.rows as u64, String::new());
        }
    }
    divisions(pack, sources.divisions.as_deref(), &loaded, &mut reading.frame);
    let mut ids: Vec<RegisterId> = loaded.keys().copied().collect();
    // Parents before children, entities before what is attached to them.
    ids.sort_by_key(|id| {
        let attached = pack.registers.get(id.index()).is_some_and(|register| register.kind != RegisterKind::Entity);
        (attached, pack.ancestors(Entity::Register(*id)).count(), *id)
    });
    for id in ids {
        let Some(register) = loaded.remove(&id) else { continue };
        match pack.registers.get(id.index()).map(|register| register.kind) {
            Some(RegisterKind::Entity) => entity(pack, needs, id, register, &mut reading),
            Some(kind) => attached(pack, needs, id, kind, register, &mut reading),
            None => {}
        }
    }
    reading.warnings.sort_by(|a, b| (a.kind, &a.register, &a.column).cmp(&(b.kind, &b.register, &b.column)));
    Ok(reading)
}

impl Reading {
    fn warn(&mut self, kind: WarningKind, register: &str, column: &str, count: u64, first: String) {
        let (register, column) = (register.to_owned(), column.to_owned());
        self.warnings.push(Warning { kind, register, column, count, first });
    }
}

/// Tables of all levels: the codes of `division.parquet`, or those in the data; always with all prefixes.
fn divisions(pack: &Pack, written: Option<&[String]>, loaded: &HashMap<RegisterId, Loaded>, frame: &mut Frame) {
    let mut levels: Vec<BTreeSet<String>> = vec![BTreeSet::new(); pack.levels.len()];
    let mut add = |code: &str| {
        let Some(level) = pack.level_of_code(code) else { return };
        for (codes, above) in levels.iter_mut().zip(&pack.levels).take(level.index() + 1) {
            if let Some(prefix) = code.get(..above.digits)
                && !codes.contains(prefix)
            {
                codes.insert(prefix.to_owned());
            }
        }
    };
    add(&pack.policy.root);
    match written {
        Some(codes) => codes.iter().for_each(|code| add(code)),
        None => {
            for (id, register) in loaded {
                let Some(Entity::Level(level)) = pack.registers.get(id.index()).map(|register| register.parent) else {
                    continue;
                };
                let mut last = None;
                for row in (0..register.rows).filter(|row| !register.elsewhere(*row)) {
                    let code = register.owner.get(row);
                    if code != last && code.and_then(|code| pack.level_of_code(code)) == Some(level) {
                        add(code.unwrap_or_default());
                    }
                    last = code;
                }
            }
        }
    }
    frame.tables.extend(level_tables(levels));
}

/// Tables of all levels of these codes, from the top down; every code's prefixes are among them.
pub(crate) fn level_tables(levels: Vec<BTreeSet<String>>) -> Vec<(Entity, Table)> {
    let mut tables = Vec::new();
    let mut above: Vec<String> = Vec::new();
    for (index, codes) in levels.into_iter().enumerate() {
        let keys: Vec<String> = codes.into_iter().collect();
        let mut table = Table { rows: keys.len(), ..Table::default() };
        if index > 0 {
            // Both lists are sorted, so the rows of a parent are those before the first code after its own.
            let starts = above.iter().map(|code| keys.partition_point(|key| key < code) as u32);
            table.offsets = starts.chain([keys.len() as u32]).collect();
        }
        above.clone_from(&keys);
        table.keys = keys;
        tables.push((Entity::Level(LevelId(index as u16)), table));
    }
    tables
}

fn shifts(needs: &Needs, register: RegisterId) -> BTreeMap<i32, Vec<u16>> {
    let mut shifts: BTreeMap<i32, Vec<u16>> = BTreeMap::new();
    for (field, shift) in needs.fields.iter().filter(|(field, _)| field.register == register) {
        shifts.entry(*shift).or_default().push(field.field);
    }
    shifts
}

fn report_rows(reading: &mut Reading, kind: WarningKind, id: &str, register: &Loaded, rows: &[u32]) {
    if let Some(first) = rows.first() {
        let row = *first as usize;
        let key = register.key.as_ref().and_then(|key| key.get(row)).or_else(|| register.owner.get(row));
        let place = format!("{}: {:?}", register.place(row), key.unwrap_or_default());
        reading.warn(kind, id, "", rows.len() as u64, place);
    }
}

/// Tells of rows without what they belong to, and counts those that belong to divisions that are not meant: of records
/// below records nothing else can be told until all divisions were read.
fn report_orphans(reading: &mut Reading, definition: &Register, register: &Loaded, orphans: &[u32]) {
    let elsewhere = |row: &&u32| match definition.parent {
        Entity::Level(_) => register.elsewhere(**row as usize),
        Entity::Register(_) => register.only.is_some(),
    };
    let (elsewhere, strays): (Vec<&u32>, Vec<&u32>) = orphans.iter().partition(elsewhere);
    reading.elsewhere.insert(definition.id.clone(), elsewhere.len() as u64);
    let strays: Vec<u32> = strays.into_iter().copied().collect();
    report_rows(reading, WarningKind::Orphan, &definition.id, register, &strays);
}

/// Rows of an entity register, in the order of parents and keys.
fn entity(pack: &Pack, needs: &Needs, id: RegisterId, mut register: Loaded, reading: &mut Reading) {
    let Some(definition) = pack.registers.get(id.index()) else { return };
    let Some(parents) = reading.frame.tables.get(&definition.parent) else { return };
    let owners = owners(&register.owner, &parents.keys);
    let parent_rows = parents.rows;
    let orphans: Vec<u32> =
        owners.iter().enumerate().filter(|(_, owner)| **owner == NONE).map(|(row, _)| row as u32).collect();
    let doubled = register.key.as_ref().map(doubles).unwrap_or_default();
    let key = |row: u32| register.key.as_ref().and_then(|keys| keys.get(row as usize));
    let owner = |row: u32| owners.get(row as usize).copied().unwrap_or(NONE);
    let mut order: Vec<u32> = Vec::new();
    let all_stay = orphans.is_empty() && doubled.is_empty();
    let ordered = |a: u32, b: u32| (owner(a), key(a)) <= (owner(b), key(b));
    let unsorted = if all_stay {
        (1..owners.len() as u32).into_par_iter().any(|row| !ordered(row - 1, row))
    } else {
        order =
            (0..owners.len() as u32).filter(|row| owner(*row) != NONE && doubled.binary_search(row).is_err()).collect();
        order.windows(2).any(|pair| matches!(pair, [a, b] if !ordered(*a, *b)))
    };
    if unsorted {
        if order.is_empty() {
            order = (0..owners.len() as u32).collect();
        }
        order.par_sort_by(|a, b| (owner(*a), key(*a)).cmp(&(owner(*b), key(*b))));
    }
    let in_place = all_stay && !unsorted;
    let rows = if in_place { owners.len() } else { order.len() };
    let source = |at: usize| if in_place { at as u32 } else { order.get(at).copied().unwrap_or(NONE) };
    let mut table = Table { rows, ..Table::default() };
    table.keys = match &register.key {
        Some(keys) => {
            (0..rows).into_par_iter().map(|at| keys.get(source(at) as usize).unwrap_or_default().to_owned()).collect()
        }
        None => vec![String::new(); rows],
    };
    let mut offsets = vec![0_u32; parent_rows + 1];
    for at in 0..rows {
        if let Some(count) = offsets.get_mut(owner(source(at)) as usize + 1) {
            *count += 1;
        }
    }
    let mut total = 0;
    for offset in &mut offsets {
        total += *offset;
        *offset = total;
    }
    table.offsets = offsets;
    report_orphans(reading, definition, &register, &orphans);
    report_rows(reading, WarningKind::Double, &definition.id, &register, &doubled);
    if unsorted {
        reading.warn(WarningKind::Sorted, &definition.id, "", rows as u64, String::new());
    }
    let fields = std::mem::take(&mut register.fields);
    let columns: HashMap<u16, Column> = fields
        .into_par_iter()
        .map(|(field, column)| {
            let column = column.finish();
            (field, if in_place { column } else { gather(&column, &order) })
        })
        .collect();
    for (shift, fields) in shifts(needs, id) {
        for field in fields {
            if let Some(column) = columns.get(&field) {
                table.columns.insert((FieldRef { register: id, field }, shift), column.clone());
            }
        }
    }
    reading.frame.tables.insert(Entity::Register(id), table);
}

/// Records of an attached register, on the rows of their parents: for each shift those of one period.
fn attached(
    pack: &Pack,
    needs: &Needs,
    id: RegisterId,
    kind: RegisterKind,
    mut register: Loaded,
    reading: &mut Reading,
) {
    let Some(definition) = pack.registers.get(id.index()) else { return };
    let Some(parents) = reading.frame.tables.get(&definition.parent) else { return };
    let owners = owners(&register.owner, &parents.keys);
    let parent_rows = parents.rows;
    let orphans: Vec<u32> =
        owners.iter().enumerate().filter(|(_, owner)| **owner == NONE).map(|(row, _)| row as u32).collect();
    let periods = register.period.take().map(super::columns::Growing::finish);
    let fields = std::mem::take(&mut register.fields);
    let columns: HashMap<u16, Column> =
        fields.into_par_iter().map(|(field, column)| (field, column.finish())).collect();
    let mut doubled = BTreeSet::new();
    let mut placed: Vec<((FieldRef, i32), Column)> = Vec::new();
    let current = period::current(kind, reading.frame.as_of);
    for (shift, fields) in shifts(needs, id) {
        let wanted = i64::from(period::shifted(kind, current, shift));
        let mut index = vec![NONE; parent_rows];
        for (row, owner) in owners.iter().enumerate() {
            if let Some(periods) = &periods
                && stored(periods, row) != bangfu_policy::ir::Scalar::Integer(wanted)
            {
                continue;
            }
            match index.get_mut(*owner as usize) {
                Some(slot) if *slot == NONE => *slot = row as u32,
                Some(_) => {
                    doubled.insert(row as u32);
                }
                None => {}
            }
        }
        let straight = owners.len() == parent_rows && index.iter().enumerate().all(|(at, row)| at as u32 == *row);
        let taken: Vec<_> = fields
            .par_iter()
            .filter_map(|field| {
                let column = columns.get(field)?;
                let column = if straight { column.clone() } else { gather(column, &index) };
                Some(((FieldRef { register: id, field: *field }, shift), column))
            })
            .collect();
        placed.extend(taken);
    }
    let doubled: Vec<u32> = doubled.into_iter().collect();
    report_orphans(reading, definition, &register, &orphans);
    report_rows(reading, WarningKind::Double, &definition.id, &register, &doubled);
    if let Some(table) = reading.frame.tables.get_mut(&definition.parent) {
        table.columns.extend(placed);
    }
}
