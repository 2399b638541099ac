//! The state machine, case by case: what each change of usage, limit, pin or panel leads to.

use super::*;
use crate::domain::{
    AccountKey, AccountName, BackendId, Bytes, HoldingNo, Limit, Meter, Month, Policy, Seconds, Timestamp,
};

pub(super) fn up_to(size: u64) -> Limit {
    Limit::UpTo(Bytes::new(size).expect("valid"))
}

pub(super) fn rule() -> Rule {
    Rule {
        size: Size::Fixed(up_to(1000)),
        notify_at: vec![80, 90],
        notify_as_sold: false,
        limit_at: Some(100),
        restore_below: 95,
        remind_every: None,
        brake: Brake::Count(1000),
        wording: Wording::default(),
    }
}

/// One account whose state is carried from poll to poll.
pub(super) struct Account {
    pub holding: HoldingNo,
    pub crossings: Crossings,
    pub hold: Hold,
    pub now: i64,
    pub rule: Option<Rule>,
    pub limit: Limit,
    pub shown: Option<Policy>,
    pub suspended: bool,
    pub month: Option<Month>,
    pub meter: Meter,
    raised: bool,
    differs: bool,
    by_hand: bool,
}

impl Account {
    pub fn new(rule: Rule) -> Account {
        Account {
            holding: HoldingNo::new(1),
            crossings: Crossings::new(),
            hold: Hold::default(),
            now: 1_000_000,
            rule: Some(rule),
            limit: up_to(1000),
            shown: Some(Policy::Standard),
            raised: false,
            differs: false,
            by_hand: false,
            suspended: false,
            month: None,
            meter: Meter::StorageUsed,
        }
    }

    fn at(&self) -> Timestamp {
        Timestamp::new(self.now).expect("valid")
    }

    pub fn subject(&self, used: Option<u64>) -> Subject<'_> {
        let bytes = |count| Bytes::new(count).expect("valid");
        let used = used.map(|used| Used {
            certain: bytes(used),
            shown: bytes(used),
            month: self.month,
            whole: true,
            accounts: 1,
        });
        let account = AccountKey {
            backend: BackendId::new("b").expect("valid"),
            name: AccountName::new("a").expect("valid"),
        };
        Subject {
            account,
            holding: self.holding,
            suspended: self.suspended,
            shown: self.shown,
            differs: self.differs,
            by_hand: self.by_hand,
            sold: SoldAs::default(),
            meters: vec![Judged {
                meter: self.meter,
                rule: self.rule.as_ref().map(|rule| (0, rule)),
                limit: self.limit,
                raised: self.raised,
                used,
            }],
            crossings: self.crossings.clone(),
            hold: self.hold,
        }
    }

    /// One poll, a minute after the last one; the panel takes every switch at once.
    pub fn poll(&mut self, used: impl Into<Option<u64>>) -> Vec<String> {
        self.now += 60;
        let subjects = std::iter::once(self.subject(used.into()));
        let verdict = decide(subjects, 100, &Besides::new(), self.at()).verdicts.pop();
        let Some(verdict) = verdict else { return Vec::new() };
        assert_eq!(verdict.holding, self.holding);
        (self.crossings, self.hold) = (verdict.crossings, verdict.hold);
        let mut said: Vec<String> = verdict.notifications.iter().map(shown).collect();
        if let Some(switch) = verdict.switch {
            said.push(format!("{} #{}", switch.to.name(), switch.number));
            self.shown = Some(switch.to);
            self.hold.confirmed_at = Some(self.at());
        }
        said
    }
}

fn shown(notification: &Notification) -> String {
    match notification.occasion {
        Occasion::Reminder(number) => {
            format!("reminder {number} {}/{}", notification.threshold, notification.episode)
        }
        occasion => format!("{} {}/{}", occasion.name(), notification.threshold, notification.episode),
    }
}

#[test]
fn each_threshold_tells_once_and_the_limit_switches_and_switches_back() {
    let mut account = Account::new(rule());
    assert!(account.poll(799).is_empty());
    assert_eq!(account.poll(800), ["notify 80/1"]);
    assert!(account.poll(850).is_empty());
    assert_eq!(account.poll(900), ["notify 90/1"]);
    assert_eq!(account.poll(1000), ["limited 100/1", "limited #1"]);
    assert!(account.poll(5000).is_empty());
    // 95 % is not below 95 %; and a notice is over as far below its own threshold.
    assert!(account.poll(950).is_empty());
    assert_eq!(account.poll(949), ["restored 100/1", "resolved 100/1", "standard #2"]);
    assert_eq!(account.poll(700), ["resolved 80/1", "resolved 90/1"]);
    assert_eq!(account.poll(800), ["notify 80/2"]);
}

