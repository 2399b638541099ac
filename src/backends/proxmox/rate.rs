//! Limits a guest by the `rate` of its network cards: read, change that one part, write, read back.
//!
//! Keeps everything else of a card to the notification: without its address a card would be made anew and
//! the guest would lose its network. Touches no card whose rate somebody else changed.

use std::collections::BTreeMap;

use super::memory::Before;
use super::refusal::CallFailure;
use super::session::ApiCall;
use super::settings::Traffic;
use super::wire::{Config, Pending};
use super::{Applied, BackendError, GuestLocation, Proxmox};
use crate::backends::kit::switch;
use crate::domain::Policy;

/// How often a configuration that another client wrote in between is read again.
const TRIES: u32 = 4;

/// What it needs to change a card; the second since 8.0 (PVE::QemuServer, check_bridge_access).
const RIGHT: &str = "VM.Config.Network (and SDN.Use on the bridge's zone)";

/// What is to be done with the cards of a guest: the new value of each key.
type Plan = switch::Plan<BTreeMap<String, String>>;

impl Proxmox {
    /// The cards of a guest as they are now.
    pub(super) async fn cards_before(
        &self,
        place: &GuestLocation,
    ) -> Result<BTreeMap<String, Before>, CallFailure> {
        let config = self.config(place).await?;
        let cards = self.cards(&config);
        let before = |value: &str| Before { mac: mac(value), rate: rate(value).map(str::to_string) };
        Ok(cards.into_iter().map(|(key, value)| (key, before(&value))).collect())
    }

    /// Which policy the cards of a guest enforce: limited where all have our rate or less, standard where none has;
    /// and whether any has less.
    pub(super) async fn shown_rate(
        &self,
        place: &GuestLocation,
    ) -> Result<(Option<Policy>, bool), CallFailure> {
        let config = self.config(place).await?;
        let (cards, ours) = (self.cards(&config), &self.config.limited_rate);
        let limited = cards.values().filter(|card| limits(rate(card), ours)).count();
        Ok(match limited {
            0 => (Some(Policy::Standard), false),
            all if all == cards.len() => {
                (Some(Policy::Limited), !cards.values().all(|card| is(rate(card), Some(ours))))
            }
            _ => (None, false),
        })
    }

    /// Puts a guest's cards under `policy`, where they are as we left them.
    pub(super) async fn set_rate(
        &self,
        place: &GuestLocation,
        policy: Policy,
        ours: &str,
        before: &BTreeMap<String, Before>,
    ) -> Result<Applied, CallFailure> {
        let mut last = None;
        for _ in 0..TRIES {
            let config = self.config(place).await?;
            let values = match plan(&place.id(), &self.cards(&config), policy, ours, before) {
                Plan::AlreadySo => return Ok(Applied::AlreadySo),
                Plan::LeftAlone { found, limited } => return Ok(Applied::LeftAlone { found, limited }),
                Plan::Write(values) => values,
            };
            self.nothing_pending(place, &values).await?;
            match self.write(place, &config, &values).await {
                Ok(()) => return self.read_back(place, &values).await,
                Err(CallFailure::Refusal(refusal)) if refusal.is_stale() => last = Some(refusal),
                Err(failure) => return Err(failure),
            }
        }
        let detail =
            format!("{}: its configuration is being written by another client ({last:?})", place.id());
        Err(BackendError::Busy { after: None, detail }.into())
    }

    /// The cards that are limited: those that are metered.
    fn cards(&self, config: &Config) -> BTreeMap<String, String> {
        let all = config.numbered("net").map(|(key, value)| (key.to_string(), value.to_string()));
        all.filter(|(key, _)| self.config.traffic == Traffic::All || key == "net0").collect()
    }

    /// A change that waits for the next start would come into force, or be lost, together with ours.
    async fn nothing_pending(
        &self,
        place: &GuestLocation,
        values: &BTreeMap<String, String>,
    ) -> Result<(), CallFailure> {
        let rows: Vec<Pending> = self.session.json(ApiCall::get(place.path("pending"), "VM.Audit")).await?;
        let waits =
            |row: &&Pending| values.contains_key(&row.key) && (row.pending.is_some() || row.delete.is_some());
        match rows.iter().find(waits) {
            None => Ok(()),
            Some(row) => {
                let detail =
                    format!("{}: a change of {} waits for the guest's next start", place.id(), row.key);
                Err(BackendError::Busy { after: None, detail }.into())
            }
        }
    }

