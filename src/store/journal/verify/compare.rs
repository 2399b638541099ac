//! Holds what is stored against what the journal says. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::super::crossings;
use super::super::sums::MonthSum;
use super::Difference;
use super::sums::{HoldingSums, Holdings, Owners, Stored};
use crate::domain::{BackendId, HoldingNo, Meter, Month, Owner, UsageDay};

/// A sum of a holding: of a month, of a day, of one payer's part of a month.
type Of = (HoldingNo, Meter);

/// Holds what is stored against what was said: who pays; what is crossed; every day that both sides have; every month,
/// and where it has all its days what each payer has of it. Returns how many days and months there were.
pub(super) fn compare(
    backend: &BackendId,
    names: &Holdings,
    said: &HoldingSums,
    stored: &Stored,
) -> Result<u64, Box<Difference>> {
    let sides =
        JournalVsStored { backend, names, said, stored, folded: said.months.keys().copied().collect() };
    sides.owners()?;
    sides.crossings()?;
    Ok((sides.days()? + sides.months()?) as u64)
}

/// What the journal says and what is stored, of the same holdings.
struct JournalVsStored<'a> {
    backend: &'a BackendId,
    names: &'a Holdings,
    said: &'a HoldingSums,
    stored: &'a Stored,
    /// Months of which the journal has folded some entries: it does not know their days.
    folded: BTreeSet<(HoldingNo, Meter, Month)>,
}

