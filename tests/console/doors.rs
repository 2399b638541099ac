//! Who gets in by a browser, and what nobody can make a browser do.

use reqwest::header::HeaderMap;
use whmeter_simulators::clock::ClockStart;

use crate::scene::{BILLING, OPERATOR, TIED, VIEWER, tokens};
use crate::support::house::{house, start};
use crate::support::panels::section;
use crate::support::program::{Daemon, Site, free_port};

/// A browser of few words: it keeps cookies, and follows nothing.
struct Visitor<'a> {
    daemon: &'a Daemon<'a>,
    client: reqwest::Client,
    cookies: Vec<(String, String)>,
}

struct Seen {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The word that the first form of the page repeats.
    fn word(&self) -> String {
        let (_, rest) =
            self.text.split_once("name=\"form\" value=\"").unwrap_or_else(|| panic!("{}", self.text));
        rest.split('"').next().unwrap().to_string()
    }
}

impl<'a> Visitor<'a> {
    fn new(daemon: &'a Daemon<'a>) -> Visitor<'a> {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Visitor { daemon, client: client.pool_max_idle_per_host(0).build().unwrap(), cookies: Vec::new() }
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Seen {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = request.header("cookie", cookies.join("; ")).send().await.unwrap();
        for set in answer.headers().get_all("set-cookie") {
            let set = set.to_str().unwrap();
            assert!(set.contains("; Path=/;") && set.ends_with("; HttpOnly; SameSite=Strict"), "{set}");
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(own, _)| own != name);
            if !set.contains("Max-Age=0;") {
                self.cookies.push((name.into(), value.into()));
            }
        }
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Seen { status, headers, text: answer.text().await.unwrap() }
    }

    async fn get(&mut self, path: &str) -> Seen {
        self.send(self.client.get(self.daemon.url(path))).await
    }

    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Seen {
        let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.client.post(self.daemon.url(path)).body(body.join("&"));
        self.send(request.header("content-type", "application/x-www-form-urlencoded")).await
    }

    /// Logs in; where that leads to.
    async fn log_in(&mut self, token: &str, next: &str) -> Seen {
        let word = self.get("/login").await.word();
        self.post("/login", &[("form", &word), ("next", next), ("token", token)]).await
    }

    fn session(&self) -> Option<&String> {
        self.cookies.iter().find(|(name, _)| name == "whmeter_session").map(|(_, value)| value)
    }
}

const PAGES: [&str; 8] = [
    "/",
    "/accounts",
    "/accounts/s3/7-41",
    "/accounts/s3/7-41/why",
    "/findings",
    "/map",
    "/audit",
    "/outbox",
];

async fn site(tokens: &str) -> (whmeter_simulators::minio::Panel, Site, u16) {
    let (panel, port) = (start(3, ClockStart::WallClock).await, free_port());
    let backend = section(&panel, "s3", "every = \"1h\"\nwhmcs_server = 12\n");
    let site = Site::new(&house(port, "", tokens, &[backend]));
    (panel, site, port)
}

async fn read_once(daemon: &Daemon<'_>, token: &str) {
    daemon
        .until_as("/v1/accounts", token, "has read", |got| {
            got.status == 200 && got.json()["rows"].as_array().is_some_and(|rows| !rows.is_empty())
        })
        .await;
}

