//! Patterns of fields: regular expressions that the whole value must match.

use regex::{Regex, RegexBuilder};

/// Bytes that a compiled pattern may take: a pack cannot make the program fill memory.
const MOST_BYTES: usize = 1 << 20;

/// A pattern that was checked.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    whole: Regex,
}

/// Why a text is no pattern, in the words of the library.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct PatternError(String);

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// It is not a regular expression, or a too large one.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        // Alone first: `a)|(b` is none, though it is one between brackets.
        compile(text)?;
        let whole = compile(&format!(r"\A(?:{text})\z"))?;
        Ok(Self { text: text.to_owned(), whole })
    }

    /// Whether the whole value matches.
    pub fn fits(&self, value: &str) -> bool {
        self.whole.is_match(value)
    }

    /// The pattern as written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

fn compile(text: &str) -> Result<Regex, PatternError> {
    RegexBuilder::new(text).size_limit(MOST_BYTES).build().map_err(|error| {
        let words = match error {
            regex::Error::Syntax(words) => words.lines().last().unwrap_or_default().replace("error: ", ""),
            regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
            other => other.to_string(),
        };
        PatternError(words)
    })
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn the_whole_value_must_match() {
        let pattern = Pattern::new("[0-9]{4}|X").unwrap();
        for (value, fits) in [("1501", true), ("X", true), ("15011", false), ("a1501", false), ("1501\n", false)] {
            assert_eq!(pattern.fits(value), fits, "{value:?}");
        }
        assert_eq!(pattern.text(), "[0-9]{4}|X");
        assert!(Pattern::new("ab|a").unwrap().fits("ab") && Pattern::new("a|ab").unwrap().fits("ab"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        assert_eq!(Pattern::new("[0-9").unwrap_err().to_string(), "unclosed character class");
        assert_eq!(Pattern::new("a)|(b").unwrap_err().to_string(), "unopened group");
        assert_eq!(Pattern::new("(?:[0-9]{1000}){1000}").unwrap_err().to_string(), "it is too large");
    }
}
