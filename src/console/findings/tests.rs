//! What does not fit, on panels made up for it.

use std::sync::Arc;

use super::*;
use crate::backends::ConfiguredPanel;
use crate::domain::{
    AccountKey, AccountName, Addon, BillingZone, ByteMinutes, LifeNo, Limit, Mapping, Minutes, Month, Owner,
    Policy, Remark, Seconds, ServerTotal, Timestamp,
};
use crate::metering::MonthToDate;
use crate::quota::Hold;
use crate::reported::{Closed, ClosedMonth, GB_MONTH, ReportedValue, Sums};
use crate::standing::{AccountStanding, MappedTo, SeriesStanding, Share, Standing};
use crate::store::{BackendState, PinnedTo, PolicyState, ServiceList, Store, StoreSettings};

const NOW: i64 = 1_795_226_400;

fn at(before: i64) -> Timestamp {
    Timestamp::new(NOW - before).expect("in range")
}

fn bytes(count: u64) -> Bytes {
    Bytes::new(count).expect("fits")
}

fn moment() -> Moment {
    let zone = BillingZone::parse("Europe/Warsaw").expect("a zone");
    Moment::new(at(0), zone, Seconds::hours(26))
}

fn service(id: i64, username: &str, sold: Option<u64>) -> Service {
    let limits = sold.into_iter().map(|sold| (Meter::StorageUsed, Limit::of_size(bytes(sold))));
    Service { limits: limits.collect(), ..Service::new(id, 1, username, "Active") }
}

/// What WHMCS has sent, by way of a real store: a list is its to make.
async fn reported(list: Vec<Service>) -> Option<Arc<ServiceList>> {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(StoreSettings::default(), folder.path()).await.expect("a store");
    let addon = |id, status: &str| Addon {
        id,
        service: 1,
        client: 1,
        username: Some("extra".into()),
        name: None,
        status: status.into(),
        registered: None,
    };
    let addons = [addon(4, "Active"), addon(5, "Cancelled")];
    store.put_services(12, &list, &addons, at(0)).await.expect("stored");
    store.services(12).await.expect("read")
}

fn account(mapping: Option<Mapping>) -> AccountStanding {
    AccountStanding {
        mapped: mapping.map(|mapping| MappedTo { mapping, service: None, rivals: Vec::new() }),
        ..AccountStanding::first_seen(at(999_999))
    }
}

/// An account that a service pays for.
fn of(service: i64, account: AccountStanding) -> AccountStanding {
    AccountStanding { owner: Owner::Service(service), ..account }
}

fn all(panels: Vec<Side>) -> PanelsVsWhmcs {
    let lists = panels.iter().filter_map(|side| Some((12, side.list.clone()?))).collect();
    PanelsVsWhmcs { panels, lists, ..PanelsVsWhmcs::default() }
}

fn read(meter: Meter, before: i64, amount: u64, month: Month) -> SeriesStanding {
    let month = MonthToDate { amount: bytes(amount), ..MonthToDate::new(month) };
    SeriesStanding {
        meter,
        at: at(before),
        level: Some(bytes(amount)),
        month: Some(month),
        shown: bytes(amount),
        held_back: None,
        doubted: None,
    }
}

