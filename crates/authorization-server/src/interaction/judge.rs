//! Which step comes next: sign in, consent, answer or refuse. It decides by what was asked (`prompt`, `max_age`,
//! `acr_values`, `id_token_hint`: OpenID Connect Core section 3.1.2.1, RFC 9470 section 4), who is signed in, and
//! what that person allowed before. A login older or weaker than asked never passes.

use std::collections::BTreeSet;

use bindery_core::oauth::authorization_request::{Ask, AuthorizationError};
use bindery_core::oauth::client_authorization::ConsentRule;
use bindery_core::oauth::scope::Scope;
use bindery_core::time::UnixTime;
use bindery_store::record::ConsentRecord;
use serde::{Deserialize, Serialize};

use super::{Consent, Interaction, Login, PageFault, Purpose};
use crate::server::Server;
use crate::{id_token, subject};

/// What comes next.
#[derive(Debug)]
pub(crate) enum Step {
    /// The login page.
    Login,
    /// The consent page.
    Consent,
    /// Everything is there: answer.
    Finish,
    /// Refuse.
    Refuse(AuthorizationError),
}

/// With `prompt=none` no page may be shown; the client learns which one was needed (OIDC-3.1.2-05).
pub(super) fn without_pages(step: Step) -> Step {
    match step {
        Step::Login => Step::Refuse(AuthorizationError::LoginRequired),
        Step::Consent => Step::Refuse(AuthorizationError::ConsentRequired),
        step => step,
    }
}

/// Judges. A session that can't be used for this request is dropped from the interaction.
pub(super) async fn next(
    server: &Server,
    interaction: &mut Interaction,
    now: UnixTime,
) -> Result<Step, PageFault> {
    let Some(login) = interaction.state.login.clone() else { return Ok(Step::Login) };
    match judge_login(server, interaction, &login, now) {
        Verdict::Good => {}
        Verdict::SignIn => {
            interaction.state.login = None;
            return Ok(Step::Login);
        }
        Verdict::Refuse(error) => return Ok(Step::Refuse(error)),
    }
    if interaction.state.consent.is_none() {
        match consent_before(server, interaction, &login.subject, now).await? {
            Some(consent) => interaction.state.consent = Some(consent),
            None => return Ok(Step::Consent),
        }
    }
    Ok(Step::Finish)
}

enum Verdict {
    Good,
    SignIn,
    Refuse(AuthorizationError),
}

fn judge_login(server: &Server, interaction: &Interaction, login: &Login, now: UnixTime) -> Verdict {
    let state = &interaction.state;
    let ask = &state.ask;
    let here = state.signed_in_here;
    if (ask.prompt.login || ask.prompt.select_account) && !here {
        return Verdict::SignIn;
    }
    let max_age = ask.max_age;
    let age = now.seconds_since(UnixTime::from_seconds(login.auth_time));
    // OIDC-3.1.2-06: a login from just now always counts, also with max_age=0.
    if !here && max_age.is_some_and(|most| age > i64::try_from(most).unwrap_or(i64::MAX)) {
        return Verdict::SignIn;
    }
    // Whoever the client names must be the one who is signed in (OpenID Connect Core section 5.5.1, CIBA Core
    // section 8): somebody else's answer is no answer.
    let metadata = &interaction.client.metadata;
    let named = match &state.purpose {
        Purpose::Backchannel { subject, .. } => *subject == login.subject,
        Purpose::Redirect { .. } | Purpose::Device { .. } => ask
            .claims
            .required_subject()
            .is_none_or(|required| required == subject::for_client(server, metadata, &login.subject)),
    };
    match (named, here) {
        (true, _) => {}
        (false, false) => return Verdict::SignIn,
        (false, true) => return Verdict::Refuse(AuthorizationError::LoginRequired),
    }
    // Whoever the client expects must be the one who is signed in (OIDC-3.1.2-08).
    if let Some(hint) = &ask.id_token_hint {
        let known = subject::for_client(server, &interaction.client.metadata, &login.subject);
        match id_token::read_hint(server, hint) {
            Some(hint) if hint.subject == known => {}
            Some(_) if !here => return Verdict::SignIn,
            _ => return Verdict::Refuse(AuthorizationError::LoginRequired),
        }
    }
    judge_acr(server, ask, login, here)
}

/// The contexts that are asked for, and whether one of them must be reached.
pub(crate) fn wanted_acr(ask: &Ask) -> (Vec<String>, bool) {
    let essential: Vec<String> = ask.claims.essential_acr().map(Into::into).collect();
    match essential.is_empty() {
        true => (ask.acr_values.clone(), false),
        false => (essential, true),
    }
}

