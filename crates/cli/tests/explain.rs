//! `bindery explain`, the command: golden output at a fixed time, every hint by the mistake that it names, wrong
//! inputs with their exit status, and that no whole token, proof, signature or private key is ever printed.

#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test a panic is the verdict")]

#[path = "explain/fixture.rs"]
mod fixture;
#[path = "redaction/record.rs"]
#[expect(dead_code, reason = "a process is recorded here, and what it was given")]
mod record;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use bindery_core::encoding::base64url;
use fixture::{NOW, URL, with};
use serde_json::{Value, json};

/// What one run gave.
struct Outcome {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Outcome {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }

    fn reason(&self) -> Option<String> {
        self.json()["reason"].as_str().map(Into::into)
    }

    fn hint(&self, name: &str) -> String {
        let json = self.json();
        let hints = json["hints"].as_array().unwrap();
        let found = hints.iter().find(|hint| hint["name"] == name);
        found.unwrap_or_else(|| panic!("no hint {name}: {json:#}"))["text"].as_str().unwrap().into()
    }

    fn has_hint(&self, name: &str) -> bool {
        self.json()["hints"].as_array().unwrap().iter().any(|hint| hint["name"] == name)
    }

    fn verdict(&self, rule: &str) -> String {
        let json = self.json();
        let findings = json["findings"].as_array().unwrap();
        let found = findings.iter().find(|finding| finding["rule"] == rule);
        found.unwrap_or_else(|| panic!("no rule {rule}: {json:#}"))["verdict"].as_str().unwrap().into()
    }
}

