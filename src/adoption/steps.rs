//! The steps of one adoption, from whichever it has reached. Each looks first whether WHMCS has it so already, and is
//! written down when it is.

use super::candidate::ENDED_AFTER;
use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::notify::{HostedService, NewOrder, NotAdded, NotSaid, Orders, PlacedOrder, ServiceNames};
use crate::store::{Adoption, AdoptionState, AdoptionStep, Store, StoreError};

/// Whoever was held up for longer between writing an adoption down and ordering does not order any more: others may by
/// now have been told that no order was made.
const ORDER_WITHIN: crate::domain::Seconds = crate::domain::Seconds::new(60);

/// A service, or an order, that nobody has taken up yet.
const PENDING: &str = "Pending";

/// More steps than there are, should others step meanwhile.
const MOST_STEPS: usize = 12;

/// How far an adoption has come, and why no further.
pub(super) enum Ended {
    /// The account is mapped. `billed`: how WHMCS bills the service, where that is not as it was asked for.
    Adopted { adoption: Adoption, billed: Option<String> },
    /// WHMCS made nothing. `ends_run`: any other would fare the same.
    Refused { why: String, ends_run: bool },
    /// It is not finished.
    Unfinished { adoption: Adoption, why: String },
}

/// What is needed to go on.
pub(super) struct Steps<'a> {
    pub store: &'a Store,
    pub clock: Clock,
    pub orders: &'a Orders,
    pub by: &'a str,
}

/// What a step comes to: what is so in WHMCS now and what was said, or why it stops.
type Step = Result<(AdoptionStep, String), String>;

