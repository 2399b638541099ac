//! What a tenant's stored bytes are made of by the names of its panels: buckets, guests. For people, never billed from.

use serde::Serialize;

use super::UsageApi;
use super::tenants::Tenant;
use crate::domain::{Bytes, LevelPart, Meter, Timestamp};
use crate::reported::{Decimal, decimal};
use crate::web::Problem;

/// So many are named in an answer.
const MOST_NAMED: usize = 100;

/// The parts of each metric that has some.
#[derive(Serialize)]
pub(super) struct Parts {
    disk: PartsOfLevel,
}

/// The parts of a level.
#[derive(Serialize)]
struct PartsOfLevel {
    /// When the oldest of them was measured.
    read_at: i64,
    /// What all of them come to.
    sum: Decimal,
    /// Whether that is another number than the level's: it was measured at another time, or not all of it has a name.
    differs: bool,
    /// The largest, the largest first.
    list: Vec<NamedPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    others: Option<OtherParts>,
}

#[derive(Serialize)]
struct NamedPart {
    name: String,
    /// The account it is of, where the tenant has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    value: Decimal,
}

/// What is not named.
#[derive(Serialize)]
struct OtherParts {
    count: u64,
    value: Decimal,
}

impl UsageApi {
    /// The parts of a tenant's level; `None` where its panels name none.
    pub(super) async fn parts(&self, tenant: &Tenant<'_>) -> Result<Option<Parts>, Problem> {
        let several = tenant.living.len() > 1;
        let (mut parts, mut oldest): (Vec<(Option<String>, LevelPart)>, Option<Timestamp>) =
            (Vec::new(), None);
        let (mut count, mut besides, mut levels) = (0, Bytes::ZERO, Some(Bytes::ZERO));
        for found in &tenant.living {
            let level = found.account.meter(Meter::StorageUsed).and_then(|series| series.level);
            let Some(breakdown) = self.store.breakdown(&found.key()).await.map_err(Problem::unavailable)?
            else {
                // Something that is stored and of which nothing is named: then the two differ.
                levels = levels.filter(|_| level.is_none_or(|level| level == Bytes::ZERO));
                continue;
            };
            levels = levels.zip(level).and_then(|(sum, level)| sum.checked_add(level));
            oldest = Some(oldest.map_or(breakdown.at, |oldest| oldest.min(breakdown.at)));
            count += breakdown.others;
            let Some(more) = besides.checked_add(breakdown.others_bytes) else { return Ok(None) };
            besides = more;
            let account = several.then(|| found.name.to_string());
            parts.extend(breakdown.parts.into_iter().map(|part| (account.clone(), part)));
        }
        let Some(read_at) = oldest else { return Ok(None) };
        parts.sort_by(|(_, one), (_, other)| {
            other.bytes.cmp(&one.bytes).then_with(|| one.name.cmp(&other.name))
        });
        for (_, part) in parts.split_off(parts.len().min(MOST_NAMED)) {
            count += 1;
            let Some(more) = besides.checked_add(part.bytes) else { return Ok(None) };
            besides = more;
        }
        let sum = parts.iter().try_fold(besides, |sum, (_, part)| sum.checked_add(part.bytes));
        let Some(sum) = sum else { return Ok(None) };
        let unit = self.units().disk;
        let named = |(account, part): (Option<String>, LevelPart)| NamedPart {
            name: part.name,
            account,
            value: decimal(part.bytes, unit),
        };
        let disk = PartsOfLevel {
            read_at: read_at.get(),
            sum: decimal(sum, unit),
            differs: levels != Some(sum),
            list: parts.into_iter().map(named).collect(),
            others: (count > 0).then(|| OtherParts { count, value: decimal(besides, unit) }),
        };
        Ok(Some(Parts { disk }))
    }
}
