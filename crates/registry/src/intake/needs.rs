//! Columns that a file must have, whatever stands in its rows.

use bangfu_policy::model::{Entity, FieldRef, Pack, RegisterId, text_in};

use super::IntakeError;
use super::mapped::{Mapping, Target};
use super::reader::periodic;

/// Required fields of each register that the mapping fills, what its records belong to, and their period must have a
/// column or a constant.
pub(super) fn needs_columns(pack: &Pack, mapping: &Mapping, path: &str, language: &str) -> Result<(), IntakeError> {
    let missing = |column: String| Err(IntakeError::Column { path: path.to_owned(), column });
    let word = |zh: &str, en: &str| if language == "zh" { zh.to_owned() } else { en.to_owned() };
    let fields = mapping.fields();
    for (id, filled) in &fields {
        let Some(register) = pack.registers.get(id.index()) else { continue };
        let wanted = register.fields.iter().enumerate();
        // A register's own list may leave out what its records have already.
        let key = register.key.map(usize::from);
        let mut wanted = wanted.filter(|(index, field)| {
            let needed = field.required && (!mapping.partial || key == Some(*index));
            needed && !filled.contains(&(*index as u16))
        });
        if let Some((_, field)) = wanted.next() {
            return missing(format!("“{}”", text_in(&field.title, language)));
        }
    }
    let made = mapping.records.iter().map(|record| record.register);
    for id in fields.keys().copied().chain(made) {
        let Some(register) = pack.registers.get(id.index()) else { continue };
        match register.parent {
            Entity::Level(_) if !mapping.has(|t| matches!(t, Target::Division | Target::DivisionName(_))) => {
                return missing(word("行政区划代码（division）", "the division (division)"));
            }
            Entity::Register(parent) => {
                let key = key_of(pack, parent);
                let filled = key.is_some_and(|key| fields.get(&parent).is_some_and(|known| known.contains(&key.field)));
                let named = id == mapping.register && mapping.has(|target| matches!(target, Target::Parent));
                if !filled && !named {
                    let name = key.and_then(|key| pack.field(key)).map(|field| text_in(&field.title, language));
                    return missing(format!("“{}”", name.unwrap_or_default()));
                }
            }
            Entity::Level(_) => {}
        }
        if periodic(register.kind) && mapping.period.is_none() && !mapping.has(|t| matches!(t, Target::Period)) {
            return missing(word("年度（period）", "the year (period)"));
        }
    }
    Ok(())
}

fn key_of(pack: &Pack, register: RegisterId) -> Option<FieldRef> {
    let field = pack.registers.get(register.index())?.key?;
    Some(FieldRef { register, field })
}
