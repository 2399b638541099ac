//! Asks the cluster: one of its nodes after the other, with an API token or a ticket that is renewed.
//!
//! Keeps no cookies (one would win over the token), never has more than two calls on their way, and
//! never tries a refused password twice.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use super::refusal::{Failure, Said};
use super::settings::Access;
use super::wire::{Envelope, Login};
use crate::backends::BackendError;
use crate::domain::{Seconds, Timestamp};
use crate::http::{Answer, Call, Http, HttpError, Method, Url};

/// A cluster's web front has three workers by default, each doing one thing at a time (pveproxy(8)).
pub(super) const AT_ONCE: usize = 2;

/// How long a ticket lives (PVE::AccessControl, ticket_lifetime).
const LIFETIME: Seconds = Seconds::hours(2);

/// When it is renewed.
const RENEW_AFTER: Seconds = Seconds::hours(1);

/// One call: what is asked, how, and which right it needs.
#[derive(Clone, Debug)]
pub(super) struct Ask<'a> {
    method: Method,
    path: String,
    pairs: &'a [(&'a str, &'a str)],
    right: &'static str,
}

impl<'a> Ask<'a> {
    /// A GET of `path`, below `/api2/json/`.
    pub fn get(path: impl Into<String>, right: &'static str) -> Ask<'a> {
        Ask { method: Method::GET, path: path.into(), pairs: &[], right }
    }

    /// A PUT; all of ours say how things shall be and may be said twice.
    pub fn put(path: impl Into<String>, right: &'static str) -> Ask<'a> {
        Ask { method: Method::PUT, ..Ask::get(path, right) }
    }

    /// A POST; made once.
    pub fn post(path: impl Into<String>, right: &'static str) -> Ask<'a> {
        Ask { method: Method::POST, ..Ask::get(path, right) }
    }

    /// With parameters: in the query of a GET, in the body of the others.
    pub fn with(self, pairs: &'a [(&'a str, &'a str)]) -> Ask<'a> {
        Ask { pairs, ..self }
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
    since: Timestamp,
}

impl Ticket {
    fn is_due(&self, now: Timestamp) -> bool {
        now.since(self.since) >= RENEW_AFTER
    }

    /// One that is over can only be refused, and servers ban those who are refused often.
    fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.since) >= LIFETIME
    }
}

/// The cluster as we know it.
pub(super) struct Session {
    http: Http,
    access: Access,
    /// The address that answered last: a dead node costs its time only once.
    first: AtomicUsize,
    ticket: Mutex<Option<Ticket>>,
    turns: Semaphore,
}

impl Session {
    pub fn new(http: Http, access: Access) -> Session {
        let turns = Semaphore::new(http.max_in_flight().min(AT_ONCE));
        Session { http, access, first: AtomicUsize::new(0), ticket: Mutex::new(None), turns }
    }

    pub fn http(&self) -> &Http {
        &self.http
    }

    pub fn addresses(&self) -> &[Url] {
        &self.access.addresses
    }

    /// Whether the credentials are an API token's.
    pub fn has_token(&self) -> bool {
        self.access.user.contains('!')
    }

    /// A call whose answer is JSON in its envelope.
    pub async fn json<T: DeserializeOwned>(&self, ask: Ask<'_>) -> Result<T, Failure> {
        let name = ask.path.clone();
        let answer = self.call(ask).await?;
        let envelope: Envelope<T> = answer.json(&name).map_err(BackendError::from)?;
        Ok(envelope.data)
    }

    /// A call that succeeds or says why not.
    pub async fn call(&self, ask: Ask<'_>) -> Result<Answer, Failure> {
        let _turn = self.turns.acquire().await.map_err(|_| BackendError::from(HttpError::Closed))?;
        if self.has_token() {
            return self.once(&ask, None).await;
        }
        let now = self.http.clock().now();
        let (ticket, fresh) = match self.kept().filter(|ticket| !ticket.is_over(now)) {
            Some(ticket) if !ticket.is_due(now) => (ticket, false),
            Some(old) => (self.renewed(&old).await?, true),
            None => (self.login(self.access.secret.expose()).await?, true),
        };
        match self.once(&ask, Some(&ticket)).await {
            // Dropped before its time: another secret of the cluster, or its clock was set.
            Err(Failure::Said(said)) if said.status == 401 && !fresh => {
                let ticket = self.login(self.access.secret.expose()).await?;
                self.once(&ask, Some(&ticket)).await
            }
            other => other,
        }
    }

    /// Whether the node at `base` answers at all; asked without credentials, which it refuses.
    pub async fn greet(&self, base: &Url) -> Result<String, BackendError> {
        let ask = Ask::get("version", "none");
        let answer = self.http.send(|| Ok(ask.at(base))).await?;
        match accept(&ask, answer) {
            Err(Failure::Said(said)) if said.status == 401 => Ok("wants credentials".into()),
            Err(failure) => Err(failure.into()),
            Ok(_) => Ok("lets everybody in".into()),
        }
    }

    async fn once(&self, ask: &Ask<'_>, ticket: Option<&Ticket>) -> Result<Answer, Failure> {
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
    async fn renewed(&self, old: &Ticket) -> Result<Ticket, Failure> {
        match self.login(&old.ticket).await {
            Err(Failure::Said(said)) if said.status == 401 => self.login(self.access.secret.expose()).await,
            other => other,
        }
    }

    async fn login(&self, password: &str) -> Result<Ticket, Failure> {
        let pairs = [("username", self.access.user.as_str()), ("password", password)];
        let ask = Ask::post("access/ticket", "a password login").with(&pairs);
        let answer = accept(&ask, self.at_some_address(&ask, |call| call).await?)?;
        let login: Envelope<Login> = answer.json("access/ticket").map_err(BackendError::from)?;
        let login = login.data;
        if login.needs_second_factor.is_some_and(|flag| flag != 0 && flag != false) {
            let why = "the user has a second factor, which a program cannot give; make an API token for whmeter \
                       and set user = \"user@realm!token\"";
            return Err(BackendError::Refused(why.into()).into());
        }
        let since = self.http.clock().now();
        let ticket = Ticket { ticket: login.ticket, csrf: login.csrf.unwrap_or_default(), since };
        if let Ok(mut kept) = self.ticket.lock() {
            *kept = Some(ticket.clone());
        }
        Ok(ticket)
    }

    fn kept(&self) -> Option<Ticket> {
        self.ticket.lock().ok()?.clone()
    }

    /// The server cuts the header at `;` and decodes `%` (PVE::HTTPServer, auth_handler).
    fn token(&self) -> String {
        let secret = self.access.secret.expose().replace('%', "%25").replace(';', "%3B");
        format!("PVEAPIToken={}={secret}", self.access.user)
    }

    /// Asks one address after the other until one answers. What may have been done is not done again
    /// elsewhere.
    async fn at_some_address(
        &self,
        ask: &Ask<'_>,
        dress: impl Fn(Call) -> Call + Send + Sync,
    ) -> Result<Answer, BackendError> {
        let addresses = &self.access.addresses;
        let first = self.first.load(Ordering::Relaxed);
        let mut trouble = BackendError::Unreachable("no address".into());
        for turn in 0..addresses.len() {
            let index = (first + turn) % addresses.len();
            match self.http.send(|| Ok(dress(ask.at(&addresses[index])))).await {
                Ok(answer) => {
                    self.first.store(index, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(error) => {
                    let never_sent = matches!(
                        error,
                        HttpError::Dns { .. } | HttpError::Connect { .. } | HttpError::Tls { .. }
                    );
                    trouble = error.into();
                    let elsewhere = never_sent || ask.method != Method::POST;
                    if !elsewhere || !matches!(trouble, BackendError::Unreachable(_)) {
                        break;
                    }
                }
            }
        }
        Err(trouble)
    }
}

/// Success in JSON; a page for people is no success, whatever its status.
fn accept(ask: &Ask<'_>, answer: Answer) -> Result<Answer, Failure> {
    match answer.is_success() && !answer.is_html() {
        true => Ok(answer),
        false => Err(Failure::Said(Said::new(ask.path.clone(), ask.right, &answer))),
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

    #[test]
    fn paths_and_parameters_go_where_the_server_looks_for_them() {
        let base = Url::parse("https://pve1.example.net:8006/").expect("an address");
        let pairs = [("net0", "virtio=AA:BB,rate=1"), ("digest", "5b")];
        let get = Ask::get("nodes/pve1/tasks/UPID:a:b!c@d:", "").with(&pairs[1..]).at(&base);
        assert_eq!(
            get.url().as_str(),
            "https://pve1.example.net:8006/api2/json/nodes/pve1/tasks/UPID:a:b!c@d:?digest=5b"
        );
        let put = Ask::put("nodes/a b/qemu/1/config", "").with(&pairs).at(&base);
        assert_eq!(put.url().path(), "/api2/json/nodes/a%20b/qemu/1/config");
        assert_eq!(put.payload(), b"net0=virtio%3DAA%3ABB%2Crate%3D1&digest=5b");
    }

    #[test]
    fn a_ticket_is_renewed_long_before_it_ends() {
        let at = |seconds: i64| Timestamp::new(1_795_226_400 + seconds).expect("in range");
        let ticket = Ticket { ticket: String::new(), csrf: String::new(), since: at(0) };
        assert!(!ticket.is_due(at(3599)) && ticket.is_due(at(3600)) && ticket.is_due(at(90_000)));
        assert!(!ticket.is_over(at(7199)) && ticket.is_over(at(7200)));
        assert_eq!(encoded("PVE:a@b:68A1::x+/="), "PVE%3Aa%40b%3A68A1%3A%3Ax%2B%2F%3D");
    }

    /// Logins take this as password, one after the other; what else is asked succeeds with any ticket.
    /// We hold a ticket of this age.
    async fn serving(good: &'static str, age: Seconds) -> (Session, std::sync::Arc<Mutex<Vec<String>>>) {
        let asked = std::sync::Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        let answer = move |uri: axum::http::Uri, headers: axum::http::HeaderMap, body: String| {
            let password = body.split("password=").nth(1).map(str::to_string);
            let cookie = headers.get("cookie").and_then(|value| value.to_str().ok()).map(str::to_string);
            let noted = password.clone().or(cookie).unwrap_or_default();
            log.lock().expect("no panic").push(noted);
            let status = if password.is_none_or(|told| told == good) { 200 } else { 401 };
            let text = match uri.path().ends_with("ticket") {
                true => r#"{"data":{"ticket":"new","CSRFPreventionToken":"c"}}"#,
                false => r#"{"data":{}}"#,
            };
            async move { (axum::http::StatusCode::from_u16(status).expect("a status"), text) }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
        let section = crate::settings::Section::new(toml::Table::new(), std::path::Path::new("."));
        let http = Http::new(&Default::default(), &section).expect("a client");
        let secret = crate::settings::Secret::new("password".into());
        let addresses = vec![Url::parse(&url).expect("an address")];
        let session = Session::new(http, Access { addresses, user: "a@b".into(), secret });
        let since = session.http.clock().now().minus(age);
        let old = Ticket { ticket: "old".into(), csrf: String::new(), since };
        *session.ticket.lock().expect("no panic") = Some(old);
        (session, asked)
    }

    #[tokio::test]
    async fn an_old_ticket_is_traded_for_a_new_one_and_the_password_is_the_last_resort() {
        let (due, over) = (Seconds::new(3700), Seconds::hours(3));
        for (good, age, wanted) in [
            ("old", due, vec!["old", "PVEAuthCookie=new"]),
            ("password", due, vec!["old", "password", "PVEAuthCookie=new"]),
            ("neither", due, vec!["old", "password"]),
            ("password", over, vec!["password", "PVEAuthCookie=new"]),
        ] {
            let (session, asked) = serving(good, age).await;
            let answer = session.call(Ask::get("version", "none")).await;
            assert_eq!(answer.is_ok(), good != "neither", "{good}");
            assert_eq!(*asked.lock().expect("no panic"), wanted, "{good}");
        }
    }
}
