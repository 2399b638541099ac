//! Changes of subscriptions: status, limits, performance; and back to what the plan says.

use super::choose::{Chosen, Numbered};
use super::people::{Person, Rank};
use super::plans::{CUSTOM, PLANS};
use super::refusal::Refusal;
use super::schema::{element, in_order};
use super::world::{Server, Subscription, bits};
use crate::xml::{Element, Node};

const VALUES: [&str; 9] = [
    "gen_setup",
    "limits",
    "prefs",
    "hosting",
    "disk_usage",
    "performance",
    "permissions",
    "php-settings",
    "mail",
];

const POLICIES: [&str; 5] = ["block", "notify", "normal", "not_suspend", "not_suspend_notify"];

/// The bits that a written status replaces: whatever switches a subscription off by itself.
const WRITTEN: u16 = bits::SUSPENDED & !bits::PARENT;

/// Whether `values` are as the schema has them.
pub fn check(values: &Node) -> Result<(), Refusal> {
    in_order(values, &VALUES)?;
    if let Some(setup) = values.child("gen_setup") {
        in_order(setup, &["name", "owner-id", "status", "external-id"])?;
        setup.child("status").map_or(Ok(0), number)?;
    }
    if let Some(limits) = values.child("limits") {
        let mut limits = limits.children.iter().peekable();
        if let Some(policy) = limits.next_if(|first| first.name == "overuse")
            && !POLICIES.contains(&policy.text())
        {
            return Err(element("overuse"));
        }
        for limit in limits {
            match limit.name.as_str() {
                "limit" => in_order(limit, &["name", "value"])?,
                other => return Err(element(other)),
            }
            number(limit.child("value").ok_or_else(|| element("limit"))?)?;
        }
    }
    if let Some(performance) = values.child("performance") {
        in_order(performance, &["bandwidth", "max_connections"])?;
        let is_number = |node: &Node| node.text().parse::<f64>().is_ok();
        performance.children.iter().all(is_number).then_some(()).ok_or_else(|| element("performance"))?;
    }
    Ok(())
}

fn number(node: &Node) -> Result<i64, Refusal> {
    node.text().parse().map_err(|_| element(&node.name))
}

/// Writes values to all that are chosen, and tells of each.
pub fn set(
    server: &Server,
    caller: &Person,
    chosen: Vec<Chosen<Subscription>>,
    values: &Node,
) -> Vec<Element> {
    let status = values.child("gen_setup").and_then(|setup| setup.child("status"));
    let status = status.and_then(|status| status.text().parse::<u16>().ok());
    if let Err(refusal) = status.map_or(Ok(()), |status| may_write(caller, status)) {
        return vec![refusal.result()];
    }
    for one in chosen.iter().filter_map(Chosen::taken) {
        let mut subscriptions = server.subscriptions_mut();
        let Some(one) = subscriptions.get_mut(&one.name) else { continue };
        if let Some(status) = status {
            one.status = written_over(one.status, status);
        }
        if let Some(limits) = values.child("limits") {
            set_limits(one, limits);
        }
        if let Some(performance) = values.child("performance") {
            for (place, name) in ["bandwidth", "max_connections"].iter().enumerate() {
                let written = performance.child(name).map(|node| node.text().to_owned());
                one.performance[place] = written.unwrap_or_else(|| one.performance[place].clone());
            }
            customised(one);
        }
    }
    chosen.into_iter().map(|one| one.result(server, |result, _| result)).collect()
}

/// The administrator switches off with 16, a reseller with 32; 1 is written nowhere and taken all the same.
fn may_write(caller: &Person, status: u16) -> Result<(), Refusal> {
    match (caller.rank, status) {
        (Rank::Customer, _) => Err(Refusal::new(1006)),
        (_, 0 | 1) | (Rank::Admin, bits::ADMIN) | (Rank::Reseller, bits::RESELLER) => Ok(()),
        _ => Err(Refusal::new(1025)),
    }
}

/// 0 lifts everything but a status of 1, which nobody gets rid of; anything else is added.
fn written_over(before: u16, status: u16) -> u16 {
    match status {
        0 => before & !(WRITTEN & !1),
        more => before | more,
    }
}

fn set_limits(one: &mut Subscription, limits: &Node) {
    for child in &limits.children {
        match (child.child("name"), child.child("value")) {
            (Some(name), Some(value)) => one.set_limit(name.text(), value.text().parse().ok()),
            _ => one.overuse = Some(child.text().to_owned()),
        }
    }
    customised(one);
}

fn customised(one: &mut Subscription) {
    (one.locked, one.synchronized) = (true, false);
}

/// Makes all that are chosen what their plans say.
pub fn synchronize(server: &Server, chosen: Vec<Chosen<Subscription>>) -> Vec<Element> {
    for one in chosen.iter().filter_map(Chosen::taken) {
        let mut subscriptions = server.subscriptions_mut();
        let Some(one) = subscriptions.get_mut(&one.subscription().name) else { continue };
        let limits = one.plan.map_or(CUSTOM, |plan| PLANS[plan].limits);
        one.limits = limits.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        (one.locked, one.synchronized) = (false, true);
    }
    chosen.into_iter().map(|one| one.result(server, |result, _| result)).collect()
}
