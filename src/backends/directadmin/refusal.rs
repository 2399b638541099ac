//! The many ways in which DirectAdmin says no, and what each means for the caller.

use crate::backends::{BackendError, kit};
use crate::http::{Answer, excerpt};

use super::form;

/// How much of the panel's own words is shown.
const SHOWN: usize = 120;

/// Why a call did not succeed.
pub(super) type CallFailure = kit::CallFailure<ApiRefusal>;

/// The panel's own no.
#[derive(Clone, Debug)]
pub(super) struct ApiRefusal {
    /// The call, in errors.
    pub call: String,
    /// What it means.
    pub meaning: Meaning,
    /// The panel's own words.
    pub text: String,
}

/// What a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Not logged in, or blocked.
    Login,
    /// The login may not call this.
    Right,
    /// The account that it is about is not there.
    Gone,
    /// There is no such call.
    NoSuchCall,
    /// The licence does not allow it.
    Licence,
    /// Something else.
    Other,
}

impl ApiRefusal {
    /// A refusal in the panel's own words.
    pub fn new(call: &str, meaning: Meaning, text: &str) -> ApiRefusal {
        ApiRefusal { call: call.to_string(), meaning, text: excerpt(text, SHOWN) }
    }

    /// A refusal whose words tell what it means.
    fn by_words(call: &str, text: &str) -> ApiRefusal {
        ApiRefusal::new(call, meaning_of(text).unwrap_or(Meaning::Other), text)
    }
}

impl From<ApiRefusal> for BackendError {
    fn from(refusal: ApiRefusal) -> BackendError {
        let ApiRefusal { call, meaning, text } = refusal;
        match meaning {
            Meaning::Login => BackendError::Refused(format!(
                "{call}: not logged in ({text}); the login key is wrong, over or not for this address, or the address \
                 is on DirectAdmin's black list"
            )),
            Meaning::Right => BackendError::Refused(format!(
                "{call}: the login or its key has no right to this command ({text}); README.md lists what a key needs"
            )),
            Meaning::NoSuchCall => {
                BackendError::NotOffered(format!("{call}: there is no such call ({text})"))
            }
            Meaning::Licence => {
                BackendError::NotOffered(format!("{call}: the licence does not allow it ({text})"))
            }
            Meaning::Gone | Meaning::Other => BackendError::Unexpected { at: call, detail: text },
        }
    }
}

/// What an answer says, if it is a refusal. The order is that of what can be trusted: status, pages, sentences, JSON, a
/// form (section 6 of the fact sheet behind README.md).
pub(super) fn refusal(call: &str, answer: &Answer, secret: &str) -> Option<ApiRefusal> {
    let text = answer.text();
    let text = text.trim();
    let sketch = || answer.sketch_without(&[secret]);
    let meaning = match answer.status() {
        401 => Some(Meaning::Login),
        402 => Some(Meaning::Licence),
        403 => Some(Meaning::Right),
        404 => Some(Meaning::NoSuchCall),
        _ => None,
    };
    if let Some(meaning) = meaning {
        // An account that is gone has a status of its own in the JSON API.
        let meaning = meaning_of(text).filter(|meaning| *meaning == Meaning::Gone).unwrap_or(meaning);
        return Some(ApiRefusal::new(call, meaning, &sketch()));
    }
    if is_page(text) {
        let meaning = if is_login_page(text) { Meaning::Login } else { Meaning::Other };
        return Some(ApiRefusal { call: call.into(), meaning, text: sketch() });
    }
    if !answer.is_success() {
        return Some(ApiRefusal { call: call.into(), meaning: Meaning::Other, text: sketch() });
    }
    // These sentences come bare. In an answer that has anything else they are somebody's words.
    let is_bare = !text.contains('=') && !text.starts_with(['{', '[']);
    if let Some(meaning) = meaning_of(text).filter(|_| is_bare) {
        return Some(ApiRefusal::new(call, meaning, text));
    }
    match text.starts_with('{') {
        true => of_json(call, answer),
        false => of_form(call, text),
    }
}

/// `{"error": "…", "result": "…"}`, where `error` may be a number; `"0"` is none.
fn of_json(call: &str, answer: &Answer) -> Option<ApiRefusal> {
    // Tables have many values and no error: they are not read twice.
    let start = answer.body().get(..2048).unwrap_or(answer.body());
    if !start.windows(7).any(|window| window == b"\"error\"") {
        return None;
    }
    let told: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(answer.body()).ok()?;
    let word = |key: &str| match told.get(key) {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(serde_json::Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let error = word("error");
    if error.is_empty() || error == "0" {
        return None;
    }
    let words = [error, word("text"), word("result"), word("details")];
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
    Some(ApiRefusal::by_words(call, &words.join(": ")))
}

/// `error=1&text=…&details=…`; an account may be called `error`, and its line looks otherwise.
fn of_form(call: &str, text: &str) -> Option<ApiRefusal> {
    if !text.starts_with("error=") {
        return None;
    }
    let pairs = form::pairs(text);
    let error = form::field(&pairs, "error").filter(|error| *error != "0")?;
    error.parse::<u32>().ok()?;
    let words = form::field(&pairs, "text").unwrap_or_default();
    let details = form::field(&pairs, "details").unwrap_or_default();
    Some(ApiRefusal::by_words(call, &format!("{words}: {details}")))
}

/// What a sentence means, in whatever case.
fn meaning_of(text: &str) -> Option<Meaning> {
    let text = text.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|words| text.contains(words));
    if says(&["not logged in"]) {
        Some(Meaning::Login)
    } else if says(&["authority level", "access denied"]) {
        Some(Meaning::Right)
    } else if says(&["user does not exist", "unable to read", "account_not_found", "accountnotfound"]) {
        Some(Meaning::Gone)
    } else {
        None
    }
}

/// Whether a text is for people: nothing that is asked for begins so.
fn is_page(text: &str) -> bool {
    let start: String = text.chars().take(500).collect::<String>().to_ascii_lowercase();
    let says = start.contains("<!doctype html") || start.contains("directadmin login");
    text.starts_with('<') || says && !text.starts_with(['{', '['])
}

/// Whether a page asks for a login, or says that the address is blocked: a page of a proxy does neither.
fn is_login_page(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["directadmin login", "type=\"password\"", "cmd_login", "blacklist", "black list", "is blocked"]
        .iter()
        .any(|words| text.contains(words))
}
