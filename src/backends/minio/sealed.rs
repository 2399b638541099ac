//! The encrypted bodies of some admin calls: JSON sealed with a key made from the caller's secret.
//!
//! Layout: salt (32), algorithm (1), nonce prefix (8), then fragments of at most 16384 bytes, each
//! followed by its tag (madmin-go encrypt.go, secure-io/sio-go). Never returns part of a plaintext.

use aes_gcm::aead::generic_array::GenericArray;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::ChaCha20Poly1305;
use rand::RngCore;
use sha2::Sha256;
use tokio::sync::Semaphore;

use crate::settings::Secret;

const SALT: usize = 32;
const PREFIX: usize = 8;
const HEADER: usize = SALT + 1 + PREFIX;
const TAG: usize = 16;
const FRAGMENT: usize = 16 * 1024;

/// The ids of the three ways to seal. Requests use the first, which every server opens.
const ARGON2_AES: u8 = 0;
const ARGON2_CHACHA: u8 = 1;
const PBKDF2_AES: u8 = 2;

/// Making one key takes 64 MiB, so keys are made one at a time.
static ONE_AT_A_TIME: Semaphore = Semaphore::const_new(1);

/// The body is not one we can open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot decrypt (wrong secret key?)")]
pub(super) struct CannotOpen;

/// Opens an answer on a thread of its own.
pub(super) async fn open(secret: &Secret, sealed: bytes::Bytes) -> Result<Vec<u8>, CannotOpen> {
    let secret = secret.clone();
    apart(move || unseal(secret.expose().as_bytes(), &sealed)).await
}

/// Seals a request on a thread of its own.
pub(super) async fn seal(secret: &Secret, plain: Vec<u8>) -> Result<Vec<u8>, CannotOpen> {
    let secret = secret.clone();
    apart(move || {
        let mut random = [0; SALT + PREFIX];
        rand::rng().fill_bytes(&mut random);
        let (salt, prefix) = random.split_at(SALT);
        seal_with(secret.expose().as_bytes(), ARGON2_AES, salt, prefix, &plain)
    })
    .await
}

async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CannotOpen> + Send + 'static,
) -> Result<T, CannotOpen> {
    let _permit = ONE_AT_A_TIME.acquire().await.map_err(|_| CannotOpen)?;
    tokio::task::spawn_blocking(work).await.map_err(|_| CannotOpen)?
}

