//! The file of one record or division: head, parts, members, income, guarantees, labels.
//!
//! Made from facts that the caller has fetched and from the results of the last run.

use std::collections::BTreeMap;

use bangfu_policy::ir::Type;
use bangfu_policy::ir::{ExprId, Op, Scalar};
use bangfu_policy::model::{
    Entity, EntityScreen, Field, FieldRef, FieldType, IncomeScreen, Pack, Register, RegisterId, RegisterKind, Value,
    VariableId, text_in,
};
use bangfu_policy::period;
use bangfu_store::Scope;
use serde::Serialize;

use super::charts::{self, Part, Waterfall};
use super::figures::{self, Language};
use super::places::Places;
use super::results::{Answer, Results};

/// A record as the store hands it out, without what pages never show.
#[derive(Clone, Debug)]
pub struct Fact {
    /// Id in addresses.
    pub id: String,
    /// Its register.
    pub register: RegisterId,
    /// Row in the store.
    pub row: i64,
    /// Row of the record above.
    pub parent: Option<i64>,
    /// Journal entry of the last change.
    pub changed: i64,
    /// Division code.
    pub division: String,
    /// Period of a periodic register.
    pub period: Option<i32>,
    /// Values in field order.
    pub values: Vec<Option<Value>>,
}

/// A fact's words, with an address when it names another page.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Cell {
    /// Words; empty when not known.
    pub text: String,
    /// Right-aligned.
    pub number: bool,
}

/// Title and value.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Pair {
    /// Title.
    pub title: String,
    /// Value.
    pub cell: Cell,
}

/// A part of a file: an attached register.
#[derive(Clone, Debug, Serialize)]
pub struct Section {
    /// Title of the register.
    pub title: String,
    /// Id of the register.
    pub id: String,
    /// Pairs, for a register with one record.
    pub pairs: Vec<Pair>,
    /// Periods, newest first, for a periodic register.
    pub periods: Vec<String>,
    /// Title and a value for each period.
    pub rows: Vec<(String, Vec<Cell>)>,
    /// Addresses of the records, in the order of the periods.
    pub records: Vec<String>,
    /// The system keeps them: nobody edits them.
    pub by_system: bool,
    /// Whether the visitor changes it.
    pub editable: bool,
}

/// A register whose records may be added to a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Addition {
    /// Id of the register.
    pub id: String,
    /// Title.
    pub title: String,
}

/// A list of child records in a file.
#[derive(Clone, Debug, Serialize)]
pub struct Children {
    /// Title of the register.
    pub title: String,
    /// Id of the register.
    pub id: String,
    /// Titles of the columns, and whether right-aligned.
    pub columns: Vec<(String, bool)>,
    /// Rows: id of the record and cells.
    pub rows: Vec<(String, Vec<Cell>)>,
}

/// A guarantee.
#[derive(Clone, Debug, Serialize)]
pub struct Tile {
    /// Id of the rule.
    pub id: String,
    /// Title.
    pub title: String,
    /// Answer.
    pub answer: Answer,
}