/// RFC 9470 section 4, OpenID Connect Core section 5.5.1.1: an essential `acr` is reached or the request fails; one
/// that is only preferred is tried once.
fn judge_acr(server: &Server, ask: &Ask, login: &Login, here: bool) -> Verdict {
    let (wanted, essential) = wanted_acr(ask);
    if wanted.is_empty() || login.acr.as_ref().is_some_and(|acr| wanted.contains(acr)) {
        return Verdict::Good;
    }
    let reachable = server.people.can_reach(&wanted);
    match (here, essential) {
        (false, _) if reachable => Verdict::SignIn,
        (_, false) => Verdict::Good,
        (_, true) => Verdict::Refuse(AuthorizationError::UnmetAuthenticationRequirements),
    }
}

/// What the person allowed this client before, if it covers what is asked now. Rich authorization requests are
/// asked about each time, as is whatever comes with `prompt=consent`.
async fn consent_before(
    server: &Server,
    interaction: &Interaction,
    subject: &str,
    now: UnixTime,
) -> Result<Option<Consent>, PageFault> {
    let ask = &interaction.state.ask;
    let metadata = &interaction.client.metadata;
    let all = || Consent {
        scope: ask.scope.iter().map(Into::into).collect(),
        details: ask.authorization_details.clone(),
    };
    // Nobody's yes to another device is remembered for the next one (CIBA Core section 8).
    if ask.prompt.consent || matches!(interaction.state.purpose, Purpose::Backchannel { .. }) {
        return Ok(None);
    }
    // Any program on the person's device can pass for an application with such an address: it gets nothing that the
    // person does not see (RFC 8252 section 8.6, RFC 6749 section 10.2).
    let unproven =
        metadata.is_public() && interaction.redirect_uri().is_some_and(|uri| !uri.starts_with("https://"));
    if unproven && !interaction.state.signed_in_here {
        return Ok(None);
    }
    if metadata.authorization.consent == ConsentRule::Implied {
        return Ok(Some(all()));
    }
    if !ask.authorization_details.is_empty() {
        return Ok(None);
    }
    let found = server.store.find_consent(subject, &metadata.client_id).await;
    let found = found.map_err(|error| PageFault::store("find_consent", &error))?;
    let live = found.filter(|consent| consent.expires_at.is_none_or(|end| now < end));
    let covers = live.is_some_and(|consent| {
        let remembered = Remembered::read(&consent);
        let scope = Scope::parse(&consent.scope.join(" "));
        scope.is_ok_and(|given| ask.scope.require_within(&given).is_ok())
            && asked_claims(ask).is_subset(&remembered.claims)
            && ask.resources.iter().all(|resource| remembered.resources.contains(resource))
    });
    Ok(covers.then(all))
}

/// What a consent covers beside its scope.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Remembered {
    claims: BTreeSet<String>,
    resources: BTreeSet<String>,
}

impl Remembered {
    fn read(consent: &ConsentRecord) -> Self {
        Self::deserialize(&consent.details).unwrap_or_default()
    }
}

/// The claims that the request names, wherever they are to stand.
fn asked_claims(ask: &Ask) -> BTreeSet<String> {
    ask.claims.userinfo.keys().chain(ask.claims.id_token.keys()).cloned().collect()
}

/// Remembers what was allowed, so that the same is not asked again.
pub(super) async fn remember_consent(
    server: &Server,
    interaction: &Interaction,
    now: UnixTime,
) -> Result<(), PageFault> {
    let (Some(login), Some(consent)) = (&interaction.state.login, &interaction.state.consent) else {
        return Ok(());
    };
    if !consent.details.is_empty() || matches!(interaction.state.purpose, Purpose::Backchannel { .. }) {
        return Ok(());
    }
    let client_id = &interaction.client.metadata.client_id;
    let before = server.store.find_consent(&login.subject, client_id).await;
    let before = before.map_err(|error| PageFault::store("find_consent", &error))?;
    let mut scope: BTreeSet<String> = consent.scope.iter().cloned().collect();
    let mut remembered = before.as_ref().map(Remembered::read).unwrap_or_default();
    scope.extend(before.map(|before| before.scope).unwrap_or_default());
    remembered.claims.extend(asked_claims(&interaction.state.ask));
    remembered.resources.extend(interaction.state.ask.resources.iter().cloned());
    let record = ConsentRecord {
        subject: login.subject.clone(),
        client_id: client_id.clone(),
        scope: scope.into_iter().collect(),
        details: serde_json::to_value(remembered).map_err(|_| PageFault::Unavailable)?,
        granted_at: now,
        expires_at: None,
    };
    let stored = server.store.put_consent(&record).await;
    stored.map_err(|error| PageFault::store("put_consent", &error))
}