fn run(arguments: &[&str], stdin: &[u8]) -> Outcome {
    let mut child = Command::new(env!("CARGO_BIN_EXE_bindery"))
        .arg("explain")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments does not read, and then the pipe is closed.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    let output = child.wait_with_output().unwrap();
    for word in arguments.iter().flat_map(|argument| argument.split_whitespace()) {
        if word.split('.').count() == 3 && word.len() > 100 {
            record::secret("a token or proof", word);
        }
    }
    for key in [fixture::CLIENT_KEY, fixture::ISSUER_KEY] {
        record::secret("a private key", key);
    }
    record::process(&output.stderr);
    Outcome {
        status: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn at_now(arguments: &[&str]) -> Outcome {
    run(&[&["--now", &NOW.to_string(), "--json"], arguments].concat(), b"")
}

fn file(directory: &tempfile::TempDir, name: &str, contents: impl AsRef<[u8]>) -> String {
    let path = directory.path().join(name);
    std::fs::write(&path, contents).unwrap();
    path.to_str().unwrap().into()
}

fn explain_proof(header: &Value, claims: &Value) -> Outcome {
    let header = with(fixture::proof_header(), header);
    let claims = with(fixture::proof_claims(&fixture::token()), claims);
    let proof = fixture::sign(&fixture::client_key(), &header, &claims);
    at_now(&[&proof, "--method", "GET", "--url", URL, "--access-token", &fixture::token()])
}

fn explain_token(header: &Value, claims: &Value) -> Outcome {
    let header = with(fixture::token_header(), header);
    let claims = with(fixture::token_claims(), claims);
    at_now(&[&fixture::sign(&fixture::issuer_key(), &header, &claims)])
}

fn explain_request(authorization: &str, proofs: &[&str]) -> Outcome {
    let authorization = format!("Authorization: {authorization}");
    let proofs: Vec<_> = proofs.iter().map(|proof| format!("DPoP: {proof}")).collect();
    let mut arguments = vec!["--method", "GET", "--url", URL, "-H", &authorization];
    for proof in &proofs {
        arguments.extend(["-H", proof]);
    }
    at_now(&arguments)
}

/// Everything given: keys, issuer, audience.
fn whole_request(extra: &[&str], proof: &str) -> Outcome {
    let directory = tempfile::tempdir().unwrap();
    let jwks = file(&directory, "jwks.json", fixture::jwks().to_string());
    let [authorization, proof] =
        [format!("Authorization: DPoP {}", fixture::token()), format!("DPoP: {proof}")];
    let now = NOW.to_string();
    let mut arguments =
        vec!["--now", &now, "--method", "GET", "--url", URL, "-H", &authorization, "-H", &proof];
    arguments.extend(["--jwks", &jwks, "--issuer", fixture::ISSUER, "--audience", fixture::AUDIENCE]);
    arguments.extend(extra);
    run(&arguments, b"")
}

#[test]
fn golden_request_that_holds() {
    let outcome = whole_request(&[], &fixture::proof(&fixture::token()));
    assert_eq!(outcome.status, 0, "{}", outcome.stderr);
    insta::assert_snapshot!(outcome.stdout);
}

#[test]
fn golden_request_with_an_old_proof_for_the_internal_url() {
    let token = fixture::token();
    let claims = json!({"htu": "https://10.0.0.7:8443/orders/7", "iat": NOW - 312});
    let claims = with(fixture::proof_claims(&token), &claims);
    let proof = fixture::sign(&fixture::client_key(), &fixture::proof_header(), &claims);
    let outcome = whole_request(&[], &proof);
    assert_eq!(outcome.status, 1, "{}", outcome.stderr);
    insta::assert_snapshot!(outcome.stdout);
}

#[test]
fn golden_token_alone_and_as_json() {
    let token = fixture::token();
    let outcome = run(&[&token, "--now", "2027-01-15T08:00:00Z"], b"");
    assert_eq!(outcome.status, 0, "{}", outcome.stderr);
    insta::assert_snapshot!("token_text", outcome.stdout);
    let outcome = at_now(&[&token]);
    insta::assert_snapshot!("token_json", outcome.stdout);
}

#[test]
fn golden_private_key_warning_comes_first_and_the_key_is_not_shown() {
    let mut jwk = fixture::client_key().public_key().to_jwk();
    jwk.insert("d".into(), "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A".into());
    let header = with(fixture::proof_header(), &json!({"jwk": jwk}));
    let proof = fixture::sign(&fixture::client_key(), &header, &fixture::proof_claims("t"));
    let outcome = run(&[&proof, "--now", &NOW.to_string()], b"");
    assert_eq!(outcome.status, 1);
    assert!(!outcome.stdout.contains("nWGxne"), "{}", outcome.stdout);
    insta::assert_snapshot!(outcome.stdout);
}

#[test]
fn no_whole_token_proof_or_signature_is_printed() {
    let token = fixture::token();
    let proof = fixture::proof(&token);
    for json in [true, false] {
        let extra: &[&str] = if json { &["--json"] } else { &[] };
        let outcome = whole_request(extra, &proof);
        for secret in [&token, &proof] {
            let printed = format!("{}{}", outcome.stdout, outcome.stderr);
            assert!(!printed.contains(secret.as_str()));
            assert!(!printed.contains(secret.rsplit('.').next().unwrap()), "the signature is printed");
            assert!(!printed.contains(&secret[..40]), "more than an excerpt is printed");
        }
    }
}

#[test]
fn hints_about_proof_claims() {
    let htu = |htu: &str| explain_proof(&json!({}), &json!({ "htu": htu }));
    let outcome = htu("https://api.example.com/orders/7?page=2");
    assert_eq!((outcome.status, outcome.has_hint("query_in_htu")), (0, true));
    assert!(htu("http://api.example.com/orders/7").has_hint("htu_http"));
    assert!(htu("https://orders.internal:8443/orders/7").hint("htu_behind_proxy").contains("public_urls"));
    assert!(htu("https://api.example.com/v1/orders/7").hint("path_prefix").contains("/v1"));
    for (htu_claim, difference) in [
        ("https://api.example.com/orders/7/", "trailing slash"),
        ("https://api.example.com/Orders/7", "upper and lower case"),
        ("https://api.example.com/orders%2F7", "percent-encoding"),
        ("https://api.example.com//orders/7", "doubled slashes"),
        ("https://api.example.com:8443/orders/7", "the port differs (8443, not 443)"),
        ("https://api.example.org/orders/7", "the host differs"),
        ("https://api.example.com/orders/8", "the path differs"),
    ] {
        let outcome = htu(htu_claim);
        assert_eq!(outcome.reason().as_deref(), Some("proof_target"), "{htu_claim}");
        assert!(outcome.stdout.contains(difference), "{htu_claim}: {}", outcome.stdout);
    }
    let claims = |claims: Value| explain_proof(&json!({}), &claims);
    assert!(claims(json!({"htm": "get"})).has_hint("htm_case"));
    assert!(claims(json!({"iat": NOW * 1000})).has_hint("milliseconds"));
    assert!(claims(json!({"iat": NOW.to_string()})).has_hint("text_time"));
    assert!(claims(json!({"htu": null, "url": URL})).has_hint("htu_name"));
    assert!(claims(json!({"iat": NOW - 312})).hint("clock_skew").contains("312 s behind"));
    assert!(claims(json!({"iat": NOW + 100})).hint("clock_skew").contains("100 s ahead"));
    assert!(claims(json!({"iat": NOW + 7_201})).has_hint("time_zone"));
    assert!(claims(json!({"iat": NOW - 100, "nonce": "abc"})).has_hint("nonce_counts"));
}

#[test]
fn hints_about_ath() {
    let token = fixture::token();
    let digest = base64url::decode(&fixture::hash(&token)).unwrap();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let ath = |ath: Value| explain_proof(&json!({}), &json!({ "ath": ath }));
    for (value, hint, says) in [
        (json!(hex), "ath_encoding", "hex"),
        (json!(hex.to_uppercase()), "ath_encoding", "hex"),
        (json!(format!("{}=", fixture::hash(&token))), "ath_encoding", "padded"),
        (json!(base64url::encode(&hex)), "ath_encoding", "hex text"),
        (json!(fixture::hash(&format!("DPoP {token}"))), "ath_with_scheme", "scheme"),
        (json!(fixture::hash("another token")), "ath_other_token", "another token"),
        (json!(null), "ath_missing", "no ath"),
    ] {
        let outcome = ath(value);
        assert_eq!(outcome.status, 1);
        let text = outcome.hint(hint);
        assert!(text.contains(says), "{text}");
        assert!(hint == "ath_missing" || text.contains(&fixture::hash(&token)), "{text}");
    }
    let outcome = ath(json!(token));
    outcome.hint("ath_is_token");
    assert!(!outcome.stdout.contains(&token), "the claim that is a token is printed whole");
}

#[test]
fn hints_about_proof_headers_and_signatures() {
    let header = |header: Value| explain_proof(&header, &json!({}));
    assert!(header(json!({"jwk": null, "kid": "k1"})).has_hint("kid_only"));
    assert!(header(json!({"typ": "JWT"})).has_hint("library_typ"));
    assert!(header(json!({"typ": "at+jwt"})).has_hint("token_as_proof"));
    assert!(header(json!({"alg": "HS256"})).has_hint("symmetric"));
    assert!(header(json!({"alg": "none"})).has_hint("unsigned"));
    assert!(header(json!({"alg": "RS256"})).stdout.contains("accepted are ES256 EdDSA PS256 ES384"));

    let es256 =
        bindery_crypto::SigningKey::generate(bindery_core::jose::algorithm::SignatureAlgorithm::Es256);
    let key = es256.unwrap();
    let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": key.public_key().to_jwk()});
    let proof = fixture::sign(&key, &header, &fixture::proof_claims("t"));
    let (input, signature) = proof.rsplit_once('.').unwrap();
    let raw = base64url::decode(signature).unwrap();
    let integer = |bytes: &[u8]| [&[2, 33, 0][..], bytes].concat();
    let der = [&[0x30, 70][..], &integer(&raw[..32]), &integer(&raw[32..])].concat();
    let outcome = at_now(&[&format!("{input}.{}", base64url::encode(der))]);
    assert_eq!(outcome.reason().as_deref(), Some("proof_signature"));
    assert!(outcome.hint("der_signature").contains("r || s, 64 bytes"));

    let outcome = at_now(&[&format!("{proof}==")]);
    assert_eq!(outcome.reason().as_deref(), Some("proof_malformed"));
    assert!(outcome.has_hint("padded"));
    let outcome = at_now(&[&format!("{input}.+/{}", &signature[2..])]);
    assert!(outcome.has_hint("standard_base64"));
}

#[test]
fn hints_about_tokens() {
    let token = fixture::token();
    for (text, hint) in [
        (format!("Bearer {token}"), "scheme_prefix"),
        (format!("Authorization: DPoP {token}"), "scheme_prefix"),
        (token.replace('.', "%2E"), "url_encoded"),
        (format!("\"{token}\""), "quoted"),
    ] {
        let outcome = at_now(&[&text]);
        assert_eq!(outcome.status, 0, "what was pasted with it is taken off: {}", outcome.stdout);
        assert!(outcome.has_hint(hint), "{hint}: {}", outcome.stdout);
    }
    assert!(at_now(&["eyJlbmMiOiJBMjU2R0NNIn0.a.b.c.d"]).has_hint("jwe"));
    assert!(at_now(&["8xLOxBtZp8"]).has_hint("opaque"));
    assert!(at_now(&["Kz~8mXK1.4Ljp~zsPE_NeO.gxU"]).has_hint("dotted_opaque"));
    let claims = json!({"scope": null, "cnf": null, "nonce": "n", "auth_time": NOW});
    let id_token = explain_token(&json!({"typ": "JWT"}), &claims);
    assert_eq!((id_token.status, id_token.has_hint("id_token")), (1, true));
    assert!(explain_token(&json!({"typ": "JWT"}), &json!({})).has_hint("plain_jwt_token"));
    assert!(explain_token(&json!({"typ": "logout+jwt"}), &json!({"events": {}})).has_hint("event_token"));
    assert!(explain_token(&json!({}), &json!({"cnf": null})).has_hint("unbound"));
}

#[test]
fn hints_about_cnf() {
    let right = fixture::client_key().thumbprint();
    let hex: String = right.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let separated: Vec<_> = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap()).collect();
    let standard = format!("{}=", right.to_string().replace('-', "+").replace('_', "/"));
    for (cnf, says) in [
        (json!({"jkt": hex}), "hex"),
        (json!({"x5t#S256": hex}), "hex"),
        (json!({"x5t#S256": separated.join(":").to_uppercase()}), "openssl"),
        (json!({"x5t#S256": standard}), "base64"),
        (json!({"jkt": format!("{right}=")}), "base64url"),
    ] {
        let outcome = explain_token(&json!({}), &json!({ "cnf": cnf }));
        assert_eq!(outcome.reason().as_deref(), Some("confirmation_unenforceable"));
        let text = outcome.hint("thumbprint_encoding");
        assert!(text.contains(says) && text.contains(&right.to_string()), "{text}");
    }
    for (name, says) in
        [("x5t", "SHA-1"), ("kid", "RFC 7800"), ("jwk", "thumbprint"), ("tbh", "Token Binding")]
    {
        let outcome = explain_token(&json!({}), &json!({"cnf": {name: "x"}}));
        assert_eq!(outcome.status, 1);
        assert!(outcome.hint("cnf_member").contains(says));
    }
}

#[test]
fn hints_about_requests() {
    let token = fixture::token();
    let proof = fixture::proof(&token);
    let outcome = explain_request(&format!("Bearer {token}"), &[&proof]);
    assert_eq!(outcome.reason().as_deref(), Some("bound_token_as_bearer"));
    assert!(outcome.has_hint("token_as_bearer"));
    let outcome = explain_request(&format!("DPoP {token}"), &[&proof, &proof]);
    assert_eq!(outcome.reason().as_deref(), Some("proof_duplicate"));
    assert!(outcome.has_hint("two_proofs"));
    assert!(
        explain_request(&format!("DPoP {token}"), &[&format!("{proof}, {proof}")]).has_hint("two_proofs")
    );
    assert!(explain_request("DPoP [REDACTED]", &[&proof]).has_hint("redacted"));
    let claims = json!({"cnf": {"jkt": fixture::hash("another key")}});
    let other = fixture::sign(
        &fixture::issuer_key(),
        &fixture::token_header(),
        &with(fixture::token_claims(), &claims),
    );
    let outcome = explain_request(&format!("DPoP {other}"), &[&fixture::proof(&other)]);
    assert_eq!(outcome.reason().as_deref(), Some("proof_key_mismatch"));
    assert!(outcome.has_hint("key_mismatch"));
    assert!(explain_request("Basic YTpi", &[&proof]).has_hint("token_request"));
    let url = format!("{URL}?access_token={token}");
    let outcome = at_now(&["--url", &url]);
    assert_eq!(outcome.reason().as_deref(), Some("token_in_query"));
    assert!(outcome.has_hint("token_in_query") && !outcome.stdout.contains(&token));
}

/// The certificate of RFC 8705 appendix A.
fn published_certificate() -> (String, String) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/rfc8705_certificate.json");
    let vector: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let text = |name: &str| vector[name].as_str().unwrap().to_owned();
    (text("certificate_pem"), text("x5t_s256"))
}

