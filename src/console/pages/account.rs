//! One account: what it uses now and used before, when a limit will be reached, who paid for it, its policy, and all
//! that was done to it.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::accounts::{badges, payer};
use super::chart::{Column, chart};
use super::figures::{Figures, bar, meter_name, name, not_known};
use super::layout::page;
use super::paging::with;
use super::{Pages, account_path, audit, made_of, policy};
use crate::console::Setup;
use crate::console::accounts::{asked_for, is_complete};
use crate::console::explanation::by_day;
use crate::console::forecast::{Forecast, forecast};
use crate::domain::{
    AccountKey, BillingPeriod, Bytes, Limit, Meter, Minutes, Month, Nature, Timestamp, UsageDay,
};
use crate::standing::{AccountStanding, Standing};
use crate::store::{DayPoint, LivedPart, OwnedMonth, StoreError, Usage, UsageQuery};
use crate::web::{PathOf, Problem, Query, Visit};

/// Days that are shown, today among them.
const DAYS: u64 = 30;

/// Months that are shown, the running one among them.
const MONTHS: usize = 12;

/// A forecast looks back so many whole days.
const LEVELS_BACK: u64 = 14;
const FLOWS_BACK: u64 = 7;

/// Lines of the audit on the page.
const ACTS: usize = 50;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountQuery {
    done: Option<String>,
}

/// What was used, meter by meter.
struct Past {
    days: BTreeMap<Meter, Vec<DayPoint>>,
    months: BTreeMap<Meter, BTreeMap<Month, Usage>>,
}

pub(super) async fn account(
    State(pages): State<Pages>,
    PathOf(path): PathOf<(String, String)>,
    visit: Visit,
    Query(asked): Query<AccountQuery>,
) -> Result<Response, Problem> {
    let console = &pages.console;
    let (key, standing) = asked_for(console, path).await?;
    let setup = console.setup();
    let figures = Figures { moment: console.moment(), base: setup.base };
    let today = figures.moment.zone.day_of(figures.moment.now);
    let store = &console.store;
    let read = async {
        let past = past(store, &key, today).await?;
        let (lived, acts) = (store.lived(&key).await?, store.acts(Some(&key), ACTS).await?);
        let breakdown = store.breakdown(&key).await?;
        Ok::<_, StoreError>((past, lived, store.policy(&key).await?, acts, breakdown))
    };
    let (past, lived, state, acts, breakdown) = read.await.map_err(Problem::unavailable)?;
    let account = standing.accounts.get(&key.name).map(AsRef::as_ref);
    let panel = setup.panels.iter().find(|panel| panel.id == key.backend);
    let can_limit = panel.map(|panel| panel.backend.limiter().is_some());
    let present = account.filter(|account| account.gone_at.is_none());
    let body = html! {
        p.small { a href="/accounts" { "Accounts" } " / " a href=(with("/accounts", &[("backend", Some(key.backend.as_str()))])) { (name(key.backend.as_str())) } }
        h1 { (name(key.name.as_str())) }
        @if let Some(done) = done(asked.done.as_deref()) { p.notice.good role="status" { (done) } }
        (facts(&figures, &standing, account))
        @if let Some(account) = account {
            @let rule = |meter| enforced(&setup, &key, account, meter, can_limit);
            (now(&figures, &key, account, &past, today, rule))
        }
        @if let Some(breakdown) = breakdown { (made_of::section(&figures, breakdown, account)) }
        (charts(&figures, account, &past, today))
        @if let Some((state, _)) = state.as_ref().zip(present) { (policy::section(&figures, &visit, &key, state, can_limit)) }
        (lives(&figures, &lived))
        section aria-labelledby="events" {
            h2 #events { "What was done to it" }
            (audit::table(&figures, &acts, false))
            @if acts.len() == ACTS {
                p { a href=(with("/audit", &[("backend", Some(key.backend.as_str())), ("account", Some(key.name.as_str()))])) { "All of it" } }
            }
        }
    };
    Ok(page(&visit, &figures, key.name.as_str(), "/accounts", body))
}

/// What a button has done, said on the page it leads back to.
fn done(what: Option<&str>) -> Option<&'static str> {
    match what? {
        "pin" => Some(
            "Pinned. The account is looked at now, and the panel is switched where it has to be; reload to see it.",
        ),
        "unpin" => Some("Unpinned. The account is looked at now, and usage decides again; reload to see it."),
        "reconcile" => Some("The account is looked at now; reload to see what came of it."),
        _ => None,
    }
}

