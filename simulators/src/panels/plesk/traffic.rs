//! `get_traffic`: one row for each day.

use super::choose::{Chosen, Numbered, Site};
use super::figures::{Row, SERVICES, whole};
use super::world::{MAIN, Server, Subscription, site_part};
use crate::growth::Traffic;
use crate::xml::{Element, Node};
use chrono::NaiveDate;

/// The rows of subscriptions, with their additional sites unless the server leaves them out.
pub fn of_subscriptions(server: &Server, chosen: Vec<Chosen<Subscription>>, asked: &Node) -> Vec<Element> {
    let parts = |one: &Subscription| match server.switches().sites_included {
        true => one.parts(),
        false => vec![MAIN.to_owned()],
    };
    results(server, chosen, asked, parts)
}

/// The rows of additional sites.
pub fn of_sites(server: &Server, chosen: Vec<Chosen<Site>>, asked: &Node) -> Vec<Element> {
    results(server, chosen, asked, |site| vec![site_part(site.id)])
}

fn results<T: Numbered>(
    server: &Server,
    chosen: Vec<Chosen<T>>,
    asked: &Node,
    parts: impl Fn(&T) -> Vec<String>,
) -> Vec<Element> {
    let date = |name: &str| asked.child(name).and_then(|date| date.text().parse::<NaiveDate>().ok());
    let until = date("to_date").unwrap_or(NaiveDate::MAX).min(server.today());
    let rows = |one: &T| -> Vec<Element> {
        let from = date("since_date").unwrap_or(NaiveDate::MIN).max(server.first_day(one.subscription()));
        let days = from.iter_days().take_while(|day| *day <= until);
        let rows = days.filter_map(|day| Some((day, server.row(one.subscription(), &parts(one), day)?)));
        let is_shown = |row: &Row| server.switches().zero_days || whole(row) != Traffic::default();
        rows.filter(|(_, row)| is_shown(row)).map(|(day, row)| written(day, &row)).collect()
    };
    chosen.into_iter().map(|one| one.result(server, |result, one| result.with(rows(one)))).collect()
}

fn written(day: NaiveDate, row: &Row) -> Element {
    let mut written = Element::new("traffic").leaf("date", day);
    for (service, moved) in SERVICES.iter().zip(row) {
        written = written
            .leaf(&format!("{service}_in"), moved.received)
            .leaf(&format!("{service}_out"), moved.sent);
    }
    written
}
