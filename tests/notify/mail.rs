//! Mail through a mail server: encrypted, logged in, once per recipient, told apart how it failed.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use whmeter::notify::{Channels, Delivered, NotDelivered};
use whmeter::quota::{Channel, Notification, Occasion};
use whmeter_simulators::smtp::{Behaviour, Encryption, Receiver};
use whmeter_simulators::tls::{Certificates, certificates};

use crate::{channels, delivery, is_later, is_never, is_unknown, notification};

const PASSWORD: &str = "mail-password-0123";

struct House {
    receiver: Receiver,
    channels: Channels,
    _folder: tempfile::TempDir,
}

async fn house(tls: &str, more: &str, behaviour: Behaviour) -> House {
    let folder = tempfile::tempdir().unwrap();
    let made = certificates(folder.path(), "mail").unwrap();
    let authority = made.authority.display().to_string();
    let receiver = Receiver::start(encryption(tls, made), behaviour).await.unwrap();
    let config = format!(
        "channels = ['smtp']\n[smtp]\nhost = 'localhost'\nport = {}\ntls = '{tls}'\ntls_ca_file = '{authority}'\n\
         from = 'Billing <billing@example.net>'\nto = ['ops@example.net']\ntimeout = '2s'\n{more}",
        receiver.port()
    );
    House { receiver, channels: channels(&config, None), _folder: folder }
}

fn encryption(tls: &str, made: Certificates) -> Encryption {
    match tls {
        "starttls" => Encryption::Starttls(made),
        "implicit" => Encryption::Implicit(made),
        _ => Encryption::None,
    }
}

fn login(mechanism: &'static str) -> (String, Behaviour) {
    let login = Some(("billing".to_owned(), PASSWORD.to_owned()));
    let config = format!("username = 'billing'\npassword = '{PASSWORD}'\n");
    (config, Behaviour { login, mechanisms: vec![mechanism], ..Behaviour::default() })
}

impl House {
    async fn deliver(&self, notification: &Notification) -> Result<Delivered, NotDelivered> {
        self.channels.deliver(Channel::Smtp, &delivery(notification)).await
    }
}

#[tokio::test]
async fn mail_arrives_encrypted_and_logged_in_with_both_parts() {
    for (tls, mechanism) in [("starttls", "PLAIN"), ("starttls", "LOGIN"), ("implicit", "PLAIN")] {
        let (config, behaviour) = login(mechanism);
        let house = house(tls, &config, behaviour).await;
        let notice = notification(Occasion::Notify, "1042-7731");
        let said = house.deliver(&notice).await.unwrap();
        assert!(said.answer.contains("queued as 4711"), "{said:?}");
        let [mail] = &house.receiver.received()[..] else { panic!("{:?}", house.receiver.received()) };
        assert!(mail.encrypted && mail.user.as_deref() == Some("billing"), "{tls} {mechanism}: {mail:?}");
        assert_eq!(
            (mail.from.as_str(), &mail.to[..]),
            ("billing@example.net", &["ops@example.net".into()][..])
        );
        let key = hex::encode(Sha256::digest("s3-fra1/1042-7731/1/storage/90/2"));
        assert_eq!(mail.header("Message-ID").unwrap(), format!("<{key}@example.net>"));
        assert_eq!(mail.header("Date").unwrap(), "Fri, 20 Nov 2026 12:00:00 +0000");
        assert_eq!(mail.header("Subject").unwrap(), "Storage at 93.41 % of its limit: 1042-7731");
        assert_eq!(mail.header("Auto-Submitted").unwrap(), "auto-generated");
        assert!(mail.header("Content-Type").unwrap().starts_with("multipart/alternative"), "{mail:?}");
        for part in ["text/plain", "text/html", "Used: 93.41 GiB", "<td>93.41 GiB</td>"] {
            assert!(mail.text.contains(part), "{part}: {}", mail.text);
        }
    }
}

#[tokio::test]
async fn a_rules_own_recipients_take_the_place_of_the_others() {
    let house = house("none", "", Behaviour::default()).await;
    let mut notice = notification(Occasion::Failed, "Jörg\u{202e}<x>");
    notice.address.mail_to = vec!["A <a@example.net>".into(), "b@example.net".into()];
    house.deliver(&notice).await.unwrap();
    assert_eq!(house.receiver.received()[0].to, ["a@example.net", "b@example.net"]);
    notice.address.mail_to = vec!["nobody".into()];
    let error = house.deliver(&notice).await.unwrap_err();
    assert!(is_never(&error) && error.to_string().contains("mail_to"), "{error}");
    let resolved = notification(Occasion::Resolved, "a");
    assert!(is_never(&house.deliver(&resolved).await.unwrap_err()));
}

#[tokio::test]
async fn a_greylisting_server_gets_it_at_the_second_attempt() {
    let house = house("none", "", Behaviour { greylists: true, ..Behaviour::default() }).await;
    let notice = notification(Occasion::Notify, "a");
    let error = house.deliver(&notice).await.unwrap_err();
    assert!(is_later(&error) && error.to_string().contains("greylisted"), "{error}");
    assert!(house.receiver.received().is_empty());
    house.deliver(&notice).await.unwrap();
    assert_eq!(house.receiver.received().len(), 1);
}

