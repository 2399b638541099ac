//! Lists that come in pages: where each begins, and an end that is certain. Pure.
//!
//! A list that ends early without a word would make accounts vanish; one that goes round would never end.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;

use crate::backends::BackendError;

/// No list has more pages than this: a panel that tells of more goes round.
const MOST: usize = 100_000;

/// Pages that are asked for by how many rows came before.
#[derive(Debug)]
pub struct Offsets {
    /// The call that lists, in errors.
    list: &'static str,
    rows: usize,
    pages: usize,
    is_over: bool,
}

impl Offsets {
    /// None asked for yet; `list` names the call in errors.
    pub fn of(list: &'static str) -> Offsets {
        Offsets { list, rows: 0, pages: 0, is_over: false }
    }

    /// The offset of the next page; `None` after the last.
    pub fn next(&self) -> Option<usize> {
        (!self.is_over).then_some(self.rows)
    }

    /// Takes in that a page came, with so many rows. `total` is how many the panel says there are on all pages; where it
    /// does not say, the first empty page is the end.
    pub fn came(&mut self, rows: usize, total: Option<usize>) -> Result<(), BackendError> {
        (self.rows, self.pages) = (self.rows + rows, self.pages + 1);
        self.is_over = total.map_or(rows == 0, |total| self.rows >= total);
        match total {
            Some(total) if rows == 0 && !self.is_over => {
                Err(odd(self.list, format!("{} rows came, expected {total}", self.rows)))
            }
            _ if self.pages >= MOST => Err(odd(self.list, format!("more than {MOST} pages"))),
            _ => Ok(()),
        }
    }

    /// How many rows came in all.
    pub fn rows(&self) -> usize {
        self.rows
    }
}

/// Pages of which each says what comes next, a cursor or a link, or that it is the last.
#[derive(Debug)]
pub struct Cursors<C> {
    /// The call that lists, in errors.
    list: &'static str,
    seen: HashSet<C>,
}

impl<C: Clone + Debug + Eq + Hash> Cursors<C> {
    /// Only the first page is known; `list` names the call in errors.
    pub fn of(list: &'static str) -> Cursors<C> {
        Cursors { list, seen: HashSet::new() }
    }

    /// Takes in what a page says comes next, and tells it; one that came before leads in a circle.
    pub fn next(&mut self, told: Option<C>) -> Result<Option<C>, BackendError> {
        match told {
            Some(cursor) if !self.seen.insert(cursor.clone()) => {
                Err(odd(self.list, format!("the pages go round: {cursor:?} is told to come next again")))
            }
            _ if self.seen.len() >= MOST => Err(odd(self.list, format!("more than {MOST} pages"))),
            told => Ok(told),
        }
    }
}

fn odd(list: &str, detail: String) -> BackendError {
    BackendError::Unexpected { at: list.into(), detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many rows in pages of three, of a panel that says it has `total`.
    fn counted(rows: usize, total: Option<usize>) -> Result<usize, BackendError> {
        let mut pages = Offsets::of("list");
        while let Some(offset) = pages.next() {
            pages.came(rows.saturating_sub(offset).min(3), total)?;
        }
        Ok(pages.rows())
    }

    #[test]
    fn a_list_ends_where_the_panel_says_and_one_that_ends_before_is_an_error() {
        for rows in 0..10 {
            assert_eq!(counted(rows, Some(rows)).ok(), Some(rows));
            assert_eq!(counted(rows, None).ok(), Some(rows));
            let cut = counted(rows, Some(rows + 1)).expect_err("cut off").to_string();
            assert!(cut.contains(&format!("{rows} rows came, expected")), "{cut}");
        }
        assert!(counted(usize::MAX, None).is_err_and(|error| error.to_string().contains("more than")));
    }

    #[test]
    fn links_are_followed_to_the_last_and_never_round() {
        let mut pages = Cursors::of("list");
        let told = [Some(1), Some(2), None].map(|cursor| pages.next(cursor).ok());
        assert_eq!(told, [Some(Some(1)), Some(Some(2)), Some(None)]);
        let error = pages.next(Some(1)).expect_err("it goes round").to_string();
        assert!(error.contains("go round"), "{error}");
    }
}
