//! What can go wrong with a call, each distinguished because each wants something else done about it.
//!
//! Never shows an address beyond host and port, a query string, a header or a body's secret.

use std::error::Error;
use std::io;
use std::time::Duration;

use rustls::CertificateError;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The name means nothing to the resolver.
    #[error("{host}: the name cannot be resolved ({detail}); check the address and the DNS")]
    Dns {
        /// Host and port.
        host: String,
        /// What the resolver said.
        detail: String,
    },
    /// Nothing listens, or nothing can be reached.
    #[error("{host}: no connection ({detail})")]
    Connect {
        /// Host and port.
        host: String,
        /// What the system said.
        detail: String,
    },
    /// No encrypted connection that can be trusted.
    #[error("{host}: no trusted TLS connection: {detail}")]
    Tls {
        /// Host and port.
        host: String,
        /// What is wrong, and what to do.
        detail: String,
    },
    /// The time for the call is up.
    #[error("{host}: no complete answer within {}; raise `timeout` if the server is just slow", humantime::format_duration(*within))]
    Timeout {
        /// Host and port.
        host: String,
        /// The time there was.
        within: Duration,
    },
    /// The connection ended before the answer did.
    #[error("{host}: the connection broke off after {received} bytes of the answer ({detail})")]
    BrokenOff {
        /// Host and port.
        host: String,
        /// Bytes of the body that had come, decompressed.
        received: u64,
        /// What the system said.
        detail: String,
    },
    /// The answer is longer than we hold.
    #[error("{host}: the answer is longer than {limit} bytes; raise body_limit if that is to be expected")]
    TooLong {
        /// Host and port.
        host: String,
        /// Bytes allowed, after decompression.
        limit: u64,
    },
    /// The body is not what its content encoding says.
    #[error("{host}: the answer cannot be decompressed after {received} bytes ({detail})")]
    BadEncoding {
        /// Host and port.
        host: String,
        /// Bytes that could be decompressed.
        received: u64,
        /// What the decoder said.
        detail: String,
    },
    /// Asked to come back later, as often as we tried.
    #[error("{host}: asked to retry later ({sketch})")]
    Busy {
        /// Host and port.
        host: String,
        /// How long it wants to be left alone.
        after: Option<Duration>,
        /// What came.
        sketch: String,
    },
    /// Something in front of the panel cannot reach it.
    #[error("{host}: a proxy answered that the panel is unavailable ({sketch})")]
    Gateway {
        /// Host and port.
        host: String,
        /// What came.
        sketch: String,
    },
    /// Sent elsewhere, where we do not go.
    #[error("{host}: answers {status} and points to {to}; set the address to the final one")]
    Redirect {
        /// Host and port.
        host: String,
        /// The status.
        status: u16,
        /// Scheme, host and port it points to.
        to: String,
    },
    /// What came is not HTTP as we know it.
    #[error("{host}: not a proper HTTP answer ({detail})")]
    Protocol {
        /// Host and port.
        host: String,
        /// What is wrong.
        detail: String,
    },
    /// The answer is whole but does not mean what it should.
    #[error("{at}: {detail}")]
    NotUnderstood {
        /// Which call.
        at: String,
        /// What came and what was expected.
        detail: String,
    },
    /// The call could not even be written down.
    #[error("{host}: the call cannot be made: {detail}")]
    Malformed {
        /// Host and port.
        host: String,
        /// What is wrong with it.
        detail: String,
    },
    /// whmeter is shutting down.
    #[error("shutting down")]
    Closed,
}

impl HttpError {
    /// Whether trying again soon may help.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, HttpError::Dns { .. } | HttpError::Connect { .. } | HttpError::BrokenOff { .. })
    }
}

/// Distinguishes what the client library lumps together. `received` is how much of the body had come.
pub(super) fn classify(error: &reqwest::Error, host: String, received: Option<u64>) -> HttpError {
    if let Some(tls) = find::<rustls::Error>(error) {
        return HttpError::Tls { host, detail: tls_trouble(tls) };
    }
    let detail = innermost(error);
    if chain(error).contains("dns error") {
        return HttpError::Dns { host, detail };
    }
    if error.is_connect() {
        let detail = match find::<io::Error>(error).map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => {
                "refused: nothing listens on this port; is it the panel's?".to_string()
            }
            _ if error.is_timeout() => "no answer within connect_timeout".to_string(),
            _ => detail,
        };
        return HttpError::Connect { host, detail };
    }
    if error.is_timeout() {
        return HttpError::Connect { host, detail: "timed out".into() };
    }
    let detail = match error.url().is_some_and(|url| url.scheme() == "http") && received.is_none() {
        // A server that waits for TLS hangs up on anything else, or answers in its own tongue.
        true => format!("{detail}; perhaps the address should begin with https://"),
        false => detail,
    };
    match (find::<hyper::Error>(error), received) {
        (Some(hyper), _) if hyper.is_parse() => HttpError::Protocol { host, detail },
        // The transport below is well: it is the decoder that gave up.
        (None, Some(received)) => HttpError::BadEncoding { host, received, detail },
        (_, received) => HttpError::BrokenOff { host, received: received.unwrap_or(0), detail },
    }
}

/// What is wrong with TLS, and what to do about it.
pub(super) fn tls_trouble(error: &rustls::Error) -> String {
    use CertificateError as Bad;
    match error {
        rustls::Error::InvalidCertificate(bad) => match bad {
            Bad::UnknownIssuer => {
                "the certificate is signed by an authority this machine does not know; give it as \
                 tls_ca_file".into()
            }
            Bad::Expired | Bad::ExpiredContext { .. } => {
                "the certificate has expired; renew it on the panel (or one clock is wrong)".into()
            }
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
                "the certificate is not valid yet; one of the two clocks is wrong".into()
            }
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
                "the certificate is for another host name; use the name it was made for as address".into()
            }
            Bad::Revoked => "the certificate has been revoked".into(),
            other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
                "the certificate is marked as an authority's own (self-signed with CA:TRUE) and cannot be verified; \
                 give the panel one signed by an authority, or accept it unseen with tls_insecure"
                    .into()
            }
            other => format!("the certificate is not acceptable ({other}); a private authority is given \
                 as tls_ca_file"),
        },
        rustls::Error::InvalidMessage(_) => {
            "what answers there does not speak TLS; perhaps the address should begin with http://".into()
        }
        other => other.to_string(),
    }
}

/// The first error of this type in the chain. `io::Error` hides what it wraps from `source`.
pub(super) fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// The last error of the chain: the one that says what happened. Outer ones may hold the address.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    match last.downcast_ref::<reqwest::Error>() {
        Some(_) => "no further detail".into(),
        None => last.to_string(),
    }
}

/// The whole chain in one line, without the address.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = error.source();
    while let Some(error) = next {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}
