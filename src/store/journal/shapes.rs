//! Shapes that entries and folds share: owners, epochs, what became of lives, who owns what.

use serde::{Deserialize, Serialize};

use crate::domain::{
    AccountName, ByteMinutes, Bytes, Epoch, HoldingNo, Identity, LifeNo, Meter, Minutes, Month, Owner,
    Seconds, Source, Timestamp, UnknownMeter, UsageDay,
};
use crate::metering::{
    Absence, CounterKey, DayChange, LifeChange, LifeEvent, MonthToDate, OwnerChange, Part,
};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum EpochBody {
    #[serde(rename = "s")]
    Since(i64),
    #[serde(rename = "r")]
    Running(u64),
    #[serde(rename = "p")]
    ResetWhileRunning(u64),
    #[serde(rename = "-")]
    Silent,
}

impl EpochBody {
    pub(super) fn of(epoch: &Epoch) -> EpochBody {
        match epoch {
            Epoch::Since(start) => EpochBody::Since(start.get()),
            Epoch::Running(uptime) => EpochBody::Running(uptime.get()),
            Epoch::ResetWhileRunning(uptime) => EpochBody::ResetWhileRunning(uptime.get()),
            Epoch::Silent => EpochBody::Silent,
        }
    }

    pub(super) fn epoch(self) -> Result<Epoch, String> {
        Ok(match self {
            EpochBody::Since(start) => Epoch::Since(time(start)?),
            EpochBody::Running(uptime) => Epoch::Running(Seconds::new(uptime)),
            EpochBody::ResetWhileRunning(uptime) => Epoch::ResetWhileRunning(Seconds::new(uptime)),
            EpochBody::Silent => Epoch::Silent,
        })
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct DayBody {
    #[serde(default, skip_serializing_if = "is_default")]
    added: i128,
    #[serde(default, skip_serializing_if = "is_default")]
    estimated: i128,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    level: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    held: u128,
    #[serde(default, skip_serializing_if = "is_default")]
    covered: u64,
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl DayBody {
    pub(super) fn of(change: &DayChange) -> DayBody {
        DayBody {
            added: change.added,
            estimated: change.estimated,
            level: change.level.map(Bytes::get),
            held: change.held.get(),
            covered: change.covered.get(),
        }
    }

    pub(super) fn change(self) -> Result<DayChange, String> {
        Ok(DayChange {
            added: self.added,
            estimated: self.estimated,
            level: self.level.map(bytes).transpose()?,
            held: ByteMinutes::new(self.held),
            covered: Minutes::new(self.covered),
        })
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum OwnerBody {
    #[serde(rename = "-")]
    Unowned,
    #[serde(rename = "n")]
    Name(i64, String),
    #[serde(rename = "s")]
    Service(i64),
}

impl OwnerBody {
    pub(super) fn of(owner: &Owner) -> OwnerBody {
        match owner {
            Owner::Unowned => OwnerBody::Unowned,
            Owner::Name { server, name } => OwnerBody::Name(*server, name.to_string()),
            Owner::Service(id) => OwnerBody::Service(*id),
        }
    }

    pub(super) fn owner(self) -> Owner {
        match self {
            OwnerBody::Unowned => Owner::Unowned,
            OwnerBody::Name(server, name) => Owner::named(server, &name),
            OwnerBody::Service(id) => Owner::Service(id),
        }
    }
}

/// Meter, month, amount, estimated, held, covered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct MonthBody(String, i32, u64, u64, u128, u64);

impl MonthBody {
    fn of(meter: Meter, month: &MonthToDate) -> MonthBody {
        let (held, covered) = (month.held.get(), month.covered.get());
        let (amount, estimated) = (month.amount.get(), month.estimated.get());
        MonthBody(meter.name().into(), month.month.number(), amount, estimated, held, covered)
    }

    fn month(self) -> Result<(Meter, MonthToDate), String> {
        let MonthBody(meter, month, amount, estimated, held, covered) = self;
        let sum = MonthToDate {
            month: Month::from_number(month).map_err(text)?,
            amount: bytes(amount)?,
            estimated: bytes(estimated)?,
            held: ByteMinutes::new(held),
            covered: Minutes::new(covered),
        };
        Ok((meter_of(&meter)?, sum))
    }
}

/// First day, owner, newest months.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PartBody(i32, OwnerBody, Vec<MonthBody>);

impl PartBody {
    pub(super) fn of(part: &Part) -> PartBody {
        let months = part.months.iter().map(|(meter, month)| MonthBody::of(*meter, month));
        PartBody(part.since.number(), OwnerBody::of(&part.owner), months.collect())
    }

    pub(super) fn part(self) -> Result<Part, String> {
        let PartBody(since, owner, months) = self;
        Ok(Part {
            since: UsageDay::from_number(since).map_err(text)?,
            owner: owner.owner(),
            months: months.into_iter().map(MonthBody::month).collect::<Result<_, _>>()?,
        })
    }
}

/// What became of a life.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum LifeBody {
    /// Name, when, holding, when the life before was last seen.
    Born(String, i64, u32, Option<i64>),
    Identified(String),
    Renamed(String),
    /// Since, last seen.
    Missing(i64, i64),
    Back,
    Ended(i64),
}

impl LifeBody {
    pub(super) fn of(change: &LifeChange) -> (u32, LifeBody) {
        let body = match &change.event {
            LifeEvent::Born { name, at, holding, predecessor } => {
                let seen = predecessor.map(Timestamp::get);
                LifeBody::Born(name.as_str().into(), at.get(), holding.get(), seen)
            }
            LifeEvent::Identified(identity) => LifeBody::Identified(identity.to_string()),
            LifeEvent::Renamed(name) => LifeBody::Renamed(name.as_str().into()),
            LifeEvent::Missing(absence) => LifeBody::Missing(absence.since.get(), absence.last_seen.get()),
            LifeEvent::Back => LifeBody::Back,
            LifeEvent::Ended(at) => LifeBody::Ended(at.get()),
        };
        (change.life.get(), body)
    }

    pub(super) fn change((life, body): (u32, LifeBody)) -> Result<LifeChange, String> {
        let event = match body {
            LifeBody::Born(name, at, holding, seen) => LifeEvent::Born {
                name: account(&name)?,
                at: time(at)?,
                holding: HoldingNo::new(holding),
                predecessor: seen.map(time).transpose()?,
            },
            LifeBody::Identified(identity) => LifeEvent::Identified(Identity::parse(&identity)),
            LifeBody::Renamed(name) => LifeEvent::Renamed(account(&name)?),
            LifeBody::Missing(since, last_seen) => {
                LifeEvent::Missing(Absence { since: time(since)?, last_seen: time(last_seen)? })
            }
            LifeBody::Back => LifeEvent::Back,
            LifeBody::Ended(at) => LifeEvent::Ended(time(at)?),
        };
        Ok(LifeChange { life: LifeNo::new(life), event })
    }
}

/// Who owns what.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum OwnershipBody {
    /// Life, holding, from, owner.
    Opened(u32, u32, i64, OwnerBody),
    /// Holding, parts.
    Parted(u32, u32, Vec<PartBody>),
}

impl OwnershipBody {
    pub(super) fn of(change: &OwnerChange) -> OwnershipBody {
        match change {
            OwnerChange::Opened { life, holding, from, owner } => {
                OwnershipBody::Opened(life.get(), holding.get(), from.get(), OwnerBody::of(owner))
            }
            OwnerChange::Parted { life, holding, parts } => {
                let parts = parts.iter().map(PartBody::of).collect();
                OwnershipBody::Parted(life.get(), holding.get(), parts)
            }
        }
    }

    pub(super) fn change(self) -> Result<OwnerChange, String> {
        Ok(match self {
            OwnershipBody::Opened(life, holding, from, owner) => OwnerChange::Opened {
                life: LifeNo::new(life),
                holding: HoldingNo::new(holding),
                from: time(from)?,
                owner: owner.owner(),
            },
            OwnershipBody::Parted(life, holding, parts) => OwnerChange::Parted {
                life: LifeNo::new(life),
                holding: HoldingNo::new(holding),
                parts: parts.into_iter().map(PartBody::part).collect::<Result<_, _>>()?,
            },
        })
    }
}

/// A counter: meter, whose own it is, name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct CounterBody(String, u32, String);

impl CounterBody {
    pub(super) fn of(key: &CounterKey) -> CounterBody {
        CounterBody(key.meter.name().into(), key.own.map_or(0, LifeNo::get), key.source.as_str().into())
    }

    pub(super) fn key(self) -> Result<CounterKey, String> {
        let CounterBody(meter, own, source) = self;
        let own = (own > 0).then_some(LifeNo::new(own));
        Ok(CounterKey { meter: meter_of(&meter)?, own, source: source_of(&source)? })
    }
}

pub(super) fn time(seconds: i64) -> Result<Timestamp, String> {
    Timestamp::new(seconds).map_err(text)
}

pub(super) fn bytes(count: u64) -> Result<Bytes, String> {
    Bytes::new(count).map_err(text)
}

pub(super) fn source_of(name: &str) -> Result<Source, String> {
    Source::new(name).map_err(text)
}

pub(super) fn account(name: &str) -> Result<AccountName, String> {
    AccountName::new(name).map_err(text)
}

pub(super) fn meter_of(name: &str) -> Result<Meter, String> {
    name.parse().map_err(|error: UnknownMeter| error.to_string())
}

pub(super) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
