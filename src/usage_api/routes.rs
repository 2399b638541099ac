//! The routes under `/v1/whmcs`.

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::{Serialize, Serializer};
use serde_json::json;

use super::asked::{Asked, TenantName};
use super::billable::{BILLABLE, BillableTold, billable_of};
use super::carried::Carried;
use super::history::{days, months};
use super::legacy::legacy_of;
use super::policy::{EXPECTED, PolicyWish, policy_of};
use super::recalculate::recalculate_of;
use super::services::{LONGEST_SERVICES, SERVICES, ServicesTold, services_of};
use super::state::unavailable;
use super::tenants::Tenant;
use super::terms::Terms;
use super::totals::{Answer, REASONS, Values, Withheld, answer};
use super::{Units, UsageApi, Window};
use crate::domain::BillingPeriod;
use crate::problem::Problem;
use crate::standing::Moment;
use crate::store::UsageQuery;

/// The longest history one answer gives.
const LONGEST_HISTORY: u64 = 1100;

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
    values: Values,
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<Withheld>,
    #[serde(flatten)]
    terms: Terms,
}

impl UsageApi {
    /// The routes; who may use them is the roof's to say.
    pub fn routes(self) -> Router {
        Router::new()
            .route("/v1/whmcs/ping", get(ping))
            .route("/v1/whmcs/usage", get(usage))
            .route("/v1/whmcs/usage/{tenant}", get(tenant_usage))
            .route("/v1/whmcs/legacy", get(legacy))
            .route("/v1/whmcs/history/{tenant}", get(history))
            .route("/v1/whmcs/recalc/{tenant}", post(recalculate))
            .route(SERVICES, put(services).layer(DefaultBodyLimit::max(LONGEST_SERVICES)))
            .route(BILLABLE, put(billable).layer(DefaultBodyLimit::max(LONGEST_SERVICES)))
            .with_state(self)
    }

    /// The route that changes policies, for whoever may do that.
    pub fn policy_routes(self) -> Router {
        Router::new().route("/v1/whmcs/policy/{tenant}", post(policy)).with_state(self)
    }
}

pub(super) fn month_shape(window: &Window) -> MonthShape {
    let Moment { month, zone, month_start, .. } = window.moment;
    MonthShape { label: month.to_string(), tz: zone.name(), start: month_start.to_string() }
}

async fn ping(State(api): State<UsageApi>, asked: Asked) -> Result<Response, Problem> {
    let window = api.window();
    let answer = json!({
        "schema": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "time": window.moment.now.to_string(),
        "clock": window.moment.now.get(),
        "tz": window.moment.zone.name(),
        "server": asked.server,
    });
    let response = match asked.server {
        // A wrong server id is what a connection test is there to find.
        Some(server) => api.tenants(server).await.map(|_| Json(answer).into_response()),
        None => Ok(Json(answer).into_response()),
    };
    api.count_fetch(asked.server, "ping", false, &response);
    response
}

async fn usage(State(api): State<UsageApi>, asked: Asked) -> Result<Response, Problem> {
    let response = usage_of(&api, &asked).await;
    api.count_fetch(asked.server, "usage", asked.for_billing, &response);
    response
}

async fn usage_of(api: &UsageApi, asked: &Asked) -> Result<Response, Problem> {
    let server = asked.needed_server()?;
    let tenants = api.tenants(server).await?;
    let (units, window) = (api.units(), api.billing_window(&tenants).await?.asked_in(asked.month));
    let carried = api.carried(&tenants, &units, &window).await?;
    let tenants = tenants.each();
    let mut shape = UsageShape {
        schema: 1,
        server,
        tenant_key: "username",
        generated_at: window.moment.now.to_string(),
        month: month_shape(&window),
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
        api.tell(server, &units, &window, said).await?;
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
    let told = |tenant| Some((tenant, answer(tenant, units, window, carried)?));
    let mut answers = same.iter().filter_map(told);
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
    /// Writes down what a server is about to be told, before it is said: what WHMCS was told must be known whatever
    /// happens next. The database decides who told last; whoever was overtaken looks again.
    async fn tell<'t, 'a: 't>(
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
            if self.store.report(server, month, known, news, now).await.map_err(unavailable)? {
                return Ok(());
            }
        }
    }
}

async fn tenant_usage(
    State(api): State<UsageApi>,
    TenantName(tenant): TenantName,
    asked: Asked,
) -> Result<Response, Problem> {
    let response = tenant_usage_of(&api, &tenant, &asked).await;
    api.count_fetch(asked.server, "tenant", asked.for_billing, &response);
    response
}

