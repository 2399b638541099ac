//! Lives of accounts: who they are, and what the panel and WHMCS say of them.

use litemap::LiteMap;

use super::super::StoreError;
use super::super::dialect::Merge::{Keep, Replace};
use super::super::sql::{Cell, Columns, Table};
use super::{Ids, limit_cells, limits};
use crate::domain::{Bytes, Identity, LifeNo, Mapping, Meter, Owner, Policy};
use crate::metering::{Absence, Book, Life};
use crate::standing::{AccountStanding, Judged, MappedTo, ServiceRef};

pub(in super::super) const LIFE: Table = Table {
    name: "life",
    keys: &["id"],
    rest: &[
        ("backend", Keep),
        ("name", Replace),
        ("nth", Replace),
        ("label", Replace),
        ("first_seen", Keep),
        ("predecessor", Keep),
        ("missing_since", Replace),
        ("last_seen", Replace),
        ("ended_at", Replace),
        ("identity", Replace),
        ("suspended", Replace),
        ("suspended_for", Replace),
        ("policy", Replace),
        ("package", Replace),
        ("domain", Replace),
        ("reseller", Replace),
        ("storage_limit", Replace),
        ("traffic_limit", Replace),
        ("trouble", Replace),
        ("trouble_since", Replace),
        ("allowed_storage", Replace),
        ("allowed_in", Replace),
        ("allowed_out", Replace),
        ("allowed_total", Replace),
        ("together", Replace),
        ("mapping", Replace),
        ("service", Replace),
        ("client", Replace),
        ("tenant", Replace),
        ("product", Replace),
        ("rivals", Replace),
        ("changed", Replace),
    ],
};

/// What of a life the journal derives. The rest is what the panel and WHMCS said last, and no poll keeps it.
pub(in super::super) const DERIVED: Table = Table {
    name: "life",
    keys: &["id"],
    rest: &[
        ("backend", Keep),
        ("name", Replace),
        ("nth", Replace),
        ("label", Replace),
        ("first_seen", Keep),
        ("predecessor", Keep),
        ("missing_since", Replace),
        ("last_seen", Replace),
        ("ended_at", Replace),
        ("identity", Replace),
        ("changed", Replace),
    ],
};

/// A life, and its account as it stands without its series.
pub(in super::super) struct Row {
    pub no: LifeNo,
    pub life: Life,
    pub standing: AccountStanding,
}

pub(in super::super) fn cells(
    ids: Ids,
    backend: &str,
    book: &Book,
    no: LifeNo,
    account: &AccountStanding,
    version: i64,
) -> Result<Vec<Cell>, StoreError> {
    let life = book.lives.get(&no).ok_or_else(|| StoreError::corrupt(no, "a life"))?;
    let [storage, inwards, outwards, total] = limit_cells(&account.limits);
    let mapped = account.mapped.as_ref();
    let service = mapped.and_then(|mapped| mapped.service.as_ref());
    let mut cells = of_life(ids, backend, book, no, life);
    cells.extend([
        account.suspended.into(),
        account.suspended_for.as_deref().into(),
        account.policy.map(|policy| policy.name()).into(),
        account.package.as_deref().into(),
        account.domain.as_deref().into(),
        account.reseller.as_deref().into(),
        account.storage_limit.into(),
        account.traffic_limit.into(),
        account.trouble.as_ref().map(|(reason, _)| reason.as_str()).into(),
        account.trouble.as_ref().map(|(_, since)| *since).into(),
        storage,
        inwards,
        outwards,
        total,
        Cell::Text((!account.together.is_empty()).then(|| together_text(&account.together))),
        mapped.map(|mapped| mapped.mapping.name()).into(),
        service.map(|service| service.id).into(),
        service.map(|service| service.client).into(),
        service.map(|service| service.username.as_str()).into(),
        service.and_then(|service| service.product.as_deref()).into(),
        Cell::Text(mapped.map(|mapped| written(&mapped.rivals)).filter(|text| !text.is_empty())),
        version.into(),
    ]);
    Ok(cells)
}

/// The cells of [`DERIVED`].
pub(in super::super) fn derived_cells(
    ids: Ids,
    backend: &str,
    book: &Book,
    (no, life): (LifeNo, &Life),
    version: i64,
) -> Vec<Cell> {
    let mut cells = of_life(ids, backend, book, no, life);
    cells.push(version.into());
    cells
}

/// What of a life is believed: the first columns of its row.
fn of_life(ids: Ids, backend: &str, book: &Book, no: LifeNo, life: &Life) -> Vec<Cell> {
    let newest = book.names.get(&life.name) == Some(&no);
    let identity = (!life.identity.is_empty()).then(|| life.identity.to_string());
    vec![
        ids.life(no).into(),
        backend.into(),
        life.name.as_str().into(),
        i64::from(life.nth).into(),
        life.label(newest).into(),
        life.born.into(),
        life.predecessor.into(),
        life.absence.map(|absence| absence.since).into(),
        life.absence.map(|absence| absence.last_seen).into(),
        life.ended.into(),
        Cell::Text(identity),
    ]
}