fn side(
    name: &str,
    list: &Option<Arc<ServiceList>>,
    accounts: Vec<(&str, AccountStanding)>,
    total: Option<u64>,
) -> Side {
    let backend = BackendId::new(name).expect("a name");
    let accounts = accounts
        .into_iter()
        .map(|(name, account)| (AccountName::new(name).expect("a name"), Arc::new(account)));
    let standing = Standing {
        backend: backend.clone(),
        kind: "minio".into(),
        number: 1,
        version: 1,
        acts: 0,
        accounts: accounts.collect(),
        changed: Vec::new(),
        changed_since: (0, 0, 0),
        list_doubt: None,
        read_at: 1,
        moved: Default::default(),
    };
    let state = BackendState {
        backend: backend.clone(),
        panel: String::new(),
        kind: "minio".into(),
        number: 1,
        version: 1,
        acts: 0,
        polled_at: Some(at(60)),
        succeeded_at: Some(at(60)),
        failing: None,
        parked_until: None,
        rewound_at: None,
        leases: 1,
        leased_until: Timestamp::EPOCH,
        seats: Default::default(),
        server_total: total.map(|stored| ServerTotal { at: at(60), stored: bytes(stored) }),
    };
    Side {
        panel: Arc::new(ConfiguredPanel::empty(&format!("name = '{name}'\nwhmcs_server = 12"))),
        state: Some(state),
        standing: Some(Arc::new(standing)),
        list: list.clone(),
    }
}

fn accounts_of<'a>(found: &[Finding<'a>]) -> Vec<(&'static str, Option<&'a str>)> {
    found.iter().map(|finding| (finding.state, finding.account)).collect()
}

#[tokio::test]
async fn a_plan_is_wrong_where_both_limits_are_known_and_differ() {
    let list = reported(vec![
        service(1, "same", Some(10)),
        service(2, "smaller", Some(10)),
        service(3, "panel-unlimited", Some(10)),
        service(4, "sold-unlimited", Some(0)),
        service(5, "panel-silent", Some(10)),
        service(6, "whmcs-silent", None),
        Service { status: "Cancelled".into(), ..service(7, "ended", Some(10)) },
    ])
    .await;
    let limited = |limit| AccountStanding { storage_limit: Limit::of_size(bytes(limit)), ..account(None) };
    let sides = all(vec![side(
        "s3",
        &list,
        vec![
            ("same", of(1, limited(10))),
            ("smaller", of(2, limited(9))),
            ("panel-unlimited", of(3, limited(0))),
            ("sold-unlimited", of(4, limited(10))),
            ("panel-silent", of(5, account(None))),
            ("whmcs-silent", of(6, limited(10))),
            ("ended", of(7, limited(9))),
            ("nobody", limited(9)),
        ],
        None,
    )]);
    let found = findings(&sides, &[FindingKind::WrongPlans], None, &moment(), &Prices::default());
    let wrong = ["panel-unlimited", "smaller", "sold-unlimited"].map(|name| ("differs", Some(name)));
    assert_eq!(accounts_of(&found), wrong);
    assert_eq!((found[1].panel_bytes, found[1].sold_bytes), (Some(9), Some(10)));
    assert_eq!(tally(&sides, &sides.panels[0].panel.id, &moment(), &Prices::default()).wrong_plans, Some(3));

    // Both limits of one account are two findings and one wrong plan; one direction is not both.
    let traffic = |meter| {
        let limits = [(Meter::StorageUsed, Limit::of_size(bytes(10))), (meter, Limit::of_size(bytes(70)))];
        Service { limits: limits.into_iter().collect(), ..Service::new(1, 1, "same", "Active") }
    };
    for (meter, wrong) in [(Meter::TrafficTotal, 2), (Meter::TrafficOut, 1)] {
        let list = reported(vec![traffic(meter)]).await;
        let both = AccountStanding { traffic_limit: Limit::of_size(bytes(80)), ..limited(9) };
        let sides = all(vec![side("s3", &list, vec![("same", of(1, both))], None)]);
        let found = findings(&sides, &[FindingKind::WrongPlans], None, &moment(), &Prices::default());
        assert_eq!(found.len(), wrong, "{meter}");
        assert_eq!(
            tally(&sides, &sides.panels[0].panel.id, &moment(), &Prices::default()).wrong_plans,
            Some(1)
        );
    }

    let silent = all(vec![side("s3", &list, vec![("same", of(1, account(None)))], None)]);
    assert_eq!(
        accounts_of(&findings(&silent, &[FindingKind::WrongPlans], None, &moment(), &Prices::default())),
        [("unknown", None)]
    );
    assert_eq!(tally(&silent, &silent.panels[0].panel.id, &moment(), &Prices::default()).wrong_plans, None);
}

