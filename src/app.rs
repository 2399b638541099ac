//! Builds every room, joins their routes, and owns start and stop.

mod explained;
mod page;
mod polls;
mod server;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use explained::Explainer;
pub(crate) use explained::{Explained, explained};
use polls::Polls;
use server::Going;
pub(crate) use server::check_tls;

use crate::clock::Clock;
use crate::collector::{Collector, PollReport};
use crate::config::{Config, ServeSettings};
use crate::console::{Console, WantedPoll};
use crate::dispatcher::Dispatcher;
use crate::domain::{BackendId, BillingZone, Month};
use crate::exposition::{self, Exposition};
use crate::settings::Period;
use crate::standing::Stamp;
use crate::store::{Store, StoreError, StoreSettings};
use crate::telemetry::Telemetry;
use crate::upkeep::{self, Upkeep};
use crate::usage_api::{Recalculation, UsageApi};
use crate::web::{Access, Served, openapi};

/// A stop takes no longer than this.
const STOP_WITHIN: Duration = Duration::from_secs(8);

/// What was committed is shown this often: thousands of switches may end together.
const SHOW_EVERY: Duration = Duration::from_secs(1);

/// Other processes commit, too: the database is looked at for that this often, and for whether a report is due.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// What cannot be reported to WHMCS any more is counted this often.
const COUNT_UNTOLD_EVERY: Duration = Duration::from_secs(600);

/// Why the daemon could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An address cannot be listened on, or TLS cannot be set up.
    #[error("cannot serve on {address}: {why}")]
    Serve {
        /// The address.
        address: SocketAddr,
        /// Why.
        why: String,
    },
    /// The timetable.
    #[error("the timetable cannot be started: {0}")]
    Timetable(#[from] tokio_cron_scheduler::JobSchedulerError),
    /// Signals cannot be listened for.
    #[error("cannot listen for signals: {0}")]
    Signals(#[from] std::io::Error),
}

/// Every room, built and joined.
pub struct App {
    store: Store,
    clock: Clock,
    collector: Arc<Collector>,
    dispatcher: Dispatcher,
    exposition: Exposition,
    usage_api: UsageApi,
    console: Console,
    access: Access,
    telemetry: Telemetry,
    polled: mpsc::UnboundedReceiver<PollReport>,
    recalculate: mpsc::UnboundedReceiver<Recalculation>,
    poll_asked: mpsc::UnboundedReceiver<WantedPoll>,
    polls: Polls,
    /// What of each backend the page shows.
    shown: HashMap<BackendId, Stamp>,
    /// What of what was reported to each WHMCS server the page shows: of which month, and as of which time.
    reported: HashMap<i64, (Month, i64)>,
    /// The backends with accounts that the config does not have.
    unconfigured: BTreeMap<BackendId, usize>,
    upkeep: Upkeep,
    /// The report for staff that is being worded: a large fleet takes longer than until the next look.
    reporting: Option<JoinHandle<()>>,
    /// What only a restart changes.
    fixed: Fixed,
}

/// The parts of the config that a running process does not change.
struct Fixed {
    store: StoreSettings,
    zone: BillingZone,
    http: ServeSettings,
}

impl Fixed {
    /// The keys that another config has differently: they wait for a restart.
    fn differing(&self, new: &Config) -> Vec<&'static str> {
        let mut differing = self.store.differing(&new.store);
        let mut add = |differs: bool, key| differing.extend(differs.then_some(key));
        add(self.zone != new.zone, "whmcs.timezone");
        add(self.http.addresses() != new.http.addresses(), "http.listen");
        add(self.http.tls_cert != new.http.tls_cert, "http.tls_cert");
        add(self.http.tls_key != new.http.tls_key, "http.tls_key");
        differing
    }
}

