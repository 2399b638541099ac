//! Why a number is what it is: what `whmeter explain` prints, as a page.

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::figures::{Figures, meter_name, name, not_known};
use super::layout::page;
use super::paging::{Numbered, with};
use super::{Pages, account_path};
use crate::console::accounts::asked_for;
use crate::console::explanation::{Explanation, ExplanationLine};
use crate::console::grouped::grouped;
use crate::domain::{AccountKey, Bytes, Meter, Month, Nature};
use crate::web::{PathOf, Problem, Query, Visit, number, parsed};

/// Readings on a page.
const READINGS: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WhyQuery {
    meter: Option<String>,
    month: Option<String>,
    page: Option<String>,
}

pub(super) async fn why(
    State(pages): State<Pages>,
    PathOf(path): PathOf<(String, String)>,
    visit: Visit,
    Query(asked): Query<WhyQuery>,
) -> Result<Response, Problem> {
    let console = &pages.console;
    let meter = parsed("meter", asked.meter.as_ref(), str::parse::<Meter>)?.unwrap_or(Meter::StorageUsed);
    let month = asked.month.clone().filter(|month| !month.is_empty());
    let month = parsed("month", month.as_ref(), Month::parse)?;
    let figures = Figures { moment: console.moment(), base: console.setup().base };
    let month = month.unwrap_or(figures.moment.month);
    let at = number::<usize>("page", asked.page.as_ref())?;
    let (key, _) = asked_for(console, path).await?;
    let told = console.explainer.explain_in_words(&key, meter, month).await.map_err(Problem::unavailable)?;
    let lived = console.store.lived(&key).await.map_err(Problem::unavailable)?;
    let born = lived.iter().map(|part| part.born).min().unwrap_or(figures.moment.now);
    let known = (figures.moment.zone.day_of(born).month(), figures.moment.month);
    let own = account_path(key.backend.as_str(), key.name.as_str());
    let body = html! {
        p.small { a href="/accounts" { "Accounts" } " / " a href=(own) { (name(key.name.as_str())) } }
        h1 { "Why this number?" }
        p.lead { (meter_name(meter)) " of " (name(key.name.as_str())) " on " (name(key.backend.as_str())) " in " (month) }
        (form(&format!("{own}/why"), meter, month, known))
        @match &told {
            None => p { (not_known("nothing was read of it in this month")) },
            Some(told) => {
                (verdict(&figures, &key, &told.story, told.is_chronicled, meter))
                (days(&told.story))
                section aria-labelledby="reported" {
                    h2 #reported { "Reported and billed" }
                    ul { @for sentence in &told.sentences { li { (name(sentence.trim())) } } }
                }
                (readings(&told.story, meter, at, |page| {
                    let month = month.to_string();
                    with(&format!("{own}/why"), &[("meter", Some(meter.name())), ("month", Some(&month)), ("page", Some(page))])
                }))
                (beliefs(&told.story))
            }
        }
    };
    Ok(page(&visit, &figures, "Why this number?", "/accounts", body))
}

/// What can be asked: every month from the first in which the account was seen to the running one, two years at most.
fn form(path: &str, meter: Meter, month: Month, (first, running): (Month, Month)) -> Markup {
    let months = std::iter::successors(Some(running), |month| Some(month.before())).take(24);
    let months = months.take_while(|one| *one >= first || *one == running);
    let mut months: Vec<Month> = months.collect();
    if !months.contains(&month) {
        months.push(month);
    }
    html! {
        form.filters method="get" action=(path) {
            div { label for="meter" { "What" }
                select #meter name="meter" {
                    @for one in Meter::ALL { option value=(one.name()) selected[one == meter] { (meter_name(one)) } }
                } }
            div { label for="month" { "Month" }
                select #month name="month" {
                    @for one in months { option value=(one) selected[one == month] { (one) } }
                } }
            button type="submit" { "Show" }
        }
    }
}

