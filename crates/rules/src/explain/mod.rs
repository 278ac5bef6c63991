//! Why a result is as it is: the conditions with their values, the parameters with their sources, the facts that are
//! missing, the condition that decides, and the number whose change would turn the answer.
//!
//! Explanations are computed with the scalar interpreter, for one record, as a structure for pages and as plain text
//! for the command line. All sentences stand in [`sentences`].

mod change;
mod missing;
pub mod sentences;
mod words;

use bangfu_policy::ir::{ExprId, Op, Scalar, Type};
use bangfu_policy::model::{Entity, Pack, ParameterId, VariableId, text_in};
use bangfu_policy::value::format_date;
use serde::Serialize;

use crate::frame::Frame;
use crate::interpret::{EvaluationError, Interpreter};
use sentences::{Sentence, said, sentence};

/// Why a variable of a record has its value.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Explanation {
    /// Id of the entity.
    pub entity: String,
    /// Key of the record.
    pub key: String,
    /// Id of the variable.
    pub variable: String,
    /// Its title.
    pub title: String,
    /// The value, written out; `None`: it cannot be told.
    pub value: Option<String>,
    /// `yes`, `no`, `unknown` for conditions; `known` or `unknown` for the rest.
    pub state: State,
    /// The formula as written.
    pub formula: String,
    /// The rule in plain words, where the pack has them.
    pub words: Option<String>,
    /// The result in one sentence.
    pub summary: String,
    /// Clauses of the policy that it follows: its own first, then those of what it uses.
    pub clauses: Vec<ClauseCited>,
    /// The steps of the formula with their values.
    pub tree: Step,
    /// For a "no": the first condition that fails, as deep as one condition decides.
    pub first_failing: Option<Failing>,
    /// Parameters used, each once.
    pub parameters: Vec<ParameterUsed>,
    /// For "cannot tell": the facts that are missing.
    pub missing: Vec<MissingFact>,
    /// The number whose change turns the answer, where one number decides.
    pub nearest_change: Option<Change>,
    /// All numbers whose change alone turns the answer, nearest first.
    pub changes: Vec<Change>,
}

/// Outcome of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A condition that holds.
    Yes,
    /// A condition that does not hold.
    No,
    /// Cannot be told.
    Unknown,
    /// A value that is known.
    Known,
}

impl State {
    fn of(value: Scalar) -> Self {
        match value {
            Scalar::Missing => Self::Unknown,
            Scalar::Boolean(true) => Self::Yes,
            Scalar::Boolean(false) => Self::No,
            Scalar::Integer(_) => Self::Known,
        }
    }
}

/// A step of a formula.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Step {
    /// What is computed, in the words of the pack.
    pub text: String,
    /// Its value, written out.
    pub value: String,
    /// Outcome.
    pub state: State,
    /// Id of the variable that the step is, if it is one.
    pub variable: Option<String>,
    /// Key of the record, where it is another one than above.
    pub record: Option<String>,
    /// Clauses of that variable.
    pub clauses: Vec<String>,
    /// Steps that it rests on; those that were not looked at are left out.
    pub steps: Vec<Step>,
}

/// A clause of the policy.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ClauseCited {
    /// Id.
    pub id: String,
    /// Words of the policy.
    pub phrase: String,
}

/// The condition that decides a "no".
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Failing {
    /// The condition in words.
    pub text: String,
    /// Values of its sides, written out.
    pub values: String,
    /// Id of the innermost variable that contains it.
    pub variable: Option<String>,
}

/// A parameter with the value that counts for the record.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ParameterUsed {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Value, written out; `None`: there is none on the date.
    pub value: Option<String>,
    /// Words for the unit.
    pub unit: Option<String>,
    /// First day of the value.
    pub from: Option<String>,
    /// Where it comes from.
    pub source: String,
    /// `high`, `medium`, `low`.
    pub confidence: String,
    /// Whether the run set it to another value than the pack's.
    pub set: bool,
}

/// A fact that is missing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct MissingFact {
    /// Name, for instance `income.wage`.
    pub name: String,
    /// Title.
    pub title: String,
    /// Period of the record, for periodic registers.
    pub period: Option<i32>,
    /// Id of the entity of the record.
    pub entity: String,
    /// Key of the record.
    pub record: String,
    /// As a sentence: "income of 2015 is missing".
    pub text: String,
}

