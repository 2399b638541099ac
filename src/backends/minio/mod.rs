//! MinIO (community server and AIStor) and RustFS: bytes stored and moved per user.
//!
//! The server meters buckets, not users, so the story is: who is there, what does every bucket hold,
//! whose is it, what passed. Read `README.md` beside this file for rights and quirks.

mod admin;
mod bucket_ownership;
mod check;
mod deleted;
mod metrics;
mod policy;
mod refusal;
mod sealed;
mod settings;
mod sign;
mod sums;
mod switch;
#[cfg(test)]
mod tests;
mod traffic;
mod usage;
mod wire;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use futures_util::FutureExt;
use serde_json::Value;

use self::admin::{Admin, ApiCall};
use self::bucket_ownership::{Claims, Documents, Owner};
use self::deleted::Deleted;
use self::refusal::CallFailure;
use self::settings::{PanelConfig, Settings, Switch, Traffic};
use self::sums::Owned;
use self::usage::Usage;
use self::wire::{Group, User};
use super::{
    Applied, Backend, BackendError, CheckStep, Heard, Kind, Limiter, Memory, PollRequest, Target, Wants,
};
use crate::domain::{AccountName, Bytes, FoundBy, Harvest, Meter, Policy, ServerTotal, Timestamp, Unclaimed};
use crate::http::{Http, Url};
use crate::settings::{Section, SettingsError};

/// What the house knows about MinIO before it opens one.
pub(super) const KIND: Kind = Kind {
    name: "minio",
    meters: &[Meter::StorageUsed, Meter::TrafficIn, Meter::TrafficOut],
    can_limit: true,
    found_by: FoundBy::Username,
    // A network card of 100 Gbit/s.
    max_rate: Some(12_500_000_000),
    refusal_pause: super::ASKED_AGAIN_SOON,
    limit_template: None,
    sample: include_str!("sample.toml"),
    open,
};

fn open(section: Section, http: Http) -> Result<Box<dyn Backend>, SettingsError> {
    let (settings, config) = Settings::read(section)?;
    let admin = Admin::new(http, config.addresses.clone(), settings.key());
    Ok(Box::new(Minio { admin, config }))
}

struct Minio {
    admin: Admin,
    config: PanelConfig,
}

/// The users by name; one whose entry could not be read holds the trouble instead.
type People = BTreeMap<String, Result<User, BackendError>>;
/// The buckets of the server, with the time each was made.
type Buckets = BTreeMap<String, Option<Timestamp>>;

#[async_trait]
impl Backend for Minio {
    fn addresses(&self) -> Vec<Url> {
        self.admin.addresses().to_vec()
    }

    async fn poll(&self, ask: &PollRequest, harvest: &mut Harvest) -> Result<(), BackendError> {
        let people = self.people().await?;
        let usage: Usage = self.admin.streamed(admin::USAGE, Usage::read).await?;
        // Asked after the usage, so that a bucket made in between is missing there (and said so)
        // rather than counted nowhere.
        let buckets = self.buckets().await?;
        let names = names(&usage, &buckets);
        let documents = self.documents(&people, &names).await?;
        let owned = self.owned(&people, &names, documents.as_ref());

        let limits = self.limits(&people, ask.only.as_ref(), documents.as_ref(), harvest).await;
        let accounts = self.accounts(&people, documents.as_ref(), &limits, harvest);
        let deleted = Deleted::of(&usage, &buckets, &ask.heard, ask.now);
        sums::storage(harvest, &accounts, &owned, &buckets, &deleted, &usage, ask.now);
        let by_policy = documents.is_some() && self.config.bucket_policies;
        let lost = lost(&owned, &buckets, &ask.heard);
        for (user, account) in &accounts {
            let has_lost = lost.contains(account) && !owned.has_some(user);
            if has_lost || by_policy && has_no_policy(&people, &owned, user) {
                harvest.owns_unknown(account);
                if ask.heard.level(account).is_some_and(|level| level > Bytes::ZERO) {
                    harvest.warn(format!(
                        "nothing shows any more which buckets are {account}'s, and some have no owner: what he held \
                         stays; attach his policy again, or name his buckets in the table buckets"
                    ));
                }
            }
        }
        for one in unclaimed(&owned, &deleted, &usage) {
            harvest.unclaimed(one);
        }
        if let Some(strangers) = self.strangers(&people) {
            harvest.warn(strangers);
        }
        if let Usage::Known { at: Some(at), total: Some(stored), .. } = usage {
            harvest.total(ServerTotal { at, stored });
        }
        if deleted.doubted() > 0 {
            harvest.warn(format!(
                "{} buckets hold data and are not listed, more than half of all: deleted, or \
                 s3:ListAllMyBuckets is missing; until they are listed or the scanner stops reporting \
                 them they keep their owners",
                deleted.doubted()
            ));
        }
        match self.traffic(&owned, &buckets, &deleted, usage.is_rustfs()).await {
            Some(Ok(scraped)) => {
                harvest.by_road(scraped.road);
                sums::traffic(harvest, &accounts, &owned, &buckets, &scraped, &ask.heard, ask.now);
            }
            Some(Err(error)) => sums::no_traffic(harvest, &accounts, &error),
            None => {}
        }
        match &ask.only {
            Some(only) => harvest.retain(|account| account == only),
            None => harvest.listed_everyone(),
        }
        Ok(())
    }

