//! What does not fit between panels and WHMCS, as numbers: never a series per account.

use std::collections::{BTreeMap, HashMap};

use prometheus::core::Collector;
use prometheus::{GaugeVec, IntGaugeVec};

use super::{Registering, Telemetry, count, forget_where};
use crate::domain::{BackendId, Bytes, Meter};
use crate::pricing::Money;
use crate::quota::Conflict;
use crate::reported::SUMMED;

pub(super) struct FindingGauges {
    unmapped: IntGaugeVec,
    unmapped_bytes: IntGaugeVec,
    pub(super) unmapped_cost: GaugeVec,
    unmetered: IntGaugeVec,
    ghosts: IntGaugeVec,
    wrong_plans: IntGaugeVec,
    total_difference: IntGaugeVec,
    held_back: IntGaugeVec,
    collapsed: IntGaugeVec,
    list_missing: IntGaugeVec,
    silent: IntGaugeVec,
    list_held: IntGaugeVec,
    untold_services: IntGaugeVec,
    untold_bytes: IntGaugeVec,
    unconfigured: IntGaugeVec,
    policies: IntGaugeVec,
}

impl FindingGauges {
    pub(super) fn new(own: &Registering<'_>) -> FindingGauges {
        FindingGauges {
            unmapped: own.gauge(
                "whmeter_unmapped_accounts",
                "Accounts on the panel that are mapped to no WHMCS service, or to several: not billed.",
                &["backend"],
            ),
            unmapped_bytes: own.gauge(
                "whmeter_unmapped_bytes",
                "Usage of those accounts, as far as known: the level, or the running month's traffic.",
                &["backend", "meter"],
            ),
            unmapped_cost: own.amounts(
                "whmeter_unmapped_cost",
                "What their usage of the running month would cost so far by the [[price]] rules.",
                &["backend", "currency"],
            ),
            unmetered: own.gauge(
                "whmeter_unmetered_services",
                "Active or suspended services of WHMCS that have no account on any panel of their server.",
                &["server"],
            ),
            ghosts: own.gauge(
                "whmeter_ghost_services",
                "Active or suspended services of WHMCS whose account was on the panel and is gone.",
                &["backend"],
            ),
            wrong_plans: own.gauge(
                "whmeter_wrong_plan_accounts",
                "Accounts whose limit on the panel is not the one that was sold; absent where one side \
                 reports none.",
                &["backend"],
            ),
            total_difference: own.gauge(
                "whmeter_server_total_difference_bytes",
                "The panel's own total of stored bytes, less what its accounts store.",
                &["backend"],
            ),
            held_back: own.gauge(
                "whmeter_held_back_meters",
                "Meters whose readings jump further than max_rate allows, and are held back.",
                &["backend"],
            ),
            collapsed: own.gauge(
                "whmeter_collapsed_meters",
                "Meters that collapsed: a level to zero or by more than nine tenths, a month to zero; \
                 held back.",
                &["backend"],
            ),
            list_missing: own.gauge(
                "whmeter_list_missing_accounts",
                "Accounts missing from a list that is held back for it: none counts as gone. 0 where no \
                 list is held back.",
                &["backend"],
            ),
            silent: own.gauge(
                "whmeter_silent_accounts",
                "Accounts that are listed but whose usage, reported before, is missing, where they are \
                 many at once: unknown, not zero. 0 where there are none.",
                &["backend"],
            ),
            list_held: own.gauge(
                "whmeter_service_list_held",
                "Services that own accounts and have other numbers in a WHMCS list, which is rejected for it.",
                &["server"],
            ),
            untold_services: own.gauge(
                "whmeter_untold_services",
                "Services with usage of this month or the two before that can no longer be reported to WHMCS.",
                &[],
            ),
            untold_bytes: own.gauge(
                "whmeter_untold_bytes",
                "That usage: what the ledger has and WHMCS lacks, of disk_gb_month bytes held all month \
                 long; negative where too much was reported.",
                &["metric"],
            ),
            unconfigured: own.gauge(
                "whmeter_backend_unconfigured_accounts",
                "Accounts of backends that are not in the config: they are not polled.",
                &["backend"],
            ),
            policies: own.gauge(
                "whmeter_policy_conflicts",
                "Accounts whose policy on the panel is not the one wanted: changed outside whmeter and \
                 still limited, changed and not limited, or lost by the panel.",
                &["backend", "conflict"],
            ),
        }
    }

    /// Those that have a label `backend`.
    pub(super) fn of_backends(&self) -> [&IntGaugeVec; 10] {
        let [unmapped, bytes, ghosts] = [&self.unmapped, &self.unmapped_bytes, &self.ghosts];
        let [held_back, collapsed, list] = [&self.held_back, &self.collapsed, &self.list_missing];
        let [plans, total, policies] = [&self.wrong_plans, &self.total_difference, &self.policies];
        [unmapped, bytes, ghosts, plans, total, held_back, collapsed, list, policies, &self.silent]
    }
}

/// Shows a number of a backend, or that it is unknown.
fn show(gauge: &IntGaugeVec, backend: &BackendId, number: Option<i64>) {
    let labels = [backend.as_str()];
    match number {
        Some(number) => gauge.with_label_values(&labels).set(number),
        // It may not have been there; then it is gone as wanted.
        None => drop(gauge.remove_label_values(&labels)),
    }
}

impl Telemetry {
    /// Shows how many accounts of a backend belong to no service, or to several.
    pub fn unmapped(&self, backend: &BackendId, accounts: Option<usize>) {
        show(&self.inner.findings.unmapped, backend, accounts.map(count));
    }

