//! Checked formulas: a hash-consed graph of typed nodes.
//!
//! Every formula of a pack – variables, programmes, indicators, checks, class expressions of parameters – is
//! lowered into one [`Graph`]. A node's value is a 64-bit integer, a boolean, or missing; there are no floats and
//! no texts. The graph knows neither how it is evaluated (scalar by scalar or in vectors) nor any data.

use std::ops::Index;

use crate::model::{CodeListId, Entity, FieldRef, ParameterId, RegisterId, VariableId};

/// Index of a node in a [`Graph`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ExprId(pub u32);

/// Type of a value in a formula.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Type {
    /// Three-valued truth.
    Boolean,
    /// `value / 10^scale`, of the unit money or of none. Integers have scale 0, stored money scale 2 (fen).
    Number {
        /// Whether the unit is the pack's currency.
        money: bool,
        /// Digits after the point.
        scale: u8,
    },
    /// Days since 1970-01-01.
    Date,
    /// Position in a code list.
    Code(CodeListId),
    /// A text; stands only in `Field` nodes below [`Op::TextIn`] and [`Op::IsMissing`].
    Text,
}

impl Type {
    /// A whole number without unit.
    pub const INTEGER: Self = Self::Number { money: false, scale: 0 };
    /// Stored money: 1/100 of the currency.
    pub const MONEY: Self = Self::Number { money: true, scale: 2 };
}

/// A constant. `Integer` carries numbers, dates (days) and codes (positions) alike.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scalar {
    /// Not known.
    Missing,
    /// True or false.
    Boolean(bool),
    /// Number in units of `10^-scale`, days, or position in a code list.
    Integer(i64),
}

/// Rounding, always written by the author.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Rounding {
    /// Half away from zero, as `round` of PostgreSQL's `numeric`.
    HalfAwayFromZero,
    /// Toward negative infinity.
    Floor,
    /// Toward positive infinity.
    Ceiling,
    /// Toward zero, as integer division of PostgreSQL.
    Truncate,
}

/// Comparison operators.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// Aggregates over a descendant entity.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Aggregate {
    /// Number of rows that pass the filter.
    Count,
    /// Sum; 0 over no rows.
    Sum,
    /// Smallest; missing over no rows.
    Minimum,
    /// Largest; missing over no rows.
    Maximum,
    /// Kleene `or`; false over no rows.
    Any,
    /// Kleene `and`; true over no rows.
    All,
}

/// Part of a date.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DatePart {
    /// Calendar year.
    Year,
    /// 1–12.
    Month,
    /// 1–31.
    Day,
}

/// What a node computes. Operands stand earlier in the graph than the node itself.
///
/// `shift` counts periods back (0 or negative): `previous.x` is `-1`. Both operands of a binary operation are at the
/// node's own entity or constant: moving between entities is always written as `Broadcast` or `Aggregate`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// A constant.
    Literal(Scalar),
    /// A stored field of the node's entity (own or attached register); periodic registers: `shift` periods back.
    Field {
        /// Which field.
        field: FieldRef,
        /// Periods back (≤ 0).
        shift: i32,
    },
    /// Period number (2015, or 20153 for a quarter) of a periodic register that counts on the date.
    Period {
        /// The periodic register.
        register: RegisterId,
        /// Periods back (≤ 0).
        shift: i32,
    },
    /// The date of the run, `shift` years back.
    AsOf {
        /// Years back (≤ 0).
        shift: i32,
    },
    /// A parameter on the date. The node's entity is `None` for a parameter without divisions and classes, else the
    /// deepest division level that its rows or its class expression need.
    Parameter {
        /// Which parameter.
        parameter: ParameterId,
        /// For a table: the code that selects the entry (at the node's entity).
        key: Option<ExprId>,
        /// The class of the division, a code at the node's entity.
        class: Option<ExprId>,
        /// Years back (≤ 0).
        shift: i32,
    },
    /// A named variable: the same value as `value`, kept so that explanations can name it.
    Variable {
        /// Which variable.
        variable: VariableId,
        /// Its root.
        value: ExprId,
        /// Periods back (≤ 0).
        shift: i32,
    },
    /// The value of an ancestor entity, seen from the node's entity.
    Broadcast {
        /// Root at the ancestor.
        value: ExprId,
        /// The ancestor.
        from: Entity,
    },
    /// An aggregate over the descendants `over`; `value` and `filter` are nodes at `over` (or constants).
    Aggregate {
        /// Which aggregate.
        function: Aggregate,
        /// The descendant entity.
        over: Entity,
        /// What is aggregated; `None` for `Count` of rows.
        value: Option<ExprId>,
        /// Rows taken.
        filter: Option<ExprId>,
    },
    /// Same type and scale on both sides; checked for overflow.
    Add(ExprId, ExprId),
    /// As `Add`. Date minus date gives days; date minus integer a date.
    Subtract(ExprId, ExprId),
    /// Scales add up; checked for overflow.
    Multiply(ExprId, ExprId),
    /// `round(numerator * 10^shift / denominator)`; denominator 0 is an error where the node is live.
    Divide {
        /// Dividend.
        numerator: ExprId,
        /// Divisor.
        denominator: ExprId,
        /// Power of ten that the dividend is multiplied by first, so that the result has the type's scale.
        shift: u8,
        /// How the quotient becomes a whole number of units.
        rounding: Rounding,
    },
    /// Change of scale from the operand's to the node's.
    Rescale {
        /// Operand.
        value: ExprId,
        /// Used when the scale shrinks.
        rounding: Rounding,
    },
    /// `-x`
    Negate(ExprId),
    /// `abs(x)`
    Absolute(ExprId),
    /// Smallest operand; missing if any is missing.
    Least(Vec<ExprId>),
    /// Largest operand; missing if any is missing.
    Greatest(Vec<ExprId>),
    /// First operand that is not missing.
    Coalesce(Vec<ExprId>),
    /// Missing where both are equal, else the first.
    NullIf(ExprId, ExprId),
    /// Missing if either side is.
    Compare(Comparison, ExprId, ExprId),
    /// `numerator / denominator ⋛ right`, exact: scale(numerator) = scale(denominator) + scale(right).
    /// Denominator 0 is an error where the node is live.
    CompareQuotient {
        /// Operator.
        comparison: Comparison,
        /// Dividend.
        numerator: ExprId,
        /// Divisor.
        denominator: ExprId,
        /// Right side.
        right: ExprId,
    },
    /// Whether the value is one of the constants (sorted, without doubles).
    In(ExprId, Vec<i64>),
    /// Whether a text field is one of the literals; missing if the text is.
    TextIn(ExprId, Vec<String>),
    /// Never missing itself.
    IsMissing(ExprId),
    /// `x is true` / `x is false`: never missing itself.
    IsTruth(ExprId, bool),
    /// Kleene.
    Not(ExprId),
    /// Kleene.
    And(Vec<ExprId>),
    /// Kleene.
    Or(Vec<ExprId>),
    /// First arm whose condition is true; missing as soon as a condition is missing before one is true. Arms not
    /// taken neither fail nor overflow.
    Case {
        /// Condition and value.
        arms: Vec<(ExprId, ExprId)>,
        /// Value when no condition is true.
        otherwise: ExprId,
    },
    /// Completed years from birth to a date.
    Age {
        /// Date of birth.
        birth: ExprId,
        /// On this date.
        on: ExprId,
    },
    /// Completed months from one date to another.
    Months {
        /// From.
        from: ExprId,
        /// To.
        to: ExprId,
    },
    /// Year, month or day of a date.
    DatePart(DatePart, ExprId),
    /// Date plus months, clamped to the month's last day.
    AddMonths(ExprId, ExprId),
    /// Date from year, month, day; missing if there is no such day.
    MakeDate(ExprId, ExprId, ExprId),
    /// Date plus days.
    AddDays(ExprId, ExprId),
}

