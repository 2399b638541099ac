//! A row of the outbox: made of a notification or a switch, and read back.

use sqlx::any::AnyRow;

use super::super::StoreError;
use super::super::sql::{Cell, Columns};
use super::super::tables::Ids;
use super::super::tables::life::policy;
use super::{Entry, EntryState, POLICY, Promise, REPORT};
use crate::domain::{AccountKey, AccountName, BackendId, Meter, Policy, Timestamp, UnknownMeter};
use crate::quota::{Address, Channel, Notification, Occasion, Switch};

/// The columns of an entry, in the order [`entry`] reads them.
pub(super) const COLUMNS: &str = "o.id, o.entry_key, o.channel, o.occasion, o.backend, o.account, o.holding, o.meter, o.threshold,
    o.episode, o.reminder, o.used, o.allowed, o.since, o.template, o.mail_to, o.product, o.why, o.made_at, o.waits_for,
    o.state, o.due_at, o.attempts, o.tried_at, o.said, o.ended_at";

pub(in super::super) fn switch_cells(id: i64, switch: &Switch, holding: i64, entry: i64) -> [Cell; 24] {
    let nothing = || Cell::from(0i64);
    [
        switch.key().as_str().into(),
        POLICY.into(),
        id.into(),
        switch.to.name().into(),
        switch.account.backend.as_str().into(),
        switch.account.name.as_str().into(),
        holding.into(),
        Cell::Text(None),
        nothing(),
        i64::from(switch.number).into(),
        nothing(),
        nothing(),
        nothing(),
        switch.at.into(),
        Cell::Text(None),
        Cell::Text(None),
        Cell::Text(None),
        switch.why.as_str().into(),
        switch.at.into(),
        Cell::Int(None),
        EntryState::Waiting.name().into(),
        switch.at.into(),
        nothing(),
        entry.into(),
    ]
}

pub(in super::super) fn notification_cells(
    id: i64,
    channel: Channel,
    notification: &Notification,
    holding: i64,
    waits_for: Option<i64>,
    (at, entry): (Timestamp, i64),
) -> [Cell; 24] {
    let reminder = match notification.occasion {
        Occasion::Reminder(number) => number,
        _ => 0,
    };
    let mail_to = notification.address.mail_to.join(",");
    [
        notification.key().as_str().into(),
        channel.name().into(),
        id.into(),
        notification.occasion.name().into(),
        notification.account.backend.as_str().into(),
        notification.account.name.as_str().into(),
        holding.into(),
        notification.meter.name().into(),
        i64::from(notification.threshold).into(),
        i64::from(notification.episode).into(),
        i64::from(reminder).into(),
        notification.used.into(),
        notification.limit.into(),
        notification.since.into(),
        notification.address.template.as_deref().into(),
        Some(mail_to.as_str()).filter(|to| !to.is_empty()).into(),
        notification.address.product.as_deref().into(),
        Cell::Text(None),
        at.into(),
        Cell::Int(waits_for),
        EntryState::Waiting.name().into(),
        at.into(),
        Cell::from(0i64),
        entry.into(),
    ]
}

/// A report is about no account.
pub(in super::super) fn report_cells(id: i64, key: &str, to: &[String], at: Timestamp) -> [Cell; 24] {
    let (nothing, none) = (|| Cell::from(0i64), || Cell::Text(None));
    [
        key.into(),
        Channel::Smtp.name().into(),
        id.into(),
        REPORT.into(),
        "".into(),
        "".into(),
        nothing(),
        none(),
        nothing(),
        nothing(),
        nothing(),
        nothing(),
        nothing(),
        at.into(),
        none(),
        Some(to.join(",").as_str()).filter(|to| !to.is_empty()).into(),
        none(),
        none(),
        at.into(),
        Cell::Int(None),
        EntryState::Waiting.name().into(),
        at.into(),
        nothing(),
        nothing(),
    ]
}

/// How many they are.
pub(super) const COUNT: usize = 26;

/// Reads a row of [`COLUMNS`].
pub(super) fn entry(row: &AnyRow) -> Result<Entry, StoreError> {
    let mut columns = Columns::of(row);
    let (id, key, channel, occasion) = (columns.int()?, columns.text()?, columns.text()?, columns.text()?);
    let (backend, name, holding) = (columns.text()?, columns.text()?, columns.int()?);
    let account = || {
        let backend =
            BackendId::new(&backend).map_err(|error| StoreError::corrupt(error, "a backend's name"))?;
        let name =
            AccountName::new(&name).map_err(|error| StoreError::corrupt(error, "an account's name"))?;
        Ok::<_, StoreError>(AccountKey { backend, name })
    };
    let meter = columns.maybe_text()?.map(|name| name.parse());
    let meter: Option<Meter> =
        meter.transpose().map_err(|error: UnknownMeter| StoreError::corrupt(error, "a meter"))?;
    let (threshold, episode, reminder) = (columns.small()?, columns.small()?, columns.small()?);
    let (used, limit, since) = (columns.bytes()?, columns.bytes()?, columns.time()?);
    let (template, mail_to) = (columns.maybe_text()?, columns.maybe_text()?);
    let (product, why) = (columns.maybe_text()?, columns.maybe_text()?);
    let made_at = columns.time()?;
    let mail_to: Vec<String> = mail_to.iter().flat_map(|to| to.split(',')).map(str::to_string).collect();
    let promise = match (Channel::ALL.into_iter().find(|known| known.name() == channel), meter) {
        (Some(channel), Some(meter)) => {
            let notification = Notification {
                occasion: occasion_of(&occasion, reminder)?,
                account: account()?,
                holding: Ids::holding_no(holding)?,
                meter,
                threshold,
                episode,
                used,
                limit,
                since,
                at: made_at,
                address: Address { template, mail_to, product },
            };
            Promise::Notify(channel, notification)
        }
        (Some(Channel::Smtp), None) if occasion == REPORT => Promise::Report { to: mail_to },
        _ if channel == POLICY => {
            let to = policy(Some(occasion))?.unwrap_or(Policy::Standard);
            Promise::Switch { account: account()?, to, why: why.unwrap_or_default() }
        }
        _ => return Err(StoreError::corrupt(channel, "a channel")),
    };
    let waits_for = columns.maybe_int()?;
    let state = columns.text()?;
    let state = EntryState::ALL.into_iter().find(|known| known.name() == state);
    Ok(Entry {
        id,
        key,
        promise,
        made_at,
        waits_for,
        state: state.ok_or_else(|| StoreError::corrupt("another word", "a state of an outbox entry"))?,
        due_at: columns.time()?,
        attempts: columns.small()?,
        tried_at: columns.maybe_time()?,
        said: columns.maybe_text()?,
        ended_at: columns.maybe_time()?,
    })
}

fn occasion_of(name: &str, reminder: u32) -> Result<Occasion, StoreError> {
    let known = [Occasion::Limited, Occasion::Restored, Occasion::Failed, Occasion::Resolved];
    if name == Occasion::Notify.name() {
        return Ok(if reminder > 0 { Occasion::Reminder(reminder) } else { Occasion::Notify });
    }
    let found = known.into_iter().find(|occasion| occasion.name() == name);
    found.ok_or_else(|| StoreError::corrupt(name, "an occasion"))
}
