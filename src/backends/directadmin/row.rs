//! One account as either of the two sources of figures tells it.

use std::collections::BTreeMap;

use chrono::{NaiveDateTime, TimeZone};

use crate::domain::{AccountName, BillingZone, Bytes, Identity, Limit, Timestamp};

/// What is told of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Bytes moved in the running month of the server, both ways.
    pub traffic: Result<Bytes, String>,
    /// Bytes stored.
    pub storage: Result<Bytes, String>,
    pub traffic_limit: Limit,
    pub storage_limit: Limit,
    /// Whose it is, by that one's name.
    pub creator: Option<String>,
    pub package: Option<String>,
    pub domain: Option<String>,
    pub suspended: Option<bool>,
    /// Why it is suspended, where that is told.
    pub reason: Option<String>,
    pub created: Option<Created>,
}

/// All accounts of one answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    pub accounts: BTreeMap<AccountName, Row>,
    /// What is wrong with rows that have no name which could be an account's, or with the whole.
    pub complaints: Vec<String>,
}

/// When an account was made, in the one form that its source has. The two cannot be compared: each is a part of an
/// account's identity under a name of its own, so that whoever changes the source gives nobody a new life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Created {
    /// Epoch seconds, of the table.
    Unix(i64),
    /// `Tue Feb  7 08:41:00 2023` by the server's clock, of the configuration.
    Text(String),
}

const UNIX: &str = "created_unix";
const TEXT: &str = "created_text";

impl Created {
    /// As the table tells it.
    pub fn unix(text: &str) -> Option<Created> {
        text.trim().parse().ok().filter(|seconds| *seconds > 0).map(Created::Unix)
    }

    /// As a configuration tells it; blanks that pad a day are made one.
    pub fn text(text: &str) -> Option<Created> {
        let words: Vec<&str> = text.split_whitespace().collect();
        (!words.is_empty()).then(|| Created::Text(words.join(" ")))
    }

    /// What of an identity it is.
    pub fn identity(&self) -> Identity {
        match self {
            Created::Unix(seconds) => Identity::new().with(UNIX, seconds.to_string()),
            Created::Text(text) => Identity::new().with(TEXT, text.clone()),
        }
    }

    /// What an account's identity reported before.
    pub fn of(identity: &Identity) -> Option<Created> {
        let unix = identity.part(UNIX).and_then(Created::unix);
        unix.or_else(|| identity.part(TEXT).and_then(Created::text))
    }

    /// The instant, by a clock in this zone.
    pub fn instant(&self, zone: BillingZone) -> Option<Timestamp> {
        match self {
            Created::Unix(seconds) => Timestamp::new(*seconds).ok(),
            Created::Text(text) => {
                let local = NaiveDateTime::parse_from_str(text, "%a %b %e %H:%M:%S %Y").ok()?;
                let instant = zone.tz().from_local_datetime(&local).earliest()?;
                Timestamp::from_utc(instant.to_utc()).ok()
            }
        }
    }
}

/// Whether a word says that an account is suspended; none where it says nothing.
pub(super) fn is_suspended(word: &str) -> Option<bool> {
    match word.trim() {
        "" => None,
        // Anything else is a reason, or `yes`.
        word => Some(!word.eq_ignore_ascii_case("no")),
    }
}

/// A text with something in it.
pub(super) fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Likeness;

    #[test]
    fn two_forms_of_one_date_are_no_two_identities() {
        let unix = Created::unix("1675759260").expect("a date");
        let text = Created::text("Tue Feb  7 09:41:00 2023").expect("a date");
        assert_eq!(unix.identity().compare(&text.identity()), Likeness::Unknown);
        let other = Created::unix("1675759261").expect("a date");
        assert_eq!(unix.identity().compare(&other.identity()), Likeness::Different);
        for created in [unix, text] {
            assert_eq!(Created::of(&created.identity()), Some(created.clone()));
            let zone = BillingZone::parse("Europe/Warsaw").expect("a zone");
            assert_eq!(created.instant(zone).map(Timestamp::get), Some(1_675_759_260), "{created:?}");
        }
        assert_eq!(Created::of(&Identity::new()), None);
        assert_eq!((Created::unix("0"), Created::unix("soon"), Created::text(" ")), (None, None, None));
        let odd = Created::text("7.2.2023").expect("a text");
        assert_eq!(odd.instant(BillingZone::parse("UTC").expect("a zone")), None);
    }

    #[test]
    fn anything_but_no_is_a_suspension() {
        let told = ["No", "no", "Yes", "yes", "billing", ""].map(is_suspended);
        assert_eq!(told, [Some(false), Some(false), Some(true), Some(true), Some(true), None]);
    }
}
