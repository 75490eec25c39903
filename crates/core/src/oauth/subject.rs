//! Subjects (`sub`): what people are called (OpenID Connect Core 1.0 section 2), and clients that speak for themselves,
//! in a namespace that no person's name may enter (AT68-5-02). Whoever takes a person's subject from outside asks here.

use alloc::format;
use alloc::string::String;
use core::fmt;

/// How the subjects of clients begin.
pub const CLIENT_NAMESPACE: &str = "client:";
/// The longest subject, in bytes.
const MAXIMUM_SUBJECT: usize = 255;

/// The `sub` of a client that speaks for itself.
#[must_use]
pub fn client_subject(client_id: &str) -> String {
    format!("{CLIENT_NAMESPACE}{client_id}")
}

/// Requires that `subject` can be a person's.
///
/// # Errors
/// [`NotAPerson`], with the rule.
pub fn require_person(subject: &str) -> Result<(), NotAPerson> {
    let visible = subject.bytes().all(|byte| byte.is_ascii_graphic());
    let fits = !subject.is_empty() && subject.len() <= MAXIMUM_SUBJECT && visible;
    if fits && !subject.starts_with(CLIENT_NAMESPACE) { Ok(()) } else { Err(NotAPerson) }
}

/// The text can't be a person's subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAPerson;

impl NotAPerson {
    /// The rule, as a fixed sentence for the wire.
    pub const RULE: &'static str =
        "subject is 1 to 255 visible ASCII characters and does not begin with client:";
}

impl fmt::Display for NotAPerson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::RULE)
    }
}

impl core::error::Error for NotAPerson {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_persons_subject_enters_the_namespace_of_clients_or_leaves_the_letters() {
        let long = "a".repeat(MAXIMUM_SUBJECT);
        for subject in ["alice", "248289761001", "clients:1", "Client:1", &long] {
            assert_eq!(require_person(subject), Ok(()), "{subject}");
        }
        let longer = "a".repeat(MAXIMUM_SUBJECT + 1);
        for subject in ["", "client:", &client_subject("web"), "a b", "a\n", "zoë", &longer] {
            assert_eq!(require_person(subject), Err(NotAPerson), "{subject}");
        }
    }
}
