//! The files against the rules of grafana/dashboard-linter (exceptions: dashboards/.lint), against each other, and
//! against what they lead to.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::{Value, json};

use crate::board::{Board, boards, file, list, str_of, text};
use crate::support::tools;

/// What the linter checks and these tests do not: each with its reason in dashboards/.lint.
const EXCEPTIONS: [&str; 4] =
    ["target-instance-rule", "target-job-rule", "template-instance-rule", "template-job-rule"];

/// Series that every replica counts for itself: the only ones that may be summed over replicas.
fn is_counted_by_each(series: &str) -> bool {
    let own = ["_total", "_bucket", "_count", "_sum"].iter().any(|end| series.ends_with(end));
    series == "whmeter_build_info" || own && series != "whmeter_traffic_bytes_total"
}

/// Every word of a text that begins with `whmeter_`, and where it begins.
fn series_in(text: &str) -> Vec<(usize, &str)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let found = text.match_indices("whmeter_").map(|(at, _)| {
        let end = text[at..].find(|c| !is_name(c)).map_or(text.len(), |length| at + length);
        (at, &text[at..end])
    });
    found.filter(|(at, _)| !text[..*at].ends_with(is_name)).collect()
}

/// The functions around a place of a query, from the innermost to the outermost, with their `by (…)` left out.
fn around(query: &str, at: usize) -> Vec<&str> {
    let (mut depth, mut found) = (0_usize, Vec::new());
    for (place, letter) in query[..at].char_indices().rev() {
        match letter {
            ')' => depth += 1,
            '(' if depth > 0 => depth -= 1,
            '(' => {
                let mut before = query[..place].trim_end();
                if let Some(labels) = before.strip_suffix(')') {
                    let start = labels.rfind('(').unwrap();
                    before = labels[..start].trim_end();
                    before = before.strip_suffix("by").unwrap_or(before).trim_end();
                }
                let start =
                    before.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |at| at + 1);
                found.push(&before[start..]);
            }
            _ => {}
        }
    }
    found
}

#[test]
fn what_is_around_a_series_is_found() {
    let query = "sum by (a) (max by (a, b) (rate(whmeter_x{l=\"y\"}[5m]))) / scalar(max(whmeter_z))";
    let found: Vec<_> = series_in(query).iter().map(|(at, _)| around(query, *at)).collect();
    assert_eq!(found, [vec!["rate", "max", "sum"], vec!["max", "scalar"]]);
}

#[test]
fn the_exceptions_are_those_the_linter_is_told_of() {
    let lint = text("dashboards/.lint");
    let named = lint.lines().filter_map(|line| line.strip_prefix("  ")?.strip_suffix("-rule:"));
    let named: BTreeSet<String> = named.map(|name| format!("{}-rule", name.trim())).collect();
    assert_eq!(named, EXCEPTIONS.map(String::from).into());
    assert_eq!(lint.matches("\n    reason: >-\n      ").count(), EXCEPTIONS.len(), "each has a reason");
}

/// By Grafana's own schema: options that a panel does not have, or lacks.
#[test]
fn grafana_knows_every_field() {
    let Some(schema) = tools::tool("WHMETER_GRAFANA_SCHEMA", &["grafana-schema"]) else { return };
    let files = boards().into_iter().map(|board| file(&format!("dashboards/{}.json", board.name)));
    let output = Command::new(schema).args(files).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said == "0 of 4 dashboards are wrong\n", "{said}");
}

#[test]
fn dashboards_have_one_name_each_and_no_trace_of_where_they_were_made() {
    let mut uids = BTreeSet::new();
    for Board { name, json } in boards() {
        assert_eq!(json["uid"], format!("whmeter-{name}"));
        assert!(uids.insert(json["uid"].to_string()), "{name}: its uid is another's");
        assert_eq!(
            (&json["id"], &json["tags"], &json["editable"]),
            (&Value::Null, &json!(["whmeter"]), &json!(false))
        );
        // Grafana 10 writes 36 to 38; later ones read them.
        assert!((36..=38).contains(&json["schemaVersion"].as_u64().unwrap()), "{name}");
        assert!(str_of(&json["title"]).starts_with("whmeter: "), "{name}");
        assert!(json["__inputs"].is_null() && json["__requires"].is_null(), "{name}: exported for sharing");
    }
}

