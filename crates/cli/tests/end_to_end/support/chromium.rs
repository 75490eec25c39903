//! A real Chromium, driven over WebDriver (W3C) through Debian's chromedriver: pages as people get them, with
//! script or without, and with a passkey device in software (WebAuthn level 2 section 11).

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{DEADLINE, free_port};

/// How WebDriver names an element in JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub(crate) struct Chromium {
    driver: Child,
    session: String,
    http: reqwest::Client,
    runtime: Runtime,
}

/// What a browser is started with.
pub(crate) struct Options<'o> {
    /// Where it keeps its profile.
    pub(crate) profile: &'o Path,
    /// The server's key, base64 of SHA-256 over SubjectPublicKeyInfo: its certificate is as good as a public one.
    pub(crate) trusted_key: &'o str,
    pub(crate) script: bool,
}

impl Chromium {
    /// Starts one; `None` where it is not installed.
    pub(crate) fn start(options: &Options<'_>) -> Option<Self> {
        let port = free_port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let http = reqwest::Client::builder().timeout(DEADLINE).build().unwrap();
        let mut browser = Self { driver, session: format!("http://127.0.0.1:{port}/session"), http, runtime };
        browser.wait("chromedriver", |browser| {
            let status = browser.session.replace("/session", "/status");
            browser.try_call("GET", &status, None).is_ok_and(|status| status["ready"] == true)
        });
        let script = if options.script { 1 } else { 2 };
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".into(),
            "--disable-gpu".into(),
            "--disable-dev-shm-usage".into(),
            "--lang=en".into(),
            // Nothing outside this machine is asked for anything.
            "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1".into(),
            format!("--user-data-dir={}", options.profile.display()),
            format!("--ignore-certificate-errors-spki-list={}", options.trusted_key),
        ];
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {
                "args": arguments,
                "prefs": {"profile.managed_default_content_settings.javascript": script},
            },
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let sessions = browser.session.clone();
        let started = browser.try_call("POST", &sessions, Some(capabilities)).unwrap();
        browser.session = format!("{sessions}/{}", started["sessionId"].as_str().unwrap());
        Some(browser)
    }

    pub(crate) fn go(&self, url: &str) {
        self.call("POST", "/url", json!({"url": url}));
    }

    pub(crate) fn url(&self) -> String {
        self.call("GET", "/url", Value::Null).as_str().unwrap().to_owned()
    }

    pub(crate) fn source(&self) -> String {
        self.call("GET", "/source", Value::Null).as_str().unwrap().to_owned()
    }

    /// Types into the element with this id.
    pub(crate) fn fill(&self, id: &str, text: &str) {
        let element = self.element(id);
        self.call("POST", &format!("/element/{element}/clear"), json!({}));
        self.call("POST", &format!("/element/{element}/value"), json!({"text": text}));
    }

    /// Clicks the element with this id, which leads to no other page by itself.
    pub(crate) fn click(&self, id: &str) {
        self.click_element(&self.element(id));
    }

    /// Clicks the link or button with this id and waits until its page is gone. WebDriver's click may come back
    /// before the browser has begun to leave; a `go` right after it would be overtaken by the page asked for here.
    pub(crate) fn follow(&self, id: &str) {
        let element = self.element(id);
        self.click_element(&element);
        let name = format!("{}/element/{element}/name", self.session);
        self.wait("page behind the button", |browser| browser.try_call("GET", &name, None).is_err());
    }

    fn click_element(&self, element: &str) {
        self.call("POST", &format!("/element/{element}/click"), json!({}));
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.find(id).is_some()
    }

    /// Whether a person can see the element with this id.
    pub(crate) fn shows(&self, id: &str) -> bool {
        let url = |element| format!("{}/element/{element}/displayed", self.session);
        // An element that is gone the moment after is not shown.
        let shown = |element| self.try_call("GET", &url(element), None).is_ok_and(|shown| shown == true);
        self.find(id).is_some_and(shown)
    }

    /// Waits until the browser is where `look` finds what it wants.
    pub(crate) fn wait(&self, what: &str, look: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !look(self) {
            if start.elapsed() >= DEADLINE {
                let seen = self.try_call("GET", &format!("{}/source", self.session), None);
                panic!("no {what} within {DEADLINE:?}: {seen:#?}");
            }
            // Nothing tells of a page that changes; the pause spares the machine.
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Plugs in a passkey device that finds accounts by itself and verifies its owner.
    pub(crate) fn plug_in_device(&self) {
        let device = json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true,
            "isUserVerified": true,
        });
        self.call("POST", "/webauthn/authenticator", device);
    }

    /// What the browser complains of, such as what a policy stopped.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.call("POST", "/se/log", json!({"type": "browser"}));
        let entries = log.as_array().unwrap().iter();
        entries.map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }

    /// The page as a picture, where a reader of the test wants one.
    pub(crate) fn picture(&self, name: &str) {
        use base64::Engine as _;
        if let Some(directory) = std::env::var_os("BINDERY_PICTURES") {
            let picture = self.call("GET", "/screenshot", Value::Null);
            let png = base64::engine::general_purpose::STANDARD.decode(picture.as_str().unwrap()).unwrap();
            std::fs::write(Path::new(&directory).join(format!("{name}.png")), png).unwrap();
        }
    }

    fn find(&self, id: &str) -> Option<String> {
        let wanted = json!({"using": "css selector", "value": format!("#{id}")});
        let found = self.try_call("POST", &format!("{}/element", self.session), Some(wanted)).ok()?;
        Some(found[ELEMENT].as_str()?.to_owned())
    }

    fn element(&self, id: &str) -> String {
        self.find(id).unwrap_or_else(|| panic!("no element {id} at {}:\n{}", self.url(), self.source()))
    }

    fn call(&self, method: &str, path: &str, body: Value) -> Value {
        let body = (!body.is_null()).then_some(body);
        let answer = self.try_call(method, &format!("{}{path}", self.session), body);
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    fn try_call(&self, method: &str, url: &str, body: Option<Value>) -> Result<Value, String> {
        let request = self.http.request(method.parse().unwrap(), url);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        self.runtime.block_on(async {
            let answer = request.send().await.map_err(|error| error.to_string())?;
            let good = answer.status().is_success();
            let mut answer: Value = answer.json().await.map_err(|error| error.to_string())?;
            let value = answer["value"].take();
            if good { Ok(value) } else { Err(value.to_string()) }
        })
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.try_call("DELETE", &self.session, None);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
