//! The end of a person's session: asked for by a client (OpenID Connect RP-Initiated Logout 1.0) or by the person,
//! told to every client of the session (Back-Channel Logout 1.0). A client is believed by an ID token of its own
//! that names this session; everybody else's wish is the person's to confirm. It sends nobody to an address that
//! the client did not register, and ends nothing on a form that our page did not make.

use bindery_core::oauth::form::Form;
use bindery_core::time::UnixTime;
use bindery_store::record::{GrantFilter, SessionRecord};
use bindery_store::{AuthorizationStore, StoreError};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use zeroize::Zeroizing;

use crate::id_token;
use crate::interaction::PageFault;
use crate::people::session::Session;
use crate::server::Server;
use crate::subject;

pub(crate) mod delivery;

/// The parameters that may come once each; others are not read (RP-Initiated Logout section 2).
const MAXIMUM_STATE: usize = 4096;
/// How long a person may look at the question, and a browser take to follow a redirect.
const REQUEST_LIFETIME: Duration = Duration::from_secs(1800);
/// What a request is sealed for.
const SEALED_FOR: &str = "logout request";

/// What a client asked, after its rules were checked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct LogoutRequest {
    /// Who asks; nobody, when the person came by itself.
    pub(crate) client_id: Option<String>,
    /// Whom the client means.
    means: Option<Means>,
    /// Where the browser goes afterwards: one of the client's own, byte for byte.
    pub(crate) return_to: Option<String>,
    state: Option<String>,
    pub(crate) ui_locales: Vec<String>,
}

/// The person and the session that an ID token of the client names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Means {
    subject: String,
    session_id: Option<String>,
}

impl LogoutRequest {
    /// Reads and judges the parameters.
    ///
    /// # Errors
    /// [`PageFault`]: the browser is redirected nowhere (section 4).
    pub(crate) async fn read(server: &Server, form: &Form) -> Result<Self, PageFault> {
        let hint = match form.get("id_token_hint") {
            None => None,
            Some(text) => {
                let hint = id_token::read_hint(server, text);
                Some(hint.ok_or(PageFault::Request("invalid_id_token_hint"))?)
            }
        };
        let client_id = match (form.get("client_id"), &hint) {
            (Some(said), Some(hint)) if said != hint.client_id => {
                return Err(PageFault::Request("client_id_of_another"));
            }
            (Some(said), _) => Some(said.to_owned()),
            (None, hint) => hint.as_ref().map(|hint| hint.client_id.clone()),
        };
        let state = form.get("state").map(str::to_owned);
        if state.as_ref().is_some_and(|state| state.len() > MAXIMUM_STATE) {
            return Err(PageFault::Malformed);
        }
        Ok(Self {
            return_to: return_to(server, client_id.as_deref(), form.get("post_logout_redirect_uri")).await?,
            client_id,
            means: hint.map(|hint| Means { subject: hint.subject, session_id: hint.session_id }),
            state,
            ui_locales: form
                .get("ui_locales")
                .map(|tags| tags.split(' ').map(str::to_owned).take(16).collect())
                .unwrap_or_default(),
        })
    }

    /// Carries the request through the browser, where nobody can read or change it.
    ///
    /// # Errors
    /// [`PageFault::Unavailable`] when nothing can be sealed.
    pub(crate) fn seal(&self, server: &Server, now: UnixTime) -> Result<String, PageFault> {
        let text = serde_json::to_vec(self).map(Zeroizing::new).map_err(|_| PageFault::Unavailable)?;
        server.cookie_keys.seal(SEALED_FOR, &text, now).map_err(|_| PageFault::Unavailable)
    }

    /// # Errors
    /// [`PageFault::Over`] when it is not ours, or too old.
    pub(crate) fn open(server: &Server, sealed: &str, now: UnixTime) -> Result<Self, PageFault> {
        let opened = server.cookie_keys.open(SEALED_FOR, sealed, REQUEST_LIFETIME, now);
        let opened = opened.map_err(|_| PageFault::Over)?;
        serde_json::from_slice(&opened).map_err(|_| PageFault::Over)
    }

    /// Whether an ID token of the client vouches for the request.
    pub(crate) const fn is_vouched_for(&self) -> bool {
        self.means.is_some()
    }

    /// Whether the client means this very session: no question is needed then (section 2).
    ///
    /// # Errors
    /// [`PageFault`] when the client can't be looked up.
    pub(crate) async fn means(&self, server: &Server, session: &Session) -> Result<bool, PageFault> {
        let (Some(means), Some(client_id)) = (&self.means, &self.client_id) else { return Ok(false) };
        let found = server.clients.find(client_id).await;
        let Some(client) = found.map_err(|error| PageFault::store("find_client", &error))? else {
            return Ok(false);
        };
        let client = &client.metadata;
        let same_person = *subject::for_client(server, client, session.subject()) == means.subject;
        let is_this = |sid: &str| {
            subject::session_of_client(server, client, sid).is_some_and(|named| named == session.id())
        };
        Ok(same_person && means.session_id.as_deref().is_none_or(is_this))
    }

