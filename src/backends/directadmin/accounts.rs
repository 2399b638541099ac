//! Who is there, what each used, and when that was measured: the calls of a poll.

use std::collections::BTreeSet;

use super::form::{field, pairs};
use super::lines;
use super::month::Measured;
use super::panel::{Panel, strange};
use super::refusal::{CallFailure, Meaning};
use super::row::Rows;
use super::settings::{FiguresFrom, Level, ServerConfig};
use super::table::{Figures, Table};
use super::wire::{self, Session};
use crate::backends::BackendError;
use crate::domain::{AccountName, BillingZone, Harvest, Timestamp};

/// As many rows as a page may have; some builds send 50 whatever is asked for.
const ROWS: &str = "9999";

/// No table has more pages: one that tells of more goes round.
const MOST_PAGES: usize = 10_000;

/// The lines of all accounts.
const LINES: &str = "CMD_API_ALL_USER_USAGE";

/// The accounts of a server by their names.
#[derive(Clone, Debug, Default)]
pub(super) struct Listed {
    pub accounts: BTreeSet<AccountName>,
    /// Those of them who are administrators; who asks as a reseller is not told.
    pub admins: BTreeSet<String>,
    /// Whether the list of plain users came empty.
    pub has_no_users: bool,
}

impl Panel {
    /// What the login is, and whether it may see all that it should: who was an administrator and is a reseller now is
    /// still answered, with fewer accounts.
    pub async fn role(&self, level: Level) -> Result<String, BackendError> {
        let role = match self.api(&["api", "session"]).await {
            Ok(value) => {
                let session: Session = serde_json::from_value(value)
                    .map_err(|error| strange("api/session", format!("JSON of another shape: {error}")))?;
                session.effective_role.ok_or_else(|| strange("api/session", "no effectiveRole"))?
            }
            // Old builds have no such call, and a key may not reach it: the lists that administrators alone may see
            // are asked for anyway.
            Err(failure) => match failure.refusal().map(|refusal| refusal.meaning) {
                Some(Meaning::NoSuchCall | Meaning::Right) => return Ok("not told".into()),
                _ => return Err(failure.error()),
            },
        };
        match (level, role.as_str()) {
            (Level::Admin, "admin") | (Level::Reseller, "admin" | "reseller") => Ok(role),
            (Level::Admin, _) => Err(BackendError::Refused(format!(
                "the login is a {role:?} on the server now, and has no right to see every account; make it an \
                 administrator again, or set level = \"reseller\" to meter its own accounts"
            ))),
            (Level::Reseller, _) => Err(BackendError::Refused(format!(
                "the login is a {role:?} on the server and has no right to see accounts; it must be a reseller"
            ))),
        }
    }

    /// When the totals were measured; where that is not told the time of the answer, and why.
    pub async fn measured(
        &self,
        level: Level,
        now: Timestamp,
    ) -> Result<(Measured, Option<String>), BackendError> {
        let untold = |why: String| {
            let why =
                format!("when the server counted last is not told ({why}): growth may land on the day after");
            (Measured { at: now, is_tally: false }, Some(why))
        };
        if level == Level::Reseller {
            return Ok(untold("administrators alone may ask".into()));
        }
        let told = match self.json("CMD_API_ADMIN_STATS", &[]).await {
            Ok(stats) => stats.get("last_tally").and_then(wire::scalar),
            Err(failure) => match failure.refusal().map(|refusal| refusal.meaning) {
                // Whoever is not logged in is told so by every call, and each counts.
                None | Some(Meaning::Login) => return Err(failure.error()),
                Some(_) => return Ok(untold(failure.error().to_string())),
            },
        };
        let at = told.as_deref().and_then(|text| Timestamp::new(text.trim().parse().ok()?).ok());
        match at.filter(|at| *at > Timestamp::EPOCH) {
            Some(at) => Ok((Measured { at, is_tally: true }, None)),
            None => Ok(untold(format!("last_tally is {told:?} in CMD_API_ADMIN_STATS"))),
        }
    }

    /// Where the server's months begin: configured, or asked of the server.
    pub async fn zone(&self, config: &ServerConfig) -> Result<BillingZone, BackendError> {
        if let Some(zone) = config.zone {
            return Ok(zone);
        }
        let call = "api/server-settings/timezone/current";
        let odd = |detail: String| strange(call, format!("{detail}; set timezone in the config"));
        let path: Vec<&str> = call.split('/').collect();
        let told = match self.api(&path).await {
            Ok(told) => told,
            Err(failure) => match failure.refusal().map(|refusal| refusal.meaning) {
                None | Some(Meaning::Login) => return Err(failure.error()),
                Some(_) => return Err(odd(format!("it does not tell its time zone ({})", failure.error()))),
            },
        };
        // The shape of the answer is written nowhere.
        let named = ["timezone", "current", "name"].iter().find_map(|key| told.get(*key));
        let name = wire::scalar(named.unwrap_or(&told)).ok_or_else(|| odd("no name of a zone".into()))?;
        BillingZone::parse(&name).map_err(|error| odd(error.to_string()))
    }