#[test]
fn a_certificate_is_read_and_held_against_the_token() {
    let directory = tempfile::tempdir().unwrap();
    let (pem, x5t) = published_certificate();
    let path = file(&directory, "client.pem", &pem);
    let token = |cnf: &str| {
        let claims = with(fixture::token_claims(), &json!({"cnf": {"x5t#S256": cnf}}));
        fixture::sign(&fixture::issuer_key(), &fixture::token_header(), &claims)
    };
    let outcome = at_now(&[&token(&x5t), "--certificate", &path]);
    assert_eq!((outcome.status, outcome.verdict("RFC 8705 §3")), (0, "holds".into()), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("CN=mtls") && outcome.stdout.contains("2022-05-02T12:37:09Z"));
    assert!(outcome.has_hint("certificate_not_valid_now"));
    let outcome = at_now(&[&token(&fixture::hash("other")), "--certificate", &path]);
    assert_eq!(outcome.reason().as_deref(), Some("certificate_mismatch"));
    let outcome = at_now(&[&token(&fixture::hash(&pem)), "--certificate", &path]);
    assert!(outcome.hint("pem_hash").contains(&x5t));
    assert_eq!(at_now(&[&token(&x5t)]).verdict("RFC 8705 §3"), "not_checked");

    let bound = token(&x5t);
    let authorization = format!("Authorization: DPoP {bound}");
    let dpop = format!("DPoP: {}", fixture::proof(&bound));
    let outcome = at_now(&["--url", URL, "-H", &authorization, "-H", &dpop, "--certificate", &path]);
    assert_eq!(outcome.reason().as_deref(), Some("unbound_token_as_dpop"));
    assert!(outcome.has_hint("certificate_token_as_dpop"));
    let outcome =
        at_now(&["--url", URL, "-H", &format!("Authorization: Bearer {bound}"), "--certificate", &path]);
    assert_eq!(outcome.status, 0, "{}", outcome.stdout);
}

