//! Search by parts and by the sound of names: two-character names are too short for the full-text index of SQLite.

use bangfu_policy::model::Pack;
use pinyin::ToPinyin;

use crate::database::{Connection, Dialect, sql};
use crate::{StoreError, schema};

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

/// Tokens of a registry that was made when they stood in the table `search`, without places.
pub(crate) async fn renew(connection: &mut Connection, dialect: Dialect, pack: &Pack) -> Result<(), StoreError> {
    /// Rows that go into one statement.
    const AT_ONCE: usize = 200;
    if sql(dialect.has_table()).bind("search").fetch_optional(&mut *connection).await?.is_none() {
        return Ok(());
    }
    for register in &pack.registers {
        let Some(label) = register.label.and_then(|at| register.fields.get(usize::from(at))) else { continue };
        let (column, table) = (&label.id, schema::table(register));
        let text = format!("select _id, _division, \"{column}\" from {table} where \"{column}\" is not null");
        let mut rows: Vec<(String, i64, String)> = Vec::new();
        for row in sql(text).fetch_all(&mut *connection).await? {
            let (id, division, name): (i64, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            rows.extend(tokens(&name).into_iter().map(|token| (token, id, division.clone())));
        }
        for some in rows.chunks(AT_ONCE) {
            let marks = vec!["(?, ?, ?, ?)"; some.len()].join(", ");
            let mut insert = sql(format!("insert into name_token values {marks} on conflict do nothing"));
            for (token, id, division) in some {
                insert = insert.bind(&register.id).bind(token).bind(*id).bind(division);
            }
            insert.execute(&mut *connection).await?;
        }
    }
    connection.run("drop table search").await?;
    Ok(())
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
