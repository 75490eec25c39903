//! Authorization requests, from the first byte to the answer (RFC 6749 section 4.1, RFC 9126, RFC 9101, RFC 9207):
//! where the parameters come from, what is stored of a pushed request, and how the answer travels back. What a
//! person is asked in between is `interaction`. Nothing here shows a page or looks at a password.

pub(crate) mod by_reference;
pub(crate) mod code;
pub(crate) mod pushed;
pub(crate) mod request;
pub(crate) mod response;
