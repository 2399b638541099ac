//! How this panel behaves where generations and releases differ, or are not written down; set at run time.

use serde::{Deserialize, Serialize};

/// What a list of clients looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListShape {
    /// An array.
    #[default]
    Array,
    /// An object whose keys are the names.
    ByName,
    /// An array below `clients`.
    Wrapped,
    /// Nobody, as `null`, whoever is there.
    HiddenAsNull,
    /// Nobody, as `[]`, whoever is there.
    HiddenAsEmpty,
}

/// What an answer of 2.x is wrapped in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrapping {
    /// `result`, `message`, `data`.
    #[default]
    Data,
    /// `result`, `message`, `msg`.
    Msg,
    /// Nothing.
    Bare,
}

/// Which names the fields of a client have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Names {
    /// `network_name`, `b_download`, `b_upload`: what the WHMCS module sends.
    #[default]
    Module,
    /// `network`, `bandwidth_download`, `bandwidth_upload`: the sample of the API page.
    Page,
}

/// How a status is spelt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spelling {
    /// `enable`, `disable`.
    #[default]
    Lower,
    /// `Enable`, `Disable`.
    Capital,
    /// `enabled`, `disabled`.
    Participle,
    /// `active`, `suspended`.
    Active,
    /// `true`, `false`, below `enabled`.
    Boolean,
    /// `paused`, whatever it is.
    Strange,
}

/// What a month of traffic looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DaysShape {
    /// An array of days with their dates.
    #[default]
    Array,
    /// An object whose keys are dates.
    ByDate,
    /// An array below `days` whose dates are bare numbers.
    Numbered,
    /// Two rows for each day: one per protocol.
    TwoRows,
    /// Other names: `day`, `download`, `upload`.
    OtherNames,
    /// `rx` and `tx` alone.
    RxTx,
    /// The month's totals alone.
    Totals,
    /// `null` for a month without traffic.
    NullWhenEmpty,
}

/// What `openapi.json` is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Openapi {
    /// There, for everybody.
    #[default]
    Served,
    /// There, without the call for traffic.
    Incomplete,
    /// 404, as behind a proxy that hides it.
    Missing,
}

/// What a cap must be written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapType {
    /// Numbers and texts of numbers.
    #[default]
    Any,
    /// Texts alone; a number is a validation error.
    Text,
}

/// What callers without a session see in place of the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Login {
    /// The API.
    #[default]
    Api,
    /// A login page with status 200.
    Page,
    /// A redirect to the login page.
    Redirect,
}

/// Every difference that can be switched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// 1 or 2.
    pub generation: u8,
    /// What a list of clients looks like.
    pub list: ListShape,
    /// What an answer of 2.x is wrapped in.
    pub wrapping: Wrapping,
    /// Which names the fields of a client have when they are read.
    pub names: Names,
    /// Which names are taken when caps are written; others are ignored without a word.
    pub written_names: Names,
    /// Numbers are written as texts.
    pub quoted_numbers: bool,
    /// How a status is spelt.
    pub spelling: Spelling,
    /// A month is taken as `4` and refused as `04`.
    pub unpadded_months: bool,
    /// What a month of traffic looks like.
    pub days: DaysShape,
    /// What `openapi.json` is.
    pub openapi: Openapi,
    /// Errors of 2.x come with status 200.
    pub errors_as_200: bool,
    /// What a cap must be written as.
    pub cap_type: CapType,
    /// Caps and status are taken and forgotten.
    pub writes_ignored: bool,
    /// The token may read alone.
    pub read_only: bool,
    /// What the status tells in place of "OK"; while it does, writes are refused.
    pub loading: Option<String>,
    /// What callers see in place of the API.
    pub login: Login,
    /// Months of statistics kept, the running one among them; 0 collects none.
    pub history_months: u32,
    /// Statistics are collected every so many minutes; 0 is all the time.
    pub collected_every_minutes: i64,
    /// Where the panel's days begin; one that the simulators' `zone.rs` knows.
    pub timezone: String,
    /// `system/info` and `system/config` are there.
    pub tells_settings: bool,
    /// `system/status` tells how many clients there are.
    pub tells_count: bool,
    /// The licence holds.
    pub license_valid: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            generation: 2,
            list: ListShape::default(),
            wrapping: Wrapping::default(),
            names: Names::default(),
            written_names: Names::default(),
            quoted_numbers: false,
            spelling: Spelling::default(),
            unpadded_months: false,
            days: DaysShape::default(),
            openapi: Openapi::default(),
            errors_as_200: false,
            cap_type: CapType::default(),
            writes_ignored: false,
            read_only: false,
            loading: None,
            login: Login::default(),
            history_months: 2,
            collected_every_minutes: 0,
            timezone: "Europe/Warsaw".to_owned(),
            tells_settings: true,
            tells_count: true,
            license_valid: true,
        }
    }
}

impl Switches {
    /// Whether it is a panel of 1.x.
    pub fn is_first(&self) -> bool {
        self.generation == 1
    }

    /// A number as this panel writes it.
    pub fn number(&self, number: u64) -> serde_json::Value {
        match self.quoted_numbers {
            true => number.to_string().into(),
            false => number.into(),
        }
    }
}
