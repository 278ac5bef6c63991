//! The tree of divisions in memory: names, children, the way up.
//!
//! Every page needs it (picker, breadcrumb, tables of sub-divisions), and it changes once a year.

use std::collections::BTreeMap;
use std::ops::Bound;

use bangfu_policy::model::{LevelId, Pack};
use serde::Serialize;

use super::figures::Language;

/// All divisions by code.
#[derive(Clone, Debug, Default)]
pub struct Places {
    names: BTreeMap<String, Name>,
    digits: Vec<usize>,
    root: String,
}

#[derive(Clone, Debug, Default)]
struct Name {
    own: String,
    english: String,
}

/// A division as a page names it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Place {
    /// Code.
    pub code: String,
    /// Name in the language of the page.
    pub name: String,
    /// Position of its level, from the top.
    pub level: usize,
}

/// One select of the picker.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Select {
    /// Id of the level; the form field is `at_<id>`.
    pub level: String,
    /// Title of the level.
    pub title: String,
    /// What can be chosen.
    pub options: Vec<Place>,
    /// The chosen code; empty: all of the level above.
    pub chosen: String,
}

impl Places {
    /// From rows of code, name, English name (may be empty).
    pub fn new(pack: &Pack, rows: impl IntoIterator<Item = (String, String, String)>) -> Self {
        let names = rows.into_iter().map(|(code, own, english)| (code, Name { own, english })).collect();
        Self { names, digits: pack.levels.iter().map(|level| level.digits).collect(), root: pack.policy.root.clone() }
    }

    /// Code of the whole.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// Number of divisions.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether the code exists.
    pub fn contains(&self, code: &str) -> bool {
        self.names.contains_key(code)
    }

    /// All codes, in their order.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// Position of the level of a code.
    pub fn level(&self, code: &str) -> Option<usize> {
        self.digits.iter().position(|digits| *digits == code.len())
    }

    /// Level of a code as the pack counts it.
    pub fn level_id(&self, code: &str) -> Option<LevelId> {
        self.level(code).map(|n| LevelId(n as u16))
    }

    /// Name of a division; its code when it has none.
    pub fn name(&self, code: &str, language: Language) -> String {
        match self.names.get(code) {
            Some(name) if language == Language::ENGLISH && !name.english.is_empty() => name.english.clone(),
            Some(name) if !name.own.is_empty() => name.own.clone(),
            _ => code.to_owned(),
        }
    }

    /// A division.
    pub fn place(&self, code: &str, language: Language) -> Place {
        Place { code: code.to_owned(), name: self.name(code, language), level: self.level(code).unwrap_or(0) }
    }

    /// Codes one level below, in code order.
    pub fn children<'a>(&'a self, code: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        let digits = self.level(code).and_then(|level| self.digits.get(level + 1)).copied();
        self.names
            .range::<str, _>((Bound::Excluded(code), Bound::Unbounded))
            .map(|(child, _)| child.as_str())
            .take_while(move |child| child.starts_with(code))
            .filter(move |child| Some(child.len()) == digits)
    }

    /// Codes from the whole down to the division itself.
    pub fn path(&self, code: &str) -> Vec<String> {
        let whole = self.level(&self.root).unwrap_or(0);
        self.digits
            .iter()
            .skip(whole)
            .filter(|digits| **digits <= code.len())
            .filter_map(|digits| code.get(..*digits))
            .map(str::to_owned)
            .collect()
    }

    /// The way from the whole to the division, with names.
    pub fn trail(&self, code: &str, language: Language) -> Vec<Place> {
        self.path(code).iter().map(|step| self.place(step, language)).collect()
    }

    /// The picker's selects: one for each level below the whole down to one below the division.
    pub fn selects(&self, pack: &Pack, code: &str, language: Language) -> Vec<Select> {
        let path = self.path(code);
        path.iter()
            .enumerate()
            .filter_map(|(i, parent)| {
                let options: Vec<Place> = self.children(parent).map(|child| self.place(child, language)).collect();
                let level = pack.levels.get(options.first()?.level)?;
                Some(Select {
                    level: level.id.clone(),
                    title: bangfu_policy::model::text_in(&level.title, language.id()).to_owned(),
                    chosen: path.get(i + 1).cloned().unwrap_or_default(),
                    options,
                })
            })
            .collect()
    }

    /// What the picker's form means: the selects hold one code per level, and the first that differs from where the
    /// form was shown is the one that was changed; what stands below it is out of date.
    pub fn picked(&self, shown_for: &str, chosen: &[String]) -> String {
        let before = self.path(shown_for);
        let mut current = self.root.clone();
        for (i, code) in chosen.iter().enumerate() {
            if code.is_empty() || !code.starts_with(current.as_str()) || !self.contains(code) {
                break;
            }
            current.clone_from(code);
            if before.get(i + 1) != Some(code) {
                break;
            }
        }
        current
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn small() -> Places {
        let names = ["15", "1501", "150102", "150103", "1502", "150202", "150202001", "150202001001"];
        Places {
            names: names
                .iter()
                .map(|code| ((*code).to_owned(), Name { own: format!("名{code}"), english: String::new() }))
                .collect(),
            digits: vec![2, 4, 6, 9, 12],
            root: "15".to_owned(),
        }
    }

    #[test]
    fn children_are_one_level_below() {
        let places = small();
        assert_eq!(places.children("15").collect::<Vec<_>>(), ["1501", "1502"]);
        assert_eq!(places.children("1501").collect::<Vec<_>>(), ["150102", "150103"]);
        assert_eq!(places.children("150202001001").count(), 0);
        assert_eq!(places.path("150202001"), ["15", "1502", "150202", "150202001"]);
    }

    #[test]
    fn the_first_changed_select_decides() {
        let places = small();
        let pick = |shown: &str, chosen: &[&str]| {
            places.picked(shown, &chosen.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(pick("15", &["1501"]), "1501");
        assert_eq!(pick("150102", &["1501", "150103", ""]), "150103");
        assert_eq!(pick("150102", &["1502", "150102", ""]), "1502", "the banner belongs to the old league");
        assert_eq!(pick("150102", &["", "150102"]), "15");
        assert_eq!(pick("15", &["9999"]), "15");
    }
}
