//! The server's own no, and what it means for the caller.
//!
//! Pure. Identified by status and code; a message is read only where nothing else says it.

use super::admin::other;
use crate::backends::{BackendError, kit};

/// Why a call did not succeed.
pub(super) type CallFailure = kit::CallFailure<ApiRefusal>;

/// The server's own no.
#[derive(Clone, Debug)]
pub(super) struct ApiRefusal {
    pub call: &'static str,
    pub status: u16,
    pub code: String,
    pub message: String,
    pub right: &'static str,
    pub html: bool,
    /// Whether the no was written by the S3 side, in XML.
    pub xml: bool,
    pub sketch: String,
}

impl ApiRefusal {
    /// Whether the server wants this call in the other version of the admin API. The text is the only
    /// place where it says so (MinIO cmd/admin-handler-utils.go); RustFS says nothing at all.
    pub fn wants_other(&self, version: u8) -> bool {
        let wanted = format!("API version 'v{}'", other(version));
        self.status == 426 && (self.message.contains(&wanted) || (self.code.is_empty() && version != 3))
    }

    /// Whether the server is older or newer than this call.
    pub fn is_unknown_call(&self) -> bool {
        self.status == 426 || self.status == 501 || (self.status == 404 && !self.is_gone())
    }

    /// Whether the signer is refused, and every other call would be too: the credential is wrong, the clocks differ,
    /// or it is no MinIO API.
    pub fn is_about_the_signer(&self) -> bool {
        let codes = [
            "SignatureDoesNotMatch",
            "InvalidAccessKeyId",
            "RequestTimeTooSkewed",
            "AuthorizationHeaderMalformed",
            "AuthorizationParametersError",
        ];
        self.html || codes.contains(&self.code.as_str())
    }

    /// Whether what was asked about does not exist.
    pub fn is_gone(&self) -> bool {
        let gone =
            ["XMinioAdminNoSuchUser", "XMinioAdminNoSuchPolicy", "XMinioAdminNoSuchGroup", "NoSuchResource"];
        gone.contains(&self.code.as_str())
    }

    fn refused(&self) -> String {
        let ApiRefusal { call, right, .. } = self;
        match self.code.as_str() {
            "SignatureDoesNotMatch" => {
                "wrong secret, or a proxy in front changes the Host header or the path".into()
            }
            "InvalidAccessKeyId" => "the access key is unknown or disabled".into(),
            "RequestTimeTooSkewed" => {
                "the clocks of this machine and the server differ by more than 15 minutes; set both by NTP"
                    .into()
            }
            "AuthorizationHeaderMalformed" | "AuthorizationParametersError" => {
                format!("the region is wrong: {}", self.message)
            }
            "" => format!("{call} needs the right {right} ({})", self.sketch),
            code => format!("{call} needs the right {right} ({code})"),
        }
    }
}

impl From<ApiRefusal> for BackendError {
    fn from(refusal: ApiRefusal) -> BackendError {
        let at = || refusal.call.to_string();
        if refusal.html {
            let detail = format!("not a MinIO API (console port or maintenance page?): {}", refusal.sketch);
            return BackendError::Unexpected { at: at(), detail };
        }
        match (refusal.status, refusal.code.as_str()) {
            (401 | 403, _) | (400, "AuthorizationHeaderMalformed" | "AuthorizationParametersError") => {
                BackendError::Refused(refusal.refused())
            }
            (426 | 501, _) => {
                BackendError::NotOffered(format!("this server has no {} ({})", refusal.call, refusal.sketch))
            }
            (500.., "SlowDown" | "SlowDownRead" | "SlowDownWrite" | "RequestTimeout") => {
                BackendError::Busy { after: None, detail: refusal.sketch }
            }
            (400, "") if refusal.sketch.contains("HTTP request to an HTTPS server") => {
                BackendError::Unexpected {
                    at: at(),
                    detail: "the server speaks HTTPS there; let the address begin with https://".into(),
                }
            }
            _ => BackendError::Unexpected { at: at(), detail: refusal.sketch },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::minio::wire::ErrorBody;

    fn refusal(status: u16, body: &str) -> ApiRefusal {
        let ErrorBody { code, message } = ErrorBody::read(body.as_bytes());
        let html = body.starts_with("<html");
        let sketch = format!("{status} {body}");
        ApiRefusal {
            call: "list-users",
            status,
            code,
            message,
            right: "admin:ListUsers",
            html,
            xml: false,
            sketch,
        }
    }

    #[test]
    fn what_the_server_says_becomes_what_to_do_next() {
        let table = [
            (403, r#"{"Code":"SignatureDoesNotMatch"}"#, "refuses: wrong secret, or a proxy"),
            (403, "<Error><Code>RequestTimeTooSkewed</Code></Error>", "refuses: the clocks"),
            (403, r#"{"Code":"AccessDenied"}"#, "refuses: list-users needs the right admin:ListUsers"),
            (403, "", "refuses: list-users needs the right admin:ListUsers"),
            (401, "Authentication failed", "refuses"),
            (
                400,
                "<Error><Code>AuthorizationHeaderMalformed</Code><Message>expecting 'eu-1'</Message></Error>",
                "expecting 'eu-1'",
            ),
            (501, "<Error><Code>NotImplemented</Code></Error>", "not offered: this server has no list-users"),
            (426, r#"{"Code":"XMinioAdminVersionMismatch","Message":"not supported"}"#, "not offered"),
            (200, "<html><body>login", "not a MinIO API (console port or maintenance page?)"),
            (500, "<html><body>oops", "not a MinIO API"),
            (400, "Client sent an HTTP request to an HTTPS server.", "https://"),
            (500, r#"{"Code":"InternalError"}"#, "unexpected answer at list-users: 500"),
        ];
        for (status, body, expected) in table {
            let text = BackendError::from(refusal(status, body)).to_string();
            assert!(text.contains(expected), "{status} {body}: {text}");
        }
    }

    #[test]
    fn versions_are_changed_only_when_the_server_asks() {
        let v4 = r#"{"Code":"XMinioAdminVersionMismatch","Message":"server expects client requests with 'admin' API version 'v4', but found 'v3'"}"#;
        assert!(refusal(426, v4).wants_other(3));
        assert!(!refusal(426, v4).wants_other(4));
        assert!(refusal(426, "").wants_other(4), "RustFS after a wrong memory");
        assert!(!refusal(426, "").wants_other(3));
        let unknown = r#"{"Code":"XMinioAdminVersionMismatch","Message":"This 'admin' API is not supported by server in 'mode-server-xl'"}"#;
        assert!(!refusal(426, unknown).wants_other(3) && refusal(426, unknown).is_unknown_call());
        assert!(!refusal(404, r#"{"Code":"XMinioAdminNoSuchUser"}"#).is_unknown_call());
    }
}
