//! `whmeter policy`: which policy an account is under and why, and the same done by hand.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::table::Table;
use super::{CommandError, ConfigArg, Outcome, print, print_json};
use crate::app::App;
use crate::collector::PollError;
use crate::domain::{
    AccountKey, AccountName, BackendId, BillingZone, Bytes, Meter, Policy, Timestamp, UsageDay,
};
use crate::quota::{Conflict, Pin};
use crate::standing::Moment;
use crate::store::{Audited, Entry, EntryState, PolicyState, Promise, Store};

/// How long a poll that runs elsewhere is waited for.
const WAIT_FOR_LEASE: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(super) struct PolicyCommand {
    #[command(subcommand)]
    what: PolicyAction,
}

#[derive(Debug, Subcommand)]
enum PolicyAction {
    /// Show the wanted policy, what the panel enforces, pins, and the audit
    Show(Show),
    /// Read the account now and apply what its usage demands
    Reconcile(One),
    /// Pin the policy, whatever the usage
    Pin(PinArgs),
    /// Remove the pin: usage decides again
    Unpin(One),
}

#[derive(Debug, Args)]
struct One {
    #[command(flatten)]
    config: ConfigArg,
    /// The backend's name
    backend: String,
    /// The account, as the panel spells it
    account: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Show {
    #[command(flatten)]
    config: ConfigArg,
    /// The backend's name; without it every account that is limited or pinned
    #[arg(requires = "account")]
    backend: Option<String>,
    /// The account, as the panel spells it
    account: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct PinArgs {
    #[command(flatten)]
    one: One,
    /// standard or limited
    policy: WantedPolicy,
    /// Until the beginning of this day in the billing zone, or a time like 2026-12-01T12:00:00Z
    #[arg(long, value_name = "DATE|TIME")]
    until: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum WantedPolicy {
    Standard,
    Limited,
}

impl PolicyCommand {
    pub(super) async fn run(self) -> Outcome {
        match self.what {
            PolicyAction::Show(show) => show.run().await,
            PolicyAction::Reconcile(one) => one.change(None).await,
            PolicyAction::Unpin(one) => one.change(Some(None)).await,
            PolicyAction::Pin(PinArgs { one, policy, until }) => {
                let policy = match policy {
                    WantedPolicy::Standard => Policy::Standard,
                    WantedPolicy::Limited => Policy::Limited,
                };
                one.change(Some(Some((policy, until)))).await
            }
        }
    }
}

pub(super) fn key(backend: &str, account: &str) -> Result<AccountKey, CommandError> {
    let misused = |error: crate::domain::InvalidName| CommandError::Misused(error.to_string());
    let backend = BackendId::new(backend).map_err(misused)?;
    Ok(AccountKey { backend, name: AccountName::new(account).map_err(misused)? })
}

fn until(text: &str, zone: BillingZone) -> Result<Timestamp, CommandError> {
    let day = UsageDay::parse(text).ok().map(|day| zone.start_of(day));
    let time = || text.parse().ok().and_then(|time| Timestamp::from_utc(time).ok());
    let expected =
        || CommandError::Misused(format!("--until {text:?}: expected 2026-12-01 or 2026-12-01T12:00:00Z"));
    day.or_else(time).ok_or_else(expected)
}

/// Who works at this terminal, for the audit.
pub(super) fn operator() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    format!("operator {}", named.filter(|name| !name.is_empty()).unwrap_or_else(login))
}

/// The login of the user that this process runs as, where the environment names none, as under cron.
fn login() -> String {
    let id = rustix::process::getuid().as_raw();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let own = fields.find(|fields| fields.get(2).is_some_and(|field| field.parse() == Ok(id)));
    own.map_or_else(|| format!("with user id {id}"), |fields| fields[0].to_string())
}

async fn known(store: &Store, key: &AccountKey) -> Result<PolicyState, CommandError> {
    store.policy(key).await?.ok_or_else(|| {
        let AccountKey { backend, name } = key;
        CommandError::Misused(format!(
            "no account {name:?} was ever seen on {backend:?}; `whmeter usage --backend {backend}` lists them",
            name = name.as_str(),
            backend = backend.as_str()
        ))
    })
}

/// What was once called so can be looked at; only what the panel has now can be put under a policy.
async fn refuse_earlier_life(store: &Store, key: &AccountKey, state: &PolicyState) -> Outcome {
    let book = store.load(&key.backend, None).await?.book;
    if book.names.contains_key(&key.name) {
        return Ok(());
    }
    if let Some(since) = state.unknown_since {
        return Err(CommandError::Misused(format!(
            "{} is not known on {} since its journal was taken back at {since}: `whmeter poll --backend \
             {1}` first",
            key.name, key.backend
        )));
    }
    Err(CommandError::Misused(format!(
        "{} is an earlier life of its name on {}: expected an account as the panel spells it",
        key.name, key.backend
    )))
}

impl One {
    /// Pins or unpins where asked to, looks at the account, and carries out what follows.
    async fn change(self, pin: Option<Option<(Policy, Option<String>)>>) -> Outcome {
        let (config, clock) = self.config.read("error")?;
        let (zone, max_age) = (config.zone, config.max_age());
        let key = key(&self.backend, &self.account)?;
        let (app, _) = App::build(config, clock).await?;
        let state = known(app.store(), &key).await?;
        refuse_earlier_life(app.store(), &key, &state).await?;
        let metered = app
            .collector()
            .panel(&self.backend)
            .ok_or_else(|| CommandError::Misused(format!("no backend {:?} in the config", self.backend)))?;
        if let Some(pin) = &pin {
            let pin = match pin {
                Some((policy, text)) => {
                    let until = text.as_deref().map(|text| until(text, zone)).transpose()?;
                    if let Some(past) = until.filter(|until| *until <= clock.now()) {
                        return Err(CommandError::Misused(format!(
                            "--until: {past} is over already, the pin would end before it begins; `whmeter policy unpin` ends one"
                        )));
                    }
                    Some(Pin { policy: *policy, until })
                }
                None => None,
            };
            app.store().pin(&key, pin, &operator(), clock.now()).await?;
        }
        let mut waited = Duration::ZERO;
        let report = loop {
            let report = app.collector().reconcile(&metered, key.name.clone()).await;
            let busy = matches!(report.failed, Some(PollError::Elsewhere));
            if !busy || waited >= WAIT_FOR_LEASE {
                break report;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            waited += Duration::from_millis(500);
        };
        let state = settled(&app, &key).await?;
        let moment = Moment::new(clock.now(), zone, max_age);
        show_one(app.store(), &key, &state, &moment, self.json).await?;
        let kept = if pin.is_some() { "recorded, but " } else { "" };
        match report.failed {
            Some(error) => Err(CommandError::Tried(format!(
                "{kept}not carried out yet: {error}; the next poll of {} does it",
                self.backend
            ))),
            None if state.hold.number > 0 && state.hold.confirmed_at.is_none() => Err(CommandError::Tried(
                "the panel has not taken it yet; `whmeter outbox list` says why".into(),
            )),
            None => match state.conflict() {
                Some(conflict) => {
                    Err(CommandError::Tried(format!("{}: {}", state.note(), way_out(conflict))))
                }
                None => Ok(()),
            },
        }
    }
}

/// Carries out what was decided, here or by the daemon that was quicker, and returns how it stands.
async fn settled(app: &App, key: &AccountKey) -> Result<PolicyState, CommandError> {
    let mut waited = Duration::ZERO;
    loop {
        app.dispatcher().carry_out(key).await?;
        let state = known(app.store(), key).await?;
        let open = state.hold.number > 0 && state.hold.confirmed_at.is_none();
        if !open
            || waited >= WAIT_FOR_LEASE
            || open_switch(app.store(), key).await?.is_none_or(|e| e.said.is_some())
        {
            return Ok(state);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        waited += Duration::from_millis(500);
    }
}

/// The switch of an account that waits or gave up.
async fn open_switch(store: &Store, key: &AccountKey) -> Result<Option<Entry>, CommandError> {
    let open = store.entries(&[EntryState::Waiting, EntryState::GaveUp], 10_000).await?;
    let mine = |entry: &Entry| matches!(&entry.promise, Promise::Switch { account, .. } if account == key);
    Ok(open.into_iter().find(mine))
}

impl Show {
    async fn run(self) -> Outcome {
        let (config, clock, store) = self.config.store_to_read().await?;
        if let (Some(backend), Some(account)) = (&self.backend, &self.account) {
            let key = key(backend, account)?;
            let state = known(&store, &key).await?;
            let moment = Moment::new(clock.now(), config.zone, config.max_age());
            return show_one(&store, &key, &state, &moment, self.json).await;
        }
        let held = store.held_accounts().await?;
        if self.json {
            return print_json(&held.iter().map(|(key, state)| shape(key, state)).collect::<Vec<_>>());
        }
        let mut table = Table::new(&["backend", "account", "wanted", "shown", "pinned", "note"]);
        for (key, state) in &held {
            table.row([
                key.backend.to_string(),
                key.name.to_string(),
                state.hold.wanted.name().into(),
                state.shown.map_or("-", Policy::name).into(),
                pinned(state).unwrap_or_else(|| "-".into()),
                state.note(),
            ]);
        }
        if table.is_empty() {
            print("no account is limited or pinned");
        } else {
            print(table);
        }
        Ok(())
    }
}

fn pinned(state: &PolicyState) -> Option<String> {
    let pin = state.hold.pin?;
    let until = pin.until.map_or(String::new(), |until| format!(" until {}", until.to_utc().to_rfc3339()));
    Some(format!("{}{until}", pin.policy.name()))
}

/// What an operator can do about it.
fn way_out(conflict: Conflict) -> &'static str {
    match conflict {
        Conflict::StillLimited => {
            "undo what was changed there by hand, then `whmeter policy reconcile` it again"
        }
        Conflict::LeftAlone => "the outside change stays until usage falls and rises again",
        Conflict::Lost => "find out what removes it on the panel",
    }
}

/// What a limit in force is judged by: `None` where a part of it is unknown.
struct JudgedBy {
    meter: Meter,
    used: Option<Bytes>,
    limit: Bytes,
    accounts: u32,
}

/// The limits in force of an account, each with what it is judged by.
async fn judged_by(store: &Store, key: &AccountKey, moment: &Moment) -> Result<Vec<JudgedBy>, CommandError> {
    let states = store.backends().await?;
    let Some(state) = states.iter().find(|state| state.backend == key.backend) else { return Ok(Vec::new()) };
    let standing = store.standing(state).await?;
    let Some(account) = standing.accounts.get(&key.name) else { return Ok(Vec::new()) };
    let judged = account.series.iter().filter_map(|series| {
        let limit = account.limit(series.meter).up_to()?;
        let (used, accounts) = account.judged(series.meter, moment);
        Some(JudgedBy { meter: series.meter, used, limit, accounts })
    });
    Ok(judged.collect())
}

async fn show_one(
    store: &Store,
    key: &AccountKey,
    state: &PolicyState,
    moment: &Moment,
    json: bool,
) -> Outcome {
    let judged = judged_by(store, key, moment).await?;
    let acts = store.acts(Some(key), 20).await?;
    let open = open_switch(store, key).await?;
    let open = open.as_ref();
    if json {
        let mut shape = shape(key, state);
        let limits = judged.iter().map(|one| {
            let shown = json!({
                "limit_bytes": one.limit.get(), "bytes": one.used.map(Bytes::get), "accounts": one.accounts,
            });
            (one.meter.name().to_string(), shown)
        });
        shape["limits"] = limits.collect::<serde_json::Map<_, _>>().into();
        shape["acts"] = acts.iter().map(act).collect();
        shape["waiting"] = json!(open.map(|entry| json!({
            "id": entry.id, "state": entry.state.name(), "attempts": entry.attempts, "said": entry.said,
        })));
        return print_json(&shape);
    }
    print(format!("{} {}", key.backend, key.name));
    print(format!("  wanted   {}", state.hold.wanted.name()));
    let shown = match (state.shown, state.not_known()) {
        (Some(shown), _) => shown.name().into(),
        (None, Some(not_known)) => not_known,
        (None, None) => "not reported, or neither standard nor limited".into(),
    };
    print(format!("  shown    {shown}"));
    print(format!("  pinned   {}", pinned(state).unwrap_or_else(|| "no".into())));
    if let Some(by) = state.pinned_by.as_ref().filter(|_| state.hold.pin.is_some()) {
        print(format!("           by {} at {}", by.0, by.1.to_utc().to_rfc3339()));
    }
    for one in &judged {
        let used = one.used.map_or_else(|| "an unknown part".to_string(), |used| used.to_string());
        let of = match one.accounts {
            1 => String::new(),
            accounts => format!(", its service's {accounts} accounts together"),
        };
        print(format!("  limit    {} {used} of {} bytes{of}", one.meter, one.limit));
    }
    let note = state.note();
    if !note.is_empty() && state.unknown_since.is_none() {
        print(format!("  note     {note}"));
    }
    if let Some(said) = open.and_then(|entry| entry.said.as_deref()) {
        print(format!("  trouble  {said}"));
    }
    for one in &acts {
        let at = one.at.to_utc().to_rfc3339();
        let (before, after) = (one.before.as_deref().unwrap_or("-"), one.after.as_deref().unwrap_or("-"));
        print(format!(
            "  {at}  {} by {}: {before} -> {after}; {} ({})",
            one.action, one.actor, one.why, one.answer
        ));
    }
    Ok(())
}

fn shape(key: &AccountKey, state: &PolicyState) -> Value {
    let time = |at: Timestamp| at.to_utc().to_rfc3339();
    json!({
        "backend": key.backend.as_str(),
        "account": key.name.as_str(),
        "wanted": state.hold.wanted.name(),
        "shown": state.shown.map(Policy::name),
        "unknown_since": state.unknown_since.map(time),
        "confirmed_at": state.hold.confirmed_at.map(time),
        "left_alone": state.left_alone,
        "conflict": state.conflict().map(Conflict::name),
        "pinned": state.hold.pin.map(|pin| json!({
            "policy": pin.policy.name(),
            "until": pin.until.map(time),
            "by": state.pinned_by.as_ref().map(|(by, _)| by),
            "at": state.pinned_by.as_ref().map(|(_, at)| time(*at)),
        })),
    })
}

fn act(act: &Audited) -> Value {
    json!({
        "at": act.at.to_utc().to_rfc3339(), "actor": act.actor, "action": act.action, "from": act.before,
        "to": act.after, "why": act.why, "answer": act.answer,
    })
}
