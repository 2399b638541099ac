//! The limits of the accounts: whmeter's own by its config, or, until it has them, a stand-in that serves
//! its page and beside it how much of 100 GiB each account uses.

use axum::Router;
use axum::routing::get;

/// Whether whmeter takes `[[limit]]` and shows the ratio by it. Once it does, the stand-in can go.
const WHMETER_HAS_LIMITS: bool = false;

const LIMIT: f64 = (100_u64 << 30) as f64;

/// What the config says of limits.
pub fn config() -> &'static str {
    if WHMETER_HAS_LIMITS {
        "[[limit]]\nbackend = \"*\"\nmeter = \"storage\"\nsize = \"100 GiB\"\nnotify_at = [80, 90]\n"
    } else {
        ""
    }
}

/// The port of the page that shows the ratios of the whmeter at `port`.
pub async fn page(port: u16) -> u16 {
    if WHMETER_HAS_LIMITS { port } else { stand_in(port).await }
}

async fn stand_in(port: u16) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    let client = reqwest::Client::builder().no_proxy().no_gzip().build().unwrap();
    let page = async move || {
        let answer = client.get(format!("http://127.0.0.1:{port}/metrics")).send().await.unwrap();
        let page = answer.text().await.unwrap();
        let ratios: String = page.lines().filter_map(ratio).collect();
        format!("{page}{ratios}")
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/metrics", get(page))).await });
    own
}

/// The line of the ratio that belongs to a line of the level.
fn ratio(line: &str) -> Option<String> {
    let (labels, level) = line.strip_prefix("whmeter_storage_used_bytes{")?.split_once("} ")?;
    let ratio = level.parse::<f64>().unwrap() / LIMIT;
    Some(format!("whmeter_limit_used_ratio{{{labels},meter=\"storage\"}} {ratio:.5}\n"))
}