#[test]
fn a_request_head_is_read_with_either_line_end_and_with_the_marks_of_curl() {
    let token = fixture::token();
    let proof = fixture::proof(&token);
    let head = format!(
        "GET /orders/7 HTTP/1.1\nHost: api.example.com\nauthorization: DPoP {token}\nDpop: {proof}\n\n"
    );
    let curl: String = head.trim_end().lines().map(|line| format!("> {line}\n")).collect();
    let curl = format!(
        "* Connected\n> GET /other HTTP/1.1\n> Host: x.example\n>\n< HTTP/1.1 401\n{curl}> \n{{ [5 bytes data]\n< HTTP/1.1 200 OK\n< Date: Fri, 15 Jan 2027 08:00:01 GMT\n"
    );
    let directory = tempfile::tempdir().unwrap();
    for (index, text) in [head.clone(), head.replace('\n', "\r\n"), curl.clone(), curl.replace('\n', "\r\n")]
        .iter()
        .enumerate()
    {
        let path = file(&directory, &index.to_string(), text);
        let outcome = at_now(&["--request", &path]);
        assert_eq!(outcome.status, 0, "{index}: {}{}", outcome.stdout, outcome.stderr);
        assert_eq!(outcome.verdict("RFC 9449 §4.3 step 9"), "holds");
        assert_eq!(outcome.has_hint("several_requests"), index > 1);
        assert!(outcome.has_hint("host_taken"));
        // The same on stdin is recognised, and the answer's Date stands for the time of arrival.
        let outcome = run(&["-", "--json", "--public-url", "https://api.example.com"], text.as_bytes());
        if index > 1 {
            assert_eq!((outcome.status, outcome.json()["now"].as_i64()), (0, Some(NOW + 1)));
        } else {
            assert!(outcome.has_hint("captured_earlier"));
        }
        assert!(!outcome.has_hint("host_taken"));
    }
}

