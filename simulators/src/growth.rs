//! How an account grows by itself: a pure function of seed, name and time, in whole bytes.
//!
//! Nothing is remembered and nothing is drawn: asked twice, or in another order, or in another
//! run with the same seed, the answer is the same.

/// Before this instant (2020-01-01, epoch seconds) nothing has happened anywhere.
pub const BEGINNING: i64 = 1_577_836_800;

const HOUR: i64 = 3_600;

/// Bytes that went into and out of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Towards the account's service: uploads, bytes a server received.
    pub received: u64,
    /// From the account's service: downloads, bytes a server sent.
    pub sent: u64,
}

impl std::ops::Add for Traffic {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { received: self.received + other.received, sent: self.sent + other.sent }
    }
}

impl std::ops::Sub for Traffic {
    type Output = Self;

    /// What was added since `earlier`; nothing where it is the larger one.
    fn sub(self, earlier: Self) -> Self {
        Self {
            received: self.received.saturating_sub(earlier.received),
            sent: self.sent.saturating_sub(earlier.sent),
        }
    }
}

/// The habits of one source of bytes, drawn once from its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    key: u64,
    floor_bytes: u64,
    swing_bytes: u64,
    step_bytes: u64,
    step_seconds: i64,
    received_per_hour: u64,
    sent_per_hour: u64,
}

/// Steps after which a growing source cleans up and starts at its floor.
const STEPS_PER_CYCLE: u64 = 500;

impl Growth {
    /// The habits of the source with this name.
    ///
    /// One of sixteen holds nothing and moves nothing, another one holds bytes nobody touches.
    pub fn of(seed: u64, account: &str, part: &str) -> Self {
        let key = fingerprint(seed, account, part);
        let (lively, holding) = match key % 16 {
            0 => (0, 0),
            1 => (0, 1),
            _ => (1, 1),
        };
        let scale = 1_u64 << (20 + mixed(key, 1) % 13);
        let floor_bytes = holding * (scale + mixed(key, 2) % scale);
        Self {
            key,
            floor_bytes,
            swing_bytes: lively * (floor_bytes / 8),
            step_bytes: lively * (floor_bytes / 2_000 + mixed(key, 3) % 4_096),
            step_seconds: 900 + (mixed(key, 4) % 21_600) as i64,
            received_per_hour: lively * (40_000 + mixed(key, 5) % 400_000_000),
            sent_per_hour: lively * (40_000 + mixed(key, 6) % 1_200_000_000),
        }
    }

    /// A source that holds and moves only what a test puts there.
    pub const STILL: Self = Self {
        key: 0,
        floor_bytes: 0,
        swing_bytes: 0,
        step_bytes: 0,
        step_seconds: HOUR,
        received_per_hour: 0,
        sent_per_hour: 0,
    };

    /// Bytes held at an instant: rises in steps, falls now and then.
    pub fn level(&self, at: i64) -> u64 {
        let Some(age) = age(at) else { return 0 };
        let step = (age / self.step_seconds) as u64;
        let swing = match self.swing_bytes {
            0 => 0,
            swing => mixed(self.key, 1_000 + step) % swing,
        };
        self.floor_bytes + (step % STEPS_PER_CYCLE) * self.step_bytes + swing
    }

    /// Bytes moved from the beginning until an instant: never falls.
    pub fn traffic(&self, at: i64) -> Traffic {
        Traffic {
            received: moved(self.key ^ 0x5555, self.received_per_hour, at),
            sent: moved(self.key ^ 0xaaaa, self.sent_per_hour, at),
        }
    }
}

/// A straight line between hour marks; a mark lies at its hour's average plus a drawn share of one
/// more hour, so marks never fall and no hour is like the next.
fn moved(key: u64, per_hour: u64, at: i64) -> u64 {
    let (Some(age), true) = (age(at), per_hour > 0) else {
        return 0;
    };
    let hour = (age / HOUR) as u64;
    let mark = |hour: u64| hour * per_hour + mixed(key, hour) % per_hour;
    let (here, next) = (mark(hour), mark(hour + 1));
    let part = u128::from(next - here) * (age % HOUR) as u128 / HOUR as u128;
    here + part as u64 - mark(0)
}

fn age(at: i64) -> Option<i64> {
    (at >= BEGINNING).then_some(at - BEGINNING)
}

fn fingerprint(seed: u64, account: &str, part: &str) -> u64 {
    let named = account.bytes().chain([0]).chain(part.bytes());
    let hashed = named.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    mixed(hashed, seed)
}

/// One well-stirred number for a pair of numbers (the finaliser of splitmix64).
fn mixed(key: u64, turn: u64) -> u64 {
    let mut value = key.wrapping_add(turn.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_000_000;

    #[test]
    fn the_same_question_has_the_same_answer() {
        let growth = Growth::of(1, "7-41", "data");
        assert_eq!(growth, Growth::of(1, "7-41", "data"));
        assert_ne!(growth, Growth::of(2, "7-41", "data"));
        assert_ne!(growth, Growth::of(1, "7-4", "1data"));
    }

    #[test]
    fn traffic_never_falls_and_levels_do() {
        for name in 0..40 {
            let growth = Growth::of(9, &format!("7-{name}"), "data");
            let (mut before, mut falls, mut rises) = (growth.traffic(NOW), 0, 0);
            for minute in 0..2_000 {
                let at = NOW + minute * 600;
                let now = growth.traffic(at);
                assert!(now.received >= before.received && now.sent >= before.sent);
                before = now;
                match growth.level(at + 600).cmp(&growth.level(at)) {
                    std::cmp::Ordering::Less => falls += 1,
                    std::cmp::Ordering::Greater => rises += 1,
                    std::cmp::Ordering::Equal => {}
                }
            }
            let lively = growth.sent_per_hour > 0;
            assert_eq!(lively, falls > 0 && rises > 0, "7-{name}");
        }
    }

    #[test]
    fn nothing_happened_before_the_beginning() {
        let growth = Growth::of(1, "7-41", "data");
        assert_eq!(growth.level(BEGINNING - 1), 0);
        assert_eq!(growth.traffic(BEGINNING), Traffic::default());
    }
}
