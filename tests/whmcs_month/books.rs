//! What a month has to cost: reckoned from the simulated panel's own books and the price list, another way round than whmeter
//! and WHMCS do it, in whole numbers.

use std::collections::BTreeMap;

use serde_json::Value;
use whmeter_simulators::minio::Panel;
use whmeter_simulators::panel::SimulatedPanel;

pub const GIB: i128 = 1 << 30;
/// Values have five places.
const UNIT: i128 = 100_000;

/// Cents by service, metric and month (empty for what is billed as it stands).
pub type Bill = BTreeMap<(i64, String, String), i128>;

/// One metric of a product: what is included, in hundred-thousandths of a GiB, and the price of one in ten-thousandths.
#[derive(Clone, Copy, Debug)]
pub struct Priced {
    pub included: i128,
    pub price: i128,
}

impl Priced {
    /// So many whole GiB included.
    pub fn new(included: i128, price: i128) -> Priced {
        Priced { included: included * UNIT, price }
    }

    /// Cents of a value in hundred-thousandths of a GiB, half up.
    pub fn cents(self, value: i128) -> i128 {
        let over = (value - self.included).max(0) * self.price;
        half_up(over, UNIT * 100)
    }
}

/// Bytes as a value.
pub fn value(bytes: i128) -> i128 {
    half_up(bytes * UNIT, GIB)
}

/// Byte-minutes as a value: GiB held all through a month of so many minutes.
pub fn held_value(byte_minutes: i128, minutes: i128) -> i128 {
    half_up(byte_minutes * UNIT, GIB * minutes)
}

fn half_up(above: i128, below: i128) -> i128 {
    (2 * above + below) / (2 * below)
}

/// Bytes that an account sent after `from` and until `to`.
pub fn sent(panel: &Panel, account: &str, from: i64, to: i64) -> i128 {
    panel.knobs().truth.traffic_between(account, from, to).unwrap().sent.into()
}

/// Bytes that an account received after `from` and until `to`.
pub fn received(panel: &Panel, account: &str, from: i64, to: i64) -> i128 {
    panel.knobs().truth.traffic_between(account, from, to).unwrap().received.into()
}

/// Bytes times minutes that an account held from one minute to another.
pub fn held(panel: &Panel, account: &str, from: i64, to: i64) -> i128 {
    let minutes = from / 60..to / 60;
    minutes.map(|minute| level(panel, account, minute * 60 + 59)).sum()
}

pub fn level(panel: &Panel, account: &str, at: i64) -> i128 {
    panel.knobs().truth.level(account, at).unwrap().into()
}

/// The lines of usage on invoices.
pub fn billed(items: &[Value]) -> Bill {
    let mut bill = Bill::new();
    for item in items.iter().filter(|item| item["type"] == "UsageBilling") {
        let text = item["description"].as_str().unwrap();
        let (of, _) = text.split_once(':').unwrap();
        let (metric, month) = of.split_once(' ').unwrap();
        let key = (item["relid"].as_i64().unwrap(), metric.to_string(), month.to_string());
        // What stands is billed with every renewal, and has one line for each.
        assert!(month.is_empty() || !bill.contains_key(&key), "{key:?} is billed twice: {items:#?}");
        *bill.entry(key).or_default() += cents(&item["amount"]);
    }
    bill
}

/// An amount with two places in cents.
pub fn cents(amount: &Value) -> i128 {
    amount.as_str().unwrap().replace('.', "").parse().unwrap()
}

/// What two bills do not agree in.
pub fn differences(expected: &Bill, billed: &Bill) -> Vec<String> {
    let keys: std::collections::BTreeSet<_> = expected.keys().chain(billed.keys()).collect();
    let of = |bill: &Bill, key| bill.get(key).copied();
    let differ = keys.into_iter().filter(|key| of(expected, key) != of(billed, key));
    differ.map(|key| format!("{key:?}: {:?} due, {:?} billed", of(expected, key), of(billed, key))).collect()
}
