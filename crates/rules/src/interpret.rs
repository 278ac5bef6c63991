//! The scalar interpreter: one node for one record, exactly as the formula graph is defined.
//!
//! It is the oracle of the vector engine and the ground of explanations, so it is written for clarity: every rule
//! of missing values stands in one place. Values are memoised; the work list is kept on the heap, so that a formula
//! of any depth cannot overflow the stack. It knows no texts but those it compares with.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use bangfu_policy::arithmetic::{self, ArithmeticError};
use bangfu_policy::ir::{Aggregate, ExprId, Op, Rounding, Scalar, Type};
use bangfu_policy::model::{Entity, FieldRef, LevelId, Pack, ParameterId, ParameterRow, VariableId};
use bangfu_policy::period;

use crate::frame::{Bitmap, Column, Frame, Lanes, Table};

/// An evaluation that has no result: an overflow or a division by zero, for one record.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{entity} {key}, {formula}: {kind}; guard the formula, for instance with nullif(x, 0) or a case arm, or correct the record"
)]
pub struct EvaluationError {
    /// Id of the entity.
    pub entity: String,
    /// Key of the record, or division code.
    pub key: String,
    /// The variable in whose formula it happened; empty if outside of every variable.
    pub formula: String,
    /// What happened.
    pub kind: ArithmeticError,
}

/// Evaluates nodes over a frame, record by record.
pub struct Interpreter<'a> {
    pack: &'a Pack,
    frame: &'a Frame,
    overrides: HashMap<ParameterId, Scalar>,
    inputs: HashMap<(FieldRef, i32, usize), Scalar>,
    memo: HashMap<u64, Scalar, BuildHasherDefault<Mixer>>,
    stack: Vec<(ExprId, usize)>,
}

/// Keys are node and row packed into one word: one multiplication mixes them well enough.
#[derive(Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

/// A node that cannot be computed yet, or never.
enum Stop {
    /// Operands were put on the stack.
    Wait,
    /// No result.
    Failed(ArithmeticError),
}

impl From<ArithmeticError> for Stop {
    fn from(error: ArithmeticError) -> Self {
        Self::Failed(error)
    }
}

impl<'a> Interpreter<'a> {
    /// An interpreter over a frame, with parameters set to other values (tables: every entry).
    pub fn new(pack: &'a Pack, frame: &'a Frame, overrides: &[(ParameterId, Scalar)]) -> Self {
        Self {
            pack,
            frame,
            overrides: overrides.iter().copied().collect(),
            inputs: HashMap::new(),
            memo: HashMap::default(),
            stack: Vec::new(),
        }
    }

    /// Lets one stored value be another; forgets what was computed.
    pub fn set_input(&mut self, field: FieldRef, shift: i32, row: usize, value: Scalar) {
        self.inputs.insert((field, shift, row), value);
        self.memo.clear();
    }

    /// Lets all stored values be as in the frame again.
    pub fn clear_inputs(&mut self) {
        self.inputs.clear();
        self.memo.clear();
    }

    /// Lets a node of a row have a value, whatever its formula says; forgets what was computed and pinned before.
    pub fn pin(&mut self, node: ExprId, row: usize, value: Scalar) {
        self.inputs.clear();
        self.memo.clear();
        match &self.pack.graph[node].op {
            Op::Field { field, shift } => {
                self.inputs.insert((*field, *shift, row), value);
            }
            _ => {
                self.memo.insert(self.key(node, row), value);
            }
        }
    }

    /// Lets all nodes have the values of their formulas again.
    pub fn unpin(&mut self) {
        self.clear_inputs();
    }

    /// Lets a parameter be another; forgets what was computed. `None`: as in the pack.
    pub fn set_parameter(&mut self, parameter: ParameterId, value: Option<Scalar>) {
        match value {
            Some(value) => self.overrides.insert(parameter, value),
            None => self.overrides.remove(&parameter),
        };
        self.memo.clear();
    }

    /// The value that a parameter was set to.
    pub fn parameter_override(&self, parameter: ParameterId) -> Option<Scalar> {
        self.overrides.get(&parameter).copied()
    }

