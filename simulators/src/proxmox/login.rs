//! Who is asking: an API token in a header, or a ticket in a cookie with a token against forgery.

use super::cluster::Cluster;
use super::reply::{Answered, Reply};
use super::switches::Switches;
use axum::http::HeaderMap;
use base64::Engine;
use serde_json::json;
use sha2::{Digest, Sha256};

/// A ticket lives two hours.
const LIFETIME: i64 = 7_200;

/// Lets a request in, or says why not.
pub fn admit(cluster: &Cluster, switches: &Switches, headers: &HeaderMap, writes: bool) -> Result<(), Reply> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // A cookie wins over the header.
    if let Some(cookie) = header("cookie").and_then(|cookie| cookie.strip_prefix("PVEAuthCookie=")) {
        let ticket = decoded(cookie);
        if !is_valid(cluster, &ticket) {
            return Err(refused(switches, "permission denied - invalid PVE ticket"));
        }
        let csrf = header("csrfpreventiontoken");
        return match !writes || csrf == Some(csrf_token(cluster).as_str()) {
            true => Ok(()),
            false => Err(Reply::bare(401, "Permission denied - invalid csrf token")),
        };
    }
    let Some(token) = header("authorization").and_then(|told| told.strip_prefix("PVEAPIToken=")) else {
        return Err(Reply::bare(401, "No ticket"));
    };
    let told = decoded(token.split(';').next().unwrap_or_default());
    let name = format!("{}!{}", cluster.user, cluster.token);
    match told.split_once('=') {
        Some((who, secret)) if who == name && secret == cluster.secret => Ok(()),
        Some((who, _)) if who == name => Err(refused(switches, "invalid token value!")),
        _ => Err(refused(switches, "no such token 'x' for user 'x'")),
    }
}

/// `POST /access/ticket`.
pub fn ticket(cluster: &Cluster, switches: &Switches, pairs: &[(String, String)]) -> Answered {
    let told = |key: &str| pairs.iter().find(|(name, _)| name == key).map_or("", |(_, value)| value);
    let password = told("password");
    let known =
        told("username") == cluster.user && (password == cluster.secret || is_valid(cluster, password));
    if !known {
        return Err(Reply::failed(switches, 401, "authentication failure"));
    }
    let at = cluster.now();
    let mut data = json!({
        "username": cluster.user, "ticket": signed(cluster, at), "CSRFPreventionToken": csrf_token(cluster),
        "clustername": "prod1", "cap": { "vms": { "VM.Audit": 1 } },
    });
    if switches.second_factor {
        data["NeedTFA"] = json!(1);
        data["ticket"] = json!(format!("PVE:!tfa!{}", cluster.user));
    }
    Ok(data)
}

fn refused(switches: &Switches, old_words: &str) -> Reply {
    Reply::bare(401, if switches.version >= 9 { "Authentication failed!" } else { old_words })
}

fn signed(cluster: &Cluster, at: i64) -> String {
    let head = format!("PVE:{}:{at:08X}", cluster.user);
    let hash = Sha256::digest(format!("{head}{}", cluster.secret));
    format!("{head}::{}", base64::engine::general_purpose::STANDARD.encode(hash))
}

fn is_valid(cluster: &Cluster, ticket: &str) -> bool {
    let time = ticket.split(':').nth(2).and_then(|hex| i64::from_str_radix(hex, 16).ok());
    time.is_some_and(|at| signed(cluster, at) == ticket && cluster.now() - at < LIFETIME)
}

fn csrf_token(cluster: &Cluster) -> String {
    let hash = Sha256::digest(format!("csrf{}", cluster.secret));
    format!("68A1B2C3:{}", hex::encode(&hash[..8]))
}

/// A percent-encoded text.
pub fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let pair = after.get(..2).filter(|_| *first == b'%').and_then(|pair| std::str::from_utf8(pair).ok());
        let code = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
