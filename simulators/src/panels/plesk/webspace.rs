//! Subscriptions as they are told: every part of a dataset.

use super::choose::{Chosen, Site, site_guid};
use super::plans::{PLANS, addon_guid};
use super::world::{MAIN, Server, Subscription, site_part};
use crate::xml::{Element, Node};

/// Results about subscriptions, with the parts of the dataset that were asked for.
pub fn told(server: &Server, chosen: Vec<Chosen<Subscription>>, dataset: &Node) -> Vec<Element> {
    let of = |one: &Subscription| {
        // Whatever the order of the question, the answer has the schema's.
        let parts = [
            ("gen_info", gen_info as fn(&Server, &Subscription) -> Element),
            ("limits", limits),
            ("stat", stat),
            ("disk_usage", disk_usage),
            ("performance", performance),
            ("subscriptions", subscriptions),
            ("resource-usage", resource_usage),
        ];
        let wanted = parts.into_iter().filter(|(name, _)| dataset.child(name).is_some());
        Element::new("data").with(wanted.map(|(_, part)| part(server, one)))
    };
    chosen.into_iter().map(|one| one.result(server, |result, one| result.with([of(one)]))).collect()
}

fn gen_info(server: &Server, one: &Subscription) -> Element {
    let made = server.zone().date(crate::clock::at(one.created));
    let mut info = Element::new("gen_info")
        .leaf("cr_date", made)
        .leaf("name", &one.name)
        .leaf("ascii-name", &one.ascii_name)
        .leaf("status", server.status(one))
        .leaf("real_size", server.level(one));
    let people = server.people();
    let owner = people.get(&one.owner);
    if let Some(owner) = owner.filter(|_| server.switches().tells_owners) {
        info = info.leaf("owner-id", owner.id).leaf("owner-login", &owner.login);
    }
    let vendor = owner.and_then(|owner| people.get(&owner.vendor));
    info.leaf("dns_ip_address", "192.0.2.14")
        .leaf("dns_ip_address", "2001:db8::14")
        .leaf("htype", "vrt_hst")
        .leaf("guid", &one.guid)
        .leaf("vendor-guid", vendor.map(super::people::Person::guid).unwrap_or_default())
        .leaf("external-id", "")
}

fn limits(_: &Server, one: &Subscription) -> Element {
    let limit = |(name, value): &(String, i64)| Element::new("limit").leaf("name", name).leaf("value", value);
    let limits = Element::new("limits");
    let limits = match &one.overuse {
        Some(policy) => limits.leaf("overuse", policy),
        None => limits,
    };
    limits.with(one.limits.iter().map(limit))
}

/// The parts whose traffic `stat` tells: old servers leave out additional sites.
fn counted_parts(server: &Server, one: &Subscription) -> Vec<String> {
    let switches = server.switches();
    match switches.is_early() || !switches.sites_included {
        true => vec![MAIN.to_owned()],
        false => one.parts(),
    }
}

fn stat(server: &Server, one: &Subscription) -> Element {
    let parts = counted_parts(server, one);
    Element::new("stat")
        .leaf("traffic", server.month(one, &parts))
        .leaf("subdom", 1)
        .leaf("wu", 0)
        .leaf("box", 3)
        .leaf("redir", "")
        .leaf("mg", 0)
        .leaf("resp", 0)
        .leaf("maillists", 0)
        .leaf("db", "")
        .leaf("mssql_db", 0)
        .leaf("traffic_prevday", server.day_before(one, &parts))
        .leaf("domains", 0)
        .leaf("sites", 1 + one.sites.len())
}

/// A split that sums to what it is a split of.
fn disk_usage(server: &Server, one: &Subscription) -> Element {
    let level = server.level(one);
    let [logs, databases, mail] = [level / 64, level / 16, level / 8];
    Element::new("disk_usage")
        .leaf("httpdocs", level - logs - databases - mail)
        .leaf("httpsdocs", 0)
        .leaf("subdomains", 0)
        .leaf("web_users", 0)
        .leaf("anonftp", 0)
        .leaf("logs", logs)
        .leaf("dbases", databases)
        .leaf("mailboxes", mail)
        .leaf("maillists", 0)
        .leaf("domaindumps", 0)
        .leaf("configs", 0)
        .leaf("chroot", 0)
}

fn performance(_: &Server, one: &Subscription) -> Element {
    let [bandwidth, connections] = &one.performance;
    Element::new("performance").leaf("bandwidth", bandwidth).leaf("max_connections", connections)
}

fn subscriptions(_: &Server, one: &Subscription) -> Element {
    let plan = |guid: String| Element::new("plan").leaf("plan-guid", guid);
    let addon = one.addon.then(addon_guid).map(plan);
    let main = one.plan.map(|number| plan(PLANS[number].guid()));
    let told = Element::new("subscription")
        .leaf("locked", one.locked)
        .leaf("synchronized", one.synchronized)
        .with(main.into_iter().chain(addon));
    Element::new("subscriptions").with([told])
}

fn resource_usage(server: &Server, one: &Subscription) -> Element {
    let resource = |name: &str, value: u64| Element::new("resource").leaf("name", name).leaf("value", value);
    // Over all sites of the subscription, also where its daily rows leave some out.
    let month = server.month(one, &one.parts());
    Element::new("resource-usage")
        .with([resource("max_traffic", month), resource("disk_space", server.level(one))])
}

/// Results about additional sites.
pub fn sites_told(server: &Server, chosen: Vec<Chosen<Site>>, dataset: &Node) -> Vec<Element> {
    let of = |site: &Site| {
        let mut parts = Vec::new();
        if dataset.child("gen_info").is_some() {
            let info = Element::new("gen_info")
                .leaf("cr_date", server.zone().date(crate::clock::at(site.parent.created)))
                .leaf("name", &site.name)
                .leaf("ascii-name", &site.name)
                .leaf("status", server.status(&site.parent))
                .leaf("webspace-id", site.parent.id)
                .leaf("guid", site_guid(&site.name))
                .leaf("webspace-guid", &site.parent.guid);
            parts.push(info);
        }
        if dataset.child("stat").is_some() {
            let part = [site_part(site.id)];
            let stat = Element::new("stat")
                .leaf("traffic", server.month(&site.parent, &part))
                .leaf("traffic_prevday", server.day_before(&site.parent, &part));
            parts.push(stat);
        }
        Element::new("data").with(parts)
    };
    chosen.into_iter().map(|one| one.result(server, |result, site| result.with([of(site)]))).collect()
}