fn unseal(secret: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CannotOpen> {
    if sealed.len() < HEADER + TAG {
        return Err(CannotOpen);
    }
    let (header, body) = sealed.split_at(HEADER);
    let stream = Stream::new(secret, header[SALT], &header[..SALT], &header[SALT + 1..])?;
    let mut plain = Vec::with_capacity(body.len());
    let fragments = body.chunks(FRAGMENT + TAG);
    let last = fragments.len() - 1;
    for (index, fragment) in fragments.enumerate() {
        plain.extend(stream.open(index, index == last, fragment)?);
    }
    Ok(plain)
}

fn seal_with(secret: &[u8], id: u8, salt: &[u8], prefix: &[u8], plain: &[u8]) -> Result<Vec<u8>, CannotOpen> {
    let stream = Stream::new(secret, id, salt, prefix)?;
    let mut sealed = [salt, &[id], prefix].concat();
    // Nothing at all is still one fragment: its tag.
    let fragments: Vec<&[u8]> = if plain.is_empty() { vec![plain] } else { plain.chunks(FRAGMENT).collect() };
    let last = fragments.len() - 1;
    for (index, fragment) in fragments.into_iter().enumerate() {
        sealed.extend(stream.seal(index, index == last, fragment)?);
    }
    Ok(sealed)
}

enum Cipher {
    Aes(Box<Aes256Gcm>),
    ChaCha(Box<ChaCha20Poly1305>),
}

impl Cipher {
    fn seal(&self, nonce: &[u8; 12], payload: Payload<'_, '_>) -> Result<Vec<u8>, CannotOpen> {
        match self {
            Cipher::Aes(aes) => aes.encrypt(Nonce::from_slice(nonce), payload),
            Cipher::ChaCha(chacha) => chacha.encrypt(GenericArray::from_slice(nonce), payload),
        }
        .map_err(|_| CannotOpen)
    }

    fn open(&self, nonce: &[u8; 12], payload: Payload<'_, '_>) -> Result<Vec<u8>, CannotOpen> {
        match self {
            Cipher::Aes(aes) => aes.decrypt(Nonce::from_slice(nonce), payload),
            Cipher::ChaCha(chacha) => chacha.decrypt(GenericArray::from_slice(nonce), payload),
        }
        .map_err(|_| CannotOpen)
    }
}

/// A cipher, the nonce prefix, and the tag that binds every fragment to this very stream.
struct Stream {
    cipher: Cipher,
    prefix: [u8; PREFIX],
    bond: Vec<u8>,
}

impl Stream {
    fn new(secret: &[u8], id: u8, salt: &[u8], prefix: &[u8]) -> Result<Stream, CannotOpen> {
        let key = derive(secret, id, salt)?;
        let key = GenericArray::from_slice(&key);
        let cipher = match id {
            ARGON2_CHACHA => Cipher::ChaCha(Box::new(ChaCha20Poly1305::new(key))),
            _ => Cipher::Aes(Box::new(Aes256Gcm::new(key))),
        };
        let prefix = prefix.try_into().map_err(|_| CannotOpen)?;
        let unbound = Stream { cipher, prefix, bond: Vec::new() };
        let bond = unbound.cipher.seal(&unbound.nonce(0), Payload { msg: b"", aad: b"" })?;
        Ok(Stream { bond, ..unbound })
    }

    fn open(&self, index: usize, last: bool, fragment: &[u8]) -> Result<Vec<u8>, CannotOpen> {
        let payload = Payload { msg: fragment, aad: &self.bound(last) };
        self.cipher.open(&self.nonce(counter(index)?), payload)
    }

    fn seal(&self, index: usize, last: bool, fragment: &[u8]) -> Result<Vec<u8>, CannotOpen> {
        let payload = Payload { msg: fragment, aad: &self.bound(last) };
        self.cipher.seal(&self.nonce(counter(index)?), payload)
    }

    fn nonce(&self, counter: u32) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[..PREFIX].copy_from_slice(&self.prefix);
        nonce[PREFIX..].copy_from_slice(&counter.to_le_bytes());
        nonce
    }

    /// The last fragment is marked, so that an answer cut off between two is noticed.
    fn bound(&self, last: bool) -> Vec<u8> {
        let marker = if last { 0x80 } else { 0x00 };
        [&[marker], self.bond.as_slice()].concat()
    }
}

/// Counter 0 made the bond; the fragments follow.
fn counter(index: usize) -> Result<u32, CannotOpen> {
    u32::try_from(index + 1).map_err(|_| CannotOpen)
}

