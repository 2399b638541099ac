//! A real browser, told what to do over its own debugging pipe: no driver and no crate stands between.
//!
//! Chromium reads commands from descriptor 3 and writes answers and events to 4, JSON with a zero byte behind each
//! (chromedevtools.github.io/devtools-protocol). A shell puts our two pipes there.

use std::process::Stdio;
use std::time::{Duration, Instant};

use base64::Engine;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::support::program::PATIENCE;
use crate::support::tools::tool;

/// One browser with one tab.
pub struct Browser {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    session: String,
    next: u64,
    /// Events since they were last looked at.
    events: Vec<Value>,
    _profile: tempfile::TempDir,
}

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub struct View {
    pub width: u32,
    pub height: u32,
    pub dark: bool,
}

impl Browser {
    /// A browser that knows nothing; `None` where there is none to be had.
    pub async fn start() -> Option<Browser> {
        let chromium = tool("WHMETER_CHROMIUM", &["chromium", "chromium-browser"])?;
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", "sh"]).arg(chromium);
        // The pages are our own, and a container lets no sandbox start.
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
        ]);
        command.args(["--remote-debugging-pipe", "--hide-scrollbars", "--no-proxy-server"]);
        command.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let (commands, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let (session, events) = (String::new(), Vec::new());
        let mut browser = Browser { child, commands, answers, session, next: 1, events, _profile: profile };
        let tab = browser.call("Target.createTarget", json!({ "url": "about:blank" })).await;
        let attach = json!({ "targetId": tab["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", attach).await;
        browser.session = attached["sessionId"].as_str().unwrap().to_string();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({})).await;
        }
        Some(browser)
    }

    async fn call(&mut self, method: &str, parameters: Value) -> Value {
        let id = self.next;
        self.next += 1;
        let mut command = json!({ "id": id, "method": method, "params": parameters });
        if !self.session.is_empty() {
            command["sessionId"] = json!(self.session);
        }
        let mut text = command.to_string().into_bytes();
        text.push(0);
        self.commands.write_all(&text).await.unwrap();
        loop {
            let message = self.hear().await;
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    async fn hear(&mut self) -> Value {
        let mut message = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.answers.read_until(0, &mut message));
        read.await.expect("the browser says nothing").unwrap();
        assert_eq!(message.pop(), Some(0), "the browser has ended");
        serde_json::from_slice(&message).unwrap()
    }

    /// Waits for the page that comes of something that was begun.
    async fn loaded(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            assert!(Instant::now() < deadline, "no page comes");
            let message = self.hear().await;
            self.events.push(message);
        }
        self.events.retain(|event| event["method"] != "Page.loadEventFired");
    }

    /// Opens an address as somebody who types it.
    pub async fn open(&mut self, url: &str) {
        self.events.retain(|event| event["method"] != "Page.loadEventFired");
        let went = self.call("Page.navigate", json!({ "url": url })).await;
        assert!(went["errorText"].is_null(), "{url}: {went}");
        self.loaded().await;
    }

    /// What an expression comes to on the page.
    pub async fn eval(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let result = self.call("Runtime.evaluate", parameters).await;
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// Presses the one link or button that says so, and waits for the page it leads to.
    pub async fn press(&mut self, says: &str) {
        self.events.retain(|event| event["method"] != "Page.loadEventFired");
        let found = format!(
            "(() => {{ const all = [...document.querySelectorAll('a, button')];
               const its = all.filter(one => one.textContent.trim().replace(/\\s+/g, ' ') === {says:?});
               if (its.length) its[0].click();
               return its.length; }})()"
        );
        if self.eval(&found).await == 0 {
            panic!("nothing says {says:?} on\n{}", self.text().await);
        }
        self.loaded().await;
    }

    /// Fills a field.
    pub async fn fill(&mut self, selector: &str, value: &str) {
        let done = format!(
            "(() => {{ const field = document.querySelector({selector:?}); field.value = {value:?}; return field.value; }})()"
        );
        assert_eq!(self.eval(&done).await, value, "{selector}");
    }

    /// Sends the form that a field is in.
    pub async fn submit(&mut self, selector: &str) {
        self.events.retain(|event| event["method"] != "Page.loadEventFired");
        self.eval(&format!("document.querySelector({selector:?}).closest('form').requestSubmit()")).await;
        self.loaded().await;
    }

    /// Presses a key, as on a keyboard.
    pub async fn key(&mut self, key: &str, code: u32) {
        for kind in ["rawKeyDown", "keyUp"] {
            let parameters = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            self.call("Input.dispatchKeyEvent", parameters).await;
        }
    }

    /// The text of the page, as it is shown.
    pub async fn text(&mut self) -> String {
        self.eval("document.body.innerText").await.as_str().unwrap_or_default().to_string()
    }

    /// Where it is, without host and query.
    pub async fn path(&mut self) -> String {
        self.eval("location.pathname").await.as_str().unwrap().to_string()
    }

    /// Reloads until the page says something.
    pub async fn until(&mut self, says: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.text().await.contains(says) {
            let text = self.text().await;
            assert!(Instant::now() < deadline, "never {says:?}:\n{text}");
            tokio::time::sleep(Duration::from_millis(200)).await;
            self.events.retain(|event| event["method"] != "Page.loadEventFired");
            self.call("Page.reload", json!({})).await;
            self.loaded().await;
        }
    }

    /// Looks at pages so from now on.
    pub async fn look(&mut self, view: View) {
        let View { width, height, dark } = view;
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.call("Emulation.setEmulatedMedia", media).await;
    }

    /// The cookies it has, as the browser sees them.
    pub async fn cookies(&mut self, url: &str) -> Vec<Value> {
        self.call("Network.getCookies", json!({ "urls": [url] })).await["cookies"].as_array().unwrap().clone()
    }

    /// What the console says is wrong, since it was last asked.
    pub fn complaints(&mut self) -> Vec<Value> {
        let (complaints, others) =
            std::mem::take(&mut self.events).into_iter().partition(|event| match event["method"].as_str() {
                Some("Log.entryAdded") => event["params"]["entry"]["level"] != "verbose",
                Some("Runtime.exceptionThrown" | "Runtime.consoleAPICalled") => true,
                _ => false,
            });
        self.events = others;
        complaints
    }

    /// The whole page as PNG; `most` is how much of its height.
    pub async fn picture(&mut self, most: u64) -> Vec<u8> {
        let metrics = self.call("Page.getLayoutMetrics", json!({})).await;
        let size = &metrics["cssContentSize"];
        let height = size["height"].as_f64().unwrap().min(most as f64);
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1 });
        let parameters = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let picture = self.call("Page.captureScreenshot", parameters).await;
        base64::engine::general_purpose::STANDARD.decode(picture["data"].as_str().unwrap()).unwrap()
    }

    pub async fn end(mut self) {
        let _ = self.child.kill().await;
    }
}
