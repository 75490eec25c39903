//! Audit events: one stable name and stable fields per fact, through `tracing`. Never a token, a proof, an
//! assertion, a secret or a certificate; keys appear by thumbprint, tokens by `jti`.

use bindery_core::rejection::Rejection;
use bindery_core::token::confirmation::Confirmation;

/// The fields `jkt`, `x5t` and `binding` of a confirmation.
pub(crate) fn binding_name(confirmation: &Confirmation) -> &'static str {
    match confirmation {
        Confirmation::Unbound => "none",
        Confirmation::Dpop(_) => "dpop",
        Confirmation::Mtls(_) => "mtls",
        Confirmation::Both(..) => "both",
    }
}

pub(crate) fn proof_refused(endpoint: &str, rejection: &Rejection) {
    tracing::info!(
        event = "dpop_proof_refused",
        endpoint,
        reason = rejection.reason(),
        blame = rejection.blame().name(),
        detail = %rejection
    );
}

/// A request to one of our own resources (userinfo, administration) that was refused.
pub(crate) fn own_resource_refused(endpoint: &str, rejection: &Rejection) {
    tracing::info!(
        event = "resource_request_refused",
        endpoint,
        reason = rejection.reason(),
        blame = rejection.blame().name(),
        detail = %rejection
    );
}
