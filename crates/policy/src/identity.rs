//! Check digits of identity, organisation, disability and bank card numbers.
//!
//! Sources: GB 11643-1999 (citizens), GB 32100-2015 (organisations), ISO/IEC 7812-1 (bank cards). Says whether a number
//! is well formed, not whether it was ever issued.

use crate::arithmetic::make_date;

/// Why a number is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IdentityError {
    /// Wrong number of characters.
    #[error("wrong number of characters")]
    Length,
    /// A character that cannot stand there.
    #[error("a character that cannot stand in such a number")]
    Character,
    /// The date of birth inside the number does not exist.
    #[error("the date of birth inside the number does not exist")]
    Birth,
    /// The check digit does not fit: a digit was mistyped or two were exchanged.
    #[error("the check digit does not fit")]
    CheckDigit,
    /// The kind or grade inside the number does not exist.
    #[error("the kind or grade inside the number does not exist")]
    Grade,
}

const ID_WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const ID_CHECKS: &[u8; 11] = b"10X98765432";
const USCC_ALPHABET: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
const USCC_WEIGHTS: [usize; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];

/// Check character of the first 17 digits of an identity number (GB 11643).
pub fn check_character(body: &str) -> Option<char> {
    if body.len() != 17 {
        return None;
    }
    let digits: Option<Vec<u32>> = body.chars().map(|c| c.to_digit(10)).collect();
    let sum: u32 = digits?.iter().zip(ID_WEIGHTS).map(|(digit, weight)| digit * weight).sum();
    ID_CHECKS.get((sum % 11) as usize).map(|check| char::from(*check))
}

/// Checks an identity number and gives it in its full form: 15 digits become 18, `x` becomes `X`.
pub fn id_number(text: &str) -> Result<String, IdentityError> {
    let text = text.trim().to_uppercase();
    let full = match text.len() {
        15 => {
            let (Some(region), Some(rest)) = (text.get(..6), text.get(6..)) else {
                return Err(IdentityError::Character);
            };
            let body = format!("{region}19{rest}");
            let check = check_character(&body).ok_or(IdentityError::Character)?;
            format!("{body}{check}")
        }
        18 => text,
        _ => return Err(IdentityError::Length),
    };
    let (Some(body), Some(check)) = (full.get(..17), full.chars().nth(17)) else {
        return Err(IdentityError::Character);
    };
    let right = check_character(body).ok_or(IdentityError::Character)?;
    birth_of(&full).ok_or(IdentityError::Birth)?;
    if check == right { Ok(full) } else { Err(IdentityError::CheckDigit) }
}

/// Date of birth in a full identity number, days since 1970-01-01.
pub fn birth_of(id: &str) -> Option<i32> {
    let part = |from: usize, to: usize| id.get(from..to)?.parse::<i64>().ok();
    let day = make_date(part(6, 10)?, part(10, 12)?, part(12, 14)?)?;
    i32::try_from(day).ok()
}

/// Whether a full identity number is that of a man: its 17th digit is odd.
pub fn is_male(id: &str) -> Option<bool> {
    id.chars().nth(16)?.to_digit(10).map(|digit| digit % 2 == 1)
}

/// Checks a unified social credit code (GB 32100).
pub fn uscc(text: &str) -> Result<String, IdentityError> {
    let text = text.trim().to_uppercase();
    if text.chars().count() != 18 {
        return Err(IdentityError::Length);
    }
    let values: Option<Vec<usize>> = text.chars().map(|c| USCC_ALPHABET.find(c)).collect();
    let values = values.ok_or(IdentityError::Character)?;
    let sum: usize = values.iter().zip(USCC_WEIGHTS).map(|(value, weight)| value * weight).sum();
    let right = (31 - sum % 31) % 31;
    if values.last() == Some(&right) { Ok(text) } else { Err(IdentityError::CheckDigit) }
}

