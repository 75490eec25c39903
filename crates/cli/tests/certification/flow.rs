//! One authorization from PAR to the resource, faultless in every step and judged in every step as the happy
//! flow is (A3 to A5, A26). A module changes the parameters or a single call and judges what then comes.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use url::Url;

use super::answer::Answer;
use super::browser::{Browser, Landing};
use super::call::Call;
use super::entropy;
use super::jwt::{self, Jwt, PERMITTED};
use super::key::{self, Key, base64url, sha256};
use super::suite::{Client, Suite};

/// An authorization in the making.
pub(crate) struct Flow<'s> {
    pub(crate) suite: &'s Suite,
    pub(crate) client: &'s Client,
    /// What is asked for: the form or the claims of the request object.
    pub(crate) parameters: Map<String, Value>,
    pub(crate) verifier: String,
    /// The key of its proofs.
    pub(crate) proof_key: Arc<Key>,
    /// What is sent at the authorization endpoint beside `client_id` and `request_uri`.
    pub(crate) outside: Vec<(String, String)>,
}

/// What the token endpoint gave.
pub(crate) struct Tokens {
    pub(crate) access_token: String,
    pub(crate) refresh_token: Option<String>,
    pub(crate) id_token: Option<Value>,
    pub(crate) body: Value,
}

impl<'s> Flow<'s> {
    pub(crate) fn new(suite: &'s Suite, client: &'s Client) -> Self {
        let verifier = key::random(32);
        let mut flow = Self {
            suite,
            client,
            parameters: Map::new(),
            proof_key: Arc::clone(&client.proof_key),
            outside: Vec::new(),
            verifier,
        };
        let challenge = base64url(sha256(&flow.verifier));
        flow.set("response_type", "code");
        flow.set("client_id", client.client_id.as_str());
        flow.set("redirect_uri", client.redirect_uri.as_str());
        flow.set("scope", client.scope.as_str());
        flow.set("state", format!("{}-._~", key::random(12)));
        flow.set("code_challenge", challenge);
        flow.set("code_challenge_method", "S256");
        if suite.variant.openid {
            let nonce = if client.number == 1 {
                format!("{}-._~", key::random(9))
            } else {
                key::random(33)[..43].into()
            };
            flow.set("nonce", nonce);
        }
        if suite.variant.jarm {
            flow.set("response_mode", "jwt");
        }
        if client.number == 2 && suite.variant.dpop() {
            flow.set("dpop_jkt", flow.proof_key.thumbprint());
        }
        // Repeated in the query, where they must be ignored; client 2 sends nothing but what is needed.
        if client.number == 1 {
            for name in ["response_type", "scope", "redirect_uri"] {
                flow.outside.push((name.into(), flow.text(name).unwrap()));
            }
        }
        flow
    }

