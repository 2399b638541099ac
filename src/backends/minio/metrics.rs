//! Fetches the metrics pages: one for all nodes in the second version, one per node and bucket in the
//! third.
//!
//! Does not know accounts, nor what a silence means.

use std::collections::BTreeMap;

use futures_util::FutureExt;

use super::deleted::Deleted;
use super::refusal::CallFailure;
use super::settings::Traffic;
use super::sums::Owned;
use super::traffic::Scrape;
use super::{BackendError, Buckets, Minio};
use crate::http::Url;

/// How often a page of the third version is asked for when another bucket's page comes.
const TRIES: u32 = 4;

/// The pages, put together.
#[derive(Debug, Default)]
pub(super) struct Scraped {
    pub scrape: Scrape,
    /// Which version of the pages reported it.
    pub road: &'static str,
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
        deleted: &Deleted<'_>,
        rustfs: bool,
    ) -> Option<Result<Scraped, BackendError>> {
        if self.config.traffic == Traffic::Off {
            return None;
        }
        if rustfs {
            return Some(Err(BackendError::NotOffered("RustFS reports no traffic per bucket".into())));
        }
        let of_bucket = |bucket: &str| Some((bucket.to_string(), *buckets.get(bucket)?));
        let claimed = owned.claimed().filter_map(of_bucket).collect();
        let mut scraped = match self.pages(buckets, &claimed).await {
            Ok(scraped) => scraped,
            Err(error) => return Some(Err(error)),
        };
        // A server hides what its caller may not list, without a word.
        let hidden = owned.claimed().filter(|bucket| deleted.doubted() > 0 && !buckets.contains_key(*bucket));
        for bucket in hidden {
            let why = format!(
                "ListBuckets does not show {bucket}, which holds something; traffic needs s3:ListAllMyBuckets"
            );
            scraped.failed.insert(bucket.into(), BackendError::Refused(why));
        }
        Some(Ok(scraped))
    }

    /// The pages of the version the config wants; `claimed` are the buckets that have an owner.
    pub(super) async fn pages(&self, buckets: &Buckets, claimed: &Buckets) -> Result<Scraped, BackendError> {
        match self.config.traffic {
            Traffic::V3 => self.third(claimed).await,
            Traffic::Auto if !self.config.nodes.is_empty() => match self.second(buckets).await {
                Err(BackendError::NotOffered(_)) => self.third(claimed).await,
                other => other,
            },
            _ => self.second(buckets).await,
        }
    }

    /// The second version: any node answers for all of them. First when each began, then what passed:
    /// a node that restarts in between seems to have counted backwards, which is noticed, and never
    /// seems to have counted too much.
    async fn second(&self, buckets: &Buckets) -> Result<Scraped, BackendError> {
        let (base, mut scrape) = self.first_page().await?;
        scrape = match self.page(base, "/v2/metrics/bucket", scrape.clone()).await {
            // Releases before 2023-07 have what passed among the first page's series.
            Err(CallFailure::Failed(BackendError::NotOffered(_))) if scrape.reports_traffic() => scrape,
            other => other?,
        };
        if scrape.started.is_empty() {
            return Err(no_node_reports_its_start());
        }
        if let Some(node) = scrape.cut(buckets.keys().map(String::as_str)) {
            return Err(BackendError::NotOffered(format!(
                "{node} reports the traffic of only 100 buckets, deleted ones included, and the server has {}; \
                 name every node in nodes to read the metrics of the third version, or restart the server \
                 if deleted \
                 buckets fill its list",
                buckets.len()
            )));
        }
        Ok(Scraped { scrape, road: "metrics v2", ..Scraped::default() })
    }

    /// When each node began, by the first address that answers.
    async fn first_page(&self) -> Result<(&Url, Scrape), BackendError> {
        let mut trouble = BackendError::Unreachable("no address".into());
        for base in self.admin.addresses() {
            let page = self.page(base, "/v2/metrics/cluster", Scrape::default()).await;
            match page.map_err(BackendError::from) {
                Err(gone @ BackendError::Unreachable(_)) => trouble = gone,
                other => return other.map(|page| (base, page)),
            }
        }
        Err(trouble)
    }

    /// The third version: every node for itself. A node that is down is left out, as if it said nothing.
    async fn third(&self, buckets: &Buckets) -> Result<Scraped, BackendError> {
        let nodes = self.config.nodes.iter().map(|node| self.third_of(node, buckets).boxed());
        let mut all = Scraped { road: "metrics v3", ..Scraped::default() };
        let mut trouble = None;
        for (node, scraped) in self.config.nodes.iter().zip(futures_util::future::join_all(nodes).await) {
            match scraped {
                Ok(scraped) => {
                    all.scrape.merge(scraped.scrape);
                    all.failed.extend(scraped.failed);
                }
                Err(error) => {
                    all.warnings.push(format!("traffic of node {} is not read: {error}", host(node)));
                    trouble = Some(error);
                }
            }
        }
        match (all.scrape.started.is_empty(), trouble) {
            (true, Some(error)) => Err(error),
            (true, None) => Err(no_node_reports_its_start()),
            (false, _) => Ok(all),
        }
    }

    /// The pages of one node, one after the other: asked for two at once, the server answers both with
    /// the bucket that was asked for last (MinIO cmd/metrics-v3-handler.go lets go of its lock before it
    /// collects).
    async fn third_of(&self, node: &Url, buckets: &Buckets) -> Result<Scraped, BackendError> {
        let start = self.page(node, "/metrics/v3/system/process", Scrape::default()).await?;
        let mut scraped = Scraped { scrape: start.clone(), ..Scraped::default() };
        for bucket in buckets.keys() {
            match self.bucket_page(node, bucket, &start).await {
                Ok(page) => scraped.scrape.merge(page),
                Err(error @ (BackendError::Refused(_) | BackendError::Unreachable(_))) => return Err(error),
                Err(error) => {
                    scraped.failed.insert(bucket.clone(), error);
                }
            }
        }
        Ok(scraped)
    }

    /// One bucket's page, asked for again when another scrape got in between.
    async fn bucket_page(&self, node: &Url, bucket: &str, start: &Scrape) -> Result<Scrape, BackendError> {
        let path = format!("/metrics/v3/bucket/api/{bucket}");
        for _ in 0..TRIES {
            let page = self.page(node, &path, start.clone()).await?;
            let mut names = page.started.keys();
            if !names.any(|name| page.mentions_any(name) && !page.mentions(name, bucket)) {
                return Ok(page);
            }
        }
        let detail = format!("node {} answers for other buckets when asked for {bucket}", host(node));
        Err(BackendError::Busy { after: None, detail })
    }

    /// One page of metrics, added to what is known.
    async fn page(&self, base: &Url, path: &str, mut known: Scrape) -> Result<Scrape, CallFailure> {
        let swapped = self.config.v3_swapped;
        self.admin.metrics(base, path, move |source| known.add(source, swapped).map(|()| known)).await
    }
}

fn no_node_reports_its_start() -> BackendError {
    let detail = "no node reports when its process started, so its counters cannot be trusted".into();
    BackendError::Unexpected { at: "metrics".into(), detail }
}

/// Host and port of an address.
pub(super) fn host(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}
