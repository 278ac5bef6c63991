//! One record evaluated as the registry holds it now, not as the last snapshot had it.

use std::collections::HashMap;

use bangfu_policy::model::{Entity, RegisterId};
use bangfu_rules::frame::Frame;
use bangfu_rules::needs::Needs;
use bangfu_rules::snapshot::{SnapshotError, from_batches};
use bangfu_store::{Scope, StoreError};

use crate::home::Home;

/// Why a record cannot be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum FreshError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its records do not make a frame.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// No such record.
    #[error("there is no {register} {key} in the registry, or it lies outside what you may see; check the number")]
    Absent {
        /// Register.
        register: String,
        /// Key.
        key: String,
    },
}

/// The neighbourhood of a record – all records of its division and those of the divisions above – and its row.
///
/// # Errors
/// There is no such record, or the store cannot be read.
pub async fn frame(
    home: &Home,
    scope: &Scope,
    register: RegisterId,
    key: &str,
    as_of: i32,
) -> Result<(Frame, usize), FreshError> {
    let reader = home.store.reader(scope);
    let id = home.pack.registers.get(register.index()).map(|register| register.id.clone()).unwrap_or_default();
    let absent = || FreshError::Absent { register: id.clone(), key: key.to_owned() };
    let record = reader.get(register, key).await?.ok_or_else(absent)?;
    // Facts of the divisions above belong to everyone below: they are read past the scope of the record.
    let above = home.store.reader(&Scope::everything());
    let mut batches = HashMap::new();
    for index in 0..home.pack.registers.len() {
        let other = RegisterId(index as u16);
        let level = match home.pack.registers[index].parent {
            Entity::Level(level) => home.pack.levels.get(level.index()).map(|level| level.digits),
            Entity::Register(_) => None,
        };
        let prefix = record.division.get(..level.unwrap_or(record.division.len())).unwrap_or(&record.division);
        batches.insert(other, vec![above.batch(other, prefix).await?]);
    }
    let frame = from_batches(&home.pack, &batches, &Needs::all(&home.pack), as_of)?.frame;
    let table = frame.tables.get(&Entity::Register(register));
    let row = table.and_then(|table| table.keys.iter().position(|known| known == key)).ok_or_else(absent)?;
    Ok((frame, row))
}
