//! Why a number is what it is: one account's month as the journal records it, held against what is stored.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::grouped::grouped;
use super::level_parts::LevelParts;
use crate::domain::{
    AccountKey, BillingZone, Epoch, HoldingNo, LifeNo, Meter, Month, Nature, Reading, Span, UsageDay,
};
use crate::metering::{Correction, Holding, Life, Renumbering, Rewind};
use crate::store::{DayPoint, JournalEntry, MonthSum, Store, StoreError, Usage, UsageQuery};

/// The whole answer.
#[derive(Debug, Serialize)]
pub(crate) struct Explanation {
    pub(crate) backend: String,
    pub(crate) account: String,
    pub(crate) meter: &'static str,
    pub(crate) month: String,
    /// What the store says of the month; absent when it knows nothing.
    pub(crate) bytes: Option<u64>,
    /// Bytes of lines already folded: only their sum is kept.
    pub(crate) folded_bytes: i128,
    /// Every reading that moved a number of this month or was noted in it.
    pub(crate) lines: Vec<ExplanationLine>,
    pub(crate) days: Vec<Day>,
    /// What the panel's charts say of times nobody watched. Never billed.
    pub(crate) estimates: Vec<Chart>,
    /// What the panel itself would bill of the account, all its meters together. Never billed by us.
    pub(crate) panel_charges: Vec<Charge>,
    /// Of the level what it was made of when that was read last, by the panel's names; never billed from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parts: Option<LevelParts>,
    /// What is believed of each counter now.
    pub(crate) baselines: Vec<Baseline>,
    /// Which life of its name it is, from 1: a name that was freed may be another account since.
    pub(crate) life: u32,
    /// When it was first seen.
    pub(crate) born: Option<String>,
    /// When it ended.
    pub(crate) ended: Option<String>,
    /// Who pays for it, from the first to the present one.
    pub(crate) owners: Vec<OwnedSince>,
    /// Whether the lines add up to what is stored, to the byte.
    pub(crate) adds_up: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct ExplanationLine {
    pub(crate) entry: i64,
    pub(crate) asked_at: String,
    pub(crate) said: Vec<String>,
    pub(crate) added: Vec<Added>,
    pub(crate) notes: Vec<String>,
    /// The later entry that took it back: what it added counts no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) taken_back_by: Option<i64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Added {
    pub(crate) day: String,
    /// Flows: bytes added. Levels: the level of the day from this reading on.
    pub(crate) bytes: i128,
    pub(crate) held_byte_minutes: u128,
}

#[derive(Debug, Serialize)]
pub(crate) struct Day {
    pub(crate) day: String,
    pub(crate) explained_bytes: i128,
    pub(crate) stored_bytes: u64,
    pub(crate) stored_held_byte_minutes: u128,
    pub(crate) explained_held_byte_minutes: u128,
    pub(crate) covered_minutes: u64,
    pub(crate) estimated_bytes: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Charge {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) as_of: String,
    /// As the panel writes it.
    pub(crate) amount: String,
    pub(crate) currency: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Chart {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) about_bytes: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct OwnedSince {
    /// The moment, or the day from which on it was taken over.
    pub(crate) since: String,
    pub(crate) owner: String,
    /// The same for people.
    #[serde(skip)]
    pub(crate) payer: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Baseline {
    pub(crate) source: String,
    pub(crate) count: u64,
    pub(crate) at: String,
}

/// How many entries are read at once.
const ENTRIES_AT_ONCE: i64 = 500;

/// Explains one account's month of one meter.
pub(crate) async fn explain(
    store: &Store,
    key: &AccountKey,
    meter: Meter,
    month: Month,
    zone: BillingZone,
) -> Result<Explanation, StoreError> {
    let loaded = store.load(&key.backend, None).await?;
    let no = loaded.book.called(&key.name);
    let life = no.and_then(|no| loaded.book.lives.get(&no));
    let mut story = Story::new(key, no, meter, month, zone);
    story.payers = life.into_iter().flat_map(payers).collect();
    let holdings: Vec<HoldingNo> =
        life.iter().flat_map(|life| &life.holdings).map(|holding| holding.no).collect();
    for fold in store.folds(&key.backend).await? {
        for holding in &holdings {
            if let Some(sum) = fold.sums.get(&(*holding, meter, month)) {
                story.folded.get_or_insert_default().join(sum);
            }
        }
    }
    // Nothing is added to a day before it has begun.
    let (start, end) = (zone.start_of(month.first()), zone.start_of(month.next().first()));
    let mut next = store.first_entry_since(&key.backend, start).await?;
    while let Some(first) = next {
        let entries = store.journal(&key.backend, first, ENTRIES_AT_ONCE).await?;
        entries.iter().for_each(|entry| story.entry(entry));
        next = entries.last().map(|entry| entry.entry + 1);
    }
    let (backend, account) = (Some(key.backend.clone()), Some(key.name.clone()));
    let query = UsageQuery { backend, account, meter: Some(meter), owner: None };
    let kept_from = store.days_kept_from(Some(&key.backend)).await?;
    let stored = Stored {
        days: by_day(store.days(&query, month.period()).await?)?,
        total: store.month_total(key, meter, month).await?,
        folded: kept_from > month.first(),
    };
    let mut explanation = story.conclude(&stored);
    if let Ok(span) = Span::new(start, end) {
        let estimates = store.estimates(key, meter, span).await?;
        explanation.estimates = estimates.iter().map(Chart::of).collect();
        let charges = store.panel_charges(key, span).await?;
        explanation.panel_charges = charges.iter().map(Charge::of).collect();
    }
    if meter.nature() == Nature::Level {
        let level = no.and_then(|_| Some(life?.series.get(&meter)?.level?.level));
        let breakdown = store.breakdown(key).await?;
        explanation.parts = breakdown.map(|breakdown| LevelParts::of(breakdown, level));
    }
    if let Some(life) = life {
        explanation.life = life.nth;
        explanation.born = Some(life.born.to_string());
        explanation.ended = life.ended.map(|at| at.to_string());
        explanation.owners = life.holdings.iter().flat_map(owners).collect();
    }
    let counters = loaded.book.counters.iter();
    let mine = counters.filter(|(counter, baseline)| counter.meter == meter && Some(baseline.holder) == no);
    let baselines = mine.map(|(counter, baseline)| Baseline {
        source: counter.source.to_string(),
        count: baseline.count.get(),
        at: baseline.at.to_string(),
    });
    explanation.baselines = baselines.collect();
    explanation.baselines.sort_by(|one, other| one.source.cmp(&other.source));
    Ok(explanation)
}

/// The services that pay for what a life used, by their numbers of now.
fn payers(life: &Life) -> BTreeSet<i64> {
    let parts = life.holdings.iter().flat_map(|holding| &holding.parts);
    parts.filter_map(|part| part.owner.service()).collect()
}

/// Who pays for the days of a holding.
fn owners(holding: &Holding) -> impl Iterator<Item = OwnedSince> {
    holding.parts.iter().enumerate().map(|(index, part)| {
        let since = if index == 0 { holding.from.to_string() } else { part.since.to_string() };
        OwnedSince { since, owner: part.owner.to_string(), payer: part.owner.in_words() }
    })
}

/// Days put together: of one that changed hands both holdings have a part.
pub(super) fn by_day(points: Vec<DayPoint>) -> Result<Vec<DayPoint>, StoreError> {
    let mut days: BTreeMap<UsageDay, DayPoint> = BTreeMap::new();
    for point in points {
        match days.get_mut(&point.day) {
            None => drop(days.insert(point.day, point)),
            Some(known) => {
                let mut usage = known.usage();
                usage.add(point.meter, &point.usage())?;
                let Usage { amount, estimated, held, covered } = usage;
                *known = DayPoint { amount, estimated, held, covered, ..point };
            }
        }
    }
    Ok(days.into_values().collect())
}

/// What the store has of the month.
struct Stored {
    days: Vec<DayPoint>,
    total: Option<Usage>,
    /// Whether some days are folded into it, so that they have no rows of their own.
    folded: bool,
}

/// One account's month as the journal records it.
struct Story<'a> {
    key: &'a AccountKey,
    life: Option<LifeNo>,
    meter: Meter,
    month: Month,
    zone: BillingZone,
    /// The services that pay for it, by their numbers of now.
    payers: BTreeSet<i64>,
    folded: Option<MonthSum>,
    lines: Vec<ExplanationLine>,
    days: BTreeMap<UsageDay, MonthSum>,
}

impl Story<'_> {
    fn new(
        key: &AccountKey,
        life: Option<LifeNo>,
        meter: Meter,
        month: Month,
        zone: BillingZone,
    ) -> Story<'_> {
        let (payers, folded, lines, days) = (BTreeSet::new(), None, Vec::new(), BTreeMap::new());
        Story { key, life, meter, month, zone, payers, folded, lines, days }
    }

