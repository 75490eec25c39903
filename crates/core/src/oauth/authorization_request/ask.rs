//! What an authorization request asks of a person: scope, authorization details, resources and claims, and how
//! sure the server must be of who it is (OpenID Connect Core 1.0 section 3.1.2.1, RFC 8707, RFC 9396, RFC
//! 9470). All of it is within what the client may ask for; none of it is granted.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::AuthorizationError;
use super::parameters::AuthorizationParameters;
use super::{AuthorizationPolicy, ClaimsRequest, ClientMetadata, Scope, authorization_details};

/// The longest `login_hint`, in bytes.
const MAXIMUM_LOGIN_HINT: usize = 512;
/// The longest `id_token_hint`, in bytes.
const MAXIMUM_ID_TOKEN_HINT: usize = 16 * 1024;
/// The longest list in one parameter, in bytes, and how many words it may have.
const MAXIMUM_LIST: usize = 2048;
const MAXIMUM_WORDS: usize = 16;
/// The largest `max_age`, in seconds: a hundred years.
const MAXIMUM_AGE: u64 = 3_155_760_000;

/// What is asked of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// `scope`, within the client's.
    pub scope: Scope,
    /// `authorization_details`, of known and registered types.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorization_details: Vec<Value>,
    /// `resource`, each one of the client's audiences; empty when none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// `claims`.
    #[serde(default, skip_serializing_if = "ClaimsRequest::is_empty")]
    pub claims: ClaimsRequest,
    /// `acr_values`, or the client's `default_acr_values`, in order of preference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acr_values: Vec<String>,
    /// `max_age`, or the client's `default_max_age`, in seconds.
    pub max_age: Option<u64>,
    /// `prompt`.
    #[serde(default)]
    pub prompt: Prompt,
    /// `login_hint`: what the client believes; never to be trusted.
    pub login_hint: Option<String>,
    /// `id_token_hint`, unverified.
    pub id_token_hint: Option<String>,
    /// `ui_locales`, in order of preference; only well-formed language tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ui_locales: Vec<String>,
}

/// `prompt` (OpenID Connect Core 1.0 section 3.1.2.1, Initiating User Registration 1.0).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Prompt {
    /// No page may be shown.
    pub none: bool,
    /// The person must sign in again.
    pub login: bool,
    /// The person must be asked for consent.
    pub consent: bool,
    /// The person must choose an account.
    pub select_account: bool,
    /// The person wants to make an account.
    pub create: bool,
}

impl Prompt {
    /// Reads the words.
    ///
    /// # Errors
    /// [`AuthorizationError`] for an unknown word, or `none` beside another.
    pub fn parse(text: &str) -> Result<Self, AuthorizationError> {
        let mut prompt = Self::default();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            match word {
                "none" => prompt.none = true,
                "login" => prompt.login = true,
                "consent" => prompt.consent = true,
                "select_account" => prompt.select_account = true,
                "create" => prompt.create = true,
                _ => return Err(AuthorizationError::ParameterMalformed("prompt")),
            }
        }
        let others = prompt.login || prompt.consent || prompt.select_account || prompt.create;
        if prompt.none && others { Err(AuthorizationError::PromptNone) } else { Ok(prompt) }
    }
}

impl Ask {
    /// What `parameters` ask of a person, also where no redirect follows: device authorization and decoupled
    /// authentication. Only `issuer`, `openid`, `detail_types` and `resources` of the
    /// policy count.
    ///
    /// # Errors
    /// [`AuthorizationError`] for the first rule that is broken.
    pub fn require(
        parameters: &AuthorizationParameters,
        client: &ClientMetadata,
        policy: &AuthorizationPolicy<'_>,
    ) -> Result<Self, AuthorizationError> {
        let authorization_details = read_details(parameters, client, policy)?;
        let registered = &client.authorization;
        Ok(Self {
            scope: read_scope(parameters, client, policy, !authorization_details.is_empty())?,
            authorization_details,
            resources: read_resources(parameters, client, policy)?,
            claims: if policy.openid { read_claims(parameters)? } else { ClaimsRequest::default() },
            acr_values: match words(parameters, "acr_values")? {
                None => registered.default_acr_values.clone(),
                Some(values) => values.into_iter().map(Into::into).collect(),
            },
            max_age: read_max_age(parameters)?.or(registered.default_max_age),
            prompt: Prompt::parse(parameters.text("prompt").unwrap_or_default())?,
            login_hint: read_text(parameters, "login_hint", MAXIMUM_LOGIN_HINT)?,
            id_token_hint: read_text(parameters, "id_token_hint", MAXIMUM_ID_TOKEN_HINT)?,
            ui_locales: words(parameters, "ui_locales")?
                .unwrap_or_default()
                .into_iter()
                .filter(|tag| is_language_tag(tag))
                .map(Into::into)
                .collect(),
        })
    }
}

