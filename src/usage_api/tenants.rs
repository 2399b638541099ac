//! Whom WHMCS means by a tenant: a service by its username, on every route by the same rule. Before WHMCS has sent
//! its services a name is all that is known, and means the account that has it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::payers::{Found, Payers, accounts};
use crate::backends;
use crate::domain::{BackendId, FoundBy, Map, Meter, Owner, Service, Timestamp};
use crate::reported::{Payee, SUMMED};
use crate::standing::Standing;
use crate::store::ServiceList;
use crate::web::Problem;

/// The tenants of one WHMCS server, and all accounts that anybody pays for.
#[derive(Clone, Debug, Default)]
pub struct Tenants {
    server: i64,
    /// Everything that is metered: a service's accounts may be on any backend.
    payers: Arc<Payers>,
    /// The server's services, once WHMCS has sent them.
    list: Option<Arc<ServiceList>>,
    /// By service the living companions that stand for it, wherever they are sold: it is billed as these.
    companions: Map<i64, Vec<i64>>,
    /// The living services whose username another living one has too: by services, since when.
    namesakes: Map<i64, Timestamp>,
    /// Until when each of the server's own panels was polled; `None` where one never was.
    polled: Option<Timestamp>,
    /// When a journal of its panels was taken back, where not all of them were read since.
    rewound: Option<Timestamp>,
    /// The metrics that were reported to WHMCS for services that have nothing any more, in this month or the one
    /// before.
    reported: HashMap<i64, BTreeSet<String>>,
    /// For callers that may see one server alone: that server, and the backends of the others.
    only: Option<(i64, HashSet<BackendId>)>,
}

/// One tenant: who it is, and the accounts it pays or paid for.
#[derive(Clone, Debug)]
pub struct Tenant<'a> {
    /// What WHMCS calls it: the username of its service, in WHMCS's own spelling.
    pub name: &'a str,
    /// Who pays: its service, or the one that it stands for as a companion.
    pub payee: Payee,
    /// Whether WHMCS still sells it, as far as is known.
    pub is_sold: bool,
    /// Whether it is a service that a living companion is billed for.
    pub has_companion: bool,
    /// The accounts it pays for now; those that are missing among them.
    pub living: Vec<&'a Found>,
    /// All that it ever paid for, those among them.
    pub accounts: &'a [Found],
    /// Since when another account wants the same service, or another service the same account.
    pub contested: Option<Timestamp>,
    /// It has nothing any more of what was reported to WHMCS: the meters, and when its panels were last looked at.
    pub emptied: Option<(Vec<Meter>, Timestamp)>,
    /// Since when it is sold without that all panels of its server were polled: whether it has an account is not known
    /// yet.
    pub unread: Option<Timestamp>,
    /// Whether it is another server's, or partly, and the caller may not see that.
    pub hidden: bool,
}

impl Tenants {
    /// Of a server, among everybody who pays. `lists` are those of all servers; each of its own panels was polled until
    /// `polled` at least.
    pub fn new(
        server: i64,
        payers: Arc<Payers>,
        lists: &BTreeMap<i64, Arc<ServiceList>>,
        polled: Option<Timestamp>,
    ) -> Tenants {
        let list = lists.get(&server).cloned();
        let everybody = lists.values().flat_map(|list| list.services.iter());
        let mut companions: Map<i64, Vec<i64>> = Map::default();
        for companion in everybody.filter(|service| service.is_live()) {
            if let Some(parent) =
                companion.companion_of().filter(|parent| is_of_client(lists, *parent, companion))
            {
                companions.entry(parent).or_default().push(companion.id);
            }
        }
        let namesakes = list.as_deref().map(namesakes).unwrap_or_default();
        let (rewound, reported, only) = Default::default();
        Tenants { server, payers, list, companions, namesakes, polled, rewound, reported, only }
    }

    /// The living services that have no account and never had one, as far as is known now.
    pub fn without_accounts(&self) -> Vec<i64> {
        let services = self.list.iter().flat_map(|list| list.services.iter());
        let payees = services.filter(|service| service.is_live()).filter_map(|service| self.payee(service));
        let bare = payees.filter(|payee| self.payers.owner(payee).is_none());
        bare.filter_map(|payee| payee.service()).collect()
    }

    /// With what was reported to WHMCS of these; `rewound` where a journal was taken back that nobody has polled since.
    pub fn reported(self, reported: HashMap<i64, BTreeSet<String>>, rewound: Option<Timestamp>) -> Tenants {
        Tenants { reported, rewound, ..self }
    }

    /// The same for callers that may see one server alone: `others` are the backends of the others.
    pub fn seen_from(self, server: i64, others: HashSet<BackendId>) -> Tenants {
        Tenants { only: Some((server, others)), ..self }
    }

