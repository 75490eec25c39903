//! The pages in a real Chromium: without script, with it, and with a passkey. What a policy would stop in a
//! browser, no request through a router shows. Skipped where Chromium is not installed, unless
//! `BINDERY_REQUIRE_BROWSER` is set.

use std::io::Write as _;
use std::process::Stdio;

use bindery_core::crypto::Cryptography as _;
use bindery_crypto::AwsLc;
use rcgen::{KeyPair, PublicKeyData as _};

use crate::support::chromium::{Chromium, Options};
use crate::support::process::{self, Process};
use crate::support::upstream::Upstream;
use crate::support::{Stage, free_port};

const PASSWORD: &str = "correct horse battery staple";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A server with one account, and a client whose redirect URI is another origin.
struct House {
    browser: Chromium,
    client: Upstream,
    issuer: String,
    _server: Process,
    _stage: Stage,
}

impl House {
    fn start(script: bool) -> Option<Self> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let stage = Stage::new();
        stage.secret("the person's password", PASSWORD);
        let key = KeyPair::from_pem(&std::fs::read_to_string(stage.path("server.key")).unwrap()).unwrap();
        let digest = AwsLc.sha256(&[&key.subject_public_key_info()]);
        let trusted_key = base64_standard(&digest);
        let profile = stage.directory.path().join("profile");
        let options = Options { profile: &profile, trusted_key: &trusted_key, script };
        let Some(browser) = Chromium::start(&options) else {
            assert!(
                std::env::var_os("BINDERY_REQUIRE_BROWSER").is_none(),
                "chromedriver does not start, and BINDERY_REQUIRE_BROWSER is set; install Debian's packages \
                 `chromium` and `chromium-driver`"
            );
            let skipped =
                b"SKIPPED: chromedriver is not installed, so nothing was shown about real browsers\n";
            std::io::stderr().write_all(skipped).unwrap();
            return None;
        };
        let client = Upstream::start();
        let port = free_port();
        let issuer = format!("https://localhost:{port}");
        let config = stage.write("server.toml", &server_toml(&stage, &issuer, port, &client));
        add_account(&config);
        let server = stage.spawn(&["server", "--config", &config]);
        server.listening(1);
        Some(Self { browser, client, issuer, _server: server, _stage: stage })
    }

    fn ask(&self, more: &str) {
        let redirect_uri = format!("http://{}/callback", self.client.address);
        self.browser.go(&format!(
            "{}/authorize?client_id=web&response_type=code&scope=openid%20email&state=s&nonce=n\
             &code_challenge={CHALLENGE}&code_challenge_method=S256&redirect_uri={redirect_uri}{more}",
            self.issuer
        ));
    }

    fn sign_in(&self, password: &str) {
        self.browser.fill("username", "alice");
        self.browser.fill("password", password);
        self.browser.follow("login");
    }

    /// The browser has come to the client, with a code.
    fn require_code(&self) {
        let callback = format!("http://{}/callback", self.client.address);
        self.browser.wait("answer at the client", |browser| browser.url().starts_with(&callback));
        assert!(self.browser.url().contains("code="), "{}", self.browser.url());
    }

    /// The browser has posted the answer to the client.
    fn require_posted_answer(&self) {
        let callback = format!("http://{}/callback", self.client.address);
        self.browser.wait("posted answer", |browser| {
            browser.url() == callback && browser.source().contains("\"method\":\"POST\"")
        });
    }

    /// No policy stopped anything, and no script failed.
    fn require_content(&self) {
        let complaints: Vec<String> =
            self.browser.complaints().into_iter().filter(|text| !text.contains("favicon")).collect();
        // The status of a refused password is told in the log too.
        let complaints: Vec<&String> =
            complaints.iter().filter(|text| !text.contains("status of 403")).collect();
        assert!(complaints.is_empty(), "{complaints:#?}");
    }
}

fn server_toml(stage: &Stage, issuer: &str, port: u16, client: &Upstream) -> String {
    format!(
        "[listener]\naddress = \"127.0.0.1:{port}\"\ncertificate_file = {:?}\nkey_file = {:?}\n\
         [store]\npath = {:?}\n\
         [server]\nissuer = \"{issuer}\"\nprofile = \"openid\"\n\
         [[server.acr]]\nvalue = \"two\"\nmethods = [\"mfa\"]\n\
         [[server.client]]\nclient_id = \"web\"\nclient_name = \"Shop & <Söhne>\"\n\
         token_endpoint_auth_method = \"none\"\napplication_type = \"native\"\n\
         grant_types = [\"authorization_code\"]\nredirect_uris = [\"http://{}/callback\"]\nscope = \"openid email\"\n",
        stage.path("server.pem"),
        stage.path("server.key"),
        stage.path("bindery.db"),
        client.address,
    )
}

fn add_account(config: &str) {
    let mut command = process::command(&["account", "add", "alice", "--config", config], process::LOG);
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

fn base64_standard(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn a_person_signs_in_and_allows_without_script() {
    let Some(house) = House::start(false) else { return };
    let browser = &house.browser;
    house.ask("");
    browser.picture("login");
    assert!(browser.shows("username") && !browser.shows("passkey"), "what needs script is not offered");
    house.sign_in("a wrong password");
    assert!(browser.shows("message"));
    browser.picture("login-failed");
    house.sign_in(PASSWORD);
    assert!(browser.source().contains("Shop &amp; &lt;Söhne&gt;"));
    browser.picture("consent");
    browser.follow("allow");
    house.require_code();
    house.ask("&prompt=consent");
    browser.follow("deny");
    browser.wait("refusal", |browser| browser.url().contains("error=access_denied"));
    house.ask("&response_mode=form_post");
    // A native client is nobody's in particular: what was allowed before is asked again (RFC 8252 section 8.6).
    browser.follow("allow");
    assert!(browser.shows("continue"), "without script, a button sends the answer on");
    browser.follow("continue");
    house.require_posted_answer();
    browser.go(&format!("{}/logout", house.issuer));
    browser.follow("logout");
    browser.picture("logged-out");
    browser.go(&format!("{}/account", house.issuer));
    assert!(browser.url().contains("/login"));
    house.require_content();
}

#[test]
fn an_answer_is_posted_to_the_client_by_itself_with_script() {
    let Some(house) = House::start(true) else { return };
    house.ask("&response_mode=form_post");
    house.sign_in(PASSWORD);
    house.browser.follow("allow");
    house.require_posted_answer();
    house.require_content();
}

#[test]
fn a_person_adds_a_passkey_and_signs_in_with_it() {
    let Some(house) = House::start(true) else { return };
    let browser = &house.browser;
    browser.plug_in_device();
    browser.go(&format!("{}/account", house.issuer));
    house.sign_in(PASSWORD);
    browser.wait("account page", |browser| browser.shows("register"));
    browser.fill("passkey-name", "Test device");
    browser.click("register");
    browser.wait("passkey", |browser| browser.has("notice") || browser.shows("passkey-failed"));
    assert!(browser.has("notice"), "{:#?}\n{}", browser.complaints(), browser.source());
    assert!(browser.source().contains("Test device"));
    browser.picture("account");
    browser.follow("logout-link");
    browser.follow("logout");
    house.ask("&acr_values=two");
    browser.wait("passkey button", |browser| browser.shows("passkey"));
    browser.picture("login-passkey");
    browser.click("passkey");
    browser.wait("consent", |browser| browser.has("allow") || browser.shows("passkey-failed"));
    assert!(browser.has("allow"), "{:#?}\n{}", browser.complaints(), browser.source());
    browser.follow("allow");
    house.require_code();
    house.require_content();
}
