//! `SendEmail` and `GetEmails`: words a mail, keeps it, tells of it.

use super::reply::{Outcome, Refusal, page, put_list};
use super::switches::Switches;
use super::world::{Client, Mail, Server, Service, Template};
use crate::form::Form;
use crate::php::unserialize;
use base64::Engine;
use chrono::TimeDelta;
use serde_json::{Map, Value, json};

/// Sends a mail by a template, or one that the caller worded.
pub fn send(server: &Server, switches: &Switches, form: &Form, failed: bool) -> Outcome {
    let said = |message: &str| Err(Refusal::said(message));
    let mut world = server.world();
    let id = form.number("id");
    let variables = match variables(form.get("customvars")) {
        Some(variables) => variables,
        None => return said("The custom variables you provided are invalid."),
    };
    let service = world.services.iter().find(|service| Some(service.id) == id).cloned();
    let (template, subject, body) = match form.get("messagename") {
        "" => {
            match form.get("customtype") {
                "" => {
                    return said(
                        "You must provide either an existing email template name or a custom message type",
                    );
                }
                "product" => {}
                _ => return said("Invalid message type provided"),
            }
            if form.get("customsubject").is_empty() {
                return said("A subject is required for a custom message");
            }
            if form.get("custommessage").is_empty() {
                return said("A message body is required for a custom message");
            }
            (None, form.get("customsubject").to_owned(), form.get("custommessage").to_owned())
        }
        name => {
            let language = service.as_ref().and_then(|service| {
                world
                    .clients
                    .iter()
                    .find(|client| client.id == service.client)
                    .map(|client| client.language.clone())
            });
            let Some(template) = template(&world.templates, name, &language.unwrap_or_default()) else {
                return said("Email Template not found");
            };
            if template.disabled {
                return said("Email Template is disabled");
            }
            (Some(name.to_owned()), template.subject.clone(), template.body.clone())
        }
    };
    if id.is_none() {
        return said("A related ID is required");
    }
    let Some(service) = service else { return said("Sending Failed. Please see documentation.") };
    let client = world.clients.iter().find(|client| client.id == service.client).cloned();
    let fields = fields(&variables, &service, client.as_ref());
    let (Some(subject), Some(message)) = (fill(&subject, &fields), fill(&body, &fields)) else {
        return said("Sending Failed. Please see documentation.");
    };
    let local = server.knobs.clock.now() + TimeDelta::minutes(switches.utc_offset_minutes.into());
    let mail = Mail {
        id: world.outbox.len() as u64 + 1,
        client: service.client,
        service: service.id,
        template,
        subject,
        message,
        date: local.format("%Y-%m-%d %H:%M:%S").to_string(),
        customvars: form.get("customvars").to_owned(),
        variables,
        failed,
    };
    world.outbox.push(mail);
    match failed {
        true => said("Sending Failed. Please see documentation."),
        false => Ok(Map::new()),
    }
}

/// The client's mail log, newest first.
pub fn list(server: &Server, switches: &Switches, form: &Form) -> Outcome {
    let Some(client) = form.number("clientid") else { return Err(Refusal::said("Client ID is Required")) };
    let world = server.world();
    let all: Vec<&Mail> = world.outbox.iter().rev().filter(|mail| mail.client == client).collect();
    let (start, wanted) = page(form, switches, all.len());
    let rows = all[wanted.clone()].iter().map(|mail| {
        json!({ "id": mail.id, "userid": mail.client, "subject": mail.subject, "message": mail.message,
            "date": mail.date, "to": "", "cc": "", "bcc": "", "attachments": null, "pending": 0,
            "failed": u8::from(mail.failed), "failure_reason": "", "retry_count": 0 })
    });
    let mut told = Map::new();
    told.insert("totalresults".into(), all.len().into());
    told.insert("startnumber".into(), start.into());
    told.insert("numreturned".into(), wanted.len().into());
    put_list(&mut told, switches, "emails", "email", rows.collect());
    Ok(told)
}

fn template<'a>(templates: &'a [Template], name: &str, language: &str) -> Option<&'a Template> {
    let named = |language: &str| {
        templates.iter().find(|template| template.name == name && template.language == language)
    };
    named(language).or_else(|| named(""))
}

/// The array behind `customvars`; `None` when it is none. Absent is empty.
fn variables(encoded: &str) -> Option<Value> {
    if encoded.is_empty() {
        return Some(json!({}));
    }
    let serialized = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    unserialize(&serialized).filter(Value::is_object)
}

fn fields(variables: &Value, service: &Service, client: Option<&Client>) -> Map<String, Value> {
    let mut fields = variables.as_object().cloned().unwrap_or_default();
    fields.insert("client_name".into(), client.map(|client| client.firstname.clone()).into());
    fields.insert("service_product_name".into(), service.product.clone().into());
    fields.insert("service_username".into(), service.username.clone().into());
    fields
}

/// Fills the tags in as Smarty does: `{$field}`, and `{$a*$b}` with numbers. A tag it cannot make sense
/// of, or a product of what is no number, is an error of the template: no mail.
fn fill(text: &str, fields: &Map<String, Value>) -> Option<String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (tag, after) = after.split_once('}')?;
        filled.push_str(before);
        let value = |name: &str| fields.get(name.strip_prefix('$')?);
        match tag.split_once('*') {
            Some((one, other)) => {
                filled.push_str(&(number(value(one)?)? * number(value(other)?)?).to_string());
            }
            None => filled.push_str(&match value(tag) {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                // A standard field that this fake does not know.
                None if tag.starts_with('$') => String::new(),
                None => return None,
            }),
        }
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_filled_in_and_values_are_not_read_again() {
        let fields = json!({"a": 107_374_182_400_u64, "b": 9.313225746154785E-10, "c": "{$a}", "d": ""});
        let fill = |text: &str| super::fill(text, fields.as_object().unwrap_or(&Map::new()));
        assert_eq!(fill("{$a*$b} of {$c}, {$unknown}.").as_deref(), Some("100 of {$a}, ."));
        assert_eq!(fill("{$a*$d}"), None);
        assert_eq!(fill("{oops}"), None);
    }
}
