//! Bodies that are encrypted with the signer's own secret key.
//!
//! Layout: 32 bytes salt, 1 byte algorithm, 8 bytes nonce prefix, then fragments of at most 16384
//! plain bytes, each followed by its tag. A fragment's nonce is the prefix and a little-endian
//! counter; its associated data is a marker (0x80 on the last one) and the tag of an empty message
//! sealed under counter 0.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::ChaCha20Poly1305;

const SALT: usize = 32;
const NONCE_PREFIX: usize = 8;
const HEAD: usize = SALT + 1 + NONCE_PREFIX;
const FRAGMENT: usize = 16_384;
const TAG: usize = 16;
const LAST: u8 = 0x80;

/// Random bytes at the head of a sealed body.
pub struct Head {
    /// Salts the key.
    pub salt: [u8; SALT],
    /// Begins every nonce.
    pub nonce: [u8; NONCE_PREFIX],
}

impl Head {
    /// Fresh random bytes.
    pub fn random() -> Self {
        Self { salt: rand::random(), nonce: rand::random() }
    }
}

/// Seals `plain` under `secret`; `algorithm` is 0 (AES, Argon2), 1 (ChaCha, Argon2) or 2 (AES,
/// PBKDF2).
pub fn seal(secret: &str, algorithm: u8, head: &Head, plain: &[u8]) -> Option<Vec<u8>> {
    let cipher = Cipher::new(secret, algorithm, head)?;
    let mut sealed = [&head.salt[..], &[algorithm], &head.nonce].concat();
    let fragments: Vec<&[u8]> = match plain {
        [] => vec![plain],
        _ => plain.chunks(FRAGMENT).collect(),
    };
    for (index, fragment) in fragments.iter().enumerate() {
        let marker = if index + 1 == fragments.len() { LAST } else { 0 };
        let counter = u32::try_from(index + 1).ok()?;
        sealed.extend(cipher.seal(counter, &cipher.associated(marker)?, fragment)?);
    }
    Some(sealed)
}

/// Opens what `seal` made; `None` for a wrong secret or any change.
pub fn open(secret: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    if sealed.len() < HEAD + TAG {
        return None;
    }
    let head = Head { salt: sealed[..SALT].try_into().ok()?, nonce: sealed[SALT + 1..HEAD].try_into().ok()? };
    let cipher = Cipher::new(secret, sealed[SALT], &head)?;
    let fragments: Vec<&[u8]> = sealed[HEAD..].chunks(FRAGMENT + TAG).collect();
    let mut plain = Vec::with_capacity(sealed.len());
    for (index, fragment) in fragments.iter().enumerate() {
        let marker = if index + 1 == fragments.len() { LAST } else { 0 };
        let counter = u32::try_from(index + 1).ok()?;
        plain.extend(cipher.open(counter, &cipher.associated(marker)?, fragment)?);
    }
    Some(plain)
}

enum Cipher {
    Aes(Box<Aes256Gcm>, [u8; NONCE_PREFIX]),
    ChaCha(ChaCha20Poly1305, [u8; NONCE_PREFIX]),
}

impl Cipher {
    fn new(secret: &str, algorithm: u8, head: &Head) -> Option<Self> {
        let key = key(secret, algorithm, &head.salt)?;
        match algorithm {
            1 => Some(Self::ChaCha(ChaCha20Poly1305::new(&key.into()), head.nonce)),
            _ => Some(Self::Aes(Box::new(Aes256Gcm::new(&key.into())), head.nonce)),
        }
    }

    fn associated(&self, marker: u8) -> Option<Vec<u8>> {
        let tag = self.seal(0, &[], &[])?;
        Some([&[marker], &tag[..]].concat())
    }

    fn seal(&self, counter: u32, aad: &[u8], msg: &[u8]) -> Option<Vec<u8>> {
        let payload = Payload { msg, aad };
        match self {
            Self::Aes(cipher, prefix) => cipher.encrypt(&nonce(prefix, counter).into(), payload),
            Self::ChaCha(cipher, prefix) => cipher.encrypt(&nonce(prefix, counter).into(), payload),
        }
        .ok()
    }

    fn open(&self, counter: u32, aad: &[u8], msg: &[u8]) -> Option<Vec<u8>> {
        let payload = Payload { msg, aad };
        match self {
            Self::Aes(cipher, prefix) => cipher.decrypt(&nonce(prefix, counter).into(), payload),
            Self::ChaCha(cipher, prefix) => cipher.decrypt(&nonce(prefix, counter).into(), payload),
        }
        .ok()
    }
}