#[tokio::test]
async fn who_moved_to_another_panel_of_the_server_is_no_ghost() {
    let list = reported(vec![
        service(1, "moved", None),
        service(2, "gone", None),
        service(3, "renamed", None),
        service(4, "never", None),
        service(5, "again", None),
    ])
    .await;
    let gone = |before| AccountStanding { gone_at: Some(at(before)), ..account(None) };
    let share = Share { owner: Owner::Service(5), life: LifeNo::new(0), months: Default::default() };
    let again = AccountStanding { shares: vec![share], ..account(None) };
    let sides = all(vec![
        side(
            "a",
            &list,
            vec![
                ("moved", of(1, gone(500))),
                ("gone", of(2, gone(500))),
                ("r1", of(3, gone(500))),
                ("stranger", gone(500)),
            ],
            None,
        ),
        side(
            "b",
            &list,
            vec![("moved", of(1, account(None))), ("Gone", of(2, gone(400))), ("again", again)],
            None,
        ),
    ]);
    let found = findings(&sides, &[FindingKind::Ghosts], None, &moment(), &Prices::default());
    let reported: Vec<_> = found.iter().map(|one| (one.backend, one.account, one.service)).collect();
    // Of the two accounts it had, the one that went last; also of one whose name somebody else has now.
    let ghosts = [
        (Some("b"), Some("Gone"), Some(2)),
        (Some("a"), Some("r1"), Some(3)),
        (Some("b"), Some("again"), Some(5)),
    ];
    assert_eq!(reported, ghosts);
    let missing = findings(&sides, &[FindingKind::Unmetered], None, &moment(), &Prices::default());
    assert_eq!(
        missing.iter().map(|one| one.service).collect::<Vec<_>>(),
        [Some(2), Some(3), Some(4), Some(5)]
    );
    let ghosts: Vec<_> = sides
        .panels
        .iter()
        .map(|side| tally(&sides, &side.panel.id, &moment(), &Prices::default()).ghosts)
        .collect();
    assert_eq!(ghosts, [Some(1), Some(2)]);

    // A panel beside that was never read may hold them all.
    let mut sides = sides;
    (sides.panels[1].state, sides.panels[1].standing) = (None, None);
    for what in [FindingKind::Ghosts, FindingKind::Unmetered] {
        let found = findings(&sides, &[what], None, &moment(), &Prices::default());
        assert!(!found.is_empty() && found.iter().all(Finding::is_unknown), "{found:?}");
    }
    let tally = tally(&sides, &sides.panels[0].panel.id, &moment(), &Prices::default());
    assert_eq!((tally.ghosts, tally.unmetered), (None, Some((12, None))));
}

