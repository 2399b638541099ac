//! The module's pages in frames like WHMCS's own, as they are seen: on a wide screen and on a phone, light and dark, in both
//! directions of writing, by eyes and by programs that read aloud.

use std::path::{Path, PathBuf};

use crate::browser_pipe::{Browser, View};
use crate::installation::Installation;
use crate::support::tools::tool;

/// What axe finds: rule and where.
const AXE: &str = "axe.run(document, { resultTypes: ['violations'], preload: false }).then(found =>
    found.violations.map(one => one.id + ': ' + one.nodes.map(node => node.target + ' ' + node.failureSummary).join(' | ')))";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_in_whmcs_can_be_read_on_every_screen() {
    let Some(whmcs) = Installation::new() else { return };
    let Some(axe) = tool("WHMETER_AXE", &["axe.min.js"]) else { return };
    let Some(of_clients) = tool("WHMETER_BOOTSTRAP_4", &["bootstrap-4.css"]) else { return };
    let Some(of_staff) = tool("WHMETER_BOOTSTRAP_3", &["bootstrap-3.css"]) else { return };
    let Some(mut browser) = Browser::start().await else { return };
    let axe = std::fs::read_to_string(axe).unwrap();
    let pages = tempfile::tempdir().unwrap();
    let variables = [("WHMETER_TOKEN", "some-token-0123456789"), ("PAGES", pages.path().to_str().unwrap())];
    whmcs.check("pictures", 1, &variables).await;
    std::fs::copy(of_clients, pages.path().join("bootstrap-4.css")).unwrap();
    std::fs::copy(of_staff, pages.path().join("bootstrap-3.css")).unwrap();
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (name, page) in written(pages.path()) {
        for (view_name, width, height) in [("wide", 1240, 860), ("phone", 390, 844)] {
            browser.look(View { width, height, dark: name.ends_with("dark") }).await;
            browser.open(&format!("file://{}", page.display())).await;
            browser.eval(&axe).await;
            let found = browser.eval(AXE).await;
            wrong.extend(found.as_array().unwrap().iter().map(|one| format!("{name} {view_name}: {one}")));
            let wide = browser.eval("[document.documentElement.scrollWidth, innerWidth]").await;
            if wide[0].as_u64() > wide[1].as_u64() || wide[1] != width {
                wrong.push(format!("{name} {view_name}: {wide} wide"));
            }
            let complaints = browser.complaints();
            wrong.extend(complaints.iter().map(|one| format!("{name} {view_name}: {one}")));
            keep_picture(&mut browser, &format!("{name}-{view_name}"), 2400).await;
            seen += 1;
        }
    }
    // The figures of whmcs/README.md.
    for (name, most) in [("client-en", 1180), ("staff-overview", 720)] {
        browser.look(View { width: 860, height: 720, dark: false }).await;
        browser.open(&format!("file://{}", pages.path().join(format!("{name}.html")).display())).await;
        keep_picture(&mut browser, &format!("readme-{name}"), most).await;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen >= 24, "only {seen} pages");
    browser.end().await;
}

/// The pages that were written, by name.
fn written(folder: &Path) -> Vec<(String, PathBuf)> {
    let pages = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let pages = pages.filter(|path| path.extension().is_some_and(|extension| extension == "html"));
    let mut pages: Vec<(String, PathBuf)> =
        pages.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_string(), path)).collect();
    pages.sort();
    pages
}

/// For people to look at: `WHMETER_PICTURES=folder`.
async fn keep_picture(browser: &mut Browser, name: &str, most: u64) {
    let Some(folder) = std::env::var_os("WHMETER_PICTURES").map(PathBuf::from) else { return };
    let picture = browser.picture(most).await;
    std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
}
