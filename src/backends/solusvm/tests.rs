//! What no simulated panel does: nonsense, tags without a root, lists that are cut.

use super::*;
use crate::backends::kit::testing::{RecordedRequest, Scripted};
use crate::backends::{BackendError, PollRequest};
use crate::domain::{Bytes, Harvest, Limit, Reading, Timestamp};

const INFOALL: &str = include_str!("testdata/one-infoall.json");
const SERVERS: &str = include_str!("testdata/two-servers.json");

fn section(url: &str, keys: &str) -> Section {
    Section::new(format!("url = '{url}'\n{keys}").parse().expect("toml"), std::path::Path::new("."))
}

async fn polled(
    keys: &str,
    answer: impl Fn(&RecordedRequest) -> (u16, String) + Send + Sync + 'static,
) -> (Result<(), BackendError>, Harvest, Vec<RecordedRequest>) {
    let server = Scripted::serve(answer).await;
    let backend = open(section(server.url.as_str(), keys), Scripted::http()).expect("opened");
    let (mut harvest, now) = (Harvest::new(), Timestamp::new(1_795_226_400).expect("in range"));
    let polled = backend.poll(&PollRequest::at(now), &mut harvest).await;
    (polled, harvest, server.asked())
}

const ONE: &str = "version = 1\nid = 'hunter1hunter1'\nkey = 'hunter2hunter2'\ntimezone = 'Europe/Warsaw'";
const TWO: &str = "version = 2\ntoken = 'hunter2hunter2'";

/// A SolusVM 1 with one node and one server, in JSON or in tags.
fn one(request: &RecordedRequest, tags: bool) -> (u16, String) {
    let is = |action: &str| request.body.contains(&format!("action={action}"));
    let body = match () {
        () if is("node-idlist") && request.body.contains("type=kvm") && tags => "<status>success</status>\n<nodes>4</nodes>".into(),
        () if is("node-idlist") && tags => "<status>success</status><statusmsg></statusmsg><nodes></nodes>".into(),
        () if is("node-idlist") && request.body.contains("type=kvm") => r#"{"status":"success","nodes":"4"}"#.into(),
        () if is("node-idlist") => r#"{"status":"success","statusmsg":"","nodes":""}"#.into(),
        () if is("node-virtualservers") && tags => {
            "<virtualservers><virtualserver><vserverid>171</vserverid><hostname>a & b</hostname></virtualserver></virtualservers>".into()
        }
        // PHP writes a list of one as the one.
        () if is("node-virtualservers") => {
            r#"{"status":"success","virtualservers":{"vserverid":"171","hostname":"vps171.example.net"}}"#.into()
        }
        () if is("vserver-infoall") && tags => {
            "<status>success</status><state>online</state><type>openvz</type><bandwidth>2199023255552,734003212345,1,33</bandwidth><hdd></hdd>".into()
        }
        () => INFOALL.to_string(),
    };
    (200, body)
}

#[tokio::test]
async fn a_master_is_read_in_json_and_in_tags_and_its_key_is_in_no_address() {
    for tags in [false, true] {
        let (polled, harvest, asked) = polled(ONE, move |request| one(request, tags)).await;
        assert!(polled.is_ok() && harvest.is_complete(), "{polled:?}");
        let server = &harvest.accounts()["171"];
        let count = server.readings.iter().find_map(|(meter, reading)| match reading {
            Reading::Counter { count, .. } if *meter == Meter::TrafficTotal => Some(count.get()),
            _ => None,
        });
        assert_eq!(count, Some(734_003_212_345));
        assert_eq!(server.facts.traffic_limit, Limit::UpTo(Bytes::new(2_199_023_255_552).expect("few")));
        assert_eq!(server.facts.suspended, Some(false));
        // What an empty field is nobody knows.
        assert_eq!(server.unread.len(), usize::from(tags), "{:?}", server.unread);
        assert!(
            asked.iter().all(|one| one.path == "/api/admin/command.php" && one.body.contains("key=hunter2"))
        );
    }
}

