//! Profiles: the floor below which a server does not go, as one struct that answers every question. A profile is
//! closed: a configuration or a client that contradicts it does not start, and the error names option, value,
//! rule and remedy (design section 6). Options and clients can only make the rules stricter; nothing outside
//! this file may ask which profile is on instead of asking its rules.

use std::fmt;

use bindery_core::client_auth::ClientAuthMethod;
use bindery_core::jose::algorithm::{AlgorithmSet, SignatureAlgorithm};
use bindery_core::oauth::request_object::RequestObjectRules;
use serde::{Deserialize, Serialize};

use crate::configuration::{AssertionAudience, RegistrationAccess};

mod clients;
mod confirmations;

pub(crate) use clients::signed_for;
pub use confirmations::SenderConstraints;

/// What a server may do at all, from the laxest to the strictest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Profile {
    /// Plain OpenID Connect for clients that can't do better: RS256, secrets, bearer tokens under a dated
    /// exception. Response types and grants are still those of OAuth 2.1.
    #[serde(rename = "openid")]
    OpenId,
    /// OAuth 2.1 with sender-constrained tokens; exceptions are possible per client, with reason and end.
    #[default]
    #[serde(rename = "oauth2.1")]
    OAuth21,
    /// FAPI 2.0 Security Profile: confidential clients with keys, pushed requests, every token bound.
    #[serde(rename = "fapi2-security")]
    Fapi2Security,
    /// FAPI 2.0 Message Signing on top of it: requests, responses and introspection are signed, each with a
    /// switch of its own (FMS-0-01).
    #[serde(rename = "fapi2-message-signing")]
    Fapi2MessageSigning,
}

impl Profile {
    /// Every profile, from the laxest to the strictest.
    pub const ALL: [Self; 4] = [Self::OpenId, Self::OAuth21, Self::Fapi2Security, Self::Fapi2MessageSigning];

    /// The name in configurations and registrations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenId => "openid",
            Self::OAuth21 => "oauth2.1",
            Self::Fapi2Security => "fapi2-security",
            Self::Fapi2MessageSigning => "fapi2-message-signing",
        }
    }

    /// The profile of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// Whether the profile is one of FAPI 2.0.
    #[must_use]
    pub const fn is_fapi(self) -> bool {
        matches!(self, Self::Fapi2Security | Self::Fapi2MessageSigning)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// When an authorization request must carry a `code_challenge`; the method is S256 alone (PKCE-X-01).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PkceRule {
    /// Public clients always; confidential clients may go without (RFC 9700 section 2.1.1). The laxest: the
    /// OpenID basic certification sends requests with neither challenge nor `nonce`.
    PublicClients,
    /// Everybody, but a confidential client whose OpenID request has a `nonce` (OAuth 2.1 section 7.5.1).
    UnlessNonce,
    /// Everybody (FSP-AS-19).
    Always,
}

impl From<PkceRule> for bindery_core::oauth::authorization_request::PkceRule {
    fn from(rule: PkceRule) -> Self {
        match rule {
            PkceRule::PublicClients => Self::UnlessOpenidOfConfidentialClient,
            PkceRule::UnlessNonce => Self::UnlessOpenidNonceOfConfidentialClient,
            PkceRule::Always => Self::Always,
        }
    }
}

impl PkceRule {
    /// The name in configurations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PublicClients => "public_clients",
            Self::UnlessNonce => "unless_nonce",
            Self::Always => "always",
        }
    }
}

/// Whether tokens without confirmation exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BearerRule {
    /// A dated exception may cover all confidential clients of the issuer that registered no constraint.
    IssuerException,
    /// A client may have a dated exception of its own.
    ClientException,
    /// Never (FSP-AS-04).
    Never,
}

