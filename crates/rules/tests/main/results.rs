//! Result folders: what is written is read, and two of them are compared record by record.

use std::collections::HashMap;

use bangfu_policy::ir::Scalar;
use bangfu_policy::model::{Entity, IndicatorId, Pack, VariableId};
use bangfu_rules::cases;
use bangfu_rules::frame::{Bitmap, Column, Frame, Lanes};
use bangfu_rules::indicators::Figure;
use bangfu_rules::interpret::Interpreter;
use bangfu_rules::needs::Needs;
use bangfu_rules::results::{self, IndicatorTable, Summary};

use crate::packs;

/// All variables of a frame, computed one by one.
fn evaluated(pack: &Pack, frame: &Frame) -> HashMap<Entity, Vec<(VariableId, Column)>> {
    let mut interpreter = Interpreter::new(pack, frame, &[]);
    let mut entities: HashMap<Entity, Vec<(VariableId, Column)>> = HashMap::new();
    for (index, variable) in pack.variables.iter().enumerate() {
        let id = VariableId(index as u16);
        let rows = frame.tables[&variable.of].rows;
        let values: Vec<Scalar> = (0..rows).map(|row| interpreter.variable(id, row).unwrap()).collect();
        let bits = |test: &dyn Fn(&Scalar) -> bool| {
            let mut words = vec![0; rows.div_ceil(64)];
            values
                .iter()
                .enumerate()
                .filter(|(_, value)| test(value))
                .for_each(|(row, _)| words[row / 64] |= 1 << (row % 64));
            Bitmap { words, len: rows }
        };
        let lanes = if variable.ty == bangfu_policy::ir::Type::Boolean {
            Lanes::Bits(bits(&|value| *value == Scalar::Boolean(true)))
        } else {
            Lanes::I64(
                values.iter().map(|value| if let Scalar::Integer(number) = value { *number } else { 0 }).collect(),
            )
        };
        let column =
            Column { lanes, validity: Some(bits(&|value| *value != Scalar::Missing)), range: (i64::MIN, i64::MAX) };
        entities.entry(variable.of).or_default().push((id, column));
    }
    entities
}

#[test]
fn what_is_written_is_read_and_compared() {
    let pack = packs::of_folder("bench/pack");
    let needs = Needs::everything(&pack);
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = (0..3).map(|n| folder.path().join(n.to_string())).collect();
    // The first indicator has a figure for the region and none below.
    let figure = Figure { numerator: Some(1), denominator: Some(3), value: Some(1.0 / 3.0), unknown: 2 };
    let mut indicators = IndicatorTable { codes: vec![Vec::new(); pack.levels.len()], figures: Vec::new() };
    indicators.codes[0].push("15".to_owned());
    indicators.codes[1].push("1504".to_owned());
    indicators.figures.push(vec![vec![figure], Vec::new()]);
    let household = pack.entity("household").unwrap();
    let below = pack.variable("below_line").unwrap();
    // The first three cases: no, yes, cannot tell.
    for (path, case) in paths.iter().zip(&pack.tests) {
        let (frame, _) = cases::frame(&pack, &needs, case);
        let entities = evaluated(&pack, &frame);
        let mut writer = results::Writer::new(path, &pack).unwrap();
        writer.append(&frame, &entities).unwrap();
        let summary = writer.finish(&indicators, Summary::default()).unwrap();
        assert_eq!(results::read_summary(path).unwrap(), summary);
        let read = results::read_entity(path, &pack, household).unwrap();
        let mut interpreter = Interpreter::new(&pack, &frame, &[]);
        assert_eq!(read.keys, ["1"]);
        for (id, _) in &entities[&household] {
            assert_eq!(read.value(*id, 0), interpreter.variable(*id, 0).unwrap(), "{}", pack.variables[id.index()].id);
        }
        let counts = summary.booleans["household.below_line"];
        assert_eq!(counts.yes + counts.no + counts.unknown, 1);
        let mut read = Vec::new();
        results::read_indicators(path, &pack, |id, level, code, figure| {
            read.push((id, level.to_owned(), code.to_owned(), figure));
        })
        .unwrap();
        assert_eq!(read, [(IndicatorId(0), "region".to_owned(), "15".to_owned(), figure)]);
    }
    let of = |from: usize, to: usize| {
        let found = results::differences(&paths[from], &paths[to], &pack).unwrap();
        let name = &pack.variables[below.index()].id;
        found.into_iter().find(|difference| difference.variable == *name).unwrap()
    };
    assert_eq!(of(0, 1).entered, ["1"]);
    assert_eq!(of(1, 0).left, ["1"]);
    assert_eq!(of(0, 2).unknown, ["1"]);
}
