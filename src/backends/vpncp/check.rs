//! The steps of `check`: everything a poll and a switch will need, tried one by one.
//!
//! Changes nothing on the panel. Whether the token may write shows only when something is written: a change is asked
//! for of a client that no panel can have.

use super::clients::{Client, effective};
use super::generation::Generation;
use super::metering::meter;
use super::months::Calendar;
use super::panel::ApiCall;
use super::refusal::CallFailure;
use super::wire::Status;
use super::{BackendError, CheckStep, Vpncp, Wants, clients, statistics_off};
use crate::backends::kit::check::{is_hopeless, step};
use crate::domain::Harvest;
use crate::http::Method;

/// Fewer months than this, and the last days of a month may be gone before they are read.
const ENOUGH_MONTHS: u64 = 2;

/// No client: names hold letters, digits, `_` and `-` only (PUQVPNCP doc/20. API).
const NOBODY: &str = "whmeter.check";

impl Vpncp {
    pub(super) async fn check_all(&self, wants: Wants, steps: &mut Vec<CheckStep>) {
        steps.extend(self.panel.http().probe(self.panel.base()).await.into_iter().map(CheckStep::from));
        if is_hopeless(steps) {
            return;
        }
        self.panel.forget();
        let known = self.panel.known().await;
        step(
            steps,
            "generation",
            true,
            known.as_ref().map_err(Clone::clone).map(|known| known.generation.name().into()),
        );
        let Ok(known) = known else { return };
        if let Some(detail) = known.complaint {
            let at = "GET /openapi.json".to_string();
            step(steps, "calls offered", false, Err(BackendError::Unexpected { at, detail }));
        }
        let status = self.panel.status().await;
        step(steps, "status, credential", true, status.as_ref().map_err(Clone::clone).map(shown));
        let Ok(status) = status else { return };
        self.check_status(&status, steps);
        let calendar = self.check_calendar(steps).await;
        let mut aside = Harvest::new();
        let listed = self.clients(&status, &mut aside).await.map(|(clients, _)| clients);
        let networks = self.networks().await;
        let answered = listed.as_ref().map_err(Clone::clone).map(|listed| {
            let unread = aside.warnings().iter().map(|warning| format!("; {warning}")).collect::<String>();
            format!("{} clients{unread}", listed.len())
        });
        step(steps, "clients, right client:read", true, answered);
        if wants.limiting {
            step(steps, "right client:write, for limits", true, self.may_write(known.generation).await);
        }
        let answered = networks.as_ref().map_err(Clone::clone).map(|networks| slowed(&listed, networks));
        step(steps, "networks, right network:read", false, answered);
        if let (Some(calendar), Ok(listed)) = (calendar, listed)
            && let Some(first) = listed.first()
        {
            step(steps, "traffic of one client", true, self.check_traffic(first, &calendar).await);
        }
    }

    /// Whether the token may change clients, as far as it shows: whoever lacks the right is refused before the panel
    /// looks for the client. The manual does not say so; a panel that looks first lets this step pass.
    async fn may_write(&self, generation: Generation) -> Result<String, BackendError> {
        if generation == Generation::One {
            return Ok("1.x knows no rights".into());
        }
        let ask = ApiCall { path: &[generation.clients(), NOBODY], right: "client:write" };
        match self.panel.put(&ask, &Vec::new()).await {
            Err(CallFailure::Refusal(refusal)) => match BackendError::from(refusal) {
                refused @ BackendError::Refused(_) => Err(refused),
                _ => Ok("granted".into()),
            },
            Err(CallFailure::Failed(error)) => Err(error),
            Ok(_) => Ok("granted".into()),
        }
    }