/// A node: what it computes, of which type, for which entity (`None`: a constant of the run).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Node {
    /// The computation.
    pub op: Op,
    /// Type of the result.
    pub ty: Type,
    /// One value per record of this entity; `None`: one value for the run.
    pub entity: Option<Entity>,
}

/// All nodes of a pack, operands before users, equal nodes once.
#[derive(Clone, Default, Debug)]
pub struct Graph {
    nodes: Vec<Node>,
    seen: std::collections::HashMap<Node, ExprId>,
}

impl Graph {
    /// Adds a node, or finds the equal one.
    pub fn add(&mut self, node: Node) -> ExprId {
        if let Some(&id) = self.seen.get(&node) {
            return id;
        }
        let id = ExprId(self.nodes.len() as u32);
        self.nodes.push(node.clone());
        self.seen.insert(node, id);
        id
    }

    /// Nodes in evaluation order.
    pub fn nodes(&self) -> impl Iterator<Item = (ExprId, &Node)> {
        self.nodes.iter().enumerate().map(|(i, n)| (ExprId(i as u32), n))
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

impl Index<ExprId> for Graph {
    type Output = Node;

    fn index(&self, id: ExprId) -> &Node {
        &self.nodes[id.0 as usize]
    }
}

impl Op {
    /// Operands, in order.
    pub fn operands(&self) -> Vec<ExprId> {
        match self {
            Self::Literal(_) | Self::Field { .. } | Self::Period { .. } | Self::AsOf { .. } => Vec::new(),
            Self::Parameter { key, class, .. } => key.iter().chain(class).copied().collect(),
            Self::Aggregate { value, filter, .. } => value.iter().chain(filter).copied().collect(),
            Self::Variable { value: a, .. }
            | Self::Broadcast { value: a, .. }
            | Self::Rescale { value: a, .. }
            | Self::Negate(a)
            | Self::Absolute(a)
            | Self::In(a, _)
            | Self::TextIn(a, _)
            | Self::IsMissing(a)
            | Self::IsTruth(a, _)
            | Self::Not(a)
            | Self::DatePart(_, a) => vec![*a],
            Self::Add(a, b)
            | Self::Subtract(a, b)
            | Self::Multiply(a, b)
            | Self::NullIf(a, b)
            | Self::Compare(_, a, b)
            | Self::AddMonths(a, b)
            | Self::AddDays(a, b)
            | Self::Age { birth: a, on: b }
            | Self::Months { from: a, to: b }
            | Self::Divide { numerator: a, denominator: b, .. } => vec![*a, *b],
            Self::CompareQuotient { numerator, denominator, right, .. } => vec![*numerator, *denominator, *right],
            Self::MakeDate(y, m, d) => vec![*y, *m, *d],
            Self::Least(v) | Self::Greatest(v) | Self::Coalesce(v) | Self::And(v) | Self::Or(v) => v.clone(),
            Self::Case { arms, otherwise } => arms.iter().flat_map(|(c, v)| [*c, *v]).chain([*otherwise]).collect(),
        }
    }
}
