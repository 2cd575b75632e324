//! A real browser: Debian's Chromium without a screen, led by its own driver (W3C `WebDriver`). Only what the tests need is here.

use std::fs;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::eventually::{A_RUN, eventually};
use super::http::Site;
use super::launch::Launch;
use super::ports::free_port;
use super::program::Program;

/// The key of `WebDriver` that is an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one window. It ends with the test.
pub(crate) struct Browser {
    driver: Site,
    session: String,
    _program: Program,
    /// Its profile, and what it downloads.
    home: TempDir,
}

impl Browser {
    /// Starts one with a window of so many pixels, in light or dark.
    #[track_caller]
    pub(crate) fn start(width: u32, height: u32, is_dark: bool) -> Self {
        let home = TempDir::new().expect("making a profile");
        let port = free_port();
        let program = Launch::new("chromedriver", "chromedriver")
            .flags(&format!("--port={port}"))
            .env("HOME", home.path())
            .env("TMPDIR", home.path())
            .start();
        let driver = Site {
            address: format!("127.0.0.1:{port}"),
        };
        eventually(A_RUN, "chromedriver", || {
            std::net::TcpStream::connect(&driver.address).ok()
        });
        let mut words = vec![
            "--headless=new".to_owned(),
            // The tests may run as root, and in a container with little shared memory.
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-gpu".to_owned(),
            "--force-device-scale-factor=1".to_owned(),
            // It ends with its driver, also if that is killed.
            "--remote-debugging-pipe".to_owned(),
            // All windows are painted, also those behind others.
            "--disable-backgrounding-occluded-windows".to_owned(),
            "--disable-renderer-backgrounding".to_owned(),
            format!("--window-size={width},{height}"),
            format!("--user-data-dir={}", home.path().join("profile").display()),
        ];
        if is_dark {
            words.push("--force-dark-mode".to_owned());
        }
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {
                "args": words,
            },
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let mut browser = Self {
            driver,
            session: String::new(),
            _program: program,
            home,
        };
        let made = browser.call("POST", "/session", &wanted);
        let id = made["sessionId"].as_str().expect("a session has an id");
        browser.session = format!("/session/{id}");
        let downloads = json!({"behavior": "allow", "downloadPath": browser.home.path()});
        let allow = json!({"cmd": "Browser.setDownloadBehavior", "params": downloads});
        browser.command("POST", "/goog/cdp/execute", &allow);
        browser
    }

    /// Opens `url` in the present window.
    #[track_caller]
    pub(crate) fn open(&self, url: &str) {
        self.command("POST", "/url", &json!({ "url": url }));
    }

    /// Opens a further window, goes there, and gives its handle.
    #[track_caller]
    pub(crate) fn open_window(&self) -> String {
        let window = self.command("POST", "/window/new", &json!({"type": "tab"}));
        let handle = window["handle"].as_str().expect("a window has a handle");
        self.go_to_window(handle);
        handle.to_owned()
    }

    /// The window in front.
    #[track_caller]
    pub(crate) fn window(&self) -> String {
        let handle = self.command("GET", "/window", &json!({}));
        handle.as_str().expect("a handle is text").to_owned()
    }

    /// Brings a window to the front, where its page knows that it is seen.
    #[track_caller]
    pub(crate) fn go_to_window(&self, handle: &str) {
        self.command("POST", "/window", &json!({ "handle": handle }));
        let front = json!({"cmd": "Page.bringToFront", "params": {}});
        self.command("POST", "/goog/cdp/execute", &front);
    }

    /// What a script returns, which may wait for something.
    #[track_caller]
    pub(crate) fn run(&self, script: &str) -> Value {
        let script = format!("return (async () => {{ {script} }})()");
        self.command(
            "POST",
            "/execute/sync",
            &json!({"script": script, "args": []}),
        )
    }

    /// Waits until `script` gives something that is true, and returns it.
    #[track_caller]
    pub(crate) fn await_that(&self, what: &str, script: &str) -> Value {
        eventually(A_RUN, what, || {
            let found = self.run(script);
            let is_there =
                !matches!(found, Value::Null | Value::Bool(false)) && found != "" && found != 0;
            is_there.then_some(found)
        })
    }

    /// The text that an element shows.
    #[track_caller]
    pub(crate) fn text(&self, selector: &str) -> String {
        let text = self.run(&format!(
            "return document.querySelector({selector:?})?.innerText ?? ''"
        ));
        text.as_str().expect("text").to_owned()
    }