/// The income of a record against the line.
#[derive(Clone, Debug, Serialize)]
pub struct Income {
    /// Drawing.
    pub drawing: Waterfall,
    /// Words of the amounts, in the order of the bars.
    pub amounts: Vec<String>,
    /// Parts with signed amounts, for the table.
    pub rows: Vec<(String, String, &'static str)>,
    /// Title and amount of the total.
    pub total: (String, String),
    /// Per head.
    pub per_head: (String, String),
    /// The line.
    pub line: (String, String),
    /// Whether the income per head is below the line.
    pub below: Answer,
}

/// A dated label.
#[derive(Clone, Debug, Serialize)]
pub struct Label {
    /// Id of its register.
    pub register: String,
    /// Address of the record.
    pub record: String,
    /// First date.
    pub from: String,
    /// Words.
    pub text: String,
    /// Other dates and notes.
    pub notes: Vec<Pair>,
    /// Whether it has an end that is past.
    pub closed: bool,
    #[serde(skip)]
    order: i64,
}

/// Words of a stored value.
pub fn cell(pack: &Pack, field: &Field, value: Option<&Value>, places: &Places, language: Language) -> Cell {
    let number = matches!(field.ty, FieldType::Integer | FieldType::Decimal(_) | FieldType::Money);
    let text = match (value, field.ty) {
        (None, _) => String::new(),
        (Some(Value::Boolean(b)), _) => figures::truth(*b, language).to_owned(),
        (Some(Value::Text(text)), FieldType::Division) => places.name(text, language),
        (Some(Value::Text(text)), _) => text.clone(),
        (Some(Value::Integer(n)), FieldType::Date) => figures::iso_day(*n),
        (Some(Value::Integer(n)), FieldType::Year) => n.to_string(),
        (Some(Value::Integer(n)), FieldType::Money) => language.fixed(*n, 2),
        (Some(Value::Integer(n)), FieldType::Decimal(scale)) => language.fixed(*n, scale),
        (Some(Value::Integer(n)), FieldType::Code(list)) => pack
            .codes
            .get(list.index())
            .and_then(|list| list.values.get(usize::try_from(*n).ok()?))
            .map_or_else(|| n.to_string(), |code| text_in(&code.label, language.id()).to_owned()),
        (Some(Value::Integer(n)), _) => language.grouped(*n),
    };
    Cell { text, number }
}

/// Words of a value that the journal wrote.
pub fn journalled(
    pack: &Pack,
    field: &Field,
    written: Option<&serde_json::Value>,
    places: &Places,
    language: Language,
) -> String {
    let Some(written) = written.filter(|written| !written.is_null()) else { return String::new() };
    let Some(text) = written.as_str() else { return "***".to_owned() };
    let value = bangfu_policy::value::parse(text, field.ty, pack, "").ok();
    value.map_or_else(|| text.to_owned(), |value| cell(pack, field, Some(&value), places, language).text)
}

/// All fields of a record.
pub fn pairs(pack: &Pack, fact: &Fact, places: &Places, language: Language) -> Vec<Pair> {
    let Some(register) = pack.registers.get(fact.register.index()) else { return Vec::new() };
    register
        .fields
        .iter()
        .zip(&fact.values)
        .map(|(field, value)| Pair {
            title: text_in(&field.title, language.id()).to_owned(),
            cell: cell(pack, field, value.as_ref(), places, language),
        })
        .collect()
}

/// What a file is made of: the record (or division) and what hangs on it.
pub struct Material<'a> {
    /// The pack.
    pub pack: &'a Pack,
    /// Divisions.
    pub places: &'a Places,
    /// Language of the page.
    pub language: Language,
    /// What the file is of.
    pub entity: Entity,
    /// Key in results: of the record, or the division's code.
    pub key: &'a str,
    /// The record; `None` for a division.
    pub own: Option<&'a Fact>,
    /// Records of registers that belong to it.
    pub children: BTreeMap<u16, Vec<Fact>>,
    /// Results of the last run.
    pub results: Option<&'a Results>,
    /// The day that "now" means.
    pub as_of: i32,
    /// What the visitor sees and changes.
    pub scope: &'a Scope,
}

