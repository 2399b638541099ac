//! Builds every room, joins their routes, and owns start and stop.

mod explained;
mod page;
mod polls;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum_server::tls_rustls::RustlsConfig;
use tokio::sync::mpsc;

use explained::Explainer;
pub(crate) use explained::{BilledLine, Explained, explained};
use polls::Polls;

use crate::access::{Access, Scope, guard};
use crate::clock::Clock;
use crate::collector::{Collector, PollReport};
use crate::config::{Config, ServeSettings};
use crate::console::Console;
use crate::dispatcher::Dispatcher;
use crate::domain::{BackendId, Seconds};
use crate::exposition::{self, Exposition};
use crate::problem::Problem;
use crate::settings::Period;
use crate::store::{Store, StoreError};
use crate::telemetry::Telemetry;
use crate::usage_api::{BILLABLE, LONGEST_SERVICES, Recalculation, SERVICES, UsageApi};

/// A stop takes no longer than this.
const STOP_WITHIN: Duration = Duration::from_secs(8);

/// A request body longer than this is refused.
const LONGEST_BODY: usize = 1 << 20;

/// Switches that ended are shown this often: thousands may end together.
const SHOW_ACTS_EVERY: Duration = Duration::from_secs(1);

/// Days are folded this often.
const PRUNE_EVERY: Duration = Duration::from_secs(6 * 3600);

/// What was delivered is kept this long, for whoever asks whether a customer was told.
const KEEP_DELIVERED: Seconds = Seconds::hours(400 * 24);

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
    poll_asked: mpsc::UnboundedReceiver<BackendId>,
    polls: Polls,
}

impl App {
    /// Builds the rooms; asks no panel and serves nothing yet.
    pub async fn build(config: Config, clock: Clock) -> Result<(App, ServeSettings), AppError> {
        let store = Store::open(config.store.clone(), &config.folder).await?;
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
        let (to_poll, poll_asked) = mpsc::unbounded_channel();
        let console = Console::new(
            store.clone(),
            clock,
            config.zone,
            to_poll,
            Arc::new(Explainer::new(store.clone(), clock, config.zone)),
        );
        let app = App {
            store,
            clock,
            collector: Arc::new(collector),
            dispatcher,
            exposition,
            usage_api,
            console,
            access: Access::default(),
            telemetry,
            polled,
            recalculate,
            poll_asked,
            polls: Polls::default(),
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
        let max_age = config.max_age();
        self.usage_api.configure(&config.whmcs, config.servers());
        self.access.configure(config.tokens);
        let channels = config.channels.names();
        self.telemetry.know_channels(channels.iter().map(|channel| channel.name()).chain(["policy"]));
        self.dispatcher.configure(&config.panels, config.channels);
        self.collector.configure_limits(config.limits, channels);
        self.console.configure(&config.panels, config.prices, max_age);
        self.collector.configure(config.panels).await?;
        Ok(())
    }

    /// Serves and polls until told to stop.
    pub async fn run(mut self, serve: ServeSettings, config_file: &Path) -> Result<(), AppError> {
        self.show_everything().await?;
        let stop = axum_server::Handle::new();
        let servers = self.listen(&serve, &stop).await?;
        let mut timetable = self.collector.start().await?;
        let dispatcher = self.dispatcher.clone();
        let delivering = tokio::spawn(async move { dispatcher.run().await });
        tracing::info!(addresses = ?serve.addresses(), backends = self.collector.panels().len(), "whmeter is up");
        self.until_stopped(config_file).await?;
        tracing::info!("stopping");
        // What is under way ends or is tried again; nothing new is begun.
        delivering.abort();
        stop.graceful_shutdown(Some(STOP_WITHIN / 2));
        if let Err(error) = timetable.shutdown().await {
            tracing::debug!("timetable: {error}");
        }
        // What is being committed is finished or never was: the process may end at any point of it.
        let ends = async {
            for server in servers {
                let _ = server.await;
            }
            self.store.close().await;
        };
        if tokio::time::timeout(STOP_WITHIN, ends).await.is_err() {
            tracing::warn!("not everything ended in time; unfinished polls are dropped whole");
        }
        Ok(())
    }

    async fn until_stopped(&mut self, config_file: &Path) -> Result<(), AppError> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        let mut hup = signal(SignalKind::hangup())?;
        let mut prune = tokio::time::interval(PRUNE_EVERY);
        let mut acted = tokio::time::interval(SHOW_ACTS_EVERY);
        loop {
            tokio::select! {
                _ = term.recv() => return Ok(()),
                _ = int.recv() => return Ok(()),
                _ = hup.recv() => self.reread(config_file).await,
                Some(report) = self.polled.recv() => {
                    self.dispatcher.wake();
                    self.show(&report).await;
                }
                _ = acted.tick() => self.show_acts().await,
                Some(asked) = self.recalculate.recv() => {
                    self.collector.poll_soon(asked.backend.as_str(), Some(asked.account));
                }
                Some(backend) = self.poll_asked.recv() => {
                    self.collector.poll_soon(backend.as_str(), None);
                }
                _ = prune.tick() => self.prune(),
            }
        }
    }

