//! What everybody may see of the policy itself: programmes and standards, in plain words.

pub mod records;
pub mod statistics;
mod suppress;

use bangfu_policy::ir::{Scalar, Type};
use bangfu_policy::model::{
    CodeList, Frequency, Pack, Parameter, ParameterId, ParameterRow, Text, VariableId, text_in,
};
use serde::Serialize;

use super::figures::{self, Language};
use super::places::Places;
use super::rule;

/// Who gets what, from where.
#[derive(Clone, Debug, Serialize)]
pub struct PublicProgramme {
    /// Id, for addresses within the page.
    pub id: String,
    /// Title.
    pub title: String,
    /// The programme in plain words: who, how much, where, with what papers.
    pub words: String,
    /// Title of what an amount is for: a person, a household …
    pub of: String,
    /// Word of how often it is paid, behind `every-` in the texts.
    pub every: &'static str,
    /// Which fund pays.
    pub fund: String,
    /// First day; empty: not said.
    pub from: String,
    /// Last day; empty: none.
    pub to: String,
    /// Public standards that its rules read.
    pub standards: Vec<Standard>,
}

/// A standard on a day.
#[derive(Clone, Debug, Serialize)]
pub struct Standard {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Words for the unit.
    pub unit: String,
    /// Values in force: for whom (empty: for all), how much.
    pub values: Vec<(String, String)>,
    /// Where the first of them comes from.
    pub source: String,
}

/// On which day, where, in which language.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// The pack.
    pub pack: &'a Pack,
    /// Divisions.
    pub places: &'a Places,
    /// Division in view.
    pub division: &'a str,
    /// Days since 1970-01-01.
    pub day: i32,
    /// Language of the page.
    pub language: Language,
}

impl Shown<'_> {
    /// The programmes that the pack names as public and that have not ended.
    pub fn programmes(&self) -> Vec<PublicProgramme> {
        let pack = self.pack;
        let words = |text: &Text| text_in(text, self.language.id()).to_owned();
        let named = pack.public.programmes.iter().filter_map(|id| pack.programmes.get(id.index()));
        let shown = named.filter(|programme| programme.to.is_none_or(|to| self.day <= to)).map(|programme| {
            let who = pack.variables.get(programme.eligible.index());
            let day = |day: Option<i32>| day.map(|day| figures::day(day.into(), self.language)).unwrap_or_default();
            PublicProgramme {
                id: programme.id.clone(),
                title: words(&programme.title),
                words: who.and_then(|variable| variable.words.as_ref()).map(words).unwrap_or_default(),
                of: pack.entity_title(programme.of).map(words).unwrap_or_default(),
                every: match programme.every {
                    Frequency::Year => "year",
                    Frequency::Month => "month",
                    Frequency::Once => "once",
                },
                fund: programme.fund.as_ref().map(words).unwrap_or_default(),
                from: day(programme.from),
                to: day(programme.to),
                standards: self.read_by(&[programme.eligible, programme.amount]),
            }
        });
        shown.collect()
    }

    /// Public standards that formulas read, each once.
    fn read_by(&self, variables: &[VariableId]) -> Vec<Standard> {
        let read = variables.iter().flat_map(|id| rule::read_parameters(self.pack, *id));
        let mut read: Vec<ParameterId> = read.filter(|id| self.pack.public.parameters.contains(id)).collect();
        read.sort_unstable();
        read.dedup();
        read.into_iter().filter_map(|id| self.standard(id)).collect()
    }

    /// The standards that the pack names as public, as far as they have a value.
    pub fn standards(&self) -> Vec<Standard> {
        self.pack.public.parameters.iter().filter_map(|id| self.standard(*id)).collect()
    }

    /// A standard where the division in view lies, above it or below it; none without a value.
    fn standard(&self, id: ParameterId) -> Option<Standard> {
        let parameter = self.pack.parameters.get(id.index())?;
        let here = |row: &&ParameterRow| {
            let near = |code: &str| code.starts_with(self.division) || self.division.starts_with(code);
            let in_force = parameter.row_on(self.day, row.division.as_deref().unwrap_or(""), row.class);
            row.division.as_deref().is_none_or(near) && in_force.is_some_and(|found| std::ptr::eq(found, *row))
        };
        let rows: Vec<&ParameterRow> = parameter.rows.iter().filter(here).collect();
        Some(Standard {
            id: parameter.id.clone(),
            title: text_in(&parameter.title, self.language.id()).to_owned(),
            unit: parameter.unit.as_ref().map(|unit| text_in(unit, self.language.id()).to_owned()).unwrap_or_default(),
            source: rows.first()?.source.clone(),
            values: rows.iter().flat_map(|row| self.values(parameter, row)).collect(),
        })
    }

    fn values(&self, parameter: &Parameter, row: &ParameterRow) -> Vec<(String, String)> {
        let value = |value: Scalar| figures::scalar(self.pack, value, parameter.ty, self.language);
        let label = |list: Option<&CodeList>, at: usize| {
            let code = list.and_then(|list| list.values.get(at));
            code.map(|code| text_in(&code.label, self.language.id()).to_owned()).unwrap_or_default()
        };
        if let Some(key) = parameter.key {
            let known = row.table.iter().enumerate().filter(|(_, value)| !matches!(value, Scalar::Missing));
            return known.map(|(at, entry)| (label(self.pack.codes.get(key.index()), at), value(*entry))).collect();
        }
        let classes = parameter.class.and_then(|class| match self.pack.graph[class].ty {
            Type::Code(list) => self.pack.codes.get(list.index()),
            _ => None,
        });
        let place = row.division.as_ref().map(|code| self.places.name(code, self.language));
        let class = row.class.and_then(|class| usize::try_from(class).ok()).map(|class| label(classes, class));
        let whom: Vec<String> = place.into_iter().chain(class).collect();
        vec![(whom.join(" · "), value(row.value))]
    }
}