    /// Value of a variable for a row of its entity.
    ///
    /// # Errors
    /// An overflow or an unguarded division by zero, with record and formula.
    pub fn variable(&mut self, variable: VariableId, row: usize) -> Result<Scalar, EvaluationError> {
        let Some(definition) = self.pack.variables.get(variable.index()) else { return Ok(Scalar::Missing) };
        self.value(definition.root, row).map_err(|mut error| {
            if error.formula.is_empty() {
                error.formula.clone_from(&definition.id);
            }
            error
        })
    }

    /// Value of a node for a row of its entity (any row for constants of the run).
    ///
    /// # Errors
    /// An overflow or an unguarded division by zero, with record and formula.
    pub fn value(&mut self, node: ExprId, row: usize) -> Result<Scalar, EvaluationError> {
        if let Some(value) = self.known(node, row) {
            return Ok(value);
        }
        self.stack.clear();
        self.stack.push((node, row));
        while let Some(&(id, at)) = self.stack.last() {
            if self.known(id, at).is_some() {
                self.stack.pop();
                continue;
            }
            match self.step(id, at) {
                Ok(value) => {
                    self.memo.insert(self.key(id, at), value);
                    self.stack.pop();
                }
                Err(Stop::Wait) => {}
                Err(Stop::Failed(kind)) => return Err(self.error(id, at, kind)),
            }
        }
        Ok(self.known(node, row).unwrap_or(Scalar::Missing))
    }

    fn key(&self, node: ExprId, row: usize) -> u64 {
        let row = if self.pack.graph[node].entity.is_some() { row as u64 } else { 0 };
        u64::from(node.0) << 32 | row
    }

    /// The value if it needs no computation: leaves and what was computed before.
    fn known(&self, node: ExprId, row: usize) -> Option<Scalar> {
        let definition = &self.pack.graph[node];
        match &definition.op {
            Op::Literal(value) => Some(*value),
            Op::AsOf { shift } => Some(Scalar::Integer(self.day(*shift))),
            Op::Field { field, shift } => Some(self.field(definition.entity, *field, *shift, row)),
            Op::Period { register, shift } => {
                let kind = self.pack.registers.get(register.index())?.kind;
                let current = period::current(kind, self.frame.as_of);
                Some(Scalar::Integer(i64::from(period::shifted(kind, current, *shift))))
            }
            _ => self.memo.get(&self.key(node, row)).copied(),
        }
    }

    fn day(&self, shift: i32) -> i64 {
        i64::from(period::shift_day(self.frame.as_of, shift))
    }

