//! Tables: those of the system, and one for every register of the pack.
//!
//! Columns are added when a pack grows; nothing is dropped or retyped by itself.

use bangfu_policy::model::{Entity, Field, FieldType, Pack, Register, RegisterKind};

/// Tables of the system. `division` and `run` are current state; `journal` only grows.
pub(crate) const SYSTEM: &str = "
create table if not exists journal (
  seq integer primary key, at integer not null, actor text not null, reason text not null, action text not null,
  register text not null, record integer, division text not null, body text not null, previous blob not null,
  hash blob not null);
create index if not exists journal_record on journal (register, record);
create trigger if not exists journal_no_update before update on journal begin select raise(abort, 'the journal only grows'); end;
create trigger if not exists journal_no_delete before delete on journal begin select raise(abort, 'the journal only grows'); end;
create table if not exists touched (
  register text not null, part text not null, seq integer not null, primary key (register, part)) without rowid;
create table if not exists division (
  code text primary key, name text not null, name_en text not null, level integer not null,
  valid_from integer, valid_to integer, successor text) without rowid;
create table if not exists search (
  token text not null, register integer not null, record integer not null,
  primary key (token, register, record)) without rowid;
create table if not exists run (
  id text primary key, as_of integer not null, state text not null, started integer not null, finished integer,
  policy_hash text not null, snapshot_hash text not null, overrides text not null, folder text not null,
  summary text not null, journal_seq integer not null) without rowid;
create table if not exists difference (
  run text not null, variable text not null, entity text not null, change text not null, count integer not null,
  examples text not null, primary key (run, variable, change)) without rowid;
create table if not exists register_schema (
  register text not null, field text not null, kind text not null, primary key (register, field)) without rowid;
";

/// Name of a register's table, quoted.
pub(crate) fn table(register: &Register) -> String {
    format!("\"r_{}\"", register.id)
}

/// SQL type of a field.
fn sql_type(field: &Field) -> &'static str {
    match field.ty {
        _ if field.secret => "blob",
        FieldType::Integer
        | FieldType::Year
        | FieldType::Decimal(_)
        | FieldType::Money
        | FieldType::Date
        | FieldType::Boolean => "integer",
        _ => "text",
    }
}

/// What is recorded of a field, to find out that a pack changed it.
pub(crate) fn kind(pack: &Pack, field: &Field) -> String {
    let ty = match field.ty {
        FieldType::Decimal(scale) => format!("decimal({scale})"),
        FieldType::Code(list) => format!("code({})", pack.codes.get(list.index()).map_or("", |codes| &codes.id)),
        FieldType::Reference(to) => {
            format!("reference({})", pack.registers.get(to.index()).map_or("", |register| &register.id))
        }
        other => format!("{other:?}").to_lowercase(),
    };
    format!("{ty}{}", if field.secret { " secret" } else { "" })
}

/// `create table` and its indexes.
pub fn create(register: &Register) -> Vec<String> {
    let table = table(register);
    let id = &register.id;
    let columns: String =
        register.fields.iter().map(|field| format!(",\n  \"{}\" {}", field.id, sql_type(field))).collect();
    let mut statements = vec![format!(
        "create table if not exists {table} (\n  _id integer primary key, _version integer not null, _parent integer, \
         _division text not null, _period integer, _changed integer not null{columns})"
    )];
    let index = |name: &str, unique: bool, columns: &str| {
        let unique = if unique { "unique " } else { "" };
        format!("create {unique}index if not exists \"i_{id}_{name}\" on {table} ({columns})")
    };
    for field in &register.fields {
        let key = register.key.and_then(|key| register.fields.get(key as usize)).is_some_and(|key| key.id == field.id);
        if key || field.unique {
            statements.push(index(&field.id, true, &format!("\"{}\"", field.id)));
        } else if field.secret {
            statements.push(index(&field.id, false, &format!("\"{}\"", field.id)));
        }
    }
    match (register.parent, register.kind) {
        (Entity::Register(_), RegisterKind::Entity) => statements.push(index("parent", false, "_parent")),
        (Entity::Register(_), RegisterKind::One) => statements.push(index("parent", true, "_parent")),
        (Entity::Register(_), _) => statements.push(index("parent", true, "_parent, _period")),
        (Entity::Level(_), RegisterKind::One) => statements.push(index("division", true, "_division")),
        (Entity::Level(_), RegisterKind::Entity) => {}
        (Entity::Level(_), _) => statements.push(index("division", true, "_division, _period")),
    }
    if register.kind == RegisterKind::Entity {
        let key = register.key.and_then(|key| register.fields.get(key as usize));
        let key = key.map_or_else(String::new, |key| format!(", \"{}\"", key.id));
        statements.push(index("place", false, &format!("_division{key}")));
    }
    statements
}

/// `alter table … add column`.
pub(crate) fn add_column(register: &Register, field: &Field) -> String {
    format!("alter table {} add column \"{}\" {}", table(register), field.id, sql_type(field))
}

/// Digits of the divisions by which snapshots are cut into files: two levels above the lowest.
pub fn part_digits(pack: &Pack) -> usize {
    pack.levels.iter().rev().nth(2).or(pack.levels.first()).map_or(0, |level| level.digits)
}
