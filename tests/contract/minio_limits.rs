//! MinIO: what a limited customer may still do, and what happens where somebody else has his policies in hand.

use serde_json::json;
use whmeter::backends::{Applied, Backend, BackendError, Memory, Wants};
use whmeter::domain::Policy;
use whmeter_simulators::faults::{Fault, FaultKind};
use whmeter_simulators::minio::{Attach, Flavour, Panel};
use whmeter_simulators::panel::SimulatedPanel;

use crate::minio::{metered_by, readme_policy, start, without};
use crate::support::panels::*;
use crate::support::signing;

const CUSTOMER: &str = "7-42";
const LIMITED: &str = "7-42-limited";

/// What the customer may do in a bucket: put, get, list, delete.
fn may(panel: &Panel, bucket: &str) -> [bool; 4] {
    let object = |action| panel.may(CUSTOMER, action, bucket, "some/thing");
    let list = panel.may(CUSTOMER, "s3:ListBucket", bucket, "");
    [object("s3:PutObject"), object("s3:GetObject"), list, object("s3:DeleteObject")]
}

const ALL: [bool; 4] = [true; 4];
/// He can get below his limit, and not further above it.
const BUT_PUT: [bool; 4] = [false, true, true, true];

/// A bucket of the customer's, which his standard policy lets him into.
async fn own_bucket(panel: &Panel, bucket: &str) {
    panel.operate(&format!("buckets/{bucket}"), &json!({"op": "make", "owner": CUSTOMER})).unwrap();
    let standard = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["s3:*"],
        "Resource":["arn:aws:s3:::7-42*","arn:aws:s3:::{bucket}","arn:aws:s3:::{bucket}/*"]}}]}}"#
    );
    signing::put_policy(panel, CUSTOMER, &standard).await;
    assert_eq!(may(panel, bucket), ALL);
}

async fn apply(backend: &dyn Backend, policy: Policy, memory: &Memory) -> Applied {
    limiter(backend).apply(&target(&account(CUSTOMER)), policy, memory).await.unwrap()
}

/// What a poll shows of the customer: the policy that is enforced, and whether it is not quite ours.
async fn shown(pair: &Pair, backend: &dyn Backend) -> (Option<Policy>, bool) {
    let harvest = pair.poll(backend).await.unwrap();
    let facts = &of(&harvest, CUSTOMER).unwrap().facts;
    (facts.policy, facts.policy_differs)
}

#[tokio::test]
async fn a_limited_customer_can_empty_every_bucket_of_his_whatever_tells_that_it_is_his() {
    for (bucket, keys) in [
        ("7-42-more", ""),
        ("archive-2019", "buckets = { \"archive-2019\" = \"7-42\" }"),
        ("archive-2019", "buckets = { \"archive-2019\" = \"7-42\" }\nbucket_policies = false"),
        ("u-7-42-films", "bucket_prefix = \"u-<USER_ID>-\"\nbucket_policies = false"),
        ("photos", ""),
        ("photos", "bucket_prefix = \"\""),
    ] {
        for switch in ["mapping", "document"] {
            let (panel, pair) = start(4, 1).await;
            let backend = pair.backend_with(&format!("switch = \"{switch}\"\n{keys}"));
            own_bucket(&panel, bucket).await;
            let memory = limiter(&*backend).remember(&target(&account(CUSTOMER))).await.unwrap();
            assert_eq!(apply(&*backend, Policy::Limited, &memory).await, Applied::Done, "{switch} {keys}");
            assert_eq!(may(&panel, bucket), BUT_PUT, "{bucket}: {switch} {keys}");
            assert!(!panel.may("8-77", "s3:GetObject", bucket, "some/thing"));
            assert_eq!(shown(&pair, &*backend).await, (Some(Policy::Limited), false), "{switch} {keys}");
            assert_eq!(
                apply(&*backend, Policy::Limited, &memory).await,
                Applied::AlreadySo,
                "{switch} {keys}"
            );
            assert_eq!(apply(&*backend, Policy::Standard, &memory).await, Applied::Done, "{switch} {keys}");
            assert_eq!(may(&panel, bucket), ALL);
            panel.stop();
        }
    }
}

