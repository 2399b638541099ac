//! Mail to customers through WHMCS: the right template, the right fields, the right service, once.

use std::time::Duration;

use serde_json::json;
use whmeter::domain::{BillingZone, Bytes, Meter};
use whmeter::notify::{Channels, WhmcsApi};
use whmeter::quota::{Channel, Occasion};
use whmeter::settings::Secret;
use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::{self, SimulatedPanel};
use whmeter_simulators::whmcs::{EmptyList, MishapKind, Options, Template, TemplatesShape, Whmcs};

use crate::{NOON, at, channels, delivery, is_later, is_never, is_unknown, notification};

pub const NOTICE: &str = "puqMinIOS3 Notification disk limit";
pub const ACCOUNT: &str = "1042-7731";

/// A WHMCS in Warsaw at noon UTC with four services, and the channel to it.
pub async fn house() -> (Whmcs, Channels) {
    let common = panel::Options { accounts: 4, clock: ClockStart::Frozen(NOON), ..panel::Options::default() };
    let whmcs = Whmcs::start(Options { common, ..Options::default() }).await.unwrap();
    let open = open(&whmcs, None);
    (whmcs, open)
}

pub fn open(whmcs: &Whmcs, access_key: Option<&str>) -> Channels {
    let settings = whmcs.settings();
    let api = WhmcsApi {
        url: settings["url"].clone(),
        identifier: settings["identifier"].clone(),
        secret: Secret::new(settings["secret"].clone()),
        access_key: access_key.map(|key| Secret::new(key.into())),
        unit_bytes: 1 << 30,
        zone: BillingZone::parse("Europe/Warsaw").unwrap(),
    };
    channels("channels = ['whmcs']", Some(&api))
}

#[tokio::test]
async fn a_notice_goes_out_by_the_panels_own_template_with_all_its_fields() {
    let (whmcs, channels) = house().await;
    let notice = notification(Occasion::Notify, ACCOUNT);
    let said = channels.deliver(Channel::Whmcs, &delivery(&notice)).await.unwrap();
    let [mail] = &whmcs.outbox()[..] else { panic!("{:?}", whmcs.outbox()) };
    assert_eq!((mail.service, mail.client, mail.template.as_deref()), (7731, 1042, Some(NOTICE)));
    assert_eq!(mail.subject, "Disk space usage 93.41 % - 1042-7731");
    assert!(
        mail.message.contains("limit 100 GB, used 93.41 GB (93.41 %), free 6.59 GB (6.59 %)"),
        "{mail:?}"
    );
    assert!(mail.message.contains("Client 0") && mail.message.contains("S3 Storage 100"), "{mail:?}");
    let variables = json!({"username": "1042-7731", "disk_limit_bytes": 107_374_182_400_u64,
        "unit_coefficient": 9.313225746154785E-10, "unit": "GB", "disk_used_unit": "93.41",
        "disk_used_percentage": "93.41", "disk_free_unit": "6.59", "disk_free_percentage": "6.59"});
    assert_eq!(mail.variables, variables);
    assert!(said.answer.contains(NOTICE) && said.answer.contains("7731"), "{said:?}");
}

