//! What a panel says of an account besides its usage.

use super::*;

/// A harvest of one account about which this is said.
fn said(now: Timestamp, facts: Facts) -> Harvest {
    let mut harvest = harvest(now, &[("alice", 7, 7)]);
    *harvest.facts_mut(&name("alice")) = facts;
    harvest
}

pub async fn what_a_panel_says_of_an_account_fits_whatever_it_is(databases: &Databases) {
    let fresh = databases.fresh().await;
    let store = open(&fresh, 400).await;
    let mut now = at("2026-11-20T11:00:00Z");
    let lease = lease(&store, "a", now).await.unwrap();
    let mut loaded = store.load(&backend(), None).await.unwrap();
    let hostile = format!("a\0b\n{}", "ü".repeat(300));
    let kept = format!("ab{}", "ü".repeat(253));
    let suspended = Facts {
        suspended: Some(true),
        suspended_for: Some(hostile.clone()),
        package: Some(hostile.clone()),
        domain: Some(hostile.clone()),
        reseller: Some(hostile),
        ..Facts::default()
    };
    // What is not said is as it was; nothing is said of the reasons of one that is switched on.
    let silent = Facts { reseller: Some(String::new()), ..Facts::default() };
    let restored =
        Facts { suspended: Some(false), suspended_for: Some("not suspended".into()), ..silent.clone() };
    for (facts, reseller, suspended_for) in
        [(suspended, kept.as_str(), Some(&kept)), (silent, "", Some(&kept)), (restored, "", None)]
    {
        now = now.plus(Seconds::hours(1));
        poll(&store, &lease, &mut loaded, now, &said(now, facts)).await.unwrap();
        let standings = store.standings().await.unwrap();
        let alice = &standings[0].accounts[&name("alice")];
        assert_eq!((&alice.package, &alice.domain), (&Some(kept.clone()), &Some(kept.clone())));
        assert_eq!(
            (alice.reseller.as_deref(), alice.suspended_for.as_ref()),
            (Some(reseller), suspended_for)
        );
        let key = AccountKey { backend: backend(), name: name("alice") };
        for of in [None, Some(backend())] {
            let resellers = store.resellers(of.as_ref()).await.unwrap();
            assert_eq!(resellers.get(&key).map(String::as_str), Some(reseller));
        }
    }
}