#[tokio::test]
async fn unbilled_bytes_are_of_now_and_unknown_is_not_zero() {
    let list = reported(vec![service(1, "mine", None)]).await;
    let (month, before) = (moment().month, Month::from_number(202_610).expect("a month"));
    let with = |mapping, series| AccountStanding { series, ..account(Some(mapping)) };
    let [storage, out, inwards] = [Meter::StorageUsed, Meter::TrafficOut, Meter::TrafficIn];
    let sides = all(vec![side(
        "s3",
        &list,
        vec![
            ("mine", with(Mapping::Mapped, vec![read(storage, 60, 1000, month)])),
            (
                "one",
                with(Mapping::Unmapped, vec![read(storage, 60, 5, month), read(out, 27 * 3600, 7, before)]),
            ),
            ("two", with(Mapping::Ambiguous, vec![read(storage, 60, 6, month), read(inwards, 60, 0, month)])),
            ("old", with(Mapping::Unmapped, vec![read(storage, 27 * 3600, 100, month)])),
        ],
        None,
    )]);
    let numbers = tally(&sides, &sides.panels[0].panel.id, &moment(), &Prices::default());
    assert_eq!(numbers.unmapped, Some(3));
    // Out was last read too long ago: of this month nobody knows. In is known to be none.
    let known = BTreeMap::from([(storage, bytes(11)), (inwards, Bytes::ZERO)]);
    assert_eq!(numbers.unmapped_bytes, known);
    let found = findings(&sides, &[FindingKind::Unbilled], None, &moment(), &Prices::default());
    let old = found.iter().find(|one| one.account == Some("old")).expect("named all the same");
    assert_eq!((old.meter, old.bytes), (None, None));

    let mine = vec![("mine", with(Mapping::Mapped, vec![read(out, 60, 9, month)]))];
    let mapped = all(vec![side("s3", &list, mine, None)]);
    let numbers = tally(&mapped, &mapped.panels[0].panel.id, &moment(), &Prices::default());
    assert_eq!((numbers.unmapped, numbers.unmapped_bytes), (Some(0), BTreeMap::from([(out, Bytes::ZERO)])));

    let untold = all(vec![side("s3", &None, vec![("one", account(None))], None)]);
    let numbers = tally(&untold, &untold.panels[0].panel.id, &moment(), &Prices::default());
    let none = Conflict::ALL.map(|conflict| (conflict, 0)).into();
    assert_eq!(numbers, Tally { unmetered: Some((12, None)), policies: none, ..Tally::default() });
}

#[tokio::test]
async fn of_unbilled_flows_only_the_days_that_we_bill_are_owed() {
    let list = reported(Vec::new()).await;
    let [storage, out] = [Meter::StorageUsed, Meter::TrafficOut];
    let series = vec![read(storage, 60, 5, moment().month), read(out, 60, 7, moment().month)];
    let one = || AccountStanding { series: series.clone(), ..account(Some(Mapping::Unmapped)) };
    let mut sides = all(vec![side("s3", &list, vec![("one", one()), ("two", one())], None)]);
    let key = |name| (AccountKey { backend: sides.panels[0].panel.id.clone(), name }, Owner::Unowned);
    let key = key(AccountName::new("one").expect("a name"));
    sides.billed = Some([(key, Sums::from([(out, (bytes(3), ByteMinutes::ZERO))]))].into());
    let found = findings(&sides, &[FindingKind::Unbilled], None, &moment(), &Prices::default());
    let rows: Vec<_> = found.iter().map(|one| (one.account, one.meter, one.bytes)).collect();
    let row = |account, meter: Meter, bytes| (Some(account), Some(meter.name()), Some(bytes));
    let rows_wanted =
        [row("one", storage, 5), row("one", out, 3), row("two", storage, 5), row("two", out, 0)];
    assert_eq!(rows, rows_wanted);
    // What is used is shown all the same.
    let numbers = tally(&sides, &sides.panels[0].panel.id, &moment(), &Prices::default());
    assert_eq!(numbers.unmapped_bytes, BTreeMap::from([(storage, bytes(10)), (out, bytes(14))]));
}

#[tokio::test]
async fn a_total_is_compared_only_where_every_part_is_known() {
    let month = moment().month;
    let holds = |level, before| AccountStanding {
        series: vec![read(Meter::StorageUsed, before, level, month)],
        ..account(None)
    };
    let gone = AccountStanding { gone_at: Some(at(1)), ..holds(1000, 60) };
    let compared = |accounts, total| {
        let sides = all(vec![side("s3", &None, accounts, total)]);
        tally(&sides, &sides.panels[0].panel.id, &moment(), &Prices::default()).total_difference
    };
    assert_eq!(compared(vec![("a", holds(5, 60)), ("b", holds(6, 60)), ("c", gone)], Some(20)), Some(9));
    assert_eq!(compared(vec![("a", holds(5, 60))], Some(5)), Some(0));
    assert_eq!(compared(vec![("a", holds(5, 60))], Some(2)), Some(-3));
    assert_eq!(compared(vec![("a", holds(5, 60))], None), None);
    assert_eq!(compared(vec![("a", holds(5, 60)), ("b", account(None))], Some(20)), None);
    assert_eq!(compared(vec![("a", holds(5, 27 * 3600))], Some(20)), None);
    let named = [side("s3", &None, vec![("-7", account(None))], None)];
    let csv =
        as_csv(&[Finding { account: Some("-7"), ..Finding::of(&named[0], FindingKind::Totals, "same") }]);
    assert!(csv.contains(",'-7,"), "a name is no number: {csv}");
    let negative = all(vec![side("s3", &None, vec![("a", holds(5, 60))], Some(2))]);
    let csv = as_csv(&findings(&negative, &[FindingKind::Totals], None, &moment(), &Prices::default()));
    assert!(csv.lines().nth(1).expect("a line").contains(",5,2,,,,-3,"), "a number is no formula: {csv}");
}

