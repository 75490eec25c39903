//! What may be asked for: grant types, scopes, authentication classes, authorization details, resources. A name
//! that stands twice, or means nothing, is refused at start; a request can then only name what is known.

use std::collections::BTreeMap;

use bindery_core::oauth::scope::Scope;

use crate::configuration::{
    AuthorizationDetailsConfiguration, ConfigurationInvalid, RegistrationAccess, RegistrationConfiguration,
    ScopeConfiguration, ServerConfiguration, invalid,
};
use crate::grant;

/// Grant types that are off until they are named: each is a way in that not every estate wants.
const BY_NAME_ALONE: [&str; 3] = [
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:token-exchange",
    "urn:openid:params:grant-type:ciba",
];

/// The scope values of OpenID Connect with their claims (OIDC Core sections 5.4 and 11).
const OPENID_SCOPES: [(&str, &[&str]); 6] = [
    ("openid", &[]),
    (
        "profile",
        &[
            "name",
            "family_name",
            "given_name",
            "middle_name",
            "nickname",
            "preferred_username",
            "profile",
            "picture",
            "website",
            "gender",
            "birthdate",
            "zoneinfo",
            "locale",
            "updated_at",
        ],
    ),
    ("email", &["email", "email_verified"]),
    ("address", &["address"]),
    ("phone", &["phone_number", "phone_number_verified"]),
    ("offline_access", &[]),
];

impl ServerConfiguration {
    pub(super) fn enabled_grants(&self) -> Result<Vec<&'static str>, ConfigurationInvalid> {
        let known = grant::names();
        let Some(said) = &self.grants else {
            return Ok(known.into_iter().filter(|name| !BY_NAME_ALONE.contains(name)).collect());
        };
        match said.iter().find(|name| !known.contains(&name.as_str())) {
            Some(unknown) => Err(invalid(
                "grants",
                unknown,
                "it is not a grant type of this server",
                format!("choose among {}", known.join(", ")),
            )),
            None => Ok(known.into_iter().filter(|name| said.iter().any(|wanted| wanted == name)).collect()),
        }
    }

    /// Every scope value with what is known of it; those of OpenID Connect are there when it is on.
    pub(super) fn scopes(
        &self,
        openid: bool,
    ) -> Result<BTreeMap<String, ScopeConfiguration>, ConfigurationInvalid> {
        let mut scopes = BTreeMap::new();
        for said in &self.scope {
            let option = format!("scope {}", said.name);
            if Scope::parse(&said.name).map_or(true, |scope| scope.iter().count() != 1) {
                let rule = "it is not one scope value (RFC 6749 section 3.3)";
                return Err(invalid(option, &said.name, rule, "write it without spaces"));
            }
            if scopes.insert(said.name.clone(), said.clone()).is_some() {
                return Err(invalid(option, &said.name, "two scopes have this name", "rename one of them"));
            }
        }
        for (name, claims) in OPENID_SCOPES.iter().filter(|_| openid) {
            let claims: Vec<String> = claims.iter().map(|claim| (*claim).to_owned()).collect();
            let scope = scopes.entry((*name).to_owned()).or_insert_with(|| ScopeConfiguration {
                name: (*name).to_owned(),
                description: None,
                claims: Vec::new(),
            });
            if scope.claims.is_empty() {
                scope.claims = claims;
            }
        }
        Ok(scopes)
    }

    pub(super) fn require_asks(&self) -> Result<(), ConfigurationInvalid> {
        distinct("acr", self.acr.iter().map(|acr| acr.value.as_str()))?;
        distinct(
            "authorization_details",
            self.authorization_details.iter().map(|details| details.kind.as_str()),
        )?;
        for AuthorizationDetailsConfiguration { kind, required, members, .. } in &self.authorization_details {
            if let Some(twice) = required.iter().find(|name| members.contains(name)) {
                let option = format!("authorization_details {kind}");
                let rule = "the member is both required and optional";
                return Err(invalid(option, twice, rule, "keep it in `required` alone"));
            }
        }
        for resource in self.resources.iter().chain(&self.registration.audiences) {
            if url::Url::parse(resource).is_err() || resource.contains('#') {
                return Err(invalid(
                    "resources",
                    resource,
                    "it is not an absolute URI without fragment (RFC 8707 section 2)",
                    "write it like \"https://api.example.com\"",
                ));
            }
        }
        if self.subject_types.is_empty() {
            return Err(invalid("subject_types", "[]", "nobody could be named", "write [\"public\"]"));
        }
        self.require_registration()
    }

    fn require_registration(&self) -> Result<(), ConfigurationInvalid> {
        let RegistrationConfiguration { access, grants, scope, .. } = &self.registration;
        let known = grant::names();
        if let Some(unknown) = grants.iter().find(|name| !known.contains(&name.as_str())) {
            let rule = "it is not a grant type of this server";
            let remedy = format!("choose among {}", known.join(", "));
            return Err(invalid("registration.grants", unknown, rule, remedy));
        }
        let Some(scope) = scope else {
            // What no person is asked about is offered by name, or not at all.
            let alone = grants.iter().find(|name| *name == "client_credentials");
            return match alone.filter(|_| *access != RegistrationAccess::Closed) {
                None => Ok(()),
                Some(grant) => Err(invalid(
                    "registration.grants",
                    grant,
                    "a client that registers itself would get every scope of this configuration, and nobody asked",
                    "say with `registration.scope` what such clients may have",
                )),
            };
        };
        match Scope::parse(scope) {
            Ok(_) => Ok(()),
            Err(_) => Err(invalid(
                "registration.scope",
                scope,
                "it is not a list of scope values with single spaces between (RFC 6749 section 3.3)",
                "write it like \"openid profile\"",
            )),
        }
    }
}

fn distinct<'a>(option: &str, names: impl Iterator<Item = &'a str>) -> Result<(), ConfigurationInvalid> {
    let mut seen = Vec::new();
    for name in names {
        if name.is_empty() || name.len() > 256 {
            return Err(invalid(option, name, "it has no name, or one of more than 256 bytes", "name it"));
        }
        if seen.contains(&name) {
            return Err(invalid(option, name, "two have this name", "remove one of them"));
        }
        seen.push(name);
    }
    Ok(())
}
