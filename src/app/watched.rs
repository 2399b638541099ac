//! The configured backends as people's side sees them.

use std::sync::Arc;

use crate::collector::Metered;
use crate::console::Watched;
use crate::domain::AccountName;

/// What of each backend people's questions need.
pub(crate) fn watched(backends: &[Arc<Metered>]) -> Vec<Watched> {
    let watched = |metered: &Arc<Metered>| {
        let asked = Arc::clone(metered);
        Watched {
            backend: metered.id.clone(),
            kind: metered.kind.name,
            server: metered.whmcs_server,
            everybody: metered.wants_everybody(),
            wants: Arc::new(move |name: &AccountName| asked.wants(name)),
        }
    };
    backends.iter().map(watched).collect()
}
