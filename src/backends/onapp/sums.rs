//! Sums of all virtual servers, one call for each hour.
//!
//! Without a period the call is of the last 48 hours, and whether it takes one is not written down: `check` holds one
//! hour of it against the rows of a server's interfaces.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::amount;
use super::panel::ApiCall;
use super::traffic::{METERS, Metered, put_nothing};
use super::window::Window;
use super::wire::{Machine, number};
use super::{BackendError, OnApp};
use crate::domain::{Bytes, Meter, Span, Timestamp};

/// The longest first look: every hour is a call.
pub(super) const FIRST_LOOK_HOURS: u64 = 48;

/// The sums of one server in one hour.
#[derive(Debug)]
pub(super) struct Sum {
    /// The server's number.
    pub machine: String,
    pub user: Option<String>,
    pub figures: [(Meter, Result<Bytes, String>); 2],
}

/// What passed through one server in a window.
#[derive(Debug, Default)]
pub(super) struct MachineSums {
    /// The number of the user whose it is now.
    pub user: Option<String>,
    pub metered: Metered,
}

impl OnApp {
    /// What passed through every server in one hour.
    pub(super) async fn sums_of(&self, hour: Span) -> Result<Vec<Sum>, BackendError> {
        let window = Window { from: hour.start(), until: hour.end() };
        let call = ApiCall::get(&["usage_statistics"], "vm_stats").query(window.period());
        let rows = self.panel.rows(&call).await?;
        let sums = rows.iter().map(|row| self.sum(row).map_err(|detail| call.unexpected(detail)));
        sums.collect()
    }

    fn sum(&self, row: &Value) -> Result<Sum, String> {
        let machine =
            number(row, "virtual_machine_id").ok_or("a sum is listed without virtual_machine_id")?;
        let figures =
            METERS.map(|(meter, key)| (meter, amount::whole(key, row.get(key), self.config.kilobyte)));
        Ok(Sum { machine, user: number(row, "user_id"), figures })
    }

    /// What passed in a window, by server. Servers that are off are in no sum: they moved nothing in the hours that others
    /// were counted in.
    pub(super) async fn sums(
        &self,
        machines: &[Machine],
        window: Window,
        now: Timestamp,
    ) -> Result<BTreeMap<String, MachineSums>, BackendError> {
        let mut all: BTreeMap<String, MachineSums> = BTreeMap::new();
        let (mut counted, mut told) = (Vec::new(), BTreeSet::new());
        for hour in window.hours() {
            let sums = self.sums_of(hour).await?;
            counted.extend((!sums.is_empty()).then_some(hour));
            for Sum { machine, user, figures } in sums {
                let source = format!("vm-{machine}");
                told.insert(machine.clone());
                let sums = all.entry(machine).or_default();
                sums.user = user.clone().or(sums.user.take());
                let metered = &mut sums.metered;
                for (meter, figure) in figures {
                    match figure {
                        Ok(total) => metered.total(user.clone(), meter, (&source, hour), now, total),
                        Err(problem) => {
                            metered.lacking.insert((meter, hour));
                            metered.strange(Some(meter), format!("hour until {}: {problem}", hour.end()));
                        }
                    }
                }
            }
        }
        for machine in
            machines.iter().filter(|machine| machine.is_off() && !told.contains(machine.name.as_str()))
        {
            let sums = all.entry(machine.name.to_string()).or_default();
            sums.user.clone_from(&machine.user);
            let source = format!("vm-{}", machine.name);
            put_nothing(&mut sums.metered, machine.user.as_ref(), &source, counted.iter().copied(), now);
        }
        Ok(all)
    }
}