#[test]
fn a_jump_tells_every_threshold_it_passed() {
    let mut account = Account::new(rule());
    assert_eq!(account.poll(1200), ["notify 80/1", "notify 90/1", "limited 100/1", "limited #1"]);
    assert_eq!(
        account.poll(0),
        ["resolved 80/1", "resolved 90/1", "restored 100/1", "resolved 100/1", "standard #2"]
    );
}

#[test]
fn a_threshold_that_is_also_the_limit_is_told_once() {
    let mut account = Account::new(Rule { notify_at: vec![100], ..rule() });
    assert_eq!(account.poll(1000), ["limited 100/1", "limited #1"]);
}

#[test]
fn unknown_usage_decides_nothing_whatever_the_state() {
    let mut account = Account::new(rule());
    assert!(account.poll(None).is_empty());
    account.poll(1000);
    // A panel that was not read reports neither the use nor its own limit.
    account.limit = Limit::Unknown;
    assert!(account.poll(None).is_empty());
    account.rule = Some(Rule { limit_at: Some(98), ..rule() });
    assert!(account.poll(None).is_empty());
    assert_eq!(account.hold.wanted, Policy::Limited);
}

#[test]
fn a_limit_that_is_raised_lowered_or_removed_is_judged_anew() {
    let mut account = Account::new(rule());
    account.poll(1000);
    account.limit = up_to(2000);
    let over = ["resolved 80/1", "resolved 90/1", "restored 100/1", "resolved 100/1", "standard #2"];
    assert_eq!(account.poll(1000), over);
    account.limit = up_to(1000);
    assert_eq!(account.poll(1000).last().expect("valid"), "limited #3");
    account.limit = Limit::Unlimited;
    assert_eq!(account.poll(1000).last().expect("valid"), "standard #4");
    assert!(account.poll(u64::from(u32::MAX)).is_empty());
    account.limit = up_to(1000);
    account.poll(1000);
    account.rule = None;
    assert_eq!(account.poll(1000).last().expect("valid"), "standard #6");
}

#[test]
fn a_new_month_begins_anew() {
    let mut account = Account { meter: Meter::TrafficOut, ..Account::new(rule()) };
    account.month = Some(Month::from_number(202611).expect("valid"));
    account.poll(1100);
    account.month = Some(Month::from_number(202612).expect("valid"));
    let over = ["resolved 80/1", "resolved 90/1", "restored 100/1", "resolved 100/1", "standard #2"];
    assert_eq!(account.poll(3), over);
    account.poll(1100);
    // First looked at when the next month's allowance is used up too: reported again, limited still.
    account.month = Some(Month::from_number(202701).expect("valid"));
    let again =
        ["resolved 80/2", "notify 80/3", "resolved 90/2", "notify 90/3", "resolved 100/2", "notify 100/3"];
    assert_eq!(account.poll(1100), again);
    assert_eq!(account.hold.wanted, Policy::Limited);
}

#[test]
fn reminders_come_by_the_clock_and_only_for_the_highest_crossing() {
    let day = 86_400;
    let rule = Rule { remind_every: Some(Seconds::new(7 * day as u64)), ..rule() };
    let mut account = Account::new(rule);
    account.poll(920);
    account.now += 7 * day - 120;
    assert!(account.poll(920).is_empty());
    account.now += 60;
    assert_eq!(account.poll(920), ["reminder 1 90/1"]);
    assert!(account.poll(920).is_empty());
    // Three weeks nobody looked: one notification, not three.
    account.now += 21 * day;
    assert_eq!(account.poll(920), ["reminder 4 90/1"]);
    // A clock that is set back sends nothing twice.
    account.now -= 20 * day;
    assert!(account.poll(920).is_empty());
}