/// Within the client's scope (RFC 6749 section 3.3). Nothing asked is everything that the client has, but not a
/// person's identity or access without the person, which must be asked for by name.
fn read_scope(
    parameters: &AuthorizationParameters,
    client: &ClientMetadata,
    policy: &AuthorizationPolicy<'_>,
    detailed: bool,
) -> Result<Scope, AuthorizationError> {
    let scope = match parameters.text("scope") {
        Some(text) => Scope::parse(text).map_err(|_| AuthorizationError::Scope)?,
        None if detailed => Scope::empty(),
        None => client.scope.without(&["openid", "offline_access"]),
    };
    if scope.contains("openid") && !policy.openid {
        return Err(AuthorizationError::Scope);
    }
    scope.require_within(&client.scope).map_err(|_| AuthorizationError::Scope)?;
    Ok(scope)
}

fn read_details(
    parameters: &AuthorizationParameters,
    client: &ClientMetadata,
    policy: &AuthorizationPolicy<'_>,
) -> Result<Vec<Value>, AuthorizationError> {
    let registered = &client.authorization.authorization_details_types;
    match parameters.value("authorization_details") {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => authorization_details::parse(text, policy.detail_types, registered),
        Some(value) => authorization_details::require(value, policy.detail_types, registered),
    }
    .map_err(AuthorizationError::AuthorizationDetails)
}

/// RES-2-01: each resource is one that this client, or any, may have tokens for; comparison is of bytes, so a fragment or
/// a relative reference never matches.
fn read_resources(
    parameters: &AuthorizationParameters,
    client: &ClientMetadata,
    policy: &AuthorizationPolicy<'_>,
) -> Result<Vec<String>, AuthorizationError> {
    let own = client.audiences_at(policy.issuer);
    let mut resources: Vec<String> = Vec::new();
    for resource in parameters.resources() {
        if !own.clone().any(|audience| audience == resource) && !policy.resources.contains(resource) {
            return Err(AuthorizationError::Target);
        }
        if !resources.contains(resource) {
            resources.push(resource.clone());
        }
    }
    Ok(resources)
}

fn read_claims(parameters: &AuthorizationParameters) -> Result<ClaimsRequest, AuthorizationError> {
    match parameters.value("claims") {
        None => Ok(ClaimsRequest::default()),
        Some(Value::Object(members)) => ClaimsRequest::from_members(members),
        Some(value) => ClaimsRequest::parse(value.as_str().unwrap_or_default()),
    }
    .map_err(|_| AuthorizationError::ParameterMalformed("claims"))
}

fn read_max_age(parameters: &AuthorizationParameters) -> Result<Option<u64>, AuthorizationError> {
    let seconds = match parameters.value("max_age") {
        None => return Ok(None),
        Some(Value::String(text)) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        Some(value) => value.as_u64(),
    };
    let seconds = seconds.filter(|seconds| *seconds <= MAXIMUM_AGE);
    seconds.map(Some).ok_or(AuthorizationError::ParameterMalformed("max_age"))
}

fn read_text(
    parameters: &AuthorizationParameters,
    name: &'static str,
    maximum: usize,
) -> Result<Option<String>, AuthorizationError> {
    match parameters.text(name) {
        Some(text) if text.len() > maximum => Err(AuthorizationError::ParameterTooLong(name)),
        text => Ok(text.map(Into::into)),
    }
}

fn words<'p>(
    parameters: &'p AuthorizationParameters,
    name: &'static str,
) -> Result<Option<Vec<&'p str>>, AuthorizationError> {
    let Some(text) = parameters.text(name) else { return Ok(None) };
    let words: Vec<_> = text.split(' ').filter(|word| !word.is_empty()).collect();
    let fits = text.len() <= MAXIMUM_LIST && words.len() <= MAXIMUM_WORDS;
    if fits { Ok(Some(words)) } else { Err(AuthorizationError::ParameterTooLong(name)) }
}

/// The shape of a BCP 47 tag, no more: it picks a page's language and nothing else.
pub(in crate::oauth) fn is_language_tag(tag: &str) -> bool {
    tag.len() <= 35
        && tag.split('-').all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}
