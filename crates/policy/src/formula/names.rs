//! What a name in a formula refers to.

use crate::diagnostic::{Diagnostic, nearest};
use crate::ir::{ExprId, Op, Type};
use crate::model::{Entity, FieldRef, LevelId, ParameterId, Place, Register, RegisterId, RegisterKind};

use super::lower::Context;
use super::{Compiler, State, Stop};

impl Compiler<'_> {
    /// A dotted name → node, brought down to the context's entity by whoever uses it.
    pub(super) fn name(&mut self, path: &[String], context: &Context, place: &Place) -> Result<ExprId, Stop> {
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        self.resolve(&parts, context, place, context.shift)
    }

    fn resolve(&mut self, parts: &[&str], context: &Context, place: &Place, shift: i32) -> Result<ExprId, Stop> {
        match parts {
            ["as_of"] => Ok(self.node(Op::AsOf { shift }, Type::Date, None)),
            ["previous", rest @ ..] if !rest.is_empty() => self.resolve(rest, context, place, shift - 1),
            ["param", id] => {
                let parameter = self.parameter_named(id, place)?;
                self.parameter(parameter, None, context, place, shift)
            }
            ["division", rest @ ..] if !rest.is_empty() => self.nearest_division(rest, context, place, shift),
            [first, rest @ ..] if !rest.is_empty() => match self.pack.entity(first) {
                Some(entity) if entity == context.entity || self.pack.is_below(context.entity, entity) => {
                    self.member(entity, rest, shift)?.ok_or_else(|| self.unknown(parts, entity, rest, place))
                }
                Some(entity) => Err(self.not_above(parts, entity, context, place)),
                None => self.own(parts, context, place, shift),
            },
            _ => self.own(parts, context, place, shift),
        }
    }

    /// A name without entity belongs to the formula's own entity.
    fn own(&mut self, parts: &[&str], context: &Context, place: &Place, shift: i32) -> Result<ExprId, Stop> {
        let Some(base) = context.base else {
            return Err(wrong(
                place,
                format!("`{}` does not say whose it is", parts.join(".")),
                "indicators stand above all entities: write entity.name, such as `household.x`".to_owned(),
            ));
        };
        self.member(base, parts, shift)?.ok_or_else(|| self.unknown(parts, base, parts, place))
    }

    /// Variable, own field or field of an attached register of an entity; `None` if there is no such thing.
    fn member(&mut self, entity: Entity, parts: &[&str], shift: i32) -> Result<Option<ExprId>, Stop> {
        match parts {
            [id] => {
                let variable = self.pack.variable(id).filter(|v| self.pack.variables[v.index()].of == entity);
                if let Some(variable) = variable {
                    return match self.states.get(&(variable, shift)) {
                        Some(State::Done(root)) => Ok(Some(*root)),
                        Some(State::Broken) => Err(Stop::Broken),
                        None => Err(Stop::Needs(variable, shift)),
                    };
                }
                let Entity::Register(register) = entity else { return Ok(None) };
                Ok(self.field(register, id, entity, 0))
            }
            [register, id] => {
                let attached = self
                    .pack
                    .registers
                    .iter()
                    .position(|r| r.id == *register && r.parent == entity && r.kind != RegisterKind::Entity);
                let Some(register) = attached.map(|index| RegisterId(index as u16)) else { return Ok(None) };
                let kind = self.pack.registers[register.index()].kind;
                let periodic = matches!(kind, RegisterKind::Yearly { .. } | RegisterKind::Quarterly);
                if periodic && *id == "period" {
                    return Ok(Some(self.node(Op::Period { register, shift }, Type::INTEGER, None)));
                }
                Ok(self.field(register, id, entity, if periodic { shift } else { 0 }))
            }
            _ => Ok(None),
        }
    }

    fn field(&mut self, register: RegisterId, id: &str, entity: Entity, shift: i32) -> Option<ExprId> {
        let fields = &self.pack.registers[register.index()].fields;
        let index = fields.iter().position(|field| field.id == id && !field.secret)?;
        let ty = fields[index].ty.formula_type();
        let field = FieldRef { register, field: index as u16 };
        Some(self.node(Op::Field { field, shift }, ty, Some(entity)))
    }

    fn nearest_division(
        &mut self,
        rest: &[&str],
        context: &Context,
        place: &Place,
        shift: i32,
    ) -> Result<ExprId, Stop> {
        let above: Vec<_> = std::iter::once(context.entity).chain(self.pack.ancestors(context.entity)).collect();
        for entity in above.into_iter().filter(|entity| matches!(entity, Entity::Level(_))) {
            if let Some(node) = self.member(entity, rest, shift)? {
                return Ok(node);
            }
        }
        Err(wrong(
            place,
            format!("no division level above has `{}`", rest.join(".")),
            "name a variable of a division level, or `register.field` of a register kept `of:` a level".to_owned(),
        ))
    }

    /// The parameter with this id.
    pub(super) fn parameter_named(&self, id: &str, place: &Place) -> Result<ParameterId, Stop> {
        self.pack.parameter(id).ok_or_else(|| {
            let near = nearest(id, self.pack.parameters.iter().map(|p| p.id.as_str()));
            let advice =
                near.map_or("define it under `parameters:`".to_owned(), |near| format!("did you mean `param.{near}`?"));
            wrong(place, format!("there is no parameter `{id}`"), advice)
        })
    }

    /// A parameter on the date, at the deepest division level that its rows or class need.
    pub(super) fn parameter(
        &mut self,
        id: ParameterId,
        key: Option<ExprId>,
        context: &Context,
        place: &Place,
        shift: i32,
    ) -> Result<ExprId, Stop> {
        let parameter = &self.pack.parameters[id.index()];
        if parameter.key.is_some() != key.is_some() {
            let (name, table) = (parameter.id.clone(), parameter.key.is_some());
            return Err(wrong(
                place,
                format!("`{name}` is {} a table", if table { "" } else { "not" }).replace("  ", " "),
                if table { format!("say which entry: `param.{name}(code)`") } else { format!("write `param.{name}`") },
            ));
        }
        let (ty, class) = (parameter.ty, parameter.class);
        let digits = parameter.rows.iter().filter_map(|row| row.division.as_ref()).map(String::len).max();
        let by_prefix = digits.and_then(|digits| self.pack.levels.iter().position(|level| level.digits >= digits));
        let by_class = class.and_then(|class| match self.pack.graph[class].entity {
            Some(Entity::Level(level)) => Some(level.index()),
            _ => None,
        });
        let level = by_prefix.into_iter().chain(by_class).max().map(|level| Entity::Level(LevelId(level as u16)));
        if let Some(level) = level
            && level != context.entity
            && !self.pack.is_below(context.entity, level)
        {
            return Err(wrong(
                place,
                format!(
                    "`param.{}` differs by {}, so a {} has no single value",
                    self.pack.parameters[id.index()].id,
                    self.pack.entity_id(level),
                    self.pack.entity_id(context.entity)
                ),
                format!("use it in a variable of {} and aggregate that", self.pack.entity_id(level)),
            ));
        }
        let class = match (class, level) {
            (Some(class), Some(level)) => Some(self.broadcast(class, level)),
            _ => None,
        };
        let entity = match key {
            // A table is looked up where its key stands.
            Some(key) => self.pack.graph[key].entity,
            None => level,
        };
        Ok(self.node(Op::Parameter { parameter: id, key, class, shift }, ty, entity))
    }

    fn not_above(&self, parts: &[&str], entity: Entity, context: &Context, place: &Place) -> Stop {
        let (own, other) = (self.pack.entity_id(context.entity), self.pack.entity_id(entity));
        if self.pack.is_below(entity, context.entity) {
            return wrong(
                place,
                format!("a {own} can have many records of {other}: `{}` is not one value", parts.join(".")),
                format!("aggregate it: `sum({})`, `any(…)`, or `count({other}.id) filter (where …)`", parts.join(".")),
            );
        }
        wrong(
            place,
            format!("`{other}` is neither above nor below {own}"),
            format!("a formula of {own} reads its own fields and those of what it belongs to"),
        )
    }

    fn unknown(&self, parts: &[&str], entity: Entity, rest: &[&str], place: &Place) -> Stop {
        let name = rest.join(".");
        let entity_id = self.pack.entity_id(entity);
        if let Some(secret) = self.secret(entity, rest) {
            return wrong(
                place,
                format!("`{}` is secret", parts.join(".")),
                format!("rules may not read `{secret}`; keep what the rule needs in a field of its own"),
            );
        }
        if let [id] = rest
            && let Some(variable) = self.pack.variable(id).map(|v| &self.pack.variables[v.index()])
        {
            let of = self.pack.entity_id(variable.of);
            let advice = if self.pack.is_below(variable.of, entity) {
                format!("aggregate it, such as `count({of}.id) filter (where {of}.{id})`")
            } else {
                format!("write `{of}.{id}`")
            };
            return wrong(place, format!("`{id}` is a variable of {of}, not of {entity_id}"), advice);
        }
        let known = self.members(entity);
        let near = nearest(&name, known.iter().map(String::as_str));
        let advice = near.map_or_else(
            || format!("{entity_id} has no such field, variable or programme; define it or correct the name"),
            |near| format!("did you mean `{near}`?"),
        );
        wrong(place, format!("{entity_id} has no `{name}`"), advice)
    }

    fn secret(&self, entity: Entity, rest: &[&str]) -> Option<String> {
        let register = match (rest, entity) {
            ([_], Entity::Register(register)) => self.pack.registers.get(register.index()),
            ([id, _], _) => self.pack.registers.iter().find(|r| r.id == *id && r.parent == entity),
            _ => None,
        }?;
        let id = rest.last()?;
        register.fields.iter().find(|field| field.id == *id && field.secret).map(|field| field.id.clone())
    }

    /// All names of an entity, for advice.
    fn members(&self, entity: Entity) -> Vec<String> {
        let own = match entity {
            Entity::Register(id) => self.pack.registers.get(id.index()),
            Entity::Level(_) => None,
        };
        let open = |register: &Register, prefix: &str| -> Vec<String> {
            register.fields.iter().filter(|f| !f.secret).map(|f| format!("{prefix}{}", f.id)).collect()
        };
        let attached = self.pack.registers.iter().filter(|r| r.parent == entity && r.kind != RegisterKind::Entity);
        let variables = self.pack.variables.iter().filter(|v| v.of == entity).map(|v| v.id.clone());
        own.into_iter()
            .flat_map(|register| open(register, ""))
            .chain(attached.flat_map(|register| open(register, &format!("{}.", register.id))))
            .chain(variables)
            .collect()
    }
}

/// A diagnostic that stops the formula.
pub(super) fn wrong(place: &Place, message: String, advice: String) -> Stop {
    Stop::Wrong(Box::new(Diagnostic::new(place, message, advice)))
}