    fn reports(&self, meter: Meter) -> bool {
        meter == Meter::StorageUsed || self.config.traffic != Traffic::Off
    }

    async fn check(&self, wants: Wants, steps: &mut Vec<CheckStep>) {
        self.check_all(wants, steps).await;
    }

    fn limiter(&self) -> Option<&dyn Limiter> {
        Some(self)
    }
}

#[async_trait]
impl Limiter for Minio {
    async fn remember(&self, target: &Target<'_>) -> Result<Memory, BackendError> {
        self.remembered(target.account).await
    }

    async fn apply(
        &self,
        target: &Target<'_>,
        policy: Policy,
        memory: &Memory,
    ) -> Result<Applied, BackendError> {
        match self.config.switch {
            Switch::Mapping => self.switch_mapping(target.account, policy, memory).await,
            Switch::Document => self.switch_document(target.account, policy, memory).await,
        }
    }
}

impl Minio {
    /// Everybody, by one sealed call; or the members of the group, each asked for in plain text.
    async fn people(&self) -> Result<People, BackendError> {
        let Some(group) = &self.config.group else {
            let users: BTreeMap<String, Value> = self.admin.sealed(admin::USERS).await?;
            return Ok(users.into_iter().map(|(name, user)| (name, read_user(user))).collect());
        };
        let query = [("group", group.as_str())];
        let members =
            self.admin.json::<Group>(ApiCall::get("group", "admin:GetGroup").with(&query)).await?.members;
        let asked = members.into_iter().map(|name| {
            async move {
                let user = self.user(&name).await;
                (name, user)
            }
            .boxed()
        });
        let answers = self.admin.some_at_once(asked.collect()).await;
        let mut people = People::new();
        for (name, user) in answers {
            match user {
                // Still written in the group, but no user any more.
                Err(CallFailure::Refusal(refusal)) if refusal.is_gone() => {}
                Err(CallFailure::Failed(error @ BackendError::Unexpected { .. })) => {
                    people.insert(name, Err(error));
                }
                Err(error) => return Err(error.into()),
                Ok(user) => {
                    people.insert(name, Ok(user));
                }
            }
        }
        Ok(people)
    }

    async fn user(&self, name: &str) -> Result<User, CallFailure> {
        let query = [("accessKey", name)];
        self.admin.json(ApiCall::get("user-info", "admin:GetUser").with(&query)).await
    }

    async fn buckets(&self) -> Result<Buckets, BackendError> {
        let answer = self.admin.list_buckets().await?;
        wire::buckets(answer.body())
            .map_err(|detail| BackendError::Unexpected { at: "ListBuckets".into(), detail })
    }

