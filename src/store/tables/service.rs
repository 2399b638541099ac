//! Services as WHMCS sends them, and add-ons.

use super::super::StoreError;
use super::super::dialect::Merge::{Keep, Replace};
use super::super::sql::{Cell, Columns, Table};
use super::{limit_cells, limits};
use crate::domain::{Addon, Limit, Meter, Service, Timestamp, UsageDay};
use litemap::LiteMap;

pub(in super::super) const SERVICE: Table = Table {
    name: "service",
    keys: &["id"],
    rest: &[
        ("server", Replace),
        ("listed", Replace),
        ("first_listed", Keep),
        ("client", Replace),
        ("username", Replace),
        ("account", Replace),
        ("domain", Replace),
        ("product", Replace),
        ("package", Replace),
        ("status", Replace),
        ("registered", Replace),
        ("allowed_storage", Replace),
        ("allowed_in", Replace),
        ("allowed_out", Replace),
        ("allowed_total", Replace),
        ("notify_template", Replace),
        ("limited_template", Replace),
        ("warn_at", Replace),
        ("unit", Replace),
    ],
};

/// What was sold with a service, since when.
pub(in super::super) const LIMIT: Table = Table {
    name: "service_limit",
    keys: &["service", "since"],
    rest: &[
        ("allowed_storage", Replace),
        ("allowed_in", Replace),
        ("allowed_out", Replace),
        ("allowed_total", Replace),
    ],
};

pub(in super::super) const ADDON: Table = Table {
    name: "service_addon",
    keys: &["server", "id"],
    rest: &[
        ("service", Replace),
        ("client", Replace),
        ("username", Replace),
        ("name", Replace),
        ("status", Replace),
        ("registered", Replace),
    ],
};

/// A service, and whether its server still lists it, since when.
pub(in super::super) struct Row {
    pub service: Service,
    pub server: i64,
    pub listed: bool,
    pub first_listed: Timestamp,
}

pub(in super::super) fn cells(service: &Service, server: i64, listed: bool, first: Timestamp) -> [Cell; 20] {
    let [storage, inwards, outwards, total] = limit_cells(&service.limits);
    [
        service.id.into(),
        server.into(),
        listed.into(),
        first.into(),
        service.client.into(),
        service.username.as_str().into(),
        service.account.as_deref().into(),
        service.domain.as_deref().into(),
        service.product.as_deref().into(),
        service.package.as_deref().into(),
        service.status.as_str().into(),
        day_cell(service.registered),
        storage,
        inwards,
        outwards,
        total,
        service.notify_template.as_deref().into(),
        service.limited_template.as_deref().into(),
        service.warn_at.map(i64::from).into(),
        service.unit.into(),
    ]
}

pub(in super::super) fn sold_cells(service: &Service, since: Timestamp) -> [Cell; 6] {
    let [storage, inwards, outwards, total] = limit_cells(&service.limits);
    [service.id.into(), since.into(), storage, inwards, outwards, total]
}

/// A service, since when, and what was sold with it from then on.
pub(in super::super) fn limit_row(
    columns: &mut Columns<'_>,
) -> Result<(i64, Timestamp, LiteMap<Meter, Limit>), StoreError> {
    Ok((columns.int()?, columns.time()?, limits(columns)?))
}

fn day_cell(day: Option<UsageDay>) -> Cell {
    day.into()
}

pub(in super::super) fn row(columns: &mut Columns<'_>) -> Result<Row, StoreError> {
    let (id, server) = (columns.int()?, columns.int()?);
    let listed = columns.flag()? == Some(true);
    let first_listed = columns.time()?;
    let (client, username) = (columns.int()?, columns.text()?);
    let (account, domain) = (columns.maybe_text()?, columns.maybe_text()?);
    let product = columns.maybe_text()?;
    let (package, status) = (columns.maybe_text()?, columns.text()?);
    let (registered, limits) = (columns.maybe_day()?, limits(columns)?);
    let (notify_template, limited_template) = (columns.maybe_text()?, columns.maybe_text()?);
    let warn_at = columns.maybe_int()?.and_then(|percent| u32::try_from(percent).ok());
    let unit = columns.maybe_text()?;
    let unit = Service::UNITS.into_iter().find(|known| unit.as_deref() == Some(known));
    let service = Service {
        id,
        client,
        username,
        account,
        domain,
        product,
        package,
        status,
        registered,
        limits,
        notify_template,
        limited_template,
        warn_at,
        unit,
    };
    Ok(Row { service, server, listed, first_listed })
}

pub(in super::super) fn addon_cells(server: i64, addon: &Addon) -> [Cell; 8] {
    [
        server.into(),
        addon.id.into(),
        addon.service.into(),
        addon.client.into(),
        addon.username.as_deref().into(),
        addon.name.as_deref().into(),
        addon.status.as_str().into(),
        day_cell(addon.registered),
    ]
}

/// An add-on, and its server.
pub(in super::super) fn addon_row(columns: &mut Columns<'_>) -> Result<(i64, Addon), StoreError> {
    let server = columns.int()?;
    let addon = Addon {
        id: columns.int()?,
        service: columns.int()?,
        client: columns.int()?,
        username: columns.maybe_text()?,
        name: columns.maybe_text()?,
        status: columns.text()?,
        registered: columns.maybe_day()?,
    };
    Ok((server, addon))
}
