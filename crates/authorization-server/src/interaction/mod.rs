//! What a person is asked between an authorization request and its answer, from the first page to the last
//! (OpenID Connect Core section 3.1.2, RFC 9470, RFC 8628 section 3.3). It decides whether to sign in, to ask for
//! consent, or to answer; the pages and passwords are `people`'s. Nothing is answered before a person who is
//! signed in, as freshly and as strongly as was asked, has allowed it.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use bindery_core::crypto::{Cryptography as _, Sha256Digest};
use bindery_core::encoding::base64url;
use bindery_core::oauth::authorization_request::{Ask, AuthorizationError, AuthorizationRequest};
use bindery_core::oauth::scope::Scope;
use bindery_core::time::UnixTime;
use bindery_crypto::{AwsLc, equal_in_constant_time, random_token};
use bindery_store::authorization::{PendingUpdate, Spending};
use bindery_store::record::{PendingKind, PendingRecord};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::admission;
use crate::client_registry::Client;
use crate::people::{browser, pages, session};
use crate::server::Server;

mod answer;
mod fault;
mod judge;

pub(crate) use crate::people::session::{Login, SignIn};
pub(crate) use fault::PageFault;
pub(crate) use judge::wanted_acr;

/// How long a person may take from the first page to the answer.
pub(crate) const INTERACTION_LIFETIME: Duration = Duration::from_secs(1800);
/// The longest identifier that is looked up, in bytes.
const MAXIMUM_IDENTIFIER: usize = 64;

/// One person's way through the pages.
pub(crate) struct Interaction {
    /// Names it in URLs; random.
    pub(crate) id: String,
    /// The client that asks.
    pub(crate) client: Arc<Client>,
    /// What the store keeps of it.
    pub(crate) state: State,
    revision: u64,
}

/// What the store keeps.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct State {
    client_id: String,
    /// What is asked.
    pub(crate) ask: Ask,
    /// What becomes of the answer.
    pub(crate) purpose: Purpose,
    /// The browser that began it: no other may go on (FAM-A1).
    browser: String,
    /// Who signed in.
    pub(crate) login: Option<Login>,
    /// Whether the person signed in during this interaction.
    signed_in_here: bool,
    /// What the person allowed.
    consent: Option<Consent>,
    /// What an application that brings its own login has found out, until the browser comes back.
    #[serde(default)]
    decision: Option<Decided>,
    started_at: i64,
}

/// What an application said, and the digest of the secret that it was given for the browser: whoever has no more
/// than the interaction's name and the browser that began it can't take up what somebody else's visit decided.
#[derive(Clone, Serialize, Deserialize)]
struct Decided {
    decision: Decision,
    verifier: String,
}

/// What an application found out about the person at the browser.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Decision {
    /// Who it is, and how they signed in there.
    SignedIn {
        /// The person.
        subject: String,
        /// When, by what means and how strongly.
        sign_in: SignIn,
    },
    /// Nobody signed in, or the application refuses.
    Denied,
}

/// What becomes of the answer.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Purpose {
    /// It goes to the client's redirect URI.
    Redirect {
        /// The request.
        request: Box<AuthorizationRequest>,
        /// The pushed request that is over with the answer.
        pushed: Option<String>,
    },
    /// A device hears it when it asks next (RFC 8628).
    Device {
        /// The store's name of the device code.
        key: String,
    },
    /// A client hears it when it asks next (CIBA Core).
    Backchannel {
        /// The store's name of the `auth_req_id`.
        key: String,
        /// Who alone may answer.
        subject: String,
        /// What the person compares with the other device.
        binding_message: Option<String>,
    },
}

/// What was allowed.
#[derive(Clone, Serialize, Deserialize)]
struct Consent {
    scope: Vec<String>,
    details: Vec<Value>,
}

/// What begins an interaction.
pub(crate) struct Beginning {
    /// The client that asks.
    pub(crate) client: Arc<Client>,
    /// What it asks.
    pub(crate) ask: Ask,
    /// What becomes of the answer.
    pub(crate) purpose: Purpose,
}