    /// Shows what those accounts use; meters that are not listed are unknown.
    pub fn unmapped_bytes(&self, backend: &BackendId, bytes: &BTreeMap<Meter, Bytes>) {
        let gauge = &self.inner.findings.unmapped_bytes;
        // One by one: a series that went for a moment would begin the waiting of its alert anew.
        for meter in Meter::ALL {
            let labels = [backend.as_str(), meter.name()];
            match bytes.get(&meter) {
                Some(bytes) => gauge.with_label_values(&labels).set(bytes.as_i64()),
                None => drop(gauge.remove_label_values(&labels)),
            }
        }
    }

    /// Shows what their usage would cost, by currency; a currency that is not listed is unknown, or has no price.
    pub fn unmapped_cost(&self, backend: &BackendId, cost: &BTreeMap<String, Money>) {
        let gauge = &self.inner.findings.unmapped_cost;
        let gone = |labels: &HashMap<&str, &str>| {
            let is_its = labels.get("backend") == Some(&backend.as_str());
            is_its && labels.get("currency").is_none_or(|currency| !cost.contains_key(*currency))
        };
        forget_where(gauge, gone);
        for (currency, amount) in cost {
            // For a chart: an amount that is billed is never a float.
            let amount = amount.minor() as f64 / 10_f64.powi(amount.places() as i32);
            gauge.with_label_values(&[backend.as_str(), currency]).set(amount);
        }
    }

    /// Shows how many meters of a backend are held back.
    pub fn held_back(&self, backend: &BackendId, meters: usize) {
        self.inner.findings.held_back.with_label_values(&[backend.as_str()]).set(count(meters));
    }

    /// Shows how many levels of a backend have collapsed and are not believed yet, and how many accounts its list lacks
    /// if it is doubted for that.
    pub fn doubted(&self, backend: &BackendId, levels: usize, list_missing: u32) {
        let own = &self.inner.findings;
        own.collapsed.with_label_values(&[backend.as_str()]).set(count(levels));
        own.list_missing.with_label_values(&[backend.as_str()]).set(list_missing.into());
    }

    /// Shows how many accounts of a backend have fallen silent, where they are a crowd.
    pub fn silent(&self, backend: &BackendId, accounts: usize) {
        self.inner.findings.silent.with_label_values(&[backend.as_str()]).set(count(accounts));
    }

    /// Shows the lists of services that are not taken in: by server how many services have other numbers.
    pub fn lists_held(&self, moved: &BTreeMap<i64, i64>) {
        let gauge = &self.inner.findings.list_held;
        // What is held no more is shown no more; the others stay, so that an alert waits through.
        let held = |server: &String| server.parse().is_ok_and(|server: i64| moved.contains_key(&server));
        let shown = Collector::collect(gauge).into_iter().flat_map(|mut family| family.take_metric());
        let shown = shown.filter_map(|one| Some(one.get_label().first()?.value().to_string()));
        for server in shown.filter(|server| !held(server)).collect::<Vec<_>>() {
            drop(gauge.remove_label_values(&[&server]));
        }
        for (server, moved) in moved {
            gauge.with_label_values(&[&server.to_string()]).set(*moved);
        }
    }

    /// Shows how many living services of a WHMCS server have no account.
    pub fn unmetered(&self, server: i64, services: Option<usize>) {
        let (gauge, server) = (&self.inner.findings.unmetered, server.to_string());
        match services {
            Some(services) => gauge.with_label_values(&[&server]).set(count(services)),
            None => drop(gauge.remove_label_values(&[&server])),
        }
    }

    /// Shows how many living services had their account on this backend, and have none any more.
    pub fn ghosts(&self, backend: &BackendId, services: Option<usize>) {
        show(&self.inner.findings.ghosts, backend, services.map(count));
    }

    /// Shows how many accounts have another limit on the panel than was sold.
    pub fn wrong_plans(&self, backend: &BackendId, accounts: Option<usize>) {
        show(&self.inner.findings.wrong_plans, backend, accounts.map(count));
    }

    /// Shows how many accounts a backend has that the config does not have.
    pub fn unconfigured(&self, backend: &BackendId, accounts: Option<usize>) {
        show(&self.inner.findings.unconfigured, backend, accounts.map(count));
    }

    /// Shows how many accounts are limited, or not limited, against what is wanted.
    pub fn policies(&self, backend: &BackendId, conflicts: &BTreeMap<Conflict, usize>) {
        for (conflict, accounts) in conflicts {
            let labels = [backend.as_str(), conflict.name()];
            self.inner.findings.policies.with_label_values(&labels).set(count(*accounts));
        }
    }

    /// Shows what the panel's own total is more than its accounts together.
    pub fn total_difference(&self, backend: &BackendId, bytes: Option<i64>) {
        show(&self.inner.findings.total_difference, backend, bytes);
    }
}

impl Telemetry {
    /// Shows what cannot be reported to WHMCS any more, or that it is unknown; of metrics that are not listed that
    /// is nothing.
    pub fn untold(&self, untold: Option<&(usize, BTreeMap<&'static str, i64>)>) {
        let own = &self.inner.findings;
        let Some((services, bytes)) = untold else {
            own.untold_services.reset();
            own.untold_bytes.reset();
            return;
        };
        let none: [&str; 0] = [];
        own.untold_services.with_label_values(&none).set(count(*services));
        for (_, metric) in SUMMED {
            let lacking = bytes.get(metric).copied().unwrap_or(0);
            own.untold_bytes.with_label_values(&[metric]).set(lacking);
        }
    }
}
