//! Limits all guests of an account, or restores them: one after the other, each on the node it is on.
//!
//! Decides nothing about a single guest; `rate.rs` and `power.rs` do.

use std::collections::{BTreeMap, BTreeSet};

use super::accounts::Owner;
use super::cluster::Listing;
use super::guests::Counted;
use super::memory::{self, SavedState};
use super::refusal::CallFailure;
use super::session::AT_ONCE;
use super::settings::Limited;
use super::{Applied, BackendError, GuestLocation, Memory, Proxmox, Target};
use crate::backends::kit::many::some_at_once;
use crate::backends::kit::memory::{kept, needed};
use crate::domain::{AccountName, Harvest, Policy};

impl Proxmox {
    /// What a later restore needs.
    pub(super) async fn remembered(&self, target: &Target<'_>) -> Result<Memory, BackendError> {
        let places = self.places(target).await?;
        let remembered = match self.config.limited {
            Limited::Rate => {
                let mut guests = BTreeMap::new();
                for place in &places {
                    guests.insert(place.id(), self.cards_before(place).await?);
                }
                SavedState::Rate { ours: self.config.limited_rate.clone(), guests }
            }
            Limited::Pause => {
                let mut guests = BTreeMap::new();
                for place in &places {
                    guests.insert(place.id(), self.was(place).await?);
                }
                SavedState::Pause { guests }
            }
        };
        kept(&remembered)
    }

    /// Puts every guest of the account under `policy`. One that cannot be switched does not keep the
    /// others from it; the first trouble is what the caller hears.
    pub(super) async fn switched(
        &self,
        target: &Target<'_>,
        policy: Policy,
        memory: &Memory,
    ) -> Result<Applied, BackendError> {
        let places = self.places(target).await?;
        let remembered: SavedState = needed(memory)?;
        match (&remembered, self.config.limited) {
            (SavedState::Rate { .. }, Limited::Rate) | (SavedState::Pause { .. }, Limited::Pause) => {}
            (SavedState::Rate { .. }, _) => return Err(memory::other_way("rate")),
            (SavedState::Pause { .. }, _) => return Err(memory::other_way("pause")),
        }
        let mut trouble = None;
        let mut sum = Applied::AlreadySo;
        for place in &places {
            match self.switched_one(target, place, policy, &remembered).await {
                Ok(applied) => sum = both(sum, applied),
                Err(error) => trouble = trouble.or(Some(error)),
            }
        }
        trouble.map_or(Ok(sum), Err)
    }

    async fn switched_one(
        &self,
        target: &Target<'_>,
        place: &GuestLocation,
        policy: Policy,
        remembered: &SavedState,
    ) -> Result<Applied, BackendError> {
        match self.try_switch(place, policy, remembered).await {
            // It has moved since it was listed.
            Err(CallFailure::Refusal(refusal)) if refusal.is_gone() => {
                let places = self.places(target).await?;
                let Some(now) = places.iter().find(|other| other.id() == place.id()) else {
                    return Err(BackendError::NoSuchAccount(target.account.clone()));
                };
                Ok(self.try_switch(now, policy, remembered).await?)
            }
            other => Ok(other?),
        }
    }

    async fn try_switch(
        &self,
        place: &GuestLocation,
        policy: Policy,
        remembered: &SavedState,
    ) -> Result<Applied, CallFailure> {
        let newer = || Applied::LeftAlone {
            found: format!("{} joined the account after it was first limited", place.id()),
            limited: false,
        };
        match remembered {
            SavedState::Rate { ours, guests } => match guests.get(&place.id()) {
                Some(cards) => self.set_rate(place, policy, ours, cards).await,
                None => Ok(newer()),
            },
            SavedState::Pause { guests } => match guests.get(&place.id()) {
                Some(was) => self.set_power(place, policy, *was).await,
                None => Ok(newer()),
            },
        }
    }

    /// Where the guests of an account are now. The rows of silent nodes do not report whose they are: there the
    /// counters that were last seen in it report.
    async fn places(&self, target: &Target<'_>) -> Result<Vec<GuestLocation>, BackendError> {
        let (body, mut spare) = (self.rows().await?, Vec::new());
        let listing = Listing::read(&body, &mut spare)?;
        let name = Owner::Account(target.account.to_string());
        let ours = |guest: &&super::Guest<'_>| match self.config.mapping.owner(guest) {
            Owner::Unknown => self.source(guest).is_some_and(|source| target.sources.contains(&source)),
            owner => owner == name,
        };
        let places: Vec<GuestLocation> = listing.guests.iter().filter(ours).map(GuestLocation::of).collect();
        if places.is_empty() {
            if listing.guests.is_empty() {
                self.why_empty(&listing).await?;
            }
            return Err(BackendError::NoSuchAccount(target.account.clone()));
        }
        Ok(places)
    }

    /// Which policy each of the accounts in `limited` shows.
    pub(super) async fn policies(
        &self,
        limited: &[AccountName],
        found: &[Counted<'_>],
        harvest: &mut Harvest,
    ) {
        let wanted: BTreeSet<&AccountName> = limited.iter().collect();
        let guests = found.iter().map(|(claimed, _)| claimed);
        let asked = guests.filter(|claimed| wanted.contains(&claimed.account)).map(|claimed| async move {
            let shown = match self.config.limited {
                Limited::Rate => self.shown_rate(&GuestLocation::of(&claimed.guest)).await,
                Limited::Pause => Ok((super::power::shown(&claimed.guest), false)),
            };
            (&claimed.account, shown)
        });
        let asked: Vec<_> = asked.collect();
        let answers: Vec<_> = some_at_once(AT_ONCE, asked).await;
        let mut shown: BTreeMap<&AccountName, (Vec<Option<Policy>>, bool)> = BTreeMap::new();
        for (account, answer) in answers {
            let (policy, differs) = answer.unwrap_or_else(|failure| {
                let error = BackendError::from(failure);
                harvest.warn(format!("whether {account} is still limited cannot be seen: {error}"));
                (None, false)
            });
            let (policies, any_differs) = shown.entry(account).or_default();
            policies.push(policy);
            *any_differs |= differs;
        }
        for (account, (policies, differs)) in shown {
            // One guest that runs free makes the account a free one; one that is neither, neither.
            let all = |policy| policies.iter().all(|one| *one == Some(policy));
            let facts = harvest.facts_mut(account);
            facts.policy_differs = differs;
            facts.policy = match () {
                () if policies.contains(&Some(Policy::Standard)) => Some(Policy::Standard),
                () if all(Policy::Limited) => Some(Policy::Limited),
                () => None,
            };
        }
    }
}

/// Two guests of one account together: what was left alone is said before what was done.
fn both(one: Applied, other: Applied) -> Applied {
    match (one, other) {
        (Applied::LeftAlone { found, limited }, Applied::LeftAlone { found: more, limited: too }) => {
            Applied::LeftAlone { found: format!("{found}; {more}"), limited: limited || too }
        }
        (left @ Applied::LeftAlone { .. }, _) | (_, left @ Applied::LeftAlone { .. }) => left,
        (Applied::Done, _) | (_, Applied::Done) => Applied::Done,
        (Applied::AlreadySo, Applied::AlreadySo) => Applied::AlreadySo,
    }
}
