//! Headers as the pack knows them: titles in any language, ids of fields, columns of the national export.

use bangfu_policy::model::{Entity, FieldRef, Pack, RegisterId};

use super::mapped::{FieldUse, Target};
use crate::exchange::columns::{self, Part};

/// What a header means in a list of one register; the inner none: known, and nothing is read from it.
#[expect(clippy::option_option, reason = "unknown, known and skipped, known and read are three answers")]
pub(super) fn recognised(pack: &Pack, register: RegisterId, cell: &str) -> Option<Option<Target>> {
    let cell = cell.trim().trim_end_matches('*').trim();
    let field = |field: u16| Target::Field(FieldUse::whole(FieldRef { register, field }));
    match columns::known(pack, register, cell) {
        Some(Part::Field(index)) => return Some(Some(field(index))),
        Some(Part::Period) => return Some(Some(Target::Period)),
        Some(Part::Place) => return Some(None),
        Some(Part::Owner) => {
            let of_register = matches!(pack.registers.get(register.index())?.parent, Entity::Register(_));
            return Some(Some(if of_register { Target::Parent } else { Target::Division }));
        }
        None => {}
    }
    otherwise(pack, register, cell).map(Some)
}

/// Headers of older lists.
fn otherwise(pack: &Pack, register: RegisterId, cell: &str) -> Option<Target> {
    let definition = pack.registers.get(register.index())?;
    let found = definition.fields.iter().position(|field| {
        field.id == cell || field.title.values().any(|title| title == cell) || field.national.as_deref() == Some(cell)
    });
    if let Some(index) = found {
        return Some(Target::Field(FieldUse::whole(FieldRef { register, field: index as u16 })));
    }
    let columns = &definition.columns;
    if columns.parent.as_deref() == Some(cell) || parent_title(pack, definition.parent, cell) {
        return matches!(definition.parent, Entity::Register(_)).then_some(Target::Parent);
    }
    if columns.division.as_deref() == Some(cell) || ["行政区划代码", "行政区划", "Division code"].contains(&cell)
    {
        return Some(Target::Division);
    }
    if columns.period.as_deref() == Some(cell) || ["数据年度", "年度", "Year", "Period", "AAR040"].contains(&cell)
    {
        return Some(Target::Period);
    }
    None
}

fn parent_title(pack: &Pack, parent: Entity, cell: &str) -> bool {
    let Entity::Register(parent) = parent else { return false };
    let key = pack.registers.get(parent.index()).and_then(|register| register.fields.get(register.key? as usize));
    key.is_some_and(|field| field.title.values().any(|title| title == cell) || field.national.as_deref() == Some(cell))
}
