//! Adoptions: services that are made in WHMCS for accounts without one, each recorded before WHMCS is asked, so that
//! none is ever ordered twice.
//!
//! The row of an account's life is its one adoption. It is `ordering` from the moment before the order; whoever finds it
//! so knows nothing of the order but its mark, by which it can be looked for.

use super::audit::Act;
use super::dialect::Merge::Replace;
use super::sql::{Cell, Columns, Table, rows, run};
use super::{Store, StoreError};
use crate::domain::{AccountKey, AccountName, Timestamp};

/// The adoptions, for the chronicle.
pub(super) const ADOPTION: Table = Table {
    name: "adoption",
    keys: &["life"],
    rest: &[
        ("backend", Replace),
        ("account", Replace),
        ("server", Replace),
        ("client", Replace),
        ("product", Replace),
        ("cycle", Replace),
        ("payment", Replace),
        ("username", Replace),
        ("domain", Replace),
        ("mark", Replace),
        ("state", Replace),
        ("begun_at", Replace),
        ("by_whom", Replace),
        ("order_id", Replace),
        ("service", Replace),
        ("said", Replace),
    ],
};

/// What service is to be made, and for which account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAdoption {
    /// The account.
    pub account: AccountKey,
    /// `tblservers.id` of its backend.
    pub server: i64,
    /// `tblclients.id` of who pays.
    pub client: i64,
    /// `tblproducts.id`.
    pub product: i64,
    /// The billing cycle, in WHMCS's word for it.
    pub cycle: String,
    /// The payment method, in WHMCS's word for it.
    pub payment: String,
    /// The service's username.
    pub username: String,
    /// The service's domain, where the account has one.
    pub domain: Option<String>,
}

/// An adoption as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adoption {
    /// The life of the account, by the number of its row.
    life: i64,
    /// What is made.
    pub wanted: NewAdoption,
    /// The domain that the service is ordered with.
    pub mark: String,
    /// How far it has come.
    pub state: AdoptionState,
    /// When the order was about to be sent.
    pub begun_at: Timestamp,
    /// Who began it.
    pub by: String,
    /// `tblorders.id`, once it is known.
    pub order: Option<i64>,
    /// `tblhosting.id`, once it is known.
    pub service: Option<i64>,
    /// What WHMCS, or whoever settled it, said last.
    pub said: String,
}

/// How far an adoption has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdoptionState {
    /// The order is about to be sent, under way, or its answer was lost.
    Ordering,
    /// There certainly is no such order; it may be sent.
    Refused,
    /// The order is in WHMCS.
    Ordered,
    /// It is taken up there; nothing was provisioned.
    Accepted,
    /// Its service is active and has username and server.
    Named,
    /// The account belongs to the service.
    Mapped,
}

impl AdoptionState {
    const ALL: [AdoptionState; 6] = [
        AdoptionState::Ordering,
        AdoptionState::Refused,
        AdoptionState::Ordered,
        AdoptionState::Accepted,
        AdoptionState::Named,
        AdoptionState::Mapped,
    ];

    /// Its name in the database and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            AdoptionState::Ordering => "ordering",
            AdoptionState::Refused => "refused",
            AdoptionState::Ordered => "ordered",
            AdoptionState::Accepted => "accepted",
            AdoptionState::Named => "named",
            AdoptionState::Mapped => "mapped",
        }
    }

    /// Whether something of it may be in WHMCS and is not finished.
    pub fn is_open(self) -> bool {
        !matches!(self, AdoptionState::Refused | AdoptionState::Mapped)
    }
}

/// One that is not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenAdoption {
    /// What its account is called by now: otherwise than when it began, where the panel has renamed it or where that life
    /// of it is over and another has its name.
    pub called: AccountName,
    /// The adoption.
    pub adoption: Adoption,
}

/// Whose turn it is to order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdoptionIntent {
    /// Ours, and nobody else's.
    Ours(Box<Adoption>),
    /// The account has an adoption already, however far it has come.
    There(Box<Adoption>),
}

/// What an adoption comes to next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdoptionStep {
    /// The order and its service are known.
    Ordered {
        /// `tblorders.id`.
        order: i64,
        /// `tblhosting.id`.
        service: i64,
    },
    /// There certainly is no order.
    Refused,
    /// Somebody says that there is none.
    Settled,
    /// It is not known what became of it; it stays where it is.
    Unknown,
    /// The order is taken up.
    Accepted,
    /// The service has username, server and status.
    Named,
    /// The account belongs to the service from now on.
    Mapped,
}

