//! Fetches the metrics pages: one for all nodes in the second version, one per node and bucket in the
//! third.
//!
//! Does not know accounts.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::FutureExt;

use super::admin::Failure;
use super::settings::Traffic;
use super::sums::Owned;
use super::traffic::Scrape;
use super::{BackendError, Buckets, Minio};
use crate::http::Url;

/// The pages, put together.
#[derive(Debug, Default)]
pub(super) struct Scraped {
    pub scrape: Scrape,
    /// Buckets one of whose pages could not be fetched, and why.
    pub failed: BTreeMap<String, BackendError>,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

impl Minio {
    /// What passed, or why that cannot be known; `None` where nobody asked for it.
    pub(super) async fn traffic(
        &self,
        owned: &Owned<'_>,
        buckets: &Buckets,
        rustfs: bool,
    ) -> Option<Result<Scraped, BackendError>> {
        let rules = &self.rules;
        let claimed = BTreeSet::from_iter(owned.claimed());
        match rules.traffic {
            Traffic::Off => None,
            _ if rustfs => Some(Err(BackendError::NotOffered("RustFS tells no traffic per bucket".into()))),
            Traffic::V2 => Some(self.second(buckets.len()).await),
            Traffic::V3 => Some(self.third(&claimed).await),
            Traffic::Auto => Some(match self.second(buckets.len()).await {
                Err(BackendError::NotOffered(_)) if !rules.nodes.is_empty() => self.third(&claimed).await,
                other => other,
            }),
        }
    }

    /// The second version: any node answers for all of them. First when each began, then what passed:
    /// a node that restarts in between seems to have counted backwards, which is noticed, and never
    /// seems to have counted too much.
    pub(super) async fn second(&self, buckets: usize) -> Result<Scraped, BackendError> {
        let base = self.address();
        let mut scrape = self.page(base, "/v2/metrics/cluster", Scrape::default()).await?;
        scrape = match self.page(base, "/v2/metrics/bucket", scrape.clone()).await {
            // Releases before 2023-07 have what passed among the first page's series.
            Err(Failure::Failed(BackendError::NotOffered(_))) if scrape.tells_traffic() => scrape,
            other => other?,
        };
        if scrape.started.is_empty() {
            return Err(no_node_tells_its_start());
        }
        match scrape.cut(buckets) {
            Some(node) => Err(BackendError::NotOffered(format!(
                "{node} tells the traffic of its first 100 buckets only, of {buckets}; \
                 name every node in nodes to read the metrics of the third version"
            ))),
            None => Ok(self.without_fallen_silent(scrape)),
        }
    }

    /// Leaves out nodes that have told of buckets since their start and now tell of none: the page was
    /// put together without them, and their silence is no zero.
    fn without_fallen_silent(&self, mut scrape: Scrape) -> Scraped {
        let mut warnings = Vec::new();
        if let Ok(mut heard) = self.heard.lock() {
            for (node, started) in scrape.started.clone() {
                if scrape.mentions(&node) {
                    heard.insert(node, started);
                } else if heard.get(&node) == Some(&started) {
                    warnings.push(format!("traffic of node {node} is missing from the page of all nodes"));
                    scrape.started.remove(&node);
                }
            }
        }
        Scraped { scrape, warnings, ..Scraped::default() }
    }

    /// The third version: every node for itself. A node that is down is left out, as if it said nothing.
    pub(super) async fn third(&self, buckets: &BTreeSet<&str>) -> Result<Scraped, BackendError> {
        let mut scraped = Scraped::default();
        let mut trouble = None;
        for node in &self.rules.nodes {
            match self.page(node, "/metrics/v3/system/process", scraped.scrape.clone()).await {
                Ok(scrape) => {
                    scraped.scrape = scrape;
                    self.third_of(node, buckets, &mut scraped).await;
                }
                Err(failure) => {
                    let error = BackendError::from(failure);
                    scraped.warnings.push(format!("traffic of node {} is not read: {error}", host(node)));
                    trouble = Some(error);
                }
            }
        }
        match (scraped.scrape.started.is_empty(), trouble) {
            (true, Some(error)) => Err(error),
            (true, None) => Err(no_node_tells_its_start()),
            (false, _) => Ok(scraped),
        }
    }

    async fn third_of(&self, node: &Url, buckets: &BTreeSet<&str>, scraped: &mut Scraped) {
        let pages = buckets.iter().map(|bucket| self.bucket_page(node, bucket).boxed());
        let pages = self.admin.some_at_once(pages.collect()).await;
        for (bucket, page) in pages {
            match page {
                Ok(page) => scraped.scrape.merge(page),
                Err(failure) => {
                    scraped.failed.insert(bucket.to_string(), failure.into());
                }
            }
        }
    }

    async fn bucket_page<'a>(&self, node: &Url, bucket: &'a str) -> (&'a str, Result<Scrape, Failure>) {
        let path = format!("/metrics/v3/bucket/api/{bucket}");
        (bucket, self.page(node, &path, Scrape::default()).await)
    }

    /// One page of metrics, added to what is known.
    async fn page(&self, base: &Url, path: &str, mut known: Scrape) -> Result<Scrape, Failure> {
        let swapped = self.rules.v3_swapped;
        self.admin.metrics(base, path, move |source| known.add(source, swapped).map(|()| known)).await
    }

    /// The address metrics of all nodes are asked from.
    pub(super) fn address(&self) -> &Url {
        &self.admin.addresses()[0]
    }
}

fn no_node_tells_its_start() -> BackendError {
    let detail = "no node tells when its process started, so its counters cannot be believed".into();
    BackendError::Unexpected { at: "metrics".into(), detail }
}

pub(super) fn host(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}
