//! The bearer token of the metrics paths: made by the client itself with its secret key.

use super::policy::Wish;
use super::refusal::Refusal;
use super::reply::Reply;
use super::server::Server;
use super::switches::MetricsGuard;
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::{Sha256, Sha384, Sha512};

/// Why nobody gets in: no usable token, or one that does not hold.
enum Why {
    NoToken,
    Untrue,
    NoRight,
}

/// Lets a scraper in, or says the words of the release.
pub fn admit(server: &Server, head: &Parts) -> Result<Option<Reply>, Refusal> {
    let guard = server.switches().metrics_guard;
    if guard == MetricsGuard::Public {
        return Ok(None);
    }
    let Err(why) = check(server, head) else {
        return Ok(None);
    };
    const WORDS: &str = "Authentication failed, check your access credentials";
    match (guard, why) {
        (MetricsGuard::JwtOldWords, Why::Untrue) => {
            let mut reply = Reply::text("text/plain; charset=utf-8", WORDS).plain();
            reply.set_status(401);
            Ok(Some(reply))
        }
        (MetricsGuard::JwtOldWords, _) => Ok(Some(Reply::empty(403))),
        _ => Err(Refusal::new("AccessDenied").because(WORDS)),
    }
}

fn check(server: &Server, head: &Parts) -> Result<(), Why> {
    let told = head.headers.get("authorization").and_then(|value| value.to_str().ok());
    let token = told.and_then(|told| told.strip_prefix("Bearer ")).ok_or(Why::NoToken)?;
    let (signed, signature) = token.trim().rsplit_once('.').ok_or(Why::NoToken)?;
    let (header, claims) = signed.split_once('.').ok_or(Why::NoToken)?;
    let (header, claims) = (decoded(header)?, decoded(claims)?);
    let issuer = claims["iss"].as_str().unwrap_or_default();
    let name = claims["accessKey"].as_str().or(claims["sub"].as_str()).ok_or(Why::NoToken)?;
    if issuer != "prometheus" {
        return Err(Why::NoToken);
    }
    let signer = server.signer(name).map_err(|_| Why::Untrue)?;
    let algorithm = header["alg"].as_str().unwrap_or_default();
    let expected = mac(algorithm, signer.secret.as_bytes(), signed.as_bytes()).ok_or(Why::Untrue)?;
    let expires = claims["exp"].as_f64().ok_or(Why::Untrue)?;
    if URL_SAFE_NO_PAD.encode(expected) != signature || expires < server.now().timestamp() as f64 {
        return Err(Why::Untrue);
    }
    let wish = Wish { action: "admin:Prometheus", bucket: "", object: "", user: name };
    match signer.is_root || server.world().allows(&wish) {
        true => Ok(()),
        false => Err(Why::NoRight),
    }
}

fn decoded(part: &str) -> Result<Value, Why> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Why::NoToken)?;
    serde_json::from_slice(&bytes).map_err(|_| Why::NoToken)
}

fn mac(algorithm: &str, key: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    macro_rules! mac {
        ($hash:ty) => {{
            let mut mac = Hmac::<$hash>::new_from_slice(key).ok()?;
            mac.update(text);
            Some(mac.finalize().into_bytes().to_vec())
        }};
    }
    match algorithm {
        "HS512" => mac!(Sha512),
        "HS384" => mac!(Sha384),
        "HS256" => mac!(Sha256),
        _ => None,
    }
}
