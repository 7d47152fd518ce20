//! A browser without a window, driven over its protocol for debuggers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// A browser with one page.
pub struct Browser {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    _folder: tempfile::TempDir,
    session: Option<String>,
    number: u64,
    /// What it has reported on its own.
    pub events: Vec<Value>,
}

impl Browser {
    /// The name of a browser of this machine.
    pub fn find() -> Option<&'static str> {
        ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
            let found = Command::new(name).arg("--version").output();
            found.is_ok_and(|output| output.status.success())
        })
    }

    /// Opens a page.
    pub fn open(name: &str, address: &str) -> Browser {
        let folder = tempfile::tempdir().unwrap();
        // The protocol is spoken over the descriptors 3 and 4. As root a browser has no sandbox; the page is
        // our own.
        let shell = format!(
            "exec {name} --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
             --hide-scrollbars --disable-background-networking --remote-debugging-pipe --user-data-dir='{}' \
             about:blank 3<&0 4>&1 </dev/null >/dev/null 2>&1",
            folder.path().display()
        );
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(shell).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut browser =
            Browser { child, input, output, _folder: folder, session: None, number: 0, events: Vec::new() };
        let target = browser.ask("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.ask("Target.attachToTarget", attach);
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Network", "Log", "Accessibility"] {
            browser.ask(&format!("{domain}.enable"), json!({}));
        }
        browser.ask("Page.navigate", json!({ "url": address }));
        browser
    }

    /// Calls a method, and waits for its result.
    pub fn ask(&mut self, method: &str, parameters: Value) -> Value {
        self.number += 1;
        let mut message = json!({ "id": self.number, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.input.write_all(format!("{message}\0").as_bytes()).expect("it reads");
        loop {
            let mut answer = Vec::new();
            self.output.read_until(0, &mut answer).expect("it answers");
            assert_eq!(answer.pop(), Some(0), "the browser has ended");
            let answer: Value = serde_json::from_slice(&answer).expect("JSON");
            if answer["id"] == self.number {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
            self.events.push(answer);
        }
    }

    /// The value of an expression in the page.
    pub fn value(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let result = self.ask("Runtime.evaluate", parameters);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// Waits until the expression is true.
    pub fn until(&mut self, expression: &str) {
        let mut looks = 0;
        crate::common::core::until(|| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            looks += 1;
            // For the reader of a test that hangs.
            if looks % 200 == 0 {
                let text = self.value("document.body.innerText");
                crate::common::core::say(&format!("still waiting for {expression}, with {text} on the page"));
            }
            self.value(expression) == true
        });
    }

    /// Presses a key.
    pub fn press(&mut self, key: &str, code: u32) {
        let text = if key == "Enter" {
            "\r"
        } else if key.len() == 1 {
            key
        } else {
            ""
        };
        let down = if text.is_empty() { "rawKeyDown" } else { "keyDown" };
        for kind in [down, "keyUp"] {
            let mut parameters = json!({ "type": kind, "key": key, "windowsVirtualKeyCode": code });
            if kind == "keyDown" {
                parameters["text"] = json!(text);
            }
            self.ask("Input.dispatchKeyEvent", parameters);
        }
    }

    /// A picture of the page, with these columns and rows of dots, as PNG in base 64.
    pub fn picture(&mut self, (width, height): (u32, u32), scheme: &str) -> String {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.ask("Emulation.setDeviceMetricsOverride", size);
        let scheme = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.ask("Emulation.setEmulatedMedia", scheme);
        let picture = self.ask("Page.captureScreenshot", json!({ "format": "png" }));
        picture["data"].as_str().expect("a text").to_owned()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
