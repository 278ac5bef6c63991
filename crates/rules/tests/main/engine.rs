//! The vectorised engine gives what the interpreter gives, record by record.

use std::path::Path;

use bangfu_policy::ir::Scalar;
use bangfu_policy::model::Pack;
use bangfu_rules::engine::{Program, Request};
use bangfu_rules::frame::Frame;
use bangfu_rules::interpret::{Interpreter, stored};

/// Compares every variable of every record; returns how many values were compared.
pub(crate) fn compare(pack: &Pack, frame: &Frame, threads: usize) -> usize {
    let request = Request { threads, ..Request::default() };
    let program = Program::compile(pack, frame, &request);
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
            compared += compare(&pack, &frame, 1);
        }
        assert!(compared > 100 || pack.tests.is_empty(), "{folder}: {compared}");
    }
}

#[test]
fn a_snapshot_with_missing_values_gives_the_same() {
    let folder = std::env::var("BANGFU_ENGINE_SNAPSHOT");
    let Ok(folder) = folder else { return };
    let pack = pack("bench/pack");
    let needs = bangfu_rules::needs::Needs::all(&pack);
    let reading = bangfu_rules::snapshot::read(Path::new(&folder), &pack, &needs, 16_800).unwrap();
    assert!(compare(&pack, &reading.frame, 2) > 1_000);
}
