//! A server that answers from a script, for tests of a kind's own wire. Whole stories are the simulators' business.

use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, StatusCode, Uri};

use crate::backends::{Backend, Limiter};
use crate::http::{Http, Url};
use crate::settings::Section;

/// How a backend under test limits accounts.
pub fn limiter(backend: &dyn Backend) -> &dyn Limiter {
    backend.limiter().expect("it limits accounts")
}

/// One call as it arrived.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl RecordedRequest {
    /// A header as text; empty where it did not come.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A server, and what it was asked so far.
pub struct Scripted {
    pub url: Url,
    asked: Arc<Mutex<Vec<RecordedRequest>>>,
}

impl Scripted {
    /// Serves what `answer` says of each call.
    pub async fn serve(
        answer: impl Fn(&RecordedRequest) -> (u16, String) + Send + Sync + 'static,
    ) -> Scripted {
        Scripted::serve_with_headers(move |asked| {
            let (status, text) = answer(asked);
            (status, Vec::new(), text)
        })
        .await
    }

    /// The same, with headers in the answers.
    pub async fn serve_with_headers(
        answer: impl Fn(&RecordedRequest) -> (u16, Vec<(&'static str, String)>, String) + Send + Sync + 'static,
    ) -> Scripted {
        let asked: Arc<Mutex<Vec<RecordedRequest>>> = Arc::default();
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        let route = move |uri: Uri, headers: HeaderMap, body: String| {
            let query = uri.query().unwrap_or_default().to_string();
            let one = RecordedRequest { path: uri.path().to_string(), query, headers, body };
            let (status, told, text) = answer(&one);
            log.lock().expect("no panic").push(one);
            let mut headers = HeaderMap::new();
            for (name, value) in told {
                headers.insert(name, value.parse().expect("a value"));
            }
            async move { (StatusCode::from_u16(status).expect("a status"), headers, text) }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(route)).await });
        Scripted { url: Url::parse(&url).expect("an address"), asked }
    }

    /// What it was asked, in order.
    pub fn asked(&self) -> Vec<RecordedRequest> {
        self.asked.lock().expect("no panic").clone()
    }

    /// A client with everything as it is by default.
    pub fn http() -> Http {
        let section = Section::new(toml::Table::new(), std::path::Path::new("."));
        Http::new(&Default::default(), &section).expect("a client")
    }
}
