//! Errors, in the panel's words: one line of JSON on admin calls, XML on S3 calls.

use crate::xml::Element;

/// A call that is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The code clients decide by.
    pub code: &'static str,
    /// A sentence for people.
    pub message: String,
    /// The bucket it is about, if any.
    pub bucket: Option<String>,
    /// The object it is about, if any.
    pub key: Option<String>,
    /// XML even on an admin path.
    pub always_xml: bool,
    /// The router's own refusals carry no request id.
    pub routed: bool,
}

/// Who answers, for the error body.
pub struct Origin<'a> {
    /// The path of the request.
    pub path: &'a str,
    /// The request's id.
    pub request_id: &'a str,
    /// The node's id.
    pub host_id: &'a str,
}

impl Refusal {
    /// A refusal with the usual status and sentence of its code.
    pub fn new(code: &'static str) -> Self {
        let (status, message) = usual(code);
        Self {
            status,
            code,
            message: message.to_owned(),
            bucket: None,
            key: None,
            always_xml: false,
            routed: true,
        }
    }

    /// Another sentence.
    pub fn saying(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// The usual sentence with its cause in brackets.
    pub fn because(mut self, cause: &str) -> Self {
        self.message = format!("{} ({cause})", self.message);
        self
    }

    /// About a bucket and, when not empty, an object in it.
    pub fn about(mut self, bucket: &str, key: &str) -> Self {
        self.bucket = Some(bucket.to_owned());
        self.key = (!key.is_empty()).then(|| key.to_owned());
        self
    }

    /// XML whatever the path.
    pub fn in_xml(mut self) -> Self {
        self.always_xml = true;
        self
    }

    /// 426: the path, the method or a parameter is none of this release's.
    pub fn version(message: impl Into<String>) -> Self {
        let mut refusal = Self::new("XMinioAdminVersionMismatch").saying(message);
        refusal.routed = false;
        refusal
    }

    /// The JSON body.
    pub fn json(&self, origin: &Origin<'_>) -> String {
        let mut fields = vec![("Code", self.code), ("Message", &self.message)];
        fields.extend(self.key.as_deref().map(|key| ("Key", key)));
        fields.extend(self.bucket.as_deref().map(|bucket| ("BucketName", bucket)));
        fields.push(("Resource", origin.path));
        let (request_id, host_id) = self.ids(origin);
        fields.extend([("RequestId", request_id), ("HostId", host_id)]);
        let quoted =
            fields.iter().map(|(name, value)| format!("{:?}:{}", name, serde_json::Value::from(*value)));
        format!("{{{}}}\n", quoted.collect::<Vec<_>>().join(","))
    }

    fn ids<'a>(&self, origin: &Origin<'a>) -> (&'a str, &'a str) {
        match self.routed {
            true => (origin.request_id, origin.host_id),
            false => ("", ""),
        }
    }

    /// The XML body without its first line.
    pub fn xml(&self, origin: &Origin<'_>) -> String {
        let mut fields = vec![("Code", self.code), ("Message", &self.message)];
        fields.extend(self.key.as_deref().map(|key| ("Key", key)));
        fields.extend(self.bucket.as_deref().map(|bucket| ("BucketName", bucket)));
        fields.push(("Resource", origin.path));
        fields.extend([("RequestId", origin.request_id), ("HostId", origin.host_id)]);
        let error = fields.iter().fold(Element::new("Error"), |error, (name, value)| error.leaf(name, value));
        error.written()
    }
}

