//! Traffic without Gnocchi: what Nova's diagnostics say of every running server.
//!
//! The same counters, read where they are; a debug interface by the reference, whose fields may be missing.

use serde_json::Value;

use super::OpenStack;
use super::catalogue::Service;
use super::projects::{Projects, plain};
use super::refusal::CallFailure;
use super::servers::{KeptServers, Server, VERSION};
use super::session::ApiCall;
use super::traffic::{METRICS, all_unread, sources_by_account, stands_still};
use crate::backends::kit::many::{Patience, some_at_once};
use crate::backends::{BackendError, PollRequest};
use crate::domain::{Bytes, Epoch, Harvest, Meter, Reading, Reason, Seconds, Source};

/// After so many servers in a row that Nova itself does not answer for the others are not asked.
const IN_VAIN: u32 = 5;

/// What one network card has counted.
#[derive(Debug, PartialEq, Eq)]
struct Card {
    source: String,
    received: Result<u64, String>,
    sent: Result<u64, String>,
}

impl OpenStack {
    /// Puts the traffic of all projects into the harvest, one call per running server.
    pub(super) async fn put_diagnostics(
        &self,
        projects: &Projects,
        ask: &PollRequest,
        servers: &KeptServers,
        harvest: &mut Harvest,
    ) {
        let by_project = match servers.of(&self.cloud).await {
            Ok(by_project) => by_project,
            Err(error) => return all_unread(projects, &error, harvest),
        };
        let wanted = projects.metered.values().filter(|project| {
            !project.is_ambiguous && ask.only.as_ref().is_none_or(|only| *only == project.account)
        });
        let mut calls = Vec::new();
        for project in wanted.clone() {
            let own = by_project.get(&plain(&project.id)).into_iter().flatten();
            calls.extend(
                own.filter(|server| server.runs())
                    .map(|server| async move { (&project.account, server, self.diagnostics(server).await) }),
            );
        }
        let mut patience = Patience::new(IN_VAIN);
        for (account, server, answer) in some_at_once(self.cloud.http().max_in_flight(), calls).await {
            // All were asked; what is said of those after the panel went away is the same for each.
            let _ = patience.note(answer.as_ref().err());
            match answer {
                Ok(body) => put_cards(account, server, &body, ask, harvest),
                Err(error) => {
                    for (meter, _) in METRICS {
                        harvest.unread(account, Some(meter), error.reason(), error.to_string());
                    }
                }
            }
        }
        let heard = sources_by_account(&ask.heard);
        for project in wanted {
            let runs = by_project.get(&plain(&project.id)).into_iter().flatten().any(Server::runs);
            if let Some(sources) = heard.get(&project.account).filter(|_| !runs) {
                stands_still(&project.account, sources, &ask.heard, ask.now, harvest);
            }
        }
    }

    async fn diagnostics(&self, server: &Server) -> Result<Value, BackendError> {
        let call = ApiCall::get(Service::Compute, &format!("servers/{}/diagnostics", server.id));
        match self.cloud.json(&call.clone().header(VERSION, "compute 2.48")).await {
            Err(CallFailure::Refusal(refusal)) if refusal.is_too_new() => Ok(self.cloud.json(&call).await?),
            answer => Ok(answer?),
        }
    }
}

fn put_cards(
    account: &crate::domain::AccountName,
    server: &Server,
    body: &Value,
    ask: &PollRequest,
    harvest: &mut Harvest,
) {
    let epoch = body["uptime"].as_u64().map_or(Epoch::Silent, |uptime| Epoch::Running(Seconds::new(uptime)));
    let cards = match read(server, body) {
        Ok(cards) => cards,
        Err(detail) => {
            for (meter, _) in METRICS {
                harvest.unread(account, Some(meter), Reason::Unexpected, detail.clone());
            }
            return;
        }
    };
    for card in cards {
        let Ok(source) = Source::new(&card.source) else { continue };
        for (meter, count) in [(Meter::TrafficIn, card.received), (Meter::TrafficOut, card.sent)] {
            let count = count.and_then(|count| Bytes::new(count).map_err(|error| error.to_string()));
            match count {
                Ok(count) => {
                    let reading = Reading::Counter { source: source.clone(), at: ask.now, epoch, count };
                    harvest.add_reading(account, meter, reading);
                }
                Err(problem) => {
                    let detail = format!("server {}: {problem}", server.id);
                    harvest.unread(account, Some(meter), Reason::Unexpected, detail);
                }
            }
        }
    }
}

/// The cards of an answer: with details as of 2.48, before by flat keys such as `vnet1_rx`.
fn read(server: &Server, body: &Value) -> Result<Vec<Card>, String> {
    let figure = |value: &Value, name: &str| {
        value.as_u64().ok_or_else(|| format!("{name} is {value}, expected a whole number of bytes"))
    };
    if let Some(details) = body["nic_details"].as_array() {
        let card = |nic: &Value| {
            let mac = nic["mac_address"].as_str().filter(|mac| !mac.is_empty());
            Ok(Card {
                source: mac
                    .ok_or(format!("server {}: a card without mac_address", server.id))?
                    .to_lowercase(),
                received: figure(&nic["rx_octets"], "rx_octets"),
                sent: figure(&nic["tx_octets"], "tx_octets"),
            })
        };
        return details.iter().map(card).collect();
    }
    let flat = body.as_object().ok_or(format!("server {}: diagnostics are no object", server.id))?;
    let names: Vec<&str> = flat.keys().filter_map(|key| key.strip_suffix("_rx")).collect();
    if names.is_empty() {
        return Err(format!("server {}: neither nic_details nor a key that ends in _rx", server.id));
    }
    let card = |name: &&str| {
        let of = |way: &str| {
            let key = format!("{name}_{way}");
            figure(&flat.get(&key).cloned().unwrap_or_default(), &key)
        };
        // Names of devices are given again on another host: with the server's id they are its own.
        Card { source: format!("{}/{name}", server.id), received: of("rx"), sent: of("tx") }
    };
    Ok(names.iter().map(card).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn server() -> Server {
        Server {
            id: "6d1c".into(),
            project: "9b1f".into(),
            status: "ACTIVE".into(),
            task: None,
            locked: false,
            locked_reason: None,
            has_reasons: true,
            created: None,
            disk_gib: None,
        }
    }

    #[test]
    fn cards_are_read_in_both_shapes_and_missing_figures_are_named() {
        let detailed = json!({"uptime": 90_211, "nic_details": [{"mac_address": "FA:16:3E:7A:10:C4", "rx_octets": 88, "tx_octets": null}]});
        let cards = read(&server(), &detailed).expect("cards");
        assert_eq!((cards[0].source.as_str(), &cards[0].received), ("fa:16:3e:7a:10:c4", &Ok(88)));
        assert!(cards[0].sent.as_ref().is_err_and(|problem| problem.contains("tx_octets is null")));
        let flat = json!({"vnet1_rx": 5, "vnet1_tx": 7, "vnet1_rx_packets": 1, "memory": 1});
        let cards = read(&server(), &flat).expect("cards");
        assert_eq!((cards.len(), cards[0].source.as_str(), &cards[0].sent), (1, "6d1c/vnet1", &Ok(7)));
        for strange in [json!({"memory": 1}), json!([]), json!({"nic_details": [{"rx_octets": 1}]})] {
            assert!(read(&server(), &strange).is_err(), "{strange}");
        }
    }
}
