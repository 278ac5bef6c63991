//! The second factor: codes of an authenticator (TOTP, RFC 6238; SHA-1, six digits, thirty seconds).

use std::io::Read;

use bangfu_store::SecretKeys;
use totp_rs::{Algorithm, Builder, Totp};

/// Bytes of a secret (RFC 4226 recommends 160 bits).
const SECRET_BYTES: usize = 20;
/// Name under which secrets are sealed.
const FIELD: &str = "@account.factor";

/// A secret that an authenticator and we share.
pub struct Factor(Vec<u8>);

impl Factor {
    /// A new secret from the chance of the system.
    ///
    /// # Errors
    /// The system gives none.
    pub fn new() -> std::io::Result<Self> {
        random(SECRET_BYTES).map(Self)
    }

    /// A secret that was sealed; `None` if it was not sealed with these keys.
    pub fn open(keys: &SecretKeys, sealed: &[u8]) -> Option<Self> {
        from_hex(&keys.open(FIELD, sealed)?).map(Self)
    }

    /// The secret as the store keeps it.
    pub fn seal(&self, keys: &SecretKeys) -> Option<Vec<u8>> {
        keys.seal(FIELD, &hex(&self.0))
    }

    /// A secret from the text of a form.
    pub fn from_text(text: &str) -> Option<Self> {
        from_hex(text).filter(|bytes| bytes.len() == SECRET_BYTES).map(Self)
    }

    /// The secret as the hidden text of a form.
    pub fn text(&self) -> String {
        hex(&self.0)
    }

    /// The secret as people type it into an authenticator (base 32).
    pub fn words(&self) -> String {
        const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let bits: Vec<u8> = self.0.iter().flat_map(|byte| (0..8).rev().map(move |n| byte >> n & 1)).collect();
        let letter = |five: &[u8]| {
            let number = five.iter().fold(0_usize, |sum, bit| sum * 2 + usize::from(*bit)) << (5 - five.len());
            LETTERS.get(number).map_or(' ', |letter| char::from(*letter))
        };
        bits.chunks(5).map(letter).collect()
    }

    /// The address that authenticators read.
    pub fn address(&self, issuer: &str, login: &str) -> Option<String> {
        self.totp(issuer, login)?.to_url().ok()
    }

    /// The step of a code if it is right now or one step before or after, and later than the last one that was taken.
    pub fn check(&self, code: &str, seconds: u64, last: i64) -> Option<i64> {
        let digits: String = code.chars().filter(char::is_ascii_digit).collect();
        let step = self.totp("", "")?.check(&digits, seconds)? as i64;
        (step > last).then_some(step)
    }

    /// The code of a moment, for tests and the demo.
    pub fn code(&self, seconds: u64) -> Option<String> {
        Some(self.totp("", "")?.generate(seconds).to_string())
    }

    fn totp(&self, issuer: &str, login: &str) -> Option<Totp> {
        let builder = Builder::new().with_algorithm(Algorithm::SHA1).with_secret(self.0.clone()).with_skew(1);
        let name = if login.is_empty() { "account" } else { login };
        let issuer = if issuer.is_empty() { "Bangfu" } else { issuer };
        builder.with_account_name(name).with_issuer(Some(issuer)).build().ok()
    }
}

/// Bytes from the chance of the system.
pub(crate) fn random(count: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_follow_rfc_6238_and_work_once() {
        // Appendix B of the RFC: the secret is the ASCII text, the last six of eight digits.
        let factor = Factor(b"12345678901234567890".to_vec());
        assert_eq!(factor.code(59).unwrap(), "287082");
        assert_eq!(factor.code(1_111_111_109).unwrap(), "081804");
        assert_eq!(factor.words(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(factor.check("287 082", 59, 0), Some(1));
        assert_eq!(factor.check("287082", 59, 1), None, "a code works once");
        assert_eq!(factor.check("287082", 89, 0), Some(1), "the code of the step before");
        assert_eq!(factor.check("287082", 120, 0), None);
        assert!(factor.address("Bangfu", "wang").unwrap().starts_with("otpauth://totp/"));
    }
}
