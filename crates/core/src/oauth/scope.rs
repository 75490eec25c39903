//! Scope values (RFC 6749 section 3.3): the grammar, exactly, and the set operations that grants need. Sizes
//! are capped before anything is split, because a scope of a megabyte is a denial of service.

use alloc::collections::BTreeSet;
use alloc::string::String;
use core::fmt;

/// The longest `scope` parameter that is read, in bytes.
pub const MAXIMUM_SCOPE: usize = 4096;

/// A set of scope tokens, rendered in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(BTreeSet<String>);

/// The text is not a scope: an empty token, a forbidden character, or too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopeInvalid;

/// A scope asks for more than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopeExceeded;

impl Scope {
    /// The scope that grants nothing by name.
    #[must_use]
    pub const fn empty() -> Self {
        Self(BTreeSet::new())
    }

    /// Parses tokens with single spaces between; the empty text is the empty scope.
    ///
    /// # Errors
    /// [`ScopeInvalid`] when the grammar of RFC 6749 section 3.3 is broken.
    pub fn parse(text: &str) -> Result<Self, ScopeInvalid> {
        if text.is_empty() {
            return Ok(Self::empty());
        }
        if text.len() > MAXIMUM_SCOPE {
            return Err(ScopeInvalid);
        }
        text.split(' ')
            .map(|token| {
                let fits = !token.is_empty()
                    && token.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
                fits.then(|| token.into()).ok_or(ScopeInvalid)
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether no token is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tokens, ascending.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether `token` is one of the tokens.
    #[must_use]
    pub fn contains(&self, token: &str) -> bool {
        self.0.contains(token)
    }

    /// The tokens that both have.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).cloned().collect())
    }

    /// This scope without `tokens`.
    #[must_use]
    pub fn without(&self, tokens: &[&str]) -> Self {
        Self(self.0.iter().filter(|token| !tokens.contains(&token.as_str())).cloned().collect())
    }

    /// Requires every token of this scope to be in `allowed` (RFC 6749 sections 3.3 and 6).
    ///
    /// # Errors
    /// [`ScopeExceeded`] when one is not.
    pub fn require_within(&self, allowed: &Self) -> Result<(), ScopeExceeded> {
        if self.0.is_subset(&allowed.0) { Ok(()) } else { Err(ScopeExceeded) }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, token) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(token)?;
        }
        Ok(())
    }
}

/// As the one text that the wire has too.
impl serde::Serialize for Scope {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Scope {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|_| serde::de::Error::custom("not a scope"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn rejects_what_the_grammar_forbids() {
        for text in [" ", "a ", " a", "a  b", "a\tb", "a\"", "a\\", "\u{e9}", "a\u{7f}", "a\nb"] {
            assert_eq!(Scope::parse(text), Err(ScopeInvalid), "{text:?}");
        }
        assert_eq!(Scope::parse(&"a".repeat(MAXIMUM_SCOPE + 1)), Err(ScopeInvalid));
    }

    #[test]
    fn a_scope_is_a_set() {
        let scope = Scope::parse("write read write").unwrap();
        assert_eq!(scope.to_string(), "read write");
        let read = Scope::parse("read").unwrap();
        assert_eq!(read.require_within(&scope), Ok(()));
        assert_eq!(scope.require_within(&read), Err(ScopeExceeded));
        assert_eq!(scope.intersection(&read), read);
        assert_eq!(Scope::empty().require_within(&read), Ok(()));
    }
}
