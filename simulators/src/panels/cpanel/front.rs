//! From a request to an answer: who asks, which call, its privilege, its envelope.

use super::envelope::{Denied, Outcome, legacy_error, wrapped};
use super::guard::{Caller, Refused};
use super::world::Server;
use super::{accounts, bandwidth, disk, policy, system, uapi};
use crate::damage::html_page;
use crate::faults::Strikes;
use crate::form::Form;
use crate::server::{Front, answer};
use async_trait::async_trait;
use axum::http::{HeaderValue, Request, Response, header};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

const PLAIN: &str = "text/plain; charset=\"utf-8\"";
const JSON: &str = "application/json; charset=\"utf-8\"";

/// What old builds wrote in place of a refusal.
const MALFORMED: &str = "{\"cpanelresult\":{\"apiversion\":\"2\",\"error\":,\"Access denied\",\"data\":{\"reason\":\
                         \"Access denied\",\"result\":\"0\"},\"type\":\"text\"}}";

/// Longer than anybody waits for a firewall that drops packets.
const SILENCE: Duration = Duration::from_secs(3_600);

/// The server as its callers see it.
pub struct CpanelFront(pub Arc<Server>);

#[async_trait]
impl Front for CpanelFront {
    async fn answer(&self, _: usize, request: Request<Bytes>, strikes: &Strikes) -> Response<Bytes> {
        let server = &self.0;
        let switches = server.switches();
        let path = request.uri().path().to_owned();
        let Some(function) = path.strip_prefix("/json-api/").filter(|_| !switches.page_instead) else {
            return html_page(200);
        };
        let caller = match server.guard.admit(server.now(), &switches, &request) {
            Ok(caller) => caller,
            Err(Refused::Denied) => return self.credentials_refused(&path, None),
            Err(Refused::Silent) => {
                tokio::time::sleep(SILENCE).await;
                return self.credentials_refused(&path, None);
            }
        };
        let asked = arguments(&request);
        let outcome = match is_allowed(server, &caller, function) {
            Err(denied) => Err(denied),
            Ok(()) => outcome(server.clone(), caller, function, asked.clone()).await,
        };
        let body = wrapped(&switches, function, asked.get("api.version"), outcome).to_string();
        answer(200, JSON, strikes.change_body(body.into_bytes()))
    }

    /// One shape for an unknown user, a wrong token, one that has ended, and an address that is locked out.
    fn credentials_refused(&self, _: &str, status: Option<u16>) -> Response<Bytes> {
        let body = match self.0.switches().malformed_refusal {
            true => MALFORMED.to_owned(),
            false => legacy_error("Access denied").to_string(),
        };
        let mut refusal = answer(status.unwrap_or(403), PLAIN, body.into_bytes());
        refusal.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        refusal
    }

    fn right_missing(&self, path: &str) -> Response<Bytes> {
        let switches = self.0.switches();
        let function = path.rsplit('/').next().unwrap_or_default();
        let body = wrapped(&switches, function, "1", Err(no_right(&switches.denied_text, function)));
        answer(200, JSON, body.to_string().into_bytes())
    }

    fn too_many_requests(&self, _: &str) -> Response<Bytes> {
        answer(429, PLAIN, b"Too many requests\n".to_vec())
    }

    fn failed(&self, _: &str, status: u16) -> Response<Bytes> {
        answer(status, PLAIN, b"Internal Server Error\n".to_vec())
    }
}

/// The fields of the query and of a form in the body.
fn arguments(request: &Request<Bytes>) -> Form {
    let query = Form::read(request.uri().query().unwrap_or_default()).into_pairs();
    query.into_iter().chain(Form::read(request.body()).into_pairs()).collect()
}

/// The privilege that a call needs; empty where it needs none.
fn privilege(function: &str) -> &'static str {
    match function {
        "listaccts" | "get_disk_usage" | "acctcounts" => "list-accts",
        "accountsummary" => "acct-summary",
        "showbw" => "show-bandwidth",
        "suspendacct" | "unsuspendacct" => "suspend-acct",
        "limitbw" => "limit-bandwidth",
        "editquota" => "quota",
        "version" | "gethostname" => "basic-system-info",
        "quota_enabled" => "basic-whm-functions",
        "uapi_cpanel" | "cpanel" => "cpanel-api",
        _ => "",
    }
}

fn is_allowed(server: &Server, caller: &Caller, function: &str) -> Result<(), Denied> {
    let switches = server.switches();
    match switches.may(privilege(function)) || !caller.is_root {
        true => Ok(()),
        false => Err(no_right(&switches.denied_text, function)),
    }
}

fn no_right(text: &str, function: &str) -> Denied {
    Denied::new(text.replace("{function}", function))
}

/// How a call is refused that this build does not have.
pub fn unknown_function(function: &str) -> Denied {
    Denied::new(format!("Unknown app (“{function}”) requested for this version (1) of the API."))
}

async fn outcome(server: Arc<Server>, caller: Caller, function: &str, asked: Form) -> Outcome {
    match function {
        "suspendacct" => slowly(server, caller, asked, policy::suspend).await,
        "unsuspendacct" => slowly(server, caller, asked, policy::unsuspend).await,
        _ => at_once(&server, &caller, function, &asked),
    }
}

fn at_once(server: &Server, caller: &Caller, function: &str, asked: &Form) -> Outcome {
    match function {
        "listaccts" => accounts::list(server, caller, asked),
        "accountsummary" => accounts::summary(server, caller, asked),
        "acctcounts" => accounts::counts(server, caller, asked),
        "get_disk_usage" => disk::usage(server, caller, asked),
        "quota_enabled" => disk::quota_enabled(server),
        "showbw" => bandwidth::month(server, caller, asked),
        "limitbw" => policy::limit_bandwidth(server, caller, asked),
        "editquota" => policy::edit_quota(server, caller, asked),
        "version" => system::version(),
        "gethostname" => system::hostname(),
        "myprivs" => system::privileges(server, caller),
        "uapi_cpanel" => {
            uapi::call(server, caller, asked, ["cpanel.user", "cpanel.module", "cpanel.function"])
        }
        "cpanel" => {
            let fields = ["cpanel_jsonapi_user", "cpanel_jsonapi_module", "cpanel_jsonapi_func"];
            uapi::call(server, caller, asked, fields)
        }
        _ => Err(unknown_function(function)),
    }
}

/// Does what takes long, to its end whether the caller waits or not.
async fn slowly(
    server: Arc<Server>,
    caller: Caller,
    asked: Form,
    work: fn(&Server, &Caller, &Form) -> Outcome,
) -> Outcome {
    let takes = Duration::from_millis(server.switches().suspend_milliseconds);
    let done = tokio::spawn(async move {
        tokio::time::sleep(takes).await;
        work(&server, &caller, &asked)
    });
    done.await.unwrap_or_else(|_| Err(Denied::new("The process ended early.")))
}
