//! Puts bytes and time on days, and where a day was split on whoever held which part of it: by the time each
//! has of a span, the last taking the remainder.

use std::cell::RefCell;
use std::rc::Rc;

use smallvec::{SmallVec, smallvec};

use super::book::Holding;
use crate::domain::{BillingZone, Bytes, HoldingNo, Span, Timestamp, UsageDay};

/// A day of a holding.
pub(super) type HoldingDay = (HoldingNo, UsageDay);

/// What each place has of something: nearly always one, or the two about a midnight.
pub(super) type Parts<T> = SmallVec<[(HoldingDay, T); 2]>;

/// The days of a zone. The span that was cut last is remembered with its days: nearly all accounts of a poll were last
/// measured at one instant, and a zone's midnights are dear.
pub(super) struct Days {
    zone: BillingZone,
    last: RefCell<Option<Cut>>,
}

struct Cut {
    span: Span,
    days: Rc<[(UsageDay, Span)]>,
    /// The day that the span's end lies in.
    end: UsageDay,
}

impl Days {
    pub fn new(zone: BillingZone) -> Days {
        Days { zone, last: RefCell::new(None) }
    }

    fn day_of(&self, at: Timestamp) -> UsageDay {
        match self.last.borrow().as_ref().filter(|last| last.span.end() == at) {
            Some(last) => last.end,
            None => self.zone.day_of(at),
        }
    }

    fn cut(&self, span: Span) -> Rc<[(UsageDay, Span)]> {
        if let Some(last) = self.last.borrow().as_ref().filter(|last| last.span == span) {
            return Rc::clone(&last.days);
        }
        let days: Rc<[(UsageDay, Span)]> = self.zone.cut(span).collect();
        let end = self.zone.day_of(span.end());
        *self.last.borrow_mut() = Some(Cut { span, days: Rc::clone(&days), end });
        days
    }
}

/// The time of one life, cut by days and by holdings.
#[derive(Clone, Copy)]
pub(super) struct Timeline<'a> {
    pub days: &'a Days,
    /// Never empty, oldest first.
    pub holdings: &'a [Holding],
}

impl Timeline<'_> {
    /// The holding an instant belongs to: the commit that opens one still belongs to the one before.
    fn holding_at(&self, at: Timestamp) -> HoldingNo {
        let found = self.holdings.iter().rev().find(|holding| holding.from < at);
        found.unwrap_or(&self.holdings[0]).no
    }

    /// Where an instant lies.
    pub fn at(&self, at: Timestamp) -> HoldingDay {
        (self.holding_at(at), self.days.day_of(at))
    }

    /// The parts of a span, in order.
    pub fn cut(&self, span: Span) -> Parts<Span> {
        let mut parts = Parts::new();
        for (day, of_day) in self.days.cut(span).iter().copied() {
            if let [only] = self.holdings {
                parts.push(((only.no, day), of_day));
                continue;
            }
            let ends = self.holdings.iter().skip(1).map(|holding| holding.from).chain([of_day.end()]);
            for (holding, end) in self.holdings.iter().zip(ends) {
                let of_holding = Span::new(holding.from.max(of_day.start()), end.min(of_day.end()));
                parts.extend(of_holding.map(|part| ((holding.no, day), part)));
            }
        }
        parts
    }

    /// Shares `amount` over the time between `from` and `to`, in proportion to its seconds. The shares sum to
    /// `amount` exactly. Where no time passed everything goes to where `to` lies.
    pub fn share(&self, from: Timestamp, to: Timestamp, amount: Bytes) -> Parts<Bytes> {
        let Ok(span) = Span::new(from, to) else {
            return smallvec![(self.at(to), amount)];
        };
        let whole = u128::from(span.seconds().get());
        let mut left = amount;
        let mut shares: Parts<Bytes> = self
            .cut(span)
            .into_iter()
            .map(|(place, part)| {
                let share = u128::from(amount.get()) * u128::from(part.seconds().get()) / whole;
                // A part of `amount` is at most `amount`, and the floors never exceed what is left.
                let share = Bytes::from_wide(share as i128).unwrap_or(left).min(left);
                left = left.checked_sub(share).unwrap_or(Bytes::ZERO);
                (place, share)
            })
            .collect();
        if let Some((_, last)) = shares.last_mut() {
            *last = last.checked_add(left).unwrap_or(*last);
        }
        shares
    }
}
