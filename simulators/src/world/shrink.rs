//! The shortest story that still fails: events are left out as long as the same check fails.

use super::story::{Event, Story};

/// Leaves out what is not needed. `fails` plays a story and says whether it fails in the same way; it is asked
/// `most` times at most.
pub fn shrink(story: &Story, most: usize, mut fails: impl FnMut(&Story) -> bool) -> Story {
    let mut best = story.clone();
    let mut asked = 0;
    let mut try_without = |best: &mut Story, events: Vec<Event>| {
        if asked >= most || events.len() == best.events.len() {
            return false;
        }
        asked += 1;
        let shorter = Story { events, ..best.clone() };
        let still = fails(&shorter);
        if still {
            *best = shorter;
        }
        still
    };
    let mut size = best.events.len().div_ceil(2);
    while size > 0 {
        let mut start = 0;
        let mut left_any = false;
        while start < best.events.len() {
            let end = (start + size).min(best.events.len());
            let events = [&best.events[..start], &best.events[end..]].concat();
            // What follows moves to where the chunk was.
            if try_without(&mut best, events) {
                left_any = true;
            } else {
                start = end;
            }
        }
        size = match size {
            1 if left_any => 1,
            size => size / 2,
        };
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::generate::{ALL, generate};
    use crate::world::story::What;

    #[test]
    fn only_what_is_needed_is_left() {
        let story = generate(3, 60, ALL);
        let needed = |story: &Story| {
            let is_poll = |event: &&Event| matches!(event.what, What::Poll { backend: 1, .. });
            story.events.iter().filter(is_poll).count() >= 2
        };
        let short = shrink(&story, 10_000, needed);
        assert_eq!(short.events.len(), 2);
    }
}
