//! The authentication request of decoupled authentication (CIBA Core section 7.1): whom a client wants to sign in,
//! and what that person shall see. What is asked for beside (scope, details) is judged like any authorization
//! request. The message comes from the client and is shown to a person: it is short, and plain.

use alloc::string::String;
use core::fmt;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::authorization_request::AuthorizationParameters;
use super::form::Form;

/// The longest `binding_message`, in characters: it must fit the smallest screen (section 7.1).
pub const MAXIMUM_BINDING_MESSAGE: usize = 64;
/// The longest `client_notification_token`, in bytes (section 7.1).
pub const MAXIMUM_NOTIFICATION_TOKEN: usize = 1024;
/// The longest `login_hint`, in bytes.
const MAXIMUM_LOGIN_HINT: usize = 512;
/// The longest `user_code`, in bytes.
pub const MAXIMUM_USER_CODE: usize = 128;
/// The longest `id_token_hint`, in bytes.
const MAXIMUM_ID_TOKEN_HINT: usize = 16 * 1024;

/// The parameters of decoupled authentication that are not those of an authorization request.
const OWN: [&str; 5] =
    ["binding_message", "client_notification_token", "login_hint_token", "requested_expiry", "user_code"];
/// Those that both have, and that are asked of a person.
const SHARED: [&str; 6] =
    ["acr_values", "authorization_details", "claims", "id_token_hint", "login_hint", "scope"];

/// Whom the client means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PersonHint {
    /// `login_hint`: the name of an account.
    Login(String),
    /// `id_token_hint`: an ID token that this server issued to this client.
    IdToken(String),
}

/// A request whose own rules hold.
pub struct BackchannelRequest {
    /// Whom the client means.
    pub hint: PersonHint,
    /// `binding_message`, for the person to compare.
    pub binding_message: Option<String>,
    /// `client_notification_token`: what the ping carries, so that the client knows it (section 10.2).
    pub notification_token: Option<Zeroizing<String>>,
    /// `requested_expiry`, in seconds.
    pub requested_expiry: Option<u64>,
    /// `user_code`: what the person told the client so that it may ask (section 7.1).
    pub user_code: Option<Zeroizing<String>>,
}

/// Neither hints nor tokens.
impl fmt::Debug for BackchannelRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackchannelRequest")
            .field("binding_message", &self.binding_message)
            .field("requested_expiry", &self.requested_expiry)
            .finish_non_exhaustive()
    }
}

/// Why an authentication request is refused (section 13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackchannelRefused {
    /// A parameter has another type than it may have.
    Malformed,
    /// Not exactly one hint says whom the client means.
    Hints,
    /// `login_hint_token` is not read here: CIBA defines neither its issuer nor its form (section 7.1), and a hint
    /// whose issuer nobody vouches for would name whomever it likes.
    HintToken,
    /// Nobody is known by the hint.
    UnknownPerson,
    /// `binding_message` is too long, or holds characters that a small screen can't show plainly.
    BindingMessage,
    /// The client is pinged, and gave no usable `client_notification_token`.
    NotificationToken,
    /// `requested_expiry` is not a positive number of seconds.
    RequestedExpiry,
    /// The person is asked by those alone who send the person's code, and there is none.
    UserCodeMissing,
    /// `user_code` is not the person's.
    UserCode,
    /// As many requests wait for the person as may.
    TooManyForPerson,
    /// As many requests of the client wait as may.
    TooManyOfClient,
    /// The scope does not hold `openid` (section 7.1).
    NotOpenid,
    /// The request must be signed.
    SignedRequestRequired,
    /// The signed request was used before, or can't be told from one that was.
    Replayed,
}

impl BackchannelRefused {
    /// The status: 400 (section 13), but for who asks too much (RFC 6585 section 4).
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::TooManyForPerson | Self::TooManyOfClient => 429,
            _ => 400,
        }
    }

    /// `error`, machine-readable reason and fixed sentence.
    #[must_use]
    pub const fn form(self) -> (&'static str, &'static str, &'static str) {
        const REQUEST: &str = "invalid_request";
        match self {
            Self::Malformed => (REQUEST, "parameter_malformed", "A request parameter is malformed."),
            Self::Hints => (REQUEST, "hints", "Exactly one hint must say whom the client means."),
            Self::HintToken => {
                (REQUEST, "login_hint_token", "The parameter login_hint_token is not supported.")
            }
            Self::UnknownPerson => (
                "unknown_user_id",
                "unknown_person",
                "Nobody is known by the hint, or nobody who can be asked.",
            ),
            Self::BindingMessage => (
                "invalid_binding_message",
                "binding_message",
                "The binding_message must be 1 to 64 plain characters.",
            ),
            Self::NotificationToken => (
                REQUEST,
                "client_notification_token",
                "The client_notification_token is missing, too long, or no bearer token.",
            ),
            Self::RequestedExpiry => {
                (REQUEST, "requested_expiry", "The requested_expiry is not a positive number of seconds.")
            }
            Self::UserCodeMissing => (
                "missing_user_code",
                "user_code_missing",
                "The person is asked by those alone who send the user_code of the person.",
            ),
            Self::UserCode => {
                ("invalid_user_code", "user_code", "The user_code is not the one of the person.")
            }
            Self::TooManyForPerson => (
                "temporarily_unavailable",
                "too_many_for_person",
                "Too many requests wait for the person: ask again later.",
            ),
            Self::TooManyOfClient => (
                "temporarily_unavailable",
                "too_many_of_client",
                "Too many requests of the client wait: ask again later.",
            ),
            Self::NotOpenid => ("invalid_scope", "scope_openid", "The scope must hold openid."),
            Self::SignedRequestRequired => (
                REQUEST,
                "signed_request_required",
                "The request must be a signed request object in the parameter request.",
            ),
            Self::Replayed => {
                (REQUEST, "request_replayed", "The signed request was used before, or has no jti.")
            }
        }
    }
}