#[test]
fn a_pin_wins_over_usage_and_usage_again_after_it() {
    let mut account = Account::new(rule());
    account.hold.pin = Some(Pin { policy: Policy::Standard, until: None });
    assert_eq!(account.poll(1000), ["notify 80/1", "notify 90/1", "notify 100/1"]);
    account.hold.pin = None;
    assert_eq!(account.poll(1000), ["limited #1"]);
    let until = Timestamp::new(account.now + 90).expect("valid");
    account.hold.pin = Some(Pin { policy: Policy::Standard, until: Some(until) });
    assert_eq!(account.poll(1000), ["standard #2"]);
    assert_eq!(account.poll(1000), ["limited #3"]);
    account.hold.pin = Some(Pin { policy: Policy::Limited, until: None });
    assert_eq!(account.poll(0), ["resolved 80/1", "resolved 90/1", "resolved 100/1"]);
    // A pin works on what cannot be read as well.
    account.hold.pin = Some(Pin { policy: Policy::Standard, until: None });
    assert_eq!(account.poll(None), ["standard #4"]);
}

#[test]
fn an_account_suspended_by_others_is_neither_limited_nor_restored_nor_written_to() {
    let mut account = Account { suspended: true, ..Account::new(rule()) };
    assert!(account.poll(2000).is_empty());
    account.suspended = false;
    account.poll(2000);
    account.suspended = true;
    assert!(account.poll(0).is_empty());
    assert_eq!(account.hold.wanted, Policy::Limited);
}

#[test]
fn a_switch_the_panel_forgot_is_asserted_again_but_not_while_it_is_under_way() {
    let mut account = Account::new(rule());
    account.poll(1000);
    account.shown = Some(Policy::Standard);
    assert_eq!(account.poll(1000), ["limited #2"]);
    (account.shown, account.hold.confirmed_at) = (Some(Policy::Standard), None);
    account.now += 3600;
    assert!(account.poll(1000).is_empty());
    // Asked before the switch was done, answered after.
    account.hold.confirmed_at = Some(Timestamp::new(account.now + 60).expect("valid"));
    assert!(account.poll(1000).is_empty());
    account.now += 3600;
    assert_eq!(account.poll(1000), ["limited #3"]);
}

#[test]
fn a_panel_that_loses_the_limit_again_and_again_is_told_again_with_growing_pauses() {
    let mut account = Account::new(rule());
    account.poll(1000);
    let mut shown = Vec::new();
    // A day and a half, polled every minute; somebody undoes it each time.
    for minute in 0..2200 {
        account.shown = Some(Policy::Standard);
        if !account.poll(1000).is_empty() {
            shown.push(minute);
        }
    }
    assert_eq!(shown, [0, 15, 45, 105, 225, 465, 945, 1905]);
    // An operator does not wait for it.
    (account.shown, account.by_hand) = (Some(Policy::Standard), true);
    assert_eq!(account.poll(1000), ["limited #10"]);
    account.by_hand = false;
    // A limit that held for longer than the pause is set again at once.
    account.now += 2 * 86_400;
    account.shown = Some(Policy::Standard);
    assert_eq!(account.poll(1000), ["limited #11"]);
    // And whoever falls below and comes again begins anew.
    account.poll(0);
    account.poll(1000);
    assert_eq!(account.hold.again, 0);
}

#[test]
fn a_limit_that_is_not_quite_ours_is_looked_at_and_then_left_alone() {
    let mut account = Account::new(rule());
    account.poll(1000);
    // Somebody has added a policy: the switch finds out whose it is.
    account.differs = true;
    assert_eq!(account.poll(1000), ["limited #2"]);
    (account.shown, account.hold.left_alone) = (Some(Policy::Limited), true);
    account.now += 86_400;
    assert!(account.poll(1000).is_empty(), "theirs stands");
    assert_eq!(account.hold.conflict(account.shown), Some(Conflict::StillLimited));
    // It is taken away: ours alone again.
    account.differs = false;
    assert_eq!(account.poll(1000), ["limited #3"]);
}