fn nonce(prefix: &[u8; NONCE_PREFIX], counter: u32) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[..NONCE_PREFIX].copy_from_slice(prefix);
    nonce[NONCE_PREFIX..].copy_from_slice(&counter.to_le_bytes());
    nonce
}

fn key(secret: &str, algorithm: u8, salt: &[u8]) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    match algorithm {
        0 | 1 => {
            let cost = Params::new(65_536, 1, 4, Some(32)).ok()?;
            let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, cost);
            argon.hash_password_into(secret.as_bytes(), salt, &mut key).ok()?;
        }
        2 => pbkdf2::pbkdf2_hmac::<sha2::Sha256>(secret.as_bytes(), salt, 8_192, &mut key),
        _ => return None,
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    fn head() -> Head {
        Head {
            salt: std::array::from_fn(|index| index as u8),
            nonce: std::array::from_fn(|index| 0xa0 + index as u8),
        }
    }

    /// Fixed inputs with outputs that three other implementations agree on.
    #[test]
    fn a_known_body_is_sealed_as_others_seal_it() {
        let plain = br#"{"secretKey":"userSecret41","status":"enabled"}"#;
        let expected = [
            "ab6572ebaf257970eb3c27f734a2aa0eb4a482c48fe58d11913fd96382db2790ef2c4ead55f726b8cfcfebe2100d46be02b63c00d9ec7f4e1faadc0afa3db5",
            "8ba5a2c1547d491ef0bbaf80ffd2d337374a32b113ce576fe27ba2f51d4c35d06baf57f6fddc1536572bc4f2dbb794a70db404d733e35f739e281320f9d66e",
            "94af6b5c862292e7ef5a786413966a65064b354a3afebae024dce44e9ac756faa54d557f2a8c6cf3cc97c1c7ae615f9014e27d43e6fad734dac3217dc0fabe",
        ];
        for (algorithm, expected) in (0..).zip(expected) {
            let sealed = seal("rootsecret123", algorithm, &head(), plain).unwrap_or_default();
            assert_eq!(hex::encode(&sealed[HEAD..]), expected, "algorithm {algorithm}");
            assert_eq!(open("rootsecret123", &sealed).as_deref(), Some(&plain[..]));
            assert_eq!(open("rootsecret124", &sealed), None);
        }
    }

    #[test]
    fn fragment_borders_are_where_others_put_them() {
        let sizes = [0, 1, 16_383, 16_384, 16_385];
        let lengths = [57, 58, 16_440, 16_441, 16_458];
        let expected = [
            [
                "e4b631e4451e92a2",
                "9840d0aa1cc6afc4",
                "36591da6be9ca4e5",
                "cdb755ac6d545970",
                "20b29a3846056294",
            ],
            [
                "3ef35b41c0acd760",
                "6909d509644834a5",
                "c30eae66ab33709e",
                "904c172760927664",
                "424dd240612e82ec",
            ],
            [
                "fe0c9cad7d90de62",
                "c30bfd459142f69f",
                "e60db3fde0a27c8c",
                "b77257847953e325",
                "190a0dd2f9160e8f",
            ],
        ];
        for (algorithm, expected) in (0..).zip(expected) {
            for ((size, length), expected) in sizes.into_iter().zip(lengths).zip(expected) {
                let plain: Vec<u8> = (0..size).map(|index: usize| (index % 251) as u8).collect();
                let sealed = seal("pw", algorithm, &head(), &plain).unwrap_or_default();
                assert_eq!(sealed.len(), length);
                let digest = hex::encode(Sha256::digest(&sealed));
                assert!(digest.starts_with(expected), "algorithm {algorithm}, {size} bytes");
                assert_eq!(open("pw", &sealed), Some(plain));
            }
        }
    }

    #[test]
    fn a_cut_or_changed_body_does_not_open() {
        let plain = vec![7; 40_000];
        let mut sealed = seal("pw", 2, &head(), &plain).unwrap_or_default();
        assert_eq!(open("pw", &sealed[..HEAD + FRAGMENT + TAG]), None);
        assert_eq!(open("pw", &sealed[..sealed.len() - 1]), None);
        sealed[HEAD + 5] ^= 1;
        assert_eq!(open("pw", &sealed), None);
        assert_eq!(open("pw", b"short"), None);
    }
}
