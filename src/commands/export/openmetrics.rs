//! History as `promtool tsdb create-blocks-from openmetrics` wants it: family after family, series after
//! series, each in the order of time, and a last line that says it is whole.

use std::io::Write;

use super::{Failure, History, is_complete, put};
use crate::domain::{BillingZone, Meter, Seconds};
use crate::exposition::{self, Format};
use crate::store::DayPoint;

/// One family: a value per day and series.
struct Family {
    name: &'static str,
    help: &'static str,
    meters: &'static [Meter],
    /// What a day's sample is; none where there is none of it.
    value: fn(&DayPoint, BillingZone) -> Option<u64>,
    /// The label beside backend and account.
    label: fn(Meter) -> Option<(&'static str, &'static str)>,
}

const TRAFFIC: [Meter; 3] = [Meter::TrafficIn, Meter::TrafficOut, Meter::TrafficTotal];

/// Traffic has a name of its own: `whmeter_traffic_bytes_total` at the end of a day long past cannot be told
/// any more, because what was settled late was put on the days it belongs to.
const FAMILIES: [Family; 3] = [
    Family {
        name: "whmeter_storage_used_bytes",
        help: "Bytes the account stored, by the last measurement of the day.",
        meters: &[Meter::StorageUsed],
        value: |point, _| Some(point.amount.get()),
        label: |_| None,
    },
    Family {
        name: "whmeter_traffic_day_bytes",
        help: "Bytes moved on the billing day that ends here.",
        meters: &TRAFFIC,
        value: |point, _| Some(point.amount.get()),
        label: |meter| exposition::direction(meter).map(|direction| ("direction", direction)),
    },
    Family {
        name: "whmeter_day_incomplete",
        help: "1 where readings do not account for every minute of the billing day that ends here.",
        meters: &Meter::ALL,
        value: |point, zone| (!is_complete(point, zone)).then_some(1),
        label: |meter| Some(("meter", meter.name())),
    },
];

impl History<'_> {
    pub(super) async fn write_openmetrics(&self, out: &mut impl Write) -> Result<bool, Failure> {
        for family in &FAMILIES {
            put(out, &exposition::gauge_head(Format::OpenMetrics, family.name, family.help))?;
            let whole = self
                .each_page(family.meters, |points| {
                    let mut text = String::new();
                    for point in points {
                        family.sample(&mut text, point, self.zone);
                    }
                    put(out, &text)
                })
                .await?;
            if !whole {
                return Ok(false);
            }
        }
        put(out, "# EOF\n")
    }
}

impl Family {
    fn sample(&self, text: &mut String, point: &DayPoint, zone: BillingZone) {
        let Some(value) = (self.value)(point, zone) else { return };
        let escape = exposition::escape;
        let backend = escape(point.account.backend.as_str());
        let account = escape(point.account.name.as_str());
        text.push_str(&format!("{}{{backend=\"{backend}\",account=\"{account}\"", self.name));
        if let Some((label, word)) = (self.label)(point.meter) {
            text.push_str(&format!(",{label}=\"{word}\""));
        }
        // The day's last second: it is still that day in every calendar, and a range of whole days that ends
        // at midnight has each day once, whether or not its first instant belongs to it.
        let at = zone.start_of(point.day.next()).minus(Seconds::new(1));
        text.push_str(&format!("}} {value} {}\n", at.get()));
    }
}
