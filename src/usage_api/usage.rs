//! Totals of every tenant of a server, and of one of them: what WHMCS bills by.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::carry_over::Carried;
use super::cost::SoFar;
use super::parts::Parts;
use super::query::UsageApiQuery;
use super::sums::known;
use super::tenants::{Tenant, unknown};
use super::terms::Terms;
use super::totals::{Answer, REASONS, Values, Withheld, answer};
use super::{Units, UsageApi, Window};
use crate::reported::{Payee, ReportedValue, Signed};
use crate::standing::Moment;
use crate::web::{PathOf, Problem};

#[derive(Serialize)]
pub(super) struct MonthShape {
    label: String,
    tz: &'static str,
    start: String,
}

#[derive(Serialize)]
struct UsageShape<'a> {
    schema: u32,
    server: i64,
    tenant_key: &'static str,
    generated_at: String,
    month: MonthShape,
    unit: Value,
    #[serde(serialize_with = "as_map")]
    tenants: Vec<(&'a str, Values)>,
    withheld: Vec<Withheld>,
}

/// The tenants come in order and once each: a list is a map already.
fn as_map<S: Serializer>(tenants: &[(&str, Values)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(tenants.iter().map(|(tenant, values)| (tenant, values)))
}

#[derive(Serialize)]
struct TenantShape<'a> {
    schema: u32,
    server: i64,
    tenant: &'a str,
    generated_at: String,
    month: MonthShape,
    unit: Value,
    values: Values,
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<Withheld>,
    #[serde(flatten)]
    terms: Terms,
    /// What WHMCS was given last in this month, by metric.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    reported: BTreeMap<String, ReportedLast>,
    /// What its level is made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<Parts>,
    /// What the running month costs so far.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    so_far: Vec<SoFar>,
}

#[derive(Serialize)]
struct ReportedLast {
    value: Signed,
    carried: Signed,
    at: i64,
}

pub(super) fn month_shape(window: &Window) -> MonthShape {
    let Moment { month, zone, month_start, .. } = window.moment;
    MonthShape { label: month.to_string(), tz: zone.name(), start: month_start.to_string() }
}

pub(super) async fn usage(State(api): State<UsageApi>, asked: UsageApiQuery) -> Result<Response, Problem> {
    let (server, tenants) = api.asked_tenants(&asked).await?;
    let (units, window) = (api.units(), api.billing_window(&tenants).await?.asked_in(asked.month));
    let carried = api.carried(&tenants, &units, &window).await?;
    let tenants = tenants.each();
    let mut shape = UsageShape {
        schema: 1,
        server,
        tenant_key: "username",
        generated_at: window.moment.now.to_string(),
        month: month_shape(&window),
        unit: units.as_json(),
        tenants: Vec::with_capacity(tenants.len()),
        withheld: Vec::new(),
    };
    let mut known: Vec<(&Tenant<'_>, Values)> = Vec::with_capacity(tenants.len());
    for same in tenants.chunk_by(|one, other| one.name == other.name) {
        match answer_of(same, &units, &window, &carried) {
            Some((tenant, Answer::Known(values))) => known.push((tenant, values)),
            Some((_, Answer::Withheld(withheld))) => shape.withheld.push(withheld),
            None => {}
        }
    }
    if asked.for_billing {
        let said = known.iter().map(|(tenant, values)| (*tenant, values));
        api.report(server, &units, &window, said).await?;
    }
    shape.tenants = known.into_iter().map(|(tenant, values)| (tenant.name, values)).collect();
    let count = |reason| (reason, shape.withheld.iter().filter(|withheld| withheld.reason == reason).count());
    api.telemetry.whmcs_withheld(server, &REASONS.map(count).into());
    Ok(Json(&shape).into_response())
}

/// The answer for those that WHMCS calls by one name, which is one of them nearly always.
pub(super) fn answer_of<'t, 'a>(
    same: &'t [Tenant<'a>],
    units: &Units,
    window: &Window,
    carried: &Carried,
) -> Option<(&'t Tenant<'a>, Answer)> {
    let answered = |tenant| Some((tenant, answer(tenant, units, window, carried)?));
    let mut answers = same.iter().filter_map(answered);
    let first = answers.next()?;
    match answers.next() {
        None => Some(first),
        Some((tenant, _)) => {
            let since = tenant.since().unwrap_or(window.moment.now);
            Some((first.0, Answer::ambiguous(tenant.name, since)))
        }
    }
}

impl UsageApi {
    /// Writes down what is about to be reported to a server, before it is said: what was reported to WHMCS must be
    /// known whatever happens next. The database decides who reported last; a process that was overtaken looks again.
    async fn report<'t, 'a: 't>(
        &self,
        server: i64,
        units: &Units,
        window: &Window,
        said: impl Iterator<Item = (&'t Tenant<'a>, &'t Values)> + Clone,
    ) -> Result<(), Problem> {
        loop {
            let known = self.store.reported(server);
            let news =
                said.clone().flat_map(|(tenant, values)| values.news(tenant, &known, server, units, window));
            let news = news.collect();
            let (month, now) = (window.moment.month, window.moment.now);
            if self.store.report(server, month, known, news, now).await.map_err(Problem::unavailable)? {
                return Ok(());
            }
        }
    }
}

impl UsageApi {
    /// What a server was given of an owner in the running month, as it was given last.
    async fn reported_last(
        &self,
        server: i64,
        of: &Payee,
        window: &Window,
    ) -> Result<BTreeMap<String, ReportedLast>, Problem> {
        let reported = self.store.reported_of(of, window.moment.month).await.map_err(Problem::unavailable)?;
        let its = reported.into_iter().filter(|reported| reported.server == server);
        let last = |reported: ReportedValue| {
            let (value, carried) = (Signed::new(reported.value.into()), Signed::new(reported.carried.into()));
            (reported.metric.into_owned(), ReportedLast { value, carried, at: reported.at.get() })
        };
        Ok(its.map(last).collect())
    }
}

pub(super) async fn tenant_usage(
    State(api): State<UsageApi>,
    PathOf(tenant): PathOf<String>,
    asked: UsageApiQuery,
) -> Result<Response, Problem> {
    let (server, tenants) = api.asked_tenants(&asked).await?;
    let (units, window) = (api.units(), api.billing_window(&tenants).await?.asked_in(asked.month));
    let found = tenants.wanted(&tenant)?;
    let carried = api.carried(&tenants, &units, &window).await?;
    let (values, withheld) = match answer(&found, &units, &window, &carried) {
        Some(Answer::Known(values)) => (values, None),
        Some(Answer::Withheld(withheld)) => (Values::default(), Some(withheld)),
        None => return Err(unknown(&tenant)),
    };
    let terms = api.terms(&found).await?;
    if asked.for_billing && withheld.is_none() {
        api.report(server, &units, &window, std::iter::once((&found, &values))).await?;
    }
    let reported = match found.contested {
        None if !found.hidden => api.reported_last(server, &found.payee, &window).await?,
        _ => BTreeMap::new(),
    };
    let (parts, so_far) = match withheld {
        None => (api.parts(&found).await?, api.so_far(&found, &known(&found, &window), &window)),
        Some(_) => (None, Vec::new()),
    };
    let (generated_at, month) = (window.moment.now.to_string(), month_shape(&window));
    let unit = units.as_json();
    let shape = TenantShape {
        schema: 1,
        server,
        tenant: &tenant,
        generated_at,
        month,
        unit,
        values,
        withheld,
        terms,
        reported,
        parts,
        so_far,
    };
    Ok(Json(shape).into_response())
}
