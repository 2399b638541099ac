//! The network interfaces of virtual servers, and the traffic of each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use futures_util::{FutureExt, StreamExt, stream};

use super::panel::ApiCall;
use super::refusal::CallFailure;
use super::traffic::{METERS, Metered, put_nothing, put_rows};
use super::window::Window;
use super::wire::{Interface, Machine};
use super::{BackendError, OnApp};
use crate::backends::kit::many::Patience;
use crate::domain::{AccountName, Meter, Reading, Seconds, Timestamp};

/// How long a list of interfaces is used: it costs a call of every server.
const KEPT_FOR: Seconds = Seconds::hours(24);

/// An interface younger than this is read from its beginning on: it may have been made after its list was read, also
/// where whmeter was started anew meanwhile. Twice as long as lists are used.
const YOUNG_FOR: Seconds = Seconds::hours(48);

/// How many servers are asked for at once: one pool of processes serves the panel's own pages too.
pub(super) const AT_ONCE: usize = 2;

/// After this many in a row without an answer the panel is dead, not they.
pub(super) const GIVEN_UP_AFTER: u32 = 8;

pub(super) const BOTH: [Meter; 2] = [METERS[0].0, METERS[1].0];

/// The lists of interfaces, and when each was read.
#[derive(Default)]
pub(super) struct KeptInterfaces(Mutex<BTreeMap<AccountName, (Timestamp, Vec<Interface>)>>);

impl KeptInterfaces {
    fn kept(&self, machine: &AccountName, now: Timestamp) -> Option<Vec<Interface>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (read, interfaces) = all.get(machine)?;
        (*read <= now && now.since(*read) < KEPT_FOR).then(|| interfaces.clone())
    }

    fn keep(&self, machine: &AccountName, now: Timestamp, interfaces: &[Interface]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(machine.clone(), (now, interfaces.to_vec()));
    }

    fn forget(&self, machine: &AccountName) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(machine);
    }

    fn retain(&self, there: &BTreeSet<&AccountName>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|name, _| there.contains(name));
    }
}

/// The traffic of one server, and its interfaces where they were just read.
pub(super) struct MachineTraffic {
    pub metered: Metered,
    pub interfaces: Option<Vec<Interface>>,
    /// Interfaces without any row in a window, of a server that is off.
    idle: Vec<(String, Window)>,
}

impl OnApp {
    /// The interfaces of a server as they are now.
    pub(super) async fn interfaces(&self, machine: &AccountName) -> Result<Vec<Interface>, CallFailure> {
        let path = ["virtual_machines", machine.as_str(), "network_interfaces"];
        let call = ApiCall::get(&path, "networks.read");
        let listed = self.panel.list(&call).await?;
        let interfaces: Result<Vec<Interface>, String> = listed.rows.iter().map(Interface::read).collect();
        let interfaces = interfaces.map_err(|detail| call.unexpected(detail))?;
        match listed.doubt {
            Some(doubt) => Err(call.unexpected(doubt).into()),
            None => Ok(interfaces),
        }
    }

    /// What passed through these servers, some at once. A dead panel is given up, not asked for all of them.
    pub(super) async fn traffic_of(
        &self,
        machines: &[Machine],
        (window, now): (Window, Timestamp),
        fresh: &BTreeSet<AccountName>,
        heard: &BTreeSet<&str>,
    ) -> Result<Vec<(Machine, MachineTraffic)>, BackendError> {
        self.kept.retain(&machines.iter().map(|machine| &machine.name).collect());
        let asked = machines.iter().cloned().map(|machine| {
            let is_fresh = fresh.contains(&machine.name);
            async move { (self.traffic(&machine, (window, now), is_fresh, heard).await, machine) }.boxed()
        });
        let asked: Vec<_> = asked.collect();
        let mut answers =
            stream::iter(asked).buffer_unordered(AT_ONCE.min(self.panel.http().max_in_flight()));
        let (mut patience, mut all) = (Patience::new(GIVEN_UP_AFTER), Vec::new());
        while let Some((traffic, machine)) = answers.next().await {
            let traffic = traffic?;
            patience.note(traffic.metered.failed.as_ref())?;
            all.push((machine, traffic));
        }
        put_idle(&mut all, now);
        Ok(all)
    }

