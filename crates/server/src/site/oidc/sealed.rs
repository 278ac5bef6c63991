//! What a browser carries between two steps of a log-in: sealed with the keys of the registry, so that it can be neither
//! read nor made elsewhere, and of use for minutes only.

use bangfu_registry::store::SecretKeys;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Longest address that is remembered.
const LONGEST_NEXT: usize = 500;

/// A log-in that began: what must come back from the provider.
#[derive(Debug, Serialize, Deserialize)]
pub struct Begun {
    /// Comes back beside the code.
    pub state: String,
    /// Comes back inside the token.
    pub nonce: String,
    /// Proves that the code is fetched by who asked for it (PKCE).
    pub verifier: String,
    /// The page that was wanted.
    pub next: String,
    /// Until when it is of use, milliseconds since 1970-01-01 UTC.
    pub until: i64,
}

/// Somebody for whom the provider vouched, and whose code is still missing.
#[derive(Debug, Serialize, Deserialize)]
pub struct Half {
    /// The account.
    pub login: String,
    /// The page that was wanted.
    pub next: String,
    /// Until when it is of use, milliseconds since 1970-01-01 UTC.
    pub until: i64,
}

/// One of the two.
pub trait Sealed: Serialize + DeserializeOwned {
    /// Under what it is sealed: one cannot be taken for the other.
    const FIELD: &'static str;
    /// Milliseconds that it is of use.
    const LASTS: i64;

    /// Until when it is of use.
    fn until(&self) -> i64;

    /// The text for a cookie.
    fn seal(&self, keys: &SecretKeys) -> Option<String> {
        let sealed = keys.seal(Self::FIELD, &serde_json::to_string(self).ok()?)?;
        Some(sealed.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// What a cookie's text says, if it is ours and not over.
    fn open(keys: &SecretKeys, text: &str, now: i64) -> Option<Self> {
        let pairs = text.as_bytes().chunks(2);
        let bytes = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        let opened = keys.open(Self::FIELD, &bytes.collect::<Option<Vec<u8>>>()?)?;
        serde_json::from_str(&opened).ok().filter(|found: &Self| found.until() > now)
    }
}

impl Sealed for Begun {
    const FIELD: &'static str = "@sign-in.begun";
    const LASTS: i64 = 10 * 60_000;

    fn until(&self) -> i64 {
        self.until
    }
}

impl Sealed for Half {
    const FIELD: &'static str = "@sign-in.half";
    const LASTS: i64 = 5 * 60_000;

    fn until(&self) -> i64 {
        self.until
    }
}

/// A wanted page as it is remembered: one that is too long for a cookie is forgotten.
pub fn wanted(next: &str) -> String {
    if next.len() > LONGEST_NEXT { String::new() } else { next.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_as_what_it_is_and_in_time() {
        let keys = SecretKeys::from_bytes(&[7; 64]).unwrap();
        let half = Half { login: "wang".to_owned(), next: "/work".to_owned(), until: 1000 };
        let text = half.seal(&keys).unwrap();
        assert_eq!(Half::open(&keys, &text, 999).unwrap().login, "wang");
        assert!(Half::open(&keys, &text, 1000).is_none(), "over");
        assert!(Begun::open(&keys, &text, 999).is_none(), "another step");
        assert!(Half::open(&SecretKeys::from_bytes(&[8; 64]).unwrap(), &text, 999).is_none(), "another registry");
        for wrong in ["", "0", "zz", "äö", &text[2..]] {
            assert!(Half::open(&keys, wrong, 999).is_none(), "{wrong}");
        }
    }
}
