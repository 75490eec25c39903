//! OAuth's wire forms (RFC 6749, 7009, 7591, 7636, 7662, 8414, 9068, 9126, 9396): forms parsed, answers rendered, client
//! records checked. Pure values: nothing here knows an endpoint, a store or a clock.

pub mod authorization_details;
pub mod authorization_request;
pub mod backchannel_request;
pub mod claims_request;
pub mod client_authorization;
pub mod client_backchannel;
pub mod client_display;
mod client_members;
pub mod client_metadata;
pub mod client_openid;
mod client_registration;
pub mod client_registration_request;
pub mod form;
pub mod introspection;
pub mod metadata;
pub mod pkce;
pub mod polling;
pub mod redirect_uri;
pub mod request_object;
pub mod scope;
pub mod sender_constraint;
pub mod signed_introspection;
pub mod subject;
pub mod token_error;
pub mod token_exchange;
pub mod token_query;
pub mod token_request;
pub mod token_response;
