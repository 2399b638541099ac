//! Whom the timetable may ask now: nobody whom another whmeter has just asked, and no panel that refused us or asked for
//! peace.

use super::{Collector, PollError};
use crate::backends::{BackendError, ConfiguredPanel};
use crate::domain::{Seconds, Timestamp};
use crate::store::{Lease, Parked, StoreError};

/// Clocks of machines that share a database may be this far apart.
const CLOCKS_APART: Seconds = Seconds::new(300);

/// A panel that refuses our credentials is tried once more after the pause of its kind. Then it is left alone this long, or as
/// long as that pause where it is longer, and twice as long each time.
const FIRST_PARKING: Seconds = Seconds::new(15 * 60);
const LONGEST_PARKING: Seconds = Seconds::hours(24);

impl Collector {
    /// Whether the timetable may ask a backend now: nobody else has, and it does not want to be left alone.
    pub(super) fn is_due(&self, metered: &ConfiguredPanel, lease: &Lease) -> Result<(), PollError> {
        let now = self.clock.now();
        // Dated by a clock that was wrong it keeps nobody from polling.
        let furthest = now.plus(LONGEST_PARKING).plus(CLOCKS_APART);
        match lease.parked.until.filter(|until| *until <= furthest) {
            Some(until) if until > now => Err(PollError::Parked(until)),
            // It was to be asked again now, whenever it was polled.
            Some(_) => Ok(()),
            None if self.was_polled(metered, lease.polled_at, now) => Err(PollError::JustPolled),
            None => Ok(()),
        }
    }

    /// Whether another whmeter on this database has polled it since it was last due. A poll that is still to come was
    /// dated by a clock that was wrong, and keeps nobody from polling.
    fn was_polled(&self, metered: &ConfiguredPanel, polled_at: Option<Timestamp>, now: Timestamp) -> bool {
        let polled_at = polled_at.filter(|at| *at <= now.plus(CLOCKS_APART));
        polled_at.is_some_and(|at| metered.schedule.next_due(&metered.id, at, self.rules.zone) > now)
    }

    /// Leaves a panel alone that refuses us or asks for peace.
    pub(super) async fn park(
        &self,
        metered: &ConfiguredPanel,
        lease: &Lease,
        error: &BackendError,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let before = lease.parked.refusals;
        let (refusals, parking) = match error {
            BackendError::Refused(_) if before == 0 => (1, metered.kind.refusal_pause),
            BackendError::Refused(_) => {
                let first = FIRST_PARKING.max(metered.kind.refusal_pause);
                let doubled = first.get() << (before - 1).min(10);
                (before + 1, Seconds::new(doubled))
            }
            BackendError::Busy { after: Some(after), .. } => (before, Seconds::new(after.as_secs())),
            // It has answered otherwise than by a refusal: it is asked as ever.
            _ if lease.parked.until.is_some() => {
                return self.store.park(lease, Parked { refusals: before, until: None }).await;
            }
            _ => return Ok(()),
        };
        let until = now.plus(parking.min(LONGEST_PARKING));
        self.store.park(lease, Parked { refusals, until: Some(until) }).await?;
        self.due_by(metered, until);
        let backend = &metered.id;
        tracing::info!(%backend, %until, "panel left alone; `whmeter poll` or a reload asks it at once");
        Ok(())
    }
}
