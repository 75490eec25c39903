//! `/interactions/{id}`: an application that brings its own login reads what is asked of the person and says who
//! it is. It is a resource of the server like userinfo: a sender-constrained token with its own scope, never
//! bearer. The application's word takes effect only in the browser that began the request, and only with the
//! verifier that the application hands to the browser it saw: so neither a stolen identifier nor a link sent to
//! somebody else signs anybody in.

use axum::extract::{Path, Request, State};
use axum::response::Response;
use bindery_core::encoding::json;
use bindery_core::oauth::authorization_request::{AuthorizationError, Prompt};
use bindery_core::oauth::client_metadata::ClientMetadata;
use bindery_core::oauth::form::Form;
use bindery_core::oauth::subject::{NotAPerson, require_person};
use bindery_core::time::UnixTime;
use bindery_store::StoreError;
use bindery_store::authorization::AccountUpdate;
use bindery_store::record::AccountRecord;
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{approval, read_capped};
use crate::decoupled::backchannel::{self, WaitingRequest};
use crate::event::{AuditEvent, Words};
use crate::interaction::{self, Decision, Interaction, PageFault, SignIn};
use crate::observation::refused;
use crate::own_resource::{self, Admission, Audience, Demand, Speaker, Unbound};
use crate::people::submission::Submission;
use crate::people::{LoginPlace, pages, session};
use crate::server::{AuthorizationServer, Server};

/// What waits for a person.
pub(crate) const LIST_PATH: &str = "/interactions";
pub(crate) const PATH: &str = "/interactions/{id}";
pub(crate) const RESUME_PATH: &str = "/interactions/{id}/resume";

/// The scope of the application's token.
const SCOPE: &str = "bindery:interactions";
/// The path that with the issuer makes the audience of the application's token.
const AUDIENCE_PATH: &str = "/interactions";
/// The longest answer of an application, in bytes.
const MAXIMUM_BODY: usize = 64 * 1024;
/// How far the application's clock may be ahead, in seconds.
const SKEW: i64 = 30;
/// The most words in `amr`, and the longest word, in bytes.
const MAXIMUM_AMR: usize = 16;
const MAXIMUM_WORD: usize = 256;

/// Why the application's request is refused; every text is ours.
struct Refused(StatusCode, &'static str, &'static str);

impl Refused {
    const fn request(sentence: &'static str) -> Self {
        Self(StatusCode::BAD_REQUEST, "invalid_request", sentence)
    }

    fn of(fault: PageFault) -> Self {
        match fault {
            PageFault::Unavailable => {
                Self(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "Try again in a moment.")
            }
            PageFault::Over => Self(
                StatusCode::CONFLICT,
                "interaction_over",
                "The interaction was decided, ended or expired.",
            ),
            _ => Self(StatusCode::NOT_FOUND, "interaction_unknown", "There is no such interaction."),
        }
    }

    fn answer(self) -> Response {
        let Self(status, error, sentence) = self;
        let body = json!({"error": error, "error_description": sentence});
        refused(super::json(status, body.to_string().into_bytes()), error)
    }
}

/// What the application says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, tag = "result", rename_all = "snake_case")]
enum Said {
    /// Somebody signed in.
    SignedIn {
        subject: String,
        auth_time: i64,
        #[serde(default)]
        acr: Option<String>,
        #[serde(default)]
        amr: Vec<String>,
        #[serde(default)]
        claims: Option<Map<String, Value>>,
    },
    /// Nobody did.
    Denied,
}

/// What is asked.
pub(crate) async fn read(
    State(server): State<AuthorizationServer>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let server = &*server.0;
    let now = server.clock.now();
    let (mut parts, _) = request.into_parts();
    let admission = match admit(server, &mut parts, now).await {
        Ok(admission) => admission,
        Err(refusal) => return refusal,
    };
    let mut response = match interaction::load_any(server, &id, now).await {
        Ok(interaction) => super::json(StatusCode::OK, description(&interaction).to_string().into_bytes()),
        Err(fault) => Refused::of(fault).answer(),
    };
    admission.dress(&mut response);
    response
}

