//! What is delivered, and how a delivery can end.

use std::time::Duration;

use crate::domain::{Timestamp, WordedMail};
use crate::http::HttpError;
use crate::quota::{Channel, Notification};

/// One notification on its way, with what is known around it.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// The facts.
    pub notification: &'a Notification,
    /// The key it was promised under: an attempt that is made again has the same.
    pub key: &'a str,
    /// The kind of the panel, like `minio`.
    pub kind: &'a str,
    /// The template that the panel's module for WHMCS brings for space that runs out, where it has one of its own.
    pub limit_template: Option<&'a str>,
    /// The WHMCS server id that the backend answers for (`tblservers.id`).
    pub server: Option<u32>,
    /// The WHMCS service id, where it is known already (`tblhosting.id`).
    pub service: Option<u64>,
    /// The product's name in WHMCS, where it is known.
    pub product: Option<&'a str>,
    /// The unit that the product wants amounts told in, where it names one (`TB`).
    pub unit: Option<&'a str>,
    /// Now.
    pub now: Timestamp,
    /// When an attempt began whose outcome is not known.
    pub tried_at: Option<Timestamp>,
}

/// A mail on its way to staff.
#[derive(Clone, Copy, Debug)]
pub struct Posting<'a> {
    /// What it says.
    pub mail: &'a WordedMail,
    /// To whom; to those that the channel is for where nobody is named.
    pub to: &'a [String],
    /// The key it was promised under: an attempt that is made again has the same.
    pub key: &'a str,
    /// Now.
    pub now: Timestamp,
}

/// What still fires.
#[derive(Clone, Copy, Debug)]
pub struct Firing<'a> {
    /// The notification that was sent for it first.
    pub notification: &'a Notification,
    /// The kind of the panel, as it was reported first.
    pub kind: &'a str,
    /// The product, as it was reported first: the labels of an alert must stay the same until its end.
    pub product: Option<&'a str>,
}

/// A notification has arrived, or there was nothing to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// What the other side said, for the audit; never a secret.
    pub answer: String,
}

impl Delivered {
    pub(super) fn saying(answer: impl Into<String>) -> Delivered {
        Delivered { answer: answer.into() }
    }
}

/// Why a notification has not arrived, distinguished by what the caller does next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDelivered {
    /// It did not arrive and may well later.
    #[error("{why}")]
    Later {
        /// What happened.
        why: String,
        /// How long the other side wants to be left alone.
        after: Option<Duration>,
    },
    /// It may have arrived: the next attempt has to know when this one began.
    #[error("{why}")]
    Unknown {
        /// What happened.
        why: String,
    },
    /// It did not arrive, and will not until somebody fixes something.
    #[error("{why}")]
    Never {
        /// What to fix.
        why: String,
    },
}

impl NotDelivered {
    pub(super) fn later(why: impl Into<String>) -> NotDelivered {
        NotDelivered::Later { why: why.into(), after: None }
    }

    pub(super) fn unknown(why: impl Into<String>) -> NotDelivered {
        NotDelivered::Unknown { why: why.into() }
    }

    pub(super) fn never(why: impl Into<String>) -> NotDelivered {
        NotDelivered::Never { why: why.into() }
    }

    /// This channel is not for notifications of this occasion.
    pub(super) fn not_carried(channel: Channel, notification: &Notification) -> NotDelivered {
        NotDelivered::never(format!(
            "channel {channel} does not carry this notification of the kind {}",
            notification.occasion.name()
        ))
    }

    /// Of a call that is not repeated by itself: it has failed for certain only where nothing was sent, or
    /// where the other side itself said no.
    pub(super) fn of_call(error: HttpError) -> NotDelivered {
        let why = error.to_string();
        match error {
            HttpError::Dns { .. }
            | HttpError::Connect { .. }
            | HttpError::Tls { .. }
            | HttpError::NotUnderstood { .. }
            | HttpError::Closed => NotDelivered::later(why),
            HttpError::Busy { after, .. } => NotDelivered::Later { why, after },
            HttpError::Redirect { .. } | HttpError::Malformed { .. } => NotDelivered::never(why),
            // A gateway that gave up waiting does not know either what became of the call.
            HttpError::Timeout { .. }
            | HttpError::BrokenOff { .. }
            | HttpError::TooLong { .. }
            | HttpError::BadEncoding { .. }
            | HttpError::Gateway { .. }
            | HttpError::Protocol { .. } => NotDelivered::unknown(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_may_have_been_heard_is_told_from_one_that_was_not() {
        let host = || String::from("billing:443");
        let detail = || String::from("x");
        let unknown = [
            HttpError::Timeout { host: host(), within: Duration::from_secs(70) },
            HttpError::BrokenOff { host: host(), received: 0, detail: detail() },
            HttpError::Gateway { host: host(), sketch: detail() },
        ];
        for error in unknown {
            let outcome = NotDelivered::of_call(error.clone());
            assert!(matches!(outcome, NotDelivered::Unknown { .. }), "{error:?}: {outcome:?}");
        }
        let after = Some(Duration::from_secs(9));
        let busy = NotDelivered::of_call(HttpError::Busy { host: host(), after, sketch: detail() });
        assert!(matches!(busy, NotDelivered::Later { after, .. } if after == Some(Duration::from_secs(9))));
        let refused = NotDelivered::of_call(HttpError::Connect { host: host(), detail: detail() });
        assert!(matches!(refused, NotDelivered::Later { after: None, .. }));
        let elsewhere = HttpError::Redirect { host: host(), status: 301, to: detail() };
        assert!(matches!(NotDelivered::of_call(elsewhere), NotDelivered::Never { .. }));
    }
}