    fn table(&self, entity: Option<Entity>) -> Option<&'a Table> {
        self.frame.tables.get(&entity?)
    }

    fn field(&self, entity: Option<Entity>, field: FieldRef, shift: i32, row: usize) -> Scalar {
        if !self.inputs.is_empty()
            && let Some(value) = self.inputs.get(&(field, shift, row))
        {
            return *value;
        }
        let column = self.table(entity).and_then(|table| table.columns.get(&(field, shift)));
        column.map_or(Scalar::Missing, |column| stored(column, row))
    }

    /// An operand at the same row, put on the stack when it is not known yet.
    fn at(&mut self, node: ExprId, row: usize) -> Result<Scalar, Stop> {
        self.known(node, row).ok_or_else(|| {
            self.stack.push((node, row));
            Stop::Wait
        })
    }

    /// Operands at the same row; all unknown ones are put on the stack at once.
    fn all(&mut self, nodes: &[ExprId], row: usize) -> Result<Vec<Scalar>, Stop> {
        let values: Vec<_> = nodes.iter().map(|node| self.at(*node, row)).collect();
        values.into_iter().collect()
    }

    fn pair(&mut self, a: ExprId, b: ExprId, row: usize) -> Result<Option<(i64, i64)>, Stop> {
        let (a, b) = (self.at(a, row), self.at(b, row));
        Ok(integer(a?).zip(integer(b?)))
    }

    fn step(&mut self, id: ExprId, row: usize) -> Result<Scalar, Stop> {
        let pack = self.pack;
        let node = &pack.graph[id];
        let number = |value: Option<i64>| value.map_or(Scalar::Missing, Scalar::Integer);
        let truth = |value: Option<bool>| value.map_or(Scalar::Missing, Scalar::Boolean);
        Ok(match &node.op {
            Op::Literal(_) | Op::Field { .. } | Op::Period { .. } | Op::AsOf { .. } => {
                self.known(id, row).unwrap_or(Scalar::Missing)
            }
            Op::Parameter { parameter, key, class, shift } => {
                let key = key.map(|key| self.at(key, row));
                let class = class.map(|class| self.at(class, row));
                let key = key.transpose()?;
                let class = class.transpose()?.and_then(integer);
                self.parameter(*parameter, node.entity, row, key, class, *shift)
            }
            Op::Variable { value, .. } => self.at(*value, row)?,
            Op::Broadcast { value, from } => match self.ancestor(node.entity, row, *from) {
                Some(above) => self.at(*value, above)?,
                None => Scalar::Missing,
            },
            Op::Aggregate { function, over, value, filter } => {
                self.aggregate(*function, node.entity, row, *over, *value, *filter)?
            }
            Op::Add(a, b) | Op::AddDays(a, b) => match self.pair(*a, *b, row)? {
                Some((a, b)) => number(Some(a.checked_add(b).ok_or(ArithmeticError::Overflow)?)),
                None => Scalar::Missing,
            },
            Op::Subtract(a, b) => match self.pair(*a, *b, row)? {
                Some((a, b)) => number(Some(a.checked_sub(b).ok_or(ArithmeticError::Overflow)?)),
                None => Scalar::Missing,
            },
            Op::Multiply(a, b) => match self.pair(*a, *b, row)? {
                Some((a, b)) => number(Some(a.checked_mul(b).ok_or(ArithmeticError::Overflow)?)),
                None => Scalar::Missing,
            },
            Op::Divide { numerator, denominator, shift, rounding } => match self.pair(*numerator, *denominator, row)? {
                Some((a, b)) => number(Some(arithmetic::divide(a, b, *shift, *rounding)?)),
                None => Scalar::Missing,
            },
            Op::Rescale { value, rounding } => {
                let (from, to) = (scale(pack.graph[*value].ty), scale(node.ty));
                match integer(self.at(*value, row)?) {
                    Some(value) => number(Some(rescaled(value, from, to, *rounding)?)),
                    None => Scalar::Missing,
                }
            }
            Op::Negate(a) => match integer(self.at(*a, row)?) {
                Some(a) => number(Some(a.checked_neg().ok_or(ArithmeticError::Overflow)?)),
                None => Scalar::Missing,
            },
            Op::Absolute(a) => match integer(self.at(*a, row)?) {
                Some(a) => number(Some(a.checked_abs().ok_or(ArithmeticError::Overflow)?)),
                None => Scalar::Missing,
            },
            Op::Least(parts) => {
                let parts: Option<Vec<_>> = self.all(parts, row)?.into_iter().map(integer).collect();
                number(parts.and_then(|parts| parts.into_iter().min()))
            }
            Op::Greatest(parts) => {
                let parts: Option<Vec<_>> = self.all(parts, row)?.into_iter().map(integer).collect();
                number(parts.and_then(|parts| parts.into_iter().max()))
            }
            Op::Coalesce(parts) => {
                let parts = self.all(parts, row)?;
                parts.into_iter().find(|part| *part != Scalar::Missing).unwrap_or(Scalar::Missing)
            }
            Op::NullIf(a, b) => {
                let (a, b) = (self.at(*a, row), self.at(*b, row));
                let (a, b) = (a?, b?);
                if a == b { Scalar::Missing } else { a }
            }
            Op::Compare(comparison, a, b) => {
                let (a, b) = (self.at(*a, row), self.at(*b, row));
                // Booleans compare as 0 and 1.
                let both = ordinal(a?).zip(ordinal(b?));
                truth(both.map(|(a, b)| arithmetic::compare(*comparison, a, b)))
            }
            Op::CompareQuotient { comparison, numerator, denominator, right } => {
                let both = self.pair(*numerator, *denominator, row);
                let right = self.at(*right, row);
                match both?.zip(integer(right?)) {
                    Some(((a, b), right)) => truth(Some(arithmetic::compare_quotient(*comparison, a, b, right)?)),
                    None => Scalar::Missing,
                }
            }
            Op::In(a, list) => truth(ordinal(self.at(*a, row)?).map(|a| list.binary_search(&a).is_ok())),
            Op::TextIn(a, list) => truth(self.text(*a, row).map(|text| list.iter().any(|literal| literal == text))),
            Op::IsMissing(a) => {
                let missing = match pack.graph[*a].ty {
                    Type::Text => self.text(*a, row).is_none(),
                    _ => self.at(*a, row)? == Scalar::Missing,
                };
                Scalar::Boolean(missing)
            }
            Op::IsTruth(a, wanted) => Scalar::Boolean(self.at(*a, row)? == Scalar::Boolean(*wanted)),
            Op::Not(a) => truth(boolean(self.at(*a, row)?).map(|a| !a)),
            Op::And(parts) => truth(kleene_and(self.all(parts, row)?.into_iter().map(boolean))),
            Op::Or(parts) => truth(kleene_or(self.all(parts, row)?.into_iter().map(boolean))),
            Op::Case { arms, otherwise } => {
                // Arms are looked at one by one, so that those not taken are never computed.
                for (condition, value) in arms {
                    match boolean(self.at(*condition, row)?) {
                        None => return Ok(Scalar::Missing),
                        Some(true) => return self.at(*value, row),
                        Some(false) => {}
                    }
                }
                self.at(*otherwise, row)?
            }
            Op::Age { birth, on } => number(self.pair(*birth, *on, row)?.map(|(a, b)| arithmetic::age(a, b))),
            Op::Months { from, to } => {
                number(self.pair(*from, *to, row)?.map(|(a, b)| arithmetic::months_between(a, b)))
            }
            Op::DatePart(part, a) => number(integer(self.at(*a, row)?).map(|day| arithmetic::date_part(*part, day))),
            Op::AddMonths(a, b) => match self.pair(*a, *b, row)? {
                Some((day, months)) => number(Some(arithmetic::add_months(day, months)?)),
                None => Scalar::Missing,
            },
            Op::MakeDate(y, m, d) => {
                let parts = self.all(&[*y, *m, *d], row)?;
                let parts: Option<Vec<_>> = parts.into_iter().map(integer).collect();
                match parts.as_deref() {
                    Some([y, m, d]) => number(arithmetic::make_date(*y, *m, *d)),
                    _ => Scalar::Missing,
                }
            }
        })
    }

    fn parameter(
        &self,
        parameter: ParameterId,
        entity: Option<Entity>,
        row: usize,
        key: Option<Scalar>,
        class: Option<i64>,
        shift: i32,
    ) -> Scalar {
        let key = match key {
            Some(Scalar::Missing) => return Scalar::Missing,
            Some(value) => ordinal(value),
            None => None,
        };
        if let Some(value) = self.overrides.get(&parameter) {
            return *value;
        }
        let Some(found) = self.parameter_row(parameter, entity, row, class, shift) else { return Scalar::Missing };
        // An unknown class leaves the value unknown, unless a division's own row decides.
        let classes = self.pack.parameters.get(parameter.index()).is_some_and(|p| p.class.is_some() && p.has_classes());
        if key.is_none() && classes && class.is_none() && found.division.is_none() {
            return Scalar::Missing;
        }
        match key {
            Some(key) => {
                usize::try_from(key).ok().and_then(|key| found.table.get(key).copied()).unwrap_or(Scalar::Missing)
            }
            None => found.value,
        }
    }

    /// The row of a parameter that is in force for a record.
    pub fn parameter_row(
        &self,
        parameter: ParameterId,
        entity: Option<Entity>,
        row: usize,
        class: Option<i64>,
        shift: i32,
    ) -> Option<&'a ParameterRow> {
        let division = self.division(entity, row);
        let day = i32::try_from(self.day(shift)).ok()?;
        self.pack.parameters.get(parameter.index())?.row_on(day, division, class)
    }

    /// Code of the deepest division that a record lies in; the root for constants of the run.
    pub fn division(&self, entity: Option<Entity>, row: usize) -> &'a str {
        let deepest = match entity {
            Some(Entity::Level(_)) => entity,
            Some(below) => self.pack.ancestors(below).find(|above| matches!(above, Entity::Level(_))),
            None => None,
        };
        let at = deepest.and_then(|level| self.ancestor(entity, row, level));
        let code = at.and_then(|at| self.table(deepest)?.keys.get(at));
        code.map_or(self.pack.policy.root.as_str(), String::as_str)
    }

    /// Row of an ancestor (or of the entity itself).
    pub fn ancestor(&self, entity: Option<Entity>, row: usize, wanted: Entity) -> Option<usize> {
        let (mut entity, mut row) = (entity?, row);
        while entity != wanted {
            row = parent_row(self.frame.tables.get(&entity)?, row)?;
            entity = self.pack.parent(entity)?;
        }
        Some(row)
    }

    /// A row of another entity that has to do with a row: itself, its ancestor, or the first one below it.
    pub fn related(&self, entity: Entity, row: usize, other: Entity) -> Option<usize> {
        if self.pack.is_below(other, entity) {
            return self.descendants(Some(entity), row, other).next();
        }
        self.ancestor(Some(entity), row, other)
    }

    /// Rows of a descendant entity below a row; they are contiguous.
    pub fn descendants(&self, entity: Option<Entity>, row: usize, over: Entity) -> std::ops::Range<usize> {
        let mut path = vec![over];
        path.extend(self.pack.ancestors(over).take_while(|above| Some(*above) != entity));
        let (mut start, mut end) = (row, row + 1);
        if entity.is_none() {
            // A constant of the run aggregates over all records.
            return 0..self.frame.tables.get(&over).map_or(0, |table| table.rows);
        }
        for below in path.into_iter().rev() {
            let Some(table) = self.frame.tables.get(&below) else { return 0..0 };
            if matches!(below, Entity::Level(LevelId(0))) {
                return 0..table.rows;
            }
            let bound = |at: usize| table.offsets.get(at).map_or(table.rows, |offset| *offset as usize);
            (start, end) = (bound(start), bound(end));
        }
        start..end
    }

    /// Text of a field node.
    pub fn text(&self, node: ExprId, row: usize) -> Option<&'a str> {
        let definition = &self.pack.graph[node];
        match &definition.op {
            Op::Field { field, shift } => {
                let column = self.table(definition.entity)?.columns.get(&(*field, *shift))?;
                stored_text(column, row)
            }
            Op::Broadcast { value, from } => self.text(*value, self.ancestor(definition.entity, row, *from)?),
            _ => None,
        }
    }

    fn aggregate(
        &mut self,
        function: Aggregate,
        entity: Option<Entity>,
        row: usize,
        over: Entity,
        value: Option<ExprId>,
        filter: Option<ExprId>,
    ) -> Result<Scalar, Stop> {
        let rows = self.descendants(entity, row, over);
        let mut members = Vec::with_capacity(rows.len());
        let mut waiting = false;
        for at in rows {
            let value = value.map_or(Ok(Scalar::Boolean(true)), |node| self.at(node, at));
            let taken = filter.map_or(Ok(Scalar::Boolean(true)), |node| self.at(node, at));
            match (value, taken) {
                (Ok(value), Ok(taken)) => members.push((value, boolean(taken))),
                (Err(Stop::Failed(kind)), _) | (_, Err(Stop::Failed(kind))) => return Err(Stop::Failed(kind)),
                _ => waiting = true,
            }
        }
        if waiting {
            return Err(Stop::Wait);
        }
        let truth = |value: Option<bool>| value.map_or(Scalar::Missing, Scalar::Boolean);
        match function {
            Aggregate::Any => {
                return Ok(truth(kleene_or(members.into_iter().map(|(v, f)| kleene_and([boolean(v), f].into_iter())))));
            }
            Aggregate::All => {
                return Ok(truth(kleene_and(
                    members.into_iter().map(|(v, f)| kleene_or([boolean(v), f.map(|f| !f)].into_iter())),
                )));
            }
            _ => {}
        }
        // The other aggregates are missing as soon as a filter, or a value that is taken, is missing.
        let mut numbers = Vec::with_capacity(members.len());
        for (value, taken) in members {
            match (taken, ordinal(value)) {
                (Some(false), _) => {}
                (Some(true), Some(number)) => numbers.push(number),
                _ => return Ok(Scalar::Missing),
            }
        }
        let result = match function {
            Aggregate::Count => Some(numbers.len() as i64),
            Aggregate::Minimum => numbers.into_iter().min(),
            Aggregate::Maximum => numbers.into_iter().max(),
            Aggregate::Sum | Aggregate::Any | Aggregate::All => {
                let sum: i128 = numbers.into_iter().map(i128::from).sum();
                Some(i64::try_from(sum).map_err(|_| ArithmeticError::Overflow)?)
            }
        };
        Ok(result.map_or(Scalar::Missing, Scalar::Integer))
    }

    /// Names record and formula: the variable whose computation was under way when the node failed.
    fn error(&self, node: ExprId, row: usize, kind: ArithmeticError) -> EvaluationError {
        let entity = self.pack.graph[node].entity;
        let key = self.table(entity).and_then(|table| table.keys.get(row)).cloned().unwrap_or_default();
        let of_stack = self.stack.iter().rev().find_map(|(id, _)| match self.pack.graph[*id].op {
            Op::Variable { variable, .. } => Some(variable),
            _ => None,
        });
        let first = self.stack.first().map(|(id, _)| *id);
        let variable = of_stack
            .and_then(|id| self.pack.variables.get(id.index()))
            .or_else(|| self.pack.variables.iter().find(|variable| Some(variable.root) == first));
        EvaluationError {
            entity: entity.map_or("", |entity| self.pack.entity_id(entity)).to_owned(),
            key,
            formula: variable.map(|variable| variable.id.clone()).unwrap_or_default(),
            kind,
        }
    }
}

