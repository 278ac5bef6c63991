//! Rows → batches, in the columns of snapshots.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Int32Builder, Int64Builder, RecordBatch, StringBuilder,
};
use arrow::datatypes::{DataType, Field as ArrowField, Schema};
use bangfu_policy::model::{Entity, Field, FieldType, Pack, Register, RegisterId};

use super::raw::{self, Statement, Step};
use crate::database::{Dialect, Pool, copy_out};
use crate::scope::after;
use crate::{StoreError, schema};

enum Column {
    Text(StringBuilder),
    Integer(Int64Builder),
    Decimal(Decimal128Builder, u8),
    Date(Date32Builder),
    Boolean(BooleanBuilder),
}

/// The columns of a row.
trait Cells {
    fn text(&self, column: usize) -> Option<&str>;
    fn integer(&self, column: usize) -> Option<i64>;
}

impl Cells for Statement<'_> {
    fn text(&self, column: usize) -> Option<&str> {
        Statement::text(self, column)
    }

    fn integer(&self, column: usize) -> Option<i64> {
        Statement::integer(self, column)
    }
}

impl Cells for [Option<&[u8]>] {
    fn text(&self, column: usize) -> Option<&str> {
        self.get(column).copied().flatten().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    fn integer(&self, column: usize) -> Option<i64> {
        let bytes = self.get(column).copied().flatten()?;
        bytes.try_into().ok().map(i64::from_be_bytes)
    }
}

/// Records of a register below a division, sorted by division, parent and key. Secret fields are left out.
pub(crate) async fn read(
    pool: &Pool,
    pack: &Pack,
    register: RegisterId,
    prefix: &str,
) -> Result<RecordBatch, StoreError> {
    let register = &pack.registers[register.index()];
    let mut rows = Rows::new(register);
    match pool {
        Pool::Sqlite(pool) => {
            let mut connection = pool.acquire().await?;
            let mut handle = connection.lock_handle().await?;
            tokio::task::block_in_place(|| {
                let connection = raw::Connection::new(handle.as_raw_handle());
                let mut select = connection.prepare(&select(Dialect::Sqlite, pack, register, ("?1", "?2")))?;
                select.bind_text(1, Some(prefix));
                select.bind_text(2, Some(&after(prefix)));
                while select.step()? == Step::Row {
                    rows.push(&select);
                }
                Ok::<_, StoreError>(())
            })?;
        }
        Pool::Postgres(pool) => {
            // `copy` takes no arguments.
            let literal = |text: &str| format!("'{}'", text.replace('\'', "''"));
            let bounds = (literal(prefix), literal(&after(prefix)));
            let select = select(Dialect::Postgres, pack, register, (&bounds.0, &bounds.1));
            copy_out(&mut *pool.acquire().await?, &select, |fields| rows.push(fields)).await?;
        }
    }
    rows.finish(register)
}

fn select(dialect: Dialect, pack: &Pack, register: &Register, (from, to): (&str, &str)) -> String {
    let table = schema::table(register);
    let names: String = open(register).map(|field| format!(", t.\"{}\"", field.id)).collect();
    let (owner, join) = match register.parent {
        Entity::Register(parent) => {
            let parent = &pack.registers[parent.index()];
            (
                format!("p.{}", schema::key_column(parent)),
                format!(" join {} p on p._id = t._parent", schema::table(parent)),
            )
        }
        Entity::Level(_) => ("t._division".to_owned(), String::new()),
    };
    let key = register.key.and_then(|key| register.fields.get(key as usize));
    let last = dialect.sorted(&key.map_or("t._period".to_owned(), |key| format!("t.\"{}\"", key.id)), false);
    format!(
        "select cast({owner} as text), t._period{names} from {table} t{join} \
         where t._division >= {from} and t._division < {to} order by t._division, {owner}, {last}, t._id"
    )
}

/// The fields that are not secret.
fn open(register: &Register) -> impl Iterator<Item = &Field> {
    register.fields.iter().filter(|field| !field.secret)
}

/// Rows that become a batch.
struct Rows {
    owners: StringBuilder,
    periods: Int32Builder,
    columns: Vec<Column>,
}

impl Rows {
    fn new(register: &Register) -> Self {
        let columns = open(register)
            .map(|field| match field.ty {
                FieldType::Integer | FieldType::Year => Column::Integer(Int64Builder::new()),
                FieldType::Decimal(scale) => Column::Decimal(Decimal128Builder::new(), scale),
                FieldType::Money => Column::Decimal(Decimal128Builder::new(), 2),
                FieldType::Date => Column::Date(Date32Builder::new()),
                FieldType::Boolean => Column::Boolean(BooleanBuilder::new()),
                _ => Column::Text(StringBuilder::new()),
            })
            .collect();
        Self { owners: StringBuilder::new(), periods: Int32Builder::new(), columns }
    }

    fn push(&mut self, row: &(impl Cells + ?Sized)) {
        self.owners.append_option(row.text(0));
        self.periods.append_option(row.integer(1).map(|period| period as i32));
        for (index, column) in self.columns.iter_mut().enumerate() {
            let at = index + 2;
            match column {
                Column::Text(builder) => builder.append_option(row.text(at)),
                Column::Integer(builder) => builder.append_option(row.integer(at)),
                Column::Decimal(builder, _) => builder.append_option(row.integer(at).map(i128::from)),
                Column::Date(builder) => builder.append_option(row.integer(at).map(|day| day as i32)),
                Column::Boolean(builder) => builder.append_option(row.integer(at).map(|truth| truth != 0)),
            }
        }
    }

    fn finish(mut self, register: &Register) -> Result<RecordBatch, StoreError> {
        let mut schema_fields = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        let names = &register.columns;
        if let Some(name) = names.parent.as_ref().or(names.division.as_ref()) {
            schema_fields.push(ArrowField::new(name, DataType::Utf8, false));
            arrays.push(Arc::new(self.owners.finish()));
        }
        if let Some(name) = &names.period {
            schema_fields.push(ArrowField::new(name, DataType::Int32, false));
            arrays.push(Arc::new(self.periods.finish()));
        }
        for (field, column) in open(register).zip(&mut self.columns) {
            let array: ArrayRef = match column {
                Column::Text(builder) => Arc::new(builder.finish()),
                Column::Integer(builder) => Arc::new(builder.finish()),
                Column::Decimal(builder, scale) => {
                    Arc::new(builder.finish().with_precision_and_scale(18, *scale as i8)?)
                }
                Column::Date(builder) => Arc::new(builder.finish()),
                Column::Boolean(builder) => Arc::new(builder.finish()),
            };
            schema_fields.push(ArrowField::new(&field.id, array.data_type().clone(), true));
            arrays.push(array);
        }
        Ok(RecordBatch::try_new(Arc::new(Schema::new(schema_fields)), arrays)?)
    }
}
