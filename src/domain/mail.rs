//! A worded mail.

/// A mail that is worded and addressed to nobody yet: both parts have the same facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordedMail {
    /// One line.
    pub subject: String,
    /// For programs without HTML.
    pub plain: String,
    /// The same as HTML, what came from outside escaped.
    pub html: String,
}
