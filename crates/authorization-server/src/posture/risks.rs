//! What is allowed here and makes a theft easier: each by a stable name, with what it means and what to do. The
//! list is closed by review, not by the compiler: an option that loosens something belongs here.

use bindery_core::jose::algorithm::SignatureAlgorithm;
use bindery_http::client_address::AddressHeader;

use super::{ClientCounts, Exception, Risk};
use crate::configuration::{NoncePolicy, RegistrationAccess};
use crate::profile::PkceRule;
use crate::server::Server;

pub(super) fn of(server: &Server, clients: &ClientCounts, exceptions: &[Exception]) -> Vec<Risk> {
    let settings = &server.settings;
    let rules = settings.rules.server();
    let mut risks = Vec::new();
    let mut name = |holds: bool, name: &str, meaning: String, remedy: &str| {
        if holds {
            risks.push(Risk { name: name.into(), meaning, remedy: remedy.into() });
        }
    };
    name(
        settings.bearer.is_some(),
        "bearer_tokens_for_the_issuer",
        "every confidential client that registered no constraint gets tokens that work for whoever holds them".into(),
        "bind the clients by `sender_constraint`, then remove `bearer`",
    );
    name(
        !exceptions.is_empty(),
        "bearer_tokens_for_clients",
        format!("{} clients get tokens that work for whoever holds them", exceptions.len()),
        "bind them before their exceptions end",
    );
    let secrets = clients.with_secrets();
    name(
        secrets > 0,
        "shared_secrets",
        format!("{secrets} clients prove who they are by sending a secret, which any log or proxy can copy"),
        "move them to private_key_jwt or certificates",
    );
    name(
        rules.pkce == PkceRule::PublicClients,
        "pkce_left_to_confidential_clients",
        "a stolen code of a confidential client can be injected into another session".into(),
        "set `pkce = \"unless_nonce\"` or \"always\"",
    );
    name(
        rules.algorithms.contains(SignatureAlgorithm::Rs256)
            && (settings.assertion_algorithms.contains(SignatureAlgorithm::Rs256)
                || settings.dpop_algorithms.contains(SignatureAlgorithm::Rs256)
                || settings.signing_algorithms.contains(&SignatureAlgorithm::Rs256)),
        "rs256",
        "signatures with PKCS #1 v1.5 padding are made or accepted".into(),
        "name the algorithms without RS256 once no client needs it",
    );
    name(
        rules.registration == RegistrationAccess::Open,
        "open_registration",
        format!(
            "anybody can register a client with the grants {} and have it shown to people",
            settings.registration.grants.join(", ")
        ),
        "set `registration.access = \"initial_access_token\"`",
    );
    name(
        rules.unregistered_redirect_uri,
        "unregistered_redirect_uris",
        "an authenticated client chooses where codes go".into(),
        "remove `unregistered_redirect_uris` unless an ecosystem demands it",
    );
    name(
        rules.request_by_reference,
        "requests_by_reference",
        "the server fetches request objects from URLs that clients registered".into(),
        "let clients push their requests instead",
    );
    name(
        rules.registration != RegistrationAccess::Closed
            && settings.registration.grants.iter().any(|grant| grant == "client_credentials"),
        "registered_clients_for_themselves",
        "clients that registered themselves get tokens without any person's consent".into(),
        "leave client_credentials out of `registration.grants`",
    );
    name(
        !settings.administrators.is_empty(),
        "people_administer",
        format!("{} people administer with whatever sign-in they have", settings.administrators.len()),
        "let a client with a key of its own administer, or demand a strong `acr` of these people",
    );
    name(
        addresses_unknown(server),
        "addresses_unknown",
        "trusted proxies name no client addresses: one caller's limits are everybody's, or nobody's".into(),
        "set `address_header` in `[trusted_proxies]` to the header that the proxies write",
    );
    let keys = &settings.client_keys_reach;
    name(
        !keys.is_empty(),
        "calls_into_private_networks",
        format!("clients can make the server call {}", keys.join(", ")),
        "remove `client_keys.dangerous_private_hosts` and `dangerous_private_networks`",
    );
    name(
        matches!(settings.cors, Some(bindery_http::cors::AllowedOrigins::Any)),
        "any_origin",
        "pages of every origin may call the endpoints and read the answers".into(),
        "list the origins in `cors_origins`",
    );
    name(
        rules.sender_constraints.dpop && settings.dpop.nonce == NoncePolicy::Optional,
        "proofs_without_nonces",
        format!(
            "a proof made ahead of time is good for {} seconds once its time has come",
            settings.dpop.past
        ),
        "set `dpop.nonce = \"required\"` where clients can answer a challenge",
    );
    risks
}

/// Whether requests come through proxies that say nothing of who called them.
fn addresses_unknown(server: &Server) -> bool {
    let proxies = server.edge.trusted_proxies();
    proxies.is_some_and(|proxies| proxies.address_header() == AddressHeader::NotSent)
}