    /// Everything that is metered.
    pub fn standings(&self) -> &[Arc<Standing>] {
        self.payers.standings()
    }

    /// Every tenant to be reported to WHMCS, in the order of their names.
    pub fn each(&self) -> Vec<Tenant<'_>> {
        let services = self.list.iter().flat_map(|list| list.services.iter());
        let services = services.filter(|service| service.is_live());
        let services = services.filter_map(|service| self.of_service(service));
        // Whoever's name an account goes by still is given nothing by it either, if a companion is billed for him.
        let by_name = |name: &str| self.payers.owner(&Owner::named(self.server, name)).is_some();
        let services = services.filter(|tenant| !tenant.has_companion || by_name(tenant.name));
        let names = self.payers.names().iter().filter_map(|owner| self.of_name(owner));
        let mut tenants: Vec<Tenant<'_>> = services.chain(names).collect();
        tenants.sort_by(|one, other| one.name.cmp(other.name));
        tenants
    }

    /// The tenant that WHMCS calls so; `None` where nobody ever paid for anything under this name.
    pub fn of(&self, tenant: &str) -> Option<Tenant<'_>> {
        let services = self.list.iter().flat_map(|list| list.services.iter());
        let named = services.filter(|service| service.username == tenant);
        let mut found: Vec<Tenant<'_>> = named.filter_map(|service| self.of_service(service)).collect();
        let name = self.payers.owner(&Owner::named(self.server, tenant));
        found.extend(name.and_then(|owner| self.of_name(owner)));
        if found.iter().any(|tenant| tenant.is_sold) {
            found.retain(|tenant| tenant.is_sold);
        }
        let several = found.len() > 1;
        let mut tenant = found.pop()?;
        if several {
            tenant.contested = tenant.contested.or_else(|| tenant.since());
        }
        Some(tenant)
    }

    /// The tenant that WHMCS calls so, or a problem that says there is none.
    pub fn wanted(&self, tenant: &str) -> Result<Tenant<'_>, Problem> {
        let found = self.of(tenant).ok_or_else(|| unknown(tenant))?;
        match &self.only {
            Some((own, _)) if found.hidden => Err(Problem::forbidden(format!(
                "this token is for WHMCS server {own} only, and what {:?} is billed for is another server's; ask with a \
                 token without `server`",
                found.name
            ))),
            _ => Ok(found),
        }
    }

    /// The accounts on the server's own panels, as far as the rules of ownership see them, with what their names are to
    /// services.
    pub fn on<'a>(&'a self, own: &'a [BackendId]) -> impl Iterator<Item = (FoundBy, Found)> {
        let own = self.standings().iter().filter(|standing| own.contains(&standing.backend));
        let present = |standing: &'a Arc<Standing>| {
            let by = backends::kind(&standing.kind).map_or(FoundBy::default(), |kind| kind.found_by);
            accounts(standing).filter(|found| found.account.is_present()).map(move |found| (by, found))
        };
        own.flat_map(present)
    }

    /// What WHMCS calls an owner, where it is one of the server's services.
    pub fn name_of(&self, owner: &Owner) -> Option<&str> {
        let service = self.list.as_ref()?.services.by_id(owner.service()?)?;
        Some(service.username.as_str())
    }

    /// Whether any account's usage belongs to a service.
    pub fn is_metered(&self, service: &Service) -> bool {
        let owns =
            |owner: Payee| self.payers.accounts(&owner).iter().any(|found| found.account.owner == owner);
        self.payee(service).is_some_and(owns)
    }

    /// Who pays for what a service is reported: for a companion its parent, if both are the same client's.
    fn payee(&self, service: &Service) -> Option<Payee> {
        match service.companion_of() {
            None => Some(Owner::Service(service.id)),
            Some(parent) => {
                let stands = self.companions.get(&parent).is_some_and(|ids| ids.contains(&service.id));
                stands.then_some(Owner::Service(parent))
            }
        }
    }

    fn of_service<'a>(&'a self, service: &'a Service) -> Option<Tenant<'a>> {
        let payee = self.payee(service)?;
        let companions = payee.service().and_then(|id| self.companions.get(&id));
        let contested = payee.service().and_then(|id| self.payers.contested(id));
        // Whoever has the account: WHMCS would bill it to either, and show it to both.
        let contested = self.namesakes.get(&service.id).copied().or(contested);
        let accounts = self.payers.accounts(&payee);
        let (mut unread, mut emptied) = (None, None);
        if accounts.is_empty() && contested.is_none() {
            let reported = payee.service().and_then(|id| self.reported.get(&id));
            match (reported, self.rewound, self.polled) {
                // What it has is taken back; whether its account is there nobody has looked yet.
                (Some(_), Some(rewound), _) => unread = Some(rewound),
                (Some(metrics), None, Some(polled)) => {
                    let summed = SUMMED.into_iter().filter(|(_, metric)| metrics.contains(*metric));
                    emptied = Some((summed.map(|(meter, _)| meter).collect(), polled));
                }
                _ => unread = Some(self.unread(service)?),
            }
        }
        let has_companion = companions.is_some() && service.companion_of().is_none();
        // Of two that stand for one service either would be billed all of it.
        let contested = contested.or_else(|| companions.filter(|ids| ids.len() > 1).and(since(accounts)));
        let living = living(accounts, &payee);
        let (name, is_sold) = (service.username.as_str(), service.is_live());
        let hidden = self.is_hidden(&payee, accounts);
        Some(Tenant {
            name,
            payee,
            is_sold,
            has_companion,
            living,
            accounts,
            contested,
            emptied,
            unread,
            hidden,
        })
    }

    /// Whether the caller may not see what somebody pays for: it is a service of another server that is paid for, or
    /// something of it is on another server's panels.
    fn is_hidden(&self, payee: &Payee, accounts: &[Found]) -> bool {
        let Some((_, others)) = &self.only else { return false };
        let is_ours = |id| {
            let list = self.list.as_ref();
            list.is_some_and(|list| list.ever_listed(id).is_some())
        };
        !payee.service().is_none_or(is_ours) || accounts.iter().any(|found| others.contains(&found.backend))
    }

    /// Since when a living service waits for the first poll of its server's panels.
    fn unread(&self, service: &Service) -> Option<Timestamp> {
        let since = self.list.as_ref()?.first_listed(service.id)?;
        let by_name = Owner::named(self.server, &service.username);
        let waits = service.wants_account() && self.polled.is_none_or(|polled| polled < since);
        (waits && self.payers.owner(&by_name).is_none()).then_some(since)
    }

    fn of_name<'a>(&'a self, owner: &'a Owner) -> Option<Tenant<'a>> {
        let Owner::Name { server, name } = owner else { return None };
        if *server != self.server {
            return None;
        }
        let accounts = self.payers.accounts(owner);
        let living = living(accounts, owner);
        // A name that two panels have is no one's in particular; one that is missing does not compete.
        let present = || living.iter().filter(|found| found.account.is_present());
        let contested = match present().count() {
            0 | 1 => None,
            _ => present().map(|found| found.account.first_seen).max(),
        };
        let (name, payee) = (name.as_ref(), owner.clone());
        let (is_sold, has_companion, emptied, unread) = (true, false, None, None);
        let hidden = self.is_hidden(&payee, accounts);
        Some(Tenant {
            name,
            payee,
            is_sold,
            has_companion,
            living,
            accounts,
            contested,
            emptied,
            unread,
            hidden,
        })
    }
}

