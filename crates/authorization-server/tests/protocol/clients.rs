//! The configuration of the test server: one client of each kind.

use std::sync::Arc;

use bindery_authorization_server::{KeySetFetcher, Outbound};
use bindery_core::crypto::Cryptography as _;
use bindery_core::encoding::base64url;
use bindery_core::mtls::certificate::ClientCertificate;
use bindery_crypto::{AwsLc, SigningKey};
use bindery_http::EdgePolicy;
use serde_json::{Value, json};

use crate::support::{
    API, Ca, ISSUER, MTLS, OTHER_API, SECRET, START, ca, certificate, certificate_jwk, key,
};

/// The clients of the test server; `changes` may change the whole configuration.
pub(crate) struct Setup {
    pub(crate) ca: Ca,
    pub(crate) other_ca: Ca,
    pub(crate) assertion_key: SigningKey,
    pub(crate) self_signed: ClientCertificate,
    pub(crate) configuration: Value,
    pub(crate) key_fetcher: Option<Arc<dyn KeySetFetcher>>,
    pub(crate) outbound: Option<Arc<dyn Outbound>>,
    pub(crate) edge: EdgePolicy,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let (ca, other_ca) = (ca("trusted"), ca("other"));
        let assertion_key = key();
        let (self_signed, _) = certificate("anything", Vec::new(), None);
        let digest = base64url::encode(AwsLc.sha256(&[SECRET.as_bytes()]));
        let jwks = json!({"keys": [assertion_key.public_key().to_jwk()]});
        let client = |id: &str, members: Value| {
            let mut client = json!({
                "client_id": id, "scope": "read write", "audiences": [API, OTHER_API],
                "grant_types": ["client_credentials", "refresh_token"],
            });
            client.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            client
        };
        let public = |id: &str, members: Value| {
            let mut client =
                client(id, json!({"token_endpoint_auth_method": "none", "grant_types": ["refresh_token"]}));
            client.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            client
        };
        let jwt = |id: &str, members: Value| {
            let mut client =
                client(id, json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks}));
            client.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            client
        };
        let configuration = json!({
            "issuer": ISSUER,
            "mtls_base_url": MTLS,
            "trust_anchors": [
                {"name": "trusted", "pem": ca.pem()},
                {"name": "other", "pem": other_ca.pem()},
            ],
            "client": [
                jwt("jwt-client", json!({})),
                jwt("jwt-dpop", json!({"dpop_bound_access_tokens": true})),
                jwt("jwt-mtls", json!({"tls_client_certificate_bound_access_tokens": true})),
                jwt("jwt-both", json!({"sender_constraint": "both"})),
                jwt("jwt-opaque", json!({"access_token_format": "opaque"})),
                jwt("jwt-rotating", json!({"refresh_token_rotation": true})),
                jwt("jwt-disabled", json!({"disabled": true})),
                jwt("jwt-exception", json!({
                    "sender_constraint": "none", "sender_constraint_reason": "the partner moves in spring",
                    "sender_constraint_until": START + 1000,
                })),
                client("basic-client", json!({"client_secret_sha256": digest})),
                client(
                    "post-client",
                    json!({"client_secret_sha256": digest, "token_endpoint_auth_method": "client_secret_post"}),
                ),
                client("pki-client", json!({
                    "token_endpoint_auth_method": "tls_client_auth",
                    "tls_client_auth_subject_dn": "CN=pki-client", "trust_anchors": "trusted",
                })),
                client("self-signed-client", json!({
                    "token_endpoint_auth_method": "self_signed_tls_client_auth",
                    "jwks": {"keys": [certificate_jwk(&self_signed)]},
                })),
                public("public-client", json!({})),
                public("public-rotating", json!({"refresh_token_rotation": true})),
                public("public-binding", json!({"unbound_refresh": "bind_first_proof"})),
                public("public-exception", json!({
                    "sender_constraint": "none", "sender_constraint_reason": "old app",
                    "sender_constraint_until": START + 100_000,
                })),
                client("api", json!({
                    "client_secret_sha256": digest, "grant_types": [], "introspection_audiences": [API],
                })),
                client("other-api", json!({
                    "client_secret_sha256": digest, "grant_types": [], "introspection_audiences": [OTHER_API],
                })),
            ],
        });
        Self {
            ca,
            other_ca,
            assertion_key,
            self_signed,
            configuration,
            key_fetcher: None,
            outbound: None,
            edge: EdgePolicy::direct(),
        }
    }
}