    /// What passed through one server. `Err` only where the credential itself is refused.
    async fn traffic(
        &self,
        machine: &Machine,
        (window, now): (Window, Timestamp),
        fresh: bool,
        heard: &BTreeSet<&str>,
    ) -> Result<MachineTraffic, BackendError> {
        let mut traffic = MachineTraffic { metered: Metered::default(), interfaces: None, idle: Vec::new() };
        let kept = if fresh { None } else { self.kept.kept(&machine.name, now) };
        let interfaces = match kept {
            Some(kept) => kept,
            None => match self.interfaces(&machine.name).await {
                Ok(read) => {
                    self.kept.keep(&machine.name, now, &read);
                    traffic.interfaces = Some(read.clone());
                    read
                }
                Err(failure) => {
                    traffic.metered.miss(not_credentials(failure)?, &BOTH);
                    traffic.metered.lacks(window.hours());
                    return Ok(traffic);
                }
            },
        };
        for interface in &interfaces {
            match self.rows_of(machine, interface, window, now, &mut traffic.metered).await {
                // No row is no reading: the collector may have missed an hour. But a server that is off has none at all.
                Ok(Some(window)) if machine.is_off() => traffic.idle.push((interface.id.clone(), window)),
                Ok(_) => {}
                Err(failure) => {
                    // It may be gone since its list was read.
                    self.kept.forget(&machine.name);
                    traffic.metered.miss(not_credentials(failure)?, &BOTH);
                    traffic.metered.lacks(window.hours());
                }
            }
        }
        // One that is off has no rows, and one that is young has them from its making on.
        let is_expected = |interface: &&Interface| !machine.is_off() && heard.contains(interface.id.as_str());
        let expected = interfaces.iter().filter(is_expected).map(|interface| interface.id.clone());
        traffic.metered.hold_to_all_sources(&expected.collect());
        Ok(traffic)
    }

    /// Reads the rows of an interface; tells the window where it had none.
    async fn rows_of(
        &self,
        machine: &Machine,
        interface: &Interface,
        window: Window,
        now: Timestamp,
        metered: &mut Metered,
    ) -> Result<Option<Window>, CallFailure> {
        let young = interface.created.filter(|made| now.since(*made) < YOUNG_FOR);
        let window = young.map_or(window, |made| window.begun_by(made));
        let path = ["virtual_machines", machine.name.as_str(), "network_interfaces", &interface.id, "usage"];
        let mut any = false;
        for part in window.parts() {
            let call = ApiCall::get(&path, "networks.read, vm_stats").query(part.period());
            let rows = self.panel.rows(&call).await?;
            any |= put_rows(metered, &rows, &interface.id, part, (&self.config, now)) || !rows.is_empty();
        }
        Ok((!any).then_some(window))
    }
}

/// Puts in that nothing passed through servers that are off, for the hours that the panel has counted: those until the
/// newest row of any other server. Rows may be late, and what is not counted yet is unknown.
fn put_idle(all: &mut [(Machine, MachineTraffic)], now: Timestamp) {
    let readings = all.iter().flat_map(|(_, traffic)| &traffic.metered.readings);
    let ends = readings.filter_map(|(_, _, reading)| match reading {
        Reading::PeriodTotal { span, .. } => Some(span.end()),
        Reading::Gauge { .. } | Reading::Counter { .. } => None,
    });
    let Some(counted) = ends.max() else { return };
    for (machine, traffic) in all {
        for (interface, window) in std::mem::take(&mut traffic.idle) {
            let hours = window.ended_by(counted).hours();
            put_nothing(&mut traffic.metered, machine.user.as_ref(), &interface, hours, now);
        }
    }
}

/// The trouble of one call, unless it is the credential: panels ban those who insist.
pub(super) fn not_credentials(failure: CallFailure) -> Result<BackendError, BackendError> {
    match failure {
        CallFailure::Refusal(refusal) if refusal.is_credentials() => Err(refusal.into()),
        failure => Ok(failure.into()),
    }
}
