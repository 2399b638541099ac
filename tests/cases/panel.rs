//! A panel that gives the answers it was told to, whoever asks, and shows the time it was told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{StatusCode, Uri, header};
use axum::response::IntoResponse;

pub struct Panel {
    pub url: String,
    said: Arc<Mutex<Said>>,
}

#[derive(Default)]
struct Said {
    now: i64,
    /// By path, or by path and query.
    answers: BTreeMap<String, (u16, Vec<u8>)>,
    asked: Vec<String>,
}

impl Panel {
    pub async fn start() -> Panel {
        let said = Arc::new(Mutex::new(Said::default()));
        let kept = Arc::clone(&said);
        let answer = move |uri: Uri| {
            let kept = Arc::clone(&kept);
            async move {
                let mut said = kept.lock().unwrap();
                said.asked.push(uri.to_string());
                let whole = uri.path_and_query().map_or("", |whole| whole.as_str());
                let found = said.answers.get(whole).or_else(|| said.answers.get(uri.path()));
                let (status, body) = found.cloned().unwrap_or((404, Vec::new()));
                let shown = chrono::DateTime::from_timestamp(said.now, 0).unwrap();
                let date = shown.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
                (StatusCode::from_u16(status).unwrap(), [(header::DATE, date)], body).into_response()
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        Panel { url, said }
    }

    /// It is so late there.
    pub fn shows(&self, now: i64) {
        self.said.lock().unwrap().now = now;
    }

    pub fn says(&self, path: &str, body: impl Into<Vec<u8>>) {
        self.says_with(path, 200, body);
    }

    pub fn says_with(&self, path: &str, status: u16, body: impl Into<Vec<u8>>) {
        self.said.lock().unwrap().answers.insert(path.into(), (status, body.into()));
    }

    /// How often a path was asked for, with whatever query.
    pub fn asked(&self, part: &str) -> usize {
        self.said.lock().unwrap().asked.iter().filter(|asked| asked.contains(part)).count()
    }
}