#[test]
fn a_demanded_nonce_that_is_there_is_left_to_its_server() {
    let verdict = |claims: Value| {
        let claims = with(fixture::proof_claims("t"), &claims);
        let proof = fixture::sign(&fixture::client_key(), &fixture::proof_header(), &claims);
        let outcome = at_now(&[&proof, "--nonce-required"]);
        (outcome.reason(), outcome.verdict("RFC 9449 §4.3 step 10"))
    };
    assert_eq!(verdict(json!({"nonce": "n"})), (None, "not_checked".into()));
    assert_eq!(verdict(json!({})), (Some("nonce_missing".into()), "fails".into()));
}

#[test]
fn public_urls_stand_for_the_path_with_and_without_their_prefix() {
    let token = fixture::token();
    let claims =
        with(fixture::proof_claims(&token), &json!({"htu": "https://www.example.com/shop/orders/7"}));
    let proof = format!("DPoP: {}", fixture::sign(&fixture::client_key(), &fixture::proof_header(), &claims));
    let authorization = format!("Authorization: DPoP {token}");
    for url in ["https://10.0.0.7/orders/7", "https://www.example.com/shop/orders/7"] {
        let outcome = at_now(&[
            "--url",
            url,
            "-H",
            &authorization,
            "-H",
            &proof,
            "--public-url",
            "https://www.example.com/shop",
        ]);
        assert_eq!(outcome.status, 0, "{url}: {}", outcome.stdout);
    }
}

