//! What WHMCS was told last, by server, tenant and metric: to be held against what is metered.
//!
//! Rendered as a whole when something was reported to a server, which is a few times a day, and kept as finished
//! pieces like everything else that grows with the customers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::chunk::Chunk;
use super::format::{Format, Kind, escape};
use crate::domain::{Owner, Timestamp};
use crate::reported::{ReportedValue, Signed};

/// How many families there are.
pub(super) const FAMILIES: usize = 3;

/// What was reported to one server, by family.
pub(super) type Pieces = [Arc<Chunk>; FAMILIES];

const VALUE: usize = 0;
const CARRIED: usize = 1;
const AT: usize = 2;

/// Name and help of every family.
const ABOUT: [(&str, &str); FAMILIES] = [
    (
        "whmeter_reported_bytes",
        "What WHMCS was told last in the running billing month, in bytes, with what it carries; of disk_gb_month \
         bytes held all month long. Absent until WHMCS has asked in that month.",
    ),
    (
        "whmeter_reported_carried_bytes",
        "The part of that which the month before lacked, or had too much; absent where it carries nothing.",
    ),
    (
        "whmeter_reported_timestamp_seconds",
        "Since when WHMCS is told just this of the tenant, in seconds since 1970.",
    ),
];

/// The lines above each family.
pub(super) fn heads(format: Format) -> Pieces {
    ABOUT.map(|(name, help)| {
        let mut text = Vec::new();
        format.head(&mut text, name, Kind::Gauge, help);
        Chunk::new(text)
    })
}

/// Everything that was reported to a server, as lines. Takes milliseconds of CPU for ten thousand tenants.
pub(super) fn rendered(server: i64, values: &[ReportedValue]) -> Pieces {
    // Two rows with the labels of one would cost the whole scrape: the newer is what WHMCS has.
    let mut newest: BTreeMap<(&str, &Owner, &str), &ReportedValue> = BTreeMap::new();
    for value in values {
        let key = (value.tenant.as_str(), &value.payee, value.metric.as_ref());
        let kept = newest.entry(key).or_insert(value);
        if kept.at < value.at {
            *kept = value;
        }
    }
    let mut text: [String; FAMILIES] = Default::default();
    let mut tenants: BTreeMap<(&str, &Owner), Timestamp> = BTreeMap::new();
    for ((tenant, payee, metric), value) in newest {
        let of = format!("{},metric=\"{}\"", labels(server, tenant, payee), escape(metric));
        let bytes = |parts: i64| Signed::new(i128::from(parts) * i128::from(value.unit));
        text[VALUE] += &format!("{}{{{of}}} {}\n", ABOUT[VALUE].0, bytes(value.value));
        if value.carried != 0 {
            text[CARRIED] += &format!("{}{{{of}}} {}\n", ABOUT[CARRIED].0, bytes(value.carried));
        }
        let at = tenants.entry((tenant, payee)).or_insert(value.at);
        *at = value.at.max(*at);
    }
    for ((tenant, payee), at) in tenants {
        text[AT] += &format!("{}{{{}}} {}\n", ABOUT[AT].0, labels(server, tenant, payee), at.get());
    }
    text.map(|text| Chunk::new(text.into_bytes()))
}

/// The labels of a tenant. Names that no service was sent for have an empty one.
fn labels(server: i64, tenant: &str, payee: &Owner) -> String {
    let service = match payee {
        Owner::Service(id) => id.to_string(),
        Owner::Name { .. } | Owner::Unowned => String::new(),
    };
    format!("server=\"{server}\",service=\"{service}\",tenant=\"{}\"", escape(tenant))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Month;

    fn value(payee: Owner, metric: &'static str, value: i64, carried: i64, at: i64) -> ReportedValue {
        ReportedValue {
            payee,
            month: Month::parse("2026-11").expect("a month"),
            metric: metric.into(),
            server: 12,
            tenant: "a\"lice".into(),
            value,
            carried,
            unit: 1 << 30,
            at: Timestamp::new(at).expect("a time"),
        }
    }

    #[test]
    fn values_are_bytes_to_the_last_place_and_no_line_is_there_twice() {
        let (service, name) = (Owner::Service(57), Owner::named(12, "a\"lice"));
        let pieces = rendered(
            12,
            &[
                value(service.clone(), "disk_gb_month", 3_820_417, -1, 7),
                value(service.clone(), "disk", 0, 0, 5),
                value(name.clone(), "disk", 100_000, 0, 3),
                value(name, "disk", 200_000, 0, 4),
            ],
        );
        let text = |family: usize| String::from_utf8(pieces[family].text().to_vec()).expect("text");
        let of = "server=\"12\",service=\"57\",tenant=\"a\\\"lice\"";
        let values = text(VALUE);
        assert!(values.contains(&format!("{{{of},metric=\"disk\"}} 0.00000\n")), "{values}");
        // 3820417 * 2^30 / 100000.
        assert!(
            values.contains(&format!("{{{of},metric=\"disk_gb_month\"}} 41021415180.20608\n")),
            "{values}"
        );
        assert!(values.contains("service=\"\",tenant=\"a\\\"lice\",metric=\"disk\"} 2147483648.00000\n"));
        assert_eq!(values.lines().count(), 3, "{values}");
        let carried =
            format!("whmeter_reported_carried_bytes{{{of},metric=\"disk_gb_month\"}} -10737.41824\n");
        assert_eq!(text(CARRIED), carried);
        assert!(text(AT).contains(&format!("{{{of}}} 7\n")), "{}", text(AT));
        assert_eq!(text(AT).lines().count(), 2);
    }
}