#[test]
fn what_still_limits_after_usage_has_fallen_is_tried_again_until_it_is_gone() {
    let mut account = Account::new(rule());
    account.poll(1000);
    (account.differs, account.hold.left_alone) = (true, true);
    // Ours still limits, so there is something to bring back.
    assert_eq!(account.poll(0).last().expect("valid"), "standard #2");
    (account.shown, account.hold.left_alone) = (Some(Policy::Limited), true);
    assert_eq!(account.hold.conflict(account.shown), Some(Conflict::StillLimited));
    assert_eq!(account.poll(0), ["standard #3"]);
    (account.shown, account.hold.left_alone) = (Some(Policy::Limited), true);
    assert!(account.poll(0).is_empty(), "not at each poll");
    account.now += 900;
    assert_eq!(account.poll(0), ["standard #4"]);
    // At last it took.
    account.hold.left_alone = false;
    account.now += 86_400;
    assert!(account.poll(0).is_empty());
    assert_eq!(account.hold.conflict(account.shown), None);
}

#[test]
fn conflicts_are_what_the_panel_enforces_against_what_is_wanted() {
    use crate::domain::Policy::{Limited, Standard};
    let at = Timestamp::new(1_000_000).expect("valid");
    let hold =
        |wanted, left_alone, confirmed_at| Hold { wanted, left_alone, confirmed_at, ..Hold::default() };
    let table = [
        (Limited, true, Some(Limited), Some(Conflict::StillLimited)),
        (Standard, true, Some(Limited), Some(Conflict::StillLimited)),
        (Limited, true, Some(Standard), Some(Conflict::LeftAlone)),
        (Limited, true, None, Some(Conflict::LeftAlone)),
        (Limited, false, Some(Standard), Some(Conflict::Lost)),
        (Limited, false, Some(Limited), None),
        // A machine that is off shows neither.
        (Limited, false, None, None),
        // Theirs is the standard now.
        (Standard, true, Some(Standard), None),
        (Standard, false, Some(Limited), None),
    ];
    for (wanted, left_alone, shown, expected) in table {
        assert_eq!(
            hold(wanted, left_alone, Some(at)).conflict(shown),
            expected,
            "{wanted:?} {left_alone} {shown:?}"
        );
        assert_eq!(hold(wanted, left_alone, None).conflict(shown), None, "under way");
    }
}

#[test]
fn what_somebody_else_has_set_stays_until_usage_falls_and_comes_again() {
    let mut account = Account::new(rule());
    account.poll(1000);
    (account.shown, account.hold.left_alone) = (None, true);
    assert!(account.poll(1000).is_empty());
    // Nothing is restored: theirs is the standard now.
    assert_eq!(account.poll(0), ["resolved 80/1", "resolved 90/1", "resolved 100/1"]);
    assert_eq!(account.hold.wanted, Policy::Standard);
    assert_eq!(account.poll(1000).last().expect("valid"), "limited #3");
}

#[test]
fn an_estimate_triggers_nothing_and_hides_nothing() {
    let mut account = Account { meter: Meter::TrafficOut, ..Account::new(rule()) };
    account.now += 60;
    let mut subject = account.subject(Some(1000));
    subject.meters[0].used = Some(Used {
        certain: Bytes::new(790).expect("valid"),
        shown: Bytes::new(1000).expect("valid"),
        month: None,
        whole: true,
        accounts: 1,
    });
    assert_eq!(decide(std::iter::once(subject), 1, &Besides::new(), account.at()), Decided::default());
}

#[test]
fn a_sum_of_which_a_part_is_unknown_triggers_and_ends_nothing() {
    let mut account = Account { meter: Meter::TrafficOut, ..Account::new(rule()) };
    let partly = |account: &Account, known: u64, month: Option<Month>| {
        let mut subject = account.subject(Some(known));
        let used = subject.meters[0].used.expect("known");
        subject.meters[0].used = Some(Used { whole: false, accounts: 2, month, ..used });
        let decided = decide(std::iter::once(subject), 1, &Besides::new(), account.at());
        decided.verdicts.into_iter().next().and_then(|verdict| verdict.switch)
    };
    let switch = partly(&account, 1000, None).expect("what is known is over");
    assert_eq!(switch.to, Policy::Limited);
    assert_eq!(switch.why, "its service's 2 accounts: traffic_out used at least 1000 of 1000 bytes");
    account.poll(1000);
    account.now += 60;
    assert_eq!(partly(&account, 0, None), None);
    let next = Some(Month::parse("2031-01").expect("a month"));
    assert_eq!(partly(&account, 0, next), None, "nor where another month has begun");
    assert_eq!(account.poll(0).last().expect("valid"), "standard #2");
}