    async fn write(
        &self,
        place: &GuestLocation,
        config: &Config,
        values: &BTreeMap<String, String>,
    ) -> Result<(), CallFailure> {
        let mut pairs: Vec<(&str, &str)> =
            values.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        pairs.extend(config.get("digest").map(|digest| ("digest", digest)));
        self.session.call(ApiCall::put(place.path("config"), RIGHT).with(&pairs)).await.map(drop)
    }

    /// Believes nothing that is not there: the server writes the parts of a card in an order of its own.
    async fn read_back(
        &self,
        place: &GuestLocation,
        values: &BTreeMap<String, String>,
    ) -> Result<Applied, CallFailure> {
        let config = self.config(place).await?;
        for (key, wanted) in values {
            let found = config.get(key).unwrap_or_default();
            if parts(found) != parts(wanted) {
                let detail = format!("{}: {key} was accepted, but read back as {found:?}", place.id());
                return Err(BackendError::Unexpected { at: "config".into(), detail }.into());
            }
        }
        Ok(Applied::Done)
    }
}

fn plan(
    guest: &str,
    cards: &BTreeMap<String, String>,
    policy: Policy,
    ours: &str,
    before: &BTreeMap<String, Before>,
) -> Plan {
    let mut write = BTreeMap::new();
    for (key, value) in cards {
        let now = rate(value);
        let left = |why: &str| {
            let rate = now.map_or("no rate".into(), |rate| format!("rate {rate}"));
            Plan::left_alone(format!("{guest} {key} with {rate}{why}"), limits(now, ours))
        };
        let Some(known) = before.get(key).filter(|known| known.mac == mac(value)) else {
            return left(", another card than the one remembered");
        };
        let (wanted, replaced) = match policy {
            Policy::Limited => (Some(ours), known.rate.as_deref()),
            Policy::Standard => (known.rate.as_deref(), Some(ours)),
        };
        if is(now, wanted) {
            continue;
        }
        if !is(now, replaced) {
            return left("");
        }
        write.insert(key.clone(), with_rate(value, wanted));
    }
    if cards.is_empty() && policy == Policy::Limited {
        return Plan::left_alone(format!("{guest} without a network card"), false);
    }
    if write.is_empty() { Plan::AlreadySo } else { Plan::Write(write) }
}

/// Whether two rates are the same; none and zero are both no limit.
fn is(one: Option<&str>, other: Option<&str>) -> bool {
    let number = |rate: Option<&str>| rate.map_or(Some(0.0), |rate| rate.parse::<f64>().ok());
    match (number(one), number(other)) {
        (Some(one), Some(other)) => (one - other).abs() < 1e-7,
        _ => one == other,
    }
}

/// Whether a rate lets no more through than ours.
fn limits(rate: Option<&str>, ours: &str) -> bool {
    let number = |rate: &str| rate.parse::<f64>().ok();
    let below = |(rate, ours): (f64, f64)| rate > 0.0 && rate < ours;
    is(rate, Some(ours)) || rate.and_then(number).zip(number(ours)).is_some_and(below)
}

/// The rate of a card.
fn rate(card: &str) -> Option<&str> {
    card.split(',').find_map(|part| part.strip_prefix("rate="))
}

/// The address of a card: machines have it behind one of a dozen models, containers behind `hwaddr`.
fn mac(card: &str) -> Option<String> {
    parts(card).into_values().find(|value| is_mac(value))
}

/// Six pairs of hexadecimal digits.
fn is_mac(text: &str) -> bool {
    let pair = |pair: &str| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split(':').count() == 6 && text.split(':').all(pair)
}

/// A card with another rate, or with none.
fn with_rate(card: &str, rate: Option<&str>) -> String {
    let kept = card.split(',').filter(|part| !part.starts_with("rate=")).map(str::to_string);
    let parts: Vec<String> = kept.chain(rate.map(|rate| format!("rate={rate}"))).collect();
    parts.join(",")
}