/// Every question that a profile answers. `Settings::rules` gives those that hold for a client: the server's
/// profile, narrowed by the server's options, by the client's `profile` and by nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProfileRules {
    /// Whose rules these are.
    pub profile: Profile,
    /// Whether OpenID Connect is on: the scope `openid`, ID tokens, userinfo (FSP-AS-31).
    pub openid: bool,
    /// Whether public clients are refused (FSP-AS-03).
    pub confidential_clients_only: bool,
    /// How clients may authenticate (FSP-AS-06, OIDC-9-01), in the order in which we advertise.
    #[serde(serialize_with = "method_names")]
    pub client_authentication: Vec<ClientAuthMethod>,
    /// Which `aud` client assertions may have (FSP-AS-08, AMB-01).
    pub assertion_audience: AssertionAudience,
    /// Signature algorithms of every JWT that is signed or verified here (FSP-CR-01, AMB-21).
    #[serde(serialize_with = "algorithm_names")]
    pub algorithms: AlgorithmSet,
    /// What is accepted of those when no option says so; without RS256, which must be asked for.
    #[serde(serialize_with = "algorithm_names")]
    pub default_algorithms: AlgorithmSet,
    /// The ID token's algorithm for clients that registered none; without it, the server's first one
    /// (OIDC-15-01).
    #[serde(serialize_with = "algorithm_name")]
    pub default_id_token_algorithm: Option<SignatureAlgorithm>,
    /// When a `code_challenge` is demanded (FSP-AS-19, V21-01).
    pub pkce: PkceRule,
    /// `response_type`: the code alone (FSP-AS-15, V21-01).
    pub response_types: Vec<&'static str>,
    /// `response_mode`, by its wire names; `jwt` stands for `query.jwt`. The first is the default.
    pub response_modes: Vec<&'static str>,
    /// Whether an authorization request that was not pushed is refused (FSP-AS-17).
    pub require_pushed_authorization_requests: bool,
    /// Whether an unsigned authorization request is refused (FMS-REQ-01, JAR-10-03).
    pub require_signed_request_object: bool,
    /// Whether the answer to an authorization request is always signed (FMS-RES-01).
    pub require_signed_response: bool,
    /// Whether introspection is answered with a JWT alone (FMS-INT-01).
    pub require_signed_introspection: bool,
    /// Whether a `request_uri` of a client is fetched (JAR-10-02); never one that isn't registered.
    pub request_by_reference: bool,
    /// Whether single claims may be asked for by name (OpenID Connect Core section 5.5).
    pub claims_parameter: bool,
    /// Whether an authenticated client may push a redirect URI that it did not register (PAR-2-05).
    pub unregistered_redirect_uri: bool,
    /// Whether a client may ask for rotated refresh tokens (FSP-AS-09).
    pub refresh_token_rotation: bool,
    /// Which confirmations there are (FSP-AS-05).
    pub sender_constraints: SenderConstraints,
    /// Whether tokens without confirmation exist (FSP-AS-04).
    pub bearer: BearerRule,
    /// Who may register clients at the endpoint, at most (DCR-2-04).
    pub registration: RegistrationAccess,
    /// How long a code lives at most, in seconds (FSP-AS-11).
    pub maximum_code_lifetime: u32,
    /// How long a `request_uri` lives at most, in seconds (FSP-AS-26).
    pub maximum_request_uri_lifetime: u32,
}

/// The list of the FAPI 2.0 Security Profile section 5.4.1 (FSP-CR-01).
const FAPI_ALGORITHMS: AlgorithmSet =
    AlgorithmSet::of(&[SignatureAlgorithm::Es256, SignatureAlgorithm::EdDsa, SignatureAlgorithm::Ps256]);

/// Where a plain answer may go (OAuth 2.0 Multiple Response Types section 2.1, Form Post), and a signed one
/// (JARM section 2.3).
const PLAIN_MODES: [&str; 3] = ["query", "fragment", "form_post"];
const SIGNED_MODES: [&str; 4] = ["jwt", "query.jwt", "fragment.jwt", "form_post.jwt"];

