//! Where a panel stands: its addresses with their gates, its control address, its certificates.

use crate::control;
use crate::panel::{Options, SimulatedPanel};
use crate::server::{Bound, Front, House, bind, serve_control};
use crate::tls;
use crate::wire::Gate;
use rustls::ServerConfig;
use std::io::Result;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The addresses of a running panel; clones are the same.
#[derive(Clone, Debug)]
pub struct Place {
    /// Where each node listens, and its gate.
    pub doors: Vec<(SocketAddr, Gate)>,
    control: SocketAddr,
    authority: Option<PathBuf>,
    stop: CancellationToken,
}

impl Place {
    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.authority.is_some() { "https" } else { "http" }
    }

    /// The base URL of one node.
    pub fn url(&self, node: usize) -> String {
        let address = self.doors.get(node).map(|(address, _)| address.to_string());
        format!("{}://{}", self.scheme(), address.unwrap_or_default())
    }

    /// Where the panel is controlled.
    pub fn control_url(&self) -> String {
        format!("http://{}", self.control)
    }

    /// The authority's certificate file, when it speaks HTTPS.
    pub fn authority(&self) -> Option<&Path> {
        self.authority.as_deref()
    }

    /// Closes its addresses and breaks its connections.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}

/// Addresses that are bound and not yet served: a panel is made of what it knows of them.
pub struct Plot {
    /// What will be the panel's place.
    pub place: Place,
    doors: Vec<Bound>,
    control: Bound,
    tls: Option<Arc<ServerConfig>>,
}

impl Plot {
    /// Binds the addresses of a panel with so many nodes, the first where the options say and the others on free
    /// ports. The authority's file is named by the kind.
    pub async fn bind(kind: &str, options: &Options, nodes: usize) -> Result<Self> {
        let certificates = match &options.tls {
            Some(folder) => Some(tls::certificates(folder, kind)?),
            None => None,
        };
        let mut doors = vec![bind(options.listen).await?];
        for _ in 1..nodes {
            doors.push(bind(SocketAddr::new(options.listen.ip(), 0)).await?);
        }
        let control = bind(options.control).await?;
        let place = Place {
            doors: doors.iter().map(|door| (door.address, Gate::default())).collect(),
            control: control.address,
            authority: certificates.as_ref().map(|files| files.authority.clone()),
            stop: CancellationToken::new(),
        };
        Ok(Self { place, doors, control, tls: certificates.map(|files| files.server) })
    }

    /// Serves the panel until it is stopped.
    pub fn serve<P>(self, panel: &P, front: impl Front) -> Result<()>
    where
        P: SimulatedPanel + Clone + 'static,
    {
        let knobs = panel.knobs();
        let house = House {
            front: Arc::new(front),
            faults: knobs.faults.clone(),
            requests: knobs.requests.clone(),
            clock: knobs.clock.clone(),
            tls: self.tls,
            stop: self.place.stop.clone(),
        };
        for (node, door) in self.doors.into_iter().enumerate() {
            house.serve(node, door, self.place.doors[node].1.clone())?;
        }
        serve_control(self.control, control::routes(Arc::new(panel.clone())), self.place.stop);
        Ok(())
    }
}
