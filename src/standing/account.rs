//! The current state of one account, and how its usage is shared out among those who paid for it.

use litemap::LiteMap;

use super::{Judged, Moment, SeriesStanding};
use crate::domain::{
    AccountName, ByteMinutes, Labels, LifeNo, Limit, Mapping, Meter, Month, Owner, Policy, Reason, Service,
    Timestamp,
};
use crate::metering::{Book, Life, MonthToDate};

/// The current state of one account: its name's newest life.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountStanding {
    /// Which life of its backend it is.
    pub life: LifeNo,
    /// Which life of its name it is, from 1.
    pub nth: u32,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// Since when it is missing from complete lists, not confirmed to be gone yet.
    pub missing_since: Option<Timestamp>,
    /// When it ended: the first list without it, once a later one has confirmed it.
    pub gone_at: Option<Timestamp>,
    /// Whether it is switched off, as far as the panel reports.
    pub suspended: Option<bool>,
    /// Why it is switched off, or by whom, in the panel's words.
    pub suspended_for: Option<String>,
    /// Which of our policies it is under, as the panel shows it; the standard one also where the panel
    /// shows neither and we have not limited it.
    pub policy: Option<Policy>,
    /// The plan's name on the panel.
    pub package: Option<String>,
    /// Its main domain.
    pub domain: Option<String>,
    /// The reseller it belongs to; empty if it is the panel's own.
    pub reseller: Option<String>,
    /// What it may store, by the panel.
    pub storage_limit: Limit,
    /// What it may move in a month, by the panel.
    pub traffic_limit: Limit,
    /// The limits that were in force when it was last polled; of an absent meter it is unknown.
    pub limits: LiteMap<Meter, Limit>,
    /// What those that were sold were judged by then, where its service has it from more than this account.
    pub together: LiteMap<Meter, Judged>,
    /// Who pays for what it uses from now on.
    pub owner: Owner,
    /// What its name means to WHMCS, once WHMCS has sent its services.
    pub mapped: Option<MappedTo>,
    /// The reason it could not be read last time, and since when.
    pub trouble: Option<(String, Timestamp)>,
    /// Its meters that were ever read, in the order of [`Meter::ALL`].
    pub series: Vec<SeriesStanding>,
    /// What everybody who paid for one of its name's lives has of its newest months.
    pub shares: Vec<Share>,
}

/// What one owner has of a name: of each meter the newest month that moved.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// Who paid.
    pub owner: Owner,
    /// Of which life.
    pub life: LifeNo,
    /// By meter.
    pub months: LiteMap<Meter, MonthToDate>,
}

/// What an account's name meant to WHMCS when it was last polled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedTo {
    /// How.
    pub mapping: Mapping,
    /// The service that owns it; `None` where there is none.
    pub service: Option<ServiceRef>,
    /// Services that wait because it could be theirs, too.
    pub rivals: Vec<i64>,
}

/// What of a service is shown with its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRef {
    /// `tblhosting.id`.
    pub id: i64,
    /// `tblclients.id`.
    pub client: i64,
    /// WHMCS's own spelling of the account's name.
    pub username: String,
    /// The product's name.
    pub product: Option<String>,
}

impl ServiceRef {
    /// What is shown of a service.
    pub fn of(service: &Service) -> ServiceRef {
        ServiceRef {
            id: service.id,
            client: service.client,
            username: service.username.clone(),
            product: service.product.clone(),
        }
    }
}

impl AccountStanding {
    /// The trouble of an account of which what is stored contradicts itself.
    pub const CONTRADICTED: &'static str = "store";

    /// An account of which nothing is known but when it was first seen.
    pub fn first_seen(at: Timestamp) -> AccountStanding {
        AccountStanding {
            life: LifeNo::new(1),
            nth: 1,
            first_seen: at,
            missing_since: None,
            gone_at: None,
            suspended: None,
            suspended_for: None,
            policy: None,
            package: None,
            domain: None,
            reseller: None,
            storage_limit: Limit::Unknown,
            traffic_limit: Limit::Unknown,
            limits: LiteMap::new(),
            together: LiteMap::new(),
            owner: Owner::Unowned,
            mapped: None,
            trouble: None,
            series: Vec::new(),
            shares: Vec::new(),
        }
    }

