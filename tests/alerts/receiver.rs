//! Whoever is told: takes Alertmanager's webhooks and keeps what they say, by the name of the receiver.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::post;
use serde_json::Value;

/// One alert in one message.
#[derive(Clone, Debug)]
pub struct ReceivedAlert {
    /// The last part of the address: who was told.
    pub who: String,
    /// `firing` or `resolved`.
    pub status: String,
    pub labels: Value,
    pub annotations: Value,
    /// What the message was put together by.
    pub group: Value,
}

impl ReceivedAlert {
    pub fn is(&self, who: &str, status: &str, alert: &str) -> bool {
        self.who == who && self.status == status && self.labels["alertname"] == alert
    }
}

/// Everything told so far; clones share it.
#[derive(Clone, Default)]
pub struct Receiver {
    alerts: Arc<Mutex<Vec<ReceivedAlert>>>,
}

impl Receiver {
    /// Listens; returns its address.
    pub async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().route("/hooks/{who}", post(take)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        address
    }

    pub fn alerts(&self) -> Vec<ReceivedAlert> {
        self.alerts.lock().unwrap().clone()
    }
}

async fn take(State(receiver): State<Receiver>, Path(who): Path<String>, message: String) {
    let message: Value = serde_json::from_str(&message).unwrap();
    let alerts = message["alerts"].as_array().unwrap().iter().map(|alert| ReceivedAlert {
        who: who.clone(),
        status: alert["status"].as_str().unwrap().to_string(),
        labels: alert["labels"].clone(),
        annotations: alert["annotations"].clone(),
        group: message["groupLabels"].clone(),
    });
    receiver.alerts.lock().unwrap().extend(alerts);
}
