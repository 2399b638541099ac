//! A poll of each kind of account: who is there, what each has, what passed.

use std::collections::{BTreeMap, BTreeSet};

use super::interfaces::{AT_ONCE, BOTH, MachineTraffic};
use super::listing::{Listing, machines_call};
use super::panel::ApiCall;
use super::settings::{Accounts, LimitBy, TrafficFrom};
use super::speed;
use super::sums::FIRST_LOOK_HOURS;
use super::traffic::Metered;
use super::window::Window;
use super::wire::{Machine, User};
use super::{BackendError, OnApp, PollRequest};
use crate::backends::kit::many::some_at_once;
use crate::domain::{AccountName, Bytes, Harvest, Meter, Policy, Reading, Reason, Seconds, Timestamp};

/// Nobody is waited for longer: an account without rows for so long is left to a backfill.
const CATCH_UP: Seconds = Seconds::hours(72);

/// What is wanted of a time: a poll's, or a backfill's.
pub(super) struct Wanted<'a> {
    pub now: Timestamp,
    pub window: Window,
    pub only: Option<&'a AccountName>,
    /// Those whose policy is wanted even where it costs a call.
    pub limited: &'a [AccountName],
    /// Facts and levels too, and not the past alone.
    pub with_present: bool,
    /// The sources that reported before.
    pub heard: BTreeSet<&'a str>,
}