fn verdict(
    figures: &Figures,
    key: &AccountKey,
    story: &Explanation,
    is_chronicled: bool,
    meter: Meter,
) -> Markup {
    let what = if meter.nature() == Nature::Flow { "Moved" } else { "Last level" };
    let bytes = story.bytes.and_then(|bytes| Bytes::new(bytes).ok());
    html! {
        p.big {
            @match bytes { Some(bytes) => { (what) " " (figures.size(bytes)) }, None => (not_known("")) }
            @if let Some(bytes) = bytes { " " small.quiet.num { (grouped(bytes)) " bytes" } }
        }
        @if story.folded_bytes > 0 {
            p { "Of it " span.num { (grouped(story.folded_bytes)) } " bytes by entries that are no longer kept one by one." }
        }
        @if story.adds_up {
            p.notice.good { "The readings below add up to what is stored, to the byte." }
        } @else {
            p.notice.bad { "The readings do not add up to what is stored: see the marked days. "
                code { "whmeter repair " (key.backend) " --reason TEXT" } " restores them from the journal." }
        }
        @if !is_chronicled {
            p.notice.bad { "A stored value that was reported to WHMCS is not in the chronicle: " code { "whmeter verify" }
                " names the difference." }
        }
    }
}

fn days(story: &Explanation) -> Markup {
    html! {
        section aria-labelledby="days" {
            h2 #days { "Days" }
            div.scroll tabindex="0" role="region" aria-label="Days as a table" {
                table {
                    thead { tr {
                        th scope="col" { "Day" } th.right scope="col" { "Bytes stored" } th.right scope="col" { "By the journal" }
                        th.right scope="col" { "Minutes known" } th.right scope="col" { "Estimated" } th scope="col" { span.sr { "Remark" } }
                    } }
                    tbody { @for day in &story.days {
                        // A day of folded lines cannot be distinguished any more.
                        @let same = day.is_same() || story.folded_bytes > 0;
                        tr {
                            th.num scope="row" { (day.day) }
                            td.right.num { (grouped(day.stored_bytes)) }
                            td.right.num { (grouped(day.explained_bytes)) }
                            td.right.num { (day.covered_minutes) }
                            td.right.num { (grouped(day.estimated_bytes)) }
                            td { @if !same { span.badge.bad { "differs" } } }
                        }
                    } }
                }
            }
        }
    }
}

fn readings(
    story: &Explanation,
    meter: Meter,
    asked: Option<usize>,
    path: impl Fn(&str) -> String,
) -> Markup {
    let numbered = Numbered::of(asked, story.lines.len(), READINGS);
    let sign = if meter.nature() == Nature::Flow { "+" } else { "=" };
    // What was read last is asked about first.
    let shown = story.lines.iter().rev().skip(numbered.first).take(READINGS);
    html! {
        section aria-labelledby="readings" {
            h2 #readings { "Readings, newest first" }
            (numbered.show("entries of the journal", path))
            ol.readings { @for line in shown { li { (reading(line, sign)) } } }
        }
    }
}

fn reading(line: &ExplanationLine, sign: &str) -> Markup {
    html! {
        div.quiet { "Entry " (line.entry) ", asked " span.num { (line.asked_at) } }
        @for said in &line.said { div { "The panel: " (name(said)) } }
        @for added in &line.added { div.num { (added.day) ": " (sign) (grouped(added.bytes)) " B" } }
        @for note in &line.notes { div { "Note: " (name(note)) } }
        @if let Some(by) = line.taken_back_by { div { "Rolled back by entry " (by) ": it no longer counts." } }
    }
}

/// What stands beside the readings: charts and charges of the panel, and what is believed of counters now.
fn beliefs(story: &Explanation) -> Markup {
    let any = !(story.estimates.is_empty() && story.panel_charges.is_empty() && story.baselines.is_empty());
    html! {
        @if any {
            section aria-labelledby="beside" {
                h2 #beside { "Beside it" }
                ul {
                    @for chart in &story.estimates {
                        li { "The panel's charts: about " span.num { (grouped(chart.about_bytes)) } " B from " (chart.from) " to " (chart.to)
                            " (never billed)" }
                    }
                    @for charge in &story.panel_charges {
                        li { "The panel itself reckons " span.num { (charge.amount) } " " (name(&charge.currency)) " for " (charge.from) " to "
                            (charge.to) ", all its meters together, as of " (charge.as_of) " (never billed by whmeter)" }
                    }
                    @for baseline in &story.baselines {
                        li { "Believed now: " (name(&baseline.source)) " " span.num { (grouped(baseline.count)) } " B at " (baseline.at) }
                    }
                }
            }
        }
    }
}
