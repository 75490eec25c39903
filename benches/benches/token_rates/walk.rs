//! The code flow of somebody who has signed in once: a pushed request, the authorization endpoint with the session's
//! cookie, the code for tokens. Three requests; consent is implied by the registration.

use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::base64url;
use bindery_crypto::AwsLc;

use crate::estate::{CALLBACK, Estate, PASSWORD};
use crate::prepared::{assertion, post, token_proof};
use crate::wire::{Answer, Wire};

const VERIFIER: &str = "a-code-verifier-of-sufficient-length-0123456789";

/// A walk whose signatures are made.
pub(crate) struct Walk {
    push: Vec<u8>,
    cookie: String,
    /// The token request but for its code.
    headers: String,
    form: String,
}

impl Walk {
    pub(crate) fn prepare(estate: &Estate, cookie: &str) -> Self {
        Self {
            push: push(estate),
            cookie: cookie.to_owned(),
            headers: token_proof(estate),
            form: format!(
                "grant_type=authorization_code&redirect_uri={CALLBACK}&code_verifier={VERIFIER}{}",
                assertion(estate, "web")
            ),
        }
    }

    /// From the push to the tokens.
    pub(crate) async fn take(self, wire: &mut Wire) -> Answer {
        let pushed = wire.ask(&self.push).await;
        assert_eq!(pushed.status, 201, "{}", String::from_utf8_lossy(&pushed.body));
        let answer = wire.ask(&authorize(&pushed, &self.cookie)).await;
        let location = answer.headers("location").next().unwrap_or_default();
        let code = location.split_once("code=").unwrap_or_else(|| unreachable!("{}", answer.head)).1;
        let code = code.split('&').next().unwrap();
        let tokens = wire.ask(&post("/token", &self.headers, &format!("{}&code={code}", self.form))).await;
        assert_eq!(tokens.status, 200, "{}", String::from_utf8_lossy(&tokens.body));
        tokens
    }
}

fn push(estate: &Estate) -> Vec<u8> {
    let challenge = base64url::encode(AwsLc.sha256(&[VERIFIER.as_bytes()]));
    let form = format!(
        "response_type=code&redirect_uri={CALLBACK}&scope=orders.read&state=s&code_challenge={challenge}\
         &code_challenge_method=S256{}",
        assertion(estate, "web")
    );
    post("/par", "", &form)
}

fn authorize(pushed: &Answer, cookie: &str) -> Vec<u8> {
    let request_uri = pushed.text("request_uri");
    get(&format!("/authorize?client_id=web&request_uri={request_uri}"), cookie)
}

fn get(path: &str, cookie: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\ncookie: {cookie}\r\n\r\n").into_bytes()
}

/// Signs in through the pages; the cookies of whoever has.
pub(crate) async fn sign_in(estate: &Estate, wire: &mut Wire) -> String {
    let mut cookies: Vec<(String, String)> = Vec::new();
    let mut keep = |answer: &Answer| {
        for cookie in answer.headers("set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            cookies.retain(|(kept, _)| kept != name);
            cookies.push((name.to_owned(), value.to_owned()));
        }
        let pairs: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    };
    let pushed = wire.ask(&push(estate)).await;
    let answer = wire.ask(&authorize(&pushed, "")).await;
    let cookie = keep(&answer);
    let login = answer.headers("location").next().unwrap().trim_start_matches(&estate.issuer).to_owned();
    let page = wire.ask(&get(&login, &cookie)).await;
    let cookie = keep(&page);
    let html = String::from_utf8(page.body.clone()).unwrap();
    let field = |name: &str| {
        let (_, rest) = html.split_once(&format!("name=\"{name}\" value=\"")).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let form = format!(
        "interaction={}&form_token={}&username=alice&password={}&action=login",
        field("interaction"),
        field("form_token"),
        PASSWORD.replace(' ', "+")
    );
    let headers = format!("cookie: {cookie}\r\norigin: {}\r\n", estate.issuer);
    let answer = wire.ask(&post("/login", &headers, &form)).await;
    assert_eq!(answer.status, 303, "{}", String::from_utf8_lossy(&answer.body));
    keep(&answer)
}
