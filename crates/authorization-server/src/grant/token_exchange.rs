//! Token exchange (RFC 8693): a live access token of ours for another, for less, elsewhere. Whoever exchanges a
//! bound token proves its key in the same request, without exception, and what he gets is bound to the key that
//! he proves: a bound token never becomes a bearer token. Who acts for whom is written down and never forgotten.

use bindery_core::oauth::client_metadata::ClientMetadata;
use bindery_core::oauth::form::Form;
use bindery_core::oauth::subject::client_subject;
use bindery_core::oauth::token_error::TokenError;
use bindery_core::oauth::token_exchange::{ACCESS_TOKEN_TYPE, ExchangeRefused, JWT_TYPE, TokenExchangeRule};
use bindery_core::token::confirmation::Confirmation;
use serde_json::{Map, Value, json};

use super::details::GrantDetails;
use super::{Granted, Redemption, require_scope};
use crate::issued_token::{self, IssuedToken};
use crate::server::unavailable;

/// What the token endpoint reads of an exchange.
pub(super) const PARAMETERS: [&str; 8] = [
    "subject_token",
    "subject_token_type",
    "actor_token",
    "actor_token_type",
    "requested_token_type",
    "resource",
    "audience",
    "scope",
];
/// How many may have acted before.
const MAXIMUM_ACTORS: usize = 8;

pub(super) async fn redeem(redemption: Redemption<'_>) -> Result<Granted, TokenError> {
    let Redemption { client, parameters, .. } = redemption;
    let rule = client.token_exchange.as_ref().ok_or(TokenError::UnauthorizedClient)?;
    require_types(parameters)?;
    let subject = find(&redemption, "subject_token", ExchangeRefused::SubjectToken).await?;
    require_own(client, &subject)?;
    require_possession(&redemption, &subject)?;
    // TEX-2-04: not even for a client that may have bearer tokens.
    let bound = subject.token.confirmation != Confirmation::Unbound;
    if bound && redemption.binding.confirmation() == Confirmation::Unbound {
        return Err(refused(ExchangeRefused::Downgrade));
    }
    let act = act(&redemption, rule, &subject).await?;
    let audience = require_audience(&redemption, rule, &subject)?;
    let scope = require_scope(parameters, &subject.token.scope.intersection(&client.scope))?;
    let details = details(&subject, act, &audience);
    let mut response = Map::new();
    response.insert("issued_token_type".into(), ACCESS_TOKEN_TYPE.into());
    Ok(Granted {
        grant_id: subject.grant_id.clone(),
        ends_at: Some(subject.token.expires_at),
        details,
        response,
        ..Granted::token(person(&redemption, &subject).await?, scope, vec![audience])
    })
}

const fn refused(refused: ExchangeRefused) -> TokenError {
    TokenError::Exchange(refused)
}

/// Section 2.1: access tokens go in and an access token comes out; a type stands beside its token and nowhere
/// else.
fn require_types(parameters: &Form) -> Result<(), TokenError> {
    match parameters.get("requested_token_type") {
        None | Some(ACCESS_TOKEN_TYPE) => {}
        Some(_) => return Err(refused(ExchangeRefused::RequestedType)),
    }
    if parameters.get("subject_token").is_none() {
        return Err(TokenError::ParameterMissing("subject_token"));
    }
    for (token, kind) in [("subject_token", "subject_token_type"), ("actor_token", "actor_token_type")] {
        match (parameters.get(token), parameters.get(kind)) {
            (None, None) | (Some(_), Some(ACCESS_TOKEN_TYPE | JWT_TYPE)) => {}
            _ => return Err(refused(ExchangeRefused::TokenType)),
        }
    }
    Ok(())
}

/// A live access token of ours; revocation, expiry and its client's state count, as at introspection.
async fn find(
    redemption: &Redemption<'_>,
    parameter: &'static str,
    otherwise: ExchangeRefused,
) -> Result<IssuedToken, TokenError> {
    let text = redemption.parameters.get(parameter).ok_or(TokenError::ParameterMissing(parameter))?;
    if text.len() > bindery_core::token::access_token::MAXIMUM_TOKEN {
        return Err(TokenError::ParameterTooLong(parameter));
    }
    let found = issued_token::find(redemption.server, text, redemption.now).await?;
    found.filter(|found| !found.token.refresh).ok_or(refused(otherwise))
}

/// It was issued to this client, or to be used at a resource server that this client is.
fn require_own(client: &ClientMetadata, subject: &IssuedToken) -> Result<(), TokenError> {
    let received = || client.introspection_audiences.iter().any(|own| subject.token.audience.contains(own));
    if subject.token.client_id == client.client_id || received() {
        Ok(())
    } else {
        Err(refused(ExchangeRefused::SubjectTokenOfAnother))
    }
}

