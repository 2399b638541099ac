//! Proxmox VE 7.4 to 9: bytes sent and received per guest, and what containers store.
//!
//! One call lists everybody with counters that begin anew whenever a guest does, so the story of a poll
//! is: who is there, whose are they, what did they count. `README.md` beside this file lists the traps.

mod accounts;
mod check;
mod cluster;
mod guests;
mod left;
mod memory;
mod nan_json;
mod power;
mod rate;
mod refusal;
mod replug;
mod rrd;
mod session;
mod settings;
mod storage;
mod switch;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes as Body;

use self::accounts::Owner;
use self::cluster::{Guest, GuestKind, Listing};
use self::guests::{Cards, Claimed, Counted, Trouble};
use self::left::Left;
use self::refusal::CallFailure;
use self::session::{AT_ONCE, ApiCall, Session};
use self::settings::{PanelConfig, Storage, Traffic};
use self::storage::Sizes;
use self::wire::{Config, Envelope, Machine};
use super::kit::many::some_at_once;
use super::{
    Applied, Backend, BackendError, CheckStep, Heard, History, Kind, Limiter, Memory, Past, PollRequest,
    Target, Wants,
};
use crate::domain::{AccountName, FoundBy, Harvest, Meter, Policy, Reason, Unclaimed};
use crate::http::{Http, Url};
use crate::settings::{Section, SettingsError};

/// What the house knows about Proxmox VE before it opens one.
pub(super) const KIND: Kind = Kind {
    name: "proxmox",
    meters: &[Meter::TrafficOut, Meter::TrafficIn, Meter::StorageUsed],
    can_limit: true,
    found_by: FoundBy::Username,
    // A network card of 100 Gbit/s.
    max_rate: Some(12_500_000_000),
    refusal_pause: super::ASKED_AGAIN_SOON,
    limit_template: None,
    sample: include_str!("sample.toml"),
    open,
};

fn open(section: Section, http: Http) -> Result<Box<dyn Backend>, SettingsError> {
    let (access, config) = settings::read(section)?;
    Ok(Box::new(Proxmox { session: Session::new(http, access), config, sizes: Mutex::default() }))
}

struct Proxmox {
    session: Session,
    config: PanelConfig,
    sizes: Mutex<Sizes>,
}

/// Where a guest is now.
#[derive(Clone, Debug, PartialEq, Eq)]
struct GuestLocation {
    kind: GuestKind,
    vmid: u64,
    node: String,
}

impl GuestLocation {
    fn of(guest: &Guest<'_>) -> GuestLocation {
        GuestLocation { kind: guest.kind, vmid: guest.vmid, node: guest.node().to_string() }
    }

    /// `qemu/104`.
    fn id(&self) -> String {
        format!("{}/{}", self.kind.name(), self.vmid)
    }

    /// The path of a call about the guest.
    fn path(&self, call: &str) -> String {
        format!("nodes/{}/{}/{}/{call}", self.node, self.kind.name(), self.vmid)
    }
}

#[async_trait]
impl Backend for Proxmox {
    fn addresses(&self) -> Vec<Url> {
        self.session.addresses().to_vec()
    }

