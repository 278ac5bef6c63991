//! Description → slots, tests and generators.
//!
//! Every value that rules can refer to has a slot: one for each field of the pack, and a few of the generator itself
//! (`stratum`, `size`, `role`, `age`, `year`).

use std::collections::BTreeMap;

use bangfu_policy::model::{FieldType, Pack, RegisterId, Value};
use serde_json::Value as Json;

use super::SynthError;
use super::draw::cumulative;
use super::spec::{LogNormal, Rule, Share, Spec};

/// Slot of the stratum (position).
pub(super) const STRATUM: usize = 0;
/// Slot of the number of members.
pub(super) const SIZE: usize = 1;
/// Slot of the member's role (position).
pub(super) const ROLE: usize = 2;
/// Slot of the member's age in years.
pub(super) const AGE: usize = 3;
/// Slot of the period of the record.
pub(super) const YEAR: usize = 4;
/// Slots before those of fields.
const OWN_SLOTS: [&str; 5] = ["stratum", "size", "role", "age", "year"];

/// Names → slots.
pub(super) struct Names<'a> {
    pub pack: &'a Pack,
    pub spec: &'a Spec,
    pub roles: Vec<String>,
    first: Vec<usize>,
    pub slots: usize,
}

/// A test on a slot.
#[derive(Debug)]
pub(super) struct Test {
    pub slot: usize,
    pub accepts: Accepts,
}

/// What a test accepts.
#[derive(Debug)]
pub(super) enum Accepts {
    Missing,
    Values(Vec<Value>),
    Range(i64, i64),
}

/// A compiled rule.
#[derive(Debug)]
pub(super) struct Assignment {
    /// Position of the field in its register.
    pub field: usize,
    pub when: Vec<Test>,
    pub chance: f64,
    pub make: Make,
}

/// A compiled generator; numbers are in the units of the stored field.
#[derive(Debug)]
pub(super) enum Make {
    Constant(Option<Value>),
    Choose(Vec<f64>, Vec<Option<Value>>),
    Between(i64, i64, i64),
    LogNormal { median: f64, sigma: f64, min: f64, max: f64, per: Option<usize>, step: f64 },
    Birth,
    Name(usize),
    Sequence(Vec<Part>),
    IdNumber(String),
    Grow { low: f64, high: f64, step: f64 },
    Times { of: usize, low: f64, high: f64, step: f64 },
    Sum { plus: Vec<usize>, minus: Vec<usize> },
    Copy(usize),
    After { of: usize, low: i64, high: i64 },
    Refer(RegisterId),
    Tally { members: bool, strata: Vec<u16> },
    Share(usize),
}

/// A part of a sequence text.
#[derive(Debug)]
pub(super) enum Part {
    Text(String),
    Division,
    Slot(usize),
    Unit(usize),
    Number(usize),
    Member(usize),
    Record(usize),
}

impl<'a> Names<'a> {
    pub(super) fn new(pack: &'a Pack, spec: &'a Spec) -> Self {
        let mut roles: Vec<String> = Vec::new();
        for member in spec.compositions.iter().flat_map(|composition| &composition.members) {
            if !roles.contains(&member.role) {
                roles.push(member.role.clone());
            }
        }
        let mut slots = OWN_SLOTS.len();
        let first = pack
            .registers
            .iter()
            .map(|register| {
                slots += register.fields.len();
                slots - register.fields.len()
            })
            .collect();
        Self { pack, spec, roles, first, slots }
    }

    /// First slot of a register's fields.
    pub(super) fn first(&self, register: RegisterId) -> usize {
        self.first.get(register.index()).copied().unwrap_or(0)
    }

    /// Slot and type of a name used in a rule of `register`.
    fn slot(&self, name: &str, register: RegisterId, at: &str) -> Result<(usize, Option<FieldType>), SynthError> {
        if let Some(slot) = OWN_SLOTS.iter().position(|own| *own == name) {
            return Ok((slot, None));
        }
        let (register, field) = match name.split_once('.') {
            Some((id, field)) => (self.pack.register(id), field),
            None => (Some(register), name),
        };
        let found = register.and_then(|id| {
            let fields = &self.pack.registers.get(id.index())?.fields;
            let index = fields.iter().position(|f| f.id == field)?;
            Some((self.first(id) + index, Some(fields[index].ty)))
        });
        found.ok_or_else(|| {
            content(
                at,
                format!("there is no `{name}`"),
                "name a field, register.field, stratum, size, role, age or year",
            )
        })
    }

    /// Compiles rules of a register.
    pub(super) fn rules(
        &self,
        rules: &[Rule],
        register: RegisterId,
        shares: &mut Vec<&'a Share>,
        at: &str,
    ) -> Result<Vec<Assignment>, SynthError>
where {
        let mut compiled = Vec::new();
        for rule in rules {
            let at = format!("{at}, field `{}`", rule.set);
            let fields = self.pack.registers.get(register.index()).map(|r| r.fields.as_slice()).unwrap_or_default();
            let field = fields.iter().position(|field| field.id == rule.set);
            let field = field.ok_or_else(|| content(&at, "there is no such field".to_owned(), "correct the name"))?;
            let ty = fields[field].ty;
            compiled.push(Assignment {
                field,
                when: self.tests(rule.when.as_ref(), register, &at)?,
                chance: rule.chance.unwrap_or(1.0),
                make: self.make(rule, ty, register, shares, &at)?,
            });
        }
        Ok(compiled)
    }

