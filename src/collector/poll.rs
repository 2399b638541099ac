//! One pass over one backend: lease, ask, settle, commit. What goes wrong stays with this backend.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::evaluation::{Beside, Evaluation};
use super::owners::{Sold, Titles};
use super::silence;
use super::witness::{ClockWrong, Whose, Witness, judge};
use super::{Collector, LastTime, PollError, PollReport};
use crate::backends::{BackendError, ConfiguredPanel, Heard, Past, PollRequest};
use crate::domain::{AccountName, Harvest, Reason, Seconds, Timestamp, Unclaimed};
use crate::metering::{Bounds, Expected, ListDoubt, Noted, SettleRules, look, settle_looked};
use crate::standing::Moment;
use crate::store::{JudgedPoll, Lease, Loaded, Parked, Poll, Reach, StoreError};
use crate::telemetry::PollOutcome;

/// The longest one poll may take altogether, before it counts as failed.
const POLL_BUDGET: Duration = Duration::from_secs(15 * 60);

/// A lease is this long, and renewed at a third of it: a collector that dies keeps others out no longer.
const LEASE: Seconds = Seconds::new(60);

impl Collector {
    /// Polls one backend now, for all accounts or for one.
    pub async fn poll(&self, metered: &ConfiguredPanel, only: Option<AccountName>) -> PollReport {
        let last = self.last(&metered.id);
        let mut last = last.lock().await;
        self.poll_locked(metered, &mut last, Wish::Now(only)).await
    }

    /// Reads one account because an operator has said so: no brake holds what its usage demands.
    pub async fn reconcile(&self, metered: &ConfiguredPanel, account: AccountName) -> PollReport {
        let last = self.last(&metered.id);
        let mut last = last.lock().await;
        self.poll_locked(metered, &mut last, Wish::ByHand(account)).await
    }

    /// Asks one backend for what it still knows of the time from `since` to `until`.
    pub async fn backfill(
        &self,
        metered: &ConfiguredPanel,
        since: Timestamp,
        until: Timestamp,
    ) -> PollReport {
        let last = self.last(&metered.id);
        let mut last = last.lock().await;
        self.poll_locked(metered, &mut last, Wish::History { since, until }).await
    }

    /// Polls a backend that is due, unless it is being polled already or wants to be left alone.
    pub(super) async fn poll_due(&self, metered: &ConfiguredPanel) -> Option<PollReport> {
        let last = self.last(&metered.id);
        let Ok(mut last) = last.try_lock() else {
            // It may be one account only that is read, or a correction: everybody is still to be asked.
            self.due_soon(metered);
            return None;
        };
        Some(self.poll_locked(metered, &mut last, Wish::IfDue).await)
    }

    async fn poll_locked(&self, metered: &ConfiguredPanel, last: &mut LastTime, wish: Wish) -> PollReport {
        let started = Instant::now();
        let mut report = PollReport::new(metered.id.clone());
        self.running.begins(&metered.id, self.clock.now());
        let outcome = self.pass(metered, last, wish, &mut report).await;
        if self.running.ends(&metered.id) {
            self.telemetry.poll_hangs(&metered.id, false);
        }
        report.took = started.elapsed();
        if let Err(error) = outcome {
            report.failed = Some(error);
        }
        self.log_report(metered, &report);
        last.warned = self.warn(metered, &report, &last.warned);
        report
    }

    async fn pass(
        &self,
        metered: &ConfiguredPanel,
        last: &mut LastTime,
        wish: Wish,
        report: &mut PollReport,
    ) -> Result<(), PollError> {
        if *self.stopping.borrow() {
            return Err(PollError::Stopping);
        }
        let (asked, now) = (Instant::now(), self.clock.now());
        let lease = self.store.take_lease(&metered.id, metered.kind.name, &self.holder, now, LEASE).await?;
        let lease = lease.ok_or(PollError::Elsewhere)?;
        let is_due = if wish == Wish::IfDue { self.is_due(metered, &lease) } else { Ok(()) };
        let outcome = match is_due {
            Err(not_now) => Err(not_now),
            Ok(()) => {
                let heart = Heartbeat::start(self, lease.clone(), asked);
                tokio::select! {
                    outcome = self.under_lease(metered, last, wish, &lease, &heart, report) => outcome,
                    // A commit that is broken off is whole or never was.
                    () = self.stopped() => Err(PollError::Stopping),
                }
            }
        };
        // Not given back, it would run out by itself: nothing to be done about it here.
        if let Err(error) = self.store.release_lease(&lease).await {
            tracing::debug!(backend = %metered.id, "lease not given back: {error}");
        }
        outcome
    }

