//! Who asks for what: the login behind a request, and its arguments.

use super::switches::Switches;
use super::world::{Account, Rank, Server};
use crate::form::Form;
use axum::http::{Method, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use std::collections::BTreeMap;

/// Somebody who is logged in.
#[derive(Clone, Debug)]
pub struct Caller {
    /// In whose name.
    pub name: String,
    /// What that one may do.
    pub rank: Rank,
    /// Whose secret it is.
    pub real: String,
    /// The secret was a login key, which may have commands of its own.
    pub has_key: bool,
}

impl Caller {
    /// The accounts it may ask about in bulk: everybody, or its own users.
    pub fn own(&self, server: &Server) -> BTreeMap<String, Account> {
        let mut there = server.there();
        there.retain(|name, account| match self.rank {
            Rank::Admin => true,
            Rank::Reseller => account.creator == self.name && *name != self.name,
            Rank::User => false,
        });
        there
    }

    /// One account that it may ask about: one of its own, or itself.
    pub fn one(&self, server: &Server, name: &str) -> Option<Account> {
        let found = server.there().remove(name)?;
        (name == self.name || self.rank == Rank::Admin || found.creator == self.name).then_some(found)
    }
}

/// The login behind a request; `None` is a failure, and was counted as one.
pub fn caller(server: &Server, switches: &Switches, request: &Request<Bytes>) -> Option<Caller> {
    let found = logged_in(server, switches, request);
    if found.is_none() {
        server.guard.note();
    }
    found
}

fn logged_in(server: &Server, switches: &Switches, request: &Request<Bytes>) -> Option<Caller> {
    let told = request.headers().get("authorization")?.to_str().ok()?.strip_prefix("Basic ")?;
    let told = String::from_utf8(STANDARD.decode(told).ok()?).ok()?;
    let (user, secret) = told.split_once(':')?;
    let (real, name) = user.split_once('|').unwrap_or((user, user));
    let there = server.there();
    let rank_of = |name: &str| {
        let rank = there.get(name)?.rank;
        Some(if name == server.login.username { switches.role } else { rank })
    };
    let real_rank = rank_of(real)?;
    let is_login = real == server.login.username;
    let has_key = is_login && secret == server.login.login_key;
    let is_password = match is_login {
        true => secret == server.login.password,
        false => secret == password_of(real),
    };
    let may_act = name == real
        || real_rank == Rank::Admin
        || real_rank == Rank::Reseller && there.get(name).is_some_and(|one| one.creator == real);
    let is_known = has_key || is_password && switches.password_for_api;
    let rank = rank_of(name)?;
    (is_known && may_act).then(|| Caller { name: name.to_owned(), rank, real: real.to_owned(), has_key })
}

/// The password of an account that is not the login.
pub fn password_of(name: &str) -> String {
    format!("{name}-password")
}

/// One command of the old API.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Its name without `CMD_` and `API_`.
    pub command: String,
    /// Whether it came without `API_`: an answer for people, unless JSON is asked.
    pub is_page: bool,
    /// Whether JSON is asked, and understood.
    pub wants_json: bool,
    /// Whether it may change something.
    pub is_post: bool,
    /// Its arguments, of the query and of the body.
    pub arguments: Form,
}

impl Ask {
    /// Reads a request whose path is that of a command.
    pub fn read(switches: &Switches, request: &Request<Bytes>) -> Option<Self> {
        let command = request.uri().path().strip_prefix("/CMD_")?;
        let own = command.strip_prefix("API_");
        let mut arguments = Form::read(request.uri().query().unwrap_or_default()).into_pairs();
        let is_post = request.method() == Method::POST;
        if is_post {
            arguments.extend(Form::read(request.body()).into_pairs());
        }
        let arguments: Form = arguments.into_iter().collect();
        let asks = arguments.get("json") == "yes" || switches.accept_means_json && accepts_json(request);
        Some(Self {
            command: own.unwrap_or(command).to_owned(),
            is_page: own.is_none(),
            wants_json: asks && switches.json,
            is_post,
            arguments,
        })
    }

    /// The command as a login key lists it.
    pub fn as_listed(&self) -> String {
        format!("CMD_{}{}", if self.is_page { "" } else { "API_" }, self.command)
    }
}

/// Whether the caller says that it reads JSON.
pub fn accepts_json(request: &Request<Bytes>) -> bool {
    let accept = request.headers().get("accept").and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("application/json"))
}
