//! Proxmox VE: what only it does.

use futures_util::FutureExt;
use serde_json::json;
use whmeter::domain::Meter;
use whmeter_simulators::faults::{Change, Fault, FaultKind};
use whmeter_simulators::panel::SimulatedPanel;

use crate::awkward::Awkward;

pub const AWKWARD: Awkward = Awkward {
    kind: "proxmox",
    // The id of its row is another's.
    break_account: |account| {
        let (find, with) = (format!("/{account}\""), format!("/{account}0\""));
        Fault::new(FaultKind::ReplacedText { find, with })
    },
    // The hypervisor cannot look into a machine's disk, and a container that is off tells nothing.
    lacks: |panel, account, meter| {
        let guest = panel.operate(&format!("guests/{account}"), &json!(null)).unwrap();
        meter == Meter::StorageUsed && (guest["type"] == "qemu" || guest["runs"] == false)
    },
    // Old releases write numbers as texts, and Perl may write a whole number as a float.
    takes: |change| matches!(change, Change::Quoted) || *change == Change::RawText("1e3".into()),
    meddle: |panel, account| async move { set_card(panel, account, "rate=3") }.boxed(),
};

/// Somebody at the panel gives a guest's first card another rate.
fn set_card(panel: &dyn SimulatedPanel, account: &str, rate: &str) {
    let path = format!("guests/{account}");
    let guest = panel.operate(&path, &json!(null)).unwrap();
    let card = guest["config"]["net0"].as_str().unwrap();
    let parts = card.split(',').filter(|part| !part.starts_with("rate=")).chain([rate]);
    let value = parts.collect::<Vec<_>>().join(",");
    panel.operate(&path, &json!({"op": "config", "key": "net0", "value": value})).unwrap();
}