impl App {
    /// Builds the rooms; asks no panel and serves nothing yet.
    pub async fn build(config: Config, clock: Clock) -> Result<(App, ServeSettings), AppError> {
        let store = Store::open(config.store.clone(), &config.folder).await?;
        store.keep_zone(config.zone).await?;
        let telemetry = Telemetry::new();
        let settings = exposition::Settings { max_age: Period(config.whmcs.max_age.0) };
        let exposition = Exposition::new(settings, config.zone, telemetry.clone());
        let (to_polled, polled) = mpsc::unbounded_channel();
        let (to_recalculate, recalculate) = mpsc::unbounded_channel();
        let collector = Collector::new(store.clone(), clock, config.rules(), telemetry.clone(), to_polled);
        let dispatcher = Dispatcher::new(store.clone(), clock, telemetry.clone());
        let usage_api = UsageApi::new(
            store.clone(),
            clock,
            telemetry.clone(),
            config.zone,
            &config.whmcs,
            to_recalculate,
        );
        let upkeep = Upkeep::new(store.clone(), clock, config.rules());
        let (to_poll, poll_asked) = mpsc::unbounded_channel();
        let console = Console::new(
            store.clone(),
            clock,
            config.zone,
            to_poll,
            Arc::new(Explainer::new(store.clone(), usage_api.clone())),
        );
        let fixed = Fixed { store: config.store.clone(), zone: config.zone, http: config.http.clone() };
        let app = App {
            fixed,
            store,
            clock,
            collector: Arc::new(collector),
            dispatcher,
            exposition,
            usage_api,
            console,
            access: Access::new(telemetry.clone()),
            telemetry,
            polled,
            recalculate,
            poll_asked,
            polls: Polls::default(),
            shown: HashMap::new(),
            reported: HashMap::new(),
            unconfigured: BTreeMap::new(),
            upkeep,
            reporting: None,
        };
        let serve = config.http.clone();
        app.configure(config).await?;
        Ok((app, serve))
    }

    /// The collector, for commands that poll by hand.
    pub fn collector(&self) -> &Arc<Collector> {
        &self.collector
    }

    /// The dispatcher, for commands that switch by hand.
    pub fn dispatcher(&self) -> &Dispatcher {
        &self.dispatcher
    }

    /// The console, for commands that report by hand.
    pub fn console(&self) -> &Console {
        &self.console
    }

    /// The store, for commands that look before they act.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Takes in a config that was read anew. Addresses, zone and store need a restart.
    async fn configure(&self, config: Config) -> Result<(), AppError> {
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        for old in self.collector.panels().iter() {
            if !config.panels.iter().any(|new| new.id == old.id) {
                self.exposition.remove(&old.id);
                self.telemetry.forget_backend(&old.id);
            }
        }
        for new in &config.panels {
            self.telemetry.know_backend(&new.id);
        }
        let setup = config.setup();
        self.usage_api.configure(&config.whmcs, config.servers(), config.prices.clone());
        self.access.configure(config.tokens);
        let channels = config.channels.names();
        self.telemetry.know_channels(channels.iter().map(|channel| channel.name()).chain(["policy"]));
        self.upkeep.configure(config.channels.clone());
        self.dispatcher.configure(&config.panels, config.channels);
        self.collector.configure_limits(config.limits.clone(), channels);
        self.console.configure(setup);
        self.collector.configure(config.panels).await?;
        Ok(())
    }

    /// Serves and polls until asked to stop.
    pub async fn run(mut self, serve: ServeSettings, config_file: &Path) -> Result<(), AppError> {
        self.show_everything().await?;
        self.collector.end_parking().await?;
        let (leave, going) = watch::channel(Going::On);
        let servers = server::listen(&serve, self.routes(&serve), self.telemetry.clone(), going).await?;
        let mut timetable = self.collector.start().await?;
        let dispatcher = self.dispatcher.clone();
        let delivering = tokio::spawn(async move { dispatcher.run().await });
        tracing::info!(addresses = ?serve.addresses(), backends = self.collector.panels().len(), "whmeter is up");
        self.until_stopped(config_file, &serve.addresses()).await?;
        tracing::info!("stopping");
        // What is under way ends or is tried again; nothing new is begun.
        delivering.abort();
        leave.send_replace(Going::Leave);
        if let Err(error) = timetable.shutdown().await {
            tracing::debug!("timetable: {error}");
        }
        // What is being committed is finished or never was: the process may end at any point of it.
        let ends = async {
            self.collector.stop().await;
            let answered = futures_util::future::join_all(servers);
            let _ = tokio::time::timeout(STOP_WITHIN / 2, answered).await;
            self.store.close().await;
        };
        if tokio::time::timeout(STOP_WITHIN, ends).await.is_err() {
            tracing::warn!("not everything ended in time; unfinished polls are dropped whole");
        }
        Ok(())
    }

