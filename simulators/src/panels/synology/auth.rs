//! Logins and what they leave behind: sessions, failures that block an address, devices that are trusted.

use super::ask::Ask;
use super::reply::{NOTHING, Outcome, Refusal};
use super::switches::{SecondFactor, Switches};
use super::world::{Server, User};
use crate::sessions::random_token;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// An open session.
#[derive(Clone, Debug)]
pub struct Session {
    /// Whose it is.
    pub user: String,
    /// The version of the login that made it.
    pub version: u32,
    /// What its writes have to show, where the login asked for it.
    pub token: Option<String>,
    /// When it was used last.
    used: i64,
    /// What it hears from now on instead of answers.
    ended: Option<u32>,
}

/// Everything about logins.
#[derive(Debug, Default)]
pub struct Logins {
    sessions: BTreeMap<String, Session>,
    failures: Vec<i64>,
    blocked_since: Option<i64>,
    /// Tokens of trusted devices, and their names.
    devices: BTreeSet<(String, String)>,
}

impl Logins {
    /// The session with this number, used now; or what it hears instead.
    pub fn check(&mut self, switches: &Switches, now: i64, sid: Option<&str>) -> Result<Session, Refusal> {
        let unknown = Refusal::code(119);
        let session = sid.and_then(|sid| self.sessions.get_mut(sid)).ok_or(unknown)?;
        if let Some(code) = session.ended {
            return Err(Refusal::code(code));
        }
        if now - session.used >= switches.idle_minutes * 60 {
            session.ended = Some(switches.ended_code);
            return Err(Refusal::code(switches.ended_code));
        }
        session.used = now;
        Ok(session.clone())
    }

    /// How many sessions are open.
    pub fn open(&self, switches: &Switches, now: i64) -> usize {
        let is_open = |one: &&Session| one.ended.is_none() && now - one.used < switches.idle_minutes * 60;
        self.sessions.values().filter(is_open).count()
    }

    /// All sessions hear this code from now on.
    pub fn end_all(&mut self, code: u32) {
        self.sessions.values_mut().for_each(|session| session.ended = Some(code));
    }

    /// Nobody knows any session, as after a restart.
    pub fn forget_all(&mut self) {
        self.sessions.clear();
    }

    /// How many failures count now.
    pub fn failures(&self) -> usize {
        self.failures.len()
    }

    /// Whether the address is blocked.
    pub fn is_blocked(&self, switches: &Switches, now: i64) -> bool {
        let is_over = |since: i64| switches.block_days > 0 && now >= since + switches.block_days * 86_400;
        self.blocked_since.is_some_and(|since| !is_over(since))
    }

    /// The operator takes the address off the block list.
    pub fn unblock(&mut self) {
        (self.blocked_since, self.failures) = (None, Vec::new());
    }

    /// The tokens of trusted devices.
    pub fn devices(&self) -> Vec<&str> {
        self.devices.iter().map(|(token, _)| token.as_str()).collect()
    }

    /// A device of this name is trusted; its token.
    pub fn trust(&mut self, name: &str) -> String {
        let token = random_token();
        self.devices.insert((token.clone(), name.to_owned()));
        token
    }

    /// No device is trusted any longer.
    pub fn distrust_all(&mut self) {
        self.devices.clear();
    }

    fn failed(&mut self, switches: &Switches, now: i64, code: u32) -> Refusal {
        self.failures.retain(|at| now - at < switches.block_minutes * 60);
        self.failures.push(now);
        if switches.block_after > 0 && self.failures.len() >= switches.block_after {
            self.blocked_since = Some(now);
        }
        Refusal::code(code)
    }
}