    fn entry(&mut self, entry: &JournalEntry) {
        let asked_in_month = self.zone.day_of(entry.at).month() == self.month;
        let (mut added, mut notes) = (Vec::new(), Vec::new());
        if let Some((reason, detail)) = entry.failed.as_ref().filter(|_| asked_in_month) {
            notes.push(format!("poll failed ({reason}): {detail}"));
        }
        if let Some(Correction::Renumbered(renumbering)) = entry.corrected.as_ref().filter(|_| asked_in_month)
        {
            notes.extend(self.renumbered(renumbering));
        }
        if let Some(Correction::Rewound(Rewind { to, author, reason })) = &entry.corrected
            && (asked_in_month || self.lines.iter().any(|line| line.taken_back_by == Some(entry.entry)))
        {
            notes.push(format!("what was settled after entry {to} is taken back ({author}: {reason})"));
        }
        let mine = entry.made.iter().filter(|made| Some(made.life) == self.life && made.meter == self.meter);
        // As it was called then.
        let mut called = None;
        for made in mine {
            called = Some(&made.account);
            for ((_, day), change) in made.days.iter().filter(|((_, day), _)| day.month() == self.month) {
                if entry.counts() {
                    self.days.entry(*day).or_default().add(*day, change);
                }
                let bytes = change.level.map_or(change.added, |level| level.wide());
                added.push(Added { day: day.to_string(), bytes, held_byte_minutes: change.held.get() });
            }
            if asked_in_month || !added.is_empty() {
                notes.extend(made.notes.iter().cloned());
            }
        }
        if added.is_empty() && notes.is_empty() {
            return;
        }
        let harvested = entry.harvest.accounts().get(called.unwrap_or(&self.key.name));
        let readings = harvested.into_iter().flat_map(|harvested| &harvested.readings);
        let said = readings.filter(|(meter, _)| *meter == self.meter).map(|(_, reading)| describe(reading));
        let asked_at = entry.at.to_string();
        let (entry, taken_back_by) = (entry.entry, entry.taken_back_by);
        self.lines.push(ExplanationLine {
            entry,
            asked_at,
            said: said.collect(),
            added,
            notes,
            taken_back_by,
        });
    }

