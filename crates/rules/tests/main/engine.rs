//! The vectorised engine gives what the interpreter gives, record by record.

use bangfu_policy::ir::Scalar;
use bangfu_policy::model::{
    Entity, FieldRef, FieldType, GivenRecord, LevelId, Pack, Place, RegisterId, RegisterKind, TestCase, Value,
};
use bangfu_rules::engine::{Program, Request};
use bangfu_rules::frame::Frame;
use bangfu_rules::interpret::{Interpreter, stored};

/// Compares every variable of every record; returns how many values were compared.
pub(crate) fn compare(pack: &Pack, frame: &Frame, threads: usize) -> usize {
    compare_asked(pack, frame, &Request { threads, ..Request::default() })
}

/// The same for what a request asks for.
fn compare_asked(pack: &Pack, frame: &Frame, request: &Request) -> usize {
    let program = Program::compile(pack, frame, request);
    let outcome = program.run();
    let mut interpreter = Interpreter::new(pack, frame, &[]);
    let mut compared = 0;
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            let mut failing = false;
            for (index, variable) in pack.variables.iter().enumerate() {
                let rows = frame.tables.get(&variable.of).map_or(0, |table| table.rows);
                let id = bangfu_policy::model::VariableId(index as u16);
                failing |= (0..rows).any(|row| interpreter.variable(id, row).is_err());
            }
            assert!(failing, "the engine failed where the interpreter does not: {error}");
            return 0;
        }
    };
    for (entity, columns) in &outcome.entities {
        let rows = frame.tables.get(entity).map_or(0, |table| table.rows);
        for (id, column) in columns {
            for row in 0..rows {
                let expected = interpreter.variable(*id, row).unwrap_or(Scalar::Missing);
                let found = stored(column, row);
                let variable = &pack.variables[id.index()];
                assert_eq!(
                    found,
                    expected,
                    "{} of {} row {row}: {}",
                    variable.id,
                    pack.entity_id(*entity),
                    variable.formula
                );
                compared += 1;
            }
        }
    }
    compared
}

fn pack(folder: &str) -> Pack {
    crate::packs::of_folder(folder)
}

#[test]
fn cases_of_the_packs_hold_in_vectors_too() {
    for folder in ["bench/pack", "policies/inner-mongolia"] {
        let pack = pack(folder);
        let mut compared = 0;
        for case in &pack.tests {
            let needs = bangfu_rules::needs::Needs::everything(&pack);
            let (frame, _) = bangfu_rules::cases::frame(&pack, &needs, case);
            // A case has records of few entities; planning what has no rows takes the longest.
            let has_rows = |entity: Entity| frame.tables.get(&entity).is_some_and(|table| table.rows > 0);
            let asked = (0..pack.variables.len()).filter(|n| has_rows(pack.variables[*n].of));
            let outputs = Some(asked.map(|n| bangfu_policy::model::VariableId(n as u16)).collect());
            let request = Request { threads: 1, outputs, indicators: false, ..Request::default() };
            compared += compare_asked(&pack, &frame, &request);
        }
        assert!(compared > 100 || pack.tests.is_empty(), "{folder}: {compared}");
    }
}

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// A value of a field; one in twelve is missing, some lie at the edges.
fn random_value(pack: &Pack, ty: FieldType, numbers: &mut Numbers) -> Option<Value> {
    if numbers.below(12) == 0 {
        return None;
    }
    Some(match ty {
        FieldType::Boolean => Value::Boolean(numbers.below(2) == 0),
        FieldType::Date => Value::Integer(-18_000 + numbers.below(35_000) as i64),
        FieldType::Year => Value::Integer(1990 + numbers.below(40) as i64),
        FieldType::Code(list) => Value::Integer(numbers.below(pack.codes[list.index()].values.len() as u64) as i64),
        FieldType::Money => {
            Value::Integer(numbers.below(900_000) as i64 * if numbers.below(40) == 0 { 10_000 } else { 1 })
        }
        FieldType::Integer | FieldType::Decimal(_) => Value::Integer(numbers.below(400) as i64),
        _ => Value::Text(format!("t{}", numbers.below(5))),
    })
}

/// Random records of every register below the village, attached ones included.
fn random_case(pack: &Pack, seed: u64) -> TestCase {
    let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut given: Vec<GivenRecord> = Vec::new();
    let record = |entity: Entity, parent: Option<usize>, numbers: &mut Numbers| {
        let mut record = GivenRecord { entity, parent, fields: Vec::new(), periodic: Vec::new() };
        for (index, register) in pack.registers.iter().enumerate() {
            let own = Entity::Register(RegisterId(index as u16)) == entity;
            let attached = register.parent == entity && register.kind != RegisterKind::Entity;
            if !own && (!attached || numbers.below(10) == 0) {
                continue;
            }
            for (field, definition) in register.fields.iter().enumerate() {
                let Some(value) = random_value(pack, definition.ty, numbers) else { continue };
                let field = FieldRef { register: RegisterId(index as u16), field: field as u16 };
                match register.kind {
                    RegisterKind::Entity | RegisterKind::One => record.fields.push((field, value)),
                    _ => record.periodic.extend([2014, 2015].map(|period| (period, field, value.clone()))),
                }
            }
        }
        record
    };
    for index in 0..pack.levels.len() {
        given.push(record(Entity::Level(LevelId(index as u16)), None, &mut numbers));
    }
    let below = |parent: Entity| {
        let registers = pack.registers.iter().enumerate();
        let children = registers.filter(move |(_, r)| r.parent == parent && r.kind == RegisterKind::Entity);
        children.map(|(index, _)| Entity::Register(RegisterId(index as u16))).collect::<Vec<_>>()
    };
    let lowest = Entity::Level(LevelId(pack.levels.len() as u16 - 1));
    let mut open: Vec<(Entity, Option<usize>, u64)> =
        below(lowest).into_iter().flat_map(|entity| (0..60).map(move |_| (entity, None, 3))).collect();
    while let Some((entity, parent, depth)) = open.pop() {
        let at = given.len();
        given.push(record(entity, parent, &mut numbers));
        for child in below(entity) {
            let count = numbers.below(depth + 2);
            open.extend((0..count).map(|_| (child, Some(at), depth.saturating_sub(2))));
        }
    }
    TestCase {
        name: format!("seed {seed}"),
        as_of: 16_800,
        set: Vec::new(),
        given,
        expect: Vec::new(),
        missing: Vec::new(),
        because: Vec::new(),
        place: Place::default(),
    }
}

