//! Secret fields: encrypted at rest, masked on screen, findable by equality.
//!
//! AES-256-GCM whose nonce is the HMAC-SHA256 of field and text. Equal texts of a field give equal bytes, so the stored
//! bytes are their own blind index; nothing else is given away by them.

use std::io::{Read, Write};
use std::path::Path;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::StoreError;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;

/// The keys of a registry.
#[derive(Clone)]
pub struct SecretKeys {
    cipher: Aes256Gcm,
    index: [u8; KEY_BYTES],
}

impl std::fmt::Debug for SecretKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SecretKeys")
    }
}

impl SecretKeys {
    /// Reads a key file, or makes one that only its owner may read.
    ///
    /// # Errors
    /// The file cannot be read or made, or is not a key file.
    pub fn open_or_create(path: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::File { path: path.display().to_string(), source };
        if !path.exists() {
            let mut bytes = [0; 2 * KEY_BYTES];
            std::fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes)).map_err(failed)?;
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(path).map_err(failed)?;
            file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(failed)?;
        }
        let bytes = std::fs::read(path).map_err(failed)?;
        Self::from_bytes(&bytes).ok_or_else(|| {
            StoreError::Secrets(format!(
                "{} is not a key file of {} bytes; restore it from the backup – without it secret fields cannot be read",
                path.display(),
                2 * KEY_BYTES
            ))
        })
    }

    /// Keys from 64 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (first, second) = bytes.split_at_checked(KEY_BYTES)?;
        let key: [u8; KEY_BYTES] = first.try_into().ok()?;
        Some(Self { cipher: Aes256Gcm::new(&Key::<Aes256Gcm>::from(key)), index: second.try_into().ok()? })
    }

    /// Encrypts a text of a field.
    pub fn seal(&self, field: &str, text: &str) -> Option<Vec<u8>> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.index).ok()?;
        mac.update(field.as_bytes());
        mac.update(&[0]);
        mac.update(text.as_bytes());
        let digest = mac.finalize().into_bytes();
        let nonce: [u8; NONCE_BYTES] = digest.get(..NONCE_BYTES)?.try_into().ok()?;
        let payload = Payload { msg: text.as_bytes(), aad: field.as_bytes() };
        let sealed = self.cipher.encrypt(&Nonce::from(nonce), payload).ok()?;
        Some([&nonce[..], &sealed].concat())
    }

    /// Decrypts; `None` if the bytes were changed or belong to another field or key.
    pub fn open(&self, field: &str, sealed: &[u8]) -> Option<String> {
        let (nonce, body) = sealed.split_at_checked(NONCE_BYTES)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
        let payload = Payload { msg: body, aad: field.as_bytes() };
        String::from_utf8(self.cipher.decrypt(&Nonce::from(nonce), payload).ok()?).ok()
    }
}

/// What is shown of a secret text to who may not see it: the first four and last two of long ones, the last two of
/// short ones.
pub fn masked(text: &str) -> String {
    let count = text.chars().count();
    let (first, last) = if count > 12 { (4, 2) } else { (0, 2.min(count / 3)) };
    let start: String = text.chars().take(first).collect();
    let end: String = text.chars().skip(count - last).collect();
    format!("{start}{}{end}", "*".repeat(count - first - last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_texts_open_only_as_what_they_are() {
        let keys = SecretKeys::from_bytes(&[7; 64]).unwrap();
        let sealed = keys.seal("id_number", "159900198001010013").unwrap();
        assert_eq!(keys.seal("id_number", "159900198001010013").unwrap(), sealed, "findable by equality");
        assert_eq!(keys.open("id_number", &sealed).as_deref(), Some("159900198001010013"));
        assert_eq!(keys.open("phone", &sealed), None);
        let mut changed = sealed;
        changed[20] ^= 1;
        assert_eq!(keys.open("id_number", &changed), None);
        assert_eq!(masked("159900198001010013"), "1599************13");
        assert_eq!(masked("13800000000"), "*********00");
    }
}
