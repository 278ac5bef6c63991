//! Rows → records: what rows say of the records above them is compared and gathered, the rest goes into batches.

use std::collections::HashMap;

use bangfu_policy::model::{Entity, FieldRef, RegisterId, RegisterKind, Value};

use super::cells::mask;
use super::mapped::Target;
use super::reader::{Direct, Intake, Row};
use super::{Accepted, IntakeError, Reading, records};

impl Intake<'_> {
    fn key_of(&self, register: RegisterId, row: &Row) -> Option<String> {
        let field = FieldRef { register, field: self.pack.registers.get(register.index())?.key? };
        let ty = self.pack.field(field)?.ty;
        row.values.get(&field).map(|value| bangfu_policy::value::format(value, ty, self.pack))
    }

    /// What a record of this row belongs to: the key of its parent, or the code of its division.
    fn holder_of(&self, register: RegisterId, row: &Row) -> Option<String> {
        match self.pack.registers.get(register.index())?.parent {
            Entity::Register(parent) => {
                let own = || row.owner.clone().filter(|_| register == self.mapping.register);
                self.key_of(parent, row).or_else(own)
            }
            Entity::Level(level) => {
                let digits = self.pack.levels.get(level.index())?.digits;
                let code = row.division.as_deref()?;
                Some(code.get(..digits).unwrap_or(code).to_owned())
            }
        }
    }

    /// Name of a record among those of its register in this file, and what it belongs to.
    pub(super) fn name_of(&self, register: RegisterId, row: &Row) -> Option<(String, String)> {
        let holder = self.holder_of(register, row)?;
        let name = match self.pack.registers.get(register.index())?.key {
            Some(_) => self.key_of(register, row)?,
            None => format!("{holder}/{}", row.period.unwrap_or(0)),
        };
        Some((name, holder))
    }

    /// Joins the row to the records above it and compares what it says of them.
    pub(super) fn join_units(&mut self, number: u64, row: &Row) {
        let own = Entity::Register(self.mapping.register);
        let mut units: HashMap<Entity, usize> = HashMap::new();
        let mut top = None;
        for entity in self.pack.ancestors(own) {
            let key = match entity {
                Entity::Register(register) if self.above.contains(&register) => self.key_of(register, row),
                Entity::Register(_) => None,
                Entity::Level(level) => {
                    let digits = self.pack.levels.get(level.index()).map_or(0, |level| level.digits);
                    let told = row.said.iter().any(|(scope, ..)| *scope == entity);
                    row.division.as_deref().and_then(|code| code.get(..digits)).filter(|_| told).map(str::to_owned)
                }
            };
            let Some(key) = key else { continue };
            let unit = self.units.join(entity, &key, number);
            units.insert(entity, unit);
            if matches!(entity, Entity::Register(_)) {
                top = Some(unit);
            }
        }
        if let Some(top) = top {
            self.units.bind(number, top);
        }
        for (entity, one, column, value) in &row.said {
            let Some(unit) = units.get(entity) else { continue };
            if let Some(earlier) = self.units.say(*unit, *one, value, number) {
                self.conflict(number, *entity, *column, earlier);
                self.reading.refused.extend(self.units.rows(*unit));
            }
        }
        for (register, count, column) in &row.counts {
            let entity = Entity::Register(*register);
            let Some(unit) = units.get(&entity) else { continue };
            if let Some(earlier) = self.units.count(*unit, *count, number, *column) {
                self.conflict(number, entity, *column, earlier);
                self.reading.refused.extend(self.units.rows(*unit));
            }
        }
    }

    /// A cell that contradicts an earlier row of the same household (or whatever it belongs to).
    fn conflict(&mut self, number: u64, entity: Entity, column: usize, earlier: u64) {
        let header = self.mapping.columns.get(column).map(|column| column.header.clone()).unwrap_or_default();
        let secret = self.mapping.columns.get(column).is_some_and(|column| {
            column.targets.iter().any(|target| match target {
                Target::Field(one) => self.pack.field(one.field).is_some_and(|field| field.secret),
                _ => false,
            })
        });
        let shown = |text: String| if secret { mask(&text) } else { text };
        let (ours, theirs) = (shown(self.text_at(number, column)), shown(self.text_at(earlier, column)));
        let title = self.title(entity);
        let message = match self.language {
            "zh" => format!("同一{title}的各行应当一致，第 {earlier} 行为“{theirs}”"),
            _ => format!("the rows of one “{title}” must agree, and row {earlier} has “{theirs}”"),
        };
        let advice = self.word("核对后把各行改为一致", "find out which is right and write it in every row");
        self.say(number, &header, &ours, "conflict", message, advice);
    }

    fn text_at(&self, number: u64, column: usize) -> String {
        let at = self.reading.table.binary_search_by_key(&number, |(number, _)| *number).ok();
        at.and_then(|at| self.reading.table.get(at))
            .and_then(|(_, cells)| cells.get(column))
            .cloned()
            .unwrap_or_default()
    }

    pub(super) fn accept(&mut self, number: u64, row: &Row, made: Vec<(RegisterId, Vec<(u16, Value)>)>) {
        let has = |register: RegisterId| row.values.keys().any(|field| field.register == register);
        let mut direct = std::mem::take(&mut self.direct);
        for one in &mut direct {
            if one.register != self.mapping.register && !has(one.register) {
                continue;
            }
            let Some((_, holder)) = self.name_of(one.register, row) else {
                if one.register == self.mapping.register {
                    self.without_holder(number, one.register);
                }
                continue;
            };
            let periodic = self.pack.registers[one.register.index()].columns.period.is_some();
            one.builder.push(&holder, row.period.filter(|_| periodic), |index| {
                row.values.get(&FieldRef { register: one.register, field: index as u16 })
            });
            one.rows.push(number);
        }
        self.direct = direct;
        for register in self.above.clone() {
            if !has(register) {
                continue;
            }
            let Some((name, holder)) = self.name_of(register, row) else {
                self.without_holder(number, register);
                continue;
            };
            let periodic = self.pack.registers[register.index()].columns.period.is_some();
            let values = row.values.iter().filter(|(field, _)| field.register == register);
            let values = values.map(|(field, value)| (field.field, value.clone()));
            self.gathering.add((register, name), (&holder, row.period.filter(|_| periodic)), number, values);
        }
        for (register, values) in made {
            let definition = &self.pack.registers[register.index()];
            let key = definition.key.and_then(|key| values.iter().find(|(field, _)| *field == key));
            let (Some((_, Value::Text(name))), Some(holder)) = (key, self.holder_of(register, row)) else {
                self.without_holder(number, register);
                continue;
            };
            let name = name.clone();
            self.gathering.add((register, name), (&holder, None), number, values.into_iter());
        }
    }

    /// A row whose record has no key, or nothing that it belongs to.
    fn without_holder(&mut self, number: u64, register: RegisterId) {
        if !self.reading.refused.insert(number) {
            return;
        }
        let column = match self.pack.registers[register.index()].parent {
            Entity::Register(parent) => {
                let own = self
                    .mapping
                    .columns
                    .iter()
                    .find(|column| column.targets.iter().any(|target| matches!(target, Target::Parent)));
                own.map_or_else(|| self.key_column(parent), |column| column.header.clone())
            }
            Entity::Level(_) => self.division_columns().join("、"),
        };
        let message = self.word("必填项为空，无法确定所属", "this is required and empty: the row belongs to nothing");
        let advice = self.word("补填后重新导入", "fill it in and import again");
        self.say(number, &column, "", "required", message, advice);
    }

    pub(super) fn finish(mut self) -> Result<Reading, IntakeError> {
        for wrong in self.units.miscounts() {
            let header = self.mapping.columns.get(wrong.column).map(|column| column.header.clone()).unwrap_or_default();
            let text = self.text_at(wrong.row, wrong.column);
            let (title, rows) = (self.title(wrong.entity), wrong.rows.len());
            let message = match self.language {
                "zh" => format!("文件中这个{title}有 {rows} 行"),
                _ => format!("rows of this “{title}” in the file: {rows}"),
            };
            let advice =
                self.word("补齐缺少的行，或更正这个数字", "add the rows that are missing, or correct the number");
            self.say(wrong.row, &header, &text, "count", message, advice);
            self.reading.refused.extend(wrong.rows);
        }
        let records = std::mem::take(&mut self.gathering.records);
        for record in &records {
            let before = self.reading.problems.len();
            if let Some(first) = record.rows.first()
                && self.above.contains(&record.register)
            {
                self.required(*first, record.register, &|field| record.values.contains_key(&field.field));
                if self.reading.problems.len() > before {
                    self.reading.refused.insert(*first);
                }
            }
        }
        for one in self.direct {
            let Direct { register, mut builder, rows } = one;
            if builder.rows() > 0 {
                let (batch, rows) = (builder.finish()?, rows.into_iter().map(|row| vec![row]).collect());
                self.reading.accepted.push(Accepted { register, batch, rows });
            }
        }
        self.reading.accepted.extend(records::batches(self.pack, &self.fields, &self.mapping.records, records)?);
        let depth = |accepted: &Accepted| self.pack.ancestors(Entity::Register(accepted.register)).count();
        self.reading.accepted.sort_by_key(depth);
        self.reading.groups = self.units.groups;
        self.reading.group = self.above.into_iter().find(|register| {
            self.pack.registers.get(register.index()).is_some_and(|register| register.kind == RegisterKind::Entity)
        });
        Ok(self.reading)
    }
}
