//! `/login`: a person shows who they are, by password or passkey, for a request of a client or for the account
//! page. Whatever goes wrong is said in the same words. A sign-in makes a new session cookie, and only the
//! browser that began the request can use the page.

use axum::extract::{Request, State};
use axum::response::Response;
use bindery_core::oauth::authorization_request::{Ask, AuthorizationError};
use http::StatusCode;

use crate::event::{AuditEvent, Words};
use crate::interaction::{self, Interaction, PageFault};
use crate::observation::refused;
use crate::people::LoginPlace;
use crate::people::authentication_context::{WantedMethods, passkey_amr, password_amr};
use crate::people::browser::{self, Browser};
use crate::people::form::{self, Purpose};
use crate::people::model::{LoginPage, shown};
use crate::people::passkeys::{self, Ceremony, PasskeyRefused};
use crate::people::session::{self, SignIn};
use crate::people::signing_in::{self, SignInRefused};
use crate::people::submission::Submission;
use crate::people::{client_card, known_browser, pages};
use crate::server::{AuthorizationServer, Server};

pub(crate) const PATH: &str = "/login";
/// Where the page's script begins a passkey ceremony.
pub(crate) const PASSKEY_PATH: &str = "/login/passkey";

/// The longest name that is shown again, in characters.
const NAME: usize = 256;

/// What the person signs in for.
enum Target {
    /// A client's request.
    Interaction(Box<Interaction>),
    /// The account page.
    Account,
}

/// What a page says beside its form.
#[derive(Default)]
struct Said {
    message: Option<&'static str>,
    username: String,
}

impl Target {
    async fn load(server: &Server, submission: &Submission) -> Result<Self, Response> {
        let Some(id) = submission.form.get("interaction") else { return Ok(Self::Account) };
        let loaded = interaction::load(server, id, &submission.headers, submission.now).await;
        match loaded {
            Ok(interaction) => Ok(Self::Interaction(Box::new(interaction))),
            Err(fault) => Err(fault.page(server, &submission.headers)),
        }
    }

    fn id(&self) -> &str {
        match self {
            Self::Interaction(interaction) => &interaction.id,
            Self::Account => "",
        }
    }

    fn ask(&self) -> Option<&Ask> {
        match self {
            Self::Interaction(interaction) => Some(&interaction.state.ask),
            Self::Account => None,
        }
    }

    fn ui_locales(&self) -> &[String] {
        self.ask().map_or(&[], |ask| &ask.ui_locales)
    }

    /// The contexts that are asked for, and whether one of them must be reached.
    fn wanted(&self) -> (Vec<String>, bool) {
        self.ask().map_or((Vec::new(), false), interaction::wanted_acr)
    }

    /// The ways to sign in that make sense here, and whether only a passkey reaches what is asked for.
    fn methods(&self, server: &Server) -> (WantedMethods, bool) {
        let (wanted, essential) = self.wanted();
        let all = WantedMethods { password: true, passkey: true };
        let reaching = server.people.contexts.methods_for(&wanted).unwrap_or(all.clone());
        let passkey_alone = reaching.passkey && !reaching.password;
        // What is only preferred must not shut out who has no passkey (RFC 9470 section 5).
        (if essential { reaching } else { all }, passkey_alone)
    }
}

/// The page.
pub(crate) async fn show(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    let submission = match Submission::of_query(server, PATH, request) {
        Ok(submission) => submission,
        Err(page) => return page,
    };
    let target = match Target::load(server, &submission).await {
        Ok(target) => target,
        Err(page) => return page,
    };
    if let LoginPlace::Application(application) = &server.people.settings.login {
        return send_to_application(server, &application.url, &target, &submission);
    }
    let Ok(browser) = browser::identify(server, &submission.headers) else {
        return PageFault::Unavailable.page(server, &submission.headers);
    };
    let said = Said::default();
    let page = login_page(server, &submission, &target, &browser, said, StatusCode::OK).await;
    pages::with_cookie(page, browser.set_cookie)
}

/// The form.
pub(crate) async fn submit(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    match sign_in(server, request).await {
        Ok(response) | Err(response) => response,
    }
}

