//! Switching guests on, off and over: every call gives a task, which is over a little later.

use super::cluster::Cluster;
use super::reply::{Answered, Reply};
use super::switches::Switches;
use super::world::{Guest, GuestKind, Task};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Does a power call and answers with the task's id.
pub fn run(
    cluster: &Cluster,
    switches: &Switches,
    tasks: &mut BTreeMap<String, Task>,
    node: &str,
    guest: &mut Guest,
    call: &str,
) -> Answered {
    let runs = guest.now().run.is_some();
    let (vmid, is_machine) = (guest.vmid, guest.kind == GuestKind::Qemu);
    let failed = |text: String| Reply::failed(switches, 500, &text);
    if let Some(lock) = &guest.lock {
        let what = if is_machine { "VM" } else { "CT" };
        return Err(failed(format!("{what} is locked ({lock})")));
    }
    let mut exit = "OK".to_owned();
    let kind = match (call, is_machine) {
        ("suspend" | "resume", true) if !runs => return Err(failed(format!("VM {vmid} not running"))),
        ("start", false) if runs => return Err(failed(format!("CT {vmid} already running"))),
        ("stop" | "shutdown", false) if !runs => return Err(failed(format!("CT {vmid} not running"))),
        ("suspend", true) => {
            cluster.pause(guest, true);
            "qmpause"
        }
        ("resume", true) => {
            cluster.pause(guest, false);
            "qmresume"
        }
        ("start", _) => {
            if runs {
                exit = format!("VM {vmid} already running");
            }
            cluster.start(guest);
            if is_machine { "qmstart" } else { "vzstart" }
        }
        ("stop" | "shutdown", _) => {
            cluster.stop(guest);
            if is_machine { "qmstop" } else { "vzstop" }
        }
        _ => return Err(Reply::failed(switches, 501, &format!("Method 'POST /{call}' not implemented"))),
    };
    let now = cluster.now();
    let user = format!("{}!{}", cluster.user, cluster.token);
    let upid =
        format!("UPID:{node}:{:08X}:{:08X}:{now:08X}:{kind}:{vmid}:{user}:", cluster.next(), 0x0c4d_5e6f);
    let (node, kind) = (node.to_owned(), kind.to_owned());
    let task = Task { node, kind, vmid, started: now, polls_left: switches.task_polls, exit };
    tasks.insert(upid.clone(), task);
    Ok(json!(upid))
}

/// How a task is getting on.
pub fn task(
    cluster: &Cluster,
    switches: &Switches,
    tasks: &mut BTreeMap<String, Task>,
    upid: &str,
) -> Answered {
    let Some(task) = tasks.get_mut(upid) else {
        return Err(Reply::failed(switches, 500, "no such task"));
    };
    let mut shown: Value = json!({
        "upid": upid, "node": task.node, "pid": 107_187, "pstart": 206_397_039, "starttime": task.started,
        "type": task.kind, "id": task.vmid.to_string(), "user": cluster.user, "tokenid": cluster.token,
        "status": "running",
    });
    if task.polls_left > 0 {
        task.polls_left -= 1;
        return Ok(shown);
    }
    shown["status"] = json!("stopped");
    shown["exitstatus"] = json!(task.exit);
    Ok(shown)
}
