//! Finds out whether a mail whose outcome is not known was sent: by the client's mail log in WHMCS.
//!
//! Source: developers.whmcs.com, "GetEmails". WHMCS sends times in its own zone without naming it.

use chrono::{NaiveDateTime, TimeZone};
use serde_json::{Map, Value};

use super::super::delivery::NotDelivered;
use super::client::{ApiError, Client};
use super::fields::Fields;
use super::services;
use super::templates::{self, Templates};
use super::wire::{is_on, rows, text, whole};
use crate::domain::{BillingZone, Seconds, Timestamp};

const ACTION: &str = "GetEmails";
/// Each row holds a whole mail.
const PAGE: u64 = 100;
const MOST_PAGES: u64 = 200;
/// Clocks differ: mails from this long before the attempt are looked at too.
const BEFORE: Seconds = Seconds::new(120);

/// What is looked for.
pub(super) struct Lost<'a> {
    /// The service it was sent to.
    pub service: u64,
    /// When the attempt began.
    pub tried_at: Timestamp,
    /// The zone of WHMCS's own times.
    pub zone: BillingZone,
    /// The template that worded it, unless it was worded by us.
    pub template: Option<&'a str>,
    /// The values of its merge fields.
    pub fields: &'a Fields,
    /// The subject where it was worded by us.
    pub own_subject: &'a str,
}

impl Lost<'_> {
    /// The entry of the mail log that is this mail, if there is one.
    pub async fn find(&self, client: &Client, known: &Templates) -> Result<Option<String>, NotDelivered> {
        self.look(client, known).await.map_err(|error| match error {
            ApiError::Permission { action } => NotDelivered::never(format!(
                "whether the mail tried at {} was sent is not known, and checking needs the action {action}: allow it \
                 under Manage API Credentials, API Roles, or check the client's mail log; nothing is sent \
                 twice on a guess",
                self.tried_at
            )),
            other => other.of_reading(),
        })
    }

    async fn look(&self, client: &Client, known: &Templates) -> Result<Option<String>, ApiError> {
        let Some(owner) = services::client_of(client, self.service).await? else { return Ok(None) };
        let owner = owner.to_string();
        let subjects = self.subjects(client, known, &owner).await?;
        let mut start = 0;
        for _ in 0..MOST_PAGES {
            let (from, count) = (start.to_string(), PAGE.to_string());
            let parameters = [("clientid", owner.as_str()), ("limitstart", &from), ("limitnum", &count)];
            let answer = client.read(ACTION, &parameters).await?;
            let strange = || ApiError::Malformed { action: ACTION, sketch: "a list of another shape".into() };
            let rows = rows(&answer, "emails", "email").ok_or_else(strange)?;
            if let Some(found) = rows.iter().find_map(|row| self.recognise(row, &subjects)) {
                return Ok(Some(found));
            }
            start += rows.len() as u64;
            if rows.is_empty() || whole(answer.get("totalresults")).is_some_and(|total| start >= total) {
                return Ok(None);
            }
        }
        Err(ApiError::Malformed { action: ACTION, sketch: "more pages than there can be".into() })
    }

    /// Every subject the mail can have: the template's in the default language and in the client's, and ours.
    async fn subjects(
        &self,
        client: &Client,
        known: &Templates,
        owner: &str,
    ) -> Result<Vec<Pattern>, ApiError> {
        let mut patterns = vec![Pattern(vec![plain(self.own_subject)])];
        let Some(name) = self.template else { return Ok(patterns) };
        let mut lists = vec![known.list(client).await?];
        let answer = client.read("GetClientsDetails", &[("clientid", owner)]).await?;
        let details = answer.get("client").and_then(Value::as_object).unwrap_or(&answer);
        if let Some(language) = text(details.get("language")).filter(|language| !language.is_empty()) {
            lists.push(templates::in_language(client, Some(&language)).await?);
        }
        let subjects = lists.iter().flat_map(|list| list.iter()).filter(|template| template.name == name);
        patterns.extend(subjects.map(|template| Pattern::of(&template.subject, self.fields)));
        Ok(patterns)
    }

    fn recognise(&self, row: &Map<String, Value>, subjects: &[Pattern]) -> Option<String> {
        let subject = text(row.get("subject"))?;
        let date = text(row.get("date"))?;
        let is_ours = subjects.iter().any(|pattern| pattern.matches(&plain(&subject)));
        // One that WHMCS could not hand on has not arrived, whatever the log says of it.
        let is_it = is_ours && self.is_late_enough(&date) && !is_on(row.get("failed"));
        is_it.then(|| format!("found in the mail log of {date}: {subject:?}"))
    }

    /// Where a clock change makes a time happen twice, the later reading counts: better no second mail.
    fn is_late_enough(&self, date: &str) -> bool {
        let Ok(local) = NaiveDateTime::parse_from_str(date, "%Y-%m-%d %H:%M:%S") else { return false };
        let since = self.tried_at.minus(BEFORE).get();
        match self.zone.tz().from_local_datetime(&local).latest() {
            Some(at) => at.timestamp() >= since,
            // A time that the zone skips: WHMCS's clock is not quite ours, and an hour is near enough.
            None => local.and_utc().timestamp() >= since - 86_400,
        }
    }
}

