//! What WHMCS says no to, told so that the operator knows what to fix, and without a secret.

use whmeter::quota::{Channel, Occasion};
use whmeter_simulators::faults::{Fault, FaultKind};
use whmeter_simulators::panel::SimulatedPanel;
use whmeter_simulators::whmcs::{ACTIONS, MishapKind};

use crate::whmcs::{ACCOUNT, NOTICE, house, open};
use crate::{delivery, is_later, is_never, notification};

#[tokio::test]
async fn an_address_that_is_not_on_the_list_is_named_and_the_access_key_lets_it_in() {
    let (whmcs, channels) = house().await;
    whmcs.switch(|switches| {
        switches.allowed_ip = Some("203.0.113.9".parse().unwrap());
        switches.access_key = Some("s3cret.key".into());
    });
    let notice = notification(Occasion::Notify, ACCOUNT);
    let error = channels.deliver(Channel::Whmcs, &delivery(&notice)).await.unwrap_err();
    assert!(is_never(&error), "{error}");
    assert!(
        error.to_string().contains("127.0.0.1 in") && error.to_string().contains("access_key"),
        "{error}"
    );
    let wrong = open(&whmcs, Some("other.key"));
    assert!(is_never(&wrong.deliver(Channel::Whmcs, &delivery(&notice)).await.unwrap_err()));
    open(&whmcs, Some("s3cret.key")).deliver(Channel::Whmcs, &delivery(&notice)).await.unwrap();
    assert_eq!(whmcs.outbox().len(), 1);
}

#[tokio::test]
async fn a_missing_right_is_named_as_the_operator_finds_it() {
    for action in ["SendEmail", "GetClientsProducts"] {
        let (whmcs, channels) = house().await;
        whmcs.switch(|switches| assert!(switches.allowed.remove(action)));
        let notice = notification(Occasion::Notify, ACCOUNT);
        let error = channels.deliver(Channel::Whmcs, &delivery(&notice)).await.unwrap_err();
        assert!(
            is_never(&error) && error.to_string().contains(&format!("does not allow {action}")),
            "{error}"
        );
        assert!(whmcs.outbox().is_empty());
    }
    // Looking ahead is a convenience: without the right the mail goes out all the same.
    let (whmcs, channels) = house().await;
    whmcs.switch(|switches| assert!(switches.allowed.remove("GetEmailTemplates")));
    let notice = notification(Occasion::Notify, ACCOUNT);
    channels.deliver(Channel::Whmcs, &delivery(&notice)).await.unwrap();
    assert_eq!(whmcs.outbox()[0].template.as_deref(), Some(NOTICE));
}

#[tokio::test]
async fn failures_before_anything_was_sent_are_tried_again_later() {
    let page = |status| FaultKind::HtmlPage { status };
    for (kind, says) in [
        (page(200), "an HTML page"),
        (FaultKind::Failed { status: 500 }, "500"),
        (page(403), "403"),
        (FaultKind::TooManyRequests { retry_after_seconds: Some(900) }, "429"),
    ] {
        let (whmcs, channels) = house().await;
        whmcs.knobs().faults.add(Fault::new(kind.clone()));
        let notice = notification(Occasion::Notify, ACCOUNT);
        let mut known = delivery(&notice);
        known.service = Some(7731);
        let error = channels.deliver(Channel::Whmcs, &known).await.unwrap_err();
        assert!(is_later(&error) && error.to_string().contains(says), "{kind:?}: {error}");
        assert!(whmcs.outbox().is_empty());
    }
}

