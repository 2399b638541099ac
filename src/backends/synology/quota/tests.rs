//! Quotas as DSM tells them, and as it never should.

use super::*;
use serde_json::json;

fn homes() -> Shares {
    Shares::default()
}

fn btrfs(shares: Value) -> Value {
    json!({ "user_quota": [{ "volume": "/volume1", "support_share_quota": true, "shares": shares }] })
}

fn read(data: &Value, shares: &Shares) -> Result<(u64, Limit), String> {
    let quotas = Quotas::read(data, shares)?;
    Ok((quotas.used()?.get(), quotas.limit()))
}

fn up_to(mib: u64) -> Limit {
    Limit::UpTo(Bytes::new(mib << 20).expect("few"))
}

#[test]
fn btrfs_counts_by_folder_and_ext4_by_volume() {
    let both = btrfs(json!([
        { "name": "homes", "quota": 0, "group_limit": 51_200, "used": 20_480 },
        { "name": "projects", "quota": 10_240, "group_limit": 0, "used": 3.015625 },
    ]));
    let all = Shares::All;
    let named = Shares::Named(vec!["projects".into()]);
    assert_eq!(read(&both, &homes()), Ok((20_480 << 20, up_to(51_200))));
    assert_eq!(read(&both, &named), Ok((3_162_112, up_to(10_240))));
    assert_eq!(read(&both, &all), Ok(((20_480 << 20) + 3_162_112, up_to(61_440))));
    let mut ext4 = json!({ "user_quota": [{ "volume": "/volume2", "quota": 102_400, "group_limit": 0, "used": 40_960 }] });
    assert_eq!(read(&ext4, &homes()), Ok((40_960 << 20, up_to(102_400))));
    // Both kinds of volume in one: a folder that is named may be on the one that counts as a whole.
    if let Some(volumes) = ext4["user_quota"].as_array_mut() {
        volumes.push(both["user_quota"][0].clone());
    }
    let mixed = Shares::Named(vec!["homes".into(), "archive".into()]);
    assert_eq!(read(&ext4, &mixed), Ok((61_440 << 20, up_to(153_600))));
}

#[test]
fn amounts_are_rounded_once_a_place_and_nonsense_is_named() {
    let one = |used: Value| {
        read(&btrfs(json!([{ "name": "homes", "quota": 0, "group_limit": 0, "used": used }])), &homes())
    };
    for (used, bytes) in [
        (json!(0), 0),
        (json!("512"), 512 << 20),
        (json!("3.015625"), 3_162_112),
        (json!(0.000001), 1),
        (json!(1e3), 1_000 << 20),
        (json!(8_796_093_022_207_u64), 9_223_372_036_853_727_232),
    ] {
        assert_eq!(one(used.clone()).map(|(used, _)| used), Ok(bytes), "{used}");
    }
    for used in [
        json!(null),
        json!(-1),
        json!("-0.5"),
        json!("NaN"),
        json!("inf"),
        json!("many"),
        json!(""),
        json!([7]),
        json!({}),
        json!(true),
        json!(9_223_372_036_854_775_808_u64),
        json!(1e20),
    ] {
        let problem = one(used.clone()).expect_err("nonsense");
        assert!(problem.starts_with("used of homes on /volume1 is"), "{used}: {problem}");
    }
}

#[test]
fn what_is_not_told_is_no_zero() {
    for data in [
        json!({}),
        json!({ "user_quota": null }),
        json!({ "user_quota": [] }),
        json!({ "user_quota": {} }),
        json!({ "user_quota": [7] }),
        json!({ "user_quota": [{ "quota": 0, "used": 5 }] }),
        json!({ "user_quota": [{ "volume": "/volume1" }] }),
        json!({ "user_quota": [{ "volume": "/volume1", "shares": [] }] }),
        btrfs(json!([{ "name": "projects", "quota": 0, "group_limit": 0, "used": 5 }])),
        btrfs(json!([{ "name": "homes", "quota": 0, "group_limit": 0 }])),
        btrfs(json!([{ "name": "homes", "used": 1 }, { "name": "homes", "used": 1 }])),
        btrfs(json!([{ "used": 1 }])),
        json!(null),
    ] {
        assert!(read(&data, &homes()).is_err(), "{data}");
    }
    let named = Shares::Named(vec!["homes".into(), "projects".into()]);
    let problem = read(&btrfs(json!([{ "name": "homes", "used": 1 }])), &named).expect_err("one is missing");
    assert!(problem.contains("\"projects\""), "{problem}");
    // A further volume with no folder that counts is nothing.
    let mut data = btrfs(json!([{ "name": "homes", "quota": 7, "used": 1 }]));
    if let Some(volumes) = data["user_quota"].as_array_mut() {
        volumes.push(json!({ "volume": "/volume2", "shares": [] }));
    }
    assert_eq!(read(&data, &homes()), Ok((1 << 20, up_to(7))));
}

#[test]
fn a_limit_is_known_unlimited_or_not_told() {
    let limit = |rows: Value| read(&btrfs(rows), &Shares::All).map(|(_, limit)| limit);
    let row = |name: &str, used: u64, quota: Value, group: Value| json!({ "name": name, "used": used, "quota": quota, "group_limit": group });
    for (rows, expected) in [
        (json!([row("a", 1, json!(5), json!(9))]), up_to(5)),
        (json!([row("a", 1, json!("5"), json!(null))]), up_to(5)),
        (json!([row("a", 1, json!(0), json!(9))]), up_to(9)),
        (json!([row("a", 1, json!(0), json!(0))]), Limit::Unlimited),
        (json!([row("a", 1, json!(0), json!(null))]), Limit::Unknown),
        (json!([row("a", 1, json!(null), json!(9))]), Limit::Unknown),
        (json!([row("a", 1, json!(-1), json!(9))]), Limit::Unknown),
        (json!([row("a", 1, json!(""), json!(""))]), Limit::Unknown),
        (json!([row("a", 1, json!("unlimited"), json!(0))]), Limit::Unknown),
        (json!([row("a", 1, json!(5), json!(0)), row("b", 0, json!(0), json!(0))]), up_to(5)),
        (json!([row("a", 1, json!(5), json!(0)), row("b", 2, json!(0), json!(0))]), Limit::Unlimited),
        (json!([row("a", 1, json!(5), json!(0)), row("b", 2, json!(null), json!(0))]), Limit::Unknown),
        (json!([row("a", 0, json!(0), json!(0))]), Limit::Unlimited),
    ] {
        assert_eq!(limit(rows.clone()), Ok(expected), "{rows}");
    }
}

#[test]
fn a_frozen_place_has_a_quota_that_is_not_above_what_it_holds() {
    let rows =
        |homes: Value| btrfs(json!([{ "name": "homes", "used": 20.75, "quota": homes, "group_limit": 0 }]));
    let quotas = |homes: Value| Quotas::read(&rows(homes), &Shares::default()).expect("read");
    let place = QuotaPlace { volume: "/volume1".into(), share: Some("homes".into()) };
    assert_eq!(quotas(json!(100)).to_freeze(), Ok(vec![(place.clone(), 100, 20)]));
    assert_eq!(quotas(json!(20)).quota_of(&place), Some(20));
    assert!(quotas(json!(20)).is_full() && !quotas(json!(21)).is_full() && !quotas(json!(0)).is_full());
    assert!(quotas(json!(0.5)).to_freeze().is_err(), "it could not be given back exactly");
    assert!(quotas(json!(null)).to_freeze().is_err());
}