    fn check_status(&self, status: &Status, steps: &mut Vec<CheckStep>) {
        if let Some(busy) = status.busy_with() {
            let detail = format!("its status is {busy:?}: it is read, and takes no changes now");
            step(steps, "takes changes", false, Err(BackendError::Busy { after: None, detail }));
        }
        let outcome = match status.license_valid {
            Some(false) => {
                let why = "the licence is not valid; 1.x switches its API off without one".to_string();
                Err(BackendError::NotOffered(why))
            }
            _ => Ok(match (status.clients, status.licensed) {
                // `count_accounts_available` is the licence's total, not what is left of it.
                (Some(used), Some(total)) => format!("{used} of {total} clients"),
                _ => "no count reported".into(),
            }),
        };
        step(steps, "licence", false, outcome);
    }

    async fn check_calendar(&self, steps: &mut Vec<CheckStep>) -> Option<Calendar> {
        let zone = self.zone().await;
        step(
            steps,
            "time zone",
            true,
            zone.as_ref().map_err(Clone::clone).map(|zone| zone.name().to_string()),
        );
        let kept = self.kept().await;
        let (fatal, outcome) = match &kept {
            Ok(Ok(0)) => (true, Err(statistics_off())),
            Ok(Ok(kept)) if *kept < ENOUGH_MONTHS => (
                false,
                Err(BackendError::NotOffered(format!(
                    "traffic_statistics_history is {kept}: set it to {ENOUGH_MONTHS} or more, or the end \
                     of a month may be gone before it is read"
                ))),
            ),
            Ok(Ok(kept)) => (false, Ok(format!("{kept} months are kept"))),
            Ok(Err(why)) => {
                let at = "GET /system/config".to_string();
                (false, Err(BackendError::Unexpected { at, detail: why.clone() }))
            }
            Err(error) => (false, Err(error.clone())),
        };
        step(steps, "statistics", fatal, outcome);
        Some(Calendar { zone: zone.ok()?, now: self.panel.http().clock().now(), kept: kept.ok()?.ok() })
    }

    async fn check_traffic(&self, client: &Client, calendar: &Calendar) -> Result<String, BackendError> {
        let plan = calendar.for_poll(Some(calendar.now));
        let metered = meter(&self.panel, &client.name, calendar, &plan).await;
        let failed = metered.failed.clone();
        let mut harvest = Harvest::new();
        metered.put(&client.name, &mut harvest);
        let harvested = harvest.accounts().get(&client.name).cloned().unwrap_or_default();
        match (failed, harvested.unread.first()) {
            (Some(error), _) => Err(error),
            (None, Some(unread)) => Err(BackendError::Unexpected {
                at: format!("client {}", client.name),
                detail: unread.detail.clone(),
            }),
            (None, None) => Ok(format!("{}: {} figures this month", client.name, harvested.readings.len())),
        }
    }

    /// The networks with their default bandwidths, read as clients are: they have the same fields.
    async fn networks(&self) -> Result<Vec<Client>, BackendError> {
        let path = [self.panel.known().await?.generation.networks()];
        let ask = ApiCall { path: &path, right: "network:read" };
        let payload = self.panel.get(&ask).await?;
        let read = clients::read(&payload.value);
        read.map(|(networks, _)| networks)
            .map_err(|detail| BackendError::Unexpected { at: ask.name(&Method::GET), detail })
    }
}

/// How many clients have which kind of bandwidth.
fn slowed(listed: &Result<Vec<Client>, BackendError>, networks: &[Client]) -> String {
    let default = |client: &Client| {
        let network = client.network.as_deref();
        networks.iter().find(|other| Some(other.name.as_str()) == network).and_then(|network| network.down)
    };
    let listed = listed.as_deref().unwrap_or_default();
    let capped = listed.iter().filter(|client| effective(client.down, default(client)).is_some()).count();
    format!("{} networks; {capped} of {} clients have a bandwidth", networks.len(), listed.len())
}

fn shown(status: &Status) -> String {
    let version = status.version.as_deref().unwrap_or("unknown version");
    format!("{version}, {}", status.text.as_deref().unwrap_or("no status reported"))
}
