//! What is wrong with a pack, where, and what to write instead.

use annotate_snippets::{AnnotationKind, Element, Level, Origin, Renderer, Snippet, normalize_untrusted_str};

use crate::SourceFile;
use crate::model::Place;

/// One finding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub advice: String,
    /// A second place that explains the first, with words.
    pub related: Option<(Place, String)>,
}

impl Diagnostic {
    /// A finding at one place.
    pub fn new(place: &Place, message: String, advice: String) -> Self {
        Self { place: place.clone(), message, advice, related: None }
    }
}

/// The known name that a misspelt one is closest to, if any is close.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1) + 1;
    known
        .map(|name| (distance(word, name), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Levenshtein distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (y, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = *cell;
            *cell = substituted.min(left + 1).min(diagonal + 1);
            left = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// The findings as text: message, place, the line with a mark below the place, advice.
///
/// Readable without colour; places beyond the text of a file are shown without the line.
pub fn render(findings: &[Diagnostic], files: &[SourceFile], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    for finding in findings {
        let mut group =
            Level::ERROR.primary_title(finding.message.as_str()).elements(snippet(&finding.place, files, None));
        if let Some((place, words)) = &finding.related {
            group = group.elements(snippet(place, files, Some(words)));
        }
        let advice = normalize_untrusted_str(&finding.advice);
        group = group.element(Level::HELP.message(advice));
        text.push_str(&renderer.render(&[group]));
        text.push_str("\n\n");
    }
    text
}

fn snippet<'a>(place: &'a Place, files: &'a [SourceFile], label: Option<&'a str>) -> Vec<Element<'a>> {
    let file = files.iter().find(|file| file.path == place.file);
    let line = file.and_then(|file| file.text.lines().nth(place.line.saturating_sub(1)));
    let Some(line) = line else {
        return vec![Origin::path(place.file.as_str()).line(place.line).char_column(place.column).into()];
    };
    let at = |column: usize| line.char_indices().nth(column).map_or(line.len(), |(index, _)| index);
    let start = at(place.column.saturating_sub(1));
    let word =
        line.get(start..).map_or(0, |rest| rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len()));
    let end = if word == 0 { at(place.column) } else { start + word };
    let mark = match label {
        None => AnnotationKind::Primary.span(start..end),
        Some(label) => AnnotationKind::Primary.span(start..end).label(label),
    };
    vec![Snippet::source(line).line_start(place.line).path(place.file.as_str()).annotation(mark).into()]
}
