//! What promtool and amtool say of the files, and where the example sends each alert.

use std::process::Command;

use crate::file;
use crate::support::tools;

const RULES: &str = "alerts/whmeter.rules.yml";
const EXAMPLE: &str = "alerts/alertmanager.example.yml";

/// Runs it to its end, which must be a good one; says what it said.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{command:?}\n{said}");
    said
}

#[test]
fn promtool_takes_the_rules() {
    let Some(promtool) = tools::promtool() else { return };
    let said = run(Command::new(promtool).args(["check", "rules", "--lint-fatal"]).arg(file(RULES)));
    let alerts = crate::written::alerts().len();
    assert!(
        said.contains(&format!("SUCCESS: {} rules found", alerts + 1)),
        "{alerts} alerts, one record: {said}"
    );
}

#[test]
fn the_rules_pass_their_unit_tests() {
    let Some(promtool) = tools::promtool() else { return };
    let tests = ["alerts/whmeter.rules.test.yml", "alerts/whmeter.rules.days.test.yml"].map(file);
    let said = run(Command::new(promtool).args(["test", "rules"]).args(tests));
    assert_eq!(said.matches("SUCCESS").count(), 2, "{said}");
}

#[test]
fn amtool_takes_the_example() {
    let Some(amtool) = tools::amtool() else { return };
    let said = run(Command::new(amtool).arg("check-config").arg(file(EXAMPLE)));
    assert!(said.contains("SUCCESS"), "{said}");
}

#[test]
fn each_alert_goes_to_those_who_are_to_act() {
    let Some(amtool) = tools::amtool() else { return };
    let goes = |labels: &[String], to: &str| {
        let mut command = Command::new(&amtool);
        let config = format!("--config.file={}", file(EXAMPLE).display());
        let wanted = format!("--verify.receivers={to}");
        run(command.args(["config", "routes", "test", &config, &wanted]).args(labels));
    };
    let labels = |pairs: &[(&str, &str)]| -> Vec<String> {
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect()
    };
    // Every alert of the rule file, with the labels the rule file gives it.
    for alert in crate::written::alerts() {
        let (team, severity) = (alert.label("team"), alert.label("severity"));
        let to = match (team.as_str(), severity.as_str()) {
            ("customers", "critical") => "customers-urgent",
            ("customers", _) => "customers",
            ("operations", "critical") => "operations-pager",
            ("operations", _) => "operations",
            other => panic!("{}: {other:?}", alert.name),
        };
        let own =
            [("alertname", alert.name.as_str()), ("team", &team), ("severity", &severity), ("backend", "s3")];
        goes(&labels(&own), to);
    }
    // What whmeter itself tells Alertmanager; it names no team.
    for (severity, to) in [("info", "customers"), ("warning", "customers"), ("critical", "customers-urgent")]
    {
        let own = [
            ("alertname", "WhmeterQuota"),
            ("backend", "s3-fra1"),
            ("account", "1042-7731"),
            ("meter", "storage"),
            ("threshold", "85"),
            ("kind", "minio"),
            ("severity", severity),
            ("product", "S3 100"),
            ("whmeter_episode", "s3-fra1/1042-7731/storage/85/2"),
        ];
        goes(&labels(&own), to);
    }
    // What nobody has thought of.
    goes(&labels(&[("alertname", "SomethingElse")]), "operations");
}
