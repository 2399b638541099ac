//! What a test can do to this kind of panel alone, below `/onapp/` on the control address.

use super::world::{HOUR, Machine, Scope, Server};
use crate::growth::{BEGINNING, Traffic};
use crate::panel::{NotDone, merge};
use crate::truth::Deed;
use serde::Deserialize;
use serde_json::{Value, json};

/// What is done to one machine.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum AtMachine {
    /// Switched off by its owner: nothing passes any more.
    Halt,
    /// Switched on.
    Start,
    /// It belongs to another user from the next full hour on.
    Give { to: String },
    /// The row of the hour that ended then is not there.
    LoseHour { card: usize, end: i64 },
    /// The row of the hour that ended then tells other bytes from now on.
    ReviseHour { card: usize, end: i64, received: u64, sent: u64 },
    /// Rows tell again what passed.
    ForgetRevised,
    /// A port's speed is set by somebody else, in Mbps.
    SetRate { card: usize, rate: u32 },
    /// An action of somebody else keeps it locked for so long.
    Lock { seconds: i64 },
    /// The machine is called so.
    Rename { label: String },
}

/// What is done to one user.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum AtUser {
    /// It has another login.
    Rename { to: String },
    /// It has another plan.
    SetPlan { plan: u32 },
    /// Its CDN resources are gone, and what they delivered with them.
    DropResources,
}

fn read<'a, T: Deserialize<'a>>(arguments: &'a Value) -> Result<T, NotDone> {
    T::deserialize(arguments).map_err(|error| NotDone::NotUnderstood(error.to_string()))
}

/// Does an operation by its path: `state`, `switches`, `machines/{id}`, `users/{login}`.
pub fn operate(server: &Server, operation: &str, arguments: &Value) -> Result<Value, NotDone> {
    match operation.split_once('/') {
        None if operation == "state" => Ok(state(server)),
        None if operation == "switches" => merge(&server.switches, arguments),
        Some(("machines", id)) => {
            let id = id.parse().map_err(|_| NotDone::NoSuchAccount)?;
            at_machine(server, id, read(arguments)?)?;
            Ok(json!({ "machine": id }))
        }
        Some(("users", login)) => {
            at_user(server, login, read(arguments)?)?;
            Ok(json!({ "user": login }))
        }
        _ => Err(NotDone::NotUnderstood(format!("no operation {operation}"))),
    }
}

fn at_machine(server: &Server, id: u32, deal: AtMachine) -> Result<(), NotDone> {
    let now = server.now();
    let mut cloud = server.cloud_mut();
    let machine = cloud.machines.get_mut(&id).ok_or(NotDone::NoSuchAccount)?;
    let no_card = || NotDone::NotUnderstood("no such card".into());
    match deal {
        AtMachine::Halt | AtMachine::Start => {
            let halted = matches!(deal, AtMachine::Halt);
            machine.booted = !halted;
            server.set_halted(&mut cloud, id, halted);
        }
        AtMachine::Give { to } => {
            let to = cloud.user_named(&to).ok_or(NotDone::NoSuchAccount)?;
            let from = (now + HOUR - 1).div_euclid(HOUR) * HOUR;
            hand_over(server, &cloud.clone(), id, to, from);
            let machine = cloud.machines.get_mut(&id).ok_or(NotDone::NoSuchAccount)?;
            machine.owners.push((from, to));
        }
        AtMachine::LoseHour { card, end } => {
            machine.cards.get_mut(card).ok_or_else(no_card)?.lost.push(end);
        }
        AtMachine::ReviseHour { card, end, received, sent } => {
            let card = machine.cards.get_mut(card).ok_or_else(no_card)?;
            card.revised.insert(end, (Traffic { received, sent }, now));
        }
        AtMachine::ForgetRevised => machine.cards.iter_mut().for_each(|card| card.revised.clear()),
        AtMachine::SetRate { card, rate } => machine.cards.get_mut(card).ok_or_else(no_card)?.rate = rate,
        AtMachine::Lock { seconds } => {
            let names = (id, machine.identifier.as_str());
            server.queue.take(names, "resize_disk", now, now + seconds, false);
        }
        AtMachine::Rename { label } => machine.label = label,
    }
    Ok(())
}

/// What passes and is held after an instant is the next owner's, where the truth is kept by users.
fn hand_over(server: &Server, cloud: &super::world::Cloud, id: u32, to: u32, from: i64) {
    let (Some(machine), Some(next)) = (cloud.machines.get(&id), cloud.users.get(&to)) else { return };
    let last = cloud.users.get(&machine.owner_at(from)).map_or("", |user| user.login.as_str());
    if server.scope != Scope::User || last == next.login {
        return;
    }
    let truth = &server.knobs.truth;
    for card in &machine.cards {
        let (account, part) = server.card_place(last, id, card.id);
        truth.did(&account, &part, from, Deed::Vanish);
        let (account, part) = server.card_place(&next.login, id, card.id);
        if !truth.parts(&account).contains(&part) {
            truth.enroll_part(&account, &part);
            truth.did(&account, &part, BEGINNING, Deed::Vanish);
        }
        truth.did(&account, &part, from, Deed::Reappear);
    }
}

fn at_user(server: &Server, login: &str, deal: AtUser) -> Result<(), NotDone> {
    let now = server.now();
    let mut cloud = server.cloud_mut();
    let id = cloud.user_named(login).ok_or(NotDone::NoSuchAccount)?;
    match deal {
        AtUser::Rename { to } => {
            server.knobs.truth.rename(login, &to);
            if let Some(user) = cloud.users.get_mut(&id) {
                (user.login, user.updated) = (to, now);
            }
        }
        AtUser::SetPlan { plan } => {
            if let Some(user) = cloud.users.get_mut(&id) {
                (user.plan, user.updated) = (plan, now);
            }
        }
        AtUser::DropResources => {
            let own = cloud.resources.values_mut().filter(|resource| resource.owner == id);
            own.for_each(|resource| resource.vanished = true);
            if server.scope == Scope::Cdn {
                server.knobs.truth.did_to_all(login, now, Deed::Vanish);
            }
        }
    }
    Ok(())
}

fn state(server: &Server) -> Value {
    let cloud = server.cloud();
    let now = server.now();
    let machine = |(id, machine): (&u32, &Machine)| {
        let rates: Vec<u32> = machine.cards.iter().map(|card| card.rate).collect();
        let shown = json!({
            "owner": machine.owner_at(now), "suspended": machine.suspended, "booted": machine.booted,
            "halted": machine.halted, "vanished": machine.vanished, "rates": rates,
        });
        (id.to_string(), shown)
    };
    let users = cloud.users.iter().map(|(id, user)| {
        let shown = json!({
            "id": id, "suspended": user.suspended, "deleted": user.deleted, "plan": user.plan,
            "password": super::ask::password_of(&user.login), "api_key": user.api_key,
        });
        (user.login.clone(), shown)
    });
    json!({
        "scope": server.scope, "switches": server.switches(),
        "machines": Value::Object(cloud.machines.iter().map(machine).collect()),
        "users": Value::Object(users.collect()),
    })
}