#[tokio::test]
async fn a_recipient_that_is_refused_does_not_keep_the_others_from_it() {
    let house = house("none", "", Behaviour::default()).await;
    house.receiver.behave(|behaviour| assert!(behaviour.refuses.insert("gone@example.net".into())));
    let mut notice = notification(Occasion::Notify, "a");
    notice.address.mail_to = vec!["gone@example.net".into(), "b@example.net".into()];
    let said = house.deliver(&notice).await.unwrap();
    assert!(said.answer.contains("not taken for gone@example.net"), "{said:?}");
    assert_eq!(house.receiver.received()[0].to, ["b@example.net"]);
    notice.address.mail_to.pop();
    let error = house.deliver(&notice).await.unwrap_err();
    assert!(is_never(&error) && error.to_string().contains("no such user"), "{error}");
}

#[tokio::test]
async fn what_happens_after_the_text_leaves_it_open_and_the_second_copy_has_the_same_id() {
    let house = house("none", "", Behaviour { drops_after_data: true, ..Behaviour::default() }).await;
    let notice = notification(Occasion::Notify, "a");
    let error = house.deliver(&notice).await.unwrap_err();
    assert!(is_unknown(&error), "{error}");
    house.receiver.behave(|behaviour| {
        behaviour.drops_after_data = false;
        behaviour.silent_after_data = Some(Duration::from_secs(10));
    });
    let error = house.deliver(&notice).await.unwrap_err();
    assert!(is_unknown(&error) && error.to_string().contains("2s"), "{error}");
    house.receiver.behave(|behaviour| behaviour.silent_after_data = None);
    house.deliver(&notice).await.unwrap();
    let ids: std::collections::BTreeSet<_> =
        house.receiver.received().iter().map(|mail| mail.header("Message-ID").unwrap()).collect();
    assert_eq!((house.receiver.received().len(), ids.len()), (3, 1));
}

#[tokio::test]
async fn the_servers_word_on_the_text_decides() {
    let house = house("none", "", Behaviour::default()).await;
    let notice = notification(Occasion::Notify, "a");
    house.receiver.behave(|behaviour| behaviour.answers_data = Some("452 4.3.1 disk full"));
    assert!(is_later(&house.deliver(&notice).await.unwrap_err()));
    house.receiver.behave(|behaviour| behaviour.answers_data = Some("554 5.7.1 spam"));
    let error = house.deliver(&notice).await.unwrap_err();
    assert!(is_never(&error) && error.to_string().contains("spam"), "{error}");
}

#[tokio::test]
async fn wrong_passwords_missing_starttls_and_strange_certificates_are_told() {
    let (config, mut behaviour) = login("PLAIN");
    behaviour.login = Some(("billing".into(), "another".into()));
    let refused = house("starttls", &config, behaviour).await;
    let notice = notification(Occasion::Notify, "a");
    let error = refused.deliver(&notice).await.unwrap_err();
    assert!(is_never(&error) && error.to_string().contains("login: permanent"), "{error}");
    let plain = STANDARD.encode(format!("\0billing\0{PASSWORD}"));
    for secret in [PASSWORD, &STANDARD.encode(PASSWORD), &plain] {
        assert!(!error.to_string().contains(secret), "{error}");
    }

    let plain = Receiver::start(Encryption::None, Behaviour::default()).await.unwrap();
    let config = |port: u16, tls: &str| {
        format!(
            "channels = ['smtp']\n[smtp]\nhost = 'localhost'\nport = {port}\ntls = '{tls}'\nfrom = 'a@example.net'\n\
             to = ['b@example.net']\ntimeout = '2s'\n"
        )
    };
    let open = channels(&config(plain.port(), "starttls"), None);
    let error = open.deliver(Channel::Smtp, &delivery(&notice)).await.unwrap_err();
    assert!(is_never(&error) && error.to_string().contains("STARTTLS"), "{error}");
    assert!(plain.received().is_empty());

    let strange = house("implicit", "", Behaviour::default()).await;
    let open = channels(&config(strange.receiver.port(), "implicit"), None);
    let error = open.deliver(Channel::Smtp, &delivery(&notice)).await.unwrap_err();
    assert!(is_later(&error) && error.to_string().contains("certificate"), "{error}");
    strange.receiver.stop();
}

#[tokio::test]
async fn check_connects_encrypts_and_logs_in_and_sends_nothing() {
    let (config, behaviour) = login("LOGIN");
    let house = house("starttls", &config, behaviour).await;
    let steps = house.channels.check(&[]).await;
    let names: Vec<_> = steps.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["smtp connection", "smtp TLS", "smtp login", "smtp"]);
    assert!(steps.iter().all(|(_, outcome)| outcome.is_ok()), "{steps:?}");
    assert!(house.receiver.received().is_empty());
    house.receiver.behave(|behaviour| behaviour.login = None);
    let steps = house.channels.check(&[]).await;
    assert!(is_never(steps.last().unwrap().1.as_ref().unwrap_err()), "{steps:?}");
}
