//! Rows of texts → values, checked cell by cell.

use std::collections::HashMap;
use std::path::Path;

use bangfu_office::{Limits, read_rows};
use bangfu_policy::model::{Entity, Field, FieldRef, FieldType, Pack, RegisterId, RegisterKind, Value, text_in};

use super::mapping::{HEADER_ROWS, Mapping, MappingFile, Target};
use super::{Accepted, IntakeError, Problem, Reading};
use crate::batches::BatchBuilder;

/// Finds a division by the names of the divisions on the way to it.
pub struct DivisionNames {
    by_path: HashMap<String, Option<String>>,
    codes: std::collections::HashSet<String>,
}

impl DivisionNames {
    /// Indexes divisions: code and name, for all levels. Names lead to a village by its banner, township and itself.
    pub fn new(pack: &Pack, divisions: &[(String, String)]) -> Self {
        let names: HashMap<&str, &str> = divisions.iter().map(|(code, name)| (code.as_str(), name.as_str())).collect();
        let mut by_path: HashMap<String, Option<String>> = HashMap::new();
        for (code, _) in divisions {
            let above: Vec<&str> = pack
                .levels
                .iter()
                .filter(|level| level.digits <= code.len())
                .filter_map(|level| names.get(code.get(..level.digits)?).copied())
                .collect();
            for start in 0..above.len() {
                let path = above[start..].iter().map(|name| plain(name)).collect::<Vec<_>>().join("/");
                // Two divisions of the same path: neither is meant for sure.
                by_path.entry(path).and_modify(|found| *found = None).or_insert_with(|| Some(code.clone()));
            }
        }
        Self { by_path, codes: divisions.iter().map(|(code, _)| code.clone()).collect() }
    }

    fn find(&self, names: &[String]) -> Option<&str> {
        let path = names.iter().map(|name| plain(name)).collect::<Vec<_>>().join("/");
        self.by_path.get(&path)?.as_deref()
    }
}

/// Names without the word for their committee, as lists often leave it out.
fn plain(name: &str) -> &str {
    let name = name.trim();
    ["村民委员会", "嘎查委员会", "居民委员会", "村委会", "嘎查", "村"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .filter(|rest| !rest.is_empty())
        .unwrap_or(name)
}

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
    let mut first = Vec::new();
    read_rows(path, &Limits::default(), &mut |row| {
        first.push(row.cells);
        first.len() < HEADER_ROWS
    })?;
    let (header, mapping) = Mapping::find(pack, register, mapping, &first)?;
    let mut intake = Intake::new(pack, &mapping, divisions, language)?;
    intake.reading.ignored =
        mapping.columns.iter().filter(|(_, target)| *target == Target::Nothing).map(|(name, _)| name.clone()).collect();
    let mut seen = 0;
    read_rows(path, &Limits::default(), &mut |row| {
        if seen == header {
            intake.reading.table.push((row.number, row.cells.clone()));
        } else if seen > header {
            intake.row(row.number, &row.cells);
            intake.reading.table.push((row.number, row.cells));
        }
        seen += 1;
        true
    })?;
    intake.finish()
}

struct Intake<'a> {
    pack: &'a Pack,
    mapping: &'a Mapping,
    divisions: &'a DivisionNames,
    language: &'a str,
    registers: Vec<RegisterId>,
    builders: Vec<(BatchBuilder<'a>, Vec<u64>)>,
    /// Keys of parents already taken from earlier rows of the file.
    taken: HashMap<(RegisterId, String), u64>,
    reading: Reading,
}

impl<'a> Intake<'a> {
    fn new(
        pack: &'a Pack,
        mapping: &'a Mapping,
        divisions: &'a DivisionNames,
        language: &'a str,
    ) -> Result<Self, IntakeError> {
        let registers = mapping.registers(pack);
        let builders = registers.iter().map(|register| (BatchBuilder::new(pack, *register), Vec::new())).collect();
        let intake = Self {
            pack,
            mapping,
            divisions,
            language,
            registers,
            builders,
            taken: HashMap::new(),
            reading: Reading::default(),
        };
        intake.needs_columns()?;
        Ok(intake)
    }