    async fn poll(&self, ask: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError> {
        let (body, mut spare) = (self.rows().await?, Vec::new());
        let mut listing = Listing::read(&body, &mut spare)?;
        if listing.guests.is_empty() || listing.nodes.is_empty() {
            self.why_empty(&listing).await?;
        }
        self.why_no_pools(&listing).await?;
        if listing.nameless > 0 {
            harvest.warn(format!("{} guest rows have no number", listing.nameless));
        }
        let guests = std::mem::take(&mut listing.guests);
        let (mut claimed, left) = self.claimed(guests, &ask.heard, harvest);
        self.why_left(left, &claimed, harvest).await?;
        if let Some(only) = &ask.only {
            claimed.retain(|claimed| claimed.account == *only);
        }
        let found = self.counted(&listing, claimed).await;
        let replugged = self.replugged(&found, &ask.heard).await;
        for (index, (claimed, counts)) in found.iter().enumerate() {
            let Some(source) = self.source(&claimed.guest) else { continue };
            self.facts(claimed, harvest);
            let again = replugged.contains(&index);
            guests::traffic(harvest, &claimed.account, &source, counts.as_ref(), again, ask.now);
        }
        self.storage(&listing, &found, ask, harvest).await;
        self.policies(&ask.limited, &found, harvest).await;
        match &ask.only {
            Some(only) => harvest.keep_only(only),
            None if listing.is_complete() => {
                harvest.listed_everyone();
                // The cluster lists every guest there is, whoever has it.
                harvest.listed_every_source();
            }
            None => {}
        }
        Ok(())
    }

    fn reports(&self, meter: Meter) -> bool {
        meter != Meter::StorageUsed || self.config.storage != Storage::None
    }

    async fn check(&self, wants: Wants, steps: &mut Vec<CheckStep>) {
        self.check_all(wants, steps).await;
    }

    fn limiter(&self) -> Option<&dyn Limiter> {
        Some(self)
    }

    fn history(&self) -> Option<&dyn History> {
        Some(self)
    }
}

#[async_trait]
impl History for Proxmox {
    async fn backfill(&self, past: &Past, harvest: &mut Harvest) -> Result<(), BackendError> {
        self.charts(past, harvest).await
    }
}

#[async_trait]
impl Limiter for Proxmox {
    async fn remember(&self, target: &Target<'_>) -> Result<Memory, BackendError> {
        self.remembered(target).await
    }

    async fn apply(
        &self,
        target: &Target<'_>,
        policy: Policy,
        memory: &Memory,
    ) -> Result<Applied, BackendError> {
        self.switched(target, policy, memory).await
    }
}

impl Proxmox {
    /// Everybody and everything, from one node's memory.
    async fn rows(&self) -> Result<Body, BackendError> {
        Ok(self.session.call(ApiCall::get("cluster/resources", "VM.Audit")).await?.body().clone())
    }

    /// The configuration of a guest as it is in force, without changes that wait for the next start.
    async fn config(&self, place: &GuestLocation) -> Result<Config, CallFailure> {
        self.session.json(ApiCall::get(place.path("config"), "VM.Audit").with(&[("current", "1")])).await
    }

    /// A list without guests is reported by a cluster that has none, and to a user who may see none.
    async fn why_empty(&self, listing: &Listing<'_>) -> Result<(), BackendError> {
        let granted = self.granted().await?;
        if !granted.contains("VM.Audit") {
            return Err(BackendError::Refused(
                "the right VM.Audit is missing, so no guest is shown; give the role PVEAuditor on / to the user and \
                 to the token"
                    .into(),
            ));
        }
        if listing.nodes.is_empty() {
            let detail = "no row of a node, without which no figure can be believed".into();
            return Err(BackendError::Unexpected { at: "cluster/resources".into(), detail });
        }
        Ok(())
    }

    /// Rows without a pool are reported of guests that are in none, and to a user who may see none: then nobody
    /// would have anything.
    async fn why_no_pools(&self, listing: &Listing<'_>) -> Result<(), BackendError> {
        let has_pool = listing.guests.iter().any(|guest| guest.row.pool.text().is_some());
        if !self.config.mapping.is_by_pool() || listing.guests.is_empty() || has_pool {
            return Ok(());
        }
        match self.granted().await?.contains("Pool.Audit") {
            true => Ok(()),
            false => Err(BackendError::Refused(
                "the right Pool.Audit is missing, so no guest shows its pool (account = \"pool\"); give the role \
                 PVEAuditor on /pool to the user and to the token"
                    .into(),
            )),
        }
    }

    /// The guests that belong to accounts, and those that did and do no more; says whose the others are: nobody's.
    fn claimed<'a>(
        &self,
        guests: Vec<Guest<'a>>,
        heard: &Heard,
        harvest: &mut Harvest,
    ) -> (Vec<Claimed<'a>>, Vec<Left>) {
        let (mut claimed, mut left) = (Vec::with_capacity(guests.len()), Vec::new());
        let mut unknown = 0;
        for guest in guests {
            let name = match self.config.mapping.owner(&guest) {
                Owner::Account(name) => name,
                Owner::Unknown => match self.holder(&guest, heard) {
                    Some(account) => {
                        let account = account.clone();
                        claimed.push(Claimed { guest, account });
                        continue;
                    }
                    None => {
                        unknown += 1;
                        continue;
                    }
                },
                Owner::Orphan => {
                    left.extend(self.left(&guest, heard));
                    harvest.unclaimed(Unclaimed::new(guest.id(), Unclaimed::ORPHAN));
                    continue;
                }
                Owner::Ambiguous => {
                    left.extend(self.left(&guest, heard));
                    harvest.unclaimed(Unclaimed::new(guest.id(), Unclaimed::AMBIGUOUS));
                    continue;
                }
            };
            match AccountName::new(&name) {
                Ok(account) => claimed.push(Claimed { guest, account }),
                Err(error) => harvest.warn(format!("{} cannot be metered: {error}", guest.id())),
            }
        }
        if unknown > 0 {
            harvest.warn(format!(
                "{unknown} guests are on silent nodes, and their rows do not show whose they are"
            ));
        }
        (claimed, left)
    }