#[tokio::test]
async fn a_bucket_that_becomes_his_while_he_is_limited_is_served_too() {
    for switch in ["mapping", "document"] {
        let (panel, pair) = start(4, 1).await;
        let before = pair.backend_with(&format!("switch = \"{switch}\"\nbucket_policies = false"));
        own_bucket(&panel, "archive-2019").await;
        let memory = limiter(&*before).remember(&target(&account(CUSTOMER))).await.unwrap();
        assert_eq!(apply(&*before, Policy::Limited, &memory).await, Applied::Done);
        assert_eq!(may(&panel, "archive-2019"), [false; 4]);
        // One that begins with his name needs nobody.
        panel.operate("buckets/7-42-new", &json!({"op": "make", "owner": CUSTOMER})).unwrap();
        assert_eq!(may(&panel, "7-42-new"), BUT_PUT);
        // The operator gives it to him: the poll sees that the policy is not what it would be now.
        let keys = "bucket_policies = false\nbuckets = { \"archive-2019\" = \"7-42\" }";
        let after = pair.backend_with(&format!("switch = \"{switch}\"\n{keys}"));
        assert_eq!(shown(&pair, &*after).await, (Some(Policy::Limited), true), "{switch}");
        assert_eq!(apply(&*after, Policy::Limited, &memory).await, Applied::Done, "{switch}");
        assert_eq!(may(&panel, "archive-2019"), BUT_PUT, "{switch}");
        assert_eq!(shown(&pair, &*after).await, (Some(Policy::Limited), false), "{switch}");
        assert_eq!(apply(&*after, Policy::Standard, &memory).await, Applied::Done, "{switch}");
        assert_eq!(may(&panel, "archive-2019"), ALL);
        panel.stop();
    }
    // His own policy is changed while he is limited.
    let (panel, pair) = start(4, 1).await;
    let backend = pair.backend();
    let memory = limiter(&*backend).remember(&target(&account(CUSTOMER))).await.unwrap();
    assert_eq!(apply(&*backend, Policy::Limited, &memory).await, Applied::Done);
    panel.operate("buckets/photos", &json!({"op": "make", "owner": CUSTOMER})).unwrap();
    let standard = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],
        "Resource":["arn:aws:s3:::7-42*","arn:aws:s3:::photos*"]}]}"#;
    signing::put_policy(&panel, CUSTOMER, standard).await;
    assert_eq!(shown(&pair, &*backend).await, (Some(Policy::Limited), true));
    assert_eq!(apply(&*backend, Policy::Limited, &memory).await, Applied::Done);
    assert_eq!(may(&panel, "photos"), BUT_PUT);
    assert_eq!(shown(&pair, &*backend).await, (Some(Policy::Limited), false));
}

