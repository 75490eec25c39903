//! The guard's own calls to authorization servers: https only, no redirects, bounded in time and size. What
//! comes back is somebody's word and is parsed as strictly as a request.

use std::time::Duration;

use bytes::BytesMut;

/// The largest answer that is read, in bytes.
pub const MAXIMUM_ANSWER: usize = 512 * 1024;
/// The longest that one call may take.
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// Why an authorization server could not be asked. Carries no token.
#[derive(Debug, thiserror::Error)]
pub enum OutboundFailed {
    /// The URL is not https.
    #[error("{0} is not an https URL; write the https URL of the authorization server")]
    NotHttps(String),
    /// Connection, TLS or time-out.
    #[error("{url}: {source}")]
    Transport {
        /// What was called.
        url: String,
        /// What went wrong.
        source: reqwest::Error,
    },
    /// Not 200.
    #[error("{url} answered {status}")]
    Status {
        /// What was called.
        url: String,
        /// Its answer.
        status: u16,
    },
    /// More than [`MAXIMUM_ANSWER`].
    #[error("{0} answered more than 512 KiB")]
    TooLong(String),
    /// Not what it should be.
    #[error("{url} answered something unusable: {reason}")]
    Unusable {
        /// What was called.
        url: String,
        /// Which rule the answer breaks.
        reason: String,
    },
}

/// A builder with the settings that outbound calls need; roots and identity are the caller's to add.
pub fn http_client_builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .https_only(true)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(TIMEOUT)
        .timeout(TIMEOUT)
        .referer(false)
}

/// Sends `request` and reads a bounded 200 answer.
///
/// # Errors
/// [`OutboundFailed`] for everything else.
pub async fn call(request: reqwest::RequestBuilder, url: &str) -> Result<BytesMut, OutboundFailed> {
    if !url.starts_with("https://") {
        return Err(OutboundFailed::NotHttps(url.into()));
    }
    let transport =
        |source: reqwest::Error| OutboundFailed::Transport { url: url.into(), source: source.without_url() };
    let mut response = request.send().await.map_err(transport)?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(OutboundFailed::Status { url: url.into(), status: response.status().as_u16() });
    }
    let mut answer = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        if answer.len() + chunk.len() > MAXIMUM_ANSWER {
            return Err(OutboundFailed::TooLong(url.into()));
        }
        answer.extend_from_slice(&chunk);
    }
    Ok(answer)
}
