//! What is sent about a crossing, to whom, and by which key: facts only, no wording.

use std::fmt;

use crate::domain::{AccountKey, Bytes, HoldingNo, Meter, Timestamp};

/// A way to notify somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Mail to the customer, by WHMCS's own templates.
    Whmcs,
    /// Mail to the addresses that the rule names.
    Smtp,
    /// JSON to the operator's own program.
    Webhook,
    /// An alert that fires until the crossing ends.
    Alertmanager,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Channel; 4] = [Channel::Whmcs, Channel::Smtp, Channel::Webhook, Channel::Alertmanager];

    /// Its name in the config, in labels and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Channel::Whmcs => "whmcs",
            Channel::Smtp => "smtp",
            Channel::Webhook => "webhook",
            Channel::Alertmanager => "alertmanager",
        }
    }

    /// Whether it carries this notification. Customers hear of what concerns them; that a switch failed is for
    /// the operator, and that a mere notice no longer holds is for Alertmanager alone, which has to be
    /// asked to stop.
    pub fn carries(self, notification: &Notification) -> bool {
        match (self, notification.occasion) {
            (_, Occasion::Notify | Occasion::Limited) => true,
            // There is no usual template for it, and none that knows accounts without a limit.
            (Channel::Whmcs, Occasion::Restored) => {
                notification.address.template.is_some() && notification.limit > Bytes::ZERO
            }
            // Alertmanager repeats what fires by itself, and hears of every end as `Resolved`.
            (channel, Occasion::Reminder(_) | Occasion::Restored) => channel != Channel::Alertmanager,
            (channel, Occasion::Failed) => matches!(channel, Channel::Smtp | Channel::Webhook),
            (channel, Occasion::Resolved) => channel == Channel::Alertmanager,
        }
    }

    /// Whether a notification that announces a switch waits until it is done. An alert is about the crossing,
    /// which is there already.
    pub fn waits(self, occasion: Occasion) -> bool {
        self != Channel::Alertmanager && matches!(occasion, Occasion::Limited | Occasion::Restored)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why somebody is notified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Occasion {
    /// A threshold was crossed.
    Notify,
    /// It is still crossed, notified for the n-th time after the first.
    Reminder(u32),
    /// The account was put under the limited policy.
    Limited,
    /// The account got back what it had before.
    Restored,
    /// The account should have been limited, and the panel would not take it.
    Failed,
    /// The threshold is no longer crossed.
    Resolved,
}

impl Occasion {
    /// Its name in messages and in the database; reminders are notices again.
    pub fn name(self) -> &'static str {
        match self {
            Occasion::Notify | Occasion::Reminder(_) => "notify",
            Occasion::Limited => "limited",
            Occasion::Restored => "restored",
            Occasion::Failed => "failed",
            Occasion::Resolved => "resolved",
        }
    }
}

/// How grave a crossing is, for routing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Soon the limit.
    Warning,
    /// The limit itself.
    Critical,
}

impl Severity {
    /// Of a threshold in percent: from 90 % on a warning, from 100 % on critical.
    pub fn of(threshold: u32) -> Severity {
        match threshold {
            ..90 => Severity::Info,
            90..100 => Severity::Warning,
            _ => Severity::Critical,
        }
    }

    /// Its name as a label.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// What one notification says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Why it is written.
    pub occasion: Occasion,
    /// Whom it is about.
    pub account: AccountKey,
    /// Who held the account: another owner's crossing is another crossing.
    pub holding: HoldingNo,
    /// What was measured.
    pub meter: Meter,
    /// The threshold, in percent of the limit.
    pub threshold: u32,
    /// Which crossing of this threshold it is, counted from 1.
    pub episode: u32,
    /// Bytes used.
    pub used: Bytes,
    /// Bytes allowed; zero only where a limit was taken away, which ends a crossing.
    pub limit: Bytes,
    /// When the crossing began.
    pub since: Timestamp,
    /// When this was decided.
    pub at: Timestamp,
    /// What the rule says of the wording and of whom to report.
    pub address: Address,
}

/// What a rule says of its letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// The WHMCS template, where the rule names one.
    pub template: Option<String>,
    /// Addresses for mail that does not go through WHMCS.
    pub mail_to: Vec<String>,
    /// The product the account was sold as, when the crossing began: part of an alert's identity.
    pub product: Option<String>,
}

impl Notification {
    /// The crossing itself, by whichever notification it is reported:
    /// `backend/account/holding/meter/threshold/episode`.
    pub fn crossing(&self) -> String {
        let AccountKey { backend, name } = &self.account;
        format!("{backend}/{name}/{}/{}/{}/{}", self.holding, self.meter, self.threshold, self.episode)
    }

    /// The derived key: one crossing is one notification, whoever noticed it and however often.
    pub fn key(&self) -> String {
        let crossing = self.crossing();
        match self.occasion {
            Occasion::Notify | Occasion::Limited => crossing,
            Occasion::Reminder(number) => format!("{crossing}/reminder-{number}"),
            Occasion::Restored | Occasion::Failed | Occasion::Resolved => {
                format!("{crossing}/{}", self.occasion.name())
            }
        }
    }

    /// Percent used, in hundredths, rounded down: 93.41 % is 9341. May exceed 100 %;
    /// zero without a limit.
    pub fn hundredths(&self) -> u128 {
        (u128::from(self.used.get()) * 10_000).checked_div(u128::from(self.limit.get())).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AccountName, BackendId};

    fn notification(occasion: Occasion) -> Notification {
        let name = AccountName::new("1042-7731").expect("valid");
        Notification {
            occasion,
            account: AccountKey { backend: BackendId::new("s3-fra1").expect("valid"), name },
            holding: HoldingNo::new(7),
            meter: Meter::StorageUsed,
            threshold: 90,
            episode: 2,
            used: Bytes::new(93_410).expect("valid"),
            limit: Bytes::new(100_000).expect("valid"),
            since: Timestamp::EPOCH,
            at: Timestamp::EPOCH,
            address: Address::default(),
        }
    }

    #[test]
    fn one_crossing_has_one_key_and_its_later_letters_have_their_own() {
        let key = |occasion| notification(occasion).key();
        assert_eq!(key(Occasion::Notify), "s3-fra1/1042-7731/7/storage/90/2");
        assert_eq!(key(Occasion::Limited), key(Occasion::Notify));
        assert_eq!(key(Occasion::Reminder(3)), "s3-fra1/1042-7731/7/storage/90/2/reminder-3");
        assert_eq!(key(Occasion::Restored), "s3-fra1/1042-7731/7/storage/90/2/restored");
    }

    #[test]
    fn percent_is_told_in_hundredths() {
        assert_eq!(notification(Occasion::Notify).hundredths(), 9341);
    }
}
