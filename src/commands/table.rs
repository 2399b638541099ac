//! Tables for people: columns as wide as their widest cell, numbers to the right.

pub(super) use crate::console::{grouped, sized};

/// A table with a heading.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    numbers: Vec<bool>,
}

impl Table {
    /// Columns by name; those that end in `>` hold numbers.
    pub(super) fn new(columns: &[&str]) -> Table {
        let names = columns.iter().map(|name| name.trim_end_matches('>').to_string()).collect();
        Table { rows: vec![names], numbers: columns.iter().map(|name| name.ends_with('>')).collect() }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Whether it has rows besides its heading.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
        };
        let widths: Vec<usize> = (0..self.numbers.len()).map(|column| width(column).unwrap_or(0)).collect();
        for (number, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for ((cell, width), right) in row.iter().zip(&widths).zip(&self.numbers) {
                let padding = " ".repeat(width - cell.chars().count());
                let padded = if *right { format!("{padding}{cell}") } else { format!("{cell}{padding}") };
                line.push_str(&padded);
                line.push_str("  ");
            }
            let end = if number + 1 == self.rows.len() { "" } else { "\n" };
            write!(f, "{}{end}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_numbers_stand_right() {
        let mut table = Table::new(&["account", "bytes>"]);
        table.row(["Müller".into(), grouped(1_234_567)]);
        table.row(["a".into(), grouped(0)]);
        assert_eq!(table.to_string(), "account      bytes\nMüller   1 234 567\na                0");
    }
}
