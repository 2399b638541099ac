//! The wording of letters: subject, plain text and HTML, each with the same facts.
//!
//! For mail that is not worded by the operator's own templates in WHMCS.

use super::unit::{Unit, hundredths};
use crate::domain::{Bytes, Meter, Timestamp};
use crate::quota::{Letter, Occasion};

/// A worded letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// One line.
    pub subject: String,
    /// A sentence, then one fact per line.
    pub plain: String,
    /// The same as a paragraph and a table.
    pub html: String,
}

impl Words {
    /// Words for `letter`; amounts in units of the base of `unit`.
    pub fn of(letter: &Letter, product: Option<&str>, unit: Unit) -> Words {
        let percent = hundredths(letter.hundredths());
        let sentence = sentence(letter, &percent);
        let facts = facts(letter, product, &percent, unit);
        let lines = facts.iter().map(|(name, fact)| format!("{name}: {fact}\n")).collect::<String>();
        let row =
            |(name, fact): &(&str, String)| format!("<tr><td>{name}</td><td>{}</td></tr>\n", escape(fact));
        let rows = facts.iter().map(row).collect::<String>();
        Words {
            subject: subject(letter, &percent),
            plain: format!("{sentence}\n\n{lines}"),
            html: format!("<p>{}</p>\n<table>\n{rows}</table>\n", escape(&sentence)),
        }
    }
}

fn subject(letter: &Letter, percent: &str) -> String {
    let (account, meter) = (&letter.account.name, meter(letter.meter));
    match letter.occasion {
        Occasion::Resolved if letter.limit == Bytes::ZERO => {
            format!("{meter} has no limit any more: {account}")
        }
        Occasion::Notify => format!("{meter} at {percent} % of its limit: {account}"),
        Occasion::Reminder(_) => format!("Reminder: {meter} at {percent} % of its limit: {account}"),
        Occasion::Limited => format!("{meter} limit reached, account limited: {account}"),
        Occasion::Restored => format!("Account no longer limited: {account}"),
        Occasion::Failed => format!("{meter} limit reached, account could not be limited: {account}"),
        Occasion::Resolved => format!("{meter} below {} % of its limit again: {account}", letter.threshold),
    }
}

fn sentence(letter: &Letter, percent: &str) -> String {
    let account = &letter.account.name;
    let (uses, threshold) = (meter(letter.meter), letter.threshold);
    match letter.occasion {
        Occasion::Restored if letter.limit == Bytes::ZERO => {
            format!(
                "{uses} of the account {account} has no limit any more. The account is no longer limited."
            )
        }
        Occasion::Resolved if letter.limit == Bytes::ZERO => {
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
            "{uses} of the account {account} has reached its limit, but the panel would not limit the account. \
             Please look at the panel."
        ),
        Occasion::Resolved => {
            format!("{uses} of the account {account} is below {threshold} % of its limit again.")
        }
    }
}

fn facts(letter: &Letter, product: Option<&str>, percent: &str, unit: Unit) -> Vec<(&'static str, String)> {
    // Without a limit the amount used says which unit fits.
    let shown = unit.fitting(if letter.limit == Bytes::ZERO { letter.used } else { letter.limit });
    let amount = |bytes| format!("{} {}", shown.write(bytes), shown.name());
    let mut facts = vec![("Account", letter.account.name.to_string())];
    facts.extend(product.map(|product| ("Product", product.to_string())));
    facts.extend([
        ("Server", letter.account.backend.to_string()),
        ("Measured", meter(letter.meter).to_string()),
        ("Used", amount(letter.used)),
    ]);
    match letter.limit {
        Bytes::ZERO => facts.push(("Limit", "none".into())),
        limit => facts.extend([
            ("Limit", amount(limit)),
            ("Used of the limit", format!("{percent} %")),
            ("Threshold", format!("{} %", letter.threshold)),
        ]),
    }
    facts.extend([("Since", time(letter.since)), ("As of", time(letter.at))]);
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
    use super::super::samples::letter;
    use super::*;

    #[test]
    fn both_parts_tell_the_same_facts() {
        let unit = Unit::of_bytes(1 << 30).expect("a unit");
        let words = Words::of(&letter(Occasion::Notify, "a<b>&c"), Some("S3 Storage 100"), unit);
        assert_eq!(words.subject, "Storage at 93.41 % of its limit: a<b>&c");
        for fact in ["93.41 GiB", "100.00 GiB", "90 %", "S3 Storage 100", "s3-fra1", "1073741824 bytes"] {
            assert!(words.plain.contains(fact), "{fact}: {}", words.plain);
            assert!(words.html.contains(fact), "{fact}: {}", words.html);
        }
        assert!(words.plain.contains("2026-11-20 12:00 UTC"), "{}", words.plain);
        assert!(words.html.contains("a&lt;b&gt;&amp;c") && !words.html.contains("<b>"), "{}", words.html);
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
        let words = occasions.map(|occasion| Words::of(&letter(occasion, "1042-7731"), None, unit));
        let subjects: std::collections::BTreeSet<_> = words.iter().map(|words| &words.subject).collect();
        assert_eq!(subjects.len(), occasions.len());
        assert!(words[0].plain.contains("Limit: 107.37 GB"), "{}", words[0].plain);
    }

    #[test]
    fn a_limit_that_was_taken_away_is_not_told_as_zero() {
        let unit = Unit::of_bytes(1 << 30).expect("a unit");
        for occasion in [Occasion::Restored, Occasion::Resolved] {
            let mut ended = letter(occasion, "a");
            ended.limit = Bytes::ZERO;
            let words = Words::of(&ended, None, unit);
            let all = format!("{} {}", words.subject, words.plain);
            assert!(all.contains("no limit any more") && all.contains("Used: 93.41 GiB"), "{all}");
            assert!(all.contains("Limit: none") && !all.contains('%'), "{all}");
        }
    }
}
