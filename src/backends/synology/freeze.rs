//! Limits by quotas: each place that counts gets a quota of what it holds, so that nothing more can be written, and gets
//! back exactly the quota it had.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Synology;
use super::accounts::User;
use super::call::ApiCall;
use super::quota::{QuotaPlace, Quotas};
use crate::backends::kit::switch::{Plan, read_back};
use crate::backends::{Applied, BackendError};
use crate::domain::{AccountName, Policy};

/// The quotas of an account before they were frozen.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Frozen {
    places: Vec<FrozenPlace>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FrozenPlace {
    #[serde(flatten)]
    place: QuotaPlace,
    /// What it had, in MiB; 0 is none set.
    quota: u64,
    /// What is to stand there instead.
    ours: u64,
}

impl Frozen {
    /// What an account has now, and what is to stand in its place.
    pub fn of(quotas: &Quotas) -> Result<Frozen, BackendError> {
        let places = quotas.to_freeze().map_err(strange)?;
        let places = places.into_iter().map(|(place, quota, ours)| FrozenPlace { place, quota, ours });
        Ok(Frozen { places: places.collect() })
    }

    /// What a look at an account's quotas makes of a switch.
    fn plan(&self, policy: Policy, found: &Quotas) -> Result<Plan<()>, BackendError> {
        let (mut is_wanted, mut is_known) = (true, true);
        for one in &self.places {
            let quota = found.quota_of(&one.place);
            let quota =
                quota.ok_or_else(|| strange(format!("quota of {} is not told any more", one.place)))?;
            is_wanted &= quota == one.wanted(policy);
            is_known &= [one.quota, one.ours].contains(&quota);
        }
        Ok(match (is_wanted, is_known) {
            (true, _) => Plan::AlreadySo,
            (false, true) => Plan::Write(()),
            (false, false) => Plan::left_alone(self.shown(found), found.is_full()),
        })
    }

    fn shown(&self, found: &Quotas) -> String {
        let one = |one: &FrozenPlace| {
            let quota =
                found.quota_of(&one.place).map_or("not told".to_string(), |quota| format!("{quota} MiB"));
            format!("quota of {} {quota}", one.place)
        };
        self.places.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    /// The value of `user_quota`: by volume, and by shared folder where that counts.
    fn written(&self, policy: Policy) -> Value {
        let mut volumes: BTreeMap<&str, Value> = BTreeMap::new();
        for one in &self.places {
            let volume = &one.place.volume;
            let row = volumes.entry(volume).or_insert_with(|| json!({ "volume": volume }));
            match (&one.place.share, one.wanted(policy)) {
                (None, quota) => row["quota"] = quota.into(),
                (Some(share), quota) => {
                    let share = json!({ "name": share, "quota": quota });
                    match row.get_mut("shares").and_then(Value::as_array_mut) {
                        Some(shares) => shares.push(share),
                        None => row["shares"] = json!([share]),
                    }
                }
            }
        }
        volumes.into_values().collect()
    }
}

impl FrozenPlace {
    fn wanted(&self, policy: Policy) -> u64 {
        match policy {
            Policy::Standard => self.quota,
            Policy::Limited => self.ours,
        }
    }
}

impl Synology {
    pub(super) async fn freeze(
        &self,
        account: &AccountName,
        user: &User,
        policy: Policy,
        frozen: &Frozen,
    ) -> Result<Applied, BackendError> {
        match frozen.plan(policy, &self.quotas_of(user, account).await?)? {
            Plan::AlreadySo => return Ok(Applied::AlreadySo),
            Plan::LeftAlone { found, limited } => return Ok(Applied::LeftAlone { found, limited }),
            Plan::Write(()) => {}
        }
        let ask = ApiCall::write("SYNO.Core.Quota", "set").text("name", &user.name);
        self.write(&ask.with("user_quota", frozen.written(policy)), account).await?;
        // The form for shared folders is not documented: what does not take is said, with what stands there.
        let look = || async {
            let found = self.quotas_of(user, account).await?;
            let is_so =
                frozen.places.iter().all(|one| found.quota_of(&one.place) == Some(one.wanted(policy)));
            Ok(if is_so { Ok(()) } else { Err(frozen.shown(&found)) })
        };
        read_back(&format!("quotas of {account}"), look).await
    }

    /// The quotas of one account as they are now.
    pub(super) async fn quotas_of(&self, user: &User, account: &AccountName) -> Result<Quotas, BackendError> {
        let data = self.nas.quota(&user.name).await.map_err(|failure| match failure.refusal() {
            Some(refusal) => refusal.clone().about(account),
            None => failure.error(),
        })?;
        Quotas::read(&data, &self.config.shares).map_err(strange)
    }
}

fn strange(detail: String) -> BackendError {
    BackendError::Unexpected { at: "SYNO.Core.Quota get".into(), detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::synology::settings::Shares;

    fn quotas(homes: u64, archive: u64) -> Quotas {
        let data = json!({ "user_quota": [
            { "volume": "/volume1", "shares": [{ "name": "homes", "used": 20.5, "quota": homes, "group_limit": 0 }] },
            { "volume": "/volume2", "used": 0, "quota": archive, "group_limit": 0 },
        ] });
        Quotas::read(&data, &Shares::default()).expect("read")
    }

    #[test]
    fn quotas_are_frozen_at_what_is_held_and_given_back_as_they_were() {
        use Policy::{Limited, Standard};
        let frozen = Frozen::of(&quotas(100, 0)).expect("whole numbers");
        assert_eq!(
            frozen.written(Limited),
            json!([
                { "volume": "/volume1", "shares": [{ "name": "homes", "quota": 20 }] },
                { "volume": "/volume2", "quota": 1 },
            ])
        );
        assert_eq!(frozen.written(Standard)[1], json!({ "volume": "/volume2", "quota": 0 }));
        let plan = |policy, homes, archive| frozen.plan(policy, &quotas(homes, archive)).expect("all there");
        for (policy, homes, archive, done) in [
            (Limited, 100, 0, Plan::Write(())),
            (Limited, 20, 1, Plan::AlreadySo),
            (Limited, 20, 0, Plan::Write(())),
            (Standard, 20, 1, Plan::Write(())),
            (Standard, 100, 0, Plan::AlreadySo),
            // Raised by somebody meanwhile.
            (
                Standard,
                200,
                1,
                Plan::left_alone("quota of homes on /volume1 200 MiB, quota of /volume2 1 MiB".into(), false),
            ),
        ] {
            assert_eq!(plan(policy, homes, archive), done, "{policy:?} {homes} {archive}");
        }
    }
}