/// Numbers with blanks between, as many as the column holds.
fn written(rivals: &[i64]) -> String {
    let mut text = String::new();
    for rival in rivals {
        let next = rival.to_string();
        if text.len() + next.len() >= 255 {
            break;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&next);
    }
    text
}

pub(in super::super) fn row(columns: &mut Columns<'_>) -> Result<Row, StoreError> {
    let no = Ids::life_no(columns.int()?)?;
    let _backend = columns.text()?;
    let (name, nth) = (columns.account()?, columns.small()?);
    let _label = columns.text()?;
    let (born, predecessor) = (columns.time()?, columns.maybe_time()?);
    let absence = columns.maybe_time()?.zip(columns.maybe_time()?);
    let absence = absence.map(|(since, last_seen)| Absence { since, last_seen });
    let ended = columns.maybe_time()?;
    let identity = columns.maybe_text()?.map(|text| Identity::parse(&text)).unwrap_or_default();
    let standing = AccountStanding {
        life: no,
        nth,
        first_seen: born,
        missing_since: absence.map(|absence| absence.since),
        gone_at: ended,
        suspended: columns.flag()?,
        suspended_for: columns.maybe_text()?,
        policy: policy(columns.maybe_text()?)?,
        package: columns.maybe_text()?,
        domain: columns.maybe_text()?,
        reseller: columns.maybe_text()?,
        storage_limit: columns.limit()?,
        traffic_limit: columns.limit()?,
        trouble: columns.maybe_text()?.zip(columns.maybe_time()?),
        limits: limits(columns)?,
        together: together(columns.maybe_text()?)?,
        owner: Owner::Unowned,
        mapped: mapped(columns)?,
        series: Vec::new(),
        shares: Vec::new(),
    };
    let holdings = Vec::new();
    let series = litemap::LiteMap::new();
    let life = Life { name, nth, identity, born, predecessor, absence, ended, series, holdings };
    Ok(Row { no, life, standing })
}

/// What sold limits were judged by: "storage=120/2 traffic_out=?/3", bytes of so many accounts.
fn together_text(together: &LiteMap<Meter, Judged>) -> String {
    let one = |(meter, judged): (&Meter, &Judged)| {
        let sum = judged.sum.map_or_else(|| "?".to_string(), |sum| sum.get().to_string());
        format!("{meter}={sum}/{}", judged.accounts)
    };
    together.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn together(text: Option<String>) -> Result<LiteMap<Meter, Judged>, StoreError> {
    let text = text.unwrap_or_default();
    let one = |word: &str| -> Option<(Meter, Judged)> {
        let (meter, rest) = word.split_once('=')?;
        let (sum, accounts) = rest.split_once('/')?;
        let sum = match sum {
            "?" => None,
            number => Some(Bytes::new(number.parse().ok()?).ok()?),
        };
        Some((meter.parse().ok()?, Judged { sum, accounts: accounts.parse().ok()? }))
    };
    let read =
        |word: &str| one(word).ok_or_else(|| StoreError::corrupt(word, "a meter's sum and its accounts"));
    text.split_whitespace().map(read).collect()
}

/// mapping, service, client, tenant, product, rivals.
fn mapped(columns: &mut Columns<'_>) -> Result<Option<MappedTo>, StoreError> {
    let mapping = columns.maybe_text()?;
    let (id, client) = (columns.maybe_int()?, columns.maybe_int()?);
    let (username, product) = (columns.maybe_text()?, columns.maybe_text()?);
    let rivals = columns.maybe_text()?.unwrap_or_default();
    let Some(name) = mapping else { return Ok(None) };
    let mapping = Mapping::ALL.into_iter().find(|mapping| mapping.name() == name);
    let mapping = mapping.ok_or_else(|| StoreError::corrupt(name, "a way of mapping"))?;
    let service = match (id, client, username) {
        (Some(id), Some(client), Some(username)) => Some(ServiceRef { id, client, username, product }),
        _ => None,
    };
    let number = |text: &str| text.parse().map_err(|_| StoreError::corrupt(text, "a service's number"));
    let rivals = rivals.split_whitespace().map(number).collect::<Result<_, _>>()?;
    Ok(Some(MappedTo { mapping, service, rivals }))
}

pub(in super::super) fn policy(name: Option<String>) -> Result<Option<Policy>, StoreError> {
    let known = |name: String| {
        let policy = [Policy::Standard, Policy::Limited].into_iter().find(|policy| policy.name() == name);
        policy.ok_or_else(|| StoreError::corrupt(name, "a policy"))
    };
    name.map(known).transpose()
}
