//! Shared folders and volumes as wholes, and the size of a folder that is counted file by file.

use super::ask::Ask;
use super::quota::shares;
use super::reply::{NOTHING, Outcome, Refusal};
use super::switches::{FileSystem, Switches};
use super::users::paged;
use super::world::{FREE, HOMES, MEBIBYTE, Server};
use serde_json::{Map, Value, json};

/// Bytes that all users have in a shared folder.
fn used(server: &Server, switches: &Switches, share: &str) -> u64 {
    server.there().keys().map(|name| server.used(switches, name, share)).sum()
}

/// `SYNO.Core.Share list`; what is asked for besides comes back to a POST alone.
pub fn shares_listed(server: &Server, switches: &Switches, ask: &Ask, is_post: bool) -> Outcome {
    let additional = match ask.parameters.json("additional").filter(|_| is_post) {
        Some(Value::Array(names)) => names,
        _ => Vec::new(),
    };
    let rows = shares(switches).into_iter().map(|(volume, share)| {
        let mut row = Map::new();
        for (name, value) in [
            ("name", json!(share)),
            ("vol_path", json!(volume)),
            ("uuid", json!(format!("0f3a9c5e-71d2-4b86-8c1d-{:012x}", share.len()))),
            ("desc", json!(if share == HOMES { "user home" } else { "" })),
        ] {
            row.insert(name.into(), value);
        }
        if additional.contains(&json!("share_quota")) {
            let counted =
                if switches.file_system == FileSystem::Btrfs { used(server, switches, share) } else { 0 };
            row.insert("quota_value".into(), 0.into());
            row.insert("share_quota_used".into(), (counted as f64 / MEBIBYTE as f64).into());
        }
        if additional.contains(&json!("recyclebin")) {
            row.insert("enable_recycle_bin".into(), true.into());
        }
        if additional.contains(&json!("encryption")) {
            row.insert("encryption".into(), 0.into());
        }
        if additional.contains(&json!("is_support_acl")) {
            row.insert("is_support_acl".into(), true.into());
        }
        Value::Object(row)
    });
    paged(switches, rows.collect(), &ask.parameters, "shares")
}

/// The volumes with what is used and free on each, in bytes.
fn volumes(server: &Server, switches: &Switches) -> Vec<(String, u64)> {
    let mut volumes: Vec<(String, u64)> = Vec::new();
    for (volume, share) in shares(switches) {
        let bytes = used(server, switches, share);
        match volumes.last_mut() {
            Some((last, sum)) if last == volume => *sum += bytes,
            _ => volumes.push((volume.to_owned(), bytes)),
        }
    }
    volumes
}

/// `SYNO.Storage.CGI.Storage load_info`: sizes are texts of digits.
pub fn load_info(server: &Server, switches: &Switches) -> Outcome {
    let kind = match switches.file_system {
        FileSystem::Btrfs => "btrfs",
        FileSystem::Ext4 => "ext4",
    };
    let shown = volumes(server, switches).into_iter().map(|(path, used)| {
        let total = (used + FREE).to_string();
        let size = json!({
            "total": total, "used": used.to_string(), "total_device": total, "free_inode": "0",
            "total_inode": "0",
        });
        let id = path.trim_start_matches('/').replace("volume", "volume_");
        json!({ "id": id, "vol_path": path, "fs_type": kind, "status": "normal", "size": size })
    });
    Ok(json!({ "volumes": shown.collect::<Vec<_>>(), "disks": [], "storagePools": [] }))
}

/// `SYNO.Core.Storage.Volume list`, which wants to know from where to where.
pub fn volumes_listed(server: &Server, switches: &Switches, ask: &Ask) -> Outcome {
    if ["offset", "limit", "location"].iter().any(|name| ask.parameters.json(name).is_none()) {
        return Err(Refusal::code(101));
    }
    let rows = volumes(server, switches).into_iter().map(|(path, used)| {
        json!({ "volume_path": path, "size_total": (used + FREE).to_string(), "size_free": FREE.to_string() })
    });
    paged(switches, rows.collect(), &ask.parameters, "volumes")
}

/// `SYNO.FileStation.List list_share`, for everybody.
pub fn folders(server: &Server, switches: &Switches) -> Outcome {
    let volumes = volumes(server, switches);
    let rows: Vec<Value> = shares(switches)
        .into_iter()
        .map(|(volume, share)| {
            let used = volumes.iter().find(|(path, _)| path == volume).map_or(0, |(_, used)| *used);
            let status = json!({ "freespace": FREE, "totalspace": used + FREE, "readonly": false });
            json!({
                "isdir": true, "name": share, "path": format!("/{share}"),
                "additional": { "volume_status": status },
            })
        })
        .collect();
    Ok(json!({ "offset": 0, "total": rows.len(), "shares": rows }))
}

/// `SYNO.FileStation.DirSize`: the files of one home are counted, which is over at once here.
pub fn folder_size(server: &Server, switches: &Switches, ask: &Ask) -> Outcome {
    let told = &ask.parameters;
    if ask.method == "start" {
        let paths = told.names(switches, "path");
        let home = paths.first().and_then(|path| path.strip_prefix("/homes/"));
        let home = home.and_then(|name| server.spelled(name)).ok_or(Refusal::code(408))?;
        return Ok(json!({ "taskid": format!("FileStation_5{home}") }));
    }
    let task = told.text("taskid").ok_or(Refusal::code(599))?;
    let name = task.strip_prefix("FileStation_5").ok_or(Refusal::code(599))?;
    match ask.method.as_str() {
        "stop" => Ok(NOTHING),
        _ => Ok(json!({
            "finished": true, "num_dir": 12, "num_file": 340, "total_size": server.used(switches, name, HOMES),
        })),
    }
}