    async fn under_lease(
        &self,
        metered: &ConfiguredPanel,
        last: &mut LastTime,
        wish: Wish,
        lease: &Lease,
        heart: &Heartbeat,
        report: &mut PollReport,
    ) -> Result<(), PollError> {
        let now = self.clock.now();
        let everybody = matches!(wish, Wish::IfDue | Wish::Now(None));
        let addresses = metered.addresses();
        let claimed = self.store.claim_panel(lease, metered.kind.name, &addresses, now).await?;
        if let Err(taken) = claimed {
            if everybody {
                self.store.record_failure(lease, now, Reason::Taken, &taken.to_string()).await?;
            }
            return Err(PollError::Taken(taken));
        }
        let mut loaded = self.store.load(&metered.id, last.loaded.take()).await?;
        let beside = wish.beside();
        // Right before the panel is asked: a database that stood still must not date a reading with a time gone by.
        let now = self.clock.now();
        let (mut question, reach) = wish.question(&loaded, now);
        // What is believed is lent to the backend for as long as it asks.
        let book = Arc::new(std::mem::take(&mut loaded.book));
        question.hear(Heard::new(Arc::clone(&book), loaded.unclaimed.clone()));
        // What switches asked meanwhile is no figure.
        drop(metered.take_answered());
        let answered = self.ask(metered, question).await;
        loaded.book = Arc::unwrap_or_clone(book);
        // Also where it refuses us: a signature of another time is no wrong secret.
        if let Err(wrong) = self.clock_is_right(metered).await? {
            last.loaded = Some(loaded);
            if reach == Reach::All {
                let is_its_own = wrong.other.whose == Whose::Panel(metered.id.clone());
                let (other, ours) = (wrong.other.shows, wrong.ours);
                self.store.record_clock(lease, (other, is_its_own), ours, &wrong.to_string()).await?;
            }
            return Err(PollError::Clock(wrong));
        }
        let mut harvest = match answered {
            Ok(harvest) => harvest,
            Err(error) => {
                last.loaded = Some(loaded);
                self.park(metered, lease, &error, now).await?;
                // That one account could not be asked for says nothing of the others.
                if reach == Reach::All {
                    self.store.record_failure(lease, now, error.reason(), &error.to_string()).await?;
                }
                return Err(PollError::Panel(error));
            }
        };
        if lease.parked != Parked::default() {
            self.store.park(lease, Parked::default()).await?;
        }
        metered.take_answered().into_iter().for_each(|host| harvest.by_road(host));
        let road = harvest.road();
        let new_road = reach != Reach::History && loaded.is_new_road(&road);
        if reach != Reach::History {
            silence::mark(&mut harvest, &loaded.book, metered.backend.as_ref());
        }
        report.count(&harvest);
        if new_road {
            report.warnings.push(by_another_road(&loaded, &road));
        }
        report.warnings.extend(silence::crowd(&harvest, metered.crowd).filter(|_| reach == Reach::All));
        let rules = SettleRules { bounds: Bounds { new_road, ..metered.bounds }, ..self.rules };
        let sold = Arc::new(Sold::of(&self.store, &self.panels(), metered).await?);
        let today = rules.zone.day_of(now);
        // Settling a hundred thousand accounts is work for a thread that nothing waits on.
        let asked = Arc::clone(&sold);
        let unwanted: Vec<AccountName> =
            loaded.book.names.keys().filter(|name| !metered.wants(name)).cloned().collect();
        let crowd = metered.crowd;
        let (answer, loaded, look) = aside(move || {
            let changing = match reach {
                Reach::History => HashSet::new(),
                Reach::All | Reach::Some => asked.changing(&loaded.book, &harvest, today),
            };
            let mut leaving = asked.leaving(&loaded.book, &harvest);
            leaving.extend(unwanted);
            let look = look(&loaded.book, &harvest, now, &Expected { changing, leaving, crowd });
            (harvest, loaded, look)
        })
        .await?;
        harvest = answer;
        let books = (&loaded.book, &look);
        sold.mark_copied(&self.store, &metered.id, books, &mut harvest, rules.zone).await?;
        let asked = Arc::clone(&sold);
        let (harvest, loaded, mut settled, mut after, titles) = aside(move || {
            let settled = settle_looked(&loaded.book, &harvest, look, now, &rules);
            let after = loaded.book.after(&settled);
            let titles = match reach {
                Reach::History => Titles::default(),
                Reach::All | Reach::Some => asked.titles(&after, &harvest, reach, today, rules.zone),
            };
            (harvest, loaded, settled, after, titles)
        })
        .await?;
        settled.notes.extend(silence::notes(&harvest, &loaded, &after, now));
        settled.owners = self.store.owner_changes(&loaded, &settled, &after, &titles.intents, now).await?;
        settled.owners.iter().for_each(|change| after.apply_owner(change));
        let (limits, channels) = self.limits();
        let (backend, by_suspending) = (metered.id.clone(), metered.limits_by_suspending());
        let (harvest, mut loaded, after, mut judged) = aside(move || {
            let evaluation = Evaluation {
                limits: &limits,
                backend: &backend,
                loaded: &loaded,
                book: &after,
                moment: Moment::new(now, rules.zone, rules.max_gap),
                by_suspending,
                sold: &sold,
                by_hand: beside == Beside::None,
            };
            let judged = match reach {
                Reach::History => JudgedPoll::default(),
                Reach::All | Reach::Some => evaluation.judge(&harvest, beside, titles.mapped),
            };
            (harvest, loaded, after, judged)
        })
        .await?;
        judged.channels = &channels;
        if let Some(doubt) = settled.list_doubt.filter(|_| reach == Reach::All) {
            report.warnings.push(doubted(metered, &doubt));
            // Whose list is not believed has nobody's things as before.
            report.unclaimed = loaded.unclaimed.values().cloned().collect();
        }
        report.noted = settled.notes.len();
        self.report_notes(metered, &settled.notes);
        if reach == Reach::All {
            self.report_held(metered, &judged.decided.held);
        }
        let poll =
            Poll { at: now, kind: metered.kind.name, harvest: &harvest, settled, after, reach, judged };
        if heart.is_late() {
            return Err(PollError::Outlived);
        }
        // A book that was not committed may not be believed: it is loaded again next time.
        report.day_points_changed = self.store.commit(lease, &mut loaded, poll).await?.day_points;
        last.loaded = Some(loaded);
        Ok(())
    }

