//! Proves who is asking: SigV4 header signatures, and tokens for the metrics endpoints.
//!
//! Nothing is sent from here.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha512;

use crate::domain::Timestamp;
use crate::http::{Call, HttpError};
use crate::settings::Secret;

/// How long a metrics token is good for, in seconds: one scrape, and some difference of clocks.
const TOKEN_SECONDS: i64 = 600;

/// The credential everything is signed with.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub access_key: String,
    pub secret: Secret,
    pub region: String,
}

impl Key {
    /// Signs a finished call for the instant `at`. The scope's service is always `s3`, also for
    /// admin calls, which insist on the hash of the body (MinIO cmd/auth-handler.go).
    pub fn sign(&self, call: Call, at: Timestamp) -> Result<Call, HttpError> {
        let wrong = |detail: String| HttpError::Malformed { host: call.host(), detail };
        let credentials = Credentials::new(&self.access_key, self.secret.expose(), None, None, "config");
        let identity = credentials.into();
        let mut settings = SigningSettings::default();
        // The server decodes a path once and takes it as it is; encoding twice or tidying it up
        // gives another signature.
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(SystemTime::UNIX_EPOCH + Duration::from_secs(at.get().unsigned_abs()))
            .settings(settings)
            .build()
            .map_err(|error| wrong(error.to_string()))?
            .into();
        // No header of ours takes part, so a proxy that adds or drops some does no harm.
        let request = SignableRequest::new(
            call.method().as_str(),
            call.url().as_str(),
            std::iter::empty(),
            SignableBody::Bytes(call.payload()),
        )
        .map_err(|error| wrong(error.to_string()))?;
        let (signed, _) = sign(request, &params).map_err(|error| wrong(error.to_string()))?.into_parts();
        let headers =
            Vec::from_iter(signed.headers().map(|(name, value)| (name.to_string(), value.to_string())));
        Ok(headers.iter().fold(call, |call, (name, value)| call.secret_header(name, value)))
    }

    /// A token for the metrics endpoints: self-made, HS512 with the secret key (MinIO
    /// cmd/metrics-router.go accepts no SigV4 there).
    pub fn metrics_token(&self, at: Timestamp) -> Option<Secret> {
        let claims = serde_json::json!({
            "exp": at.get() + TOKEN_SECONDS, "sub": self.access_key, "iss": "prometheus",
        });
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(br#"{"alg":"HS512","typ":"JWT"}"#),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let mut mac = Hmac::<Sha512>::new_from_slice(self.secret.expose().as_bytes()).ok()?;
        mac.update(signed.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        Some(Secret::new(format!("{signed}.{signature}")))
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::http::Url;

    fn key(region: &str) -> Key {
        Key { access_key: "AK".into(), secret: Secret::new("secret".into()), region: region.into() }
    }

    fn at() -> Timestamp {
        // 2026-11-21T00:49:49Z
        Timestamp::new(1_795_222_189).expect("in range")
    }

    /// The signature worked out by hand, step by step as the standard has it.
    fn by_hand(region: &str, query: &str) -> String {
        let hmac = |key: &[u8], text: &str| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
            mac.update(text.as_bytes());
            mac.finalize().into_bytes().to_vec()
        };
        let empty = hex::encode(Sha256::digest(b""));
        let canonical = format!(
            "GET\n/minio/admin/v3/user-info\n{query}\nhost:s3.example.net:9000\n\
             x-amz-content-sha256:{empty}\nx-amz-date:20261121T004949Z\n\n\
             host;x-amz-content-sha256;x-amz-date\n{empty}"
        );
        let scope = format!("20261121/{region}/s3/aws4_request");
        let text = format!(
            "AWS4-HMAC-SHA256\n20261121T004949Z\n{scope}\n{}",
            hex::encode(Sha256::digest(canonical.as_bytes()))
        );
        let parts = ["20261121", region, "s3", "aws4_request", &text];
        let signature = parts.iter().fold(b"AWS4secret".to_vec(), |key, part| hmac(&key, part));
        format!(
            "AWS4-HMAC-SHA256 Credential=AK/{scope}, SignedHeaders=host;x-amz-content-sha256;x-amz-date, \
             Signature={}",
            hex::encode(signature)
        )
    }

    #[test]
    fn signatures_are_those_of_the_standard() {
        for (region, query) in [
            ("us-east-1", "accessKey=7-41"),
            ("", "accessKey=7-41"),
            ("mars-1", "accessKey=a%20b%2Bc%2Fd%2A%25%26%3D%C3%BC~_.-"),
            ("us-east-1", "isGroup=false&policyName=&userOrGroup=7-41"),
        ] {
            let url = format!("https://s3.example.net:9000/minio/admin/v3/user-info?{query}");
            let call = key(region).sign(Call::get(Url::parse(&url).expect("an address")), at());
            let signed = call.expect("signed");
            assert_eq!(signed.header_for_test("authorization"), by_hand(region, query), "{region} {query}");
            assert_eq!(
                signed.header_for_test("x-amz-content-sha256"),
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
            );
        }
    }

    #[test]
    fn a_token_says_who_and_until_when_and_is_signed() {
        let token = key("").metrics_token(at()).expect("a token");
        let parts: Vec<_> = token.expose().split('.').collect();
        let claims = URL_SAFE_NO_PAD.decode(parts[1]).expect("base64");
        let claims: serde_json::Value = serde_json::from_slice(&claims).expect("json");
        assert_eq!(claims, serde_json::json!({"exp": at().get() + 600, "sub": "AK", "iss": "prometheus"}));
        let mut mac = Hmac::<Sha512>::new_from_slice(b"secret").expect("any length");
        mac.update(format!("{}.{}", parts[0], parts[1]).as_bytes());
        mac.verify_slice(&URL_SAFE_NO_PAD.decode(parts[2]).expect("base64")).expect("signed by the secret");
    }
}
