//! What a level is made of, by the panel's own names.

use super::{Bytes, Timestamp};

/// So many parts are kept by name, the largest; of the others their number and their sum.
const MOST_PARTS: usize = 100;

/// Characters of a name that are kept: a hundred of them, whatever they hold, fit into one text of every database.
const LONGEST_NAME: usize = 120;

/// One part of a level: a bucket, a guest, a kind of storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelPart {
    /// What the panel calls it.
    pub name: String,
    /// Bytes it holds.
    pub bytes: Bytes,
}

/// What an account's stored bytes are made of, as one poll read it. It is shown to people and never billed from: what
/// it sums to may differ from the level, which may have been measured at another time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breakdown {
    /// When the panel measured it.
    pub at: Timestamp,
    /// The largest parts, the largest first.
    pub parts: Vec<LevelPart>,
    /// How many parts there are besides.
    pub others: u64,
    /// Bytes those hold together.
    pub others_bytes: Bytes,
}

impl Breakdown {
    /// Of all parts, in any order; `None` where they are more bytes than can be counted.
    pub fn new(at: Timestamp, parts: impl IntoIterator<Item = (String, Bytes)>) -> Option<Breakdown> {
        let storable =
            |name: String| name.chars().filter(|char| !char.is_control()).take(LONGEST_NAME).collect();
        let parts = parts.into_iter().map(|(name, bytes)| LevelPart { name: storable(name), bytes });
        let mut parts: Vec<LevelPart> = parts.collect();
        parts.sort_by(|one, other| other.bytes.cmp(&one.bytes).then_with(|| one.name.cmp(&other.name)));
        let small = parts.split_off(parts.len().min(MOST_PARTS));
        let others_bytes = small.iter().try_fold(Bytes::ZERO, |sum, part| sum.checked_add(part.bytes))?;
        let breakdown = Breakdown { at, parts, others: small.len() as u64, others_bytes };
        breakdown.sum().map(|_| breakdown)
    }

    /// Bytes of all parts together; `None` where that is more than can be counted.
    pub fn sum(&self) -> Option<Bytes> {
        self.parts.iter().try_fold(self.others_bytes, |sum, part| sum.checked_add(part.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(count: u64) -> Bytes {
        Bytes::new(count).expect("fits")
    }

    #[test]
    fn the_largest_are_kept_by_name_and_no_byte_is_lost() {
        let at = Timestamp::new(60).expect("in range");
        let parts = (1..=250_u64).map(|size| (format!("bucket {size}\n{}", "x".repeat(200)), bytes(size)));
        let breakdown = Breakdown::new(at, parts).expect("they can be counted");
        assert_eq!((breakdown.parts.len(), breakdown.others), (100, 150));
        assert!(breakdown.parts[0].name.starts_with("bucket 250x"), "{:?}", breakdown.parts[0]);
        assert!(breakdown.parts.iter().all(|part| part.name.chars().count() == 120));
        assert_eq!(breakdown.sum(), Some(bytes(250 * 251 / 2)));
        assert_eq!(Breakdown::new(at, []).and_then(|none| none.sum()), Some(Bytes::ZERO));
        assert_eq!(Breakdown::new(at, [("a".into(), Bytes::MAX), ("b".into(), bytes(1))]), None);
    }
}
