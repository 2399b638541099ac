//! One client's month: one row per local day, the days to come among them with nothing.

use super::calls::not_found;
use super::reply::{Outcome, Refusal};
use super::switches::{DaysShape, Switches};
use super::world::Server;
use crate::growth::Traffic;
use crate::zone::{Zone, days_of, month_before};
use chrono::{Datelike, NaiveDate};
use serde_json::{Map, Value, json};

/// What the panel tells of a month.
pub fn month(server: &Server, switches: &Switches, name: &str, year: &str, month: &str) -> Outcome {
    let clients = server.there();
    let client = clients.get(name).ok_or_else(|| not_found(switches))?;
    let first = first_day(switches, year, month)?;
    let today = Zone::named(&switches.timezone).date(server.knobs.clock.now());
    let is_kept = (0..switches.history_months).any(|behind| month_before(today, behind) == first);
    let rows: Vec<(NaiveDate, Traffic)> = days_of(first)
        .map(|day| (day, if is_kept { server.day(name, client, day) } else { Traffic::default() }))
        .collect();
    Ok(match switches.is_first() {
        true => rows.iter().map(|(day, moved)| row("account", name, *day, *moved, switches)).collect(),
        false => shaped(switches, name, &rows),
    })
}

fn first_day(switches: &Switches, year: &str, month: &str) -> Result<NaiveDate, Refusal> {
    let wrong = |what: &str| Refusal::new(400, &format!("Wrong {what} setting"));
    let year = year.parse().map_err(|_| wrong("year"))?;
    let number: u32 = month.parse().map_err(|_| wrong("month"))?;
    if switches.unpadded_months && month.starts_with('0') {
        return Err(wrong("month"));
    }
    NaiveDate::from_ymd_opt(year, number, 1).ok_or_else(|| wrong("month"))
}

fn shaped(switches: &Switches, name: &str, rows: &[(NaiveDate, Traffic)]) -> Value {
    let sum = rows.iter().fold(Traffic::default(), |sum, (_, moved)| sum + *moved);
    let number = |bytes| switches.number(bytes);
    match switches.days {
        DaysShape::NullWhenEmpty if sum == Traffic::default() => Value::Null,
        DaysShape::Array | DaysShape::NullWhenEmpty => {
            rows.iter().map(|(day, moved)| row("client", name, *day, *moved, switches)).collect()
        }
        DaysShape::ByDate => {
            let days = rows.iter().map(|(day, moved)| {
                let figures =
                    json!({ "traffic_download": number(moved.sent), "traffic_upload": number(moved.received) });
                (day.to_string(), figures)
            });
            Value::Object(days.collect::<Map<_, _>>())
        }
        DaysShape::Numbered => {
            let days: Vec<Value> = rows
                .iter()
                .map(|(day, moved)| json!({ "day": day.day(), "down": number(moved.sent), "up": number(moved.received) }))
                .collect();
            json!({ "days": days })
        }
        DaysShape::TwoRows => {
            let halves = rows.iter().flat_map(|(day, moved)| {
                let one = Traffic { received: moved.received / 3, sent: moved.sent / 3 };
                [one, *moved - one].map(|part| row("client", name, *day, part, switches))
            });
            halves.collect()
        }
        DaysShape::OtherNames => {
            let days = rows.iter().map(|(day, moved)| {
                let date = format!("{day}T00:00:00+01:00");
                json!({ "day": date, "download": number(moved.sent), "upload": number(moved.received) })
            });
            days.collect()
        }
        DaysShape::RxTx => {
            let days = rows.iter().map(
                |(day, moved)| json!({ "date": day.to_string(), "rx": moved.received, "tx": moved.sent }),
            );
            days.collect()
        }
        DaysShape::Totals => {
            json!({ "total_download": number(sum.sent), "total_upload": number(sum.received) })
        }
    }
}

fn row(kind: &str, name: &str, day: NaiveDate, moved: Traffic, switches: &Switches) -> Value {
    json!({
        kind: name, "date": day.to_string(),
        "traffic_download": switches.number(moved.sent), "traffic_upload": switches.number(moved.received),
    })
}
