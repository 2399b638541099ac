//! Who does what in the month: somebody at 85 % of a limit, somebody over it, somebody whom nobody pays for, a service that
//! ended and still uses, a service whose account is gone, a name that was sold again, counters that began anew.

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use std::io::{Error, Result};
use whmeter_simulators::panel::SimulatedPanel;

/// The roles of the star panel's first accounts, in this order.
const ROLES: [Role; 6] =
    [Role::Near, Role::Over, Role::Unbilled, Role::Terminated, Role::Ghost, Role::SoldAgain];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Near,
    Over,
    Unbilled,
    Terminated,
    Ghost,
    SoldAgain,
}

impl Role {
    fn line(self) -> &'static str {
        match self {
            Role::Near => "at 85 % of its limit",
            Role::Over => "over its limit: limited by whmeter, and let go when it falls",
            Role::Unbilled => "on no service: nobody pays for it",
            Role::Terminated => "its service was terminated, and it uses on",
            Role::Ghost => "deleted on the panel, its service is still active",
            Role::SoldAgain => "sold again in mid-month: two customers, two bills",
        }
    }
}

/// What happens, and to whom.
pub struct Story {
    /// The panel with the roles.
    star: usize,
    /// Its accounts with roles.
    cast: Vec<(String, Role)>,
    /// A panel whose counters begin anew now and then.
    restarts: Option<usize>,
    end: i64,
    /// The day on which names are sold again and services end.
    turn: i64,
    /// The day on which an account is deleted on its panel.
    gone: i64,
}

impl Story {
    pub fn of(panels: &[Box<dyn SimulatedPanel>], start: i64, end: i64) -> Self {
        // Somebody whose level is all that is limited.
        let is_star = |panel: &dyn SimulatedPanel| {
            let stores =
                |name: &String| panel.knobs().truth.level(name, start).is_some_and(|level| level > 0);
            panel.landmarks().meter == "storage" && panel.accounts().iter().take(ROLES.len()).all(stores)
        };
        let star = panels.iter().position(|panel| is_star(panel.as_ref())).unwrap_or_default();
        let mut names = panels[star].accounts();
        // Whoever stays near a limit must not have been far beyond it before.
        let steady = names.iter().position(|name| is_steady(panels[star].as_ref(), name, start, end));
        names.swap(0, steady.unwrap_or_default());
        let cast = names.into_iter().zip(ROLES).collect();
        let begins_anew = |panel: &dyn SimulatedPanel| panel.happening(&mut dice(0)).is_some();
        let restarts = (0..panels.len())
            .filter(|index| *index != star)
            .find(|index| begins_anew(panels[*index].as_ref()));
        let days = (end - start) / 86_400;
        Self { star, cast, restarts, end, turn: days * 2 / 5, gone: days * 2 / 3 }
    }