impl OnApp {
    /// What a poll wants.
    pub(super) fn wanted<'a>(&self, ask: &'a PollRequest) -> Wanted<'a> {
        let mut window = Window::of_poll(ask.now, ask.since, self.config.reread);
        if self.config.traffic == TrafficFrom::Sums && ask.since.is_none() {
            let least = window.until.minus(Seconds::hours(FIRST_LOOK_HOURS));
            window.from = window.from.max(least);
        }
        // Whose rows could not be read at the last looks is behind: what passed since then is read with the others.
        let reached = BOTH.into_iter().filter_map(|meter| ask.heard.totals_reach(meter).min()).min();
        if let Some(reached) = reached {
            window = window.begun_by(reached.max(window.until.minus(CATCH_UP)));
        }
        Wanted {
            now: ask.now,
            window,
            only: ask.only.as_ref(),
            limited: &ask.limited,
            with_present: true,
            heard: BOTH.into_iter().flat_map(|meter| ask.heard.total_sources(meter)).collect(),
        }
    }

    /// Reads accounts of the kind that the config says.
    pub(super) async fn read(&self, wanted: &Wanted<'_>, harvest: &mut Harvest) -> Result<(), BackendError> {
        // First of all, because a refused credential costs one call then.
        self.panel.release().await?;
        harvest.by_road(match self.config.traffic {
            TrafficFrom::Rows => "hourly rows",
            TrafficFrom::Sums => "hourly sums",
        });
        match self.config.accounts {
            Accounts::Machines => self.read_machines(wanted, harvest).await,
            Accounts::Users | Accounts::Cdn => self.read_users(wanted, harvest).await,
        }
    }

    async fn read_machines(&self, wanted: &Wanted<'_>, harvest: &mut Harvest) -> Result<(), BackendError> {
        let listing = match wanted.only {
            None => self.machines(&machines_call()).await?,
            Some(only) => match self.machine(only).await {
                Ok(machine) => Listing::of_one(machine),
                Err(BackendError::NoSuchAccount(_)) => return Ok(()),
                Err(error) => return Err(error),
            },
        };
        if wanted.with_present {
            listing.all.iter().for_each(|machine| self.put_machine(machine, wanted.now, harvest));
        }
        let fresh = self.wanted_fresh(wanted);
        match self.config.traffic {
            TrafficFrom::Rows => {
                let traffic =
                    self.traffic_of(&listing.all, (wanted.window, wanted.now), &fresh, &wanted.heard).await?;
                for (machine, MachineTraffic { metered, interfaces, .. }) in traffic {
                    if let Some(interfaces) = interfaces.filter(|_| self.config.limit_by == LimitBy::Speed) {
                        let policy = speed::shown_policy(&interfaces, self.config.cap);
                        harvest.facts_mut(&machine.name).policy = policy;
                    }
                    put_all(&metered, &machine.name, harvest);
                }
            }
            TrafficFrom::Sums => {
                let mut sums = self.sums(&listing.all, wanted.window, wanted.now).await?;
                for machine in &listing.all {
                    if let Some(sums) = sums.remove(machine.name.as_str()) {
                        put_all(&sums.metered, &machine.name, harvest);
                    }
                    if fresh.contains(&machine.name) && self.config.limit_by == LimitBy::Speed {
                        let interfaces = self.interfaces(&machine.name).await?;
                        harvest.facts_mut(&machine.name).policy =
                            speed::shown_policy(&interfaces, self.config.cap);
                    }
                }
            }
        }
        if wanted.only.is_none() && wanted.with_present {
            let mut servers: BTreeMap<&str, Vec<&AccountName>> = BTreeMap::new();
            for machine in &listing.all {
                if let Some(user) = &machine.user {
                    servers.entry(user).or_default().push(&machine.name);
                }
            }
            self.put_charges(&servers, wanted.now, harvest).await?;
        }
        if wanted.only.is_none() && wanted.with_present && listing.is_whole(harvest) {
            let users = listing.all.iter().map(|machine| machine.user.as_deref());
            match self.own_alone(users).await? {
                Some(doubt) => harvest.warn(doubt),
                None => harvest.listed_everyone(),
            }
        }
        Ok(())
    }

    /// Those whose interfaces are read anew: what they show decides about a limit.
    fn wanted_fresh(&self, wanted: &Wanted<'_>) -> BTreeSet<AccountName> {
        match self.config.limit_by {
            LimitBy::Speed => wanted.limited.iter().cloned().collect(),
            LimitBy::Suspend | LimitBy::Plan => BTreeSet::new(),
        }
    }

    fn put_machine(&self, machine: &Machine, now: Timestamp, harvest: &mut Harvest) {
        let facts = harvest.facts_mut(&machine.name);
        facts.identity = machine.identity.clone();
        facts.created = machine.created;
        facts.suspended = machine.suspended;
        facts.suspended_for = (machine.suspended == Some(true)).then(|| "suspended".to_string());
        facts.package.clone_from(&machine.package);
        facts.domain.clone_from(&machine.domain);
        if self.config.limit_by == LimitBy::Suspend {
            facts.policy = machine.suspended.map(policy_of);
        }
        put_level(&machine.name, machine.disk.as_ref().map(|bytes| *bytes), now, harvest);
    }

    async fn read_users(&self, wanted: &Wanted<'_>, harvest: &mut Harvest) -> Result<(), BackendError> {
        let mut listing = self.users().await?;
        if let Some(only) = wanted.only {
            listing.all.retain(|user| user.name == *only);
        }
        if listing.all.is_empty() && wanted.only.is_some() {
            return Ok(());
        }
        if wanted.with_present {
            listing.all.iter().for_each(|user| self.put_user(user, harvest));
        }
        match self.config.accounts {
            Accounts::Cdn => self.read_cdn(&listing.all, wanted, harvest).await?,
            _ => self.read_servers_of_users(&listing.all, wanted, harvest).await?,
        }
        if wanted.only.is_none() && wanted.with_present {
            let users = listing.all.iter().map(|user| (user.id.as_str(), vec![&user.name]));
            self.put_charges(&users.collect(), wanted.now, harvest).await?;
        }
        if wanted.only.is_none() && wanted.with_present && listing.is_whole(harvest) {
            match self.own_alone(listing.all.iter().map(|user| Some(user.id.as_str()))).await? {
                Some(doubt) => harvest.warn(doubt),
                None => harvest.listed_everyone(),
            }
        }
        Ok(())
    }

    fn put_user(&self, user: &User, harvest: &mut Harvest) {
        let facts = harvest.facts_mut(&user.name);
        facts.identity = user.identity.clone();
        facts.created = user.created;
        facts.suspended = user.suspended();
        facts.suspended_for = (user.suspended() == Some(true)).then(|| "suspended".to_string());
        facts.package = user.plan.map(|(_, plan)| plan.to_string());
        facts.reseller.clone_from(&user.group);
        facts.policy = match self.config.limit_by {
            LimitBy::Plan => user.plan.map(|(_, plan)| policy_of(Some(plan) == self.config.limited_plan)),
            LimitBy::Suspend | LimitBy::Speed => user.suspended().map(policy_of),
        };
    }

    async fn read_cdn(
        &self,
        users: &[User],
        wanted: &Wanted<'_>,
        harvest: &mut Harvest,
    ) -> Result<(), BackendError> {
        let only = users.first().filter(|_| wanted.only.is_some()).map(|user| user.id.as_str());
        let mut delivered = match self.config.traffic {
            TrafficFrom::Rows => self.cdn_rows(wanted.window, wanted.now, only).await?,
            TrafficFrom::Sums => self.cdn_sums(wanted.window, wanted.now).await?,
        };
        for user in users {
            if let Some(metered) = delivered.remove(&user.id) {
                put_all(&metered, &user.name, harvest);
            }
        }
        Ok(())
    }

    async fn read_servers_of_users(
        &self,
        users: &[User],
        wanted: &Wanted<'_>,
        harvest: &mut Harvest,
    ) -> Result<(), BackendError> {
        let disks = if wanted.with_present {
            self.put_disks(users, wanted.now, harvest).await?
        } else {
            BTreeMap::new()
        };
        let call = match (users, wanted.only) {
            ([user], Some(_)) => {
                ApiCall::get(&["users", &user.id, "virtual_machines"], "virtual_machines.read")
            }
            _ => machines_call(),
        };
        let machines = self.machines(&call).await?;
        let names: BTreeMap<&str, &AccountName> =
            users.iter().map(|user| (user.id.as_str(), &user.name)).collect();
        let mut of_users: BTreeMap<String, Metered> = BTreeMap::new();
        match self.config.traffic {
            TrafficFrom::Rows => {
                let traffic = self
                    .traffic_of(&machines.all, (wanted.window, wanted.now), &BTreeSet::new(), &wanted.heard)
                    .await?;
                for (machine, MachineTraffic { metered, .. }) in traffic {
                    share(metered, machine.user.as_deref(), &mut of_users);
                }
            }
            TrafficFrom::Sums => {
                for sums in self.sums(&machines.all, wanted.window, wanted.now).await?.into_values() {
                    share(sums.metered, sums.user.as_deref(), &mut of_users);
                }
            }
        }
        let is_whole = machines.doubts.is_empty() && wanted.only.is_none();
        machines.doubts.iter().for_each(|doubt| harvest.warn(format!("servers: {doubt}")));
        for user in users {
            // What a server moved that is left out is a part of what its user moved.
            if machines.lacks_something_of(&user.id) {
                for meter in BOTH {
                    let why = format!("servers: {}", machines.doubts.join("; "));
                    harvest.unread(&user.name, Some(meter), Reason::Unexpected, why);
                }
                continue;
            }
            let owns_none = !machines.all.iter().any(|machine| machine.user.as_ref() == Some(&user.id));
            let holds_none = disks.get(&user.id) == Some(&Bytes::ZERO);
            if let Some(metered) = of_users.get(&user.id) {
                put_all(metered, &user.name, harvest);
            } else if is_whole
                && owns_none
                && holds_none
                && machines.all.iter().any(|machine| machine.user.is_some())
            {
                // A whole list has none of its servers, and its disks are none either: two answers that agree.
                put_no_servers(&user.name, wanted, harvest);
            }
        }
        let unknown = of_users.keys().filter(|user| !names.contains_key(user.as_str())).count();
        if unknown > 0 && wanted.only.is_none() {
            harvest.warn(format!("traffic of {unknown} users who are not listed is left out"));
        }
        Ok(())
    }

    /// Puts in what each user's servers have of disks; tells the figures by the users' numbers.
    async fn put_disks(
        &self,
        users: &[User],
        now: Timestamp,
        harvest: &mut Harvest,
    ) -> Result<BTreeMap<String, Bytes>, BackendError> {
        let asked = users.iter().map(|user| async move {
            // The short list may lack it: then each user is asked for.
            match &user.disk {
                Some(disk) => (user, Ok(Some(disk.clone()))),
                None => (user, self.user_by_id(&user.id).await.map(|user| user.disk)),
            }
        });
        let at_once = AT_ONCE.min(self.panel.http().max_in_flight());
        let answers = some_at_once(at_once, asked.collect()).await;
        let mut disks = BTreeMap::new();
        let mut patience = crate::backends::kit::many::Patience::new(super::interfaces::GIVEN_UP_AFTER);
        for (user, answer) in answers {
            patience.note(answer.as_ref().err())?;
            match answer {
                Ok(disk) => {
                    let disk = disk.unwrap_or_else(|| Err("used_disk_size is absent".into()));
                    put_level(&user.name, disk.as_ref().map(|bytes| *bytes), now, harvest);
                    disks.extend(disk.ok().map(|disk| (user.id.clone(), disk)));
                }
                Err(error) => {
                    harvest.unread(&user.name, Some(Meter::StorageUsed), error.reason(), error.to_string());
                }
            }
        }
        Ok(disks)
    }
}

