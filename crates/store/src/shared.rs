//! Truths that the system keeps beside records: another record of the register holds the same value.
//!
//! Equal texts of a secret field are equal bytes, so nothing is opened here. Only records of which something is shared
//! have such a record; it is replaced as a whole when anything about it changed.

use bangfu_policy::model::{Entity, Register, RegisterId};
use serde_json::json;

use crate::change::Change;
use crate::database::sql;
use crate::{StoreError, schema};

/// Refuses a change by hand of what the system keeps.
pub(crate) fn by_hand(register: &Register) -> Result<(), StoreError> {
    if register.kept_by_system() { Err(StoreError::Kept(register.id.clone())) } else { Ok(()) }
}

impl Change {
    /// Brings a register that the system keeps up to date; records in it, or `None` when nothing changed.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn keep_shared(&mut self, register: RegisterId) -> Result<Option<u64>, StoreError> {
        let definition = self.register(register)?.clone();
        let Entity::Register(above) = definition.parent else { return Ok(None) };
        let above = schema::table(self.register(above)?);
        let table = schema::table(&definition);
        let kept = definition.fields.iter().filter_map(|field| Some((field.id.as_str(), field.shared.as_ref()?)));
        let (mut names, mut truths, mut differ) = (String::new(), Vec::new(), String::new());
        for (id, shared) in kept {
            let others = if shared.apart { "count(distinct _parent)" } else { "count(*)" };
            let own = &shared.field;
            truths.push(format!(
                "case when \"{own}\" in (select \"{own}\" from {above} where \"{own}\" is not null \
                 group by \"{own}\" having {others} > 1) then 1 else 0 end as \"{id}\""
            ));
            names.push_str(&format!(", \"{id}\""));
            differ.push_str(&format!(" or t.\"{id}\" is distinct from w.\"{id}\""));
        }
        let any =
            definition.fields.iter().map(|field| format!("\"{}\" = 1", field.id)).collect::<Vec<_>>().join(" or ");
        let connection = &mut *self.connection;
        connection.run("drop table if exists shared_now").await?;
        let found = format!(
            "create temp table shared_now as \
             select * from (select _id as record, _division as place, {} from {above}) as every where {any}",
            truths.join(", ")
        );
        connection.run(found).await?;
        let changed = format!(
            "select (select count(*) from shared_now) as kept, \
             exists (select 1 from shared_now w left join {table} t on t._parent = w.record where t._id is null{differ}) \
             or exists (select 1 from {table} t where t._parent not in (select record from shared_now)) as changed"
        );
        let row = sql(changed).fetch_one(&mut *connection).await?;
        let (kept, changed): (i64, bool) = (row.try_get("kept")?, row.try_get("changed")?);
        if changed {
            let seq = self.seq + 1;
            connection.run(format!("delete from {table}")).await?;
            connection
                .run(format!(
                    "insert into {table} (_id, _version, _parent, _division, _changed{names}) \
                     select row_number() over (order by record), 1, record, place, {seq}{names} from shared_now"
                ))
                .await?;
        }
        self.connection.run("drop table shared_now").await?;
        if !changed {
            return Ok(None);
        }
        let root = self.store.pack.policy.root.clone();
        self.enter("keep", &definition.id, None, &root, json!({ "kept": kept }).to_string()).await?;
        self.touch(&definition, &root, self.seq).await?;
        Ok(Some(kept.unsigned_abs()))
    }
}
