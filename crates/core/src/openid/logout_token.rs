//! The logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4): tells a client that a person's session is
//! over. It has a type of its own and never a `nonce`, so that it can't pass for an ID token (section 2.4,
//! RFC 8725 section 3.11).

use alloc::string::String;
use core::time::Duration;

use serde_json::{Map, Value, json};

use crate::time::UnixTime;

/// `typ` of its header.
pub const LOGOUT_TOKEN_TYPE: &str = "logout+jwt";
/// The one member of `events`.
pub const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// How long it may be delivered; section 2.4 asks for two minutes at most.
pub const LOGOUT_TOKEN_LIFETIME: Duration = Duration::from_secs(120);

/// What is over: one session (`sid`) of one person (`sub`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedOut<'a> {
    /// The person, as the client knows it.
    pub subject: &'a str,
    /// The session, as it stands in the client's ID tokens.
    pub session_id: &'a str,
}

/// The claims of a logout token for `client_id`; `identifier` is random and becomes `jti`.
#[must_use]
pub fn claims(
    issuer: &str,
    client_id: &str,
    over: LoggedOut<'_>,
    identifier: &str,
    now: UnixTime,
) -> Map<String, Value> {
    let mut claims = Map::new();
    claims.insert("iss".into(), issuer.into());
    claims.insert("aud".into(), client_id.into());
    claims.insert("iat".into(), now.as_seconds().into());
    claims.insert("exp".into(), now.plus(LOGOUT_TOKEN_LIFETIME).as_seconds().into());
    claims.insert("jti".into(), identifier.into());
    claims.insert("sub".into(), over.subject.into());
    claims.insert("sid".into(), over.session_id.into());
    claims.insert("events".into(), json!({LOGOUT_EVENT: {}}));
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logout_token_has_the_members_of_its_kind_and_no_nonce() {
        let now = UnixTime::from_seconds(100);
        let session = LoggedOut { subject: "alice", session_id: "s" };
        let claims = claims("https://id.example", "c", session, "j", now);
        let expected = json!({
            "iss": "https://id.example", "aud": "c", "iat": 100, "exp": 220, "jti": "j", "sub": "alice",
            "sid": "s", "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        });
        assert_eq!(Value::Object(claims), expected);
    }
}