/// The parameters of a form as a request object would have them, so that both are read in one way.
#[must_use]
pub fn members_of(form: &Form) -> Map<String, Value> {
    let names = OWN.iter().chain(&SHARED);
    let mut members: Map<String, Value> =
        names.filter_map(|name| Some(((*name).into(), form.get(name)?.into()))).collect();
    let resources: Value = form.all("resource").map(Value::from).collect();
    members.insert("resource".into(), resources);
    members
}

/// The part of `members` that is judged like an authorization request.
///
/// # Errors
/// [`BackchannelRefused::Malformed`] when a parameter has another type than it may have.
pub fn asked(members: &Map<String, Value>) -> Result<AuthorizationParameters, BackchannelRefused> {
    let kept = members.iter().filter(|(name, _)| SHARED.contains(&name.as_str()) || *name == "resource");
    let kept: Map<String, Value> = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    AuthorizationParameters::from_claims(&kept).map_err(|_| BackchannelRefused::Malformed)
}

impl BackchannelRequest {
    /// Reads the parameters that are decoupled authentication's own; `pinged` says whether the client needs a
    /// token for that.
    ///
    /// # Errors
    /// [`BackchannelRefused`] for the first rule that is broken.
    pub fn parse(members: &Map<String, Value>, pinged: bool) -> Result<Self, BackchannelRefused> {
        Ok(Self {
            hint: hint(members)?,
            binding_message: binding_message(members)?,
            notification_token: if pinged { Some(notification_token(members)?) } else { None },
            requested_expiry: requested_expiry(members)?,
            user_code: user_code(members)?,
        })
    }
}

/// The text of a member; empty is omitted.
fn text<'m>(members: &'m Map<String, Value>, name: &str) -> Result<Option<&'m str>, BackchannelRefused> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(BackchannelRefused::Malformed),
    }
}

fn hint(members: &Map<String, Value>) -> Result<PersonHint, BackchannelRefused> {
    let hints =
        (text(members, "login_hint")?, text(members, "id_token_hint")?, text(members, "login_hint_token")?);
    match hints {
        (Some(name), None, None) if name.len() <= MAXIMUM_LOGIN_HINT => Ok(PersonHint::Login(name.into())),
        (None, Some(token), None) if token.len() <= MAXIMUM_ID_TOKEN_HINT => {
            Ok(PersonHint::IdToken(token.into()))
        }
        (None, None, Some(_)) => Err(BackchannelRefused::HintToken),
        (Some(_), None, None) | (None, Some(_), None) => Err(BackchannelRefused::UnknownPerson),
        _ => Err(BackchannelRefused::Hints),
    }
}

/// Letters and digits of any script, spaces, and signs that neither format nor quote.
fn binding_message(members: &Map<String, Value>) -> Result<Option<String>, BackchannelRefused> {
    let Some(message) = text(members, "binding_message")? else { return Ok(None) };
    let plain = |character: char| character.is_alphanumeric() || " -_.,:;/()#+*=@!?%$".contains(character);
    let fits = message.len() <= 4 * MAXIMUM_BINDING_MESSAGE
        && message.chars().count() <= MAXIMUM_BINDING_MESSAGE
        && message.chars().all(plain)
        && !message.trim().is_empty();
    if fits { Ok(Some(message.into())) } else { Err(BackchannelRefused::BindingMessage) }
}

/// It becomes a bearer token, so it has one's grammar (RFC 6750 section 2.1).
fn notification_token(members: &Map<String, Value>) -> Result<Zeroizing<String>, BackchannelRefused> {
    let token = text(members, "client_notification_token")?.ok_or(BackchannelRefused::NotificationToken)?;
    let body = token.trim_end_matches('=');
    let fits = token.len() <= MAXIMUM_NOTIFICATION_TOKEN
        && !body.is_empty()
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte));
    if fits { Ok(Zeroizing::new(token.into())) } else { Err(BackchannelRefused::NotificationToken) }
}