#[tokio::test]
async fn a_page_in_place_of_the_answer_to_a_mail_is_a_failure_and_an_odd_error_is_final() {
    let (whmcs, channels) = house().await;
    let notice = notification(Occasion::Notify, ACCOUNT);
    for status in [200, 403] {
        whmcs.mishap("SendEmail", MishapKind::Page(status), Some(1));
        let error = channels.deliver(Channel::Whmcs, &delivery(&notice)).await.unwrap_err();
        assert!(is_later(&error), "{status}: {error}");
    }
    // PHP may have failed after the mail was sent: the mail log is asked before it is tried again.
    whmcs.mishap("SendEmail", MishapKind::Page(500), Some(1));
    let error = channels.deliver(Channel::Whmcs, &delivery(&notice)).await.unwrap_err();
    assert!(matches!(error, whmeter::notify::NotDelivered::Unknown { .. }), "{error:?}");
    let said = "The custom variables you provided are invalid.";
    whmcs.mishap("SendEmail", MishapKind::Error(said.into()), Some(1));
    let error = channels.deliver(Channel::Whmcs, &delivery(&notice)).await.unwrap_err();
    assert!(is_never(&error) && error.to_string().contains(said), "{error}");
    assert!(whmcs.outbox().is_empty());
}

#[tokio::test]
async fn a_busy_whmcs_says_how_long() {
    let (whmcs, channels) = house().await;
    whmcs.knobs().faults.add(Fault::new(FaultKind::TooManyRequests { retry_after_seconds: Some(900) }));
    let notice = notification(Occasion::Notify, ACCOUNT);
    match channels.deliver(Channel::Whmcs, &delivery(&notice)).await.unwrap_err() {
        whmeter::notify::NotDelivered::Later { after, .. } => assert_eq!(after.unwrap().as_secs(), 900),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn never_9_no_error_tells_a_secret() {
    let (whmcs, _) = house().await;
    whmcs.switch(|switches| switches.access_key = Some("s3cret.key".into()));
    let channels = open(&whmcs, Some("s3cret.key"));
    let settings = whmcs.settings();
    let secrets = ["s3cret.key", &settings["secret"], &settings["identifier"], "PLAIN-TEXT-HERE"];
    let echo = format!("denied: {} {} s3cret.key", settings["secret"], settings["identifier"]);
    let notice = notification(Occasion::Notify, ACCOUNT);
    let mut known = delivery(&notice);
    known.service = Some(7731);
    let mut heard = String::new();
    for kind in [MishapKind::Error(echo.clone()), MishapKind::Error(format!("Invalid IP {echo}"))] {
        whmcs.mishap("SendEmail", kind, Some(1));
        heard += &channels.deliver(Channel::Whmcs, &known).await.unwrap_err().to_string();
    }
    let broken = FaultKind::ReplacedText { find: "{\"".into(), with: format!("{echo} {{") };
    whmcs.knobs().faults.add(Fault::new(broken));
    heard += &channels.deliver(Channel::Whmcs, &delivery(&notice)).await.unwrap_err().to_string();
    assert!(heard.contains("denied"), "{heard}");
    for secret in secrets {
        assert!(!heard.contains(secret), "{heard}");
    }
}

#[tokio::test]
async fn check_names_the_version_and_each_template_and_sends_nothing() {
    let (whmcs, channels) = house().await;
    let steps = channels.check(&[NOTICE.into(), "Mine".into()]).await;
    let [(api, version), (_, found), (missing, mine)] = &steps[..] else { panic!("{steps:?}") };
    assert_eq!((api.as_str(), version.as_ref().unwrap().as_str()), ("whmcs API", "WHMCS 9.0.2"));
    assert!(found.as_ref().unwrap().contains("{$username}"), "{found:?}");
    assert!(missing.contains("Mine") && mine.as_ref().unwrap_err().to_string().contains("create it"));
    assert!(whmcs.outbox().is_empty());
    whmcs.switch(|switches| switches.allowed.clear());
    let steps = channels.check(&[]).await;
    assert!(steps[0].1.as_ref().unwrap_err().to_string().contains("WhmcsDetails"), "{steps:?}");
    whmcs.switch(|switches| switches.allowed.extend(ACTIONS.map(String::from)));
    whmcs.knobs().faults.add(Fault::new(FaultKind::CredentialsRefused { status: None }));
    let steps = channels.check(&[NOTICE.into()]).await;
    assert_eq!(steps.len(), 1, "{steps:?}");
    assert!(steps[0].1.as_ref().unwrap_err().to_string().contains("identifier and secret"), "{steps:?}");
}
