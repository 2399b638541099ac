//! Takes in the services WHMCS sells on one of its servers: whom accounts belong to, and their limits.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::payers::Found;
use super::query::UsageApiQuery;
use super::{UsageApi, php};
use crate::domain::{Addon, Bytes, FoundBy, Limit, Mapping, Meter, Remark, RemarkAbout, Service, UsageDay};
use crate::ownership::{Claimant, Claims, Ruling, Services};
use crate::store::ServiceList;
use crate::web::{Body, Problem};

/// The numbers that WHMCS gives (`tblhosting.id`). Those below are the house's own: of services whose numbers others
/// have now.
const NUMBERS: std::ops::RangeInclusive<i64> = 1..=u32::MAX as i64;

/// The largest percentage of a limit that can be meant.
const MOST_PERCENT: u32 = 10_000;

/// Remarks that are kept of a list, and characters of each: whoever reads them mends the cause of many at once.
const MOST_REMARKS: usize = 500;
const LONGEST_REMARK: usize = 500;

/// The body: always the full list of that server.
#[derive(Debug, Deserialize)]
pub(super) struct ServicesBody {
    #[serde(deserialize_with = "php::whole")]
    schema: i64,
    #[serde(deserialize_with = "php::list")]
    services: Vec<ServiceRow>,
    /// Add-ons that WHMCS runs on this server; absent where it does not report them.
    #[serde(default, deserialize_with = "php::list")]
    addons: Vec<AddonRow>,
    /// What is not right with the list; absent where nothing is said of that.
    #[serde(default)]
    remarks: Option<RemarkRows>,
}

