//! How this panel behaves where builds differ, or where nobody wrote it down; set at run time.

use super::world::Rank;
use serde::{Deserialize, Serialize};

/// What somebody sees whose address is on the black list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blacklisted {
    /// A page.
    #[default]
    Page,
    /// An empty body.
    Nothing,
}

/// What a login key hears of a command that is not among its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyRefusal {
    /// `Access Denied`, as a failure of the command.
    #[default]
    Text,
    /// The login page.
    LoginPage,
}

/// How the cells of a table are written that are no figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cells {
    /// As they were seen: objects for names and suspensions, texts for the rest.
    #[default]
    AsSeen,
    /// Texts alone.
    Texts,
    /// Objects with a `value` throughout.
    Objects,
}

/// How apostrophes stand in url-encoded bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entities {
    /// As HTML entities without their end: `&#39s`.
    #[default]
    Unterminated,
    /// As HTML entities: `&#39;s`.
    Terminated,
    /// Percent-encoded like anything else.
    None,
}

/// What a list of nobody is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptyList {
    /// An empty body.
    #[default]
    Blank,
    /// `list[]=`.
    Bare,
}

/// What is told of why somebody is suspended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuspensionTold {
    /// The reason's key from the fixed list.
    #[default]
    Reason,
    /// The free text, or the key where there is none.
    Details,
}

/// Every difference that can be switched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// Where the panel's months begin; one that the simulators' `zone.rs` knows.
    pub timezone: String,
    /// The nightly tally runs so many minutes after midnight and figures stand still until the next; `null` counts all
    /// the time.
    pub tally_minute: Option<i64>,
    /// No tally ran after this instant (epoch seconds).
    pub tally_stuck_at: Option<i64>,
    /// The totals of the old month, its last day among them, are still shown so many minutes after the tally of the 1st;
    /// 0 begins anew at once, and nobody sees the last day whole.
    pub reset_after_minutes: i64,
    /// 1 and 2 tell disk use of now, 0 that of the last tally.
    pub realtime_quota: u8,
    /// Users are suspended at their bandwidth limit, and released when a month begins.
    pub suspend_at_limit: bool,
    /// What the login is.
    pub role: Rank,
    /// `json=yes` is understood by the old API.
    pub json: bool,
    /// `Accept: application/json` does the same as `json=yes`.
    pub accept_means_json: bool,
    /// There are calls below `/api/`.
    pub json_api: bool,
    /// There is a call that tells the time zone.
    pub tells_timezone: bool,
    /// The status of the login page.
    pub login_page_status: u16,
    /// So many failed logins put the caller on the black list; 0 is never.
    pub blacklist_after: u32,
    /// What the blacklisted see.
    pub blacklisted_sees: Blacklisted,
    /// Passwords are taken by the API, not only login keys.
    pub password_for_api: bool,
    /// The commands of the login key, such as `CMD_API_SHOW_USERS`; empty is all of them.
    pub key_commands: Vec<String>,
    /// What the login key hears of other commands.
    pub key_refusal: KeyRefusal,
    /// A command above the caller's level is refused on a page, not in plain text.
    pub level_page: bool,
    /// How the cells of a table are written.
    pub cells: Cells,
    /// `bytes=yes` works on the table of the administrators.
    pub bytes_on_admin_table: bool,
    /// `ipp` is obeyed; without it a page has 50 rows.
    pub ipp_obeyed: bool,
    /// Tables tell when users were made.
    pub dates_in_tables: bool,
    /// Configurations and usages are percent-encoded but for letters.
    pub fully_encoded: bool,
    /// How apostrophes stand in url-encoded bodies.
    pub entities: Entities,
    /// The lines of everybody's usage are percent-encoded.
    pub lines_encoded: bool,
    /// The lines of everybody's usage tell why somebody is suspended.
    pub lines_tell_reason: bool,
    /// The brackets of `list[]` are percent-encoded.
    pub brackets_encoded: bool,
    /// What a list of nobody is.
    pub empty_list: EmptyList,
    /// The list of all users names resellers and administrators too; tables and lines always do.
    pub staff_among_users: bool,
    /// A user whose files cannot be read: a short line, a short row, and no configuration.
    pub broken_user: Option<String>,
    /// With `json=yes` one user's usage is the structure behind the page that shows the user.
    pub usage_trap: bool,
    /// What is told of why somebody is suspended.
    pub suspension_told: SuspensionTold,
    /// The licence holds.
    pub licence_active: bool,
    /// What changes something is done and reported as an error.
    pub error_though_done: bool,
    /// What changes something is taken and forgotten.
    pub writes_ignored: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            timezone: "Europe/Warsaw".to_owned(),
            tally_minute: None,
            tally_stuck_at: None,
            reset_after_minutes: 0,
            realtime_quota: 2,
            suspend_at_limit: false,
            role: Rank::Admin,
            json: true,
            accept_means_json: true,
            json_api: true,
            tells_timezone: true,
            login_page_status: 200,
            blacklist_after: 20,
            blacklisted_sees: Blacklisted::default(),
            password_for_api: true,
            key_commands: Vec::new(),
            key_refusal: KeyRefusal::default(),
            level_page: false,
            cells: Cells::default(),
            bytes_on_admin_table: true,
            ipp_obeyed: true,
            dates_in_tables: true,
            fully_encoded: true,
            entities: Entities::default(),
            lines_encoded: false,
            lines_tell_reason: false,
            brackets_encoded: false,
            empty_list: EmptyList::default(),
            staff_among_users: false,
            broken_user: None,
            usage_trap: true,
            suspension_told: SuspensionTold::default(),
            licence_active: true,
            error_though_done: false,
            writes_ignored: false,
        }
    }
}
