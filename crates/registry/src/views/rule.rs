//! A rule with its neighbours: what it depends on, what uses it, in formula and in words.

use std::collections::BTreeSet;

use bangfu_policy::ir::{ExprId, Op, Type};
use bangfu_policy::model::{self, IndicatorValue, Pack, Variable, VariableId, text_in};
use serde::Serialize;

use super::figures::Language;
use super::policy::Item;

/// A rule in a list.
#[derive(Clone, Debug, Serialize)]
pub struct RuleLine {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Title of the entity it is for.
    pub of: String,
    /// Heading.
    pub group: String,
    /// `boolean`, `number`, `money`, `date` or `code`.
    pub ty: &'static str,
    /// Clauses.
    pub clauses: Vec<String>,
    /// Position in the pack.
    #[serde(skip)]
    pub variable: VariableId,
}

/// A rule in full.
#[derive(Clone, Debug, Serialize)]
pub struct RuleView {
    /// Its line.
    pub line: RuleLine,
    /// The formula as written.
    pub formula: String,
    /// The rule in plain words as the pack has them.
    pub words: String,
    /// File and line in the pack.
    pub place: String,
    /// Digits after the point of its numbers.
    pub scale: u8,
    /// The formula in the titles of what it reads.
    pub plain: String,
    /// Of a check that is held at entry: titles of the fields that refuse what it looks for.
    pub at_entry: Vec<String>,
    /// What it reads directly.
    pub depends: Vec<Item>,
    /// What reads it directly.
    pub used_by: Vec<Item>,
}

/// Kind of a type in one word.
pub fn type_word(ty: Type) -> &'static str {
    match ty {
        Type::Boolean => "boolean",
        Type::Number { money: true, .. } => "money",
        Type::Number { .. } => "number",
        Type::Date => "date",
        Type::Code(_) => "code",
        Type::Text => "text",
    }
}

/// All rules in the pack's order.
pub fn rules(pack: &Pack, language: Language) -> Vec<RuleLine> {
    (0..pack.variables.len()).filter_map(|n| line(pack, VariableId(n as u16), language)).collect()
}

fn line(pack: &Pack, id: VariableId, language: Language) -> Option<RuleLine> {
    let variable = pack.variables.get(id.index())?;
    Some(RuleLine {
        id: variable.id.clone(),
        title: text_in(&variable.title, language.id()).to_owned(),
        of: pack.entity_title(variable.of).map(|t| text_in(t, language.id()).to_owned()).unwrap_or_default(),
        group: variable.group.clone().unwrap_or_default(),
        ty: type_word(variable.ty),
        clauses: variable.clauses.clone(),
        variable: id,
    })
}

/// One rule.
pub fn rule(pack: &Pack, id: &str, language: Language) -> Option<RuleView> {
    let id = pack.variable(id)?;
    let variable = pack.variables.get(id.index())?;
    let used_by = users(pack, id, language);
    Some(RuleView {
        line: line(pack, id, language)?,
        formula: variable.formula.trim().to_owned(),
        words: variable.words.as_ref().map(|words| text_in(words, language.id()).to_owned()).unwrap_or_default(),
        place: format!("{}:{}", variable.place.file, variable.place.line),
        scale: match variable.ty {
            Type::Number { scale, .. } => scale,
            _ => 0,
        },
        plain: bangfu_rules::explain::in_words(pack, body(pack, variable.root, id), language.id()),
        at_entry: at_entry(pack, variable, language),
        depends: reads(pack, body(pack, variable.root, id), language),
        used_by,
    })
}

fn at_entry(pack: &Pack, variable: &Variable, language: Language) -> Vec<String> {
    let check = variable.check.and_then(|check| pack.checks.get(check.index())).filter(|check| check.at_entry);
    let fields = check.into_iter().flat_map(|check| &check.fields);
    let title = |(name, _): &(String, model::Place)| {
        Some(text_in(&pack.named_field(variable.of, name)?.title, language.id()).to_owned())
    };
    fields.filter_map(title).collect()
}

/// The formula below the node that carries the variable's own name.
fn body(pack: &Pack, root: ExprId, own: VariableId) -> ExprId {
    match pack.graph[root].op {
        Op::Variable { variable, value, shift: 0 } if variable == own => value,
        _ => root,
    }
}

/// What a formula reads directly: fields, variables, parameters; a variable hides what stands below it.
pub fn reads(pack: &Pack, root: ExprId, language: Language) -> Vec<Item> {
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        let op = &pack.graph[id].op;
        match op {
            Op::Variable { variable, .. } => {
                found.insert(("variable", variable.0, 0));
            }
            Op::Field { field, .. } => {
                found.insert(("register", field.register.0, field.field));
            }
            Op::Parameter { parameter, .. } => {
                found.insert(("parameter", parameter.0, 0));
                open.extend(op.operands());
            }
            _ => open.extend(op.operands()),
        }
    }
    found.into_iter().filter_map(|(kind, n, field)| item(pack, kind, n, field, language)).collect()
}

