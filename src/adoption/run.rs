//! One run: one account after the other, each on its own. What hinders one hinders no other, unless WHMCS itself does not
//! answer.

use std::collections::BTreeSet;

use super::candidate::BothSides;
use super::question::{No, Plan, plan};
use super::report::{AdoptedRow, RowState};
use super::steps::{Ended, Steps};
use super::{Terms, Which, Wish};
use crate::backends::ConfiguredPanel;
use crate::clock::Clock;
use crate::domain::{AccountKey, BackendId};
use crate::notify::{NotSaid, Orders};
use crate::store::{Adoption, AdoptionIntent, AdoptionState, NewAdoption, Store, StoreError};

/// Why there is no run at all.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such backend.
    #[error("no backend {0:?} in the config")]
    NoBackend(String),
    /// No account has such a package.
    #[error("no account has the package {package:?}; those there are have {known}")]
    NoPackage {
        /// What was asked for.
        package: String,
        /// What there is.
        known: String,
    },
    /// Nothing can be settled as asked.
    #[error("{0}")]
    NotSettled(String),
}

/// Adopts, and looks at what it would do.
pub struct Adopting {
    store: Store,
    clock: Clock,
    terms: Terms,
    orders: Orders,
}

impl Adopting {
    /// Puts store, terms and WHMCS together.
    pub fn new(store: Store, clock: Clock, terms: Terms, orders: Orders) -> Adopting {
        Adopting { store, clock, terms, orders }
    }

    /// Adopts what is wanted, or says what would be done; a row for every account. Where nothing may be adopted on a
    /// backend, its one row has no account.
    pub async fn adopt(&self, which: &Which, wish: &Wish) -> Result<Vec<AdoptedRow>, AdoptError> {
        match which {
            Which::One(key) => {
                let panel = self.panel(&key.backend)?;
                let row = match BothSides::load(&self.store, &self.terms, panel, self.clock.now()).await? {
                    Ok(sides) => self.one(&sides, key, wish).await?,
                    Err(why) => AdoptedRow::of(key, wish.client, RowState::Refused, why),
                };
                Ok(vec![row])
            }
            Which::Package { package, backend, most } => {
                self.package(package, backend.as_ref(), most.unwrap_or(usize::MAX), wish).await
            }
        }
    }

    async fn package(
        &self,
        package: &str,
        backend: Option<&BackendId>,
        most: usize,
        wish: &Wish,
    ) -> Result<Vec<AdoptedRow>, AdoptError> {
        if let Some(backend) = backend {
            self.panel(backend)?;
        }
        let wanted = |panel: &&ConfiguredPanel| backend.is_none_or(|backend| panel.id == *backend);
        let (mut rows, mut ended): (Vec<AdoptedRow>, Option<String>) = (Vec::new(), None);
        let mut packages = BTreeSet::new();
        for panel in self.terms.panels.iter().map(AsRef::as_ref).filter(wanted) {
            let sides = match BothSides::load(&self.store, &self.terms, panel, self.clock.now()).await? {
                Ok(sides) => sides,
                Err(why) => {
                    // Of a backend that nobody named, and that sells nothing, there is nothing to say.
                    if backend.is_some() || panel.whmcs_server.is_some() {
                        rows.push(AdoptedRow {
                            backend: panel.id.to_string(),
                            account: String::new(),
                            ..refused_backend(why, wish.client)
                        });
                    }
                    continue;
                }
            };
            packages.extend(sides.packages().map(str::to_string));
            let keys = sides.of_package(package);
            if let Some(why) = sides.unknown_addons().filter(|_| !keys.is_empty()) {
                rows.push(AdoptedRow {
                    backend: panel.id.to_string(),
                    ..refused_backend(
                        format!("{why}; adopt account by account, where you know better"),
                        wish.client,
                    )
                });
                continue;
            }
            for key in keys {
                // What was refused, or done before, is not what the limit is for: else it would hold up the rest for ever.
                let is_counted =
                    |row: &&AdoptedRow| !matches!(row.state, RowState::Refused | RowState::Already);
                if rows.iter().filter(is_counted).count() >= most {
                    break;
                }
                let row = match &ended {
                    Some(why) => {
                        let why = format!("not tried, because the run ended: {why}");
                        AdoptedRow::of(&key, wish.client, RowState::NotTried, why)
                    }
                    // What is done already has to be reported, whatever happens to the database.
                    None => self.one(&sides, &key, wish).await.unwrap_or_else(|error| AdoptedRow {
                        ends_run: true,
                        ..AdoptedRow::of(&key, wish.client, RowState::Unfinished, error.to_string())
                    }),
                };
                if row.ends_run {
                    ended = Some(row.reason.clone());
                }
                rows.push(row);
            }
        }
        if rows.is_empty() && !packages.contains(package) {
            let known = packages.into_iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
            return Err(AdoptError::NoPackage { package: package.into(), known });
        }
        Ok(rows)
    }

