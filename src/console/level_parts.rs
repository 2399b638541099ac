//! What a level is made of by the panel's names, held against the level itself.

use serde::Serialize;

use crate::domain::{Breakdown, Bytes, LevelPart};

/// What a level is made of, as it was read last.
#[derive(Debug, Serialize)]
pub(crate) struct LevelParts {
    pub(crate) read_at: String,
    pub(crate) sum_bytes: Option<u64>,
    /// Whether they come to another number than the level that is believed now.
    pub(crate) differs: bool,
    pub(crate) list: Vec<NamedBytes>,
    /// Parts that are too small to be named, and what they hold.
    pub(crate) others: u64,
    pub(crate) others_bytes: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct NamedBytes {
    pub(crate) name: String,
    pub(crate) bytes: u64,
}

impl LevelParts {
    /// Of a breakdown, held against the level that is believed now.
    pub(crate) fn of(breakdown: Breakdown, level: Option<Bytes>) -> LevelParts {
        let sum = breakdown.sum();
        let named = |part: LevelPart| NamedBytes { name: part.name, bytes: part.bytes.get() };
        LevelParts {
            read_at: breakdown.at.to_string(),
            sum_bytes: sum.map(Bytes::get),
            differs: sum != level,
            others: breakdown.others,
            others_bytes: breakdown.others_bytes.get(),
            list: breakdown.parts.into_iter().map(named).collect(),
        }
    }

    /// How many there are besides the largest so many, and what those hold.
    pub(crate) fn beyond(&self, named: usize) -> (u64, u64) {
        let small = self.list.iter().skip(named);
        let bytes: u64 = small.clone().map(|part| part.bytes).sum();
        (self.others + small.count() as u64, self.others_bytes + bytes)
    }
}
