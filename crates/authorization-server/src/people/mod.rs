//! People: how they sign in, what they are asked, and how they end it. Pages are plain HTML forms that work
//! without script; `__Host-` cookies bind a browser to what it began and to its session; every form carries
//! a token that only our own page can hold. Nothing here decides what a client may have: that is
//! `interaction`'s, which calls in here for pages and sessions.

pub mod accounts;
pub(crate) mod authentication_context;
pub(crate) mod browser;
pub(crate) mod client_card;
mod configuration;
mod cookies;
pub(crate) mod form;
pub(crate) mod known_browser;
pub(crate) mod locale;
pub(crate) mod model;
pub(crate) mod pages;
pub(crate) mod passkeys;
pub(crate) mod password;
pub mod refused_passwords;
pub(crate) mod routes;
mod samples;
pub(crate) mod session;
pub(crate) mod signing_in;
pub(crate) mod submission;
mod templates;
pub mod username;

use bindery_core::crypto::Cryptography as _;
use bindery_crypto::AwsLc;

pub use configuration::{ApplicationLogin, LoginPlace, PeopleConfiguration};

use crate::configuration::ConfigurationInvalid;
use crate::settings::Settings;
use authentication_context::AuthenticationContexts;
use configuration::PeopleSettings;
use cookies::CookieNames;
use locale::Languages;
use passkeys::Passkeys;
use password::PasswordHashing;
use refused_passwords::RefusedPasswords;
use templates::Templates;

/// What all pages of one issuer share.
pub(crate) struct People {
    pub(crate) settings: PeopleSettings,
    /// Which ways of signing in reach which `acr`.
    pub(crate) contexts: AuthenticationContexts,
    pub(crate) languages: Languages,
    pub(crate) templates: Templates,
    pub(crate) cookies: CookieNames,
    /// Scheme, host and port of the issuer, as browsers write them into `Origin`.
    pub(crate) origin: String,
    /// The issuer's path, as browsers see it, without trailing slash.
    pub(crate) path: String,
    /// What scope values and types of authorization details mean, by language.
    pub(crate) meanings: client_card::Meanings,
    pub(crate) passwords: PasswordHashing,
    pub(crate) refused_passwords: RefusedPasswords,
    /// None where the issuer's host is an address: WebAuthn wants a domain name.
    pub(crate) passkeys: Option<Passkeys>,
}

impl People {
    pub(crate) fn new(
        configuration: &PeopleConfiguration,
        settings: &Settings,
    ) -> Result<Self, ConfigurationInvalid> {
        let languages = Languages::load(configuration.templates.as_deref(), &configuration.default_language)?;
        let issuer = url::Url::parse(&settings.issuer).ok();
        let origin = issuer.as_ref().map(|url| url.origin().ascii_serialization()).unwrap_or_default();
        let host = issuer.as_ref().and_then(url::Url::host_str).unwrap_or_default().to_owned();
        let path = settings.issuer_path.clone();
        let assets = format!("{path}/assets");
        let templates = Templates::load(configuration.templates.as_deref(), &languages, assets, host)?;
        Ok(Self {
            settings: configuration.settings()?,
            contexts: AuthenticationContexts::new(&settings.acr)?,
            languages,
            templates,
            cookies: CookieNames::of(&AwsLc.sha256(&[settings.issuer.as_bytes()])),
            origin,
            path,
            meanings: client_card::Meanings::new(configuration, settings),
            passwords: PasswordHashing::new(
                configuration.password_hashes_at_once,
                configuration.password_hashes_waiting,
            ),
            refused_passwords: RefusedPasswords::load(configuration.refused_passwords_file.as_deref())?,
            passkeys: issuer.as_ref().and_then(Passkeys::new),
        })
    }

    /// Whether a sign-in here can reach one of these contexts. What an application's login can reach, it
    /// alone knows.
    pub(crate) fn can_reach(&self, wanted: &[String]) -> bool {
        self.settings.login != LoginPlace::Builtin || self.contexts.methods_for(wanted).is_some()
    }

    /// The address of one of our pages, as browsers write it: relative to the host.
    pub(crate) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.path)
    }
}
