//! One call to an endpoint, faultless as its maker wrote it and spoiled by a module before it is sent: form,
//! client assertion, request object, proof, certificate and token are apart until then. It follows no redirect
//! and repeats nothing but, once, a call whose proof lacked the server's nonce.

use std::sync::Arc;

use reqwest::{Client as Http, Method};

use super::answer::Answer;
use super::jwt::{self, Jwt};
use super::key::Key;
use super::support::watch::record::message;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A request in the making.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) form: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    /// The client assertion, sent as `client_assertion`.
    pub(crate) assertion: Option<Jwt>,
    /// The request object, sent as `request`.
    pub(crate) object: Option<Jwt>,
    pub(crate) proof: Option<Jwt>,
    /// The access token and its scheme.
    pub(crate) token: Option<(String, String)>,
    /// The connection: with the certificate, or without.
    pub(crate) http: Http,
}

impl Call {
    pub(crate) fn new(http: &Http, method: Method, url: &str) -> Self {
        Self {
            method,
            url: url.to_owned(),
            form: Vec::new(),
            headers: Vec::new(),
            assertion: None,
            object: None,
            proof: None,
            token: None,
            http: http.clone(),
        }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.form.push((name.to_owned(), value.into()));
        self
    }

    /// In place of what the field had.
    pub(crate) fn replacing(self, name: &str, value: impl Into<String>) -> Self {
        self.without(name).with(name, value)
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.form.retain(|(known, _)| known != name);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn proven_by(mut self, key: &Arc<Key>) -> Self {
        self.proof = Some(jwt::proof(key, self.method.as_str(), &self.url));
        self
    }

    pub(crate) fn unproven(mut self) -> Self {
        self.proof = None;
        self
    }

    pub(crate) fn over(mut self, http: &Http) -> Self {
        self.http = http.clone();
        self
    }

    pub(crate) fn unauthenticated(mut self) -> Self {
        self.assertion = None;
        self
    }

    /// Changes the assertion; a call without one is another variant's.
    pub(crate) fn assertion(mut self, change: impl FnOnce(Jwt) -> Jwt) -> Self {
        self.assertion = self.assertion.map(change);
        self
    }

    pub(crate) fn object(mut self, change: impl FnOnce(Jwt) -> Jwt) -> Self {
        self.object = self.object.map(change);
        self
    }

    pub(crate) fn proof(mut self, change: impl FnOnce(Jwt) -> Jwt) -> Self {
        self.proof = self.proof.map(change);
        self
    }

    /// Sends it, and once more with the nonce that the answer demands.
    pub(crate) async fn send(&self) -> Answer {
        self.clone().send_and_keep().await
    }

    /// The same; the call is afterwards the one that was sent last, so that sending it once more is a replay.
    pub(crate) async fn send_and_keep(&mut self) -> Answer {
        let answer = self.send_once().await.unwrap();
        if !answer.demands_nonce() || self.proof.is_none() {
            return answer;
        }
        let nonce = answer.nonce().unwrap_or_else(|| panic!("a demand without a nonce: {answer:?}"));
        self.renew_with(nonce);
        let mut answer = self.send_once().await.unwrap();
        assert!(!answer.demands_nonce(), "a nonce is demanded twice: {answer:?}");
        answer.after_nonce = true;
        answer
    }

    /// What a second try changes: the nonce, and the proof's identifier. The assertion stays, as the certifier's does:
    /// whoever demands a nonce has spent nothing.
    pub(crate) fn renew_with(&mut self, nonce: &str) {
        if let Some(proof) = &mut self.proof {
            proof.claims.insert("nonce".into(), nonce.into());
            proof.refresh();
        }
    }

    /// Sends it as it is; a connection that breaks is an answer for some modules.
    pub(crate) async fn send_once(&self) -> Result<Answer, reqwest::Error> {
        let mut request = self.http.request(self.method.clone(), &self.url);
        let mut form = self.form.clone();
        if let Some(object) = &self.object {
            form.push(("request".into(), object.text()));
        }
        if let Some(assertion) = &self.assertion {
            form.push(("client_assertion_type".into(), ASSERTION_TYPE.into()));
            form.push(("client_assertion".into(), assertion.text()));
        }
        for (name, value) in &form {
            message::parameter(name, value);
        }
        if self.method != Method::GET {
            request = request.form(&form);
        }
        if !self.headers.iter().any(|(name, _)| name == "accept") {
            request = request.header("accept", "application/json");
        }
        for (name, value) in &self.headers {
            message::header(name, value);
            request = request.header(name, value);
        }
        if let Some((scheme, token)) = &self.token {
            message::header("authorization", &format!("{scheme} {token}"));
            request = request.header("authorization", format!("{scheme} {token}"));
        }
        if let Some(proof) = &self.proof {
            let proof = proof.text();
            message::header("dpop", &proof);
            request = request.header("DPoP", proof);
        }
        let what = format!("{} {}", self.method, self.url);
        Ok(Answer::read(what, request.send().await?).await)
    }
}
