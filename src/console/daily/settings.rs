//! The `[report]` section: how often, when and to whom.

use std::time::Duration;

use chrono::NaiveTime;
use serde::{Deserialize, Deserializer, de};

use crate::domain::Seconds;
use crate::settings::{Period, SettingsError};

const DAY: Duration = Duration::from_secs(86_400);

/// The `[report]` section.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ReportSettings {
    /// How often staff get the report, in whole days.
    #[serde(default = "one_day")]
    pub every: Period,
    /// When on such a day, in the zone of `[whmcs]`.
    #[serde(default)]
    pub at: TimeOfDay,
    /// Who gets it; those of `[notify.smtp]` where nobody is named.
    #[serde(default)]
    pub to: Vec<String>,
}

fn one_day() -> Period {
    Period(DAY)
}

/// A time of day, written `"06:30"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOfDay(pub NaiveTime);

impl Default for TimeOfDay {
    /// Six in the morning.
    fn default() -> TimeOfDay {
        TimeOfDay(NaiveTime::MIN + chrono::TimeDelta::hours(6))
    }
}

impl TimeOfDay {
    /// How long after midnight it is on a day of 24 hours.
    pub(super) fn after_midnight(self) -> Seconds {
        Seconds::new((self.0 - NaiveTime::MIN).num_seconds().unsigned_abs())
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TimeOfDay, D::Error> {
        let text = String::deserialize(deserializer)
            .map_err(|_| de::Error::custom("expected a time of day in quotes, like \"06:30\""))?;
        let time = NaiveTime::parse_from_str(&text, "%H:%M").map(TimeOfDay);
        time.map_err(|_| de::Error::custom(format!("{text:?} is not a time of day; write it like \"06:30\"")))
    }
}

impl ReportSettings {
    /// Checks what can be checked here. `mail_goes_to` is to whom mail goes that names nobody; `None` without a mail server.
    pub fn check(&self, mail_goes_to: Option<&[String]>) -> Result<(), SettingsError> {
        let wrong = |key: &str, problem: String| Err(SettingsError::new(key, problem));
        let every = self.every.0;
        if every < DAY || every > DAY * 31 || !every.as_secs().is_multiple_of(DAY.as_secs()) {
            let came = humantime::format_duration(every);
            return wrong(
                "every",
                format!("{came} is not a number of whole days; expected \"1d\" to \"31d\""),
            );
        }
        for to in &self.to {
            ReportSettings::address(to).or_else(|problem| wrong("to", problem))?;
        }
        match mail_goes_to {
            None => wrong("", "needs \"smtp\" among channels in [notify], and [notify.smtp]".into()),
            Some([]) if self.to.is_empty() => {
                wrong("to", "missing; expected to = [\"billing@example.net\"], or to in [notify.smtp]".into())
            }
            Some(_) => Ok(()),
        }
    }

    /// Whether mail can go to this.
    pub fn address(to: &str) -> Result<(), String> {
        let is_one = to.parse::<lettre::message::Mailbox>().is_ok() && !to.contains(',');
        let like = "write it like \"billing@example.net\", each address by itself";
        if is_one { Ok(()) } else { Err(format!("{to:?} is not a mail address; {like}")) }
    }

    /// Every so many days.
    pub(super) fn days(&self) -> u64 {
        self.every.0.as_secs() / DAY.as_secs()
    }
}
