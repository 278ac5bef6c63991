//! Rows of texts → values, checked cell by cell and row by row.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use bangfu_office::{Limits, OfficeError, read_sheet, sheet_names};
use bangfu_policy::model::{Entity, Field, FieldRef, Pack, RegisterId, RegisterKind, Value, text_in};

use super::cells::{self, mask};
use super::mapped::{Column, FieldUse, Found, HEADER_ROWS, Mapping, RecordRule, Source, Target};
use super::mapping::MappingFile;
use super::needs::needs_columns;
use super::places::DivisionNames;
use super::records;
use super::units::{Gathering, Units};
use super::{IntakeError, Problem, Reading};
use crate::batches::BatchBuilder;

/// Reads a file for a register (by the pack's titles) or by a mapping. `language` is that of messages.
///
/// # Errors
/// The file cannot be read, has no header that fits, or lacks a column that every row needs.
pub fn read(
    pack: &Pack,
    register: Option<RegisterId>,
    mapping: Option<&MappingFile>,
    divisions: &DivisionNames,
    path: &Path,
    language: &str,
) -> Result<Reading, IntakeError> {
    read_within(pack, (register, mapping), divisions, path, language, &Limits::default())
}

/// The same within caps.
///
/// # Errors
/// See [`read`]; or the file exceeds the caps.
pub fn read_within(
    pack: &Pack,
    (register, mapping): (Option<RegisterId>, Option<&MappingFile>),
    divisions: &DivisionNames,
    path: &Path,
    language: &str,
    limits: &Limits,
) -> Result<Reading, IntakeError> {
    let name = path.display().to_string();
    let (sheet, found) = header(pack, (register, mapping), path, limits)?;
    let Found { row: header, mapping, .. } = found;
    needs_columns(pack, &mapping, &name, language)?;
    let mut intake = Intake::new(pack, &mapping, divisions, language);
    let ignored = mapping.columns.iter().filter(|column| column.ignored && !column.header.is_empty());
    intake.reading.ignored = ignored.map(|column| column.header.clone()).collect();
    intake.reading.missing.clone_from(&mapping.missing);
    intake.reading.columns = mapping.columns_of_fields();
    let mut seen = 0;
    read_sheet(path, sheet.as_deref(), limits, &mut |row| {
        if seen == header {
            intake.reading.table.push((row.number, row.cells));
        } else if seen > header {
            intake.reading.table.push((row.number, row.cells.clone()));
            intake.row(row.number, &row.cells);
        }
        seen += 1;
        true
    })?;
    intake.finish()
}

/// The sheet whose header fits best, and that header.
fn header(
    pack: &Pack,
    (register, mapping): (Option<RegisterId>, Option<&MappingFile>),
    path: &Path,
    limits: &Limits,
) -> Result<(Option<String>, Found), IntakeError> {
    let name = path.display().to_string();
    let first = |sheet: Option<&str>| {
        let mut first = Vec::new();
        let read = read_sheet(path, sheet, limits, &mut |row| {
            first.push(row.cells);
            first.len() < HEADER_ROWS
        });
        read.map(|()| first)
    };
    let find = |first: &[Vec<String>]| Mapping::find(pack, register, mapping, (&name, first));
    let sheets = sheet_names(path, limits)?;
    let mut best: Option<(Option<String>, Found)> = None;
    if sheets.len() > 1 {
        for sheet in sheets {
            let rows = match first(Some(&sheet)) {
                Err(OfficeError::Empty { .. }) => continue,
                other => other?,
            };
            let Ok(found) = find(&rows) else { continue };
            if best.as_ref().is_none_or(|(_, most)| found.known > most.known) {
                best = Some((Some(sheet), found));
            }
        }
    }
    match best {
        Some(best) => Ok(best),
        None => Ok((None, find(&first(None)?)?)),
    }
}