/// A number whose change alone turns the answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Change {
    /// Name of the variable or field.
    pub name: String,
    /// Title.
    pub title: String,
    /// Key of the record.
    pub record: String,
    /// Value now.
    pub from: String,
    /// Nearest value with which the answer is the other one.
    pub to: String,
    /// Difference without sign.
    pub by: String,
    /// Whether it must become lower.
    pub lower: bool,
    /// Whether it is an amount of money.
    pub money: bool,
    /// As a sentence.
    pub text: String,
}

/// Explains a variable of a record.
///
/// # Errors
/// An overflow or an unguarded division by zero.
pub fn explain(
    pack: &Pack,
    frame: &Frame,
    entity: Entity,
    row: usize,
    variable: VariableId,
    overrides: &[(ParameterId, Scalar)],
    language: &str,
) -> Result<Explanation, EvaluationError> {
    let mut explainer = Explainer { pack, frame, interpreter: Interpreter::new(pack, frame, overrides), language };
    explainer.explain(entity, row, variable)
}

/// A formula in the titles of what it reads, for people who do not read formulas.
pub fn in_words(pack: &Pack, node: ExprId, language: &str) -> String {
    words::words(pack, node, language, DEPTH)
}

/// Deepest step shown; formulas below it are named by their value only.
const DEPTH: usize = 24;
/// Records of an aggregate that are shown.
const RECORDS: usize = 20;

pub(super) struct Explainer<'a> {
    pub(super) pack: &'a Pack,
    pub(super) frame: &'a Frame,
    pub(super) interpreter: Interpreter<'a>,
    pub(super) language: &'a str,
}

