//! From the profile and the options to the rules that hold: an option may only make the profile stricter, and
//! one that would make it laxer is refused with option, value, rule and remedy.

use bindery_core::oauth::client_metadata::{ClientMetadata, parse_day};

use crate::configuration::{
    AssertionAudience, BearerConfiguration, ConfigurationInvalid, IssuerBearerException,
    SenderConstraintName, ServerConfiguration, invalid,
};
use crate::profile::{BearerRule, PkceRule, Profile, ProfileRules, SenderConstraints};

/// The rules of the server, and those of clients that keep a stricter profile of their own.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    server: ProfileRules,
    /// One for each profile that is stricter than the server's, in the order of [`Profile::ALL`].
    stricter: Vec<ProfileRules>,
}

impl Rules {
    fn of(server: ProfileRules) -> Self {
        let stricter = Profile::ALL
            .into_iter()
            .filter(|profile| *profile > server.profile)
            .map(|profile| server.stricter(&profile.rules()))
            .collect();
        Self { server, stricter }
    }

    /// What holds where no client is known yet, and at least for everyone.
    pub(crate) const fn server(&self) -> &ProfileRules {
        &self.server
    }

    /// What holds for a client: the server's rules, or the stricter ones of its own `profile`.
    pub(crate) fn of_client(&self, client: &ClientMetadata) -> &ProfileRules {
        self.of_profile(profile_of(client))
    }

    /// A client may keep a stricter profile than its server, never a laxer one.
    pub(crate) fn require_profile(&self, client: &ClientMetadata) -> Result<(), ConfigurationInvalid> {
        let Some(name) = &client.profile else { return Ok(()) };
        let option = format!("client {}: profile", client.client_id);
        let fitting: Vec<_> = Profile::ALL
            .into_iter()
            .filter(|profile| *profile >= self.server.profile)
            .map(Profile::name)
            .collect();
        match fitting.contains(&name.as_str()) {
            true => Ok(()),
            false => Err(invalid(
                option,
                name,
                format!(
                    "it is no profile that is at least as strict as the server's, {}",
                    self.server.profile
                ),
                format!("choose among {}, or remove it", fitting.join(", ")),
            )),
        }
    }

    pub(crate) fn of_profile(&self, profile: Option<Profile>) -> &ProfileRules {
        let stricter = profile.and_then(|own| self.stricter.iter().find(|rules| rules.profile == own));
        stricter.unwrap_or(&self.server)
    }
}

/// The client's own `profile`; a name that means nothing, or less than the server's, was refused when the
/// registration was judged.
fn profile_of(client: &ClientMetadata) -> Option<Profile> {
    client.profile.as_deref().and_then(Profile::from_name)
}

impl ServerConfiguration {
    /// The rules that hold at this server.
    pub(super) fn rules(&self) -> Result<Rules, ConfigurationInvalid> {
        let floor = self.profile.rules();
        let mut rules = ProfileRules {
            openid: self.require_openid()?,
            assertion_audience: self.require_assertion_audience(&floor)?,
            sender_constraints: self.constraints(),
            registration: self.registration.access,
            unregistered_redirect_uri: self.unregistered_redirect_uris,
            request_by_reference: self.request_by_reference,
            ..floor.clone()
        };
        rules.pkce = self.require_pkce(&floor, rules.openid)?;
        // An algorithm without a key signs nothing.
        let has_key = |name: &str| match &self.signing_algorithms {
            Some(said) => said.iter().any(|one| one == name),
            None => true,
        };
        rules.default_id_token_algorithm =
            rules.default_id_token_algorithm.filter(|algorithm| has_key(algorithm.name()));
        self.require_requests(&floor, &mut rules)?;
        self.sign_messages(&floor, &mut rules)?;
        self.require_response_modes(&mut rules)?;
        if self.registration.access > floor.registration {
            let rule = format!("the profile {} registers no strangers (FSP-AS-03)", self.profile);
            return Err(invalid(
                "registration.access",
                "open",
                rule,
                "choose \"initial_access_token\" or \"closed\"",
            ));
        }
        if self.bearer.is_none() && rules.bearer == BearerRule::IssuerException {
            rules.bearer = BearerRule::ClientException;
        }
        Ok(Rules::of(rules))
    }

    fn require_openid(&self) -> Result<bool, ConfigurationInvalid> {
        match (self.profile, self.openid) {
            (Profile::OpenId, Some(false)) => Err(invalid(
                "openid",
                false,
                "the profile openid is OpenID Connect",
                "remove the option, or choose the profile oauth2.1",
            )),
            (profile, said) => Ok(said.unwrap_or(profile == Profile::OpenId)),
        }
    }

    fn require_assertion_audience(
        &self,
        floor: &ProfileRules,
    ) -> Result<AssertionAudience, ConfigurationInvalid> {
        match self.assertion_audience {
            Some(said) if said > floor.assertion_audience => Err(invalid(
                "assertion_audience",
                "own_urls",
                format!("the profile {} accepts the issuer alone, as a string (FSP-AS-08)", self.profile),
                "remove the option",
            )),
            said => Ok(said.unwrap_or(floor.assertion_audience)),
        }
    }