/// `SYNO.API.Auth login`.
pub fn login(server: &Server, switches: &Switches, ask: &Ask) -> Outcome {
    let told = |name: &str| ask.parameters.raw(name).unwrap_or_default();
    let (now, version) = (server.now(), ask.version.unwrap_or_default());
    let mut logins = server.logins();
    if logins.is_blocked(switches, now) {
        return Err(Refusal::code(407));
    }
    let is_client = told("account").eq_ignore_ascii_case(&server.login.username);
    let found = server.user(told("account")).filter(|(name, _)| told("passwd") == password(server, name));
    let Some((name, user)) = found else { return Err(logins.failed(switches, now, 400)) };
    if let Some(code) = switches.login_code.filter(|_| is_client) {
        return Err(Refusal::code(code));
    }
    if user.is_disabled(server.today()) {
        return Err(logins.failed(switches, now, 401));
    }
    let second = if is_client { switches.second_factor } else { SecondFactor::Off };
    let with_code = prove(&mut logins, switches, now, second, &told)?;
    let is_administrator = may_all(switches, is_client, &user);
    if !is_administrator && told("session") != "FileStation" {
        return Err(Refusal::code(402));
    }
    if logins.open(switches, now) >= switches.most_sessions {
        return Err(Refusal::code(100));
    }
    if switches.one_session {
        logins.sessions.values_mut().filter(|one| one.user == name).for_each(|one| one.ended = Some(107));
    }
    let (sid, token) = (random_token(), random_token());
    let wants_token = version >= 3 && told("enable_syno_token") == "yes";
    let token = wants_token.then_some(token);
    let session = Session { user: name.clone(), version, token: token.clone(), used: now, ended: None };
    logins.sessions.insert(sid.clone(), session);
    let mut data = json!({ "is_portal_port": false, "sid": sid });
    if let Some(token) = token {
        data["synotoken"] = token.into();
    }
    let trusted =
        (with_code && told("enable_device_token") == "yes").then(|| logins.trust(told("device_name")));
    if version >= 7 {
        // Who did not ask for a token of the device is given one that opens nothing.
        let shown = trusted.unwrap_or_else(|| match told("device_id") {
            "" => random_token(),
            known => known.to_owned(),
        });
        data["device_id"] = shown.into();
        data["account"] = name.into();
        data["ik_message"] = "".into();
    } else if let Some(token) = trusted {
        data["did"] = token.into();
    }
    Ok(data)
}

/// Whether the second factor is right; tells whether a one-time password was.
fn prove<'a>(
    logins: &mut Logins,
    switches: &Switches,
    now: i64,
    second: SecondFactor,
    told: &impl Fn(&str) -> &'a str,
) -> Result<bool, Refusal> {
    match (second, told("otp_code"), told("device_id")) {
        (SecondFactor::Off, ..) => Ok(false),
        (SecondFactor::Enforced, ..) => Err(Refusal::code(406)),
        (SecondFactor::On, "", "") => {
            let errors = json!({ "token": random_token(), "types": [{ "type": "otp" }] });
            Err(Refusal { code: 403, errors: Some(errors) })
        }
        (SecondFactor::On, "", device) => {
            let known = (device.to_owned(), told("device_name").to_owned());
            match logins.devices.contains(&known) {
                true => Ok(false),
                false => Err(logins.failed(switches, now, 403)),
            }
        }
        (SecondFactor::On, code, _) if code == switches.otp_code => Ok(true),
        (SecondFactor::On, ..) => Err(logins.failed(switches, now, 404)),
    }
}

/// Whether somebody is an administrator; of the client a switch decides.
pub fn may_all(switches: &Switches, is_client: bool, user: &User) -> bool {
    user.is_administrator() && (!is_client || switches.is_administrator)
}

/// The password of a user.
pub fn password(server: &Server, name: &str) -> String {
    match name == server.login.username {
        true => server.login.password.clone(),
        false => format!("{name}-password"),
    }
}

/// `SYNO.API.Auth logout`: whoever does not say which session ends none, and is told that all is well.
pub fn logout(server: &Server, ask: &Ask) -> Outcome {
    if let Some(sid) = &ask.sid {
        server.logins().sessions.remove(sid);
    }
    Ok(NOTHING)
}

/// What a test may see.
pub fn state(server: &Server) -> Value {
    let (switches, now) = (server.switches(), server.now());
    let logins = server.logins();
    json!({
        "open_sessions": logins.open(&switches, now), "failures": logins.failures(),
        "is_blocked": logins.is_blocked(&switches, now), "devices": logins.devices(),
    })
}
