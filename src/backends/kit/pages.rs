//! Lists that come in pages: each page is asked for where the one before ended, and the end is certain.
//!
//! A list that ends early without a word would make accounts vanish; one that goes round would never end.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;

use crate::backends::BackendError;

/// No list has more pages than this: a panel that tells of more goes round.
const MOST: usize = 100_000;

/// What a page told by its offset has.
#[derive(Clone, Copy, Debug)]
pub struct OffsetPage {
    /// How many rows came.
    pub rows: usize,
    /// How many rows the panel says there are on all pages; without it the first empty page is the end.
    pub total: Option<usize>,
}

/// Asks page after page by how many rows came before; tells how many came in all. `list` names the call in errors.
pub async fn by_offset<E, A>(list: &str, mut ask: A) -> Result<usize, E>
where
    E: From<BackendError>,
    A: AsyncFnMut(usize) -> Result<OffsetPage, E>,
{
    let mut came = 0;
    for _ in 0..MOST {
        let page = ask(came).await?;
        came += page.rows;
        match page.total {
            Some(total) if came >= total => return Ok(came),
            Some(total) if page.rows == 0 => {
                return Err(odd(list, format!("{came} rows came and there should be {total}")).into());
            }
            None if page.rows == 0 => return Ok(came),
            _ => {}
        }
    }
    Err(endless(list).into())
}

/// Asks page after page by what the one before says comes next, a cursor or a link, until one says that it is the last.
#[cfg_attr(not(test), expect(dead_code, reason = "for kinds whose pages name the one that comes next"))]
pub async fn by_cursor<C, E, A>(list: &str, mut ask: A) -> Result<(), E>
where
    C: Clone + Debug + Eq + Hash,
    E: From<BackendError>,
    A: AsyncFnMut(Option<C>) -> Result<Option<C>, E>,
{
    let (mut next, mut seen) = (None, HashSet::new());
    for _ in 0..MOST {
        let Some(cursor) = ask(next).await? else { return Ok(()) };
        if !seen.insert(cursor.clone()) {
            return Err(
                odd(list, format!("the pages go round: {cursor:?} is told to come next again")).into()
            );
        }
        next = Some(cursor);
    }
    Err(endless(list).into())
}

fn odd(list: &str, detail: String) -> BackendError {
    BackendError::Unexpected { at: list.into(), detail }
}

fn endless(list: &str) -> BackendError {
    odd(list, format!("more than {MOST} pages"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many rows in pages of three, of a panel that says it has `total`.
    async fn counted(rows: usize, total: Option<usize>) -> Result<usize, BackendError> {
        by_offset("list", async |from: usize| {
            Ok(OffsetPage { rows: rows.saturating_sub(from).min(3), total })
        })
        .await
    }

    #[tokio::test]
    async fn a_list_ends_where_the_panel_says_and_one_that_ends_before_is_an_error() {
        for rows in 0..10 {
            assert_eq!(counted(rows, Some(rows)).await.ok(), Some(rows));
            assert_eq!(counted(rows, None).await.ok(), Some(rows));
            let cut = counted(rows, Some(rows + 1)).await.expect_err("cut off");
            assert!(cut.to_string().contains(&format!("{rows} rows came and there should be")), "{cut}");
        }
    }

    #[tokio::test]
    async fn links_are_followed_to_the_last_and_never_round() {
        let mut asked = Vec::new();
        let followed = by_cursor("list", async |cursor: Option<u32>| {
            asked.push(cursor);
            Ok::<_, BackendError>(Some(cursor.unwrap_or(0) + 1).filter(|next| *next < 3))
        });
        followed.await.expect("an end");
        assert_eq!(asked, [None, Some(1), Some(2)]);
        let round = by_cursor("list", async |cursor: Option<u32>| {
            Ok::<_, BackendError>(Some(cursor.map_or(1, |at| at % 2 + 1)))
        });
        let error = round.await.expect_err("it goes round").to_string();
        assert!(error.contains("go round"), "{error}");
    }
}
