//! Divisions found by their code, or by the names of the divisions on the way to them.

use std::collections::{HashMap, HashSet};

use bangfu_policy::model::Pack;

/// Finds a division by the names of the divisions on the way to it.
pub struct DivisionNames {
    by_path: HashMap<String, Option<String>>,
    codes: HashSet<String>,
    endings: Vec<String>,
}

impl DivisionNames {
    /// Indexes divisions: code and name, for all levels. Names lead to a village by its banner, township and itself.
    /// `endings` are left out of names before they are compared.
    pub fn new(pack: &Pack, divisions: &[(String, String)], endings: &[String]) -> Self {
        let mut endings = endings.to_vec();
        endings.retain(|ending| !ending.is_empty());
        endings.sort_by_key(|ending| std::cmp::Reverse(ending.len()));
        let codes = divisions.iter().map(|(code, _)| code.clone()).collect();
        let mut all = Self { by_path: HashMap::new(), codes, endings };
        let names: HashMap<&str, &str> = divisions.iter().map(|(code, name)| (code.as_str(), name.as_str())).collect();
        for (code, _) in divisions {
            let above: Vec<&str> = pack
                .levels
                .iter()
                .filter(|level| level.digits <= code.len())
                .filter_map(|level| names.get(code.get(..level.digits)?).copied())
                .map(|name| all.plain(name))
                .collect();
            for start in 0..above.len() {
                let path = above.get(start..).unwrap_or_default().join("/");
                // Two divisions of the same path: neither is meant for sure.
                all.by_path.entry(path).and_modify(|found| *found = None).or_insert_with(|| Some(code.clone()));
            }
        }
        all
    }

    /// The division that the names lead to; none if there is none, or more than one.
    pub(super) fn find(&self, names: &[String]) -> Option<&str> {
        let path = names.iter().map(|name| self.plain(name)).collect::<Vec<_>>().join("/");
        self.by_path.get(&path)?.as_deref()
    }

    /// Whether there is a division with this code.
    pub(super) fn knows(&self, code: &str) -> bool {
        self.codes.contains(code)
    }

    /// A name without its endings, one after the other.
    fn plain<'n>(&self, name: &'n str) -> &'n str {
        let mut name = name.trim();
        while let Some(rest) =
            self.endings.iter().find_map(|ending| name.strip_suffix(ending.as_str())).filter(|rest| !rest.is_empty())
        {
            name = rest;
        }
        name
    }
}
