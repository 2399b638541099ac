//! What every switch has in common: it looks first, leaves alone what somebody else has changed, and believes
//! nothing that it has not read back.

use std::time::Duration;

use crate::backends::{Applied, BackendError};

/// What a look at an account makes of a switch. `W` is what has to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan<W> {
    /// It is as it shall be.
    AlreadySo,
    /// It was changed outside whmeter.
    LeftAlone {
        /// What the panel has.
        found: String,
        /// Whether that still limits the account.
        limited: bool,
    },
    /// This has to be written.
    Write(W),
}

impl<W> Plan<W> {
    /// Left as it was set outside whmeter.
    pub fn left_alone(found: String, limited: bool) -> Plan<W> {
        Plan::LeftAlone { found, limited }
    }
}

/// How often a change is looked for before we say that it did not take: another node may lag.
const LOOKS: u32 = 5;

/// Looks for a change until `found` has it, for a few seconds; what was found last instead is reported.
pub async fn read_back<F>(what: &str, mut found: impl FnMut() -> F) -> Result<Applied, BackendError>
where
    F: Future<Output = Result<Result<(), String>, BackendError>>,
{
    let mut instead = String::new();
    for look in 0..LOOKS {
        patience(look).await;
        match found().await? {
            Ok(()) => return Ok(Applied::Done),
            Err(other) => instead = other,
        }
    }
    let detail = format!("accepted, but read back as {instead}");
    Err(BackendError::Unexpected { at: what.into(), detail })
}

/// Waits before a look: not at all first, a second in all.
async fn patience(look: u32) {
    tokio::time::sleep(Duration::from_millis(100) * look).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_may_take_its_time_and_one_that_never_shows_is_named() {
        let mut looks = 0;
        let late = read_back("policy", || {
            looks += 1;
            let found = if looks == 3 { Ok(()) } else { Err("readwrite".to_string()) };
            async move { Ok(found) }
        });
        assert_eq!(late.await.expect("taken"), Applied::Done);
        let never = read_back("policy", || async { Ok(Err("readwrite".to_string())) }).await;
        assert!(never.is_err_and(|error| error.to_string().contains("read back as readwrite")));
    }
}
