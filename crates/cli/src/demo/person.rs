//! Alice at her browser: she signs in and allows what the shop asks, at the authorization server's own pages
//! (authorization code flow with PKCE and a pushed request that names the key, RFC 9449 section 10). She reads the
//! pages as a browser without script does, and follows redirects up to the shop's own address, never beyond it.

use anyhow::{Context as _, bail, ensure};
use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::base64url;
use bindery_crypto::{AwsLc, SigningKey, random_token};
use cookie::{Cookie, CookieJar};
use html5gum::{Token, Tokenizer};
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use url::Url;

use super::forgery::Forgery;
use super::stage::{ALICE, CALLBACK, SCOPE, Stage};

/// The pages between an authorization request and its answer are never more than this.
const PAGES: usize = 8;

/// What came back to the shop, and what it keeps for redeeming it.
pub(crate) struct AuthorizationCode {
    pub(crate) code: String,
    pub(crate) verifier: String,
}

/// A person, and the cookies of the browser.
pub(crate) struct Person {
    http: reqwest::Client,
    cookies: CookieJar,
}

impl Person {
    pub(crate) fn new(stage: &Stage) -> anyhow::Result<Self> {
        Ok(Self { http: stage.http_client()?, cookies: CookieJar::new() })
    }

    /// The shop asks for a code that only `key` can redeem, and she allows it.
    pub(crate) async fn allow(
        &mut self,
        stage: &Stage,
        key: &SigningKey,
    ) -> anyhow::Result<AuthorizationCode> {
        let (verifier, state) = (random_token()?, random_token()?);
        let challenge = base64url::encode(AwsLc.sha256(&[verifier.as_bytes()]));
        let thumbprint = key.thumbprint().to_string();
        let request = [
            ("client_id", "shop"),
            ("response_type", "code"),
            ("redirect_uri", CALLBACK),
            ("scope", SCOPE),
            ("state", &state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("dpop_jkt", &thumbprint),
        ];
        let pushed = self.http.post(format!("{}/par", stage.issuer)).form(&request);
        let pushed: Value = pushed.send().await?.json().await?;
        let request_uri = text(&pushed, "request_uri").context("the request was not taken")?;
        let query = [("client_id", "shop"), ("request_uri", request_uri.as_str())];
        let url = Url::parse_with_params(&format!("{}/authorize", stage.issuer), query)?;
        let landed = self.answer_pages(stage, url).await?;
        let parameter = |name: &str| {
            landed.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
        };
        ensure!(parameter("state").as_deref() == Some(&state), "another state came back");
        ensure!(parameter("iss").as_deref() == Some(&stage.issuer), "another issuer answered (RFC 9207)");
        Ok(AuthorizationCode { code: parameter("code").context("no code came back")?, verifier })
    }

    /// From page to page, until the answer stands in the shop's own address.
    async fn answer_pages(&mut self, stage: &Stage, start: Url) -> anyhow::Result<Url> {
        let mut at = start;
        let mut answer = self.send(self.http.get(at.clone())).await?;
        for _ in 0..PAGES {
            if let Some(location) = answer.headers().get("location") {
                at = at.join(location.to_str()?)?;
                if at.as_str().starts_with(CALLBACK) {
                    return Ok(at);
                }
                answer = self.send(self.http.get(at.clone())).await?;
                continue;
            }
            let page = answer.text().await?;
            let form = ["login", "allow"].into_iter().find_map(|button| submission(&page, button));
            let Some(mut form) = form else { bail!("a page that asks nothing known:\n{page}") };
            form.push(("username".into(), ALICE.0.into()));
            form.push(("password".into(), ALICE.1.into()));
            at.set_query(None);
            // A browser says where a form came from.
            let post = self.http.post(at.clone()).header("origin", &stage.issuer).form(&form);
            answer = self.send(post).await?;
        }
        bail!("the pages lead nowhere")
    }

    /// Sends a request with the browser's cookies and keeps those that come back.
    async fn send(&mut self, mut request: RequestBuilder) -> anyhow::Result<Response> {
        for cookie in self.cookies.iter() {
            request = request.header("cookie", cookie.stripped().to_string());
        }
        let answer = request.send().await?;
        for value in answer.headers().get_all("set-cookie") {
            self.cookies.add(Cookie::parse(value.to_str()?.to_owned())?);
        }
        Ok(answer)
    }
}

/// The shop redeems a code, with a proof by `key`. Gives the refresh token; the access token beside it is not used.
pub(crate) async fn redeem(
    stage: &Stage,
    http: &reqwest::Client,
    code: &AuthorizationCode,
    key: &SigningKey,
) -> anyhow::Result<String> {
    let url = stage.token_endpoint();
    let nonce = stage.authorization_server_nonce(http).await?;
    let proof = Forgery::at_token_endpoint(key, &url, nonce.as_deref(), stage.now())?.sign()?;
    let request = http.post(url).form(&redemption(&code.code, &code.verifier)).header("dpop", proof);
    let answer: Value = request.send().await?.json().await?;
    text(&answer, "refresh_token").with_context(|| format!("the code was not taken: {}", answer["error"]))
}

/// The form with which a code of the shop's is redeemed.
pub(crate) fn redemption<'a>(code: &'a str, verifier: &'a str) -> [(&'static str, &'a str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("client_id", "shop"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", verifier),
    ]
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned)
}

/// What a click on the button with this id sends, beside what is typed; `None` without that button.
fn submission(page: &str, button: &str) -> Option<Vec<(String, String)>> {
    let mut fields = Vec::new();
    for token in Tokenizer::new(page).flatten() {
        let Token::StartTag(tag) = token else { continue };
        let attribute = |name: &str| {
            let found = tag.attributes.iter().find(|(found, _)| found.as_slice() == name.as_bytes());
            found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        };
        let field = || Some((attribute("name")?, attribute("value")?));
        match tag.name.as_slice() {
            b"form" => fields.clear(),
            b"input" if attribute("type").as_deref() == Some("hidden") => fields.extend(field()),
            b"button" if attribute("id").as_deref() == Some(button) => {
                fields.extend(field());
                return Some(fields);
            }
            _ => {}
        }
    }
    None
}