impl Steps<'_> {
    /// Sends the order of an adoption that is ours and was written down just now, then goes on.
    pub async fn order(&self, adoption: Adoption) -> Result<Ended, StoreError> {
        let wanted = &adoption.wanted;
        let new = NewOrder {
            client: wanted.client,
            product: wanted.product,
            cycle: &wanted.cycle,
            payment: &wanted.payment,
            mark: &adoption.mark,
        };
        let placed = match self.clock.now().since(adoption.begun_at) > ORDER_WITHIN {
            true => Err(NotAdded::Refused { why: "held up before the call".into(), for_all: true }),
            false => self.orders.order(&new).await,
        };
        match placed {
            Ok(placed) => {
                if let Some(invoice) = placed.invoice {
                    tracing::warn!(
                        invoice,
                        order = placed.order,
                        "WHMCS made an invoice although it was asked for none: cancel it there"
                    );
                }
                let (step, said) = (ordered(&placed), in_words(&placed));
                self.store.step_adoption(&adoption, step, &said, self.by, self.clock.now()).await?;
            }
            Err(NotAdded::Refused { why, for_all }) => {
                let step = AdoptionStep::Refused;
                self.store.step_adoption(&adoption, step, &why, self.by, self.clock.now()).await?;
                return Ok(Ended::Refused { why, ends_run: for_all });
            }
            Err(NotAdded::Unknown { why }) => {
                let step = AdoptionStep::Unknown;
                self.store.step_adoption(&adoption, step, &why, self.by, self.clock.now()).await?;
            }
        }
        self.go_on(adoption).await
    }

    /// Goes on from wherever it stands, and sends no order.
    pub async fn go_on(&self, begun: Adoption) -> Result<Ended, StoreError> {
        let account = begun.wanted.account.clone();
        let mut adoption = begun;
        for _ in 0..MOST_STEPS {
            // As it is written down: another may have stepped.
            adoption = self.store.adoption(&account).await?.unwrap_or(adoption);
            let next = match adoption.state {
                AdoptionState::Mapped => {
                    let billed = self.billed_otherwise(&adoption).await;
                    return Ok(Ended::Adopted { adoption, billed });
                }
                AdoptionState::Refused => {
                    return Ok(Ended::Refused { why: adoption.said, ends_run: false });
                }
                AdoptionState::Ordering => self.look_for(&adoption).await,
                AdoptionState::Ordered => self.accept(&adoption).await,
                AdoptionState::Accepted => self.name(&adoption).await,
                AdoptionState::Named => Ok((AdoptionStep::Mapped, "mapped from now on".into())),
            };
            match next {
                Ok((step, said)) => {
                    self.store.step_adoption(&adoption, step, &said, self.by, self.clock.now()).await?;
                }
                Err(why) => {
                    // Of an order that may be another's, just under way, there is nothing to write down.
                    if adoption.state != AdoptionState::Ordering {
                        let (step, now) = (AdoptionStep::Unknown, self.clock.now());
                        self.store.step_adoption(&adoption, step, &why, self.by, now).await?;
                    }
                    return Ok(Ended::Unfinished { adoption, why });
                }
            }
        }
        let why = "others step it at the same time; run it again".into();
        Ok(Ended::Unfinished { adoption, why })
    }

    /// Looks for an order of which it is not known whether it was made.
    async fn look_for(&self, adoption: &Adoption) -> Step {
        let (client, mark) = (adoption.wanted.client, &adoption.mark);
        let found = self.orders.ordered(client, mark).await;
        let found =
            found.map_err(|why| format!("{}; its services cannot be read: {why}", unknown(adoption)))?;
        let found = found.filter(|service| service.order > 0).ok_or_else(|| unknown(adoption))?;
        let placed = PlacedOrder { order: found.order, service: found.id, invoice: None };
        Ok((ordered(&placed), format!("found in WHMCS: {}", in_words(&placed))))
    }

    async fn accept(&self, adoption: &Adoption) -> Step {
        let (order, service) = numbers(adoption)?;
        let accepted = (AdoptionStep::Accepted, format!("order {order} is accepted"));
        if self.is_accepted(order).await? {
            return Ok(accepted);
        }
        let (server, username) = (adoption.wanted.server, &adoption.wanted.username);
        let said = self.orders.accept(order, server, username).await;
        match self.is_accepted(order).await? {
            true => Ok(accepted),
            false => Err(format!(
                "order {order} (service {service}) is Pending still{}: run it again, or accept it in WHMCS, without the module's \
                 Create and without mail",
                besides(said)
            )),
        }
    }

    async fn is_accepted(&self, order: i64) -> Result<bool, String> {
        let gone = |status: &str| {
            format!(
                "order {order} is {status} in WHMCS: delete it there, then `whmeter adopt --settle absent` lets it be ordered anew"
            )
        };
        match self.orders.order_status(order).await?.as_deref() {
            None => Err(gone("not there any more")),
            Some(PENDING) => Ok(false),
            Some("Active") => Ok(true),
            Some(over @ ("Cancelled" | "Fraud")) => Err(gone(over)),
            // WHMCS lets people make statuses of their own.
            Some(other) => Err(format!(
                "order {order} is {other:?} in WHMCS, which is neither Pending nor Active: accept it there, without the module's \
                 Create and without mail, then run it again"
            )),
        }
    }

    async fn name(&self, adoption: &Adoption) -> Step {
        let (order, service) = numbers(adoption)?;
        let named = (AdoptionStep::Named, format!("service {service} has username, server and status"));
        let found = self.found(service).await?;
        if differences(&found, adoption).is_empty() {
            return Ok(named);
        }
        let wanted = &adoption.wanted;
        let domain = wanted.domain.as_deref();
        let activate = found.status == PENDING;
        let names = ServiceNames { server: wanted.server, username: &wanted.username, domain, activate };
        let said = self.orders.name(service, &names).await;
        let left = differences(&self.found(service).await?, adoption);
        match left.is_empty() {
            true => Ok(named),
            false => Err(format!(
                "service {service} of order {order} is not as it should be: {}{}; run it again, or change it in WHMCS",
                left.join(", "),
                besides(said)
            )),
        }
    }

    /// A service that is there.
    async fn found(&self, service: i64) -> Result<HostedService, String> {
        let found = self.orders.service(service).await?;
        found.filter(|found| !found.is_over()).ok_or_else(|| {
            format!("service {service} is over in WHMCS, or not there: `whmeter adopt --settle absent` lets it be ordered anew")
        })
    }

    /// How WHMCS bills the service that was made, where that is not as it was asked for.
    async fn billed_otherwise(&self, adoption: &Adoption) -> Option<String> {
        let found = self.orders.service(adoption.service?).await.ok()??;
        let wanted = &adoption.wanted.cycle;
        (!found.cycle.is_empty() && found.cycle != *wanted).then(|| {
            format!(
                "WHMCS bills service {} {}, {} each time, in place of {wanted}: look at its billing cycle and price there",
                found.id, found.cycle, found.amount
            )
        })
    }

    /// Says by hand that nothing of an adoption is in WHMCS, where WHMCS does not say otherwise.
    pub async fn settle_absent(&self, adoption: &Adoption) -> Result<Result<(), String>, StoreError> {
        let (now, ended) = (self.clock.now(), adoption.begun_at.plus(ENDED_AFTER));
        if now < ended {
            return Ok(Err(format!(
                "the order was sent at {} and may still be under way; say so after {ended}",
                adoption.begun_at
            )));
        }
        match self.still_there(adoption).await {
            Ok(None) => {}
            Ok(Some(service)) => {
                return Ok(Err(format!(
                    "service {} of order {} is in WHMCS and {}: run `whmeter adopt` again, or cancel it there first",
                    service.id, service.order, service.status
                )));
            }
            Err(why) => return Ok(Err(why)),
        }
        let said = format!("settled by hand by {}: nothing of it is in WHMCS", self.by);
        match self.store.step_adoption(adoption, AdoptionStep::Settled, &said, self.by, now).await? {
            true => Ok(Ok(())),
            false => Ok(Err("another process has stepped it just now; look again".into())),
        }
    }

    async fn still_there(&self, adoption: &Adoption) -> Result<Option<HostedService>, String> {
        let known = match adoption.service {
            Some(service) => self.orders.service(service).await?,
            None => self.orders.ordered(adoption.wanted.client, &adoption.mark).await?,
        };
        Ok(known.filter(|service| !service.is_over()))
    }
}