    /// Whose a guest was, for a row that does not say while its node is silent.
    fn holder<'h>(&self, guest: &Guest<'_>, heard: &'h Heard) -> Option<&'h AccountName> {
        heard.holder(Meter::TrafficOut, &self.source(guest)?)
    }

    /// What every guest has counted, by the listing or by its first network card.
    async fn counted<'a>(&self, listing: &Listing<'a>, claimed: Vec<Claimed<'a>>) -> Vec<Counted<'a>> {
        if self.config.traffic == Traffic::All {
            let count = |claimed: Claimed<'a>| {
                let counts = guests::counts(&claimed.guest, listing);
                (claimed, counts)
            };
            return claimed.into_iter().map(count).collect();
        }
        let bodies = self.machines(listing, &claimed).await;
        let cards: BTreeMap<&str, Cards<'_>> =
            bodies.iter().map(|(node, body)| (node.as_str(), read_cards(node, body))).collect();
        let mut found = Vec::with_capacity(claimed.len());
        for claimed in claimed {
            let counts = match claimed.guest.kind {
                GuestKind::Qemu => {
                    guests::first_card(&claimed.guest, listing, cards.get(claimed.guest.node()))
                }
                GuestKind::Lxc => {
                    let detail =
                        format!("{}: containers have no counters per network card", claimed.guest.id());
                    Err(Trouble::new(Reason::NotOffered, detail))
                }
            };
            found.push((claimed, counts));
        }
        found
    }

    /// The machines of every node that has a running one, one call per node.
    async fn machines(
        &self,
        listing: &Listing<'_>,
        claimed: &[Claimed<'_>],
    ) -> Vec<(String, Result<Body, Trouble>)> {
        let running = claimed.iter().map(|claimed| &claimed.guest);
        let running = running.filter(|guest| guest.kind == GuestKind::Qemu && guest.runs());
        let nodes: std::collections::BTreeSet<String> = running
            .filter(|guest| listing.silence(guest.node()).is_none())
            .map(|guest| guest.node().to_string())
            .collect();
        let asked = nodes.into_iter().map(|node| async move {
            let call = ApiCall::get(format!("nodes/{node}/qemu"), "VM.Audit").with(&[("full", "1")]);
            let body = self.session.call(call).await.map(|answer| answer.body().clone());
            let trouble = |failure| {
                let error = BackendError::from(failure);
                Trouble::new(error.reason(), error.to_string())
            };
            (node, body.map_err(trouble))
        });
        let asked: Vec<_> = asked.collect();
        some_at_once(AT_ONCE, asked).await
    }

    /// What else the listing reports of an account.
    fn facts(&self, claimed: &Claimed<'_>, harvest: &mut Harvest) {
        let facts = harvest.facts_mut(&claimed.account);
        let row = &claimed.guest.row;
        if facts.package.is_none() {
            facts.package = row.pool.text().map(str::to_string);
        }
        if facts.domain.is_none() {
            facts.domain = row.name.text().filter(|name| name.contains('.')).map(str::to_string);
        }
    }
}

fn read_cards<'b>(node: &str, body: &'b Result<Body, Trouble>) -> Cards<'b> {
    let body = body.as_ref().map_err(Clone::clone)?;
    let machines: Envelope<Vec<Machine<'b>>> = serde_json::from_slice(body).map_err(|error| {
        Trouble::new(Reason::Unexpected, format!("nodes/{node}/qemu: expected machines as JSON: {error}"))
    })?;
    Ok(machines.data.into_iter().filter_map(|machine| Some((machine.vmid.whole()?, machine))).collect())
}