    /// Required fields of the row's own register, its owner and its period must have a column.
    fn needs_columns(&self) -> Result<(), IntakeError> {
        let targets: Vec<&Target> = self.mapping.columns.iter().map(|(_, target)| target).collect();
        let register = &self.pack.registers[self.mapping.register.index()];
        for (index, field) in register.fields.iter().enumerate().filter(|(_, field)| field.required) {
            let wanted = FieldRef { register: self.mapping.register, field: index as u16 };
            let constant = self.mapping.constants.iter().any(|(field, _)| *field == wanted);
            if !constant && !targets.contains(&&Target::Field(wanted)) {
                return Err(IntakeError::Column(format!("“{}”", text_in(&field.title, self.language))));
            }
        }
        match register.parent {
            Entity::Level(_) => {
                let named = targets.iter().any(|target| matches!(target, Target::Division | Target::DivisionName(_)));
                if !named {
                    return Err(IntakeError::Column(self.word("行政区划代码（division）", "the division (division)")));
                }
            }
            Entity::Register(parent) => {
                let key = self.key_of(parent);
                let found = targets.iter().any(|target| match target {
                    Target::Parent(_) => true,
                    Target::Field(field) => Some(*field) == key,
                    _ => false,
                });
                if !found {
                    let name =
                        key.and_then(|key| self.pack.field(key)).map(|field| text_in(&field.title, self.language));
                    return Err(IntakeError::Column(format!("“{}”", name.unwrap_or_default())));
                }
            }
        }
        let periodic = matches!(register.kind, RegisterKind::Yearly { .. } | RegisterKind::Quarterly);
        if periodic && self.mapping.period.is_none() && !targets.contains(&&Target::Period) {
            return Err(IntakeError::Column(self.word("年度（period）", "the year (period)")));
        }
        Ok(())
    }

    fn word(&self, zh: &str, en: &str) -> String {
        if self.language == "zh" { zh.to_owned() } else { en.to_owned() }
    }

    fn key_of(&self, register: RegisterId) -> Option<FieldRef> {
        let field = self.pack.registers.get(register.index())?.key?;
        Some(FieldRef { register, field })
    }

    fn row(&mut self, number: u64, cells: &[String]) {
        self.reading.rows += 1;
        let before = self.reading.problems.len();
        let mut values: HashMap<FieldRef, Value> = HashMap::new();
        let (mut owner, mut division, mut period) = (None, None, self.mapping.period);
        let mut names = vec![String::new(); self.mapping.names];
        for (field, text) in &self.mapping.constants {
            if let Some(value) = self
                .pack
                .field(*field)
                .and_then(|f| bangfu_policy::value::parse(text, f.ty, self.pack, self.language).ok())
            {
                values.insert(*field, value);
            }
        }
        for (index, (header, target)) in self.mapping.columns.iter().enumerate() {
            let text = cells.get(index).map_or("", |cell| cell.trim());
            if text.is_empty() {
                continue;
            }
            match target {
                Target::Nothing => {}
                Target::Parent(_) => owner = Some(text.to_owned()),
                Target::Division => division = Some(text.to_owned()),
                Target::DivisionName(position) => names[*position] = text.to_owned(),
                Target::Period => {
                    if let Ok(year) = text.trim_end_matches('年').parse() {
                        period = Some(year);
                    } else {
                        let (message, advice) = (
                            self.word("不是年度", "this is not a period"),
                            self.word("填写四位年份", "write four digits"),
                        );
                        self.say(number, header, text, "period", message, advice);
                    }
                }
                Target::Field(field) => {
                    if let Some(value) = self.cell(number, header, text, *field, self.mapping.systems[index].as_deref())
                    {
                        values.insert(*field, value);
                    }
                }
            }
        }
        if !names.is_empty() {
            if let Some(code) = self.divisions.find(&names) {
                division = Some(code.to_owned());
            } else {
                let path = names.join(" / ");
                let message = self.word(
                    "行政区划中找不到这个嘎查村，或有重名",
                    "no division, or more than one, has this path of names",
                );
                let advice = self.word(
                    "核对旗县、苏木乡镇、嘎查村名称，或增加行政区划代码列",
                    "check the names, or add a column with the division code",
                );
                self.say(number, "", &path, "division", message, advice);
            }
        } else if let Some(code) = &division
            && !self.divisions.codes.contains(code)
        {
            let message = self.word("没有这个行政区划代码", "there is no such division code");
            let advice = self.word("填写 12 位统计用区划代码", "write the full code of the village");
            let code = code.clone();
            self.say(number, "", &code, "division", message, advice);
        }
        self.required(number, &values);
        if self.reading.problems.len() == before {
            self.accept(number, &values, owner.as_deref(), division.as_deref(), period);
        }
    }