impl Profile {
    /// The rules of the profile itself, before any option.
    #[must_use]
    pub fn rules(self) -> ProfileRules {
        match self {
            Self::OpenId => ProfileRules {
                profile: self,
                openid: true,
                algorithms: AlgorithmSet::of(&SignatureAlgorithm::ALL),
                default_algorithms: AlgorithmSet::of(&SignatureAlgorithm::ALL),
                default_id_token_algorithm: Some(SignatureAlgorithm::Rs256),
                pkce: PkceRule::PublicClients,
                bearer: BearerRule::IssuerException,
                ..Self::OAuth21.rules()
            },
            Self::OAuth21 => ProfileRules {
                profile: self,
                openid: true,
                confidential_clients_only: false,
                client_authentication: ClientAuthMethod::names()
                    .into_iter()
                    .filter_map(ClientAuthMethod::from_name)
                    .collect(),
                assertion_audience: AssertionAudience::OwnUrls,
                algorithms: AlgorithmSet::of(&SignatureAlgorithm::ALL),
                default_algorithms: AlgorithmSet::DEFAULT,
                default_id_token_algorithm: None,
                pkce: PkceRule::UnlessNonce,
                response_types: vec!["code"],
                response_modes: PLAIN_MODES.into_iter().chain(SIGNED_MODES).collect(),
                require_pushed_authorization_requests: false,
                require_signed_request_object: false,
                require_signed_response: false,
                require_signed_introspection: false,
                request_by_reference: true,
                claims_parameter: true,
                unregistered_redirect_uri: true,
                refresh_token_rotation: true,
                sender_constraints: SenderConstraints { dpop: true, mtls: true },
                bearer: BearerRule::ClientException,
                registration: RegistrationAccess::Open,
                maximum_code_lifetime: 60,
                maximum_request_uri_lifetime: 599,
            },
            Self::Fapi2Security => ProfileRules {
                profile: self,
                confidential_clients_only: true,
                client_authentication: vec![
                    ClientAuthMethod::PrivateKeyJwt,
                    ClientAuthMethod::TlsClientAuth,
                    ClientAuthMethod::SelfSignedTlsClientAuth,
                ],
                assertion_audience: AssertionAudience::Issuer,
                algorithms: FAPI_ALGORITHMS,
                default_algorithms: FAPI_ALGORITHMS,
                pkce: PkceRule::Always,
                response_modes: ["query", "form_post"].into_iter().chain(SIGNED_MODES).collect(),
                require_pushed_authorization_requests: true,
                request_by_reference: false,
                // Scopes say which claims: what a person is shown stays readable.
                claims_parameter: false,
                refresh_token_rotation: false,
                bearer: BearerRule::Never,
                registration: RegistrationAccess::InitialAccessToken,
                ..Self::OAuth21.rules()
            },
            Self::Fapi2MessageSigning => ProfileRules {
                profile: self,
                // Each has its switch, and each is on until it is switched off (FMS-0-01).
                require_signed_request_object: true,
                require_signed_response: true,
                require_signed_introspection: true,
                response_modes: SIGNED_MODES.into(),
                ..Self::Fapi2Security.rules()
            },
        }
    }
}

impl ProfileRules {
    /// Which claims a request object must have (FMS-REQ-02 to -04, JAR-4-01).
    pub(crate) const fn request_object_rules(&self) -> RequestObjectRules {
        match self.profile {
            Profile::Fapi2Security | Profile::Fapi2MessageSigning => RequestObjectRules::MessageSigning,
            Profile::OAuth21 => RequestObjectRules::Jar,
            Profile::OpenId => RequestObjectRules::OpenId,
        }
    }

    /// Whether an unsigned authentication request of CIBA is refused: always under FAPI, because it does not come
    /// through the pushed request endpoint (FAPI-CIBA section 5.2.2).
    pub(crate) const fn signed_backchannel_requests(&self) -> bool {
        self.require_signed_request_object || self.profile.is_fapi()
    }

