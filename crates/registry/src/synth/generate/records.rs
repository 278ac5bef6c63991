//! One unit at a time: its record, its members, what is attached to them, and the values of all their fields.

use bangfu_policy::model::Value;

use super::super::compile::{AGE, Accepts, Assignment, Make, Part, ROLE, Test, YEAR};
use super::super::draw::{Draw, cumulative};
use super::super::plan::PlannedUnit;
use super::super::spec::{Composition, MemberRule};
use super::{Fault, Generator, Records, State};
use crate::batches::BatchBuilder;

impl<'a> Generator<'a> {
    /// The unit's own record, its members, and all that is attached to them.
    pub(super) fn unit<'p>(
        &'p self,
        index: usize,
        unit: PlannedUnit,
        code: &str,
        state: &mut State<'_, 'p>,
        faults: &[Fault],
    ) {
        let member_register = self.pack.register(&self.spec.member);
        let composition = self.composition(unit, state);
        let roles: Vec<(usize, i64)> = composition.map(|c| self.members(c, state)).unwrap_or_default();
        // Rules of the unit may refer to its head.
        if let Some((role, age)) = roles.first() {
            state.cells[ROLE] = Some(Value::Integer(*role as i64));
            state.cells[AGE] = Some(Value::Integer(*age));
        }
        self.record(index, None, state);
        self.emit(index, None, code, state, faults);
        let key = self.key(index, state);
        let below = self.producers.get(index).map(|producer| producer.below.clone()).unwrap_or_default();
        for child in below.iter().filter(|child| Some(self.producers[**child].register) != member_register) {
            self.produce_with(*child, &key, state, faults);
        }
        for child in below.iter().filter(|child| Some(self.producers[**child].register) == member_register) {
            for (member, (role, age)) in roles.iter().enumerate() {
                state.member = member + 1;
                state.cells[ROLE] = Some(Value::Integer(*role as i64));
                state.cells[AGE] = Some(Value::Integer(*age));
                self.record(*child, None, state);
                // Errors of a person are planted on the head.
                let on_head: &[Fault] = if member == 0 { faults } else { &[] };
                self.emit(*child, None, &key, state, on_head);
                let person = self.key(*child, state);
                for attached in self.producers[*child].below.clone() {
                    self.produce_with(attached, &person, state, on_head);
                }
            }
        }
    }

    fn composition(&self, unit: PlannedUnit, state: &mut State<'_, '_>) -> Option<&'a Composition> {
        let stratum = self.spec.strata.get(unit.stratum as usize);
        let fits = |composition: &&Composition| {
            let strata = composition.strata.as_ref();
            composition.members.len() == unit.size as usize
                && strata.is_none_or(|strata| stratum.is_some_and(|stratum| strata.contains(stratum)))
        };
        let fitting: Vec<&'a Composition> = self.spec.compositions.iter().filter(fits).collect();
        let weights = cumulative(fitting.iter().map(|composition| composition.weight));
        fitting.get(state.draw.pick(&weights)).copied()
    }

    /// Role and age of each member.
    fn members(&self, composition: &Composition, state: &mut State<'_, '_>) -> Vec<(usize, i64)> {
        let mut head = 0;
        let mut members = Vec::with_capacity(composition.members.len());
        for rule in &composition.members {
            let MemberRule { role, age, younger, older, near } = rule;
            let years = |draw: &mut Draw, range: [i64; 2]| draw.between(range[0], range[1]);
            let age = match (age, younger, older, near) {
                (Some(range), ..) => years(&mut state.draw, *range),
                (_, Some(range), ..) => head - years(&mut state.draw, *range),
                (_, _, Some(range), _) | (_, _, _, Some(range)) => head + years(&mut state.draw, *range),
                _ => head,
            };
            let age = age.clamp(0, 104);
            if members.is_empty() {
                head = age;
            }
            members.push((self.names.roles.iter().position(|known| known == role).unwrap_or(0), age));
        }
        members
    }

    /// All records of an attached or child register for a parent.
    pub(super) fn produce<'p>(&'p self, index: usize, owner: &str, state: &mut State<'_, 'p>) {
        self.produce_with(index, owner, state, &[]);
    }

    fn produce_with<'p>(&'p self, index: usize, owner: &str, state: &mut State<'_, 'p>, faults: &[Fault]) {
        let Some(producer) = self.producers.get(index) else { return };
        let slots = producer.first..producer.first + producer.fields;
        state.before[slots.clone()].fill(None);
        // A parent without records has nothing of the parent before.
        state.cells[slots.clone()].fill(None);
        let year = state.cells[YEAR].take();
        for period in &producer.periods {
            state.cells[YEAR] = period.map(|period| Value::Integer(i64::from(period)));
            let mut count = 0;
            for records in &producer.records {
                let wanted = wanted(index, records, state);
                for _ in 0..wanted {
                    count += 1;
                    state.record = count;
                    self.record(index, Some(&records.rules), state);
                    self.emit(index, *period, owner, state, faults);
                    if producer.below.is_empty() {
                        continue;
                    }
                    let key = self.key(index, state);
                    for child in &producer.below {
                        self.produce_with(*child, &key, state, faults);
                    }
                    state.record = count;
                }
            }
            let (cells, before) = (&state.cells, &mut state.before);
            before[slots.clone()].clone_from_slice(&cells[slots.clone()]);
        }
        state.cells[YEAR] = year;
    }

    /// Fills the fields of one record: the first rule that applies to a field sets it.
    fn record(&self, index: usize, own: Option<&Vec<Assignment>>, state: &mut State<'_, '_>) {
        let Some(producer) = self.producers.get(index) else { return };
        std::mem::swap(&mut state.draw, &mut state.draws[index]);
        let slots = producer.first..producer.first + producer.fields;
        state.cells[slots].fill(None);
        if let Some(given) = self.given.get(&state.division) {
            for (slot, value) in given {
                if (producer.first..producer.first + producer.fields).contains(slot) {
                    state.cells[*slot] = Some(value.clone());
                }
            }
        }
        let mut done = vec![false; producer.fields];
        for rule in own.into_iter().flatten().chain(&producer.rules) {
            let slot = producer.first + rule.field;
            if done[rule.field] || state.cells[slot].is_some() || !holds(&rule.when, &state.cells) {
                continue;
            }
            if rule.chance < 1.0 && !state.draw.chance(rule.chance) {
                continue;
            }
            let value = self.make(&rule.make, slot, state);
            state.cells[slot] = value;
            done[rule.field] = true;
        }
        std::mem::swap(&mut state.draw, &mut state.draws[index]);
    }

    fn make(&self, make: &Make, slot: usize, state: &mut State<'_, '_>) -> Option<Value> {
        let number = |cell: &Option<Value>| match cell {
            Some(Value::Integer(number)) => Some(*number as f64),
            _ => None,
        };
        let rounded = |value: f64, step: f64| Some(Value::Integer(((value / step).round() * step) as i64));
        match make {
            Make::Constant(value) => value.clone(),
            Make::Choose(weights, values) => values.get(state.draw.pick(weights)).cloned().flatten(),
            Make::Between(low, high, step) => {
                let steps = (high - low) / step.max(&1);
                Some(Value::Integer(low + step * state.draw.between(0, steps)))
            }
            Make::LogNormal { median, sigma, min, max, per, step } => {
                let factor = per.map_or(Some(1.0), |slot| number(&state.cells[slot]))?;
                let value = median * (sigma * state.draw.normal()).exp() * factor;
                rounded(value.clamp(*min, *max), *step)
            }
            Make::Birth => {
                let age = number(&state.cells[AGE])? as i64;
                let (year, month, day) = bangfu_policy::arithmetic::civil(self.as_of);
                let latest = bangfu_policy::arithmetic::day_number(year - age, month, day.min(28));
                Some(Value::Integer(latest - state.draw.between(0, 364)))
            }
            Make::Name(list) => self.name(*list, state).map(Value::Text),
            Make::Sequence(parts) => Some(Value::Text(text(parts, state))),
            Make::IdNumber(prefix) => self.id_number(prefix, state).map(Value::Text),
            Make::Grow { low, high, step } => {
                let before = number(&state.before[slot])?;
                let factor = state.draw.real(*low, *high);
                rounded(before * factor, *step)
            }
            Make::Times { of, low, high, step } => {
                let base = number(&state.cells[*of])?;
                let factor = state.draw.real(*low, *high);
                rounded(base * factor, *step)
            }
            Make::Sum { plus, minus } => total(plus, minus, &state.cells).map(Value::Integer),
            Make::Copy(from) => state.cells[*from].clone(),
            Make::After { of, low, high } => {
                let day = number(&state.cells[*of])? as i64;
                Some(Value::Integer(day + state.draw.between(*low, *high)))
            }
            Make::Refer(register) => {
                let keys = state.keys.get(register)?;
                let last = keys.len().checked_sub(1)?;
                keys.get(state.draw.between(0, last as i64) as usize).cloned().map(Value::Text)
            }
            Make::Tally { members, strata } => {
                let counts = state.tallies.by_division.get(&state.division);
                let picked = strata.iter().filter_map(|stratum| counts?.get(*stratum as usize));
                Some(Value::Integer(picked.map(|(u, m)| if *members { *m } else { *u }).sum::<u64>() as i64))
            }
            Make::Share(index) => {
                let Some(Value::Integer(period)) = state.cells[YEAR] else { return None };
                let shares = self.shares.get(*index)?.get(state.village)?;
                shares.get(&(period as i32)).map(|part| Value::Integer(*part))
            }
        }
    }

    fn name(&self, list: usize, state: &mut State<'_, '_>) -> Option<String> {
        let names = self.spec.names.values().nth(list)?;
        let family = names.family.get(state.family % names.family.len().max(1)).map_or("", String::as_str);
        let pick = |draw: &mut Draw, list: &'a [String]| {
            let last = list.len().checked_sub(1)?;
            list.get(draw.between(0, last as i64) as usize)
        };
        let given = pick(&mut state.draw, &names.given)?;
        let second = if state.draw.chance(0.5) { pick(&mut state.draw, &names.second) } else { None };
        Some(format!("{family}{given}{}", second.map_or("", String::as_str)))
    }

    /// Prefix, date of birth, a running number with the parity of the sex, check character (GB 11643).
    fn id_number(&self, prefix: &str, state: &mut State<'_, '_>) -> Option<String> {
        let member = self.pack.register(&self.spec.member)?;
        let fields = &self.pack.registers.get(member.index())?.fields;
        let first = self.names.first(member);
        let slot_of = |id: &str| fields.iter().position(|field| field.id == id).map(|index| first + index);
        let Some(Value::Integer(birth)) = state.cells[slot_of("birth")?] else { return None };
        // Odd running numbers are male: the first code of the sex list that is not 0 stands for male in GB/T 2261.1.
        let male = match (&state.cells[slot_of("sex")?], fields.iter().find(|field| field.id == "sex")?.ty) {
            (Some(Value::Integer(position)), bangfu_policy::model::FieldType::Code(list)) => {
                self.pack.codes.get(list.index())?.values.get(*position as usize)?.code == "1"
            }
            _ => false,
        };
        let count = state.numbers.entry((birth, male)).or_insert(0);
        let running = (*count * 2 + u16::from(male)) % 1000;
        *count += 1;
        let (year, month, day) = bangfu_policy::arithmetic::civil(birth);
        let body = format!("{prefix}{year:04}{month:02}{day:02}{running:03}");
        let check = bangfu_policy::identity::check_character(&body)?;
        Some(format!("{body}{check}"))
    }

    /// Hands the record in the cells over, with the errors planted on it.
    fn emit<'p>(&'p self, index: usize, period: Option<i32>, owner: &str, state: &mut State<'_, 'p>, faults: &[Fault]) {
        let Some(producer) = self.producers.get(index) else { return };
        let mut kept = Vec::new();
        for (number, fault) in faults.iter().enumerate() {
            let spec = self.spec.errors.get(fault.spec);
            let here = fault.register == producer.register
                && spec.is_some_and(|spec| spec.period.is_none() || spec.period == period);
            if !here {
                continue;
            }
            let becomes = spec.map_or("", |spec| spec.becomes.as_str());
            let own = state.cells[fault.slot].clone();
            if state.faulty[number] {
                let value = match becomes {
                    "value" => fault.value.clone(),
                    "previous" => state.last.get(&fault.slot).cloned(),
                    _ => None,
                };
                kept.push((fault.slot, own.clone()));
                state.cells[fault.slot] = value;
                for (slot, value) in &fault.with {
                    kept.push((*slot, state.cells[*slot].clone()));
                    state.cells[*slot] = value.clone();
                }
            }
            if becomes == "previous"
                && let Some(own) = own
            {
                state.last.insert(fault.slot, own);
            }
        }
        if !kept.is_empty() {
            let planted: Vec<usize> = kept.iter().map(|(slot, _)| *slot).collect();
            for rule in &producer.rules {
                let slot = producer.first + rule.field;
                if let Make::Sum { plus, minus } = &rule.make
                    && state.cells[slot].is_some()
                    && !planted.contains(&slot)
                {
                    let sum = total(plus, minus, &state.cells).map(Value::Integer);
                    kept.push((slot, std::mem::replace(&mut state.cells[slot], sum)));
                }
            }
        }
        let builder = state.builders.entry(producer.register);
        let builder = builder.or_insert_with(|| BatchBuilder::new(self.pack, producer.register));
        let cells = &state.cells;
        builder.push(owner, period, |field| cells[producer.first + field].as_ref());
        if producer.referred {
            let key = self.key(index, state);
            state.keys.entry(producer.register).or_default().push(key);
        }
        for (slot, value) in kept {
            state.cells[slot] = value;
        }
    }

    pub(super) fn key(&self, index: usize, state: &State<'_, '_>) -> String {
        let Some(producer) = self.producers.get(index) else { return String::new() };
        let key = self.pack.registers.get(producer.register.index()).and_then(|register| register.key);
        match key.and_then(|key| state.cells[producer.first + key as usize].as_ref()) {
            Some(Value::Text(text)) => text.clone(),
            _ => String::new(),
        }
    }
}

