//! What every panel is asked and told to do, of this one.

use super::world::{HOUR, Scope};
use super::{KIND, LIMITED_PLAN, Panel, operations};
use crate::faults::{Change, Fault, FaultKind};
use crate::panel::{Knobs, Landmarks, NotDone, SimulatedPanel};
use crate::place::Place;
use crate::truth::Deed;
use serde_json::{Value, json};

/// The fastest port that counts as limited, in Mbps.
const LIMITED_MBPS: u32 = 2;

impl SimulatedPanel for Panel {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn place(&self) -> &Place {
        &self.place
    }

    fn knobs(&self) -> &Knobs {
        &self.server.knobs
    }

    fn keys(&self) -> Vec<(&'static str, String)> {
        let (email, api_key) = self.login();
        vec![("username", email), ("api_key", api_key), ("accounts", self.server.scope.word().to_owned())]
    }

    fn landmarks(&self) -> Landmarks {
        let usual = Landmarks {
            listing: "/virtual_machines.json",
            usage: "usage",
            limiting: "/virtual_machines/",
            meter: "traffic_out",
            usage_key: "data_sent",
            // The list of its cards, and each card's hours.
            calls_per_account: 3,
            figures_age: HOUR + 20,
        };
        match self.server.scope {
            Scope::Vm => usual,
            Scope::User => {
                Landmarks { listing: "/users.json", limiting: "/users/", calls_per_account: 6, ..usual }
            }
            Scope::Cdn => Landmarks {
                listing: "/users.json",
                usage: "/cdn_resources/",
                limiting: "/users/",
                usage_key: "value",
                ..usual
            },
        }
    }

    fn accounts(&self) -> Vec<String> {
        let cloud = self.server.cloud();
        let mut names: Vec<String> = match self.server.scope {
            Scope::Vm => cloud.machines_of(None, self.server.now()).map(|(id, _)| id.to_string()).collect(),
            _ => cloud
                .users
                .values()
                .filter(|user| user.deleted.is_none())
                .map(|user| user.login.clone())
                .collect(),
        };
        names.sort_unstable();
        names
    }

    fn set_vanished(&self, account: &str, vanished: bool) -> Result<(), NotDone> {
        let mut was = vanished;
        match self.server.scope {
            Scope::Vm => self.change(account, |one| was = std::mem::replace(&mut one.vanished, vanished))?,
            _ => was = self.vanish_user(&mut self.server.cloud_mut(), account, vanished)?,
        }
        if was != vanished {
            let deed = if vanished { Deed::Vanish } else { Deed::Reappear };
            self.server.knobs.truth.did_to_all(account, self.server.now(), deed);
        }
        Ok(())
    }

    fn suspend(&self, account: &str, suspended: bool) -> Result<(), NotDone> {
        if self.server.scope == Scope::Vm {
            return self.change(account, |one| (one.suspended, one.booted) = (suspended, !suspended));
        }
        let mut cloud = self.server.cloud_mut();
        let id = cloud.user_named(account).ok_or(NotDone::NoSuchAccount)?;
        self.server.set_suspended(&mut cloud, &self.server.switches(), id, suspended);
        Ok(())
    }

    /// A machine is limited that is suspended or whose ports are all slow; a user, that is suspended or has the plan
    /// for it.
    fn is_limited(&self, account: &str) -> Option<bool> {
        if self.server.scope != Scope::Vm {
            return self.user(account).map(|(suspended, plan)| suspended || plan == LIMITED_PLAN);
        }
        let cloud = self.server.cloud();
        let machine = cloud.machines.get(&account.parse().ok()?)?;
        let slow = machine.cards.iter().all(|card| (1..=LIMITED_MBPS).contains(&card.rate));
        Some(machine.suspended || slow)
    }

    fn operate(&self, operation: &str, arguments: &Value) -> Result<Value, NotDone> {
        operations::operate(&self.server, operation, arguments)
    }

    /// The figures of a machine's own call, or of a user's first machine or resource.
    fn spoil_account(&self, account: &str) -> Fault {
        let first = match self.server.scope {
            Scope::Vm => format!("/{account}/"),
            Scope::User => self.machines_of(account).first().map_or_else(String::new, |id| format!("/{id}/")),
            Scope::Cdn => {
                let cloud = self.server.cloud();
                let owner = cloud.user_named(account);
                let first = cloud.resources_of(owner).next();
                first.map_or_else(String::new, |(id, _)| format!("/cdn_resources/{id}/"))
            }
        };
        let becomes = Change::Value("many".into());
        let field = self.landmarks().usage_key.to_owned();
        Fault::new(FaultKind::ChangedField { field, becomes }).on(&first)
    }

    /// A machine that is switched off has no rows; a CDN only delivers.
    fn lacks(&self, account: &str, meter: &str) -> bool {
        match self.server.scope {
            Scope::Cdn => meter != "traffic_out",
            Scope::User => false,
            Scope::Vm => {
                let cloud = self.server.cloud();
                let machine = account.parse().ok().and_then(|id: u32| cloud.machines.get(&id));
                meter != "storage" && machine.is_some_and(|machine| machine.halted)
            }
        }
    }

    /// Numbers are texts in one call and numbers in another; megabytes have decimals.
    fn sends(&self, change: &Change) -> bool {
        let is_plain = *change == Change::Quoted || *change == Change::RawText("1e3".into());
        is_plain || self.server.scope == Scope::Cdn && *change == Change::Value(1.5.into())
    }

    /// Somebody releases it and gives it a speed, or a plan, that is neither.
    fn meddle(&self, account: &str) -> Result<(), NotDone> {
        if self.server.scope == Scope::Vm {
            return self.change(account, |machine| {
                (machine.suspended, machine.booted) = (false, false);
                machine.cards.iter_mut().for_each(|card| card.rate = 5);
            });
        }
        self.suspend(account, false)?;
        self.operate(&format!("users/{account}"), &json!({ "op": "set_plan", "plan": 77 })).map(drop)
    }
}
