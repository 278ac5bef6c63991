//! The records themselves, banner by banner.

mod records;

use std::collections::{BTreeMap, HashMap, HashSet};

use arrow::array::RecordBatch;
use bangfu_policy::model::{Entity, Pack, RegisterId, Value};

use super::compile::{Assignment, Make, Names, SIZE, STRATUM, Test, content, day_of};
use super::draw::Draw;
use super::plan::{Division, Plan, PlannedUnit, plan};
use super::spec::{Share, Spec};
use super::{Manifest, PlantedErrors, SynthError};
use crate::batches::BatchBuilder;

/// Takes the records of a register in a group of villages (one banner).
pub type Sink<'s> = dyn FnMut(RegisterId, &str, RecordBatch) -> Result<(), SynthError> + 's;

/// A register with its compiled rules.
struct Producer {
    register: RegisterId,
    periods: Vec<Option<i32>>,
    records: Vec<Records>,
    rules: Vec<Assignment>,
    first: usize,
    fields: usize,
    below: Vec<usize>,
    /// Whether other registers refer to its keys.
    referred: bool,
}

/// Records that a parent has.
struct Records {
    when: Vec<Test>,
    chance: f64,
    repeat: [i64; 2],
    rules: Vec<Assignment>,
}

/// A compiled planted error.
struct Fault {
    spec: usize,
    register: RegisterId,
    slot: usize,
    value: Option<Value>,
    /// Other fields of the record that get a value.
    with: Vec<(usize, Option<Value>)>,
    /// Every how many-th unit; exact over the whole.
    every: (u64, u64),
    seen: u64,
}

/// Generates the population of a description.
pub struct Generator<'a> {
    pack: &'a Pack,
    spec: &'a Spec,
    names: Names<'a>,
    plan: Plan,
    producers: Vec<Producer>,
    roots: BTreeMap<Entity, Vec<usize>>,
    shares: Vec<Vec<HashMap<i32, i64>>>,
    banners: Vec<String>,
    /// All divisions that are neither groups nor villages, sorted by code.
    others: Vec<String>,
    as_of: i64,
    /// Villages with units, when the population is smaller than described: others have no records then.
    settled: Option<HashSet<usize>>,
    faults: Vec<Fault>,
    /// Division-attached records that are data, not chance: first values by division code and slot.
    given: HashMap<String, Vec<(usize, Value)>>,
}

/// What is in flight while records are made.
struct State<'s, 'p> {
    cells: Vec<Option<Value>>,
    before: Vec<Option<Value>>,
    division: String,
    unit: u64,
    /// Number of the unit among all.
    number: u64,
    member: usize,
    /// Number of the record among those of its parent.
    record: usize,
    family: usize,
    village: usize,
    draw: Draw,
    /// Chance of each producer: what one register draws changes no other.
    draws: Vec<Draw>,
    /// Keys made in this group, of registers that are referred to.
    keys: HashMap<RegisterId, Vec<String>>,
    builders: HashMap<RegisterId, BatchBuilder<'p>>,
    numbers: &'s mut HashMap<(i64, bool), u16>,
    tallies: &'s Tallies,
    faulty: Vec<bool>,
    last: HashMap<usize, Value>,
}

/// Units and members by division and stratum.
#[derive(Default)]
struct Tallies {
    by_division: HashMap<String, Vec<(u64, u64)>>,
}

impl<'a> Generator<'a> {
    /// Compiles a description and spreads its quotas over `divisions`. `scale` 1 is the full population. `given` are
    /// values of division-attached registers that are known: by division code, `(register id, field id, value)`.
    ///
    /// # Errors
    /// The description does not fit the pack.
    pub fn new(
        pack: &'a Pack,
        spec: &'a Spec,
        divisions: &[Division],
        given: &HashMap<String, Vec<(String, String, Value)>>,
        scale: f64,
    ) -> Result<Self, SynthError> {
        let names = Names::new(pack, spec);
        let digits = pack.levels.last().map_or(0, |level| level.digits);
        let group = pack.levels.iter().rev().nth(2).or(pack.levels.first()).map_or(0, |level| level.digits);
        let plan = plan(spec, digits, divisions, scale)?;
        let mut banners: Vec<String> =
            divisions.iter().filter(|d| d.code.len() == group).map(|d| d.code.clone()).collect();
        banners.sort();
        let mut others: Vec<String> = divisions
            .iter()
            .filter(|d| d.code.len() != group && d.code.len() != digits)
            .map(|d| d.code.clone())
            .collect();
        others.sort();
        let as_of = spec.as_of.parse::<jiff::civil::Date>().map(day_of);
        let as_of = as_of.map_err(|_| content("as_of", format!("`{}` is no date", spec.as_of), "write yyyy-mm-dd"))?;
        let settled = (scale < 1.0).then(|| plan.units.iter().map(|unit| unit.village as usize).collect());
        let mut generator = Self {
            settled,
            pack,
            spec,
            names,
            plan,
            producers: Vec::new(),
            roots: BTreeMap::new(),
            shares: Vec::new(),
            banners,
            others,
            as_of,
            faults: Vec::new(),
            given: HashMap::new(),
        };
        generator.compile()?;
        generator.compile_faults(scale)?;
        for (code, values) in given {
            let slots = values.iter().filter_map(|(register, field, value)| {
                let id = pack.register(register)?;
                let index = pack.registers.get(id.index())?.fields.iter().position(|f| f.id == *field)?;
                Some((generator.names.first(id) + index, value.clone()))
            });
            generator.given.insert(code.clone(), slots.collect());
        }
        Ok(generator)
    }

