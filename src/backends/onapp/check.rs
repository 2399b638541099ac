//! The steps of `check`: everything a poll and a switch will need, tried one by one.
//!
//! Changes nothing on the panel. Whether the user may write shows only when something is written: a change is asked for of
//! number 0, which no panel can have.

use serde_json::json;

use super::cdn::{cdn_call, settled_hour};
use super::charges::{TOTAL, cost_of, currency};
use super::listing::{Listing, machines_call};
use super::panel::ApiCall;
use super::refusal::CallFailure;
use super::settings::{Accounts, LimitBy, TrafficFrom};
use super::traffic::{METERS, Metered, put_rows};
use super::wire::{Machine, User};
use super::{BackendError, CheckStep, OnApp, Wants};
use crate::backends::kit::check::{is_hopeless, step};
use crate::domain::{Bytes, Reading};
use crate::http::{Method, excerpt};

impl OnApp {
    pub(super) async fn check_all(&self, wants: Wants, steps: &mut Vec<CheckStep>) {
        steps.extend(self.panel.http().probe(self.panel.base()).await.into_iter().map(CheckStep::from));
        if is_hopeless(steps) {
            return;
        }
        self.panel.forget();
        let release = self.panel.release().await;
        step(steps, "release, credential", true, release.map(|release| release.shown()));
        if is_hopeless(steps) {
            return;
        }
        step(steps, "time zone of the user", false, self.check_zone().await);
        match self.config.accounts {
            Accounts::Machines => self.check_machines(steps).await,
            Accounts::Users => self.check_users(steps).await,
            Accounts::Cdn => self.check_cdn(steps).await,
        }
        if wants.limiting && !is_hopeless(steps) {
            step(steps, "right to limit", true, self.may_limit().await);
        }
    }

    async fn check_zone(&self) -> Result<String, BackendError> {
        match self.profile().await?.zone.as_deref() {
            None | Some("UTC") => Ok("UTC".into()),
            Some(zone) => Ok(format!(
                "{:?}: times are read with their offsets, but give this user the zone UTC all the same",
                excerpt(zone, 40)
            )),
        }
    }

    async fn check_machines(&self, steps: &mut Vec<CheckStep>) {
        let listed = self.machines(&machines_call()).await;
        let shown = listed.as_ref().map_err(Clone::clone).map(|listed| shown(listed, "virtual servers"));
        step(steps, "virtual servers, right virtual_machines.read", true, shown);
        let Ok(listed) = listed else { return };
        let users = listed.all.iter().map(|machine| machine.user.as_deref());
        step(steps, "servers of others", false, self.check_others(users).await);
        let Some(first) = listed.all.first() else { return };
        step(steps, "traffic, right vm_stats", true, self.check_traffic(first).await);
        step(steps, "disk", false, level("total_disk_size", &first.disk));
    }

    async fn check_users(&self, steps: &mut Vec<CheckStep>) {
        let Some(users) = self.check_user_list(steps).await else { return };
        let Some(first) = users.first() else { return };
        let details = self.user_by_id(&first.id).await;
        let disk = details.and_then(|user| match user.disk {
            Some(disk) => level("used_disk_size", &disk),
            None => level("used_disk_size", &Err("used_disk_size is absent".into())),
        });
        step(steps, "disk", false, disk);
        let listed = self.machines(&machines_call()).await;
        let shown = listed.as_ref().map_err(Clone::clone).map(|listed| shown(listed, "virtual servers"));
        step(steps, "virtual servers, right virtual_machines.read", true, shown);
        if let Some(first) = listed.ok().and_then(|listed| listed.all.into_iter().next()) {
            step(steps, "traffic, right vm_stats", true, self.check_traffic(&first).await);
        }
        step(steps, "the panel's own bill", false, self.check_bill(first).await);
    }

    async fn check_cdn(&self, steps: &mut Vec<CheckStep>) {
        let Some(users) = self.check_user_list(steps).await else { return };
        let now = self.panel.http().clock().now();
        let window = settled_hour(now);
        let only = users.first().map(|user| user.id.as_str());
        let delivered = match self.config.traffic {
            TrafficFrom::Rows => self.cdn_rows(window, now, only).await,
            TrafficFrom::Sums => {
                self.panel.rows(&cdn_call(window)).await.map(|_| Default::default()).map_err(Into::into)
            }
        };
        let shown =
            delivered.map(|delivered| format!("answered; {} users delivered something", delivered.len()));
        step(steps, "CDN traffic", true, shown);
    }

    async fn check_user_list(&self, steps: &mut Vec<CheckStep>) -> Option<Vec<User>> {
        let listed = self.users().await;
        let shown = listed.as_ref().map_err(Clone::clone).map(|listed| shown(listed, "users"));
        step(steps, "users, right users.read", true, shown);
        let users = listed.ok()?.all;
        step(
            steps,
            "other users",
            false,
            self.check_others(users.iter().map(|user| Some(user.id.as_str()))).await,
        );
        Some(users)
    }

