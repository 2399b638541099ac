//! What a packet may say, and in which order: whatever is not so is refused before anything is done.

use super::refusal::Refusal;
use super::switches::Switches;
use crate::xml::Node;

/// One operation of one operator.
pub struct Call<'a> {
    /// Which of the packet's elements it is in.
    pub place: usize,
    /// The operator: `webspace`.
    pub operator: &'a str,
    /// The operation: `get`.
    pub operation: &'a str,
    /// What it was told.
    pub told: &'a Node,
}

struct Shape {
    operator: &'static str,
    operation: &'static str,
    /// What may be in it, in this order, each once.
    children: &'static [&'static str],
    /// What may be chosen by; where there is something, the filter has to be there.
    filters: &'static [&'static str],
    /// What may be asked for.
    dataset: &'static [&'static str],
}

const GET: &[&str] = &["filter", "dataset"];
const TRAFFIC: &[&str] = &["filter", "since_date", "to_date"];
const SUBSCRIPTIONS: &[&str] =
    &["id", "owner-id", "name", "owner-login", "guid", "owner-guid", "external-id", "owner-external-id"];
const SITES: &[&str] = &["id", "parent-id", "parent-site-id", "name", "parent-name", "guid", "parent-guid"];
const OF_SUBSCRIPTIONS: &[&str] = &[
    "gen_info",
    "hosting",
    "hosting-basic",
    "limits",
    "stat",
    "prefs",
    "disk_usage",
    "performance",
    "subscriptions",
    "permissions",
    "plan-items",
    "php-settings",
    "resource-usage",
    "mail",
];
const OF_SITES: &[&str] = &["gen_info", "hosting", "stat", "prefs", "disk_usage"];
const CUSTOMERS: &[&str] = &["id", "login", "owner-id", "owner-login", "guid", "external-id"];
const RESELLERS: &[&str] = &["all", "id", "login", "guid", "external-id"];
const PLANS: &[&str] = &["id", "name", "guid", "external-id"];
const OF_SERVER: &[&str] =
    &["key", "gen_info", "components", "stat", "admin", "interfaces", "services_state", "prefs", "shells"];

const SHAPES: [Shape; 11] = [
    Shape::of("webspace", "get", GET, SUBSCRIPTIONS, OF_SUBSCRIPTIONS),
    Shape::of("webspace", "get_traffic", TRAFFIC, SUBSCRIPTIONS, &[]),
    Shape::of("webspace", "set", &["filter", "values"], SUBSCRIPTIONS, &[]),
    Shape::of("webspace", "sync-subscription", &["filter"], SUBSCRIPTIONS, &[]),
    Shape::of("site", "get", GET, SITES, OF_SITES),
    Shape::of("site", "get_traffic", TRAFFIC, SITES, &[]),
    Shape::of("customer", "get", GET, CUSTOMERS, &["gen_info", "stat"]),
    Shape::of("reseller", "get", GET, RESELLERS, &["gen-info", "stat", "permissions", "limits"]),
    Shape::of("service-plan", "get", &["filter", "owner-id", "owner-login", "owner-all"], PLANS, &[]),
    Shape::of("server", "get", OF_SERVER, &[], &[]),
    Shape::of("server", "get_protos", &[], &[], &[]),
];

impl Shape {
    const fn of(
        operator: &'static str,
        operation: &'static str,
        children: &'static [&'static str],
        filters: &'static [&'static str],
        dataset: &'static [&'static str],
    ) -> Self {
        Self { operator, operation, children, filters, dataset }
    }
}

/// The operations of a packet, in their order, or what is wrong with one of them.
pub fn calls<'a>(switches: &Switches, packet: &'a Node) -> Result<Vec<Call<'a>>, Refusal> {
    let mut calls = Vec::new();
    for (place, operator) in packet.children.iter().enumerate() {
        for told in &operator.children {
            let is_it = |one: &&Shape| one.operator == operator.name && one.operation == told.name;
            let known = SHAPES.iter().find(is_it);
            let shape = known.ok_or_else(|| element(&told.name))?;
            check(switches, shape, told)?;
            calls.push(Call { place, operator: &operator.name, operation: &told.name, told });
        }
    }
    match calls.is_empty() {
        true => Err(element(&packet.name)),
        false => Ok(calls),
    }
}

fn check(switches: &Switches, shape: &Shape, told: &Node) -> Result<(), Refusal> {
    in_order(told, shape.children)?;
    let filter = told.child("filter");
    if !shape.filters.is_empty() {
        check_filter(filter.ok_or_else(|| element(&told.name))?, shape.filters)?;
    }
    if let Some(dataset) = told.child("dataset") {
        check_dataset(switches, dataset, shape.dataset)?;
    }
    for name in ["since_date", "to_date"] {
        if let Some(date) = told.child(name) {
            date.text().parse::<chrono::NaiveDate>().map_err(|_| element(name))?;
        }
    }
    told.child("values").map_or(Ok(()), super::set::check)
}

/// A filter is a choice: one kind, as often as wanted.
fn check_filter(filter: &Node, kinds: &[&str]) -> Result<(), Refusal> {
    let Some(first) = filter.children.first() else { return Ok(()) };
    let fits = |one: &Node| one.name == first.name && (one.name == "all" || !one.text().is_empty());
    match kinds.contains(&first.name.as_str()) && filter.children.iter().all(fits) {
        true => Ok(()),
        false => Err(element("filter")),
    }
}

fn check_dataset(switches: &Switches, dataset: &Node, known: &[&str]) -> Result<(), Refusal> {
    if let Some(new) = dataset.child("resource-usage").filter(|_| switches.is_early()) {
        return Err(element(&new.name));
    }
    match switches.loose_datasets {
        true => dataset.children.iter().try_for_each(|item| match known.contains(&item.name.as_str()) {
            true => Ok(()),
            false => Err(element(&item.name)),
        }),
        false => in_order(dataset, known),
    }
}

/// What is in an element stands in this order, each once, and there is nothing else.
pub fn in_order(parent: &Node, order: &[&str]) -> Result<(), Refusal> {
    let mut left = order.iter();
    for child in &parent.children {
        if !left.any(|name| *name == child.name) {
            return Err(element(&child.name));
        }
    }
    Ok(())
}

/// An element that should not be where it is.
pub fn element(name: &str) -> Refusal {
    Refusal::misread(&format!("element '{name}'"))
}