    /// Whether our clock may date what was answered just now.
    async fn clock_is_right(&self, metered: &ConfiguredPanel) -> Result<Result<(), ClockWrong>, StoreError> {
        let mut witnesses = Vec::new();
        // The panel that was asked first; others know the time as well.
        let panels = self.panels();
        let others = panels.iter().map(AsRef::as_ref).filter(|other| other.id != metered.id);
        for panel in std::iter::once(metered).chain(others) {
            if let Some(shows) = panel.panel_time() {
                let shows = self.store.as_accepted(&panel.id, shows).await?;
                witnesses.push(Witness { whose: Whose::Panel(panel.id.clone()), shows });
            }
        }
        // A clock of tests is not the database's.
        if self.clock.is_system()
            && let Some(shows) = self.store.server_time().await?
        {
            witnesses.push(Witness { whose: Whose::Database, shows });
        }
        Ok(judge(self.clock.now(), &witnesses))
    }

    /// Asks the panel within its budget; a crash in its code is an answer we did not understand.
    async fn ask(&self, metered: &ConfiguredPanel, question: Question) -> Result<Harvest, BackendError> {
        let backend = Arc::clone(&metered.backend);
        let only = match &question {
            Question::Now(ask) => ask.only.clone(),
            Question::Past(_) => None,
        };
        let asking = tokio::spawn(async move {
            let mut harvest = Harvest::new();
            match question {
                Question::Now(ask) => backend.poll(&ask, &mut harvest).await?,
                Question::Past(past) => match backend.history() {
                    Some(history) => history.backfill(&past, &mut harvest).await?,
                    None => {
                        let why = "history: this kind of panel keeps none".into();
                        return Err(BackendError::NotOffered(why));
                    }
                },
            }
            Ok::<Harvest, BackendError>(harvest)
        });
        let stop = AbortOnDrop(asking.abort_handle());
        let answered = tokio::time::timeout(POLL_BUDGET, asking).await;
        let mut harvest = match answered {
            Err(_) => {
                drop(stop);
                let within = humantime::format_duration(POLL_BUDGET);
                return Err(BackendError::Unreachable(format!("the poll did not end within {within}")));
            }
            Ok(Err(error)) => return Err(crashed(&error)),
            Ok(Ok(harvest)) => harvest?,
        };
        harvest.retain(|account| metered.wants(account));
        for (account, level) in harvest.take_earlier_lives() {
            harvest.warn(format!(
                "account {account} is not metered: a name that ends in ~ and a number is an earlier life's; call it \
                 otherwise on the panel, or leave it out with account_exclude"
            ));
            harvest.unclaimed(Unclaimed { level, ..Unclaimed::new(account.as_str(), Unclaimed::ORPHAN) });
        }
        if let Some(only) = &only {
            harvest.keep_only(only);
        }
        Ok(harvest)
    }

