//! What WHMCS sells: a service, and which one an account belongs to.

use litemap::LiteMap;

use super::{Limit, Meter, UsageDay};

/// One service, as WHMCS sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// `tblhosting.id`.
    pub id: i64,
    /// `tblclients.id`.
    pub client: i64,
    /// Its username: the account on the panel, unless the panel's accounts are found otherwise (see [`FoundBy`]).
    pub username: String,
    /// The account on the panel, where the panel's own module keeps another word for it (SolusVM's `vserverid`).
    pub account: Option<String>,
    /// Its domain.
    pub domain: Option<String>,
    /// The product's name.
    pub product: Option<String>,
    /// What the product's module calls its plan.
    pub package: Option<String>,
    /// `Pending`, `Active`, `Suspended`, `Terminated`, `Cancelled`, `Fraud` or `Completed`.
    pub status: String,
    /// When the customer's contract began (`tblhosting.regdate`), where WHMCS has sent it.
    pub registered: Option<UsageDay>,
    /// Its limits; of an absent meter it says nothing.
    pub limits: LiteMap<Meter, Limit>,
    /// The template of its notices, where the product names one.
    pub notify_template: Option<String>,
    /// The template that says it was limited.
    pub limited_template: Option<String>,
    /// The percentage of its limit that its customer is to hear of, where the product names one.
    pub warn_at: Option<u32>,
    /// The unit that its customer is told amounts in, where the product names one: one of [`Service::UNITS`], of whatever base
    /// WHMCS's units are.
    pub unit: Option<&'static str>,
}

impl Service {
    /// The numbers that WHMCS gives (`tblhosting.id`). Those below are the house's own: of services whose numbers others
    /// have now.
    pub const NUMBERS: std::ops::RangeInclusive<i64> = 1..=u32::MAX as i64;

    /// The units that a product may name.
    pub const UNITS: [&'static str; 4] = ["MB", "GB", "TB", "PB"];

    /// A service of which nothing else is reported.
    pub fn new(id: i64, client: i64, username: &str, status: &str) -> Service {
        Service {
            id,
            client,
            username: username.into(),
            account: None,
            domain: None,
            product: None,
            package: None,
            status: status.into(),
            registered: None,
            limits: LiteMap::new(),
            notify_template: None,
            limited_template: None,
            warn_at: None,
            unit: None,
        }
    }

    /// The name that its account should have on a panel whose accounts are found so.
    pub fn account_name(&self, by: FoundBy) -> Option<&str> {
        let found = match by {
            FoundBy::Username => Some(self.username.as_str()),
            FoundBy::Domain => self.domain.as_deref(),
        };
        self.account.as_deref().or(found)
    }

    /// What was sold of a meter.
    pub fn limit(&self, meter: Meter) -> Limit {
        self.limits.get(&meter).copied().unwrap_or_default()
    }

    /// Whether WHMCS may know its number. One that an earlier WHMCS sold, and that the one installed since does not
    /// have, has a number below zero; its client's number means nothing any more.
    pub fn is_in_whmcs(&self) -> bool {
        self.id > 0
    }

    /// Whether somebody pays for it now, so that there should be an account.
    pub fn is_live(&self) -> bool {
        matches!(self.status.as_str(), "Active" | "Suspended")
    }

    /// Whether WHMCS has suspended it.
    pub fn is_suspended(&self) -> bool {
        self.status == "Suspended"
    }

    /// Whether there should be an account of its own. A companion has none: it is the service it stands for
    /// that must have one.
    pub fn wants_account(&self) -> bool {
        self.is_live() && self.companion_of().is_none()
    }

    /// The service it stands for, if it is a companion: one named `whm-7731` carries the metrics of service
    /// 7731, whose own module can carry none.
    pub fn companion_of(&self) -> Option<i64> {
        let digits = self.username.strip_prefix("whm-")?;
        let id: i64 = digits.parse().ok()?;
        // The number as the module writes it, and in no other way: `whm-0501` is somebody's name.
        (id > 0 && id.to_string() == digits).then_some(id)
    }
}

/// By which of a service's words an account's name finds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FoundBy {
    /// The username: the account is a login, or what WHMCS's module writes there.
    #[default]
    Username,
    /// The domain: the account is named by its site, and one login may have several.
    Domain,
}

/// How an account came to its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mapping {
    /// By its name.
    Mapped,
    /// By an operator's word.
    Pinned,
    /// There is none: its usage is not billed.
    Unmapped,
    /// Several could be meant: its usage is not billed until an operator says which.
    Ambiguous,
    /// Its service is not sold any more, and no living one claims it: its usage is not billed.
    Ended,
}

impl Mapping {
    /// Every way.
    pub const ALL: [Mapping; 5] =
        [Mapping::Mapped, Mapping::Pinned, Mapping::Unmapped, Mapping::Ambiguous, Mapping::Ended];

    /// Its name in the database, in JSON and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Mapping::Mapped => "mapped",
            Mapping::Pinned => "pinned",
            Mapping::Unmapped => "unmapped",
            Mapping::Ambiguous => "ambiguous",
            Mapping::Ended => "ended",
        }
    }
}

/// A product add-on of a service that WHMCS runs on a server of its own: no metric bills it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addon {
    /// `tblhostingaddons.id`.
    pub id: i64,
    /// The service it belongs to.
    pub service: i64,
    /// `tblclients.id`.
    pub client: i64,
    /// The account on the panel, where WHMCS sends one.
    pub username: Option<String>,
    /// The add-on's name.
    pub name: Option<String>,
    /// As a service's.
    pub status: String,
    /// When it was ordered.
    pub registered: Option<UsageDay>,
}

/// Something that WHMCS's module says is not right with what it sends: nothing of it counts, and people should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// What it is about.
    pub about: RemarkAbout,
    /// The service it is about, where it is about one.
    pub service: Option<i64>,
    /// What is not right, for people.
    pub said: String,
}

/// What a remark is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemarkAbout {
    /// A companion service that is missing, or not as it should be.
    Companion,
    /// A size that was written and cannot be read: the limit is unknown.
    Size,
}

impl RemarkAbout {
    /// Each of them.
    pub const ALL: [RemarkAbout; 2] = [RemarkAbout::Companion, RemarkAbout::Size];

    /// Its name in lists and in the database.
    pub fn name(self) -> &'static str {
        match self {
            RemarkAbout::Companion => "companions",
            RemarkAbout::Size => "sizes",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<RemarkAbout> {
        RemarkAbout::ALL.into_iter().find(|about| about.name() == name)
    }
}