    fn required(&mut self, number: u64, values: &HashMap<FieldRef, Value>) {
        let register = self.mapping.register;
        let fields: &'a [Field] = &self.pack.registers[register.index()].fields;
        for (index, field) in fields.iter().enumerate().filter(|(_, field)| field.required) {
            if !values.contains_key(&FieldRef { register, field: index as u16 }) {
                let title = text_in(&field.title, self.language).to_owned();
                let already = self.reading.problems.iter().any(|p| p.row == number && p.column == title);
                if !already {
                    let (message, advice) = (
                        self.word("必填项为空", "this is required and empty"),
                        self.word("补填后重新导入", "fill it in and import again"),
                    );
                    self.say(number, &title, "", "required", message, advice);
                }
            }
        }
    }

    /// One cell, with the checks of its field.
    fn cell(&mut self, number: u64, header: &str, text: &str, at: FieldRef, system: Option<&str>) -> Option<Value> {
        let field: &'a Field = self.pack.field(at)?;
        let shown = if field.secret { mask(text) } else { text.to_owned() };
        let foreign = system.and_then(|system| match field.ty {
            FieldType::Code(list) => self.pack.codes.get(list.index())?.foreign.get(system)?.get(text).copied(),
            _ => None,
        });
        let value = match foreign {
            Some(position) => Value::Integer(position as i64),
            None => match bangfu_policy::value::parse(text, field.ty, self.pack, self.language) {
                Ok(value) => value,
                Err(error) => {
                    let advice = error.advice().to_owned();
                    self.say(number, header, &shown, "type", error.words(self.language), advice);
                    return None;
                }
            },
        };
        if let Value::Integer(units) = value {
            let below = field.min.is_some_and(|min| units < min);
            if below || field.max.is_some_and(|max| units > max) {
                let bound = if below { field.min } else { field.max }.map(Value::Integer);
                let bound =
                    bound.map(|bound| bangfu_policy::value::format(&bound, field.ty, self.pack)).unwrap_or_default();
                let message = match (below, self.language == "zh") {
                    (true, true) => format!("小于最小值 {bound}"),
                    (false, true) => format!("大于最大值 {bound}"),
                    (true, false) => format!("less than {bound}"),
                    (false, false) => format!("more than {bound}"),
                };
                let advice = self.word("核对数值和单位", "check the value and its unit");
                self.say(number, header, &shown, "range", message, advice);
                return None;
            }
        }
        Some(value)
    }

    fn accept(
        &mut self,
        number: u64,
        values: &HashMap<FieldRef, Value>,
        owner: Option<&str>,
        division: Option<&str>,
        period: Option<i32>,
    ) {
        for (register, (builder, rows)) in self.registers.iter().zip(&mut self.builders) {
            let definition = &self.pack.registers[register.index()];
            let any = values.keys().any(|field| field.register == *register);
            if !any && *register != self.mapping.register {
                continue;
            }
            let key = |register: RegisterId| -> Option<String> {
                let field = self.pack.registers.get(register.index())?.key?;
                match values.get(&FieldRef { register, field }) {
                    Some(Value::Text(text)) => Some(text.clone()),
                    Some(value) => Some(bangfu_policy::value::format(value, FieldType::Integer, self.pack)),
                    None => None,
                }
            };
            let holder = match definition.parent {
                Entity::Level(_) => division.map(str::to_owned),
                Entity::Register(parent) => key(parent).or_else(|| owner.map(str::to_owned)),
            };
            let Some(holder) = holder else { continue };
            let periodic = definition.columns.period.is_some();
            // A list of persons repeats its household in every row: the first row speaks for it.
            let name = key(*register).unwrap_or_else(|| format!("{holder}/{}", period.unwrap_or(0)));
            if *register != self.mapping.register && self.taken.contains_key(&(*register, name.clone())) {
                continue;
            }
            self.taken.insert((*register, name), number);
            builder.push(&holder, period.filter(|_| periodic), |index| {
                values.get(&FieldRef { register: *register, field: index as u16 })
            });
            rows.push(number);
        }
    }

    fn say(&mut self, row: u64, column: &str, value: &str, rule: &str, message: String, advice: String) {
        self.reading.problems.push(Problem {
            row,
            column: column.to_owned(),
            value: value.to_owned(),
            rule: rule.to_owned(),
            message,
            advice,
        });
    }

    fn finish(mut self) -> Result<Reading, IntakeError> {
        for (register, (mut builder, rows)) in self.registers.iter().zip(self.builders) {
            if builder.rows() > 0 {
                let batch = builder.finish()?;
                self.reading.accepted.push(Accepted { register: *register, batch, rows });
            }
        }
        Ok(self.reading)
    }
}

/// First and last characters only.
fn mask(text: &str) -> String {
    let count = text.chars().count();
    let keep = if count > 8 { 4 } else { 1 };
    let start: String = text.chars().take(keep).collect();
    format!("{start}{}", "*".repeat(count.saturating_sub(keep)))
}
