//! What holds of every price and every usage: exact to the coin, never falling, never below the minimum.

use proptest::prelude::*;

use super::*;
use crate::domain::{ByteMinutes, Bytes, Limit, Meter, Minutes, Seconds, Span, Timestamp};

const GIB: u64 = 1 << 30;

fn bytes(count: u64) -> Bytes {
    Bytes::new(count).expect("fits")
}

fn decimal(text: &str) -> Decimal {
    text.parse().expect("a decimal")
}

fn rule() -> Rule {
    Rule {
        meter: Meter::TrafficOut,
        of: Of::Passed,
        included: Included::Fixed(bytes(100 * GIB)),
        extra: Bytes::ZERO,
        per: bytes(GIB),
        price: decimal("0.02"),
        round: Round::None,
        minimum: Decimal::ZERO,
        places: 2,
        incomplete: Incomplete::Withhold,
    }
}

fn passed(amount: u64) -> Used {
    Used { amount: bytes(amount), held: ByteMinutes::ZERO, minutes: Minutes::new(44_640), is_complete: true }
}

fn due(rule: &Rule, used: &Used) -> i64 {
    match price(rule, used, Limit::Unknown).expect("small enough") {
        Priced::Due(charge) => charge.amount.minor(),
        Priced::None(_) => 0,
    }
}

#[test]
fn worked_by_hand() {
    // 173.5 GiB, 100 of them included: 73.5 times 0.02 is 1.47.
    assert_eq!(due(&rule(), &passed(173 * GIB + GIB / 2)), 147);
    // 74 units were begun: 1.48.
    let up = Rule { round: Round::Up, ..rule() };
    assert_eq!(due(&up, &passed(173 * GIB + GIB / 2)), 148);
    assert_eq!(due(&up, &passed(100 * GIB + 1)), 2);
    // A quarter of a GiB is half a cent, and half a cent is a cent.
    assert_eq!(due(&rule(), &passed(100 * GIB + GIB / 4)), 1);
    assert_eq!(due(&rule(), &passed(100 * GIB + GIB / 4 - 1)), 0);
    // 200 GiB held for half of 30 days are 100 GiB-months: nothing beyond. For 18 days they are 120.
    let average = Rule { meter: Meter::StorageUsed, of: Of::Average, ..rule() };
    let held = |days: u64| Used {
        amount: bytes(200 * GIB),
        held: bytes(200 * GIB).held_for(Minutes::new(days * 1440)),
        minutes: Minutes::new(30 * 1440),
        is_complete: true,
    };
    assert_eq!([due(&average, &held(15)), due(&average, &held(18))], [0, 40]);
    let last = Rule { of: Of::Last, ..average };
    assert_eq!(due(&last, &held(1)), 200);
}

#[test]
fn reasons_are_told_apart() {
    let none = |rule: &Rule, used: &Used, sold| match price(rule, used, sold) {
        Ok(Priced::None(reason)) => reason,
        other => panic!("{other:?}"),
    };
    let limit = Rule { included: Included::Limit, ..rule() };
    let much = passed(500 * GIB);
    assert_eq!(none(&limit, &much, Limit::Unlimited), NoLine::Unlimited);
    assert_eq!(none(&limit, &much, Limit::Unknown), NoLine::UnknownLimit);
    assert!(matches!(none(&limit, &much, Limit::UpTo(bytes(500 * GIB))), NoLine::Within { .. }));
    let gap = Used { is_complete: false, ..much };
    assert_eq!(none(&rule(), &gap, Limit::Unknown), NoLine::Incomplete);
    assert_eq!(due(&Rule { incomplete: Incomplete::Bill, ..rule() }, &gap), 800);
    assert_eq!(none(&rule(), &passed(100 * GIB + 1), Limit::Unknown), NoLine::Rounded);
    let minimum = Rule { minimum: decimal("8.01"), ..rule() };
    assert!(matches!(none(&minimum, &much, Limit::Unknown), NoLine::BelowMinimum { .. }));
    assert_eq!(due(&Rule { minimum: decimal("8"), ..rule() }, &much), 800);
    let withheld = [NoLine::Incomplete, NoLine::UnknownLimit, NoLine::Unlimited, NoLine::Rounded];
    assert_eq!(withheld.map(NoLine::is_withheld), [true, true, false, false]);
}

#[test]
fn what_cannot_be_counted_is_an_error_and_never_wraps() {
    let dear = Rule { per: bytes(1), price: decimal("1000000"), ..rule() };
    assert_eq!(price(&dear, &passed(i64::MAX as u64), Limit::Unknown), Err(TooLarge));
    let full = Rule { extra: Bytes::MAX, ..rule() };
    assert_eq!(price(&full, &passed(1), Limit::Unknown), Err(TooLarge));
    let forever = Used { held: ByteMinutes::new(u128::MAX), ..passed(1) };
    let average = Rule { of: Of::Average, ..dear };
    assert_eq!(price(&average, &forever, Limit::Unknown), Err(TooLarge));
}

