//! Every page as it is seen: readable to programs that read aloud, in light and dark, on a phone and on a wide screen, and
//! with nothing to complain about in the console.

use std::path::PathBuf;

use crate::browser::{Browser, View};
use crate::scene::{OPERATOR, Scene};
use crate::support::tools::tool;

const VIEWS: [(&str, View); 4] = [
    ("wide-light", View { width: 1240, height: 860, dark: false }),
    ("wide-dark", View { width: 1240, height: 860, dark: true }),
    ("phone-light", View { width: 390, height: 844, dark: false }),
    ("phone-dark", View { width: 390, height: 844, dark: true }),
];

/// What axe finds: rule and where.
const AXE: &str = "axe.run(document, { resultTypes: ['violations'], preload: false }).then(found =>
    found.violations.map(one => one.id + ': ' + one.nodes.map(node => node.target + ' ' + node.failureSummary).join(' | ')))";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_can_be_read_on_every_screen() {
    let Some(axe) = tool("WHMETER_AXE", &["axe.min.js"]) else { return };
    let Some(mut browser) = Browser::start().await else { return };
    let axe = std::fs::read_to_string(axe).unwrap();
    let scene = Scene::play(30).await;
    let daemon = scene.serve().await;
    let (over, other) = (&scene.accounts[0], &scene.accounts[3]);
    // An account beside it, and one that is not sold.
    let unsold = scene.accounts.last().unwrap();
    let pages = [
        ("login", "/login?next=%2Faudit".to_string()),
        ("overview", "/".into()),
        ("accounts", "/accounts".into()),
        ("accounts-none", "/accounts?q=nothing+is+called+so".into()),
        ("account-over", format!("/accounts/s3-fra1/{over}")),
        ("account", format!("/accounts/s3-fra1/{other}")),
        ("account-unsold", format!("/accounts/s3-fra1/{unsold}")),
        ("why", format!("/accounts/s3-fra1/{over}/why?meter=storage")),
        ("findings", "/findings".into()),
        ("findings-unbilled", "/findings?what=unbilled".into()),
        ("map", "/map".into()),
        ("outbox", "/outbox?state=waiting%2Cdelivered%2Csuperseded%2Cgave_up%2Cdropped".into()),
        ("audit", "/audit".into()),
    ];
    let mut wrong = Vec::new();
    for (name, path) in &pages {
        for (number, (view_name, view)) in VIEWS.into_iter().enumerate() {
            browser.look(view).await;
            browser.open(&daemon.url(path)).await;
            browser.eval(&axe).await;
            let found = browser.eval(AXE).await;
            wrong.extend(found.as_array().unwrap().iter().map(|one| format!("{name} {view_name}: {one}")));
            let wide = browser.eval("[document.documentElement.scrollWidth, innerWidth]").await;
            if wide[0].as_u64() > wide[1].as_u64() || wide[1] != view.width {
                wrong.push(format!("{name} {view_name}: {wide} wide"));
            }
            let complaints = browser.complaints();
            wrong.extend(complaints.iter().map(|one| format!("{name} {view_name}: {one}")));
            keep_picture(&mut browser, &format!("{name}-{view_name}"), 4000).await;
            if *name == "login" && number + 1 == VIEWS.len() {
                browser.fill("#token", OPERATOR).await;
                browser.submit("#token").await;
            }
        }
    }
    // The figure of the README.
    browser.look(View { width: 1240, height: 860, dark: false }).await;
    browser.open(&daemon.url(&format!("/accounts/s3-fra1/{}", scene.accounts[11]))).await;
    keep_picture(&mut browser, "readme", 1180).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    browser.end().await;
    daemon.stop().await;
}

/// For people to look at: `WHMETER_PICTURES=folder`.
async fn keep_picture(browser: &mut Browser, name: &str, most: u64) {
    let Some(folder) = std::env::var_os("WHMETER_PICTURES").map(PathBuf::from) else { return };
    let picture = browser.picture(most).await;
    std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
}
