//! From a request to an answer: the file, the session, the right, the call, and the calls of a batch.

use super::ask::Ask;
use super::auth::Session;
use super::catalogue::{self, Api};
use super::mishaps::struck;
use super::reply::{Outcome, Refusal, enveloped, sent};
use super::switches::{BlockedSees, Switches};
use super::world::Server;
use super::{about, auth, groups, quota, storage, users};
use crate::damage::html_page;
use crate::faults::Strikes;
use crate::server::Front;
use async_trait::async_trait;
use axum::http::{Method, Request, Response};
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;

/// The NAS as its callers see it.
pub struct SynologyFront(pub Arc<Server>);

#[async_trait]
impl Front for SynologyFront {
    async fn answer(&self, _: usize, request: Request<Bytes>, strikes: &Strikes) -> Response<Bytes> {
        let (server, switches) = (&self.0, self.0.switches());
        if let Some(status) = switches.page_instead {
            return html_page(status);
        }
        let is_blocked = server.logins().is_blocked(&switches, server.now());
        if is_blocked && switches.blocked_sees == BlockedSees::Page {
            return html_page(403);
        }
        if !serves(&switches, request.uri().path()) {
            return html_page(404);
        }
        let ask = Ask::read(&switches, &request);
        let outcome = outcome(server, &switches, &ask, request.method() == Method::POST);
        let body = strikes.change_body(enveloped(&outcome).to_string().into_bytes());
        sent(&switches, body, outcome.as_ref().err())
    }

    /// All calls go to a few files: API and method follow, and of a batch those within.
    fn called(&self, request: &Request<Bytes>) -> String {
        let ask = Ask::read(&self.0.switches(), request);
        let mut calls = vec![ask.call()];
        for inner in compound(&ask) {
            let call = Ask::inner(&ask, &inner).call();
            if !calls.contains(&call) {
                calls.push(call);
            }
        }
        calls.iter().map(|call| format!(" {call};")).collect()
    }

    fn credentials_refused(&self, _: &str, status: Option<u16>) -> Response<Bytes> {
        let mut answer = self.refused(400);
        if let Some(status) = status {
            *answer.status_mut() = crate::server::status(status);
        }
        answer
    }

    fn right_missing(&self, _: &str) -> Response<Bytes> {
        self.refused(105)
    }

    fn too_many_requests(&self, _: &str) -> Response<Bytes> {
        html_page(429)
    }

    fn failed(&self, _: &str, status: u16) -> Response<Bytes> {
        html_page(status)
    }
}

impl SynologyFront {
    fn refused(&self, code: u32) -> Response<Bytes> {
        let outcome = Err(Refusal::code(code));
        let body = enveloped(&outcome).to_string().into_bytes();
        sent(&self.0.switches(), body, outcome.as_ref().err())
    }
}

/// Whether there is such a file. Old names stay on DSM 7.
fn serves(switches: &Switches, path: &str) -> bool {
    match path.strip_prefix("/webapi/") {
        Some("query.cgi") => switches.query_cgi,
        Some("auth.cgi") => true,
        Some(file) => file == switches.entry_path,
        None => false,
    }
}

fn outcome(server: &Server, switches: &Switches, ask: &Ask, is_post: bool) -> Outcome {
    let (api, writes) = known(switches, ask)?;
    struck(server, ask)?;
    match (api.name, ask.method.as_str()) {
        ("SYNO.API.Info", _) => {
            return Ok(catalogue::told(switches, ask.parameters.raw("query").unwrap_or_default()));
        }
        ("SYNO.API.Auth", "login") => return auth::login(server, switches, ask),
        ("SYNO.API.Auth", _) => return auth::logout(server, ask),
        _ => {}
    }
    let session = server.logins().check(switches, server.now(), ask.sid.as_deref())?;
    if api.name == "SYNO.Entry.Request" {
        return batch(server, switches, ask, &session, is_post);
    }
    done(server, switches, ask, &session, api, writes, is_post)
}

/// The API, and whether the method changes something. Versions are looked at before methods.
fn known(switches: &Switches, ask: &Ask) -> Result<(&'static Api, bool), Refusal> {
    if ask.api.is_empty() || ask.method.is_empty() {
        return Err(Refusal::code(101));
    }
    let api = catalogue::api(&ask.api).ok_or(Refusal::code(102))?;
    let version = ask.version.ok_or(Refusal::code(101))?;
    if !(api.versions.0..=api.last_version(switches)).contains(&version) {
        return Err(Refusal::code(104));
    }
    let writes = api.writes(switches, &ask.method).ok_or(Refusal::code(103))?;
    Ok((api, writes))
}

