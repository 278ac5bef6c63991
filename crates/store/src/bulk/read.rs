//! Rows → batches, in the columns of snapshots.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Int32Builder, Int64Builder, RecordBatch, StringBuilder,
};
use arrow::datatypes::{DataType, Field as ArrowField, Schema};
use bangfu_policy::model::{Entity, FieldType, Pack, RegisterId};
use sqlx::sqlite::LockedSqliteHandle;

use super::raw::{Connection, Step};
use crate::scope::after;
use crate::{StoreError, schema};

enum Column {
    Text(StringBuilder),
    Integer(Int64Builder),
    Decimal(Decimal128Builder, u8),
    Date(Date32Builder),
    Boolean(BooleanBuilder),
}

/// Records of a register below a division, sorted by division, parent and key. Secret fields are left out.
pub(crate) fn read(
    handle: &mut LockedSqliteHandle<'_>,
    pack: &Pack,
    register: RegisterId,
    prefix: &str,
) -> Result<RecordBatch, StoreError> {
    let connection = Connection::new(handle.as_raw_handle());
    let register = &pack.registers[register.index()];
    let table = schema::table(register);
    let fields: Vec<_> = register.fields.iter().filter(|field| !field.secret).collect();
    let names: String = fields.iter().map(|field| format!(", t.\"{}\"", field.id)).collect();
    let (owner, join, order) = match register.parent {
        Entity::Register(parent) => {
            let parent = &pack.registers[parent.index()];
            let key = parent.key.and_then(|key| parent.fields.get(key as usize)).map_or("_id", |key| key.id.as_str());
            (
                format!("p.\"{key}\""),
                format!(" join {} p on p._id = t._parent", schema::table(parent)),
                format!("p.\"{key}\""),
            )
        }
        Entity::Level(_) => ("t._division".to_owned(), String::new(), "t._division".to_owned()),
    };
    let key = register.key.and_then(|key| register.fields.get(key as usize));
    let last = key.map_or("t._period".to_owned(), |key| format!("t.\"{}\"", key.id));
    let mut select = connection.prepare(&format!(
        "select {owner}, t._period{names} from {table} t{join} where t._division >= ?1 and t._division < ?2 \
         order by t._division, {order}, {last}"
    ))?;
    select.bind_text(1, Some(prefix));
    select.bind_text(2, Some(&after(prefix)));
    let mut columns: Vec<Column> = fields
        .iter()
        .map(|field| match field.ty {
            FieldType::Integer | FieldType::Year => Column::Integer(Int64Builder::new()),
            FieldType::Decimal(scale) => Column::Decimal(Decimal128Builder::new(), scale),
            FieldType::Money => Column::Decimal(Decimal128Builder::new(), 2),
            FieldType::Date => Column::Date(Date32Builder::new()),
            FieldType::Boolean => Column::Boolean(BooleanBuilder::new()),
            _ => Column::Text(StringBuilder::new()),
        })
        .collect();
    let (mut owners, mut periods) = (StringBuilder::new(), Int32Builder::new());
    while select.step()? == Step::Row {
        owners.append_option(select.text(0));
        periods.append_option(select.integer(1).map(|period| period as i32));
        for (index, column) in columns.iter_mut().enumerate() {
            let at = index + 2;
            match column {
                Column::Text(builder) => builder.append_option(select.text(at)),
                Column::Integer(builder) => builder.append_option(select.integer(at)),
                Column::Decimal(builder, _) => builder.append_option(select.integer(at).map(i128::from)),
                Column::Date(builder) => builder.append_option(select.integer(at).map(|day| day as i32)),
                Column::Boolean(builder) => builder.append_option(select.integer(at).map(|truth| truth != 0)),
            }
        }
    }
    let mut schema_fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    let names = &register.columns;
    if let Some(name) = names.parent.as_ref().or(names.division.as_ref()) {
        schema_fields.push(ArrowField::new(name, DataType::Utf8, false));
        arrays.push(Arc::new(owners.finish()));
    }
    if let Some(name) = &names.period {
        schema_fields.push(ArrowField::new(name, DataType::Int32, false));
        arrays.push(Arc::new(periods.finish()));
    }
    for (field, column) in fields.iter().zip(&mut columns) {
        let array: ArrayRef = match column {
            Column::Text(builder) => Arc::new(builder.finish()),
            Column::Integer(builder) => Arc::new(builder.finish()),
            Column::Decimal(builder, scale) => Arc::new(builder.finish().with_precision_and_scale(18, *scale as i8)?),
            Column::Date(builder) => Arc::new(builder.finish()),
            Column::Boolean(builder) => Arc::new(builder.finish()),
        };
        schema_fields.push(ArrowField::new(&field.id, array.data_type().clone(), true));
        arrays.push(array);
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(schema_fields)), arrays)?)
}