/// Begins: with the first page that is needed, or with the answer when none is.
pub(crate) async fn begin(
    server: &Server,
    beginning: Beginning,
    headers: &HeaderMap,
    now: UnixTime,
) -> Response {
    let Beginning { client, ask, purpose } = beginning;
    // Anybody can say a public client's name, and any client's in a request that the browser carries.
    if client.metadata.is_public() || matches!(purpose, Purpose::Redirect { pushed: None, .. }) {
        let share = admission::require_share(server, &client.metadata.client_id, "interaction");
        if let Err(too_many) = share {
            return admission::answer(server, headers, too_many);
        }
    }
    let Ok(browser) = browser::identify(server, headers) else {
        return PageFault::Unavailable.page(server, headers);
    };
    let login = match session::current(server, headers, now).await {
        Ok(session) => session.map(|session| session.login_for(server, &judge::wanted_acr(&ask).0)),
        Err(error) => return PageFault::store("find_session", &error).page(server, headers),
    };
    let Ok(id) = random_token() else { return PageFault::Unavailable.page(server, headers) };
    let state = State {
        client_id: client.metadata.client_id.clone(),
        ask,
        purpose,
        browser: browser.id,
        login,
        signed_in_here: false,
        consent: None,
        decision: None,
        started_at: now.as_seconds(),
    };
    let mut interaction = Interaction { id, client, state, revision: 0 };
    let step = match judge::next(server, &mut interaction, now).await {
        Ok(step) => step,
        Err(fault) => return fault.page(server, headers),
    };
    let step = if interaction.state.ask.prompt.none { judge::without_pages(step) } else { step };
    // What is answered at once nobody comes back to: only what waits for a person is stored.
    let response = match step {
        judge::Step::Finish => answer::at_once(server, &interaction, None, headers, now).await,
        judge::Step::Refuse(error) => answer::at_once(server, &interaction, Some(error), headers, now).await,
        judge::Step::Login | judge::Step::Consent => {
            if let Err(fault) = interaction.insert(server, now).await {
                return fault.page(server, headers);
            }
            answer::take(server, interaction, step, headers, now).await
        }
    };
    pages::with_cookie(response, browser.set_cookie)
}

/// The interaction of that name, if this browser began it. Whoever signed in during it and has signed out since, or
/// has made room for somebody else, is signed in no more, and has allowed nothing.
///
/// # Errors
/// [`PageFault`] when there is none, when it is over, or when another browser began it.
pub(crate) async fn load(
    server: &Server,
    id: &str,
    headers: &HeaderMap,
    now: UnixTime,
) -> Result<Interaction, PageFault> {
    let mut interaction = load_any(server, id, now).await?;
    // Another browser's interaction: a login or a consent that somebody else wants to be given (FAM-A1).
    match browser::of_request(server, headers) {
        Some(browser) if browser.id == interaction.state.browser => {}
        _ => return Err(PageFault::OtherBrowser),
    }
    if let Some(login) = &interaction.state.login {
        let session = session::current(server, headers, now).await;
        let session = session.map_err(|error| PageFault::store("find_session", &error))?;
        if session.is_none_or(|session| !session.is_of(login)) {
            interaction.forget_login();
        }
    }
    Ok(interaction)
}

/// The interaction of that name, for an application that brings its own login and is authenticated as such.
///
/// # Errors
/// [`PageFault`] when there is none or it is over.
pub(crate) async fn load_any(server: &Server, id: &str, now: UnixTime) -> Result<Interaction, PageFault> {
    if id.len() > MAXIMUM_IDENTIFIER {
        return Err(PageFault::Unknown);
    }
    let found = server.store.find_pending(PendingKind::Interaction, &digest(id)).await;
    let record =
        found.map_err(|error| PageFault::store("find_pending", &error))?.ok_or(PageFault::Unknown)?;
    if record.spent_at.is_some() || now >= record.expires_at {
        return Err(PageFault::Over);
    }
    let state = State::deserialize(&record.payload).map_err(|_| PageFault::Unavailable)?;
    let client = server.clients.find(&state.client_id).await;
    let client = client.map_err(|error| PageFault::store("find_client", &error))?;
    let client = client.filter(|client| !client.disabled).ok_or(PageFault::Client)?;
    Ok(Interaction { id: id.into(), client, state, revision: record.revision })
}

/// Goes on: to the next page or to the answer.
pub(crate) async fn advance(
    server: &Server,
    mut interaction: Interaction,
    headers: &HeaderMap,
    now: UnixTime,
) -> Response {
    match judge::next(server, &mut interaction, now).await {
        Ok(step) => answer::take(server, interaction, step, headers, now).await,
        Err(fault) => fault.page(server, headers),
    }
}

/// The person signed in: saves it and goes on.
pub(crate) async fn sign_in(
    server: &Server,
    mut interaction: Interaction,
    login: Login,
    headers: &HeaderMap,
    now: UnixTime,
) -> Response {
    interaction.state.login = Some(login);
    interaction.state.decision = None;
    interaction.state.signed_in_here = true;
    interaction.state.consent = None;
    match interaction.save(server, now).await {
        Ok(()) => advance(server, interaction, headers, now).await,
        Err(fault) => fault.page(server, headers),
    }
}

/// The person allowed `scope` and `details`: saves it and goes on.
pub(crate) async fn allow(
    server: &Server,
    mut interaction: Interaction,
    scope: &Scope,
    details: Vec<Value>,
    headers: &HeaderMap,
    now: UnixTime,
) -> Response {
    // Nobody is given more than was asked.
    let scope = scope.intersection(&interaction.state.ask.scope);
    interaction.state.consent = Some(Consent { scope: scope.iter().map(Into::into).collect(), details });
    if let Err(fault) = interaction.save(server, now).await {
        return fault.page(server, headers);
    }
    if let Err(fault) = judge::remember_consent(server, &interaction, now).await {
        return fault.page(server, headers);
    }
    advance(server, interaction, headers, now).await
}

