//! ID tokens (OpenID Connect Core sections 2 and 3.1.3.6): who signed in, when, how, for this client alone. Signed
//! always, with the algorithm that the client registered; encrypted where it asked for that. A hint that comes
//! back is read here too: the signature counts, its age does not.

use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::{base64url, json};
use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_core::jose::jws::{CompactJws, UnverifiedHeader};
use bindery_core::oauth::client_metadata::ClientMetadata;
use bindery_core::oauth::client_openid::SubjectType;
use bindery_core::oauth::token_error::TokenError;
use bindery_core::time::UnixTime;
use bindery_crypto::AwsLc;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::encryption::{JWT, encrypt_for_client};
use crate::event::AuditEvent;
use crate::grant::{Granted, OpenIdGrant};
use crate::person_claims;
use crate::server::Server;
use crate::subject;

/// The largest hint that is read, in bytes.
const MAXIMUM_HINT: usize = 16 * 1024;

/// Issues the ID token that goes with `access_token`; none where the client's must say when the person signed in and
/// nobody knows, as of a grant that an operator gave (`require_auth_time`).
///
/// # Errors
/// [`TokenError::Unavailable`] when it can't be signed or encrypted; nothing is then answered at all.
pub(crate) async fn issue(
    server: &Server,
    client: &ClientMetadata,
    granted: &Granted,
    openid: &OpenIdGrant,
    access_token: &str,
    now: UnixTime,
) -> Result<Option<Zeroizing<String>>, TokenError> {
    let algorithm = server.id_token_algorithm(client);
    let details = &granted.details;
    if client.authorization.require_auth_time && details.auth_time.is_none() {
        return Ok(None);
    }
    let mut claims = Map::new();
    let mut put = |name: &str, value: Value| claims.insert(name.into(), value);
    put("iss", server.settings.issuer.clone().into());
    put("sub", subject::for_client(server, client, &granted.subject).into());
    put("aud", client.client_id.clone().into());
    put("iat", now.as_seconds().into());
    put("exp", now.plus(server.settings.id_token_lifetime).as_seconds().into());
    if let Some(auth_time) = details.auth_time {
        put("auth_time", auth_time.into());
    }
    if let Some(nonce) = &openid.nonce {
        put("nonce", nonce.clone().into());
    }
    if let Some(acr) = &details.acr {
        put("acr", acr.clone().into());
    }
    if !details.amr.is_empty() {
        put("amr", details.amr.clone().into());
    }
    if let Some(session_id) = openid.session_id.as_ref().filter(|_| acts_on_sessions(client)) {
        let sid = subject::session_for_client(server, client, session_id);
        put("sid", sid.map_err(|_| TokenError::Unavailable)?.into());
    }
    if let Some(half) = half_hash(algorithm, access_token) {
        put("at_hash", half.into());
    }
    // What the request asked to have in the ID token; what is in `scope` alone goes to userinfo
    // (OpenID Connect Core section 5.4).
    let asked = person_claims::for_id_token(server, &granted.subject, details).await?;
    for (name, value) in asked {
        claims.entry(name).or_insert(value);
    }
    let signed = server.signing_keys.current().sign_as(Some(algorithm), None, &claims);
    let signed = signed.map_err(|_| {
        AuditEvent::SigningFailed {}.trace();
        TokenError::Unavailable
    })?;
    let Some(encryption) = client.openid.id_token_encryption else { return Ok(Some(Zeroizing::new(signed))) };
    let encrypted = encrypt_for_client(server, client, &signed, encryption, Some(JWT), now).await;
    encrypted.map(|token| Some(Zeroizing::new(token))).map_err(|_| TokenError::Unavailable)
}

/// Whether the client has a use for `sid`: it takes part in signing out, or names a person to us by an ID token whose
/// `sub` leads to nobody (CIBA Core section 7.1). To the others it says nothing that they asked for, and FAPI's
/// certification warns of it.
fn acts_on_sessions(client: &ClientMetadata) -> bool {
    let openid = &client.openid;
    let signs_out = openid.backchannel_logout_uri.is_some() || !openid.post_logout_redirect_uris.is_empty();
    signs_out || (client.backchannel.is_some() && openid.subject_type == SubjectType::Pairwise)
}

/// `at_hash`: the left half of the hash that belongs to the signature's algorithm (section 3.1.3.6). It is
/// optional here, and left out where that hash is not SHA-256.
fn half_hash(algorithm: SignatureAlgorithm, token: &str) -> Option<String> {
    use SignatureAlgorithm::{Es256, Ps256, Rs256};
    let fits = matches!(algorithm, Es256 | Ps256 | Rs256);
    fits.then(|| base64url::encode(&AwsLc.sha256(&[token.as_bytes()])[..16]))
}

/// What an ID token of ours says that comes back as a hint; expired ones count (RP-Initiated Logout section 4,
/// OpenID Connect Core section 3.1.2.1).
pub(crate) struct Hint {
    /// The token's `sub`, as its client knows the person.
    pub(crate) subject: String,
    /// The token's `sid`, as its client knows the session.
    pub(crate) session_id: Option<String>,
    /// The token's `aud`.
    pub(crate) client_id: String,
}

/// Reads a hint. Encrypted ones are not read: we hold no key for them.
pub(crate) fn read_hint(server: &Server, text: &str) -> Option<Hint> {
    let jws = CompactJws::split(text, MAXIMUM_HINT).ok()?;
    let header = UnverifiedHeader::read(&jws).ok()?;
    // Only what is an ID token: an access token or a logout token says its type (RFC 8725 section 3.11).
    if header.typ.as_deref().is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
        return None;
    }
    let algorithm = header.alg.as_deref().and_then(SignatureAlgorithm::from_name)?;
    let signature = base64url::decode(jws.signature).ok()?;
    let keys = server.signing_keys.current();
    let mut candidates = keys.public_keys().candidates(header.key_id.as_deref(), algorithm);
    let message = jws.signing_input.as_bytes();
    candidates.find(|jwk| AwsLc.verify_signature(algorithm, &jwk.key, message, &signature).is_ok())?;
    let claims = json::parse_object(&base64url::decode(jws.payload).ok()?).ok()?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    // Untyped as well are signed authorization responses, which have no `sub`, and signed userinfo, which has
    // neither of the times that every ID token has (OpenID Connect Core section 2).
    let timed = ["iat", "exp"].iter().all(|name| claims.get(*name).is_some_and(Value::is_i64));
    if text("iss")? != server.settings.issuer || !timed {
        return None;
    }
    Some(Hint { subject: text("sub")?, session_id: text("sid"), client_id: text("aud")? })
}
