//! The one place where worlds touch the meter: its real store, collector and routes, with panels and a clock that
//! the world plays.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};
use tower::ServiceExt;
use whmeter::backends::{
    Ask, Backend, BackendError, CheckStep, CommonSettings, ConfiguredPanel, Kind, Wants,
};
use whmeter::clock::Clock;
use whmeter::collector::{AdjustError, Collector, PollError};
use whmeter::domain::{
    AccountKey, AccountName, BackendId, BillingZone, Bytes, Epoch, Harvest, Identity, Meter, Reading,
    Seconds, Source, Timestamp, UsageDay,
};
use whmeter::metering::{Acceptance, Adjustment, Bounds, Rewind, Rules};
use whmeter::settings::{Section, SettingsError};
use whmeter::store::{CannotRewind, RewindTo, Store, StoreSettings};
use whmeter::telemetry::Telemetry;
use whmeter::usage_api::{Servers, UsageApi, WhmcsSettings};
use whmeter_simulators::world::generate::COMPANIONS;
use whmeter_simulators::world::panels::{Answer, Begun};
use whmeter_simulators::world::story::{BackendPlan, Story};
use whmeter_simulators::world::whmcs::Service;

/// What the panels of a world say when they are asked next.
pub enum Say {
    /// This, as a whole.
    Answer(Answer),
    /// Nothing: no connection.
    Down,
    /// Nothing, for ever: whoever asks is about to be killed.
    Silence,
}

/// How a poll ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Polled {
    /// Everything the panel said was committed.
    Committed,
    /// The panel could not be asked.
    NoAnswer,
    /// Another process has the lease.
    Elsewhere,
    /// Something else went wrong.
    Wrong(String),
}

/// What WHMCS was told at once: by tenant and metric, the value and what of it is carried, in hundred-thousandths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The numbers.
    pub values: BTreeMap<(String, String), (i128, i128)>,
    /// Who is withheld, and why.
    pub withheld: BTreeMap<String, String>,
}

struct Panel {
    says: Mutex<Say>,
    asked: Notify,
}

/// The meter of one world: one or two processes on one database.
pub struct Product {
    folder: tempfile::TempDir,
    zone: BillingZone,
    clock: &'static AtomicI64,
    plans: Vec<BackendPlan>,
    panels: Vec<Arc<Panel>>,
    replicas: BTreeMap<usize, Replica>,
}

struct Replica {
    store: Store,
    collector: Collector,
    routes: Router,
}

static KIND: Kind = Kind {
    name: "world",
    meters: &Meter::ALL,
    can_limit: false,
    max_rate: None,
    sample: "",
    open: |_, _| Err(never_opened()),
};

fn never_opened() -> SettingsError {
    SettingsError::new("kind", "a world's panels are not opened from a config")
}

impl Product {
    /// A meter on an empty database.
    pub fn new(story: &Story) -> Product {
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
        let panel = |_| Arc::new(Panel { says: Mutex::new(Say::Down), asked: Notify::new() });
        Product {
            folder: tempfile::Builder::new().prefix("whmeter-world").tempdir_in(place).unwrap(),
            zone: BillingZone::parse(&story.zone).unwrap(),
            clock: Box::leak(Box::new(AtomicI64::new(0))),
            plans: story.backends.clone(),
            panels: story.backends.iter().map(panel).collect(),
            replicas: BTreeMap::new(),
        }
    }

    /// Lets it be this late.
    pub fn set_clock(&self, at: i64) {
        self.clock.store(at, Ordering::Relaxed);
    }

    /// Polls a panel that says `say`.
    pub async fn poll(&mut self, replica: usize, backend: usize, say: Say) -> Polled {
        *self.panels[backend].says.lock().unwrap_or_else(PoisonError::into_inner) = say;
        let replica = self.replica(replica).await;
        let panel = Arc::clone(&replica.collector.panels()[backend]);
        let report = replica.collector.poll(&panel, None).await;
        match report.failed {
            None => Polled::Committed,
            Some(PollError::Panel(BackendError::Unreachable(_))) => Polled::NoAnswer,
            Some(PollError::Elsewhere) => Polled::Elsewhere,
            Some(error) => Polled::Wrong(error.to_string()),
        }
    }