/// A call of somebody who is logged in.
fn done(
    server: &Server,
    switches: &Switches,
    ask: &Ask,
    session: &Session,
    api: &Api,
    writes: bool,
    is_post: bool,
) -> Outcome {
    let is_client = session.user == server.login.username;
    let user = server.user(&session.user).map(|(_, user)| user).ok_or(Refusal::code(105))?;
    if !api.is_for_everybody() && !auth::may_all(switches, is_client, &user) {
        return Err(Refusal::code(105));
    }
    if writes {
        may_write(switches, ask, session)?;
    }
    match api.name {
        "SYNO.Core.User" => users::call(server, switches, ask),
        "SYNO.Core.User.Group" => groups::of_user(server, switches, ask),
        "SYNO.Core.User.Home" => about::home(&session.user),
        "SYNO.Core.Group" => groups::groups(server, switches, ask),
        "SYNO.Core.Group.Member" => groups::members(server, switches, ask),
        "SYNO.Core.Quota" => quota::call(server, switches, ask),
        "SYNO.Core.BandwidthControl" | "SYNO.Core.BandwidthControl.Protocol" => {
            about::bandwidth(server, switches, ask)
        }
        "SYNO.Core.Share" => storage::shares_listed(server, switches, ask, is_post),
        "SYNO.Core.Storage.Volume" => storage::volumes_listed(server, switches, ask),
        "SYNO.Storage.CGI.Storage" => storage::load_info(server, switches),
        "SYNO.FileStation.List" => storage::folders(server, switches),
        "SYNO.FileStation.DirSize" => storage::folder_size(server, switches, ask),
        "SYNO.Core.Security.AutoBlock" => about::auto_block(switches),
        "SYNO.Core.System" => about::system(server, switches),
        "SYNO.Core.System.Utilization" => about::utilization(server),
        "SYNO.DSM.Info" => about::info(server, switches),
        _ => Err(Refusal::code(102)),
    }
}

/// On DSM 7 a write needs a login of the last version and its token.
fn may_write(switches: &Switches, ask: &Ask, session: &Session) -> Result<(), Refusal> {
    if let Some(code) = switches.locked_code {
        return Err(Refusal::code(code));
    }
    if !switches.is_seven() {
        return Ok(());
    }
    if session.version < 7 && !switches.v6_may_write {
        return Err(Refusal::code(105));
    }
    match session.token.is_some() && session.token == ask.token {
        true => Ok(()),
        false => Err(Refusal::code(switches.missing_token)),
    }
}

fn compound(ask: &Ask) -> Vec<Value> {
    match ask.parameters.json("compound").filter(|_| ask.api == "SYNO.Entry.Request") {
        Some(Value::Array(calls)) => calls,
        _ => Vec::new(),
    }
}

/// The calls of a batch in their order; the whole has succeeded whatever became of its parts.
fn batch(server: &Server, switches: &Switches, ask: &Ask, session: &Session, is_post: bool) -> Outcome {
    if let Some(code) = switches.batch_code {
        return Err(Refusal::code(code));
    }
    if ask.parameters.json("compound").is_none() {
        return Err(Refusal::of_parameter("compound", "required"));
    }
    if !ask.parameters.text("mode").is_some_and(|mode| ["sequential", "parallel"].contains(&mode.as_str())) {
        return Err(Refusal::of_parameter("mode", "condition"));
    }
    let stops = ask.parameters.flag("stop_when_error", 120)?;
    let (mut results, mut has_fail) = (Vec::new(), false);
    for told in compound(ask) {
        let inner = Ask::inner(ask, &told);
        let outcome = known(switches, &inner).and_then(|(api, writes)| {
            struck(server, &inner)?;
            done(server, switches, &inner, session, api, writes, is_post)
        });
        let mut result = enveloped(&outcome);
        for field in ["api", "method", "version"] {
            result[field] = told[field].clone();
        }
        has_fail |= outcome.is_err();
        results.push(result);
        if stops && has_fail {
            break;
        }
    }
    Ok(json!({ "has_fail": has_fail, "result": results }))
}
