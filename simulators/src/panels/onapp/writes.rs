//! What changes things: suspending, starting, port speeds, plans, keys.

use super::ask::Ask;
use super::reply::Said;
use super::switches::Switches;
use super::world::{Cloud, Machine, Server};
use super::{machines, users};
use crate::truth::Deed;
use serde_json::json;

/// The plan of those whose volume is used up.
pub const LIMITED_PLAN: u32 = 99;

/// Plans that there are.
pub const PLANS: [u32; 4] = [12, 13, 77, LIMITED_PLAN];

impl Server {
    /// The truth knows whether a machine moves anything.
    pub fn set_halted(&self, cloud: &mut Cloud, id: u32, halted: bool) {
        let now = self.now();
        let Some(machine) = cloud.machines.get_mut(&id) else { return };
        if machine.halted != halted {
            machine.halted = halted;
            let owner = machine.owner_at(now);
            let login = cloud.users.get(&owner).map_or("", |user| user.login.as_str());
            let deed = if halted { Deed::Halt } else { Deed::GoOn };
            for card in &machine.cards {
                let (account, part) = self.card_place(login, id, card.id);
                self.knobs.truth.did(&account, &part, now, deed);
            }
        }
    }

    /// Takes an action at a machine: what it becomes is shown at once, and true once the action has run.
    fn act(
        &self,
        switches: &Switches,
        ask: &Ask,
        key: &str,
        action: &'static str,
        change: impl FnOnce(&mut Machine),
    ) -> Said {
        let now = self.now();
        let mut cloud = self.cloud_mut();
        let Some((id, machine)) = machines::seen(self, &cloud, switches, ask, key) else {
            return Said::Missing { listed: false };
        };
        if self.queue.is_locked(id, now) {
            return match switches.locked_status {
                404 => Said::Missing { listed: false },
                _ => Said::Invalid("Virtual machine", "is locked by another transaction"),
            };
        }
        let mut changed = machine.clone();
        change(&mut changed);
        changed.updated = now;
        let shown = self.shown(switches, &cloud, id, &changed);
        let names = (id, changed.identifier.clone());
        let starts = changed.booted && changed.halted;
        let ends = now + switches.action_seconds;
        self.queue.take((names.0, &names.1), action, now, ends, switches.writes_ignored);
        if !switches.writes_ignored {
            cloud.machines.insert(id, changed);
            if starts {
                self.set_halted(&mut cloud, id, false);
            }
        }
        Said::Created(shown)
    }
}

/// `POST virtual_machines/{id}/suspend.json`: the same call suspends and releases.
pub fn suspend_machine(server: &Server, switches: &Switches, ask: &Ask, key: &str) -> Said {
    let boots = switches.boots_when_released;
    server.act(switches, ask, key, "suspend_virtual_machine", |machine| {
        machine.suspended = !machine.suspended;
        machine.booted = !machine.suspended && boots;
    })
}

/// `POST virtual_machines/{id}/startup.json`.
pub fn start_machine(server: &Server, switches: &Switches, ask: &Ask, key: &str) -> Said {
    let is_suspended = server.cloud().machine(key).is_some_and(|(_, machine)| machine.suspended);
    if is_suspended {
        return Said::Invalid("Virtual machine", "is suspended");
    }
    server.act(switches, ask, key, "startup_virtual_machine", |machine| machine.booted = true)
}

/// `PUT virtual_machines/{id}/network_interfaces/{nic}.json`: what it contains is changed.
pub fn set_card(server: &Server, switches: &Switches, ask: &Ask, key: &str, card: &str) -> Said {
    let now = server.now();
    let mut cloud = server.cloud_mut();
    let found = machines::seen(server, &cloud, switches, ask, key).and_then(|(id, machine)| {
        Some((id, machine.cards.iter().position(|one| one.id.to_string() == card)?))
    });
    let Some((id, number)) = found else { return Said::Missing { listed: true } };
    let has_rate = ask.field("network_interface", "rate_limit").is_some();
    let rate = ask.number("network_interface", "rate_limit");
    if has_rate && rate.is_none() {
        return Said::Invalid("Rate limit", "is not a number");
    }
    let Some(machine) = cloud.machines.get_mut(&id) else { return Said::Missing { listed: false } };
    machine.updated = now;
    if let Some(rate) = rate.filter(|_| !switches.writes_ignored) {
        machine.cards[number].rate = rate;
    }
    if let Some(label) = ask.field("network_interface", "label").as_ref().and_then(|label| label.as_str()) {
        label.clone_into(&mut machine.cards[number].label);
    }
    match (switches.release() < (3, 0), server.shown_card(switches, (id, machine), number)) {
        (true, Some(card)) => Said::Created(card),
        _ => Said::Done,
    }
}