#[test]
fn above_the_brake_nobody_is_limited_and_everybody_is_named() {
    let rule = Rule { brake: Brake::Percent(10), ..rule() };
    let one = Account::new(rule.clone());
    let subject = |number: usize| {
        let mut subject = one.subject(Some(1000));
        subject.account.name = AccountName::new(&format!("a{number:02}")).expect("valid");
        subject
    };
    let now = Timestamp::new(1_000_000).expect("valid");
    let decided = decide((0..10).map(subject), 100, &Besides::new(), now);
    assert_eq!((decided.held.len(), decided.verdicts.len()), (0, 10));
    let decided = decide((0..11).map(subject), 100, &Besides::new(), now);
    assert_eq!(decided.held.len(), 11);
    assert!(
        decided.verdicts.iter().all(|verdict| verdict.switch.is_none() && verdict.notifications.len() == 2)
    );
    // One at a time is no broken panel.
    assert_eq!(decide((0..1).map(subject), 3, &Besides::new(), now).held.len(), 0);
}

#[test]
fn a_crowd_whose_use_falls_together_is_not_restored_but_by_another_month_or_limit() {
    let mut one = Account::new(Rule { brake: Brake::Percent(10), ..rule() });
    one.poll(1000);
    assert_eq!(one.hold.wanted, Policy::Limited);
    let now = one.at();
    let decided = |one: &Account, count: usize| {
        let subject = |number: usize| {
            let mut subject = one.subject(Some(3));
            subject.account.name = AccountName::new(&format!("a{number:02}")).expect("valid");
            subject
        };
        let decided = decide((0..count).map(subject), 100, &Besides::new(), now);
        (decided.held.len(), decided.verdicts.iter().filter(|verdict| verdict.switch.is_some()).count())
    };
    assert_eq!(decided(&one, 10), (0, 10));
    assert_eq!(decided(&one, 11), (11, 0), "too many falls at once: the panel lies");
    one.raised = true;
    assert_eq!(decided(&one, 11), (0, 11), "more was sold");
}

#[test]
fn the_brake_counts_what_a_rule_has_limited_of_late() {
    let one = Account::new(Rule { brake: Brake::Count(20), ..rule() });
    let subject = |number: usize| {
        let mut subject = one.subject(Some(1000));
        subject.account.name = AccountName::new(&format!("a{number:02}")).expect("valid");
        subject
    };
    let now = Timestamp::new(1_000_000).expect("valid");
    let held = |count: usize, recently: &[(usize, usize)]| {
        decide((0..count).map(subject), 100, &recently.iter().copied().collect(), now).held.len()
    };
    assert_eq!(held(8, &[(0, 12)]), 0);
    assert_eq!(held(9, &[(0, 12)]), 9);
    // Twenty times one account is twenty accounts, and the next is one too many.
    assert_eq!((held(1, &[(0, 19)]), held(1, &[(0, 20)])), (0, 1));
    // What another rule has limited is the other rule's.
    assert_eq!(held(9, &[(1, 12)]), 0);
}

#[test]
fn another_holding_begins_with_no_crossing() {
    let mut account = Account::new(rule());
    account.poll(1000);
    assert_eq!(account.hold.wanted, Policy::Limited);
    // Somebody else has the account from now on: what was crossed ends unsaid, and the switch is taken back.
    (account.holding, account.crossings) = (HoldingNo::new(2), Crossings::new());
    assert_eq!(account.poll(3), ["standard #2"]);
    assert!(account.crossings.is_empty());
    // His first crossing is the first of its own, and no notification of his has the key of one reported before.
    assert_eq!(account.poll(850), ["notify 80/1"]);
    let key = |holding| {
        let account = Account { holding: HoldingNo::new(holding), ..Account::new(rule()) };
        let subjects = std::iter::once(account.subject(Some(850)));
        decide(subjects, 100, &Besides::new(), account.at()).verdicts[0].notifications[0].key()
    };
    assert_ne!(key(1), key(2));
}

