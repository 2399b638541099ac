//! The Prometheus paths: which there are and what each of them shows.

use super::bearer;
use super::exposition::Exposition;
use super::metrics_v2;
use super::metrics_v3;
use super::refusal::Refusal;
use super::reply::Reply;
use super::server::Server;
use super::world::World;
use axum::http::request::Parts;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";

/// Whether a path belongs to the metrics; any other below `/minio/` is taken for a bucket.
pub fn is_ours(path: &str) -> bool {
    path.starts_with("/minio/metrics/v3") || V2.iter().any(|(own, _)| *own == path)
}

type Fill = fn(&Server, usize, &World, &mut Exposition);

const V2: [(&str, Fill); 5] = [
    ("/minio/v2/metrics/bucket", metrics_v2::buckets),
    ("/minio/v2/metrics/cluster", metrics_v2::cluster),
    ("/minio/v2/metrics/node", metrics_v2::node),
    ("/minio/v2/metrics/resource", |_, _, _, _| {}),
    ("/minio/prometheus/metrics", metrics_v2::cluster),
];

/// Answers a scrape of one node.
pub fn reply(
    server: &Server,
    node: usize,
    head: &Parts,
    path: &str,
    query: &[(String, String)],
) -> Result<Reply, Refusal> {
    if let Some(refused) = bearer::admit(server, head)? {
        return Ok(refused);
    }
    let world = server.world();
    let mut text = Exposition::default();
    if let Some((_, fill)) = V2.iter().find(|(own, _)| *own == path) {
        fill(server, node, &world, &mut text);
        return Ok(Reply::text(TEXT, text.written()).plain());
    }
    let rest = path.trim_start_matches("/minio/metrics/v3");
    let buckets: Vec<&str> =
        query.iter().filter(|(name, _)| name == "buckets").map(|(_, value)| value.as_str()).collect();
    match rest {
        "" => {
            metrics_v3::usage_objects(server, &world, &mut text);
            metrics_v3::process(server, node, &mut text);
        }
        "/cluster/usage/buckets" => metrics_v3::usage_buckets(server, &world, &mut text),
        "/cluster/usage/objects" => metrics_v3::usage_objects(server, &world, &mut text),
        "/system/process" => metrics_v3::process(server, node, &mut text),
        "/bucket/api" => metrics_v3::traffic(server, node, &world, &buckets, &mut text),
        _ => match rest.strip_prefix("/bucket/api/") {
            Some(bucket) => metrics_v3::traffic(server, node, &world, &[bucket], &mut text),
            None => {
                let mut reply =
                    Reply::text("text/plain; charset=utf-8", "Metrics Resource Not found").plain();
                reply.set_status(404);
                return Ok(reply);
            }
        },
    }
    let started = server.started(node).timestamp().to_string();
    Ok(Reply::text(TEXT, text.written()).plain().with("process-start-time-unix", started))
}