/// The rules that a rule reads directly.
pub fn read_variables(pack: &Pack, id: VariableId) -> Vec<VariableId> {
    let Some(variable) = pack.variables.get(id.index()) else { return Vec::new() };
    let items = reads(pack, body(pack, variable.root, id), Language::ENGLISH).into_iter();
    items.filter(|item| item.kind == "variable").map(|item| VariableId(item.index as u16)).collect()
}

/// The parameters that a rule reads directly.
pub fn read_parameters(pack: &Pack, id: VariableId) -> Vec<model::ParameterId> {
    let Some(variable) = pack.variables.get(id.index()) else { return Vec::new() };
    let items = reads(pack, body(pack, variable.root, id), Language::ENGLISH).into_iter();
    items.filter(|item| item.kind == "parameter").map(|item| model::ParameterId(item.index as u16)).collect()
}

fn item(pack: &Pack, kind: &'static str, n: u16, field: u16, language: Language) -> Option<Item> {
    let index = usize::from(n);
    let (id, title) = match kind {
        "variable" => pack.variables.get(index).map(|v| (v.id.clone(), text_in(&v.title, language.id()).to_owned()))?,
        "parameter" => {
            pack.parameters.get(index).map(|p| (p.id.clone(), text_in(&p.title, language.id()).to_owned()))?
        }
        _ => {
            let register = pack.registers.get(index)?;
            let field = register.fields.get(usize::from(field))?;
            let title =
                format!("{} · {}", text_in(&register.title, language.id()), text_in(&field.title, language.id()));
            (register.id.clone(), title)
        }
    };
    Some(Item { kind, id, title, index })
}

fn users(pack: &Pack, id: VariableId, language: Language) -> Vec<Item> {
    let is_it = |op: &Op| matches!(op, Op::Variable { variable, .. } if *variable == id);
    users_of(pack, is_it, Some(id), language)
}

/// What reads a parameter directly.
pub fn users_of_parameter(pack: &Pack, id: &str, language: Language) -> Vec<Item> {
    let id = pack.parameter(id);
    users_of(pack, |op| matches!(op, Op::Parameter { parameter, .. } if Some(*parameter) == id), None, language)
}

fn users_of(pack: &Pack, is_it: impl Fn(&Op) -> bool, own: Option<VariableId>, language: Language) -> Vec<Item> {
    let reads_it = |root: ExprId| reads_directly(pack, root, &is_it);
    let mut items: Vec<Item> = pack
        .variables
        .iter()
        .enumerate()
        .filter(|(n, _)| own.is_none_or(|id| *n != id.index()))
        .filter(|(n, v)| reads_it(body(pack, v.root, VariableId(*n as u16))))
        .filter_map(|(n, _)| item(pack, "variable", n as u16, 0, language))
        .collect();
    for (index, indicator) in pack.indicators.iter().enumerate() {
        if roots(&indicator.value).into_iter().any(reads_it) {
            let title = text_in(&indicator.title, language.id()).to_owned();
            items.push(Item { kind: "indicator", id: indicator.id.clone(), title, index });
        }
    }
    items
}

fn reads_directly(pack: &Pack, root: ExprId, is_it: impl Fn(&Op) -> bool) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![root];
    while let Some(node) = open.pop() {
        if !seen.insert(node) {
            continue;
        }
        match &pack.graph[node].op {
            op if is_it(op) => return true,
            Op::Variable { .. } => {}
            op => open.extend(op.operands()),
        }
    }
    false
}

/// Root nodes of an indicator.
pub fn roots(value: &IndicatorValue) -> Vec<ExprId> {
    use bangfu_policy::model::Distribution as D;
    match value {
        IndicatorValue::Quotient { numerator, denominator } => std::iter::once(numerator)
            .chain(denominator)
            .flat_map(|part| part.aggregates.iter().flat_map(|a| a.value.into_iter().chain(a.filter)))
            .collect(),
        IndicatorValue::Distribution(index) => match index {
            D::Fgt(_, incomes) | D::Sen(incomes) | D::Sst(incomes) | D::Watts(incomes) | D::Gini(incomes) => {
                std::iter::once(incomes.income).chain(incomes.line).chain(incomes.weight).collect()
            }
            D::AlkireFoster { weight, deprivations, .. } => {
                weight.iter().copied().chain(deprivations.iter().map(|(_, node)| *node)).collect()
            }
        },
    }
}
