//! Which way of signing in reaches which authentication context (`acr`; OpenID Connect Core section 2,
//! RFC 9470), and what a sign-in is called (`amr`, RFC 8176). The operator's table decides; a context that
//! no way reaches is never claimed.

use serde::Deserialize;

use crate::configuration::{ConfigurationInvalid, invalid};

/// One `[[people.acr]]`: a context and the ways of signing in that reach it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcrRule {
    /// The `acr` value.
    pub value: String,
    /// The ways that reach it; one of them is enough.
    pub methods: Vec<AuthenticationMethod>,
}

/// A way of signing in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthenticationMethod {
    /// A password.
    #[serde(alias = "pwd")]
    Password,
    /// A passkey, whose device has verified the person.
    Passkey,
}

impl AuthenticationMethod {
    /// The method that `amr` tells of: every passkey ceremony verifies the person (RFC 8176 section 2).
    fn of(amr: &[String]) -> Option<Self> {
        if amr.iter().any(|value| value == "hwk" || value == "swk") {
            return Some(Self::Passkey);
        }
        amr.iter().any(|value| value == "pwd").then_some(Self::Password)
    }

    /// `amr` of a password.
    pub(crate) fn password_amr() -> Vec<String> {
        vec!["pwd".into()]
    }

    /// `amr` of a passkey: a key in hardware, or one that may be copied to other devices; the person was
    /// present and verified, which makes two factors.
    pub(crate) fn passkey_amr(may_be_copied: bool) -> Vec<String> {
        let key = if may_be_copied { "swk" } else { "hwk" };
        vec![key.into(), "user".into(), "mfa".into()]
    }
}

/// The table.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuthenticationContexts(Vec<AcrRule>);

/// What a sign-in must be to reach one of the wanted contexts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WantedMethods {
    pub(crate) password: bool,
    pub(crate) passkey: bool,
}

impl AuthenticationContexts {
    pub(crate) fn new(rules: &[AcrRule]) -> Result<Self, ConfigurationInvalid> {
        for (index, rule) in rules.iter().enumerate() {
            let option = format!("people.acr[{index}]");
            let printable = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
            if rule.value.is_empty() || rule.value.len() > 256 || !rule.value.bytes().all(printable) {
                let rule = "an acr value is 1 to 256 printable characters without space, quote or backslash";
                return Err(invalid(
                    format!("{option}.value"),
                    "",
                    rule,
                    "write it like \"urn:example:mfa\"",
                ));
            }
            if rule.methods.is_empty() {
                let remedy = "list \"password\", \"passkey\" or both";
                return Err(invalid(format!("{option}.methods"), "[]", "nothing reaches it", remedy));
            }
            if rules[..index].iter().any(|earlier| earlier.value == rule.value) {
                let rule_broken = "two tables have this value";
                return Err(invalid(format!("{option}.value"), &rule.value, rule_broken, "join them to one"));
            }
        }
        Ok(Self(rules.to_vec()))
    }

    /// The values, for `acr_values_supported`.
    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|rule| rule.value.as_str())
    }

    /// The context that a sign-in with `amr` has: the first of `wanted` that it reaches, otherwise the last
    /// one of the table that it reaches.
    pub(crate) fn reached(&self, amr: &[String], wanted: &[String]) -> Option<String> {
        let method = AuthenticationMethod::of(amr)?;
        let reaches =
            |value: &str| self.0.iter().any(|rule| rule.value == value && rule.methods.contains(&method));
        let asked = wanted.iter().find(|value| reaches(value)).cloned();
        let rule = || self.0.iter().rev().find(|rule| rule.methods.contains(&method));
        asked.or_else(|| rule().map(|rule| rule.value.clone()))
    }

    /// The methods of which one reaches one of `wanted`; every method when nothing is wanted. `None` when no
    /// method reaches any of them.
    pub(crate) fn methods_for(&self, wanted: &[String]) -> Option<WantedMethods> {
        if wanted.is_empty() {
            return Some(WantedMethods { password: true, passkey: true });
        }
        let allowed =
            |method| self.0.iter().any(|rule| wanted.contains(&rule.value) && rule.methods.contains(&method));
        let methods = WantedMethods {
            password: allowed(AuthenticationMethod::Password),
            passkey: allowed(AuthenticationMethod::Passkey),
        };
        (methods.password || methods.passkey).then_some(methods)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contexts() -> AuthenticationContexts {
        let rule = |value: &str, methods: &[AuthenticationMethod]| AcrRule {
            value: value.into(),
            methods: methods.to_vec(),
        };
        use AuthenticationMethod::{Passkey, Password};
        AuthenticationContexts::new(&[rule("low", &[Password, Passkey]), rule("high", &[Passkey])]).unwrap()
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_sign_in_reaches_what_was_wanted_or_the_strongest_it_can() {
        let contexts = contexts();
        let (password, passkey) =
            (AuthenticationMethod::password_amr(), AuthenticationMethod::passkey_amr(false));
        assert_eq!(contexts.reached(&password, &[]).as_deref(), Some("low"));
        assert_eq!(contexts.reached(&password, &words(&["high", "low"])).as_deref(), Some("low"));
        assert_eq!(contexts.reached(&passkey, &[]).as_deref(), Some("high"));
        assert_eq!(contexts.reached(&passkey, &words(&["low"])).as_deref(), Some("low"));
        assert_eq!(contexts.reached(&words(&["sms"]), &[]), None);
        assert_eq!(AuthenticationContexts::default().reached(&password, &[]), None);
    }

    #[test]
    fn a_wanted_context_names_the_methods_and_an_unknown_one_none() {
        let contexts = contexts();
        let both = WantedMethods { password: true, passkey: true };
        assert_eq!(contexts.methods_for(&[]), Some(both.clone()));
        assert_eq!(contexts.methods_for(&words(&["low"])), Some(both));
        let passkey = WantedMethods { password: false, passkey: true };
        assert_eq!(contexts.methods_for(&words(&["high", "unknown"])), Some(passkey));
        assert_eq!(contexts.methods_for(&words(&["unknown"])), None);
    }

    #[test]
    fn rejects_contexts_that_nothing_reaches_or_that_occur_twice() {
        let rule = |value: &str, methods| AcrRule { value: value.into(), methods };
        let one = || vec![AuthenticationMethod::Password];
        for rules in [
            vec![rule("a", Vec::new())],
            vec![rule("", one())],
            vec![rule("a b", one())],
            vec![rule("a", one()), rule("a", one())],
        ] {
            assert!(AuthenticationContexts::new(&rules).is_err());
        }
    }
}
