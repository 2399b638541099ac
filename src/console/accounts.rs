//! The current state of accounts: a page of them, one of them, its days, and why its numbers are what they are.

use std::ops::Bound;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Console;
use super::cursor::Cursor;
use super::level_parts::LevelParts;
use crate::domain::{AccountKey, AccountName, BackendId, BillingPeriod, BillingZone, Meter, Month, Nature};
use crate::standing::{AccountStanding, Moment, Standing};
use crate::store::{DayPoint, UsageQuery};
use crate::web::{PathOf, Problem, Query, page, parsed, period, rows_wanted};

/// The longest span of days one answer reports.
const LONGEST_SPAN: usize = 1100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    q: Option<String>,
    backend: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Days {
    from: Option<String>,
    to: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    meter: Option<String>,
    month: Option<String>,
}

#[derive(Serialize)]
struct DaysBody<'a> {
    schema: u32,
    backend: &'a str,
    account: &'a str,
    from: String,
    to: String,
    rows: Vec<DayRow>,
    /// Days before this one are not kept: of their months only sums are.
    days_from: String,
}

#[derive(Serialize)]
struct DayRow {
    day: String,
    meter: &'static str,
    bytes: u64,
    estimated_bytes: u64,
    /// May outgrow 64 bits, and is a whole number all the same.
    held_byte_minutes: u128,
    complete: bool,
    /// Who pays for it.
    owner: String,
}

pub(super) async fn accounts(
    State(console): State<Console>,
    Query(search): Query<Search>,
) -> Result<Response, Problem> {
    let limit = rows_wanted(search.limit.as_ref())?;
    let place = Cursor::read(search.cursor.as_ref())?;
    let of = parsed("backend", search.backend.as_ref(), BackendId::new)?;
    let standings = match &of {
        Some(backend) => vec![console.standing(backend).await?],
        None => console.standings().await?,
    };
    let moment = console.moment();
    let words = search.q.as_deref().map(str::to_lowercase).unwrap_or_default();
    let found = standings.iter().flat_map(|standing| {
        let after = after(standing.backend.as_str(), place.as_ref());
        after
            .into_iter()
            .flat_map(|bounds| standing.accounts.range::<str, _>(bounds))
            .map(move |one| (standing, one))
    });
    let mut found = found.filter(|(_, (name, account))| is_meant(&words, name, account));
    let shown: Vec<_> = found.by_ref().take(limit).collect();
    let last = shown.last().filter(|_| found.next().is_some());
    let next = last.map(|(standing, (name, _))| {
        Cursor::Account { backend: standing.backend.to_string(), name: name.to_string() }.token()
    });
    let rows = shown.iter().map(|(standing, (name, account))| shape(standing, name, account, &moment));
    Ok(page(rows.collect(), next))
}

/// Which of a backend's accounts follow a place; `None`: none of them.
pub(super) fn after<'p>(
    backend: &str,
    place: Option<&'p Cursor>,
) -> Option<(Bound<&'p str>, Bound<&'p str>)> {
    match place {
        None => Some((Bound::Unbounded, Bound::Unbounded)),
        Some(Cursor::Service { .. }) => None,
        Some(Cursor::Account { backend: last, name }) => match backend.cmp(last.as_str()) {
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal => Some((Bound::Excluded(name.as_str()), Bound::Unbounded)),
            std::cmp::Ordering::Greater => Some((Bound::Unbounded, Bound::Unbounded)),
        },
    }
}

/// Whether a search means an account: by its name, domain, plan, reseller, or what WHMCS calls it.
pub(super) fn is_meant(words: &str, name: &AccountName, account: &AccountStanding) -> bool {
    let has = |text: &str| text.to_lowercase().contains(words);
    let service = account.service();
    words.is_empty()
        || has(name.as_str())
        || account.domain.as_deref().is_some_and(has)
        || account.package.as_deref().is_some_and(has)
        || account.reseller.as_deref().is_some_and(has)
        || service.is_some_and(|service| has(&service.username))
        || service.and_then(|service| service.product.as_deref()).is_some_and(has)
}

fn shape(standing: &Standing, name: &AccountName, account: &AccountStanding, moment: &Moment) -> Value {
    let mut meters = Map::new();
    for series in &account.series {
        let mut body = json!({
            "at": series.at.to_string(),
            "stale": !moment.is_fresh(series.at),
            "limit_bytes": account.limit(series.meter).to_door().map(|limit| limit.get()),
        });
        // What the limit is judged by, where that is not the account's own number.
        if let Some(judged) = account.together.get(&series.meter) {
            body["together"] =
                json!({ "accounts": judged.accounts, "bytes": judged.sum.map(|sum| sum.get()) });
        }
        match series.meter.nature() {
            Nature::Level => body["bytes"] = json!(series.level.map(|level| level.get())),
            Nature::Flow => {
                // An old number is shown with its age.
                let month = series.running(moment).ok().or(series.month);
                let month = month.filter(|month| month.month == moment.month);
                body["month_bytes"] = json!(month.map(|month| month.amount.get()));
                body["bytes_total"] = json!(series.shown.get());
            }
        }
        meters.insert(series.meter.name().into(), body);
    }
    let service = account.service();
    json!({
        "backend": standing.backend.as_str(),
        "account": name.as_str(),
        "kind": standing.kind,
        "mapping": account.mapped.as_ref().map(|mapped| mapped.mapping.name()),
        "service": service.map(|service| service.id),
        "client": service.map(|service| service.client),
        "username": service.map(|service| &service.username),
        "product": service.and_then(|service| service.product.as_ref()),
        "package": account.package,
        "domain": account.domain,
        "reseller": account.reseller,
        "suspended": account.suspended,
        "suspended_for": account.suspended_for,
        "policy": account.policy.map(|policy| policy.name()),
        "first_seen": account.first_seen.to_string(),
        "gone_at": account.gone_at.map(|at| at.to_string()),
        "missing_since": account.missing_since.map(|at| at.to_string()),
        "life": account.nth,
        "owner": account.owner.to_string(),
        "trouble": account.trouble.as_ref().map(|(reason, since)| {
            json!({ "reason": reason, "since": since.to_string() })
        }),
        "meters": meters,
    })
}

