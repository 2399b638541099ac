//! Levels: what is held now, and level times time for daily averages and GB-months.

use super::book::{DoubtedLevel, LevelBelief};
use super::change::{Bounds, Effects, SettleRules};
use super::note::Note;
use super::share::Timeline;
use crate::domain::{Bytes, Source, Span, Timestamp};

/// Whether a level has collapsed: to nothing, or by more than it may. A small one may: somebody has cleaned up.
fn collapses(before: Bytes, now: Bytes, bounds: &Bounds) -> bool {
    let left = u128::from(100_u32.saturating_sub(bounds.collapse_percent));
    let fell_far = || u128::from(now.get()) * 100 < u128::from(before.get()) * left;
    before > Bytes::ZERO && (now == Bytes::ZERO || before > bounds.collapse_least && fell_far())
}

/// A level as it was measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub at: Timestamp,
    pub level: Bytes,
    /// Whether it is known what the account owns: else a level of nothing never proves itself.
    pub is_proof: bool,
}

/// What stands of the level before, and what is doubted now, once a level was measured at `at`. One that has collapsed
/// is believed when a later measurement says it too: then both count. While it is doubted nothing is settled.
pub(super) fn judge_level(
    before: Option<LevelBelief>,
    doubted: Option<DoubtedLevel>,
    measured: Measured,
    rules: &SettleRules,
    time: Timeline<'_>,
    effects: &mut Effects,
) -> (Option<LevelBelief>, Option<DoubtedLevel>) {
    let Measured { at, level, is_proof } = measured;
    // Of the same measurement too: what an account owns may have changed, and not what was measured.
    let falls = |known: &LevelBelief| known.at <= at && collapses(known.level, level, &rules.bounds);
    let Some(known) = before.filter(falls) else {
        if before.is_some_and(|known| at <= known.at) && doubted.is_none_or(|doubted| doubted.at != at) {
            return (before, doubted);
        }
        if let Some(doubted) = doubted {
            effects.note(&Source::default(), at, Note::LevelRecovered { doubted: doubted.level, level });
        }
        return (before, None);
    };
    match doubted {
        None => {
            effects.note(&Source::default(), at, Note::LevelCollapsed { believed: known.level, came: level });
            (before, Some(DoubtedLevel { at, level, accepted: false }))
        }
        Some(doubted) if doubted.accepted || (at > doubted.at && is_proof) => {
            let low = settle_level(before, doubted.at, doubted.level, rules, time, effects);
            (Some(low), None)
        }
        Some(doubted) => (before, Some(doubted)),
    }
}

/// Settles one gauge reading: the level before held until now, the new one holds from now on.
pub(super) fn settle_level(
    before: Option<LevelBelief>,
    at: Timestamp,
    level: Bytes,
    rules: &SettleRules,
    time: Timeline<'_>,
    effects: &mut Effects,
) -> LevelBelief {
    let now = LevelBelief { at, level };
    let (holding, today) = time.at(at);
    let Some(before) = before else {
        effects.note(&Source::default(), at, Note::FirstSight { count: level });
        effects.day(holding, today).level = Some(level);
        return now;
    };
    if now == before {
        return before;
    }
    if at < before.at {
        effects.note(&Source::default(), at, Note::OldAnswer { at });
        return before;
    }
    if let Ok(span) = Span::new(before.at, at) {
        if span.seconds() > rules.max_gap {
            // For this long nobody knows what was held: no time is covered, and the days say so.
            effects.note(&Source::default(), at, Note::Gap { from: before.at, to: at });
        } else {
            for ((holding, day), part) in time.cut(span) {
                let change = effects.day(holding, day);
                change.level = Some(before.level);
                change.held += before.level.held_for(part.minutes());
                change.covered += part.minutes();
            }
        }
    }
    effects.day(holding, today).level = Some(level);
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_may_fall_as_far_as_its_bounds_say() {
        let gib = 1 << 30;
        let own = |percent, least| Bounds {
            collapse_percent: percent,
            collapse_least: Bytes::new(least).expect("fits"),
            ..Bounds::default()
        };
        // Before, now, bounds, whether it has collapsed.
        let table = [
            (1, 0, Bounds::default(), true),
            (gib, 1, Bounds::default(), false),
            (10 * gib, gib, Bounds::default(), false),
            (10 * gib, gib - 1, Bounds::default(), true),
            (10 * gib, 9 * gib, own(5, 0), true),
            (100, 49, own(50, 10), true),
            (100, 50, own(50, 10), false),
            (100, 49, own(50, 100), false),
            // Nothing but nothing is doubted.
            (10 * gib, 1, own(100, 0), false),
            (10 * gib, 0, own(100, 0), true),
            (0, 0, own(1, 0), false),
        ];
        for (before, now, bounds, is_collapse) in table {
            let [from, to] = [before, now].map(|level| Bytes::new(level).expect("fits"));
            assert_eq!(collapses(from, to, &bounds), is_collapse, "{before} to {now} by {bounds:?}");
        }
    }
}
