//! Functions, aggregates, lists and cases.

use sqlparser::ast::{
    CaseWhen, CeilFloorKind, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectNamePart,
    Value as SqlValue,
};

use crate::diagnostic::nearest;
use crate::ir::{Aggregate, Comparison, ExprId, Op, Rounding, Scalar, Type};
use crate::model::{Entity, Place};

use super::lower::{Context, Lowered};
use super::names::wrong;
use super::parse::place_of;
use super::{Compiler, Stop};

const FUNCTIONS: [&str; 19] = [
    "count",
    "sum",
    "min",
    "max",
    "any",
    "all",
    "round",
    "floor",
    "ceil",
    "abs",
    "least",
    "greatest",
    "coalesce",
    "nullif",
    "age",
    "months",
    "add_months",
    "make_date",
    "extract",
];

/// Functions whose answer changes from call to call.
const VOLATILE: [&str; 10] = [
    "now",
    "random",
    "current_date",
    "current_timestamp",
    "current_time",
    "localtimestamp",
    "clock_timestamp",
    "gen_random_uuid",
    "nextval",
    "timeofday",
];

/// An aggregate as written.
pub(super) struct AggregateCall {
    pub function: Aggregate,
    pub over: Entity,
    pub value: Option<ExprId>,
    pub filter: Option<ExprId>,
    pub ty: Type,
}

/// The aggregate that a function name stands for.
pub(super) fn aggregate_named(name: &str) -> Option<Aggregate> {
    Some(match name {
        "count" => Aggregate::Count,
        "sum" => Aggregate::Sum,
        "min" => Aggregate::Minimum,
        "max" => Aggregate::Maximum,
        "any" => Aggregate::Any,
        "all" => Aggregate::All,
        _ => return None,
    })
}

/// The dotted name of a call.
pub(super) fn call_name(function: &Function) -> Vec<String> {
    let part = |part: &ObjectNamePart| part.as_ident().map(|ident| ident.value.clone()).unwrap_or_default();
    function.name.0.iter().map(part).collect()
}

/// Plain positional arguments.
pub(super) fn arguments<'f>(function: &'f Function, place: &Place) -> Result<Vec<&'f Expr>, Stop> {
    let plain = function.over.is_none() && function.within_group.is_empty() && function.null_treatment.is_none();
    let list = match &function.args {
        FunctionArguments::List(list) if plain && list.duplicate_treatment.is_none() && list.clauses.is_empty() => {
            list.args.as_slice()
        }
        FunctionArguments::None if plain => &[],
        FunctionArguments::Subquery(_) => {
            return Err(wrong(
                place,
                "subqueries are not allowed in formulas".to_owned(),
                "write an aggregate over a child register".to_owned(),
            ));
        }
        _ => {
            return Err(wrong(
                place,
                format!("`{function}` uses distinct, order by or over, which formulas do not have"),
                "write the plain call, with `filter (where …)` where rows are chosen".to_owned(),
            ));
        }
    };
    let argument = |argument: &'f FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(tree)) => Ok(tree),
        other => Err(wrong(
            place,
            format!("`{other}` is not an argument of formulas"),
            "count records by `count(person.id)`".to_owned(),
        )),
    };
    list.iter().map(argument).collect()
}

