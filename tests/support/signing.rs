//! Somebody at the panel besides whmeter: an operator with a client that signs.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use sha2::{Digest, Sha256};
use whmeter_simulators::minio::sealed;
use whmeter_simulators::panel::SimulatedPanel;

/// Calls the admin API of a fake MinIO as root, by the panel's own clock.
pub async fn admin(panel: &dyn SimulatedPanel, method: &str, call: &str, body: &[u8]) -> Vec<u8> {
    let settings = panel.settings();
    let (base, name, secret) = (&settings["url"], &settings["access_key"], &settings["secret"]);
    let url = format!("{base}/minio/admin/v3/{call}");
    let hash = hex::encode(Sha256::digest(body));
    let host = base.split("//").nth(1).unwrap();
    let headers = [("host", host), ("x-amz-content-sha256", &hash)];
    let identity = Credentials::from_keys(name, secret, None).into();
    let mut how = SigningSettings::default();
    how.percent_encoding_mode = PercentEncodingMode::Single;
    let now = Duration::from_secs(panel.knobs().clock.now_seconds().unsigned_abs());
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("s3")
        .time(SystemTime::UNIX_EPOCH + now)
        .settings(how)
        .build()
        .unwrap();
    let signable =
        SignableRequest::new(method, &url, headers.into_iter(), SignableBody::Bytes(body)).unwrap();
    let (signing, _) = sign(signable, &parameters.into()).unwrap().into_parts();
    whmeter::http::install_tls();
    let client = reqwest::Client::builder().no_gzip().build().unwrap();
    let mut request = client.request(method.parse().unwrap(), &url);
    for (name, value) in signing.headers() {
        request = request.header(name, value);
    }
    let answer = request.header("x-amz-content-sha256", hash).body(body.to_vec()).send().await.unwrap();
    let status = answer.status();
    let body = answer.bytes().await.unwrap().to_vec();
    assert!(status.is_success(), "{call}: {status} {}", String::from_utf8_lossy(&body));
    body
}

/// Maps another policy on a user, as an operator does by hand.
pub async fn map_policy(panel: &dyn SimulatedPanel, user: &str, policy: &str) {
    let call = format!("set-user-or-group-policy?isGroup=false&policyName={policy}&userOrGroup={user}");
    admin(panel, "PUT", &call, b"").await;
}

/// Makes a user; `name` is percent-encoded already.
pub async fn add_user(panel: &dyn SimulatedPanel, name: &str, secret: &str) {
    let plain = format!(r#"{{"secretKey":"{secret}","status":"enabled"}}"#);
    let key = &panel.settings()["secret"];
    let sealed = sealed::seal(key, 0, &sealed::Head::random(), plain.as_bytes()).unwrap();
    admin(panel, "PUT", &format!("add-user?accessKey={name}"), &sealed).await;
}

/// Writes a policy document.
pub async fn put_policy(panel: &dyn SimulatedPanel, name: &str, document: &str) {
    admin(panel, "PUT", &format!("add-canned-policy?name={name}"), document.as_bytes()).await;
}
