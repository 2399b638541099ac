//! What an operator does in the first five minutes: logs in, sees what is wrong, finds the account that is over, asks why,
//! pins it, sees that in the audit, and logs out.

use whmeter_simulators::panel::SimulatedPanel;

use crate::browser::{Browser, View};
use crate::scene::{OPERATOR, PRODUCT, Scene, VIEWER};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_finds_the_account_that_is_over_and_why_and_pins_it() {
    let Some(mut browser) = Browser::start().await else { return };
    let scene = Scene::play(6).await;
    // Six days are not enough to grow beyond it.
    let now = scene.panel.knobs().clock.now_seconds();
    assert!(scene.panel.knobs().truth.set_level(&scene.accounts[0], now - 1, 121_000_000_000));
    let daemon = scene.serve().await;
    let over = scene.accounts[0].clone();
    browser.look(View { width: 1200, height: 900, dark: false }).await;

    // Asked for a page, led to the login, and back to what was asked for.
    browser.open(&daemon.url("/accounts?state=over")).await;
    assert_eq!(browser.path().await, "/login");
    browser.fill("#token", "a-guess-0123456789").await;
    browser.submit("#token").await;
    assert!(browser.text().await.contains("Not logged in: no such token"));
    let refused = browser.complaints();
    assert!(refused.iter().all(|one| one.to_string().contains("401")), "{refused:?}");
    browser.fill("#token", OPERATOR).await;
    browser.submit("#token").await;
    assert_eq!(browser.path().await, "/accounts");
    let list = browser.text().await;
    assert!(list.contains("1–1 of 1 accounts") && list.contains(&over), "{list}");
    // What a customer has called a product is text, and nothing else.
    assert!(list.contains(PRODUCT), "{list}");

    // The overview says what is wrong: a panel cannot be reached.
    browser.press("Overview").await;
    browser.until("s3-ams2 is not read").await;
    let overview = browser.text().await;
    for says in [
        "needs attention",
        "s3-ams2 is not read",
        "2 accounts that no service pays for",
        "EUR",
        "Near their limits",
    ] {
        assert!(overview.contains(says), "{says}:\n{overview}");
    }

    // The account, and why its number is what it is.
    browser.press(&over).await;
    let account = browser.text().await;
    for says in ["121 %", "it is reached", "limited", "Who paid for it", "service 7000", "limit"] {
        assert!(account.contains(says), "{says}:\n{account}");
    }
    browser.press("Why this number? Stored").await;
    let why = browser.text().await;
    for says in [
        "Last level 121 GB",
        "121 000 000 000",
        "add up to what is stored, to the byte",
        "The panel: holds 121 000 000 000 B",
    ] {
        assert!(why.contains(says), "{says}:\n{why}");
    }

    // Pinned, carried out, and written down with the token's name.
    scene.until_limited(&over, true).await;
    browser.press(&over).await;
    browser.fill("#pinned", "standard").await;
    browser.submit("#pinned").await;
    assert!(browser.text().await.contains("Pinned. The account is looked at now"));
    scene.until_limited(&over, false).await;
    browser.until("until it is unpinned by console, token operator").await;
    browser.press("Audit").await;
    let audit = browser.text().await;
    assert!(
        audit.contains("console, token operator")
            && audit.contains("pin")
            && audit.contains("asked for by hand"),
        "{audit}"
    );
    // Unpinned, usage decides again.
    browser.press(&over).await;
    browser.press("Unpin").await;
    scene.until_limited(&over, true).await;
    // A look, and a poll: each is in the audit.
    browser.press("Look at it now").await;
    browser.press("Overview").await;
    browser.press("Poll now s3-fra1").await;
    browser.until("poll asked for").await;
    browser.press("Audit").await;
    let audit = browser.text().await;
    for act in ["unpin", "reconcile", "poll"] {
        assert!(audit.contains(act), "{act}:\n{audit}");
    }

    // Who cannot see gets there by the keyboard: the first key leads past the head of the page.
    browser.open(&daemon.url("/findings")).await;
    browser.key("Tab", 9).await;
    assert_eq!(browser.eval("document.activeElement.textContent").await, "Skip to the content");

    // The cookie is out of a script's reach, and of other sites'.
    assert_eq!(browser.eval("document.cookie").await, "");
    let cookies = browser.cookies(&daemon.url("/")).await;
    let session = cookies.iter().find(|cookie| cookie["name"] == "whmeter_session").expect("a session");
    assert_eq!((&session["httpOnly"], &session["sameSite"]), (&true.into(), &"Strict".into()), "{session}");

    browser.press("Log out").await;
    assert_eq!(browser.path().await, "/login");
    browser.open(&daemon.url("/audit")).await;
    assert_eq!(browser.path().await, "/login", "the session is over");
    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "{complaints:?}");

    // Somebody who only looks has no buttons that act.
    browser.fill("#token", VIEWER).await;
    browser.submit("#token").await;
    assert_eq!(browser.path().await, "/audit");
    browser.open(&daemon.url("/")).await;
    assert!(!browser.text().await.contains("Poll now"));
    browser.end().await;
    daemon.stop().await;
    // What the buttons wrote is in the chronicle like everything else.
    scene.site.run(&["verify"]).await.good();
    scene.site.check_never_said(&[OPERATOR, VIEWER]);
}
