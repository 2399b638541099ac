//! What holds of every history: one crossing one notification, no flapping, and the same whoever looked how often.

use std::collections::HashSet;

use proptest::prelude::*;

use super::tests::{Account, rule};
use super::*;
use crate::domain::Policy;

fn played(levels: &[u64]) -> (Account, Vec<String>) {
    let mut account = Account::new(rule());
    let said = levels.iter().flat_map(|level| account.poll(*level)).collect();
    (account, said)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Sentence 6: keys are derived, so one crossing is one notification.
    #[test]
    fn never_6_no_letter_is_written_twice(levels in prop::collection::vec(0u64..1500, 0..60)) {
        let (_, said) = played(&levels);
        let notifications: Vec<&String> = said.iter().collect();
        prop_assert_eq!(notifications.iter().collect::<HashSet<_>>().len(), notifications.len());
    }

    #[test]
    fn a_level_that_trembles_around_a_threshold_tells_once(
        threshold in prop::sample::select(vec![80u64, 90, 100]),
        tremble in prop::collection::vec(-40i64..40, 1..80),
    ) {
        let levels: Vec<u64> = tremble.iter().map(|by| (threshold as i64 * 10 + by) as u64).collect();
        let (account, said) = played(&levels);
        let limits = said.iter().filter(|what| what.starts_with("limited #")).count();
        prop_assert!(limits <= 1, "{:?}", said);
        prop_assert!(account.crossings.iter().all(|(_, crossing)| crossing.episode <= 1), "{:?}", said);
    }

    /// A rise that is looked at often and one that is looked at rarely decide the same.
    #[test]
    fn decisions_do_not_depend_on_how_often_we_looked(
        mut levels in prop::collection::vec(0u64..1500, 1..40),
        seen in prop::collection::vec(any::<bool>(), 40),
    ) {
        levels.sort_unstable();
        let last = levels.len() - 1;
        let rarely: Vec<u64> =
            levels.iter().enumerate().filter(|(at, _)| seen[*at] || *at == last).map(|(_, level)| *level).collect();
        let sorted = |levels: &[u64]| {
            let mut said = played(levels).1;
            said.sort();
            said
        };
        prop_assert_eq!(sorted(&levels), sorted(&rarely));
    }

    /// Sentence 3: looking again changes nothing.
    #[test]
    fn never_3_the_same_usage_again_decides_nothing(
        levels in prop::collection::vec(0u64..1500, 1..40), again in 1usize..5,
    ) {
        let (mut account, _) = played(&levels);
        for _ in 0..again {
            prop_assert!(account.poll(levels[levels.len() - 1]).is_empty());
        }
    }

    /// Whoever is at or above the limit ends limited, whoever is below the way back ends restored.
    #[test]
    fn what_is_wanted_follows_from_the_last_level(levels in prop::collection::vec(0u64..1500, 1..40)) {
        let (account, _) = played(&levels);
        match levels[levels.len() - 1] {
            1000.. => prop_assert_eq!(account.hold.wanted, Policy::Limited),
            ..950 => prop_assert_eq!(account.hold.wanted, Policy::Standard),
            _ => {}
        }
    }

    /// Sentence 1 for limits: what is not known changes nothing, between any two looks.
    #[test]
    fn never_1_unknown_between_two_looks_changes_nothing(
        levels in prop::collection::vec(0u64..1500, 1..40), gaps in prop::collection::vec(0usize..3, 40),
    ) {
        let mut account = Account::new(rule());
        let mut said = Vec::new();
        for (level, gap) in levels.iter().zip(&gaps) {
            said.extend(account.poll(*level));
            for _ in 0..*gap {
                prop_assert!(account.poll(None).is_empty());
            }
        }
        prop_assert_eq!(said, played(&levels).1);
    }

    #[test]
    fn the_brake_never_lets_more_through_than_it_says(percent in 0u32..200, total in 0usize..5000, count in 1usize..5000) {
        let most = (total * percent as usize / 100).max(1);
        prop_assert_eq!(Brake::Percent(percent).allows(count, total), count <= most);
    }
}
