//! How a client comes into the store: judged by the rules that the server runs on, whoever registers it, an
//! administrator or the client itself (RFC 7591). What only the operator may say of a client, a stranger's
//! request never says (CVE-2026-22752's class). Secrets are made here, handed out once, and kept as digests.

pub(crate) mod dynamic;
pub(crate) mod enrolment;
pub(crate) mod facts;
pub(crate) mod initial_access_token;
pub(crate) mod narrowed;
pub(crate) mod population;
pub(crate) mod sector_identifier;

pub(crate) use enrolment::{RegistrationRefused, enrol};
pub(crate) use facts::{Facts, FormerSecret};
