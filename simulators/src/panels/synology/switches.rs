//! How this NAS behaves where releases and models differ, or nothing is written down; set at run time.

use serde::{Deserialize, Serialize};

/// The generation of DSM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dsm {
    /// 6.2: logins at `auth.cgi` in versions up to 6, and a session alone may write.
    #[serde(rename = "6")]
    Six,
    /// 7.1: everything at `entry.cgi`, logins in version 7, and writes want a token.
    #[default]
    #[serde(rename = "7")]
    Seven,
}

/// How the volume keeps count of what users have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileSystem {
    /// By shared folder.
    #[default]
    Btrfs,
    /// By volume alone.
    Ext4,
}

/// What a volume's quota looks like in an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserQuota {
    /// As it is.
    #[default]
    Shown,
    /// An empty list: quota is off.
    Empty,
    /// Not there at all.
    Absent,
}

/// How numbers of MiB are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Numbers {
    /// Whole where they are whole, else with a fraction.
    #[default]
    Plain,
    /// With a fraction throughout.
    Floats,
    /// As texts.
    Texts,
}

/// How the groups of a listed user are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupsShown {
    /// Their names.
    #[default]
    Names,
    /// Objects with a name.
    Objects,
    /// Not at all, as on some builds of DSM 6.
    Absent,
}

/// Which limit counts for a user of several groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precedence {
    /// The largest that is set.
    #[default]
    Largest,
    /// The smallest that is set.
    Smallest,
}

/// What the login of the client needs besides a password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactor {
    /// Nothing.
    #[default]
    Off,
    /// A one-time password, or the token of a trusted device.
    On,
    /// It has to be set up first: nobody gets in.
    Enforced,
}

/// What somebody sees whose address is blocked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockedSees {
    /// The code for it at each login; sessions that are open go on.
    #[default]
    Code,
    /// A page instead of any answer.
    Page,
}

/// From where a token is taken that writes want.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenFrom {
    /// The header or the query.
    #[default]
    Either,
    /// The header alone.
    Header,
    /// The query alone.
    Query,
}

/// How it behaves. Spans are in minutes, codes are DSM's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Switches {
    /// The generation of DSM.
    pub dsm: Dsm,
    /// Where it stands.
    pub timezone: String,
    /// The file that most calls go to; DSM 5 put a run of underscores before it.
    pub entry_path: String,
    /// Whether `query.cgi` is there; `entry.cgi` knows the same.
    pub query_cgi: bool,
    /// The type of its answers in JSON; `None` is what the generation sends.
    pub content_type: Option<String>,
    /// A page with this status instead of any answer: starting, a proxy, a redirect.
    pub page_instead: Option<u16>,

    /// After so many minutes without a call a session has ended.
    pub idle_minutes: i64,
    /// What a session hears that has ended.
    pub ended_code: u32,
    /// Whether a later login of the same user ends the earlier ones (code 107).
    pub one_session: bool,
    /// How many sessions may be open; with so many nobody else gets in.
    pub most_sessions: usize,
    /// Whether `_sid` in the body of a POST is read; DSM 6 reads it always.
    pub sid_in_body: bool,
    /// From where tokens are taken.
    pub token_from: TokenFrom,
    /// What a write hears that has no token.
    pub missing_token: u32,
    /// Whether DSM 7 lets a session write that came of a login in version 6.
    pub v6_may_write: bool,
    /// Whether the client's login is an administrator.
    pub is_administrator: bool,
    /// Any login of the client fails with this code (401, 408, 411...).
    pub login_code: Option<u32>,
    /// What its login needs besides the password.
    pub second_factor: SecondFactor,
    /// The one-time password that is right now.
    pub otp_code: String,
    /// So many failed logins within `block_minutes` block the address; 0 never does.
    pub block_after: usize,
    /// In which span failures are counted.
    pub block_minutes: i64,
    /// After so many days a block ends by itself; 0 never.
    pub block_days: i64,
    /// What somebody sees who is blocked.
    pub blocked_sees: BlockedSees,

    /// The most users in one answer, whatever is asked for.
    pub most_rows: Option<usize>,
    /// How groups are written in the list of users.
    pub groups_shown: GroupsShown,
    /// Whether `User get` denies every second time that somebody exists.
    pub get_denies: bool,
    /// Whether `User.Group get` is there; DSM 6 has none.
    pub user_group_get: bool,
    /// Whether names that read as numbers are found though they were sent without quotes.
    pub bare_numbers_are_names: bool,

    /// What the volumes are formatted with.
    pub file_system: FileSystem,
    /// Whether the shared folder `projects` is on a volume of its own.
    pub second_volume: bool,
    /// Whether every third user has files in the shared folder `projects`.
    pub project_share: bool,
    /// Whether the volume of `homes` is mounted, and its share unlocked.
    pub homes_mounted: bool,
    /// What is told of quotas.
    pub user_quota: UserQuota,
    /// How MiB are written.
    pub numbers: Numbers,
    /// Quotas are being counted anew, and so many per cent of the files are through.
    pub rescan_percent: Option<u8>,
    /// Which limit of several groups counts.
    pub precedence: Precedence,
    /// Calls in a batch are refused with this code.
    pub batch_code: Option<u32>,
    /// Whether limits of one shared folder can be set.
    pub share_quota_set: bool,

    /// Another administrator is editing: writes hear this code.
    pub locked_code: Option<u32>,
    /// Writes are answered as done and are not.
    pub writes_ignored: bool,
    /// The same of adding to a group alone.
    pub adds_ignored: bool,
}

impl Switches {
    /// Whether it is DSM 7.
    pub fn is_seven(&self) -> bool {
        self.dsm == Dsm::Seven
    }
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            dsm: Dsm::default(),
            timezone: "Europe/Warsaw".to_owned(),
            entry_path: "entry.cgi".to_owned(),
            query_cgi: true,
            content_type: None,
            page_instead: None,
            idle_minutes: 15,
            ended_code: 119,
            one_session: false,
            most_sessions: 50,
            sid_in_body: false,
            token_from: TokenFrom::default(),
            missing_token: 103,
            v6_may_write: false,
            is_administrator: true,
            login_code: None,
            second_factor: SecondFactor::default(),
            otp_code: "402615".to_owned(),
            block_after: 10,
            block_minutes: 5,
            block_days: 0,
            blocked_sees: BlockedSees::default(),
            most_rows: None,
            groups_shown: GroupsShown::default(),
            get_denies: false,
            user_group_get: true,
            bare_numbers_are_names: false,
            file_system: FileSystem::default(),
            second_volume: false,
            project_share: true,
            homes_mounted: true,
            user_quota: UserQuota::default(),
            numbers: Numbers::default(),
            rescan_percent: None,
            precedence: Precedence::default(),
            batch_code: None,
            share_quota_set: true,
            locked_code: None,
            writes_ignored: false,
            adds_ignored: false,
        }
    }
}
