//! Checks AWS Signature Version 4 as the panel does, with nothing but HMAC and SHA-256.
//!
//! Only header signing: signed URLs are refused. The canonical request is rebuilt from what
//! arrived, so a proxy that rewrites the host or the path breaks the signature here as there.

use super::refusal::Refusal;
use crate::form::{Form, decoded, encoded};
use axum::http::{HeaderMap, request::Parts};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const ALLOWED_SKEW: TimeDelta = TimeDelta::minutes(15);
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A signature as its header tells it.
#[derive(Debug)]
pub struct Claim {
    /// Who says to have signed.
    pub access_key: String,
    day: String,
    /// The region in the scope, possibly empty.
    pub region: String,
    service: String,
    signed_headers: Vec<String>,
    signature: String,
    stamp: String,
    payload: String,
}

impl Claim {
    /// Reads the claim; `None` when the request is anonymous.
    pub fn read(head: &Parts) -> Result<Option<Self>, Refusal> {
        let Some(header) = text(&head.headers, "authorization") else {
            return Ok(None);
        };
        let Some(fields) = header.strip_prefix(ALGORITHM) else {
            return Err(other_mechanism(header));
        };
        let missing = || Refusal::new("MissingFields");
        let field = |name: &str| {
            let mut parts = fields.split(',').map(str::trim);
            parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
        };
        let scope = field("Credential").ok_or_else(missing)?;
        let mut scope = scope.rsplitn(5, '/');
        let (Some("aws4_request"), Some(service), Some(region), Some(day), Some(access_key)) =
            (scope.next(), scope.next(), scope.next(), scope.next(), scope.next())
        else {
            return Err(Refusal::new("AuthorizationQueryParametersError"));
        };
        let signed_headers = field("SignedHeaders").ok_or_else(missing)?;
        let signature = field("Signature").ok_or_else(missing)?;
        Ok(Some(Self {
            access_key: access_key.to_owned(),
            day: day.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            signed_headers: signed_headers.split(';').map(str::to_owned).collect(),
            signature: signature.to_owned(),
            stamp: text(&head.headers, "x-amz-date").unwrap_or_default().to_owned(),
            payload: text(&head.headers, "x-amz-content-sha256").unwrap_or_default().to_owned(),
        }))
    }

    /// Checks service and signature against the signer's secret.
    pub fn verify(&self, head: &Parts, secret: &str, is_admin: bool) -> Result<(), Refusal> {
        if self.service != "s3" {
            return Err(Refusal::new("AuthorizationParametersError"));
        }
        if is_admin && self.payload.is_empty() {
            return Err(Refusal::new("AccessDenied"));
        }
        if !self.signed_headers.iter().any(|signed| signed == "host") {
            let message = "There were headers present in the request which were not signed";
            return Err(Refusal::new("AccessDenied").saying(message));
        }
        let canonical = self.canonical_request(head)?;
        let to_sign = self.string_to_sign(ALGORITHM, &hex_digest(canonical.as_bytes()));
        match self.sign(secret, &to_sign) == self.signature {
            true => Ok(()),
            false => Err(Refusal::new("SignatureDoesNotMatch")),
        }
    }

    /// Checks that the body is the one that was signed, and unpacks signed chunks.
    pub fn body(&self, body: &[u8], secret: &str) -> Result<Vec<u8>, Refusal> {
        match self.payload_hash() {
            UNSIGNED => Ok(body.to_vec()),
            streaming if streaming.starts_with("STREAMING-") => self.chunks(body, secret),
            told if told == hex_digest(body) => Ok(body.to_vec()),
            _ => Err(Refusal::new("XAmzContentSHA256Mismatch")),
        }
    }

