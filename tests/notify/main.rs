//! Notifications by every channel, against a fake WHMCS, a mail server, a webhook receiver and a real
//! Alertmanager: what arrives, what is said when it does not, and that nothing arrives twice.

#![allow(clippy::unwrap_used, missing_docs)]

mod alertmanager;
mod mail;
mod php;
mod webhook;
mod whmcs;
mod whmcs_refusals;

use std::path::{Path, PathBuf};

use whmeter::domain::{AccountKey, AccountName, BackendId, Bytes, Meter, Timestamp};
use whmeter::notify::{Channels, Delivery, NotDelivered, NotifySettings, WhmcsApi};
use whmeter::quota::{Address, Notification, Occasion};
use whmeter::settings::Section;

/// 20 November 2026, 12:00 UTC.
const NOON: i64 = 1_795_176_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::new(seconds).unwrap()
}

/// 93.41 GiB of 100 GiB storage.
fn notification(occasion: Occasion, account: &str) -> Notification {
    Notification {
        occasion,
        account: AccountKey {
            backend: BackendId::new("s3-fra1").unwrap(),
            name: AccountName::new(account).unwrap(),
        },
        holding: whmeter::domain::HoldingNo::new(1),
        meter: Meter::StorageUsed,
        threshold: 90,
        episode: 2,
        used: Bytes::new(100_298_223_944).unwrap(),
        limit: Bytes::new(100 << 30).unwrap(),
        since: at(NOON - 600),
        at: at(NOON),
        address: Address::default(),
    }
}

fn delivery(notification: &Notification) -> Delivery<'_> {
    Delivery {
        notification,
        // As long as the test runs.
        key: Box::leak(notification.key().into_boxed_str()),
        kind: "minio",
        limit_template: None,
        server: Some(12),
        service: None,
        product: Some("S3 Storage 100"),
        unit: None,
        now: at(NOON),
        tried_at: None,
    }
}

/// The channels of a `[notify]` section.
fn channels(text: &str, whmcs: Option<&WhmcsApi>) -> Channels {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let settings = Section::new(text.parse().unwrap(), here).read::<NotifySettings>().unwrap();
    Channels::open(&settings, whmcs, here).unwrap_or_else(|error| panic!("{error}"))
}

fn is_later(error: &NotDelivered) -> bool {
    matches!(error, NotDelivered::Later { .. })
}

fn is_unknown(error: &NotDelivered) -> bool {
    matches!(error, NotDelivered::Unknown { .. })
}

fn is_never(error: &NotDelivered) -> bool {
    matches!(error, NotDelivered::Never { .. })
}

/// A program from a variable or the path; under CI it must be there.
fn program(variable: &str, name: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = named
        .or_else(|| std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file()));
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "{name} is missing, and CI must run this test");
        eprintln!("SKIPPED: no {name} in PATH or {variable}");
    }
    found
}
