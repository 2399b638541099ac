//! What WHMCS's module says is not right with the lists it sends, server by server: each list's remarks replace those
//! before.

use std::collections::BTreeMap;

use super::dialect::Merge::Replace;
use super::sql::{Cell, Columns, Table, rows, run};
use super::{Store, StoreError};
use crate::domain::{Remark, RemarkAbout};

const REMARK: Table = Table {
    name: "service_remark",
    keys: &["server", "place"],
    rest: &[("about", Replace), ("service", Replace), ("said", Replace)],
};

impl Store {
    /// Puts the remarks of a server's list in, in place of those before. The same again writes nothing.
    pub async fn put_remarks(&self, server: i64, remarks: &[Remark]) -> Result<(), StoreError> {
        if self.remarks().await?.remove(&server).unwrap_or_default() == remarks {
            return Ok(());
        }
        let mut tx = self.begin_write().await?;
        run(&mut tx, self.dialect, "DELETE FROM service_remark WHERE server = ?", [server.into()]).await?;
        let cells = remarks.iter().enumerate().map(|(place, remark)| -> [Cell; 5] {
            let said = remark.said.as_str().into();
            [server.into(), (place as i64).into(), remark.about.name().into(), remark.service.into(), said]
        });
        REMARK.put(&mut tx, self.dialect, cells.collect()).await?;
        tx.commit().await
    }

    /// The remarks of every server's newest list, in the order they came.
    pub async fn remarks(&self) -> Result<BTreeMap<i64, Vec<Remark>>, StoreError> {
        let sql = format!("SELECT {} FROM service_remark r ORDER BY r.server, r.place", REMARK.columns("r"));
        let mut on = self.readers.acquire().await?;
        let mut remarks: BTreeMap<i64, Vec<Remark>> = BTreeMap::new();
        for row in rows(&mut on, self.dialect, &sql, []).await? {
            let mut columns = Columns::of(&row);
            let (server, _place, about) = (columns.int()?, columns.int()?, columns.text()?);
            let known = RemarkAbout::named(&about);
            let about = known.ok_or_else(|| StoreError::corrupt(about, "what a remark is about"))?;
            let remark = Remark { about, service: columns.maybe_int()?, said: columns.text()? };
            remarks.entry(server).or_default().push(remark);
        }
        Ok(remarks)
    }
}
