//! Values as people read them: sizes, times, shares of a limit, names that a panel chose, and what is not known.

use chrono::{DateTime, Utc};
use maud::{Markup, html};

use crate::console::grouped::{grouped, sized};
use crate::domain::{BillingZone, Bytes, Limit, Meter, Timestamp};
use crate::reported::{Base, Unit};
use crate::standing::{AccountStanding, Moment, Nearness, Unknown};

/// From here on an account is near its limit, in percent.
pub(super) const NEAR: u128 = 80;

/// How values are written on a page: as of which moment, and what GB means.
#[derive(Clone, Copy)]
pub(super) struct Figures {
    pub moment: Moment,
    pub base: Base,
}

impl Figures {
    /// A size in its unit; the exact bytes are its title.
    pub fn size(&self, bytes: Bytes) -> Markup {
        html! { span.num title={ (grouped(bytes)) " B" } { (sized(bytes, self.base)) } }
    }

    /// The same as plain text.
    pub fn sized(&self, bytes: Bytes) -> String {
        sized(bytes, self.base)
    }

    /// A limit.
    pub fn limit(&self, limit: Limit) -> Markup {
        match limit {
            Limit::Unknown => html! { (not_known("no limit is reported")) },
            Limit::Unlimited => html! { "no limit" },
            Limit::UpTo(size) => self.size(size),
        }
    }

    /// A time in the billing zone.
    pub fn time(&self, at: Timestamp) -> Markup {
        html! { time.num datetime=(at) { (self.local(at)) } }
    }

    /// A time and how long ago it is.
    pub fn since(&self, at: Timestamp) -> Markup {
        html! { (self.time(at)) " " span.quiet { "(" (self.ago(at)) ")" } }
    }

    /// A time that comes as text, as the JSON has it.
    pub fn since_text(&self, text: &str) -> Markup {
        match text.parse::<DateTime<Utc>>().ok().and_then(|at| Timestamp::from_utc(at).ok()) {
            Some(at) => self.since(at),
            None => html! { (text) },
        }
    }

    /// As text.
    pub fn local(&self, at: Timestamp) -> String {
        at.to_utc().with_timezone(&self.moment.zone.tz()).format("%Y-%m-%d %H:%M").to_string()
    }

    /// How long ago something was, in the largest unit that fits twice.
    pub fn ago(&self, at: Timestamp) -> String {
        let now = self.moment.now;
        match (now.since(at).get(), at.since(now).get()) {
            (0, 0) => "now".into(),
            (0, ahead) => format!("in {}", span(ahead)),
            (past, _) => format!("{} ago", span(past)),
        }
    }

    pub fn zone_name(&self) -> &'static str {
        let zone: BillingZone = self.moment.zone;
        zone.name()
    }

    pub fn gigabyte(&self) -> String {
        grouped(Unit::GB.bytes(self.base))
    }

    /// A meter of an account now, or why it is not known.
    pub fn used(&self, account: &AccountStanding, meter: Meter) -> Markup {
        let Some(series) = account.meter(meter) else {
            let why = if account.series.is_empty() { "never read" } else { "the panel does not report it" };
            return not_known(why);
        };
        match series.known(&self.moment) {
            Ok(bytes) => self.size(bytes),
            Err(Unknown::Stale { at }) => {
                let then = series.level.or(series.month.map(|month| month.amount));
                html! {
                    (not_known("")) " "
                    small { "last read " (self.since(at)) @if let Some(then) = then { ", it was " (self.size(then)) } }
                }
            }
            Err(Unknown::OtherMonth { at }) => {
                html! { (not_known("")) " " small { "not read in this month yet, last " (self.since(at)) } }
            }
            Err(Unknown::NeverRead) => not_known("never reported"),
        }
    }
}

/// So many seconds, in words.
pub(super) fn span(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..120 => (seconds, "s"),
        120..7200 => (seconds / 60, "min"),
        7200..172_800 => (seconds / 3600, "h"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{count} {unit}")
}

/// What is not known, and why.
pub(super) fn not_known(why: &str) -> Markup {
    html! { span.unknown { "not known" } @if !why.is_empty() { " " small { "(" (why) ")" } } }
}

/// So many findings, and of how many nothing is known: then none is not the same as everything being well.
pub(super) fn found_of(lines: usize, unknown: usize) -> Markup {
    match (lines, unknown) {
        (lines, 0) => html! { span.num { (lines) } },
        (0, _) => html! { span.unknown { "not known" } },
        (lines, unknown) => html! { span.num { (lines) } " " span.num.quiet { "+ " (unknown) " not known" } },
    }
}

/// A name that somebody else chose: it keeps its direction of writing to itself.
pub(super) fn name(text: &str) -> Markup {
    html! { bdi { (text) } }
}

/// A sentence in which commands stand between backticks.
pub(super) fn sentence(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { bdi { (part) } }
        }
    }
}

/// What a state is called, with its colour.
pub(super) fn badge(class: &str, text: &str) -> Markup {
    html! { span class={ "badge " (class) } { (text) } }
}

/// A meter in words.
pub(super) fn meter_name(meter: Meter) -> &'static str {
    match meter {
        Meter::StorageUsed => "Stored",
        Meter::TrafficIn => "Traffic in",
        Meter::TrafficOut => "Traffic out",
        Meter::TrafficTotal => "Traffic both ways",
    }
}

/// How good or bad a share of a limit is.
pub(super) fn severity(near: &Nearness) -> &'static str {
    match near.percent() {
        percent if percent >= 100 => "bad",
        percent if percent >= NEAR => "warn",
        _ => "good",
    }
}

/// Used against a limit: a bar, and the same in words.
pub(super) fn bar(figures: &Figures, near: &Nearness) -> Markup {
    // However little it is, it is seen not to be nothing.
    let least = if near.used == Bytes::ZERO { 0 } else { 5 };
    let width = near.parts_of(1000).clamp(least, 1000);
    html! {
        div.share {
            svg class={ "bar " (severity(near)) } viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true" {
                rect.track width="1000" height="10" {}
                rect.fill width=(width) height="10" {}
            }
            span {
                span.num { (near.percent()) " %" } " of " (figures.size(near.limit)) " "
                span.quiet { (meter_name(near.meter).to_lowercase()) }
                @if near.accounts > 1 { span.quiet { ", " (near.accounts) " accounts together" } }
            }
        }
    }
}
