//! The webhook as its receiver sees it: the body, its key, and a signature checked by other code.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use whmeter::domain::UsageDay;
use whmeter::notify::{Channels, NotDelivered};
use whmeter::quota::{Channel, Occasion};

use crate::{channels, delivery, is_later, is_never, notification};

const SECRET: &str = "a webhook secret that is longer than one block of SHA-256, which is hashed first";

type Answer = (StatusCode, Option<&'static str>);

#[derive(Clone)]
struct Receiver {
    posts: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    answer: Arc<Mutex<Answer>>,
    channels: Channels,
    config: String,
}

impl Receiver {
    /// The channels of one who wishes the heads, too.
    fn wishing_heads(&self) -> Channels {
        channels(&format!("{}\nheads = true", self.config), None)
    }
}

async fn receive(
    State(receiver): State<Receiver>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap) {
    receiver.posts.lock().unwrap().push((headers, body));
    let (status, retry_after) = *receiver.answer.lock().unwrap();
    let headers = retry_after.map(|value| ("retry-after".parse().unwrap(), value.parse().unwrap()));
    (status, headers.into_iter().collect())
}

async fn start() -> Receiver {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks/whmeter", listener.local_addr().unwrap());
    let config =
        format!("channels = ['webhook']\n[webhook]\nurl = '{url}'\nsecret = '{SECRET}'\nretries = 0");
    let receiver = Receiver {
        posts: Arc::default(),
        answer: Arc::new(Mutex::new((StatusCode::NO_CONTENT, None))),
        channels: channels(&config, None),
        config,
    };
    let router =
        Router::new().route("/hooks/whmeter", axum::routing::post(receive)).with_state(receiver.clone());
    tokio::spawn(async { axum::serve(listener, router).await });
    receiver
}

/// RFC 2104, written out.
fn hmac(key: &[u8], text: &[u8]) -> String {
    let mut block = [0_u8; 64];
    let hashed = Sha256::digest(key);
    let key = if key.len() > 64 { &hashed[..] } else { key };
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(text).finalize();
    hex::encode(Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize())
}

#[tokio::test]
async fn the_body_is_the_promised_one_and_signed() {
    let receiver = start().await;
    let limited = notification(Occasion::Limited, "Jörg");
    let mut known = delivery(&limited);
    known.service = Some(7731);
    receiver.channels.deliver(Channel::Webhook, &known).await.unwrap();
    let restored = notification(Occasion::Restored, "a");
    receiver.channels.deliver(Channel::Webhook, &delivery(&restored)).await.unwrap();
    let posts = receiver.posts.lock().unwrap();
    let [(headers, body), (_, second)] = &posts[..] else { panic!("{posts:?}") };
    let told: Value = serde_json::from_slice(body).unwrap();
    let expected = json!({"key": "s3-fra1/Jörg/1/storage/90/2", "kind": "limited", "backend": "s3-fra1",
        "account": "Jörg", "service": 7731, "meter": "storage", "used_bytes": 100_298_223_944_u64,
        "limit_bytes": 107_374_182_400_u64, "percent": 93.41, "threshold": 90, "at": "2026-11-20T12:00:00Z"});
    assert_eq!(told, expected);
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["idempotency-key"], "s3-fra1/J%C3%B6rg/1/storage/90/2");
    assert_eq!(headers["x-whmeter-signature"], format!("sha256={}", hmac(SECRET.as_bytes(), body)));
    let told: Value = serde_json::from_slice(second).unwrap();
    assert_eq!((&told["kind"], &told["service"]), (&json!("restored"), &Value::Null));
}

#[tokio::test]
async fn the_heads_of_chains_are_posted_where_that_is_wished() {
    let receiver = start().await;
    let heads = ["journal/s3-fra1:412:9af3".to_string(), "chronicle:7:0123".to_string()];
    let (day, at) = (UsageDay::parse("2026-11-20").unwrap(), notification(Occasion::Limited, "a").at);
    receiver.channels.send_heads(day, at, &heads).await.unwrap();
    assert!(receiver.posts.lock().unwrap().is_empty(), "nobody has asked for them");
    receiver.wishing_heads().send_heads(day, at, &heads).await.unwrap();
    let posts = receiver.posts.lock().unwrap();
    let [(headers, body)] = &posts[..] else { panic!("{posts:?}") };
    let told: Value = serde_json::from_slice(body).unwrap();
    let expected =
        json!({"key": "heads/2026-11-20", "kind": "heads", "at": "2026-11-20T12:00:00Z", "heads": heads});
    assert_eq!(told, expected);
    assert_eq!(headers["idempotency-key"], "heads/2026-11-20");
    assert_eq!(headers["x-whmeter-signature"], format!("sha256={}", hmac(SECRET.as_bytes(), body)));
}

#[tokio::test]
async fn whatever_is_no_success_is_tried_again_later() {
    let receiver = start().await;
    let notice = notification(Occasion::Notify, "a");
    for code in [301, 400, 401, 404, 408, 410, 422, 425, 429, 500, 502, 503] {
        *receiver.answer.lock().unwrap() = (StatusCode::from_u16(code).unwrap(), None);
        let error = receiver.channels.deliver(Channel::Webhook, &delivery(&notice)).await.unwrap_err();
        assert!(is_later(&error) && error.to_string().contains(&code.to_string()), "{code}: {error}");
        assert!(!error.to_string().contains(SECRET));
    }
    for code in [429, 503] {
        *receiver.answer.lock().unwrap() = (StatusCode::from_u16(code).unwrap(), Some("3600"));
        match receiver.channels.deliver(Channel::Webhook, &delivery(&notice)).await.unwrap_err() {
            NotDelivered::Later { after, .. } => assert_eq!(after.unwrap().as_secs(), 3600),
            other => panic!("{other:?}"),
        }
    }
    let resolved = notification(Occasion::Resolved, "a");
    assert!(is_never(&receiver.channels.deliver(Channel::Webhook, &delivery(&resolved)).await.unwrap_err()));
}

#[tokio::test]
async fn check_finds_the_receiver_and_posts_nothing() {
    let receiver = start().await;
    let steps = receiver.channels.check(&[]).await;
    assert!(steps.len() >= 2 && steps.iter().all(|(_, outcome)| outcome.is_ok()), "{steps:?}");
    assert!(receiver.posts.lock().unwrap().is_empty());
    let nobody = "channels = ['webhook']\n[webhook]\nurl = 'http://127.0.0.1:9/x'\nsecret = 'x'";
    let steps = channels(nobody, None).check(&[]).await;
    assert!(steps.iter().any(|(_, outcome)| outcome.is_err()), "{steps:?}");
}
