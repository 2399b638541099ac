//! What WHMCS's module says is not right with what it sends: companions that are missing or not as they should be, and
//! sizes that nobody can read.

use super::{Finding, FindingKind};
use crate::console::panel_vs_whmcs::PanelsVsWhmcs;
use crate::domain::RemarkAbout;

/// One line per remark about this.
pub(super) fn remarks(sides: &PanelsVsWhmcs, what: FindingKind, about: RemarkAbout) -> Vec<Finding<'_>> {
    let mut found = Vec::new();
    for (server, remarks) in &sides.remarks {
        let at = sides.lists.get(server).map(|list| list.listed_at.to_string());
        for remark in remarks.iter().filter(|remark| remark.about == about) {
            let line = Finding {
                what: what.name(),
                state: match about {
                    RemarkAbout::Companion => "differs",
                    RemarkAbout::Size => "unread",
                },
                server: Some(*server),
                service: remark.service,
                at: at.clone(),
                detail: Some(remark.said.clone()),
                ..Finding::default()
            };
            let service = remark.service.and_then(|id| sides.service(id));
            found.push(match service {
                Some((_, service)) => line.sold(service),
                None => line,
            });
        }
    }
    found
}
