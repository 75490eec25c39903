//! Authorization codes (RFC 6749 section 4.1.2): 256 random bits, known to the store by digest alone, good once
//! and for at most a minute (FSP-AS rows). The record holds what the code stands for; a spent one is remembered,
//! so that a code that comes back ends the grant that it made.

use std::time::Duration;

use bindery_core::crypto::{Cryptography as _, Sha256Digest};
use bindery_core::jose::thumbprint::JwkThumbprint;
use bindery_core::oauth::authorization_request::{AuthorizationRequest, ReturnTo};
use bindery_core::time::UnixTime;
use bindery_crypto::{AwsLc, random_identifier, random_token};
use bindery_store::record::{PendingKind, PendingRecord};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::grant::details::GrantDetails;
use crate::server::Server;

/// How long a spent or expired code is remembered: a thief's reuse after that meets an unknown code.
const MEMORY: Duration = Duration::from_secs(3600);

/// What a code stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CodeRecord {
    /// The grant that redeeming it makes; named here so that a reuse can end it.
    pub(crate) grant_id: String,
    pub(crate) client_id: String,
    pub(crate) subject: String,
    pub(crate) session_id: Option<String>,
    pub(crate) scope: Vec<String>,
    /// `resource`, as asked for.
    pub(crate) resources: Vec<String>,
    pub(crate) redirect_uri: String,
    pub(crate) redirect_uri_given: bool,
    pub(crate) code_challenge: Option<String>,
    /// RFC 9449 section 10: the key that must redeem it.
    pub(crate) dpop_jkt: Option<String>,
    pub(crate) details: GrantDetails,
}

/// Why no code was made.
#[derive(Debug)]
pub(crate) struct CodeUnavailable;

impl CodeRecord {
    /// What `request` was granted: to `subject`, in `scope`.
    ///
    /// # Errors
    /// [`CodeUnavailable`] when the random source fails.
    pub(crate) fn new(
        request: &AuthorizationRequest,
        subject: String,
        session_id: Option<String>,
        scope: Vec<String>,
        details: GrantDetails,
    ) -> Result<Self, CodeUnavailable> {
        let ReturnTo { redirect_uri, redirect_uri_given, .. } = &request.return_to;
        Ok(Self {
            grant_id: random_identifier().map_err(|_| CodeUnavailable)?,
            client_id: request.client_id.clone(),
            subject,
            session_id,
            scope,
            resources: request.ask.resources.clone(),
            redirect_uri: redirect_uri.clone(),
            redirect_uri_given: *redirect_uri_given,
            code_challenge: request.code_challenge.clone(),
            dpop_jkt: request.dpop_jkt.as_ref().map(JwkThumbprint::to_string),
            details,
        })
    }

    /// Stores it under a new code.
    ///
    /// # Errors
    /// [`CodeUnavailable`]; the operator's log says why, and no code exists.
    pub(crate) async fn store(
        &self,
        server: &Server,
        now: UnixTime,
    ) -> Result<Zeroizing<String>, CodeUnavailable> {
        let code = Zeroizing::new(random_token().map_err(|_| CodeUnavailable)?);
        let expires_at = now.plus(server.settings.code_lifetime);
        let record = PendingRecord {
            kind: PendingKind::AuthorizationCode,
            key_sha256: digest(&code),
            alias_sha256: None,
            client_id: Some(self.client_id.clone()),
            subject: None,
            payload: serde_json::to_value(self).map_err(|_| CodeUnavailable)?,
            revision: 0,
            created_at: now,
            expires_at,
            forget_at: expires_at.plus(MEMORY),
            spent_at: None,
        };
        server.store.insert_pending(&record).await.map_err(|error| {
            crate::server::unavailable("insert_pending", &error);
            CodeUnavailable
        })?;
        Ok(code)
    }

    /// Reads the payload of a stored code.
    pub(crate) fn read(payload: &Value) -> Option<Self> {
        Self::deserialize(payload).ok()
    }
}

/// The store's name of a code.
pub(crate) fn digest(code: &str) -> Sha256Digest {
    AwsLc.sha256(&[code.as_bytes()])
}