#[tokio::test]
async fn what_somebody_added_is_left_alone_and_what_is_shown_is_what_is_enforced() {
    let (panel, pair) = start(4, 1).await;
    let backend = pair.backend();
    let memory = limiter(&*backend).remember(&target(&account(CUSTOMER))).await.unwrap();
    assert_eq!(apply(&*backend, Policy::Limited, &memory).await, Applied::Done);
    let both = format!("{LIMITED}%2Creadwrite");
    signing::map_policy(&panel, CUSTOMER, &both).await;
    assert_eq!(may(&panel, "7-42-data"), BUT_PUT, "the Deny holds against everything else");
    assert_eq!(shown(&pair, &*backend).await, (Some(Policy::Limited), true));
    for policy in [Policy::Limited, Policy::Standard] {
        let applied = apply(&*backend, policy, &memory).await;
        let Applied::LeftAlone { found, limited: true } = applied else { panic!("{applied:?}") };
        assert_eq!(found, "policy 7-42-limited,readwrite");
    }
    // Ours is taken away instead: he is free, and that is shown.
    signing::map_policy(&panel, CUSTOMER, "readwrite").await;
    assert_eq!(may(&panel, "7-42-data"), ALL);
    assert_eq!(shown(&pair, &*backend).await, (Some(Policy::Standard), false));
    let applied = apply(&*backend, Policy::Limited, &memory).await;
    assert!(matches!(applied, Applied::LeftAlone { limited: false, .. }), "{applied:?}");
    // Theirs is taken away: ours alone can be taken back.
    signing::map_policy(&panel, CUSTOMER, LIMITED).await;
    assert_eq!(shown(&pair, &*backend).await, (Some(Policy::Limited), false));
    assert_eq!(apply(&*backend, Policy::Standard, &memory).await, Applied::Done);
    assert_eq!(may(&panel, "7-42-data"), ALL);

    // What an operator calls limited is limited, whatever his text says.
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join("odd.json");
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::<USER_ID>*"]},{"Effect":"Deny","Action":["s3:CreateBucket"],"Resource":["arn:aws:s3:::*"]}]}"#;
    std::fs::write(&odd, text).unwrap();
    for switch in ["mapping", "document"] {
        let odd = pair.backend_with(&format!("policy_limited = {odd:?}\nswitch = \"{switch}\""));
        let memory = limiter(&*odd).remember(&target(&account(CUSTOMER))).await.unwrap();
        assert_eq!(apply(&*odd, Policy::Limited, &memory).await, Applied::Done);
        assert_eq!(shown(&pair, &*odd).await, (Some(Policy::Limited), false), "{switch}");
        assert_eq!(apply(&*odd, Policy::Standard, &memory).await, Applied::Done);
    }

    // A limited policy without a Deny does not hold beside another one.
    let file = folder.path().join("limited.json");
    let allow = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::<USER_ID>*"]}]}"#;
    std::fs::write(&file, allow).unwrap();
    let soft = pair.backend_with(&format!("policy_limited = {file:?}"));
    assert_eq!(apply(&*soft, Policy::Limited, &memory).await, Applied::Done);
    assert_eq!(shown(&pair, &*soft).await, (Some(Policy::Limited), false));
    signing::map_policy(&panel, CUSTOMER, &both).await;
    assert_eq!(panel.is_limited(CUSTOMER), Some(false));
    assert_eq!(shown(&pair, &*soft).await.0, Some(Policy::Standard));
}

#[tokio::test]
async fn a_limited_policy_that_vanished_or_was_emptied_is_written_again() {
    let (panel, pair) = start(4, 1).await;
    let backend = pair.backend();
    let memory = limiter(&*backend).remember(&target(&account(CUSTOMER))).await.unwrap();
    assert_eq!(apply(&*backend, Policy::Limited, &memory).await, Applied::Done);
    // It cannot be removed while he has it, so an operator takes it from him for a moment.
    signing::map_policy(&panel, CUSTOMER, CUSTOMER).await;
    signing::admin(&panel, "DELETE", &format!("remove-canned-policy?name={LIMITED}"), b"").await;
    assert_eq!(shown(&pair, &*backend).await, (Some(Policy::Standard), false));
    assert_eq!(apply(&*backend, Policy::Limited, &memory).await, Applied::Done);
    assert_eq!(may(&panel, "7-42-data"), BUT_PUT);
    // Somebody has written another document under its name: that it lets him write is seen, and it stays theirs.
    let open = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::7-42*"]}]}"#;
    signing::put_policy(&panel, LIMITED, open).await;
    assert_eq!(shown(&pair, &*backend).await, (Some(Policy::Standard), true));
    let applied = apply(&*backend, Policy::Limited, &memory).await;
    assert!(matches!(applied, Applied::LeftAlone { limited: false, .. }), "{applied:?}");
    assert_eq!(may(&panel, "7-42-data"), ALL);
}