    /// All policy documents, where something depends on them. Failing here fails the poll: without
    /// them a bucket would silently move out of somebody's sum.
    async fn documents(
        &self,
        people: &People,
        names: &[&str],
    ) -> Result<Option<BTreeMap<String, Value>>, BackendError> {
        let orphans = || {
            let claims = self.claims(people, None);
            names.iter().any(|bucket| claims.owner(bucket) == Owner::Orphan)
        };
        let by_policy = self.config.bucket_policies && (self.config.group.is_some() || orphans());
        if !by_policy && self.config.switch == Switch::Mapping {
            return Ok(None);
        }
        self.admin.json(admin::POLICIES).await.map(Some).map_err(|failure| match failure.into() {
            BackendError::Refused(why) | BackendError::NotOffered(why) if by_policy => {
                BackendError::Refused(format!(
                    "{why}; the owners of some buckets are known only from policy documents (bucket_policies = \
                     false does without)"
                ))
            }
            other => other,
        })
    }

    fn claims<'a>(
        &'a self,
        people: &'a People,
        documents: Option<&'a BTreeMap<String, Value>>,
    ) -> Claims<'a> {
        // Members of a group are not everybody: the others show in the names of their policies.
        let strangers = documents
            .filter(|_| self.config.group.is_some())
            .into_iter()
            .flat_map(|documents| documents.keys())
            .map(|name| name.strip_suffix(switch::LIMITED).unwrap_or(name))
            .filter(|name| !people.contains_key(*name));
        let users = people.keys().map(String::as_str);
        Claims::new(&self.config.buckets, &self.config.bucket_prefix, users, strangers)
    }

    fn owned<'a>(
        &'a self,
        people: &'a People,
        names: &[&'a str],
        documents: Option<&'a BTreeMap<String, Value>>,
    ) -> Owned<'a> {
        let mut claims = self.claims(people, documents);
        if let Some(documents) = documents.filter(|_| self.config.bucket_policies) {
            let mut refusal = Documents::default();
            for (name, user) in people {
                let Ok(user) = user else { continue };
                let mut mapped = policy::mapped(&user.policy);
                // While limited, what he had before still reports what is his.
                if mapped.contains(switch::limited_name(name).as_str()) {
                    mapped.insert(name);
                }
                for document in mapped.iter().filter_map(|policy| documents.get(*policy)) {
                    policy::writes_to(document, name).iter().for_each(|pattern| refusal.add(name, pattern));
                }
            }
            claims = claims.with_documents(refusal);
        }
        Owned::new(names.iter().map(|bucket| (*bucket, claims.owner(bucket))))
    }

    /// The users who can be accounts, with their facts; says what the operator should know.
    fn accounts<'a>(
        &self,
        people: &'a People,
        documents: Option<&BTreeMap<String, Value>>,
        limits: &switch::Limits,
        harvest: &mut Harvest,
    ) -> BTreeMap<&'a str, AccountName> {
        let mut accounts = BTreeMap::new();
        for (name, user) in people {
            let account = match AccountName::new(name) {
                Ok(account) => account,
                Err(error) => {
                    harvest.warn(format!("a user cannot be metered: {error}"));
                    continue;
                }
            };
            match user {
                Ok(user) => {
                    let facts = harvest.facts_mut(&account);
                    facts.suspended = match user.status.as_deref() {
                        Some("enabled") => Some(false),
                        Some("disabled") => Some(true),
                        _ => None,
                    };
                    (facts.policy, facts.policy_differs) = self.enforced(name, user, documents, limits);
                    facts.package = self.config.group.clone().or_else(|| user.groups.iter().min().cloned());
                    accounts.insert(name.as_str(), account);
                }
                Err(error) => harvest.unread(&account, None, error.reason(), error.to_string()),
            }
        }
        if self.config.bucket_prefix.ends_with(bucket_ownership::MACRO) {
            warn_of_collisions(people, harvest);
        }
        accounts
    }

    /// Which entries of the table `buckets` name a user that there is not.
    fn strangers(&self, people: &People) -> Option<String> {
        let strangers = self.config.buckets.iter().filter(|(_, user)| !people.contains_key(*user));
        let shown: Vec<String> = strangers.map(|(bucket, user)| format!("{bucket:?} = {user:?}")).collect();
        let of_whom = match &self.config.group {
            Some(group) => format!("no member of group {group} is called so"),
            None => "no user is called so".into(),
        };
        let warning =
            format!("the table buckets has {}: {of_whom}; what they hold is unclaimed", shown.join(", "));
        (!shown.is_empty()).then_some(warning)
    }
}