/// All that it had was given to another since, so that WHMCS gets no answer for it any more.
#[tokio::test]
async fn what_was_told_of_a_living_service_that_has_nothing_left_is_named() {
    let list = reported(vec![service(4, "empty", None)]).await;
    let month = moment().month.before();
    let reported = ReportedValue {
        payee: Owner::Service(4),
        month,
        metric: "traffic_out".into(),
        server: 12,
        tenant: "empty".into(),
        value: 7,
        carried: 0,
        unit: 100_000,
        at: at(60),
    };
    let given_back = ReportedValue { month: month.next(), value: 0, carried: -7, ..reported.clone() };
    let closed = vec![Closed { reported, sums: Sums::new() }];
    let closed = ClosedMonth { reported: [(Owner::Service(4), closed)].into(), ..ClosedMonth::default() };
    let mut sides = all(vec![side("s3", &list, Vec::new(), None)]);
    sides.reported = vec![(month, Arc::new(closed))];
    let found = findings(&sides, &[FindingKind::Untold], None, &moment(), &Prices::default());
    let rows: Vec<_> = found.iter().map(|one| (one.service, one.difference_bytes)).collect();
    assert_eq!(rows, [(Some(4), Some(-7))]);
    // Carried into the month after, it is that month's, and counts once: there it could not be reported below zero.
    let later = vec![Closed { reported: given_back, sums: Sums::new() }];
    let later = ClosedMonth { reported: [(Owner::Service(4), later)].into(), ..ClosedMonth::default() };
    sides.reported.push((month.next(), Arc::new(later)));
    let found = findings(&sides, &[FindingKind::Untold], None, &moment(), &Prices::default());
    let rows: Vec<_> = found.iter().map(|one| (one.state, one.difference_bytes)).collect();
    assert_eq!(rows, [("running", Some(-7))]);
}