prop_compose! {
    fn any_rule()(
        included in 0u64..1 << 50, extra in 0u64..1 << 40, per in 1u64..1 << 42, mantissa in 1u64..1_000_000,
        point in 0usize..9, minimum in 0u64..500, places in 0u32..=4, up in any::<bool>(), average in any::<bool>(),
    ) -> Rule {
        let digits = format!("{mantissa:09}");
        Rule {
            included: Included::Fixed(bytes(included)),
            extra: bytes(extra),
            per: bytes(per),
            price: decimal(&format!("{}.{}", &digits[..9 - point.min(8)], &format!("{}0", &digits[9 - point.min(8)..]))),
            round: if up { Round::Up } else { Round::None },
            minimum: decimal(&format!("{}.{:02}", minimum / 100, minimum % 100)),
            of: if average { Of::Average } else { Of::Passed },
            places,
            ..rule()
        }
    }
}

prop_compose! {
    fn any_used()(amount in 0u64..1 << 52, minutes in 1u64..50_000, share in 0u64..50_000) -> Used {
        let held = bytes(amount).held_for(Minutes::new(share.min(minutes)));
        Used { amount: bytes(amount), held, minutes: Minutes::new(minutes), is_complete: true }
    }
}

/// What an amount costs as a fraction of smallest coins, worked out another way round: all factors of the
/// definition, none of them cut short.
fn fraction(rule: &Rule, used: &Used) -> Option<(i128, i128)> {
    let (product, minutes) = match rule.of {
        Of::Average => (used.held.get() as i128, i128::from(used.minutes.get())),
        _ => (used.amount.wide(), 1),
    };
    let Included::Fixed(included) = rule.included else { return None };
    let over = product - (included.wide() + rule.extra.wide()) * minutes;
    let (mut above, mut below) = (over.max(0), minutes.checked_mul(rule.per.wide())?);
    if rule.round == Round::Up {
        (above, below) = ((above + below - 1) / below, 1);
    }
    let above = above.checked_mul(rule.price.mantissa().into())?.checked_mul(10_i128.pow(rule.places))?;
    Some((above, below.checked_mul(10_i128.pow(rule.price.places()))?))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// An amount is right when it is the one whole number n with 2n - 1 <= 2x < 2n + 1.
    #[test]
    fn every_amount_is_exact_to_the_coin(rule in any_rule(), used in any_used()) {
        let Some((above, below)) = fraction(&rule, &used) else { return Ok(()) };
        prop_assume!(above < i128::MAX / 8 && below < i128::MAX / (1 << 60));
        let quantity = super::charge::quantity(&rule, &used).expect("time");
        let Included::Fixed(included) = rule.included else { unreachable!() };
        let included = included.checked_add(rule.extra).expect("fits");
        let Ok(amount) = amount_of(&rule, quantity, included) else { return Ok(()) };
        let n = i128::from(amount.minor());
        prop_assume!(n < 1 << 58);
        let (Some(low), Some(high)) = (below.checked_mul(2 * n - 1), below.checked_mul(2 * n + 1)) else {
            return Ok(());
        };
        prop_assert!(low <= 2 * above && 2 * above < high, "{n} for {above}/{below}");
    }

    #[test]
    fn more_usage_never_costs_less(rule in any_rule(), used in any_used(), more in 0u64..1 << 40) {
        let larger = Used {
            amount: bytes(used.amount.get() + more),
            held: used.held + ByteMinutes::new(more.into()),
            ..used
        };
        if let (Ok(_), Ok(_)) = (price(&rule, &used, Limit::Unknown), price(&rule, &larger, Limit::Unknown)) {
            prop_assert!(due(&rule, &used) <= due(&rule, &larger));
        }
    }

    #[test]
    fn no_line_is_below_its_minimum_or_nothing(rule in any_rule(), used in any_used()) {
        if let Ok(Priced::Due(charge)) = price(&rule, &used, Limit::Unknown) {
            prop_assert!(charge.amount.is_at_least(rule.minimum) && charge.amount.minor() > 0);
        }
    }

    /// Billed in two parts it costs the same but for the rounding of each.
    #[test]
    fn parts_cost_what_the_whole_costs(
        one in 0u64..1 << 52, two in 0u64..1 << 52, rule in any_rule(), up in any::<bool>(),
    ) {
        let all = Rule {
            included: Included::Fixed(Bytes::ZERO),
            extra: Bytes::ZERO,
            of: Of::Passed,
            round: if up { Round::Up } else { Round::None },
            minimum: Decimal::ZERO,
            ..rule
        };
        let cost = |amount| amount_of(&all, Quantity::of(bytes(amount)), Bytes::ZERO).map(|money| i128::from(money.minor()));
        let (Ok(whole), Ok(first), Ok(second)) = (cost(one + two), cost(one), cost(two)) else { return Ok(()) };
        let Ok(unit) = cost(all.per.get()) else { return Ok(()) };
        let most = if up { unit + 2 } else { 1 };
        prop_assert!((first + second - whole).abs() <= most, "{first} + {second} and {whole}");
    }
}