/// What the application found out.
pub(crate) async fn submit(
    State(server): State<AuthorizationServer>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let server = &*server.0;
    let now = server.clock.now();
    let (mut parts, body) = request.into_parts();
    let admission = match admit(server, &mut parts, now).await {
        Ok(admission) => admission,
        Err(refusal) => return refusal,
    };
    let decided = match read_capped(body, MAXIMUM_BODY).await {
        Ok(body) => decide(server, &id, &body, now).await,
        Err(_) => Err(Refused::request("The body is longer than 64 KiB or came too slowly.")),
    };
    let mut response = match decided {
        Ok(verifier) => {
            let body = json!({"resume_uri": resume_uri(server, &id, &verifier)});
            super::json(StatusCode::OK, body.to_string().into_bytes())
        }
        Err(refused) => refused.answer(),
    };
    admission.dress(&mut response);
    response
}

/// What waits for a person whom clients have asked without a browser of theirs (CIBA Core section 8), so that an
/// application can tell the person. It may, whoever signs people in.
pub(crate) async fn list(State(server): State<AuthorizationServer>, request: Request) -> Response {
    let server = &*server.0;
    let now = server.clock.now();
    let (mut parts, _) = request.into_parts();
    let admission = match admit_application(server, &mut parts, now).await {
        Ok(admission) => admission,
        Err(refusal) => return refusal,
    };
    let listed = async {
        let form = Form::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let form = form.map_err(|_| Refused::request("The query is malformed, or says something twice."))?;
        let subject = form.get("subject").filter(|subject| !subject.is_empty());
        let subject = subject.ok_or(Refused::request("The query names the person: subject."))?;
        let waiting = backchannel::waiting_for(server, subject, now).await;
        waiting.map_err(|error| Refused::of(PageFault::store("list_waiting", &error)))
    };
    let mut response = match listed.await {
        Ok(waiting) => {
            let requests: Vec<Value> = waiting.iter().map(|waiting| waits(server, waiting)).collect();
            super::json(StatusCode::OK, json!({ "requests": requests }).to_string().into_bytes())
        }
        Err(refused) => refused.answer(),
    };
    admission.dress(&mut response);
    response
}

fn waits(server: &Server, waiting: &WaitingRequest) -> Value {
    let ask = &waiting.ask;
    let issuer = server.settings.issuer.trim_end_matches('/');
    json!({
        "request": waiting.name,
        "client": client(&waiting.client.metadata),
        "scope": ask.scope.iter().collect::<Vec<_>>().join(" "),
        "authorization_details": ask.authorization_details,
        "binding_message": waiting.binding_message,
        "created_at": waiting.created_at.as_seconds(),
        "expires_at": waiting.expires_at.as_seconds(),
        "approve_uri": format!("{issuer}{}", approval::link(&waiting.name)),
    })
}

/// The client in its own words.
fn client(client: &ClientMetadata) -> Value {
    let display = &client.display;
    json!({
        "client_id": client.client_id,
        "client_name": client.client_name,
        "client_uri": display.client_uri,
        "logo_uri": display.logo_uri,
        "policy_uri": display.policy_uri,
        "tos_uri": display.tos_uri,
    })
}

async fn admit(server: &Server, parts: &mut Parts, now: UnixTime) -> Result<Admission, Response> {
    if server.people.settings.login == LoginPlace::Builtin {
        let sentence = "This server signs people in by itself.";
        return Err(Refused(StatusCode::NOT_FOUND, "interaction_unknown", sentence).answer());
    }
    admit_application(server, parts, now).await
}

async fn admit_application(server: &Server, parts: &mut Parts, now: UnixTime) -> Result<Admission, Response> {
    let audience = format!("{}{AUDIENCE_PATH}", server.settings.issuer.trim_end_matches('/'));
    let demand = Demand {
        endpoint: AUDIENCE_PATH,
        scope: &[SCOPE],
        implied_by: None,
        audience: Audience::OneOf(&[&audience]),
        unbound: Unbound::Refused,
        speaker: Speaker::ClientOr(&[]),
    };
    own_resource::verify(server, parts, &demand, now).await
}