/// A code that is longer than any may be is nobody's, like every other wrong one.
fn user_code(members: &Map<String, Value>) -> Result<Option<Zeroizing<String>>, BackchannelRefused> {
    match text(members, "user_code")? {
        Some(code) if code.len() > MAXIMUM_USER_CODE => Err(BackchannelRefused::UserCode),
        code => Ok(code.map(|code| Zeroizing::new(code.into()))),
    }
}

fn requested_expiry(members: &Map<String, Value>) -> Result<Option<u64>, BackchannelRefused> {
    let seconds = match members.get("requested_expiry") {
        None => return Ok(None),
        Some(Value::String(text)) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        Some(value) => value.as_u64(),
    };
    seconds.filter(|seconds| *seconds > 0).map(Some).ok_or(BackchannelRefused::RequestedExpiry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(changes: &Value) -> Result<BackchannelRequest, BackchannelRefused> {
        let mut members = json!({"login_hint": "alice", "client_notification_token": "a.b-c~1=="});
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(members.as_object_mut().unwrap().remove(name)),
                value => members[name] = value.clone(),
            }
        }
        BackchannelRequest::parse(members.as_object().unwrap(), true)
    }

    #[test]
    fn rejects_one_broken_rule_each() {
        use BackchannelRefused as Refused;
        for (changes, refused) in [
            (json!({"login_hint": null}), Refused::Hints),
            (json!({"id_token_hint": "a.b.c"}), Refused::Hints),
            (json!({"login_hint_token": "a.b.c"}), Refused::Hints),
            (json!({"login_hint": null, "login_hint_token": "a.b.c"}), Refused::HintToken),
            (json!({"login_hint": "a".repeat(513)}), Refused::UnknownPerson),
            (json!({"login_hint": ["alice"]}), Refused::Malformed),
            (json!({"binding_message": "a".repeat(65)}), Refused::BindingMessage),
            (json!({"binding_message": " "}), Refused::BindingMessage),
            (json!({"binding_message": "<b>W4SCT</b>"}), Refused::BindingMessage),
            (json!({"binding_message": "a\nb"}), Refused::BindingMessage),
            (json!({"binding_message": "a\u{202e}b"}), Refused::BindingMessage),
            (json!({"binding_message": "\u{200b}"}), Refused::BindingMessage),
            (json!({"binding_message": "say \"yes\""}), Refused::BindingMessage),
            (json!({"client_notification_token": null}), Refused::NotificationToken),
            (json!({"client_notification_token": "a b"}), Refused::NotificationToken),
            (json!({"client_notification_token": "a\r\nX: y"}), Refused::NotificationToken),
            (json!({"client_notification_token": "=="}), Refused::NotificationToken),
            (json!({"client_notification_token": "a".repeat(1025)}), Refused::NotificationToken),
            (json!({"requested_expiry": 0}), Refused::RequestedExpiry),
            (json!({"requested_expiry": "-1"}), Refused::RequestedExpiry),
            (json!({"requested_expiry": 1.5}), Refused::RequestedExpiry),
            (json!({"user_code": 1234}), Refused::Malformed),
            (json!({"user_code": "1".repeat(129)}), Refused::UserCode),
        ] {
            assert_eq!(parse(&changes).err(), Some(refused), "{changes}");
            let (code, reason, sentence) = refused.form();
            for text in [code, reason, sentence] {
                assert!(text.bytes().all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)));
            }
        }
    }

    #[test]
    fn a_good_request_is_read_whether_its_numbers_are_texts_or_not() {
        for expiry in [json!(30), json!("30")] {
            let request =
                parse(&json!({"requested_expiry": expiry, "binding_message": "Zürich 12,50 (W4SCT)"}));
            let request = request.unwrap();
            assert_eq!(request.requested_expiry, Some(30));
            assert_eq!(request.binding_message.as_deref(), Some("Zürich 12,50 (W4SCT)"));
            assert_eq!(request.hint, PersonHint::Login("alice".into()));
            assert!(!alloc::format!("{request:?}").contains("a.b-c"));
        }
        let members = json!({"id_token_hint": "a.b.c", "client_notification_token": {}});
        let polled = BackchannelRequest::parse(members.as_object().unwrap(), false).unwrap();
        assert!(polled.notification_token.is_none(), "a client that polls needs none");
    }

    #[test]
    fn a_form_and_a_request_object_say_the_same() {
        let form = Form::parse_repeating(
            b"scope=openid&login_hint=alice&binding_message=W4SCT&requested_expiry=30&resource=a&resource=b\
              &client_assertion=x&redirect_uri=https%3A%2F%2Fc.example",
            &AuthorizationParameters::REPEATING,
        );
        let members = members_of(&form.unwrap());
        assert_eq!(
            Value::Object(members.clone()),
            json!({"scope": "openid", "login_hint": "alice", "binding_message": "W4SCT",
                   "requested_expiry": "30", "resource": ["a", "b"]})
        );
        let asked = asked(&members).unwrap();
        assert_eq!((asked.text("scope"), asked.resources().len()), (Some("openid"), 2));
        assert_eq!(asked.text("binding_message"), None);
    }
}
