//! Rows of checked values → Arrow batches in the columns of a register.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Decimal128Builder, Int32Builder, Int64Builder, RecordBatch, StringBuilder,
};
use arrow::datatypes::{DataType, Field as ArrowField, Schema};
use arrow::error::ArrowError;
use bangfu_policy::model::{Field, FieldType, Pack, RegisterId, Value};

/// Collects rows of one register. Columns: parent key or division, period, then fields – secret ones included, which
/// the store needs and no snapshot has.
pub struct BatchBuilder<'p> {
    pack: &'p Pack,
    register: RegisterId,
    owner: StringBuilder,
    period: Int32Builder,
    /// Position of each field, and its values.
    columns: Vec<(usize, Column)>,
    rows: usize,
}

enum Column {
    Text(StringBuilder),
    Code(StringBuilder),
    Integer(Int64Builder),
    Decimal(Decimal128Builder, u8),
    Date(Date32Builder),
    Boolean(BooleanBuilder),
}

impl<'p> BatchBuilder<'p> {
    /// An empty batch of all fields of a register.
    pub fn new(pack: &'p Pack, register: RegisterId) -> Self {
        Self::of_fields(pack, register, |_| true)
    }

    /// An empty batch of some fields of a register, chosen by position. The store leaves the others as they are.
    pub fn of_fields(pack: &'p Pack, register: RegisterId, chosen: impl Fn(usize) -> bool) -> Self {
        let fields =
            pack.registers.get(register.index()).map(|register| register.fields.as_slice()).unwrap_or_default();
        let column = |field: &Field| match field.ty {
            FieldType::Integer | FieldType::Year => Column::Integer(Int64Builder::new()),
            FieldType::Decimal(scale) => Column::Decimal(Decimal128Builder::new(), scale),
            FieldType::Money => Column::Decimal(Decimal128Builder::new(), 2),
            FieldType::Date => Column::Date(Date32Builder::new()),
            FieldType::Boolean => Column::Boolean(BooleanBuilder::new()),
            FieldType::Code(_) => Column::Code(StringBuilder::new()),
            _ => Column::Text(StringBuilder::new()),
        };
        let columns = fields.iter().enumerate().filter(|(index, _)| chosen(*index));
        let columns = columns.map(|(index, field)| (index, column(field))).collect();
        Self { pack, register, owner: StringBuilder::new(), period: Int32Builder::new(), columns, rows: 0 }
    }

    /// Number of rows so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Adds a row. `owner` is the parent's key, or the division code; `value` gives the value of a field by position.
    pub fn push<'v>(&mut self, owner: &str, period: Option<i32>, mut value: impl FnMut(usize) -> Option<&'v Value>) {
        self.owner.append_value(owner);
        self.period.append_option(period);
        let fields = self.pack.registers.get(self.register.index()).map(|r| r.fields.as_slice()).unwrap_or_default();
        for (index, column) in &mut self.columns {
            let Some(field) = fields.get(*index) else { continue };
            match (column, value(*index)) {
                (Column::Text(column), Some(Value::Text(text))) => column.append_value(text),
                (Column::Integer(column), Some(Value::Integer(number))) => column.append_value(*number),
                (Column::Decimal(column, _), Some(Value::Integer(number))) => column.append_value(i128::from(*number)),
                (Column::Date(column), Some(Value::Integer(day))) => column.append_value(*day as i32),
                (Column::Boolean(column), Some(Value::Boolean(truth))) => column.append_value(*truth),
                (Column::Code(column), Some(Value::Integer(position))) => {
                    column.append_option(code_text(self.pack, field.ty, *position));
                }
                (Column::Text(column) | Column::Code(column), _) => column.append_null(),
                (Column::Integer(column), _) => column.append_null(),
                (Column::Decimal(column, _), _) => column.append_null(),
                (Column::Date(column), _) => column.append_null(),
                (Column::Boolean(column), _) => column.append_null(),
            }
        }
        self.rows += 1;
    }

    /// The rows so far as a batch; the builder is empty again.
    ///
    /// # Errors
    /// A column does not fit the others; cannot happen with rows added by `push`.
    pub fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let register = self.pack.registers.get(self.register.index());
        let mut schema = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        let Some(register) = register else { return Ok(RecordBatch::new_empty(Arc::new(Schema::empty()))) };
        let owner: ArrayRef = Arc::new(self.owner.finish());
        if let Some(name) = register.columns.parent.as_ref().or(register.columns.division.as_ref()) {
            schema.push(ArrowField::new(name, DataType::Utf8, false));
            arrays.push(owner);
        }
        let period: ArrayRef = Arc::new(self.period.finish());
        if let Some(name) = &register.columns.period {
            schema.push(ArrowField::new(name, DataType::Int32, false));
            arrays.push(period);
        }
        for (index, column) in &mut self.columns {
            let Some(field) = register.fields.get(*index) else { continue };
            let array: ArrayRef = match column {
                Column::Text(column) | Column::Code(column) => Arc::new(column.finish()),
                Column::Integer(column) => Arc::new(column.finish()),
                Column::Decimal(column, scale) => Arc::new(column.finish().with_precision_and_scale(18, *scale as i8)?),
                Column::Date(column) => Arc::new(column.finish()),
                Column::Boolean(column) => Arc::new(column.finish()),
            };
            schema.push(ArrowField::new(&field.id, array.data_type().clone(), true));
            arrays.push(array);
        }
        self.rows = 0;
        RecordBatch::try_new(Arc::new(Schema::new(schema)), arrays)
    }
}

fn code_text(pack: &Pack, ty: FieldType, position: i64) -> Option<&str> {
    let FieldType::Code(list) = ty else { return None };
    let codes = pack.codes.get(list.index())?;
    usize::try_from(position).ok().and_then(|position| codes.values.get(position)).map(|code| code.code.as_str())
}
