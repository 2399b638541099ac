//! Asks for one client's months and makes readings of what they report.
//!
//! Knows nothing of other clients: what goes wrong here stays with this one.

use std::sync::atomic::Ordering;

use super::envelope::Payload;
use super::generation::Generation;
use super::months::{Calendar, Plan};
use super::panel::{ApiCall, Panel};
use super::refusal::CallFailure;
use super::traffic::{Figure, METERS, MonthTraffic, Pair};
use super::wire::excerpt;
use crate::backends::BackendError;
use crate::domain::{AccountName, Bytes, Harvest, Meter, Month, Reading, Reason, Source, Span, UsageDay};
use crate::http::Method;

/// What one client's months reported.
#[derive(Debug, Default)]
pub(super) struct Metered {
    readings: Vec<(Meter, Reading)>,
    unread: Vec<(Option<Meter>, Reason, String)>,
    /// Whether only totals of whole months came.
    pub lacks_days: bool,
    /// Whether an answer came without its envelope.
    pub is_bare: bool,
    /// The last call that brought nothing.
    pub failed: Option<BackendError>,
}

impl Metered {
    /// Puts it into a harvest.
    pub fn put(self, account: &AccountName, harvest: &mut Harvest) {
        self.readings.into_iter().for_each(|(meter, reading)| harvest.add_reading(account, meter, reading));
        for (meter, reason, detail) in self.unread {
            harvest.unread(account, meter, reason, detail);
        }
    }

    fn miss(&mut self, error: BackendError) {
        self.unread.push((None, error.reason(), error.to_string()));
        self.failed = Some(error);
    }

    fn total(&mut self, meter: Meter, span: Span, calendar: &Calendar, total: Bytes) {
        let reading = Reading::PeriodTotal { source: Source::default(), at: calendar.now, span, total };
        self.readings.push((meter, reading));
    }
}

/// Asks for the months of `plan`, one after the other.
pub(super) async fn meter(panel: &Panel, account: &AccountName, calendar: &Calendar, plan: &Plan) -> Metered {
    let mut metered = Metered::default();
    for (index, month) in plan.months.iter().enumerate() {
        let answered = match ask(panel, account, *month).await {
            Ok(answered) => answered,
            // The panel's own no to an older month is where its history ends.
            Err(CallFailure::Refusal(refusal)) if plan.explores && index > 0 && refusal.is_about_month() => {
                break;
            }
            Err(failure) => {
                let error = match failure {
                    CallFailure::Refusal(refusal) => refusal.about(account),
                    CallFailure::Failed(error) => error,
                };
                // One month that is not understood says nothing of the others.
                let is_of_the_month = matches!(error, BackendError::Unexpected { .. }) && !plan.explores;
                metered.miss(error);
                match is_of_the_month {
                    true => continue,
                    false => break,
                }
            }
        };
        metered.is_bare |= answered.1;
        take(&mut metered, &answered.0, *month, calendar, plan);
        if plan.explores && index > 0 && answered.0.is_all_zero() {
            break;
        }
    }
    metered
}

/// One month of one client, and whether it came bare. 2.x documents the month as `04`; a panel that
/// takes only `4` is understood and remembered.
async fn ask(
    panel: &Panel,
    account: &AccountName,
    month: Month,
) -> Result<(MonthTraffic, bool), CallFailure> {
    let generation = panel.known().await?.generation;
    let unpadded = panel.months_unpadded();
    let first = unpadded.load(Ordering::Relaxed);
    let answer = match ask_as(panel, generation, account, month, first).await {
        // October is `10` either way.
        Err(CallFailure::Refusal(refusal)) if refusal.is_about_month() && month.number() % 100 < 10 => {
            let other = ask_as(panel, generation, account, month, !first).await;
            match other {
                Ok(payload) => {
                    unpadded.store(!first, Ordering::Relaxed);
                    Ok(payload)
                }
                Err(_) => Err(CallFailure::Refusal(refusal)),
            }
        }
        answer => answer,
    };
    let payload = answer?;
    let strange = |detail: String| BackendError::Unexpected { at: named(generation, account, month), detail };
    let answered = MonthTraffic::read(&payload.value, month).map_err(strange)?;
    if answered == MonthTraffic::Nothing && payload.is_bare {
        return Err(strange("an empty answer without result/message/data".into()).into());
    }
    Ok((answered, payload.is_bare))
}

