//! What `examples/certification/prepare.sh` writes, used as an operator would: its configurations run, and its JSON is
//! what the certifier knows. Every combination's happy flow is run with it, and its scripts drive the pages.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use reqwest::Client as Http;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use tokio::sync::OnceCell;
use url::Url;

use super::automation::{Automation, Visit};
use super::browser::{Browser, Decision};
use super::flow::Flow;
use super::key::Key;
use super::module::{self, happy};
use super::site::{Caller, Site, serve_resource};
use super::suite::{Client, Suite};
use super::support::process::{self, Process};
use super::support::{DEADLINE, Stage, free_port};
use super::variant::{ClientAuth, Profile, Sender, Variant};

const SUITE: &str = "https://suite.example";

/// What the script wrote.
struct Prepared {
    /// The suite's configurations by their files' names.
    configurations: BTreeMap<String, Value>,
    server: Arc<Process>,
    openid: Process,
    gateway: Option<Process>,
    stage: Arc<Stage>,
}

impl Prepared {
    async fn start() -> Self {
        let stage = Arc::new(Stage::logging("warn,bindery=info"));
        let directory = stage.path("run");
        let upstream = serve_resource().await;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/certification/prepare.sh");
        let binaries = Path::new(env!("CARGO_BIN_EXE_bindery")).parent().unwrap();
        let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command.arg(script).arg(&directory).env_clear().env("PATH", path);
        command.env("SUITE", SUITE).env("ALIAS", "ours").env("UPSTREAM", format!("http://{upstream}"));
        for name in ["FAPI_PORT", "MTLS_PORT", "OPENID_PORT", "RESOURCE_PORT"] {
            command.env(name, free_port().to_string());
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // Here one name signs in several times a second, which the suite does not.
        let file = Path::new(&directory).join("fapi2.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replacen("[server]", "[server]\nlimits = { enabled = false }", 1))
            .unwrap();
        let spawn = |arguments: &[&str]| {
            let mut command = process::command(arguments, "warn,bindery=info");
            command.current_dir(&directory);
            Process::spawn(command, arguments, &stage.watch)
        };
        let server = spawn(&["server", "--config", "fapi2.toml"]);
        let openid = spawn(&["server", "--config", "openid.toml"]);
        server.listening(2);
        openid.listening(1);
        let gateway = spawn(&["gateway", "--config", "gateway.toml"]);
        gateway.listening(1);
        let mut configurations = BTreeMap::new();
        for entry in std::fs::read_dir(Path::new(&directory).join("suite")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            configurations.insert(name, value);
        }
        let (server, gateway) = (Arc::new(server), Some(gateway));
        Self { configurations, server, openid, gateway, stage }
    }

    /// HTTP/1.1 without redirects that trusts the run's authority and shows this certificate.
    fn http(&self, identity: Option<&Value>) -> Http {
        let pem = std::fs::read(self.stage.path("run/ca.pem")).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
        let builder = rustls::ClientConfig::builder_with_provider(bindery_http::tls::provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let tls = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let text = |name: &str| identity[name].as_str().unwrap().as_bytes();
                let chain = vec![CertificateDer::from_pem_slice(text("cert")).unwrap()];
                builder
                    .with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(text("key")).unwrap())
                    .unwrap()
            }
        };
        let builder = Http::builder().tls_backend_preconfigured(tls).http1_only();
        builder.no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(DEADLINE).build().unwrap()
    }

