//! `[people]`: how people sign in, what they see, and for how long. Plain serde values and their rules; what
//! contradicts itself is refused at start with option, rule and remedy.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::configuration::{ConfigurationInvalid, invalid};

/// `[people]`. Unknown options are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PeopleConfiguration {
    /// Who signs people in: `"builtin"`, or the application's own page as `{ url = "https://.." }`.
    pub login: LoginPlace,
    /// A directory whose files take the place of built-in templates, texts and the style sheet of that name.
    pub templates: Option<PathBuf>,
    /// The language of pages when the request asks for none that there is.
    pub default_language: String,
    /// After how many seconds a session ends at the latest.
    pub session_lifetime: u32,
    /// After how many seconds without use a session ends.
    pub session_idle: u32,
    /// The least number of characters of a new password, 8 to 64.
    pub password_minimum: u32,
    /// A file of passwords that nobody may choose, one on each line.
    pub refused_passwords_file: Option<PathBuf>,
    /// After how many failures in a row an account is locked, 3 to 100.
    pub lock_after: u32,
    /// For how many seconds the first lock holds; each further failure doubles it.
    pub lock_seconds: u32,
    /// The longest lock, in seconds.
    pub lock_at_most: u32,
    /// How many passwords are hashed at once; each takes 19 MiB and a core.
    pub password_hashes_at_once: usize,
    /// How many sign-ins may wait for their turn; further ones are asked to come back.
    pub password_hashes_waiting: usize,
    /// What scope values mean to people: `[people.scopes.read]` with a text for each language; the description
    /// of `[[scope]]` serves for the default language.
    pub scopes: BTreeMap<String, BTreeMap<String, String>>,
    /// What types of `authorization_details` mean to people, likewise.
    pub authorization_details: BTreeMap<String, BTreeMap<String, String>>,
    /// Further origins to which a client sends the browser on at once after the answer: browsers hold the
    /// form's policy against every redirect that follows it.
    pub redirect_origins: Vec<String>,
}

/// Who signs people in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginPlace {
    /// The server's own accounts and pages.
    #[default]
    Builtin,
    /// A page of the application, which answers through the interaction API.
    #[serde(untagged)]
    Application(ApplicationLogin),
}

/// `login = { url = ".." }`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationLogin {
    /// Where the browser is sent, with `interaction` added to the query.
    pub url: String,
}

impl Default for PeopleConfiguration {
    fn default() -> Self {
        Self {
            login: LoginPlace::Builtin,
            templates: None,
            default_language: "en".into(),
            session_lifetime: 12 * 3600,
            session_idle: 3600,
            password_minimum: 12,
            refused_passwords_file: None,
            lock_after: 5,
            lock_seconds: 30,
            lock_at_most: 3600,
            password_hashes_at_once: 2,
            password_hashes_waiting: 64,
            scopes: BTreeMap::new(),
            authorization_details: BTreeMap::new(),
            redirect_origins: Vec::new(),
        }
    }
}

/// `[people]` after its rules were checked.
#[derive(Clone, Debug)]
pub(crate) struct PeopleSettings {
    pub(crate) login: LoginPlace,
    pub(crate) session_lifetime: Duration,
    pub(crate) session_idle: Duration,
    pub(crate) password_minimum: usize,
    pub(crate) lock_after: u32,
    pub(crate) lock_seconds: u32,
    pub(crate) lock_at_most: u32,
    pub(crate) redirect_origins: Vec<String>,
}

impl PeopleConfiguration {
    pub(crate) fn settings(&self) -> Result<PeopleSettings, ConfigurationInvalid> {
        self.require_ranges()?;
        if let LoginPlace::Application(application) = &self.login {
            require_https("people.login.url", &application.url)?;
        }
        for origin in &self.redirect_origins {
            require_origin(origin)?;
        }
        Ok(PeopleSettings {
            login: self.login.clone(),
            session_lifetime: Duration::from_secs(self.session_lifetime.into()),
            session_idle: Duration::from_secs(self.session_idle.into()),
            password_minimum: usize::try_from(self.password_minimum).unwrap_or(64),
            lock_after: self.lock_after,
            lock_seconds: self.lock_seconds,
            lock_at_most: self.lock_at_most,
            redirect_origins: self.redirect_origins.clone(),
        })
    }