    /// Compiles conditions.
    pub(super) fn tests(
        &self,
        when: Option<&BTreeMap<String, Json>>,
        register: RegisterId,
        at: &str,
    ) -> Result<Vec<Test>, SynthError> {
        let mut tests = Vec::new();
        for (name, accepted) in when.into_iter().flatten() {
            let (slot, ty) = self.slot(name, register, at)?;
            let accepts = match accepted {
                Json::Null => Accepts::Missing,
                Json::Array(items) if items.len() == 2 && items.iter().all(Json::is_number) => {
                    let low = self.stored(&items[0], ty, name, at)?;
                    let high = self.stored(&items[1], ty, name, at)?;
                    match (low, high) {
                        (Value::Integer(low), Value::Integer(high)) => Accepts::Range(low, high),
                        _ => return Err(content(at, format!("`{name}` has no range"), "list its values")),
                    }
                }
                Json::Array(items) => {
                    let values = items.iter().map(|item| self.stored(item, ty, name, at));
                    Accepts::Values(values.collect::<Result<_, _>>()?)
                }
                one => Accepts::Values(vec![self.stored(one, ty, name, at)?]),
            };
            tests.push(Test { slot, accepts });
        }
        Ok(tests)
    }

    /// A value as written → as stored.
    pub(super) fn stored(&self, json: &Json, ty: Option<FieldType>, name: &str, at: &str) -> Result<Value, SynthError> {
        let wrong = || content(at, format!("{json} is no value of `{name}`"), "write a value of its type");
        let position = |list: &[String], word: &str| list.iter().position(|known| known == word).map(|n| n as i64);
        let Some(ty) = ty else {
            return match (name, json) {
                ("stratum", Json::String(word)) => {
                    position(&self.spec.strata, word).map(Value::Integer).ok_or_else(wrong)
                }
                ("role", Json::String(word)) => position(&self.roles, word).map(Value::Integer).ok_or_else(wrong),
                (_, number) => number.as_i64().map(Value::Integer).ok_or_else(wrong),
            };
        };
        let text = match json {
            Json::String(text) => text.clone(),
            Json::Bool(truth) => {
                return if ty == FieldType::Boolean { Ok(Value::Boolean(*truth)) } else { Err(wrong()) };
            }
            number => number.to_string(),
        };
        match ty {
            FieldType::Code(list) => {
                let codes = self.pack.codes.get(list.index()).ok_or_else(wrong)?;
                let found = codes.values.iter().position(|code| code.code == text);
                found
                    .map(|n| Value::Integer(n as i64))
                    .ok_or_else(|| content(at, format!("`{text}` is no code of `{}`", codes.id), "correct the code"))
            }
            FieldType::Date => {
                let date = text.parse::<jiff::civil::Date>().map_err(|_| wrong())?;
                Ok(Value::Integer(day_of(date)))
            }
            _ if ty.is_text() => Ok(Value::Text(text)),
            _ => {
                let number: f64 = text.parse().map_err(|_| wrong())?;
                Ok(Value::Integer((number * unit(ty)).round() as i64))
            }
        }
    }