impl Tenant<'_> {
    /// When the newest of its accounts was first seen.
    pub fn since(&self) -> Option<Timestamp> {
        since(self.accounts)
    }
}

/// The living services of a list that have their username in common with another, and since when. Of companions it is
/// known which one is meant: that of the same client.
fn namesakes(list: &ServiceList) -> Map<i64, Timestamp> {
    let mut by_name: HashMap<&str, Vec<i64>> = HashMap::new();
    let living = list.services.iter().filter(|service| service.is_live() && service.companion_of().is_none());
    let living = living.filter(|service| !service.username.is_empty());
    for service in living {
        by_name.entry(&service.username).or_default().push(service.id);
    }
    let mut namesakes = Map::default();
    for services in by_name.into_values().filter(|services| services.len() > 1) {
        let since = services.iter().filter_map(|id| list.first_listed(*id)).max();
        namesakes.extend(services.into_iter().filter_map(|id| Some((id, since?))));
    }
    namesakes
}

/// Nobody is called so.
pub(super) fn unknown(tenant: &str) -> Problem {
    let tenant: String = tenant.chars().take(80).collect();
    Problem::unknown(format!("no account {tenant:?} on the backends of this server"))
}

fn since(accounts: &[Found]) -> Option<Timestamp> {
    accounts.iter().map(|found| found.account.first_seen).max()
}

/// Whether a service is the client's for whom a companion is sold: nobody is shown or billed what is another's.
fn is_of_client(lists: &BTreeMap<i64, Arc<ServiceList>>, service: i64, companion: &Service) -> bool {
    let found = lists.values().find_map(|list| list.ever_listed(service));
    found.is_some_and(|service| service.client == companion.client)
}

/// Those that are its accounts now.
fn living<'a>(accounts: &'a [Found], owner: &Owner) -> Vec<&'a Found> {
    let living = |found: &&Found| found.account.gone_at.is_none() && found.account.owner == *owner;
    accounts.iter().filter(living).collect()
}
