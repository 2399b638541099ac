//! The one listing a poll is made of: guests and nodes out of `/cluster/resources`. Pure.

use std::collections::BTreeMap;

use super::nan_json::quoted;
use super::wire::{Envelope, Row};
use crate::backends::BackendError;
use crate::http::excerpt;

/// What a guest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum GuestKind {
    /// A virtual machine.
    Qemu,
    /// A container.
    Lxc,
}

impl GuestKind {
    /// Its name in rows and paths.
    pub fn name(self) -> &'static str {
        match self {
            GuestKind::Qemu => "qemu",
            GuestKind::Lxc => "lxc",
        }
    }

    fn of(name: &str) -> Option<GuestKind> {
        [GuestKind::Qemu, GuestKind::Lxc].into_iter().find(|kind| kind.name() == name)
    }
}

/// One guest that is no template.
#[derive(Debug)]
pub(super) struct Guest<'a> {
    pub kind: GuestKind,
    pub vmid: u64,
    pub row: Row<'a>,
    /// Why its row cannot be believed at all.
    pub trouble: Option<String>,
}

impl Guest<'_> {
    /// `qemu/104`, as the panel calls it.
    pub fn id(&self) -> String {
        format!("{}/{}", self.kind.name(), self.vmid)
    }

    /// Whether its node has reported nothing of it for five minutes (pve-cluster, status.c).
    pub fn is_unknown(&self) -> bool {
        self.row.status.text() == Some("unknown")
    }

    /// The node it is on.
    pub fn node(&self) -> &str {
        self.row.node.text().unwrap_or_default()
    }

    /// Whether it runs (a paused one does too).
    pub fn runs(&self) -> bool {
        self.row.uptime.whole().is_some_and(|uptime| uptime > 0)
    }
}

/// What one listing says.
#[derive(Debug)]
pub(super) struct Listing<'a> {
    pub guests: Vec<Guest<'a>>,
    /// The status of every node by name.
    pub nodes: BTreeMap<String, String>,
    /// Rows that are guests and do not say which.
    pub nameless: usize,
}

impl<'a> Listing<'a> {
    /// Reads an answer. `spare` holds a copy with these quoted where the answer is not quite JSON.
    pub fn read(body: &'a [u8], spare: &'a mut Vec<u8>) -> Result<Listing<'a>, BackendError> {
        let rows: Vec<Row<'a>> = match serde_json::from_slice::<Envelope<_>>(body) {
            Ok(envelope) => envelope.data,
            Err(first) => {
                *spare = quoted(body);
                match serde_json::from_slice::<Envelope<_>>(spare) {
                    Ok(envelope) => envelope.data,
                    Err(_) => return Err(other_shape(&first)),
                }
            }
        };
        let mut listing =
            Listing { guests: Vec::with_capacity(rows.len()), nodes: BTreeMap::new(), nameless: 0 };
        rows.into_iter().for_each(|row| listing.take(row));
        Ok(listing)
    }

    fn take(&mut self, row: Row<'a>) {
        let Some(kind) = row.kind.text() else { return };
        if kind == "node" {
            let status = row.status.text().unwrap_or("unknown").to_string();
            self.nodes.insert(row.node.text().unwrap_or_default().to_string(), status);
            return;
        }
        let Some(kind) = GuestKind::of(kind) else { return };
        if row.template.whole() == Some(1) {
            return;
        }
        let stated = row.vmid.whole();
        let named = row.id.text().and_then(|id| {
            let number = id.strip_prefix(kind.name())?.strip_prefix('/')?;
            number.parse::<u64>().ok()
        });
        let trouble = (stated != named && row.id.text().is_some() && stated.is_some()).then(|| {
            let id = excerpt(row.id.text().unwrap_or_default(), 40);
            format!("id {id:?} is not that of {}/{}", kind.name(), stated.unwrap_or_default())
        });
        match stated.or(named) {
            Some(vmid) => self.guests.push(Guest { kind, vmid, row, trouble }),
            None => self.nameless += 1,
        }
    }

    /// Why what `node` reports cannot be believed; `None` while it is online.
    pub fn silence(&self, node: &str) -> Option<String> {
        match self.nodes.get(node).map(String::as_str) {
            Some("online") => None,
            Some(status) => Some(format!("node {node} is {status}")),
            None => Some(format!("node {node:?} is not in the listing")),
        }
    }

    /// Whether every guest is in it: only a node that answers reports all its guests.
    pub fn is_complete(&self) -> bool {
        let all_online = self.nodes.values().all(|status| status == "online");
        !self.nodes.is_empty() && all_online && self.nameless == 0
    }
}