#[tokio::test]
async fn a_policy_of_that_name_that_is_somebody_elses_is_never_overwritten() {
    let (panel, pair) = start(4, 1).await;
    let backend = pair.backend();
    // A user who is called so, with the policy of his name as everybody has it.
    signing::add_user(&panel, LIMITED, "another-secret").await;
    let his = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::7-42-limited*"]}]}"#;
    signing::put_policy(&panel, LIMITED, his).await;
    signing::map_policy(&panel, LIMITED, LIMITED).await;
    let memory = limiter(&*backend).remember(&target(&account(CUSTOMER))).await.unwrap();
    let error =
        limiter(&*backend).apply(&target(&account(CUSTOMER)), Policy::Limited, &memory).await.unwrap_err();
    assert!(matches!(&error, BackendError::NotOffered(why) if why.contains(LIMITED)), "{error:?}");
    assert!(error.to_string().contains("rename it or remove it"), "{error}");
    assert!(panel.may(LIMITED, "s3:PutObject", "7-42-limited-data", "a"), "his rights are as they were");
    assert_eq!(panel.is_limited(CUSTOMER), Some(false));
    // Nor is it removed when he is restored.
    assert_eq!(apply(&*backend, Policy::Standard, &memory).await, Applied::AlreadySo);
    assert!(panel.policies().contains(&LIMITED.to_string()));
    // One that an operator has made ready and that says the same is used, and stays his.
    let other = account("8-77");
    let ready = include_str!("../../src/backends/minio/policies/limited.json").replace("<USER_ID>", "8-77");
    signing::put_policy(&panel, "8-77-limited", &ready).await;
    let before = limiter(&*backend).remember(&target(&other)).await.unwrap();
    assert_eq!(
        limiter(&*backend).apply(&target(&other), Policy::Limited, &before).await.unwrap(),
        Applied::Done
    );
    assert_eq!(
        limiter(&*backend).apply(&target(&other), Policy::Standard, &before).await.unwrap(),
        Applied::Done
    );
    assert!(panel.policies().contains(&"8-77-limited".to_string()));
    // The user alone is enough: his policy is yet to come.
    signing::map_policy(&panel, LIMITED, "readonly").await;
    signing::admin(&panel, "DELETE", &format!("remove-canned-policy?name={LIMITED}"), b"").await;
    let error =
        limiter(&*backend).apply(&target(&account(CUSTOMER)), Policy::Limited, &memory).await.unwrap_err();
    assert!(matches!(&error, BackendError::NotOffered(why) if why.contains("so is a user")), "{error:?}");
    assert!(!panel.policies().contains(&LIMITED.to_string()));
}

