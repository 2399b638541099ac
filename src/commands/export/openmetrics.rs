//! History as `promtool tsdb create-blocks-from openmetrics` wants it: family after family, series after
//! series, each in the order of time, and a last line that says it is whole.
//!
//! A series is a name's, as in Prometheus: whoever paid in turn is in one sample a day, and a name that was
//! given to somebody else goes on.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::slice;

use super::{CommandError, History, is_complete, is_same_day, put};
use crate::domain::{AccountKey, AccountName, BackendId, BillingZone, Meter, Seconds, UsageDay};
use crate::exposition::{self, Format};
use crate::store::{DayPoint, StoreError, Usage, UsageQuery};

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

/// Traffic has a name of its own: `whmeter_traffic_bytes_total` at the end of a day long past cannot be reported
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
        value: |point, zone| (!is_complete(slice::from_ref(point), zone)).then_some(1),
        label: |meter| Some(("meter", meter.name())),
    },
];

/// The names of a backend that had several lives: each with what its lives are called, oldest first.
type Reused = BTreeMap<AccountName, Vec<AccountName>>;

impl History<'_> {
    pub(super) async fn write_openmetrics(&self, out: &mut impl Write) -> Result<bool, CommandError> {
        let mut backends = Vec::with_capacity(self.backends.len());
        for backend in &self.backends {
            backends.push((backend, self.reused(backend).await?));
        }
        for family in &FAMILIES {
            put(out, &exposition::gauge_head(Format::OpenMetrics, family.name, family.help))?;
            for (backend, reused) in &backends {
                let whole = self.write_lone(out, family, backend, reused).await?
                    && self.write_reused(out, family, backend, reused).await?;
                if !whole {
                    return Ok(false);
                }
            }
        }
        put(out, "# EOF\n")
    }

    /// The series of names with one life, page by page.
    async fn write_lone(
        &self,
        out: &mut impl Write,
        family: &Family,
        backend: &BackendId,
        reused: &Reused,
    ) -> Result<bool, CommandError> {
        let set_aside: HashSet<&AccountName> = reused.values().flatten().collect();
        let mut pages = self.store.day_pages(backend, family.meters, self.period);
        while let Some(points) = pages.next().await? {
            let mut text = String::new();
            let days = points.chunk_by(is_same_day);
            for day in days.filter(|day| !set_aside.contains(&day[0].account.name)) {
                let mut whole = day[0].clone();
                for later in &day[1..] {
                    add(&mut whole, later)?;
                }
                family.sample(&mut text, &whole, self.zone);
            }
            if !put(out, &text)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The series of names with several lives, which are not read one after the other by pages.
    async fn write_reused(
        &self,
        out: &mut impl Write,
        family: &Family,
        backend: &BackendId,
        reused: &Reused,
    ) -> Result<bool, CommandError> {
        for (name, lives) in reused {
            let mut days: BTreeMap<(Meter, UsageDay), DayPoint> = BTreeMap::new();
            for (life, meter) in lives.iter().flat_map(|life| family.meters.iter().map(move |of| (life, of)))
            {
                let (backend, account) = (Some(backend.clone()), Some(life.clone()));
                let query = UsageQuery { backend, account, meter: Some(*meter), owner: None };
                for point in self.store.days(&query, self.period).await? {
                    match days.get_mut(&(*meter, point.day)) {
                        Some(whole) => add(whole, &point)?,
                        None => {
                            let account = AccountKey { name: name.clone(), ..point.account };
                            days.insert((*meter, point.day), DayPoint { account, ..point });
                        }
                    }
                }
            }
            let mut text = String::new();
            days.values().for_each(|whole| family.sample(&mut text, whole, self.zone));
            if !put(out, &text)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn reused(&self, backend: &BackendId) -> Result<Reused, CommandError> {
        let book = self.store.load(backend, None).await?.book;
        let mut reused = Reused::new();
        for (no, life) in &book.lives {
            let label = AccountName::new(&life.label(book.names.get(&life.name) == Some(no)));
            let label = label.map_err(|error| CommandError::Tried(error.to_string()))?;
            reused.entry(life.name.clone()).or_default().push(label);
        }
        reused.retain(|_, lives| lives.len() > 1);
        Ok(reused)
    }
}

/// Adds what came later on the same day: flows sum, of levels the later one stands.
fn add(whole: &mut DayPoint, later: &DayPoint) -> Result<(), StoreError> {
    let mut usage = whole.usage();
    usage.add(whole.meter, &later.usage())?;
    let Usage { amount, estimated, held, covered } = usage;
    (whole.amount, whole.estimated, whole.held, whole.covered) = (amount, estimated, held, covered);
    Ok(())
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