fn resume_uri(server: &Server, id: &str, verifier: &str) -> String {
    let issuer = server.settings.issuer.trim_end_matches('/');
    format!("{issuer}/interactions/{id}/resume?verifier={verifier}")
}

/// What a login page needs to know; whose browser it is stays with us.
fn description(interaction: &Interaction) -> Value {
    let ask = &interaction.state.ask;
    let essential: Vec<&str> = ask.claims.essential_acr().collect();
    json!({
        "interaction": interaction.id,
        "client": client(&interaction.client.metadata),
        "scope": ask.scope.iter().collect::<Vec<_>>().join(" "),
        "authorization_details": ask.authorization_details,
        "resources": ask.resources,
        "acr_values": if essential.is_empty() { json!(ask.acr_values) } else { json!(essential) },
        "acr_essential": !essential.is_empty(),
        "max_age": ask.max_age,
        "prompt": words(ask.prompt),
        "login_hint": ask.login_hint,
        "ui_locales": ask.ui_locales,
        "started_at": interaction.started_at(),
    })
}

fn words(prompt: Prompt) -> Vec<&'static str> {
    [
        ("login", prompt.login),
        ("consent", prompt.consent),
        ("select_account", prompt.select_account),
        ("create", prompt.create),
    ]
    .into_iter()
    .filter_map(|(word, said)| said.then_some(word))
    .collect()
}

/// Gives the verifier with which the browser comes back.
async fn decide(server: &Server, id: &str, body: &[u8], now: UnixTime) -> Result<String, Refused> {
    let interaction = interaction::load_any(server, id, now).await.map_err(Refused::of)?;
    let members = json::parse_object(body)
        .map_err(|_| Refused::request("The body is not one JSON object without duplicate members."))?;
    let said: Said = serde_json::from_value(Value::Object(members)).map_err(|_| {
        Refused::request("The body has result signed_in or denied, and the members that belong to it.")
    })?;
    let (decision, claims) = match said {
        Said::Denied => (Decision::Denied, None),
        Said::SignedIn { subject, auth_time, acr, amr, claims } => {
            require_subject(&subject)?;
            require_words(acr.as_deref(), &amr)?;
            require_fresh(&interaction, auth_time, now)?;
            let sign_in = SignIn { auth_time, amr, acr };
            (Decision::SignedIn { subject: subject.clone(), sign_in }, claims.map(|claims| (subject, claims)))
        }
    };
    if let Some((subject, claims)) = claims {
        let kept = keep_claims(server, &subject, claims, now).await;
        kept.map_err(|error| Refused::of(PageFault::store("keep_claims", &error)))?;
    }
    interaction.decide(server, decision, now).await.map_err(Refused::of)
}

/// OpenID Connect Core section 2 (`sub`), and AT68-5-02: no person's subject is a client's.
fn require_subject(subject: &str) -> Result<(), Refused> {
    require_person(subject).map_err(|_| Refused::request(NotAPerson::RULE))
}

