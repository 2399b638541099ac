//! Lines of services that get other numbers.

use std::collections::BTreeMap;

use sqlx::AnyConnection;

use super::super::sql::{Columns, rows, run};
use super::super::{Store, StoreError};
use super::COLUMNS;
use super::row::line_columns;
use crate::pricing::Tag;

impl Store {
    /// Puts lines to the same services under their new numbers, tags and all: nothing is billed again, and what another
    /// service with an old number uses is. What stands in WHMCS keeps the tag that it was billed under.
    pub(in super::super) async fn renumber_lines(
        &self,
        on: &mut AnyConnection,
        numbers: &BTreeMap<i64, i64>,
    ) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM invoice_line WHERE service IN (SELECT r.was FROM service_renumbered r)"
        );
        let mut tags = Vec::new();
        for row in &rows(on, self.dialect, &sql, []).await? {
            let tag = line_columns(&mut Columns::of(row))?.line.tag;
            let Some(number) = numbers.get(&tag.service).copied() else { continue };
            tags.push((tag.to_string(), Tag { service: number, ..tag }));
        }
        // No tag is free while another line of these has it still.
        let aside = |tag: &str| format!("moved {tag}");
        let sql = "UPDATE invoice_line SET tag = ?, service = 0, number = id WHERE tag = ?";
        for (tag, _) in &tags {
            run(on, self.dialect, sql, [aside(tag).into(), tag.as_str().into()]).await?;
        }
        let sql = "UPDATE invoice_line SET tag = ?, service = ?, number = ? WHERE tag = ?";
        for (tag, new) in &tags {
            let number = i64::from(new.correction);
            let cells =
                [new.to_string().into(), new.service.into(), number.into(), aside(tag).as_str().into()];
            run(on, self.dialect, sql, cells).await?;
        }
        Ok(())
    }
}
