//! Actions at machines: they wait, run and end, and keep the machine locked meanwhile.

use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};

/// One action.
#[derive(Clone, Debug)]
pub struct Task {
    id: u64,
    machine: u32,
    identifier: String,
    action: &'static str,
    began: i64,
    ends: i64,
    fails: bool,
}

impl Task {
    fn status(&self, now: i64) -> &'static str {
        match (now < self.ends, self.fails) {
            // The first half it waits.
            (true, _) if now - self.began < (self.ends - self.began) / 2 => "pending",
            (true, _) => "running",
            (false, true) => "failed",
            (false, false) => "complete",
        }
    }

    /// As it is shown, with its times as `time` writes them.
    pub fn shown(&self, now: i64, time: impl Fn(i64) -> Value) -> Value {
        json!({ "transaction": {
            "id": self.id, "identifier": self.identifier, "action": self.action, "actor": null,
            "parent_id": self.machine, "parent_type": "VirtualMachine", "associated_object_id": self.machine,
            "associated_object_type": "VirtualMachine", "status": self.status(now), "priority": 10, "pid": null,
            "dependent_transaction_id": null, "allowed_cancel": true, "user_id": 1,
            "created_at": time(self.began), "updated_at": time(self.ends.min(now)),
            "started_at": time(self.began), "start_after": null,
        } })
    }
}

/// All actions there have been.
#[derive(Debug, Default)]
pub struct Queue(Mutex<Vec<Task>>);

impl Queue {
    /// Takes an action that ends at an instant.
    pub fn take(&self, machine: (u32, &str), action: &'static str, began: i64, ends: i64, fails: bool) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = 9_001 + tasks.len() as u64;
        let (machine, identifier) = (machine.0, machine.1.to_owned());
        tasks.push(Task { id, machine, identifier, action, began, ends, fails });
    }

    /// Whether an action keeps a machine locked.
    pub fn is_locked(&self, machine: u32, now: i64) -> bool {
        self.tasks(Some(machine)).iter().any(|task| now < task.ends)
    }

    /// Actions, of all machines or one; the latest first.
    pub fn tasks(&self, machine: Option<u32>) -> Vec<Task> {
        let tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = tasks.iter().rev().filter(|task| machine.is_none_or(|machine| task.machine == machine));
        mine.cloned().collect()
    }
}