    /// The certifier with this configuration, for this combination.
    async fn suite(&self, config: &Value, variant: Variant) -> Suite {
        let plain = self.http(None);
        let get = async |url: &str| -> Value { plain.get(url).send().await.unwrap().json().await.unwrap() };
        let metadata = get(config["server"]["discoveryUrl"].as_str().unwrap()).await;
        let jwks = get(metadata["jwks_uri"].as_str().unwrap()).await;
        let alias = config["alias"].as_str().unwrap();
        let callbacks = format!("{SUITE}/test/a/{alias}/callback");
        let client = |number: usize, name: &str, mtls: &str, query: &str| {
            let keys = config[name]["jwks"]["keys"].as_array().unwrap();
            assert_eq!(keys.len(), 1, "one signing key for each client");
            let key = Key::of_jwk(&keys[0]);
            assert_eq!(config[name]["dpop_signing_alg"], key.alg);
            Client {
                number,
                client_id: config[name]["client_id"].as_str().unwrap().to_owned(),
                redirect_uri: format!("{callbacks}{query}"),
                scope: config[name]["scope"].as_str().unwrap().to_owned(),
                certified: self.http(config.get(mtls)),
                proof_key: key.another_like(),
                key,
            }
        };
        let (first, second) =
            (client(1, "client", "mtls", ""), client(2, "client2", "mtls2", "?dummy1=lorem&dummy2=ipsum"));
        let site = Arc::new(Site {
            issuer: metadata["issuer"].as_str().unwrap().to_owned(),
            resource: config["resource"]["resourceUrl"].as_str().unwrap().to_owned(),
            callbacks,
            metadata,
            jwks,
            plain,
            callers: Arc::new([&first, &second].map(|client| Caller::of(&client.key, &client.certified))),
            account: account(config),
            session: OnceCell::new(),
            neighbour: String::new(),
            server: Arc::clone(&self.server),
            gateway: None,
            stage: Arc::clone(&self.stage),
        });
        Suite { variant, site, first, second }
    }
}

/// Who the scripts sign in.
fn account(config: &Value) -> (String, String) {
    let tasks = config["browser"][0]["tasks"].as_array().unwrap();
    let commands = tasks.iter().flat_map(|task| task["commands"].as_array().unwrap());
    let typed = |id: &str| {
        let command = commands.clone().find(|command| command[0] == "text" && command[2] == id);
        command.unwrap()[3].as_str().unwrap().to_owned()
    };
    (typed("username"), typed("password"))
}