/// The remarks of a list.
#[derive(Debug, Deserialize)]
struct RemarkRows(#[serde(deserialize_with = "php::list")] Vec<RemarkRow>);

#[derive(Debug, Deserialize)]
struct RemarkRow {
    #[serde(deserialize_with = "php::text")]
    about: String,
    #[serde(default, deserialize_with = "php::whole_or_none")]
    service: i64,
    #[serde(deserialize_with = "php::text")]
    said: String,
}

#[derive(Debug, Deserialize)]
struct ServiceRow {
    #[serde(deserialize_with = "php::whole")]
    id: i64,
    #[serde(deserialize_with = "php::whole")]
    client: i64,
    /// Empty where WHMCS has given none yet.
    #[serde(deserialize_with = "php::text_or_empty")]
    username: String,
    /// The account on the panel, where it is another word.
    #[serde(default, deserialize_with = "php::maybe_text")]
    account: Option<String>,
    #[serde(default, deserialize_with = "php::maybe_text")]
    domain: Option<String>,
    #[serde(default, deserialize_with = "php::maybe_text")]
    product: Option<String>,
    #[serde(default, deserialize_with = "php::maybe_text")]
    package: Option<String>,
    #[serde(deserialize_with = "php::text")]
    status: String,
    /// The day the customer's contract began.
    #[serde(default, deserialize_with = "php::maybe_text")]
    registered: Option<String>,
    /// Bytes by meter; zero is unlimited, an absent meter says nothing.
    #[serde(default, deserialize_with = "php::sizes")]
    limits: BTreeMap<String, u64>,
    #[serde(default, deserialize_with = "php::or_empty")]
    templates: TemplatesRow,
    /// The percentage of the limit to be reported; nothing and zero say nothing.
    #[serde(default, deserialize_with = "php::whole_or_none")]
    warn_at: i64,
    /// The unit that the customer is told amounts in.
    #[serde(default, deserialize_with = "php::maybe_text")]
    unit: Option<String>,
}

/// A product add-on with an account of its own: no metric bills it, so that it is only named.
#[derive(Debug, Deserialize)]
struct AddonRow {
    #[serde(deserialize_with = "php::whole")]
    id: i64,
    #[serde(deserialize_with = "php::whole")]
    service: i64,
    #[serde(default, deserialize_with = "php::whole_or_none")]
    client: i64,
    #[serde(default, deserialize_with = "php::maybe_text")]
    username: Option<String>,
    #[serde(default, deserialize_with = "php::maybe_text")]
    name: Option<String>,
    #[serde(deserialize_with = "php::text")]
    status: String,
    #[serde(default, deserialize_with = "php::maybe_text")]
    registered: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct TemplatesRow {
    #[serde(default, deserialize_with = "php::maybe_text")]
    notify: Option<String>,
    #[serde(default, deserialize_with = "php::maybe_text")]
    limited: Option<String>,
}

/// The longest text every database indexes; WHMCS's own columns are as wide.
fn short(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(|text| text.chars().take(255).collect())
}

/// A day as WHMCS sends it, perhaps with a time of day; its "0000-00-00" is no day, and PHP's reckoning of that
/// "-0001-11-30".
fn registered(text: Option<&str>) -> Result<Option<UsageDay>, String> {
    let day = text.map(|text| text.trim().split([' ', 'T']).next().unwrap_or_default());
    let body = day.filter(|day| !day.is_empty() && !day.starts_with("0000") && !day.starts_with("-0001"));
    body.map(UsageDay::parse).transpose().map_err(|error| format!("registered: {error}"))
}

/// A percentage of a limit; zero says nothing.
fn warn_at(percent: i64) -> Result<Option<u32>, String> {
    match u32::try_from(percent) {
        Ok(0) => Ok(None),
        Ok(percent) if percent <= MOST_PERCENT => Ok(Some(percent)),
        _ => Err(format!("warn_at: got {percent}, expected percent of the limit, 1 to {MOST_PERCENT}")),
    }
}

impl RemarkRow {
    /// Nothing for what a newer module may say.
    fn remark(self) -> Option<Remark> {
        let said = self.said.chars().filter(|char| !char.is_control()).take(LONGEST_REMARK).collect();
        let service = Some(self.service).filter(|service| NUMBERS.contains(service));
        Some(Remark { about: RemarkAbout::named(&self.about)?, service, said })
    }
}

fn checked_status(status: String) -> Result<String, String> {
    if status.is_empty() || status.len() > 32 {
        let shown: String = status.chars().take(40).collect();
        return Err(format!("status {shown:?} is not one of WHMCS's"));
    }
    Ok(status)
}

impl AddonRow {
    fn addon(self) -> Result<Addon, String> {
        Ok(Addon {
            id: self.id,
            service: self.service,
            client: self.client,
            username: short(self.username),
            name: short(self.name),
            status: checked_status(self.status)?,
            registered: registered(self.registered.as_deref())?,
        })
    }
}

impl ServiceRow {
    fn service(self) -> Result<Service, String> {
        let limit = |(name, size): (String, u64)| {
            let meter: Meter = name.parse().map_err(|error| format!("limits: {error}"))?;
            let size = Bytes::new(size).map_err(|error| format!("limits.{name}: {error}"))?;
            Ok((meter, Limit::of_size(size)))
        };
        if self.username.len() > 255 {
            return Err("username is longer than 255 bytes".into());
        }
        Ok(Service {
            id: self.id,
            client: self.client,
            username: self.username,
            account: short(self.account),
            domain: short(self.domain),
            product: short(self.product),
            package: short(self.package),
            status: checked_status(self.status)?,
            registered: registered(self.registered.as_deref())?,
            limits: self.limits.into_iter().map(limit).collect::<Result<_, String>>()?,
            notify_template: short(self.templates.notify),
            limited_template: short(self.templates.limited),
            warn_at: warn_at(self.warn_at)?,
            // One that is not known is no unit to write mails in, and nothing is billed by it.
            unit: Service::UNITS.into_iter().find(|known| self.unit.as_deref() == Some(known)),
        })
    }
}

pub(super) async fn services(
    State(api): State<UsageApi>,
    asked: UsageApiQuery,
    Body(body): Body<ServicesBody>,
) -> Result<Response, Problem> {
    let server = asked.needed_server()?;
    let refused = |detail: String| Problem::meaningless(detail);
    if body.schema != 1 {
        return Err(refused(format!("schema {} is not known; expected 1", body.schema)));
    }
    let mut list = Vec::with_capacity(body.services.len());
    for service in body.services {
        let id = service.id;
        if !NUMBERS.contains(&id) {
            return Err(refused(format!(
                "service {id}: a service's number is at least 1, and at most 4294967295"
            )));
        }
        list.push(service.service().map_err(|error| refused(format!("service {id}: {error}")))?);
    }
    list.sort_by_key(|service| service.id);
    // One row twice is one service; two that differ are not known apart.
    list.dedup();
    if let Some(twice) = list.windows(2).find(|pair| pair[0].id == pair[1].id) {
        return Err(refused(format!("service {} is listed twice, with different contents", twice[0].id)));
    }
    // Nothing is kept of the list of a server that the config does not have.
    if !api.is_configured(server) {
        return Err(api.stranger(server));
    }
    if let Some(own) = asked.asker.tied_to {
        let lists = api.store.service_lists().await.map_err(Problem::unavailable)?;
        if let Some(why) = of_another_server(own, &list, &lists) {
            asked.asker.must_be_untied(&why)?;
        }
    }
    let mut addons = Vec::with_capacity(body.addons.len());
    for addon in body.addons {
        let id = addon.id;
        addons.push(addon.addon().map_err(|error| refused(format!("addon {id}: {error}")))?);
    }
    addons.sort_by_key(|addon| addon.id);
    addons.dedup_by_key(|addon| addon.id);
    let put = api
        .store
        .put_services(server, &list, &addons, api.clock.now())
        .await
        .map_err(Problem::unavailable)?;
    if let Some(held) = put.held {
        tracing::warn!(server, moved = held.moved, of = held.of, "list of services rejected: other numbers");
        let detail = format!(
            "{} of {} services that own accounts have other numbers in this list: it is rejected, and the list before stays. Was WHMCS reinstalled, or does another WHMCS send this server's list? See `whmeter report --what \
             held-back`; are they the same services, `whmeter accept BACKEND --renumbered --reason TEXT`; \
             are they others, the same \
             without `--renumbered`; then the next list counts",
            held.moved, held.of
        );
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    if let Some(RemarkRows(remarks)) = body.remarks {
        let remarks: Vec<Remark> =
            remarks.into_iter().filter_map(RemarkRow::remark).take(MOST_REMARKS).collect();
        api.store.put_remarks(server, &remarks).await.map_err(Problem::unavailable)?;
    }
    if put.renumbered > 0 {
        tracing::info!(server, services = put.renumbered, "list of services accepted under other numbers");
    }
    let services = Services::new(list);
    let tenants = api.tenants(server).await?;
    let own = api.backends_of(server).unwrap_or_default();
    let accounts: Vec<(FoundBy, Found)> = tenants.on(&own).collect();
    let claimants: Vec<Claimant<'_>> = accounts.iter().map(|(by, found)| claimant(*by, found)).collect();
    let claims = Claims::new(Some(server), Some(&services), claimants.iter().copied());
    let (mut mapped, mut ambiguous) = (HashSet::new(), 0);
    for claimant in &claimants {
        match claims.ruling(claimant) {
            Ruling::Owned { service, .. } => drop(mapped.insert(service)),
            Ruling::Contested { .. } => ambiguous += 1,
            Ruling::Unclaimed | Ruling::ByName(_) | Ruling::NoServer => {}
        }
    }
    let live = || services.iter().filter(|service| service.is_live());
    let stands = |service: &&Service| service.companion_of().is_some() && tenants.is_metered(service);
    mapped.extend(live().filter(stands).map(|service| service.id));
    let missing = live().filter(|service| !mapped.contains(&service.id)).count();
    let answer = json!({
        "schema": 1,
        "server": server,
        "services": services.iter().count(),
        "mapped": mapped.len(),
        "missing": missing,
        "ambiguous": ambiguous,
    });
    Ok(Json(answer).into_response())
}

/// What in a server's list reaches into the lists of others: a companion of a service that is not its own, which would
/// be billed and read under the companion's name, or a service that another server has.
fn of_another_server(
    server: i64,
    list: &[Service],
    lists: &BTreeMap<i64, Arc<ServiceList>>,
) -> Option<String> {
    let listed: HashSet<i64> = list.iter().map(|service| service.id).collect();
    let own = lists.get(&server);
    let others = || lists.iter().filter(|(other, _)| **other != server);
    let taken = |id: &i64| others().find(|(_, list)| list.services.by_id(*id).is_some());
    let is_own = |id: &i64| {
        let known =
            |list: &Arc<ServiceList>| list.services.by_id(*id).is_some() || list.former.contains_key(id);
        (listed.contains(id) || own.is_some_and(known)) && taken(id).is_none()
    };
    let foreign = list.iter().filter_map(Service::companion_of).find(|parent| !is_own(parent));
    if let Some(parent) = foreign {
        return Some(format!("service {parent}, the parent of a companion in this list, is missing from it"));
    }
    let (id, (other, _)) = list.iter().find_map(|service| Some((service.id, taken(&service.id)?)))?;
    Some(format!("service {id} is in the list of server {other}: send that one first"))
}

/// An account as one that may be a service's.
fn claimant(by: FoundBy, found: &Found) -> Claimant<'_> {
    let pinned = found.account.mapped.as_ref().filter(|mapped| mapped.mapping == Mapping::Pinned);
    let pinned = pinned.and_then(|mapped| Some(mapped.service.as_ref()?.id));
    Claimant { name: &found.name, by, pinned, owner: found.account.owner.service() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The services of a body, or what is said of it; paths come before, as the door reports them.
    fn read(services: &str) -> Result<Vec<Service>, String> {
        let text = format!(r#"{{"schema":1,"services":{services}}}"#);
        let body: ServicesBody = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        body.services.into_iter().map(ServiceRow::service).collect()
    }

    fn one(fields: &str) -> Result<Service, String> {
        read(&format!("[{{{fields}}}]")).map(|mut services| services.remove(0))
    }

    const LEAST: &str = r#""id":5,"client":7,"username":"bob","status":"Active""#;

    #[test]
    fn what_php_makes_of_a_service_is_read() {
        let plain = one(LEAST).expect("a service");
        // Numbers as texts, nothing in place of what may be missing, empty maps as empty lists.
        let odd = r#""id":"5","client":" 7 ","username":"bob","domain":null,"product":"","package":null,
            "status":"Active","registered":"0000-00-00","limits":[],"templates":[]"#;
        assert_eq!(one(odd).expect("a service"), plain);
        for nothing in [r#""""#, "null", r#""0000-00-00 00:00:00""#, r#""-0001-11-30""#] {
            let body = one(&format!(r#"{LEAST},"registered":{nothing},"limits":null,"templates":null"#));
            assert_eq!(body.expect("a service"), plain, "{nothing}");
        }
        for day in ["2026-11-20", "2026-11-20 10:11:12", "2026-11-20T10:11:12Z"] {
            let body = one(&format!(r#"{LEAST},"registered":"{day}""#)).expect("a service");
            assert_eq!(body.registered.map(|day| day.to_string()).as_deref(), Some("2026-11-20"));
        }
        let body =
            one(&format!(r#"{LEAST},"limits":{{"storage":"1000","traffic_out":null,"traffic_in":""}}"#));
        let limits = body.expect("a service").limits;
        assert_eq!(Vec::from_iter(limits.keys().copied()), [Meter::StorageUsed]);
        // Texts as they were escaped for a page, and one that was taken for a number.
        let escaped = r#""id":5,"client":7,"username":1234,"product":"S3 &amp; more &#039;gold&#039;","status":"Active""#;
        let body = one(escaped).expect("a service");
        assert_eq!((body.username.as_str(), body.product.as_deref()), ("1234", Some("S3 & more 'gold'")));
        // No username yet, which is no one's account.
        assert_eq!(one(r#""id":5,"client":7,"username":null,"status":"Pending""#).expect("one").username, "");
        // A list with gaps is reported as a map.
        assert_eq!(read(&format!(r#"{{"0":{{{LEAST}}},"2":{{{LEAST}}}}}"#)).expect("a list").len(), 2);
        assert!(read("[]").expect("an empty list").is_empty());
    }

    #[test]
    fn what_a_newer_module_says_besides_is_read_and_what_an_older_one_leaves_out_is_nothing() {
        let warn_at =
            |text: &str| one(&format!(r#"{LEAST},"warn_at":{text}"#)).map(|service| service.warn_at);
        assert_eq!((warn_at("80"), warn_at("\"85\"")), (Ok(Some(80)), Ok(Some(85))));
        let unit = |text: &str| one(&format!(r#"{LEAST},"unit":{text}"#)).map(|service| service.unit);
        assert_eq!((unit("\"TB\""), unit("\"KB\""), unit("null")), (Ok(Some("TB")), Ok(None), Ok(None)));
        assert_eq!((warn_at("0"), warn_at("null"), warn_at("\"\"")), (Ok(None), Ok(None), Ok(None)));
        for wrong in ["-1", "10001", "\"eighty\""] {
            assert!(warn_at(wrong).is_err(), "{wrong}");
        }
        let remarks = |text: &str| {
            let body: ServicesBody = serde_json::from_str(text).expect("a body");
            let read =
                |rows: Vec<RemarkRow>| rows.into_iter().filter_map(RemarkRow::remark).collect::<Vec<_>>();
            body.remarks.map(|RemarkRows(rows)| read(rows))
        };
        let list = r#"{"schema":1,"services":[]"#;
        assert_eq!(remarks(&format!("{list}}}")), None, "nothing is said of it");
        assert_eq!(remarks(&format!(r#"{list},"remarks":[]}}"#)), Some(Vec::new()), "all is well");
        let said = format!(
            r#"{list},"remarks":[{{"about":"sizes","service":"7","said":"&lt;b&gt; is no size"}},
                {{"about":"companions","said":"{}"}},{{"about":"the weather","said":"fine"}}]}}"#,
            "x".repeat(600)
        );
        let read = remarks(&said).expect("remarks");
        assert_eq!(
            read[0],
            Remark { about: RemarkAbout::Size, service: Some(7), said: "<b> is no size".into() }
        );
        assert_eq!((read.len(), read[1].service, read[1].said.len()), (2, None, 500));
    }

    #[test]
    fn what_means_nothing_is_an_error_that_says_what_came() {
        for (services, said) in [
            ("null", "expected a list"),
            (r#""""#, "expected a list"),
            (r#"{"error":"no"}"#, "\"error\", expected a list"),
            (
                r#"[{"id":"five","client":7,"username":"b","status":"Active"}]"#,
                "got \"five\", expected a whole number",
            ),
            (r#"[{"id":5.5,"client":7,"username":"b","status":"Active"}]"#, "got 5.5"),
            (
                r#"[{"id":5,"client":null,"username":"b","status":"Active"}]"#,
                "got null, expected a whole number",
            ),
            (r#"[{"id":5,"client":7,"username":["b"],"status":"Active"}]"#, "got a list, expected a text"),
            (r#"[{"id":5,"client":7,"username":"b","status":null}]"#, "got null, expected a text"),
            (r#"[{"id":5,"client":7,"username":"b"}]"#, "status"),
            (
                r#"[{"id":5,"client":7,"username":"b","status":"Active","registered":"20.11.2026"}]"#,
                "registered",
            ),
            (
                r#"[{"id":5,"client":7,"username":"b","status":"Active","limits":{"storage":"much"}}]"#,
                "storage: got \"much\"",
            ),
            (r#"[{"id":5,"client":7,"username":"b","status":"Active","limits":{"disk":5}}]"#, "disk"),
            (r#"[{"id":5,"client":7,"username":"b","status":"Active","limits":[5]}]"#, "sequence"),
        ] {
            let error = read(services).expect_err(services);
            assert!(error.contains(said), "{services}: {error}");
        }
    }
}