async fn ask_as(
    panel: &Panel,
    generation: Generation,
    account: &AccountName,
    month: Month,
    unpadded: bool,
) -> Result<Payload, CallFailure> {
    let (year, number) = (month.number() / 100, month.number() % 100);
    let (year, number) =
        (year.to_string(), if unpadded { number.to_string() } else { format!("{number:02}") });
    let path = [generation.clients(), account.as_str(), generation.traffic(), &year, &number];
    panel.get(&ApiCall { path: &path, right: "client:read (and traffic:read where there is one)" }).await
}

fn named(generation: Generation, account: &AccountName, month: Month) -> String {
    let month = month.to_string().replace('-', "/");
    ApiCall { path: &[generation.clients(), account.as_str(), generation.traffic(), &month], right: "" }
        .name(&Method::GET)
}

fn take(metered: &mut Metered, answered: &MonthTraffic, month: Month, calendar: &Calendar, plan: &Plan) {
    // In a month the panel may have begun to forget, a zero may stand for anything.
    let is_kept = calendar.surely_keeps(month);
    let believed = |total: Bytes| is_kept || total > Bytes::ZERO;
    let days = match answered {
        MonthTraffic::Total(pair) => {
            metered.lacks_days = true;
            let next = calendar.zone.start_of(month.next().first());
            let span = Span::new(calendar.zone.start_of(month.first()), next).ok();
            let Some(span) = span.filter(|span| plan.wants(*span)) else { return };
            for ((meter, _), figure) in METERS.iter().zip(pair) {
                match figure {
                    Ok(total) if believed(*total) => metered.total(*meter, span, calendar, *total),
                    Ok(_) => {}
                    Err(why) => {
                        metered.unread.push((Some(*meter), Reason::Unexpected, format!("{month}: {why}")))
                    }
                }
            }
            return;
        }
        MonthTraffic::Nothing => {
            let none: Pair = [Ok(Bytes::ZERO), Ok(Bytes::ZERO)];
            month.period().days().map(|day| (day, none.clone())).collect()
        }
        MonthTraffic::Days { days, strange } => {
            if let Some(first) = strange.first() {
                let detail = format!(
                    "{month}: {} rows are of no day of it, the first: {}",
                    strange.len(),
                    excerpt(first)
                );
                metered.unread.push((None, Reason::Unexpected, detail));
            }
            days.clone()
        }
    };
    let today = calendar.today();
    let mut wrong: [Vec<(UsageDay, &str)>; 2] = [Vec::new(), Vec::new()];
    for (day, pair) in &days {
        let Some(span) = calendar.zone.span_of(*day).filter(|span| plan.wants(*span)) else { continue };
        for (index, figure) in pair.iter().enumerate() {
            match figure {
                // Days to come are listed as zeros. Tomorrow may have begun since we started to ask.
                figure if *day > today => {
                    if *day > today.next() && is_more_than_nothing(figure) {
                        wrong[index].push((
                            *day,
                            "still in the future there and has bytes; is timezone the panel's?",
                        ));
                    }
                }
                Ok(total) if believed(*total) => metered.total(METERS[index].0, span, calendar, *total),
                Ok(_) => {}
                Err(why) => wrong[index].push((*day, why)),
            }
        }
    }
    for (index, wrong) in wrong.iter().enumerate() {
        if let Some((day, why)) = wrong.first() {
            let more =
                if wrong.len() > 1 { format!(" (and {} days more)", wrong.len() - 1) } else { String::new() };
            let detail = format!("{day}: {why}{more}");
            metered.unread.push((Some(METERS[index].0), Reason::Unexpected, detail));
        }
    }
}

fn is_more_than_nothing(figure: &Figure) -> bool {
    figure.as_ref().is_ok_and(|total| *total > Bytes::ZERO)
}
