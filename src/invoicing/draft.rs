//! Draws up what is due: every service and meter that has a price, with an amount or the reason for none; and
//! what is unowned, account by account.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::Terms;
use super::pieces::{Contested, Desk, Piece};
use super::sold::Sold;
use crate::domain::{
    AccountKey, BillingPeriod, ByteMinutes, Bytes, Meter, Minutes, Nature, Owner, Timestamp,
};
use crate::pricing::{Charge, Included, LimitPiece, NoLine, Of, Priced, Quantity, TooLarge, Used, by_time};
use crate::rules::Price;
use crate::store::{CannotSum, Store};

/// One meter of one service under one price: what all its accounts used together, on whatever backend. Of what
/// is no service's, one meter of one account.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Whose usage: of several accounts the one that the service had last.
    pub account: AccountKey,
    /// All accounts that it is the sum of, in order.
    pub accounts: Vec<AccountKey>,
    /// What was measured.
    pub meter: Meter,
    /// The rule.
    pub price: Arc<Price>,
    /// The service, `tblhosting.id`; `None` where it is unowned.
    pub service: Option<i64>,
    /// Who pays, where that is known.
    pub payer: Option<Payer>,
    /// What was used, where that is known.
    pub used: Option<Quantity>,
    /// The limits that were in force one after the other, where the rule includes them by time.
    pub limits: Vec<LimitPiece>,
    /// What is due.
    pub verdict: Verdict,
}

/// Who pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payer {
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
    /// By backend, account, meter and service.
    pub drafts: Vec<Draft>,
    /// What could not be looked at.
    pub notes: Vec<String>,
}

/// Draws up a period. All backends are looked at together, because a service has accounts on several.
pub async fn draw(
    store: &Store,
    terms: &Terms,
    period: BillingPeriod,
    now: Timestamp,
) -> Result<Drawn, CannotSum> {
    let mut drawn = Drawn::default();
    let states = store.backends().await?;
    for panel in &terms.panels {
        if !states.iter().any(|state| state.backend == panel.id) {
            drawn.notes.push(format!("{} was never polled: nothing is known of it", panel.id));
        }
    }
    let sold = Sold::of(store).await?;
    let (mut pieces, mut contested) = (Vec::new(), Contested::new());
    for state in &states {
        let desk = Desk::open(store, terms, &sold, state, period, now).await?;
        desk.pieces(&mut pieces);
        desk.contested(&mut contested);
    }
    drawn.drafts = drafts(pieces, &sold, &contested, terms.zone.minutes_of(period));
    Ok(drawn)
}

/// The drafts that pieces make; `minutes` are those of the whole period.
pub(super) fn drafts(pieces: Vec<Piece>, sold: &Sold, contested: &Contested, minutes: Minutes) -> Vec<Draft> {
    let sums = together(pieces).into_iter().filter_map(|pieces| Sum::of(pieces, minutes));
    let mut drafts: Vec<Draft> = sums.map(|sum| sum.draft(sold, contested)).collect();
    withhold_several_prices(&mut drafts);
    drafts.sort_by_cached_key(|draft| (draft.account.clone(), draft.meter, draft.service));
    drafts
}

/// The pieces of each line: of a service all that fall under one rule, of what is no service's each by itself.
fn together(pieces: Vec<Piece>) -> Vec<Vec<Piece>> {
    let mut lines: BTreeMap<_, Vec<Piece>> = BTreeMap::new();
    for piece in pieces {
        let alone = piece.owner.service().is_none().then(|| piece.account.clone());
        let key = (piece.owner.clone(), piece.price.rule.meter, piece.price.hash.clone(), alone);
        lines.entry(key).or_default().push(piece);
    }
    let mut lines: Vec<Vec<Piece>> = lines.into_values().collect();
    lines.iter_mut().for_each(|pieces| pieces.sort_by(|one, other| one.account.cmp(&other.account)));
    lines
}

/// What one line is the sum of; never of nothing.
struct Sum {
    pieces: Vec<Piece>,
    owner: Owner,
    price: Arc<Price>,
    /// Up to when the owner had any of it.
    until: Timestamp,
    /// The minutes of the whole period.
    minutes: Minutes,
}

impl Sum {
    fn of(pieces: Vec<Piece>, minutes: Minutes) -> Option<Sum> {
        let until = pieces.iter().map(|piece| piece.until).max()?;
        let first = pieces.first()?;
        let (owner, price) = (first.owner.clone(), Arc::clone(&first.price));
        Some(Sum { pieces, owner, price, until, minutes })
    }

    fn draft(self, sold: &Sold, contested: &Contested) -> Draft {
        let rule = &self.price.rule;
        let service = self.owner.service();
        let payer = service.and_then(|id| sold.service(id)).map(|service| Payer {
            service: service.id,
            client: service.client,
            product: service.product.clone(),
        });
        let used = self.used();
        let quantity = match &used {
            Ok(Some(used)) => crate::pricing::quantity(rule, used).ok(),
            _ => None,
        };
        let accounts: Vec<AccountKey> = self.pieces.iter().map(|piece| piece.account.clone()).collect();
        let account =
            self.last().next().map_or_else(|| self.pieces[0].account.clone(), |last| last.account.clone());
        Draft {
            account,
            accounts,
            meter: rule.meter,
            service,
            used: quantity,
            limits: self.limits(),
            verdict: self.verdict(used, payer.is_some(), contested),
            payer,
            price: self.price,
        }
    }

    /// The accounts that the owner had last: those at the end of the period, if it had any by then.
    fn last(&self) -> impl Iterator<Item = &Piece> {
        self.pieces.iter().filter(|piece| piece.until == self.until)
    }

