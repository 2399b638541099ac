//! When a limit will be reached if things go on as on the last days: a straight line, for people, and never billed.

use crate::domain::{Bytes, Limit, Nature, UsageDay};

/// Fewer days make no line.
const FEWEST_DAYS: usize = 3;

/// Days: further ahead a straight line says nothing.
const FURTHEST: u128 = 365;

/// What is said of a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Forecast {
    /// It is reached.
    Reached,
    /// On this day.
    On(UsageDay),
    /// Not before the month, and with it the count, ends.
    NotThisMonth,
    /// It does not grow, or not so much within a year.
    NotInSight,
    /// There is no limit.
    NoLimit,
    /// Why nothing can be said.
    NotKnown(&'static str),
}

/// What the last days say of a limit. `days` are days that are over, oldest first: the last level of each, or what passed
/// on it; `used` is what the limit is held against now.
pub(super) fn forecast(
    nature: Nature,
    limit: Limit,
    used: Option<Bytes>,
    days: &[(UsageDay, Bytes)],
    today: UsageDay,
) -> Forecast {
    let limit = match limit {
        Limit::Unknown => return Forecast::NotKnown("the limit is not known"),
        Limit::Unlimited => return Forecast::NoLimit,
        Limit::UpTo(limit) => limit,
    };
    let Some(used) = used else { return Forecast::NotKnown("what is used now is not known") };
    let Some(left) = limit.checked_sub(used).filter(|left| *left > Bytes::ZERO) else {
        return Forecast::Reached;
    };
    if days.len() < FEWEST_DAYS {
        return Forecast::NotKnown("fewer than three whole days are known");
    }
    let left = u128::from(left.get());
    match nature {
        Nature::Level => {
            let ((first_day, first), (last_day, last)) = (days[0], days[days.len() - 1]);
            let span = last_day.date().signed_duration_since(first_day.date()).num_days();
            let span = u128::try_from(span).unwrap_or_default();
            let grown = last.checked_sub(first).map_or(0, |grown| u128::from(grown.get()));
            match (left * span).checked_div(grown) {
                Some(ahead) if ahead <= FURTHEST => Forecast::On(later(today, ahead)),
                _ => Forecast::NotInSight,
            }
        }
        Nature::Flow => {
            let sum: u128 = days.iter().map(|(_, passed)| u128::from(passed.get())).sum();
            let ahead = (left * days.len() as u128).checked_div(sum).filter(|ahead| *ahead <= FURTHEST);
            let day = ahead.map(|ahead| later(today, ahead)).filter(|day| day.month() == today.month());
            day.map_or(Forecast::NotThisMonth, Forecast::On)
        }
    }
}

fn later(day: UsageDay, by: u128) -> UsageDay {
    (0..by).fold(day, |day, _| day.next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> UsageDay {
        UsageDay::parse(text).expect("a day")
    }

    fn bytes(count: u64) -> Bytes {
        Bytes::new(count).expect("fits")
    }

    fn says(nature: Nature, limit: u64, used: u64, days: &[u64]) -> Forecast {
        let first = day("2026-11-10");
        let days: Vec<_> = std::iter::successors(Some(first), |day| Some(day.next()))
            .zip(days.iter().map(|one| bytes(*one)))
            .collect();
        forecast(nature, Limit::of_size(bytes(limit)), Some(bytes(used)), &days, day("2026-11-20"))
    }

    #[test]
    fn a_level_goes_on_as_it_went() {
        // Ten a day, 45 are left.
        assert_eq!(says(Nature::Level, 100, 55, &[20, 30, 40, 50]), Forecast::On(day("2026-11-24")));
        assert_eq!(says(Nature::Level, 100, 100, &[20, 30, 40]), Forecast::Reached);
        assert_eq!(says(Nature::Level, 100, 55, &[50, 50, 50]), Forecast::NotInSight);
        assert_eq!(says(Nature::Level, 100, 55, &[70, 60, 50]), Forecast::NotInSight);
        assert_eq!(says(Nature::Level, u64::MAX >> 2, 55, &[50, 50, 51]), Forecast::NotInSight);
        assert_eq!(says(Nature::Level, 0, 55, &[20, 30, 40]), Forecast::NoLimit);
    }

    #[test]
    fn a_flow_ends_with_its_month() {
        // Ten a day: 100 are left and take ten days, to the last of the month; 110 do not fit into it.
        assert_eq!(says(Nature::Flow, 200, 100, &[10, 10, 10]), Forecast::On(day("2026-11-30")));
        assert_eq!(says(Nature::Flow, 210, 100, &[10, 10, 10]), Forecast::NotThisMonth);
        assert_eq!(says(Nature::Flow, 210, 100, &[0, 0, 0]), Forecast::NotThisMonth);
        assert_eq!(says(Nature::Flow, 200, 250, &[10, 10, 10]), Forecast::Reached);
    }

    #[test]
    fn never_1_what_is_not_known_is_said_to_be() {
        assert!(matches!(says(Nature::Level, 100, 55, &[20, 30]), Forecast::NotKnown(_)));
        let (limit, today) = (Limit::UpTo(bytes(9)), day("2026-11-20"));
        assert!(matches!(forecast(Nature::Level, limit, None, &[], today), Forecast::NotKnown(_)));
        let used = Some(bytes(1));
        assert!(matches!(forecast(Nature::Flow, Limit::Unknown, used, &[], today), Forecast::NotKnown(_)));
    }
}