    fn make(
        &self,
        rule: &Rule,
        ty: FieldType,
        register: RegisterId,
        shares: &mut Vec<&'a Share>,
        at: &str,
    ) -> Result<Make, SynthError> {
        let step = (rule.step.unwrap_or(1.0 / unit(ty)) * unit(ty)).max(1.0);
        let optional = |json: &Json| match json {
            Json::Null => Ok(None),
            json => self.stored(json, Some(ty), &rule.set, at).map(Some),
        };
        let mut makes = Vec::new();
        if let Some(value) = &rule.value {
            makes.push(Make::Constant(optional(value)?));
        }
        if let Some(choices) = &rule.choose {
            let values = choices.keys().map(|key| {
                let json = if key == "null" { Json::Null } else { Json::String(key.clone()) };
                let json = match (ty, key.as_str()) {
                    (FieldType::Boolean, "true") => Json::Bool(true),
                    (FieldType::Boolean, "false") => Json::Bool(false),
                    _ => json,
                };
                optional(&json)
            });
            let values = values.collect::<Result<_, _>>()?;
            makes.push(Make::Choose(cumulative(choices.values().copied()), values));
        }
        if let Some([low, high]) = &rule.between {
            match (self.stored(low, Some(ty), &rule.set, at)?, self.stored(high, Some(ty), &rule.set, at)?) {
                (Value::Integer(low), Value::Integer(high)) => makes.push(Make::Between(low, high, step as i64)),
                _ => return Err(content(at, "between needs numbers or dates".to_owned(), "use `choose`")),
            }
        }
        if let Some(LogNormal { median, sigma, min, max, per }) = &rule.lognormal {
            let per = per.as_ref().map(|name| self.slot(name, register, at)).transpose()?.map(|(slot, _)| slot);
            let max = max.unwrap_or(1e12) * unit(ty);
            let (median, min) = (median * unit(ty), min * unit(ty));
            makes.push(Make::LogNormal { median, sigma: *sigma, min, max, per, step });
        }
        if rule.birth == Some(true) {
            makes.push(Make::Birth);
        }
        if let Some(list) = &rule.name {
            let found = self.spec.names.keys().position(|key| key == list);
            makes.push(Make::Name(
                found.ok_or_else(|| content(at, format!("there are no names `{list}`"), "see `names:`"))?,
            ));
        }
        if let Some(text) = &rule.sequence {
            makes.push(Make::Sequence(self.parts(text, register, at)?));
        }
        if let Some(prefix) = &rule.id_number {
            makes.push(Make::IdNumber(prefix.clone()));
        }
        if let Some([low, high]) = rule.grow {
            makes.push(Make::Grow { low, high, step });
        }
        if let Some(times) = &rule.times {
            let (of, source) = self.slot(&times.of, register, at)?;
            let ratio = unit(ty) / source.map_or(1.0, unit);
            makes.push(Make::Times { of, low: times.by[0] * ratio, high: times.by[1] * ratio, step });
        }
        if let Some(sum) = &rule.sum {
            let slots = |names: &[String]| -> Result<Vec<usize>, SynthError> {
                names.iter().map(|name| Ok(self.slot(name, register, at)?.0)).collect()
            };
            makes.push(Make::Sum { plus: slots(&sum.plus)?, minus: slots(&sum.minus)? });
        }
        if let Some(name) = &rule.copy {
            makes.push(Make::Copy(self.slot(name, register, at)?.0));
        }
        if let Some(after) = &rule.after {
            let [low, high] = after.days;
            makes.push(Make::After { of: self.slot(&after.of, register, at)?.0, low, high });
        }
        if let Some(id) = &rule.refer {
            let found = self.pack.register(id);
            makes.push(Make::Refer(
                found.ok_or_else(|| content(at, format!("there is no register `{id}`"), "correct the id"))?,
            ));
        }
        if let Some(tally) = &rule.tally {
            let strata = tally.strata.iter().map(|name| {
                match self.stored(&Json::String(name.clone()), None, "stratum", at)? {
                    Value::Integer(position) => Ok(position as u16),
                    _ => Err(content(at, format!("there is no stratum `{name}`"), "list it under `strata:`")),
                }
            });
            makes.push(Make::Tally { members: tally.of == "members", strata: strata.collect::<Result<_, _>>()? });
        }
        if rule.share.is_some() {
            // Shares are compiled from the description itself, so that they outlive this call.
            let share = self.find_share(rule);
            if let Some(share) = share {
                shares.push(share);
                makes.push(Make::Share(shares.len() - 1));
            }
        }
        let count = makes.len();
        match makes.pop() {
            Some(make) if count == 1 => Ok(make),
            _ => Err(content(at, format!("{count} generators"), "write exactly one, such as `choose:` or `between:`")),
        }
    }

    fn find_share(&self, rule: &Rule) -> Option<&'a Share> {
        let all = self.spec.registers.iter().flat_map(|register| &register.rules);
        all.filter(|known| std::ptr::eq(*known, rule)).find_map(|known| known.share.as_ref())
    }

    fn parts(&self, text: &str, register: RegisterId, at: &str) -> Result<Vec<Part>, SynthError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find('{') {
            let end = rest[start..].find('}').map(|end| start + end);
            let end = end.ok_or_else(|| content(at, format!("`{text}` has a brace without end"), "close it with }"))?;
            parts.push(Part::Text(rest[..start].to_owned()));
            let (name, width) = rest[start + 1..end].split_once(':').unwrap_or((&rest[start + 1..end], "0"));
            let width = width.parse().unwrap_or(0);
            parts.push(match name {
                "division" => Part::Division,
                "n" => Part::Unit(width),
                "u" => Part::Number(width),
                "m" => Part::Member(width),
                "k" => Part::Record(width),
                name => Part::Slot(self.slot(name, register, at)?.0),
            });
            rest = &rest[end + 1..];
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(parts)
    }
}

/// Units of the stored field in one unit as written.
pub(super) fn unit(ty: FieldType) -> f64 {
    match ty {
        FieldType::Money => 100.0,
        FieldType::Decimal(scale) => 10_f64.powi(i32::from(scale)),
        _ => 1.0,
    }
}

/// Days since 1970-01-01.
pub(super) fn day_of(date: jiff::civil::Date) -> i64 {
    bangfu_policy::arithmetic::day_number(i64::from(date.year()), i64::from(date.month()), i64::from(date.day()))
}

pub(super) fn content(at: &str, what: String, advice: &str) -> SynthError {
    SynthError::Content { at: at.to_owned(), what, advice: advice.to_owned() }
}
