//! A relying party: sends people to the issuer, redeems codes and judges what comes back.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Map, Value, json};
use url::Url;

use super::site::{CALLBACKS, Registered, Site};
use crate::answer::Answer;
use crate::browser::{Browser, Landing};
use crate::call::Call;
use crate::jwt::{self, Jwt};
use crate::key::{self, Key, base64url};

/// ID tokens of OpenID Connect clients.
const SIGNED_WITH: [&str; 2] = ["RS256", "ES256"];

/// How the party authenticates at the token endpoint.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Basic,
    Post,
    /// By the site's key, for the token endpoint.
    Jwt,
}

/// One request of a relying party.
pub(super) struct Party<'s> {
    pub(super) site: &'s Site,
    pub(super) client: &'s Registered,
    pub(super) by: By,
    pub(super) parameters: Vec<(String, String)>,
    /// Signs its assertions.
    pub(super) key: Arc<Key>,
}

/// What the token endpoint gave.
pub(super) struct Login {
    pub(super) body: Value,
    pub(super) claims: Value,
}

impl Login {
    pub(super) fn access_token(&self) -> &str {
        self.body["access_token"].as_str().unwrap()
    }

    pub(super) fn id_token(&self) -> &str {
        self.body["id_token"].as_str().unwrap()
    }
}

impl<'s> Party<'s> {
    pub(super) fn new(site: &'s Site) -> Self {
        Self::of(site, &site.basic, By::Basic, CALLBACKS)
    }

    pub(super) fn of(site: &'s Site, client: &'s Registered, by: By, redirect_uri: &str) -> Self {
        let party = Self { site, client, by, parameters: Vec::new(), key: Arc::clone(&site.key) };
        let party = if site.form_post { party.with("response_mode", "form_post") } else { party };
        party
            .with("client_id", client.client_id)
            .with("response_type", "code")
            .with("redirect_uri", redirect_uri)
            .with("scope", "openid")
            .with("state", &key::random(9))
            .with("nonce", &key::random(9))
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|(known, _)| known != name);
        self
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn url(&self) -> Url {
        Url::parse_with_params(&self.site.endpoint("authorization_endpoint"), &self.parameters).unwrap()
    }

    pub(super) async fn visit(&self, browser: &mut Browser) -> Landing {
        browser.visit(&self.url(), CALLBACKS).await
    }

    /// The members of a response at the client, with the right `state` and `iss`.
    #[track_caller]
    pub(super) fn response(&self, landing: &Landing) -> Map<String, Value> {
        let Landing::Callback { url, posted } = landing else { panic!("not at the client: {landing:?}") };
        assert_eq!(url.fragment(), None);
        assert_eq!(posted.is_some(), self.parameter("response_mode") == Some("form_post"), "{landing:?}");
        let pairs: Vec<(String, String)> = match posted {
            Some(fields) => fields.clone(),
            None => url.query_pairs().into_owned().collect(),
        };
        let response: Map<String, Value> =
            pairs.into_iter().map(|(name, value)| (name, value.into())).collect();
        assert_eq!(response.get("state").and_then(Value::as_str), self.parameter("state"), "{response:?}");
        assert_eq!(response["iss"], self.site.issuer);
        const KNOWN: [&str; 5] = ["code", "error", "error_description", "state", "iss"];
        let uri = Url::parse(self.parameter("redirect_uri").unwrap_or(CALLBACKS)).unwrap();
        let registered: Vec<String> = uri.query_pairs().map(|(name, _)| name.into_owned()).collect();
        let unexpected = |name: &&String| !KNOWN.contains(&name.as_str()) && !registered.contains(name);
        assert_eq!(response.keys().find(unexpected), None, "{response:?}");
        response
    }

