//! PHP itself reads the merge fields as WHMCS will.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use whmeter::domain::Bytes;
use whmeter::quota::{Channel, Occasion};

use crate::whmcs::house;
use crate::{delivery, notification, program};

const READ: &str = "$s = base64_decode(stream_get_contents(STDIN), true); $v = unserialize($s, ['allowed_classes' => false]); \
     $exact = $v['unit_coefficient'] === 1 / (1 << 30); $limit = $v['disk_limit_bytes'] * \
     $v['unit_coefficient']; \
     echo json_encode(['value' => $v, 'same' => serialize($v) === $s, 'exact' => $exact, 'limit' => $limit]);";

#[tokio::test]
async fn php_reads_what_was_sent_and_would_have_written_the_same() {
    let Some(php) = program("WHMETER_PHP", "php") else { return };
    let (whmcs, channels) = house().await;
    whmcs.change(|world| world.services[0].username = "Müller & <Söhne>".into());
    for (used, limit) in [(100_298_223_944, 100 << 30), (111_883_898_061, 100 << 30), (0, 3_543_348_019)] {
        let mut notice = notification(Occasion::Notify, "Müller & <Söhne>");
        notice.used = Bytes::new(used).unwrap();
        notice.limit = Bytes::new(limit).unwrap();
        channels.deliver(Channel::Whmcs, &delivery(&notice)).await.unwrap();
        let mail = whmcs.outbox().pop().unwrap();
        let mut child = Command::new(&php)
            .args(["-n", "-d", "serialize_precision=-1", "-r", READ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(mail.customvars.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let told: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stdout)));
        assert_eq!((&told["same"], &told["exact"]), (&json!(true), &json!(true)), "{told}");
        // The coefficient was compared by PHP; as JSON it would be rounded on its way here.
        for (field, value) in mail.variables.as_object().unwrap() {
            assert!(told["value"][field] == *value || field == "unit_coefficient", "{field}: {told}");
        }
        assert_eq!(told["value"]["username"], "Müller &amp; &lt;Söhne&gt;");
        let in_units = told["limit"].as_f64().unwrap();
        assert!((in_units - limit as f64 / f64::from(1 << 30)).abs() < 1e-9, "{told}");
    }
}
