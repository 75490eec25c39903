//! The userinfo endpoint (OpenID Connect Core section 5.3): claims about the person behind an access token. It is a
//! resource like any other: a bound token needs its proof or its certificate, on GET and on POST (OIDC-5.3-02).
//! Plain OpenID Connect clients may send a bearer token in the form (RFC 6750 section 2.2). The answer is JSON, or a
//! JWT where the client registered that.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bindery_core::oauth::client_metadata::ClientMetadata;
use bindery_core::oauth::form::Form;
use bindery_core::oauth::scope::Scope;
use bindery_core::time::UnixTime;
use bindery_http::render;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{json, read_capped, require_form};
use crate::encryption::{JWT, encrypt_for_client};
use crate::event::AuditEvent;
use crate::grant::details::GrantDetails;
use crate::own_resource::{self, Audience, Demand, Speaker, Unbound};
use crate::person_claims;
use crate::server::{AuthorizationServer, Server, unavailable};
use crate::subject;

pub(crate) const PATH: &str = "/userinfo";

/// The longest form, in bytes: a token of the greatest length and little else.
const MAXIMUM_BODY: usize = 20 * 1024;

pub(crate) async fn answer(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    let (mut parts, body) = request.into_parts();
    if parts.method == Method::POST && server.settings.rules.server().access_token_in_form() {
        take_from_form(&mut parts, body).await;
    }
    // After the body, which may take its time: a proof or a token that has expired meanwhile is no good.
    let now = server.clock.now();
    let demand = Demand {
        endpoint: PATH,
        scope: &["openid"],
        implied_by: None,
        audience: Audience::OurTokens,
        unbound: Unbound::WithinException,
        speaker: Speaker::Anybody,
    };
    let admission = match own_resource::verify(server, &mut parts, &demand, now).await {
        Ok(admission) => admission,
        Err(refusal) => return refusal,
    };
    let token = admission.request.token();
    let grant_id = token.claim("gid").and_then(Value::as_str);
    let scope = Scope::parse(token.scope()).unwrap_or_default();
    let client = &admission.client.metadata;
    let claims = match claims(server, grant_id, token.subject(), &scope, client).await {
        Ok(claims) => claims,
        Err(status) => return json(status, b"{\"error\":\"temporarily_unavailable\"}".to_vec()),
    };
    let mut response = render_claims(server, client, claims, now).await;
    admission.dress(&mut response);
    response
}

/// RFC 6750 section 2.2: `access_token` in the form is a bearer token, judged like one in the header. Beside a header it
/// is a second one, which every guard refuses; a body that can't be read brings none.
async fn take_from_form(parts: &mut Parts, body: Body) {
    if require_form(&parts.headers).is_err() {
        return;
    }
    let Ok(body) = read_capped(body, MAXIMUM_BODY).await else { return };
    let Ok(form) = Form::parse(&body) else { return };
    let Some(token) = form.get("access_token") else { return };
    let value = Zeroizing::new(format!("Bearer {token}"));
    if let Ok(mut value) = HeaderValue::from_str(&value) {
        value.set_sensitive(true);
        parts.headers.append(AUTHORIZATION, value);
    }
}

/// The person's claims that the grant's scope and `claims` parameter ask for; `sub` always, and the same as in
/// the ID token (OIDC-5.3-01).
async fn claims(
    server: &Server,
    grant_id: Option<&str>,
    subject: Option<&str>,
    scope: &Scope,
    client: &ClientMetadata,
) -> Result<Map<String, Value>, StatusCode> {
    const UNAVAILABLE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
    let grant = match grant_id {
        None => None,
        Some(grant_id) => server.store.find_grant(grant_id).await.map_err(|error| {
            unavailable("find_grant", &error);
            UNAVAILABLE
        })?,
    };
    let Some(grant) = grant else {
        let mut claims = Map::new();
        claims.extend(subject.map(|subject| ("sub".to_owned(), subject.into())));
        return Ok(claims);
    };
    let details = GrantDetails::read(&grant.details).map_err(|_| UNAVAILABLE)?;
    // Who has exchanged another client's token (RFC 8693) has its own scope; what that client asked for by name is not
    // this one's to read.
    let details = if grant.client_id == client.client_id { details } else { GrantDetails::default() };
    let asked = person_claims::for_userinfo(server, &grant.subject, scope, &details).await;
    let mut claims = asked.map_err(|_| UNAVAILABLE)?;
    claims.insert("sub".into(), subject::for_client(server, client, &grant.subject).into());
    Ok(claims)
}

/// OpenID Connect Core section 5.3.2: signed answers name issuer and audience; encrypted ones are signed where the
/// client registered that too.
async fn render_claims(
    server: &Server,
    client: &ClientMetadata,
    mut claims: Map<String, Value>,
    now: UnixTime,
) -> Response {
    let failed =
        || json(StatusCode::SERVICE_UNAVAILABLE, b"{\"error\":\"temporarily_unavailable\"}".to_vec());
    let (signs, encrypts) = (client.openid.userinfo_algorithm, client.openid.userinfo_encryption);
    if signs.is_none() && encrypts.is_none() {
        return json(StatusCode::OK, Value::Object(claims).to_string().into_bytes());
    }
    claims.insert("iss".into(), server.settings.issuer.clone().into());
    claims.insert("aud".into(), client.client_id.clone().into());
    let (mut answer, content_type) = match signs {
        None => (Value::Object(claims).to_string(), None),
        Some(algorithm) => {
            let signed = server.signing_keys.current().sign_as(Some(algorithm), None, &claims);
            let Ok(signed) = signed else {
                server.audit.record(AuditEvent::SigningFailed {});
                return failed();
            };
            (signed, Some(JWT))
        }
    };
    if let Some(encryption) = encrypts {
        let encrypted = encrypt_for_client(server, client, &answer, encryption, content_type, now).await;
        let Ok(encrypted) = encrypted else { return failed() };
        answer = encrypted;
    }
    let mut response = Response::new(Body::from(answer));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/jwt"));
    render::forbid_storing(response.headers_mut());
    response
}
