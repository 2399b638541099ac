//! Customers, resellers and plans as they are told.

use super::people::{Person, Rank};
use super::plans::{PLANS, Plan, UNLIMITED};
use super::refusal::Refusal;
use super::world::{Server, Subscription};
use crate::xml::{Element, Node};

/// `customer/get`.
pub fn customers(server: &Server, caller: &Person, told: &Node) -> Vec<Element> {
    let wants = |part: &str| told.child("dataset").is_some_and(|dataset| dataset.child(part).is_some());
    let data = |one: &Person| {
        let info = wants("gen_info").then(|| customer_info(server, one));
        let stat = wants("stat").then(|| sums(server, one, "stat", '_'));
        Element::new("data").with(info.into_iter().chain(stat))
    };
    people(server, caller, told, Rank::Customer, data)
}

/// `reseller/get`: the same with dashes.
pub fn resellers(server: &Server, caller: &Person, told: &Node) -> Vec<Element> {
    let wants = |part: &str| told.child("dataset").is_some_and(|dataset| dataset.child(part).is_some());
    let data = |one: &Person| {
        let info = wants("gen-info").then(|| {
            Element::new("gen-info")
                .leaf("cr-date", "2023-02-07")
                .leaf("cname", "")
                .leaf("pname", &one.name)
                .leaf("login", &one.login)
                .leaf("status", one.status())
                .leaf("email", one.email())
                .leaf("guid", one.guid())
        });
        let stat = wants("stat").then(|| sums(server, one, "stat", '-'));
        let limits = wants("limits").then(|| {
            let policy = Element::new("resource-policy").leaf("oversell", true).leaf("overuse", "notify");
            let limit = Element::new("limit").leaf("name", "disk-space").leaf("value", UNLIMITED);
            Element::new("limits").with([policy, limit])
        });
        Element::new("data").with([info, stat, limits].into_iter().flatten())
    };
    people(server, caller, told, Rank::Reseller, data)
}

fn customer_info(server: &Server, one: &Person) -> Element {
    let people = server.people();
    let vendor = people.get(&one.vendor);
    Element::new("gen_info")
        .leaf("cr_date", "2023-02-07")
        .leaf("cname", "")
        .leaf("pname", &one.name)
        .leaf("login", &one.login)
        .leaf("status", one.status())
        .leaf("phone", "")
        .leaf("email", one.email())
        .leaf("country", "PL")
        .leaf("locale", "en-US")
        .leaf("password_type", "plain")
        .leaf("password", one.password())
        .leaf("guid", one.guid())
        .leaf("owner-id", one.vendor)
        .leaf("owner-login", vendor.map(|vendor| vendor.login.as_str()).unwrap_or_default())
        .leaf("vendor-guid", vendor.map(Person::guid).unwrap_or_default())
        .leaf("external-id", "")
        .leaf("description", "")
}

/// What the subscriptions of somebody use together: those of a customer, or those of a reseller and their customers.
pub fn used(server: &Server, one: &Person) -> (Vec<Subscription>, [u64; 3]) {
    let theirs = server.seen_by(one);
    let sum = theirs.iter().fold([0; 3], |[disk, month, day], each| {
        let parts = each.parts();
        [disk + server.level(each), month + server.month(each, &parts), day + server.day_before(each, &parts)]
    });
    (theirs, sum)
}

fn sums(server: &Server, one: &Person, name: &str, joint: char) -> Element {
    let (theirs, [disk, month, day]) = used(server, one);
    let spelt = |name: &str| name.replace('_', &joint.to_string());
    Element::new(name)
        .leaf(&spelt("active_domains"), theirs.len())
        .leaf("subdomains", 0)
        .leaf(&spelt("disk_space"), disk)
        .leaf("postboxs", 3 * theirs.len())
        .leaf("redirects", 0)
        .leaf("traffic", month)
        .leaf(&spelt("traffic_prevday"), day)
}

/// Results about people of one rank, by filter.
fn people(
    server: &Server,
    caller: &Person,
    told: &Node,
    rank: Rank,
    data: impl Fn(&Person) -> Element,
) -> Vec<Element> {
    if rank == Rank::Reseller && caller.rank != Rank::Admin {
        return vec![Refusal::new(1006).result()];
    }
    let everybody: Vec<Person> =
        server.people().values().filter(|one| one.rank == rank && caller.sees(one)).cloned().collect();
    let result = |one: &Person, by: Option<&str>| {
        let result = Element::new("result").leaf("status", "ok");
        let result = by.into_iter().fold(result, |result, by| result.leaf("filter-id", by));
        result.leaf("id", one.id).with([data(one)])
    };
    let choices = told.child("filter").map(|filter| filter.children.as_slice()).unwrap_or_default();
    if choices.iter().all(|choice| choice.name == "all") {
        return everybody.iter().map(|one| result(one, None)).collect();
    }
    let mut results = Vec::new();
    for choice in choices {
        let text = choice.text();
        let is_it = |one: &&Person| match choice.name.as_str() {
            "id" => one.id.to_string() == text,
            "login" => one.login == text,
            "guid" => one.guid() == text,
            "owner-id" => one.vendor.to_string() == text,
            "owner-login" => server.people().get(&one.vendor).is_some_and(|vendor| vendor.login == text),
            _ => false,
        };
        let found: Vec<_> = everybody.iter().filter(is_it).collect();
        match found.is_empty() {
            true => results.push(Refusal::new(1013).result().leaf("filter-id", text)),
            false => results.extend(found.into_iter().map(|one| result(one, Some(text)))),
        }
    }
    results
}

/// `service-plan/get`: the caller's own plans, those of one owner, or everybody's.
pub fn plans(server: &Server, caller: &Person, told: &Node) -> Vec<Element> {
    let text = |name: &str| told.child(name).map(Node::text);
    let is_theirs = |plan: &&Plan| match (text("owner-id"), text("owner-login"), text("owner-all")) {
        (Some(id), ..) => plan.owner.to_string() == id,
        (None, Some(login), _) => server.people().get(&plan.owner).is_some_and(|owner| owner.login == login),
        (None, None, Some(_)) => caller.rank == Rank::Admin || plan.owner == caller.id,
        (None, None, None) => plan.owner == caller.id,
    };
    let result = |plan: &Plan, by: Option<&str>| {
        let result = Element::new("result").leaf("status", "ok");
        let result = by.into_iter().fold(result, |result, by| result.leaf("filter-id", by));
        let limit =
            |(name, value): &(&str, i64)| Element::new("limit").leaf("name", name).leaf("value", value);
        result
            .leaf("id", plan.id)
            .leaf("name", plan.name)
            .with([Element::new("limits").leaf("overuse", "notify").with(plan.limits.iter().map(limit))])
            .leaf("guid", plan.guid())
            .leaf("external-id", "")
    };
    let choices = told.child("filter").map(|filter| filter.children.as_slice()).unwrap_or_default();
    if choices.is_empty() {
        return PLANS.iter().filter(is_theirs).map(|plan| result(plan, None)).collect();
    }
    let chosen = choices.iter().map(|choice| {
        let is_it = |plan: &&Plan| match choice.name.as_str() {
            "id" => plan.id.to_string() == choice.text(),
            "name" => plan.name == choice.text(),
            "guid" => plan.guid() == choice.text(),
            _ => false,
        };
        let found = PLANS.iter().filter(is_theirs).find(is_it);
        let missing = || Refusal::new(1013).result().leaf("filter-id", choice.text());
        found.map_or_else(missing, |plan| result(plan, Some(choice.text())))
    });
    chosen.collect()
}
