//! The certifier's side of one combination: two clients with their keys and certificates, and faultless calls
//! of every kind that modules spoil.

use std::sync::Arc;

use reqwest::{Client as Http, Method};
use serde_json::{Value, json};
use url::Url;

use super::browser::Browser;
use super::call::Call;
use super::flow::Flow;
use super::jwt::{self, Jwt};
use super::key::{self, Key, base64url, sha256};
use super::site::Site;
use super::variant::Variant;

/// One of the two clients.
pub(crate) struct Client {
    /// 1 or 2: they vary in what they send.
    pub(crate) number: usize,
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) scope: String,
    /// Signs assertions and request objects.
    pub(crate) key: Arc<Key>,
    /// Connections that show the client's certificate.
    pub(crate) certified: Http,
    /// The key of its proofs.
    pub(crate) proof_key: Arc<Key>,
}

/// One combination under test.
pub(crate) struct Suite {
    pub(crate) variant: Variant,
    pub(crate) site: Arc<Site>,
    pub(crate) first: Client,
    pub(crate) second: Client,
}

impl Suite {
    pub(crate) fn new(site: &Arc<Site>, variant: Variant) -> Self {
        let client = |number: usize| {
            let caller = &site.callers[number - 1];
            Client {
                number,
                client_id: Site::client_id(variant, number),
                redirect_uri: Site::redirect_uri(variant, number),
                scope: Site::scope(variant).to_owned(),
                key: Arc::clone(&caller.key),
                certified: caller.certified.clone(),
                proof_key: caller.key.another_like(),
            }
        };
        Self { variant, site: Arc::clone(site), first: client(1), second: client(2) }
    }

    /// Both, in the order of the happy flow.
    pub(crate) fn clients(&self) -> [&Client; 2] {
        [&self.first, &self.second]
    }

    /// A browser that has never been here.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(&self.site.plain, &self.site.issuer, self.site.account())
    }

    /// A browser in which the person has signed in before, for modules that aren't about that.
    pub(crate) async fn signed_in_browser(&self) -> Browser {
        let mut browser = self.browser();
        let cookies = self.site.session.get_or_init(|| async {
            let mut browser = self.browser();
            let flow = Flow::new(self, &self.first);
            let landing = flow.visit(&mut browser, &flow.push().await).await;
            flow.code_of(&landing);
            browser.cookies().to_vec()
        });
        browser.take_cookies(cookies.await.clone());
        browser
    }

    /// An endpoint by its metadata name, at the alias when this variant calls it with a certificate.
    pub(crate) fn endpoint(&self, name: &str) -> String {
        let mtls = match name {
            "pushed_authorization_request_endpoint" => !self.variant.private_key_jwt(),
            _ => !self.variant.private_key_jwt() || !self.variant.dpop(),
        };
        let metadata = &self.site.metadata;
        let found = if mtls { &metadata["mtls_endpoint_aliases"][name] } else { &metadata[name] };
        found.as_str().unwrap_or_else(|| panic!("no {name} in the metadata: {metadata}")).to_owned()
    }

    /// A call to an endpoint where `client` authenticates as this variant says.
    pub(crate) fn authenticated(&self, client: &Client, endpoint: &str) -> Call {
        let url = self.endpoint(endpoint);
        if self.variant.private_key_jwt() {
            let pushed = endpoint == "pushed_authorization_request_endpoint";
            let http = if self.variant.dpop() || pushed { &self.site.plain } else { &client.certified };
            let mut call = Call::new(http, Method::POST, &url);
            call.assertion = Some(self.assertion(client));
            return call;
        }
        Call::new(&client.certified, Method::POST, &url).with("client_id", &client.client_id)
    }

    /// The same, with a proof where tokens are bound by DPoP.
    pub(crate) fn token_call(&self, client: &Client) -> Call {
        let call = self.authenticated(client, "token_endpoint");
        if self.variant.dpop() { call.proven_by(&client.proof_key) } else { call }
    }

    pub(crate) fn client_credentials_call(&self, client: &Client) -> Call {
        self.token_call(client).with("grant_type", "client_credentials").with("scope", &client.scope)
    }

    pub(crate) fn assertion(&self, client: &Client) -> Jwt {
        let now = jwt::now();
        let claims = json!({
            "iss": client.client_id, "sub": client.client_id, "aud": self.site.issuer,
            "jti": key::random(16), "iat": now, "exp": now + 60,
        });
        Jwt::new(&client.key, claims)
    }

    /// GET at the resource with `token`, proven by `client` as this variant says.
    pub(crate) fn resource_call(&self, client: &Client, token: &str) -> Call {
        let http = if self.variant.dpop() { &self.site.plain } else { &client.certified };
        let mut call = Call::new(http, Method::GET, &self.site.resource);
        self.present(&mut call, &client.proof_key, token);
        call
    }

    /// Puts the token and, with DPoP, its proof on a call.
    pub(crate) fn present(&self, call: &mut Call, key: &Arc<Key>, token: &str) {
        let scheme = if self.variant.dpop() { "DPoP" } else { "Bearer" };
        call.token = Some((scheme.to_owned(), token.to_owned()));
        if self.variant.dpop() {
            let proof = jwt::proof(key, call.method.as_str(), &call.url);
            call.proof = Some(proof.claim("ath", base64url(sha256(token))));
        }
    }

    /// The URL of a browser's visit that carries `parameters`.
    pub(crate) fn authorization_url(&self, parameters: &[(String, String)]) -> Url {
        let endpoint = self.site.metadata["authorization_endpoint"].as_str().unwrap();
        Url::parse_with_params(endpoint, parameters).unwrap()
    }

    /// What the metadata lists under `name`.
    pub(crate) fn advertised(&self, name: &str) -> Vec<String> {
        let listed = self.site.metadata[name].as_array();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        listed.unwrap_or_else(|| panic!("no {name}")).iter().map(text).collect()
    }
}
