//! Why something is refused: the codes of the API with their texts, as packets and as results.

use crate::xml::Element;

/// A refusal of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its code.
    pub code: u16,
    /// What it says.
    pub text: String,
}

impl Refusal {
    /// A refusal in the words that go with its code.
    pub fn new(code: u16) -> Self {
        Self { code, text: text(code).to_owned() }
    }

    /// A refusal in its own words.
    pub fn said(code: u16, text: String) -> Self {
        Self { code, text }
    }

    /// What is not as the schema has it.
    pub fn misread(what: &str) -> Self {
        Self::said(1014, format!("Parser error: Request is invalid. Error in {what}"))
    }

    /// The block that stands in place of every answer: nothing was done.
    pub fn block(&self) -> Element {
        self.written(Element::new("system"))
    }

    /// A result that is an error.
    pub fn result(&self) -> Element {
        self.written(Element::new("result"))
    }

    fn written(&self, element: Element) -> Element {
        element.leaf("status", "error").leaf("errcode", self.code).leaf("errtext", &self.text)
    }
}

fn text(code: u16) -> &'static str {
    match code {
        1001 => "You have entered incorrect username or password.",
        1003 => "Agent could not be started",
        1004 => "Plesk is not configured. Log in to finish its setup.",
        1006 => "Permission denied",
        1008 => "Another access is in progress",
        1010 => "Access to the panel is denied",
        1011 => "The account is switched off",
        1012 => "The login is locked",
        1013 => "Object does not exist",
        1015 => "Owner does not exist",
        1019 => "Value is not allowed",
        1023 => "Operation failed",
        1025 => "Status value is not allowed",
        1029 => "Authentication method is unknown",
        1030 => "The license has expired",
        11003 => "PleskAPIInvalidSecretKeyException : key is not found",
        _ => "Internal error",
    }
}
