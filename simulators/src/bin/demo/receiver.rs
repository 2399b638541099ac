//! Who is notified: a webhook receiver that shows what came, newest first.

use axum::Router;
use axum::extract::State;
use axum::response::Html;
use axum::routing::get;
use std::io::Result;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// How many messages are shown.
const KEPT: usize = 200;

type Messages = Arc<Mutex<Vec<String>>>;

/// A receiver that is up as long as the program.
pub struct Receiver(SocketAddr);

impl Receiver {
    /// Listens on a free port of the loopback interface.
    pub async fn start() -> Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let routes = Router::new().route("/", get(page).post(take)).with_state(Messages::default());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(Self(address))
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.0)
    }
}

async fn take(State(messages): State<Messages>, body: String) {
    let mut messages = messages.lock().unwrap_or_else(PoisonError::into_inner);
    messages.insert(0, body);
    messages.truncate(KEPT);
}

async fn page(State(messages): State<Messages>) -> Html<String> {
    let messages = messages.lock().unwrap_or_else(PoisonError::into_inner);
    let escaped = |text: &String| text.replace('&', "&amp;").replace('<', "&lt;");
    let items: String =
        messages.iter().map(|text| format!("<li><code>{}</code></li>\n", escaped(text))).collect();
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Webhook receiver</title>\
         <h1>What whmeter has sent: {}</h1><ul>{items}</ul></html>",
        messages.len()
    ))
}