/// The account of a path, as it stands.
pub(super) async fn asked_for(
    console: &Console,
    (backend, account): (String, String),
) -> Result<(AccountKey, Arc<Standing>), Problem> {
    let unknown_account = || Problem::unknown(format!("no account {account:?} was ever seen on {backend:?}"));
    let backend = BackendId::new(&backend).map_err(|_| unknown_account())?;
    let name = AccountName::new(&account).map_err(|_| unknown_account())?;
    let standing = console.standing(&backend).await?;
    if !standing.accounts.contains_key(&name) && !is_earlier_life(&standing, &name) {
        return Err(unknown_account());
    }
    Ok((AccountKey { backend, name }, standing))
}

/// Whether a name means an earlier life of an account, as `104~1` does.
pub(crate) fn is_earlier_life(standing: &Standing, name: &AccountName) -> bool {
    let Some((name, nth)) = name.as_str().rsplit_once('~') else { return false };
    let newest = standing.accounts.get(name);
    newest.is_some_and(|newest| nth.parse().is_ok_and(|nth: u32| nth > 0 && nth < newest.nth))
}

pub(super) async fn account(
    State(console): State<Console>,
    PathOf(path): PathOf<(String, String)>,
) -> Result<Response, Problem> {
    let (key, standing) = asked_for(&console, path).await?;
    let account = standing.accounts.get(&key.name).ok_or_else(|| Problem::unknown("it has just gone"))?;
    let mut body = shape(&standing, &key.name, account, &console.moment());
    let level = account.meter(Meter::StorageUsed).and_then(|series| series.level);
    let made_of = console.store.breakdown(&key).await.map_err(Problem::unavailable)?;
    body["parts"] = json!(made_of.map(|made_of| LevelParts::of(made_of, level)));
    body["schema"] = json!(1);
    Ok(Json(body).into_response())
}

pub(super) async fn days(
    State(console): State<Console>,
    PathOf(path): PathOf<(String, String)>,
    Query(days): Query<Days>,
) -> Result<Response, Problem> {
    let period = period(days.from.as_ref(), days.to.as_ref(), console.zone.day_of(console.clock.now()))?;
    if period.days().take(LONGEST_SPAN + 1).count() > LONGEST_SPAN {
        return Err(Problem::refused(format!("more than {LONGEST_SPAN} days: ask for a shorter span")));
    }
    let (key, _) = asked_for(&console, path).await?;
    let (backend, account) = (Some(key.backend.clone()), Some(key.name.clone()));
    let query = UsageQuery { backend, account, ..UsageQuery::default() };
    let points = console.store.days(&query, period).await.map_err(Problem::unavailable)?;
    let kept_from = console.store.days_kept_from(Some(&key.backend)).await.map_err(Problem::unavailable)?;
    let row = |point: &DayPoint| DayRow {
        day: point.day.to_string(),
        meter: point.meter.name(),
        bytes: point.amount.get(),
        estimated_bytes: point.estimated.get(),
        held_byte_minutes: point.held.get(),
        complete: is_complete(point, console.zone),
        owner: point.owner.to_string(),
    };
    let body = DaysBody {
        schema: 1,
        backend: key.backend.as_str(),
        account: key.name.as_str(),
        from: period.first().to_string(),
        to: period.next().to_string(),
        rows: points.iter().map(row).collect(),
        days_from: kept_from.to_string(),
    };
    Ok(Json(body).into_response())
}

/// Whether readings account for every minute of a day.
pub(super) fn is_complete(point: &DayPoint, zone: BillingZone) -> bool {
    let day = BillingPeriod::new(point.day, point.day.next());
    day.is_ok_and(|day| point.covered >= zone.minutes_of(day))
}

pub(super) async fn why(
    State(console): State<Console>,
    PathOf(path): PathOf<(String, String)>,
    Query(why): Query<Why>,
) -> Result<Response, Problem> {
    let meter = parsed("meter", why.meter.as_ref(), str::parse::<Meter>)?;
    let meter = meter.ok_or_else(|| {
        Problem::refused("meter=NAME is missing: storage, traffic_in, traffic_out or traffic_total")
    })?;
    let month = parsed("month", why.month.as_ref(), Month::parse)?;
    let month = month.unwrap_or(console.zone.day_of(console.clock.now()).month());
    let (key, _) = asked_for(&console, path).await?;
    let body = console.explainer.explain(&key, meter, month).await.map_err(Problem::unavailable)?;
    let nothing =
        || Problem::unknown(format!("nothing is known of {} {} {meter} in {month}", key.backend, key.name));
    body.ok_or_else(nothing)
}
