//! Which way of signing in reaches which authentication context (`acr`; OpenID Connect Core section 2,
//! RFC 9470), and what a sign-in is called (`amr`, RFC 8176). The operator's table `[[acr]]` decides: a context
//! is reached by a sign-in whose `amr` has all of its methods; one that no way reaches is never claimed.

use crate::configuration::{AcrConfiguration, ConfigurationInvalid, invalid};

/// `amr` of a password.
pub(crate) fn password_amr() -> Vec<String> {
    vec!["pwd".into()]
}

/// `amr` of a passkey: a key in hardware, or one that may be copied to other devices; the person was present
/// and verified, which makes two factors.
pub(crate) fn passkey_amr(may_be_copied: bool) -> Vec<String> {
    let key = if may_be_copied { "swk" } else { "hwk" };
    vec![key.into(), "user".into(), "mfa".into()]
}

/// The table.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuthenticationContexts(Vec<AcrConfiguration>);

/// What a sign-in must be to reach one of the wanted contexts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WantedMethods {
    pub(crate) password: bool,
    pub(crate) passkey: bool,
}

impl AuthenticationContexts {
    pub(crate) fn new(rules: &[AcrConfiguration]) -> Result<Self, ConfigurationInvalid> {
        for AcrConfiguration { value, methods } in rules {
            let word = |word: &String| {
                let printable = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
                !word.is_empty() && word.len() <= 256 && word.bytes().all(printable)
            };
            if !word(value) || !methods.iter().all(word) {
                let rule =
                    "values and methods are 1 to 256 printable characters without space, quote or backslash";
                let remedy = "write them like \"urn:example:mfa\" and \"pwd\"";
                return Err(invalid("acr", value, rule, remedy));
            }
        }
        Ok(Self(rules.to_vec()))
    }

    /// The context that a sign-in with `amr` has: the first of `wanted` that it reaches, otherwise the last
    /// one of the table that it reaches.
    pub(crate) fn reached(&self, amr: &[String], wanted: &[String]) -> Option<String> {
        let reached = || self.0.iter().rev().filter(|rule| reaches(amr, rule));
        let asked = wanted.iter().find(|value| reached().any(|rule| rule.value == **value));
        asked.cloned().or_else(|| reached().next().map(|rule| rule.value.clone()))
    }

    /// The ways of signing in of which one reaches one of `wanted`; every way when nothing is wanted. `None`
    /// when no way reaches any of them.
    pub(crate) fn methods_for(&self, wanted: &[String]) -> Option<WantedMethods> {
        if wanted.is_empty() {
            return Some(WantedMethods { password: true, passkey: true });
        }
        let reaching =
            |amr: &[String]| self.0.iter().any(|rule| wanted.contains(&rule.value) && reaches(amr, rule));
        let methods = WantedMethods {
            password: reaching(&password_amr()),
            passkey: reaching(&passkey_amr(false)) || reaching(&passkey_amr(true)),
        };
        (methods.password || methods.passkey).then_some(methods)
    }
}

fn reaches(amr: &[String], rule: &AcrConfiguration) -> bool {
    rule.methods.iter().all(|method| amr.contains(method))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(value: &str, methods: &[&str]) -> AcrConfiguration {
        AcrConfiguration { value: value.into(), methods: words(methods) }
    }

    fn contexts() -> AuthenticationContexts {
        AuthenticationContexts::new(&[rule("low", &[]), rule("high", &["mfa"]), rule("higher", &["hwk"])])
            .unwrap()
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_sign_in_reaches_what_was_wanted_or_the_strongest_it_can() {
        let contexts = contexts();
        assert_eq!(contexts.reached(&password_amr(), &[]).as_deref(), Some("low"));
        assert_eq!(contexts.reached(&password_amr(), &words(&["high", "low"])).as_deref(), Some("low"));
        assert_eq!(contexts.reached(&passkey_amr(false), &[]).as_deref(), Some("higher"));
        assert_eq!(contexts.reached(&passkey_amr(true), &[]).as_deref(), Some("high"));
        assert_eq!(contexts.reached(&passkey_amr(false), &words(&["low"])).as_deref(), Some("low"));
        assert_eq!(AuthenticationContexts::default().reached(&password_amr(), &[]), None);
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
    fn rejects_words_that_no_claim_could_hold() {
        for wrong in [rule("", &[]), rule("a b", &[]), rule("a", &[""]), rule("a\"", &[])] {
            assert_eq!(AuthenticationContexts::new(&[wrong]).unwrap_err().option, "acr");
        }
    }
}
