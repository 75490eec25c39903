//! User names and passwords as text: one spelling for each name (RFC 8265 sections 3.3 and 4.2), so that
//! nobody is locked out by a keyboard's way of writing an umlaut, and nobody takes a name that looks the same
//! because of letter case or width.

use std::fmt;

use precis_profiles::precis_core::profile::PrecisFastInvocation as _;
use precis_profiles::{OpaqueString, UsernameCaseMapped};
use zeroize::Zeroizing;

/// The longest user name, in bytes, before and after it was brought to its one spelling.
pub const MAXIMUM_USERNAME: usize = 256;
/// The longest password, in bytes.
pub const MAXIMUM_PASSWORD: usize = 1024;

/// The text is no user name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsernameInvalid;

impl fmt::Display for UsernameInvalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a user name has 1 to 256 bytes of letters, digits and ASCII signs, without spaces")
    }
}

impl std::error::Error for UsernameInvalid {}

/// A password that can't be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PasswordRefused {
    /// Fewer characters than demanded.
    TooShort,
    /// Too long, or with characters that keyboards give differently, such as control characters.
    Unusable,
    /// It is the user name.
    Username,
    /// It is in the operator's list of those that thieves try first.
    Common,
}

impl fmt::Display for PasswordRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooShort => "the password has fewer characters than `people.password_minimum`",
            Self::Unusable => "the password is longer than 1024 bytes or has control characters",
            Self::Username => "the password is the user name",
            Self::Common => "the password stands in `people.refused_passwords_file`; choose another",
        })
    }
}

impl std::error::Error for PasswordRefused {}

/// The one spelling of a user name: lower case, one width, composed.
///
/// # Errors
/// [`UsernameInvalid`] when the text is no user name.
pub fn normalise_username(text: &str) -> Result<String, UsernameInvalid> {
    let text = text.trim();
    if text.is_empty() || text.len() > MAXIMUM_USERNAME {
        return Err(UsernameInvalid);
    }
    let name = UsernameCaseMapped::enforce(text).map_err(|_| UsernameInvalid)?;
    if name.is_empty() || name.len() > MAXIMUM_USERNAME {
        return Err(UsernameInvalid);
    }
    Ok(name.into_owned())
}

/// The one spelling of a password. Nothing is cut or changed in case.
///
/// # Errors
/// [`PasswordRefused::Unusable`] when it can't be anybody's password.
pub fn normalise_password(text: &str) -> Result<Zeroizing<String>, PasswordRefused> {
    if text.is_empty() || text.len() > MAXIMUM_PASSWORD {
        return Err(PasswordRefused::Unusable);
    }
    let password = OpaqueString::enforce(text).map_err(|_| PasswordRefused::Unusable)?;
    Ok(Zeroizing::new(password.into_owned()))
}

/// A new password for an account: long enough, and not its name (NIST SP 800-63B section 3.1.1.2).
///
/// # Errors
/// [`PasswordRefused`] says what is wrong with it.
pub fn new_password(
    text: &str,
    username: &str,
    minimum: usize,
) -> Result<Zeroizing<String>, PasswordRefused> {
    let password = normalise_password(text)?;
    if password.chars().count() < minimum {
        return Err(PasswordRefused::TooShort);
    }
    match normalise_username(&password) {
        Ok(name) if name == username => Err(PasswordRefused::Username),
        _ => Ok(password),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_spelling_in_every_case_width_and_composition() {
        for text in ["Zoë", "zo\u{65}\u{308}", " ZOË ", "ｚｏë"] {
            assert_eq!(normalise_username(text).unwrap(), "zo\u{eb}", "{text}");
        }
        assert_eq!(normalise_username("Alice@Example.COM").unwrap(), "alice@example.com");
    }

    #[test]
    fn rejects_names_with_spaces_control_or_direction_characters() {
        for text in ["", "  ", "a b", "a\u{0}b", "a\u{202e}b", "a\u{200b}b", "\u{fdfa}", &"a".repeat(257)] {
            assert_eq!(normalise_username(text), Err(UsernameInvalid), "{text:?}");
        }
    }

    #[test]
    fn a_password_keeps_its_case_and_its_spaces() {
        assert_eq!(*normalise_password("Correct Horse").unwrap(), "Correct Horse");
        assert_eq!(*normalise_password("a\u{a0}b").unwrap(), "a b");
        assert_eq!(*normalise_password("e\u{301}").unwrap(), "\u{e9}");
        for text in ["", "a\u{0}b", &"x".repeat(1025)] {
            assert_eq!(normalise_password(text).unwrap_err(), PasswordRefused::Unusable);
        }
    }

    #[test]
    fn a_new_password_is_long_enough_and_not_the_name() {
        assert_eq!(new_password("short", "alice", 12).unwrap_err(), PasswordRefused::TooShort);
        assert_eq!(new_password("ALICE", "alice", 5).unwrap_err(), PasswordRefused::Username);
        assert!(new_password("pässword", "alice", 8).is_ok());
    }
}
