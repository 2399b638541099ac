//! The `[notify]` section: every wrong key is named, and no secret is shown.

use std::path::Path;

use super::*;
use crate::domain::BillingZone;
use crate::settings::Secret;

fn open(text: &str, whmcs: Option<&WhmcsApi>) -> Result<Channels, SettingsError> {
    let table: toml::Table = text.parse().expect("TOML");
    let settings = Section::new(table, Path::new(".")).read::<NotifySettings>()?;
    Channels::open(&settings, whmcs, Path::new("."))
}

fn api(url: &str) -> WhmcsApi {
    WhmcsApi {
        url: url.into(),
        identifier: "id".into(),
        secret: Secret::new("hunter2".into()),
        access_key: None,
        unit_bytes: 1 << 30,
        zone: BillingZone::parse("Europe/Warsaw").expect("a zone"),
    }
}

const SMTP: &str = "channels = ['smtp']\n[smtp]\nhost = 'mail.example.net'\nfrom = 'whmeter@example.net'\n";

#[test]
fn every_wrong_key_is_named() {
    let webhook = "channels = ['webhook']\n[webhook]\nurl = 'http://hook.example.net/x'\n";
    let alertmanager = "channels = ['alertmanager']\n[alertmanager]\n";
    for (text, key, problem) in [
        ("channels = ['pigeon']".to_string(), "channels", "expected one of whmcs, smtp"),
        ("channels = ['smtp', 'smtp']".into(), "channels", "twice"),
        ("chanels = []".into(), "chanels", "did you mean channels?"),
        ("channels = ['smtp']".into(), "smtp", "[notify.smtp]"),
        ("channels = ['whmcs']".into(), "channels", "url, identifier and secret"),
        (format!("{SMTP}hots = 'x'"), "smtp.hots", "did you mean host?"),
        (format!("{SMTP}tls = 'none'"), "smtp.tls", "this very machine"),
        (format!("{SMTP}username = 'x'"), "smtp.password", "username needs it"),
        (format!("{SMTP}to = ['nobody']"), "smtp.to", "not a mail address"),
        (format!("{SMTP}password_file = 'none'"), "smtp.password_file", "cannot read"),
        (webhook.into(), "webhook.secret", "missing"),
        (format!("{webhook}secret = ''"), "webhook.secret", "is empty"),
        (alertmanager.into(), "alertmanager.url", "missing"),
        (format!("{alertmanager}url = 'ftp://x'"), "alertmanager.url", "http://"),
        (format!("{alertmanager}urls = ['http://a', 'b']"), "alertmanager.urls", "not an address"),
        (format!("{alertmanager}url = 'http://a'\nusername = 'x'"), "alertmanager.password", "username"),
    ] {
        let Err(error) = open(&text, None) else { panic!("{text} is accepted") };
        assert_eq!(error.key, key, "{text}: {error}");
        assert!(error.problem.contains(problem), "{text}: {error}");
    }
    let Err(error) = open("channels = ['whmcs']", Some(&api("billing.example.net"))) else {
        panic!("no scheme is accepted")
    };
    assert_eq!(error.key, "whmcs.url");
}

#[test]
fn what_is_named_is_open_and_nothing_else() {
    let text = format!("{SMTP}tls = 'implicit'\n[webhook]\nurl = 'nowhere'");
    assert_eq!(open(&text, None).expect("fine").names(), [Channel::Smtp]);
    let api = api("https://billing.example.net/includes/api.php");
    assert_eq!(open("channels = ['whmcs']", Some(&api)).expect("fine").names(), [Channel::Whmcs]);
    assert!(open("", None).expect("fine").names().is_empty());
}

#[test]
fn never_9_no_secret_of_a_channel_is_printable() {
    let text = "channels = ['webhook']\n[webhook]\nurl = 'http://a'\nsecret = 'hunter2'";
    let table: toml::Table = text.parse().expect("TOML");
    let settings = Section::new(table, Path::new(".")).read::<NotifySettings>().expect("fine");
    let shown = format!("{settings:?} {:?}", api("https://a"));
    assert!(shown.contains("secret") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn the_sample_opens_with_every_channel_once_its_secrets_are_there() {
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["smtp.password", "webhook.secret"] {
        std::fs::write(folder.path().join(file), "hunter2").expect("written");
    }
    let all = "channels = [\"smtp\", \"webhook\", \"alertmanager\"]";
    let sample = SAMPLE.replace("channels = []", all);
    let mut table: toml::Table = sample.parse().expect("TOML");
    let Some(toml::Value::Table(notify)) = table.remove("notify") else { panic!("no [notify]") };
    assert!(table.is_empty());
    let settings = Section::new(notify, folder.path()).read::<NotifySettings>().expect("known keys");
    let mut channels = Channels::open(&settings, None, folder.path()).expect("opens");
    assert_eq!(channels.names(), [Channel::Smtp, Channel::Webhook, Channel::Alertmanager]);
    // The files of this test can be read by everybody.
    let warnings = channels.take_warnings();
    assert!(warnings.iter().any(|warning| warning.starts_with("smtp.password_file: ")), "{warnings:?}");
    // What the sample only mentions is known too.
    let mentioned = SAMPLE.replace("\n# ", "\n").replace("username = \"whmeter\"\n", "");
    for key in
        ["tls", "port", "tls_ca_file", "timeout", "password_file", "bearer_token_file", "generator_url"]
    {
        assert!(mentioned.contains(&format!("\n{key} = ")), "{key} is not in the sample");
    }
}
