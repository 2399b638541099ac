//! Who is asking: an API token in a header, or a ticket in a cookie with a token against forgery.

use super::cluster::Cluster;
use super::reply::{Answered, Reply};
use super::switches::Switches;
use crate::form::{Form, decoded};
use crate::sessions::{Rules, Sessions};
use axum::http::HeaderMap;
use base64::Engine;
use serde_json::json;
use sha2::{Digest, Sha256};

/// A ticket lives two hours.
const LIFETIME: i64 = 7_200;

/// No ticket given out yet.
pub fn sessions() -> Sessions {
    Sessions::new(Rules::lasting(LIFETIME))
}

/// Lets a request in, or says why not.
pub fn admit(cluster: &Cluster, switches: &Switches, headers: &HeaderMap, writes: bool) -> Result<(), Reply> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // A cookie wins over the header.
    if let Some(cookie) = header("cookie").and_then(|cookie| cookie.strip_prefix("PVEAuthCookie=")) {
        if cluster.sessions.check(cluster.now(), &decoded(cookie, false)).is_err() {
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
    let told = decoded(token.split(';').next().unwrap_or_default(), false);
    let name = format!("{}!{}", cluster.user, cluster.token);
    match told.split_once('=') {
        Some((who, secret)) if who == name && secret == cluster.secret => Ok(()),
        Some((who, _)) if who == name => Err(refused(switches, "invalid token value!")),
        _ => Err(refused(switches, "no such token 'x' for user 'x'")),
    }
}

/// `POST /access/ticket`: for the password, or for a ticket that is still good.
pub fn ticket(cluster: &Cluster, switches: &Switches, told: &Form) -> Answered {
    let password = told.first("password").unwrap_or_default();
    let is_user = told.first("username") == Some(&cluster.user);
    let (now, mint) = (cluster.now(), || signed(cluster));
    let ticket = match cluster.sessions.renew(now, password, mint) {
        Ok(ticket) if is_user => Ok(ticket),
        _ => cluster.sessions.log_in(now, is_user && password == cluster.secret, mint),
    };
    let Ok(ticket) = ticket else {
        return Err(Reply::failed(switches, 401, "authentication failure"));
    };
    let mut data = json!({
        "username": cluster.user, "ticket": ticket, "CSRFPreventionToken": csrf_token(cluster),
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

fn signed(cluster: &Cluster) -> String {
    let head = format!("PVE:{}:{:08X}", cluster.user, cluster.now());
    let hash = Sha256::digest(format!("{head}{}", cluster.secret));
    format!("{head}::{}", base64::engine::general_purpose::STANDARD.encode(hash))
}

fn csrf_token(cluster: &Cluster) -> String {
    let hash = Sha256::digest(format!("csrf{}", cluster.secret));
    format!("68A1B2C3:{}", hex::encode(&hash[..8]))
}
