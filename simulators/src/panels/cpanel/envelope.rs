//! How an outcome is wrapped: API 1, the shapes of API 0, the legacy wrapper.

use super::switches::{Envelope, Switches};
use serde_json::{Map, Value, json};

/// What a call comes to.
pub type Outcome = Result<Said, Denied>;

/// What a call that succeeded says.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// The content; `null` where there is none.
    pub data: Value,
    /// A sentence in place of `OK`.
    pub reason: Option<String>,
    /// What it wrote to its console.
    pub output: Option<String>,
    /// Which part of a list it is.
    pub chunk: Option<Value>,
}

/// Why a call failed.
#[derive(Clone, Debug)]
pub struct Denied {
    /// The reason.
    pub reason: String,
    /// What is beside it; mostly nothing.
    pub data: Option<Value>,
}

impl Said {
    /// Content and nothing else.
    pub fn data(data: Value) -> Self {
        Self { data, ..Self::default() }
    }
}

impl Denied {
    /// A reason and nothing else.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), data: None }
    }
}

/// The body of an answer. `asked` is what the caller said of the API's version.
pub fn wrapped(switches: &Switches, function: &str, asked: &str, outcome: Outcome) -> Value {
    let outcome = match switches.numbers_as_texts && function != "uapi_cpanel" {
        true => outcome.map(|said| Said { data: in_texts(said.data), ..said }),
        false => outcome,
    };
    let is_old_version = function == "version" && switches.version_in_legacy_wrapper;
    match switches.envelope {
        Envelope::Legacy => legacy(outcome),
        _ if is_old_version => legacy(outcome),
        Envelope::Api1 if asked == "1" => first(switches, function, outcome),
        Envelope::Api1 | Envelope::Api0 => zeroth(function, outcome),
    }
}

fn first(switches: &Switches, function: &str, outcome: Outcome) -> Value {
    let result = |number: u8| match switches.result_as_text {
        true => Value::from(number.to_string()),
        false => number.into(),
    };
    match outcome {
        Ok(said) => {
            let reason = said.reason.unwrap_or_else(|| "OK".into());
            let mut metadata =
                json!({ "command": function, "reason": reason, "result": result(1), "version": 1 });
            if let Some(raw) = said.output {
                metadata["output"] = json!({ "raw": raw });
            }
            if let Some(chunk) = said.chunk {
                metadata["chunk"] = chunk;
            }
            match said.data {
                Value::Null => json!({ "metadata": metadata }),
                data => json!({ "data": data, "metadata": metadata }),
            }
        }
        Err(Denied { reason, data }) => {
            let metadata =
                json!({ "result": result(0), "reason": reason, "version": 1, "command": function });
            match data {
                None => json!({ "metadata": metadata }),
                Some(data) => json!({ "metadata": metadata, "data": data }),
            }
        }
    }
}

/// API 0 has a shape for each call.
fn zeroth(function: &str, outcome: Outcome) -> Value {
    let (status, text, data) = match outcome {
        Ok(said) => (1, said.output.or(said.reason).unwrap_or_else(|| "Ok".into()), said.data),
        Err(denied) => (0, denied.reason, denied.data.unwrap_or_default()),
    };
    let with_status = |data: Value| {
        let mut fields: Map<String, Value> = data.as_object().cloned().unwrap_or_default();
        fields.insert("status".into(), status.into());
        fields.insert("statusmsg".into(), text.into());
        Value::Object(fields)
    };
    match function {
        "listaccts" | "accountsummary" => with_status(data),
        "suspendacct" | "unsuspendacct" | "limitbw" => json!({ "result": [with_status(data)] }),
        "editquota" => json!({ "result": with_status(data) }),
        "showbw" if status == 1 => json!({ "bandwidth": [data] }),
        _ if status == 0 => with_status(data),
        _ if data.is_null() => json!([]),
        _ => data,
    }
}

fn legacy(outcome: Outcome) -> Value {
    match outcome {
        Ok(said) => json!({ "cpanelresult": { "apiversion": "2", "data": said.data, "type": "text" } }),
        Err(denied) => legacy_error(&denied.reason),
    }
}

/// An error in the legacy wrapper.
pub fn legacy_error(reason: &str) -> Value {
    json!({ "cpanelresult": {
        "apiversion": "2", "error": reason, "data": { "reason": reason, "result": "0" }, "type": "text",
    } })
}

/// Every number as a text.
fn in_texts(value: Value) -> Value {
    match value {
        Value::Number(number) => number.to_string().into(),
        Value::Array(items) => items.into_iter().map(in_texts).collect(),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, in_texts(value))).collect())
        }
        other => other,
    }
}