impl Material<'_> {
    fn words<'t>(&self, text: &'t bangfu_policy::model::Text) -> &'t str {
        text_in(text, self.language.id())
    }

    /// The page's settings, if the pack has any for this entity.
    pub fn screen(&self) -> Option<&EntityScreen> {
        self.pack.screens.entities.get(self.pack.entity_id(self.entity))
    }

    /// The record of an attached register that counts on the day.
    fn current(&self, register: RegisterId, shift: i32) -> Option<&Fact> {
        let facts = self.children.get(&register.0)?;
        let kind = self.pack.registers.get(register.index())?.kind;
        if kind == RegisterKind::One {
            return facts.first();
        }
        let wanted = bangfu_policy::period::shifted(kind, bangfu_policy::period::current(kind, self.as_of), shift);
        facts.iter().find(|fact| fact.period == Some(wanted))
    }

    fn stored(&self, field: FieldRef, shift: i32) -> Option<&Value> {
        let fact = match self.own {
            Some(own) if own.register == field.register => own,
            _ => self.current(field.register, shift)?,
        };
        fact.values.get(usize::from(field.field))?.as_ref()
    }

    /// Value of a node at the file's entity: a field or a variable.
    fn node(&self, id: ExprId) -> Scalar {
        let node = &self.pack.graph[id];
        match &node.op {
            Op::Field { field, shift } => match self.stored(*field, *shift) {
                Some(Value::Integer(n)) => Scalar::Integer(*n),
                Some(Value::Boolean(b)) => Scalar::Boolean(*b),
                _ => Scalar::Missing,
            },
            Op::Variable { variable, shift: 0, .. } => self.variable(*variable),
            Op::Literal(value) => *value,
            _ => Scalar::Missing,
        }
    }

    /// Value of a rule in the last run.
    pub fn variable(&self, id: VariableId) -> Scalar {
        self.results.map_or(Scalar::Missing, |results| results.value(self.pack, self.key, id))
    }

    /// The head of the page: fields, fields of attached registers and variables by name.
    pub fn summary(&self) -> Vec<Pair> {
        let names = self.screen().map(|screen| screen.summary.as_slice()).unwrap_or_default();
        names.iter().filter_map(|name| self.named(name)).collect()
    }

    /// Title and value behind a name of a screen.
    pub fn named(&self, name: &str) -> Option<Pair> {
        let own = self.own.map(|own| own.register);
        let found = match name.split_once('.') {
            Some((register, field)) => self.pack.register(register).map(|register| (register, field)),
            None => own.map(|register| (register, name)),
        };
        if let Some((register, name)) = found {
            let fields = &self.pack.registers.get(register.index())?.fields;
            if let Some(position) = fields.iter().position(|field| field.id == name) {
                let field = fields.get(position)?;
                let value = self.stored(FieldRef { register, field: position as u16 }, 0);
                let cell = cell(self.pack, field, value, self.places, self.language);
                return Some(Pair { title: self.words(&field.title).to_owned(), cell });
            }
        }
        let id = self.pack.variable(name)?;
        let variable = self.pack.variables.get(id.index())?;
        let text = figures::scalar(self.pack, self.variable(id), variable.ty, self.language);
        let cell = Cell { text, number: matches!(variable.ty, Type::Number { .. }) };
        Some(Pair { title: self.words(&variable.title).to_owned(), cell })
    }

    /// Guarantees.
    pub fn tiles(&self) -> Vec<Tile> {
        let tiles = self.screen().map(|screen| screen.tiles.as_slice()).unwrap_or_default();
        tiles
            .iter()
            .filter_map(|id| {
                let variable = self.pack.variables.get(id.index())?;
                Some(Tile {
                    id: variable.id.clone(),
                    title: self.words(&variable.title).to_owned(),
                    answer: Answer::of(self.variable(*id)),
                })
            })
            .collect()
    }

    /// The income waterfall.
    pub fn income(&self) -> Option<Income> {
        let screen = self.screen()?.income.as_ref()?;
        let IncomeScreen { plus, minus, total, per_head, line } = screen;
        let amount = |id: &ExprId| match self.node(*id) {
            Scalar::Integer(n) => Some(n),
            _ => None,
        };
        let part = |(title, id): &(bangfu_policy::model::Text, ExprId), sign: i64| Part {
            title: self.words(title).to_owned(),
            amount: amount(id).map(|n| n.saturating_mul(sign)),
        };
        let parts: Vec<Part> = plus.iter().map(|p| part(p, 1)).chain(minus.iter().map(|p| part(p, -1))).collect();
        let total = Part { title: self.title(*total), amount: amount(total) };
        let scale = |id: ExprId| match self.pack.graph[id].ty {
            Type::Number { scale, .. } => scale,
            _ => 0,
        };
        let words = |id: &ExprId| amount(id).map_or_else(|| "—".to_owned(), |n| self.language.fixed(n, scale(*id)));
        // The line is per head; the drawing compares the whole household, so it is scaled by the same ratio.
        let whole_line = match (amount(line), amount(per_head), total.amount) {
            (Some(line), Some(head), Some(total)) if head != 0 => {
                i64::try_from(i128::from(line) * i128::from(total) / i128::from(head)).ok().filter(|n| *n > 0)
            }
            _ => None,
        };
        let drawing = charts::waterfall(&parts, &total, whole_line, 580.0);
        let money = |amount: Option<i64>| amount.map_or_else(|| "—".to_owned(), |n| self.language.fixed(n, 2));
        let amounts = parts.iter().chain([&total]).map(|part| money(part.amount)).collect();
        let rows = parts
            .iter()
            .map(|part| {
                let kind = if part.amount.is_none() { "unknown" } else { "" };
                (part.title.clone(), money(part.amount), kind)
            })
            .collect();
        let below = match (self.node(*per_head), self.node(*line)) {
            (Scalar::Integer(head), Scalar::Integer(line_value)) if scale(*per_head) == scale(*line) => {
                if head < line_value { Answer::Yes } else { Answer::No }
            }
            _ => Answer::Unknown,
        };
        Some(Income {
            drawing,
            amounts,
            rows,
            total: (total.title.clone(), money(total.amount)),
            per_head: (self.title(*per_head), words(per_head)),
            line: (self.title(*line), words(line)),
            below,
        })
    }

    fn title(&self, id: ExprId) -> String {
        match &self.pack.graph[id].op {
            Op::Variable { variable, .. } => {
                self.pack.variables.get(variable.index()).map(|v| self.words(&v.title).to_owned()).unwrap_or_default()
            }
            Op::Field { field, .. } => {
                self.pack.field(*field).map(|f| self.words(&f.title).to_owned()).unwrap_or_default()
            }
            Op::Parameter { parameter, .. } => {
                self.pack.parameters.get(parameter.index()).map(|p| self.words(&p.title).to_owned()).unwrap_or_default()
            }
            _ => String::new(),
        }
    }

    /// Attached registers: one record as pairs, periods side by side.
    pub fn sections(&self) -> Vec<Section> {
        self.belonging(|kind| kind != RegisterKind::Entity)
            .filter_map(|id| {
                let register = self.pack.registers.get(id.index())?;
                let mut facts: Vec<&Fact> = self.children.get(&id.0).into_iter().flatten().collect();
                facts.sort_by_key(|fact| std::cmp::Reverse(fact.period));
                facts.truncate(5);
                let mut section = Section {
                    title: self.words(&register.title).to_owned(),
                    id: register.id.clone(),
                    pairs: Vec::new(),
                    periods: Vec::new(),
                    rows: Vec::new(),
                    records: facts.iter().map(|fact| fact.id.clone()).collect(),
                    by_system: register.kept_by_system(),
                    editable: !register.kept_by_system() && self.scope.changes(id),
                };
                if register.kind == RegisterKind::One {
                    let fact = facts.first()?;
                    section.pairs = pairs(self.pack, fact, self.places, self.language);
                    section.pairs.retain(|pair| !pair.cell.text.is_empty());
                } else {
                    section.periods = facts
                        .iter()
                        .map(|f| f.period.map(|p| period::format(register.kind, p)).unwrap_or_default())
                        .collect();
                    section.rows = register
                        .fields
                        .iter()
                        .enumerate()
                        .map(|(n, field)| {
                            let cells = facts.iter().map(|fact| {
                                let value = fact.values.get(n).and_then(Option::as_ref);
                                cell(self.pack, field, value, self.places, self.language)
                            });
                            (self.words(&field.title).to_owned(), cells.collect::<Vec<_>>())
                        })
                        .filter(|(_, cells)| cells.iter().any(|cell| !cell.text.is_empty()))
                        .collect();
                }
                (!facts.is_empty()).then_some(section)
            })
            .collect()
    }

    /// Registers whose records may be added: of those with one record per owner, only where it is not there yet.
    pub fn additions(&self) -> Vec<Addition> {
        let free = |id: &RegisterId| {
            let there = self.children.get(&id.0).is_some_and(|facts| !facts.is_empty());
            let more =
                |register: &Register| !register.kept_by_system() && (!there || register.kind != RegisterKind::One);
            self.scope.changes(*id) && self.pack.registers.get(id.index()).is_some_and(more)
        };
        let addition = |id: RegisterId| {
            let register = self.pack.registers.get(id.index())?;
            Some(Addition { id: register.id.clone(), title: self.words(&register.title).to_owned() })
        };
        self.belonging(|_| true).filter(free).filter_map(addition).collect()
    }

    /// Child records, without those shown as labels: first those that most others belong to, such as the members.
    pub fn lists(&self) -> Vec<Children> {
        let labels = self.screen().and_then(|screen| screen.labels);
        let below = |id: &RegisterId| {
            self.pack.registers.iter().filter(|register| register.parent == Entity::Register(*id)).count()
        };
        let mut shown: Vec<RegisterId> =
            self.belonging(|kind| kind == RegisterKind::Entity).filter(|id| Some(*id) != labels).collect();
        shown.sort_by_key(|id| std::cmp::Reverse(below(id)));
        shown
            .into_iter()
            .filter_map(|id| {
                let facts = self.children.get(&id.0).filter(|facts| !facts.is_empty())?;
                Some(children(self.pack, id, facts, self.places, self.language))
            })
            .collect()
    }

    fn belonging(&self, wanted: impl Fn(RegisterKind) -> bool) -> impl Iterator<Item = RegisterId> {
        let entity = self.entity;
        self.pack
            .registers
            .iter()
            .enumerate()
            .filter(move |(_, register)| register.parent == entity && wanted(register.kind))
            .map(|(n, _)| RegisterId(n as u16))
    }

    /// Labels, newest first: the first date field orders them, the first code field names them.
    pub fn labels(&self) -> Vec<Label> {
        let Some(id) = self.screen().and_then(|screen| screen.labels) else { return Vec::new() };
        let Some(register) = self.pack.registers.get(id.index()) else { return Vec::new() };
        let dates: Vec<usize> = positions(&register.fields, |ty| ty == FieldType::Date);
        let name = positions(&register.fields, |ty| matches!(ty, FieldType::Code(_))).first().copied();
        let day = |fact: &Fact, n: Option<&usize>| match n.and_then(|n| fact.values.get(*n)) {
            Some(Some(Value::Integer(day))) => Some(*day),
            _ => None,
        };
        let mut labels: Vec<Label> = self
            .children
            .get(&id.0)
            .into_iter()
            .flatten()
            .map(|fact| {
                let words = |n: usize| {
                    let field = register.fields.get(n)?;
                    let value = fact.values.get(n)?.as_ref()?;
                    let cell = cell(self.pack, field, Some(value), self.places, self.language);
                    Some(Pair { title: self.words(&field.title).to_owned(), cell })
                };
                let order = day(fact, dates.first());
                let skipped = [name, dates.first().copied()];
                Label {
                    register: register.id.clone(),
                    record: fact.id.clone(),
                    from: order.map(|day| figures::day(day, self.language)).unwrap_or_default(),
                    text: name.and_then(words).map(|pair| pair.cell.text).unwrap_or_default(),
                    notes: (0..register.fields.len())
                        .filter(|n| !skipped.contains(&Some(*n)))
                        .filter_map(words)
                        .collect(),
                    closed: day(fact, dates.get(1)).is_some_and(|end| end <= i64::from(self.as_of)),
                    order: order.unwrap_or(i64::MIN),
                }
            })
            .collect();
        labels.sort_by_key(|label| std::cmp::Reverse(label.order));
        labels
    }
}