#[test]
fn wrong_inputs_end_with_status_2_and_say_why() {
    let directory = tempfile::tempdir().unwrap();
    let binary = file(&directory, "binary", [0xff, 0xfe, 0, 1]);
    let empty = file(&directory, "empty", "");
    let large = file(&directory, "large", "x".repeat(1024 * 1024 + 1));
    let headless = file(&directory, "headless", "Authorization: DPoP secret-token\n");
    let nonsense = file(&directory, "nonsense", "GET / HTTP/1.1\nHost: x\nsecret line\n");
    let no_host = file(&directory, "no_host", "GET / HTTP/1.1\nAccept: */*\n");
    let token = fixture::token();
    for (arguments, says) in [
        (vec![], "nothing to explain"),
        (vec![""], "empty"),
        (vec!["not a token"], "neither a token nor a proof"),
        (vec!["{\"access_token\":1}"], "JSON"),
        (vec!["--", "-----BEGIN CERTIFICATE-----"], "PEM"),
        (vec![empty.as_str()], "is a file"),
        (vec!["--request", "/does/not/exist"], "can't be opened"),
        (vec!["--request", &binary], "is not text"),
        (vec!["--request", &empty], "empty"),
        (vec!["--request", &large], "more than"),
        (vec!["--request", &headless], "not a request line"),
        (vec!["--request", &nonsense], "no header"),
        (vec!["--request", &no_host], "Host"),
        (vec!["-H", "DPoP: x"], "--url"),
        (vec!["--url", "orders/7"], "not absolute"),
        (vec!["--url", "http://api.example.com/x"], "--public-url"),
        (vec![&token, "--now", "yesterday"], "--now yesterday"),
        (vec![&token, "--jwks", &binary], "--jwks"),
        (vec![&token, "--certificate", &empty], "--certificate"),
        (vec![&token, "--public-url", "ftp://x"], "--public-url ftp://x"),
        (vec![&token, "--proof-algorithms", "HS256"], "HS256"),
    ] {
        let outcome = run(&arguments, b"");
        assert_eq!(outcome.status, 2, "{arguments:?}: {}", outcome.stdout);
        assert!(outcome.stderr.contains(says), "{arguments:?}: {}", outcome.stderr);
        assert!(outcome.stdout.is_empty(), "stdout is data");
        assert!(!outcome.stderr.contains("secret"), "{}", outcome.stderr);
    }
}

#[test]
fn terminal_controls_in_claims_and_headers_are_escaped() {
    let outcome = explain_token(
        &json!({"kid": "\u{1b}[31m"}),
        &json!({"sub": "\u{202e}evil\u{7}", "iss": "\u{9b}31m"}),
    );
    assert!(!outcome.stdout.contains(['\u{1b}', '\u{202e}', '\u{7}', '\u{9b}']), "{}", outcome.stdout);
}
