//! The catalogue of audit events: one variant per fact, with a stable name and stable fields. What is written
//! here is what is logged, stored, counted and printed in docs/audit-events.md. Never a token, a proof, an
//! assertion, a code, a secret, a cookie, a password or a certificate: keys appear by thumbprint, tokens by `jti`.
//!
//! To add an event: one entry in `events!` below (name, class, level, meaning, fields), then
//! `server.audit.record(AuditEvent::Name { .. })` at the place that decides, and
//! `BINDERY_WRITE_DOCS=1 cargo test -p bindery-authorization-server --lib event` to renew the page. Where no server
//! is at hand, [`AuditEvent::trace`] logs and counts without storing; that suffices for [`EventClass::Operation`].
//! Field types: `&str` (`&'static str` where the metrics take it for a label), `Option<&str>`, `u64`, `bool`, `Shown` and `Option<Shown>` (anything with `Display`).
//! `client_id` and `subject` mean the same in every event; the store finds events by them.

mod definition;

use bindery_core::token::confirmation::Confirmation;

pub use definition::{EventClass, EventDescription, FieldDescription, Shown, Words};

definition::events! {
    // Tokens.
    TokenIssued = "token_issued", Issuance, INFO, "An access token was issued." {
        client_id: &'a str = "the client",
        subject: &'a str = "whom the token speaks for",
        grant_type: &'static str = "the grant that was redeemed",
        method: &'static str = "how the client authenticated",
        binding: &'static str = "what the token is bound to: `none`, `dpop`, `mtls` or `both`",
        jkt: Option<Shown<'a>> = "thumbprint of the DPoP key",
        x5t: Option<Shown<'a>> = "thumbprint of the certificate",
        grant_id: Option<&'a str> = "the grant that it belongs to",
        jti: &'a str = "the token's identifier",
        audience: Shown<'a> = "the resource servers that it is for",
        scope: Shown<'a> = "its scope",
    }
    BearerTokenIssued = "bearer_token_issued", Security, WARN,
        "An access token that is bound to no key was issued, under a bearer exception." {
        client_id: &'a str = "the client",
        jti: &'a str = "the token's identifier",
    }
    TokenRefused = "token_refused", Security, WARN,
        "An authenticated client asked for a token in vain." {
        client_id: &'a str = "the client",
        reason: &'a str = "the reason that the client was told",
        x5t: Option<&'a str> = "thumbprint of its certificate",
    }
    TokenRevoked = "token_revoked", Security, INFO, "A client revoked a token or a whole grant." {
        client_id: &'a str = "the client",
        kind: &'a str = "`jwt`, `opaque` or `refresh`; the last ends the grant",
        jti: Option<&'a str> = "the token's identifier",
        grant_id: Option<&'a str> = "the grant that ended",
    }
    RevocationOfAnotherClientsToken = "revocation_of_another_clients_token", Security, WARN,
        "A client tried to revoke a token that it was not issued." {
        client_id: &'a str = "the client",
    }
    GrantProvisioned = "grant_provisioned", Administration, INFO,
        "A grant was made without a person's consent, through the server's own interface." {
        client_id: &'a str = "the client",
        subject: &'a str = "whom the grant speaks for",
        grant_id: &'a str = "the grant",
        binding: &'a str = "what it is bound to",
        administrator: &'a str = "who gave it",
    }

    // Authorization requests.
    RequestPushed = "request_pushed", Issuance, INFO, "A client pushed an authorization request." {
        client_id: &'a str = "the client",
        jkt: Option<Shown<'a>> = "thumbprint of the key that its code will be bound to",
    }
    PushedRequestRefused = "pushed_request_refused", Security, WARN,
        "An authenticated client pushed a request that breaks a rule." {
        client_id: &'a str = "the client",
        reason: &'a str = "the reason that the client was told",
    }
    RequestObjectRefused = "request_object_refused", Security, WARN, "A request object was refused." {
        client_id: &'a str = "the client",
        reason: &'a str = "the check that failed",
    }
    NotEncrypted = "not_encrypted", Operation, WARN,
        "An answer could not be encrypted to a client that asks for it, so it was not given." {
        client_id: &'a str = "the client",
        reason: &'a str = "`keys_unavailable`, `no_key` or `key_unusable`",
    }
    AuthorizationRefused = "authorization_refused", Security, INFO,
        "An authorization request ended without a code: a person said no, or a rule did." {
        client_id: &'a str = "the client",
        subject: Option<&'a str> = "who was signed in",
        reason: &'a str = "the reason that the client was told",
    }
    ErrorPageShown = "error_page_shown", Operation, INFO,
        "A person saw an error page, because no redirect URI could be trusted." {
        reason: &'a str = "the reason on the page",
    }
    AuthorizationCodeIssued = "authorization_code_issued", Security, INFO,
        "A person granted a request, and its client may redeem a code." {
        client_id: &'a str = "the client",
        subject: &'a str = "who granted it",
        grant_id: &'a str = "the grant that the code will make",
        scope: Shown<'a> = "what was granted",
    }
    CodeRefused = "code_refused", Security, WARN,
        "A code came back in another way than its request said." {
        client_id: &'a str = "the client that the code was issued to",
        grant_id: &'a str = "the grant that it would make",
        reason: &'a str = "`redirect_uri`, `code_verifier`, `dpop_jkt` or the like",
    }
    CodeOfAnotherClient = "code_of_another_client", Security, WARN, "A client presented a code of another." {
        client_id: &'a str = "the client that presented it",
        grant_id: &'a str = "the grant of the other",
    }
    GrantVoid = "grant_void", Security, WARN,
        "What a person allowed was redeemed after they signed out or lost their account; it came to nothing." {
        client_id: &'a str = "the client",
        subject: &'a str = "who had allowed it",
        grant_id: &'a str = "the grant, which was ended",
    }
    CodeReused = "code_reused", Security, ERROR,
        "A code came back after it was redeemed: somebody has a copy. The grant was ended." {
        client_id: &'a str = "the client",
        grant_id: &'a str = "the grant",
    }

    // Answers that are given elsewhere.
    DeviceCodeIssued = "device_code_issued", Issuance, INFO, "A device asked for a code for its person to type." {
        client_id: &'a str = "the client",
        jkt: Option<Shown<'a>> = "thumbprint of the key that the code is bound to, if it was shown at once",
    }
    UserCodeUnknown = "user_code_unknown", Security, INFO, "A person typed a device's code that there is not." {}
    BackchannelRequested = "backchannel_requested", Issuance, INFO,
        "A client asked for a person's answer without a browser of theirs." {
        client_id: &'a str = "the client",
        subject: &'a str = "the person",
    }
    BackchannelRefused = "backchannel_refused", Security, WARN,
        "An authenticated client asked for a person's answer in a way that breaks a rule." {
        client_id: &'a str = "the client",
        reason: &'a str = "the reason that the client was told",
    }
    DecoupledAnswered = "decoupled_answered", Security, INFO,
        "A person answered a device, or a client that has no browser of theirs." {
        client_id: &'a str = "the client",
        subject: Option<&'a str> = "who answered",
        kind: &'a str = "`device_code` or `backchannel_request`",
        allowed: bool = "whether they allowed it",
    }
    PollOfAnotherClient = "poll_of_another_client", Security, WARN,
        "A client asked for the answer to another client's request." {
        client_id: &'a str = "the client that asked",
        kind: &'a str = "`device_code` or `backchannel_request`",
    }
    PollOfAnotherKey = "poll_of_another_key", Security, WARN,
        "The answer to a request was asked for with another key than the first: somebody has a copy of its code." {
        client_id: &'a str = "the client",
        kind: &'a str = "`device_code` or `backchannel_request`",
    }
    PingFailed = "ping_failed", Operation, WARN,
        "A client could not be told that its answer is there; it may still ask for it." {
        client_id: &'a str = "the client",
        attempts: u64 = "how many attempts were made",
        reason: &'a str = "`refused_by_client`, `status`, `unreachable`, `no_outbound_requests`, `unsealing` or `store`",
    }

    // Refresh.
    RefreshRetried = "refresh_retried", Security, INFO,
        "A spent refresh token came back within the grace, as after a lost answer." {
        client_id: &'a str = "the client",
        grant_id: &'a str = "the grant",
    }
    RefreshTokenReused = "refresh_token_reused", Security, ERROR,
        "A spent refresh token came back: somebody has a copy. The grant was ended." {
        client_id: &'a str = "the client",
        grant_id: &'a str = "the grant",
    }
    RefreshTokenOfAnotherClient = "refresh_token_of_another_client", Security, WARN,
        "A client presented a refresh token of another." {
        client_id: &'a str = "the client that presented it",
        grant_id: &'a str = "the grant of the other",
    }
    RefreshBindingRefused = "refresh_binding_refused", Security, WARN,
        "A refresh token came without the key that its grant is bound to." {
        client_id: &'a str = "the client",
        grant_id: &'a str = "the grant",
        reason: &'a str = "`another_key` or `unbound`",
    }
    GrantBoundToFirstKey = "grant_bound_to_first_key", Security, WARN,
        "A public client's unbound grant was bound to the first key that was proven." {
        client_id: &'a str = "the client",
        grant_id: &'a str = "the grant",
        cnf: Shown<'a> = "the confirmation that it has now",
    }

    // Client authentication and possession.
    ClientAuthenticationFailed = "client_authentication_failed", Security, WARN,
        "A request's client authentication failed." {
        client_id: &'a str = "who the request says it is, shortened; anybody can say anything",
        endpoint: &'static str = "the endpoint",
        reason: &'static str = "the check that failed",
        detail: Shown<'a> = "what the operator needs to mend it",
    }
    ClientChainRefused = "client_chain_refused", Security, WARN,
        "A client's certificate chain does not hold." {
        client_id: &'a str = "the client",
        x5t: Shown<'a> = "thumbprint of the certificate",
        reason: Shown<'a> = "the rule of RFC 5280 that it breaks",
    }
    DpopProofRefused = "dpop_proof_refused", Security, INFO, "A DPoP proof was refused." {
        endpoint: &'static str = "the endpoint",
        reason: &'static str = "the check that failed",
        blame: &'a str = "who can mend it",
        detail: Shown<'a> = "the facts, what the client claims shortened and escaped",
    }
    ResourceRequestRefused = "resource_request_refused", Security, INFO,
        "A request to a resource of the server itself (userinfo, administration) was refused." {
        endpoint: &'static str = "the endpoint",
        reason: &'static str = "the check that failed",
        blame: &'a str = "who can mend it",
        detail: Shown<'a> = "the facts, what the client claims shortened and escaped",
    }
    RateLimited = "rate_limited", Security, WARN,
        "A caller asked too often and was refused with 429. Logged and stored so often within a second and no more." {
        limit: &'static str = "the limit that was reached",
        client_id: Option<&'a str> = "the client, where it was authenticated",
        address: Option<Shown<'a>> = "the address, where it is the address that is limited",
    }
    RequestUnusable = "request_unusable", Security, WARN,
        "A request arrived in a form that names no target, or through a proxy that forwards rubbish." {
        rejection: Shown<'a> = "what is wrong",
    }

    // People.
    PersonSignedIn = "person_signed_in", Security, INFO, "A person signed in." {
        subject: &'a str = "the person",
        session_id: &'a str = "the session",
        client_id: Option<&'a str> = "the client for which they signed in",
        amr: Shown<'a> = "by what means (RFC 8176)",
        acr: Option<&'a str> = "how strongly",
    }
    SignInFailed = "sign_in_failed", Security, WARN,
        "Somebody failed to sign in. What was typed is not told: passwords are typed into the wrong field." {
        subject: Option<&'a str> = "the account, where there is one",
        reason: &'a str = "`unknown`, `disabled`, `locked`, `no_password`, `wrong_password` or `passkey`",
    }
    AccountLocked = "account_locked", Security, WARN,
        "Too many wrong passwords in a row locked an account for a while." {
        subject: &'a str = "the account",
        failures: u64 = "how many failures in a row there were",
    }
    FormForged = "form_forged", Security, WARN,
        "A form came from another site, or without the token that our page gave it; nothing was changed." {
        page: &'a str = "the page",
        reason: &'a str = "`origin` or `token`",
    }
    SessionEnded = "session_ended", Security, INFO, "A person's session was ended." {
        subject: &'a str = "the person",
        session_id: &'a str = "the session",
        reason: &'a str = "`logout`, `account_page`, `password_changed` or `another_person`",
    }
    BackchannelLogoutDelivered = "backchannel_logout_delivered", Issuance, INFO,
        "A client was told that a person's session is over." {
        client_id: &'a str = "the client",
        session_id: &'a str = "the session",
        attempts: u64 = "how many attempts it took",
    }
    BackchannelLogoutFailed = "backchannel_logout_failed", Security, WARN,
        "A client could not be told that a person's session is over; it may still take the person for signed in." {
        client_id: &'a str = "the client",
        session_id: &'a str = "the session",
        attempts: u64 = "how many attempts were made",
        reason: &'a str = "`refused_by_client`, `status`, `unreachable`, `no_outbound_requests`, `signing`, `encryption` or `random_source`",
    }
    AccountChanged = "account_changed", Security, INFO, "A person or an administrator changed an account." {
        subject: &'a str = "the account",
        change: &'a str = "what was changed, such as `password` or `passkey_added`",
    }
    ConsentWithdrawn = "consent_withdrawn", Security, INFO,
        "A person disconnected a client: its consent is forgotten and its grants are revoked." {
        subject: &'a str = "the person",
        client_id: &'a str = "the client",
        grants: u64 = "how many grants ended",
    }
    PageBroken = "page_broken", Operation, ERROR, "A page's template failed, although it passed at start." {
        template: &'a str = "the template",
        reason: &'a str = "what is wrong with it",
    }

    // Clients and keys.
    BearerException = "bearer_exception", Operation, WARN,
        "A configured client may hold bearer tokens; told at every start." {
        client_id: &'a str = "the client",
        reason: &'a str = "the operator's reason",
        until: Shown<'a> = "the end of the exception",
    }
    ClientUnusable = "client_unusable", Operation, ERROR,
        "A stored client breaks the rules of the profile or of this version; it is refused." {
        client_id: &'a str = "the client",
        reason: &'a str = "the rule",
    }
    BlockedKeyUsed = "blocked_key_used", Security, WARN, "A blocked key or certificate was used." {
        thumbprint: &'a str = "its thumbprint",
        kind: &'a str = "`dpop` or `certificate`",
    }
    TrustAnchorsMissing = "trust_anchors_missing", Operation, ERROR,
        "A client's certificate can't be verified, because the set of trust anchors that it names is gone." {
        client_id: &'a str = "the client",
    }
    ClientKeysUnavailable = "client_keys_unavailable", Operation, WARN,
        "A client's key set can't be had, or is none." {
        uri: &'a str = "its `jwks_uri`",
    }
    ClientKeysNotFetched = "client_keys_not_fetched", Operation, WARN,
        "Fetching a client's key set failed, or the guard against internal addresses refused it." {
        uri: &'a str = "its `jwks_uri`",
        reason: Shown<'a> = "what went wrong, in our words",
    }
    OutboundRequestFailed = "outbound_request_failed", Operation, WARN,
        "A request to an address that a client named failed, or the guard against internal addresses refused it." {
        uri: &'a str = "the address",
        reason: Shown<'a> = "what went wrong, in our words",
    }
    SigningKeyMade = "signing_key_made", Security, INFO, "A signing key was made." {
        key_id: &'a str = "its `kid`",
        algorithm: &'a str = "its algorithm",
    }
    SigningKeyActivated = "signing_key_activated", Security, INFO,
        "A key of the issuer is in use from now on: it signs, or others encrypt to it." {
        key_id: &'a str = "its `kid`",
        algorithm: &'a str = "its algorithm",
    }
    SigningKeyRetired = "signing_key_retired", Security, INFO,
        "A key of the issuer is used no more; it stays until what was made with it has expired." {
        key_id: &'a str = "its `kid`",
        algorithm: &'a str = "its algorithm",
    }
    SigningKeyRemoved = "signing_key_removed", Security, INFO,
        "A key of the issuer is gone, and with it everything that it signed." {
        key_id: &'a str = "its `kid`",
        algorithm: &'a str = "its algorithm",
    }
    NonceKeyMade = "nonce_key_made", Operation, INFO, "A key for DPoP nonces was made." {
        id: u64 = "its number in the ring",
    }
    CookieKeyMade = "cookie_key_made", Operation, INFO, "A key that seals cookies was made." {
        id: u64 = "its number in the ring",
    }
    SigningFailed = "signing_failed", Operation, ERROR, "A signature could not be made; nothing was issued." {}

    // Administration and registration.
    ClientRegistered = "client_registered", Administration, INFO, "A client was registered." {
        client_id: &'a str = "the client",
        method: &'a str = "how it authenticates",
        sender_constraint: &'a str = "what its tokens are bound to",
        initial_access_token: Option<&'a str> = "the name of the initial access token that it showed",
        administrator: Option<&'a str> = "who registered it; nobody when it registered itself",
    }
    RegistrationRefused = "registration_refused", Security, INFO,
        "A request to the registration endpoint was refused." {
        client_id: Option<&'a str> = "the client that the request names, shortened and escaped",
        error: &'a str = "the error code that was answered",
        detail: &'a str = "the rule, what the request says shortened and escaped",
    }
    ClientChanged = "client_changed", Administration, INFO, "A client's registration or state was changed." {
        client_id: &'a str = "the client",
        change: &'a str = "`replaced`, `patched`, `policy`, `secret`, `disabled` or `enabled`",
        administrator: Option<&'a str> = "who changed it; nobody when it was the client itself",
    }
    ClientDeleted = "client_deleted", Administration, WARN, "A client was removed with all that it held." {
        client_id: &'a str = "the client",
        administrator: Option<&'a str> = "who removed it; nobody when it was the client itself",
    }
    UnusedClientRemoved = "unused_client_removed", Administration, INFO,
        "A client that had registered itself was never used, and was removed." {
        client_id: &'a str = "the client",
    }
    ClientOffboarded = "client_offboarded", Administration, WARN,
        "A client was disabled for ever, its grants were revoked and its keys blocked." {
        client_id: &'a str = "the client",
        reason: &'a str = "the operator's reason",
        grants_revoked: u64 = "how many grants were alive",
        keys_blocked: u64 = "how many keys and certificates were blocked",
        nothing_works: bool = "whether the verification found every way closed",
        administrator: &'a str = "who did it",
    }
    GrantRevoked = "grant_revoked", Administration, INFO, "An administrator revoked a grant." {
        grant_id: &'a str = "the grant",
        administrator: &'a str = "who did it",
    }
    GrantsRevoked = "grants_revoked", Administration, WARN,
        "An administrator revoked every grant of a client, a subject or a session." {
        client_id: Option<&'a str> = "the client",
        subject: Option<&'a str> = "the subject",
        session_id: Option<&'a str> = "the session",
        revoked: u64 = "how many were alive",
        administrator: &'a str = "who did it",
    }
    SessionEndedByAdministrator = "session_ended_by_administrator", Administration, INFO,
        "An administrator ended a session and revoked what was granted in it." {
        session_id: &'a str = "the session",
        subject: &'a str = "who was signed in",
        revoked: u64 = "how many grants were alive",
        administrator: &'a str = "who did it",
    }
    AccountChangedByAdministrator = "account_changed_by_administrator", Administration, INFO,
        "An administrator changed somebody's account." {
        subject: &'a str = "the account",
        change: &'a str = "`added`, `disabled`, `enabled`, `password`, `user_code`, `unlocked` or `deleted`",
        administrator: &'a str = "who did it",
    }
    IssuerKeyChanged = "issuer_key_changed", Administration, WARN,
        "An administrator rotated or retired a key of the issuer, ahead of its schedule." {
        change: &'a str = "`rotated` or `retired`",
        made: Option<&'a str> = "the `kid` of a key that was made",
        activated: Option<&'a str> = "the `kid` of a key that came into use",
        retired: Option<&'a str> = "the `kid` of a key that went out of use",
        removed: Option<&'a str> = "the `kid` of a key that is forgotten",
        administrator: &'a str = "who did it",
    }
    KeyBlocked = "key_blocked", Administration, WARN, "A key or certificate was blocked." {
        thumbprint: &'a str = "its thumbprint",
        kind: &'a str = "`dpop` or `certificate`",
        client_id: Option<&'a str> = "the client that used it",
        reason: &'a str = "the operator's reason",
        administrator: &'a str = "who did it",
    }
    KeyUnblocked = "key_unblocked", Administration, WARN, "A block was taken away." {
        thumbprint: &'a str = "the thumbprint",
        administrator: &'a str = "who did it",
    }
    InitialAccessTokenMade = "initial_access_token_made", Administration, INFO,
        "An initial access token was made." {
        id: &'a str = "its name, which is no secret",
        label: &'a str = "what it is for",
        uses: u64 = "how many clients it may register",
        administrator: &'a str = "who made it",
    }
    InitialAccessTokenRevoked = "initial_access_token_revoked", Administration, INFO,
        "An initial access token was revoked." {
        id: &'a str = "its name",
        administrator: &'a str = "who did it",
    }

    // The process.
    ServerStarted = "server_started", Operation, INFO, "An issuer is ready." {
        issuer: &'a str = "the issuer identifier",
    }
    StoreFailed = "store_failed", Operation, ERROR, "The store did not answer; the request was refused." {
        operation: &'static str = "what was asked of it",
        error: Shown<'a> = "what it says",
    }
    AuditNotStored = "audit_not_stored", Operation, ERROR,
        "The store did not take audit records for a while; their log lines stand, and they are not stored." {
        records: u64 = "how many",
    }
    MaintenanceFailed = "maintenance_failed", Operation, ERROR,
        "The half-minute round (key rotation, purging) could not finish; it is tried again." {
        error: Shown<'a> = "what stood in the way",
    }
    ConfigurationChecked = "configuration_checked", Operation, INFO,
        "`bindery server --check` found nothing wrong." {
        issuer: &'a str = "the issuer identifier",
    }
    Posture = "posture", Operation, INFO, "What the configuration of an issuer resolves to; told at every start." {
        issuer: &'a str = "the issuer identifier",
        profile: &'a str = "its profile",
        document: &'a str = "the whole posture as JSON",
    }
    Risk = "risk", Operation, WARN, "Something that the configuration allows and that costs safety; told at every start." {
        issuer: &'a str = "the issuer identifier",
        risk: &'a str = "its stable name",
        remedy: &'a str = "how to do without it",
    }
    Listening = "listening", Operation, INFO, "A listener is open." {
        address: Shown<'a> = "its address and port",
        issuer: &'a str = "the issuer identifier",
    }
    ListeningWithoutTls = "listening_without_tls", Operation, WARN,
        "A listener speaks plaintext, with listed proxies alone." {
        address: Shown<'a> = "its address and port",
    }
    Stopping = "stopping", Operation, INFO, "The process was told to stop; running requests may end." {
        grace_seconds: u64 = "how long they have",
    }
}

/// The field `binding` of a confirmation.
pub(crate) const fn binding_name(confirmation: &Confirmation) -> &'static str {
    match confirmation {
        Confirmation::Unbound => "none",
        Confirmation::Dpop(_) => "dpop",
        Confirmation::Mtls(_) => "mtls",
        Confirmation::Both(..) => "both",
    }
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
