//! Bucket quotas, the only limit the server itself knows.

use super::bucket::Quota;
use super::policy::go_words;
use super::refusal::Refusal;
use super::reply::Reply;
use super::server::Call;
use super::switches::{Flavour, QuotaShape};
use serde_json::json;

/// A bucket's quota.
pub fn show(call: &Call<'_>) -> Result<Reply, Refusal> {
    let name = call.parameter("bucket").unwrap_or_default();
    call.must("admin:GetBucketQuota").map_err(|refusal| refusal.about(name, ""))?;
    let world = call.server.world();
    let quota = &world.bucket(name)?.quota;
    let switches = call.server.switches();
    let (is_set, is_rustfs) = (quota.limit() > 0, switches.flavour == Flavour::Rustfs);
    let told = match switches.quota_shape {
        QuotaShape::MissingWhenUnset if !is_set => {
            return Err(Refusal::new("XMinioAdminNoSuchQuotaConfiguration").about(name, ""));
        }
        QuotaShape::QuotaOnly if !is_rustfs => {
            let mut told = json!({ "quota": quota.limit() });
            if is_set {
                told["quotatype"] = "hard".into();
            }
            told.to_string()
        }
        _ => written(quota),
    };
    Ok(Reply::json(told))
}

/// A quota in the server's order of fields.
pub fn written(quota: &Quota) -> String {
    serde_json::to_string(quota).unwrap_or_default()
}

/// Sets a bucket's quota; all zero clears it. What is wrong with the body is told in XML.
pub fn set(call: &Call<'_>) -> Result<Reply, Refusal> {
    let name = call.parameter("bucket").unwrap_or_default();
    call.must("admin:SetBucketQuota").map_err(|refusal| refusal.about(name, ""))?;
    call.server.world().bucket(name)?;
    let wrong = |why: String| {
        let message = format!("We encountered an internal error, please try again.: cause({why})");
        Refusal::new("InternalError").saying(message).about(name, "").in_xml()
    };
    let quota: Quota =
        serde_json::from_slice(&call.body).map_err(|error| wrong(go_words(&call.body, &error)))?;
    match (quota.kind.as_str(), quota.limit()) {
        ("hard", _) | ("", 0) => {}
        ("", _) => return Err(wrong("Invalid quota config".into())),
        (kind, _) => return Err(wrong(format!("invalid quota type '{kind}'"))),
    }
    call.server.world_mut().bucket_mut(name)?.quota = quota;
    Ok(Reply::empty(200).with("server", "MinIO").with("accept-ranges", "bytes"))
}
