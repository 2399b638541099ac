//! What version 2 has been asked to do: tasks that take a while and end one way or another.

use super::switches::TaskEnd;
use super::world::Master;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The number of the first task.
const FIRST: u64 = 901;

/// All tasks by their numbers.
#[derive(Debug, Default)]
pub struct Tasks(Mutex<BTreeMap<u64, Task>>);

#[derive(Clone, Debug)]
struct Task {
    server: u64,
    node: u64,
    action: &'static str,
    began: Instant,
    takes: Duration,
    ended: Option<TaskEnd>,
}

impl Tasks {
    /// Whether one of a server is not over yet.
    pub fn is_busy(&self, server: u64) -> bool {
        self.all().values().any(|task| task.server == server && task.ended.is_none())
    }

    /// What is told of a task.
    pub fn shown(&self, id: u64) -> Option<Value> {
        self.all().get(&id).map(|task| task.shown(id))
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<u64, Task>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Task {
    fn shown(&self, id: u64) -> Value {
        let passed = self.began.elapsed();
        let status = match self.ended {
            Some(TaskEnd::Done) => "done",
            Some(TaskEnd::Failed) => "failed",
            Some(TaskEnd::Canceled) => "canceled",
            Some(TaskEnd::DoneWithErrors) => "done_with_errors",
            None if passed * 3 < self.takes => "pending",
            None if passed * 3 < self.takes * 2 => "queued",
            None => "running",
        };
        let progress = if self.ended.is_some() { 100 } else { 0 };
        let duration = self.ended.map_or(0, |_| self.takes.as_secs());
        json!({
            "id": id, "compute_resource_id": self.node, "queue": format!("compute_resource_{}", self.node),
            "action": self.action, "status": status, "output": "", "progress": progress, "duration": duration,
        })
    }
}

/// Begins to suspend a server, or to resume it; tells of the task.
pub fn begin(master: &Arc<Master>, server: u64, node: u64, suspend: bool) -> Value {
    let switches = master.switches();
    let takes = Duration::from_millis(switches.task_milliseconds);
    let action = if suspend { "vm-suspend" } else { "vm-resume" };
    let task = Task { server, node, action, began: Instant::now(), takes, ended: None };
    let (id, shown) = {
        let mut tasks = master.tasks.all();
        let id = tasks.last_key_value().map_or(FIRST, |(last, _)| last + 1);
        let shown = task.shown(id);
        tasks.insert(id, task);
        (id, shown)
    };
    let master = master.clone();
    tokio::spawn(async move {
        tokio::time::sleep(takes).await;
        let end = switches.tasks_end;
        if end == TaskEnd::Done && !switches.writes_ignored {
            // A server that is gone meanwhile needs nothing done.
            let _gone = master.set_suspended(server, suspend);
        }
        if let Some(task) = master.tasks.all().get_mut(&id) {
            task.ended = Some(end);
        }
    });
    shown
}
