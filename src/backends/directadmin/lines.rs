//! `CMD_API_ALL_USER_USAGE`: a line for each account, in megabytes with decimals. Pure.

use super::amount::{self, Unit};
use super::form::{field, pairs, plain};
use super::row::{Row, Rows, filled, is_suspended};
use crate::domain::AccountName;

/// Every account of the answer; what is wrong with it as a whole.
pub(super) fn read(text: &str) -> Result<Rows, String> {
    let mut rows = Rows::default();
    // Whether the last line is whole shows in its end alone: there is no count.
    let is_whole = text.is_empty() || text.ends_with('\n');
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).peekable();
    while let Some(line) = lines.next() {
        let is_cut = lines.peek().is_none() && !is_whole;
        match one(line, is_cut) {
            Ok((name, row)) => {
                if rows.accounts.insert(name.clone(), row).is_some() {
                    rows.complaints.push(format!("{name} has two lines"));
                }
            }
            Err(why) => rows.complaints.push(why),
        }
    }
    match rows.complaints.first().filter(|_| rows.accounts.is_empty()) {
        Some(first) => Err(first.clone()),
        None => Ok(rows),
    }
}

/// One account. A figure at the end of a line that may be cut is not whole either.
fn one(line: &str, is_cut: bool) -> Result<(AccountName, Row), String> {
    let (name, rest) = line.split_once('=').ok_or("a line has no account")?;
    let name = AccountName::new(&plain(name)).map_err(|error| format!("a line is of nobody: {error}"))?;
    let mut pairs = pairs(rest);
    if is_cut {
        pairs.pop();
    }
    let amount = |key: &str| field(&pairs, key).and_then(|text| text.split_once('/'));
    let used = |key: &str| match (field(&pairs, key), amount(key)) {
        (Some(text), None) => amount::figure(&format!("{key} usage"), Some(text), Unit::Megabytes)
            .and_then(|_| Err(format!("{key} is {:?}, not used / limit", crate::http::excerpt(text, 40)))),
        (_, amount) => amount::figure(&format!("{key} usage"), amount.map(|(used, _)| used), Unit::Megabytes),
    };
    let limit = |key: &str| amount::limit(amount(key).map(|(_, limit)| limit), Unit::Megabytes);
    let text = |key: &str| filled(field(&pairs, key).map(str::to_string));
    let suspended = field(&pairs, "suspended");
    let is_off = suspended.and_then(is_suspended);
    let reason =
        suspended.map(str::trim).filter(|word| is_off == Some(true) && !word.eq_ignore_ascii_case("yes"));
    let row = Row {
        traffic: used("bandwidth"),
        storage: used("quota"),
        traffic_limit: limit("bandwidth"),
        storage_limit: limit("quota"),
        creator: text("creator"),
        package: text("package"),
        domain: text("default"),
        suspended: is_off,
        reason: reason.map(str::to_string),
        // The lines do not tell it.
        created: None,
    };
    Ok((name, row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Bytes, Limit};

    fn rows(text: &str) -> Rows {
        read(text).unwrap_or_else(|why| panic!("{why}"))
    }

    #[test]
    fn a_line_is_read_whatever_is_in_it() {
        let rows = rows(include_str!("testdata/lines.txt"));
        let of = |name: &str| rows.accounts[name].clone();
        let one = of("harborla");
        assert_eq!(
            (one.traffic.map(Bytes::get), one.storage.map(Bytes::get)),
            (Ok(735_051_776), Ok(766_550_999))
        );
        assert_eq!(
            (one.creator.as_deref(), one.domain.as_deref()),
            (Some("resel01"), Some("harbor-lane.example"))
        );
        assert_eq!((one.package.as_deref(), one.suspended), (Some("start_2g"), Some(false)));
        let two = of("pinecone");
        assert_eq!((two.traffic_limit, two.suspended, two.package), (Limit::Unlimited, Some(true), None));
        let admin = of("admin");
        assert_eq!((admin.domain, admin.traffic.map(Bytes::get)), (None, Ok(0)));
        let strange = of("l&s_100%'ü");
        assert_eq!(
            (strange.domain.as_deref(), strange.reason.as_deref()),
            (Some("müller & söhne.example"), Some("billing"))
        );
        let short = of("broken");
        assert_eq!(short.storage.map(Bytes::get), Ok(1 << 20));
        assert_eq!(short.traffic, Err("bandwidth usage is absent".into()));
        assert!(rows.complaints.is_empty(), "{:?}", rows.complaints);
    }

    #[test]
    fn what_is_cut_off_is_no_figure() {
        let whole = "a=bandwidth=701.0 / 10240&quota=12.5 / unlimited&suspended=No\n";
        for length in 2..whole.len() {
            let row = rows(&whole[..length]).accounts.remove("a").expect("named");
            for (read, wanted) in [(row.traffic, 735_051_776), (row.storage, 13_107_200)] {
                assert!(
                    read.as_ref().is_err() || read.as_ref().is_ok_and(|bytes| bytes.get() == wanted),
                    "{read:?}"
                );
            }
            assert!(matches!(row.traffic_limit, Limit::Unknown | Limit::UpTo(_)));
            assert!(row.traffic_limit.up_to().is_none_or(|limit| limit.get() == 10_240 << 20), "{length}");
        }
        let cut = rows("a=bandwidth=701.0 / 10240&quota=5 / 7\nb=bandwidth=11640");
        assert_eq!(cut.accounts["b"].traffic, Err("bandwidth usage is absent".into()));
    }

    #[test]
    fn what_has_no_line_is_an_error_and_nothing_is_nobody() {
        assert!(read("\u{13}7<{[ not what was asked for").is_err());
        assert!(read("").is_ok_and(|rows| rows.accounts.is_empty()));
        let odd = rows("what\na=bandwidth=x / 5&quota=-1 / 5\na=bandwidth=1 / 5\n=x\n");
        assert_eq!(odd.complaints.len(), 3, "{:?}", odd.complaints);
    }
}
