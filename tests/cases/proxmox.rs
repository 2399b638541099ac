//! Proxmox VE: rights and tags that are lost, disks of the host, charts that cannot be read.

use serde_json::{Value, json};

use crate::{Case, failed, warnings};

const KEYS: &str = "kind = \"proxmox\"\nuser = \"whmeter@pve!metrics\"\nsecret = \"hunter2-hunter2\"";
const API: &str = "/api2/json";

impl Case {
    async fn proxmox(keys: &str) -> Case {
        let case = Case::new(&format!("{KEYS}\n{keys}")).await;
        case.pve("version", json!({ "version": "8.4.1", "release": "8.4" }));
        case.granted(json!({ "/": { "VM.Audit": 1, "Sys.Audit": 1, "Pool.Audit": 1 } }));
        case
    }

    fn pve(&self, path: &str, data: Value) {
        self.panel.says(&format!("{API}/{path}"), json!({ "data": data }).to_string());
    }

    fn granted(&self, tree: Value) {
        self.pve("access/permissions", tree);
    }

    /// Machines by number, each with what its row tells besides, on one node.
    fn machines(&self, count: u64, machines: &[(u64, Value)]) {
        let mut rows = vec![json!({ "id": "node/pve1", "type": "node", "node": "pve1", "status": "online" })];
        for (vmid, more) in machines {
            let mut row = json!({
                "id": format!("qemu/{vmid}"), "type": "qemu", "node": "pve1", "vmid": vmid, "name": format!("v{vmid}"),
                "status": "running", "template": 0, "uptime": 900_000 + count, "netin": count, "netout": 2 * count,
                "disk": 0, "maxdisk": 34_359_738_368_u64,
            });
            row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            rows.push(row);
        }
        self.pve("cluster/resources", Value::Array(rows));
    }
}