impl Explainer<'_> {
    fn explain(&mut self, entity: Entity, row: usize, variable: VariableId) -> Result<Explanation, EvaluationError> {
        let value = self.interpreter.variable(variable, row)?;
        let Some(definition) = self.pack.variables.get(variable.index()) else {
            return Ok(self.nothing(entity, row));
        };
        let title = text_in(&definition.title, self.language).to_owned();
        let tree = self.step(definition.root, row, DEPTH);
        let mut used = Used::default();
        cite(self.pack, &mut used, &definition.clauses);
        self.collect(definition.root, row, &mut used);
        let missing = if value == Scalar::Missing { self.missing_facts(definition.root, row) } else { Vec::new() };
        let first_failing = (value == Scalar::Boolean(false)).then(|| self.first_failing(definition.root, row, None));
        let changes = match value {
            Scalar::Boolean(truth) => self.changes(definition.root, row, truth),
            _ => Vec::new(),
        };
        let nearest_change = change::preferred(&changes);
        let summary = self.summary(&title, value, definition.ty, &missing);
        Ok(Explanation {
            entity: self.pack.entity_id(entity).to_owned(),
            key: self.record_key(Some(entity), row),
            variable: definition.id.clone(),
            title,
            value: (value != Scalar::Missing).then(|| self.written(value, definition.ty)),
            state: State::of(value),
            formula: definition.formula.clone(),
            words: definition.words.as_ref().map(|words| text_in(words, self.language).to_owned()),
            summary,
            clauses: used.clauses,
            tree,
            first_failing,
            parameters: used.parameters,
            missing,
            nearest_change,
            changes,
        })
    }

    fn nothing(&self, entity: Entity, row: usize) -> Explanation {
        Explanation {
            entity: self.pack.entity_id(entity).to_owned(),
            key: self.record_key(Some(entity), row),
            variable: String::new(),
            title: String::new(),
            value: None,
            state: State::Unknown,
            formula: String::new(),
            words: None,
            summary: String::new(),
            clauses: Vec::new(),
            tree: Step {
                text: String::new(),
                value: String::new(),
                state: State::Unknown,
                variable: None,
                record: None,
                clauses: Vec::new(),
                steps: Vec::new(),
            },
            first_failing: None,
            parameters: Vec::new(),
            missing: Vec::new(),
            nearest_change: None,
            changes: Vec::new(),
        }
    }

    fn summary(&self, title: &str, value: Scalar, ty: Type, missing: &[MissingFact]) -> String {
        match value {
            Scalar::Missing => {
                let cannot = sentence(self.pack, Sentence::CannotTell, self.language, &[title]);
                match missing.first() {
                    Some(fact) => sentence(self.pack, Sentence::Because, self.language, &[&cannot, &fact.text]),
                    None => cannot,
                }
            }
            Scalar::Boolean(true) => sentence(self.pack, Sentence::Yes, self.language, &[title]),
            Scalar::Boolean(false) => sentence(self.pack, Sentence::No, self.language, &[title]),
            Scalar::Integer(_) => sentence(self.pack, Sentence::Is, self.language, &[title, &self.written(value, ty)]),
        }
    }

    pub(super) fn record_key(&self, entity: Option<Entity>, row: usize) -> String {
        let table = entity.and_then(|entity| self.frame.tables.get(&entity));
        table.and_then(|table| table.keys.get(row)).cloned().unwrap_or_default()
    }

    /// A value for readers: labels of codes, words of truth, money with its symbol left to the page.
    pub(super) fn written(&self, value: Scalar, ty: Type) -> String {
        words::written(self.pack, value, ty, self.language)
    }

    pub(super) fn value(&mut self, node: ExprId, row: usize) -> Scalar {
        // The root was computed without error; parts of arms that were not taken may still fail, and are not shown.
        self.interpreter.value(node, row).unwrap_or(Scalar::Missing)
    }

    fn step(&mut self, node: ExprId, row: usize, depth: usize) -> Step {
        let definition = &self.pack.graph[node];
        let text_field = definition.ty == Type::Text;
        let value = if text_field { Scalar::Missing } else { self.value(node, row) };
        let mut step = Step {
            text: words::words(self.pack, node, self.language, 3),
            value: self.written(value, definition.ty),
            state: State::of(value),
            variable: None,
            record: None,
            clauses: Vec::new(),
            steps: Vec::new(),
        };
        if text_field && let Some(text) = self.interpreter.text(node, row) {
            text.clone_into(&mut step.value);
            step.state = State::Known;
        }
        if depth == 0 {
            return step;
        }
        match &definition.op {
            Op::Variable { variable, value, .. } => {
                if let Some(variable) = self.pack.variables.get(variable.index()) {
                    step.variable = Some(variable.id.clone());
                    step.clauses.clone_from(&variable.clauses);
                }
                let inner = self.step(*value, row, depth - 1);
                // A variable that is only another name needs no second line.
                step.steps = if inner.steps.is_empty() && inner.variable.is_none() && inner.text == step.text {
                    Vec::new()
                } else {
                    vec![inner]
                };
            }
            Op::Broadcast { value, from } => {
                if let Some(above) = self.interpreter.ancestor(definition.entity, row, *from) {
                    step = self.step(*value, above, depth);
                    step.record = Some(self.record_key(Some(*from), above));
                }
            }
            Op::Aggregate { over, value, filter, .. } => {
                let rows = self.interpreter.descendants(definition.entity, row, *over);
                for at in rows.take(RECORDS) {
                    if let Some(filter) = filter
                        && self.value(*filter, at) == Scalar::Boolean(false)
                    {
                        continue;
                    }
                    if let Some(node) = value.or(*filter) {
                        let mut inner = self.step(node, at, depth.min(3) - 1);
                        inner.record = Some(self.record_key(Some(*over), at));
                        step.steps.push(inner);
                    }
                }
            }
            Op::Case { arms, otherwise } => {
                for (condition, value) in arms {
                    let inner = self.step(*condition, row, depth - 1);
                    let state = inner.state;
                    step.steps.push(inner);
                    if state != State::No {
                        if state == State::Yes {
                            step.steps.push(self.step(*value, row, depth - 1));
                        }
                        return step;
                    }
                }
                step.steps.push(self.step(*otherwise, row, depth - 1));
            }
            // Rounding to other digits is no step of its own; a sum shows its parts in one row.
            Op::Rescale { value: inner, .. } => step.steps = self.step(*inner, row, depth - 1).steps,
            op => {
                let mut operands = Vec::new();
                match op {
                    Op::Add(..) | Op::Subtract(..) => self.summands(node, &mut operands),
                    _ => operands = op.operands(),
                }
                for operand in operands {
                    if !matches!(self.pack.graph[operand].op, Op::Literal(_)) {
                        step.steps.push(self.step(operand, row, depth - 1));
                    }
                }
            }
        }
        step
    }

    /// Parts of a sum, through sums of sums.
    fn summands(&self, node: ExprId, parts: &mut Vec<ExprId>) {
        match &self.pack.graph[node].op {
            Op::Add(a, b) | Op::Subtract(a, b) if parts.len() < 200 => {
                self.summands(*a, parts);
                self.summands(*b, parts);
            }
            _ => parts.push(node),
        }
    }

    /// The first condition that fails: into variables, ancestors and conjunctions as long as one condition decides.
    fn first_failing(&mut self, node: ExprId, row: usize, inside: Option<String>) -> Failing {
        let definition = &self.pack.graph[node];
        match &definition.op {
            Op::Variable { variable, value, .. } => {
                let id = self.pack.variables.get(variable.index()).map(|variable| variable.id.clone());
                return self.first_failing(*value, row, id);
            }
            Op::Broadcast { value, from } => {
                if let Some(above) = self.interpreter.ancestor(definition.entity, row, *from) {
                    return self.first_failing(*value, above, inside);
                }
            }
            Op::And(parts) => {
                for part in parts {
                    if self.value(*part, row) == Scalar::Boolean(false) {
                        return self.first_failing(*part, row, inside);
                    }
                }
            }
            Op::Case { arms, otherwise } => {
                for (condition, value) in arms {
                    match self.value(*condition, row) {
                        Scalar::Boolean(false) => {}
                        Scalar::Boolean(true) if !self.constant(*value) => {
                            return self.first_failing(*value, row, inside);
                        }
                        _ => return self.failing(node, row, inside),
                    }
                }
                if !self.constant(*otherwise) {
                    return self.first_failing(*otherwise, row, inside);
                }
            }
            _ => {}
        }
        self.failing(node, row, inside)
    }

    fn constant(&self, node: ExprId) -> bool {
        matches!(self.pack.graph[node].op, Op::Literal(_))
    }

    /// A failing condition with the values of its sides.
    fn failing(&mut self, node: ExprId, row: usize, inside: Option<String>) -> Failing {
        let definition = &self.pack.graph[node];
        let mut values = Vec::new();
        for operand in definition.op.operands() {
            let at = &self.pack.graph[operand];
            if at.ty != Type::Text && !matches!(at.op, Op::Literal(_)) && !matches!(definition.op, Op::Aggregate { .. })
            {
                let value = self.value(operand, row);
                let words = words::words(self.pack, operand, self.language, 2);
                values.push(sentence(self.pack, Sentence::Is, self.language, &[&words, &self.written(value, at.ty)]));
            }
        }
        Failing { text: words::words(self.pack, node, self.language, 4), values: values.join("; "), variable: inside }
    }

    /// Clauses and parameters on the way that was taken.
    fn collect(&mut self, node: ExprId, row: usize, used: &mut Used) {
        if !used.seen.insert((node, row)) || used.seen.len() > 5_000 {
            return;
        }
        let definition = &self.pack.graph[node];
        match &definition.op {
            Op::Variable { variable, value, .. } => {
                if let Some(variable) = self.pack.variables.get(variable.index()) {
                    cite(self.pack, used, &variable.clauses);
                }
                self.collect(*value, row, used);
            }
            Op::Parameter { parameter, class, shift, .. } => {
                let class = class.and_then(|class| match self.value(class, row) {
                    Scalar::Integer(class) => Some(class),
                    _ => None,
                });
                self.use_parameter(*parameter, node, row, class, *shift, used);
            }
            Op::Broadcast { value, from } => {
                if let Some(above) = self.interpreter.ancestor(definition.entity, row, *from) {
                    self.collect(*value, above, used);
                }
            }
            Op::Aggregate { over, value, filter, .. } => {
                for at in self.interpreter.descendants(definition.entity, row, *over).take(RECORDS) {
                    value.iter().chain(filter).for_each(|node| self.collect(*node, at, used));
                }
            }
            Op::Case { arms, otherwise } => {
                for (condition, value) in arms {
                    self.collect(*condition, row, used);
                    match self.value(*condition, row) {
                        Scalar::Boolean(false) => {}
                        Scalar::Boolean(true) => return self.collect(*value, row, used),
                        _ => return,
                    }
                }
                self.collect(*otherwise, row, used);
            }
            op => op.operands().into_iter().for_each(|operand| self.collect(operand, row, used)),
        }
    }

    fn use_parameter(
        &mut self,
        id: ParameterId,
        node: ExprId,
        row: usize,
        class: Option<i64>,
        shift: i32,
        used: &mut Used,
    ) {
        let Some(parameter) = self.pack.parameters.get(id.index()) else { return };
        let entity = self.pack.graph[node].entity;
        let found = self.interpreter.parameter_row(id, entity, row, class, shift);
        let value = self.value(node, row);
        let set = self.interpreter.parameter_override(id).is_some();
        let entry = ParameterUsed {
            id: parameter.id.clone(),
            title: text_in(&parameter.title, self.language).to_owned(),
            value: (value != Scalar::Missing).then(|| self.written(value, parameter.ty)),
            unit: parameter.unit.as_ref().map(|unit| text_in(unit, self.language).to_owned()),
            from: found.filter(|_| !set).map(|row| format_date(i64::from(row.from))),
            source: found.filter(|_| !set).map(|row| row.source.clone()).unwrap_or_default(),
            confidence: found.filter(|_| !set).map(|row| row.confidence.clone()).unwrap_or_default(),
            set,
        };
        cite(self.pack, used, &parameter.clauses);
        if !used.parameters.contains(&entry) {
            used.parameters.push(entry);
        }
    }
}

