//! Who is there: virtual servers and users, and whether the lists are whole.

use std::collections::BTreeSet;

use serde_json::Value;

use super::panel::{ApiCall, Listed};
use super::refusal::CallFailure;
use super::wire::{Machine, User, id, number, text};
use super::{BackendError, OnApp};
use crate::domain::{AccountName, Harvest};

/// Accounts, and whether they are all there are.
#[derive(Debug)]
pub(super) struct Listing<T> {
    pub all: Vec<T>,
    /// Why it is not certain that these are all; none where it is.
    pub doubts: Vec<String>,
    /// The user that each row that is left out names; `None` where it names none, or where it is not known which rows lack.
    left_out_of: Vec<Option<String>>,
}

impl<T> Listing<T> {
    /// Takes in rows: those that are deleted are left out, those that cannot be read are named.
    fn read(
        listed: Listed,
        read: impl Fn(&Value) -> Result<T, String>,
        key: impl Fn(&T) -> (&AccountName, bool),
    ) -> Listing<T> {
        let (mut all, mut doubts, mut names) = (Vec::new(), Vec::from_iter(listed.doubt), BTreeSet::new());
        let mut left_out_of: Vec<Option<String>> = doubts.iter().map(|_| None).collect();
        let mut strange = Vec::new();
        for row in &listed.rows {
            let problem = match read(row) {
                Err(problem) => problem,
                Ok(one) => match key(&one) {
                    (_, true) => continue,
                    (name, false) if !names.insert(name.clone()) => format!("{name} is listed twice"),
                    (_, false) => {
                        all.push(one);
                        continue;
                    }
                },
            };
            left_out_of.push(number(row, "user_id"));
            strange.push(problem);
        }
        if let Some(first) = strange.first() {
            doubts.push(format!("{} rows of the list are left out, the first: {first}", strange.len()));
        }
        Listing { all, doubts, left_out_of }
    }

    /// One that was asked for by its name.
    pub fn of_one(one: T) -> Listing<T> {
        Listing { all: vec![one], doubts: Vec::new(), left_out_of: Vec::new() }
    }

    /// Whether something that is left out may be this user's.
    pub fn lacks_something_of(&self, user: &str) -> bool {
        self.left_out_of.iter().any(|of| of.as_deref().is_none_or(|of| of == user))
    }

    /// Says in a harvest what is not certain; tells whether everything is.
    pub fn is_whole(&self, harvest: &mut Harvest) -> bool {
        self.doubts.iter().for_each(|doubt| harvest.warn(doubt.clone()));
        self.doubts.is_empty()
    }
}

/// All virtual servers.
pub(super) fn machines_call() -> ApiCall {
    ApiCall::get(&["virtual_machines"], "virtual_machines.read")
}

/// All users, without the tree of permissions that each has.
pub(super) fn users_call() -> ApiCall {
    ApiCall::get(&["users"], "users.read").query([("short", String::new())])
}

impl OnApp {
    /// The virtual servers that a call lists.
    pub(super) async fn machines(&self, call: &ApiCall) -> Result<Listing<Machine>, BackendError> {
        let listed = self.panel.list(call).await?;
        let read = |row: &Value| Machine::read(row, self.config.gigabyte);
        Ok(Listing::read(listed, read, |machine| (&machine.name, machine.is_deleted)))
    }

    /// All users.
    pub(super) async fn users(&self) -> Result<Listing<User>, BackendError> {
        let listed = self.panel.list(&users_call()).await?;
        let read = |row: &Value| User::read(row, self.config.gigabyte);
        Ok(Listing::read(listed, read, |user| (&user.name, user.is_deleted)))
    }

    /// One virtual server as it is now.
    pub(super) async fn machine(&self, account: &AccountName) -> Result<Machine, BackendError> {
        let gone = || BackendError::NoSuchAccount(account.clone());
        // The panel would take an identifier too: that is another account's name, or nobody's.
        if !account.as_str().bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(gone());
        }
        let call = ApiCall::get(&["virtual_machines", account.as_str()], "virtual_machines.read");
        let row = match self.panel.object(&call).await {
            Err(CallFailure::Refusal(refusal)) if refusal.is_gone() => return Err(gone()),
            answered => answered?,
        };
        let machine = Machine::read(&row, self.config.gigabyte).map_err(|detail| call.unexpected(detail))?;
        match (machine.name == *account, machine.is_deleted) {
            (true, false) => Ok(machine),
            (true, true) => Err(gone()),
            (false, _) => Err(call.unexpected(format!("{} came in its place", machine.name))),
        }
    }

    /// One user as it is now, by its login.
    pub(super) async fn user(&self, account: &AccountName) -> Result<User, BackendError> {
        let found = self.users().await?.all.into_iter().find(|user| user.name == *account);
        let found = found.ok_or_else(|| BackendError::NoSuchAccount(account.clone()))?;
        self.user_by_id(&found.id).await
    }

    /// One user with its details.
    pub(super) async fn user_by_id(&self, id: &str) -> Result<User, BackendError> {
        let call = ApiCall::get(&["users", id], "users.read");
        let row = self.panel.object(&call).await?;
        let user = User::read(&row, self.config.gigabyte).map_err(|detail| call.unexpected(detail))?;
        match user.id == id {
            true => Ok(user),
            false => Err(call.unexpected(format!("user {} came in its place", user.id))),
        }
    }

    /// The user that whmeter is, and the time zone in its profile. Whoever sees only its own things sees nobody else's.
    pub(super) async fn profile(&self) -> Result<Profile, BackendError> {
        let call = ApiCall::get(&["profile"], "one's own profile");
        let row = self.panel.object(&call).await?;
        let id = id(&row).ok_or_else(|| call.unexpected("id is absent"))?;
        Ok(Profile { id, zone: text(&row, "time_zone").map(str::to_string) })
    }

    /// Why only what is our own may have been listed: a role that was cut to its own things is answered as well.
    pub(super) async fn own_alone<'a>(
        &self,
        users: impl Iterator<Item = Option<&'a str>>,
    ) -> Result<Option<String>, BackendError> {
        let profile = match self.profile().await {
            Ok(profile) => profile,
            Err(error @ (BackendError::Refused(_) | BackendError::Unexpected { .. })) => {
                return Ok(Some(format!("whose list this is is not known ({error}): nobody counts as gone")));
            }
            Err(error) => return Err(error),
        };
        let mut foreign = users.filter(|user| user.is_some_and(|user| user != profile.id));
        Ok(match foreign.next() {
            Some(_) => None,
            None => Some(
                "nothing of another user is listed: the role may be cut to its own things, so nobody counts as gone"
                    .into(),
            ),
        })
    }
}

/// Who whmeter is on the panel.
pub(super) struct Profile {
    pub id: String,
    pub zone: Option<String>,
}