/// A card as a map: the order of its parts does not matter, nor in which case its address is written.
fn parts(card: &str) -> BTreeMap<&str, String> {
    let shown = |value: &str| if is_mac(value) { value.to_uppercase() } else { value.to_string() };
    let pair = |part| match str::split_once(part, '=') {
        Some((key, value)) => (key, shown(value)),
        None => (part, String::new()),
    };
    card.split(',').map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: &str = "virtio=BC:24:11:0A:1B:2C,bridge=vmbr0,firewall=1,rate=100";

    fn cards(cards: &[(&str, &str)]) -> BTreeMap<String, String> {
        cards.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
    }

    fn before(value: &str) -> BTreeMap<String, Before> {
        let card = Before { mac: mac(value), rate: rate(value).map(str::to_string) };
        BTreeMap::from([("net0".to_string(), card)])
    }

    fn planned(now: &str, policy: Policy, was: &str) -> Plan {
        plan("qemu/104", &cards(&[("net0", now)]), policy, "1.192093", &before(was))
    }

    #[test]
    fn only_the_rate_of_a_card_changes() {
        let limited = "virtio=BC:24:11:0A:1B:2C,bridge=vmbr0,firewall=1,rate=1.192093";
        let bare = "name=eth0,bridge=vmbr0,hwaddr=bc:24:11:44:55:66,ip=dhcp,type=veth";
        assert_eq!(planned(CARD, Policy::Limited, CARD), Plan::Write(cards(&[("net0", limited)])));
        assert_eq!(planned(limited, Policy::Standard, CARD), Plan::Write(cards(&[("net0", CARD)])));
        let slow = format!("{bare},rate=1.192093");
        assert_eq!(planned(bare, Policy::Limited, bare), Plan::Write(cards(&[("net0", &slow)])));
        assert_eq!(planned(&slow, Policy::Standard, bare), Plan::Write(cards(&[("net0", bare)])));
    }

    #[test]
    fn what_is_so_already_stays_and_what_somebody_else_did_is_left_alone() {
        let limited = CARD.replace("rate=100", "rate=1.1920930");
        assert_eq!(planned(&limited, Policy::Limited, CARD), Plan::AlreadySo);
        assert_eq!(planned(CARD, Policy::Standard, CARD), Plan::AlreadySo);
        let by_hand = CARD.replace("rate=100", "rate=3");
        let slower = CARD.replace("rate=100", "rate=0.5");
        let other_card = limited.replace("2C", "2D");
        for policy in [Policy::Limited, Policy::Standard] {
            assert!(
                matches!(planned(&by_hand, policy, CARD), Plan::LeftAlone { found, limited: false } if found.contains("rate 3"))
            );
            assert!(matches!(planned(&slower, policy, CARD), Plan::LeftAlone { limited: true, .. }));
            // Ours stands on a card that was put in anew.
            assert!(matches!(planned(&other_card, policy, CARD), Plan::LeftAlone { limited: true, .. }));
        }
        assert!(matches!(
            plan("lxc/9", &BTreeMap::new(), Policy::Limited, "1", &BTreeMap::new()),
            Plan::LeftAlone { limited: false, .. }
        ));
    }

    #[test]
    fn cards_are_compared_by_their_parts() {
        assert_eq!(parts("bridge=vmbr0,virtio=AA"), parts("virtio=AA,bridge=vmbr0"));
        let address = "bc:24:11:0a:1b:2c";
        for key in ["virtio", "e1000e", "macaddr", "hwaddr"] {
            let card = format!("bridge=vmbr0,ip6=fe80::1/64,{key}={address},tag=5");
            assert_eq!(mac(&card), Some("BC:24:11:0A:1B:2C".into()), "{key}");
            assert_eq!(parts(&card), parts(&card.replace(address, &address.to_uppercase())), "{key}");
        }
        assert_eq!(mac("virtio,bridge=vmbr0,ip6=1:2:3:4:5:6"), None);
        assert_ne!(parts("virtio=AA,bridge=vmbr0"), parts("virtio=AA,bridge=VMBR0"));
        assert!(is(None, Some("0")) && is(Some("1.50"), Some("1.5")) && !is(None, Some("1")));
    }
}