    /// The address to which the browser goes, with the client's `state`.
    pub(crate) fn destination(&self) -> Option<String> {
        let mut uri = self.return_to.clone()?;
        if let Some(state) = &self.state {
            uri.push(if uri.contains('?') { '&' } else { '?' });
            uri.push_str(
                &url::form_urlencoded::Serializer::new(String::new()).append_pair("state", state).finish(),
            );
        }
        Some(uri)
    }
}

/// The client's registered URI; without a client none can be believed, and the browser stays here.
async fn return_to(
    server: &Server,
    client_id: Option<&str>,
    wanted: Option<&str>,
) -> Result<Option<String>, PageFault> {
    let Some(client_id) = client_id else { return Ok(None) };
    let found = server.clients.find(client_id).await;
    let client = found.map_err(|error| PageFault::store("find_client", &error))?;
    let client = client.filter(|client| !client.disabled).ok_or(PageFault::Client)?;
    match wanted {
        None => Ok(None),
        Some(uri) if client.metadata.openid.post_logout_redirect_uris.iter().any(|known| known == uri) => {
            Ok(Some(uri.to_owned()))
        }
        Some(_) => Err(PageFault::Request("post_logout_redirect_uri")),
    }
}

/// What follows from the end of a session: its clients are told, and what was granted in it ends too, but for
/// what was granted to outlive it (`offline_access`; Back-Channel Logout section 2.7). Whoever has ended a session
/// calls this, once.
///
/// # Errors
/// [`StoreError`] when the store can't be asked; some of it may be done then.
pub(crate) async fn session_over(
    server: &Server,
    session: &SessionRecord,
    now: UnixTime,
) -> Result<(), StoreError> {
    for client_id in end_grants(&*server.store, session, now).await? {
        // Nothing waits for a client that would not be told.
        let client = server.clients.find(&client_id).await?.filter(|client| !client.disabled);
        if client.is_some_and(|client| client.metadata.openid.backchannel_logout_uri.is_some()) {
            delivery::queue(&*server.store, &client_id, session, now).await?;
            server.news.notify_one();
        }
    }
    Ok(())
}

/// The same for a command beside the server, which knows the store alone: the messages are there, and a running
/// server sends those that are wanted.
///
/// # Errors
/// [`StoreError`] when the store can't be asked; some of it may be done then.
pub(crate) async fn session_over_in(
    store: &dyn AuthorizationStore,
    session: &SessionRecord,
    now: UnixTime,
) -> Result<(), StoreError> {
    for client_id in end_grants(store, session, now).await? {
        delivery::queue(store, &client_id, session, now).await?;
    }
    Ok(())
}

/// Ends what a person allowed in any session but `keep`, whether that session is over or not and whether it was to
/// outlive it or not: after a new password, whoever knew the old one holds nothing. What an operator granted in the
/// person's place belongs to no session, and stays.
///
/// # Errors
/// [`StoreError`] when the store can't be asked; some of it may be done then.
pub(crate) async fn end_grants_of_other_sessions(
    store: &dyn AuthorizationStore,
    subject: &str,
    keep: Option<&str>,
    now: UnixTime,
) -> Result<(), StoreError> {
    const PAGE: u32 = 100;
    let filter = GrantFilter { subject: Some(subject.into()), live_at: Some(now), ..GrantFilter::default() };
    let mut after: Option<String> = None;
    loop {
        let page = store.list_grants(&filter, after.as_deref(), PAGE).await?;
        for grant in page.iter().filter(|grant| grant.session_id.is_some()) {
            if grant.session_id.as_deref() != keep {
                store.revoke_grant(&grant.grant_id, now).await?;
            }
        }
        match page.last() {
            Some(last) if page.len() >= PAGE as usize => after = Some(last.grant_id.clone()),
            _ => return Ok(()),
        }
    }
}

/// Ends what was granted in the session, and names all clients of the session.
async fn end_grants(
    store: &dyn AuthorizationStore,
    session: &SessionRecord,
    now: UnixTime,
) -> Result<Vec<String>, StoreError> {
    const PAGE: u32 = 100;
    let filter = GrantFilter { session_id: Some(session.session_id.clone()), ..GrantFilter::default() };
    let mut clients: Vec<String> = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = store.list_grants(&filter, after.as_deref(), PAGE).await?;
        after = page.last().map(|grant| grant.grant_id.clone());
        let full = page.len() >= PAGE as usize;
        for grant in page {
            let outlives = grant.scope.iter().any(|scope| scope == "offline_access");
            if !outlives && grant.revoked_at.is_none() {
                store.revoke_grant(&grant.grant_id, now).await?;
            }
            if !clients.contains(&grant.client_id) {
                clients.push(grant.client_id);
            }
        }
        if !full {
            return Ok(clients);
        }
    }
}
