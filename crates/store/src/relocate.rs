//! Records that come to belong elsewhere, with everything that belongs to them.

use bangfu_policy::model::{Entity, Register, RegisterId};
use serde_json::json;

use crate::database::sql;
use crate::edit::{Owner, taken};
use crate::{Change, RecordId, StoreError, schema};

impl Change {
    /// Gives a record another owner: what belongs to it, and cases about any of it, go along. `version` is that of the
    /// record as it was shown.
    ///
    /// # Errors
    /// The owner does not exist, someone else was faster, the old or new place lies outside the scope, the owner has
    /// such a record already and may have only one, or the database refuses.
    pub async fn relocate(
        &mut self,
        register: RegisterId,
        (id, version): (RecordId, i64),
        owner: &Owner,
    ) -> Result<(), StoreError> {
        let definition = self.register(register)?.clone();
        let row = self.found(register, &definition, id, version).await?;
        let (old_parent, old): (Option<i64>, String) = (row.try_get("_parent")?, row.try_get("_division")?);
        let (parent, new) = self.owner(&definition, owner).await?;
        self.scope.permit(register, &new)?;
        let seq = self.seq + 1;
        let text = format!(
            "update {} set _parent = ?, _division = ?, _version = _version + 1, _changed = ? where _id = ?",
            schema::table(&definition)
        );
        let update = sql(text).bind(parent.map(|id| id.0)).bind(&new).bind(seq).bind(id.0);
        update.attempt(&mut self.connection).await.map_err(|error| taken(error, &definition))?;
        for division in [&old, &new] {
            self.touch(&definition, division, seq).await?;
        }
        if old != new {
            self.follow(register, id, (&old, &new)).await?;
        }
        let side = |parent: Option<i64>, division: &str| json!({ "parent": parent, "division": division });
        let body = json!({ "before": side(old_parent, &old), "after": side(parent.map(|id| id.0), &new) });
        self.enter("move", &definition.id, Some(id), &old, body.to_string()).await?;
        // Whoever looks after the new place reads entries of that place.
        if old != new {
            self.enter("move", &definition.id, Some(id), &new, body.to_string()).await?;
        }
        Ok(())
    }

    /// What belongs to a record, and cases, lie where it lies now.
    async fn follow(&mut self, register: RegisterId, id: RecordId, (old, new): (&str, &str)) -> Result<(), StoreError> {
        let (pack, seq) = (self.store.pack.clone(), self.seq + 1);
        // Registers with the condition for those of their records that belong to the one that moved.
        let mut below: Vec<(RegisterId, String)> = vec![(register, "_id = ?".to_owned())];
        let mut at = 0;
        while let Some((above, condition)) = below.get(at).cloned() {
            let Some(definition) = pack.registers.get(above.index()) else { break };
            let table = schema::table(definition);
            let of = |other: &&(usize, &Register)| other.1.parent == Entity::Register(above);
            let all: Vec<(usize, &Register)> = pack.registers.iter().enumerate().collect();
            let children = all.iter().filter(of);
            below.extend(children.map(|(n, _)| {
                (RegisterId(*n as u16), format!("_parent in (select _id from {table} where {condition})"))
            }));
            // The record itself moved before.
            if at > 0 {
                let text = format!("update {table} set _division = ?, _changed = ? where {condition}");
                let moved = sql(text).bind(new).bind(seq).bind(id.0).execute(&mut *self.connection).await?;
                if moved > 0 {
                    for division in [old, new] {
                        self.touch(definition, division, seq).await?;
                    }
                }
            }
            let text = format!(
                "update name_token set division = ? where register = ? and record in (select _id from {table} where {condition})"
            );
            if definition.label.is_some() {
                sql(text).bind(new).bind(&definition.id).bind(id.0).execute(&mut *self.connection).await?;
            }
            let text = format!(
                "update case_file set division = ? where subject = ? and record in (select _id from {table} where {condition})"
            );
            sql(text).bind(new).bind(&definition.id).bind(id.0).execute(&mut *self.connection).await?;
            at += 1;
        }
        Ok(())
    }
}
