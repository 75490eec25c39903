//! Mutual TLS (RFC 8705): certificates and their thumbprints, the binding check, the subject rules of
//! `tls_client_auth`, and the header formats in which proxies forward certificates.

pub mod certificate;
pub mod confirm;
pub mod header;
pub mod subject;