    /// What became of the numbers that the payer sees.
    fn renumbered(&self, renumbering: &Renumbering) -> Option<String> {
        let Renumbering { numbers, author, reason } = renumbering;
        let mine = numbers.iter().filter(|(_, number)| self.payers.contains(number));
        let mine: Vec<String> = mine.map(|(was, is)| format!("service {was} is service {is} now")).collect();
        let why = || format!("WHMCS's services have other numbers ({author}: {reason}): {}", mine.join(", "));
        (!mine.is_empty()).then(why)
    }

    fn conclude(self, stored: &Stored) -> Explanation {
        let day = |point: &DayPoint| {
            let explained = self.days.get(&point.day).copied().unwrap_or_default();
            Day {
                day: point.day.to_string(),
                explained_bytes: explained.amount(self.meter),
                stored_bytes: point.amount.get(),
                stored_held_byte_minutes: point.held.get(),
                explained_held_byte_minutes: explained.held.get(),
                covered_minutes: point.covered.get(),
                estimated_bytes: point.estimated.get(),
            }
        };
        let days: Vec<Day> = stored.days.iter().map(day).collect();
        let adds_up = if stored.folded || self.folded.is_some() {
            // What is folded has no rows of its own to be held against: the month has.
            let mut sum = self.folded.unwrap_or_default();
            self.days.values().for_each(|day| sum.join(day));
            let total = stored.total.as_ref();
            sum.amount(self.meter) == total.map_or(0, |total| total.amount.wide())
                && sum.held == total.map(|total| total.held).unwrap_or_default()
        } else {
            days.iter().all(Day::is_same) && self.days.len() == days.len()
        };
        Explanation {
            backend: self.key.backend.to_string(),
            account: self.key.name.to_string(),
            meter: self.meter.name(),
            month: self.month.to_string(),
            bytes: stored.total.as_ref().map(|total| total.amount.get()),
            folded_bytes: self.folded.map_or(0, |folded| folded.amount(self.meter)),
            days,
            estimates: Vec::new(),
            panel_charges: Vec::new(),
            parts: None,
            baselines: Vec::new(),
            life: 1,
            born: None,
            ended: None,
            owners: Vec::new(),
            lines: self.lines,
            adds_up,
        }
    }
}

impl Explanation {
    /// Whether nothing at all is known of that month.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_none() && self.lines.is_empty()
    }
}

impl Day {
    /// Whether the lines make what is stored of the day.
    pub(crate) fn is_same(&self) -> bool {
        self.explained_bytes == i128::from(self.stored_bytes)
            && self.explained_held_byte_minutes == self.stored_held_byte_minutes
    }
}

impl Charge {
    fn of(charge: &crate::domain::PanelCharge) -> Charge {
        let (from, to) = (charge.span.start().to_string(), charge.span.end().to_string());
        let (amount, currency) = (charge.amount().to_string(), charge.currency().to_string());
        Charge { from, to, as_of: charge.at.to_string(), amount, currency }
    }
}

impl Chart {
    fn of(estimate: &crate::domain::Estimate) -> Chart {
        let (from, to) = (estimate.span.start().to_string(), estimate.span.end().to_string());
        Chart { from, to, about_bytes: estimate.about.get() }
    }
}

fn describe(reading: &Reading) -> String {
    let of = |source: &crate::domain::Source| match source.as_str() {
        "" => String::new(),
        source => format!("{source} "),
    };
    match reading {
        Reading::Gauge { at, level } => format!("holds {} B at {at}", grouped(level)),
        Reading::Counter { source, at, epoch, count } => {
            let epoch = match epoch {
                Epoch::Since(start) => format!("since {start}"),
                Epoch::Running(uptime) => format!("running for {} s", uptime.get()),
                Epoch::ResetWhileRunning(uptime) => {
                    format!("running for {} s, its network card plugged in again", uptime.get())
                }
                Epoch::Silent => "with no word of its beginning".into(),
            };
            format!("{}counted {} B {epoch}, at {at}", of(source), grouped(count))
        }
        Reading::PeriodTotal { source, at, span, total } => {
            format!(
                "{}moved {} B from {} to {}, as of {at}",
                of(source),
                grouped(total),
                span.start(),
                span.end()
            )
        }
    }
}
