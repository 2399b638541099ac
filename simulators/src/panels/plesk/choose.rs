//! Whom a filter chooses, and the results that are told of them.

use super::guid::guid;
use super::people::Person;
use super::refusal::Refusal;
use super::world::{Server, Subscription};
use crate::xml::{Element, Node};

/// One of those a filter chose.
pub struct Chosen<T> {
    /// What it was chosen by; nothing where everybody was.
    by: Option<String>,
    /// It, or why there is none.
    found: Result<T, Refusal>,
}

/// An additional site, and the subscription it is part of.
pub struct Site {
    /// Its subscription.
    pub parent: Subscription,
    /// Its number.
    pub id: u32,
    /// Its domain.
    pub name: String,
}

impl<T> Chosen<T> {
    /// The result about it: ok with its number and what `more` adds, or an error.
    pub fn result(self, server: &Server, more: impl Fn(Element, &T) -> Element) -> Element
    where
        T: Numbered,
    {
        let failed = |by: Option<String>, refusal: Refusal| put(refusal.result(), by);
        match self.found {
            Err(refusal) => failed(self.by, refusal),
            Ok(one) if one.subscription().fails.is_some() => {
                let code = one.subscription().fails.unwrap_or_default();
                failed(self.by, Refusal::new(code)).leaf("id", one.id())
            }
            Ok(one) => {
                let by = self.by.or_else(|| server.switches().tells_filter_id.then(|| one.id().to_string()));
                more(put(Element::new("result").leaf("status", "ok"), by).leaf("id", one.id()), &one)
            }
        }
    }

    /// It, unless results about it are errors.
    pub fn taken(&self) -> Option<&T>
    where
        T: Numbered,
    {
        self.found.as_ref().ok().filter(|one| one.subscription().fails.is_none())
    }
}

fn put(result: Element, by: Option<String>) -> Element {
    match by {
        Some(by) => result.leaf("filter-id", by),
        None => result,
    }
}

/// What has a number, and is a subscription or part of one.
pub trait Numbered {
    /// Its number.
    fn id(&self) -> u32;
    /// The subscription.
    fn subscription(&self) -> &Subscription;
}

impl Numbered for Subscription {
    fn id(&self) -> u32 {
        self.id
    }

    fn subscription(&self) -> &Subscription {
        self
    }
}

impl Numbered for Site {
    fn id(&self) -> u32 {
        self.id
    }

    fn subscription(&self) -> &Subscription {
        &self.parent
    }
}

/// The subscriptions that a caller chooses; by an owner all that are theirs.
pub fn subscriptions(server: &Server, caller: &Person, filter: &Node) -> Vec<Chosen<Subscription>> {
    let seen = server.seen_by(caller);
    if filter.children.is_empty() {
        return seen.into_iter().map(|one| Chosen { by: None, found: Ok(one) }).collect();
    }
    let mut chosen = Vec::new();
    for choice in &filter.children {
        let (kind, text) = (choice.name.as_str(), choice.text());
        let by = || Some(text.to_owned());
        if let Some(kind) = kind.strip_prefix("owner-") {
            match owner(server, caller, kind, text) {
                None => chosen.push(Chosen { by: by(), found: Err(Refusal::new(1015)) }),
                Some(owner) => {
                    let theirs = seen.iter().filter(|one| one.owner == owner);
                    chosen.extend(theirs.map(|one| Chosen { by: by(), found: Ok(one.clone()) }));
                }
            }
            continue;
        }
        let is_it = |one: &&Subscription| match kind {
            "id" => one.id.to_string() == text,
            "guid" => one.guid == text,
            "name" => one.name == text || one.ascii_name == text,
            // Nobody here has an identity of somebody else's.
            _ => false,
        };
        let found =
            seen.iter().find(is_it).cloned().ok_or(Refusal::said(1013, "Domain does not exist".into()));
        chosen.push(Chosen { by: by(), found });
    }
    chosen
}

/// The additional sites that a caller chooses; by a parent all that are its.
pub fn sites(server: &Server, caller: &Person, filter: &Node) -> Vec<Chosen<Site>> {
    let seen = server.seen_by(caller);
    let of = |parent: &Subscription, by: Option<String>| -> Vec<Chosen<Site>> {
        let site = |(id, name): &(u32, String)| Site { parent: parent.clone(), id: *id, name: name.clone() };
        parent.sites.iter().map(|one| Chosen { by: by.clone(), found: Ok(site(one)) }).collect()
    };
    if filter.children.is_empty() {
        return seen.iter().flat_map(|parent| of(parent, None)).collect();
    }
    let mut chosen = Vec::new();
    for choice in &filter.children {
        let (kind, text) = (choice.name.as_str(), choice.text());
        let by = || Some(text.to_owned());
        let is_parent = |one: &&Subscription| match kind {
            "parent-id" | "parent-site-id" => one.id.to_string() == text,
            "parent-guid" => one.guid == text,
            "parent-name" => one.name == text || one.ascii_name == text,
            _ => false,
        };
        let missing = || Chosen { by: by(), found: Err(Refusal::new(1013)) };
        if kind.starts_with("parent-") {
            match seen.iter().find(is_parent) {
                Some(parent) => chosen.extend(of(parent, by())),
                None => chosen.push(missing()),
            }
            continue;
        }
        let is_it = |site: &Site| match kind {
            "id" => site.id.to_string() == text,
            "guid" => site_guid(&site.name) == text,
            _ => site.name == text,
        };
        let all = seen.iter().flat_map(|parent| of(parent, by()));
        chosen.push(all.into_iter().find(|one| one.found.as_ref().is_ok_and(is_it)).unwrap_or_else(missing));
    }
    chosen
}

/// The stable identity of an additional site.
pub fn site_guid(name: &str) -> String {
    guid("site", name)
}

/// The number of an owner that a caller may know of.
fn owner(server: &Server, caller: &Person, kind: &str, text: &str) -> Option<u32> {
    let people = server.people();
    let is_it = |person: &&Person| match kind {
        "id" => person.id.to_string() == text,
        "login" => person.login == text,
        "guid" => person.guid() == text,
        _ => false,
    };
    people.values().filter(|person| caller.sees(person)).find(is_it).map(|person| person.id)
}