    fn require_ranges(&self) -> Result<(), ConfigurationInvalid> {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        for (option, value, least, most) in [
            ("people.session_lifetime", self.session_lifetime, 60, 90 * 24 * 3600),
            ("people.session_idle", self.session_idle, 60, self.session_lifetime),
            ("people.password_minimum", self.password_minimum, 8, 64),
            ("people.lock_after", self.lock_after, 3, 100),
            ("people.lock_seconds", self.lock_seconds, 1, 3600),
            ("people.lock_at_most", self.lock_at_most, self.lock_seconds, 24 * 3600),
            ("people.password_hashes_at_once", number(self.password_hashes_at_once), 1, 64),
            ("people.password_hashes_waiting", number(self.password_hashes_waiting), 1, 10_000),
        ] {
            if !(least..=most).contains(&value) {
                let rule = format!("it is not between {least} and {most}");
                return Err(invalid(option, value, rule, "choose a value in that range"));
            }
        }
        Ok(())
    }
}

fn require_https(option: &str, text: &str) -> Result<(), ConfigurationInvalid> {
    let url = url::Url::parse(text).ok();
    let usable = url.is_some_and(|url| url.scheme() == "https" && url.fragment().is_none());
    match usable {
        true => Ok(()),
        false => {
            let rule = "it is not an https URL without fragment";
            Err(invalid(option, text, rule, "write it like \"https://login.example.com/sign-in\""))
        }
    }
}

/// What may stand in `form-action`: scheme, host and port, and nothing that could end the directive.
fn require_origin(text: &str) -> Result<(), ConfigurationInvalid> {
    let origin = url::Url::parse(text).ok().map(|url| url.origin().ascii_serialization());
    match origin {
        Some(origin)
            if origin == text.trim_end_matches('/')
                && text.starts_with("https://")
                && !text.contains(['*', ';', ',', ' ']) =>
        {
            Ok(())
        }
        _ => Err(invalid(
            "people.redirect_origins",
            text,
            "it is not an https origin",
            "write it like \"https://app.example.com\"",
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: serde_json::Value) -> Result<PeopleSettings, String> {
        let configuration: PeopleConfiguration =
            serde_json::from_value(value).map_err(|error| error.to_string())?;
        configuration.settings().map_err(|fault| fault.option)
    }

    #[test]
    fn the_default_holds_and_login_is_builtin_or_an_https_page() {
        assert_eq!(read(json!({})).unwrap().login, LoginPlace::Builtin);
        assert_eq!(read(json!({"login": "builtin"})).unwrap().login, LoginPlace::Builtin);
        let url = "https://login.example/in?tenant=1";
        let application = read(json!({"login": {"url": url}})).unwrap().login;
        assert_eq!(application, LoginPlace::Application(ApplicationLogin { url: url.into() }));
        for wrong in ["http://login.example", "javascript:alert(1)", "login", "https://login.example/#x"] {
            let fault = read(json!({"login": {"url": wrong}})).unwrap_err();
            assert_eq!(fault, "people.login.url");
        }
        assert!(read(json!({"login": "other"})).is_err());
    }

    #[test]
    fn rejects_values_out_of_range_and_names_the_option() {
        for (option, value) in [
            ("session_lifetime", json!(1)),
            ("session_idle", json!(13 * 3600)),
            ("password_minimum", json!(7)),
            ("lock_after", json!(1)),
            ("lock_seconds", json!(0)),
            ("lock_at_most", json!(1)),
            ("password_hashes_at_once", json!(0)),
        ] {
            assert_eq!(read(json!({option: value})).unwrap_err(), format!("people.{option}"));
        }
        assert!(read(json!({"sesion_idle": 60})).is_err());
    }

    #[test]
    fn rejects_origins_that_could_widen_the_policy_of_forms() {
        assert!(
            read(json!({"redirect_origins": ["https://app.example", "https://b.example:8443/"]})).is_ok()
        );
        for wrong in ["*", "https://*", "https:", "https://a.example; script-src *", "https://a.example/path"]
        {
            let fault = read(json!({"redirect_origins": [wrong]}));
            assert_eq!(fault.unwrap_err(), "people.redirect_origins", "{wrong}");
        }
    }
}