impl Store {
    /// Writes down that a service is about to be ordered for an account. The row is the lock: of all who try, on whatever
    /// replica, one gets the answer that it is his. `over`: the service of an earlier adoption of the same life, where
    /// that is not sold any more.
    pub async fn intend_adoption(
        &self,
        new: &NewAdoption,
        over: Option<i64>,
        by: &str,
        now: Timestamp,
    ) -> Result<AdoptionIntent, StoreError> {
        let mut tx = self.begin_write_at(now).await?;
        // A second writer waits here until the first has written down what he intends.
        let number = self.allot(&mut tx, "adoption", 1).await?;
        let life = self.known_account(&mut tx, &new.account).await?;
        if let Some(known) = self.read_adoption(&mut tx, life).await? {
            let is_over = known.state == AdoptionState::Mapped && over.is_some() && known.service == over;
            if known.state != AdoptionState::Refused && !is_over {
                return Ok(AdoptionIntent::There(Box::new(known)));
            }
        }
        let adoption = Adoption {
            life,
            wanted: new.clone(),
            mark: mark(number, rand::random(), new.account.backend.as_str()),
            state: AdoptionState::Ordering,
            begun_at: now,
            by: by.into(),
            order: None,
            service: None,
            said: String::new(),
        };
        let row = cells(&adoption);
        tx.note(&ADOPTION, &row);
        ADOPTION.put(&mut tx, self.dialect, vec![row]).await?;
        tx.commit().await?;
        Ok(AdoptionIntent::Ours(Box::new(adoption)))
    }