/// The request is refused, by the person or because it can't be met.
pub(crate) async fn deny(
    server: &Server,
    interaction: Interaction,
    error: AuthorizationError,
    headers: &HeaderMap,
    now: UnixTime,
) -> Response {
    answer::take(server, interaction, judge::Step::Refuse(error), headers, now).await
}

impl Interaction {
    /// Where the answer goes, when it goes to a redirect URI.
    pub(crate) fn redirect_uri(&self) -> Option<&str> {
        match &self.state.purpose {
            Purpose::Redirect { request, .. } => Some(&request.return_to.redirect_uri),
            Purpose::Device { .. } | Purpose::Backchannel { .. } => None,
        }
    }

    /// What also stands on the other device (CIBA Core section 7.1).
    pub(crate) fn binding_message(&self) -> Option<&str> {
        match &self.state.purpose {
            Purpose::Backchannel { binding_message, .. } => binding_message.as_deref(),
            Purpose::Redirect { .. } | Purpose::Device { .. } => None,
        }
    }

    fn forget_login(&mut self) {
        self.state.login = None;
        self.state.signed_in_here = false;
        self.state.consent = None;
    }

    /// Where a form of this interaction's pages may lead.
    pub(crate) fn form_targets(&self, server: &Server) -> Vec<String> {
        pages::form_targets(server, self.redirect_uri().as_slice())
    }

    /// When it began, in seconds since 1970.
    pub(crate) const fn started_at(&self) -> i64 {
        self.state.started_at
    }

    /// What the application has decided, for a browser that brings the verifier which was given with it.
    ///
    /// # Errors
    /// [`PageFault::OtherBrowser`] without it: somebody else was sent to the application with this
    /// interaction's name.
    pub(crate) fn decision(&self, verifier: Option<&str>) -> Result<Option<&Decision>, PageFault> {
        let Some(decided) = &self.state.decision else { return Ok(None) };
        let given = verifier.map(|verifier| base64url::encode(digest(verifier))).unwrap_or_default();
        match equal_in_constant_time(given.as_bytes(), decided.verifier.as_bytes()) {
            true => Ok(Some(&decided.decision)),
            false => Err(PageFault::OtherBrowser),
        }
    }

    /// Saves what the application has decided, and gives the verifier with which the browser that began it takes
    /// it up.
    ///
    /// # Errors
    /// [`PageFault::Over`] when it was decided or ended before.
    pub(crate) async fn decide(
        mut self,
        server: &Server,
        decision: Decision,
        now: UnixTime,
    ) -> Result<String, PageFault> {
        if self.state.decision.is_some() {
            return Err(PageFault::Over);
        }
        let verifier = random_token().map_err(|_| PageFault::Unavailable)?;
        self.state.decision = Some(Decided { decision, verifier: base64url::encode(digest(&verifier)) });
        self.save(server, now).await?;
        Ok(verifier)
    }

    async fn insert(&self, server: &Server, now: UnixTime) -> Result<(), PageFault> {
        let expires_at = now.plus(INTERACTION_LIFETIME);
        let record = PendingRecord {
            kind: PendingKind::Interaction,
            key_sha256: digest(&self.id),
            alias_sha256: None,
            client_id: Some(self.state.client_id.clone()),
            subject: None,
            payload: self.payload()?,
            revision: 0,
            created_at: now,
            expires_at,
            forget_at: expires_at,
            spent_at: None,
        };
        let inserted = server.store.insert_pending(&record).await;
        inserted.map_err(|error| PageFault::store("insert_pending", &error))
    }

    /// Stores what has changed since it was loaded; of two that change it at once, one is told to start again.
    async fn save(&mut self, server: &Server, now: UnixTime) -> Result<(), PageFault> {
        let payload = self.payload()?;
        let saved = server
            .store
            .update_pending(PendingKind::Interaction, &digest(&self.id), self.revision, &payload, now)
            .await;
        match saved.map_err(|error| PageFault::store("update_pending", &error))? {
            PendingUpdate::Updated { revision } => {
                self.revision = revision;
                Ok(())
            }
            PendingUpdate::Stale | PendingUpdate::Over => Err(PageFault::Over),
        }
    }

    /// Ends it: one caller may answer.
    async fn end(&self, server: &Server, now: UnixTime) -> Result<(), PageFault> {
        let spent = server.store.spend_pending(PendingKind::Interaction, &digest(&self.id), now).await;
        match spent.map_err(|error| PageFault::store("spend_pending", &error))? {
            Spending::Spent(_) => Ok(()),
            Spending::SpentBefore(_) | Spending::Expired(_) | Spending::Unknown => Err(PageFault::Over),
        }
    }

    fn payload(&self) -> Result<Value, PageFault> {
        serde_json::to_value(&self.state).map_err(|_| PageFault::Unavailable)
    }
}

fn digest(id: &str) -> Sha256Digest {
    AwsLc.sha256(&[id.as_bytes()])
}

/// Reads a digest that an interaction names.
fn parse_digest(text: &str) -> Result<Sha256Digest, PageFault> {
    base64url::decode_array(text).map_err(|_| PageFault::Unavailable)
}
