//! Draws up what is due: every account and meter that has a price, with an amount or the reason for none.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Terms;
use crate::backends::ConfiguredPanel;
use crate::domain::{
    AccountKey, AccountName, BillingPeriod, Bytes, Limit, Mapping, Meter, Service, Services, Span, Timestamp,
    UsageDay,
};
use crate::pricing::{Charge, NoLine, Priced, Quantity, Used};
use crate::rules::Price;
use crate::selector::Candidate;
use crate::store::{
    AccountStanding, BackendState, By, CannotSum, ServiceList, Standing, Store, StoreError, Usage, UsageQuery,
};

/// One meter of one account under one price.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Whose usage.
    pub account: AccountKey,
    /// What was measured.
    pub meter: Meter,
    /// The rule.
    pub price: Arc<Price>,
    /// Who pays, where that is known.
    pub owner: Option<Owner>,
    /// What was used, where that is known.
    pub used: Option<Quantity>,
    /// What is due.
    pub verdict: Verdict,
}

/// Who pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// `tblhosting.id`.
    pub service: i64,
    /// `tblclients.id`.
    pub client: i64,
    /// The product's name.
    pub product: Option<String>,
}

/// What is due of a draft.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// So much.
    Due(Charge),
    /// Nothing, and why.
    Nothing(NoLine),
    /// Perhaps something: what has to be known first.
    Withheld(String),
}

/// Everything that was looked at.
#[derive(Clone, Debug, Default)]
pub struct Drawn {
    /// By backend, account and meter.
    pub drafts: Vec<Draft>,
    /// What could not be looked at.
    pub notes: Vec<String>,
}

/// Draws up a period. All backends are looked at together, because two may belong to one service.
pub async fn draw(
    store: &Store,
    terms: &Terms,
    period: BillingPeriod,
    now: Timestamp,
) -> Result<Drawn, CannotSum> {
    let mut drawn = Drawn::default();
    let states = store.backends().await?;
    for panel in &terms.panels {
        let Some(state) = states.iter().find(|state| state.backend == panel.id) else {
            drawn.notes.push(format!("{} was never polled: nothing is known of it", panel.id));
            continue;
        };
        let desk = Desk::open(store, terms, panel, state, period, now).await?;
        desk.draw(&mut drawn.drafts);
    }
    withhold_shared(&mut drawn.drafts);
    Ok(drawn)
}

/// All that is known of one backend's period.
struct Desk<'a> {
    terms: &'a Terms,
    panel: &'a ConfiguredPanel,
    period: BillingPeriod,
    start: Timestamp,
    end: Timestamp,
    standing: Arc<Standing>,
    list: Option<Arc<ServiceList>>,
    pinned: HashMap<AccountName, i64>,
    used: HashMap<(AccountName, Meter), Usage>,
    /// Flows whose share of the period is a guess: an unseen time lies across its beginning or end.
    guessed: HashSet<(AccountName, Meter)>,
    /// Why the period is not closed yet.
    open: Option<String>,
}