fn other_shape(error: &serde_json::Error) -> BackendError {
    let detail = format!("expected {{\"data\": [rows]}} as JSON: {error}");
    BackendError::Unexpected { at: "cluster/resources".into(), detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(text: &str, look: impl FnOnce(Listing<'_>) -> T) -> Result<T, BackendError> {
        let mut spare = Vec::new();
        Listing::read(text.as_bytes(), &mut spare).map(look)
    }

    #[test]
    fn a_listing_is_read_whatever_the_release() {
        for (text, guests, complete) in [
            (include_str!("testdata/resources.7.json"), vec!["lxc/201", "qemu/104"], true),
            (include_str!("testdata/resources.9.json"), vec!["qemu/104", "lxc/201", "qemu/300"], false),
        ] {
            let (seen, is_complete) = with(text, |listing| {
                (listing.guests.iter().map(Guest::id).collect::<Vec<_>>(), listing.is_complete())
            })
            .expect("a listing");
            assert_eq!((seen.iter().map(String::as_str).collect(), is_complete), (guests, complete));
        }
    }

    #[test]
    fn who_lists_no_node_or_a_silent_one_lists_nobody_for_sure() {
        let complete = |rows: &str| {
            with(&format!(r#"{{"data":[{rows}]}}"#), |listing| listing.is_complete()).expect("a listing")
        };
        let online = r#"{"type":"node","node":"a","status":"online"}"#;
        assert!(complete(online));
        assert!(!complete(""));
        for status in ["offline", "unknown", ""] {
            assert!(!complete(&format!(r#"{online},{{"type":"node","node":"b","status":"{status}"}}"#)));
        }
        assert!(!complete(&format!(r#"{online},{{"type":"qemu","status":"running"}}"#)));
        assert!(complete(&format!(r#"{online},{{"type":"network","status":"ok"}},{{"x":1}}"#)));
    }

    #[test]
    fn bare_words_of_perl_spoil_one_guest_and_other_shapes_all() {
        let text = r#"{"data":[{"id":"qemu/1","type":"qemu","vmid":1,"netin":NaN,"netout":5}]}"#;
        let (netin, netout) =
            with(text, |listing| (listing.guests[0].row.netin.whole(), listing.guests[0].row.netout.whole()))
                .expect("quoted");
        assert_eq!((netin, netout), (None, Some(5)));
        for text in ["", "{}", r#"{"data":null}"#, r#"{"data":[7]}"#, r#"{"data":[{"id""#, "<html>"] {
            assert!(with(text, |_| ()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_row_that_contradicts_itself_is_not_believed() {
        let trouble = |row: &str| {
            with(&format!(r#"{{"data":[{{"type":"lxc",{row}}}]}}"#), |listing| {
                listing.guests.first().map(|guest| (guest.vmid, guest.trouble.is_some()))
            })
            .expect("a listing")
        };
        assert_eq!(trouble(r#""id":"lxc/7","vmid":"7""#), Some((7, false)));
        assert_eq!(trouble(r#""id":"lxc/7""#), Some((7, false)));
        assert_eq!(trouble(r#""vmid":7"#), Some((7, false)));
        assert_eq!(trouble(r#""id":"lxc/8","vmid":7"#), Some((7, true)));
        assert_eq!(trouble(r#""id":"qemu/7","vmid":7"#), Some((7, true)));
        assert_eq!(trouble(r#""status":"running""#), None);
    }
}