fn positions(fields: &[Field], wanted: impl Fn(FieldType) -> bool) -> Vec<usize> {
    fields.iter().enumerate().filter(|(_, field)| wanted(field.ty)).map(|(n, _)| n).collect()
}

/// Records of a register as a table: the columns of its list screen, else the first eight fields.
pub fn children(pack: &Pack, id: RegisterId, facts: &[Fact], places: &Places, language: Language) -> Children {
    let register = pack.registers.get(id.index());
    let fields = register.map(|register| register.fields.as_slice()).unwrap_or_default();
    let columns = list_columns(pack, id);
    Children {
        title: register.map(|r| text_in(&r.title, language.id()).to_owned()).unwrap_or_default(),
        id: register.map(|r| r.id.clone()).unwrap_or_default(),
        columns: columns
            .iter()
            .filter_map(|n| fields.get(*n))
            .map(|field| {
                let number = matches!(field.ty, FieldType::Integer | FieldType::Decimal(_) | FieldType::Money);
                (text_in(&field.title, language.id()).to_owned(), number)
            })
            .collect(),
        rows: facts
            .iter()
            .map(|fact| {
                let cells = columns.iter().filter_map(|n| {
                    let value = fact.values.get(*n).and_then(Option::as_ref);
                    Some(cell(pack, fields.get(*n)?, value, places, language))
                });
                (fact.id.clone(), cells.collect())
            })
            .collect(),
    }
}

/// Positions of the fields that a list of a register shows.
pub fn list_columns(pack: &Pack, id: RegisterId) -> Vec<usize> {
    let Some(register) = pack.registers.get(id.index()) else { return Vec::new() };
    let named: Vec<usize> = pack
        .screens
        .entities
        .get(&register.id)
        .map(|screen| screen.list.as_slice())
        .unwrap_or_default()
        .iter()
        .filter_map(|name| register.fields.iter().position(|field| field.id == *name))
        .collect();
    if named.is_empty() {
        let open = register.fields.iter().enumerate().filter(|(_, field)| !field.secret);
        return open.map(|(n, _)| n).take(8).collect();
    }
    named
}
