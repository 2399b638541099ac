//! Our own clock is a panel too: it is believed only if nothing better says otherwise.

use std::fmt;

use crate::domain::{BackendId, Seconds, Timestamp};

/// Two clocks that differ by no more agree.
const AGREES: Seconds = Seconds::new(300);
/// So far behind nobody's clock is by being slow.
const FAR_BEHIND: Seconds = Seconds::hours(24);

/// A clock that is not ours, as it showed when the panel answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Whose it is.
    pub whose: Whose,
    /// What it showed.
    pub shows: Timestamp,
}

/// Whose clock it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The panel's of this backend.
    Panel(BackendId),
    /// The database server's.
    Database,
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whose::Panel(backend) => write!(f, "the panel of {backend}"),
            Whose::Database => f.write_str("the database's server"),
        }
    }
}

/// Our clock is wrong, as far as can be determined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockWrong {
    /// What ours shows.
    pub ours: Timestamp,
    /// What another shows.
    pub other: Witness,
}

impl std::error::Error for ClockWrong {}

impl fmt::Display for ClockWrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Witness { whose, shows } = &self.other;
        write!(
            f,
            "our clock shows {} and {whose} {shows}: nothing was committed. Set this machine's clock right (NTP); is it \
             the other that is wrong, `whmeter accept BACKEND` takes that into account from then on",
            self.ours
        )
    }
}

/// Refuses our clock where no witness agrees with it and one shows it five minutes ahead, or a day behind. Without a
/// witness it is believed.
pub fn judge(ours: Timestamp, witnesses: &[Witness]) -> Result<(), ClockWrong> {
    let agrees = |one: &&Witness| ours.since(one.shows) <= AGREES && one.shows.since(ours) <= AGREES;
    if witnesses.iter().any(|one| agrees(&one)) {
        return Ok(());
    }
    let against = |one: &&Witness| ours.since(one.shows) > AGREES || one.shows.since(ours) >= FAR_BEHIND;
    match witnesses.iter().find(against) {
        Some(other) => Err(ClockWrong { ours, other: other.clone() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_clock_is_refused_only_against_all_who_know_better() {
        let at = |minutes: i64| Timestamp::new(1_795_000_000 + minutes * 60).expect("in range");
        let refused = |shown: &[i64]| {
            let witnesses: Vec<Witness> =
                shown.iter().map(|minutes| Witness { whose: Whose::Database, shows: at(*minutes) }).collect();
            judge(at(0), &witnesses).is_err()
        };
        assert!(!refused(&[]), "nobody says otherwise");
        assert!(!refused(&[-5]) && !refused(&[5]), "two clocks are two clocks");
        assert!(refused(&[-6]) && refused(&[-60 * 24 * 20]), "ahead");
        assert!(!refused(&[60 * 23]), "a few hours behind nothing is dated into days to come");
        assert!(refused(&[60 * 24]), "a day behind");
        assert!(!refused(&[-60, 0]) && !refused(&[60 * 24 * 40, 1]), "one that agrees is enough");
        assert!(refused(&[-60, 60]), "nobody agrees, and one shows it ahead");
    }
}