    /// Logs a poll and counts it, once.
    fn log_report(&self, metered: &ConfiguredPanel, report: &PollReport) {
        let backend = &metered.id;
        let took = report.took;
        match &report.failed {
            None => tracing::info!(
                %backend, accounts = report.accounts_read, failed = report.accounts_failed.len(),
                day_points = report.day_points_changed, ?took, "polled"
            ),
            Some(error) if error.is_somebody_elses() => tracing::debug!(%backend, "{error}"),
            Some(error) => tracing::warn!(%backend, reason = error.reason(), ?took, "poll failed: {error}"),
        }
        let outcome = match &report.failed {
            // Whoever polls it counts it.
            Some(error) if error.is_somebody_elses() => return,
            Some(error) => PollOutcome::Failed(error.reason()),
            None => PollOutcome::Read { read: report.accounts_read, failed: report.accounts_failed.len() },
        };
        self.telemetry.poll_done(backend, outcome, took);
        if report.failed.is_none() {
            self.telemetry.unclaimed(backend, &report.unclaimed);
        }
    }

    /// Logs what should be fixed, once, and again only after it was fixed or changed. Returns what is
    /// to be fixed now.
    fn warn(
        &self,
        metered: &ConfiguredPanel,
        report: &PollReport,
        known: &HashSet<String>,
    ) -> HashSet<String> {
        let failed = report.accounts_failed.iter();
        let failed = failed.map(|failed| {
            format!("account {} not read ({}): {}", failed.account, failed.reason, failed.detail)
        });
        let now: HashSet<String> = report.warnings.iter().cloned().chain(failed).collect();
        for warning in now.difference(known) {
            tracing::warn!(backend = %metered.id, "{warning}");
        }
        now
    }

    /// Says loudly that a whole crowd would have been limited, or restored, at once.
    fn report_held(&self, metered: &ConfiguredPanel, held: &[AccountName]) {
        self.telemetry.limits_held(&metered.id, held.len());
        if !held.is_empty() {
            tracing::error!(
                backend = %metered.id, accounts = held.len(), first = %held[0],
                "too many accounts would be limited or restored at once, so none is: see `whmeter plan`, then raise \
                 max_limited_at_once or limit single accounts with `whmeter policy reconcile`"
            );
        }
    }

    fn report_notes(&self, metered: &ConfiguredPanel, notes: &[Noted]) {
        for noted in notes {
            self.telemetry.note(&metered.id, &noted.note);
            tracing::debug!(
                backend = %metered.id, account = %noted.account, meter = %noted.meter, source = %noted.source,
                "{}", noted.note
            );
        }
    }
}

/// What is said of a list that is doubted.
fn doubted(metered: &ConfiguredPanel, doubt: &ListDoubt) -> String {
    format!(
        "{} of {} accounts are missing from the panel's list since {}: none counts as gone until an \
         operator confirms it. If whmeter's user on the panel lost a right, restore it; if they are \
         really gone, run `whmeter accept {} --reason TEXT`",
        doubt.missing, doubt.of, doubt.since, metered.id
    )
}

/// What is said of figures that come by another road.
fn by_another_road(loaded: &Loaded, road: &str) -> String {
    let before = loaded.roads.last().map(String::as_str).unwrap_or_default();
    format!(
        "figures come from another source than before ({road}; before: {before}): lower values wait for a second answer"
    )
}

