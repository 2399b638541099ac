//! Limits on servers that lack a call, do not do as asked, or were touched by somebody else.

use super::*;

/// What a server on which nobody was ever limited says of a limited policy, or of a user who is called like one.
fn never_limited(asked: &RecordedRequest) -> Option<Response> {
    let code = match asked.call() {
        "info-canned-policy" => "XMinioAdminNoSuchPolicy",
        "user-info" => "XMinioAdminNoSuchUser",
        _ => return None,
    };
    let about_limited = asked.query.contains("=7-41-limited");
    about_limited.then(|| error(404, &format!(r#"{{"Code":"{code}"}}"#)))
}

/// A server without the call that maps at one stroke: attach, then detach.
#[tokio::test]
async fn where_mapping_is_gone_the_new_is_attached_before_the_old_is_detached() {
    let mapped = Arc::new(Mutex::new("7-41,extra".to_string()));
    let now = mapped.clone();
    let secret = Secret::new(SECRET.into());
    let (backend, log) = serve("", move |asked| match asked.call() {
        _ if never_limited(asked).is_some() => never_limited(asked).expect("answered"),
        "user-info" => json(&format!(r#"{{"status":"enabled","policyName":"{}"}}"#, now.lock().expect("no panic"))),
        "info-canned-policy" => json(r#"{"Version":"2012-10-17","Statement":[]}"#),
        "add-canned-policy" => "".into_response(),
        "set-user-or-group-policy" => error(426, r#"{"Code":"XMinioAdminVersionMismatch","Message":"This 'admin' API is not supported by server in 'mode-server-xl'"}"#),
        "idp/builtin/policy/attach" => {
            *now.lock().expect("no panic") += ",7-41-limited";
            error(201, "")
        }
        "idp/builtin/policy/detach" => {
            *now.lock().expect("no panic") = "7-41-limited".into();
            error(400, r#"{"Code":"XMinioAdminPolicyChangeAlreadyApplied"}"#)
        }
        _ => not_found(),
    })
    .await;
    let account = AccountName::new("7-41").expect("a name");
    let memory = limiter(&*backend).remember(&Target::named(&account)).await.expect("remembered");
    assert_eq!(
        limiter(&*backend).apply(&Target::named(&account), Policy::Limited, &memory).await.expect("applied"),
        Applied::Done
    );
    let changes: Vec<_> =
        log.lock().expect("no panic").iter().filter(|asked| asked.method == Method::POST).cloned().collect();
    let mut sent = Vec::new();
    for change in changes {
        let plain = crate::backends::minio::sealed::open(&secret, change.body.clone()).await.expect("sealed");
        sent.push((change.call().to_string(), String::from_utf8(plain).expect("text")));
    }
    assert_eq!(
        sent,
        [
            (
                "idp/builtin/policy/attach".into(),
                r#"{"policies":["7-41-limited"],"user":"7-41"}"#.to_string()
            ),
            (
                "idp/builtin/policy/detach".into(),
                r#"{"policies":["7-41","extra"],"user":"7-41"}"#.to_string()
            ),
        ]
    );
}

#[tokio::test]
async fn a_switch_that_does_not_take_is_no_success() {
    let (backend, _) = serve("", |asked| match asked.call() {
        _ if never_limited(asked).is_some() => never_limited(asked).expect("answered"),
        "user-info" => json(r#"{"status":"enabled","policyName":"7-41"}"#),
        "info-canned-policy" => json(r#"{"Version":"2012-10-17","Statement":[]}"#),
        "add-canned-policy" | "set-user-or-group-policy" => "".into_response(),
        _ => not_found(),
    })
    .await;
    let account = AccountName::new("7-41").expect("a name");
    let memory = limiter(&*backend).remember(&Target::named(&account)).await.expect("remembered");
    let error = limiter(&*backend)
        .apply(&Target::named(&account), Policy::Limited, &memory)
        .await
        .expect_err("did not take");
    assert!(error.to_string().contains("read back as policy 7-41"), "{error}");
}

/// The policy called like the user, changed by hand between limiting and restoring.
#[tokio::test]
async fn a_document_somebody_else_wrote_is_left_alone() {
    let standard = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::7-41*"]}]}"#;
    let document = Arc::new(Mutex::new(standard.to_string()));
    let now = document.clone();
    let (backend, log) = serve("switch = 'document'", move |asked| match asked.call() {
        "user-info" => json(r#"{"status":"enabled","policyName":"7-41"}"#),
        "info-canned-policy" => json(&now.lock().expect("no panic")),
        "add-canned-policy" => {
            *now.lock().expect("no panic") = String::from_utf8_lossy(&asked.body).into_owned();
            "".into_response()
        }
        _ => not_found(),
    })
    .await;
    let account = AccountName::new("7-41").expect("a name");
    let memory = limiter(&*backend).remember(&Target::named(&account)).await.expect("remembered");
    let apply = async |policy| {
        limiter(&*backend).apply(&Target::named(&account), policy, &memory).await.expect("applied")
    };
    assert_eq!(apply(Policy::Limited).await, Applied::Done);
    *document.lock().expect("no panic") = standard.replace("s3:*", "s3:GetObject");
    let before = log.lock().expect("no panic").len();
    for policy in [Policy::Standard, Policy::Limited] {
        let applied = apply(policy).await;
        assert!(
            matches!(&applied, Applied::LeftAlone { found, .. } if found.contains("7-41")),
            "{applied:?}"
        );
    }
    assert!(log.lock().expect("no panic")[before..].iter().all(|asked| asked.method == Method::GET));
    assert!(document.lock().expect("no panic").contains("s3:GetObject"));
}
