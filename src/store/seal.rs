//! By what links are made: SHA-256, or with `[store] seal_key` HMAC-SHA256, which nobody can make again who can
//! write to the database and has not the key. The database keeps no key, only a mark that reports keys apart; every
//! link says by which of them it was made.

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use sqlx::AnyConnection;

use super::StoreError;
use super::dialect::Dialect;
use super::sql::{Columns, rows, run};
use crate::settings::Secret;

/// What is wrong with a link that cannot be made again here.
pub(super) const NO_KEY: &str =
    "was chained by a key that is not at hand: give [store] the seal_key_file it was written with";

/// What `seal_key` says where links are to be made without a key from now on.
const WITHOUT: &str = "none";

/// A shorter key can be tried out.
const SHORTEST_KEY: usize = 16;

/// The number of links that were never made by a key.
const NEVER_KEYED: i64 = 0;

/// The key at hand, and which links were made by it.
#[derive(Clone, Debug)]
pub(super) struct Seal {
    key: Option<Secret>,
    /// Every number and its mark, as they followed each other.
    marks: Vec<(i64, String)>,
    mark: String,
    /// Whether the config says that links are made without a key although they were made by one.
    without: bool,
}

/// A link: what it is made of and how is the same wherever it stands.
pub(super) type Link = String;

impl Seal {
    /// Reads by which keys links were made, and holds the configured one against the last of them. Nothing is written.
    pub async fn read(
        on: &mut AnyConnection,
        dialect: Dialect,
        key: Option<&Secret>,
    ) -> Result<Seal, StoreError> {
        let sql = "SELECT number, mark FROM seal ORDER BY number";
        let row = |row| {
            let mut columns = Columns::of(row);
            Ok((columns.int()?, columns.text()?))
        };
        let marks = rows(on, dialect, sql, []).await?.iter().map(row).collect::<Result<_, StoreError>>()?;
        Seal::new(key, marks)
    }

    fn new(key: Option<&Secret>, marks: Vec<(i64, String)>) -> Result<Seal, StoreError> {
        let without = key.is_some_and(|key| key.expose() == WITHOUT);
        let key = key.filter(|_| !without).cloned();
        if let Some(key) = key.as_ref().filter(|key| key.expose().len() < SHORTEST_KEY) {
            let found = key.expose().len();
            return Err(StoreError::Config(format!(
                "seal_key has {found} characters; expected {SHORTEST_KEY} or more, or \"{WITHOUT}\""
            )));
        }
        let mark = key.as_ref().map_or(String::new(), |key| hmac(key, &[b"whmeter seal"]));
        let seal = Seal { key, marks, mark, without };
        match (seal.newest(), seal.mark.as_str()) {
            (known, own) if known == own => Ok(seal),
            ("", _) => Ok(seal),
            (_, "") if seal.without => Ok(seal),
            (_, "") => Err(StoreError::Config(format!(
                "the chains of this database are made by a key and seal_key_file of [store] is not set: set it, or \
                 seal_key = \"{WITHOUT}\" to go on without (`whmeter verify` shows from which entry on)"
            ))),
            _ => Err(StoreError::Config(format!(
                "seal_key of [store] is not the key that the chains of this database are made by: give the one they were \
                 begun with. For another key start once with seal_key = \"{WITHOUT}\""
            ))),
        }
    }

    /// The mark of those who wrote last.
    fn newest(&self) -> &str {
        self.marks.last().map_or("", |(_, mark)| mark.as_str())
    }

    /// Writes down that links are made otherwise from now on, where they are.
    pub async fn begin(&mut self, on: &mut AnyConnection, dialect: Dialect) -> Result<(), StoreError> {
        if self.newest() == self.mark {
            return Ok(());
        }
        let number = self.by() + 1;
        let sql = "INSERT INTO seal (number, mark) VALUES (?, ?)";
        // Of two that start at once one finds the row taken, and reads it when he tries again.
        run(on, dialect, sql, [number.into(), self.mark.as_str().into()]).await?;
        self.marks.push((number, self.mark.clone()));
        Ok(())
    }

    /// The number that links are made under now.
    pub fn by(&self) -> i64 {
        self.marks.last().map_or(NEVER_KEYED, |(number, _)| *number)
    }

    /// Whether links under a number are made by a key.
    pub fn is_keyed(&self, by: i64) -> bool {
        self.marks.iter().any(|(number, mark)| *number == by && !mark.is_empty())
    }

    /// The link of what is reported in pieces, under a number; `None` where it takes a key that is not at hand.
    pub fn link(&self, by: i64, pieces: &[&[u8]]) -> Option<Link> {
        if !self.is_keyed(by) {
            let mut hash = Sha256::new();
            pieces.iter().for_each(|piece| hash.update(piece));
            return Some(hex::encode(hash.finalize()));
        }
        let is_ours = self.marks.iter().any(|(number, mark)| *number == by && *mark == self.mark);
        self.key.as_ref().filter(|_| is_ours).map(|key| hmac(key, pieces))
    }

    /// A new link, and the number it is made under.
    pub fn new_link(&self, pieces: &[&[u8]]) -> Result<(i64, Link), StoreError> {
        let by = self.by();
        let link = self.link(by, pieces);
        Ok((by, link.ok_or_else(|| StoreError::corrupt(by, "a key that is at hand"))?))
    }
}

fn hmac(key: &Secret, pieces: &[&[u8]]) -> Link {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).expect("a key of any length");
    pieces.iter().for_each(|piece| mac.update(piece));
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Secret {
        Secret::new(text.into())
    }

    fn said(key: Option<&str>, marks: &[(i64, String)]) -> Result<Seal, String> {
        Seal::new(key.map(self::key).as_ref(), marks.to_vec()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_is_begun_kept_and_given_up_only_in_words() {
        let (one, other) = ("the first key of all", "quite another one...");
        let marks = vec![(1, hmac(&key(one), &[b"whmeter seal"]))];
        assert!(said(Some(one), &[]).is_ok(), "a chain that had none gets one");
        assert!(said(Some(one), &marks).is_ok());
        assert!(said(None, &marks).expect_err("left out").contains("seal_key_file of [store] is not set"));
        assert!(said(Some(other), &marks).expect_err("wrong").contains("is not the key"));
        let seal = said(Some(WITHOUT), &marks).expect("said so");
        assert!(seal.link(1, &[b"x"]).is_none(), "what was made by the key cannot be made without");
        assert!(seal.link(0, &[b"x"]).is_some());
        let gone = [marks, vec![(2, String::new())]].concat();
        assert!(said(None, &gone).is_ok());
        assert!(said(Some(other), &gone).is_ok(), "and then another");
        assert!(said(Some("short"), &[]).expect_err("short").contains("has 5 characters"));
        for text in [format!("{:?}", said(Some(one), &[])), said(Some(other), &gone[..1]).expect_err("wrong")]
        {
            assert!(!text.contains(one) && !text.contains(other), "never 9: {text}");
        }
    }

    #[test]
    fn links_are_sha256_and_with_a_key_hmac() {
        let plain = said(None, &[]).expect("fine");
        let hash = hex::encode(Sha256::digest(b"ab"));
        assert_eq!(plain.link(0, &[b"a", b"b"]), Some(hash));
        let one = "the first key of all";
        let keyed = said(Some(one), &[(1, hmac(&key(one), &[b"whmeter seal"]))]).expect("fine");
        assert_ne!(keyed.link(1, &[b"ab"]), plain.link(0, &[b"ab"]));
        assert_eq!(keyed.link(0, &[b"ab"]), plain.link(0, &[b"ab"]), "what was made without it stays");
    }
}