    async fn check_others<'a>(
        &self,
        users: impl Iterator<Item = Option<&'a str>>,
    ) -> Result<String, BackendError> {
        match self.own_alone(users).await? {
            None => Ok("there are some".into()),
            Some(doubt) => Err(BackendError::Refused(doubt)),
        }
    }

    /// One hour of one server; where sums are used, the same hour by both calls.
    async fn check_traffic(&self, machine: &Machine) -> Result<String, BackendError> {
        let now = self.panel.http().clock().now();
        let window = settled_hour(now);
        let interfaces = self.interfaces(&machine.name).await?;
        let mut metered = Metered::default();
        for interface in &interfaces {
            let path =
                ["virtual_machines", machine.name.as_str(), "network_interfaces", &interface.id, "usage"];
            let call = ApiCall::get(&path, "networks.read, vm_stats").query(window.period());
            let rows = self.panel.rows(&call).await?;
            put_rows(&mut metered, &rows, &interface.id, window, (&self.config, now));
        }
        if let Some((_, _, detail)) = metered.unread.first() {
            let at = format!("usage of virtual server {}", machine.name);
            return Err(BackendError::Unexpected { at, detail: detail.clone() });
        }
        let sums = METERS.map(|(meter, _)| {
            let of_it = metered.readings.iter().filter(|(_, of, _)| *of == meter);
            let totals = of_it.filter_map(|(_, _, reading)| match reading {
                Reading::PeriodTotal { total, .. } => Some(total.get()),
                _ => None,
            });
            totals.sum::<u64>()
        });
        let shown = format!(
            "virtual server {}: {} interfaces, {} bytes in and {} out in the hour until {}",
            machine.name,
            interfaces.len(),
            sums[0],
            sums[1],
            window.until
        );
        if self.config.traffic == TrafficFrom::Rows {
            return Ok(shown);
        }
        let Some(hour) = window.hours().next() else { return Ok(shown) };
        let found = self.sums_of(hour).await?.into_iter().find(|sum| sum.machine == machine.name.as_str());
        let bulk = found.map(|sum| sum.figures.map(|(_, figure)| figure.map(Bytes::get).unwrap_or(u64::MAX)));
        if bulk.is_none() && sums == [0, 0] {
            return Ok(format!("{shown}; nothing moved in it, so the sums of everybody are not compared"));
        }
        match bulk == Some(sums) {
            true => Ok(format!("{shown}; the sums of everybody say the same")),
            false => Err(BackendError::NotOffered(format!(
                "usage_statistics does not say the same as the rows of virtual server {} for the hour until {}: it may \
                 ignore the period; set traffic = \"rows\"",
                machine.name, window.until
            ))),
        }
    }

    /// What the panel itself would bill a user: kept for comparison, and billed by nobody.
    async fn check_bill(&self, user: &User) -> Result<String, BackendError> {
        let window = settled_hour(self.panel.http().clock().now());
        match self.bill(&user.id, window).await.map_err(BackendError::from) {
            Ok(bill) => {
                let (cost, currency) = (cost_of(&bill, &TOTAL), currency(&bill));
                Ok(format!(
                    "{}: {} {currency} for the hour until {}",
                    user.name,
                    cost.unwrap_or_else(|| "no amount".into()),
                    window.until
                ))
            }
            Err(error @ BackendError::Unreachable(_)) => Err(error),
            Err(error) => Ok(format!("not shown: {error}")),
        }
    }

    async fn may_limit(&self) -> Result<String, BackendError> {
        let (path, right): (&[&str], _) = match (self.config.accounts, self.config.limit_by) {
            (Accounts::Machines, LimitBy::Speed) => {
                (&["virtual_machines", "0", "network_interfaces", "0"], "network interfaces update")
            }
            (Accounts::Machines, _) => (&["virtual_machines", "0"], "virtual_machines.suspend"),
            (_, _) => (&["users", "0"], "users.update, users.suspend"),
        };
        let call = ApiCall::new(Method::PUT, path, right).body(json!({}));
        match self.panel.write(&call).await {
            Ok(()) => Ok("not refused".into()),
            Err(CallFailure::Refusal(refusal)) if refusal.is_credentials() || refusal.is_right() => {
                Err(refusal.into())
            }
            Err(CallFailure::Refusal(_)) => Ok("not refused; a release may look for the thing first".into()),
            Err(CallFailure::Failed(error)) => Err(error),
        }
    }
}

fn shown<T>(listing: &Listing<T>, what: &str) -> String {
    let doubts = listing.doubts.iter().map(|doubt| format!("; {doubt}"));
    format!("{} {what}{}", listing.all.len(), doubts.collect::<String>())
}

fn level(key: &str, disk: &Result<Bytes, String>) -> Result<String, BackendError> {
    let unexpected = |detail: &String| BackendError::Unexpected { at: key.into(), detail: detail.clone() };
    disk.as_ref().map(|bytes| format!("{bytes} bytes allocated")).map_err(unexpected)
}