fn require_words(acr: Option<&str>, amr: &[String]) -> Result<(), Refused> {
    let word = |word: &str| {
        !word.is_empty() && word.len() <= MAXIMUM_WORD && word.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if amr.len() <= MAXIMUM_AMR && amr.iter().map(String::as_str).chain(acr).all(word) {
        return Ok(());
    }
    Err(Refused::request(
        "acr and the words of amr are 1 to 256 visible ASCII characters, amr at most 16 words.",
    ))
}

/// OpenID Connect Core section 3.1.2.1: `prompt=login` wants a sign-in during this interaction, `max_age` one that
/// is no older.
fn require_fresh(interaction: &Interaction, auth_time: i64, now: UnixTime) -> Result<(), Refused> {
    let ask = &interaction.state.ask;
    let age = now.as_seconds().saturating_sub(auth_time);
    if age < -SKEW || auth_time < 0 {
        return Err(Refused::request("auth_time lies in the future or before 1970."));
    }
    let again = (ask.prompt.login || ask.prompt.select_account)
        && auth_time < interaction.started_at().saturating_sub(SKEW);
    // A sign-in on the very page counts whatever max_age says.
    let during = auth_time >= interaction.started_at().saturating_sub(SKEW);
    let old = !during && ask.max_age.is_some_and(|most| age > i64::try_from(most).unwrap_or(i64::MAX));
    if again || old {
        let sentence = "The person must sign in again: auth_time is older than prompt or max_age allow.";
        return Err(Refused(StatusCode::CONFLICT, "login_required", sentence));
    }
    Ok(())
}

/// Keeps the claims for ID token and userinfo, as an account that nobody signs in to here.
async fn keep_claims(
    server: &Server,
    subject: &str,
    claims: Map<String, Value>,
    now: UnixTime,
) -> Result<(), StoreError> {
    let claims = Value::Object(claims);
    for _ in 0..5 {
        let Some(mut account) = server.store.find_account(subject).await? else {
            let account = AccountRecord {
                subject: subject.into(),
                username: subject.into(),
                password_hash: None,
                user_code_hash: None,
                claims: claims.clone(),
                passkeys: Value::Array(Vec::new()),
                disabled: false,
                failed_logins: 0,
                failed_at: None,
                locked_until: None,
                revision: 0,
                created_at: now,
                updated_at: now,
            };
            match server.store.insert_account(&account).await {
                Ok(()) => return Ok(()),
                Err(StoreError::Conflict { .. }) => continue,
                Err(error) => return Err(error),
            }
        };
        if account.claims == claims {
            return Ok(());
        }
        account.claims = claims.clone();
        account.updated_at = now;
        if server.store.update_account(&account).await? == AccountUpdate::Updated {
            return Ok(());
        }
    }
    Err(StoreError::Unavailable { operation: "keep_claims", cause: "others change the account".into() })
}

/// The browser comes back.
pub(crate) async fn resume(
    State(server): State<AuthorizationServer>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let server = &*server.0;
    match take_up(server, &id, request).await {
        Ok(response) | Err(response) => response,
    }
}

async fn take_up(server: &Server, id: &str, request: Request) -> Result<Response, Response> {
    let submission = Submission::of_query(server, AUDIENCE_PATH, request)?;
    let Submission { headers, now, .. } = &submission;
    let loaded = interaction::load(server, id, headers, *now).await;
    let interaction = loaded.map_err(|fault| fault.page(server, headers))?;
    let decided = interaction.decision(submission.form.get("verifier"));
    let decided = decided.map_err(|fault| fault.page(server, headers))?.cloned();
    let decision = match decided {
        Some(Decision::SignedIn { subject, .. }) if is_disabled(server, &subject, headers).await? => {
            Some(Decision::Denied)
        }
        decision => decision,
    };
    match decision {
        // Not yet: back to the page that asks.
        None => {
            Ok(pages::see_other(&server.people.address(&format!("{}?interaction={id}", super::login::PATH))))
        }
        Some(Decision::Denied) => {
            let error = AuthorizationError::AccessDenied;
            Ok(interaction::deny(server, interaction, error, headers, *now).await)
        }
        Some(Decision::SignedIn { subject, sign_in }) => {
            let established = session::establish(server, &subject, sign_in, headers, *now).await;
            let (session, cookie) = established.map_err(|fault| fault.into_page().page(server, headers))?;
            let login = session.login();
            server.audit.record(AuditEvent::PersonSignedIn {
                subject: &subject,
                session_id: session.id(),
                client_id: Some(&interaction.client.metadata.client_id),
                amr: &Words(&login.amr),
                acr: login.acr.as_deref(),
            });
            let response = interaction::sign_in(server, interaction, login, headers, *now).await;
            Ok(pages::with_cookie(response, Some(cookie)))
        }
    }
}

/// Whether an administrator has shut this person out here, whatever the application says.
async fn is_disabled(server: &Server, subject: &str, headers: &http::HeaderMap) -> Result<bool, Response> {
    let account = server.store.find_account(subject).await;
    let account = account.map_err(|error| PageFault::store("find_account", &error).page(server, headers))?;
    Ok(account.is_some_and(|account| account.disabled))
}