/// TEX-2-03: a stolen bound token can't be exchanged, whoever the thief is.
fn require_possession(redemption: &Redemption<'_>, token: &IssuedToken) -> Result<(), TokenError> {
    let confirmed = token.token.confirmation.confirm(redemption.binding.proven());
    confirmed.map_err(|_| refused(ExchangeRefused::Possession))
}

/// `act` (section 4.1): whoever acts now outermost, everybody who acted before inside. A client that exchanges its
/// own token acts as it did; one that exchanges another's is named, unless it may impersonate.
async fn act(
    redemption: &Redemption<'_>,
    rule: &TokenExchangeRule,
    subject: &IssuedToken,
) -> Result<Option<Value>, TokenError> {
    let before = subject.token.further.get("act").cloned();
    let client = redemption.client;
    let actor = match redemption.parameters.get("actor_token") {
        Some(_) => {
            let actor = find(redemption, "actor_token", ExchangeRefused::ActorToken).await?;
            if actor.token.client_id != client.client_id {
                return Err(refused(ExchangeRefused::ActorToken));
            }
            require_possession(redemption, &actor)?;
            Some(actor.token.subject)
        }
        None if subject.token.client_id == client.client_id || rule.impersonation => None,
        None => Some(client_subject(&client.client_id)),
    };
    require_may_act(redemption, subject, actor.as_deref())?;
    let Some(actor) = actor else { return Ok(before) };
    if chain_length(before.as_ref()) >= MAXIMUM_ACTORS {
        return Err(refused(ExchangeRefused::ChainTooLong));
    }
    let mut act = json!({"sub": actor});
    if let Some(before) = before {
        act["act"] = before;
    }
    Ok(Some(act))
}

/// Section 4.4: a token that names who may act for its subject is exchanged by nobody else.
fn require_may_act(
    redemption: &Redemption<'_>,
    subject: &IssuedToken,
    actor: Option<&str>,
) -> Result<(), TokenError> {
    let Some(may_act) = subject.token.further.get("may_act") else { return Ok(()) };
    let own = client_subject(&redemption.client.client_id);
    let actor = actor.unwrap_or(&own);
    let issuer = redemption.server.settings.issuer.as_str();
    let named = may_act.get("sub").is_some_and(|named| named == actor)
        && may_act.get("iss").is_none_or(|named| named == issuer);
    if named { Ok(()) } else { Err(refused(ExchangeRefused::MayAct)) }
}

fn chain_length(act: Option<&Value>) -> usize {
    std::iter::successors(act, |act| act.get("act")).count()
}

/// One audience (AT68-3-01), among the client's own. Where the operator has not listed any for exchanges, it must be
/// one of the subject token's too: an exchange then only narrows.
fn require_audience(
    redemption: &Redemption<'_>,
    rule: &TokenExchangeRule,
    subject: &IssuedToken,
) -> Result<String, TokenError> {
    let (client, parameters) = (redemption.client, redemption.parameters);
    let listed = rule.audiences.as_ref().unwrap_or(&subject.token.audience);
    let own = client.audiences_at(&redemption.server.settings.issuer);
    let mut allowed = own.filter(|audience| listed.iter().any(|listed| listed == audience));
    let asked = match (parameters.get("resource"), parameters.get("audience")) {
        (Some(resource), Some(audience)) if resource != audience => return Err(TokenError::Target),
        (resource, audience) => resource.or(audience),
    };
    let found = match asked {
        None => allowed.next(),
        Some(asked) => allowed.find(|audience| *audience == asked),
    };
    found.map(Into::into).ok_or(TokenError::Target)
}

/// How the person was authenticated stays true; what was granted in detail was granted for where it was meant.
fn details(subject: &IssuedToken, act: Option<Value>, audience: &str) -> GrantDetails {
    let mut kept = subject.token.further.clone();
    if !subject.token.audience.iter().any(|before| before == audience) {
        kept.remove("authorization_details");
    }
    let details = GrantDetails::read(&Value::Object(kept)).unwrap_or_default();
    GrantDetails { act, ..details }
}

/// The person as the store knows it: the token may know it by a name for its own client alone.
async fn person(redemption: &Redemption<'_>, subject: &IssuedToken) -> Result<String, TokenError> {
    let Some(grant_id) = &subject.grant_id else { return Ok(subject.token.subject.clone()) };
    let grant = redemption.server.store.find_grant(grant_id).await;
    let grant = grant.map_err(|error| unavailable("find_grant", &error))?;
    grant.map(|grant| grant.subject).ok_or(refused(ExchangeRefused::SubjectToken))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_counts_everybody_who_acts() {
        assert_eq!(chain_length(None), 0);
        assert_eq!(chain_length(Some(&json!({"sub": "a", "act": {"sub": "b", "act": {"sub": "c"}}}))), 3);
    }
}
