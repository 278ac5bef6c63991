//! How many records have each value of a field.

use bangfu_policy::model::{FieldType, RegisterId, Value};

use crate::database::sql;
use crate::{ListQuery, Reader, StoreError, schema};

/// The records with one value of a field.
#[derive(Clone, Debug, PartialEq)]
pub struct Tally {
    /// The value; `None`: not filled in.
    pub value: Option<Value>,
    /// How many records.
    pub count: u64,
    /// Sum of another field over them, where it is filled in; in its smallest unit.
    pub sum: i64,
}

impl Reader {
    /// Counts the records of a query by a field, and adds another field up. Secret fields are not counted by.
    ///
    /// # Errors
    /// The field is secret or does not exist, the sum leaves 64 bits, or the database refuses.
    pub async fn tally(
        &self,
        register: RegisterId,
        query: &ListQuery,
        by: u16,
        sum: Option<u16>,
    ) -> Result<Vec<Tally>, StoreError> {
        let definition = self.register(register)?;
        let open = |n: u16| definition.fields.get(usize::from(n)).filter(|field| !field.secret);
        let field = open(by).ok_or_else(|| StoreError::Column(format!("{by}")))?;
        let Some(conditions) = self.conditions(register, query)? else { return Ok(Vec::new()) };
        let sum = sum.and_then(open).map_or_else(
            || "cast(0 as bigint)".to_owned(),
            |field| format!("cast(coalesce(sum(\"{}\"), 0) as bigint)", field.id),
        );
        let text = format!(
            "select \"{}\", count(*), {sum} from {}{} group by 1 order by {}",
            field.id,
            schema::table(definition),
            conditions.text,
            self.store.dialect().sorted("1", false)
        );
        let rows = sql(text).bind_all(conditions.arguments).fetch_all(&self.store.readers).await?;
        rows.iter()
            .map(|row| {
                let value = match field.ty {
                    FieldType::Code(list) => {
                        let text: Option<String> = row.try_get(0)?;
                        let codes = self.store.pack.codes.get(list.index());
                        let position = |text: String| codes?.values.iter().position(|code| code.code == text);
                        text.and_then(position).map(|position| Value::Integer(position as i64))
                    }
                    FieldType::Boolean => row.try_get::<Option<i64>, _>(0)?.map(|truth| Value::Boolean(truth != 0)),
                    ty if ty.is_text() => row.try_get::<Option<String>, _>(0)?.map(Value::Text),
                    _ => row.try_get::<Option<i64>, _>(0)?.map(Value::Integer),
                };
                Ok(Tally { value, count: row.try_get::<i64, _>(1)? as u64, sum: row.try_get(2)? })
            })
            .collect()
    }
}

/// The records of a division, or of those that begin with the same digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// The digits.
    pub division: String,
    /// How many records.
    pub count: u64,
    /// Sums of the fields that were asked for, in their smallest units.
    pub sums: Vec<i64>,
}

impl Reader {
    /// Counts the records of a query by the first digits of their division, and adds fields up.
    ///
    /// # Errors
    /// A field is secret or does not exist, a sum leaves 64 bits, or the database refuses.
    pub async fn totals(
        &self,
        register: RegisterId,
        query: &ListQuery,
        digits: usize,
        fields: &[u16],
    ) -> Result<Vec<Total>, StoreError> {
        let definition = self.register(register)?;
        let Some(conditions) = self.conditions(register, query)? else { return Ok(Vec::new()) };
        let mut sums = String::new();
        for at in fields {
            let field = definition.fields.get(usize::from(*at)).filter(|field| !field.secret);
            let field = field.ok_or_else(|| StoreError::Column(format!("{at}")))?;
            sums.push_str(&format!(", cast(coalesce(sum(\"{}\"), 0) as bigint)", field.id));
        }
        let text = format!(
            "select substr(_division, 1, {digits}), count(*){sums} from {}{} group by 1 order by 1",
            schema::table(definition),
            conditions.text
        );
        let rows = conditions.query(text).fetch_all(&self.store.readers).await?;
        let total = |row: &crate::database::Row| {
            let sums = (0..fields.len()).map(|n| row.try_get::<i64, _>(n + 2)).collect::<Result<_, _>>()?;
            Ok(Total { division: row.try_get(0)?, count: row.try_get::<i64, _>(1)? as u64, sums })
        };
        rows.iter().map(total).collect()
    }
}