impl Compiler<'_> {
    pub(super) fn function(
        &mut self,
        function: &Function,
        context: &Context,
        hint: Option<Type>,
        place: &Place,
    ) -> Result<Lowered, Stop> {
        let path = call_name(function);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let lower_case = path.join(".").to_lowercase();
        if VOLATILE.contains(&lower_case.as_str()) {
            return Err(wrong(
                place,
                format!("`{lower_case}` gives another answer each time"),
                "rules read no clock and no chance: use `as_of` for the date of the run".to_owned(),
            ));
        }
        let arguments = arguments(function, place)?;
        let table = match path.as_slice() {
            ["param", id] => Some((*id, context.shift)),
            ["previous", "param", id] => Some((*id, context.shift - 1)),
            _ => None,
        };
        if let Some((id, shift)) = table {
            return self.table_entry(id, &arguments, context, place, shift).map(Lowered::Node);
        }
        if let Some(aggregate) = aggregate_named(&lower_case) {
            let call = self.aggregate(aggregate, function, &arguments, context, place)?;
            let op = Op::Aggregate { function: call.function, over: call.over, value: call.value, filter: call.filter };
            return Ok(Lowered::Node(self.node(op, call.ty, Some(context.entity))));
        }
        if function.filter.is_some() {
            return Err(wrong(
                place,
                format!("`{lower_case}` takes no filter"),
                "only count, sum, min, max, any and all do".to_owned(),
            ));
        }
        self.scalar_function(&lower_case, &arguments, context, hint, place)
    }

    fn scalar_function(
        &mut self,
        name: &str,
        arguments: &[&Expr],
        context: &Context,
        hint: Option<Type>,
        place: &Place,
    ) -> Result<Lowered, Stop> {
        match (name, arguments) {
            ("round", [x]) => {
                let x = self.lower(x, context, None)?;
                self.rounded(x, 0, Rounding::HalfAwayFromZero, context, place)
            }
            ("round", [x, digits]) => {
                let digits = digits_after_point(digits, place)?;
                let x = self.lower(x, context, None)?;
                self.rounded(x, digits, Rounding::HalfAwayFromZero, context, place)
            }
            ("floor", [x]) => {
                let x = self.lower(x, context, None)?;
                self.rounded(x, 0, Rounding::Floor, context, place)
            }
            ("ceil" | "ceiling", [x]) => {
                let x = self.lower(x, context, None)?;
                self.rounded(x, 0, Rounding::Ceiling, context, place)
            }
            ("abs", [x]) => {
                let x = self.lower(x, context, hint)?;
                let x = self.number(x, context, place)?;
                let ty = self.graph()[x].ty;
                self.op(vec![x], ty, context, |v| Op::Absolute(v[0])).map(Lowered::Node)
            }
            ("least" | "greatest" | "coalesce", [_, ..]) => {
                let operands = self.lower_all(arguments, context, hint)?;
                let (nodes, ty) = self.unify(operands, hint, context, place)?;
                if name != "coalesce" && !matches!(ty, Type::Number { .. } | Type::Date) {
                    return Err(wrong(
                        place,
                        format!("{} has no order", self.type_name(ty)),
                        "least and greatest take numbers or dates".to_owned(),
                    ));
                }
                let make = |v: &[ExprId]| match name {
                    "least" => Op::Least(v.to_vec()),
                    "greatest" => Op::Greatest(v.to_vec()),
                    _ => Op::Coalesce(v.to_vec()),
                };
                self.op(nodes, ty, context, make).map(Lowered::Node)
            }
            ("nullif", [_, _]) => {
                let operands = self.lower_all(arguments, context, hint)?;
                let (nodes, ty) = self.unify(operands, hint, context, place)?;
                self.op(nodes, ty, context, |v| Op::NullIf(v[0], v[1])).map(Lowered::Node)
            }
            ("age", [birth]) => {
                let birth = self.typed(birth, context, Type::Date)?;
                let on = self.node(Op::AsOf { shift: context.shift }, Type::Date, None);
                let make = |v: &[ExprId]| Op::Age { birth: v[0], on: v[1] };
                self.op(vec![birth, on], Type::INTEGER, context, make).map(Lowered::Node)
            }
            ("age", [birth, on]) => {
                let birth = self.typed(birth, context, Type::Date)?;
                let on = self.typed(on, context, Type::Date)?;
                let make = |v: &[ExprId]| Op::Age { birth: v[0], on: v[1] };
                self.op(vec![birth, on], Type::INTEGER, context, make).map(Lowered::Node)
            }
            ("months", [from, to]) => {
                let from = self.typed(from, context, Type::Date)?;
                let to = self.typed(to, context, Type::Date)?;
                let make = |v: &[ExprId]| Op::Months { from: v[0], to: v[1] };
                self.op(vec![from, to], Type::INTEGER, context, make).map(Lowered::Node)
            }
            ("add_months", [date, months]) => {
                let date = self.typed(date, context, Type::Date)?;
                let months = self.typed(months, context, Type::INTEGER)?;
                self.op(vec![date, months], Type::Date, context, |v| Op::AddMonths(v[0], v[1])).map(Lowered::Node)
            }
            ("make_date", [year, month, day]) => {
                let mut parts = Vec::new();
                for part in [year, month, day] {
                    parts.push(self.typed(part, context, Type::INTEGER)?);
                }
                self.op(parts, Type::Date, context, |v| Op::MakeDate(v[0], v[1], v[2])).map(Lowered::Node)
            }
            _ if FUNCTIONS.contains(&name) => Err(wrong(
                place,
                format!("`{name}` does not take {} arguments", arguments.len()),
                "see the table of functions in docs/pack-format.md".to_owned(),
            )),
            _ => {
                let near = nearest(name, FUNCTIONS.iter().copied());
                let advice = near.map_or(format!("the functions are {}", FUNCTIONS.join(", ")), |near| {
                    format!("did you mean `{near}`? The functions are {}", FUNCTIONS.join(", "))
                });
                Err(wrong(place, format!("there is no function `{name}`"), advice))
            }
        }
    }

    fn lower_all(&mut self, trees: &[&Expr], context: &Context, hint: Option<Type>) -> Result<Vec<Lowered>, Stop> {
        trees.iter().map(|tree| self.lower(tree, context, hint)).collect()
    }

    fn table_entry(
        &mut self,
        id: &str,
        arguments: &[&Expr],
        context: &Context,
        place: &Place,
        shift: i32,
    ) -> Result<ExprId, Stop> {
        let parameter = self.parameter_named(id, place)?;
        let list = self.pack.parameters[parameter.index()].key;
        let (Some(list), [key]) = (list, arguments) else {
            return Err(wrong(
                place,
                format!("`param.{id}(…)` takes one code of a table parameter"),
                format!("give `{id}` a `key:` list and one argument, or write `param.{id}`"),
            ));
        };
        let key = self.typed(key, context, Type::Code(list))?;
        self.parameter(parameter, Some(key), context, place, shift)
    }

    /// Lowers an aggregate; its value and filter are at the entity that it runs over.
    pub(super) fn aggregate(
        &mut self,
        function: Aggregate,
        call: &Function,
        arguments: &[&Expr],
        context: &Context,
        place: &Place,
    ) -> Result<AggregateCall, Stop> {
        if context.aggregated {
            return Err(wrong(
                place,
                "an aggregate stands inside an aggregate".to_owned(),
                "make the inner one a variable of its own and aggregate that".to_owned(),
            ));
        }
        let [argument] = arguments else {
            return Err(wrong(
                place,
                "an aggregate takes one argument".to_owned(),
                "write `count(person.id)`, `sum(person.x)`, `any(person.x = 1)`".to_owned(),
            ));
        };
        let over = self.aggregated_entity(argument, context, place)?;
        let inner = Context { entity: over, aggregated: true, guarded: false, ..context.clone() };
        let filter = match call.filter.as_deref() {
            Some(filter) => {
                let node = self.boolean(filter, &inner)?;
                Some(self.broadcast(node, over))
            }
            None => None,
        };
        if function == Aggregate::Count {
            if !is_record_id(argument) {
                let id = self.pack.entity_id(over);
                return Err(wrong(
                    place,
                    "count counts records".to_owned(),
                    format!("write `count({id}.id) filter (where …)`, for instance `where {argument} is not null`"),
                ));
            }
            return Ok(AggregateCall { function, over, value: None, filter, ty: Type::INTEGER });
        }
        let value = match function {
            Aggregate::Any | Aggregate::All => self.boolean(argument, &inner)?,
            _ => {
                let lowered = self.lower(argument, &inner, None)?;
                self.as_node(lowered, None, &Context { place: place.clone(), ..inner.clone() })?
            }
        };
        let ty = self.graph()[value].ty;
        let fits = match function {
            Aggregate::Sum => matches!(ty, Type::Number { .. }),
            Aggregate::Minimum | Aggregate::Maximum => matches!(ty, Type::Number { .. } | Type::Date),
            _ => true,
        };
        if !fits {
            return Err(wrong(
                place,
                format!("this aggregate does not take {}", self.type_name(ty)),
                "sum takes numbers; min and max numbers or dates; any and all truth values".to_owned(),
            ));
        }
        let value = Some(self.broadcast(value, over));
        Ok(AggregateCall { function, over, value, filter, ty })
    }

    /// The entity that an aggregate runs over: the lowest one that its argument names.
    fn aggregated_entity(&self, argument: &Expr, context: &Context, place: &Place) -> Result<Entity, Stop> {
        let mut over: Option<Entity> = None;
        for entity in self.entities_named(argument) {
            let below = context.base.is_none_or(|base| self.pack.is_below(entity, base));
            let above = context.base.is_some_and(|base| base == entity || self.pack.is_below(base, entity));
            if above {
                continue;
            }
            if !below {
                let own = context.base.map_or("", |base| self.pack.entity_id(base));
                return Err(wrong(
                    place,
                    format!("`{}` does not belong to {own}: it cannot be aggregated here", self.pack.entity_id(entity)),
                    format!("aggregate a register kept `of: {own}` or below it"),
                ));
            }
            match over {
                Some(so_far) if so_far == entity || self.pack.is_below(so_far, entity) => {}
                Some(so_far) if !self.pack.is_below(entity, so_far) => {
                    return Err(wrong(
                        place,
                        format!(
                            "one aggregate cannot run over {} and {}",
                            self.pack.entity_id(so_far),
                            self.pack.entity_id(entity)
                        ),
                        "write one aggregate for each".to_owned(),
                    ));
                }
                _ => over = Some(entity),
            }
        }
        over.ok_or_else(|| {
            wrong(
                place,
                "the argument does not say what is aggregated".to_owned(),
                "name a child register in it: `count(person.id)`, `sum(person.x)`".to_owned(),
            )
        })
    }

    /// Entities that stand first in dotted names.
    fn entities_named(&self, tree: &Expr) -> Vec<Entity> {
        let mut found = Vec::new();
        super::parse::names_in(tree, &mut |path| {
            let first = path.iter().find(|part| part.as_str() != "previous");
            if path.len() > 1
                && let Some(entity) = first.and_then(|first| self.pack.entity(first))
            {
                found.push(entity);
            }
        });
        found
    }

    /// `x in ('01', '02')`
    pub(super) fn in_list(&mut self, tree: &Expr, list: &[Expr], context: &Context) -> Result<ExprId, Stop> {
        let place = place_of(tree, &context.place);
        let mut operands = vec![self.lower(tree, context, None)?];
        let first = operands.first().cloned();
        if let Some(Lowered::Node(node)) = first
            && self.graph()[node].ty == Type::Text
        {
            let mut texts = Vec::new();
            for item in list {
                match self.lower(item, context, None)? {
                    Lowered::Quoted(text) => texts.push(text),
                    _ => {
                        return Err(wrong(
                            &place_of(item, &context.place),
                            "a list for a text holds 'literals' only".to_owned(),
                            "write each as a quoted text".to_owned(),
                        ));
                    }
                }
            }
            return self.text_in(node, texts, &place);
        }
        for item in list {
            operands.push(self.lower(item, context, None)?);
        }
        let (nodes, _) = self.unify(operands, None, context, &place)?;
        let Some((value, items)) = nodes.split_first() else { return Err(Stop::Broken) };
        let mut constants = Vec::new();
        for item in items {
            match self.graph()[*item].op {
                Op::Literal(Scalar::Integer(constant)) => constants.push(constant),
                _ => {
                    return Err(wrong(
                        &place,
                        "the list holds something that is not a literal".to_owned(),
                        "write `x = a or x = b` to compare with fields or parameters".to_owned(),
                    ));
                }
            }
        }
        constants.sort_unstable();
        constants.dedup();
        self.op(vec![*value], Type::Boolean, context, |v| Op::In(v[0], constants))
    }

    /// A text field compared with literals.
    pub(super) fn text_in(&mut self, field: ExprId, mut texts: Vec<String>, place: &Place) -> Result<ExprId, Stop> {
        if !matches!(self.graph()[field].op, Op::Field { .. }) {
            return Err(wrong(
                place,
                "only a text field can be compared with texts".to_owned(),
                "name the field itself".to_owned(),
            ));
        }
        texts.sort();
        texts.dedup();
        let entity = self.graph()[field].entity;
        Ok(self.node(Op::TextIn(field, texts), Type::Boolean, entity))
    }

    pub(super) fn case(
        &mut self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
        context: &Context,
        hint: Option<Type>,
        place: &Place,
    ) -> Result<Lowered, Stop> {
        let guarded = Context { guarded: true, ..context.clone() };
        let mut tests = Vec::new();
        let mut values = Vec::new();
        for (index, when) in conditions.iter().enumerate() {
            // The first condition is always evaluated, the others only where the ones before are false.
            let at = if index == 0 { context } else { &guarded };
            tests.push(match operand {
                Some(operand) => self.compare(Comparison::Equal, operand, &when.condition, at)?,
                None => self.boolean(&when.condition, at)?,
            });
            values.push(self.lower(&when.result, &guarded, hint)?);
        }
        values.push(match otherwise {
            Some(otherwise) => self.lower(otherwise, &guarded, hint)?,
            None => Lowered::Null,
        });
        let (mut values, ty) = self.unify(values, hint, &guarded, place)?;
        let all: Vec<ExprId> = tests.iter().chain(&values).copied().collect();
        let entity =
            if context.guarded && self.deepest(&all).is_some() { Some(context.entity) } else { self.deepest(&all) };
        let tests = self.align(tests, entity);
        values = self.align(values, entity);
        let Some(otherwise) = values.pop() else { return Err(Stop::Broken) };
        let arms = tests.into_iter().zip(values).collect();
        Ok(Lowered::Node(self.node(Op::Case { arms, otherwise }, ty, entity)))
    }

    pub(super) fn floor_or_ceiling(
        &mut self,
        tree: &Expr,
        field: &CeilFloorKind,
        floor: bool,
        context: &Context,
        place: &Place,
    ) -> Result<Lowered, Stop> {
        let digits = match field {
            CeilFloorKind::DateTimeField(sqlparser::ast::DateTimeField::NoDateTime) => 0,
            CeilFloorKind::Scale(value) => digits_after_point(&Expr::Value(value.clone()), place)?,
            CeilFloorKind::DateTimeField(_) => {
                return Err(wrong(
                    place,
                    "floor and ceil take numbers".to_owned(),
                    "write floor(x) or ceil(x)".to_owned(),
                ));
            }
        };
        let lowered = self.lower(tree, context, None)?;
        let rounding = if floor { Rounding::Floor } else { Rounding::Ceiling };
        self.rounded(lowered, digits, rounding, context, place)
    }
}

/// The second argument of `round`.
fn digits_after_point(tree: &Expr, place: &Place) -> Result<u8, Stop> {
    if let Expr::Value(value) = tree
        && let SqlValue::Number(digits, _) = &value.value
        && let Some(digits) = digits.parse::<u8>().ok().filter(|digits| *digits <= 6)
    {
        return Ok(digits);
    }
    Err(wrong(place, format!("`{tree}` is not a number of digits"), "write 0 to 6, as in round(x, 2)".to_owned()))
}

/// `person.id`: the record itself.
fn is_record_id(tree: &Expr) -> bool {
    matches!(tree, Expr::CompoundIdentifier(names) if names.len() == 2 && names[1].value == "id")
}
