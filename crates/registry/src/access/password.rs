//! Passwords: what is accepted, and their hashes (Argon2id, RFC 9106).

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

/// Shortest password, characters.
pub const SHORTEST: usize = 12;
/// Longest: hashing a book takes long.
pub const LONGEST: usize = 128;
/// Least number of different characters.
const DIFFERENT: usize = 6;

/// Why a password is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weak {
    /// Fewer than [`SHORTEST`] characters.
    Short,
    /// More than [`LONGEST`].
    Long,
    /// The same characters over and over.
    Monotonous,
    /// It holds the login.
    Login,
}

impl Weak {
    /// A word for the text that says it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Long => "long",
            Self::Monotonous => "monotonous",
            Self::Login => "login",
        }
    }
}

/// Whether a password is good enough. Length counts, kinds of characters do not (NIST SP 800-63B).
///
/// # Errors
/// Why it is not.
pub fn accept(login: &str, password: &str) -> Result<(), Weak> {
    let characters: Vec<char> = password.chars().collect();
    let different: std::collections::BTreeSet<&char> = characters.iter().collect();
    if characters.len() < SHORTEST {
        Err(Weak::Short)
    } else if characters.len() > LONGEST {
        Err(Weak::Long)
    } else if !login.is_empty() && password.to_lowercase().contains(&login.to_lowercase()) {
        Err(Weak::Login)
    } else if different.len() < DIFFERENT {
        Err(Weak::Monotonous)
    } else {
        Ok(())
    }
}

/// The hash of a password with its parameters and salt (PHC string); `None` if the system gives no chance for the salt.
pub fn hash(password: &str) -> Option<String> {
    Argon2::default().hash_password(password.as_bytes()).ok().map(|hash| hash.to_string())
}

/// Whether a password is the one that was hashed. Takes as long for an account without password.
pub fn verify(password: &str, secret: &str) -> bool {
    let given = if secret.is_empty() { NOBODY } else { secret };
    let Ok(parsed) = PasswordHash::new(given) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok() && !secret.is_empty()
}

/// A hash of nothing that anybody knows, with the parameters of ours.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_its_own_hash_and_no_other() {
        let secret = hash("correct horse battery").unwrap();
        assert!(secret.starts_with("$argon2id$") && verify("correct horse battery", &secret));
        assert!(!verify("correct horse batterz", &secret) && !verify("", "") && !verify("x", "not a hash"));
        assert!(PasswordHash::new(NOBODY).is_ok());
    }

    #[test]
    fn short_long_and_monotonous_passwords_are_refused() {
        assert_eq!(accept("wang", "eleven char"), Err(Weak::Short));
        assert_eq!(accept("wang", &"abcdefg".repeat(20)), Err(Weak::Long));
        assert_eq!(accept("wang", "aaaabbbbccccdddd"), Err(Weak::Monotonous));
        assert_eq!(accept("wang", "My name is Wang!"), Err(Weak::Login));
        assert_eq!(accept("wang", "four words of a song"), Ok(()));
        assert_eq!(accept("wang", "一二三四五六七八九十百千"), Ok(()));
    }
}