async fn tenant_usage_of(api: &UsageApi, tenant: &str, asked: &Asked) -> Result<Response, Problem> {
    let server = asked.needed_server()?;
    let tenants = api.tenants(server).await?;
    let (units, window) = (api.units(), api.billing_window(&tenants).await?.asked_in(asked.month));
    let found = tenants.of(tenant).ok_or_else(|| unknown(tenant))?;
    let carried = api.carried(&tenants, &units, &window).await?;
    let (values, withheld) = match answer(&found, &units, &window, &carried) {
        Some(Answer::Known(values)) => (values, None),
        Some(Answer::Withheld(withheld)) => (Values::default(), Some(withheld)),
        None => return Err(unknown(tenant)),
    };
    let terms = api.terms(&found).await?;
    if asked.for_billing && withheld.is_none() {
        api.tell(server, &units, &window, std::iter::once((&found, &values))).await?;
    }
    let (generated_at, month) = (window.moment.now.to_string(), month_shape(&window));
    let shape = TenantShape { schema: 1, server, tenant, generated_at, month, values, withheld, terms };
    Ok(Json(shape).into_response())
}

pub(super) fn unknown(tenant: &str) -> Problem {
    let tenant: String = tenant.chars().take(80).collect();
    Problem::new(StatusCode::NOT_FOUND, format!("no account {tenant:?} on the backends of this server"))
}

async fn legacy(State(api): State<UsageApi>, asked: Asked) -> Result<Response, Problem> {
    let response = legacy_of(&api, &asked).await;
    api.count_fetch(asked.server, "legacy", false, &response);
    response
}

async fn history(
    State(api): State<UsageApi>,
    TenantName(tenant): TenantName,
    asked: Asked,
) -> Result<Response, Problem> {
    let response = history_of(&api, &tenant, &asked).await;
    api.count_fetch(asked.server, "history", false, &response);
    response
}

async fn history_of(api: &UsageApi, tenant: &str, asked: &Asked) -> Result<Response, Problem> {
    let server = asked.needed_server()?;
    let wanted = asked.days.unwrap_or(30);
    if !(1..=LONGEST_HISTORY).contains(&wanted) {
        let detail = format!("days={wanted} is not between 1 and {LONGEST_HISTORY}");
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    let tenants = api.tenants(server).await?;
    let found = tenants.of(tenant).ok_or_else(|| unknown(tenant))?;
    let (units, window) = (api.units(), api.window());
    let today = window.moment.zone.day_of(window.moment.now);
    let first = today.minus_days(wanted - 1);
    let period = BillingPeriod::new(first, today.next())
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    let query = UsageQuery { owner: Some(found.payee.clone()), ..UsageQuery::default() };
    let points = api.store.days(&query, period).await.map_err(unavailable)?;
    let sums = api.store.months(&query, first.month(), today.month()).await.map_err(unavailable)?;
    let days = days(points, &units, &window).map_err(unavailable)?;
    let months = months(sums, &units, &window).map_err(unavailable)?;
    let answer = json!({
        "schema": 1,
        "server": server,
        "tenant": tenant,
        "days": days,
        "months": months,
    });
    Ok(Json(answer).into_response())
}

async fn policy(
    State(api): State<UsageApi>,
    tenant: TenantName,
    asked: Asked,
    wish: Result<Json<PolicyWish>, JsonRejection>,
) -> Result<Response, Problem> {
    let response = match wish {
        Ok(Json(wish)) => policy_of(&api, &tenant.0, &asked, wish).await,
        Err(error) => Err(Problem::new(error.status(), format!("{error}; {EXPECTED}"))),
    };
    api.count_fetch(asked.server, "policy", false, &response);
    response
}

async fn services(
    State(api): State<UsageApi>,
    asked: Asked,
    told: Result<Json<ServicesTold>, JsonRejection>,
) -> Result<Response, Problem> {
    let response = match told {
        Ok(Json(told)) => services_of(&api, &asked, told).await,
        Err(error) => Err(Problem::new(error.status(), error.body_text())),
    };
    api.count_fetch(asked.server, "services", false, &response);
    response
}

async fn billable(
    State(api): State<UsageApi>,
    asked: Asked,
    told: Result<Json<BillableTold>, JsonRejection>,
) -> Result<Response, Problem> {
    let response = match told {
        Ok(Json(told)) => billable_of(&api, &asked, told).await,
        Err(error) => Err(Problem::new(error.status(), error.body_text())),
    };
    api.count_fetch(asked.server, "billable", false, &response);
    response
}

async fn recalculate(
    State(api): State<UsageApi>,
    TenantName(tenant): TenantName,
    asked: Asked,
) -> Result<Response, Problem> {
    let response = recalculate_of(&api, &tenant, &asked).await;
    api.count_fetch(asked.server, "recalc", false, &response);
    response
}