/// Seven bytes of it were never reported, and its service is sold no more; the living one's remainder is carried.
#[tokio::test]
async fn what_cannot_be_told_any_more_is_named_with_its_bytes() {
    let ended = Service { status: "Terminated".into(), ..service(1, "mine", None) };
    let list = reported(vec![ended, service(2, "living", None), service(3, "late", None)]).await;
    let month = moment().month;
    let sum = |amount| [(Meter::TrafficOut, (bytes(amount), ByteMinutes::ZERO))].into_iter().collect();
    let closed = |of: Month, reported: &[(i64, i64, u64)], untold: &[(i64, u64)]| {
        let mut month = ClosedMonth::default();
        for (id, value, has) in reported {
            let reported = ReportedValue {
                payee: Owner::Service(*id),
                month: of,
                metric: "traffic_out".into(),
                server: 12,
                tenant: format!("tenant {id}"),
                value: *value,
                carried: 0,
                unit: 100_000,
                at: at(60),
            };
            let closed = Closed { reported, sums: sum(*has) };
            month.reported.insert(Owner::Service(*id), vec![closed]);
            month.sums.insert(Owner::Service(*id), sum(*has));
        }
        month.sums.extend(untold.iter().map(|(id, has)| (Owner::Service(*id), sum(*has))));
        (of, Arc::new(month))
    };
    let panel = side("s3", &list, vec![("mine", of(1, account(Some(Mapping::Ended))))], None);
    let mut sides = all(vec![panel]);
    sides.reported = vec![
        closed(month.before(), &[(1, 93, 100), (2, 50, 60)], &[(3, 9)]),
        closed(month, &[(1, 5, 8), (2, 5, 6)], &[(3, 4)]),
    ];
    let found = findings(&sides, &[FindingKind::Untold], None, &moment(), &Prices::default());
    let reported: Vec<_> = found.iter().map(|one| (one.state, one.service, one.difference_bytes)).collect();
    let wanted = [("closed", Some(1), Some(7)), ("closed", Some(3), Some(9)), ("running", Some(1), Some(3))];
    assert_eq!(reported, wanted, "of the living ones only what WHMCS was never told of a closed month");
    assert_eq!(untold_sums(&sides, &moment()), (2, [("traffic_out", 19)].into_iter().collect()));
    sides.reported = vec![closed(month.before(), &[], &[(3, 9)])];
    let found = findings(&sides, &[FindingKind::Untold], None, &moment(), &Prices::default());
    assert!(found.is_empty(), "WHMCS never asked: it is billed in another way, {found:?}");
}

/// GB-months count like traffic: ten units were held all month and never reported, four for half of it by somebody
/// who was never reported at all.
#[tokio::test]
async fn gb_months_that_cannot_be_told_any_more_are_named_too() {
    let ended = Service { status: "Terminated".into(), ..service(1, "mine", None) };
    let list = reported(vec![ended, service(3, "late", None)]).await;
    let month = moment().month.before();
    let minutes = moment().zone.minutes_of(month.period());
    let held = |level: u64, minutes: Minutes| -> Sums {
        [(Meter::StorageUsed, (Bytes::ZERO, bytes(level).held_for(minutes)))].into()
    };
    let reported = ReportedValue {
        payee: Owner::Service(1),
        month,
        metric: GB_MONTH.into(),
        server: 12,
        tenant: "mine".into(),
        value: 200_000,
        carried: 0,
        unit: 1 << 30,
        at: at(60),
    };
    let disk = ReportedValue { metric: "disk".into(), value: 7, ..reported.clone() };
    let twelve = held(12 << 30, minutes);
    let reported_values =
        [disk, reported].map(|reported| Closed { reported, sums: twelve.clone() }).into_iter().collect();
    let closed = ClosedMonth {
        reported: [(Owner::Service(1), reported_values)].into(),
        sums: [
            (Owner::Service(1), twelve),
            (Owner::Service(3), held(4 << 30, Minutes::new(minutes.get() / 2))),
        ]
        .into(),
    };
    let mut sides = all(vec![side("s3", &list, Vec::new(), None)]);
    sides.reported = vec![(month, Arc::new(closed))];
    let found = findings(&sides, &[FindingKind::Untold], None, &moment(), &Prices::default());
    let rows: Vec<_> = found.iter().map(|one| (one.service, one.meter, one.difference_bytes)).collect();
    let row = |id, bytes: i64| (Some(id), Some(GB_MONTH), Some(bytes));
    assert_eq!(rows, [row(1, 10 << 30), row(3, 2 << 30)]);
    assert_eq!(untold_sums(&sides, &moment()), (2, [(GB_MONTH, 12i64 << 30)].into_iter().collect()));
}