#[test]
fn limits_come_from_the_service_the_rule_and_the_panel_in_this_order() {
    let rule = |size| Some(Rule { size, ..rule() });
    let fixed = || rule(Size::Fixed(up_to(7)));
    let asked = |sold, rule: Option<Rule>, panel| in_force(sold, rule.as_ref(), panel);
    let (unknown, nobody) = (Limit::Unknown, (Limit::Unknown, Origin::None));
    assert_eq!(asked(up_to(5), fixed(), up_to(9)), (up_to(5), Origin::Sold));
    assert_eq!(asked(unknown, fixed(), up_to(9)), (up_to(7), Origin::Rule));
    assert_eq!(asked(up_to(5), rule(Size::Panel), up_to(9)), (up_to(5), Origin::Sold));
    assert_eq!(asked(unknown, rule(Size::Panel), up_to(9)), (up_to(9), Origin::Panel));
    assert_eq!(asked(unknown, rule(Size::Whmcs), up_to(9)), nobody);
    assert_eq!(asked(unknown, rule(Size::Panel), Limit::Unlimited), (Limit::Unlimited, Origin::Panel));
    assert_eq!(asked(Limit::Unlimited, fixed(), unknown), (Limit::Unlimited, Origin::Sold));
    assert_eq!(asked(unknown, rule(Size::Panel), unknown), nobody);
    // Without a rule the panel limits by itself, unless something else was sold.
    assert_eq!(asked(unknown, None, up_to(9)), (up_to(9), Origin::Panel));
    assert_eq!(asked(up_to(5), None, up_to(9)), (up_to(5), Origin::Sold));
    assert_eq!(asked(unknown, None, unknown), nobody);
}

#[test]
fn an_answer_without_a_limit_decides_nothing_and_unlimited_ends_it() {
    for shown in [Policy::Standard, Policy::Limited] {
        let mut account = Account::new(Rule { size: Size::Panel, ..rule() });
        assert_eq!(account.poll(1200).last().expect("valid"), "limited #1");
        let (crossings, hold) = (account.crossings.clone(), account.hold);
        // The panel reports the use and, for once, no limit: whatever the use, nothing is over.
        account.limit = Limit::Unknown;
        for used in [1200, 0, 5000] {
            assert!(account.poll(used).is_empty(), "{used}");
        }
        assert_eq!((account.crossings.clone(), account.hold), (crossings, hold));
        // Nor does anything begin.
        assert!(Account { limit: Limit::Unknown, ..Account::new(rule()) }.poll(5000).is_empty());
        // What we want does not change, and a panel that has forgotten it is sent it again.
        account.shown = Some(shown);
        let again: &[&str] = if shown == Policy::Standard { &["limited #2"] } else { &[] };
        assert_eq!(account.poll(1200), again);
        account.limit = Limit::Unlimited;
        assert_eq!(account.poll(1200)[..3], ["resolved 80/1", "resolved 90/1", "restored 100/1"]);
        assert_eq!(account.hold.wanted, Policy::Standard);
    }
}

#[test]
fn a_percentage_of_the_product_counts_where_the_rule_asks_for_it() {
    let sold = |warn_at| SoldAs { warn_at, ..SoldAs::default() };
    let asks = Rule { notify_as_sold: true, ..rule() };
    assert_eq!(asks.thresholds(&sold(Some(70))), [70, 80, 90, 100]);
    assert_eq!(asks.thresholds(&sold(Some(90))), [80, 90, 100], "each once");
    assert_eq!(asks.thresholds(&sold(None)), [80, 90, 100], "the product says nothing");
    assert_eq!(rule().thresholds(&sold(Some(70))), [80, 90, 100], "the rule does not ask");
    let alone = Rule { notify_at: Vec::new(), limit_at: None, ..asks };
    assert_eq!(alone.thresholds(&sold(None)), [0_u32; 0]);
}

#[test]
fn letters_are_worded_by_the_service_then_by_the_rule() {
    let named = |name: &str| Some(name.to_string());
    let wording = Wording {
        template: named("rule's notice"),
        limited_template: named("rule's limited"),
        restored_template: named("rule's restored"),
        ..Wording::default()
    };
    let sold = SoldAs { template: named("product's notice"), ..SoldAs::default() };
    let template = |occasion, sold: &SoldAs| wording.address(occasion, sold).template;
    assert_eq!(template(Occasion::Notify, &SoldAs::default()), named("rule's notice"));
    assert_eq!(template(Occasion::Notify, &sold), named("product's notice"));
    assert_eq!(template(Occasion::Reminder(1), &sold), named("product's notice"));
    assert_eq!(template(Occasion::Limited, &sold), named("rule's limited"));
    assert_eq!(template(Occasion::Restored, &sold), named("rule's restored"));
}
