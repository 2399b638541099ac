//! What was sold over a period, when it was sold in several sizes one after the other.

use super::charge::NoLine;
use crate::domain::{ByteMinutes, Bytes, Limit, Minutes, Span};

/// A limit, and when it was in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitPiece {
    /// From when to when.
    pub span: Span,
    /// What could be used then.
    pub limit: Limit,
}

/// What limits come to that were in force one after the other: each counts by its share of the minutes. Whole bytes; the rest of
/// one is rounded up, once, because what is included is the customer's.
///
/// There is no sum where a limit is unknown for part of the time, or where there was none for part of it.
pub fn by_time(pieces: &[LimitPiece]) -> Result<Limit, NoLine> {
    let (mut product, mut minutes) = (ByteMinutes::ZERO, Minutes::ZERO);
    let mut unlimited = Minutes::ZERO;
    // What was over within a minute of the clock takes no time.
    for piece in pieces.iter().filter(|piece| piece.span.minutes() > Minutes::ZERO) {
        let time = piece.span.minutes();
        minutes += time;
        match piece.limit {
            Limit::Unknown => return Err(NoLine::UnknownLimit),
            Limit::Unlimited => unlimited += time,
            Limit::UpTo(size) => product += size.held_for(time),
        }
    }
    if minutes == Minutes::ZERO {
        return Err(NoLine::UnknownLimit);
    }
    if unlimited > Minutes::ZERO {
        return if unlimited == minutes { Ok(Limit::Unlimited) } else { Err(NoLine::PartlyUnlimited) };
    }
    // No more than the largest of them, so it fits.
    let sum = u64::try_from(product.get().div_ceil(u128::from(minutes.get()))).ok();
    sum.and_then(|sum| Bytes::new(sum).ok()).map(Limit::UpTo).ok_or(NoLine::UnknownLimit)
}
