//! Asks the cluster: one of its nodes after the other, with an API token or a ticket that is renewed.
//!
//! Keeps no cookies (one would win over the token), never has more than two calls on their way, and
//! never tries a refused password twice.

use futures_util::FutureExt;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use super::refusal::{ApiRefusal, CallFailure};
use super::settings::Access;
use super::wire::{Envelope, Login};
use crate::backends::BackendError;
use crate::backends::kit::session::{self, Lifetime};
use crate::backends::kit::{Addresses, Asks};
use crate::domain::Seconds;
use crate::http::{Answer, Call, Http, HttpError, Method, Url};
use crate::settings::Secret;

/// A cluster's web front has three workers by default, each doing one thing at a time (pveproxy(8)).
pub(super) const AT_ONCE: usize = 2;

/// How long a ticket lives (PVE::AccessControl, ticket_lifetime), and when it is renewed.
const LIFETIME: Lifetime = Lifetime { renew_after: Seconds::hours(1), over_after: Seconds::hours(2) };

/// One call: what is asked, how, and which right it needs.
#[derive(Clone, Debug)]
pub(super) struct ApiCall<'a> {
    method: Method,
    path: String,
    pairs: &'a [(&'a str, &'a str)],
    right: &'static str,
}

impl<'a> ApiCall<'a> {
    /// A GET of `path`, below `/api2/json/`.
    pub fn get(path: impl Into<String>, right: &'static str) -> ApiCall<'a> {
        ApiCall { method: Method::GET, path: path.into(), pairs: &[], right }
    }

    /// A PUT; all of ours say how things shall be and may be said twice.
    pub fn put(path: impl Into<String>, right: &'static str) -> ApiCall<'a> {
        ApiCall { method: Method::PUT, ..ApiCall::get(path, right) }
    }

    /// A POST; made once.
    pub fn post(path: impl Into<String>, right: &'static str) -> ApiCall<'a> {
        ApiCall { method: Method::POST, ..ApiCall::get(path, right) }
    }

    /// With parameters: in the query of a GET, in the body of the others.
    pub fn with(self, pairs: &'a [(&'a str, &'a str)]) -> ApiCall<'a> {
        ApiCall { pairs, ..self }
    }

    /// The call at one address.
    fn at(&self, base: &Url) -> Call {
        let mut url = base.clone();
        url.set_path("");
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(["api2", "json"]).extend(self.path.split('/'));
        }
        if self.method == Method::GET {
            if !self.pairs.is_empty() {
                url.query_pairs_mut().extend_pairs(self.pairs);
            }
            return Call::get(url);
        }
        let call = Call::new(self.method.clone(), url).form(self.pairs);
        if self.method == Method::PUT { call.repeatable() } else { call }
    }
}

/// What a login gave.
#[derive(Clone)]
struct Ticket {
    ticket: String,
    csrf: String,
}

/// The cluster as we know it.
pub(super) struct Session {
    http: Http,
    user: String,
    secret: Secret,
    addresses: Addresses,
    tickets: session::Session<Ticket>,
    turns: Semaphore,
}

impl Session {
    pub fn new(http: Http, access: Access) -> Session {
        let turns = Semaphore::new(http.max_in_flight().min(AT_ONCE));
        let Access { addresses, user, secret } = access;
        let (addresses, tickets) = (Addresses::new(addresses), session::Session::new(Some(LIFETIME)));
        Session { http, user, secret, addresses, tickets, turns }
    }

    pub fn http(&self) -> &Http {
        &self.http
    }

    pub fn addresses(&self) -> &[Url] {
        self.addresses.all()
    }

    /// Whether the credentials are an API token's.
    pub fn has_token(&self) -> bool {
        self.user.contains('!')
    }

    /// A call whose answer is JSON in its envelope.
    pub async fn json<T: DeserializeOwned>(&self, ask: ApiCall<'_>) -> Result<T, CallFailure> {
        let name = ask.path.clone();
        let answer = self.call(ask).await?;
        let envelope: Envelope<T> = answer.json(&name).map_err(BackendError::from)?;
        Ok(envelope.data)
    }

    /// A call that succeeds or says why not.
    pub async fn call(&self, ask: ApiCall<'_>) -> Result<Answer, CallFailure> {
        let _turn = self.turns.acquire().await.map_err(|_| BackendError::from(HttpError::Closed))?;
        if self.has_token() {
            return self.once(&ask, None).await;
        }
        let login = |old: Option<Ticket>| {
            let ticket = async move {
                match old {
                    Some(old) => self.renewed(&old).await,
                    None => self.login(self.secret.expose()).await,
                }
            };
            ticket.boxed()
        };
        let call = |ticket: Ticket| {
            let ask = &ask;
            async move { self.once(ask, Some(&ticket)).await }.boxed()
        };
        // Dropped before its time: another secret of the cluster, or its clock was set.
        let is_dropped = |refusal: &ApiRefusal| refusal.status == 401;
        self.tickets.call(self.http.clock().now(), &login, is_dropped, call).await
    }

    /// Whether the node at `base` answers at all; asked without credentials, which it refuses.
    pub async fn greet(&self, base: &Url) -> Result<String, BackendError> {
        let ask = ApiCall::get("version", "none");
        let answer = self.http.send(|| Ok(ask.at(base))).await?;
        match accept(&ask, answer) {
            Err(CallFailure::Refusal(refusal)) if refusal.status == 401 => Ok("wants credentials".into()),
            Err(failure) => Err(failure.into()),
            Ok(_) => Ok("accepts any client".into()),
        }
    }

    async fn once(&self, ask: &ApiCall<'_>, ticket: Option<&Ticket>) -> Result<Answer, CallFailure> {
        let answer = self.at_some_address(ask, |call| match ticket {
            None => call.secret_header("authorization", &self.token()),
            Some(ticket) => {
                let call =
                    call.secret_header("cookie", &format!("PVEAuthCookie={}", encoded(&ticket.ticket)));
                match ask.method == Method::GET {
                    true => call,
                    false => call.secret_header("CSRFPreventionToken", &ticket.csrf),
                }
            }
        });
        accept(ask, answer.await?)
    }

    /// A ticket's secret replaces the password until the cluster says otherwise.
    async fn renewed(&self, old: &Ticket) -> Result<Ticket, CallFailure> {
        match self.login(&old.ticket).await {
            Err(CallFailure::Refusal(refusal)) if refusal.status == 401 => {
                self.login(self.secret.expose()).await
            }
            other => other,
        }
    }

    async fn login(&self, password: &str) -> Result<Ticket, CallFailure> {
        let pairs = [("username", self.user.as_str()), ("password", password)];
        let ask = ApiCall::post("access/ticket", "a password login").with(&pairs);
        let answer = accept(&ask, self.at_some_address(&ask, |call| call).await?)?;
        let login: Envelope<Login> = answer.json("access/ticket").map_err(BackendError::from)?;
        let login = login.data;
        if login.needs_second_factor.is_some_and(|flag| flag != 0 && flag != false) {
            let why = "the user has a second factor, which a program cannot give; make an API token for whmeter \
                       and set user = \"user@realm!token\"";
            return Err(BackendError::Refused(why.into()).into());
        }
        Ok(Ticket { ticket: login.ticket, csrf: login.csrf.unwrap_or_default() })
    }

    /// The server cuts the header at `;` and decodes `%` (PVE::HTTPServer, auth_handler).
    fn token(&self) -> String {
        let secret = self.secret.expose().replace('%', "%25").replace(';', "%3B");
        format!("PVEAPIToken={}={secret}", self.user)
    }

    /// Asks at some address. A PUT of ours may be said twice, but not in two places.
    async fn at_some_address(
        &self,
        ask: &ApiCall<'_>,
        dress: impl Fn(Call) -> Call + Send + Sync,
    ) -> Result<Answer, BackendError> {
        let asks = if ask.method == Method::GET { Asks::Read } else { Asks::Write };
        let dress = &dress;
        let send = |base| async move { self.http.send(|| Ok(dress(ask.at(base)))).await }.boxed();
        self.addresses.ask(asks, send).await
    }
}

/// Success in JSON; an HTML page is no success, whatever its status.
fn accept(ask: &ApiCall<'_>, answer: Answer) -> Result<Answer, CallFailure> {
    match answer.is_success() && !answer.is_html() {
        true => Ok(answer),
        false => Err(CallFailure::Refusal(ApiRefusal::new(ask.path.clone(), ask.right, &answer))),
    }
}

/// A ticket as a cookie's value.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::kit::testing::{RecordedRequest, Scripted};

    #[test]
    fn paths_and_parameters_go_where_the_server_looks_for_them() {
        let base = Url::parse("https://pve1.example.net:8006/").expect("an address");
        let pairs = [("net0", "virtio=AA:BB,rate=1"), ("digest", "5b")];
        let get = ApiCall::get("nodes/pve1/tasks/UPID:a:b!c@d:", "").with(&pairs[1..]).at(&base);
        assert_eq!(
            get.url().as_str(),
            "https://pve1.example.net:8006/api2/json/nodes/pve1/tasks/UPID:a:b!c@d:?digest=5b"
        );
        let put = ApiCall::put("nodes/a b/qemu/1/config", "").with(&pairs).at(&base);
        assert_eq!(put.url().path(), "/api2/json/nodes/a%20b/qemu/1/config");
        assert_eq!(put.payload(), b"net0=virtio%3DAA%3ABB%2Crate%3D1&digest=5b");
    }

    #[tokio::test]
    async fn an_old_ticket_is_traded_for_a_new_one_and_the_password_is_the_last_resort() {
        assert_eq!(encoded("PVE:a@b:68A1::x+/="), "PVE%3Aa%40b%3A68A1%3A%3Ax%2B%2F%3D");
        let (due, over) = (Seconds::new(3700), Seconds::hours(3));
        for (good, age, wanted) in [
            ("old", due, vec!["old", "PVEAuthCookie=new"]),
            ("password", due, vec!["old", "password", "PVEAuthCookie=new"]),
            ("neither", due, vec!["old", "password"]),
            ("password", over, vec!["password", "PVEAuthCookie=new"]),
        ] {
            let password = |asked: &RecordedRequest| asked.body.split("password=").nth(1).map(str::to_string);
            let server = Scripted::serve(move |asked| {
                let status = if password(asked).is_none_or(|sent| sent == good) { 200 } else { 401 };
                let ticket = r#"{"data":{"ticket":"new","CSRFPreventionToken":"c"}}"#;
                (status, if asked.path.ends_with("ticket") { ticket } else { r#"{"data":{}}"# }.to_string())
            });
            let server = server.await;
            let secret = Secret::new("password".into());
            let access = Access { addresses: vec![server.url.clone()], user: "a@b".into(), secret };
            let session = Session::new(Scripted::http(), access);
            let since = session.http.clock().now().minus(age);
            session.tickets.keep(Ticket { ticket: "old".into(), csrf: String::new() }, since).await;
            let answer = session.call(ApiCall::get("version", "none")).await;
            assert_eq!(answer.is_ok(), good != "neither", "{good}");
            let sent = |asked: RecordedRequest| {
                password(&asked).unwrap_or_else(|| asked.header("cookie").to_string())
            };
            let sent: Vec<String> = server.asked().into_iter().map(sent).collect();
            assert_eq!(sent, wanted, "{good}");
        }
    }
}
