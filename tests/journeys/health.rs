//! `whmeter health`, as a container asks it: 0 where the daemon is ready, 1 where it is not, with a reason.

use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::SimulatedPanel;

use crate::support::panels::section;
use crate::support::program::{PATIENCE, Site, free_port};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_what_the_daemon_says_of_itself() {
    let panel = crate::start(3, ClockStart::WallClock).await;
    let port = free_port();
    let backend = section(&panel, "s3", "every = \"1h\"");
    let site = Site::new(&crate::house(port, "", "", std::slice::from_ref(&backend)));
    let said = site.run(&["health"]).await.failure(1);
    assert!(said.contains("is `whmeter serve` running?"), "{said}");
    let daemon = site.serve(port).await;
    assert_eq!(site.run(&["health"]).await.good(), "ok\n");
    assert_eq!(daemon.get("/healthz").await.status, 200);
    // What is written from now on would be lost: it runs, and is not ready.
    std::fs::remove_file(site.path().join("whmeter.db")).unwrap();
    let said = site.run(&["health"]).await.failure(1);
    assert!(said.contains("is not ready"), "{said}");
    assert_eq!(daemon.get("/healthz").await.status, 200);
    daemon.stop().await;

    // With a certificate for the name that others call it by, on every address.
    let made = rcgen::generate_simple_self_signed(vec!["meter.example.net".into()]).unwrap();
    let token = "tls_cert = \"meter.pem\"\ntls_key = \"meter.key\"\n[[http.token]]\nname = \"a\"\nscope = [\"read\"]\n\
                 token = \"0123456789abcdef\"\n";
    let port = free_port();
    let config = crate::house(port, "", token, &[backend])
        .replace(&format!("127.0.0.1:{port}"), &format!("0.0.0.0:{port}"));
    let site = Site::new(&config);
    site.write("meter.pem", &made.cert.pem());
    site.write("meter.key", &made.signing_key.serialize_pem());
    let daemon = site.start(port);
    let began = std::time::Instant::now();
    while site.run(&["health"]).await.code != Some(0) {
        assert!(began.elapsed() < PATIENCE, "never healthy");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    daemon.stop().await;
    panel.stop();
}
