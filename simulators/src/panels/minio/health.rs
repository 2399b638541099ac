//! Is it alive? Asked without credentials.

use super::reply::Reply;
use super::server::Server;
use super::switches::Flavour;

/// Answers a health question; `None` when it is none.
pub fn reply(server: &Server, node: usize, path: &str, query: &[(String, String)]) -> Option<Reply> {
    let question = path.strip_prefix("/minio/health/").or_else(|| path.strip_prefix("/health/"))?;
    let nodes = server.nodes.len();
    let (up, needed) = (server.nodes_up().len(), nodes / 2 + 1);
    let in_maintenance = query.iter().any(|(name, value)| name == "maintenance" && value == "true");
    let status = match question {
        "live" | "ready" => 200,
        "cluster" if in_maintenance && up.saturating_sub(1) < needed => 412,
        "cluster" if up < needed => 503,
        "cluster/read" if up < nodes.div_ceil(2) => 503,
        "cluster" | "cluster/read" => 200,
        _ => return None,
    };
    if server.switches().flavour == Flavour::Rustfs {
        let ready = status == 200;
        let body = serde_json::json!({
            "status": if ready { "ok" } else { "degraded" }, "ready": ready,
            "service": "rustfs-endpoint", "version": "1.0.1", "node": node,
        });
        let mut reply = Reply::json(body.to_string()).plain();
        reply.set_status(status);
        return Some(reply);
    }
    let reply = Reply::empty(status).with("server", "MinIO").with("accept-ranges", "bytes");
    Some(match question {
        "cluster" => reply
            .with("x-minio-write-quorum", needed.to_string())
            .with("x-minio-storage-class-defaults", "false"),
        "cluster/read" => reply
            .with("x-minio-read-quorum", nodes.div_ceil(2).to_string())
            .with("x-minio-storage-class-defaults", "false"),
        _ => reply,
    })
}