async fn sign_in(server: &Server, request: Request) -> Result<Response, Response> {
    let submission = Submission::of_form(server, PATH, request).await?;
    if server.people.settings.login != LoginPlace::Builtin {
        return Err(application_alone(server, &submission));
    }
    let id = submission.form.get("interaction").unwrap_or_default();
    let browser = submission.require_browser(server, Purpose::Login(id))?;
    let target = Target::load(server, &submission).await?;
    if submission.form.get("action") == Some("cancel") {
        return Ok(cancel(server, target, &submission).await);
    }
    match authenticate(server, &submission, &target, &browser).await {
        Ok((subject, amr)) => finish(server, &submission, target, &subject, amr).await,
        Err((message, status)) => {
            let username = shown(submission.form.get("username").unwrap_or_default(), NAME);
            let said = Said { message: Some(message), username };
            Ok(refused(login_page(server, &submission, &target, &browser, said, status).await, message))
        }
    }
}

/// Who it is, and by what means; or what to say instead.
async fn authenticate(
    server: &Server,
    submission: &Submission,
    target: &Target,
    browser: &Browser,
) -> Result<(String, Vec<String>), (&'static str, StatusCode)> {
    let Submission { form, headers, now, .. } = submission;
    let (methods, _) = target.methods(server);
    let by_passkey = form.get("credential");
    let (outcome, failed) = match by_passkey {
        Some(credential) => {
            let ceremony = Ceremony::SignIn { browser: &browser.id, interaction: target.id() };
            let id = form.get("ceremony").unwrap_or_default();
            let outcome = passkeys::finish_sign_in(server, ceremony, id, credential, *now).await;
            let amr = |(account, copied): (bindery_store::record::AccountRecord, bool)| {
                (account.subject, passkey_amr(copied))
            };
            (outcome.map(amr), "passkey_failed")
        }
        None if !methods.password => return Err(("login_method", StatusCode::FORBIDDEN)),
        None => {
            let text = |name| form.get(name).unwrap_or_default();
            let (username, password) = (text("username"), text("password"));
            let outcome = signing_in::sign_in(server, username, password, headers, *now).await;
            let amr = |account: bindery_store::record::AccountRecord| (account.subject, password_amr());
            (outcome.map(amr), "login_failed")
        }
    };
    outcome.map_err(|refused| match refused {
        SignInRefused::Wrong => (failed, StatusCode::FORBIDDEN),
        SignInRefused::Busy => ("login_busy", StatusCode::SERVICE_UNAVAILABLE),
        SignInRefused::TooMany => ("error_too_many", StatusCode::TOO_MANY_REQUESTS),
        SignInRefused::Unavailable => ("error_unavailable", StatusCode::SERVICE_UNAVAILABLE),
    })
}

async fn finish(
    server: &Server,
    submission: &Submission,
    target: Target,
    subject: &str,
    amr: Vec<String>,
) -> Result<Response, Response> {
    let Submission { headers, now, .. } = submission;
    let acr = server.people.contexts.reached(&amr, &target.wanted().0);
    let sign_in = SignIn { auth_time: now.as_seconds(), amr, acr };
    let established = session::establish(server, subject, sign_in, headers, *now).await;
    let (session, cookie) = established.map_err(|fault| fault.into_page().page(server, headers))?;
    let login = session.login();
    let client_id = match &target {
        Target::Interaction(interaction) => Some(interaction.client.metadata.client_id.as_str()),
        Target::Account => None,
    };
    server.audit.record(AuditEvent::PersonSignedIn {
        subject,
        session_id: session.id(),
        client_id,
        amr: &Words(&login.amr),
        acr: login.acr.as_deref(),
    });
    let response = match target {
        Target::Interaction(interaction) => {
            interaction::sign_in(server, *interaction, login, headers, *now).await
        }
        Target::Account => pages::see_other(&server.people.address(super::account::PATH)),
    };
    let known = known_browser::remember(server, headers, subject, *now);
    Ok(pages::with_cookie(pages::with_cookie(response, Some(cookie)), known))
}