    async fn until_stopped(&mut self, config_file: &Path, bound: &[SocketAddr]) -> Result<(), AppError> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        let mut hup = signal(SignalKind::hangup())?;
        let mut upkeep = tokio::time::interval(upkeep::EVERY);
        let mut show = tokio::time::interval(SHOW_EVERY);
        // Everything was shown at the start: these need not be right behind it.
        let after = |wait| tokio::time::Instant::now() + wait;
        let mut look = tokio::time::interval_at(after(LOOK_EVERY), LOOK_EVERY);
        let mut untold = tokio::time::interval_at(after(LOOK_EVERY), COUNT_UNTOLD_EVERY);
        let mut moves = self.store.moves();
        loop {
            tokio::select! {
                _ = term.recv() => return Ok(()),
                _ = int.recv() => return Ok(()),
                _ = hup.recv() => {
                    self.reread(config_file, bound).await;
                    self.show_unconfigured().await;
                    self.promise_report();
                }
                Some(report) = self.polled.recv() => {
                    self.dispatcher.wake();
                    self.show(&report).await;
                }
                _ = show.tick() => {
                    if moves.has_changed().unwrap_or(false) {
                        moves.mark_unchanged();
                        self.show_moved().await;
                    }
                }
                _ = look.tick() => {
                    self.show_moved().await;
                    self.show_unconfigured().await;
                    self.show_heads().await;
                    self.show_reported().await;
                    self.promise_report();
                }
                _ = untold.tick() => self.show_untold().await,
                Some(asked) = self.recalculate.recv() => {
                    let Recalculation { backend, account, by_hand } = asked;
                    self.collector.poll_soon(backend.as_str(), Some(account), by_hand);
                }
                Some(WantedPoll { backend, account }) = self.poll_asked.recv() => {
                    self.collector.poll_soon(backend.as_str(), account, true);
                }
                _ = upkeep.tick() => {
                    let (upkeep, panels) = (self.upkeep.clone(), self.collector.panels());
                    tokio::spawn(async move { upkeep.run(&panels).await });
                }
            }
        }
    }

    /// Promises staff the report of today where it is due; nothing waits for it.
    fn promise_report(&mut self) {
        if self.reporting.as_ref().is_some_and(|reporting| !reporting.is_finished()) {
            return;
        }
        let (reports, dispatcher) = (self.console.staff_reports(), self.dispatcher.clone());
        self.reporting = Some(tokio::spawn(async move {
            match reports.promise_daily().await {
                Ok(true) => dispatcher.wake(),
                Ok(false) => {}
                Err(error) => tracing::warn!("the report for staff is not made, and tried again: {error}"),
            }
        }));
    }

    /// An invalid file is refused and the running one stays; so is one that is valid only for addresses that are not
    /// those listened on.
    async fn reread(&self, config_file: &Path, bound: &[SocketAddr]) {
        let read = Config::read(config_file, self.clock);
        let outcome = match read.and_then(|config| config.fit_for(bound).map(|()| config)) {
            Ok(config) => {
                let waiting = self.fixed.differing(&config);
                if !waiting.is_empty() {
                    tracing::warn!(
                        keys = waiting.join(", "),
                        "changed in the config, and as before in this process until whmeter is restarted"
                    );
                }
                self.taken_in(config).await.map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        match outcome {
            Ok(()) => tracing::info!("config read again"),
            Err(error) => tracing::error!("reload rejected; keeping the running configuration: {error}"),
        }
    }

    async fn taken_in(&self, config: Config) -> Result<(), AppError> {
        self.configure(config).await?;
        Ok(self.collector.end_parking().await?)
    }

    /// The routes of each address.
    fn routes(&self, serve: &ServeSettings) -> Vec<(SocketAddr, axum::Router)> {
        let access = &self.access;
        let mut parts = vec![
            (serve.metrics_listen, self.exposition.routes(access, self.clock)),
            (serve.api_listen, self.usage_api.clone().routes(access)),
            (serve.console_listen, self.console.clone().routes(access)),
        ];
        let health = server::health(access, self.store.clone());
        let all = parts.iter().map(|(_, part)| part).chain([&health]).flat_map(|part| &part.list);
        let document: Served = openapi(access, &all.copied().collect::<Vec<_>>());
        parts.push((serve.console_listen, document));
        let joined = server::joined(serve, parts).into_iter();
        joined
            .map(|(address, routes)| (address, server::finished(routes.and(health.clone()), access)))
            .collect()
    }
}