/// Rows of a register that come one by one: that of the rows, and those attached to it.
pub(super) struct Direct<'a> {
    pub register: RegisterId,
    pub builder: BatchBuilder<'a>,
    pub rows: Vec<u64>,
}

pub(super) struct Intake<'a> {
    pub pack: &'a Pack,
    pub mapping: &'a Mapping,
    pub divisions: &'a DivisionNames,
    pub language: &'a str,
    /// Fields that the mapping fills, by register.
    pub fields: BTreeMap<RegisterId, BTreeSet<u16>>,
    pub direct: Vec<Direct<'a>>,
    /// Registers above the rows that the mapping fills, and those attached to them.
    pub above: Vec<RegisterId>,
    pub gathering: Gathering,
    pub units: Units,
    /// Keys of the rows' own records, and their rows.
    pub keys: HashMap<String, u64>,
    pub reading: Reading,
}

/// What was read of a row.
#[derive(Default)]
pub(super) struct Row {
    pub values: HashMap<FieldRef, Value>,
    /// What the row says of something above it: entity, use, column, value.
    pub said: Vec<(Entity, u32, usize, Value)>,
    pub owner: Option<String>,
    pub division: Option<String>,
    pub period: Option<i32>,
    /// What it says of numbers of rows: register, number, column.
    pub counts: Vec<(RegisterId, i64, usize)>,
}

impl<'a> Intake<'a> {
    fn new(pack: &'a Pack, mapping: &'a Mapping, divisions: &'a DivisionNames, language: &'a str) -> Self {
        let fields = mapping.fields();
        let own = Entity::Register(mapping.register);
        let depth = |register: &RegisterId| pack.ancestors(Entity::Register(*register)).count();
        let mut registers: Vec<RegisterId> = fields.keys().copied().collect();
        registers.sort_by_key(depth);
        let below = |register: &RegisterId| {
            let entity = Entity::Register(*register);
            entity == own || pack.is_below(entity, own)
        };
        let (direct, above): (Vec<_>, Vec<_>) = registers.into_iter().partition(below);
        let direct = direct.into_iter().map(|register| {
            let chosen = fields.get(&register).cloned().unwrap_or_default();
            let builder = BatchBuilder::of_fields(pack, register, |field| chosen.contains(&(field as u16)));
            Direct { register, builder, rows: Vec::new() }
        });
        Self {
            pack,
            mapping,
            divisions,
            language,
            direct: direct.collect(),
            fields,
            above,
            gathering: Gathering::default(),
            units: Units::default(),
            keys: HashMap::new(),
            reading: Reading::default(),
        }
    }

    pub(super) fn word(&self, zh: &str, en: &str) -> String {
        if self.language == "zh" { zh.to_owned() } else { en.to_owned() }
    }

