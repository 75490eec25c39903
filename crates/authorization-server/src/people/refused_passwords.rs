//! The passwords that nobody may choose because thieves try them first: an operator's file, one on each line, compared
//! whole and without regard to case (NIST SP 800-63B section 3.1.1.2). It judges new passwords alone; whoever has such a
//! password already goes on signing in with it.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;

use zeroize::Zeroizing;

use super::username::{PasswordRefused, normalise_password};
use crate::configuration::{ConfigurationInvalid, invalid};

const OPTION: &str = "people.refused_passwords_file";

/// The largest file that is read: some millions of passwords, held in memory.
const MAXIMUM_FILE: u64 = 64 << 20;

/// The list; empty without a file.
#[derive(Default)]
pub struct RefusedPasswords(HashSet<Box<str>>);

impl fmt::Debug for RefusedPasswords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefusedPasswords({})", self.0.len())
    }
}

impl RefusedPasswords {
    /// Reads the file that the configuration names.
    ///
    /// # Errors
    /// [`ConfigurationInvalid`] when it can't be read, is too large or holds nothing.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigurationInvalid> {
        let Some(path) = file else { return Ok(Self::default()) };
        let shown = path.display();
        let size = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?.len();
        if size > MAXIMUM_FILE {
            return Err(invalid(
                OPTION,
                shown,
                "it has more than 64 MiB",
                "take the most frequent passwords alone",
            ));
        }
        let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
        let list: HashSet<Box<str>> = String::from_utf8_lossy(&bytes).lines().filter_map(spelling).collect();
        match list.is_empty() {
            true => Err(invalid(
                OPTION,
                shown,
                "it holds no password",
                "write one on each line, or leave the option out",
            )),
            false => Ok(Self(list)),
        }
    }

    /// Requires that a new password is not in the list.
    ///
    /// # Errors
    /// [`PasswordRefused::Common`].
    pub fn require_unlisted(&self, password: &str) -> Result<(), PasswordRefused> {
        if self.0.is_empty() {
            return Ok(());
        }
        match spelling(password).is_some_and(|spelling| self.0.contains(&spelling)) {
            true => Err(PasswordRefused::Common),
            false => Ok(()),
        }
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> ConfigurationInvalid {
    invalid(
        OPTION,
        path.display(),
        format!("it can't be read: {error}"),
        "check the path and its permissions",
    )
}

/// The one spelling in which passwords are compared here; nothing where the text can't be a password.
fn spelling(text: &str) -> Option<Box<str>> {
    let password: Zeroizing<String> = normalise_password(text.trim_end_matches('\r')).ok()?;
    Some(password.to_lowercase().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Result<RefusedPasswords, ConfigurationInvalid> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        RefusedPasswords::load(Some(file.path()))
    }

    #[test]
    fn a_listed_password_is_refused_in_every_case_and_a_longer_one_is_not() {
        let list = list("123456789012\r\nCorrectHorseBatteryStaple\n\n").unwrap();
        for text in ["123456789012", "correcthorsebatterystaple", "CORRECTHORSEBATTERYSTAPLE"] {
            assert_eq!(list.require_unlisted(text), Err(PasswordRefused::Common), "{text}");
        }
        for text in ["1234567890123", "correct horse battery staple", ""] {
            assert_eq!(list.require_unlisted(text), Ok(()), "{text}");
        }
        assert_eq!(format!("{list:?}"), "RefusedPasswords(2)");
        assert_eq!(RefusedPasswords::load(None).unwrap().require_unlisted("123456789012"), Ok(()));
    }

    #[test]
    fn a_file_that_is_missing_or_empty_does_not_start() {
        for fault in
            [list("\n\n").unwrap_err(), RefusedPasswords::load(Some(Path::new("/nowhere"))).unwrap_err()]
        {
            assert_eq!(fault.option, OPTION);
            assert!(!fault.remedy.is_empty());
        }
    }
}