fn usual(code: &str) -> (u16, &'static str) {
    match code {
        "AccessDenied" => (403, "Access Denied."),
        "SignatureDoesNotMatch" => (
            403,
            "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
        ),
        "InvalidAccessKeyId" => (403, "The Access Key Id you provided does not exist in our records."),
        "RequestTimeTooSkewed" => {
            (403, "The difference between the request time and the server's time is too large.")
        }
        "AuthorizationHeaderMalformed" => (400, "The authorization header is malformed."),
        "AuthorizationParametersError" => (
            400,
            "Error parsing the Credential/X-Amz-Credential parameter; incorrect service. This endpoint belongs to \"s3\".",
        ),
        "AuthorizationQueryParametersError" => (
            400,
            "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
        ),
        "MissingFields" => (400, "Missing fields in request."),
        "PolicyInvalidName" => (400, "Policy name may not contain comma"),
        "XAmzContentSHA256Mismatch" => {
            (400, "The provided 'x-amz-content-sha256' header does not match what was computed.")
        }
        "XMinioAdminVersionMismatch" => (426, ""),
        "XMinioAdminNoSuchUser" => (404, "The specified user does not exist."),
        "XMinioAdminNoSuchGroup" => (404, "The specified group does not exist."),
        "XMinioAdminNoSuchPolicy" => (404, "The canned policy does not exist."),
        "XMinioAdminNoSuchQuotaConfiguration" => (404, "The quota configuration does not exist"),
        "XMinioAdminGroupNotEmpty" => (400, "The specified group is not empty - cannot remove it."),
        "XMinioAdminInvalidArgument" => (400, "Invalid arguments specified."),
        "XMinioAdminInvalidAccessKey" => (400, "The access key is invalid."),
        "XMinioAdminInvalidSecretKey" => (400, "The secret key is invalid."),
        "XMinioAdminConfigBadJSON" => (400, "JSON configuration provided is of incorrect format"),
        "XMinioAdminConfigTooLarge" => {
            (400, "Configuration data provided exceeds the allowed maximum of 262272 bytes")
        }
        "XMinioAdminPolicyChangeAlreadyApplied" => (400, "The specified policy change is already in effect."),
        "XMinioAdminBucketQuotaExceeded" => (400, "Bucket quota exceeded"),
        "XMinioIAMActionNotAllowed" => (403, "Specified IAM action is not allowed"),
        "XMinioInvalidIAMCredentials" => (403, "Credential is not allowed to be same as admin access key"),
        "XMinioIAMPolicyInUse" => (400, "The policy cannot be removed, as it is in use"),
        "XMinioMalformedIAMPolicy" | "MalformedPolicy" | "XMinioInvalidResource" | "InvalidRequest" => {
            (400, "Invalid Request")
        }
        "MissingContentLength" => (411, "You must provide the Content-Length HTTP header."),
        "EntityTooLarge" => (400, "Your proposed upload exceeds the maximum allowed object size."),
        "BadRequest" => (400, "400 BadRequest"),
        "AllAccessDisabled" => (403, "All access to this resource has been disabled."),
        "NoSuchBucket" => (404, "The specified bucket does not exist"),
        "NoSuchKey" => (404, "The specified key does not exist."),
        "InvalidBucketName" => (400, "The specified bucket is not valid."),
        "BucketAlreadyOwnedByYou" => {
            (409, "Your previous request to create the named bucket succeeded and you already own it.")
        }
        "BucketNotEmpty" => (409, "The bucket you tried to delete is not empty"),
        "NoSuchTagSet" => (404, "The TagSet does not exist"),
        "NoSuchBucketPolicy" => (404, "The bucket policy does not exist"),
        "NoSuchLifecycleConfiguration" => (404, "The lifecycle configuration does not exist"),
        "ObjectLockConfigurationNotFoundError" => {
            (404, "Object Lock configuration does not exist for this bucket")
        }
        "ReplicationConfigurationNotFoundError" => (404, "The replication configuration was not found"),
        "ServerSideEncryptionConfigurationNotFoundError" => {
            (404, "The server side encryption configuration was not found")
        }
        "NotImplemented" => (501, "A header you provided implies functionality that is not implemented"),
        "MethodNotAllowed" => (405, "The specified method is not allowed against this resource."),
        "TooManyRequests" => (429, "Too many requests"),
        "SlowDownRead" => (503, "Resource requested is unreadable, please reduce your request rate"),
        "XMinioServerNotInitialized" => (503, "Server not initialized yet, please try again."),
        _ => (500, "We encountered an internal error, please try again."),
    }
}
