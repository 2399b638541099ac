//! The server about itself: protocols, versions, what there is on it, and the settings behind its figures.

use super::people::{Person, Rank};
use super::refusal::Refusal;
use super::world::{Server, bits};
use crate::xml::{Element, Node};

/// What the server is called.
pub const HOST: &str = "web3.harborla.example";
/// The release.
pub const RELEASE: &str = "18.0.61";

const PROTOCOLS: [&str; 8] =
    ["1.6.3.0", "1.6.3.5", "1.6.4.0", "1.6.5.0", "1.6.6.0", "1.6.8.0", "1.6.9.0", "1.6.9.1"];

/// `server/get_protos`, for everybody.
pub fn protocols(server: &Server) -> Vec<Element> {
    let switches = server.switches();
    let spoken = PROTOCOLS.into_iter().filter(|protocol| switches.speaks(protocol));
    let protocols = spoken.fold(Element::new("protos"), |protos, protocol| protos.leaf("proto", protocol));
    vec![Element::new("result").leaf("status", "ok").with([protocols])]
}

/// `server/get`, for the administrator.
pub fn server(server: &Server, caller: &Person, told: &Node) -> Vec<Element> {
    if caller.rank != Rank::Admin {
        return vec![Refusal::new(1006).result()];
    }
    let parts = told.children.iter().filter_map(|part| match part.name.as_str() {
        "gen_info" => Some(
            Element::new("gen_info")
                .leaf("server_name", HOST)
                .leaf("server_guid", guid())
                .leaf("mode", "standard"),
        ),
        "stat" => Some(stat(server, caller)),
        "prefs" => Some(prefs(server)),
        _ => None,
    });
    vec![Element::new("result").leaf("status", "ok").with(parts)]
}

/// The stable identity of the server.
pub fn guid() -> String {
    super::guid::guid("server", HOST)
}

fn stat(server: &Server, caller: &Person) -> Element {
    let there = server.seen_by(caller);
    let domains: usize = there.iter().map(|one| 1 + one.sites.len()).sum();
    let off: usize = there
        .iter()
        .filter(|one| server.status(one) & bits::SUSPENDED != 0)
        .map(|one| 1 + one.sites.len())
        .sum();
    let customers = server.people().values().filter(|one| one.rank == Rank::Customer).count();
    let objects = Element::new("objects")
        .leaf("clients", customers)
        .leaf("domains", domains)
        .leaf("active_domains", domains - off)
        .leaf("mail_boxes", 3 * there.len())
        .leaf("mail_redirects", 0)
        .leaf("databases", there.len())
        .leaf("problem_clients", 0)
        .leaf("problem_domains", 0);
    let version = Element::new("version")
        .leaf("plesk_name", "psa")
        .leaf("plesk_version", RELEASE)
        .leaf("plesk_os", "Debian")
        .leaf("plesk_os_version", "12.0")
        .leaf("plesk_build", "1800240513.12")
        .leaf("os_release", "6.1.0-21-amd64");
    let other = Element::new("other").leaf("cpu", "EPYC").leaf("uptime", 1_209_600).leaf("inside_vz", false);
    let load = Element::new("load_avg").leaf("l1", 31).leaf("l5", 28).leaf("l15", 25);
    let disk = Element::new("device")
        .leaf("name", "/dev/sda1")
        .leaf("total", 84_423_692_288_u64)
        .leaf("used", 33_221_120_000_u64)
        .leaf("free", 51_202_572_288_u64);
    Element::new("stat").with([objects, version, other, load, Element::new("diskspace").with([disk])])
}

fn prefs(server: &Server) -> Element {
    let switches = server.switches();
    Element::new("prefs")
        .leaf("stat_ttl", switches.stat_ttl)
        .leaf("traffic_accounting", switches.traffic_accounting)
        .leaf("include_remote_databases", true)
}