    async fn one(
        &self,
        sides: &BothSides<'_>,
        key: &AccountKey,
        wish: &Wish,
    ) -> Result<AdoptedRow, StoreError> {
        let row = |state, reason: String| AdoptedRow {
            package: sides.loaded.facts(&key.name).and_then(|facts| facts.package.clone()),
            ..AdoptedRow::of(key, wish.client, state, reason)
        };
        let known = self.store.adoption(key).await?;
        let over = match known {
            Some(known) if known.state.is_open() => return self.go_on(sides, key, known, wish, row).await,
            Some(known) if known.state == AdoptionState::Mapped => {
                match self.over(sides, key, &known).await {
                    Ok(Some(over)) => Some(over),
                    Ok(None) if is_same(&known, wish, sides.server) => {
                        return Ok(with(row(RowState::Already, already(&known)), &known));
                    }
                    Ok(None) => return Ok(with(row(RowState::Refused, other(&known)), &known)),
                    Err(NotSaid { why, for_all }) => {
                        let why =
                            format!("{}, and whether that is so still is not known: {why}", already(&known));
                        return Ok(AdoptedRow {
                            ends_run: for_all,
                            ..with(row(RowState::Refused, why), &known)
                        });
                    }
                }
            }
            _ => None,
        };
        let facts = match sides.candidate(&key.name, over) {
            Ok(facts) => facts,
            Err(why) => return Ok(row(RowState::Refused, why)),
        };
        let Plan { new, product_name, warnings } =
            match plan(&self.orders, &self.terms, sides, key, facts, wish).await {
                Ok(plan) => plan,
                Err(No { why, ends_run }) => {
                    return Ok(AdoptedRow { ends_run, ..row(RowState::Refused, why) });
                }
            };
        let planned =
            |row: AdoptedRow| AdoptedRow { product: Some(new.product), warnings: warnings.clone(), ..row };
        if wish.dry_run {
            let domain =
                new.domain.as_ref().map_or_else(String::new, |domain| format!(" and the domain {domain}"));
            return Ok(planned(row(
                RowState::WouldAdopt,
                format!(
                    "client {} would get product {} ({product_name}), {} by {}, as an active service on server {} with the \
                     username {}{domain}: without invoice, mail or provisioning; what the account uses from this day on is its",
                    new.client, new.product, new.cycle, new.payment, new.server, new.username
                ),
            )));
        }
        let now = self.clock.now();
        let steps = self.steps(wish);
        let ended = match self.store.intend_adoption(&new, over, &wish.by, now).await? {
            AdoptionIntent::Ours(adoption) => steps.order(*adoption).await?,
            AdoptionIntent::There(adoption) if !is_same(&adoption, wish, sides.server) => {
                return Ok(with(row(RowState::Refused, other(&adoption)), &adoption));
            }
            AdoptionIntent::There(adoption) => steps.go_on(*adoption).await?,
        };
        let shown = shown(ended, row);
        Ok(AdoptedRow {
            warnings: [warnings, shown.warnings.clone()].concat(),
            product: Some(new.product),
            ..shown
        })
    }

    /// The service that an account was adopted by, where that is over: as WHMCS has sent it, or, of one that the account does
    /// not belong to, as WHMCS says now. Its order may have been deleted before it was ever sent.
    async fn over(
        &self,
        sides: &BothSides<'_>,
        key: &AccountKey,
        known: &Adoption,
    ) -> Result<Option<i64>, NotSaid> {
        let Some(service) = known.service else { return Ok(None) };
        if sides.is_over(service) {
            return Ok(Some(service));
        }
        if sides.belongs_to(&key.name, service) {
            return Ok(None);
        }
        let found = self.orders.service(service).await?;
        Ok(found.is_none_or(|found| found.is_over()).then_some(service))
    }