fn derive(secret: &[u8], id: u8, salt: &[u8]) -> Result<[u8; 32], CannotOpen> {
    let mut key = [0; 32];
    match id {
        ARGON2_AES | ARGON2_CHACHA => {
            let params = Params::new(64 * 1024, 1, 4, Some(key.len())).map_err(|_| CannotOpen)?;
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                .hash_password_into(secret, salt, &mut key)
                .map_err(|_| CannotOpen)?;
        }
        PBKDF2_AES => pbkdf2::pbkdf2_hmac::<Sha256>(secret, salt, 8192, &mut key),
        _ => return Err(CannotOpen),
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use sha2::Digest;

    use super::*;

    fn sealed(secret: &[u8], id: u8, plain: &[u8]) -> Vec<u8> {
        let salt = Vec::from_iter(0..32);
        let prefix = Vec::from_iter(0xa0..=0xa7);
        seal_with(secret, id, &salt, &prefix, plain).expect("sealed")
    }

    #[test]
    fn the_ways_to_seal_give_the_bytes_other_programs_give() {
        let plain = br#"{"secretKey":"userSecret41","status":"enabled"}"#;
        let known = [
            "ab6572ebaf257970eb3c27f734a2aa0eb4a482c48fe58d11913fd96382db2790ef2c4ead55f726b8cfcfebe2100d46be02b63c00d9ec7f4e1faadc0afa3db5",
            "8ba5a2c1547d491ef0bbaf80ffd2d337374a32b113ce576fe27ba2f51d4c35d06baf57f6fddc1536572bc4f2dbb794a70db404d733e35f739e281320f9d66e",
            "94af6b5c862292e7ef5a786413966a65064b354a3afebae024dce44e9ac756faa54d557f2a8c6cf3cc97c1c7ae615f9014e27d43e6fad734dac3217dc0fabe",
        ];
        for (id, body) in (0..).zip(known) {
            let sealed = sealed(b"rootsecret123", id, plain);
            assert_eq!(hex::encode(&sealed[HEADER..]), body, "id {id}");
            assert_eq!(unseal(b"rootsecret123", &sealed).as_deref(), Ok(plain.as_slice()));
        }
    }

    #[test]
    fn fragments_are_cut_where_other_programs_cut_them() {
        let known = [
            (0, "e4b631e4451e92a2", "3ef35b41c0acd760", "fe0c9cad7d90de62"),
            (1, "9840d0aa1cc6afc4", "6909d509644834a5", "c30bfd459142f69f"),
            (16383, "36591da6be9ca4e5", "c30eae66ab33709e", "e60db3fde0a27c8c"),
            (16384, "cdb755ac6d545970", "904c172760927664", "b77257847953e325"),
            (16385, "20b29a3846056294", "424dd240612e82ec", "190a0dd2f9160e8f"),
        ];
        for (length, argon_aes, argon_chacha, pbkdf2_aes) in known {
            let plain = Vec::from_iter((0..length).map(|i| (i % 251) as u8));
            for (id, hash) in (0..).zip([argon_aes, argon_chacha, pbkdf2_aes]) {
                let sealed = sealed(b"pw", id, &plain);
                assert_eq!(sealed.len(), 41 + plain.len() + 16 * plain.len().div_ceil(16384).max(1));
                let ours = hex::encode(Sha256::digest(&sealed));
                assert!(ours.starts_with(hash), "id {id}, {length} bytes: {ours}");
                assert_eq!(unseal(b"pw", &sealed), Ok(plain.clone()), "id {id}, {length} bytes");
            }
        }
    }

    #[test]
    fn what_was_tampered_with_does_not_open() {
        let plain = vec![7; 40_000];
        let whole = sealed(b"pw", PBKDF2_AES, &plain);
        let piece = FRAGMENT + TAG;
        let mut swapped = whole.clone();
        let (head, rest) = swapped[HEADER..].split_at_mut(piece);
        head.swap_with_slice(&mut rest[..piece]);
        let flipped = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            bytes
        };
        let wrong: [(&str, Vec<u8>); 8] = [
            ("empty", Vec::new()),
            ("only a header", whole[..HEADER].to_vec()),
            ("cut between fragments", whole[..HEADER + 2 * piece].to_vec()),
            ("cut inside a fragment", whole[..whole.len() - 1].to_vec()),
            ("fragments swapped", swapped),
            ("unknown id", {
                let mut b = whole.clone();
                b[SALT] = 3;
                b
            }),
            ("salt", flipped(0)),
            ("last tag", flipped(whole.len() - 1)),
        ];
        for (what, bytes) in wrong {
            assert_eq!(unseal(b"pw", &bytes), Err(CannotOpen), "{what}");
        }
        assert_eq!(unseal(b"PW", &whole), Err(CannotOpen), "another secret");
    }

    #[tokio::test]
    async fn what_is_sealed_for_a_request_opens_again() {
        let secret = Secret::new("s".repeat(40));
        let sealed = seal(&secret, b"{}".to_vec()).await.expect("sealed");
        assert_eq!(sealed[SALT], ARGON2_AES);
        assert_eq!(open(&secret, sealed.into()).await, Ok(b"{}".to_vec()));
    }
}