/// In what a service is otherwise than it should be. One that billing has suspended meanwhile is as it should be.
fn differences(found: &HostedService, adoption: &Adoption) -> Vec<String> {
    let HostedService { server, username, domain, status, .. } = found;
    let wanted = &adoption.wanted;
    let mut different = Vec::new();
    let mut compare = |what: &str, is: &str, should: &str| {
        if is != should {
            different.push(format!("its {what} is {is:?} in place of {should:?}"));
        }
    };
    if status != "Suspended" {
        compare("status", status, "Active");
    }
    compare("username", username, wanted.username.trim());
    compare("server", &server.to_string(), &wanted.server.to_string());
    // WHMCS may write it in its own case.
    compare("domain", &domain.to_lowercase(), &wanted.domain.as_deref().unwrap_or_default().to_lowercase());
    different
}

fn ordered(placed: &PlacedOrder) -> AdoptionStep {
    AdoptionStep::Ordered { order: placed.order, service: placed.service }
}

fn in_words(placed: &PlacedOrder) -> String {
    let PlacedOrder { order, service, .. } = placed;
    match placed.invoice {
        Some(invoice) => {
            format!(
                "order {order}, service {service}; WHMCS made invoice {invoice} although it was asked for none"
            )
        }
        None => format!("order {order}, service {service}"),
    }
}

fn numbers(adoption: &Adoption) -> Result<(i64, i64), String> {
    let known = adoption.order.zip(adoption.service);
    known
        .ok_or_else(|| "its order is written down without a number: `whmeter verify` looks at the row".into())
}

/// What WHMCS said besides, where it was no yes.
fn besides(said: Result<(), NotSaid>) -> String {
    said.err().map_or_else(String::new, |said| format!(" ({said})"))
}

/// What an order is that nobody can tell of.
fn unknown(adoption: &Adoption) -> String {
    let Adoption { wanted, mark, begun_at, by, said, .. } = adoption;
    let said = if said.is_empty() { "no answer was recorded" } else { said };
    let at: &Timestamp = begun_at;
    format!(
        "whether the order was made that {by} sent at {at} is not known ({said}), and it is not sent again: look in WHMCS at the \
         orders of client {} for product {} with the domain {mark}. One that is there is found by the next run; where there is \
         none, `whmeter adopt {} {} --settle absent` lets it be ordered anew",
        wanted.client, wanted.product, wanted.account.backend, wanted.account.name
    )
}