#[tokio::test]
async fn what_is_held_back_and_what_no_metric_bills_is_named() {
    let list = reported(vec![service(1, "mine", None)]).await;
    let held = SeriesStanding { held_back: Some(at(300)), ..read(Meter::TrafficOut, 60, 5, moment().month) };
    let panel = side(
        "s3",
        &list,
        vec![("mine", of(1, AccountStanding { series: vec![held], ..account(None) }))],
        None,
    );
    let sides = all(vec![panel]);
    let found =
        findings(&sides, &[FindingKind::HeldBack, FindingKind::Addons], None, &moment(), &Prices::default());
    let reported: Vec<_> = found.iter().map(|one| (one.state, one.service, one.meter)).collect();
    assert_eq!(reported, [("held back", Some(1), Some("traffic_out")), ("not covered", Some(1), None)]);
    assert_eq!(found[1].username, Some("extra"));
}

#[tokio::test]
async fn what_the_module_says_of_its_list_is_named_with_the_service_it_is_about() {
    let list = reported(vec![service(1, "mine", None)]).await;
    let mut sides = all(vec![side("s3", &list, vec![("mine", of(1, account(None)))], None)]);
    let remark = |about, service, said: &str| Remark { about, service, said: said.into() };
    let remarks = vec![
        remark(RemarkAbout::Companion, Some(1), "service 1 has no companion"),
        remark(RemarkAbout::Size, None, "no size"),
        remark(RemarkAbout::Companion, Some(9), "stands beside service 9, which is over"),
    ];
    sides.remarks.insert(12, remarks);
    let whats = [FindingKind::Companions, FindingKind::Sizes];
    let found = findings(&sides, &whats, None, &moment(), &Prices::default());
    let said: Vec<_> =
        found.iter().map(|one| (one.what, one.service, one.username, one.detail.as_deref())).collect();
    let expected = [
        ("companions", Some(1), Some("mine"), Some("service 1 has no companion")),
        ("companions", Some(9), None, Some("stands beside service 9, which is over")),
        ("sizes", None, None, Some("no size")),
    ];
    assert_eq!(said, expected);
    let of_backend = |name: &str| BackendId::new(name).expect("a name");
    let of_its = findings(&sides, &whats, Some(&of_backend("s3")), &moment(), &Prices::default());
    assert_eq!(of_its.len(), 3, "those of its server");
    assert!(findings(&sides, &whats, Some(&of_backend("nas")), &moment(), &Prices::default()).is_empty());
}

#[tokio::test]
async fn who_is_limited_or_not_against_what_is_wanted_is_named() {
    let list = reported(vec![service(1, "mine", None)]).await;
    let accounts = ["mine", "theirs", "lost", "fine", "gone"].map(|name| (name, account(None))).to_vec();
    let mut sides = all(vec![side("s3", &list, accounts, None)]);
    let backend = sides.panels[0].panel.id.clone();
    let standing = Arc::make_mut(sides.panels[0].standing.as_mut().expect("read"));
    let name = |text: &str| AccountName::new(text).expect("valid");
    let entry = |text| Arc::unwrap_or_clone(standing.accounts[&name(text)].clone());
    let (mine, gone) = (of(1, entry("mine")), AccountStanding { gone_at: Some(at(0)), ..entry("gone") });
    standing.accounts.insert(name("mine"), Arc::new(mine));
    standing.accounts.insert(name("gone"), Arc::new(gone));
    let state = |left_alone: Option<&str>, shown| PolicyState {
        hold: Hold {
            wanted: Policy::Limited,
            confirmed_at: Some(at(600)),
            left_alone: left_alone.is_some(),
            ..Hold::default()
        },
        shown: Some(shown),
        remembers: true,
        left_alone: left_alone.map(str::to_string),
        pinned_by: None,
        unknown_since: None,
    };
    let extra = Some("policy mine-limited,extra");
    sides.policies = [
        ("mine", state(extra, Policy::Limited)),
        ("theirs", state(extra, Policy::Standard)),
        ("lost", state(None, Policy::Standard)),
        ("fine", state(None, Policy::Limited)),
        ("gone", state(None, Policy::Standard)),
    ]
    .map(|(text, state)| (AccountKey { backend: backend.clone(), name: name(text) }, state))
    .to_vec();
    let found = findings(&sides, &[FindingKind::Policies], None, &moment(), &Prices::default());
    let reported: Vec<_> = found.iter().map(|one| (one.state, one.account, one.service)).collect();
    let expected =
        [("still_limited", "mine", Some(1)), ("left_alone", "theirs", None), ("lost", "lost", None)];
    assert_eq!(reported, expected.map(|(state, account, service)| (state, Some(account), service)));
    assert_eq!(found[0].detail.as_deref(), Some("left alone, still limited by policy mine-limited,extra"));
    let counted = tally(&sides, &backend, &moment(), &Prices::default()).policies;
    assert_eq!(counted, Conflict::ALL.map(|conflict| (conflict, 1)).into());
}