#[test]
fn panels_say_what_they_show_and_do_not_cover_each_other() {
    for board in boards() {
        let (mut ids, mut covered) = (BTreeSet::new(), BTreeMap::new());
        for panel in list(&board.json["panels"]) {
            let place = format!("{}, {:?}", board.name, str_of(&panel["title"]));
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{place}: its id is another's");
            let of = |side: &str| panel["gridPos"][side].as_u64().unwrap();
            assert!(of("w") > 0 && of("x") + of("w") <= 24, "{place}: wider than the page");
            for cell in
                (of("x")..of("x") + of("w")).flat_map(|x| (of("y")..of("y") + of("h")).map(move |y| (x, y)))
            {
                let other = covered.insert(cell, place.clone());
                assert!(other.is_none(), "{place} covers {other:?}");
            }
        }
        for panel in board.panels() {
            let place = format!("{}, {:?}", board.name, str_of(&panel["title"]));
            assert!(str_of(&panel["title"]).len() > 2, "{place}: no title");
            let description = str_of(&panel["description"]);
            assert!(description.len() > 20 && description.ends_with('.'), "{place}: no description");
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{place}: no unit");
            let source = json!({ "type": "prometheus", "uid": "${datasource}" });
            assert_eq!(panel["datasource"], source, "{place}");
            assert!(!list(&panel["targets"]).is_empty(), "{place}: no query");
            for target in list(&panel["targets"]) {
                assert_eq!(target["datasource"], source, "{place}");
            }
        }
        for one in board.annotations() {
            assert_eq!(one["datasource"]["uid"], "${datasource}", "{}", board.name);
        }
    }
}

#[test]
fn variables_come_from_the_data_source_and_all_that_are_used_are_there() {
    for board in boards() {
        let name = &board.name;
        let names: Vec<&str> = board.variables().iter().map(|one| str_of(&one["name"])).collect();
        assert_eq!(names[..2], ["datasource", "job"], "{name}");
        assert!(names.contains(&"console") && names.contains(&"runbooks"), "{name}: {names:?}");
        for one in board.variables() {
            assert!(
                !str_of(&one["label"]).is_empty() && !str_of(&one["description"]).is_empty(),
                "{name}: {one}"
            );
            match str_of(&one["type"]) {
                "datasource" => assert_eq!(one["query"], "prometheus"),
                "query" => {
                    assert_eq!(one["datasource"]["uid"], "${datasource}", "{name}: {one}");
                    // With the time range: accounts come and go.
                    assert_eq!(one["refresh"], 2, "{name}: {one}");
                    let series = series_in(str_of(&one["query"]["query"]));
                    assert_eq!(series.len(), 1, "{name}: {one}");
                }
                "textbox" => {}
                other => panic!("{name}: {other}"),
            }
        }
        // Prefixed by two underscores or in braces with a dot they are Grafana's own; $1 is a group of a pattern.
        for text in board.texts() {
            for (at, _) in text.match_indices('$') {
                let after = text[at + 1..].trim_start_matches('{');
                let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                let used = &after[..end];
                let own = used.starts_with("__") || used.bytes().all(|byte| byte.is_ascii_digit());
                assert!(own || names.contains(&used), "{name}: ${used} in {text:?}");
            }
        }
    }
}

#[test]
fn queries_count_no_replica_twice_and_ask_for_rates_over_what_grafana_works_out() {
    for board in boards() {
        for query in board.queries() {
            let (place, expr) = (&query.place, &query.expr);
            for (at, series) in series_in(expr) {
                let rest = &expr[at + series.len()..];
                assert!(rest.starts_with("{job=~\"$job\""), "{place}: {series} of whatever job");
                let functions = around(expr, at);
                let aggregated = functions
                    .iter()
                    .find(|name| ["max", "min", "sum", "count", "avg", "topk"].contains(name));
                let aggregated = *aggregated.unwrap_or_else(|| panic!("{place}: {series} of every replica"));
                let is_largest = ["max", "min"].contains(&aggregated);
                assert!(
                    is_largest || is_counted_by_each(series),
                    "{place}: {series} is summed over replicas"
                );
                let counts = ["_total", "_bucket", "_count"].iter().any(|end| series.ends_with(end));
                let over_time = ["rate", "increase"].contains(&functions[0]);
                assert_eq!(counts, over_time, "{place}: {series} under {functions:?}");
                let range = &rest[rest.find('}').unwrap() + 1..];
                assert!(
                    functions[0] != "rate" || range.starts_with("[$__rate_interval]"),
                    "{place}: {range}"
                );
            }
            assert!(!expr.contains("irate("), "{place}: usage comes in steps");
        }
    }
}