    /// Whether a bearer token may come in a form at userinfo (RFC 6750 section 2.2): plain OpenID Connect alone, whose
    /// certification warns where it may not.
    pub(crate) const fn access_token_in_form(&self) -> bool {
        matches!(self.profile, Profile::OpenId)
    }

    /// Whether a client that registered `none` may leave its request objects unsigned (OIDC-6-01).
    pub(crate) const fn unsigned_request_objects(&self) -> bool {
        matches!(self.profile, Profile::OpenId)
    }

    /// What holds where two sets of rules meet: of every answer the stricter one.
    #[must_use]
    pub fn stricter(&self, other: &Self) -> Self {
        let both = |name: &&'static str, list: &[&'static str]| list.contains(name);
        let id_token = self.default_id_token_algorithm.or(other.default_id_token_algorithm);
        let kept = self.algorithms.intersection(other.algorithms);
        Self {
            profile: self.profile.max(other.profile),
            openid: self.openid && other.openid,
            confidential_clients_only: self.confidential_clients_only || other.confidential_clients_only,
            client_authentication: self
                .client_authentication
                .iter()
                .copied()
                .filter(|method| other.client_authentication.contains(method))
                .collect(),
            assertion_audience: self.assertion_audience.min(other.assertion_audience),
            algorithms: kept,
            default_algorithms: self.default_algorithms.intersection(other.default_algorithms),
            default_id_token_algorithm: id_token.filter(|algorithm| kept.contains(*algorithm)),
            pkce: self.pkce.max(other.pkce),
            response_types: self
                .response_types
                .iter()
                .copied()
                .filter(|name| both(name, &other.response_types))
                .collect(),
            response_modes: self
                .response_modes
                .iter()
                .copied()
                .filter(|name| both(name, &other.response_modes))
                .collect(),
            require_pushed_authorization_requests: self.require_pushed_authorization_requests
                || other.require_pushed_authorization_requests,
            require_signed_request_object: self.require_signed_request_object
                || other.require_signed_request_object,
            require_signed_response: self.require_signed_response || other.require_signed_response,
            require_signed_introspection: self.require_signed_introspection
                || other.require_signed_introspection,
            request_by_reference: self.request_by_reference && other.request_by_reference,
            claims_parameter: self.claims_parameter && other.claims_parameter,
            unregistered_redirect_uri: self.unregistered_redirect_uri && other.unregistered_redirect_uri,
            refresh_token_rotation: self.refresh_token_rotation && other.refresh_token_rotation,
            sender_constraints: SenderConstraints {
                dpop: self.sender_constraints.dpop && other.sender_constraints.dpop,
                mtls: self.sender_constraints.mtls && other.sender_constraints.mtls,
            },
            bearer: self.bearer.max(other.bearer),
            registration: self.registration.min(other.registration),
            maximum_code_lifetime: self.maximum_code_lifetime.min(other.maximum_code_lifetime),
            maximum_request_uri_lifetime: self
                .maximum_request_uri_lifetime
                .min(other.maximum_request_uri_lifetime),
        }
    }

    /// The names of the client authentication methods, as metadata advertises them.
    #[must_use]
    pub fn client_authentication_names(&self) -> Vec<&'static str> {
        self.client_authentication.iter().map(|method| method.name()).collect()
    }
}

fn method_names<S: serde::Serializer>(methods: &[ClientAuthMethod], out: S) -> Result<S::Ok, S::Error> {
    out.collect_seq(methods.iter().map(|method| method.name()))
}

fn algorithm_names<S: serde::Serializer>(algorithms: &AlgorithmSet, out: S) -> Result<S::Ok, S::Error> {
    out.collect_seq(algorithms.iter().map(SignatureAlgorithm::name))
}

fn algorithm_name<S: serde::Serializer>(
    algorithm: &Option<SignatureAlgorithm>,
    out: S,
) -> Result<S::Ok, S::Error> {
    algorithm.map(SignatureAlgorithm::name).serialize(out)
}

#[cfg(test)]
#[path = "profile_tests.rs"]
mod tests;