#[tokio::test]
async fn who_fell_silent_is_named_and_a_pin_of_an_earlier_life_is_said_to_count_no_more() {
    let silent = |since| AccountStanding {
        trouble: Some(("silent".into(), at(since))),
        series: vec![read(Meter::StorageUsed, 900, 5, moment().month)],
        ..account(None)
    };
    let unread = AccountStanding { trouble: Some(("busy".into(), at(60))), ..account(None) };
    let gone = AccountStanding { gone_at: Some(at(60)), ..silent(60) };
    let held = |sides: &PanelsVsWhmcs| -> Vec<(&'static str, Option<String>)> {
        let found = findings(sides, &[FindingKind::HeldBack], None, &moment(), &Prices::default());
        found.iter().map(|one| (one.state, one.account.map(str::to_string))).collect()
    };
    let few = vec![("a", silent(60)), ("b", unread.clone()), ("c", gone)];
    assert_eq!(held(&all(vec![side("s3", &None, few, None)])), [("silent", Some("a".to_string()))]);
    let crowd = ["a", "b", "c", "d", "e"].map(|name| (name, silent(60)));
    let sides = all(vec![side("s3", &None, crowd.to_vec(), None)]);
    let found = held(&sides);
    assert_eq!((found[0].clone(), found.len()), (("silence", None), 6));

    let again = AccountStanding { nth: 2, ..account(None) };
    let mut sides = all(vec![side(
        "s3",
        &None,
        vec![("old", again.clone()), ("same", again), ("one", account(None))],
        None,
    )]);
    let pin = |nth| PinnedTo { service: 57, nth };
    let pins = [("old", Some(1)), ("same", Some(2)), ("one", None), ("never-seen", Some(1))];
    let pins = pins.map(|(name, nth)| (AccountName::new(name).expect("a name"), pin(nth)));
    sides.pins.insert(sides.panels[0].panel.id.clone(), pins.into_iter().collect());
    let found = findings(&sides, &[FindingKind::Pins], None, &moment(), &Prices::default());
    assert_eq!(accounts_of(&found), [("earlier life", Some("old")), ("earlier life", Some("one"))]);
    assert!(found.iter().all(|one| one.service == Some(57)));
}

#[tokio::test]
async fn a_meter_that_moved_nothing_this_month_does_not_show_the_month_before() {
    let list = reported(vec![]).await;
    let before = moment().month.before();
    let nobodys = AccountStanding {
        series: vec![
            read(Meter::TrafficOut, 5, 900, before),
            read(Meter::TrafficIn, 5, 70, moment().month),
            read(Meter::StorageUsed, 5, 40, before),
        ],
        ..account(Some(Mapping::Unmapped))
    };
    let sides = all(vec![side("s3", &list, vec![("a", nobodys)], None)]);
    let found = findings(&sides, &[FindingKind::Unbilled], None, &moment(), &Prices::default());
    let shown: Vec<_> = found.iter().map(|one| (one.meter, one.bytes)).collect();
    // A level stands whenever it came; of traffic that was read since the month began nothing has passed.
    assert_eq!(
        shown,
        [(Some("traffic_out"), Some(0)), (Some("traffic_in"), Some(70)), (Some("storage"), Some(40))]
    );
}