#[test]
fn links_lead_to_dashboards_pages_and_sections_that_there_are() {
    let book = text("docs/alerts.md");
    let sections: BTreeSet<String> =
        book.lines().filter_map(|line| line.strip_prefix("### ")).map(str::to_lowercase).collect();
    let uids: Vec<String> = boards().iter().map(|board| str_of(&board.json["uid"]).to_string()).collect();
    let (mut to_sections, mut to_boards, mut to_accounts) = (BTreeSet::new(), 0, 0);
    for board in boards() {
        for text in board.texts() {
            if let Some(section) = text.strip_prefix("${runbooks}#") {
                assert!(
                    sections.contains(section),
                    "{}: no section {section:?} in docs/alerts.md",
                    board.name
                );
                to_sections.insert(section.to_string());
            } else if let Some(path) = text.strip_prefix("${console}") {
                let account = path.strip_prefix("/accounts/");
                assert!(path == "/" || account.is_some_and(|rest| rest.split('/').count() == 2), "{path}");
                to_accounts += usize::from(account.is_some());
            } else if let Some(path) = text.strip_prefix("/d/") {
                let uid = path.split('/').next().unwrap();
                assert!(uids.iter().any(|known| known == uid), "{}: no dashboard {uid}", board.name);
                to_boards += 1;
            }
        }
        let links = list(&board.json["links"]);
        assert!(links.iter().any(|link| link["type"] == "dashboards" && link["tags"] == json!(["whmeter"])));
    }
    assert!(
        to_sections.len() > 20 && to_boards > 4 && to_accounts > 3,
        "{to_sections:?} {to_boards} {to_accounts}"
    );
}

#[test]
fn every_series_of_the_contract_is_looked_at_and_no_other() {
    let contract = text("docs/contract.md");
    let section = contract.split("\n## Series\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `whmeter_"));
    let promised: BTreeSet<&str> =
        rows.flat_map(|row| series_in(row.split(" | ").next().unwrap())).map(|(_, name)| name).collect();
    assert!(promised.len() > 50, "{promised:?}");
    let mut shown = BTreeSet::new();
    let boards = boards();
    let texts: Vec<&str> = boards.iter().flat_map(|board| board.texts()).collect();
    for (_, name) in texts.iter().flat_map(|text| series_in(text)) {
        let histogram = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end));
        let series = histogram.filter(|name| promised.contains(name)).unwrap_or(name);
        assert!(promised.contains(series), "{series} is not in docs/contract.md");
        shown.insert(series.to_string());
    }
    let alerts = text("alerts/whmeter.rules.yml");
    let alerted: BTreeSet<&str> = series_in(&alerts).into_iter().map(|(_, name)| name).collect();
    let unseen: Vec<_> =
        promised.iter().filter(|name| !shown.contains(**name) && !alerted.contains(**name)).collect();
    assert!(unseen.is_empty(), "in no dashboard and no alert: {unseen:?}");
}

#[test]
fn what_grafana_is_provisioned_with_finds_the_dashboards() {
    let provider = text("dashboards/provisioning/dashboards/whmeter.yml");
    let readme = text("dashboards/README.md");
    let path = provider.lines().find_map(|line| line.trim().strip_prefix("path: ")).unwrap();
    assert!(readme.contains(&format!("`{path}`")), "{path}");
    let source = text("dashboards/provisioning/datasources/whmeter.yml");
    assert!(source.contains("type: prometheus") && source.contains("apiVersion: 1"));
    for board in boards() {
        assert!(readme.contains(&format!("`{}.json`", board.name)), "{} is not in the README", board.name);
    }
}