    fn canonical_request(&self, head: &Parts) -> Result<String, Refusal> {
        let mut headers = String::new();
        for name in &self.signed_headers {
            let values = head.headers.get_all(name).into_iter().map(|value| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                value.split_whitespace().collect::<Vec<_>>().join(" ")
            });
            let values: Vec<String> = values.collect();
            if values.is_empty() {
                return Err(Refusal::new("SignatureDoesNotMatch"));
            }
            headers.push_str(&format!("{name}:{}\n", values.join(",")));
        }
        Ok([
            head.method.as_str(),
            &encoded(&decoded(head.uri.path(), false), true),
            &canonical_query(head.uri.query().unwrap_or_default()),
            &headers,
            &self.signed_headers.join(";"),
            self.payload_hash(),
        ]
        .join("\n"))
    }

    /// What the header tells; without it an S3 call has signed an empty body.
    fn payload_hash(&self) -> &str {
        match self.payload.as_str() {
            "" => EMPTY,
            told => told,
        }
    }

    fn string_to_sign(&self, algorithm: &str, rest: &str) -> String {
        let (day, region, service) = (&self.day, &self.region, &self.service);
        format!("{algorithm}\n{}\n{day}/{region}/{service}/aws4_request\n{rest}", self.stamp)
    }

    fn sign(&self, secret: &str, text: &str) -> String {
        let scope = [&self.day, &self.region, &self.service, "aws4_request"];
        let first = format!("AWS4{secret}").into_bytes();
        let key = scope.iter().fold(first, |key, part| hmac(&key, part.as_bytes()));
        hex::encode(hmac(&key, text.as_bytes()))
    }

    /// Unpacks `size;chunk-signature=...` frames; each signature covers the one before it.
    fn chunks(&self, body: &[u8], secret: &str) -> Result<Vec<u8>, Refusal> {
        let torn = || Refusal::new("InvalidRequest");
        let mut rest = body;
        let (mut plain, mut before) = (Vec::with_capacity(body.len()), self.signature.clone());
        loop {
            let end = rest.windows(2).position(|pair| pair == b"\r\n").ok_or_else(torn)?;
            let line = std::str::from_utf8(&rest[..end]).map_err(|_| torn())?;
            let (size, signature) = line.split_once(";chunk-signature=").unwrap_or((line, ""));
            let size = usize::from_str_radix(size, 16).map_err(|_| torn())?;
            let chunk = rest.get(end + 2..end + 2 + size).ok_or_else(torn)?;
            if self.payload.starts_with("STREAMING-AWS4") {
                let hashes = format!("{before}\n{}\n{}", hex_digest(b""), hex_digest(chunk));
                let to_sign = self.string_to_sign("AWS4-HMAC-SHA256-PAYLOAD", &hashes);
                if self.sign(secret, &to_sign) != signature {
                    return Err(Refusal::new("SignatureDoesNotMatch"));
                }
                signature.clone_into(&mut before);
            }
            if size == 0 {
                return Ok(plain);
            }
            plain.extend_from_slice(chunk);
            rest = rest.get(end + 2 + size + 2..).ok_or_else(torn)?;
        }
    }
}

/// The older signature of other clients finds no key; everything else is no mechanism at all.
fn other_mechanism(header: &str) -> Refusal {
    match header.starts_with("AWS ") || header.starts_with("Bearer ") {
        true => Refusal::new("AccessDenied"),
        false => {
            let message = "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.";
            Refusal::new("InvalidRequest").saying(message).in_xml()
        }
    }
}

/// Refuses a signed request whose stamp is further than 15 minutes from the panel's clock.
pub fn check_skew(headers: &HeaderMap, now: DateTime<Utc>) -> Result<(), Refusal> {
    if !text(headers, "authorization").is_some_and(|told| told.starts_with(ALGORITHM)) {
        return Ok(());
    }
    let stamp = text(headers, "x-amz-date").unwrap_or_default();
    match NaiveDateTime::parse_from_str(stamp, "%Y%m%dT%H%M%SZ") {
        Ok(told) if (told.and_utc() - now).abs() <= ALLOWED_SKEW => Ok(()),
        Ok(_) => Err(Refusal::new("RequestTimeTooSkewed").in_xml()),
        Err(_) => {
            let message = "AWS authentication requires a valid Date or x-amz-date header";
            let mut refusal = Refusal::new("AccessDenied").saying(message).in_xml();
            refusal.status = 400;
            Err(refusal)
        }
    }
}

fn canonical_query(query: &str) -> String {
    let mut pairs = Form::read(query).into_pairs();
    pairs.sort_by(|left, right| left.0.cmp(&right.0));
    let pairs =
        pairs.iter().map(|(name, value)| format!("{}={}", encoded(name, false), encoded(value, false)));
    pairs.collect::<Vec<_>>().join("&")
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn hex_digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    // HMAC takes keys of every length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Vec::new();
    };
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    #[test]
    fn a_query_is_sorted_and_encoded_again() {
        assert_eq!(canonical_query("b=2&a=x%2Fy+z&c"), "a=x%2Fy%20z&b=2&c=");
        assert_eq!(canonical_query(""), "");
        assert_eq!(encoded(&decoded("/a%20b/%C3%A4", false), true), "/a%20b/%C3%A4");
    }

    #[test]
    fn a_clock_may_be_fifteen_minutes_off() {
        let now = crate::clock::at(1_795_000_000);
        let headers = |seconds: i64| {
            let stamp = crate::clock::at(1_795_000_000 + seconds).format("%Y%m%dT%H%M%SZ");
            let told = [("authorization", ALGORITHM.to_owned()), ("x-amz-date", stamp.to_string())];
            let told = told.into_iter().filter_map(|(name, value)| {
                Some((HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?))
            });
            HeaderMap::from_iter(told)
        };
        assert!(check_skew(&headers(899), now).is_ok());
        assert!(check_skew(&headers(-899), now).is_ok());
        assert!(check_skew(&headers(901), now).is_err_and(|refusal| refusal.always_xml));
    }
}
