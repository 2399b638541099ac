//! Identities as the panel gives them out.

use sha2::{Digest, Sha256};

/// The identity of something by its kind and first name: always the same.
pub fn guid(kind: &str, name: &str) -> String {
    let hash = hex::encode(Sha256::digest(format!("{kind}\0{name}")));
    format!("{}-{}-4{}-8{}-{}", &hash[..8], &hash[8..12], &hash[12..15], &hash[15..18], &hash[18..30])
}
