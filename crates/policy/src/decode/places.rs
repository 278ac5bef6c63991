//! Corrections of places: formulas know where they are in their own text, not how that text stands in the file.

use super::SourceFile;
use crate::model::Place;

/// The amount of a programme is compiled inside a `case`; these many characters stand before it there.
pub(super) struct Amount {
    /// Where the amount begins.
    pub place: Place,
    /// Characters before it in the compiled text.
    pub before: usize,
    /// Characters of the compiled text.
    pub length: usize,
}

/// Moves a place in the compiled text of an amount to where that stands in the file.
pub(super) fn in_amount(place: &mut Place, amounts: &[Amount]) {
    for amount in amounts {
        let start = &amount.place;
        let inside = start.column..start.column + amount.length;
        if start.line == place.line && start.file == place.file && inside.contains(&place.column) {
            place.column = place.column.saturating_sub(amount.before).max(start.column);
        }
    }
}

/// Moves a place into the text: a folded text goes on in the next line after one space, and what concerns the whole
/// pack is said at the head of its first file.
pub(super) fn settle(place: &mut Place, files: &[&SourceFile]) {
    if place.file.is_empty()
        && let Some(first) = files.first()
    {
        *place = Place { file: first.path.clone(), line: 1, column: 1 };
    }
    let Some(file) = files.iter().find(|file| file.path == place.file) else { return };
    let mut lines = file.text.lines().skip(place.line.saturating_sub(1));
    let Some(mut line) = lines.next() else { return };
    for next in lines {
        let length = line.trim_end().chars().count();
        let indent = next.chars().take_while(|c| *c == ' ').count();
        if place.column <= length || next.trim().is_empty() {
            return;
        }
        place.line += 1;
        place.column = place.column - length - 1 + indent;
        line = next;
    }
}