    /// Writes down how far an adoption has come since it was read; `false` where another has written something meanwhile.
    /// That an order was sent and what became of it, that it was settled, and that the account is mapped is in the audit
    /// besides, once.
    pub async fn step_adoption(
        &self,
        adoption: &Adoption,
        step: AdoptionStep,
        said: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (state, order, service) = match step {
            AdoptionStep::Ordered { order, service } => (AdoptionState::Ordered, Some(order), Some(service)),
            AdoptionStep::Refused | AdoptionStep::Settled => {
                (AdoptionState::Refused, adoption.order, adoption.service)
            }
            AdoptionStep::Unknown => (adoption.state, adoption.order, adoption.service),
            AdoptionStep::Accepted => (AdoptionState::Accepted, adoption.order, adoption.service),
            AdoptionStep::Named => (AdoptionState::Named, adoption.order, adoption.service),
            AdoptionStep::Mapped => (AdoptionState::Mapped, adoption.order, adoption.service),
        };
        let mut tx = self.begin_write_at(now).await?;
        let account = &adoption.wanted.account;
        // The panel may call another account so by now.
        if step == AdoptionStep::Mapped && self.known_account(&mut tx, account).await? != adoption.life {
            return Ok(false);
        }
        let sql = "UPDATE adoption SET state = ?, order_id = ?, service = ?, said = ?
            WHERE life = ? AND mark = ? AND state = ?";
        let row: [Cell; 7] = [
            state.name().into(),
            order.into(),
            service.into(),
            said.into(),
            adoption.life.into(),
            adoption.mark.as_str().into(),
            adoption.state.name().into(),
        ];
        if run(&mut tx, self.dialect, sql, row).await? == 0 {
            return Ok(false);
        }
        tx.note_rows(&ADOPTION, "t.life = ?", [adoption.life.into()]).await?;
        let action = match step {
            AdoptionStep::Ordered { .. } => Some("order"),
            // Whatever became of it, it was sent.
            AdoptionStep::Refused | AdoptionStep::Unknown if adoption.state == AdoptionState::Ordering => {
                Some("order")
            }
            AdoptionStep::Settled => Some("settle"),
            AdoptionStep::Mapped => Some("adopt"),
            _ => None,
        };
        if let (AdoptionStep::Mapped, Some(service)) = (step, service) {
            // Somebody may have said meanwhile whose it is.
            let sql = "SELECT service FROM service_pin WHERE backend = ? AND account = ? AND service <> ? AND at > ?";
            let (backend, name) = (account.backend.as_str(), account.name.as_str());
            let key = [backend.into(), name.into(), service.into(), adoption.begun_at.into()];
            if !rows(&mut tx, self.dialect, sql, key).await?.is_empty() {
                return Ok(false);
            }
            self.put_pin(&mut tx, account, service, by, now).await?;
        }
        if let Some(action) = action {
            let NewAdoption { client, product, .. } = &adoption.wanted;
            let order = order
                .map_or_else(|| format!("an order with {}", adoption.mark), |order| format!("order {order}"));
            let act = Act {
                at: now,
                actor: by.into(),
                account: account.clone(),
                action,
                before: None,
                after: match step {
                    AdoptionStep::Settled => Some("absent".into()),
                    _ => service.map(|service| format!("service {service}")),
                },
                why: format!("{order} of client {client} for product {product}"),
                answer: said.into(),
            };
            self.put_act(&mut tx, &act).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// The adoption of an account's present life, where there is one.
    pub async fn adoption(&self, account: &AccountKey) -> Result<Option<Adoption>, StoreError> {
        let mut on = self.readers.acquire().await?;
        let sql = "SELECT id FROM life WHERE backend = ? AND label = ?";
        let key = [account.backend.as_str().into(), account.name.as_str().into()];
        let found = rows(&mut on, self.dialect, sql, key).await?;
        match found.first() {
            Some(row) => self.read_adoption(&mut on, Columns::of(row).int()?).await,
            None => Ok(None),
        }
    }

    /// Those of which something may be in WHMCS and which are not finished, in the order in which they began.
    pub async fn open_adoptions(&self) -> Result<Vec<OpenAdoption>, StoreError> {
        let mut on = self.readers.acquire().await?;
        let sql = format!(
            "SELECT l.label, {} FROM adoption a JOIN life l ON l.id = a.life WHERE a.state NOT IN (?, ?)
             ORDER BY a.begun_at, a.life",
            ADOPTION.columns("a")
        );
        let ended = [AdoptionState::Refused, AdoptionState::Mapped].map(|state| state.name().into());
        let found = rows(&mut on, self.dialect, &sql, ended).await?;
        let open = found.iter().map(|row| {
            let mut columns = Columns::of(row);
            Ok(OpenAdoption { called: columns.account()?, adoption: adoption(&mut columns)? })
        });
        open.collect()
    }

    async fn read_adoption(
        &self,
        on: &mut sqlx::AnyConnection,
        life: i64,
    ) -> Result<Option<Adoption>, StoreError> {
        let sql = format!("SELECT {} FROM adoption a WHERE a.life = ?", ADOPTION.columns("a"));
        let found = rows(on, self.dialect, &sql, [life.into()]).await?;
        found.first().map(|row| adoption(&mut Columns::of(row))).transpose()
    }
}

/// A domain that nobody can register and no other order has, also of a database that was restored and counts on from
/// there; of letters that WHMCS neither escapes nor changes.
fn mark(number: i64, random: u32, backend: &str) -> String {
    let plain = backend.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
    let plain: String = plain.take(40).collect();
    format!("adopt-{number}-{random:08x}.{}.invalid", plain.trim_matches('-'))
}

fn cells(adoption: &Adoption) -> [Cell; 17] {
    let wanted = &adoption.wanted;
    [
        adoption.life.into(),
        wanted.account.backend.as_str().into(),
        wanted.account.name.as_str().into(),
        wanted.server.into(),
        wanted.client.into(),
        wanted.product.into(),
        wanted.cycle.as_str().into(),
        wanted.payment.as_str().into(),
        wanted.username.as_str().into(),
        wanted.domain.as_deref().into(),
        adoption.mark.as_str().into(),
        adoption.state.name().into(),
        adoption.begun_at.into(),
        adoption.by.as_str().into(),
        adoption.order.into(),
        adoption.service.into(),
        adoption.said.as_str().into(),
    ]
}

fn adoption(columns: &mut Columns<'_>) -> Result<Adoption, StoreError> {
    let life = columns.int()?;
    let account = AccountKey { backend: columns.backend()?, name: columns.account()? };
    let wanted = NewAdoption {
        account,
        server: columns.int()?,
        client: columns.int()?,
        product: columns.int()?,
        cycle: columns.text()?,
        payment: columns.text()?,
        username: columns.text()?,
        domain: columns.maybe_text()?,
    };
    let mark = columns.text()?;
    let name = columns.text()?;
    let state = AdoptionState::ALL.into_iter().find(|state| state.name() == name);
    Ok(Adoption {
        life,
        wanted,
        mark,
        state: state.ok_or_else(|| StoreError::corrupt(name, "an adoption's state"))?,
        begun_at: columns.time()?,
        by: columns.text()?,
        order: columns.maybe_int()?,
        service: columns.maybe_int()?,
        said: columns.maybe_text()?.unwrap_or_default(),
    })
}
