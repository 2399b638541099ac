//! Crossings as entries and folds record them: each as it stands after the commit that changed it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::shapes::{meter_of, text, time};
use crate::domain::{HoldingNo, Meter, Month, Timestamp};
use crate::quota::Crossing;

/// By holding, meter and threshold (percent).
pub type CrossingMap = BTreeMap<(HoldingNo, Meter, u32), Crossing>;

/// Holding, meter, threshold; episode, crossed since, the month it is about, reminded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct CrossingBody(u32, String, u32, u32, Option<i64>, Option<i32>, u32);

pub(super) fn crossing_bodies(crossings: &CrossingMap) -> Vec<CrossingBody> {
    let body = |((holding, meter, threshold), one): (&(HoldingNo, Meter, u32), &Crossing)| {
        let (holding, meter) = (holding.get(), meter.name().into());
        let (since, month) = (one.since.map(Timestamp::get), one.month.map(|month| month.number()));
        CrossingBody(holding, meter, *threshold, one.episode, since, month, one.reminded)
    };
    crossings.iter().map(body).collect()
}

pub(super) fn crossings_of(bodies: Vec<CrossingBody>) -> Result<CrossingMap, String> {
    let crossing = |CrossingBody(holding, meter, threshold, episode, since, month, reminded)| {
        let since = since.map(time).transpose()?;
        let month = month.map(Month::from_number).transpose().map_err(text)?;
        let key = (HoldingNo::new(holding), meter_of(&meter)?, threshold);
        Ok((key, Crossing { episode, since, month, reminded }))
    };
    bodies.into_iter().map(crossing).collect()
}

/// A crossing in words.
pub(super) fn said(crossing: Option<&Crossing>) -> String {
    let Some(Crossing { episode, since, month, reminded }) = crossing else { return "nothing".into() };
    let since = since.map_or("not crossed".into(), |since| format!("crossed since {since}"));
    let month = month.map_or(String::new(), |month| format!(" in {month}"));
    format!("{since}{month}, episode {episode}, reminder {reminded}")
}