    /// Goes on with one that has begun.
    async fn go_on(
        &self,
        sides: &BothSides<'_>,
        key: &AccountKey,
        known: Adoption,
        wish: &Wish,
        row: impl Fn(RowState, String) -> AdoptedRow,
    ) -> Result<AdoptedRow, StoreError> {
        if !is_same(&known, wish, sides.server) {
            return Ok(with(row(RowState::Refused, other(&known)), &known));
        }
        if known.wanted.account != *key {
            let why = format!(
                "its adoption has begun under the name {}: finish the order of service {} in WHMCS by hand, and map it by \
                 `whmeter map set`",
                known.wanted.account.name,
                shown_number(known.service)
            );
            return Ok(with(row(RowState::Refused, why), &known));
        }
        if let Some(why) = sides.no_more_to_adopt(&key.name, known.service) {
            let why = format!(
                "{why}, and its adoption is {} (order {}, service {}): cancel that in WHMCS, then `--settle absent`",
                known.state.name(),
                shown_number(known.order),
                shown_number(known.service)
            );
            return Ok(with(row(RowState::Unfinished, why), &known));
        }
        if wish.dry_run {
            let why = format!("it has begun and is {}: a run goes on from there", known.state.name());
            return Ok(with(row(RowState::WouldAdopt, why), &known));
        }
        Ok(shown(self.steps(wish).go_on(known).await?, row))
    }

    /// Says by hand that nothing of an account's adoption is in WHMCS: it may be ordered anew.
    pub async fn settle_absent(&self, key: &AccountKey, by: &str) -> Result<(), AdoptError> {
        self.panel(&key.backend)?;
        let refused = AdoptError::NotSettled;
        let known = self.store.adoption(key).await?.filter(|known| known.state.is_open());
        let known = known
            .ok_or_else(|| refused(format!("{} {}: no adoption of it is open", key.backend, key.name)))?;
        let steps = Steps { store: &self.store, clock: self.clock, orders: &self.orders, by };
        steps.settle_absent(&known).await?.map_err(refused)
    }

    fn steps<'a>(&'a self, wish: &'a Wish) -> Steps<'a> {
        Steps { store: &self.store, clock: self.clock, orders: &self.orders, by: &wish.by }
    }

    fn panel(&self, id: &BackendId) -> Result<&ConfiguredPanel, AdoptError> {
        let found = self.terms.panels.iter().find(|panel| panel.id == *id);
        found.map(AsRef::as_ref).ok_or_else(|| AdoptError::NoBackend(id.to_string()))
    }
}

/// Whether one that has begun is what is asked for now, as far as that was said.
fn is_same(adoption: &Adoption, wish: &Wish, server: i64) -> bool {
    let wanted = &adoption.wanted;
    let is_it = |asked: &Option<String>, wanted: &String| asked.as_ref().is_none_or(|asked| asked == wanted);
    (wanted.client, wanted.server) == (wish.client, server)
        && wish.product.is_none_or(|product| product == wanted.product)
        && is_it(&wish.cycle, &wanted.cycle)
        && is_it(&wish.payment, &wanted.payment)
        && is_it(&wish.username, &wanted.username)
}

/// What was written down, where something else is asked for.
fn other(adoption: &Adoption) -> String {
    let NewAdoption { client, product, cycle, payment, username, server, .. } = &adoption.wanted;
    let what = format!(
        "an adoption of it for client {client} and product {product}, {cycle} by {payment}, with the username {username:?} on \
         server {server}"
    );
    let (by, at) = (&adoption.by, adoption.begun_at);
    match adoption.state {
        AdoptionState::Mapped => {
            format!(
                "{what} was made by {by} at {at}: change or cancel service {} in WHMCS",
                shown_number(adoption.service)
            )
        }
        _ => format!("{what} has begun by {by} at {at}: finish that with the same, or settle it, first"),
    }
}

fn already(adoption: &Adoption) -> String {
    format!("adopted by {} at {}", adoption.by, adoption.begun_at)
}

fn shown(ended: Ended, row: impl Fn(RowState, String) -> AdoptedRow) -> AdoptedRow {
    match ended {
        Ended::Adopted { adoption, billed } => {
            let row = with(row(RowState::Adopted, String::new()), &adoption);
            AdoptedRow { warnings: Vec::from_iter(billed), ..row }
        }
        Ended::Refused { why, ends_run } => AdoptedRow { ends_run, ..row(RowState::Refused, why) },
        Ended::Unfinished { adoption, why } => with(row(RowState::Unfinished, why), &adoption),
    }
}

fn with(row: AdoptedRow, adoption: &Adoption) -> AdoptedRow {
    let (client, product) = (adoption.wanted.client, Some(adoption.wanted.product));
    AdoptedRow { client, product, order: adoption.order, service: adoption.service, ..row }
}

fn shown_number(number: Option<i64>) -> String {
    number.map_or_else(|| "unknown".into(), |number| number.to_string())
}

fn refused_backend(why: String, client: i64) -> AdoptedRow {
    AdoptedRow {
        backend: String::new(),
        account: String::new(),
        package: None,
        state: RowState::Refused,
        client,
        product: None,
        order: None,
        service: None,
        reason: why,
        warnings: Vec::new(),
        ends_run: false,
    }
}
