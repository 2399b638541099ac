//! Levels: what is held now, and level times time for daily averages and GB-months.

use super::book::LevelBelief;
use super::change::{Effects, Rules};
use super::note::Note;
use super::share::Timeline;
use crate::domain::{Bytes, Source, Span, Timestamp};

/// Settles one gauge reading: the level before held until now, the new one holds from now on.
pub(super) fn settle_level(
    before: Option<LevelBelief>,
    at: Timestamp,
    level: Bytes,
    rules: &Rules,
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
