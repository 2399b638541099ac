//! The story of a poll: who is there, what does each of them store, and did a folder fall silent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::Synology;
use super::accounts::Expiry;
use super::batch::QuotaAnswer;
use super::call::{ApiCall, Does};
use super::quota::{QuotaPlace, Quotas};
use super::refusal::CallFailure;
use super::select::{Account, Groups, select};
use super::settings::Limiting;
use crate::backends::kit::json::text;
use crate::backends::kit::many::Patience;
use crate::backends::{BackendError, PollRequest};
use crate::domain::{Facts, Harvest, Identity, Limit, Meter, Policy, Reading, Reason, Timestamp};

/// How many users are asked about in one call.
const AT_ONCE: usize = 25;

/// After so many in a row without an answer the NAS is dead.
const GIVEN_UP_AFTER: u32 = 3;

/// The name of the part of an identity that DSM keeps for a user's life. Not unique: nobody says that DSM never gives a
/// number twice.
const UID: &str = "uid";

/// What one poll learned about folders that fell silent and new ones.
#[derive(Default)]
struct Folders {
    /// Every shared folder of the NAS, asked for once, and only where one is missing.
    existing: Option<Option<BTreeSet<String>>>,
    gained: BTreeMap<QuotaPlace, usize>,
}

impl Synology {
    pub(super) async fn read(&self, ask: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError> {
        let users = self.nas.users().await?;
        let groups = Groups::read(&self.nas, &self.config).await?;
        let (accounts, named) = select(users.all, &groups, &self.config, ask, harvest);
        if users.is_whole && named && ask.only.is_none() {
            harvest.listed_everyone();
            let there = |name: &_| accounts.iter().any(|account| account.name == *name);
            self.counted().retain(|name, _| there(name));
        }
        if !users.is_whole {
            harvest.warn("the list of users is not known to be whole: nobody is taken to be gone");
        }
        harvest.by_road("SYNO.Core.Quota");
        self.warn_of_expiry(&accounts, harvest);
        let mut folders = Folders::default();
        let mut patience = Patience::new(GIVEN_UP_AFTER);
        for some in accounts.chunks(AT_ONCE) {
            let answers = self.quotas(some, &mut patience).await?;
            for (account, answer) in some.iter().zip(answers) {
                self.put(account, answer, ask, &mut folders, harvest).await?;
            }
        }
        for (place, accounts) in folders.gained {
            harvest.warn(format!(
                "{place} counts from now on, for {accounts} accounts: their levels grow by it"
            ));
        }
        Ok(())
    }

    /// The quotas of some accounts, in their order.
    async fn quotas(
        &self,
        accounts: &[Account],
        patience: &mut Patience,
    ) -> Result<Vec<QuotaAnswer>, BackendError> {
        if self.takes_batches.load(Ordering::Relaxed) {
            let names: Vec<&str> = accounts.iter().map(|account| account.user.name.as_str()).collect();
            match self.nas.quotas(&names).await {
                Ok(answers) => return Ok(answers),
                Err(CallFailure::Refusal(refusal)) if refusal.refuses_batches() => {}
                Err(CallFailure::Failed(BackendError::Unreachable(_) | BackendError::NotOffered(_))) => {}
                Err(CallFailure::Failed(error @ BackendError::Unexpected { .. })) => {
                    return Ok(accounts.iter().map(|_| Err(CallFailure::Failed(error.clone()))).collect());
                }
                Err(failure) => return Err(failure.error()),
            }
        }
        let (mut answers, mut worked) = (Vec::with_capacity(accounts.len()), false);
        for account in accounts {
            let answer = self.nas.quota(&account.user.name).await;
            let error = answer.as_ref().err().cloned().map(CallFailure::error);
            patience.note(error.as_ref())?;
            worked |= answer.is_ok();
            answers.push(answer);
        }
        // One by one it works: so it is done on this NAS.
        if worked {
            self.takes_batches.store(false, Ordering::Relaxed);
        }
        Ok(answers)
    }

    async fn put(
        &self,
        account: &Account,
        answer: QuotaAnswer,
        ask: &PollRequest,
        folders: &mut Folders,
        harvest: &mut Harvest,
    ) -> Result<(), BackendError> {
        let name = &account.name;
        self.put_facts(account, ask, harvest.facts_mut(name));
        let unexpected = |detail: String| (Reason::Unexpected, detail);
        let quotas = match answer {
            Ok(data) => Quotas::read(&data, &self.config.shares).map_err(unexpected),
            Err(failure) => {
                let error = failure.error();
                Err((error.reason(), error.to_string()))
            }
        };
        let level = match quotas {
            Ok(quotas) => {
                let policy = self.shown_policy(account, ask, Some(&quotas));
                let facts = harvest.facts_mut(name);
                facts.policy = policy;
                facts.storage_limit = self.limit(&quotas, policy);
                match self.silent_place(account, &quotas, folders).await {
                    None => quotas.used().map_err(unexpected),
                    Some(place) => {
                        Err((Reason::Silent, format!("{place} was counted before and is not told any more")))
                    }
                }
            }
            Err(why) => Err(why),
        };
        match level {
            Ok(level) => {
                harvest.add_reading(name, Meter::StorageUsed, Reading::Gauge { at: ask.now, level });
            }
            Err((reason, why)) => harvest.unread(name, Some(Meter::StorageUsed), reason, why),
        }
        Ok(())
    }

    fn put_facts(&self, account: &Account, ask: &PollRequest, facts: &mut Facts) {
        let uid = account.user.uid;
        facts.identity = uid.map(|uid| Identity::new().with(UID, uid.to_string())).unwrap_or_default();
        let expiry = Expiry::read(account.user.expired.as_deref());
        facts.suspended = self.is_off(expiry, ask.now);
        facts.suspended_for = facts.suspended.filter(|is_off| *is_off).and(match expiry {
            Expiry::Until(day) => Some(format!("expired on {day}")),
            _ => Some("disabled".into()),
        });
        facts.package.clone_from(&account.group);
        facts.policy = self.shown_policy(account, ask, None);
    }

    /// Whether an account may not log in now. Its date is one of the NAS: where its zone is not configured, the days
    /// around it are not known.
    fn is_off(&self, expiry: Expiry, now: Timestamp) -> Option<bool> {
        let Expiry::Until(last) = expiry else { return Some(expiry == Expiry::Disabled) };
        if let Some(zone) = self.config.zone {
            return Some(zone.day_of(now).date() > last);
        }
        // Somewhere it is 12 hours earlier than in UTC, and somewhere 14 hours later.
        let day = |seconds: i64| Some(Timestamp::new(now.get() + seconds).ok()?.to_utc().date_naive());
        let (first, latest) = (day(-12 * 3600)? > last, day(14 * 3600)? > last);
        (first == latest).then_some(first)
    }

    /// Which of our policies an account shows.
    fn shown_policy(&self, account: &Account, ask: &PollRequest, quotas: Option<&Quotas>) -> Option<Policy> {
        let is_ours = ask.limited.contains(&account.name);
        match self.config.limiting {
            Limiting::Disable => match Expiry::read(account.user.expired.as_deref()) {
                Expiry::Disabled => is_ours.then_some(Policy::Limited),
                _ => Some(Policy::Standard),
            },
            Limiting::Group => match (account.in_limited_group, &account.group) {
                (true, _) => Some(Policy::Limited),
                (false, Some(_)) => Some(Policy::Standard),
                (false, None) => None,
            },
            Limiting::Quota => match is_ours && quotas?.is_full() {
                true => Some(Policy::Limited),
                false => Some(Policy::Standard),
            },
        }
    }

    /// What an account may store. While we hold it by a quota or a group, that is not what it was sold.
    fn limit(&self, quotas: &Quotas, policy: Option<Policy>) -> Limit {
        let holds_quota = matches!(self.config.limiting, Limiting::Quota | Limiting::Group);
        match holds_quota && policy == Some(Policy::Limited) {
            true => Limit::Unknown,
            false => quotas.limit(),
        }
    }

    /// A place that was counted at the last poll, is missing now, and is there for all we know. Where there is none, what
    /// is counted now is remembered.
    async fn silent_place(
        &self,
        account: &Account,
        quotas: &Quotas,
        folders: &mut Folders,
    ) -> Option<QuotaPlace> {
        let now = quotas.places();
        let before = self.counted().get(&account.name).cloned();
        for place in before.iter().flatten().filter(|place| !now.contains(*place)) {
            if !self.is_gone(place, quotas, folders).await {
                return Some(place.clone());
            }
        }
        for gained in before.iter().flat_map(|before| now.difference(before)) {
            *folders.gained.entry(gained.clone()).or_default() += 1;
        }
        self.counted().insert(account.name.clone(), now);
        None
    }

    /// Whether the NAS itself says that a folder is no more: its volume is told of, and it is in no list.
    async fn is_gone(&self, place: &QuotaPlace, quotas: &Quotas, folders: &mut Folders) -> bool {
        let Some(share) = place.share.as_ref().filter(|_| quotas.has_volume(&place.volume)) else {
            return false;
        };
        if folders.existing.is_none() {
            folders.existing = Some(self.shares().await);
        }
        folders.existing.iter().flatten().any(|existing| !existing.contains(share))
    }

    /// Every shared folder of the NAS; none where that is not certain.
    async fn shares(&self) -> Option<BTreeSet<String>> {
        let ask = ApiCall { does: Does::ReadsMany, ..ApiCall::get("SYNO.Core.Share", "list") };
        let ask = ask.text("shareType", "all").with("offset", json!(0)).with("limit", json!(-1));
        let data = self.nas.call(&ask).await.ok()?;
        let rows = data.get("shares").and_then(Value::as_array).filter(|rows| !rows.is_empty())?;
        rows.iter().map(|row| Some(text(row.as_object()?, &["name"])?.to_string())).collect()
    }

    fn warn_of_expiry(&self, accounts: &[Account], harvest: &mut Harvest) {
        let is_odd = |account: &&Account| Expiry::read(account.user.expired.as_deref()) == Expiry::Unknown;
        let mut odd = accounts.iter().filter(is_odd);
        if let Some(first) = odd.next() {
            let count = odd.count() + 1;
            harvest.warn(format!(
                "expired is neither normal, now nor a date for {count} accounts ({}, …): taken to be active",
                first.name
            ));
        }
    }

    fn counted(&self) -> std::sync::MutexGuard<'_, super::Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
