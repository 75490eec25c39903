//! Says of a token, a proof or a whole request what holds, what fails and why, going on past the first
//! failure. It calls the very functions that the verifiers call, in their order, so the first failure named
//! here is the rejection given there. An explanation is for people: nothing may be granted because of it,
//! and no token, proof, signature or private key is ever in it.

mod mistakes;
mod proof;
mod request;
mod shown;
mod target;
mod token;

use alloc::string::String;
use alloc::vec::Vec;

pub use mistakes::pasted;
pub use proof::{ProofExpectation, explain_proof};
pub use request::{RequestExpectation, explain_request};
pub use shown::{excerpt, for_terminal, moment};
pub use token::{ExpectedIssuer, TokenExpectation, explain_access_token};

use crate::rejection::Rejection;

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// How the request presents its credentials.
    Request,
    /// The DPoP proof.
    Proof,
    /// The access token.
    Token,
    /// The client certificate.
    Certificate,
    /// Whether what was proven is what the token names.
    Binding,
}

impl Subject {
    /// A stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Proof => "proof",
            Self::Token => "token",
            Self::Certificate => "certificate",
            Self::Binding => "binding",
        }
    }
}

/// What would be needed for a check that could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Missing {
    /// Something else fails first, and this check stands on it.
    Earlier,
    /// The method of the request.
    Method,
    /// The URL of the request.
    Target,
    /// The access token that goes with the proof.
    AccessToken,
    /// The issuer's keys.
    Keys,
    /// The issuer that the server trusts.
    Issuer,
    /// The server's own audience.
    Audience,
    /// The client certificate of the connection.
    Certificate,
    /// The keys of the server that made the nonce.
    NonceKeys,
    /// The server's memory of proofs.
    ReplayStore,
    /// The authorization server's word on an opaque token.
    Introspection,
}

impl Missing {
    /// A stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Earlier => "earlier",
            Self::Method => "method",
            Self::Target => "target",
            Self::AccessToken => "access_token",
            Self::Keys => "keys",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Certificate => "certificate",
            Self::NonceKeys => "nonce_keys",
            Self::ReplayStore => "replay_store",
            Self::Introspection => "introspection",
        }
    }
}

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The rule is kept.
    Holds,
    /// The rule is broken; a verifier that comes this far answers with this rejection.
    Fails(Rejection),
    /// Nothing can be said without more.
    NotChecked(Missing),
}

/// One check and its outcome.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule, as `RFC 9449 §4.3 step 9`.
    pub rule: &'static str,
    /// What it is about.
    pub subject: Subject,
    /// The outcome.
    pub verdict: Verdict,
    /// The facts in one line, fit for a terminal.
    pub what: String,
}

impl Finding {
    /// How to mend it, if it fails.
    #[must_use]
    pub const fn remedy(&self) -> Option<&'static str> {
        match &self.verdict {
            Verdict::Fails(rejection) => Some(rejection.remedy()),
            Verdict::Holds | Verdict::NotChecked(_) => None,
        }
    }
}

/// A header or a set of claims, decoded for reading; nothing in it is verified.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// Whose.
    pub subject: Subject,
    /// `header` or `claims`.
    pub part: &'static str,
    /// Names and values, fit for a terminal; secrets and long texts are cut out.
    pub members: Vec<(String, String)>,
}

/// A mistake of real life that explains a failure, or will cause one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// A stable name.
    pub name: &'static str,
    /// Whether somebody must act now, whatever becomes of this request.
    pub grave: bool,
    /// What it is and what to do.
    pub text: String,
}

/// Everything that could be said.
#[derive(Clone, Debug, Default)]
pub struct Explanation {
    /// The checks, in the verifier's order.
    pub findings: Vec<Finding>,
    /// What the token and the proof say of themselves.
    pub decoded: Vec<Decoded>,
    /// Likely causes.
    pub hints: Vec<Hint>,
}

impl Explanation {
    /// The rejection that the verifier would answer with, as far as it could be checked.
    #[must_use]
    pub fn rejection(&self) -> Option<&Rejection> {
        self.findings.iter().find_map(|finding| match &finding.verdict {
            Verdict::Fails(rejection) => Some(rejection),
            Verdict::Holds | Verdict::NotChecked(_) => None,
        })
    }

    /// Whether a hint of this name was given.
    #[must_use]
    pub fn hints_at(&self, name: &str) -> Option<&Hint> {
        self.hints.iter().find(|hint| hint.name == name)
    }

    /// Adds the outcome of a check and hands its value on; `what` says the facts when it holds.
    fn record<T>(
        &mut self,
        subject: Subject,
        rule: &'static str,
        outcome: Result<T, Rejection>,
        what: impl FnOnce(&T) -> String,
    ) -> Option<T> {
        let (verdict, what, value) = match outcome {
            Ok(value) => (Verdict::Holds, what(&value), Some(value)),
            Err(rejection) => {
                let what = shown::facts(&rejection);
                (Verdict::Fails(rejection), what, None)
            }
        };
        self.findings.push(Finding { rule, subject, verdict, what });
        value
    }

    fn unchecked(&mut self, subject: Subject, rule: &'static str, missing: Missing, what: impl Into<String>) {
        self.findings.push(Finding {
            rule,
            subject,
            verdict: Verdict::NotChecked(missing),
            what: what.into(),
        });
    }

    /// Adds a hint, once per name.
    pub fn hint(&mut self, name: &'static str, text: impl Into<String>) {
        if self.hints_at(name).is_none() {
            self.hints.push(Hint { name, grave: false, text: text.into() });
        }
    }

    /// Adds a hint that comes before all others.
    fn warn(&mut self, name: &'static str, text: impl Into<String>) {
        if self.hints_at(name).is_none() {
            self.hints.insert(0, Hint { name, grave: true, text: text.into() });
        }
    }

    /// Replaces what the last finding says, when it fails.
    fn reword_failure(&mut self, what: impl FnOnce() -> String) {
        if let Some(finding) = self.findings.last_mut()
            && matches!(finding.verdict, Verdict::Fails(_))
        {
            finding.what = what();
        }
    }
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