    fn compile(&mut self) -> Result<(), SynthError> {
        let mut shares: Vec<&'a Share> = Vec::new();
        for rules in &self.spec.registers {
            let at = format!("register `{}`", rules.register);
            let register = self.pack.register(&rules.register);
            let register =
                register.ok_or_else(|| content(&at, "the pack has no such register".to_owned(), "correct the id"))?;
            let mut records = Vec::new();
            for record in rules.records.iter().flatten() {
                let tests = self.names.tests(record.when.as_ref(), register, &at)?;
                let own = self.names.rules(&record.rules, register, &mut shares, &at)?;
                let (chance, repeat) = (record.chance.unwrap_or(1.0), record.repeat.unwrap_or([1, 1]));
                records.push(Records { when: tests, chance, repeat, rules: own });
            }
            if rules.records.is_none() {
                records.push(Records { when: Vec::new(), chance: 1.0, repeat: [1, 1], rules: Vec::new() });
            }
            let periods = rules.periods.iter().map(|period| Some(*period)).collect::<Vec<_>>();
            let own = self.names.rules(&rules.rules, register, &mut shares, &at)?;
            let fields = self.pack.registers.get(register.index()).map_or(0, |r| r.fields.len());
            self.producers.push(Producer {
                register,
                periods: if periods.is_empty() { vec![None] } else { periods },
                records,
                rules: own,
                first: self.names.first(register),
                fields,
                below: Vec::new(),
                referred: false,
            });
        }
        for index in 0..self.producers.len() {
            let register = self.producers[index].register;
            let Some(parent) = self.pack.registers.get(register.index()).map(|r| r.parent) else { continue };
            match parent {
                Entity::Register(above) => {
                    let above = self.producers.iter_mut().find(|producer| producer.register == above);
                    if let Some(producer) = above {
                        producer.below.push(index);
                    }
                }
                Entity::Level(_) => self.roots.entry(parent).or_default().push(index),
            }
        }
        let made = |assignment: &Assignment| match assignment.make {
            Make::Refer(register) => Some(register),
            _ => None,
        };
        let rules = self.producers.iter().flat_map(|producer| {
            producer.rules.iter().chain(producer.records.iter().flat_map(|records| &records.rules))
        });
        let referred: Vec<RegisterId> = rules.filter_map(made).collect();
        for producer in &mut self.producers {
            producer.referred = referred.contains(&producer.register);
        }
        self.shares = shares.iter().map(|share| self.share_out(share)).collect();
        Ok(())
    }

    fn compile_faults(&mut self, scale: f64) -> Result<(), SynthError> {
        for (index, error) in self.spec.errors.iter().enumerate() {
            let at = format!("error `{}`", error.id);
            let missing = |what: &str| content(&at, format!("there is no {what}"), "correct the id");
            let register = self.pack.register(&error.register).ok_or_else(|| missing("such register"))?;
            let fields = self.pack.registers.get(register.index()).map(|r| r.fields.as_slice()).unwrap_or_default();
            let place = |id: &str| fields.iter().position(|field| field.id == id).ok_or_else(|| missing("such field"));
            let stored = |field: usize, json| self.names.stored(json, Some(fields[field].ty), &fields[field].id, &at);
            let field = place(&error.field)?;
            let value = error.value.as_ref().map(|json| stored(field, json)).transpose()?;
            let first = self.names.first(register);
            let with = error.with.iter().map(|(id, json)| {
                let field = place(id)?;
                Ok((first + field, Some(stored(field, json)?)))
            });
            let with = with.collect::<Result<Vec<_>, SynthError>>()?;
            let units = self.plan.units.iter().filter(|unit| self.concerns(index, **unit)).count() as u64;
            let count = ((error.count as f64 * scale).round() as u64).min(units);
            let slot = first + field;
            self.faults.push(Fault { spec: index, register, slot, value, with, every: (count, units), seen: 0 });
        }
        Ok(())
    }