    /// The limits that the rule includes by time.
    fn limits(&self) -> Vec<LimitPiece> {
        let last = self.last().next().filter(|_| self.price.rule.included == Included::LimitByTime);
        last.map(|piece| piece.limits.clone()).unwrap_or_default()
    }

    /// What was used, and whether all of it is known; `None` where nothing was read.
    fn used(&self) -> Result<Option<Used>, TooLarge> {
        let rule = &self.price.rule;
        // A level that stood when an account was left stands there no more.
        let is_counted = |piece: &&Piece| rule.meter.nature() == Nature::Flow || piece.until == self.until;
        let counted = || self.pieces.iter().filter(is_counted).filter_map(|piece| piece.usage.as_ref());
        let all = || self.pieces.iter().filter_map(|piece| piece.usage.as_ref());
        let is_read = if rule.of == Of::Last { counted().next().is_some() } else { all().next().is_some() };
        if !is_read {
            return Ok(None);
        }
        let sum = |sum: Bytes, usage: &crate::store::Usage| sum.checked_add(usage.amount).ok_or(TooLarge);
        Ok(Some(Used {
            amount: counted().try_fold(Bytes::ZERO, sum)?,
            held: all().fold(ByteMinutes::ZERO, |sum, usage| sum + usage.held),
            minutes: self.minutes,
            is_complete: self.pieces.iter().all(|piece| piece.is_complete),
        }))
    }

    fn verdict(
        &self,
        used: Result<Option<Used>, TooLarge>,
        is_client_known: bool,
        contested: &Contested,
    ) -> Verdict {
        let withheld = |why: &str| Verdict::Withheld(why.to_string());
        if let Some(why) = self.pieces.iter().find_map(|piece| piece.open.as_deref()) {
            return withheld(why);
        }
        if let Some((service, rivals)) = self.owner.service().and_then(|id| Some((id, contested.get(&id)?))) {
            let rivals: Vec<&str> = rivals.iter().map(String::as_str).collect();
            return Verdict::Withheld(format!(
                "ambiguous: whose {} is is not clear, and service {service} waits for it; say which by \
                 `whmeter map set`",
                rivals.join(", ")
            ));
        }
        let used = match used {
            Ok(Some(used)) => used,
            Ok(None) => return withheld("no readings in this period: unknown, not zero"),
            Err(error) => return Verdict::Withheld(error.to_string()),
        };
        if let Some(why) = self.held_back().filter(|_| !used.is_complete) {
            return Verdict::Withheld(why);
        }
        let limit = self.last().next().map(|piece| piece.limit).unwrap_or_default();
        let limits = self.limits();
        let is_disputed = match self.price.rule.included {
            Included::Fixed(_) => false,
            Included::Limit => self.last().any(|piece| piece.limit != limit),
            Included::LimitByTime => self.last().any(|piece| piece.limits != limits),
        };
        if is_disputed {
            return withheld(
                "its accounts have different limits, and the included amount counts once: set the \
                 service's own limit in WHMCS, or give them one by a [[limit]]",
            );
        }
        let limit = match self.price.rule.included {
            Included::LimitByTime => by_time(&limits),
            Included::Fixed(_) | Included::Limit => Ok(limit),
        };
        let judged = limit.map_or_else(
            |why| Ok(Priced::None(why)),
            |limit| crate::pricing::price(&self.price.rule, &used, limit),
        );
        let judged = match judged {
            Ok(judged) => judged,
            Err(error) => {
                return Verdict::Withheld(format!("{error}; check price and per of {}", self.price.name));
            }
        };
        if let Priced::None(why) = judged
            && !why.is_withheld()
        {
            return Verdict::Nothing(why);
        }
        if let Some(why) = self.unpaid(is_client_known) {
            return Verdict::Withheld(why);
        }
        match judged {
            Priced::Due(charge) => Verdict::Due(charge),
            Priced::None(why) => Verdict::Withheld(why.to_string()),
        }
    }

    /// That readings are held back, and what takes them in.
    fn held_back(&self) -> Option<String> {
        let (piece, since) = self.pieces.iter().find_map(|piece| Some((piece, piece.held_back?)))?;
        let of = match self.pieces.len() {
            1 => String::new(),
            _ => format!(" of {}/{}", piece.account.backend, piece.account.name),
        };
        Some(format!(
            "readings{of} since {since} jump further than can be and are held back: `whmeter accept` \
             takes them in, if they are true"
        ))
    }

    /// Why no service can be billed.
    fn unpaid(&self, is_client_known: bool) -> Option<String> {
        match &self.owner {
            Owner::Service(_) if is_client_known => None,
            owner @ Owner::Service(_) => {
                Some(format!("WHMCS has not sent {owner}, so its client is unknown"))
            }
            _ => self.pieces.iter().find_map(|piece| piece.unpaid.clone()),
        }
    }
}

/// Of one service, meter and period WHMCS has one line at most. Where accounts of a service fall under several
/// rules of which more than one may be due, none of them is that line.
fn withhold_several_prices(drafts: &mut [Draft]) {
    let mut of: HashMap<(i64, Meter), Vec<String>> = HashMap::new();
    for draft in drafts.iter().filter(|draft| !matches!(draft.verdict, Verdict::Nothing(_))) {
        if let Some(service) = draft.service {
            of.entry((service, draft.meter)).or_default().push(draft.price.name.clone());
        }
    }
    for draft in drafts.iter_mut().filter(|draft| matches!(draft.verdict, Verdict::Due(_))) {
        let Some(service) = draft.service else { continue };
        if let Some(names) = of.get(&(service, draft.meter)).filter(|names| names.len() > 1) {
            draft.verdict = Verdict::Withheld(format!(
                "accounts of service {service} fall under several prices ({}), and of one service, meter and \
                 period there is one line: let one [[price]] be for all of them",
                names.join(", ")
            ));
        }
    }
}