#[test]
fn random_records_with_missing_values_give_the_same() {
    for folder in ["bench/pack", "policies/inner-mongolia"] {
        let pack = pack(folder);
        let needs = bangfu_rules::needs::Needs::everything(&pack);
        let mut compared = 0;
        for seed in 1..=12 {
            let case = random_case(&pack, seed);
            let (frame, _) = bangfu_rules::cases::frame(&pack, &needs, &case);
            compared += compare(&pack, &frame, 1 + seed as usize % 2);
        }
        assert!(compared > 10_000, "{folder}: only {compared} values");
    }
}

#[test]
fn what_is_repeated_from_a_constant_is_that_constant() {
    let constants = r#"
  two: {of: household, type: integer, title: {zh: 二, en: Two}, formula: 1 + 1}
  never: {of: village, title: {zh: 否, en: Never}, formula: 1 > 2}
  nothing: {of: household, type: integer, title: {zh: 无, en: Nothing}, formula: "nullif(1, 1)"}
  doubled: {of: person, title: {zh: 倍, en: Doubled}, formula: household.two * age}
  mixed: {of: person, title: {zh: 混, en: Mixed}, formula: village.never or insured}
  open: {of: person, title: {zh: 缺, en: Open}, formula: household.nothing + age}
  alone: {of: person, type: integer, title: {zh: 单, en: Alone}, formula: household.two}
"#;
    let pack = crate::packs::of_text(&format!("{}{constants}", crate::snapshots::PACK));
    let needs = bangfu_rules::needs::Needs::everything(&pack);
    for seed in 1..=4 {
        let (frame, _) = bangfu_rules::cases::frame(&pack, &needs, &random_case(&pack, seed));
        assert!(compare(&pack, &frame, 1) > 500);
    }
}

#[test]
fn a_sum_that_is_written_twice_is_gathered_once() {
    let twice = r"
  older: {of: person, type: integer, title: {zh: 长, en: Older}, formula: age + 1}
  grown: {of: person, title: {zh: 成, en: Grown}, formula: age >= 18}
  by_name: {of: village, title: {zh: 名, en: By name}, formula: sum(person.older) filter (where person.grown)}
  by_value: {of: village, title: {zh: 值, en: By value}, formula: sum(person.age + 1) filter (where person.age >= 18)}
  later: {of: person, title: {zh: 后, en: Later}, formula: village.by_name > village.by_value}
";
    let pack = crate::packs::of_text(&format!("{}{twice}", crate::snapshots::PACK));
    let needs = bangfu_rules::needs::Needs::everything(&pack);
    for seed in 1..=4 {
        let (frame, _) = bangfu_rules::cases::frame(&pack, &needs, &random_case(&pack, seed));
        assert!(compare(&pack, &frame, 2) > 500);
    }
}

#[test]
fn what_depends_on_a_parameter_is_as_if_everything_were_computed_again() {
    use bangfu_policy::model::{ParameterId, VariableId};
    for folder in ["bench/pack", "policies/inner-mongolia"] {
        let pack = pack(folder);
        let needs = bangfu_rules::needs::Needs::everything(&pack);
        let (frame, _) = bangfu_rules::cases::frame(&pack, &needs, &random_case(&pack, 7));
        let all: Vec<VariableId> = (0..pack.variables.len()).map(|index| VariableId(index as u16)).collect();
        let numeric = |parameter: &bangfu_policy::model::Parameter| {
            matches!(parameter.ty, bangfu_policy::ir::Type::Number { .. })
        };
        let parameters: Vec<ParameterId> = (0..pack.parameters.len())
            .filter(|index| numeric(&pack.parameters[*index]))
            .map(|index| ParameterId(index as u16))
            .collect();
        let Ok(baseline) = bangfu_rules::engine::Baseline::new(&pack, &frame, &parameters, &all) else {
            panic!("{folder}: the random records have no result");
        };
        let mut moved = 0;
        for (at, parameter) in parameters.iter().enumerate() {
            // Alone, and together with its neighbour.
            let mut overrides = vec![(*parameter, Scalar::Integer(4_321))];
            if at % 2 == 1 {
                overrides.push((parameters[at - 1], Scalar::Integer(87)));
            }
            let request = Request { overrides: overrides.clone(), indicators: false, ..Request::default() };
            let whole = Program::compile(&pack, &frame, &request).run();
            let part = baseline.with(&pack, &frame, &overrides);
            let (Ok(whole), Ok(part)) = (whole, part) else { continue };
            for (entity, columns) in &whole.entities {
                let rows = frame.tables[entity].rows;
                for (id, column) in columns {
                    let other = part.get(id).or_else(|| baseline.before(*id)).expect("every variable has values");
                    for row in 0..rows {
                        let name = &pack.variables[id.index()].id;
                        assert_eq!(stored(other, row), stored(column, row), "{name} row {row} with {overrides:?}");
                    }
                    moved += usize::from(part.contains_key(id));
                }
            }
        }
        assert!(moved > parameters.len(), "{folder}: {moved}");
    }
}