impl<'a> Desk<'a> {
    async fn open(
        store: &Store,
        terms: &'a Terms,
        panel: &'a ConfiguredPanel,
        state: &BackendState,
        period: BillingPeriod,
        now: Timestamp,
    ) -> Result<Desk<'a>, CannotSum> {
        let query = UsageQuery { backend: Some(panel.id.clone()), ..UsageQuery::default() };
        let totals = store.totals(&query, period, By::Period, terms.zone).await?;
        let used = totals.into_iter().map(|total| ((total.account.name, total.meter), total.usage)).collect();
        let list = match panel.whmcs_server {
            Some(server) => store.services(server).await?,
            None => None,
        };
        let end = terms.zone.start_of(period.next());
        let mut guessed = guessed_at(store, &query, period.first()).await?;
        guessed.extend(guessed_at(store, &query, period.next()).await?);
        Ok(Desk {
            terms,
            panel,
            period,
            start: terms.zone.start_of(period.first()),
            end,
            standing: store.standing(state).await?,
            list,
            pinned: store.pinned_services(&panel.id).await?,
            used,
            guessed,
            open: open(panel, state, end, now),
        })
    }

    fn draw(&self, drafts: &mut Vec<Draft>) {
        for (name, account) in &self.standing.accounts {
            let was_there =
                account.first_seen < self.end && account.gone_at.is_none_or(|gone| gone > self.start);
            if !was_there {
                continue;
            }
            let meters = Meter::ALL.into_iter().filter(|meter| self.panel.kind.meters.contains(meter));
            drafts.extend(meters.filter_map(|meter| self.draft(name, account, meter)));
        }
    }

    fn draft(&self, name: &AccountName, account: &AccountStanding, meter: Meter) -> Option<Draft> {
        let found = self.list.as_ref().map(|list| find(&list.services, name, &self.pinned));
        let service = found.and_then(|(_, service)| service);
        let known = account.service().and_then(|service| service.product.as_deref());
        let product = service.map_or(known, |service| service.product.as_deref());
        let backend = &self.panel.id;
        let candidate = Candidate { backend, account: name, package: account.package.as_deref(), product };
        let price = self.terms.prices.of(&candidate, meter)?;
        let used = self.used(name, account, meter);
        let limit = self.limit(&candidate, account, service, meter);
        Some(Draft {
            account: AccountKey { backend: backend.clone(), name: name.clone() },
            meter,
            price: Arc::clone(price),
            owner: service.map(|service| Owner {
                service: service.id,
                client: service.client,
                product: service.product.clone(),
            }),
            used: used.and_then(|used| crate::pricing::quantity(&price.rule, &used).ok()),
            verdict: self.verdict(price, used, limit, account, found),
        })
    }

    /// The limit in force by the rules and the services of now.
    fn limit(
        &self,
        candidate: &Candidate<'_>,
        account: &AccountStanding,
        service: Option<&Service>,
        meter: Meter,
    ) -> Limit {
        let sold = service.map_or(Limit::Unknown, |service| service.limit(meter));
        // A limit rule for a product is for what is sold now, not for what was sold when it was last polled.
        let product = service.and_then(|service| service.product.as_deref());
        let candidate = Candidate { product, ..*candidate };
        self.terms.limits.in_force(&candidate, meter, sold, account.panel_limit(meter)).0
    }

    fn verdict(
        &self,
        price: &Price,
        used: Option<Used>,
        limit: Limit,
        account: &AccountStanding,
        found: Option<(Mapping, Option<&Service>)>,
    ) -> Verdict {
        if let Some(why) = &self.open {
            return Verdict::Withheld(why.clone());
        }
        let Some(used) = used else {
            return Verdict::Withheld(
                "nothing was read of it in this period, which is not nothing used".into(),
            );
        };
        let held_back = account.meter(price.rule.meter).and_then(|series| series.held_back);
        if let Some(since) = held_back.filter(|_| !used.is_complete) {
            return Verdict::Withheld(format!(
                "readings since {since} jump further than can be and are held back: `whmeter adjust … --accept` \
                 takes them in, if they are true"
            ));
        }
        let judged = match crate::pricing::price(&price.rule, &used, limit) {
            Ok(judged) => judged,
            Err(error) => {
                return Verdict::Withheld(format!("{error}; check price and per of {}", price.name));
            }
        };
        if let Priced::None(why) = judged
            && !why.is_withheld()
        {
            return Verdict::Nothing(why);
        }
        if let Some(why) = self.nobody(account, found) {
            return Verdict::Withheld(why);
        }
        match judged {
            Priced::Due(charge) => Verdict::Due(charge),
            Priced::None(why) => Verdict::Withheld(why.to_string()),
        }
    }

    /// Why nobody can be billed.
    fn nobody(
        &self,
        account: &AccountStanding,
        found: Option<(Mapping, Option<&Service>)>,
    ) -> Option<String> {
        let text = match found {
            None => match self.panel.whmcs_server {
                Some(server) => {
                    format!("WHMCS has not told the services of server {server}: install its hook file")
                }
                None => "its backend has no whmcs_server".into(),
            },
            Some((Mapping::Ambiguous, _)) => {
                "ambiguous: several services have its name; say which by `whmeter map set`".into()
            }
            Some((_, None)) => "unmapped: no service has its name; say which by `whmeter map set`".into(),
            Some((Mapping::Pinned, Some(_))) => return None,
            Some((_, Some(_))) => match account.back_at.filter(|back| *back > self.start) {
                Some(back) => format!(
                    "it was gone from the panel until {back}, and its name may have changed hands; say whose it \
                     is by `whmeter map set`"
                ),
                None => return None,
            },
        };
        Some(text)
    }

    /// What was used, and whether all of it is known: from first sight on, or from the period's beginning.
    fn used(&self, name: &AccountName, account: &AccountStanding, meter: Meter) -> Option<Used> {
        let key = (name.clone(), meter);
        let usage = self.used.get(&key)?;
        let from = account.first_seen.max(self.start);
        let until = match account.gone_at.filter(|gone| *gone < self.end) {
            // Deleted between two polls, it cannot be read up to its end.
            Some(gone) => match account.meter(meter).map(|series| series.at) {
                Some(at) if gone.since(at) <= self.terms.max_age => at.min(gone),
                _ => gone,
            },
            None => self.end,
        };
        let expected = Span::new(from, until).map_or(crate::domain::Minutes::ZERO, Span::minutes);
        Some(Used {
            amount: usage.amount,
            held: usage.held,
            minutes: self.terms.zone.minutes_of(self.period),
            is_complete: usage.covered >= expected && !self.guessed.contains(&key),
        })
    }
}