    /// Clicks in the middle of an element, as a person would: it must be there and in sight.
    #[track_caller]
    pub(crate) fn click(&self, selector: &str) {
        let element = self.find(selector);
        self.command("POST", &format!("/element/{element}/click"), &json!({}));
    }

    /// Types into an element.
    #[track_caller]
    pub(crate) fn type_into(&self, selector: &str, text: &str) {
        let element = self.find(selector);
        self.command(
            "POST",
            &format!("/element/{element}/value"),
            &json!({ "text": text }),
        );
    }

    /// Presses a key, by its character in `WebDriver`.
    #[track_caller]
    pub(crate) fn press(&self, key: char) {
        self.act(
            "key",
            &json!([{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]),
        );
    }

    /// Presses the mouse at a part of an element's width.
    #[track_caller]
    pub(crate) fn press_at(&self, selector: &str, part: f64) {
        let place = self.run(&format!(
            "const element = document.querySelector({selector:?}); element.scrollIntoView({{block: 'center'}}); \
             const box = element.getBoundingClientRect(); \
             return [Math.round(box.left + box.width * {part}), Math.round(box.top + box.height / 2)]"
        ));
        self.act(
            "pointer",
            &json!([
                {"type": "pointerMove", "x": place[0], "y": place[1], "duration": 0},
                {"type": "pointerDown", "button": 0},
                {"type": "pointerUp", "button": 0},
            ]),
        );
    }

    /// Waits until a file is downloaded whose name ends so, and gives its content.
    #[track_caller]
    pub(crate) fn downloaded(&self, extension: &str) -> Vec<u8> {
        eventually(A_RUN, &format!("a download {extension}"), || {
            let items = fs::read_dir(self.home.path()).ok()?;
            let mut paths = items.filter_map(|item| Some(item.ok()?.path()));
            let path = paths.find(|path| path.to_string_lossy().ends_with(extension))?;
            fs::read(path).ok()
        })
    }

    /// Writes what the window shows to `path`, as PNG.
    #[track_caller]
    pub(crate) fn take_picture(&self, path: &Path) {
        let picture = self.command("GET", "/screenshot", &json!({}));
        let picture = STANDARD
            .decode(picture.as_str().expect("base64"))
            .expect("base64");
        fs::write(path, picture).expect("writing a screenshot");
    }

    /// What the page complained of in the browser's console.
    #[track_caller]
    pub(crate) fn complaints(&self) -> Vec<String> {
        let said = self.command("POST", "/se/log", &json!({"type": "browser"}));
        let said = said.as_array().expect("a list").iter();
        let severe = said.filter(|line| line["level"] == "SEVERE");
        severe.map(|line| line["message"].to_string()).collect()
    }

    #[track_caller]
    fn find(&self, selector: &str) -> String {
        let wanted = json!({"using": "css selector", "value": selector});
        let found = self.command("POST", "/element", &wanted);
        found[ELEMENT].as_str().expect("an element").to_owned()
    }

    #[track_caller]
    fn act(&self, kind: &str, actions: &Value) {
        let actions = json!({"actions": [{"type": kind, "id": kind, "actions": actions}]});
        self.command("POST", "/actions", &actions);
    }

    #[track_caller]
    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        self.call(method, &format!("{}{path}", self.session), body)
    }

    #[track_caller]
    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if method == "POST" {
            body.to_string()
        } else {
            String::new()
        };
        let reply = self.driver.send_patiently(
            &format!(
                "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{body}",
                self.driver.address,
                body.len()
            ),
            A_RUN + Duration::from_secs(10),
        );
        let answer: Value = serde_json::from_slice(&reply.body).expect("WebDriver speaks JSON");
        assert_eq!(
            reply.status, 200,
            "{method} {path}: {}",
            answer["value"]["message"]
        );
        answer["value"].clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends its browser, whose processes have groups of their own. What fails here failed before.
        if let Ok(mut connection) = std::net::TcpStream::connect(&self.driver.address) {
            use std::io::{Read as _, Write as _};
            let host = &self.driver.address;
            let path = &self.session;
            let request =
                format!("DELETE {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            let _ = connection.set_read_timeout(Some(Duration::from_secs(10)));
            let _ = connection.write_all(request.as_bytes());
            let _ = connection.read(&mut [0; 512]);
        }
    }
}