/// A subject as the fixed texts between what is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern(Vec<String>);

impl Pattern {
    /// The template's subject with our fields filled in; whatever else stands in braces may be anything.
    fn of(subject: &str, fields: &Fields) -> Pattern {
        let mut parts = vec![String::new()];
        let mut rest = subject;
        while let Some((before, after)) = rest.split_once('{') {
            let (tag, after) = after.split_once('}').unwrap_or((after, ""));
            let filled = tag.strip_prefix('$').and_then(|name| fields.text(name.trim()));
            push(&mut parts, before);
            match filled {
                Some(value) => push(&mut parts, value),
                None => parts.push(String::new()),
            }
            rest = after;
        }
        push(&mut parts, rest);
        Pattern(parts.iter().map(|part| plain(part)).collect())
    }

    fn matches(&self, subject: &str) -> bool {
        let [first, middle @ .., last] = self.0.as_slice() else {
            return self.0.first().is_some_and(|whole| whole == subject);
        };
        let Some(rest) = subject.strip_prefix(first.as_str()) else { return false };
        let Some(mut rest) = rest.strip_suffix(last.as_str()) else { return false };
        middle.iter().all(|part| match rest.split_once(part.as_str()) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        })
    }
}

fn push(parts: &mut [String], text: &str) {
    if let Some(last) = parts.last_mut() {
        last.push_str(text);
    }
}

/// A subject as it reads: WHMCS may have escaped it or not.
fn plain(subject: &str) -> String {
    let entities =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#039;", "'"), ("&#39;", "'"), ("&amp;", "&")];
    entities.iter().fold(subject.to_string(), |text, (entity, c)| text.replace(entity, c))
}

#[cfg(test)]
mod tests {
    use super::super::super::samples::notification;
    use super::super::super::unit::Unit;
    use super::*;
    use crate::quota::Occasion;

    fn fields(account: &str) -> Fields {
        Fields::of(&notification(Occasion::Notify, account), Unit::of_bytes(1 << 30).expect("a unit"))
    }

    #[test]
    fn subjects_match_with_our_fields_and_anything_for_others() {
        let pattern = Pattern::of("Disk space usage {$disk_used_percentage} % - {$username}", &fields("a&b"));
        assert!(pattern.matches("Disk space usage 93.41 % - a&b"));
        assert!(!pattern.matches("Disk space usage 95.00 % - a&b"));
        assert!(!pattern.matches("Disk space usage 93.41 % - a&bc"));
        let pattern = Pattern::of("{$company_name}: {$username} {if $x}is{/if} full", &fields("alice"));
        assert!(pattern.matches("Example Ltd: alice is full"));
        assert!(!pattern.matches("Example Ltd: bob is full"));
    }

    #[test]
    fn times_are_whmcs_own_and_a_doubled_hour_counts_as_the_later() {
        let fields = fields("a");
        let at = |seconds| Timestamp::new(seconds).expect("a time");
        let late_enough = |tried_at, date: &str| {
            let zone = BillingZone::parse("Europe/Warsaw").expect("a zone");
            let lost = Lost { service: 1, tried_at, zone, template: None, fields: &fields, own_subject: "" };
            lost.is_late_enough(date)
        };
        // 2026-11-20 12:00 UTC is 13:00 in Warsaw.
        assert!(late_enough(at(1_795_176_000), "2026-11-20 12:58:00"));
        assert!(!late_enough(at(1_795_176_000), "2026-11-20 12:57:59"));
        // 2026-10-25 01:30 UTC is 02:30 in Warsaw for the second time.
        assert!(late_enough(at(1_792_891_800), "2026-10-25 02:28:30"));
        assert!(!late_enough(at(1_795_176_000), "0000-00-00 00:00:00"));
    }
}
