//! A dashboard's file, read.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// A file of the project.
pub fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub fn text(path: &str) -> String {
    std::fs::read_to_string(file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// One dashboard.
pub struct Board {
    pub name: String,
    pub json: Value,
}

/// One query, and where it stands.
pub struct Query {
    pub place: String,
    pub expr: String,
    /// What the panel says where it finds nothing; none where it always finds something.
    pub none: Option<String>,
}

/// Every dashboard there is, by name.
pub fn boards() -> Vec<Board> {
    let files = std::fs::read_dir(file("dashboards")).unwrap().map(|entry| entry.unwrap().path());
    let mut boards: Vec<Board> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            Board { name, json }
        })
        .collect();
    boards.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(
        boards.iter().map(|board| board.name.as_str()).collect::<Vec<_>>(),
        ["account", "backend", "billing-health", "overview"]
    );
    boards
}

/// The elements of a list; none where there is no list.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub fn str_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

impl Board {
    /// Its panels, without the rows that head them.
    pub fn panels(&self) -> impl Iterator<Item = &Value> {
        list(&self.json["panels"]).iter().filter(|panel| panel["type"] != "row")
    }

    pub fn variables(&self) -> &[Value] {
        list(&self.json["templating"]["list"])
    }

    /// Its annotations, without those of Grafana's own.
    pub fn annotations(&self) -> impl Iterator<Item = &Value> {
        list(&self.json["annotations"]["list"]).iter().filter(|one| one["expr"].is_string())
    }

    /// The queries of its panels and annotations. Those of annotations find events, and nothing most of the time.
    pub fn queries(&self) -> Vec<Query> {
        let of_panel = |panel: &Value| {
            let none = panel["fieldConfig"]["defaults"]["noValue"].as_str().map(str::to_string);
            let place = format!("{}, {:?}", self.name, str_of(&panel["title"]));
            let query = |target: &Value| Query {
                place: format!("{place} {}", str_of(&target["refId"])),
                expr: str_of(&target["expr"]).to_string(),
                none: none.clone(),
            };
            list(&panel["targets"]).iter().map(query).collect::<Vec<_>>()
        };
        let of_annotation = |one: &Value| Query {
            place: format!("{}, annotation {:?}", self.name, str_of(&one["name"])),
            expr: str_of(&one["expr"]).to_string(),
            none: Some("no event".to_string()),
        };
        self.panels().flat_map(of_panel).chain(self.annotations().map(of_annotation)).collect()
    }

    /// Every text of the file, however deep.
    pub fn texts(&self) -> Vec<&str> {
        let mut texts = Vec::new();
        collect(&self.json, &mut texts);
        texts
    }
}

fn collect<'v>(value: &'v Value, texts: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(values) => values.iter().for_each(|value| collect(value, texts)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
