//! The wording of notifications: subject, plain text and HTML, each with the same facts.
//!
//! For mail that is not worded by the operator's own templates in WHMCS.

use super::unit::{Unit, hundredths};
use crate::domain::{Bytes, Meter, Timestamp, WordedMail};
use crate::quota::{Notification, Occasion};

/// Words for `notification`, amounts in units of the base of `unit`: a sentence, then one fact per line or row.
pub(super) fn worded(notification: &Notification, product: Option<&str>, unit: Unit) -> WordedMail {
    let percent = hundredths(notification.hundredths());
    let sentence = sentence(notification, &percent);
    let facts = facts(notification, product, &percent, unit);
    let lines = facts.iter().map(|(name, fact)| format!("{name}: {fact}\n")).collect::<String>();
    let row = |(name, fact): &(&str, String)| format!("<tr><td>{name}</td><td>{}</td></tr>\n", escape(fact));
    let rows = facts.iter().map(row).collect::<String>();
    WordedMail {
        subject: subject(notification, &percent),
        plain: format!("{sentence}\n\n{lines}"),
        html: format!("<p>{}</p>\n<table>\n{rows}</table>\n", escape(&sentence)),
    }
}

fn subject(notification: &Notification, percent: &str) -> String {
    let (account, meter) = (&notification.account.name, meter(notification.meter));
    match notification.occasion {
        Occasion::Resolved if notification.limit == Bytes::ZERO => {
            format!("{meter} has no limit any more: {account}")
        }
        Occasion::Notify => format!("{meter} at {percent} % of its limit: {account}"),
        Occasion::Reminder(_) => format!("Reminder: {meter} at {percent} % of its limit: {account}"),
        Occasion::Limited => format!("{meter} limit reached, account limited: {account}"),
        Occasion::Restored => format!("Account no longer limited: {account}"),
        Occasion::Failed => format!("{meter} limit reached, account could not be limited: {account}"),
        Occasion::Resolved => {
            format!("{meter} below {} % of its limit again: {account}", notification.threshold)
        }
    }
}

fn sentence(notification: &Notification, percent: &str) -> String {
    let account = &notification.account.name;
    let (uses, threshold) = (meter(notification.meter), notification.threshold);
    match notification.occasion {
        Occasion::Restored if notification.limit == Bytes::ZERO => {
            format!(
                "{uses} of the account {account} has no limit any more. The account is no longer limited."
            )
        }
        Occasion::Resolved if notification.limit == Bytes::ZERO => {
            format!("{uses} of the account {account} has no limit any more.")
        }
        Occasion::Notify => {
            format!("{uses} of the account {account} has reached {percent} % of its limit.")
        }
        Occasion::Reminder(_) => format!(
            "{uses} of the account {account} is still above {threshold} % of its limit: {percent} % now."
        ),
        Occasion::Limited => {
            format!("{uses} of the account {account} has reached its limit. The account is limited now.")
        }
        Occasion::Restored => {
            format!(
                "{uses} of the account {account} is below its limit again. The account is no longer limited."
            )
        }
        Occasion::Failed => format!(
            "{uses} of the account {account} has reached its limit, but the panel did not accept the limit. \
             Please check the panel."
        ),
        Occasion::Resolved => {
            format!("{uses} of the account {account} is below {threshold} % of its limit again.")
        }
    }
}

fn facts(
    notification: &Notification,
    product: Option<&str>,
    percent: &str,
    unit: Unit,
) -> Vec<(&'static str, String)> {
    // Without a limit the amount used says which unit fits.
    let shown =
        unit.fitting(if notification.limit == Bytes::ZERO { notification.used } else { notification.limit });
    let amount = |bytes| format!("{} {}", shown.write(bytes), shown.name());
    let mut facts = vec![("Account", notification.account.name.to_string())];
    facts.extend(product.map(|product| ("Product", product.to_string())));
    facts.extend([
        ("Server", notification.account.backend.to_string()),
        ("Measured", meter(notification.meter).to_string()),
        ("Used", amount(notification.used)),
    ]);
    match notification.limit {
        Bytes::ZERO => facts.push(("Limit", "none".into())),
        limit => facts.extend([
            ("Limit", amount(limit)),
            ("Used of the limit", format!("{percent} %")),
            ("Threshold", format!("{} %", notification.threshold)),
        ]),
    }
    facts.extend([("Since", time(notification.since)), ("As of", time(notification.at))]);
    if shown.bytes() > 1 {
        facts.push(("Unit", format!("1 {} = {} bytes", shown.name(), shown.bytes())));
    }
    facts
}

/// What is measured, to begin a sentence with.
pub(super) fn meter(meter: Meter) -> &'static str {
    match meter {
        Meter::StorageUsed => "Storage",
        Meter::TrafficIn => "Incoming traffic",
        Meter::TrafficOut => "Outgoing traffic",
        Meter::TrafficTotal => "Traffic",
    }
}

fn time(at: Timestamp) -> String {
    at.to_utc().format("%Y-%m-%d %H:%M UTC").to_string()
}

/// A text as it stands in HTML; account names are the customer's choice.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#039;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::super::samples::notification;
    use super::*;

    #[test]
    fn both_parts_tell_the_same_facts() {
        let unit = Unit::of_bytes(1 << 30).expect("a unit");
        let message = worded(&notification(Occasion::Notify, "a<b>&c"), Some("S3 Storage 100"), unit);
        assert_eq!(message.subject, "Storage at 93.41 % of its limit: a<b>&c");
        for fact in ["93.41 GiB", "100.00 GiB", "90 %", "S3 Storage 100", "s3-fra1", "1073741824 bytes"] {
            assert!(message.plain.contains(fact), "{fact}: {}", message.plain);
            assert!(message.html.contains(fact), "{fact}: {}", message.html);
        }
        assert!(message.plain.contains("2026-11-20 12:00 UTC"), "{}", message.plain);
        assert!(
            message.html.contains("a&lt;b&gt;&amp;c") && !message.html.contains("<b>"),
            "{}",
            message.html
        );
    }

    #[test]
    fn every_occasion_has_its_own_words_and_amounts_fit() {
        let unit = Unit::of_bytes(1_000_000_000).expect("a unit");
        let occasions = [
            Occasion::Notify,
            Occasion::Reminder(1),
            Occasion::Limited,
            Occasion::Restored,
            Occasion::Failed,
            Occasion::Resolved,
        ];
        let messages = occasions.map(|occasion| worded(&notification(occasion, "1042-7731"), None, unit));
        let subjects: std::collections::BTreeSet<_> =
            messages.iter().map(|message| &message.subject).collect();
        assert_eq!(subjects.len(), occasions.len());
        assert!(messages[0].plain.contains("Limit: 107.37 GB"), "{}", messages[0].plain);
    }

    #[test]
    fn a_limit_that_was_taken_away_is_not_told_as_zero() {
        let unit = Unit::of_bytes(1 << 30).expect("a unit");
        for occasion in [Occasion::Restored, Occasion::Resolved] {
            let mut ended = notification(occasion, "a");
            ended.limit = Bytes::ZERO;
            let message = worded(&ended, None, unit);
            let all = format!("{} {}", message.subject, message.plain);
            assert!(all.contains("no limit any more") && all.contains("Used: 93.41 GiB"), "{all}");
            assert!(all.contains("Limit: none") && !all.contains('%'), "{all}");
        }
    }
}