    pub(crate) fn set(&mut self, name: &str, value: impl Into<Value>) -> &mut Self {
        self.parameters.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn remove(&mut self, name: &str) -> &mut Self {
        self.parameters.remove(name);
        self
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.parameters.get(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }

    /// The request object (A25): client 1's has no `typ` and no `iat`, client 2's has both.
    pub(crate) fn object(&self) -> Jwt {
        let now = jwt::now();
        let mut object = Jwt::new(&self.client.key, Value::Object(self.parameters.clone()))
            .claim("iss", self.client.client_id.as_str())
            .claim("aud", self.suite.site.issuer.as_str())
            .claim("nbf", now)
            .claim("exp", now + 300);
        if self.client.number == 2 {
            object = object.claim("iat", now).header("typ", "oauth-authz-req+jwt");
        }
        object
    }

    /// The pushed request.
    pub(crate) fn push_call(&self) -> Call {
        let call = self.suite.authenticated(self.client, "pushed_authorization_request_endpoint");
        if self.suite.variant.signed_requests {
            let mut call = call;
            call.object = Some(self.object());
            return call;
        }
        let names = self.parameters.keys().filter(|name| !call.form.iter().any(|(known, _)| known == *name));
        let mut names: Vec<String> = names.cloned().collect();
        if self.client.number == 2 {
            names.reverse();
        }
        names.iter().fold(call, |call, name| call.with(name, self.text(name).unwrap()))
    }

    pub(crate) async fn push(&self) -> String {
        pushed(&self.push_call().send().await)
    }

    /// What the browser is sent to.
    pub(crate) fn visit_url(&self, request_uri: &str) -> Url {
        let mut parameters = vec![
            ("client_id".to_owned(), self.client.client_id.clone()),
            ("request_uri".to_owned(), request_uri.to_owned()),
        ];
        parameters.extend(self.outside.iter().cloned());
        if self.client.number == 2 {
            parameters.sort_by(|left, right| right.cmp(left));
        }
        self.suite.authorization_url(&parameters)
    }

    /// Opens a pushed request in `browser`.
    pub(crate) async fn visit(&self, browser: &mut Browser, request_uri: &str) -> Landing {
        browser.visit(&self.visit_url(request_uri), &self.suite.site.callbacks).await
    }

    /// PAR, pages, and the judged response's code.
    pub(crate) async fn code(&self) -> String {
        let request_uri = self.push().await;
        let mut browser = self.suite.signed_in_browser().await;
        let landing = self.visit(&mut browser, &request_uri).await;
        self.code_of(&landing)
    }

    /// The code of a faultless response (A4, A26).
    #[track_caller]
    pub(crate) fn code_of(&self, landing: &Landing) -> String {
        let response = self.response_of(landing);
        let known = ["code", "state", "iss"];
        let allowed = |(name, _): &(&String, &Value)| {
            known.contains(&name.as_str())
                || self.suite.variant.jarm && ["aud", "exp", "iat"].contains(&name.as_str())
        };
        assert!(response.iter().all(|member| allowed(&member)), "more than asked for: {response:?}");
        let code =
            response.get("code").and_then(Value::as_str).unwrap_or_else(|| panic!("no code: {response:?}"));
        assert!(code.len() >= 16);
        entropy::require("the code", code);
        code.to_owned()
    }

    /// The error of a refusal at the client's redirect URI (A7).
    #[track_caller]
    pub(crate) fn error_of(&self, landing: &Landing, codes: &[&str]) {
        let response = self.response_of(landing);
        let known = ["error", "error_description", "error_uri", "state", "iss", "aud", "exp", "iat"];
        assert!(response.keys().all(|name| known.contains(&name.as_str())), "{response:?}");
        let error = response["error"].as_str().unwrap_or_else(|| panic!("no error: {response:?}"));
        assert!(codes.contains(&error), "{response:?}");
        if let Some(description) = response.get("error_description") {
            super::answer::require_error_text(description.as_str().unwrap(), "error_description");
        }
    }

    /// The members of the authorization response: from the query or from the JWT in it, with the right `state`
    /// and `iss`, and nothing else beside the redirect URI's own query.
    #[track_caller]
    pub(crate) fn response_of(&self, landing: &Landing) -> Map<String, Value> {
        let Landing::Callback { url, posted } = landing else { panic!("not at the client: {landing:?}") };
        let expected = Url::parse(&self.client.redirect_uri).unwrap();
        assert_eq!(url.path(), expected.path());
        let mut query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        for own in expected.query_pairs().into_owned() {
            let at = query.iter().position(|pair| *pair == own);
            query.remove(at.unwrap_or_else(|| panic!("{own:?} did not survive: {url}")));
        }
        let fragment =
            url.fragment().map(|text| form_urlencoded::parse(text.as_bytes()).into_owned().collect());
        // Where it was asked for, and nowhere else.
        let mode = self.text("response_mode").unwrap_or_default();
        let pairs: Vec<(String, String)> = match (mode.as_str(), fragment, posted) {
            ("fragment.jwt", Some(pairs), None) if query.is_empty() => pairs,
            ("form_post.jwt", None, Some(pairs)) if query.is_empty() => pairs.clone(),
            ("" | "jwt" | "query.jwt", None, None) => query,
            _ => panic!("not as {mode:?} asks: {landing:?}"),
        };
        let mut response = Map::new();
        for (name, value) in pairs {
            assert!(response.insert(name.clone(), value.into()).is_none(), "{name} twice: {url}");
        }
        if self.suite.variant.jarm {
            assert_eq!(response.keys().collect::<Vec<_>>(), ["response"], "nothing but the JWT: {url}");
            response = self.unsealed(response["response"].as_str().unwrap());
        }
        assert_eq!(response["iss"], self.suite.site.issuer, "{response:?}");
        assert_eq!(response.get("state"), self.parameters.get("state"), "{response:?}");
        response
    }

    /// A26.
    fn unsealed(&self, response: &str) -> Map<String, Value> {
        let (header, claims) = jwt::verified(response, &self.suite.site.jwks, &PERMITTED);
        let listed = self.suite.advertised("authorization_signing_alg_values_supported");
        assert!(listed.iter().any(|alg| *alg == header["alg"]), "{header}");
        assert_eq!(claims["aud"], self.client.client_id, "{claims}");
        let life = claims["exp"].as_i64().unwrap() - jwt::now();
        assert!((10..=600).contains(&life), "the response lives {life} s");
        claims.as_object().unwrap().clone()
    }

    /// The faultless token request.
    pub(crate) fn token_call(&self, code: &str) -> Call {
        let call = self.suite.authenticated(self.client, "token_endpoint");
        let call = if self.suite.variant.dpop() { call.proven_by(&self.proof_key) } else { call };
        call.with("grant_type", "authorization_code")
            .with("code", code)
            .with("redirect_uri", &self.client.redirect_uri)
            .with("code_verifier", &self.verifier)
    }

    pub(crate) async fn redeem(&self, code: &str) -> Tokens {
        let answer = self.token_call(code).send().await;
        self.tokens(&answer)
    }

    /// PAR to token.
    pub(crate) async fn run(&self) -> Tokens {
        let code = self.code().await;
        self.redeem(&code).await
    }

    /// GET at the resource with this flow's key.
    pub(crate) fn resource_call(&self, token: &str) -> Call {
        let mut call = self.suite.resource_call(self.client, token);
        self.suite.present(&mut call, &self.proof_key, token);
        call
    }

    /// A5.
    #[track_caller]
    pub(crate) fn tokens(&self, answer: &Answer) -> Tokens {
        let tokens = tokens(self.suite, answer);
        if !self.suite.variant.openid {
            return tokens;
        }
        let claims = tokens.id_token.as_ref().unwrap();
        assert_eq!(claims.get("nonce"), self.parameters.get("nonce"), "{claims}");
        assert_eq!(claims["aud"], self.client.client_id, "{claims}");
        tokens
    }
}

/// The request URI of a faultless PAR answer (A3).
#[track_caller]
pub(crate) fn pushed(answer: &Answer) -> String {
    let body = answer.require(201).require_no_store().json();
    let request_uri = body["request_uri"].as_str().unwrap().to_owned();
    Url::parse(&request_uri).unwrap();
    entropy::require_of_request_uri(&request_uri);
    let life = body["expires_in"].as_i64().unwrap();
    assert!((5..600).contains(&life), "expires_in {life}");
    request_uri
}

/// A faultless token response, without what the authorization asked for.
#[track_caller]
pub(crate) fn tokens(suite: &Suite, answer: &Answer) -> Tokens {
    let body = answer.require(200).require_no_store().json();
    let kind = body["token_type"].as_str().unwrap();
    assert!(kind.eq_ignore_ascii_case(if suite.variant.dpop() { "DPoP" } else { "Bearer" }), "{kind}");
    let life = body["expires_in"].as_i64().unwrap_or_else(|| panic!("expires_in is no number"));
    assert!((1..=365 * 86_400).contains(&life), "expires_in {life}");
    let access_token = body["access_token"].as_str().unwrap().to_owned();
    entropy::require_token("the access token", &access_token);
    let refresh_token = body.get("refresh_token").map(|token| token.as_str().unwrap().to_owned());
    if let Some(token) = &refresh_token {
        entropy::require_token("the refresh token", token);
        assert!(suite.variant.interactive(), "client credentials bring no refresh token");
    }
    let known = ["access_token", "token_type", "expires_in", "refresh_token", "scope", "id_token"];
    let members = body.as_object().unwrap();
    assert!(members.keys().all(|name| known.contains(&name.as_str())), "{:?}", members.keys());
    let id_token =
        members.get("id_token").map(|token| id_token(suite, token.as_str().unwrap(), &access_token));
    assert_eq!(id_token.is_some(), suite.variant.openid, "an ID token is for OpenID Connect");
    Tokens { access_token, refresh_token, id_token, body }
}

/// A24: tokens from a refresh; an ID token among them is about the same person and login.
#[track_caller]
pub(crate) fn refreshed(suite: &Suite, answer: &Answer, before: &Tokens) -> Tokens {
    let body = answer.require(200).require_no_store().json();
    let kind = body["token_type"].as_str().unwrap();
    assert!(kind.eq_ignore_ascii_case(if suite.variant.dpop() { "DPoP" } else { "Bearer" }), "{kind}");
    assert!(body["expires_in"].as_i64().unwrap() > 0);
    let access_token = body["access_token"].as_str().unwrap().to_owned();
    entropy::require_token("the access token", &access_token);
    assert_ne!(access_token, before.access_token);
    let refresh_token = body.get("refresh_token").map(|token| token.as_str().unwrap().to_owned());
    let id_token = body.get("id_token").map(|token| id_token(suite, token.as_str().unwrap(), &access_token));
    if let (Some(after), Some(before)) = (&id_token, &before.id_token) {
        for name in ["iss", "sub", "aud", "auth_time"] {
            assert_eq!(after.get(name), before.get(name), "{name}");
        }
        assert!(after["iat"].as_i64() >= before["iat"].as_i64());
    }
    Tokens { access_token, refresh_token, id_token, body }
}

#[track_caller]
fn id_token(suite: &Suite, text: &str, access_token: &str) -> Value {
    let (header, claims) = jwt::verified(text, &suite.site.jwks, &PERMITTED);
    assert_eq!(claims["iss"], suite.site.issuer);
    let (iat, exp) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    assert!((jwt::now() - iat).abs() < 300 && exp > jwt::now(), "{claims}");
    let subject = claims["sub"].as_str().unwrap();
    assert!(!subject.is_empty() && subject.len() <= 255 && subject.is_ascii(), "{claims}");
    if let Some(hash) = claims.get("at_hash") {
        let digest = if header["alg"] == "EdDSA" { key::sha512(access_token) } else { sha256(access_token) };
        assert_eq!(*hash, json!(base64url(&digest[..digest.len() / 2])));
    }
    let known = ["iss", "sub", "aud", "exp", "iat", "nonce", "auth_time", "acr", "amr", "azp", "at_hash"];
    assert!(
        claims.as_object().unwrap().keys().all(|name| known.contains(&name.as_str())),
        "not asked for: {claims}"
    );
    claims
}