    pub(super) fn title(&self, entity: Entity) -> &'a str {
        let text = match entity {
            Entity::Register(id) => self.pack.registers.get(id.index()).map(|register| &register.title),
            Entity::Level(id) => self.pack.levels.get(id.index()).map(|level| &level.title),
        };
        text.map_or("", |text| text_in(text, self.language))
    }

    fn row(&mut self, number: u64, cells: &[String]) {
        self.reading.rows += 1;
        let before = self.reading.problems.len();
        let texts: Vec<&str> =
            self.mapping.columns.iter().enumerate().map(|(at, column)| text(column, cells, at)).collect();
        let mut row = Row { period: self.mapping.period, ..Row::default() };
        row.values.extend(self.mapping.constants.iter().cloned());
        self.read_cells(number, &texts, &mut row);
        for check in &self.mapping.checks {
            if let Some(found) = records::broken(check, &texts, number, self.language) {
                self.reading.problems.push(found);
            }
        }
        let made = self.make_records(number, &texts, &mut row);
        self.required(number, self.mapping.register, &|field| row.values.contains_key(&field));
        let key = self.name_of(self.mapping.register, &row);
        if let (Some((name, _)), true) = (&key, self.reading.problems.len() == before)
            && let Some(earlier) = self.keys.insert(name.clone(), number)
        {
            self.keys.insert(name.clone(), earlier);
            let column = self.own_column();
            let message = match self.language {
                "zh" => format!("与第 {earlier} 行重复"),
                _ => format!("row {earlier} has this already"),
            };
            let advice = self.word("核对编号，或删去重复的一行", "check the number, or delete one of the rows");
            self.say(number, &column, name, "unique", message, advice);
        }
        self.join_units(number, &row);
        if self.reading.problems.len() > before {
            self.reading.refused.insert(number);
        } else {
            self.accept(number, &row, made);
        }
    }

    fn read_cells(&mut self, number: u64, texts: &[&str], row: &mut Row) {
        let mapping = self.mapping;
        let mut names = vec![String::new(); mapping.names];
        for (index, (column, text)) in mapping.columns.iter().zip(texts).enumerate() {
            if text.is_empty() {
                continue;
            }
            for target in &column.targets {
                match target {
                    Target::Parent => row.owner = Some((*text).to_owned()),
                    Target::Division => row.division = Some((*text).to_owned()),
                    Target::DivisionName(position) => {
                        if let Some(name) = names.get_mut(*position) {
                            (*text).clone_into(name);
                        }
                    }
                    Target::Period => {
                        let kind = self.period_kind();
                        row.period = bangfu_policy::period::parse(kind, text);
                        if row.period.is_none() {
                            let quarter = kind == RegisterKind::Quarterly;
                            let (message, advice) = if quarter {
                                let advice =
                                    self.word("填写年份和季度，如 2016Q1", "write year and quarter, such as 2016Q1");
                                (self.word("不是季度", "this is not a quarter"), advice)
                            } else {
                                let advice = self.word("填写四位年份", "write four digits");
                                (self.word("不是年度", "this is not a period"), advice)
                            };
                            self.say(number, &column.header, text, "period", message, advice);
                        }
                    }
                    Target::Count(register) => match bangfu_policy::value::number(text, 0) {
                        Ok(count) => row.counts.push((*register, count, index)),
                        Err(error) => {
                            let advice = error.advice_in(self.language).to_owned();
                            self.say(number, &column.header, text, "type", error.words(self.language), advice);
                        }
                    },
                    Target::Field(one) => {
                        if let Some(value) = self.cell(number, index, texts, one) {
                            if let Some(scope) = one.scope {
                                row.said.push((scope, one.number, index, value.clone()));
                            }
                            row.values.insert(one.field, value);
                        }
                    }
                }
            }
        }
        self.place(number, &names, row);
    }

    /// The kind of the periods of the list: that of its register, or of one that it fills.
    fn period_kind(&self) -> RegisterKind {
        let kind = |register: RegisterId| self.pack.registers.get(register.index()).map(|register| register.kind);
        let all = std::iter::once(self.mapping.register).chain(self.fields.keys().copied());
        let found = all.filter_map(kind).find(|kind| periodic(*kind));
        found.unwrap_or(RegisterKind::Yearly { month: 12, day: 31 })
    }

    /// The division of a row, by names or code.
    fn place(&mut self, number: u64, names: &[String], row: &mut Row) {
        if !names.is_empty() {
            if let Some(code) = self.divisions.find(names) {
                row.division = Some(code.to_owned());
                return;
            }
            let column = self.division_columns().join("、");
            let message =
                self.word("行政区划中没有这个地方，或有重名", "no division, or more than one, has this path of names");
            let advice = self.word(
                "核对各级行政区划名称，或增加行政区划代码列",
                "check the names, or add a column with the division code",
            );
            self.say(number, &column, &names.join(" / "), "division", message, advice);
        } else if let Some(code) = row.division.clone()
            && !(self.divisions.knows(&code) && code.len() >= self.digits())
        {
            let column = self.division_columns().join("、");
            let digits = self.digits();
            let message = if self.divisions.knows(&code) {
                self.word("行政区划级别过高", "this division lies too high")
            } else {
                self.word("没有这个行政区划代码", "there is no such division code")
            };
            let advice = match self.language {
                "zh" => format!("填写 {digits} 位区划代码"),
                _ => format!("write the code with all its {digits} digits"),
            };
            self.say(number, &column, &code, "division", message, advice);
            row.division = None;
        }
    }

    /// Digits that a division code needs, so that every record finds its division.
    fn digits(&self) -> usize {
        let levels =
            self.fields.keys().filter_map(|register| match self.pack.registers.get(register.index())?.parent {
                Entity::Level(level) => self.pack.levels.get(level.index()).map(|level| level.digits),
                Entity::Register(_) => None,
            });
        levels.max().unwrap_or(0)
    }

    pub(super) fn division_columns(&self) -> Vec<String> {
        let place = |target: &Target| matches!(target, Target::Division | Target::DivisionName(_));
        let columns = self.mapping.columns.iter().filter(|column| column.targets.iter().any(place));
        columns.map(|column| column.header.clone()).collect()
    }

    /// One cell by one of its uses.
    fn cell(&mut self, number: u64, index: usize, texts: &[&str], one: &FieldUse) -> Option<Value> {
        let text = texts.get(index).copied().filter(|text| !text.is_empty())?;
        if !one.when.iter().all(|condition| condition.holds(texts)) {
            return None;
        }
        let field: &'a Field = self.pack.field(one.field)?;
        match cells::read(self.pack, field, one, text, self.language) {
            Ok(value) => value,
            Err(refused) => {
                let shown = if field.secret { mask(text) } else { text.to_owned() };
                let header = self.mapping.columns.get(index).map(|column| column.header.clone()).unwrap_or_default();
                self.say(number, &header, &shown, refused.rule, refused.message, refused.advice);
                None
            }
        }
    }

    /// The further records of a row: register, key and values.
    fn make_records(&mut self, number: u64, texts: &[&str], row: &mut Row) -> Vec<(RegisterId, Vec<(u16, Value)>)> {
        let mapping = self.mapping;
        let mut made = Vec::new();
        for rule in mapping.records.iter().filter(|rule| rule.when.iter().all(|condition| condition.holds(texts))) {
            let mut values: Vec<(u16, Value)> = Vec::new();
            for (field, source) in &rule.fields {
                let value = match source {
                    Source::Constant(value) => Some(value.clone()),
                    Source::Cell(column, one) => {
                        let value = self.cell(number, *column, texts, one);
                        if let (Some(scope), Some(value)) = (one.scope, &value) {
                            row.said.push((scope, one.number, *column, value.clone()));
                        }
                        value
                    }
                    Source::Text(pieces) => records::composed(self.pack, rule.register, pieces, &values, &row.values),
                };
                values.extend(value.map(|value| (*field, value)));
            }
            self.required_of_record(number, rule, &values);
            made.push((rule.register, values));
        }
        made
    }

    fn required_of_record(&mut self, number: u64, rule: &RecordRule, values: &[(u16, Value)]) {
        let register = &self.pack.registers[rule.register.index()];
        // The key is composed of the others: what it lacks is said of them.
        let key = |index: usize| register.key.is_some_and(|key| usize::from(key) == index);
        let wanted = register.fields.iter().enumerate().filter(|(index, field)| field.required && !key(*index));
        for (index, field) in wanted {
            if values.iter().any(|(known, _)| usize::from(*known) == index) {
                continue;
            }
            let column = rule.fields.iter().find_map(|(known, source)| match source {
                Source::Cell(column, _) if usize::from(*known) == index => self.mapping.columns.get(*column),
                _ => None,
            });
            let title = text_in(&field.title, self.language);
            let column = column.map_or(title, |column| column.header.as_str()).to_owned();
            if self.told(number, &column) {
                continue;
            }
            let of = text_in(&register.title, self.language);
            let message = match self.language {
                "zh" => format!("{of}的“{title}”不能为空"),
                _ => format!("“{of}”: “{title}” is empty"),
            };
            let advice = self.word("补填后重新导入", "fill it in and import again");
            self.say(number, &column, "", "required", message, advice);
        }
    }

    /// Whether a problem of this cell is told already.
    fn told(&self, number: u64, column: &str) -> bool {
        self.reading.problems.iter().rev().take_while(|known| known.row == number).any(|known| known.column == column)
    }

    /// Required fields of a register that a row has no value for.
    pub(super) fn required(&mut self, number: u64, register: RegisterId, has: &dyn Fn(FieldRef) -> bool) {
        let fields: &'a [Field] = &self.pack.registers[register.index()].fields;
        let partial = self.mapping.partial;
        for (index, _) in fields.iter().enumerate().filter(|(_, field)| field.required) {
            let at = FieldRef { register, field: index as u16 };
            // Whether a record has what a list leaves out, the store knows.
            let left_out = partial && !self.fields.get(&register).is_some_and(|known| known.contains(&at.field));
            if has(at) || left_out {
                continue;
            }
            let column = self.column_of(at);
            if !self.told(number, &column) {
                let message = self.word("必填项为空", "this is required and empty");
                let advice = self.word("补填后重新导入", "fill it in and import again");
                self.say(number, &column, "", "required", message, advice);
            }
        }
    }

    /// Header of the column that fills a field; its title if none does.
    pub(super) fn column_of(&self, at: FieldRef) -> String {
        let fills = |target: &Target| matches!(target, Target::Field(one) if one.field == at);
        let column = self.mapping.columns.iter().find(|column| column.targets.iter().any(fills));
        let title = || self.pack.field(at).map(|field| text_in(&field.title, self.language).to_owned());
        column.map(|column| column.header.clone()).or_else(title).unwrap_or_default()
    }

    /// The column that tells the records of the list apart.
    fn own_column(&self) -> String {
        let keyed = self.pack.registers.get(self.mapping.register.index()).is_some_and(|own| own.key.is_some());
        if keyed {
            return self.key_column(self.mapping.register);
        }
        let place = |target: &Target| matches!(target, Target::Period | Target::Parent | Target::Division);
        let columns = self.mapping.columns.iter().filter(|column| column.targets.iter().any(place));
        columns.map(|column| column.header.clone()).next_back().unwrap_or_default()
    }

    pub(super) fn key_column(&self, register: RegisterId) -> String {
        let key = self.pack.registers.get(register.index()).and_then(|register| register.key);
        key.map(|field| self.column_of(FieldRef { register, field })).unwrap_or_default()
    }

    /// A cell that several fields are read from is told of once.
    pub(super) fn say(&mut self, row: u64, column: &str, value: &str, rule: &str, message: String, advice: String) {
        let mut of_row = self.reading.problems.iter().rev().take_while(|known| known.row == row);
        if of_row.any(|known| known.column == column && known.rule == rule && known.message == message) {
            return;
        }
        self.reading.problems.push(Problem {
            row,
            column: column.to_owned(),
            value: value.to_owned(),
            rule: rule.to_owned(),
            message,
            advice,
        });
    }
}

/// The text of a cell; empty where the mapping says that it stands for nothing.
fn text<'c>(column: &Column, cells: &'c [String], index: usize) -> &'c str {
    let text = cells.get(index).map_or("", |cell| cell.trim());
    if column.empty.iter().any(|word| word == text) { "" } else { text }
}

/// Whether a register has one record for each period.
pub(super) fn periodic(kind: RegisterKind) -> bool {
    matches!(kind, RegisterKind::Yearly { .. } | RegisterKind::Quarterly)
}
