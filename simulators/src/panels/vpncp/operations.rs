//! What a test can do to this kind of panel alone, below `/vpncp/` on the control address.

use super::world::Server;
use crate::growth::Traffic;
use crate::panel::{NotDone, merge};
use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Value, json};

/// What is done to one client.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum Deal {
    /// The panel's operator, or WHMCS, sells another bandwidth.
    SetCaps { down: u64, up: u64 },
    /// A restored backup shows other figures for one day.
    RestoreDay { day: String, download: u64, upload: u64 },
    /// The true figures again.
    ForgetRestored,
}

/// Does an operation by its path:
///
/// * `state`: switches, and what each client has;
/// * `switches`: the fields told are set, the others stay;
/// * `clients/{name}`: `{"op":"set_caps","down":n,"up":n}`, `{"op":"restore_day","day":"2026-11-03",
///   "download":n,"upload":n}` or `{"op":"forget_restored"}`.
pub fn operate(server: &Server, operation: &str, arguments: &Value) -> Result<Value, NotDone> {
    match operation.split_once('/') {
        None if operation == "state" => Ok(state(server)),
        None if operation == "switches" => merge(&server.switches, arguments),
        Some(("clients", name)) => {
            let deal = Deal::deserialize(arguments).map_err(not_understood)?;
            let mut clients = server.clients_mut();
            let client = clients.get_mut(name).ok_or(NotDone::NoSuchAccount)?;
            match deal {
                Deal::SetCaps { down, up } => (client.down, client.up) = (down, up),
                Deal::RestoreDay { day, download, upload } => {
                    let day: NaiveDate =
                        day.parse().map_err(|_| NotDone::NotUnderstood(format!("no day {day}")))?;
                    client.restored.insert(day, Traffic { received: upload, sent: download });
                }
                Deal::ForgetRestored => client.restored.clear(),
            }
            Ok(json!({ "client": name }))
        }
        _ => Err(NotDone::NotUnderstood(format!("no operation {operation}"))),
    }
}

fn not_understood(error: serde_json::Error) -> NotDone {
    NotDone::NotUnderstood(error.to_string())
}

fn state(server: &Server) -> Value {
    let clients = server.clients();
    let shown = clients.iter().map(|(name, client)| {
        let shown = json!({
            "down": client.down, "up": client.up, "enabled": client.enabled, "vanished": client.vanished,
            "saves": client.saves,
        });
        (name.clone(), shown)
    });
    json!({ "switches": server.switches(), "clients": Value::Object(shown.collect()) })
}
