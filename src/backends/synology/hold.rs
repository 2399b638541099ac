//! How long a refused login is not tried again: Auto Block counts failed logins over all services of the NAS, and locks
//! out every program on our address.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::backends::BackendError;

/// After the first refusal, and at the most; doubled each time in between.
const FIRST: Duration = Duration::from_secs(30 * 60);
const LONGEST: Duration = Duration::from_secs(6 * 3600);

/// The refusals so far. A reload of the config begins anew.
#[derive(Debug, Default)]
pub(super) struct Hold(Mutex<Option<Refused>>);

#[derive(Debug)]
struct Refused {
    why: String,
    times: u32,
    until: Instant,
}

impl Hold {
    /// Whether a login may be tried now; else why the last one was refused.
    pub fn permits(&self, now: Instant) -> Result<(), BackendError> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = state.as_ref().filter(|refused| refused.until > now);
        held.map_or(Ok(()), |refused| {
            let minutes = (refused.until - now).as_secs() / 60 + 1;
            let why = &refused.why;
            Err(BackendError::Refused(format!(
                "{why} (no login is tried for {minutes} minutes, or until a reload)"
            )))
        })
    }

    /// Takes in how a login ended.
    pub fn note<T>(&self, now: Instant, ended: Result<T, &BackendError>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match ended {
            Ok(_) => *state = None,
            Err(BackendError::Refused(why)) => {
                let times = state.as_ref().map_or(0, |refused| refused.times);
                let pause = FIRST.saturating_mul(1 << times.min(8)).min(LONGEST);
                let until = now + pause;
                *state = Some(Refused { why: why.clone(), times: times + 1, until });
            }
            // No answer says nothing about the secret.
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_login_is_left_alone_longer_each_time_and_a_good_one_ends_it() {
        let (hold, mut now) = (Hold::default(), Instant::now());
        let refused = BackendError::Refused("wrong password".into());
        for minutes in [30, 60, 120, 240, 360, 360] {
            assert!(hold.permits(now).is_ok());
            hold.note::<()>(now, Err(&refused));
            now += Duration::from_secs(minutes * 60 - 1);
            let error = hold.permits(now).expect_err("held").to_string();
            assert!(error.contains("wrong password") && error.contains("1 minutes"), "{error}");
            now += Duration::from_secs(1);
        }
        hold.note(now, Ok(()));
        hold.note::<()>(now, Err(&BackendError::Unreachable("down".into())));
        assert!(hold.permits(now).is_ok());
        hold.note::<()>(now, Err(&refused));
        assert!(hold.permits(now).is_err() && hold.permits(now + FIRST).is_ok());
    }
}