/// What is wanted of a pass.
#[derive(PartialEq)]
enum Wish {
    /// A poll, unless another whmeter has polled it since it was due.
    IfDue,
    /// A poll, of all accounts or of one.
    Now(Option<AccountName>),
    /// A look at one account, because an operator wants done what its usage demands.
    ByHand(AccountName),
    /// What the panel still knows of a time gone by.
    History { since: Timestamp, until: Timestamp },
}

/// What the panel is asked.
enum Question {
    Now(PollRequest),
    Past(Past),
}

impl Question {
    /// Hands the backend what its panel has reported before.
    fn hear(&mut self, heard: Heard) {
        match self {
            Question::Now(ask) => ask.heard = heard,
            Question::Past(_) => {}
        }
    }
}

impl Wish {
    /// Whom the brake counts together with those that are looked at.
    fn beside(&self) -> Beside {
        match self {
            Wish::IfDue | Wish::Now(None) | Wish::History { .. } => Beside::LimitedOfLate,
            Wish::Now(Some(_)) => Beside::All,
            Wish::ByHand(_) => Beside::None,
        }
    }

    /// The question to ask, and whom its answer will be about.
    fn question(self, loaded: &Loaded, now: Timestamp) -> (Question, Reach) {
        let (only, reach) = match self {
            Wish::IfDue | Wish::Now(None) => (None, Reach::All),
            Wish::Now(only) => (only, Reach::Some),
            Wish::ByHand(account) => (Some(account), Reach::Some),
            Wish::History { since, until } => {
                let past = Past { now, since, until: until.min(now) };
                return (Question::Past(past), Reach::History);
            }
        };
        let limited = loaded.limited();
        let ask =
            PollRequest { now, since: loaded.unread_since(now), only, limited, heard: Heard::default() };
        (Question::Now(ask), reach)
    }
}

/// Does work on a thread that nothing waits on.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, PollError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| PollError::Panel(crashed(&error)))
}

fn crashed(error: &tokio::task::JoinError) -> BackendError {
    BackendError::Internal(format!("a task stopped: {error}"))
}

/// Ends a task that nothing waits for any more.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Renews a lease while a poll lasts.
pub(super) struct Heartbeat {
    task: tokio::task::JoinHandle<()>,
    /// When the lease was asked for last, and given.
    held: Arc<Mutex<Instant>>,
}

impl Heartbeat {
    /// Renews a lease that was asked for at `asked`.
    pub(super) fn start(collector: &Collector, lease: Lease, asked: Instant) -> Heartbeat {
        let (store, clock) = (collector.store.clone(), collector.clock);
        let held = Arc::new(Mutex::new(asked));
        let renewed = Arc::clone(&held);
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(LEASE.get() / 3)).await;
                let asked = Instant::now();
                // A lease that is lost is noticed by the commit, which refuses.
                if matches!(store.renew_lease(&lease, clock.now(), LEASE).await, Ok(true)) {
                    *renewed.lock().unwrap_or_else(PoisonError::into_inner) = asked;
                }
            }
        });
        Heartbeat { task, held }
    }

    /// Whether the lease may have run out meanwhile: the database stood still, or we did.
    fn is_late(&self) -> bool {
        let held = *self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.elapsed() > Duration::from_secs(LEASE.get())
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl From<StoreError> for PollError {
    fn from(error: StoreError) -> PollError {
        PollError::Store(error)
    }
}

impl PollError {
    /// Whether nothing is wrong but that another whmeter is quicker, that what is wrong was reported before, or that we
    /// stop.
    pub fn is_somebody_elses(&self) -> bool {
        matches!(
            self,
            PollError::Elsewhere | PollError::JustPolled | PollError::Parked(_) | PollError::Stopping
        )
    }

    /// Whether the trouble is on our side, so that the store may know nothing of it.
    pub fn is_ours(&self) -> bool {
        matches!(self, PollError::Store(_) | PollError::Outlived)
    }

    /// The label value.
    pub fn reason(&self) -> &'static str {
        match self {
            PollError::Panel(error) => error.reason().name(),
            PollError::Taken(_) => Reason::Taken.name(),
            PollError::Clock(_) => Reason::Clock.name(),
            PollError::Store(_) | PollError::Outlived => "store",
            PollError::Elsewhere | PollError::JustPolled | PollError::Parked(_) | PollError::Stopping => {
                Reason::Busy.name()
            }
        }
    }
}
