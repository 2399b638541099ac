//! The image and compose.

use clap::Parser;
use whmeter::clock::Clock;
use whmeter::commands::Cli;
use whmeter::config::Config;

use crate::support::program::Site;
use crate::support::tools::{amtool, promtool, tool};
use crate::{ran, root, text};

const SECRET: &str = "hunter2-hunter2-hunter2";

fn instruction<'t>(dockerfile: &'t str, name: &str) -> &'t str {
    let found = dockerfile.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn the_image_holds_one_program_and_runs_as_nobody_special() {
    let file = text("packaging/container/Dockerfile");
    assert_eq!(instruction(&file, "FROM"), "scratch");
    let (user, group) = instruction(&file, "USER").split_once(':').unwrap();
    assert!(
        user.parse::<u32>().unwrap() > 1000 && group.parse::<u32>().unwrap() > 1000,
        "a number: there may be no names"
    );
    let words = |text: &str| -> Vec<String> { serde_json::from_str(text).unwrap() };
    let entry = words(instruction(&file, "ENTRYPOINT"));
    let health = words(instruction(&file, "HEALTHCHECK").split_once("CMD ").unwrap().1);
    let serve = [entry.clone(), words(instruction(&file, "CMD"))].concat();
    assert_eq!(health[0], entry[0]);
    for command in [health, serve] {
        Cli::try_parse_from(&command).unwrap_or_else(|error| panic!("{command:?}: {error}"));
    }
    // The health check has to end by itself before the engine ends it.
    assert!(instruction(&file, "HEALTHCHECK").contains("--timeout=8s"));
}

fn compose_site() -> Site {
    let site = Site::new(&text("packaging/compose/whmeter.toml"));
    std::fs::create_dir(site.path().join("secrets")).unwrap();
    for name in ["prometheus.token", "operators.token", "minio.secret"] {
        site.write(&format!("secrets/{name}"), &format!("{SECRET}-{name}"));
    }
    site
}

#[test]
fn composes_config_is_valid_and_open_to_nobody_without_a_token() {
    let site = compose_site();
    let config = Config::read(&site.config(), Clock::System).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((config.panels.len(), config.tokens.len()), (1, 2));
    assert!(config.http.listen.ip().is_unspecified(), "Prometheus asks from another container");
    let compose = text("packaging/compose/compose.yml");
    let published: Vec<&str> =
        compose.lines().filter(|line| line.trim_start().starts_with("ports:")).collect();
    assert!(
        published.len() == 4 && published.iter().all(|line| line.contains("\"127.0.0.1:")),
        "{published:?}"
    );
}

#[test]
fn compose_understands_its_file_and_everything_it_mounts_is_there() {
    let file = "packaging/compose/compose.yml";
    let compose = text(file);
    for line in compose.lines().filter_map(|line| line.trim().strip_prefix("- .")) {
        let path = format!(".{}", line.split(':').next().unwrap());
        let is_there = path == "./secrets" || root().join("packaging/compose").join(&path).exists();
        assert!(is_there, "{path} is not there");
    }
    let Some(compose) = tool("WHMETER_COMPOSE", &["docker-compose"]) else { return };
    let (fine, said) = ran(compose, &["--file", file, "config", "--quiet"]);
    assert!(fine, "{said}");
}

#[test]
fn prometheus_and_alertmanager_take_what_compose_gives_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("rules")).unwrap();
    std::fs::create_dir(at("secrets")).unwrap();
    std::fs::write(at("secrets/prometheus.token"), SECRET).unwrap();
    std::fs::copy(root().join("alerts/whmeter.rules.yml"), at("rules/whmeter.rules.yml")).unwrap();
    std::fs::copy(root().join("packaging/compose/prometheus.yml"), at("prometheus.yml")).unwrap();
    if let Some(promtool) = promtool() {
        let (fine, said) = ran(promtool, &["check", "config", at("prometheus.yml").to_str().unwrap()]);
        assert!(fine && said.contains("rules found"), "{said}");
    }
    if let Some(amtool) = amtool() {
        let (fine, said) = ran(amtool, &["check-config", "alerts/alertmanager.example.yml"]);
        assert!(fine, "{said}");
    }
    // Grafana knows the data source by the name the dashboards ask for.
    let own = text("packaging/compose/grafana-datasource.yml");
    let uid = text("dashboards/provisioning/datasources/whmeter.yml");
    let uid = uid.lines().find(|line| line.trim().starts_with("uid:")).unwrap().trim();
    assert!(own.contains(uid) && own.contains("http://prometheus:9090"), "{own}");
}