/// Limits one after the other, from midnight on, each for so many seconds.
fn one_after_the_other(limits: &[(u64, u64)]) -> Vec<LimitPiece> {
    let mut at = Timestamp::new(1_796_079_600).expect("in range");
    let piece = |(size, seconds): &(u64, u64)| {
        let from = at;
        at = at.plus(Seconds::new(*seconds));
        LimitPiece { span: Span::new(from, at).expect("takes time"), limit: Limit::of_size(bytes(*size)) }
    };
    limits.iter().map(piece).collect()
}

/// The bytes that limits come to by time.
fn sum(pieces: &[LimitPiece]) -> u64 {
    by_time(pieces).expect("a sum").up_to().expect("limited").get()
}

#[test]
fn limits_by_time_worked_by_hand() {
    const DAY: u64 = 86_400;
    // 60 GiB for ten days and 160 GiB for twenty: 380 GiB / 3, and a third of a byte is a byte.
    let pieces = one_after_the_other(&[(60 * GIB, 10 * DAY), (160 * GIB, 20 * DAY)]);
    assert_eq!(sum(&pieces), (380 * GIB).div_ceil(3));
    let rule = Rule { included: Included::LimitByTime, ..rule() };
    let limit = by_time(&pieces).expect("a sum");
    // 200 GiB less 126.666… are 73.333…, at 0.02.
    let Ok(Priced::Due(charge)) = price(&rule, &passed(200 * GIB), limit) else { panic!("due") };
    assert_eq!((charge.amount.minor(), charge.included.get()), (147, (380 * GIB).div_ceil(3)));
    // There is no number in what is unlimited, or unknown, for a while.
    let with = |limit| {
        let mut pieces = pieces.clone();
        pieces[0].limit = limit;
        by_time(&pieces)
    };
    assert_eq!(with(Limit::Unlimited), Err(NoLine::PartlyUnlimited));
    assert_eq!(with(Limit::Unknown), Err(NoLine::UnknownLimit));
    assert!(NoLine::PartlyUnlimited.is_withheld());
    assert_eq!(by_time(&one_after_the_other(&[(0, DAY), (0, DAY)])), Ok(Limit::Unlimited));
    assert_eq!(by_time(&[]), Err(NoLine::UnknownLimit));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// One limit all the time is that limit, in however many pieces it came.
    #[test]
    fn one_limit_by_time_is_itself(size in 1u64..1 << 60, seconds in proptest::collection::vec(60u64..3_000_000, 1..6)) {
        let pieces = one_after_the_other(&seconds.into_iter().map(|time| (size, time)).collect::<Vec<_>>());
        prop_assert_eq!(sum(&pieces), size);
    }

    /// Where a piece is cut in two, and whatever the moment, it comes to the same; nor is it ever more than the largest limit or
    /// less than the smallest.
    #[test]
    fn limits_by_time_stay_the_same_when_pieces_are_cut(
        limits in proptest::collection::vec((1u64..1 << 60, 60u64..3_000_000), 1..6), which in 0usize..6, part in 0u64..1000,
    ) {
        let whole = one_after_the_other(&limits);
        let which = which % limits.len();
        let (size, seconds) = limits[which];
        let first = (seconds * part / 1000).clamp(1, seconds - 1);
        let mut cut = limits.clone();
        cut.splice(which..=which, [(size, first), (size, seconds - first)]);
        prop_assert_eq!(sum(&one_after_the_other(&cut)), sum(&whole));
        let sizes = || limits.iter().map(|(size, _)| *size);
        prop_assert!(sum(&whole) <= sizes().max().unwrap_or(0) && sum(&whole) >= sizes().min().unwrap_or(0));
    }

    /// To the byte: no whole number is nearer to the exact sum from above.
    #[test]
    fn limits_by_time_are_exact_to_the_byte(limits in proptest::collection::vec((1u64..1 << 60, 1u64..50_000), 1..6)) {
        let pieces = one_after_the_other(&limits.iter().map(|(size, minutes)| (*size, minutes * 60)).collect::<Vec<_>>());
        let product: u128 = limits.iter().map(|(size, minutes)| u128::from(*size) * u128::from(*minutes)).sum();
        let minutes: u128 = limits.iter().map(|(_, minutes)| u128::from(*minutes)).sum();
        let sum = u128::from(sum(&pieces));
        prop_assert!(sum * minutes >= product && (sum - 1) * minutes < product);
    }
}