    /// Polls a panel and is killed before it answers. Says whether it came to that.
    pub async fn poll_killed(&mut self, number: usize, backend: usize) -> bool {
        let panel = Arc::clone(&self.panels[backend]);
        *panel.says.lock().unwrap_or_else(PoisonError::into_inner) = Say::Silence;
        let replica = self.replica(number).await;
        let configured = Arc::clone(&replica.collector.panels()[backend]);
        let killed = tokio::select! {
            _ = replica.collector.poll(&configured, None) => false,
            () = panel.asked.notified() => true,
        };
        self.kill(number);
        killed
    }

    /// A process is gone from one moment to the next; it is started again when it is needed.
    pub fn kill(&mut self, replica: usize) {
        self.replicas.remove(&replica);
    }

    /// WHMCS tells a server's services.
    pub async fn list(&mut self, replica: usize, server: i64, list: &[Service]) -> Result<(), String> {
        let zone = whmeter_simulators::world::calendar::Zone::named(self.zone.name()).unwrap();
        let services = list.iter().map(|service| {
            let client = service.parent().unwrap_or(service.id);
            let mut told = json!({
                "id": service.id, "client": client, "username": service.username, "status": service.status,
            });
            if let Some(at) = service.registered {
                told["registered"] = zone.date_text(at).into();
            }
            told
        });
        let body = json!({ "schema": 1, "services": services.collect::<Vec<Value>>() });
        let request = Request::put(format!("/v1/whmcs/services?server={server}"))
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        self.send(replica, request).await.map(drop)
    }

    /// WHMCS collects for billing.
    pub async fn collect(&mut self, replica: usize, server: i64) -> Result<Said, String> {
        let request = Request::get(format!("/v1/whmcs/usage?server={server}"))
            .header("x-whmeter-purpose", "billing")
            .body(Body::empty())
            .unwrap();
        self.send(replica, request).await.map(|answer| said(&answer))
    }

    /// WHMCS collects twice at once.
    pub async fn collect_twice(&mut self, replica: usize, server: i64) -> Result<(Said, Said), String> {
        let routes = self.replica(replica).await.routes.clone();
        let ask = || async {
            let request = Request::get(format!("/v1/whmcs/usage?server={server}"))
                .header("x-whmeter-purpose", "billing")
                .body(Body::empty())
                .unwrap();
            answered(routes.clone(), request).await.map(|answer| said(&answer))
        };
        let (one, other) = tokio::join!(ask(), ask());
        Ok((one?, other?))
    }

    /// Somebody looks at what WHMCS would be told.
    pub async fn look(&mut self, replica: usize, server: i64) -> Result<Said, String> {
        let request = Request::get(format!("/v1/whmcs/usage?server={server}")).body(Body::empty()).unwrap();
        self.send(replica, request).await.map(|answer| said(&answer))
    }

    /// An operator pins an account, or takes that back.
    pub async fn pin(&mut self, backend: usize, name: &str, service: Option<i64>) -> Result<(), String> {
        let key = self.key(backend, name);
        let now = self.now();
        let store = &self.replica(0).await.store;
        store.pin_service(&key, service, "the world", now).await.map_err(|error| error.to_string())
    }

    /// An operator adds bytes to the traffic sent by an account on the day of `day_at`.
    pub async fn adjust(
        &mut self,
        backend: usize,
        name: &str,
        day_at: i64,
        amount: i128,
    ) -> Result<(), String> {
        let adjustment = Adjustment {
            account: AccountName::new(name).unwrap(),
            meter: Meter::TrafficOut,
            day: self.day(day_at),
            amount,
            author: "the world".into(),
            reason: "because".into(),
        };
        let collector = &self.replica(0).await.collector;
        let panel = Arc::clone(&collector.panels()[backend]);
        collector.adjust(&panel, &adjustment).await.map(drop).map_err(|error| error.to_string())
    }