/// The combinations that one file is for.
fn combinations(name: &str) -> Vec<Variant> {
    let words: Vec<&str> = name.split('-').collect();
    let [_, auth, bound, requests, flow] = words[..] else { panic!("{name}") };
    let variant = Variant {
        client_auth: if auth == "jwt" { ClientAuth::PrivateKeyJwt } else { ClientAuth::Mtls },
        sender: if bound == "dpop" { Sender::Dpop } else { Sender::Mtls },
        openid: flow == "openid",
        signed_requests: requests == "signed",
        jarm: false,
        profile: Profile::PlainFapi,
    };
    let mut all = vec![variant, Variant { jarm: true, ..variant }];
    if !variant.openid && !variant.signed_requests {
        all.push(Variant { profile: Profile::ClientCredentials, ..variant });
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_script_prepares_is_certified() {
    let prepared = Prepared::start().await;
    let fapi: Vec<&String> =
        prepared.configurations.keys().filter(|name| name.starts_with("fapi2-")).collect();
    assert_eq!(fapi.len(), 16);
    for name in fapi {
        for variant in combinations(name) {
            let suite = prepared.suite(&prepared.configurations[name], variant).await;
            happy::happy_flow(&suite).await;
            if variant.signed_requests {
                module::require_plain_push_refused(&suite).await;
            }
        }
    }
    scripts_do_what_modules_need(&prepared).await;
    scripts_of_openid_connect(&prepared).await;
    drop(prepared.gateway);
}

async fn scripts_do_what_modules_need(prepared: &Prepared) {
    let config = &prepared.configurations["fapi2-jwt-dpop-unsigned-openid"];
    let variant = combinations("fapi2-jwt-dpop-unsigned-openid")[0];
    let suite = prepared.suite(config, variant).await;
    let flow = Flow::new(&suite, &suite.first);
    let prefix = "fapi2-security-profile-final-";
    let run = async |module: &str, visits: usize| -> Vec<Visit> {
        let mut automation = Automation::of(config, &format!("{prefix}{module}"));
        let url = flow.visit_url(&flow.push().await);
        let mut browser = suite.browser();
        let mut all = Vec::new();
        for _ in 0..visits {
            all.push(automation.visit(&mut browser, &url).await);
        }
        all
    };
    let done = run("happy-flow", 1).await;
    assert_eq!(done[0].tasks, ["Sign in", "Back at the client"], "consent was given before");
    assert!(done[0].at.query_pairs().any(|(name, _)| name == "code"), "{done:?}");
    let done = run("user-rejects-authentication", 1).await;
    assert!(
        done[0].at.query_pairs().any(|(name, value)| name == "error" && value == "access_denied"),
        "{done:?}"
    );
    let done = run("par-ensure-reused-request-uri-prior-to-auth-completion-succeeds", 2).await;
    assert!(done[0].tasks.is_empty() && done[1].at.as_str().starts_with(&suite.site.callbacks), "{done:?}");
    let done = run("par-attempt-reuse-request_uri", 2).await;
    let refused =
        done[1].at.query_pairs().any(|(name, value)| name == "error" && value == "invalid_request_uri");
    assert!(refused || done[1].shown, "{done:?}");
    // An error that nobody can be told of.
    let url = flow.visit_url("urn:ietf:params:oauth:request_uri:made-up");
    let shown = Automation::of(config, "").visit(&mut suite.browser(), &url).await;
    assert_eq!(shown.tasks, ["Error page"]);
    assert!(shown.shown);
}

async fn scripts_of_openid_connect(prepared: &Prepared) {
    let dynamic = &prepared.configurations["openid-dynamic"];
    let config = &prepared.configurations["openid"];
    assert_eq!(dynamic["browser"], config["browser"]);
    let http = prepared.http(None);
    let url = config["server"]["discoveryUrl"].as_str().unwrap();
    let metadata: Value = http.get(url).send().await.unwrap().json().await.unwrap();
    let issuer = metadata["issuer"].as_str().unwrap();
    let (username, password) = account(config);
    let callback = format!("{SUITE}/test/a/{}/callback", config["alias"].as_str().unwrap());
    let ask = |more: &[(&str, &str)]| {
        let client_id = config["client"]["client_id"].as_str().unwrap();
        let base = [
            ("client_id", client_id),
            ("response_type", "code"),
            ("redirect_uri", &callback),
            ("scope", "openid"),
        ];
        let all = base.into_iter().chain(more.iter().copied());
        Url::parse_with_params(metadata["authorization_endpoint"].as_str().unwrap(), all).unwrap()
    };
    let mut browser = Browser::new(&http, issuer, (&username, &password));
    browser.decision = Decision::Leave;
    let mut automation = Automation::of(config, "oidcc-prompt-login");
    let first = automation.visit(&mut browser, &ask(&[])).await;
    assert_eq!(first.tasks, ["Sign in", "Consent", "Back at the client"]);
    let second = automation.visit(&mut browser, &ask(&[("prompt", "login"), ("login_hint", "buffy")])).await;
    assert_eq!(second.tasks, ["Sign in", "Back at the client"]);
    assert!(second.shown, "the second login is on the record");
    // The secret is the one that is registered.
    let code = second.at.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", &callback)];
    let endpoint = metadata["token_endpoint"].as_str().unwrap();
    let [id, secret] = ["client_id", "client_secret"].map(|name| config["client"][name].as_str().unwrap());
    let answer = http.post(endpoint).basic_auth(id, Some(secret)).form(&form).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let tokens: Value = answer.json().await.unwrap();
    let end = metadata["end_session_endpoint"].as_str().unwrap();
    let after = callback.replace("/callback", "/post_logout_redirect");
    let hint = tokens["id_token"].as_str().unwrap();
    let forged = format!("{}.AAAA", hint.rsplit_once('.').unwrap().0);
    let parameters: [&[(&str, &str)]; 4] = [
        &[("id_token_hint", &forged), ("post_logout_redirect_uri", &after)],
        &[("id_token_hint", hint), ("post_logout_redirect_uri", "https://evil.example/")],
        &[("post_logout_redirect_uri", &after)],
        &[],
    ];
    for parameters in parameters {
        let url = Url::parse_with_params(end, parameters).unwrap();
        let visit = Automation::of(config, "").visit(&mut browser, &url).await;
        assert!(visit.shown && visit.at.as_str().starts_with(issuer), "{visit:?}");
    }
    automation.visit(&mut browser, &ask(&[])).await;
    let url =
        Url::parse_with_params(end, [("id_token_hint", hint), ("post_logout_redirect_uri", &after)]).unwrap();
    let visit = Automation::of(config, "").visit(&mut browser, &url).await;
    assert!(visit.at.as_str().starts_with(&after) || visit.shown, "{visit:?}");
    let _ = prepared.openid.stderr;
}
