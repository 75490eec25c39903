//! An authorized request without asking for a scope.

use bindery_core::resource::{AuthorizedRequest, VerifiedRequest};

fn forge(request: VerifiedRequest) -> AuthorizedRequest {
    AuthorizedRequest(request)
}

fn convert(request: VerifiedRequest) -> AuthorizedRequest {
    request.into()
}

fn main() {}