#[tokio::test]
async fn a_limited_policy_goes_when_nobody_has_it_any_more() {
    let (panel, pair) = start(4, 1).await;
    let backend = pair.backend();
    let memory = limiter(&*backend).remember(&target(&account(CUSTOMER))).await.unwrap();
    let there = || panel.policies().contains(&LIMITED.to_string());
    let around = async || {
        assert_eq!(apply(&*backend, Policy::Limited, &memory).await, Applied::Done);
        assert!(there());
        assert_eq!(apply(&*backend, Policy::Standard, &memory).await, Applied::Done);
    };
    around().await;
    assert!(!there());
    // Somebody else was given it by hand.
    signing::put_policy(&panel, "placeholder", r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::x"]}]}"#).await;
    assert_eq!(apply(&*backend, Policy::Limited, &memory).await, Applied::Done);
    signing::map_policy(&panel, "8-77", LIMITED).await;
    assert_eq!(apply(&*backend, Policy::Standard, &memory).await, Applied::Done);
    assert!(there());
    signing::map_policy(&panel, "8-77", "8-77").await;
    assert_eq!(apply(&*backend, Policy::Standard, &memory).await, Applied::AlreadySo);
    assert!(!there());
    // A server that cannot tell who has it, and a right that is missing: it stays, and he is restored all the same.
    panel.switch(|switches| switches.attach = Attach::Absent);
    around().await;
    assert!(there());
    panel.switch(|switches| switches.attach = Attach::Current);
    panel.knobs().faults.add(Fault::new(FaultKind::RightMissing).on("remove-canned-policy"));
    around().await;
    assert!(there());
    panel.knobs().faults.clear();
    // His user is deleted while he is limited: nobody restores him, and `check` names what is left.
    assert_eq!(apply(&*backend, Policy::Limited, &memory).await, Applied::Done);
    signing::admin(&panel, "DELETE", &format!("remove-user?accessKey={CUSTOMER}"), b"").await;
    let steps = crate::steps(&*backend).await;
    let left = steps.iter().find(|step| step.name == "policies left behind").unwrap();
    assert!(!left.fatal && left.outcome.as_ref().unwrap_err().to_string().contains(LIMITED), "{left:?}");
}

#[tokio::test]
async fn check_requires_the_rights_that_limits_need_and_only_where_a_rule_limits() {
    let (panel, pair) = start(4, 1).await;
    let policy = readme_policy();
    let settings = metered_by(&panel, &pair, policy).await;
    let backend = || pair.opened(settings.clone());
    assert_eq!(crate::fatal(&crate::steps(&*backend()).await), [""; 0]);
    let limits = [
        "admin:GetPolicy",
        "admin:GetUser",
        "admin:CreatePolicy",
        "admin:DeletePolicy",
        "admin:ListUserPolicies",
    ];
    for right in limits {
        signing::put_policy(&panel, "meter", &without(policy, right)).await;
        let wrong = crate::fatal(&crate::steps(&*backend()).await);
        assert!(wrong.len() == 1 && wrong[0].contains(right), "{right}: {wrong:?}");
        assert_eq!(crate::fatal(&crate::steps_for(&*backend(), Wants::default()).await), [""; 0], "{right}");
    }
    // One of two calls is enough for a mapping.
    let one = without(policy, "admin:AttachUserOrGroupPolicy");
    signing::put_policy(&panel, "meter", &one).await;
    assert_eq!(crate::fatal(&crate::steps(&*backend()).await), [""; 0]);
    signing::put_policy(&panel, "meter", &without(&one, "admin:UpdatePolicyAssociation")).await;
    let wrong = crate::fatal(&crate::steps(&*backend()).await);
    assert!(wrong.len() == 1 && wrong[0].contains("admin:AttachUserOrGroupPolicy or"), "{wrong:?}");
    // Servers that spell it otherwise tell the rights too, and one that tells none is not refused for it.
    signing::put_policy(&panel, "meter", policy).await;
    for flavour in [Flavour::Rustfs, Flavour::Aistor] {
        panel.switch(|switches| switches.flavour = flavour);
        let steps = crate::steps(&*pair.backend()).await;
        assert_eq!(crate::fatal(&steps), [""; 0], "{flavour:?}");
        let rights = steps.iter().find(|step| step.name == "rights that limits need").unwrap();
        assert!(rights.outcome.is_ok(), "{flavour:?}: {rights:?}");
    }
    panel.switch(|switches| switches.flavour = Flavour::default());
    panel.knobs().faults.add(Fault::new(FaultKind::Failed { status: 501 }).on("accountinfo"));
    let steps = crate::steps(&*backend()).await;
    let untold = steps.iter().filter(|step| step.outcome.is_err());
    assert_eq!(
        untold.map(|step| (&*step.name, step.fatal)).collect::<Vec<_>>(),
        [("credentials", false), ("rights that limits need", false)]
    );
    panel.knobs().faults.clear();
    // Traffic that the config wants.
    signing::put_policy(&panel, "meter", &without(policy, "admin:Prometheus")).await;
    let wrong = crate::fatal(&crate::steps_for(&*backend(), Wants::default()).await);
    assert!(wrong.len() == 1 && wrong[0].contains("admin:Prometheus"), "{wrong:?}");
    let mut without_traffic = settings.clone();
    without_traffic.insert("traffic".into(), toml::Value::String("off".into()));
    assert_eq!(crate::fatal(&crate::steps(&*pair.opened(without_traffic)).await), [""; 0]);
}

#[tokio::test]
async fn check_refuses_a_limited_policy_that_cannot_serve_the_buckets_of_the_config() {
    let (_panel, pair) = start(4, 1).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("limited.json");
    let fixed = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::customers/*"]},
        {"Effect":"Deny","Action":["s3:PutObject"],"Resource":["arn:aws:s3:::*"]}]}"#;
    std::fs::write(&file, fixed).unwrap();
    let many: Vec<String> =
        (0..300).map(|n| format!("\"a-bucket-with-quite-a-long-name-{n:04}\" = \"7-42\"")).collect();
    let table = format!("buckets = {{ {} }}", many.join(", "));
    for (keys, expected) in [
        (format!("policy_limited = {file:?}\nbuckets = {{ \"old\" = \"7-42\" }}"), "<USER_ID>*"),
        (format!("policy_limited = {file:?}\nbucket_prefix = \"u-<USER_ID>-\""), "<USER_ID>*"),
        (table, "20480"),
    ] {
        let backend = pair.backend_with(&keys);
        let wrong = crate::fatal(&crate::steps(&*backend).await);
        assert!(wrong.len() == 1 && wrong[0].contains(expected), "{wrong:?}");
        assert_eq!(crate::fatal(&crate::steps_for(&*backend, Wants::default()).await), [""; 0]);
    }
}
