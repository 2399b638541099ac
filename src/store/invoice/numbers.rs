//! Lines of services that get other numbers.

use std::collections::{BTreeMap, HashMap};

use super::super::sql::{Columns, rows, run};
use super::super::write::Write;
use super::super::{Store, StoreError};
use super::row::line_columns;
use super::{COLUMNS, INVOICE_LINE};
use crate::domain::Service;
use crate::pricing::Tag;

impl Store {
    /// Puts lines to the same services under their new numbers, tags and all: nothing is billed again, and what another
    /// service with an old number uses is. What stands in WHMCS keeps the tag that it was billed under.
    pub(in super::super) async fn renumber_lines(
        &self,
        on: &mut Write,
        numbers: &BTreeMap<i64, i64>,
        list: &[Service],
    ) -> Result<(), StoreError> {
        let clients: HashMap<i64, i64> = list.iter().map(|service| (service.id, service.client)).collect();
        let sql = format!(
            "SELECT {COLUMNS} FROM invoice_line WHERE service IN (SELECT r.was FROM service_renumbered r)"
        );
        let mut tags = Vec::new();
        for row in &rows(on, self.dialect, &sql, []).await? {
            let line = line_columns(&mut Columns::of(row))?.line;
            let Some(number) = numbers.get(&line.tag.service).copied() else { continue };
            // Whose line is corrected pays for it, under the number that he has now.
            let client = clients.get(&number).copied().unwrap_or(line.client);
            tags.push((line.tag.to_string(), Tag { service: number, ..line.tag }, client));
        }
        // No tag is free while another line of these has it still.
        let aside = |tag: &str| format!("moved {tag}");
        let sql = "UPDATE invoice_line SET tag = ?, service = 0, number = id WHERE tag = ?";
        for (tag, ..) in &tags {
            run(on, self.dialect, sql, [aside(tag).into(), tag.as_str().into()]).await?;
        }
        let sql = "UPDATE invoice_line SET tag = ?, service = ?, client = ?, number = ? WHERE tag = ?";
        for (tag, new, client) in &tags {
            let number = i64::from(new.correction);
            let (service, client) = (new.service.into(), (*client).into());
            let cells = [new.to_string().into(), service, client, number.into(), aside(tag).into()];
            run(on, self.dialect, sql, cells).await?;
            on.note_rows(&INVOICE_LINE, "t.tag = ?", [new.to_string().into()]).await?;
        }
        Ok(())
    }
}