fn find<'s>(
    services: &'s Services,
    name: &AccountName,
    pinned: &HashMap<AccountName, i64>,
) -> (Mapping, Option<&'s Service>) {
    services.find(name, pinned.get(name).copied())
}

/// Why a period is not closed for a backend.
fn open(panel: &ConfiguredPanel, state: &BackendState, end: Timestamp, now: Timestamp) -> Option<String> {
    let closes = end.plus(panel.settle);
    if now < closes {
        return Some(format!(
            "the period is closed for {} at {closes}: settle_hours after its end",
            panel.id
        ));
    }
    let seen = state.succeeded_at.is_some_and(|at| at >= end);
    (!seen).then(|| format!("{} has not been polled since the period ended at {end}", panel.id))
}

/// Flows with a guess on both sides of the midnight that `day` begins with.
async fn guessed_at(
    store: &Store,
    query: &UsageQuery,
    day: UsageDay,
) -> Result<HashSet<(AccountName, Meter)>, StoreError> {
    let Ok(around) = BillingPeriod::new(day.minus_days(1), day.next()) else { return Ok(HashSet::new()) };
    let points = store.days(query, around).await?;
    let on = |wanted: UsageDay| {
        let guessed = points.iter().filter(move |point| point.day == wanted && point.estimated > Bytes::ZERO);
        guessed.map(|point| (point.account.name.clone(), point.meter)).collect::<HashSet<_>>()
    };
    Ok(&on(day.minus_days(1)) & &on(day))
}

/// Several accounts of one service would each get what is included in it.
fn withhold_shared(drafts: &mut [Draft]) {
    let mut of: HashMap<(i64, Meter), Vec<String>> = HashMap::new();
    for draft in drafts.iter() {
        if let Some(owner) = &draft.owner {
            let name = format!("{}/{}", draft.account.backend, draft.account.name);
            of.entry((owner.service, draft.meter)).or_default().push(name);
        }
    }
    for draft in drafts.iter_mut() {
        let Some(owner) = &draft.owner else { continue };
        if let Some(all) = of.get(&(owner.service, draft.meter)).filter(|all| all.len() > 1) {
            let all = all.join(", ");
            draft.verdict = Verdict::Withheld(format!(
                "ambiguous: {all} all belong to service {}, and what is included is included once; say which one \
                 by `whmeter map set`",
                owner.service
            ));
        }
    }
}