    /// Everybody. The lists are whole or no lists: JSON has an end.
    pub async fn listed(&self, level: Level) -> Result<Listed, BackendError> {
        if level == Level::Reseller {
            let users = self.names("CMD_API_SHOW_USERS").await?;
            let has_no_users = users.is_empty();
            return Ok(Listed { accounts: users.into_iter().collect(), has_no_users, ..Listed::default() });
        }
        let users = self.names("CMD_API_SHOW_ALL_USERS").await?;
        let resellers = self.names("CMD_API_SHOW_RESELLERS").await?;
        let admins = self.names("CMD_API_SHOW_ADMINS").await?;
        if admins.is_empty() {
            // Whoever asks is one: the answer was cut, or the right is lost.
            return Err(strange("CMD_API_SHOW_ADMINS", "nobody is an administrator"));
        }
        let has_no_users = users.is_empty();
        let names = admins.iter().map(ToString::to_string).collect();
        let accounts = users.into_iter().chain(resellers).chain(admins).collect();
        Ok(Listed { accounts, admins: names, has_no_users })
    }

    async fn names(&self, command: &str) -> Result<Vec<AccountName>, BackendError> {
        let list = self.json(command, &[]).await?;
        let names = wire::names(&list).ok_or_else(|| strange(command, "expected a list of names"))?;
        let name = |name: &&str| !name.is_empty();
        let checked = names.into_iter().filter(name).map(AccountName::new);
        checked.collect::<Result<_, _>>().map_err(|error| strange(command, error.to_string()))
    }

    /// What everybody used, from where the config says and from nowhere else.
    pub async fn figures(&self, config: &ServerConfig) -> Result<Rows, BackendError> {
        match config.figures {
            FiguresFrom::Lines => self.lines().await,
            FiguresFrom::Table => {
                let table = self.table(config.level).await?;
                let figures = match table.figures() {
                    Figures::Unclear => table.settled_by(&self.lines().await?),
                    figures => figures,
                };
                match figures {
                    Figures::Megabytes(came) => Err(strange(
                        table_of(config.level),
                        format!(
                            "its figures are no bytes ({came}): this server ignores bytes=yes; set figures = \"lines\" \
                             before anything is billed"
                        ),
                    )),
                    Figures::Bytes | Figures::Unclear => Ok(table.rows),
                }
            }
        }
    }

    /// The lines of all accounts.
    async fn lines(&self) -> Result<Rows, BackendError> {
        let text = self.text(LINES, &[]).await?;
        lines::read(&text).map_err(|detail| strange(LINES, detail))
    }

    /// All pages of the table of accounts.
    pub async fn table(&self, level: Level) -> Result<Table, BackendError> {
        let command = table_of(level);
        let (mut table, mut page) = (Table::default(), Some(1));
        while let Some(number) = page {
            let text = number.to_string();
            let query = [("bytes", "yes"), ("ipp", ROWS), ("page", text.as_str())];
            let answered = self.json(command, &query).await?;
            table.take(&answered).map_err(|detail| strange(command, detail))?;
            page = table.next_page(number);
            if number >= MOST_PAGES {
                return Err(strange(command, format!("more than {MOST_PAGES} pages")));
            }
        }
        table.rows.complaints.extend(table.shortfall());
        Ok(table)
    }

    /// One account's configuration. With `json=yes` some builds answer this with something else.
    pub async fn configuration(&self, account: &AccountName) -> Result<Configuration, CallFailure> {
        let command = "CMD_API_SHOW_USER_CONFIG";
        let told = Configuration::read(&self.text(command, &[("user", account.as_str())]).await?);
        match told.get("username") {
            Some(name) if name == account.as_str() => Ok(told),
            Some(_) => Err(strange(command, "another account's configuration came").into()),
            None => Err(strange(command, "expected a configuration with a username").into()),
        }
    }
}

/// What is set of one account.
#[derive(Clone, Debug)]
pub(super) struct Configuration(Vec<(String, String)>);

impl Configuration {
    /// As it comes, URL-encoded.
    pub fn read(text: &str) -> Configuration {
        Configuration(pairs(text))
    }

    /// A setting.
    pub fn get(&self, key: &str) -> Option<&str> {
        field(&self.0, key)
    }
}

fn table_of(level: Level) -> &'static str {
    match level {
        Level::Admin => "CMD_ALL_USER_SHOW",
        Level::Reseller => "CMD_USER_SHOW",
    }
}

/// Says of figures and lists that do not fit each other, and calls the list of accounts whole where it is.
pub(super) fn compare(listed: &Listed, rows: &Rows, harvest: &mut Harvest) -> Result<bool, BackendError> {
    let unlisted: Vec<&AccountName> =
        rows.accounts.keys().filter(|name| !listed.accounts.contains(*name)).collect();
    if listed.has_no_users && unlisted.len() > 1 {
        return Err(strange(
            "the list of users",
            format!(
                "no user is listed, and {} have figures: the list was cut, or a right is lost",
                unlisted.len()
            ),
        ));
    }
    if let Some(first) = rows.complaints.first() {
        harvest.warn(format!("{} rows are left out, the first: {first}", rows.complaints.len()));
    }
    let missing = listed.accounts.iter().filter(|name| !rows.accounts.contains_key(*name)).count();
    if missing > 0 {
        harvest.warn(format!("{missing} of {} accounts have no row of figures", listed.accounts.len()));
    }
    if let Some(first) = unlisted.first() {
        harvest
            .warn(format!("{} accounts have figures and are in no list, the first: {first}", unlisted.len()));
    }
    if listed.accounts.is_empty() {
        harvest.warn("no account is listed: there is none, or a right is lost");
    }
    Ok(rows.complaints.is_empty() && missing == 0 && !listed.accounts.is_empty())
}
