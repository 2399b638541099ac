//! The heads of the chains: how far each goes and its last link. Who keeps one of them elsewhere can report later
//! whether the chain was written anew.

use std::fmt;
use std::str::FromStr;

use super::sql::{Cell, Columns, rows};
use super::{Store, StoreError};
use crate::domain::BackendId;

/// Which chain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Chain {
    /// The journal of a backend.
    Journal(BackendId),
    /// The chronicle of the database.
    Chronicle,
}

/// How far a chain goes. Written `journal/NAME:ENTRY:LINK` or `chronicle:ENTRY:LINK`, and read from that again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainHead {
    /// The chain.
    pub chain: Chain,
    /// Its last entry.
    pub entry: i64,
    /// The link of that entry, in hexadecimal; where it is read, its beginning will do.
    pub link: String,
}

/// How much of a link distinguishes it from any other: what fits into a series, in hexadecimal digits.
pub const SHORTEST_LINK: usize = 13;

impl ChainHead {
    /// The first 52 bits of the link: as much as a series holds exactly.
    pub fn link_number(&self) -> i64 {
        self.link.get(..SHORTEST_LINK).and_then(|digits| i64::from_str_radix(digits, 16).ok()).unwrap_or(0)
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Chain::Journal(backend) => write!(f, "journal/{backend}"),
            Chain::Chronicle => f.write_str("chronicle"),
        }
    }
}

impl fmt::Display for ChainHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.chain, self.entry, self.link)
    }
}

impl FromStr for ChainHead {
    type Err = String;

    fn from_str(text: &str) -> Result<ChainHead, String> {
        let wrong = || {
            format!(
                "{text:?} is not the head of a chain; expected journal/BACKEND:ENTRY:LINK or chronicle:ENTRY:LINK, as `whmeter \
                 verify --json` prints them, with {SHORTEST_LINK} hexadecimal digits of LINK or more"
            )
        };
        let mut from_end = text.rsplitn(3, ':');
        let (link, entry, chain) = (from_end.next(), from_end.next(), from_end.next());
        let link = link.filter(|link| {
            (SHORTEST_LINK..=64).contains(&link.len()) && link.chars().all(|c| c.is_ascii_hexdigit())
        });
        let entry = entry.and_then(|entry| entry.parse::<i64>().ok()).filter(|entry| *entry > 0);
        let chain = match chain.ok_or_else(wrong)? {
            "chronicle" => Chain::Chronicle,
            other => {
                let name = other.strip_prefix("journal/").ok_or_else(wrong)?;
                Chain::Journal(BackendId::new(name).map_err(|_| wrong())?)
            }
        };
        let (entry, link) = entry.zip(link).ok_or_else(wrong)?;
        Ok(ChainHead { chain, entry, link: link.to_ascii_lowercase() })
    }
}

/// What became of a head that was kept elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OldHead {
    /// It is part of the chain still.
    Holds,
    /// Its entry is folded: it can no longer be checked.
    Folded,
    /// The chain has another link there, or none: it was rewritten since.
    Differs(String),
}

/// From which entry on links are made by a key, or without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyedFrom {
    /// The first such entry.
    pub entry: i64,
    /// Whether by a key.
    pub keyed: bool,
}

impl KeyedFrom {
    /// Takes in the next entry.
    pub(super) fn take(known: &mut Vec<KeyedFrom>, entry: i64, keyed: bool) {
        if known.last().is_none_or(|last| last.keyed != keyed) {
            known.push(KeyedFrom { entry, keyed });
        }
    }
}

impl Store {
    /// The head of every chain that has entries, the journals first.
    pub async fn heads(&self) -> Result<Vec<ChainHead>, StoreError> {
        let mut tx = self.begin_read().await?;
        let sql = "SELECT name, entries, chain FROM backend WHERE entries > 0 ORDER BY name";
        let mut heads = Vec::new();
        for row in &rows(&mut tx, self.dialect, sql, []).await? {
            let mut columns = Columns::of(row);
            let chain = Chain::Journal(columns.backend()?);
            heads.push(ChainHead { chain, entry: columns.int()?, link: columns.text()? });
        }
        let sql = "SELECT entries, chain FROM chronicle_head WHERE entries > 0";
        for row in &rows(&mut tx, self.dialect, sql, []).await? {
            let mut columns = Columns::of(row);
            heads.push(ChainHead { chain: Chain::Chronicle, entry: columns.int()?, link: columns.text()? });
        }
        Ok(heads)
    }

    /// What became of a head that was kept elsewhere. Of a chain that holds: whether it does is for `verify`.
    pub async fn old_head(&self, head: &ChainHead) -> Result<OldHead, StoreError> {
        let mut tx = self.begin_read().await?;
        let entry = Cell::from(head.entry);
        let (entries, folds, of) = match &head.chain {
            Chain::Journal(backend) => (
                "SELECT hash FROM journal WHERE entry = ? AND backend = ?",
                "SELECT upto, chain FROM journal_fold WHERE upto >= ? AND backend = ? ORDER BY upto LIMIT 1",
                vec![entry, backend.as_str().into()],
            ),
            Chain::Chronicle => (
                "SELECT hash FROM chronicle WHERE entry = ?",
                "SELECT upto, chain FROM chronicle_fold WHERE upto >= ? ORDER BY upto LIMIT 1",
                vec![entry],
            ),
        };
        let known = match rows(&mut tx, self.dialect, folds, of.clone()).await?.first() {
            Some(row) => {
                let mut columns = Columns::of(row);
                let (upto, chain) = (columns.int()?, columns.text()?);
                if upto != head.entry {
                    return Ok(OldHead::Folded);
                }
                Some(chain)
            }
            None => {
                let found = rows(&mut tx, self.dialect, entries, of).await?;
                found.first().map(|row| Columns::of(row).text()).transpose()?
            }
        };
        Ok(match known {
            Some(link) if link.starts_with(&head.link) => OldHead::Holds,
            Some(link) => OldHead::Differs(format!("entry {} has the link {link}", head.entry)),
            None => OldHead::Differs(format!("there is no entry {}", head.entry)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_is_written() {
        let link = "0123456789abcdef".repeat(4);
        for (text, chain) in [
            (
                format!("journal/s3-fra1:412:{link}"),
                Chain::Journal(BackendId::new("s3-fra1").expect("a name")),
            ),
            (format!("chronicle:7:{link}"), Chain::Chronicle),
        ] {
            let head: ChainHead = text.parse().expect("a head");
            assert_eq!((head.to_string(), head.chain.clone()), (text, chain));
            assert_eq!(head.link_number(), 0x0123456789abc);
        }
        for wrong in
            ["chronicle:7:abc", "chronicle:0:0123456789abcdef", "s3-fra1:1:0123456789abcdef", "7:ab", ""]
        {
            assert!(wrong.parse::<ChainHead>().is_err(), "{wrong}");
        }
    }
}