    /// The lines that say what there is to see.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let widest = self.cast.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
        self.cast.iter().map(move |(name, role)| format!("{name:widest$}  {}", role.line()))
    }

    fn role(&self, panel: usize, account: &str) -> Option<Role> {
        let mut cast = self.cast.iter().filter(|_| panel == self.star);
        cast.find(|(name, _)| name == account).map(|(_, role)| *role)
    }

    /// What happens to panels on a day.
    pub fn happens(&self, panels: &[Box<dyn SimulatedPanel>], day: i64) -> Result<()> {
        let failed = |why: whmeter_simulators::panel::NotDone| Error::other(format!("{why:?}"));
        if day == self.gone {
            for (name, _) in self.cast.iter().filter(|(_, role)| *role == Role::Ghost) {
                panels[self.star].set_vanished(name, true).map_err(failed)?;
            }
        }
        let Some(panel) = self.restarts.map(|index| &panels[index]).filter(|_| day % 7 == 5) else {
            return Ok(());
        };
        let happening = panel.happening(&mut dice(day as u64));
        for (operation, arguments) in happening.into_iter().flat_map(|happening| happening.operations) {
            panel.operate(&operation, &arguments).map_err(failed)?;
        }
        Ok(())
    }

    /// The services of every server as WHMCS has them from a day on; `None` where nothing changes.
    pub fn services(&self, panels: &[Box<dyn SimulatedPanel>], day: i64) -> Option<Vec<(usize, String)>> {
        if day != 0 && day != self.turn {
            return None;
        }
        let lists = panels.iter().enumerate().map(|(index, panel)| {
            let accounts = panel.knobs().truth.accounts();
            let numbered = accounts.iter().enumerate();
            let services: Vec<Value> = numbered
                .flat_map(|(number, name)| self.services_of(&**panel, index, number, name, day))
                .collect();
            (index + 1, json!({ "schema": 1, "services": services }).to_string())
        });
        Some(lists.collect())
    }

    fn services_of(
        &self,
        panel: &dyn SimulatedPanel,
        index: usize,
        number: usize,
        name: &str,
        day: i64,
    ) -> Vec<Value> {
        let role = self.role(index, name);
        let level = panel.knobs().truth.level(name, self.end).unwrap_or_default();
        // The others' limits are their panel's own.
        let limits = match role {
            Some(Role::Near) => json!({ "storage": level * 100 / 85 }),
            Some(Role::Over) => json!({ "storage": level * 100 / 104 }),
            _ => json!({}),
        };
        let id = 7_000 + 200 * index + number;
        let service = |id: usize, client: usize, status: &str| {
            json!({ "id": id, "client": client, "username": name, "account": name, "product": "Hosting M",
                "status": status, "limits": limits })
        };
        let (own, client) = (id, 1_000 + number % 40);
        match role {
            Some(Role::Unbilled) => Vec::new(),
            Some(Role::Terminated) if day >= self.turn => vec![service(own, client, "Terminated")],
            Some(Role::SoldAgain) if day >= self.turn => {
                vec![service(own, client, "Terminated"), service(id + 100, client + 40, "Active")]
            }
            _ => vec![service(own, client, "Active")],
        }
    }

    /// The config: limits as sold, prices, a receiver of messages, every panel.
    pub fn config(&self, panels: &[Box<dyn SimulatedPanel>], listen: &str, webhook: &str) -> String {
        let mut text = format!(
            "[whmcs]\ntimezone = \"Europe/Warsaw\"\n\n[store]\nurl = \"sqlite:demo.db\"\n\n[http]\nlisten = {listen:?}\n\n\
             [notify]\nchannels = [\"webhook\"]\n\n[notify.webhook]\nurl = {webhook:?}\nsecret = \"demo-demo-demo-demo\"\n\n\
             [[limit]]\nbackend = \"*\"\nmeter = \"storage\"\nsize = \"whmcs\"\nnotify_at = [80, 90]\nlimit_at = 100\n\
             restore_below = 95\n\n\
             [[price]]\nname = \"disk\"\nbackend = \"{}\"\nmeter = \"storage\"\nof = \"average\"\nincluded = \"1 GiB\"\n\
             per = \"1 GiB\"\nprice = \"0.05\"\ncurrency = \"EUR\"\n\n\
             [[price]]\nname = \"traffic\"\nmeter = \"traffic_total\"\nincluded = \"100 GiB\"\nper = \"1 GiB\"\n\
             price = \"0.01\"\ncurrency = \"EUR\"\n",
            storing(panels, self.end)
        );
        for (number, panel) in panels.iter().enumerate() {
            let (kind, server) = (panel.kind(), number + 1);
            text.push_str(&format!(
                "\n[[backend]]\nkind = {kind:?}\nname = \"demo-{kind}\"\nwhmcs_server = {server}\nevery = \"1m\"\n"
            ));
            for (key, value) in panel.settings() {
                text.push_str(&format!("{key} = {value:?}\n"));
            }
        }
        text
    }
}

/// Whether an account has never stored much more than at the end: 85 % of a limit then was less than all of it before.
fn is_steady(panel: &dyn SimulatedPanel, name: &str, start: i64, end: i64) -> bool {
    let level = |at: i64| panel.knobs().truth.level(name, at).unwrap_or_default();
    let most = (0..=(end - start) / 86_400).map(|day| level(start + day * 86_400)).max().unwrap_or_default();
    level(end) > 0 && most.saturating_mul(100) <= level(end).saturating_mul(110)
}

/// The panels that tell what is stored, as a pattern of names.
fn storing(panels: &[Box<dyn SimulatedPanel>], at: i64) -> String {
    let stores = |panel: &&dyn SimulatedPanel| {
        panel.accounts().iter().any(|name| panel.knobs().truth.level(name, at).is_some_and(|level| level > 0))
    };
    let names: Vec<String> = panels
        .iter()
        .map(AsRef::as_ref)
        .filter(stores)
        .map(|panel| format!("demo-{}", panel.kind()))
        .collect();
    format!("{{{}}}", names.join(","))
}

fn dice(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}
