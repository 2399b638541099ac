//! The table of accounts: exact bytes, where the server takes `bytes=yes`. Pure.
//!
//! Whether it does is written nowhere for administrators, so it is seen from what came: one figure with decimals, and
//! all of them are megabytes.

use serde_json::{Map, Value};

use super::amount::{self, Unit};
use super::row::{Created, Row, Rows, filled, is_suspended};
use super::wire::{first_domain, of_info, part, rows, scalar};
use crate::domain::{AccountName, Bytes};

/// Below this, in whole numbers, the largest figure of all may be bytes of hardly anything, or megabytes of a lot.
const SURELY_BYTES: u64 = 10_000_000;

/// What pages of a table have told so far.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub rows: Rows,
    /// How many rows came, those without a name among them.
    came: usize,
    /// How many there are, and on how many pages, as the last page said.
    told: Option<usize>,
    pages: Option<usize>,
    /// A figure that is no bytes, as it came.
    decimal: Option<String>,
}

/// What the figures of a table are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Figures {
    /// Bytes.
    Bytes,
    /// Megabytes: this came.
    Megabytes(String),
    /// Either: they are all small.
    Unclear,
}

impl Table {
    /// Takes a page in; what is wrong with it as a whole.
    pub fn take(&mut self, page: &Value) -> Result<(), String> {
        let page = page.as_object().ok_or("a table is an object")?;
        let before = self.came;
        for (_, row) in rows(page) {
            self.came += 1;
            match row.as_object().ok_or_else(|| "is no object".to_string()).and_then(|row| self.read(row)) {
                Ok((name, row)) => {
                    if self.rows.accounts.insert(name.clone(), row).is_some() {
                        self.rows.complaints.push(format!("{name} is in the table twice"));
                    }
                }
                Err(why) => self.rows.complaints.push(format!("a row of the table {why}")),
            }
        }
        if before == self.came && !page.contains_key("info") && !page.is_empty() {
            return Err("a table has rows under numbers, or info".into());
        }
        self.told = of_info(page, "rows").or(self.told);
        self.pages = of_info(page, "total_pages").or(self.pages);
        Ok(())
    }

    /// The page to ask for after so many; none after the last.
    pub fn next_page(&self, asked: usize) -> Option<usize> {
        self.pages.is_some_and(|pages| asked < pages).then_some(asked + 1)
    }

    /// Whether as many rows came as there are. `info.rows` may count those of one page or of all.
    pub fn shortfall(&self) -> Option<String> {
        let told = self.told.filter(|told| self.came < *told)?;
        Some(format!("{} of {told} rows of the table came", self.came))
    }

    /// What its figures are.
    pub fn figures(&self) -> Figures {
        if let Some(decimal) = &self.decimal {
            return Figures::Megabytes(decimal.clone());
        }
        let figures = self.rows.accounts.values().flat_map(|row| [&row.traffic, &row.storage]);
        let largest = figures.filter_map(|figure| figure.as_ref().ok()).max().copied();
        match largest.unwrap_or(Bytes::ZERO).get() {
            // Nothing is nothing in every unit.
            0 => Figures::Bytes,
            largest if largest < SURELY_BYTES => Figures::Unclear,
            _ => Figures::Bytes,
        }
    }

    /// Holds figures that may be either against those of the lines, which are megabytes.
    pub fn settled_by(&self, lines: &Rows) -> Figures {
        let is_less = |table: &Bytes, line: &Bytes| {
            // Half of it and a megabyte for rounding, and for what moved meanwhile.
            table.get() + (1 << 20) < line.get() / 2
        };
        for (name, row) in &self.rows.accounts {
            let Some(line) = lines.accounts.get(name) else { continue };
            for (table, line) in [(&row.traffic, &line.traffic), (&row.storage, &line.storage)] {
                if let (Ok(table), Ok(line)) = (table, line)
                    && is_less(table, line)
                {
                    return Figures::Megabytes(format!("{table} for {line} bytes of {name}"));
                }
            }
        }
        Figures::Bytes
    }

    fn read(&mut self, row: &Map<String, Value>) -> Result<(AccountName, Row), String> {
        let name = row.get("username").and_then(scalar).ok_or("has no username")?;
        let name = AccountName::new(&name).map_err(|error| format!("is of nobody: {error}"))?;
        let suspended = row.get("suspended");
        let is_off = suspended.and_then(scalar).as_deref().and_then(is_suspended);
        let reason = part(suspended, "reason");
        let limit = |cell: &str| amount::limit(part(row.get(cell), "limit").as_deref(), Unit::Bytes);
        let text = |cell: &str| filled(row.get(cell).and_then(scalar));
        let read = Row {
            traffic: self.figure(row, "bandwidth"),
            storage: self.figure(row, "quota"),
            traffic_limit: limit("bandwidth"),
            storage_limit: limit("quota"),
            creator: text("creator"),
            package: text("package"),
            domain: text("domain").or_else(|| first_domain(row.get("domains"))),
            suspended: is_off,
            reason: filled(reason).filter(|_| is_off == Some(true)),
            created: row.get("date_created").and_then(scalar).as_deref().and_then(Created::unix),
        };
        Ok((name, read))
    }

