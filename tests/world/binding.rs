//! The one place where worlds touch the meter: its real store, collector and routes, with panels and a clock that
//! the world plays.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tower::ServiceExt;
use whmeter::backends::{
    ASKED_AGAIN_SOON, Backend, BackendError, CheckStep, CommonSettings, ConfiguredPanel, Kind, PollRequest,
    Wants,
};
use whmeter::clock::Clock;
use whmeter::collector::{AdjustError, Collector, PollError};
use whmeter::domain::{
    AccountKey, AccountName, BackendId, BillingZone, Bytes, Epoch, FoundBy, Harvest, Identity, Meter,
    Reading, Reason, Seconds, Source, Span, Timestamp, UsageDay,
};
use whmeter::metering::{Acceptance, Adjustment, Bounds, Rewind, SettleRules};
use whmeter::settings::{Section, SettingsError};
use whmeter::store::{CannotRewind, RewindTo, Store, StoreError, StoreSettings};
use whmeter::telemetry::Telemetry;
use whmeter::usage_api::{Servers, UsageApi, WhmcsSettings};
use whmeter::web::Access;
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
    /// This, but only when it is let go.
    Later(Answer, Arc<Notify>),
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
    /// Our clock is not believed.
    ClockWrong,
    /// Another process has polled it since.
    Overtaken,
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
    /// What the clock of each of our processes shows.
    clocks: [&'static AtomicI64; REPLICAS],
    /// What the clock of each panel shows.
    panel_clocks: Vec<&'static AtomicI64>,
    plans: Vec<BackendPlan>,
    panels: Vec<Arc<Panel>>,
    replicas: BTreeMap<usize, Replica>,
    /// Polls that wait for their panel's answer, by panel.
    waiting: BTreeMap<usize, Waiting>,
}

/// A poll that waits for its panel's answer.
struct Waiting {
    replica: usize,
    polling: JoinHandle<Polled>,
    let_go: Arc<Notify>,
}

struct Replica {
    store: Store,
    collector: Arc<Collector>,
    routes: Router,
}

/// A row that was changed, and how it is put back.
#[derive(Debug)]
pub struct Damage {
    /// What was done.
    pub did: String,
    undo: String,
}

/// What is billed and what was told: tables, the number in them, and what a row is found by.
const TABLES: [(&str, &str, &[&str]); 3] = [
    ("day_point", "amount", &["holding", "meter", "day"]),
    ("month_sum", "amount", &["holding", "part", "month", "meter"]),
    ("reported", "value", &["service", "server", "name", "month", "metric"]),
];

/// How many processes of ours there may be.
pub const REPLICAS: usize = 2;

fn clock() -> &'static AtomicI64 {
    Box::leak(Box::new(AtomicI64::new(0)))
}