    fn chance_of(&self, register: RegisterId, banner: &str) -> Draw {
        let id = self.pack.registers.get(register.index()).map_or("", |register| register.id.as_str());
        Draw::new(self.spec.seed, &format!("{banner}/{id}"))
    }

    /// Divisions of a level whose records are made with a group: those in it, and those above it that begin with it.
    fn divisions_of(&self, banner: &str, digits: usize) -> Vec<(usize, String)> {
        if digits == banner.len() {
            return vec![(0, banner.to_owned())];
        }
        let villages = self.plan.villages.iter().enumerate();
        let villages = villages.filter(|(_, code)| code.starts_with(banner) && code.len() == digits);
        let first_below = |code: &str| self.banners.iter().find(|banner| banner.starts_with(code));
        let others = self.others.iter().filter(|code| {
            code.len() == digits && (code.starts_with(banner) || first_below(code).is_some_and(|first| first == banner))
        });
        villages.map(|(index, code)| (index, code.clone())).chain(others.map(|code| (0, code.clone()))).collect()
    }

    fn concerns(&self, error: usize, unit: PlannedUnit) -> bool {
        let strata = self.spec.errors.get(error).and_then(|error| error.strata.as_ref());
        let stratum = self.spec.strata.get(unit.stratum as usize);
        strata.is_none_or(|strata| stratum.is_some_and(|stratum| strata.contains(stratum)))
    }

    /// Shares of a total by village: largest running remainder, so that the sum is exact.
    fn share_out(&self, share: &Share) -> Vec<HashMap<i32, i64>> {
        let mut members = vec![0_u32; self.plan.villages.len()];
        for unit in &self.plan.units {
            if let Some(count) = members.get_mut(unit.village as usize) {
                *count += u32::from(unit.size);
            }
        }
        let weights: Vec<f64> = self
            .plan
            .villages
            .iter()
            .zip(&members)
            .map(|(code, members)| {
                let mut draw = Draw::new(self.spec.seed, code);
                draw.real(share.between[0], share.between[1]) + share.per_member * f64::from(*members)
            })
            .collect();
        let sum: f64 = weights.iter().sum();
        let mut shares = vec![HashMap::new(); weights.len()];
        for (period, total) in &share.totals {
            let Ok(period) = period.parse::<i32>() else { continue };
            let (mut exact, mut given) = (0.0, 0_i64);
            for (weight, shares) in weights.iter().zip(&mut shares) {
                exact += *total as f64 * weight / sum;
                let part = exact.round() as i64 - given;
                given += part;
                shares.insert(period, part);
            }
        }
        shares
    }

    /// Number of units that will be made.
    pub fn units(&self) -> usize {
        self.plan.units.len()
    }

    /// Makes all records. `progress` is told the number of units made so far.
    ///
    /// # Errors
    /// The receiver fails.
    pub fn run(mut self, sink: &mut Sink<'_>, progress: &mut dyn FnMut(usize)) -> Result<Manifest, SynthError> {
        let mut manifest = Manifest { seed: self.spec.seed, ..Manifest::default() };
        let tallies = self.tallies();
        for (stratum, name) in self.spec.strata.iter().enumerate() {
            let units = self.plan.units.iter().filter(|unit| unit.stratum as usize == stratum);
            let (count, members) = units.fold((0, 0), |(n, m), unit| (n + 1, m + u64::from(unit.size)));
            manifest.strata.insert(name.clone(), (count, members));
        }
        manifest.errors = self
            .faults
            .iter()
            .filter_map(|fault| self.spec.errors.get(fault.spec))
            .map(|error| PlantedErrors {
                id: error.id.clone(),
                finds: error.finds.clone(),
                count: 0,
                households: Vec::new(),
            })
            .collect();
        let mut faults = std::mem::take(&mut self.faults);
        let mut numbers = HashMap::new();
        let mut start = 0;
        for banner in &self.banners {
            let villages = &self.plan.villages;
            let last = villages.partition_point(|code| code.starts_with(banner.as_str()) || code < banner);
            let end = self.plan.units.partition_point(|unit| (unit.village as usize) < last);
            let mut state = State {
                cells: vec![None; self.names.slots],
                before: vec![None; self.names.slots],
                division: banner.clone(),
                unit: 0,
                number: start as u64,
                member: 0,
                record: 0,
                family: 0,
                village: 0,
                draw: Draw::new(self.spec.seed, banner),
                draws: self.producers.iter().map(|producer| self.chance_of(producer.register, banner)).collect(),
                keys: HashMap::new(),
                builders: HashMap::new(),
                numbers: &mut numbers,
                tallies: &tallies,
                faulty: vec![false; faults.len()],
                last: HashMap::new(),
            };
            let units = self.plan.units.get(start..end).unwrap_or_default();
            self.banner(banner, units, &mut state, &mut faults, &mut manifest);
            for (register, mut builder) in std::mem::take(&mut state.builders) {
                if builder.rows() > 0 {
                    let id = self.pack.registers.get(register.index()).map(|r| r.id.clone()).unwrap_or_default();
                    *manifest.records.entry(id).or_default() += builder.rows() as u64;
                    sink(register, banner, builder.finish()?)?;
                }
            }
            start = end;
            progress(end);
        }
        Ok(manifest)
    }