/// Checks the number of a disability card: identity number, kind 1–7, grade 1–4, and for re-issues `B` and a digit.
pub fn disability_card(text: &str) -> Result<String, IdentityError> {
    let text = text.trim().to_uppercase();
    if !matches!(text.len(), 20 | 22) {
        return Err(IdentityError::Length);
    }
    let (Some(id), Some(rest)) = (text.get(..18), text.get(18..)) else { return Err(IdentityError::Character) };
    let id = id_number(id)?;
    let mut rest_characters = rest.chars();
    let kind = rest_characters.next().is_some_and(|c| ('1'..='7').contains(&c));
    let grade = rest_characters.next().is_some_and(|c| ('1'..='4').contains(&c));
    let reissue = match (rest_characters.next(), rest_characters.next()) {
        (None, _) => true,
        (Some(letter), digit) => letter == 'B' && digit.is_some_and(|c| c.is_ascii_digit()),
    };
    if !kind || !grade {
        return Err(IdentityError::Grade);
    }
    if reissue { Ok(format!("{id}{rest}")) } else { Err(IdentityError::Character) }
}

/// Checks the number of a bank card: 16 to 19 digits, the last by Luhn; spaces are dropped.
pub fn bank_card(text: &str) -> Result<String, IdentityError> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(10)).collect();
    let digits = digits.ok_or(IdentityError::Character)?;
    if !(16..=19).contains(&digits.len()) {
        return Err(IdentityError::Length);
    }
    if luhn(&digits) { Ok(text) } else { Err(IdentityError::CheckDigit) }
}

fn luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| if index % 2 == 0 { *digit } else { digit * 2 / 10 + digit * 2 % 10 })
        .sum();
    sum.is_multiple_of(10)
}

/// Checks a mobile number: 11 digits, the first 1, the second 3–9.
pub fn phone(text: &str) -> Result<String, IdentityError> {
    let text: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    let text = text.strip_prefix("+86").map_or(text.clone(), str::to_owned);
    if !text.chars().all(|c| c.is_ascii_digit()) {
        return Err(IdentityError::Character);
    }
    if text.len() != 11 {
        return Err(IdentityError::Length);
    }
    let second = text.chars().nth(1).is_some_and(|c| ('3'..='9').contains(&c));
    if text.starts_with('1') && second { Ok(text) } else { Err(IdentityError::Character) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_numbers() {
        for good in ["11010519491231002X", "159900198001010013", "159900201202290028", "15990019751020003X"] {
            assert_eq!(id_number(good).as_deref(), Ok(good));
        }
        assert_eq!(id_number("15990019751020003x").as_deref(), Ok("15990019751020003X"));
        assert_eq!(id_number("159900198001010014"), Err(IdentityError::CheckDigit));
        assert_eq!(id_number("159900201102290028"), Err(IdentityError::Birth));
        assert_eq!(id_number("1599001980010100"), Err(IdentityError::Length));
        assert_eq!(id_number("1599001980０10013"), Err(IdentityError::Character));
        let long = id_number("159900800101001").unwrap();
        assert!(long.starts_with("15990019800101001") && id_number(&long).is_ok());
        assert_eq!(is_male("159900198001010013"), Some(true));
        assert_eq!(birth_of("159900201202290028"), Some(crate::arithmetic::day_number(2012, 2, 29) as i32));
    }

    #[test]
    fn organisation_codes() {
        assert!(uscc("91350100M000100Y43").is_ok());
        assert_eq!(uscc("91350100M000100Y44"), Err(IdentityError::CheckDigit));
        assert_eq!(uscc("91350100I000100Y43"), Err(IdentityError::Character));
    }

    #[test]
    fn cards_and_phones() {
        assert!(luhn(&[7, 9, 9, 2, 7, 3, 9, 8, 7, 1, 3]));
        assert!(!luhn(&[7, 9, 9, 2, 7, 3, 9, 8, 7, 1, 4]));
        assert_eq!(bank_card("7992739871"), Err(IdentityError::Length));
        assert!(disability_card("15990019800101001332").is_ok());
        assert!(disability_card("15990019800101001332B1").is_ok());
        assert_eq!(disability_card("15990019800101001382"), Err(IdentityError::Grade));
        assert_eq!(phone("138 0000 0000").as_deref(), Ok("13800000000"));
        assert_eq!(phone("12800000000"), Err(IdentityError::Character));
    }
}
