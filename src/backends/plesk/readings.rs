//! Readings of one account on their way into the harvest, and what of its days could not be read. Pure.

use super::traffic::{WAYS, Ways};
use super::window::Window;
use crate::domain::{AccountName, Harvest, Reading, Reason, Source, UsageDay};

/// Whose days are put in, and as which of its sources.
#[derive(Clone, Copy, Debug)]
pub(super) struct Of<'a> {
    pub account: &'a AccountName,
    pub source: &'a Source,
}

/// Readings of one account on their way into the harvest.
pub(super) struct Putting<'a> {
    of: Of<'a>,
    window: Window,
    harvest: &'a mut Harvest,
    wrong: [Vec<String>; 2],
    read: usize,
}

impl<'a> Putting<'a> {
    /// Nothing put in yet.
    pub fn new(of: Of<'a>, window: Window, harvest: &'a mut Harvest) -> Putting<'a> {
        Putting { of, window, harvest, wrong: Default::default(), read: 0 }
    }

    /// Puts in a day, or why a direction of it is not known.
    pub fn day(&mut self, day: UsageDay, ways: &Ways) {
        let Some(span) = self.window.zone.span_of(day) else { return };
        for ((meter, _), way) in WAYS.iter().zip(ways) {
            if let Ok(total) = way {
                let (source, at) = (self.of.source.clone(), self.window.now);
                let reading = Reading::PeriodTotal { source, at, span, total: *total };
                self.harvest.add_reading(self.of.account, *meter, reading);
                self.read += 1;
            }
        }
        self.wrong(day, [0, 1].map(|way| ways[way].as_ref().err().map(String::as_str)));
    }

    /// Notes why a day is not known, direction by direction.
    pub fn wrong(&mut self, day: UsageDay, why: [Option<&str>; 2]) {
        for (wrong, why) in self.wrong.iter_mut().zip(why) {
            wrong.extend(why.map(|why| format!("{day}: {why}")));
        }
    }

    /// Names what was wrong, one line for each direction; and that nothing was there, where something had to be.
    pub fn done(mut self, strange: &[String], has_days: bool) {
        for wrong in &mut self.wrong {
            wrong.extend(strange.iter().cloned());
            if has_days && self.read == 0 && wrong.is_empty() {
                wrong.push(
                    "no day of it is there, and no other subscription shows that any was counted".into(),
                );
            }
        }
        for ((meter, _), wrong) in WAYS.iter().zip(&self.wrong) {
            let Some(first) = wrong.first() else { continue };
            let more = match wrong.len() {
                1 => String::new(),
                all => format!(" (and {} more)", all - 1),
            };
            self.harvest.unread(self.of.account, Some(*meter), Reason::Unexpected, format!("{first}{more}"));
        }
    }
}
