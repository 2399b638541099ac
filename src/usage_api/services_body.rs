//! A server's list of services as WHMCS's module sends it: each row read, or what is wrong with it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::php;
use crate::domain::{Addon, Bytes, Limit, Meter, Remark, RemarkAbout, Service, UsageDay};

/// The largest percentage of a limit that can be meant.
const MOST_PERCENT: u32 = 10_000;

/// Remarks that are kept of a list, and characters of each: whoever reads them mends the cause of many at once.
pub(super) const MOST_REMARKS: usize = 500;
const LONGEST_REMARK: usize = 500;

/// The body: always the full list of that server.
#[derive(Debug, Deserialize)]
pub(super) struct ServicesBody {
    #[serde(deserialize_with = "php::whole")]
    pub(super) schema: i64,
    #[serde(deserialize_with = "php::list")]
    pub(super) services: Vec<ServiceRow>,
    /// Add-ons that WHMCS runs on this server; absent where it does not report them.
    #[serde(default, deserialize_with = "php::list")]
    pub(super) addons: Vec<AddonRow>,
    /// What is not right with the list; absent where nothing is said of that.
    #[serde(default)]
    pub(super) remarks: Option<RemarkRows>,
}

/// The remarks of a list.
#[derive(Debug, Deserialize)]
pub(super) struct RemarkRows(#[serde(deserialize_with = "php::list")] pub(super) Vec<RemarkRow>);

#[derive(Debug, Deserialize)]
pub(super) struct RemarkRow {
    #[serde(deserialize_with = "php::text")]
    about: String,
    #[serde(default, deserialize_with = "php::whole_or_none")]
    service: i64,
    #[serde(deserialize_with = "php::text")]
    said: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct ServiceRow {
    #[serde(deserialize_with = "php::whole")]
    pub(super) id: i64,
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
pub(super) struct AddonRow {
    #[serde(deserialize_with = "php::whole")]
    pub(super) id: i64,
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
    pub(super) fn remark(self) -> Option<Remark> {
        let said = self.said.chars().filter(|char| !char.is_control()).take(LONGEST_REMARK).collect();
        let service = Some(self.service).filter(|service| Service::NUMBERS.contains(service));
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
    pub(super) fn addon(self) -> Result<Addon, String> {
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
    pub(super) fn service(self) -> Result<Service, String> {
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