const POOLS: &str = "account = \"pool\"\nstorage = \"none\"";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_gone_because_pools_are_not_shown_any_more() {
    let case = Case::proxmox(POOLS).await;
    case.machines(1_000, &[(104, json!({ "pool": "cust-88" })), (105, json!({ "pool": "cust-89" }))]);
    case.poll("2026-11-20T08:00:00Z").await;
    // The right is lost everywhere, or on one pool: the rows come all the same.
    let without = json!({ "/": { "VM.Audit": 1, "Sys.Audit": 1 } });
    let on_one = json!({ "/": { "VM.Audit": 1 }, "/pool/cust-88": { "VM.Audit": 1, "Pool.Audit": 1 } });
    for (minute, tree, first) in [("10", without, json!({})), ("20", on_one, json!({ "pool": "cust-88" }))] {
        case.granted(tree);
        case.machines(2_000, &[(104, first), (105, json!({}))]);
        let now = format!("2026-11-20T08:{minute}:00Z");
        let said = case.try_poll(&now).await;
        assert!(said.code == Some(1) && said.stderr.contains("Pool.Audit"), "{said:?}");
        assert_eq!(case.present(&now).await, 2);
    }
    case.granted(json!({ "/": { "VM.Audit": 1, "Pool.Audit": 1 } }));
    case.machines(3_000, &[(104, json!({ "pool": "cust-88" })), (105, json!({ "pool": "cust-89" }))]);
    case.poll("2026-11-20T08:30:00Z").await;
    for account in ["cust-88", "cust-89"] {
        assert_eq!(
            case.bytes("2026-11-20T08:30:00Z", account, "traffic_out").await,
            Some(4_000),
            "{account}"
        );
    }
    // Somebody takes a guest out of its pool, with the right in place: unread and named, as long as the guest is there.
    case.machines(4_000, &[(104, json!({ "pool": "cust-88" })), (105, json!({}))]);
    for minute in ["40", "50"] {
        let now = format!("2026-11-20T08:{minute}:00Z");
        let failed = failed(&case.poll(&now).await);
        assert!(
            failed.len() == 1 && failed[0].0 == "cust-89" && failed[0].2.contains("qemu/105"),
            "{failed:?}"
        );
        assert_eq!(case.present(&now).await, 2);
    }
    // The guest is deleted: now the account is gone, as ever.
    case.machines(5_000, &[(104, json!({ "pool": "cust-88" }))]);
    case.poll("2026-11-20T09:00:00Z").await;
    case.poll("2026-11-20T09:10:00Z").await;
    assert_eq!(case.present("2026-11-20T09:10:00Z").await, 1);
    case.verify("2026-11-20T09:11:00Z").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_gone_because_all_tags_were_edited() {
    let case = Case::proxmox("account = \"tag\"\naccount_pattern = \"svc-<ID>\"\nstorage = \"none\"").await;
    let tagged = |tag: &str| -> Vec<(u64, Value)> {
        (0..12).map(|n| (100 + n, json!({ "tags": format!("gold;{tag}-{n}") }))).collect()
    };
    case.machines(1_000, &tagged("svc"));
    case.poll("2026-11-20T08:00:00Z").await;
    case.machines(2_000, &tagged("service"));
    let now = "2026-11-20T08:10:00Z";
    let said = case.try_poll(now).await;
    assert!(said.code == Some(1) && said.stderr.contains("tag"), "{said:?}");
    assert_eq!(case.present(now).await, 12);
    // Half of them: those are unread, and the others go on.
    let mixed: Vec<_> = tagged("svc")[..6].iter().chain(&tagged("service")[6..]).cloned().collect();
    case.machines(3_000, &mixed);
    for now in ["2026-11-20T08:20:00Z", "2026-11-20T08:30:00Z"] {
        let failed = failed(&case.poll(now).await);
        assert_eq!((failed.len(), case.present(now).await), (6, 12), "{failed:?}");
        assert_eq!(case.bytes(now, "3", "traffic_out").await, Some(4_000));
        assert_eq!(case.bytes(now, "9", "traffic_out").await.unwrap_or(0), 0);
    }
    case.machines(4_000, &tagged("svc"));
    let now = "2026-11-20T08:40:00Z";
    assert_eq!(failed(&case.poll(now).await), []);
    assert_eq!(case.bytes(now, "9", "traffic_out").await, Some(6_000), "caught up with");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_of_the_host_counts_and_one_without_a_size_is_named() {
    let case = Case::proxmox("storage = \"provisioned\"").await;
    case.machines(1_000, &[(7, json!({}))]);
    let config = |more: Value| {
        let mut config = json!({
            "scsi0": "local-zfs:vm-7-disk-0,size=32G",
            "scsi1": "/dev/disk/by-id/ata-EXAMPLE_1,backup=0,size=3907018584K",
            "ide2": "local:iso/debian.iso,media=cdrom,size=700M", "digest": "bb",
        });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        config
    };
    let whole = (32 << 30) + (3_907_018_584_u64 << 10);
    case.pve("nodes/pve1/qemu/7/config", config(json!({})));
    assert_eq!(failed(&case.poll("2026-11-20T08:00:00Z").await), []);
    assert_eq!(case.bytes("2026-11-20T08:00:00Z", "7", "storage").await, Some(whole));
    for disk in ["/dev/disk/by-id/ata-EXAMPLE_2", "local:100/vm-7-disk-1.qcow2", "/dev/sdb,backup=0"] {
        case.pve("nodes/pve1/qemu/7/config", config(json!({ "sata0": disk })));
        let polled = case.poll("2026-11-21T09:00:00Z").await;
        assert_eq!(failed(&polled), []);
        assert!(crate::warnings(&polled).contains("sata0 of"), "{disk}: {polled}");
        assert_eq!(case.bytes("2026-11-21T09:00:00Z", "7", "storage").await, Some(whole), "what has a size");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_chart_that_cannot_be_read_leaves_the_others() {
    for (version, coarse) in [("8.4.1", "week"), ("9.1.2", "month")] {
        let case = Case::proxmox("storage = \"none\"").await;
        case.pve("version", json!({ "version": version, "release": &version[..3] }));
        case.machines(1_000, &[(104, json!({})), (105, json!({}))]);
        case.poll("2026-11-20T08:00:00Z").await;
        let now = crate::seconds("2026-11-20T08:00:00Z");
        let rows = |step: i64, count: i64| -> Value {
            (1..=count)
                .rev()
                .map(|n| json!({ "time": now - n * step, "netin": 10.0, "netout": 20.0 }))
                .collect()
        };
        for vmid in [104, 105] {
            let path = format!("nodes/pve1/qemu/{vmid}");
            case.pve(&format!("{path}/config"), json!({ "digest": "bb" }));
            for (frame, step, count) in [("day", 1800, 48), ("week", 1800, 336), ("month", 1800, 1440)] {
                case.pve(&format!("{path}/rrddata?timeframe={frame}&cf=AVERAGE"), rows(step, count));
            }
        }
        let day = format!("{API}/nodes/pve1/qemu/104/rrddata?timeframe=day&cf=AVERAGE");
        let said = json!({ "data": null, "message": "got wrong time resolution (60 != 1800)\n" });
        case.panel.says_with(&day, 500, said.to_string());
        let backfill = ["backfill", "--since", "2026-11-19", "--backend", "p", "--json"];
        let report = case.run("2026-11-20T08:00:00Z", &backfill).await.json()[0].clone();
        assert_eq!(failed(&report), [], "{version}");
        let said = warnings(&report);
        assert!(said.contains("qemu/104") && said.contains("day") && !said.contains("qemu/105"), "{report}");
        assert_eq!(case.panel.asked("104/rrddata?timeframe=week"), 1, "{version}");
        for account in ["104", "105"] {
            let explained = case.run("2026-11-20T08:00:00Z", &["explain", "p", account, "traffic_out"]).await;
            assert!(
                explained.stdout.contains("estimate") || explained.stdout.contains("chart"),
                "{coarse}: {explained:?}"
            );
        }
        // All charts of a guest: it is unread, the other as ever.
        for frame in ["week", "month"] {
            let path = format!("{API}/nodes/pve1/qemu/104/rrddata?timeframe={frame}&cf=AVERAGE");
            let said = json!({ "data": null, "message": "got wrong time resolution (60 != 1800)\n" });
            case.panel.says_with(&path, 500, said.to_string());
        }
        let report = case.run("2026-11-20T08:00:00Z", &backfill).await.json()[0].clone();
        let failed = failed(&report);
        assert!(failed.len() == 1 && failed[0].0 == "104", "{failed:?}");
    }
}