fn check_promises(seen: &Seen, path: &str) {
    let policy = seen.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "style-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(part), "{path}: {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{path}: {policy}");
    assert_eq!(seen.header("x-content-type-options"), "nosniff", "{path}");
    assert_eq!(seen.header("referrer-policy"), "same-origin", "{path}");
    assert_eq!(seen.header("cache-control"), "no-store", "{path}");
    let inner = &seen.text;
    assert!(
        !inner.contains("<script") && !inner.contains(" style=") && !inner.contains(" onclick"),
        "{path}: {inner}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_opens_pages_for_as_long_as_its_token_is_one() {
    let (_panel, site, port) = site(&tokens()).await;
    let daemon = site.serve(port).await;
    read_once(&daemon, VIEWER).await;
    let mut visitor = Visitor::new(&daemon);
    for path in PAGES {
        let seen = visitor.get(path).await;
        assert_eq!(seen.status, 303, "{path}");
        assert!(seen.header("location").starts_with("/login"), "{path}: {}", seen.header("location"));
        check_promises(&seen, path);
    }
    assert_eq!(
        visitor.get("/audit?backend=s3").await.header("location"),
        "/login?next=%2Faudit%3Fbackend%3Ds3"
    );
    // A token in a header opens no page, and pages that act want a form.
    let bearer = visitor.client.get(daemon.url("/accounts")).bearer_auth(OPERATOR);
    assert_eq!(visitor.send(bearer).await.status, 303);
    assert_eq!(visitor.post("/backends/s3/poll", &[]).await.header("location"), "/login");

    // Nobody else gets in: by a guess, without the scope, or with a token of one server.
    for (token, status, says) in [
        ("a-guess-0123456789", 401, "no such token"),
        (BILLING, 403, "no scope"),
        (TIED, 403, "no scope"),
        ("", 401, "no such token"),
    ] {
        let seen = visitor.log_in(token, "/").await;
        assert_eq!(seen.status, status, "{token}");
        assert!(seen.text.contains(says) && visitor.session().is_none(), "{token}: {}", seen.text);
        assert!(token.is_empty() || !seen.text.contains(token), "the token is on the page");
        check_promises(&seen, "/login");
    }
    let counted = daemon.ask("GET", "/metrics/self", BILLING).await;
    assert_eq!(counted.status, 403);

    // Who is let in gets where he wanted, and only on this site.
    for (next, to) in [
        ("%2Faudit", "/audit"),
        ("%2F%2Fevil.example", "/"),
        ("%2F%5Cevil.example", "/"),
        ("https%3A%2F%2Fevil.example", "/"),
        ("%2F%0d%0aset-cookie:%20a=b", "/"),
        ("%2F%09%2Fevil.example", "/"),
    ] {
        let seen = visitor.log_in(VIEWER, next).await;
        assert_eq!((seen.status, seen.header("location")), (303, to), "{next}");
        let word = visitor.get("/").await.word();
        assert_eq!(visitor.post("/logout", &[("form", &word)]).await.header("location"), "/login");
        assert!(visitor.session().is_none());
    }
    visitor.log_in(VIEWER, "/").await;
    for path in PAGES {
        let seen = visitor.get(path).await;
        assert_eq!(seen.status, 200, "{path}: {}", seen.text);
        assert_eq!(seen.header("content-type"), "text/html; charset=utf-8");
        check_promises(&seen, path);
    }
    let session = visitor.session().unwrap().clone();
    assert!(!session.contains(VIEWER));
    // It opens pages alone, and none that acts.
    let json = visitor.get("/v1/accounts").await;
    assert_eq!(json.status, 401);
    let word = visitor.get("/").await.word();
    let refused = visitor.post("/backends/s3/poll", &[("form", &word)]).await;
    assert_eq!(refused.status, 403);
    assert!(
        refused.text.contains("no scope") && refused.text.starts_with("<!DOCTYPE html>"),
        "{}",
        refused.text
    );
    let unknown = visitor.get("/accounts/s3/nobody").await;
    assert_eq!(unknown.status, 404);
    assert!(
        unknown.text.contains("was ever seen") && unknown.text.starts_with("<!DOCTYPE html>"),
        "{}",
        unknown.text
    );
    check_promises(&unknown, "/accounts/s3/nobody");

    // A forged one is none, and neither is one whose token was changed.
    for forged in [session.replacen('.', ".9", 1), format!("{session}x"), "a.b.c.d".into()] {
        visitor.cookies = vec![("whmeter_session".into(), forged)];
        assert_eq!(visitor.get("/accounts").await.status, 303);
        assert!(visitor.session().is_none(), "it is taken away");
    }
    visitor.cookies = vec![("whmeter_session".into(), session.clone())];
    assert_eq!(visitor.get("/accounts").await.status, 200);
    let config = std::fs::read_to_string(site.config()).unwrap();
    site.write("whmeter.toml", &config.replace(VIEWER, "viewers-token-is-another-one"));
    daemon.signal("-HUP");
    daemon.until_logged("config read again").await;
    assert_eq!(visitor.get("/accounts").await.header("location"), "/login?next=%2Faccounts");
    // One that was changed back is the same token again: it was never revoked.
    daemon.stop().await;
    site.check_never_said(&[OPERATOR, VIEWER, TIED]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_other_page_can_press_a_button() {
    let (_panel, site, port) = site(&tokens()).await;
    let daemon = site.serve(port).await;
    read_once(&daemon, VIEWER).await;
    let mut visitor = Visitor::new(&daemon);
    visitor.log_in(OPERATOR, "/").await;
    let word = visitor.get("/").await.word();
    let mut other = Visitor::new(&daemon);
    other.log_in(OPERATOR, "/").await;
    let others = other.get("/").await.word();
    assert_ne!(word, others, "each session has its own");
    let account = format!("/accounts/s3/{}/policy", "7-41");
    for path in ["/backends/s3/poll", account.as_str(), "/logout"] {
        for forged in ["", "x", others.as_str()] {
            let seen = visitor.post(path, &[("form", forged), ("action", "unpin")]).await;
            assert_eq!(seen.status, 403, "{path} {forged}");
            assert!(seen.text.contains("nothing was done"), "{}", seen.text);
        }
        assert_eq!(visitor.post(path, &[("action", "unpin")]).await.status, 403, "{path}");
        // With the right word from a page of another site, which it could not know.
        let request = visitor.client.post(daemon.url(path)).header("origin", "http://evil.example");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        assert_eq!(
            visitor.send(request.body(format!("form={word}&action=unpin"))).await.status,
            403,
            "{path}"
        );
    }
    assert!(visitor.session().is_some(), "nobody else logs anybody out");
    let acts = daemon.ask("GET", "/v1/audit", VIEWER).await.json();
    assert_eq!(acts["rows"].as_array().map(Vec::len), Some(0), "{acts}");

    // What a form says has to mean something.
    for (fields, status) in [
        (vec![("action", "explode")], 400),
        (vec![("action", "pin"), ("policy", "none")], 400),
        (vec![("action", "pin"), ("policy", "standard"), ("until", "tomorrow")], 400),
        (vec![("action", "pin"), ("policy", "standard"), ("until", "2020-01-01")], 422),
    ] {
        let fields = [vec![("form", word.as_str())], fields].concat();
        assert_eq!(visitor.post(&account, &fields).await.status, status, "{fields:?}");
    }
    let done = visitor.post("/backends/s3/poll", &[("form", &word)]).await;
    assert_eq!((done.status, done.header("location")), (303, "/#panels"));
    let acts = daemon.ask("GET", "/v1/audit", VIEWER).await.json();
    let (act, actor) = (&acts["rows"][0]["action"], &acts["rows"][0]["actor"]);
    assert_eq!((act, actor), (&"poll".into(), &"console, token operator".into()), "{acts}");

    // A link that somebody follows from elsewhere is no request of that page.
    let link = |mode: &str| {
        let request = visitor.client.get(daemon.url("/login")).header("sec-fetch-site", "cross-site");
        request.header("sec-fetch-mode", mode.to_string()).header("sec-fetch-dest", "document")
    };
    let (followed, fetched) = (link("navigate"), link("no-cors"));
    assert_eq!(visitor.send(followed).await.status, 303, "a session is there: to the overview");
    assert_eq!(visitor.send(fetched).await.status, 403);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_a_page_for_people_and_a_problem_for_programs() {
    let (_panel, site, port) = site("").await;
    let daemon = site.serve(port).await;
    read_once(&daemon, "").await;
    let ask = async |accept: &str| {
        let url = format!("http://127.0.0.1:{port}/acounts");
        let answer = reqwest::Client::new().get(url).header("accept", accept).send().await.unwrap();
        let header = |name: &str| {
            answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
        };
        let (kind, policy, status) =
            (header("content-type"), header("content-security-policy"), answer.status().as_u16());
        (status, kind, policy, answer.text().await.unwrap())
    };
    let (status, kind, policy, page) = ask("text/html,application/xhtml+xml").await;
    assert_eq!((status, kind.as_str()), (404, "text/html; charset=utf-8"));
    assert!(
        policy.contains("default-src 'none'") && page.contains("nothing is served under this path"),
        "{page}"
    );
    let (status, kind, _, text) = ask("*/*").await;
    assert_eq!((status, kind.as_str()), (404, "application/problem+json"), "{text}");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_tokens_nobody_logs_in_and_forms_are_signed_all_the_same() {
    let (_panel, site, port) = site("").await;
    let daemon = site.serve(port).await;
    daemon
        .until("/v1/accounts", "has read", |got| {
            got.json()["rows"].as_array().is_some_and(|rows| !rows.is_empty())
        })
        .await;
    let mut visitor = Visitor::new(&daemon);
    assert_eq!(visitor.get("/login").await.header("location"), "/");
    for path in PAGES {
        let seen = visitor.get(path).await;
        assert_eq!(seen.status, 200, "{path}: {}", seen.text);
        check_promises(&seen, path);
        assert!(!seen.text.contains("Log out"));
    }
    assert_eq!(visitor.post("/backends/s3/poll", &[]).await.status, 403);
    let word = visitor.get("/").await.word();
    assert_eq!(Visitor::new(&daemon).post("/backends/s3/poll", &[("form", &word)]).await.status, 403);
    assert_eq!(visitor.post("/backends/s3/poll", &[("form", &word)]).await.status, 303);
    let acts = daemon.get("/v1/audit").await.json();
    assert_eq!(acts["rows"][0]["actor"], "console", "{acts}");

    // One stylesheet, which a browser asks for again and is not sent again.
    for path in ["/console.css", "/console.svg"] {
        let first = visitor.get(path).await;
        assert_eq!(first.status, 200, "{path}");
        let again = visitor.client.get(daemon.url(path)).header("if-none-match", first.header("etag"));
        let again = visitor.send(again).await;
        assert_eq!((again.status, again.text.len()), (304, 0), "{path}");
        assert_eq!(again.header("etag"), first.header("etag"), "{path}");
    }
    daemon.stop().await;
}
