//! The customer's page in a real browser: columns stand where they should, in both directions of writing.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::installation::Installation;
use crate::support::tools::tool;

fn browse(chromium: &Path, profile: &Path, arguments: &[&str], page: &Path) -> String {
    let mut command = Command::new(chromium);
    // The pages are our own, and a container lets no sandbox start.
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]);
    command.args(["--disable-dev-shm-usage", "--window-size=900,1150"]).args(arguments);
    command.arg(format!("--user-data-dir={}", profile.display())).arg(format!("file://{}", page.display()));
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

fn measured(document: &str) -> Value {
    let begin = document.find("<pre id=\"measured\"").unwrap_or_else(|| panic!("not measured: {document}"));
    let text = &document[begin..];
    let text = &text[text.find('>').unwrap() + 1..text.find("</pre>").unwrap()];
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test]
async fn a_browser_shows_thirty_columns_in_their_places() {
    let Some(whmcs) = Installation::new() else { return };
    let Some(chromium) = tool("WHMETER_CHROMIUM", &["chromium", "chromium-browser"]) else { return };
    let pages = tempfile::tempdir().unwrap();
    let variables = [("WHMETER_TOKEN", "some-token-0123456789"), ("PAGES", pages.path().to_str().unwrap())];
    whmcs.check("rendering", 1, &variables).await;
    let profile = pages.path().join("profile");
    for language in ["english", "german", "arabic", "hebrew", "farsi", "chinese", "hungarian"] {
        let page = pages.path().join(format!("{language}.html"));
        let found = measured(&browse(&chromium, &profile, &["--dump-dom"], &page));
        let rtl = ["arabic", "hebrew", "farsi"].contains(&language);
        assert_eq!(found["direction"], if rtl { "rtl" } else { "ltr" }, "{language}");
        assert_eq!(found["headingAtRight"], rtl, "{language}");
        assert_eq!((&found["wide"], &found["buttons"]), (&Value::from(false), &Value::from(1)), "{language}");
        let bar = found["bar"].as_f64().unwrap();
        assert!((bar - 0.9341).abs() < 0.005, "{language}: {bar}");
        let charts = found["charts"].as_array().unwrap();
        let columns: Vec<_> = charts.iter().map(|chart| chart["columns"].as_u64().unwrap()).collect();
        assert_eq!(columns, [28, 12, 28], "{language}: days, months, traffic by day");
        assert!(charts[0]["grows"] == true && charts[1]["grows"] == true, "{language}: {found}");
        for chart in charts {
            assert!(chart["inside"] == true && chart["overlap"] == false, "{language}: {found}");
        }
    }
    for language in ["english", "arabic"] {
        let found = measured(&browse(
            &chromium,
            &profile,
            &["--dump-dom"],
            &pages.path().join(format!("phone-{language}.html")),
        ));
        for chart in found["charts"].as_array().unwrap() {
            assert!(chart["inside"] == true && chart["overlap"] == false, "{language}: {found}");
            assert!(chart["letters"].as_f64().unwrap() >= 12.0, "{language}: too small to read: {found}");
        }
    }
    keep_pictures(&chromium, &profile, pages.path());
}

/// For people to look at: `WHMETER_PICTURES=folder`.
fn keep_pictures(chromium: &Path, profile: &Path, pages: &Path) {
    let Some(folder) = std::env::var_os("WHMETER_PICTURES").map(PathBuf::from) else { return };
    for language in ["english", "arabic", "admin", "phone-english", "phone-arabic"] {
        let picture = format!("--screenshot={}", folder.join(format!("{language}.png")).display());
        browse(chromium, profile, &[&picture], &pages.join(format!("{language}.html")));
    }
}