/// What the server stores that is no account's.
fn unclaimed(owned: &Owned<'_>, deleted: &Deleted<'_>, usage: &Usage) -> Vec<Unclaimed> {
    let (at, sizes) = match usage {
        Usage::Known { at, sizes, .. } => (*at, Some(sizes)),
        Usage::Unknown { .. } => (None, None),
    };
    let size = |bucket: &str| sizes.and_then(|sizes| sizes.get(bucket)?.as_ref().ok().copied());
    let mut found: Vec<Unclaimed> = owned
        .unclaimed()
        .map(|(bucket, why)| Unclaimed { level: size(bucket), ..Unclaimed::new(bucket, why) })
        .collect();
    let orphans: BTreeSet<&str> = owned.unclaimed().map(|(bucket, _)| bucket).collect();
    found.extend(deleted.iter().filter(|(bucket, _)| !orphans.contains(bucket)).map(|(bucket, since)| {
        // As of a result from before the list it may have been there, and is in its owner's sum.
        let was_there = at.is_some_and(|at| !deleted.is_nobodys(bucket, at));
        let level = if was_there { Some(Bytes::ZERO) } else { size(bucket) };
        Unclaimed { level, since: Some(since), ..Unclaimed::new(bucket, Unclaimed::DELETED) }
    }));
    found
}

/// Whose buckets are there and nobody's now, as far as their counters report whose they were.
fn lost<'h>(owned: &Owned<'_>, buckets: &Buckets, heard: &'h Heard) -> BTreeSet<&'h AccountName> {
    let orphans: BTreeSet<&str> =
        owned.unclaimed().map(|(bucket, _)| bucket).filter(|bucket| buckets.contains_key(*bucket)).collect();
    if orphans.is_empty() {
        return BTreeSet::new();
    }
    let of_orphans = heard.holders().filter(|(source, _)| {
        source.as_str().rsplit_once('/').is_some_and(|(_, bucket)| orphans.contains(bucket))
    });
    of_orphans.map(|(_, account)| account).collect()
}

/// Whether nothing shows what a user owns, where policies report it: he has none, no bucket has his name, and there are
/// buckets without an owner. A mapping that vanished looks like that.
fn has_no_policy(people: &People, owned: &Owned<'_>, user: &str) -> bool {
    let is_bare = |user: &User| user.policy.is_empty() && user.groups.is_empty();
    let bare = people.get(user).is_some_and(|user| user.as_ref().is_ok_and(is_bare));
    bare && !owned.has_some(user) && owned.unclaimed().next().is_some()
}

fn read_user(user: Value) -> Result<User, BackendError> {
    serde_json::from_value(user)
        .map_err(|error| BackendError::Unexpected { at: "list-users".into(), detail: error.to_string() })
}

/// Every bucket the server knows of. One that only the usage mentions was there when it was measured.
fn names<'a>(usage: &'a Usage, buckets: &'a Buckets) -> Vec<&'a str> {
    let mut names = Vec::from_iter(buckets.keys().map(String::as_str));
    if let Usage::Known { sizes, .. } = usage {
        names.extend(sizes.keys().map(String::as_str).filter(|name| !buckets.contains_key(*name)));
    }
    names
}

/// One line for all pairs: the server itself lets the shorter name into the longer one's buckets.
fn warn_of_collisions(people: &People, harvest: &mut Harvest) {
    let pairs = bucket_ownership::colliding(people.keys().map(String::as_str));
    if let Some((short, long)) = pairs.first() {
        harvest.warn(format!(
            "{} user names begin with another user's name (the first: {short} and {long}); each bucket is billed to \
             the longest name, but a policy ending in <USER_ID>* lets {short} into the buckets of {long}",
            pairs.len()
        ));
    }
}
