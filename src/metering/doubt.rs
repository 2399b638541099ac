//! A list that has shrunk: one answer is not the truth, and a right that was narrowed looks exactly like many accounts
//! that were deleted.

use crate::domain::Timestamp;

/// Many accounts are not in the newest list, or all: no account is gone before an operator has looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListDoubt {
    /// When the first such list came.
    pub since: Timestamp,
    /// How many accounts are not in it.
    pub missing: u32,
    /// Of how many that were.
    pub of: u32,
    /// Whether an operator has said that it is true: the next list is believed.
    pub accepted: bool,
}

/// How many accounts at once are too many to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowd {
    /// Fewer never are.
    pub least: u32,
    /// More than so many of a hundred are.
    pub percent: u32,
}

impl Default for Crowd {
    fn default() -> Crowd {
        Crowd { least: 5, percent: 10 }
    }
}

impl Crowd {
    /// Whether so many of so many are a crowd.
    pub fn is(self, accounts: usize, of: usize) -> bool {
        accounts > 0 && accounts >= self.least as usize && accounts * 100 > of * self.percent as usize
    }
}

impl ListDoubt {
    /// The doubt after a list asked for at `now` that lacks so many of so many accounts; it keeps its beginning.
    pub(super) fn after(
        before: Option<ListDoubt>,
        (missing, of): (usize, usize),
        now: Timestamp,
    ) -> ListDoubt {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let since = before.map_or(now, |before| before.since);
        ListDoubt { since, missing: count(missing), of: count(of), accepted: false }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Acceptance, Book, Bounds, Expected, SettleRules, accept, look, settle_looked};
    use super::*;
    use crate::domain::{AccountName, BillingZone, Harvest, Seconds};

    #[test]
    fn a_crowd_is_more_than_a_tenth_and_five_at_least() {
        let crowd = Crowd::default();
        for (accounts, of, is) in
            [(0, 0, false), (4, 4, false), (5, 5, true), (5, 50, false), (6, 50, true), (40, 500, false)]
        {
            assert_eq!(crowd.is(accounts, of), is, "{accounts} of {of}");
        }
        assert!(Crowd { least: 1, percent: 0 }.is(1, 1000));
    }

    fn at(minute: i64) -> Timestamp {
        Timestamp::new(1_795_000_000 + minute * 60).expect("in range")
    }

    fn name(number: usize) -> AccountName {
        AccountName::new(format!("u{number}").as_str()).expect("a name")
    }

    /// A complete list of the accounts with these numbers; returns how many are missing or gone after it.
    fn list(book: &mut Book, minute: i64, accounts: std::ops::Range<usize>, leaving: &[usize]) -> [usize; 2] {
        let mut harvest = Harvest::new();
        for number in accounts {
            harvest.facts_mut(&name(number));
        }
        harvest.listed_everyone();
        let leaving = leaving.iter().map(|number| name(*number)).collect();
        let expected = Expected { leaving, ..Expected::default() };
        let zone = BillingZone::parse("Europe/Warsaw").expect("a zone");
        let rules = SettleRules { zone, max_gap: Seconds::hours(26), bounds: Bounds::default() };
        let seen = look(book, &harvest, at(minute), &expected);
        book.apply(&settle_looked(book, &harvest, seen, at(minute), &rules));
        let missing = book.lives.values().filter(|life| life.absence.is_some() && life.ended.is_none());
        [missing.count(), book.lives.values().filter(|life| life.ended.is_some()).count()]
    }

    #[test]
    fn a_list_that_shrinks_makes_nobody_gone_until_somebody_has_looked() {
        let mut book = Book::default();
        list(&mut book, 0, 0..30, &[]);
        assert_eq!(list(&mut book, 15, 2..30, &[]), [2, 0], "two of thirty are no crowd");
        assert_eq!(list(&mut book, 30, 2..30, &[]), [0, 2]);
        for minute in [45, 60, 75] {
            assert_eq!(list(&mut book, minute, 12..30, &[]), [0, 2]);
            let doubt = ListDoubt { since: at(45), missing: 10, of: 28, accepted: false };
            assert_eq!((book.list_doubt, book.last_look), (Some(doubt), Some(at(30))));
        }
        list(&mut book, 90, 2..30, &[]);
        assert_eq!(
            (book.list_doubt, book.last_look),
            (None, Some(at(90))),
            "it was the right that was narrowed"
        );
        list(&mut book, 105, 0..0, &[]);
        assert_eq!(book.list_doubt.map(|doubt| doubt.missing), Some(28), "missing from a doubted list");
        list(&mut book, 120, 12..30, &[]);
        let word = Acceptance { account: None, author: "op".into(), reason: "moved away".into() };
        book.apply(&accept(&book, &word, at(121)).expect("doubted"));
        assert_eq!(list(&mut book, 135, 12..30, &[]), [10, 2]);
        assert_eq!(list(&mut book, 150, 12..30, &[]), [0, 12]);
        assert_eq!(book.list_doubt, None);
    }

    #[test]
    fn who_may_well_be_gone_raises_no_doubt() {
        let mut book = Book::default();
        list(&mut book, 0, 0..8, &[]);
        let leaving: Vec<usize> = (0..7).collect();
        assert_eq!(list(&mut book, 15, 7..8, &leaving), [7, 0]);
        assert_eq!(list(&mut book, 30, 0..0, &[7]), [1, 7], "the last one, whose service has ended");
    }
}