/// `users/{id}/suspend.json`, `activate.json`, `activate_user.json`: with a user go its machines.
pub fn suspend_user(server: &Server, switches: &Switches, ask: &Ask, id: &str, suspend: bool) -> Said {
    let now = server.now();
    let mut cloud = server.cloud_mut();
    let Some((id, user)) = users::seen(&cloud, switches, ask, id) else {
        return Said::Missing { listed: true };
    };
    if user.suspended == suspend && !switches.suspends_twice {
        return Said::Invalid("User", if suspend { "is suspended already" } else { "is active already" });
    }
    if user.suspended != suspend && !switches.writes_ignored {
        server.set_suspended(&mut cloud, switches, id, suspend);
    }
    if let Some(user) = cloud.users.get_mut(&id) {
        user.updated = now;
    }
    let Some(user) = cloud.user(id) else { return Said::Missing { listed: true } };
    let shown = json!({ "user": users::details(server, switches, &cloud, id, user) });
    if switches.users_by_get() { Said::Tree(shown) } else { Said::Created(shown) }
}

impl Server {
    /// Suspends or releases a user, with its machines that were not suspended already.
    pub fn set_suspended(&self, cloud: &mut Cloud, switches: &Switches, id: u32, suspend: bool) {
        let now = self.now();
        if let Some(user) = cloud.users.get_mut(&id) {
            (user.suspended, user.updated) = (suspend, now);
        }
        for machine in cloud.machines.values_mut().filter(|machine| machine.owner_at(now) == id) {
            if suspend && !machine.suspended {
                (machine.suspended, machine.booted, machine.with_user) = (true, false, true);
            } else if !suspend && machine.with_user {
                (machine.suspended, machine.with_user) = (false, false);
                machine.booted = switches.boots_when_released;
            }
        }
    }
}

/// `PUT users/{id}.json`: what it contains is changed.
pub fn set_user(server: &Server, switches: &Switches, ask: &Ask, id: &str) -> Said {
    let now = server.now();
    let mut cloud = server.cloud_mut();
    let Some((id, _)) = users::seen(&cloud, switches, ask, id) else {
        return Said::Missing { listed: true };
    };
    let Some(user) = cloud.users.get_mut(&id) else { return Said::Missing { listed: true } };
    // Even where it fails.
    user.updated = now;
    let key = switches.plan_key();
    if let Some(plan) = ask.number("user", key).or(ask.field("user", key).map(|_| 0)) {
        if !PLANS.contains(&plan) {
            return Said::Invalid("Bucket", "is invalid");
        }
        user.plan = if switches.writes_ignored { user.plan } else { plan };
    }
    user.group = ask.number("user", "user_group_id").unwrap_or(user.group);
    let Some(user) = cloud.user(id) else { return Said::Missing { listed: true } };
    match switches.release() < (3, 0) {
        true => Said::Created(json!({ "user": users::details(server, switches, &cloud, id, user) })),
        false => Said::Done,
    }
}

/// `POST users/{id}/make_new_api_key.json`.
pub fn new_key(server: &Server, switches: &Switches, ask: &Ask, id: &str) -> Said {
    let now = server.now();
    let mut cloud = server.cloud_mut();
    let Some((id, _)) = users::seen(&cloud, switches, ask, id) else {
        return Said::Missing { listed: true };
    };
    let key = super::population::hex_key("key", now as u32 ^ id);
    if let Some(user) = cloud.users.get_mut(&id) {
        user.api_key.clone_from(&key);
    }
    let Some(user) = cloud.user(id) else { return Said::Missing { listed: true } };
    let mut shown = users::details(server, switches, &cloud, id, user);
    shown["api_key"] = key.into();
    Said::Tree(json!({ "user": shown }))
}
