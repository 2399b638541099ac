//! What entries made of each month, summed: what a fold keeps of them, and what the stored days are held
//! against.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Made;
use super::shapes::{bytes, meter_of, text};
use crate::domain::{ByteMinutes, Bytes, HoldingNo, Meter, Minutes, Month, Nature, UsageDay};
use crate::metering::DayChange;

/// The sums by holding, meter and month.
pub type MonthSums = BTreeMap<(HoldingNo, Meter, Month), MonthSum>;

/// What entries made of one month, or one day, of one series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MonthSum {
    /// Flows: bytes added, less those taken back.
    pub added: i128,
    /// The part of `added` that is on its day by estimate only.
    pub estimated: i128,
    /// Levels: the newest day with a level, and its last level.
    pub level: Option<(UsageDay, Bytes)>,
    /// Levels: level times time.
    pub held: ByteMinutes,
    /// Minutes accounted for.
    pub covered: Minutes,
}

impl MonthSum {
    /// Takes in what one entry added to `day`.
    pub fn add(&mut self, day: UsageDay, change: &DayChange) {
        self.join(&MonthSum {
            added: change.added,
            estimated: change.estimated,
            level: change.level.map(|level| (day, level)),
            held: change.held,
            covered: change.covered,
        });
    }

    /// Takes in the sum of later entries.
    pub fn join(&mut self, later: &MonthSum) {
        self.added += later.added;
        self.estimated += later.estimated;
        self.held += later.held;
        self.covered += later.covered;
        if let Some((day, _)) = later.level
            && self.level.is_none_or(|(known, _)| known <= day)
        {
            self.level = later.level;
        }
    }

    /// Bytes moved (flows) or the last level (levels).
    pub fn amount(&self, meter: Meter) -> i128 {
        match meter.nature() {
            Nature::Flow => self.added,
            Nature::Level => self.level.map_or(0, |(_, level)| level.wide()),
        }
    }
}

/// Takes in what one entry made.
pub(super) fn add_made(sums: &mut MonthSums, made: &[Made]) {
    for made in made {
        for ((holding, day), change) in &made.days {
            let key = (*holding, made.meter, day.month());
            sums.entry(key).or_default().add(*day, change);
        }
    }
}

/// Holding, meter, month; added, estimated, day and level, held, covered.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SumBody(u32, String, i32, i128, i128, Option<(i32, u64)>, u128, u64);

pub(super) fn sums_body(sums: &MonthSums) -> Vec<SumBody> {
    let body = |((holding, meter, month), sum): (&(HoldingNo, Meter, Month), &MonthSum)| {
        let level = sum.level.map(|(day, level)| (day.number(), level.get()));
        let (held, covered) = (sum.held.get(), sum.covered.get());
        let (holding, meter) = (holding.get(), meter.name().into());
        SumBody(holding, meter, month.number(), sum.added, sum.estimated, level, held, covered)
    };
    sums.iter().map(body).collect()
}

pub(super) fn sums_of(body: Vec<SumBody>) -> Result<MonthSums, String> {
    let mut sums = MonthSums::new();
    for SumBody(holding, meter, month, added, estimated, level, held, covered) in body {
        let month = Month::from_number(month).map_err(text)?;
        let level = level
            .map(|(day, level)| Ok::<_, String>((UsageDay::from_number(day).map_err(text)?, bytes(level)?)));
        let (held, covered) = (ByteMinutes::new(held), Minutes::new(covered));
        let sum = MonthSum { added, estimated, level: level.transpose()?, held, covered };
        sums.insert((HoldingNo::new(holding), meter_of(&meter)?, month), sum);
    }
    Ok(sums)
}
