//! Tables: those of the system, and one for every register of the pack.
//!
//! Columns are added when a pack grows; nothing is dropped or retyped by itself.

use bangfu_policy::model::{Entity, Field, FieldType, Pack, Register, RegisterKind};

use sha2::{Digest as _, Sha256};

use crate::database::{Dialect, Query, sql};

/// Tables of the system. `division` and `run` are current state; `journal` only grows.
const SYSTEM: &str = "
create table if not exists journal (
  seq integer primary key, at integer not null, actor text not null, reason text not null, action text not null,
  register text not null, record integer, division text not null, body text not null, previous blob not null,
  hash blob not null);
create index if not exists journal_record on journal (register, record);
create table if not exists touched (
  register text not null, part text not null, seq integer not null, primary key (register, part)) without rowid;
create table if not exists division (
  code text primary key, name text not null, name_en text not null, level integer not null,
  valid_from integer, valid_to integer, successor text) without rowid;
create table if not exists name_token (
  register text not null, token text not null, record integer not null, division text not null,
  primary key (register, token, record)) without rowid;
create table if not exists run (
  id text primary key, as_of integer not null, state text not null, started integer not null, finished integer,
  policy_hash text not null, snapshot_hash text not null, overrides text not null, folder text not null,
  summary text not null, journal_seq integer not null) without rowid;
create table if not exists difference (
  run text not null, variable text not null, entity text not null, change text not null, count integer not null,
  examples text not null, primary key (run, variable, change)) without rowid;
create table if not exists register_schema (
  register text not null, field text not null, kind text not null, primary key (register, field)) without rowid;
create table if not exists answered (
  key text primary key, request blob not null, record integer not null, at integer not null) without rowid;
create table if not exists attachment (
  id integer primary key autoincrement, register text not null, record integer not null, hash text not null,
  name text not null, media text not null, size integer not null, actor text not null, at integer not null);
create index if not exists attachment_record on attachment (register, record);
create index if not exists attachment_hash on attachment (hash);
create table if not exists account (
  id integer primary key autoincrement, login text not null unique, name text not null, secret text not null,
  factor blob, factor_step integer not null, blocked boolean not null, failed integer not null,
  locked_until integer not null, made integer not null);
create table if not exists held (
  id integer primary key autoincrement, account integer not null references account, role text not null,
  division text not null, given integer not null, ended integer);
create index if not exists held_account on held (account);
create table if not exists session (
  hash blob primary key, account integer not null references account, held integer, kind text not null,
  name text not null, writes boolean not null, made integer not null, seen integer not null, expires integer not null) without rowid;
create index if not exists session_account on session (account);
create table if not exists looked (
  id integer primary key autoincrement, at integer not null, register text not null, record integer not null,
  account text not null, role text not null, what text not null, reason text not null);
create index if not exists looked_record on looked (register, record);
create table if not exists case_file (
  id integer primary key autoincrement, procedure text not null, subject text not null, record integer,
  division text not null, name text not null, step integer not null, state text not null, opened integer not null,
  since integer not null, posted integer, due integer, version integer not null, proposal text not null,
  code text not null unique);
create index if not exists case_work on case_file (state, division, due);
create index if not exists case_subject on case_file (subject, record);
create table if not exists case_event (
  id integer primary key autoincrement, case_file integer not null references case_file, step integer not null,
  act text not null, account integer not null, actor text not null, at integer not null, note text not null,
  body text not null);
create index if not exists case_event_case on case_event (case_file);
create index if not exists case_event_act on case_event (act, at);
create table if not exists job (
  id text primary key, owner integer not null, register text not null, name text not null, size integer not null,
  file text not null, language text not null, state text not null, outlook text not null, worker text not null,
  at integer not null) without rowid;
create table if not exists deputy (
  id integer primary key autoincrement, held integer not null references held, deputy integer references account,
  first_day integer not null, last_day integer not null, said integer not null, ended integer);
create index if not exists deputy_held on deputy (held);
create index if not exists deputy_deputy on deputy (deputy);
create table if not exists saved_query (
  id integer primary key autoincrement, register text not null, name text not null, query text not null,
  actor text not null, at integer not null, unique (register, name));
";

/// Statements that make the tables of the system where they are missing.
pub(crate) fn system(dialect: Dialect) -> String {
    format!("{}{}", dialect.table(SYSTEM), dialect.only_grows("journal"))
}

/// Name of an index of a register, at most 63 bytes as PostgreSQL has it: of a longer one the beginning and a hash.
fn index_name(register: &Register, name: &str) -> String {
    const MOST: usize = 63;
    let whole = format!("i_{}_{name}", register.id);
    if whole.len() <= MOST {
        return whole;
    }
    let hash: String = Sha256::digest(&whole).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{}_{hash}", whole.get(..MOST - 17).unwrap_or_default())
}

/// The field whose unique index has a name; none for the index over what records belong to.
pub(crate) fn indexed(register: &Register, index: &str) -> Vec<u16> {
    let named = |(_, field): &(usize, &Field)| index_name(register, &field.id) == index;
    register.fields.iter().enumerate().filter(named).map(|(position, _)| position as u16).collect()
}

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

/// Column of the key, quoted; the id for registers without key.
pub(crate) fn key_column(register: &Register) -> String {
    let key = register.key.and_then(|key| register.fields.get(key as usize));
    key.map_or_else(|| "_id".to_owned(), |key| format!("\"{}\"", key.id))
}

/// `create table` and its indexes, in the words of SQLite.
pub fn create(register: &Register) -> Vec<String> {
    let table = table(register);
    let columns: String =
        register.fields.iter().map(|field| format!(",\n  \"{}\" {}", field.id, sql_type(field))).collect();
    let mut statements = vec![format!(
        "create table if not exists {table} (\n  _id integer primary key, _version integer not null, _parent integer, \
         _division text not null, _period integer, _changed integer not null{columns})"
    )];
    let index = |name: &str, unique: bool, columns: &str| {
        let unique = if unique { "unique " } else { "" };
        format!("create {unique}index if not exists \"{}\" on {table} ({columns})", index_name(register, name))
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

/// The id of a register's next record: after the highest that any record of it had, because the journal tells of removed
/// ones. Binds the register's id.
pub(crate) fn next_id(register: &Register) -> String {
    let table = table(register);
    format!(
        "select 1 + case when told > there then told else there end from (select coalesce((select max(record) from \
         journal where register = ?1), 0) as told, coalesce((select max(_id) from {table}), 0) as there) as highest"
    )
}

/// A record is found by a word.
pub(crate) fn token(register: &str, token: String, record: i64, division: &str) -> Query {
    sql("insert into name_token values (?, ?, ?, ?) on conflict do nothing")
        .bind(register)
        .bind(token)
        .bind(record)
        .bind(division)
}

/// The snapshot of a part is no longer current.
pub(crate) fn touch(register: &str, part: &str, seq: i64) -> Query {
    sql("insert into touched values (?, ?, ?) on conflict (register, part) do update set seq = excluded.seq")
        .bind(register)
        .bind(part)
        .bind(seq)
}

/// `alter table … add column`.
pub(crate) fn add_column(register: &Register, field: &Field) -> String {
    format!("alter table {} add column \"{}\" {}", table(register), field.id, sql_type(field))
}

/// Digits of the divisions by which snapshots are cut into files: two levels above the lowest.
pub fn part_digits(pack: &Pack) -> usize {
    pack.levels.iter().rev().nth(2).or(pack.levels.first()).map_or(0, |level| level.digits)
}
