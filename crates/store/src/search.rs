//! Search by parts and by the sound of names: two-character names are too short for the full-text index of SQLite.

use pinyin::ToPinyin;

/// Longest name that is indexed in full.
const MOST_CHARACTERS: usize = 40;

/// Tokens of a name: each pair of neighbouring characters, the initials of their sounds, and the sounds in full.
/// A name of one character is its own token. Latin names are indexed by their words.
pub(crate) fn tokens(name: &str) -> Vec<String> {
    let characters: Vec<char> =
        name.chars().filter(|c| c.is_alphanumeric()).take(MOST_CHARACTERS).flat_map(char::to_lowercase).collect();
    let mut tokens: Vec<String> = characters.windows(2).map(|pair| pair.iter().collect()).collect();
    if let [only] = characters.as_slice() {
        tokens.push(only.to_string());
    }
    let (mut initials, mut full) = (String::new(), String::new());
    for character in &characters {
        match character.to_pinyin() {
            Some(sound) => {
                initials.push_str(sound.first_letter());
                full.push_str(sound.plain());
            }
            None if character.is_ascii_alphanumeric() => {
                initials.push(*character);
                full.push(*character);
            }
            None => {}
        }
    }
    tokens.extend([initials, full].into_iter().filter(|token| token.len() > 1));
    tokens.sort();
    tokens.dedup();
    tokens
}

/// What must be found for a query: `(token, as a beginning)`, all of them.
pub(crate) fn wanted(query: &str) -> Vec<(String, bool)> {
    let characters: Vec<char> = query.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    if characters.is_empty() {
        return Vec::new();
    }
    let text: String = characters.iter().collect();
    if text.is_ascii() {
        return vec![(text, true)];
    }
    if characters.len() == 1 {
        return vec![(text, true)];
    }
    characters.windows(2).map(|pair| (pair.iter().collect(), false)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_parts_and_sounds() {
        assert_eq!(tokens("乌云其其格"), ["wuyunqiqige", "wyqqg", "乌云", "云其", "其其", "其格"]);
        assert_eq!(tokens("王"), ["wang", "王"]);
        assert_eq!(wanted("其其格"), [("其其".to_owned(), false), ("其格".to_owned(), false)]);
        assert_eq!(wanted("WYQ"), [("wyq".to_owned(), true)]);
        assert_eq!(wanted(" ·"), []);
    }
}