impl JournalVsStored<'_> {
    fn name(&self, holding: HoldingNo) -> String {
        self.names.get(&holding).cloned().unwrap_or_default()
    }

    fn same(
        &self,
        (holding, meter): Of,
        when: impl FnOnce() -> String,
        said: Option<&MonthSum>,
        found: Option<&MonthSum>,
    ) -> Result<(), Box<Difference>> {
        if same(meter, said, found) {
            return Ok(());
        }
        let (stored, journal) = (described(meter, found), described(meter, said));
        let (backend, account) = (self.backend.clone(), self.name(holding));
        Err(Box::new(Difference::Sum { backend, account, meter, when: when(), stored, journal }))
    }

    fn owners(&self) -> Result<(), Box<Difference>> {
        for holding in self.names.keys() {
            let (journal, found) = (self.said.owners.get(holding), self.stored.owners.get(holding));
            if journal != found {
                return Err(Box::new(Difference::Owner {
                    backend: self.backend.clone(),
                    account: self.name(*holding),
                    holding: *holding,
                    stored: owned(found),
                    journal: owned(journal),
                }));
            }
        }
        Ok(())
    }

    fn crossings(&self) -> Result<(), Box<Difference>> {
        let keys: BTreeSet<_> = self.said.crossings.keys().chain(self.stored.crossings.keys()).collect();
        for key @ (holding, meter, threshold) in keys {
            let (journal, found) = (self.said.crossings.get(key), self.stored.crossings.get(key));
            if journal != found {
                return Err(Box::new(Difference::Crossing {
                    backend: self.backend.clone(),
                    account: self.name(*holding),
                    meter: *meter,
                    threshold: *threshold,
                    stored: crossings::said(found),
                    journal: crossings::said(journal),
                }));
            }
        }
        Ok(())
    }

    /// Days that are not kept any more need not be there; one that is there is held against the journal all the same.
    fn days(&self) -> Result<usize, Box<Difference>> {
        let kept = self.said.days.keys().filter(|(.., day)| *day >= self.stored.kept_from);
        let is_known = |(holding, meter, day): &&(HoldingNo, Meter, UsageDay)| {
            !self.folded.contains(&(*holding, *meter, day.month()))
        };
        let days: BTreeSet<_> = kept.chain(self.stored.days.keys()).filter(is_known).collect();
        for key @ (holding, meter, day) in &days {
            let (said, found) = (self.said.days.get(key), self.stored.days.get(key));
            self.same((*holding, *meter), || day.to_string(), said, found)?;
        }
        Ok(days.len())
    }

    fn months(&self) -> Result<usize, Box<Difference>> {
        let whole = self.said.whole_months();
        let months: BTreeSet<_> = whole.keys().chain(self.stored.months.keys()).copied().collect();
        for key @ (holding, meter, month) in &months {
            let (of, said) = ((*holding, *meter), whole.get(key));
            let parts = self.stored.months.get(key);
            let mut found: Option<MonthSum> = None;
            parts
                .into_iter()
                .flat_map(BTreeMap::values)
                .for_each(|part| found.get_or_insert_default().join(part));
            self.same(of, || month.to_string(), said, found.as_ref())?;
            self.no_part_too_many(of, *month)?;
            if month.first() < self.stored.kept_from {
                continue;
            }
            match self.folded.contains(key) {
                true => self.days_together(of, *month, said)?,
                false => self.parts(of, *month)?,
            }
        }
        Ok(months.len())
    }

    fn owners_of(&self, holding: HoldingNo) -> &[(UsageDay, Owner)] {
        self.stored.owners.get(&holding).map(Vec::as_slice).unwrap_or_default()
    }

    fn no_part_too_many(&self, of: Of, month: Month) -> Result<(), Box<Difference>> {
        let owners = self.owners_of(of.0).len();
        let parts = self.stored.months.get(&(of.0, of.1, month)).and_then(BTreeMap::last_key_value);
        match parts.filter(|(part, _)| **part >= owners) {
            Some((part, sum)) => {
                self.same(of, || format!("{month}, part {part} of {owners}"), None, Some(sum))
            }
            None => Ok(()),
        }
    }

    /// What passed on which of its days is folded; together they are the month all the same.
    fn days_together(&self, of: Of, month: Month, said: Option<&MonthSum>) -> Result<(), Box<Difference>> {
        let mut days = MonthSum::default();
        let period = month.period();
        let range = (of.0, of.1, period.first())..(of.0, of.1, period.next());
        self.stored.days.range(range).for_each(|(_, day)| days.join(day));
        self.same(of, || format!("days of {month}"), said, Some(&days))
    }

    /// What each payer has of a month.
    fn parts(&self, of: Of, month: Month) -> Result<(), Box<Difference>> {
        let owners = self.owners_of(of.0);
        if owners.len() < 2 {
            return Ok(());
        }
        let period = month.period();
        let range = (of.0, of.1, period.first())..(of.0, of.1, period.next());
        let mut parts: BTreeMap<usize, MonthSum> = BTreeMap::new();
        for ((.., day), sum) in self.said.days.range(range) {
            let part = owners.iter().rposition(|(since, _)| since <= day).unwrap_or(0);
            parts.entry(part).or_default().join(sum);
        }
        let stored = self.stored.months.get(&(of.0, of.1, month));
        for (part, (since, owner)) in owners.iter().enumerate() {
            let found = stored.and_then(|parts| parts.get(&part));
            self.same(of, || format!("{month} of {owner} from {since} on"), parts.get(&part), found)?;
        }
        Ok(())
    }
}

fn owned(owners: Option<&Owners>) -> String {
    let Some(owners) = owners else { return "no owner".into() };
    let part = |(since, owner): &(UsageDay, Owner)| match *since {
        UsageDay::FIRST => owner.to_string(),
        since => format!("from {since} on {owner}"),
    };
    owners.iter().map(part).collect::<Vec<_>>().join(", ")
}

fn same(meter: Meter, said: Option<&MonthSum>, stored: Option<&MonthSum>) -> bool {
    let [said, stored] = [said, stored].map(|sum| {
        let sum = sum.copied().unwrap_or_default();
        (sum.amount(meter), sum.estimated, sum.held, sum.covered)
    });
    said == stored
}

fn described(meter: Meter, sum: Option<&MonthSum>) -> String {
    let Some(sum) = sum else { return "nothing".into() };
    let (amount, covered) = (sum.amount(meter), sum.covered.get());
    let mut text = format!("{amount} B over {covered} min");
    if sum.estimated != 0 {
        text.push_str(&format!(", {} B of it estimated", sum.estimated));
    }
    if sum.held.get() != 0 {
        text.push_str(&format!(", {} byte-minutes", sum.held.get()));
    }
    text
}