#[tokio::test]
async fn bare_texts_refuse_and_pages_are_no_answers() {
    for (text, refused) in [
        ("Invalid ipaddress", true),
        ("Invalid id or key", true),
        ("<html><body>maintenance</body></html>", false),
        ("", false),
        ("{\"status\":\"success\"", false),
    ] {
        let (polled, _, asked) = polled(ONE, move |_| (200, text.into())).await;
        let error = polled.expect_err(text);
        assert_eq!(matches!(error, BackendError::Refused(_)), refused, "{error}");
        assert_eq!(asked.len(), 1, "whoever insists is banned");
        assert!(!error.to_string().contains("hunter"), "{error}");
    }
}

#[tokio::test]
async fn figures_of_a_list_are_read_and_what_is_none_is_named() {
    let (polled, harvest, asked) = polled(TWO, |request| match request.path.as_str() {
        "/api/v1/account" => (200, r#"{"data":{"id":1,"roles":[{"id":1,"name":"Admin"}]}}"#.into()),
        _ => (200, SERVERS.into()),
    })
    .await;
    assert!(polled.is_ok() && harvest.is_complete(), "{polled:?}");
    assert!(asked.iter().all(|one| one.header("authorization") == "Bearer hunter2hunter2"));
    let [good, bad] = ["42", "43"].map(|name| &harvest.accounts()[name]);
    assert_eq!((good.readings.len(), good.unread.len()), (2, 0));
    assert_eq!(good.facts.traffic_limit, Limit::UpTo(Bytes::new(2 << 40).expect("few")));
    assert_eq!(good.facts.storage_limit, Limit::UpTo(Bytes::new(40 << 30).expect("few")));
    assert_eq!(good.facts.package.as_deref(), Some("KVM-2"));
    assert_eq!(bad.facts.traffic_limit, Limit::Unlimited);
    let details: Vec<&str> = bad.unread.iter().map(|unread| unread.detail.as_str()).collect();
    assert!(
        details[0].contains("incoming.value is \"-1\"") && details[1].contains("outgoing.value is absent"),
        "{details:?}"
    );
}

#[tokio::test]
async fn a_user_without_an_admin_role_and_a_list_that_is_cut_are_not_everybody() {
    for (role, total) in [("Client", 2), ("Admin", 3)] {
        let (polled, harvest, _) = polled(TWO, move |request| match request.path.as_str() {
            "/api/v1/account" => (200, format!(r#"{{"data":{{"roles":[{{"name":"{role}"}}]}}}}"#)),
            _ => (200, SERVERS.replace("\"total\": 2", &format!("\"total\": {total}"))),
        })
        .await;
        assert!(
            polled.is_ok() && harvest.accounts().len() == 2 && !harvest.is_complete(),
            "{role} {polled:?}"
        );
    }
}

#[test]
fn the_sample_is_a_section_of_either_product() {
    let sample: toml::Table = include_str!("sample.toml").parse().expect("toml");
    let mut keys = sample["backend"][0].as_table().expect("a section").clone();
    for key in ["kind", "name", "every", "whmcs_server", "token_file"] {
        keys.remove(key).expect(key);
    }
    keys.insert("token".into(), "hunter2".into());
    let read = |keys: toml::Table| PanelConfig::read(Section::new(keys, std::path::Path::new(".")));
    assert!(matches!(read(keys.clone()), Ok(PanelConfig::Two(_))));
    keys.insert("version".into(), 1.into());
    let error = read(keys.clone()).err().expect("no id");
    assert_eq!(error.key, "timezone".to_string().min("id".into()));
    keys.extend(
        [("id", "a"), ("key", "b"), ("timezone", "UTC")].map(|(key, value)| (key.into(), value.into())),
    );
    assert!(matches!(read(keys.clone()), Ok(PanelConfig::One(_))));
    keys.insert("version".into(), 3.into());
    assert!(read(keys).is_err_and(|error| error.to_string().contains("neither 1 nor 2")));
}