async fn past(store: &crate::store::Store, key: &AccountKey, today: UsageDay) -> Result<Past, StoreError> {
    let query = UsageQuery {
        backend: Some(key.backend.clone()),
        account: Some(key.name.clone()),
        ..UsageQuery::default()
    };
    let mut past = Past { days: BTreeMap::new(), months: BTreeMap::new() };
    let Ok(period) = BillingPeriod::new(today.minus_days(DAYS - 1), today.next()) else { return Ok(past) };
    let mut points: BTreeMap<Meter, Vec<DayPoint>> = BTreeMap::new();
    for point in store.days(&query, period).await? {
        points.entry(point.meter).or_default().push(point);
    }
    for (meter, points) in points {
        past.days.insert(meter, by_day(points)?);
    }
    let first = (1..MONTHS).fold(today.month(), |month, _| month.before());
    for OwnedMonth { meter, month, usage, .. } in store.months(&query, first, today.month()).await? {
        let months = past.months.entry(meter).or_default();
        match months.get_mut(&month) {
            Some(sum) => sum.add(meter, &usage)?,
            None => drop(months.insert(month, usage)),
        }
    }
    Ok(past)
}

fn facts(figures: &Figures, standing: &Standing, account: Option<&AccountStanding>) -> Markup {
    let Some(account) = account else {
        return html! { p.notice.warn { "An earlier life of its name: the name was freed, and is another account since." } };
    };
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    html! {
        p.badges { (badges(figures, account)) }
        dl.facts {
            dt { "Panel" } dd { (name(standing.backend.as_str())) " " span.quiet { (standing.kind) } }
            dt { "Paid for by" } dd { (payer(account)) }
            @if let Some(domain) = text(&account.domain) { dt { "Domain" } dd { (name(&domain)) } }
            @if let Some(plan) = text(&account.package) { dt { "Plan" } dd { (name(&plan)) } }
            @if let Some(reseller) = text(&account.reseller) { dt { "Reseller" } dd { (name(&reseller)) } }
            @if let Some(why) = text(&account.suspended_for) { dt { "Suspended, as the panel says" } dd { (name(&why)) } }
            dt { "First seen" } dd { (figures.since(account.first_seen)) }
            @if let Some(at) = account.gone_at { dt { "Gone" } dd { (figures.since(at)) } }
            @if let Some(at) = account.missing_since { dt { "Missing since" } dd { (figures.since(at)) } }
        }
    }
}

