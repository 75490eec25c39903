//! What came back from a call, and what certification says about every answer: one nonce at most, JSON where
//! JSON is due, errors in the alphabet of RFC 6749. Warnings fail here like everything else.

use http::HeaderMap;
use serde_json::Value;

use super::support::watch::record::message;

/// One HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// What was called, for the messages.
    pub(crate) what: String,
    /// Whether the server demanded a nonce first.
    pub(crate) after_nonce: bool,
}

impl Answer {
    pub(crate) async fn read(what: String, response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.text().await.unwrap();
        message::headers(&headers);
        message::payload(body.as_bytes());
        let answer = Self { status, headers, body, what, after_nonce: false };
        answer.require_sound_nonce();
        answer
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The nonce that this answer brought (A23: one, not empty, printable, no quote, no backslash).
    pub(crate) fn nonce(&self) -> Option<&str> {
        self.header("dpop-nonce")
    }

    fn require_sound_nonce(&self) {
        let nonces: Vec<_> = self.headers.get_all("dpop-nonce").iter().collect();
        assert!(nonces.len() <= 1, "{}: {} DPoP-Nonce headers", self.what, nonces.len());
        for nonce in nonces {
            let bytes = nonce.as_bytes();
            let good = |byte: &u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
            assert!(!bytes.is_empty() && bytes.iter().all(good), "{}: an odd nonce", self.what);
        }
    }

    /// Whether it demands a nonce, at either kind of server.
    pub(crate) fn demands_nonce(&self) -> bool {
        if self.status == 400 {
            return serde_json::from_str::<Value>(&self.body)
                .is_ok_and(|body| body["error"] == "use_dpop_nonce");
        }
        let challenges = self.headers.get_all("www-authenticate");
        self.status == 401
            && challenges.iter().any(|value| value.to_str().unwrap().contains("use_dpop_nonce"))
    }

    /// The body, which must say that it is JSON and be an object.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let kind = self.header("content-type").unwrap_or_default();
        let media_type = kind.split(';').next().unwrap().trim();
        assert_eq!(media_type, "application/json", "{self:?}");
        let value: Value =
            serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        assert!(value.is_object(), "{self:?}");
        value
    }

    #[track_caller]
    pub(crate) fn require(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    #[track_caller]
    pub(crate) fn require_no_store(&self) -> &Self {
        let control = self.header("cache-control").unwrap_or_default();
        assert!(control.contains("no-store"), "{self:?}");
        self
    }

    /// An OAuth error with one of these codes: 400, or 401 with `invalid_client` alone.
    #[track_caller]
    pub(crate) fn require_error(&self, codes: &[&str]) -> &Self {
        let body = self.json();
        let error = body["error"].as_str().unwrap_or_else(|| panic!("no error: {self:?}"));
        require_error_text(error, "error");
        if let Some(description) = body.get("error_description") {
            require_error_text(description.as_str().unwrap(), "error_description");
        }
        if let Some(uri) = body.get("error_uri") {
            url::Url::parse(uri.as_str().unwrap()).unwrap();
        }
        assert!(codes.contains(&error), "{error} is none of {codes:?}: {self:?}");
        let tolerated = self.status == 400 || self.status == 401 && error == "invalid_client";
        assert!(tolerated, "{self:?}");
        assert!(body.get("access_token").is_none() && body.get("request_uri").is_none(), "{self:?}");
        self
    }

    /// The same, and 400 exactly: PAR, codes, refresh tokens.
    #[track_caller]
    pub(crate) fn require_bad_request(&self, codes: &[&str]) -> &Self {
        self.require(400).require_error(codes)
    }

    /// A refusal of a protected resource: 400 or 401 for a proof, any 4xx for a token.
    #[track_caller]
    pub(crate) fn require_status_of(&self, statuses: &[u16]) -> &Self {
        assert!(statuses.contains(&self.status), "{self:?}");
        self
    }
}

/// %x20-21 / %x23-5B / %x5D-7E (RFC 6749 section 5.2).
#[track_caller]
pub(crate) fn require_error_text(text: &str, what: &str) {
    let good = |c: char| matches!(c, '\x20'..='\x21' | '\x23'..='\x5b' | '\x5d'..='\x7e');
    assert!(!text.is_empty() && text.chars().all(good), "{what} has other characters: {text:?}");
}