static KIND: Kind = Kind {
    name: "world",
    meters: &Meter::ALL,
    can_limit: false,
    found_by: FoundBy::Username,
    max_rate: None,
    refusal_pause: ASKED_AGAIN_SOON,
    limit_template: None,
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
            clocks: [clock(), clock()],
            panel_clocks: story.backends.iter().map(|_| clock()).collect(),
            plans: story.backends.clone(),
            panels: story.backends.iter().map(panel).collect(),
            replicas: BTreeMap::new(),
            waiting: BTreeMap::new(),
        }
    }

    /// Lets it be this late, by the clocks of our processes and by those of the panels.
    pub fn set_clocks(&self, ours: [i64; REPLICAS], panels: impl Iterator<Item = i64>) {
        self.clocks.iter().zip(ours).for_each(|(clock, at)| clock.store(at, Ordering::Relaxed));
        self.panel_clocks.iter().zip(panels).for_each(|(clock, at)| clock.store(at, Ordering::Relaxed));
    }

    /// Polls a panel that says `say`.
    pub async fn poll(&mut self, replica: usize, backend: usize, say: Say) -> Polled {
        *self.panels[backend].says.lock().unwrap_or_else(PoisonError::into_inner) = say;
        let replica = self.replica(replica).await;
        poll(&replica.collector, backend).await
    }

    /// Begins to poll a panel that takes its time. Says how the poll has ended already, if it was not even asked.
    pub async fn begin_poll(&mut self, number: usize, backend: usize, answer: Answer) -> Option<Polled> {
        let panel = Arc::clone(&self.panels[backend]);
        let let_go = Arc::new(Notify::new());
        let say = Say::Later(answer, Arc::clone(&let_go));
        *panel.says.lock().unwrap_or_else(PoisonError::into_inner) = say;
        let collector = Arc::clone(&self.replica(number).await.collector);
        let mut polling = tokio::spawn(async move { poll(&collector, backend).await });
        tokio::select! {
            ended = &mut polling => Some(ended.unwrap()),
            () = panel.asked.notified() => {
                self.waiting.insert(backend, Waiting { replica: number, polling, let_go });
                None
            }
        }
    }

    /// Whose poll waits for the answer of a panel, if one does.
    pub fn waits(&self, backend: usize) -> Option<usize> {
        self.waiting.get(&backend).map(|waiting| waiting.replica)
    }

    /// The panel answers at last; `None` where nobody waits for it any more.
    pub async fn end_poll(&mut self, backend: usize) -> Option<Polled> {
        let Waiting { polling, let_go, .. } = self.waiting.remove(&backend)?;
        let_go.notify_one();
        Some(polling.await.unwrap())
    }

    /// Polls a panel that says `say` and kills the process after it has waited `after` times; says whether the poll
    /// was committed nevertheless.
    pub async fn poll_dropped(
        &mut self,
        number: usize,
        backend: usize,
        say: Say,
        after: u32,
    ) -> Result<bool, String> {
        let before = self.version(number, backend).await?;
        *self.panels[backend].says.lock().unwrap_or_else(PoisonError::into_inner) = say;
        let collector = Arc::clone(&self.replica(number).await.collector);
        let mut left = after;
        let mut polling = Box::pin(poll(&collector, backend));
        std::future::poll_fn(|context| match polling.as_mut().poll(context) {
            Poll::Pending if left > 0 => {
                left -= 1;
                Poll::Pending
            }
            _ => Poll::Ready(()),
        })
        .await;
        drop(polling);
        drop(collector);
        // Whatever it had handed to the database has ended when this has.
        if let Some(replica) = self.replicas.remove(&number) {
            replica.store.close().await;
        }
        self.version(number, backend).await.map(|version| version != before)
    }

    /// How often anything of a backend was committed.
    async fn version(&mut self, replica: usize, backend: usize) -> Result<i64, String> {
        let name = self.plans[backend].name.clone();
        let store = &self.replica(replica).await.store;
        let known = store.backends().await.map_err(|error| error.to_string())?;
        Ok(known.iter().find(|state| state.backend.as_str() == name).map_or(0, |state| state.version))
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
        self.waiting.retain(|_, waiting| {
            if waiting.replica == replica {
                waiting.polling.abort();
            }
            waiting.replica != replica
        });
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
        let Replica { store, collector, .. } = self.replica(0).await;
        let panel = Arc::clone(&collector.panels()[backend]);
        store.accept_clock(&panel.id).await.map_err(|error| error.to_string())?;
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
        let rules = SettleRules { zone: self.zone, max_gap: Seconds::hours(26), bounds: Bounds::default() };
        let store = &self.replica(0).await.store;
        for name in names {
            let verified = store.verify(&name, &rules).await.map_err(|error| error.to_string())?;
            verified.map_err(|difference| format!("{name}: {difference:?}"))?;
        }
        let verified = store.verify_chronicle().await.map_err(|error| error.to_string())?;
        verified.map_err(|difference| difference.to_string())?;
        Ok(())
    }

    /// What WHMCS is told of one tenant that is asked for by itself; nothing where nobody is called so.
    pub async fn alone(&mut self, replica: usize, server: i64, tenant: &str) -> Result<Said, String> {
        let answer = self.get(replica, &format!("/v1/whmcs/usage/{tenant}?server={server}")).await?;
        let withheld = answer.get("withheld").map(|one| vec![one.clone()]).unwrap_or_default();
        Ok(said(&json!({ "tenants": { tenant: answer["values"] }, "withheld": withheld })))
    }

    /// Whole megabytes by tenant: what is held, and what has passed in the month, where they are known.
    pub async fn legacy(
        &mut self,
        replica: usize,
        server: i64,
    ) -> Result<BTreeMap<String, [Option<i64>; 2]>, String> {
        let answer = self.get(replica, &format!("/v1/whmcs/legacy?server={server}")).await?;
        let tenants = answer["tenants"].as_object().into_iter().flatten();
        let known = tenants.map(|(tenant, told)| {
            (tenant.clone(), ["disk_mb", "bw_mb"].map(|key| told.get(key).and_then(Value::as_i64)))
        });
        Ok(known.collect())
    }

    /// What the history of a tenant tells of what passed in a month each way, in hundred-thousandths: by the month, and
    /// by its days.
    pub async fn history(
        &mut self,
        replica: usize,
        server: i64,
        tenant: &str,
        month: &str,
    ) -> Result<[[i128; 2]; 2], String> {
        let answer =
            self.get(replica, &format!("/v1/whmcs/history/{tenant}?server={server}&days=40")).await?;
        let ways = |points: &Value, key: &str| {
            let points = points.as_array().into_iter().flatten();
            let of_it =
                points.filter(|point| point[key].as_str().is_some_and(|text| text.starts_with(month)));
            let of_it: Vec<&Value> = of_it.collect();
            ["traffic_in", "traffic_out"]
                .map(|way| of_it.iter().map(|point| scaled(&point[way])).sum::<i128>())
        };
        Ok([ways(&answer["months"], "month"), ways(&answer["days"], "day")])
    }

    async fn get(&mut self, replica: usize, path: &str) -> Result<Value, String> {
        self.send(replica, Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// Somebody who may write to the database changes a row; says how to put it back. Whatever our processes have in
    /// mind is forgotten.
    pub async fn damage(&mut self, table: usize, pick: u64, impossible: bool) -> Option<Damage> {
        self.close().await;
        let (table, value, keys) = TABLES[table % TABLES.len()];
        let key: Vec<String> = keys.iter().map(|key| format!("'{key} = ' || quote({key})")).collect();
        let select =
            format!("SELECT {} AS place, {value} FROM {table} ORDER BY place", key.join(" || ' AND ' || "));
        let mut database = self.database().await;
        let found: Vec<(String, i64)> =
            sqlx::query_as(sqlx::AssertSqlSafe(select)).fetch_all(&mut database).await.unwrap();
        let place = usize::try_from(pick).unwrap() % found.len().max(1);
        let (place, was) = found.get(place)?.clone();
        let set = |to: i64| format!("UPDATE {table} SET {value} = {to} WHERE {place}");
        let damaged = set(if impossible { -1 } else { was + 1_234_567 });
        sqlx::raw_sql(sqlx::AssertSqlSafe(damaged.clone())).execute(&mut database).await.unwrap();
        database.close().await.unwrap();
        Some(Damage { did: damaged, undo: set(was) })
    }

    /// Puts a row back as it was.
    pub async fn fix(&mut self, damage: &Damage) {
        self.close().await;
        let mut database = self.database().await;
        sqlx::raw_sql(sqlx::AssertSqlSafe(damage.undo.clone())).execute(&mut database).await.unwrap();
        database.close().await.unwrap();
    }

    async fn database(&mut self) -> SqliteConnection {
        let file = self.folder.path().join("whmeter.db");
        SqliteConnection::connect(&format!("sqlite:{}", file.display())).await.unwrap()
    }

    /// Ends every process in peace.
    pub async fn close(&mut self) {
        self.waiting.values().for_each(|waiting| waiting.polling.abort());
        while let Some((_, replica)) = self.replicas.pop_first() {
            replica.store.close().await;
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::new(self.clocks[0].load(Ordering::Relaxed)).unwrap()
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
            let replica = self.start(self.clocks[number]).await;
            self.replicas.insert(number, replica);
        }
        &self.replicas[&number]
    }

    async fn start(&self, clock: &'static AtomicI64) -> Replica {
        let folder = self.folder.path();
        let store = Store::open(StoreSettings::default(), folder).await.unwrap();
        let clock = Clock::Settable(clock);
        let rules = SettleRules { zone: self.zone, max_gap: Seconds::hours(26), bounds: Bounds::default() };
        // Nobody listens to reports: every poll is waited for.
        let (polled, _) = mpsc::unbounded_channel();
        let telemetry = Telemetry::new();
        let collector = Collector::new(store.clone(), clock, rules, telemetry.clone(), polled);
        let panels = self.panels.iter().zip(&self.panel_clocks);
        let backends = self.plans.iter().zip(panels).map(|(plan, (panel, clock))| {
            let text = format!("name = '{}'\nwhmcs_server = {}", plan.name, plan.server);
            let common: CommonSettings = Section::new(text.parse().unwrap(), folder).read().unwrap();
            let panel = ConfiguredPanel::new(&common, &KIND, Box::new(Played(Arc::clone(panel)))).unwrap();
            let dated = plan.dated.then_some(Clock::Settable(clock));
            Arc::new(match dated {
                Some(clock) => panel.dated_by(clock),
                None => panel,
            })
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
        api.configure(&settings, servers, Default::default());
        Replica { store, collector: Arc::new(collector), routes: api.routes(&Access::default()).router }
    }
}

async fn poll(collector: &Collector, backend: usize) -> Polled {
    let panel = Arc::clone(&collector.panels()[backend]);
    match collector.poll(&panel, None).await.failed {
        None => Polled::Committed,
        Some(PollError::Panel(BackendError::Unreachable(_))) => Polled::NoAnswer,
        Some(PollError::Elsewhere) => Polled::Elsewhere,
        Some(PollError::Clock(_)) => Polled::ClockWrong,
        Some(PollError::Store(StoreError::LostLease { .. })) => Polled::Overtaken,
        Some(error) => Polled::Wrong(error.to_string()),
    }
}

/// A panel that says what the world has it say.
struct Played(Arc<Panel>);

#[async_trait]
impl Backend for Played {
    async fn poll(&self, ask: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError> {
        let says = {
            let mut says = self.0.says.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *says, Say::Down)
        };
        match says {
            Say::Answer(answer) => put(&answer, ask, harvest),
            Say::Down => return Err(BackendError::Unreachable("the world has it so".into())),
            Say::Silence => {
                self.0.asked.notify_one();
                std::future::pending::<()>().await;
            }
            Say::Later(answer, let_go) => {
                self.0.asked.notify_one();
                let_go.notified().await;
                put(&answer, ask, harvest);
            }
        }
        Ok(())
    }

    async fn check(&self, _: Wants, _: &mut Vec<CheckStep>) {}
}

fn put(answer: &Answer, _: &PollRequest, harvest: &mut Harvest) {
    let at = Timestamp::new(answer.at).unwrap();
    for shown in &answer.accounts {
        let account = AccountName::new(&shown.name).unwrap();
        if let Some(id) = &shown.identity {
            harvest.facts_mut(&account).identity = Identity::new().with_unique(id);
        } else {
            harvest.facts_mut(&account);
        }
        if shown.unread {
            harvest.unread(&account, None, Reason::Unexpected, "the world has it so");
        }
        if let Some(level) = shown.level {
            let level = Bytes::new(level).unwrap();
            harvest.add_reading(&account, Meter::StorageUsed, Reading::Gauge { at, level });
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
                harvest.add_reading(&account, meter, Reading::Counter { source, at, epoch, count });
            }
        }
        for total in &shown.totals {
            let span =
                Span::new(Timestamp::new(total.from).unwrap(), Timestamp::new(total.to).unwrap()).unwrap();
            for (meter, total) in [(Meter::TrafficIn, total.received), (Meter::TrafficOut, total.sent)] {
                let total = Bytes::new(total).unwrap();
                harvest.add_reading(
                    &account,
                    meter,
                    Reading::PeriodTotal { source: Source::default(), at, span, total },
                );
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