fn now(
    figures: &Figures,
    key: &AccountKey,
    account: &AccountStanding,
    past: &Past,
    today: UsageDay,
    rule: impl Fn(Meter) -> Option<String>,
) -> Markup {
    let why = |meter: Meter| {
        let path = format!("{}/why", account_path(key.backend.as_str(), key.name.as_str()));
        with(&path, &[("meter", Some(meter.name()))])
    };
    html! {
        section aria-labelledby="now" {
            h2 #now { "Now" }
            @if account.series.is_empty() { p { (not_known("nothing of it was read yet")) } }
            @else {
                table.stack {
                    thead { tr {
                        th scope="col" { "What" } th.right scope="col" { "Used" } th scope="col" { "Limit" }
                        th scope="col" { "Limit reached" } th scope="col" { "Read" } th scope="col" { span.sr { "Why" } }
                    } }
                    tbody {
                        @for series in &account.series {
                            @let meter = series.meter;
                            tr {
                                th scope="row" {
                                    (meter_name(meter))
                                    @if meter.nature() == Nature::Flow { div.small.quiet { "this month" } }
                                }
                                td.right data-label="Used" { div { (figures.used(account, meter)) } }
                                td data-label="Limit" { div { @match account.nearness(meter, &figures.moment) {
                                    Some(near) => (bar(figures, &near)),
                                    None => (figures.limit(account.limit(meter))),
                                }
                                @if let Some(rule) = rule(meter) { div.small.quiet { (rule) } } } }
                                td data-label="Reached" { div { (reached(figures, account, meter, past, today)) } }
                                td data-label="Read" { div {
                                    (figures.since(series.at))
                                    @if let Some(since) = series.held_back { (doubt(figures, "held back: it jumps further than can be", since)) }
                                    @if let Some(since) = series.doubted { (doubt(figures, "fell at once, and is not believed", since)) }
                                } }
                                td.right { a href=(why(meter)) { "Why this number?" span.sr { " " (meter_name(meter)) } } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What whmeter does at a limit; nothing of a meter that has none.
fn enforced(
    setup: &Setup,
    key: &AccountKey,
    account: &AccountStanding,
    meter: Meter,
    can_limit: Option<bool>,
) -> Option<String> {
    account.limit(meter).up_to()?;
    let Some(rule) = setup.rule(key, account, meter) else {
        return Some("shown only: no rule of whmeter is for it".into());
    };
    let percent = |at: &u32| format!("{at} %");
    let told: Vec<String> = rule.notify_at.iter().map(percent).collect();
    let told = (!told.is_empty()).then(|| format!("notified at {}", told.join(", ")));
    let limited = rule.limit_at.map(|at| match can_limit {
        Some(false) => format!("not limited at {at} %, as this kind of panel cannot"),
        Some(true) | None => format!("limited at {at} %, restored below {} %", rule.restore_below),
    });
    Some(told.into_iter().chain(limited).collect::<Vec<_>>().join("; "))
}

fn doubt(figures: &Figures, what: &str, since: Timestamp) -> Markup {
    html! { div.small { (what) ", since " (figures.time(since)) } }
}

/// The whole days before today of which all is known, oldest first.
fn whole_days(
    figures: &Figures,
    points: Option<&Vec<DayPoint>>,
    meter: Meter,
    today: UsageDay,
) -> Vec<(UsageDay, Bytes)> {
    let back = if meter.nature() == Nature::Level { LEVELS_BACK } else { FLOWS_BACK };
    let points =
        points.into_iter().flatten().filter(|point| point.day < today && point.day >= today.minus_days(back));
    let whole = points.filter(|point| is_complete(point, figures.moment.zone));
    whole.map(|point| (point.day, point.amount)).collect()
}

fn reached(
    figures: &Figures,
    account: &AccountStanding,
    meter: Meter,
    past: &Past,
    today: UsageDay,
) -> Markup {
    let (used, accounts) = account.judged(meter, &figures.moment);
    let limit = account.limit(meter);
    if accounts > 1
        && limit.up_to().is_some()
        && account.nearness(meter, &figures.moment).is_none_or(|near| near.percent() < 100)
    {
        return not_known("the limit is of several accounts together");
    }
    if limit == Limit::Unknown {
        return html! { "–" };
    }
    let days = whole_days(figures, past.days.get(&meter), meter, today);
    match forecast(meter.nature(), limit, used, &days, today) {
        Forecast::Reached => html! { strong { "it is reached" } },
        Forecast::On(day) if day == today => html! { "today, as it goes" },
        Forecast::On(day) => html! { "on " span.num { (day) } ", as it goes" },
        Forecast::NotThisMonth => html! { "not this month, as it goes" },
        Forecast::NotInSight => html! { "not within a year, as it goes" },
        Forecast::NoLimit => html! { "–" },
        Forecast::NotKnown(why) => not_known(why),
    }
}

fn charts(figures: &Figures, account: Option<&AccountStanding>, past: &Past, today: UsageDay) -> Markup {
    let zone = figures.moment.zone;
    let limit_of = |meter: Meter| account.map_or(Limit::Unknown, |account| account.limit(meter)).up_to();
    let days = |meter: Meter| {
        let points = past.days.get(&meter);
        let first = today.minus_days(DAYS - 1);
        let days = std::iter::successors(Some(first), |day| Some(day.next())).take(DAYS as usize);
        let column = |day: UsageDay| {
            let point = points.and_then(|points| points.iter().find(|point| point.day == day));
            let complete = point.is_some_and(|point| is_complete(point, zone));
            Column { label: day.to_string(), bytes: point.map(|point| point.amount), complete }
        };
        days.map(column).collect::<Vec<_>>()
    };
    let months = |meter: Meter| {
        let known = past.months.get(&meter);
        let first = (1..MONTHS).fold(today.month(), |month, _| month.before());
        let months = std::iter::successors(Some(first), |month| Some(month.next())).take(MONTHS);
        let column = |month: Month| {
            let usage = known.and_then(|known| known.get(&month));
            let whole = zone.minutes_of(month.period());
            let complete = usage.is_some_and(|usage| usage.covered >= whole && whole > Minutes::ZERO);
            Column { label: month.to_string(), bytes: usage.map(|usage| usage.amount), complete }
        };
        months.map(column).collect::<Vec<_>>()
    };
    let meters: Vec<Meter> = Meter::ALL
        .into_iter()
        .filter(|meter| past.days.contains_key(meter) || past.months.contains_key(meter))
        .collect();
    html! {
        section aria-labelledby="before" {
            h2 #before { "Before" }
            @if meters.is_empty() { p { (not_known("nothing is stored of it")) } }
            div.charts {
                @for meter in &meters {
                    @let (of, level) = (meter_name(*meter), meter.nature() == Nature::Level);
                    (chart(figures, &format!("{of} by day"), &days(*meter), limit_of(*meter).filter(|_| level)))
                    (chart(figures, &format!("{of} by month"), &months(*meter), limit_of(*meter)))
                }
            }
            p.small.quiet { "Pale columns are days and months that readings do not account for in full, as the running ones. \
                A short grey stroke is one of which nothing is known." }
        }
    }
}

fn lives(figures: &Figures, lived: &[LivedPart]) -> Markup {
    html! {
        @if !lived.is_empty() {
            section aria-labelledby="lives" {
                h2 #lives { "Who paid for it" }
                table.stack {
                    thead { tr { th scope="col" { "Life of its name" } th scope="col" { "Since" } th scope="col" { "Paid for by" } } }
                    tbody {
                        @for (index, part) in lived.iter().enumerate() {
                            @let begins = index == 0 || lived[index - 1].nth != part.nth;
                            tr {
                                th scope="row" {
                                    (part.nth)
                                    @if begins { div.small.quiet {
                                        "first seen " (figures.time(part.born))
                                        @if let Some(ended) = part.ended { ", ended " (figures.time(ended)) }
                                    } }
                                }
                                td data-label="Since" { div {
                                    @if part.place > 0 { span.num { (part.since) } }
                                    @else if begins { "its beginning" }
                                    @else { (figures.time(part.from)) }
                                } }
                                td data-label="Paid for by" { (name(&part.owner.in_words())) }
                            }
                        }
                    }
                }
            }
        }
    }
}