#[derive(Default)]
struct Used {
    seen: std::collections::HashSet<(ExprId, usize)>,
    clauses: Vec<ClauseCited>,
    parameters: Vec<ParameterUsed>,
}

fn cite(pack: &Pack, used: &mut Used, clauses: &[String]) {
    for id in clauses {
        if used.clauses.iter().all(|cited| cited.id != *id) {
            let phrase = pack.articles.iter().flat_map(|article| &article.clauses).find(|clause| clause.id == *id);
            let phrase = phrase.map(|clause| clause.phrase.clone()).unwrap_or_default();
            used.clauses.push(ClauseCited { id: id.clone(), phrase });
        }
    }
}

impl Explanation {
    /// The explanation as plain text; without the pack in Chinese or English.
    pub fn text(&self, pack: Option<&Pack>, language: &str) -> String {
        let say = |which, parts: &[&str]| said(pack, which, language, parts);
        let mut lines = vec![format!("{} {} · {}", self.entity, self.key, self.summary)];
        lines.push(say(Sentence::Rule, &[self.words.as_deref().unwrap_or(&self.formula)]));
        if let Some(failing) = &self.first_failing {
            lines.push(say(Sentence::FirstFailing, &[&failing.text, &failing.values]));
        }
        lines.extend(self.missing.iter().map(|fact| say(Sentence::MissingFact, &[&fact.text])));
        if let Some(change) = &self.nearest_change {
            lines.push(say(Sentence::NearestChange, &[&change.text]));
        }
        for parameter in &self.parameters {
            let value = parameter.value.as_deref().unwrap_or("–");
            let unit = parameter.unit.as_deref().unwrap_or_default();
            let source = if parameter.set { say(Sentence::SetForThisRun, &[]) } else { parameter.source.clone() };
            let from = parameter.from.as_deref().unwrap_or_default();
            lines
                .push(say(Sentence::Parameter, &[&parameter.title, value, unit, from, &source, &parameter.confidence]));
        }
        if !self.clauses.is_empty() {
            let clauses: Vec<String> =
                self.clauses.iter().map(|c| format!("{} {}", c.id, c.phrase).trim().to_owned()).collect();
            lines.push(say(Sentence::Clauses, &[&clauses.join("; ")]));
        }
        tree_lines(&self.tree, 0, &mut lines);
        lines.join("\n")
    }
}

fn tree_lines(step: &Step, depth: usize, lines: &mut Vec<String>) {
    let mark = match step.state {
        State::Yes => "✓",
        State::No => "✗",
        State::Unknown => "?",
        State::Known => "·",
    };
    let record = step.record.as_ref().map(|record| format!("[{record}] ")).unwrap_or_default();
    lines.push(format!("{}{mark} {record}{} = {}", "  ".repeat(depth), step.text, step.value));
    step.steps.iter().for_each(|step| tree_lines(step, depth + 1, lines));
}