#[tokio::test]
async fn lists_are_read_in_every_shape() {
    for shape in [TemplatesShape::Nested, TemplatesShape::Flattened] {
        for empty_list in
            [EmptyList::Missing, EmptyList::EmptyText, EmptyList::EmptyArray, EmptyList::EmptyObject]
        {
            for numbers_as_texts in [true, false] {
                let (whmcs, channels) = house().await;
                whmcs.switch(|switches| {
                    switches.templates_shape = shape;
                    switches.empty_list = empty_list;
                    switches.numbers_as_texts = numbers_as_texts;
                });
                let notice = notification(Occasion::Notify, ACCOUNT);
                channels.deliver(Channel::Whmcs, &delivery(&notice)).await.unwrap();
                assert_eq!(whmcs.outbox()[0].template.as_deref(), Some(NOTICE), "{shape:?} {empty_list:?}");
                let nobody = notification(Occasion::Notify, "nobody");
                let error = channels.deliver(Channel::Whmcs, &delivery(&nobody)).await.unwrap_err();
                assert!(is_later(&error) && error.to_string().contains("\"nobody\" on server 12"), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn a_template_that_is_missing_or_disabled_does_not_keep_the_customer_in_the_dark() {
    let (whmcs, channels) = house().await;
    let mut notice = notification(Occasion::Notify, "a{$x}&<b>");
    notice.address.template = Some("No such thing".into());
    whmcs.change(|world| world.services[0].username = "a{$x}&<b>".into());
    let said = channels.deliver(Channel::Whmcs, &delivery(&notice)).await.unwrap();
    assert!(said.answer.contains("No such thing"), "{said:?}");
    // Listed, and yet refused.
    let mut second = notification(Occasion::Limited, "1043-7732");
    second.address.template = Some(NOTICE.into());
    whmcs.change(|world| world.templates[0].disabled = true);
    let said = channels.deliver(Channel::Whmcs, &delivery(&second)).await.unwrap();
    assert!(said.answer.contains("disabled"), "{said:?}");
    let [own, other] = &whmcs.outbox()[..] else { panic!("{:?}", whmcs.outbox()) };
    assert_eq!((own.template.as_deref(), other.template.as_deref()), (None, None));
    assert_eq!(own.subject, "Storage at 93.41 % of its limit: a($x)&<b>");
    assert!(own.message.contains("a&#123;$x&#125;&amp;&lt;b&gt;"), "{}", own.message);
    assert!(other.message.contains("93.41 GiB") && other.message.contains("100.00 GiB"), "{}", other.message);
}

#[tokio::test]
async fn traffic_is_worded_by_us_and_good_news_is_told_on_request() {
    let (whmcs, channels) = house().await;
    let mut traffic = notification(Occasion::Notify, ACCOUNT);
    traffic.meter = Meter::TrafficOut;
    channels.deliver(Channel::Whmcs, &delivery(&traffic)).await.unwrap();
    assert_eq!(whmcs.outbox()[0].subject, "Outgoing traffic at 93.41 % of its limit: 1042-7731");
    let mut restored = notification(Occasion::Restored, ACCOUNT);
    assert!(is_never(&channels.deliver(Channel::Whmcs, &delivery(&restored)).await.unwrap_err()));
    assert_eq!(whmcs.outbox().len(), 1);
    restored.address.template = Some(NOTICE.into());
    channels.deliver(Channel::Whmcs, &delivery(&restored)).await.unwrap();
    assert_eq!(whmcs.outbox()[1].template.as_deref(), Some(NOTICE));
    let mut unlimited = notification(Occasion::Notify, ACCOUNT);
    unlimited.limit = Bytes::ZERO;
    assert!(is_never(&channels.deliver(Channel::Whmcs, &delivery(&unlimited)).await.unwrap_err()));
    for occasion in [Occasion::Failed, Occasion::Resolved] {
        let notification = notification(occasion, ACCOUNT);
        assert!(is_never(&channels.deliver(Channel::Whmcs, &delivery(&notification)).await.unwrap_err()));
    }
}

#[tokio::test]
async fn the_service_is_the_one_that_runs_on_this_server() {
    let (whmcs, channels) = house().await;
    whmcs.switch(|switches| switches.most_rows = 1);
    whmcs.change(|world| {
        for service in &mut world.services {
            service.username = ACCOUNT.into();
        }
        world.services[0].status = "Terminated".into();
        world.services[1].server = 13;
        world.services[2].status = "Suspended".into();
        world.services[3].username = ACCOUNT.replace('-', "_");
    });
    let notice = notification(Occasion::Notify, ACCOUNT);
    channels.deliver(Channel::Whmcs, &delivery(&notice)).await.unwrap();
    assert_eq!(whmcs.outbox()[0].service, 7733);
    whmcs.change(|world| world.services[3].username = ACCOUNT.into());
    let error = channels.deliver(Channel::Whmcs, &delivery(&notice)).await.unwrap_err();
    assert!(is_never(&error) && error.to_string().contains("7733, 7734"), "{error}");
    let mut known = delivery(&notice);
    known.service = Some(7732);
    channels.deliver(Channel::Whmcs, &known).await.unwrap();
    assert_eq!(whmcs.outbox()[1].service, 7732);
}

#[tokio::test]
async fn a_mail_whose_answer_was_lost_is_found_and_not_sent_again() {
    for lost in [MishapKind::DoneThenGatewayTimeout, MishapKind::PhpWarning] {
        let (whmcs, channels) = house().await;
        // An older mail with the same subject is another one.
        let notice = notification(Occasion::Notify, ACCOUNT);
        whmcs.knobs().clock.advance(-86_400);
        channels.deliver(Channel::Whmcs, &delivery(&notice)).await.unwrap();
        whmcs.knobs().clock.advance(86_400);
        whmcs.mishap("SendEmail", lost.clone(), Some(1));
        let error = channels.deliver(Channel::Whmcs, &delivery(&notice)).await.unwrap_err();
        assert!(is_unknown(&error), "{lost:?}: {error}");
        assert_eq!(whmcs.outbox().len(), 2);
        let mut again = delivery(&notice);
        again.tried_at = Some(at(NOON));
        let said = channels.deliver(Channel::Whmcs, &again).await.unwrap();
        assert!(said.answer.contains("found in the mail log"), "{said:?}");
        assert_eq!(whmcs.outbox().len(), 2, "{lost:?}");
    }
}

#[tokio::test]
async fn a_broken_connection_leaves_it_open_whether_the_mail_was_sent() {
    let (whmcs, channels) = house().await;
    let notice = notification(Occasion::Notify, ACCOUNT);
    // The list of templates is known by then, so that the next call is the mail itself.
    channels.deliver(Channel::Whmcs, &delivery(&notice)).await.unwrap();
    let mut known = delivery(&notice);
    known.service = Some(7731);
    let reset = whmeter_simulators::faults::FaultKind::Reset { after_bytes: 5 };
    whmcs.knobs().faults.add(whmeter_simulators::faults::Fault::new(reset).times(1));
    let error = channels.deliver(Channel::Whmcs, &known).await.unwrap_err();
    assert!(is_unknown(&error), "{error}");
    assert_eq!(whmcs.outbox().len(), 2);
}

#[tokio::test]
async fn a_whmcs_that_falls_silent_after_sending_leaves_it_open() {
    let (whmcs, channels) = house().await;
    whmcs.mishap("SendEmail", MishapKind::DoneThenSilent(60_000), Some(1));
    let delivering = tokio::spawn(async move {
        let notice = notification(Occasion::Notify, ACCOUNT);
        channels.deliver(Channel::Whmcs, &delivery(&notice)).await
    });
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while whmcs.outbox().is_empty() {
        assert!(std::time::Instant::now() < deadline, "nothing was sent");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Whether our patience ends or the connection: the mail is out and nobody said so.
    whmcs.stop();
    assert!(is_unknown(&delivering.await.unwrap().unwrap_err()));
}

#[tokio::test]
async fn a_mail_that_was_not_sent_is_sent_by_the_second_attempt() {
    let (whmcs, channels) = house().await;
    let notice = notification(Occasion::Notify, ACCOUNT);
    whmcs.mishap("SendEmail", MishapKind::NotTaken, Some(1));
    let error = channels.deliver(Channel::Whmcs, &delivery(&notice)).await.unwrap_err();
    assert!(is_later(&error) && error.to_string().contains("Sending Failed"), "{error}");
    let mut again = delivery(&notice);
    again.tried_at = Some(at(NOON));
    channels.deliver(Channel::Whmcs, &again).await.unwrap();
    let sent: Vec<_> = whmcs.outbox().into_iter().filter(|mail| !mail.failed).collect();
    assert_eq!(sent.len(), 1, "a failed entry of the log is no mail");
}

#[tokio::test]
async fn a_lost_mail_is_recognised_in_the_clients_own_language() {
    let (whmcs, channels) = house().await;
    whmcs.change(|world| {
        world.clients[0].language = "german".into();
        let template = Template {
            language: "german".into(),
            subject: "{$company_name}: Speicher zu {$disk_used_percentage} % voll".into(),
            ..world.templates[0].clone()
        };
        world.templates.push(template);
    });
    let notice = notification(Occasion::Notify, ACCOUNT);
    whmcs.mishap("SendEmail", MishapKind::DoneThenGatewayTimeout, Some(1));
    assert!(is_unknown(&channels.deliver(Channel::Whmcs, &delivery(&notice)).await.unwrap_err()));
    let mut again = delivery(&notice);
    again.tried_at = Some(at(NOON));
    channels.deliver(Channel::Whmcs, &again).await.unwrap();
    assert_eq!(whmcs.outbox().len(), 1);
    assert_eq!(whmcs.outbox()[0].subject, ": Speicher zu 93.41 % voll");
}

#[tokio::test]
async fn without_the_right_to_look_nothing_is_sent_twice() {
    let (whmcs, channels) = house().await;
    let notice = notification(Occasion::Notify, ACCOUNT);
    // The templates first: their list is kept once it is known.
    for action in ["GetEmailTemplates", "GetClientsDetails", "GetEmails"] {
        whmcs.switch(|switches| switches.allowed.remove(action).then_some(()).unwrap());
        let mut again = delivery(&notice);
        again.tried_at = Some(at(NOON));
        let error = channels.deliver(Channel::Whmcs, &again).await.unwrap_err();
        assert!(is_never(&error) && error.to_string().contains(action), "{action}: {error}");
        whmcs.switch(|switches| assert!(switches.allowed.insert(action.into())));
    }
    assert!(whmcs.outbox().is_empty());
}

#[tokio::test]
async fn calls_come_one_at_a_time_and_not_in_bursts() {
    let (whmcs, channels) = house().await;
    whmcs.mishap("GetClientsProducts", MishapKind::Slow(150), None);
    let notifications: Vec<_> =
        whmcs.accounts().iter().map(|account| notification(Occasion::Notify, account)).collect();
    let began = std::time::Instant::now();
    let sent = notifications.iter().map(|notification| {
        let channels = channels.clone();
        async move { channels.deliver(Channel::Whmcs, &delivery(notification)).await.map(drop) }
    });
    for outcome in futures_util::future::join_all(sent).await {
        outcome.unwrap();
    }
    assert_eq!(whmcs.outbox().len(), 4);
    assert_eq!(whmcs.knobs().requests.count("GetEmailTemplates"), 1, "the list is kept for an hour");
    assert!(began.elapsed() >= Duration::from_millis(4 * 150), "{:?}", began.elapsed());
}
