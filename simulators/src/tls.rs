//! A certificate authority of the panel's own, and a server certificate for this machine.
//!
//! Hosting panels commonly run on certificates nobody else has signed; a client has to be given
//! the authority's file.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a TLS listener needs, and the file its clients need.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// The authority's certificate (PEM).
    pub authority: PathBuf,
    pub(crate) server: Arc<ServerConfig>,
}

/// Makes an authority and a certificate for `127.0.0.1` and `localhost`; the authority is written
/// to `folder` as `{name}-ca.pem`.
pub fn certificates(folder: &Path, name: &str) -> Result<Certificates> {
    install_provider();
    let authority = authority(name).map_err(Error::other)?;
    let file = folder.join(format!("{name}-ca.pem"));
    std::fs::create_dir_all(folder)?;
    std::fs::write(&file, authority.pem())?;

    let key = KeyPair::generate().map_err(Error::other)?;
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let signed = CertificateParams::new(names).and_then(|wanted| wanted.signed_by(&key, &authority));
    let chain = vec![signed.map_err(Error::other)?.der().clone()];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let server =
        ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).map_err(Error::other)?;
    Ok(Certificates { authority: file, server: Arc::new(server) })
}

fn authority(name: &str) -> std::result::Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut wanted = CertificateParams::new(Vec::<String>::new())?;
    wanted.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    wanted.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let title = format!("whmeter simulator {name}");
    wanted.distinguished_name.push(DnType::CommonName, title);
    CertifiedIssuer::self_signed(wanted, KeyPair::generate()?)
}

/// Names the one cryptography provider; whoever came first has done the same.
fn install_provider() {
    let _already = rustls::crypto::ring::default_provider().install_default();
}
