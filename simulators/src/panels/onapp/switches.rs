//! How this panel behaves where versions differ, or where nobody wrote it down; set at run time.

use serde::{Deserialize, Serialize};

/// What of a list is sent at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Paging {
    /// Whole lists before 5.0; pages with headers since.
    #[default]
    ByVersion,
    /// Whole lists; parameters are not known.
    Whole,
    /// Pages where one is asked for, with `X-Page`, `X-Limit` and `X-Total`.
    Headers,
    /// Pages where one is asked for, and no word of how many there are.
    Silent,
}

/// How somebody is told that he is not logged in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// 401 and one text under `error`.
    #[default]
    Error,
    /// 401 and a list under `errors`.
    Errors,
    /// The page to sign in, with 200.
    LoginPage,
    /// A redirect to the page to sign in.
    Redirect,
}

/// How numbers are written that are money or parts of machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Numbers {
    /// As the version does: 2.0 has texts with a decimal point.
    #[default]
    ByVersion,
    /// Texts with a decimal point.
    Texts,
    /// Floats.
    Floats,
}

/// How costs are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Costs {
    /// Floats.
    #[default]
    Floats,
    /// Texts.
    Texts,
    /// Floats that no price list can mean, as one panel had them.
    Huge,
}

/// What is behind `errors` when something is refused with 422.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Errors {
    /// A list of texts.
    #[default]
    List,
    /// Lists of texts by field.
    Map,
    /// A list of objects.
    Objects,
    /// One text under `error`.
    Text,
}

/// How a user is suspended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserCalls {
    /// `GET` before 3.0, `POST` since.
    #[default]
    ByVersion,
    /// `POST suspend`, `POST activate`.
    Post,
    /// `GET suspend`, `GET activate_user`.
    Get,
}

/// How it behaves.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switches {
    /// As `version.json` tells it: `6.4.0-61`, `2.3.2`, `5.10.0-2`.
    pub version: String,
    /// What of a list is sent at once.
    pub paging: Paging,
    /// The most elements on a page; more is not sent, whatever is asked for.
    pub largest_page: usize,
    /// Whether `per_page=all` asks for everything.
    pub per_page_all: bool,
    /// How somebody is told that he is not logged in.
    pub refusal: Refusal,
    /// Whether passwords are taken besides keys.
    pub password_for_api: bool,
    /// What the API user's role lacks: `settings.version`, `users.read`, `virtual_machines.read`, `networks.read`,
    /// `vm_stats`, `virtual_machines.power`, `cdn_resources`, `cdn_usage_stats.read`, `edge_groups.read`,
    /// `users.suspend`, `users.update`, `billing_plans.read`, `monthly_bills`.
    pub lacks: Vec<String>,
    /// The API user's role is cut to `.own`: all it gets is what is its own.
    pub own_alone: bool,
    /// The API user's zone as Rails calls it: empty, `UTC`, `Warsaw`, `London`, `Tokyo`, `Bogota`.
    pub time_zone: String,
    /// Whether times of statistics follow that zone too.
    pub statistics_in_zone: bool,
    /// How long the full list of users takes; `short` spares it.
    pub full_list_milliseconds: u64,
    /// Whether `short` is known.
    pub knows_short: bool,
    /// Whether deleted users stay in the list.
    pub deleted_stay: bool,
    /// How numbers of machines are written.
    pub numbers: Numbers,
    /// How costs are written.
    pub costs: Costs,
    /// Bytes of the kilobyte that traffic of interfaces is told in.
    pub kilobyte: u64,
    /// Bytes of the kilobyte that `monthly_bandwidth_used` is told in.
    pub monthly_kilobyte: u64,
    /// Bytes of the megabyte that CDN traffic is billed in.
    pub cdn_megabyte: u64,
    /// Seconds after the full hour at which its row appears.
    pub rows_after_seconds: i64,
    /// So many hours later rows of interfaces appear.
    pub late_hours: i64,
    /// So many hours later rows of CDN resources appear; three more in 2.3.
    pub cdn_late_hours: i64,
    /// So many hours after its appearance a row is revised; 0 is never.
    pub revised_after_hours: i64,
    /// What a row tells before it is revised, in per cent of what passed.
    pub first_percent: u64,
    /// Whether hours in which nothing passed have a row where a machine ran.
    pub zero_rows: bool,
    /// How long rows are kept.
    pub history_days: i64,
    /// Whether `usage_statistics` obeys a period; else it tells the last hours.
    pub bulk_obeys_period: bool,
    /// What statistics without a period are of.
    pub default_hours: i64,
    /// The name around elements of `cdn_usage_statistics`: `cdn_stat`, or `user_stat` with `not_cached`.
    pub cdn_stat_root: String,
    /// Whether bodies of `GET` arrive; some proxies drop them.
    pub get_bodies: bool,
    /// What is behind `errors` in 422.
    pub errors: Errors,
    /// How a user is suspended.
    pub user_calls: UserCalls,
    /// Whether suspending a suspended user is taken.
    pub suspends_twice: bool,
    /// How long an action runs; meanwhile its machine is locked.
    pub action_seconds: i64,
    /// What is answered to actions at a locked machine: 422 or 404.
    pub locked_status: u16,
    /// Actions are taken, and fail when they run.
    pub writes_ignored: bool,
    /// Whether a machine is booted when it is unsuspended.
    pub boots_when_released: bool,
    /// Whether a port without a limit shows `null`, not 0.
    pub unlimited_is_null: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            version: "6.4.0-61".into(),
            paging: Paging::default(),
            largest_page: 1_000,
            per_page_all: true,
            refusal: Refusal::default(),
            password_for_api: true,
            lacks: Vec::new(),
            own_alone: false,
            time_zone: String::new(),
            statistics_in_zone: false,
            full_list_milliseconds: 0,
            knows_short: true,
            deleted_stay: false,
            numbers: Numbers::default(),
            costs: Costs::default(),
            kilobyte: 1_024,
            monthly_kilobyte: 1_024,
            cdn_megabyte: 1 << 20,
            rows_after_seconds: 20,
            late_hours: 0,
            cdn_late_hours: 0,
            revised_after_hours: 0,
            first_percent: 60,
            zero_rows: true,
            history_days: 100,
            bulk_obeys_period: true,
            default_hours: 48,
            cdn_stat_root: "cdn_stat".into(),
            get_bodies: true,
            errors: Errors::default(),
            user_calls: UserCalls::default(),
            suspends_twice: true,
            action_seconds: 0,
            locked_status: 422,
            writes_ignored: false,
            boots_when_released: false,
            unlimited_is_null: false,
        }
    }
}

impl Switches {
    /// Major and minor version: 5.10 comes after 5.9.
    pub fn release(&self) -> (u32, u32) {
        let mut parts = self.version.split(['.', '-']).map(|part| part.parse().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    }

    /// Hours that rows of CDN resources are late.
    pub fn cdn_late(&self) -> i64 {
        self.cdn_late_hours + if self.release() == (2, 3) { 3 } else { 0 }
    }

    /// Whether users are suspended by `GET`.
    pub fn users_by_get(&self) -> bool {
        match self.user_calls {
            UserCalls::ByVersion => self.release() < (3, 0),
            calls => calls == UserCalls::Get,
        }
    }

    /// The key of a user's plan.
    pub fn plan_key(&self) -> &'static str {
        if self.release() >= (6, 0) { "bucket_id" } else { "billing_plan_id" }
    }
}