    /// FSP-AS-05: one of both is enough, and what was not chosen is off.
    fn constraints(&self) -> SenderConstraints {
        match self.sender_constraints.as_deref() {
            None | Some([]) => SenderConstraints { dpop: true, mtls: !self.profile.is_fapi() },
            Some(said) => SenderConstraints {
                dpop: said.contains(&SenderConstraintName::Dpop),
                mtls: said.contains(&SenderConstraintName::Mtls),
            },
        }
    }

    fn require_pkce(&self, floor: &ProfileRules, openid: bool) -> Result<PkceRule, ConfigurationInvalid> {
        let said = self.pkce.unwrap_or_else(|| floor.pkce.max(PkceRule::UnlessNonce));
        if said < floor.pkce {
            return Err(invalid(
                "pkce",
                said.name(),
                format!("the profile {} wants at least {:?}", self.profile, floor.pkce.name()),
                "remove the option",
            ));
        }
        // Without OpenID Connect there is no `nonce` to lean on.
        Ok(if said == PkceRule::UnlessNonce && !openid { PkceRule::Always } else { said })
    }

    fn require_requests(
        &self,
        floor: &ProfileRules,
        rules: &mut ProfileRules,
    ) -> Result<(), ConfigurationInvalid> {
        if self.request_by_reference && !floor.request_by_reference {
            return Err(invalid(
                "request_by_reference",
                true,
                format!("the profile {} takes pushed requests alone (FSP-AS-17)", self.profile),
                "remove the option",
            ));
        }
        match self.require_pushed_authorization_requests {
            Some(false) if floor.require_pushed_authorization_requests => Err(invalid(
                "require_pushed_authorization_requests",
                false,
                format!("the profile {} refuses requests that were not pushed (FSP-AS-17)", self.profile),
                "remove the option",
            )),
            said => {
                rules.require_pushed_authorization_requests |= said.unwrap_or(false);
                Ok(())
            }
        }
    }

    /// FMS-0-01: three parts, each by itself; without any, the profile would be another one.
    fn sign_messages(
        &self,
        floor: &ProfileRules,
        rules: &mut ProfileRules,
    ) -> Result<(), ConfigurationInvalid> {
        let said = self.message_signing;
        rules.require_signed_request_object = said.requests.unwrap_or(floor.require_signed_request_object);
        rules.require_signed_response = said.responses.unwrap_or(floor.require_signed_response);
        rules.require_signed_introspection = said.introspection.unwrap_or(floor.require_signed_introspection);
        let any = rules.require_signed_request_object
            || rules.require_signed_response
            || rules.require_signed_introspection;
        if self.profile == Profile::Fapi2MessageSigning && !any {
            return Err(invalid(
                "message_signing",
                "",
                "with requests, responses and introspection off nothing is left of the profile",
                "keep one of them, or choose the profile fapi2-security",
            ));
        }
        if self.profile == Profile::Fapi2MessageSigning && !rules.require_signed_response {
            rules.response_modes = Profile::Fapi2Security.rules().response_modes;
        }
        Ok(())
    }

    fn require_response_modes(&self, rules: &mut ProfileRules) -> Result<(), ConfigurationInvalid> {
        if rules.require_signed_response {
            rules.response_modes.retain(|name| name.ends_with("jwt"));
        }
        let Some(said) = &self.response_modes else { return Ok(()) };
        let known = rules.response_modes.clone();
        if let Some(unknown) = said.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(invalid(
                "response_modes",
                unknown,
                format!("the profile {} and `message_signing` leave room for {known:?}", self.profile),
                "choose among those",
            ));
        }
        rules.response_modes.retain(|name| said.iter().any(|wanted| wanted == name));
        if rules.response_modes.is_empty() {
            return Err(invalid(
                "response_modes",
                "[]",
                "no answer could go anywhere",
                "name one, or remove the option",
            ));
        }
        Ok(())
    }

    /// The issuer-wide exception, where the profile knows one.
    pub(super) fn bearer_exception(&self) -> Result<Option<IssuerBearerException>, ConfigurationInvalid> {
        let Some(BearerConfiguration { reason, until }) = &self.bearer else { return Ok(None) };
        if self.profile.rules().bearer != BearerRule::IssuerException {
            return Err(invalid(
                "bearer",
                until,
                format!("the profile {} has no bearer tokens for a whole issuer", self.profile),
                "bind the clients' tokens, or serve those that can't from an issuer with the profile openid",
            ));
        }
        if reason.trim().is_empty() {
            return Err(invalid(
                "bearer.reason",
                "",
                "an exception has a reason",
                "say why clients can't prove a key",
            ));
        }
        let end = parse_day(until).ok_or_else(|| {
            invalid(
                "bearer.until",
                until,
                "it is not a day",
                "write the first day without, like \"2027-06-30\"",
            )
        })?;
        Ok(Some(IssuerBearerException { reason: reason.clone(), until: end }))
    }
}
