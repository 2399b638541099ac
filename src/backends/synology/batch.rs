//! Quotas of many users: many calls in one where the NAS takes that, else one after the other.
//!
//! There is no call for everybody (`SYNO.Core.Quota` has `get`, `set` and `inspect`).

use serde_json::{Value, json};

use super::call::{ApiCall, Does};
use super::nas::{Nas, strange};
use super::refusal::{ApiRefusal, CallFailure};
use crate::domain::Seconds;

/// The call for one user.
const QUOTA: (&str, &str) = ("SYNO.Core.Quota", "get");

/// The call that takes many.
const MANY: (&str, &str) = ("SYNO.Entry.Request", "request");

/// What the NAS says of one user's quotas.
pub(super) type QuotaAnswer = Result<Value, CallFailure>;

impl Nas {
    /// The quotas of one user.
    pub async fn quota(&self, name: &str) -> QuotaAnswer {
        let ask = ApiCall::get(QUOTA.0, QUOTA.1)
            .text("name", name)
            .text("subject_type", "user")
            .with("support_share_quota", json!(true));
        self.call(&ask).await
    }

    /// The quotas of many users, in their order; `Err` where the NAS does not answer for any of them.
    pub async fn quotas(&self, names: &[&str]) -> Result<Vec<QuotaAnswer>, CallFailure> {
        let one = |name: &&str| {
            json!({
                "api": QUOTA.0, "method": QUOTA.1, "version": 1, "name": name, "subject_type": "user",
                "support_share_quota": true,
            })
        };
        let ask = ApiCall { does: Does::ReadsMany, ..ApiCall::get(MANY.0, MANY.1) }
            .with("mode", json!("sequential"))
            .with("stop_when_error", json!(false))
            .with("compound", names.iter().map(one).collect());
        let data = self.call(&ask).await?;
        let results = data.get("result").and_then(Value::as_array);
        let results = results.ok_or_else(|| strange(MANY, "result is no list"))?;
        if results.len() != names.len() {
            // Nothing in a result says whom it is about but its place.
            let detail = format!("{} results came for {} users", results.len(), names.len());
            return Err(strange(MANY, detail).into());
        }
        Ok(results.iter().map(result).collect())
    }
}

/// One result among many: success of the whole says nothing of it.
fn result(result: &Value) -> QuotaAnswer {
    let is_ours = result.get("api").is_none_or(|api| api == QUOTA.0);
    match (
        result.get("success").and_then(Value::as_bool),
        result.pointer("/error/code").and_then(Value::as_i64),
    ) {
        (Some(true), _) if is_ours => Ok(result.get("data").cloned().unwrap_or_default()),
        (Some(false), Some(code)) => {
            let errors = result.pointer("/error/errors");
            Err(CallFailure::Refusal(ApiRefusal::new(QUOTA, code, errors, Seconds::new(0))))
        }
        _ => Err(strange(MANY, "a result is neither success nor error").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_result_is_judged_by_itself() {
        let good =
            result(&json!({ "api": "SYNO.Core.Quota", "success": true, "data": { "user_quota": [] } }));
        assert!(good.is_ok_and(|data| data["user_quota"].is_array()));
        let bad = result(&json!({ "success": false, "error": { "code": 3106 } })).expect_err("refused");
        assert_eq!(bad.refusal().map(|refusal| refusal.code), Some(3106));
        for odd in [
            json!({}),
            json!(null),
            json!({ "success": false }),
            json!({ "api": "SYNO.Core.User", "success": true }),
        ] {
            assert!(result(&odd).is_err_and(|failure| failure.refusal().is_none()), "{odd}");
        }
    }
}
