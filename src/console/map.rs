//! The map: every account with the service it belongs to by what WHMCS sells now, then every living
//! service that has no account.

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::Console;
use super::accounts::after;
use super::cursor::Cursor;
use super::panel_vs_whmcs::{Side, by_server, sides};
use crate::domain::{BackendId, Mapping, Service};
use crate::web::{Problem, Query, parsed, rows_wanted};

/// The state of a service without an account.
const MISSING: &str = "missing";

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    pub backend: Option<String>,
    pub state: Option<String>,
    pub limit: Option<String>,
    pub cursor: Option<String>,
}

/// One account with its service, or one living service without an account.
#[derive(Serialize)]
pub(super) struct MapRow {
    pub backend: Option<String>,
    pub account: Option<String>,
    pub server: Option<i64>,
    /// A mapping's name, or `missing`.
    pub state: &'static str,
    pub service: Option<i64>,
    pub client: Option<i64>,
    pub username: Option<String>,
    pub product: Option<String>,
    pub status: Option<String>,
}

/// A page of the map.
#[derive(Serialize)]
pub(super) struct MapPage {
    schema: u32,
    pub rows: Vec<MapRow>,
    /// The backends whose services WHMCS has not sent.
    pub untold: Vec<String>,
    pub next_cursor: Option<String>,
}

/// Every state that a row can have.
pub(super) fn states() -> impl Iterator<Item = &'static str> {
    Mapping::ALL.map(Mapping::name).into_iter().chain([MISSING])
}

pub(super) async fn map(
    State(console): State<Console>,
    Query(search): Query<Search>,
) -> Result<Response, Problem> {
    Ok(Json(map_page(&console, &search).await?).into_response())
}

/// A page of the map, as it is asked for.
pub(super) async fn map_page(console: &Console, search: &Search) -> Result<MapPage, Problem> {
    let limit = rows_wanted(search.limit.as_ref())?;
    let place = Cursor::read(search.cursor.as_ref())?;
    let of = parsed("backend", search.backend.as_ref(), BackendId::new)?;
    if let Some(state) = search.state.as_deref().filter(|state| !states().any(|known| known == *state)) {
        let known: Vec<&str> = states().collect();
        return Err(Problem::refused(format!(
            "state {state:?} is not known; expected one of {}",
            known.join(", ")
        )));
    }
    let panels = console.panels();
    if let Some(of) = of.as_ref().filter(|of| !panels.iter().any(|one| one.id == **of)) {
        return Err(Problem::unknown(format!("no backend {:?} in the config", of.as_str())));
    }
    let sides = sides(&console.store, &panels, of.as_ref()).await.map_err(Problem::unavailable)?;
    let wanted = |state: &str| search.state.as_deref().is_none_or(|only| only == state);
    let mut page = Page { limit, rows: Vec::new(), full: false };
    for side in sides.panels.iter().filter(|side| of.as_ref().is_none_or(|of| side.panel.id == *of)) {
        page.accounts(side, place.as_ref(), &wanted);
    }
    if wanted(MISSING) && !page.full {
        page.missing(&sides.panels, place.as_ref());
    }
    let next_cursor = page.rows.last().filter(|_| page.full).map(|(place, _)| place.token());
    let untold = sides.panels.iter().filter(|side| side.list.is_none()).map(|side| side.name().into());
    let rows = page.rows.into_iter().map(|(_, row)| row).collect();
    Ok(MapPage { schema: 1, rows, untold: untold.collect(), next_cursor })
}

/// The rows so far; `full` once there is one more than fits.
struct Page {
    limit: usize,
    rows: Vec<(Cursor, MapRow)>,
    full: bool,
}

impl Page {
    /// Adds a row; `false` when there was no room for it.
    fn add(&mut self, place: Cursor, row: impl FnOnce() -> MapRow) -> bool {
        self.full = self.rows.len() == self.limit;
        if !self.full {
            self.rows.push((place, row()));
        }
        !self.full
    }

    fn accounts(&mut self, side: &Side, place: Option<&Cursor>, wanted: &impl Fn(&str) -> bool) {
        let Some(bounds) = after(side.name(), place).filter(|_| !self.full) else { return };
        let standing = side.standing.iter();
        for (name, account) in standing.flat_map(|standing| standing.accounts.range::<str, _>(bounds)) {
            if account.gone_at.is_some() || !side.panel.wants(name) {
                continue;
            }
            let Some(mapped) = &account.mapped else { continue };
            let (mapping, service) = (mapped.mapping, side.service(account));
            if !wanted(mapping.name()) {
                continue;
            }
            let place = Cursor::Account { backend: side.name().into(), name: name.to_string() };
            let row = || {
                shape(
                    Some(side.name()),
                    Some(name.as_str()),
                    side.panel.whmcs_server,
                    mapping.name(),
                    service,
                )
            };
            if !self.add(place, row) {
                return;
            }
        }
    }

    /// Only looking at all panels of a server reports which of its services have no account.
    fn missing(&mut self, sides: &[Side], place: Option<&Cursor>) {
        let after = match place {
            Some(Cursor::Service { server, id }) => (*server, *id),
            _ => (i64::MIN, i64::MIN),
        };
        for (server, panels) in by_server(sides).into_iter().filter(|(server, _)| *server >= after.0) {
            let Some(list) = panels.iter().find_map(|side| side.list.as_ref()) else { continue };
            let present = panels.iter().flat_map(|side| side.present());
            let found: HashSet<i64> = present.filter_map(|(_, account)| account.owner.service()).collect();
            // A list is in the order of its numbers.
            let missing = list.services.iter().filter(|one| one.wants_account() && !found.contains(&one.id));
            for service in missing.filter(|one| (server, one.id) > after) {
                let place = Cursor::Service { server, id: service.id };
                if !self.add(place, || shape(None, None, Some(server), MISSING, Some(service))) {
                    return;
                }
            }
        }
    }
}

fn shape(
    backend: Option<&str>,
    account: Option<&str>,
    server: Option<i64>,
    state: &'static str,
    service: Option<&Service>,
) -> MapRow {
    MapRow {
        backend: backend.map(str::to_string),
        account: account.map(str::to_string),
        server,
        state,
        service: service.map(|service| service.id),
        client: service.map(|service| service.client),
        username: service.map(|service| service.username.clone()),
        product: service.and_then(|service| service.product.clone()),
        status: service.map(|service| service.status.clone()),
    }
}
