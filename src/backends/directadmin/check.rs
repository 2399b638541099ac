//! The steps of `check`: everything a poll and a switch will need, tried one by one. Changes nothing on the server.

use super::accounts::compare;
use super::settings::{FiguresFrom, Level};
use super::{BackendError, CheckStep, DirectAdmin, Wants};
use crate::backends::kit::check::{is_hopeless, step};
use crate::domain::{AccountName, Harvest};

/// No account: names hold letters and digits only.
const NOBODY: &str = "whmeter.check";

impl DirectAdmin {
    pub(super) async fn check_all(&self, wants: Wants, steps: &mut Vec<CheckStep>) {
        steps.extend(self.panel.probe().await.into_iter().map(CheckStep::from));
        if is_hopeless(steps) {
            return;
        }
        let answered = self.panel.json("CMD_API_LOGIN_TEST", &[]).await;
        let answered = answered.map(|_| "let in".to_string()).map_err(BackendError::from);
        step(steps, "login", true, answered);
        if is_hopeless(steps) {
            return;
        }
        let role = self.panel.role(self.config.level).await;
        step(steps, "role of the login", true, role);
        let zone = self.panel.zone(&self.config).await;
        step(steps, "time zone", true, zone.map(|zone| zone.name().to_string()));
        if is_hopeless(steps) {
            return;
        }
        self.check_tally(steps).await;
        self.check_accounts(wants, steps).await;
        if wants.limiting && !is_hopeless(steps) {
            let nobody = AccountName::new(NOBODY);
            let outcome = match nobody {
                Ok(nobody) => self.may_suspend(&nobody).await,
                Err(error) => Err(BackendError::Internal(error.to_string())),
            };
            step(steps, "right CMD_API_SELECT_USERS, for limits", true, outcome);
        }
    }

    async fn check_tally(&self, steps: &mut Vec<CheckStep>) {
        let now = self.panel.http().clock().now();
        let outcome = match self.panel.measured(self.config.level, now).await {
            Ok((measured, None)) => Ok(format!("the server counted last on {}", measured.at)),
            Ok((_, Some(why))) if self.config.level == Level::Reseller => Ok(why),
            Ok((_, Some(why))) => Err(BackendError::NotOffered(why)),
            Err(error) => Err(error),
        };
        step(steps, "last tally, right CMD_API_ADMIN_STATS", false, outcome);
    }

    async fn check_accounts(&self, wants: Wants, steps: &mut Vec<CheckStep>) {
        let listed = self.panel.listed(self.config.level).await;
        let count = listed.as_ref().map_err(Clone::clone);
        step(steps, "accounts", true, count.map(|listed| format!("{} accounts", listed.accounts.len())));
        let Ok(listed) = listed else { return };
        let rows = self.panel.figures(&self.config).await;
        let from = match self.config.figures {
            FiguresFrom::Table => "the table, in bytes",
            FiguresFrom::Lines => "CMD_API_ALL_USER_USAGE, in megabytes",
        };
        let mut aside = Harvest::new();
        let outcome = rows.and_then(|rows| {
            compare(&listed, &rows, &mut aside)?;
            let unread: String = aside.warnings().iter().map(|warning| format!("; {warning}")).collect();
            Ok(format!("{} rows from {from}{unread}", rows.accounts.len()))
        });
        step(steps, "figures", true, outcome);
        let needs_configurations =
            self.config.figures == FiguresFrom::Lines || self.config.additional_bandwidth || wants.limiting;
        if let Some(first) = listed.accounts.first().filter(|_| !is_hopeless(steps)) {
            let answered = self.panel.configuration(first).await.map_err(BackendError::from);
            let outcome = answered.map(|_| format!("that of {first} is read"));
            step(steps, "configuration of one account", needs_configurations, outcome);
        }
    }
}
