//! Certificates, the steps of a probe, and the keys of the config.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::*;

/// A private authority and a server certificate for `name` signed by it.
fn authority(name: &str) -> (String, rustls::ServerConfig) {
    install_tls();
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed");
    let key = KeyPair::generate().expect("a key");
    let leaf = CertificateParams::new(vec![name.to_string()]).expect("a name");
    let leaf = leaf.signed_by(&key, &issuer).expect("signed");
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .expect("a pair");
    (issuer.pem(), config)
}

#[tokio::test]
async fn tls_is_verified_against_the_own_authority_too() {
    let (pem, config) = authority("localhost");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), pem).expect("written");
    let trusting = http(&format!("tls_ca_file = '{}'", file.path().display()));

    let server = listen(|_| vec![ok("safe")], Some(config)).await;
    assert_eq!(get(&trusting, &server.url).await.expect("trusted").text(), "safe");
    let error = get(&http(""), &server.url).await.expect_err("unknown authority");
    let HttpError::Tls { detail, .. } = &error else { panic!("{error:?}") };
    assert!(detail.contains("tls_ca_file"), "{detail}");
    assert_eq!(get(&http("tls_insecure = true"), &server.url).await.expect("unseen").text(), "safe");

    // The right authority, the wrong name.
    let mut elsewhere = server.url.clone();
    elsewhere.set_host(Some("127.0.0.1")).expect("a host");
    let error = get(&trusting, &elsewhere).await.expect_err("another name");
    let HttpError::Tls { detail, .. } = &error else { panic!("{error:?}") };
    assert!(detail.contains("another host name"), "{detail}");

    // TLS spoken to a port that does not.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await;
        }
    });
    let plain = Url::parse(&format!("https://localhost:{port}/")).expect("an address");
    let error = get(&trusting, &plain).await.expect_err("no TLS there");
    assert!(error.to_string().contains("does not speak TLS"), "{error:?}");
}

#[tokio::test]
async fn a_probe_names_the_step_that_fails() {
    let (_, config) = authority("localhost");
    let server = listen(|_| vec![ok("")], Some(config)).await;
    let outcomes = |steps: Vec<ProbeStep>| {
        Vec::from_iter(steps.into_iter().map(|step| (step.name, step.outcome.is_ok())))
    };
    let all = [("name resolution", true), ("TCP", true), ("TLS", false)];
    assert_eq!(outcomes(http("").probe(&server.url).await), all);
    let steps = outcomes(http("tls_insecure = true").probe(&server.url).await);
    assert_eq!(steps, [("name resolution", true), ("TCP", true), ("TLS", true)]);
    let refused = Url::parse("https://127.0.0.1:1/").expect("an address");
    assert_eq!(outcomes(http("").probe(&refused).await), [("name resolution", true), ("TCP", false)]);
    let nowhere = Url::parse("http://no-such-host.invalid/").expect("an address");
    assert_eq!(outcomes(http("").probe(&nowhere).await), [("name resolution", false)]);
}

#[test]
fn settings_say_which_key_is_wrong() {
    let open = |keys: &str| {
        let mut section = Section::new(keys.parse().expect("toml"), std::path::Path::new("/nowhere"));
        section.take::<HttpSettings>().and_then(|settings| Http::new(&settings, &section).map(|_| ()))
    };
    assert_eq!(open("tls_ca_file = 'ca.pem'").expect_err("no file").key, "tls_ca_file");
    assert_eq!(open("max_in_flight = 0").expect_err("none").key, "max_in_flight");
    assert_eq!(open("timeout = 30").expect_err("no unit").key, "timeout");
    let file = tempfile::NamedTempFile::new().expect("a file");
    let empty = open(&format!("tls_ca_file = '{}'", file.path().display())).expect_err("empty");
    assert!(empty.problem.contains("holds no certificate"), "{empty}");
}

#[test]
fn addresses_hold_no_secrets() {
    assert!(panel_url("url", "https://panel.example.net:8443", false).is_ok());
    assert!(panel_url("url", "https://panel.example.net/billing", true).is_ok());
    for wrong in [
        "panel.example.net",
        "ftp://panel.example.net",
        "https://root:hunter2@panel.example.net",
        "https://panel.example.net/?key=hunter2",
        "https://panel.example.net/billing",
        "https://",
    ] {
        let error = panel_url("url", wrong, false).expect_err(wrong);
        assert!(error.key == "url" && !error.to_string().contains("hunter2"), "{error}");
    }
}
