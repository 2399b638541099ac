//! Adoptions: of all who want to order for an account one does, each step is taken once, and mapped is pinned.

use super::*;
use whmeter::store::{AdoptionIntent, AdoptionState, AdoptionStep, NewAdoption};

fn wanted(account: &str) -> NewAdoption {
    NewAdoption {
        account: AccountKey { backend: backend(), name: name(account) },
        server: 12,
        client: 1042,
        product: 31,
        cycle: "monthly".into(),
        payment: "mailin".into(),
        username: account.into(),
        domain: None,
    }
}

pub async fn an_account_is_adopted_once_step_by_step(databases: &Databases) {
    let fresh = databases.fresh().await;
    let stores = [open(&fresh, 400).await, open(&fresh, 400).await];
    let store = &stores[0];
    let now = at("2026-11-03T11:00:00Z");
    let lease = lease(store, "a", now).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    poll(store, &lease, &mut loaded, now, &harvest(now, &[("Müller", 5, 7), ("bob", 1, 1)])).await.unwrap();
    let new = wanted("Müller");
    assert_eq!(store.adoption(&new.account).await.unwrap(), None);
    let intents = (0..8).map(|number| {
        let (store, new) = (stores[number % 2].clone(), new.clone());
        tokio::spawn(async move { store.intend_adoption(&new, None, "ann", now).await.unwrap() })
    });
    let mut ours = Vec::new();
    for intent in intents.collect::<Vec<_>>() {
        match intent.await.unwrap() {
            AdoptionIntent::Ours(adoption) => ours.push(*adoption),
            AdoptionIntent::There(known) => assert_eq!(known.state, AdoptionState::Ordering),
        }
    }
    let [first] = ours.as_slice() else { panic!("one of eight: {ours:?}") };
    let step = |of: &whmeter::store::Adoption, step| {
        let (store, of) = (store.clone(), of.clone());
        async move { store.step_adoption(&of, step, "said", "ann", now).await.unwrap() }
    };
    let known = || async { store.adoption(&new.account).await.unwrap().unwrap() };
    // Certainly not there it may be ordered again, by another mark; whoever was first then steps nothing.
    assert!(step(first, AdoptionStep::Refused).await);
    let AdoptionIntent::Ours(again) = store.intend_adoption(&new, None, "bea", now).await.unwrap() else {
        panic!("refused is free")
    };
    assert_ne!(again.mark, first.mark);
    let ordered = AdoptionStep::Ordered { order: 6000, service: 7731 };
    assert!(!step(first, ordered).await, "an order that was given up");
    assert!(step(&again, ordered).await);
    assert!(!step(&again, ordered).await, "twice");
    for (next, state) in [
        (AdoptionStep::Accepted, AdoptionState::Accepted),
        (AdoptionStep::Unknown, AdoptionState::Accepted),
        (AdoptionStep::Named, AdoptionState::Named),
        (AdoptionStep::Mapped, AdoptionState::Mapped),
    ] {
        let before = known().await;
        assert!(step(&before, next).await, "{next:?}");
        let after = known().await;
        assert_eq!((after.state, after.order, after.service), (state, Some(6000), Some(7731)));
        assert_eq!(after.wanted, new);
        if before.state != after.state {
            assert!(!step(&before, next).await, "{next:?} twice");
        }
    }
    let pins = store.pinned_services(&backend()).await.unwrap();
    assert_eq!(pins[&name("Müller")].service, 7731);
    let acts = store.acts(Some(&new.account), 10).await.unwrap();
    let acts: Vec<&str> = acts.iter().map(|act| act.action.as_str()).collect();
    assert_eq!(acts, ["adopt", "order", "order"], "also the order that came to nothing");
    // Once; again only where that service is over.
    let intent = |over| store.intend_adoption(&new, over, "ann", now);
    for over in [None, Some(1)] {
        assert!(matches!(intent(over).await.unwrap(), AdoptionIntent::There(_)), "{over:?}");
    }
    assert!(matches!(intent(Some(7731)).await.unwrap(), AdoptionIntent::Ours(_)));
    // Another account's is its own, and what is stored is what the chronicle records.
    let other = store.intend_adoption(&wanted("bob"), None, "ann", now).await.unwrap();
    assert!(matches!(other, AdoptionIntent::Ours(_)));
    assert!(store.intend_adoption(&wanted("carol"), None, "ann", now).await.is_err(), "never seen");
    store.verify_chronicle().await.unwrap().unwrap();
}
