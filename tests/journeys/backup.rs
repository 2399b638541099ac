//! A copy of a store that is in use is a store: restored it verifies, and goes on where it was made.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use whmeter_simulators::clock::ClockStart;
use whmeter_simulators::panel::SimulatedPanel;

use crate::support::panels::section;
use crate::support::program::{Site, free_port};

const START: i64 = 1_795_176_000;

async fn on(file: &Path, statement: &'static str) {
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(&format!("sqlite:{}", file.display())).await.unwrap();
    sqlx::query(statement).execute(&pool).await.unwrap();
    pool.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_a_running_store_is_restored_verified_and_polled_on() {
    let panel = crate::start(40, ClockStart::WallClock).await;
    let port = free_port();
    let config = crate::house(port, "", "", &[section(&panel, "s3", "every = \"1s\"\nwhmcs_server = 12")]);
    let site = Site::new(&config);
    let daemon = site.serve(port).await;
    daemon.until("/v1/backends/s3", "a poll", |got| got.json()["succeeded_at"].is_string()).await;
    // While it polls each second, copies are made one after the other: each is whole.
    for number in 0..5 {
        let name = format!("copy-{number}.db");
        site.run(&["backup", &name]).await.good();
        let copy = site.path().join(&name);
        assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600, "others may read it");
        let restored = Site::new(&config);
        std::fs::rename(&copy, restored.path().join("whmeter.db")).unwrap();
        let said = restored.run(&["verify"]).await.good();
        assert!(said.contains("s3: ") && said.contains(" hold"), "{said}");
        if number == 4 {
            daemon.stop().await;
            // Its holder's lease may last for a minute yet.
            let later = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
                as i64
                + 120;
            restored.at(later, &["poll"]).await.good();
            restored.at(later, &["verify"]).await.good();
            let usage = restored.at(later, &["usage", "--json", "--meter", "storage"]).await.json();
            assert_eq!(usage.as_array().unwrap().len(), 40);
            break;
        }
    }
    let left: Vec<_> =
        std::fs::read_dir(site.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".part")), "{left:?}");
    panel.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_overwritten_and_what_cannot_be_copied_is_said() {
    let panel = crate::start(3, ClockStart::Frozen(START)).await;
    let config = crate::house(free_port(), "", "", &[section(&panel, "s3", "every = \"1h\"")]);
    let site = Site::new(&config);
    let said = site.run(&["backup", "copy.db"]).await.failure(1);
    assert!(said.contains("nothing to copy yet") && !site.path().join("whmeter.db").exists(), "{said}");
    site.at(START, &["poll"]).await.good();
    site.write("copy.db", "somebody's");
    let said = site.run(&["backup", "copy.db"]).await.failure(1);
    assert!(said.contains("copy.db is there already") && said.contains("name a new file"), "{said}");
    assert_eq!(std::fs::read_to_string(site.path().join("copy.db")).unwrap(), "somebody's");
    let said = site.run(&["backup", "nowhere/copy.db"]).await.failure(1);
    assert!(said.contains("nowhere") && said.contains("cannot be written"), "{said}");
    site.write("new.db.part", "");
    let said = site.run(&["backup", "new.db"]).await.failure(1);
    assert!(said.contains("another backup is under way"), "{said}");
    std::fs::remove_file(site.path().join("new.db.part")).unwrap();

    // Before an upgrade the schema is older than the program's: that is when a copy is wanted.
    on(
        &site.path().join("whmeter.db"),
        "DELETE FROM _sqlx_migrations WHERE version = (SELECT MAX(version) FROM _sqlx_migrations)",
    )
    .await;
    assert!(site.at(START, &["usage"]).await.failure(1).contains("schema"));
    site.run(&["backup", "new.db"]).await.good();

    for (url, program) in [
        ("postgres://whmeter:hunter2-hunter2@127.0.0.1:1/whmeter", "pg_dump"),
        ("mysql://whmeter:hunter2-hunter2@127.0.0.1:1/whmeter", "mariadb-dump"),
    ] {
        site.write("whmeter.toml", &config.replace("sqlite:whmeter.db", url));
        let said = site.run(&["backup", "other.db"]).await.failure(1);
        assert!(said.contains(program) && !site.path().join("other.db").exists(), "{said}");
    }
    site.check_never_said(&["hunter2"]);
    panel.stop();
}
