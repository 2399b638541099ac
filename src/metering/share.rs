//! Puts bytes on days: by the time each day has of a span, the last day taking the remainder.

use crate::domain::{BillingZone, Bytes, Span, Timestamp, UsageDay};

/// Shares `amount` over the days between `from` and `to`, in proportion to their seconds. The parts
/// sum to `amount` exactly. Where no time passed everything goes to the day of `to`.
pub(super) fn share(
    zone: BillingZone,
    from: Timestamp,
    to: Timestamp,
    amount: Bytes,
) -> Vec<(UsageDay, Bytes)> {
    let Ok(span) = Span::new(from, to) else {
        return vec![(zone.day_of(to), amount)];
    };
    let whole = u128::from(span.seconds().get());
    let mut left = amount;
    let mut shares: Vec<(UsageDay, Bytes)> = zone
        .cut(span)
        .map(|(day, part)| {
            let share = u128::from(amount.get()) * u128::from(part.seconds().get()) / whole;
            // A part of `amount` is at most `amount`, and the floors never exceed what is left.
            let share = Bytes::from_wide(share as i128).unwrap_or(left).min(left);
            left = left.checked_sub(share).unwrap_or(Bytes::ZERO);
            (day, share)
        })
        .collect();
    if let Some((_, last)) = shares.last_mut() {
        *last = last.checked_add(left).unwrap_or(*last);
    }
    shares
}