    /// Slots of a producer's fields.
    fn slots(&self, index: usize) -> std::ops::Range<usize> {
        self.producers.get(index).map_or(0..0, |producer| producer.first..producer.first + producer.fields)
    }

    fn tallies(&self) -> Tallies {
        let mut tallies = Tallies::default();
        for unit in &self.plan.units {
            let Some(village) = self.plan.villages.get(unit.village as usize) else { continue };
            for level in &self.pack.levels {
                let Some(prefix) = village.get(..level.digits) else { continue };
                let counts = tallies
                    .by_division
                    .entry(prefix.to_owned())
                    .or_insert_with(|| vec![(0, 0); self.spec.strata.len()]);
                if let Some((units, members)) = counts.get_mut(unit.stratum as usize) {
                    *units += 1;
                    *members += u64::from(unit.size);
                }
            }
        }
        tallies
    }

    fn banner<'p>(
        &'p self,
        banner: &str,
        units: &[PlannedUnit],
        state: &mut State<'_, 'p>,
        faults: &mut [Fault],
        manifest: &mut Manifest,
    ) {
        let unit_register = self.pack.register(&self.spec.unit);
        // What the registers of each village hold, so that its units see their own village.
        let mut of_villages: HashMap<usize, Vec<Option<Value>>> = HashMap::new();
        let mut lowest_producers: Vec<usize> = Vec::new();
        // The divisions of the group that have records of their own, from the top down.
        for (level, entity) in self.pack.levels.iter().enumerate() {
            let entity_of = Entity::Level(bangfu_policy::model::LevelId(level as u16));
            let Some(roots) = self.roots.get(&entity_of) else { continue };
            let codes = self.divisions_of(banner, entity.digits);
            let attached: Vec<usize> =
                roots.iter().copied().filter(|index| Some(self.producers[*index].register) != unit_register).collect();
            if attached.is_empty() {
                continue;
            }
            let lowest = level + 1 == self.pack.levels.len();
            for (village, code) in codes {
                if lowest && self.settled.as_ref().is_some_and(|settled| !settled.contains(&village)) {
                    continue;
                }
                state.division.clone_from(&code);
                state.village = village;
                for index in &attached {
                    self.produce(*index, &code, state);
                }
                if lowest {
                    let kept =
                        attached.iter().flat_map(|index| self.slots(*index)).map(|slot| state.cells[slot].clone());
                    of_villages.insert(village, kept.collect());
                    lowest_producers.clone_from(&attached);
                }
            }
        }
        let unit_producer = self.producers.iter().position(|producer| Some(producer.register) == unit_register);
        let Some(unit_producer) = unit_producer else { return };
        let mut ordinal = 0;
        let mut village = u32::MAX;
        for unit in units {
            if unit.village != village {
                let slots = lowest_producers.iter().flat_map(|index| self.slots(*index));
                let kept = of_villages.get(&(unit.village as usize)).into_iter().flatten();
                for (slot, value) in slots.zip(kept) {
                    state.cells[slot].clone_from(value);
                }
            }
            ordinal = if unit.village == village { ordinal + 1 } else { 1 };
            village = unit.village;
            let Some(code) = self.plan.villages.get(village as usize) else { continue };
            state.division.clone_from(code);
            (state.village, state.unit) = (village as usize, ordinal);
            state.number += 1;
            state.cells[STRATUM] = Some(Value::Integer(i64::from(unit.stratum)));
            state.cells[SIZE] = Some(Value::Integer(i64::from(unit.size)));
            state.family = state.draw.between(0, i64::from(u16::MAX)) as usize;
            let faulty = faults.len() as u64;
            for (index, fault) in faults.iter_mut().enumerate() {
                let concerned = self.concerns(fault.spec, *unit);
                let (count, units) = fault.every;
                // Errors of the same rhythm begin at different households, so that none hides another.
                let at = fault.seen + units * index as u64 / (count * faulty).max(1);
                let hit = concerned && (at + 1) * count / units.max(1) > at * count / units.max(1);
                fault.seen += u64::from(concerned);
                state.faulty[index] = hit;
            }
            self.unit(unit_producer, *unit, code, state, faults);
            let key = self.key(unit_producer, state);
            for (index, hit) in state.faulty.iter().enumerate() {
                if *hit && let Some(errors) = manifest.errors.get_mut(index) {
                    errors.count += 1;
                    errors.households.push(key.clone());
                }
            }
        }
    }
}