async fn cancel(server: &Server, target: Target, submission: &Submission) -> Response {
    let Submission { headers, now, .. } = submission;
    match target {
        Target::Interaction(interaction) => {
            interaction::deny(server, *interaction, AuthorizationError::AccessDenied, headers, *now).await
        }
        Target::Account => pages::see_other(&server.people.address(PATH)),
    }
}

async fn login_page(
    server: &Server,
    submission: &Submission,
    target: &Target,
    browser: &Browser,
    said: Said,
    status: StatusCode,
) -> Response {
    let people = &server.people;
    let locale = submission.locale(server, target.ui_locales());
    let session = match session::current(server, &submission.headers, submission.now).await {
        Ok(session) => session,
        Err(error) => {
            return PageFault::store("find_session", &error).page(server, &submission.headers);
        }
    };
    let known = session.as_ref().map(|session| session.account_name());
    let hint = target.ask().and_then(|ask| ask.login_hint.as_deref());
    let username = match said.username.is_empty() {
        true => shown(known.or(hint).unwrap_or_default(), NAME),
        false => said.username,
    };
    let (methods, passkey_alone) = target.methods(server);
    let page = LoginPage {
        client: match target {
            Target::Interaction(interaction) => {
                Some(client_card::card(&interaction.client.metadata, &locale))
            }
            Target::Account => None,
        },
        again: session.is_some(),
        message: said.message,
        action: people.address(PATH),
        begin: people.address(PASSKEY_PATH),
        interaction: target.id().into(),
        form_token: form::token(&browser.form_key(), Purpose::Login(target.id())),
        username,
        password: methods.password,
        passkey: methods.passkey && people.passkeys.is_some(),
        passkey_wanted: passkey_alone,
        can_cancel: matches!(target, Target::Interaction(_)),
        forms: match target {
            Target::Interaction(interaction) => interaction.form_targets(server),
            Target::Account => Vec::new(),
        },
    };
    pages::show_as(server, status, &page, &locale)
}

/// Begins a passkey ceremony for the page's script.
pub(crate) async fn begin_passkey(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    match begin(server, request).await {
        Ok(response) | Err(response) => response,
    }
}

async fn begin(server: &Server, request: Request) -> Result<Response, Response> {
    let submission = Submission::of_form(server, PASSKEY_PATH, request).await?;
    let id = submission.form.get("interaction").unwrap_or_default();
    let browser = submission.require_browser(server, Purpose::Login(id))?;
    let target = Target::load(server, &submission).await?;
    let ceremony = Ceremony::SignIn { browser: &browser.id, interaction: target.id() };
    Ok(begun(passkeys::begin_sign_in(server, ceremony, submission.now).await))
}

/// A ceremony as the script reads it.
pub(super) fn begun(begun: Result<passkeys::Begun, PasskeyRefused>) -> Response {
    match begun.as_ref().map(serde_json::to_vec) {
        Ok(Ok(body)) => super::json(StatusCode::OK, body),
        Err(PasskeyRefused::Refused(_)) => {
            refused(super::json(StatusCode::FORBIDDEN, b"{}".to_vec()), "passkey_failed")
        }
        Ok(Err(_)) | Err(PasskeyRefused::Unavailable) => {
            refused(super::json(StatusCode::SERVICE_UNAVAILABLE, b"{}".to_vec()), "error_unavailable")
        }
    }
}

/// The application's own page, with the interaction's name in its query.
fn send_to_application(server: &Server, url: &str, target: &Target, submission: &Submission) -> Response {
    let Target::Interaction(interaction) = target else { return application_alone(server, submission) };
    match url::Url::parse(url) {
        Ok(mut url) => {
            url.query_pairs_mut().append_pair("interaction", &interaction.id);
            pages::see_other(url.as_str())
        }
        Err(_) => PageFault::Unavailable.page(server, &submission.headers),
    }
}

fn application_alone(server: &Server, submission: &Submission) -> Response {
    pages::error(server, &submission.headers, &[], StatusCode::NOT_FOUND, "application_login")
}