    fn figure(&mut self, row: &Map<String, Value>, cell: &str) -> Result<Bytes, String> {
        let (what, text) = (format!("{cell} usage"), part(row.get(cell), "usage"));
        let is_decimal = |text: &&String| text.contains('.') && text.trim().parse::<f64>().is_ok();
        if let Some(text) = text.as_ref().filter(is_decimal) {
            self.decimal.get_or_insert_with(|| format!("{what} is {}", crate::http::excerpt(text, 40)));
        }
        amount::figure(&what, text.as_deref(), Unit::Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Limit;
    use serde_json::json;

    fn table(page: &Value) -> Table {
        let mut table = Table::default();
        table.take(page).unwrap_or_else(|why| panic!("{why}"));
        table
    }

    fn of(table: &Table, name: &str) -> Row {
        table.rows.accounts[name].clone()
    }

    #[test]
    fn cells_are_texts_or_objects_and_keys_in_any_order() {
        let page = serde_json::from_str(include_str!("testdata/table.json")).expect("JSON");
        let table = table(&page);
        assert_eq!((table.figures(), table.shortfall(), table.next_page(1)), (Figures::Bytes, None, None));
        let one = of(&table, "harborla");
        assert_eq!(
            (one.traffic, one.storage.map(Bytes::get)),
            (Bytes::new(735_051_776).map_err(|_| String::new()), Ok(766_554_931))
        );
        assert_eq!((one.domain.as_deref(), one.suspended), (Some("harbor-lane.example"), Some(false)));
        assert_eq!(one.created, Some(Created::Unix(1_675_759_260)));
        let two = of(&table, "pinecone");
        assert_eq!((two.traffic_limit, two.storage_limit), (Limit::Unlimited, Limit::Unlimited));
        assert_eq!((two.suspended, two.reason.as_deref(), two.package), (Some(true), Some("billing"), None));
        assert_eq!(of(&table, "resel01").creator.as_deref(), Some("admin"));
    }

    #[test]
    fn one_figure_with_decimals_says_what_all_are() {
        let row = |name: &str, usage: &str| json!({"username": name, "bandwidth": {"usage": usage, "limit": "5"}, "quota": {"usage": "0"}});
        let page = |usages: [&str; 2]| json!({"0": row("a", usages[0]), "1": row("b", usages[1])});
        let figures = |usages| table(&page(usages)).figures();
        assert_eq!(figures(["701.0", "99999999"]), Figures::Megabytes("bandwidth usage is 701.0".into()));
        assert_eq!(figures(["701", "99999999"]), Figures::Bytes);
        assert_eq!(figures(["701", "0"]), Figures::Unclear);
        assert_eq!(figures(["0", "many"]), Figures::Bytes);
        let lines = |megabytes: u64| {
            let line = Row {
                traffic: Ok(Bytes::new(megabytes << 20).expect("fits")),
                ..of(&table(&page(["0", "0"])), "a")
            };
            Rows { accounts: [(AccountName::new("a").expect("a name"), line)].into(), complaints: vec![] }
        };
        let unclear = table(&page(["701", "0"]));
        assert!(matches!(unclear.settled_by(&lines(701)), Figures::Megabytes(_)));
        assert_eq!(unclear.settled_by(&lines(0)), Figures::Bytes);
    }

    #[test]
    fn what_is_no_row_and_what_is_missing_is_said() {
        let page = json!({"0": {"bandwidth": {}}, "1": 5, "2": {"username": "a\nb"}, "3": {"username": {"value": "c"}},
            "info": {"rows": "7", "total_pages": 2}});
        let table = table(&page);
        assert_eq!(table.rows.complaints.len(), 3);
        assert_eq!((table.next_page(1), table.next_page(2)), (Some(2), None));
        assert_eq!(table.shortfall().as_deref(), Some("4 of 7 rows of the table came"));
        let bare = of(&table, "c");
        assert_eq!(bare.traffic, Err("bandwidth usage is absent".into()));
        assert_eq!((bare.traffic_limit, bare.suspended, bare.created), (Limit::Unknown, None, None));
        assert!(
            Table::default().take(&json!({"users": []})).is_err()
                && Table::default().take(&json!([])).is_err()
        );
        assert!(
            Table::default().take(&json!({})).is_ok() && Table::default().take(&json!({"info": {}})).is_ok()
        );
    }
}
