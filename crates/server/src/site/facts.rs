//! Facts for pages: the one place where the site asks the registry for records.

use bangfu_policy::model::{Pack, RegisterId};
use bangfu_registry::views::figures::Language;
use bangfu_registry::views::file::Fact;
use bangfu_registry::views::listing::Listing;
use serde::Serialize;

use super::error::PageError;

type Answer<T> = Result<T, PageError>;

/// Reads records.
#[derive(Clone, Default)]
pub struct Facts {}

/// A change of a record.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// When.
    pub at: String,
    /// What.
    pub what: String,
    /// Who.
    pub who: String,
    /// Why.
    pub reason: String,
}

/// A run.
#[derive(Clone, Debug, Serialize)]
pub struct RunLine {
    /// When.
    pub at: String,
    /// Day of the run.
    pub as_of: String,
    /// First digits of the policy's hash.
    pub policy: String,
    /// More.
    pub note: String,
}

/// A difference between runs.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// Id of the rule.
    pub id: String,
    /// Title of the rule.
    pub title: String,
    /// Words.
    pub change: String,
    /// Why.
    pub reason: String,
    /// Records.
    pub count: String,
}

impl Facts {
    /// A page of a list and the number of all that match.
    pub async fn page(&self, _listing: &Listing) -> Answer<(Vec<Fact>, u64)> {
        Ok((Vec::new(), 0))
    }
    /// One record.
    pub async fn get(&self, _register: RegisterId, _address: &str) -> Answer<Option<Fact>> {
        Ok(None)
    }
    /// The record above.
    pub async fn parent(&self, _fact: &Fact) -> Answer<Option<Fact>> {
        Ok(None)
    }
    /// Records below a record.
    pub async fn children(&self, _register: RegisterId, _fact: &Fact) -> Answer<Vec<Fact>> {
        Ok(Vec::new())
    }
    /// Records of a division itself.
    pub async fn of_division(&self, _register: RegisterId, _code: &str) -> Answer<Vec<Fact>> {
        Ok(Vec::new())
    }
    /// Records of a division and all below.
    pub async fn below(&self, _register: RegisterId, _code: &str) -> Answer<Vec<Fact>> {
        Ok(Vec::new())
    }
    /// Records by their keys, in that order.
    pub async fn by_keys(&self, _register: RegisterId, _keys: &[&str]) -> Answer<Vec<Fact>> {
        Ok(Vec::new())
    }
    /// Number of records in a division.
    pub async fn count(&self, _register: RegisterId, _division: &str) -> Answer<u64> {
        Ok(0)
    }
    /// Changes of a record, newest first.
    pub async fn history(&self, _fact: &Fact, _language: Language) -> Answer<Vec<Change>> {
        Ok(Vec::new())
    }
    /// Runs, newest first.
    pub async fn runs(&self, _language: Language) -> Answer<Vec<RunLine>> {
        Ok(Vec::new())
    }
    /// Differences between the last two runs.
    pub async fn differences(&self, _pack: &Pack, _language: Language) -> Answer<Vec<Difference>> {
        Ok(Vec::new())
    }
}

/// A table as CSV.
pub fn csv(_header: &[String], _rows: &[Vec<String>]) -> Answer<Vec<u8>> {
    Ok(Vec::new())
}
/// A table as a workbook.
pub fn xlsx(_title: &str, _header: &[String], _rows: &[Vec<String>]) -> Answer<Vec<u8>> {
    Ok(Vec::new())
}