    /// What rules are for: its plan and its reseller.
    pub fn labels(&self) -> Labels<'_> {
        Labels { package: self.package.as_deref(), reseller: self.reseller.as_deref() }
    }

    /// Whether it is on the panel and nobody is billed for it, as far as WHMCS has sent its services.
    pub fn is_unbilled(&self) -> bool {
        let mapping = self.mapped.as_ref().map(|mapped| mapped.mapping);
        let unbilled = matches!(mapping, Some(Mapping::Unmapped | Mapping::Ambiguous | Mapping::Ended));
        self.gone_at.is_none() && unbilled
    }

    /// The limit in force of a meter, as the last poll found it.
    pub fn limit(&self, meter: Meter) -> Limit {
        self.limits.get(&meter).copied().unwrap_or_default()
    }

    /// What the panel itself allows of a meter, as it said last.
    pub fn panel_limit(&self, meter: Meter) -> Limit {
        match meter {
            Meter::StorageUsed => self.storage_limit,
            Meter::TrafficIn | Meter::TrafficOut | Meter::TrafficTotal => self.traffic_limit,
        }
    }

    /// Whether what is stored of it contradicts itself: meters that are concerned are left out.
    pub fn is_contradicted(&self) -> bool {
        self.trouble.as_ref().is_some_and(|(reason, _)| reason == Self::CONTRADICTED)
    }

    /// Whether its panel has it, as far as the newest complete list reports.
    pub fn is_present(&self) -> bool {
        self.gone_at.is_none() && self.missing_since.is_none()
    }

    /// Since when something of it that was reported before is not reported any more.
    pub fn silent_since(&self) -> Option<Timestamp> {
        let (reason, since) = self.trouble.as_ref()?;
        (reason == Reason::Silent.name()).then_some(*since)
    }

    /// The service that owns it.
    pub fn service(&self) -> Option<&ServiceRef> {
        self.mapped.as_ref()?.service.as_ref()
    }

    /// One of its meters.
    pub fn meter(&self, meter: Meter) -> Option<&SeriesStanding> {
        self.series.iter().find(|series| series.meter == meter)
    }

    /// What an owner has of it in a month, meter by meter.
    pub fn shares_of<'a>(
        &'a self,
        owner: &'a Owner,
        month: Month,
    ) -> impl Iterator<Item = (Meter, &'a MonthToDate)> {
        let shares = self.shares.iter().filter(move |share| share.owner == *owner);
        let months = shares.flat_map(|share| share.months.iter());
        months.filter(move |(_, so_far)| so_far.month == month).map(|(meter, so_far)| (*meter, so_far))
    }

    /// The newest month in which an owner has something of a meter: of earlier ones its shares say nothing.
    pub fn newest_month(&self, owner: &Owner, meter: Meter) -> Option<Month> {
        let shares = self.shares.iter().filter(|share| share.owner == *owner);
        shares.filter_map(|share| share.months.get(&meter)).map(|so_far| so_far.month).max()
    }

    /// Whether what it has of the running month is known: it was measured in it. One that is missing is not there to
    /// be measured: until it is gone it must not be too long since it was.
    pub fn knows_month(&self, meter: Meter, moment: &Moment) -> bool {
        self.meter(meter).is_some_and(|series| match self.is_present() {
            true => series.running(moment).is_ok(),
            false => moment.is_fresh(series.at),
        })
    }

    /// What its present owner has held on it in the running month, level times time: its part of what WHMCS is told
    /// as `disk_gb_month`. `None` where that is unknown.
    pub fn held_in_month(&self, moment: &Moment) -> Option<ByteMinutes> {
        if self.is_contradicted() || !self.knows_month(Meter::StorageUsed, moment) {
            return None;
        }
        let shares = self.shares_of(&self.owner, moment.month);
        let held = shares.filter(|(meter, _)| *meter == Meter::StorageUsed).map(|(_, month)| month.held);
        Some(held.fold(ByteMinutes::ZERO, |sum, held| sum + held))
    }

    /// Takes from the book what it has of the account.
    pub fn take(&mut self, book: &Book, name: &AccountName) {
        let Some((no, life)) = book.names.get(name).and_then(|no| Some((*no, book.lives.get(no)?))) else {
            return;
        };
        (self.life, self.nth, self.first_seen) = (no, life.nth, life.born);
        self.missing_since = life.absence.map(|absence| absence.since);
        self.gone_at = life.ended;
        self.owner = life.owner().clone();
        let present = life.holding().parts.last();
        let month = |meter| present.and_then(|part| part.months.get(&meter).copied());
        let series = life.series.iter();
        self.series =
            series.filter_map(|(meter, one)| SeriesStanding::of(*meter, one, month(*meter))).collect();
        self.shares = match life.nth {
            1 => shares_of(no, life).collect(),
            _ => book.lives_of(name).flat_map(|(no, life)| shares_of(no, life)).collect(),
        };
    }
}

/// What every owner has of a life, its present owner last.
fn shares_of(no: LifeNo, life: &Life) -> impl Iterator<Item = Share> {
    let parts = life.holdings.iter().flat_map(|holding| &holding.parts);
    let last = parts.clone().count().saturating_sub(1);
    let kept = parts.enumerate().filter(move |(index, part)| *index == last || !part.months.is_empty());
    kept.map(move |(_, part)| Share { owner: part.owner.clone(), life: no, months: part.months.clone() })
}