/// Cells added up less others; `None` if one is missing.
fn total(plus: &[usize], minus: &[usize], cells: &[Option<Value>]) -> Option<i64> {
    let number = |slot: &usize| match cells.get(*slot) {
        Some(Some(Value::Integer(number))) => Some(*number),
        _ => None,
    };
    let sum = |slots: &[usize]| slots.iter().map(number).sum::<Option<i64>>();
    Some(sum(plus)? - sum(minus)?)
}

/// How many records of one kind the parent in the cells has.
fn wanted(index: usize, records: &Records, state: &mut State<'_, '_>) -> i64 {
    if !holds(&records.when, &state.cells) {
        return 0;
    }
    let Some(draw) = state.draws.get_mut(index) else { return 0 };
    if records.chance < 1.0 && !draw.chance(records.chance) {
        return 0;
    }
    let [low, high] = records.repeat;
    if low == high { low } else { draw.between(low, high) }
}

fn holds(tests: &[Test], cells: &[Option<Value>]) -> bool {
    tests.iter().all(|test| match (&test.accepts, cells.get(test.slot).and_then(Option::as_ref)) {
        (Accepts::Missing, cell) => cell.is_none(),
        (Accepts::Values(values), Some(cell)) => values.contains(cell),
        (Accepts::Range(low, high), Some(Value::Integer(number))) => (low..=high).contains(&number),
        _ => false,
    })
}

fn text(parts: &[Part], state: &State<'_, '_>) -> String {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Text(words) => text.push_str(words),
            Part::Division => text.push_str(&state.division),
            Part::Unit(width) => text.push_str(&format!("{:0width$}", state.unit)),
            Part::Number(width) => text.push_str(&format!("{:0width$}", state.number)),
            Part::Member(width) => text.push_str(&format!("{:0width$}", state.member)),
            Part::Record(width) => text.push_str(&format!("{:0width$}", state.record)),
            Part::Slot(slot) => match &state.cells[*slot] {
                Some(Value::Text(words)) => text.push_str(words),
                Some(Value::Integer(number)) => text.push_str(&number.to_string()),
                _ => {}
            },
        }
    }
    text
}