/// Row of the parent of a row.
pub fn parent_row(table: &Table, row: usize) -> Option<usize> {
    let after = table.offsets.partition_point(|offset| *offset as usize <= row);
    (row < table.rows).then(|| after.checked_sub(1)).flatten()
}

/// Whether a bit is set.
pub(crate) fn bit(bitmap: &Bitmap, at: usize) -> bool {
    at < bitmap.len && bitmap.words.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
}

/// The stored value of a row; texts have none.
pub fn stored(column: &Column, row: usize) -> Scalar {
    if column.validity.as_ref().is_some_and(|validity| !bit(validity, row)) {
        return Scalar::Missing;
    }
    let number = match &column.lanes {
        Lanes::I8(lane) => lane.get(row).map(|value| i64::from(*value)),
        Lanes::I16(lane) => lane.get(row).map(|value| i64::from(*value)),
        Lanes::I32(lane) => lane.get(row).map(|value| i64::from(*value)),
        Lanes::I64(lane) => lane.get(row).copied(),
        Lanes::Bits(bits) => return if row < bits.len { Scalar::Boolean(bit(bits, row)) } else { Scalar::Missing },
        Lanes::Texts { .. } => None,
    };
    number.map_or(Scalar::Missing, Scalar::Integer)
}

/// The stored text of a row.
pub fn stored_text(column: &Column, row: usize) -> Option<&str> {
    if column.validity.as_ref().is_some_and(|validity| !bit(validity, row)) {
        return None;
    }
    match &column.lanes {
        Lanes::Texts { positions, dictionary } => dictionary.get(*positions.get(row)? as usize).map(String::as_str),
        _ => None,
    }
}

fn rescaled(value: i64, from: u8, to: u8, rounding: Rounding) -> Result<i64, ArithmeticError> {
    arithmetic::rescale(value, from, to, rounding)
}

fn scale(ty: Type) -> u8 {
    match ty {
        Type::Number { scale, .. } => scale,
        _ => 0,
    }
}

fn integer(value: Scalar) -> Option<i64> {
    match value {
        Scalar::Integer(value) => Some(value),
        _ => None,
    }
}

fn boolean(value: Scalar) -> Option<bool> {
    match value {
        Scalar::Boolean(value) => Some(value),
        _ => None,
    }
}

fn ordinal(value: Scalar) -> Option<i64> {
    match value {
        Scalar::Integer(value) => Some(value),
        Scalar::Boolean(value) => Some(i64::from(value)),
        Scalar::Missing => None,
    }
}

/// False if any part is false, else missing if any is missing, else true.
fn kleene_and(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut result = Some(true);
    for part in parts {
        match part {
            Some(false) => return Some(false),
            None => result = None,
            Some(true) => {}
        }
    }
    result
}

/// True if any part is true, else missing if any is missing, else false.
fn kleene_or(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    kleene_and(parts.map(|part| part.map(|truth| !truth))).map(|truth| !truth)
}