    #[track_caller]
    pub(super) fn code(&self, landing: &Landing) -> String {
        let response = self.response(landing);
        response.get("code").unwrap_or_else(|| panic!("no code: {response:?}")).as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub(super) fn require_error(&self, landing: &Landing, codes: &[&str]) {
        let response = self.response(landing);
        let error =
            response.get("error").and_then(Value::as_str).unwrap_or_else(|| panic!("no error: {response:?}"));
        assert!(codes.contains(&error), "{response:?}");
    }

    pub(super) fn token_call(&self, grant_type: &str) -> Call {
        let url = self.site.endpoint("token_endpoint");
        let call = Call::new(&self.site.http, Method::POST, &url).with("grant_type", grant_type);
        match self.by {
            By::Post => {
                call.with("client_id", self.client.client_id).with("client_secret", &self.client.secret)
            }
            By::Jwt => {
                let now = jwt::now();
                let claims = json!({
                    "iss": self.client.client_id, "sub": self.client.client_id, "aud": url, "jti": key::random(16),
                    "iat": now, "exp": now + 60,
                });
                Call { assertion: Some(Jwt::new(&self.key, claims).header("alg", "RS256")), ..call }
            }
            By::Basic => {
                let encode =
                    |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let pair = format!("{}:{}", encode(self.client.client_id), encode(&self.client.secret));
                let pair = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pair);
                call.header("authorization", format!("Basic {pair}"))
            }
        }
    }

    pub(super) fn code_call(&self, code: &str) -> Call {
        let call = self.token_call("authorization_code").with("code", code);
        call.with("redirect_uri", self.parameter("redirect_uri").unwrap())
    }

    /// A browser with nobody in it signs in and comes back with tokens.
    pub(super) async fn sign_in(&self, browser: &mut Browser) -> Login {
        let landing = self.visit(browser).await;
        let answer = self.code_call(&self.code(&landing)).send().await;
        self.judge(&answer).await
    }

    /// Tokens whose ID token is sound (OIDC-2-01, OIDC-3.1.3-03).
    pub(super) async fn judge(&self, answer: &Answer) -> Login {
        let body = answer.require(200).require_no_store().json();
        assert!(body["token_type"].as_str().unwrap().eq_ignore_ascii_case("Bearer"), "{body}");
        let (header, claims) =
            jwt::verified(body["id_token"].as_str().unwrap(), &self.site.jwks().await, &SIGNED_WITH);
        assert_eq!(header["alg"], "RS256", "the default of OpenID Connect");
        assert_eq!(claims["iss"], self.site.issuer);
        assert_eq!(claims["aud"], self.client.client_id);
        assert_eq!(claims.get("nonce").and_then(Value::as_str), self.parameter("nonce"), "{claims}");
        assert!((jwt::now() - claims["iat"].as_i64().unwrap()).abs() < 300);
        assert!(claims["exp"].as_i64().unwrap() > jwt::now());
        let subject = claims["sub"].as_str().unwrap();
        assert!(!subject.is_empty() && subject.len() <= 255 && subject.is_ascii());
        self.require_no_claim_that_nobody_asked_for(&claims);
        if let Some(hash) = claims.get("at_hash") {
            let digest = key::sha256(body["access_token"].as_str().unwrap());
            assert_eq!(*hash, base64url(&digest[..16]));
        }
        Login { body, claims }
    }

    /// What is in `scope` alone goes to userinfo; `sid` is for clients with a back channel.
    #[track_caller]
    fn require_no_claim_that_nobody_asked_for(&self, claims: &Value) {
        const OWN: [&str; 11] =
            ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid"];
        if self.parameter("claims").is_none() {
            let names = claims.as_object().unwrap().keys();
            assert!(names.into_iter().all(|name| OWN.contains(&name.as_str())), "{claims}");
        }
    }

    pub(super) fn userinfo_call(&self, method: Method, access_token: &str) -> Call {
        let mut call = Call::new(&self.site.http, method, &self.site.endpoint("userinfo_endpoint"));
        call.token = Some(("Bearer".into(), access_token.into()));
        call
    }
}

impl Site {
    /// A browser that has never been here.
    pub(super) fn browser(&self) -> Browser {
        Browser::new(&self.http, &self.issuer, self.account())
    }
}