    /// An invalid file is refused and the running one stays.
    async fn reread(&self, config_file: &Path) {
        let outcome = match Config::read(config_file, self.clock) {
            Ok(config) => self.configure(config).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match outcome {
            Ok(()) => tracing::info!("config read again"),
            Err(error) => tracing::error!("config not taken, the old one stays: {error}"),
        }
    }

    fn prune(&self) {
        let (collector, store, clock) = (self.collector.clone(), self.store.clone(), self.clock);
        tokio::spawn(async move {
            let keep = collector.panels().iter().filter_map(|m| Some((m.id.clone(), m.keep_days?))).collect();
            match store.prune(collector.zone().day_of(clock.now()), &keep).await {
                Ok(pruned) if pruned.day_points > 0 => {
                    tracing::info!(day_points = pruned.day_points, "days folded into months");
                }
                Ok(_) => {}
                Err(error) => tracing::warn!("days not folded: {error}"),
            }
            if let Err(error) = store.prune_outbox(clock.now().minus(KEEP_DELIVERED)).await {
                tracing::warn!("what was delivered long ago is not forgotten: {error}");
            }
            for metered in collector.panels().iter() {
                let backend = &metered.id;
                match store.fold_journal(backend, clock.now(), &collector.rules()).await {
                    Ok(entries) if entries > 0 => tracing::info!(%backend, entries, "journal folded"),
                    Ok(_) => {}
                    Err(error) => tracing::warn!(%backend, "journal not folded: {error}"),
                }
            }
        });
    }

    async fn listen(
        &self,
        serve: &ServeSettings,
        stop: &axum_server::Handle<SocketAddr>,
    ) -> Result<Vec<tokio::task::JoinHandle<()>>, AppError> {
        let tls = match (&serve.tls_cert, &serve.tls_key) {
            (Some(cert), Some(key)) => {
                Some(RustlsConfig::from_pem_file(cert, key).await.map_err(|error| AppError::Serve {
                    address: serve.listen,
                    why: format!("tls_cert or tls_key: {error}"),
                })?)
            }
            _ => None,
        };
        let mut servers = Vec::new();
        for (address, routes) in self.routes(serve) {
            let listener = std::net::TcpListener::bind(address).map_err(|error| AppError::Serve {
                address,
                why: format!("{error}; is another whmeter running? choose another http.listen"),
            })?;
            listener.set_nonblocking(true)?;
            let service = routes.into_make_service();
            let handle = stop.clone();
            let tls = tls.clone();
            servers.push(tokio::spawn(async move {
                let ended = match tls {
                    Some(tls) => match axum_server::from_tcp_rustls(listener, tls) {
                        Ok(server) => server.handle(handle).serve(service).await,
                        Err(error) => Err(error),
                    },
                    None => match axum_server::from_tcp(listener) {
                        Ok(server) => server.handle(handle).serve(service).await,
                        Err(error) => Err(error),
                    },
                };
                if let Err(error) = ended {
                    tracing::error!(%address, "serving ended: {error}");
                }
            }));
        }
        Ok(servers)
    }

    /// The routes of each address.
    fn routes(&self, serve: &ServeSettings) -> Vec<(SocketAddr, Router)> {
        let guarded = |routes: Router, scope| {
            routes.route_layer(axum::middleware::from_fn_with_state((self.access.clone(), scope), guard))
        };
        let parts = [
            (serve.metrics_listen, guarded(self.exposition.routes(self.clock), Scope::Metrics)),
            (serve.api_listen, guarded(self.usage_api.clone().routes(), Scope::Billing)),
            (serve.api_listen, guarded(self.usage_api.clone().policy_routes(), Scope::Admin)),
            (serve.console_listen, guarded(self.console.clone().routes(), Scope::Read)),
            (serve.console_listen, guarded(self.console.clone().admin_routes(), Scope::Admin)),
            (serve.console_listen, Console::open_routes()),
        ];
        let mut addresses: Vec<(SocketAddr, Router)> = Vec::new();
        let all = serve.addresses().into_iter().map(|address| (address, Router::new()));
        for (own, routes) in all.map(|(a, r)| (Some(a), r)).chain(parts) {
            let address = own.unwrap_or(serve.listen);
            match addresses.iter().position(|(known, _)| *known == address) {
                Some(index) => {
                    let joined = std::mem::take(&mut addresses[index].1).merge(routes);
                    addresses[index].1 = joined;
                }
                None => addresses.push((address, routes)),
            }
        }
        addresses.into_iter().map(|(address, routes)| (address, self.finish(routes))).collect()
    }

    fn finish(&self, routes: Router) -> Router {
        let health = Router::new()
            .route("/-/healthy", get(|| async { "ok\n" }))
            .route("/-/ready", get(ready))
            .with_state(self.store.clone());
        let nothing_here =
            || async { Problem::new(StatusCode::NOT_FOUND, "nothing is served under this path") };
        let not_so =
            || async { Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path takes another method") };
        routes
            .merge(health)
            .fallback(nothing_here)
            .method_not_allowed_fallback(not_so)
            .layer(axum::middleware::from_fn(refuse_long_bodies))
            .layer(DefaultBodyLimit::max(LONGEST_BODY))
    }
}

/// Ready: the store answers and its schema is ours, or this process would not have started.
async fn ready(State(store): State<Store>) -> Result<&'static str, Problem> {
    match store.ready().await {
        Ok(()) => Ok("ok\n"),
        Err(error) => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())),
    }
}

/// A body that says it is too long is refused before anybody reads it.
async fn refuse_long_bodies(
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> Result<axum::response::Response, Problem> {
    let length = request.headers().get(axum::http::header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    // The lists that WHMCS tells are the bodies that may be long.
    let is_list = [SERVICES, BILLABLE].contains(&request.uri().path());
    let longest = if is_list { LONGEST_SERVICES } else { LONGEST_BODY };
    if length.is_some_and(|length| length > longest as u64) {
        let detail = format!("a body may have at most {} MiB here", longest >> 20);
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    Ok(next.run(request).await)
}