/// Each total goes to the user that its row names, and what is unknown to the server's user now.
fn share(metered: Metered, user: Option<&str>, of_users: &mut BTreeMap<String, Metered>) {
    for (owner, meter, reading) in metered.readings {
        let Some(owner) = owner.or_else(|| user.map(str::to_string)) else { continue };
        of_users.entry(owner).or_default().readings.push((None, meter, reading));
    }
    if let Some(user) = user.filter(|_| !metered.unread.is_empty() || !metered.lacking.is_empty()) {
        let of_user = of_users.entry(user.to_string()).or_default();
        of_user.unread.extend(metered.unread);
        of_user.lacking.extend(metered.lacking);
    }
}

fn put_all(metered: &Metered, account: &AccountName, harvest: &mut Harvest) {
    for (_, meter, reading) in
        metered.readings.iter().filter(|(_, meter, one)| !metered.is_lacking(*meter, one))
    {
        harvest.add_reading(account, *meter, reading.clone());
    }
    metered.put_unread(account, harvest);
}

fn put_no_servers(account: &AccountName, wanted: &Wanted<'_>, harvest: &mut Harvest) {
    let Some(span) = wanted.window.hours().last() else { return };
    for meter in BOTH {
        let source = super::cdn::nothing();
        harvest.add_reading(
            account,
            meter,
            Reading::PeriodTotal { source, at: wanted.now, span, total: Bytes::ZERO },
        );
    }
}

fn put_level(account: &AccountName, disk: Result<Bytes, &String>, now: Timestamp, harvest: &mut Harvest) {
    match disk {
        Ok(level) => harvest.add_reading(account, Meter::StorageUsed, Reading::Gauge { at: now, level }),
        Err(problem) => {
            harvest.unread(account, Some(Meter::StorageUsed), Reason::Unexpected, problem.clone());
        }
    }
}

fn policy_of(is_limited: bool) -> Policy {
    if is_limited { Policy::Limited } else { Policy::Standard }
}