    /// An operator accepts whatever is doubted of a panel; nothing may be.
    pub async fn accept(&mut self, backend: usize) -> Result<(), String> {
        let acceptance = Acceptance { account: None, author: "the world".into(), reason: "because".into() };
        let collector = &self.replica(0).await.collector;
        let panel = Arc::clone(&collector.panels()[backend]);
        match collector.accept(&panel, &acceptance).await {
            Ok(_) | Err(AdjustError::Nothing(_)) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// An operator takes back what was settled of a panel after `since`; nothing may have been.
    pub async fn rewind(&mut self, backend: usize, since: i64) -> Result<(), String> {
        let collector = &self.replica(0).await.collector;
        let panel = Arc::clone(&collector.panels()[backend]);
        let said = |to| Rewind { to, author: "the world".into(), reason: "it lied".into() };
        let to = RewindTo::Time(Timestamp::new(since).unwrap());
        match collector.rewind(&panel, to, said).await {
            Ok(_) | Err(AdjustError::CannotRewind(CannotRewind::Nothing { .. })) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Holds journals and chronicle against every stored sum and row.
    pub async fn verify(&mut self) -> Result<(), String> {
        let names: Vec<BackendId> =
            self.plans.iter().map(|plan| BackendId::new(&plan.name).unwrap()).collect();
        let rules = Rules { zone: self.zone, max_gap: Seconds::hours(26), bounds: Bounds::default() };
        let store = &self.replica(0).await.store;
        for name in names {
            let verified = store.verify(&name, &rules).await.map_err(|error| error.to_string())?;
            verified.map_err(|difference| format!("{name}: {difference:?}"))?;
        }
        let verified = store.verify_chronicle().await.map_err(|error| error.to_string())?;
        verified.map_err(|difference| difference.to_string())?;
        Ok(())
    }

    /// Ends every process in peace.
    pub async fn close(&mut self) {
        while let Some((_, replica)) = self.replicas.pop_first() {
            replica.store.close().await;
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::new(self.clock.load(Ordering::Relaxed)).unwrap()
    }

    fn day(&self, at: i64) -> UsageDay {
        self.zone.day_of(Timestamp::new(at).unwrap())
    }

    fn key(&self, backend: usize, name: &str) -> AccountKey {
        AccountKey {
            backend: BackendId::new(&self.plans[backend].name).unwrap(),
            name: AccountName::new(name).unwrap(),
        }
    }

    async fn send(&mut self, replica: usize, request: Request<Body>) -> Result<Value, String> {
        let routes = self.replica(replica).await.routes.clone();
        answered(routes, request).await
    }

    async fn replica(&mut self, number: usize) -> &Replica {
        if !self.replicas.contains_key(&number) {
            let replica = self.start().await;
            self.replicas.insert(number, replica);
        }
        &self.replicas[&number]
    }

    async fn start(&self) -> Replica {
        let folder = self.folder.path();
        let store = Store::open(StoreSettings::default(), folder).await.unwrap();
        let clock = Clock::Settable(self.clock);
        let rules = Rules { zone: self.zone, max_gap: Seconds::hours(26), bounds: Bounds::default() };
        // Nobody listens to reports: every poll is waited for.
        let (polled, _) = mpsc::unbounded_channel();
        let telemetry = Telemetry::new();
        let collector = Collector::new(store.clone(), clock, rules, telemetry.clone(), polled);
        let backends = self.plans.iter().zip(&self.panels).map(|(plan, panel)| {
            let text = format!("name = '{}'\nwhmcs_server = {}", plan.name, plan.server);
            let common: CommonSettings = Section::new(text.parse().unwrap(), folder).read().unwrap();
            Arc::new(ConfiguredPanel::new(&common, &KIND, Box::new(Played(Arc::clone(panel)))).unwrap())
        });
        collector.configure(backends.collect()).await.unwrap();
        let settings: WhmcsSettings =
            toml::from_str(&format!("timezone = '{}'\ncompanion_servers = [{COMPANIONS}]", self.zone.name()))
                .unwrap();
        let (recalculate, _) = mpsc::unbounded_channel();
        let api = UsageApi::new(store.clone(), clock, telemetry, self.zone, &settings, recalculate);
        let mut servers = Servers::new();
        for panel in collector.panels().iter() {
            servers.entry(panel.whmcs_server.unwrap()).or_default().push(panel.id.clone());
        }
        api.configure(&settings, servers);
        Replica { store, collector, routes: api.routes() }
    }
}

/// A panel that says what the world has it say.
struct Played(Arc<Panel>);

#[async_trait]
impl Backend for Played {
    async fn poll(&self, ask: &Ask, harvest: &mut Harvest) -> Result<(), BackendError> {
        let is_silent = {
            let says = self.0.says.lock().unwrap_or_else(PoisonError::into_inner);
            match &*says {
                Say::Answer(answer) => put(answer, ask, harvest),
                Say::Down => return Err(BackendError::Unreachable("the world has it so".into())),
                Say::Silence => {}
            }
            matches!(&*says, Say::Silence)
        };
        if is_silent {
            self.0.asked.notify_one();
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    async fn check(&self, _: Wants, _: &mut Vec<CheckStep>) {}
}

fn put(answer: &Answer, _: &Ask, harvest: &mut Harvest) {
    let at = Timestamp::new(answer.at).unwrap();
    for shown in &answer.accounts {
        let account = AccountName::new(&shown.name).unwrap();
        if let Some(id) = &shown.identity {
            harvest.facts(&account).identity = Identity::new().with_unique(id);
        } else {
            harvest.facts(&account);
        }
        if let Some(level) = shown.level {
            let level = Bytes::new(level).unwrap();
            harvest.read(&account, Meter::StorageUsed, Reading::Gauge { at, level });
        }
        for counter in &shown.counters {
            let epoch = match counter.begun {
                Begun::Ago(seconds) => Epoch::Running(Seconds::new(seconds)),
                Begun::At(began) => Epoch::Since(Timestamp::new(began).unwrap()),
                Begun::Untold => Epoch::Silent,
            };
            for (meter, count) in [(Meter::TrafficIn, counter.received), (Meter::TrafficOut, counter.sent)] {
                let source = Source::new(&counter.source).unwrap();
                let count = Bytes::new(count).unwrap();
                harvest.read(&account, meter, Reading::Counter { source, at, epoch, count });
            }
        }
    }
    harvest.listed_everyone();
    // Every guest there is, whoever has it.
    harvest.listed_every_source();
}

async fn answered(routes: Router, request: Request<Body>) -> Result<Value, String> {
    let response = match routes.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.map_err(|error| error.to_string())?;
    if status != StatusCode::OK {
        return Err(format!("{status}: {}", String::from_utf8_lossy(&body)));
    }
    serde_json::from_slice(&body).map_err(|error| error.to_string())
}

fn said(answer: &Value) -> Said {
    let mut said = Said::default();
    for (tenant, metrics) in answer["tenants"].as_object().into_iter().flatten() {
        for (metric, value) in metrics.as_object().into_iter().flatten() {
            let numbers = (scaled(&value["value"]), scaled(&value["carried"]));
            said.values.insert((tenant.clone(), metric.clone()), numbers);
        }
    }
    for one in answer["withheld"].as_array().into_iter().flatten() {
        let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
        said.withheld.insert(text("tenant"), text("reason"));
    }
    said
}

/// Hundred-thousandths of a decimal text with five places; nothing where there is none.
fn scaled(text: &Value) -> i128 {
    let text = text.as_str().unwrap_or("0.00000");
    let digits: String = text.chars().filter(|c| *c != '.').collect();
    digits.parse().unwrap()
}
