//! Which local users are accounts: members of the configured groups, or all; never the system's, nor administrators.

use std::collections::BTreeSet;

use super::accounts::{ADMINISTRATORS, User, folded};
use super::nas::Nas;
use super::settings::NasConfig;
use crate::backends::{BackendError, PollRequest};
use crate::domain::{AccountName, Harvest, Reason};

/// The groups that matter, with their members as DSM compares names.
#[derive(Debug, Default)]
pub(super) struct Groups {
    administrators: BTreeSet<String>,
    /// In the order of the config.
    of_accounts: Vec<(String, BTreeSet<String>)>,
    limited: BTreeSet<String>,
}

/// A local user that is an account.
#[derive(Debug)]
pub(super) struct Account {
    pub name: AccountName,
    pub user: User,
    /// The first configured group that it is in.
    pub group: Option<String>,
    /// Whether it is in the group of the limited.
    pub in_limited_group: bool,
}

impl Groups {
    /// Asks for the members of each.
    pub async fn read(nas: &Nas, config: &NasConfig) -> Result<Groups, BackendError> {
        let mut groups = Groups::administrators(nas).await?;
        for name in &config.groups {
            groups.of_accounts.push((name.clone(), nas.members(name).await?));
        }
        if let Some(limited) = &config.limited_group {
            groups.limited = nas.members(limited).await?;
        }
        Ok(groups)
    }

    /// The administrators alone.
    pub async fn administrators(nas: &Nas) -> Result<Groups, BackendError> {
        Ok(Groups { administrators: nas.members(ADMINISTRATORS).await?, ..Groups::default() })
    }

    /// Whether a user is an administrator.
    pub fn is_administrator(&self, name: &str) -> bool {
        self.administrators.contains(&folded(name))
    }

    /// The first configured group that a user is in.
    pub fn of(&self, name: &str) -> Option<&str> {
        let name = folded(name);
        let found = self.of_accounts.iter().find(|(_, members)| members.contains(&name));
        found.map(|(group, _)| group.as_str())
    }

    /// Whether a user is in the group of the limited.
    pub fn is_limited(&self, name: &str) -> bool {
        self.limited.contains(&folded(name))
    }
}

/// The accounts among the users, and whether these are all of them. One that was an account and is none any more, although
/// the user is there, is kept or unread, never gone.
pub(super) fn select(
    users: Vec<User>,
    groups: &Groups,
    config: &NasConfig,
    ask: &PollRequest,
    harvest: &mut Harvest,
) -> (Vec<Account>, bool) {
    let (mut accounts, mut is_whole) = (Vec::new(), true);
    let mut strays = Vec::new();
    for user in users {
        if user.is_never_an_account(&config.access.username) {
            continue;
        }
        let name = match AccountName::new(&user.name) {
            Ok(name) => name,
            Err(error) => {
                harvest.warn(error.to_string());
                is_whole = false;
                continue;
            }
        };
        if ask.only.as_ref().is_some_and(|only| folded(only.as_str()) != folded(&user.name)) {
            continue;
        }
        let was_there = ask.heard.identity(&name).is_some();
        if groups.is_administrator(&user.name) {
            if was_there {
                let why =
                    "is a member of administrators now, whom no quota holds: not metered, and never limited";
                harvest.unread(&name, None, Reason::NotOffered, why);
            }
            continue;
        }
        let group = groups.of(&user.name).map(str::to_string);
        let in_limited_group = groups.is_limited(&user.name);
        let is_account = config.groups.is_empty() || group.is_some() || in_limited_group;
        if !is_account && !was_there {
            continue;
        }
        if !is_account {
            strays.push(name.to_string());
        }
        accounts.push(Account { name, user, group, in_limited_group });
    }
    if let Some(first) = strays.first() {
        harvest.warn(format!(
            "{} accounts have left all groups that are configured and are metered on ({first}, …): delete or exclude them",
            strays.len()
        ));
    }
    (accounts, is_whole)
}
