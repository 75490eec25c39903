//! What each page shows, as plain values: the names here are the names in the templates. A page has no word
//! of the caller's in it that was not cut and cleaned by [`shown`], and everything is escaped where it is put.

use serde::Serialize;

/// A page: its values and its template.
pub(crate) trait Page: Serialize {
    /// The template's file name.
    const TEMPLATE: &'static str;

    /// What the browser may load and where its forms may lead, beyond the server itself.
    fn allowed(&self) -> Allowed {
        Allowed::default()
    }
}

/// What a page's policy allows beyond the server's own style sheet and forms to the server itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allowed {
    /// Sources for `form-action`: where the answer to a form may lead.
    pub(crate) forms: Vec<String>,
    /// A picture's URL.
    pub(crate) picture: Option<String>,
    /// Whether the page has a script of ours.
    pub(crate) script: bool,
    /// Whether that script calls the server.
    pub(crate) calls: bool,
}

/// A client, as people see it.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ClientCard {
    pub(crate) name: String,
    /// https URLs.
    pub(crate) logo: Option<String>,
    pub(crate) home: Option<String>,
    pub(crate) policy: Option<String>,
    pub(crate) terms: Option<String>,
}

/// `/login`.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct LoginPage {
    pub(crate) client: Option<ClientCard>,
    /// The person was signed in and must show again that it is them.
    pub(crate) again: bool,
    /// The name of a text.
    pub(crate) message: Option<&'static str>,
    pub(crate) action: String,
    /// Where a passkey ceremony begins.
    pub(crate) begin: String,
    /// Empty where the page leads to the account page.
    pub(crate) interaction: String,
    pub(crate) form_token: String,
    pub(crate) username: String,
    pub(crate) password: bool,
    pub(crate) passkey: bool,
    /// Only a passkey reaches what the client asks for.
    pub(crate) passkey_wanted: bool,
    pub(crate) can_cancel: bool,
    #[serde(skip)]
    pub(crate) forms: Vec<String>,
}

/// `/consent`.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ConsentPage {
    pub(crate) client: ClientCard,
    pub(crate) account: Option<String>,
    pub(crate) scopes: Vec<ScopeLine>,
    pub(crate) claims: Vec<String>,
    pub(crate) details: Vec<DetailCard>,
    pub(crate) resources: Vec<String>,
    pub(crate) return_host: Option<String>,
    /// What also stands on the other device (OpenID CIBA section 7.1).
    pub(crate) binding_message: Option<String>,
    pub(crate) message: Option<&'static str>,
    pub(crate) action: String,
    pub(crate) interaction: String,
    pub(crate) form_token: String,
    #[serde(skip)]
    pub(crate) forms: Vec<String>,
}

/// A scope value and what it means.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ScopeLine {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// One of the `authorization_details` (RFC 9396).
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DetailCard {
    pub(crate) title: String,
    pub(crate) content: Node,
}

/// A JSON value as people read it: children, or a word of ours, or a value.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Node {
    pub(crate) label: String,
    pub(crate) value: String,
    /// The name of a text, for true, false and nothing.
    pub(crate) word: Option<&'static str>,
    pub(crate) children: Vec<Node>,
}

/// The error page.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ErrorPage {
    /// The name of a text.
    pub(crate) text: &'static str,
    /// Our own code of the reason.
    pub(crate) code: &'static str,
}

/// `/device`.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct DevicePage {
    pub(crate) message: Option<&'static str>,
    pub(crate) action: String,
    pub(crate) form_token: String,
    pub(crate) user_code: String,
}

/// The question whether a device is the person's own (RFC 8628 section 5.4).
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct DeviceConfirmPage {
    pub(crate) client: ClientCard,
    pub(crate) user_code: String,
    pub(crate) scopes: Vec<ScopeLine>,
    pub(crate) action: String,
    pub(crate) form_token: String,
}

/// A page that says that something is over.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DonePage {
    /// Names of texts.
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
}

/// `/logout`.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct LogoutPage {
    /// The client that asks for it, if one does.
    pub(crate) client: Option<ClientCard>,
    pub(crate) account: Option<String>,
    pub(crate) action: String,
    pub(crate) form_token: String,
    /// Names the client's request, where there is one.
    pub(crate) request: Option<String>,
    #[serde(skip)]
    pub(crate) forms: Vec<String>,
}

/// An answer that the browser posts to the client (OAuth 2.0 Form Post Response Mode).
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct FormPostPage {
    pub(crate) action: String,
    pub(crate) fields: Vec<Field>,
    #[serde(skip)]
    pub(crate) forms: Vec<String>,
}

/// A parameter of the answer.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// `/account`.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct AccountPage {
    pub(crate) account: String,
    pub(crate) message: Option<&'static str>,
    pub(crate) notice: Option<&'static str>,
    pub(crate) action: String,
    pub(crate) begin: String,
    pub(crate) login: String,
    pub(crate) logout: String,
    pub(crate) form_token: String,
    /// Whether the person signed in just now, and may change what they sign in with.
    pub(crate) fresh: bool,
    /// Whether a passkey can be added.
    pub(crate) passkey: bool,
    /// Whether there is a password to change.
    pub(crate) password: bool,
    pub(crate) minimum: usize,
    pub(crate) passkeys: Vec<PasskeyLine>,
    pub(crate) sessions: Vec<SessionLine>,
    pub(crate) clients: Vec<ClientLine>,
    /// What waits for an answer of the person (CIBA).
    pub(crate) waiting: Vec<WaitingLine>,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct WaitingLine {
    /// The client's name.
    pub(crate) name: String,
    /// What the person compares with the other device.
    pub(crate) message: Option<String>,
    /// Where the person answers.
    pub(crate) link: String,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct PasskeyLine {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) added: String,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct SessionLine {
    pub(crate) id: String,
    pub(crate) since: String,
    pub(crate) current: bool,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ClientLine {
    pub(crate) client_id: String,
    pub(crate) name: String,
    pub(crate) scope: String,
}

impl Page for LoginPage {
    const TEMPLATE: &'static str = "login.html";

    fn allowed(&self) -> Allowed {
        Allowed {
            forms: self.forms.clone(),
            picture: self.client.as_ref().and_then(|client| client.logo.clone()),
            script: self.passkey,
            calls: self.passkey,
        }
    }
}

impl Page for ConsentPage {
    const TEMPLATE: &'static str = "consent.html";

    fn allowed(&self) -> Allowed {
        Allowed { forms: self.forms.clone(), picture: self.client.logo.clone(), ..Allowed::default() }
    }
}

impl Page for ErrorPage {
    const TEMPLATE: &'static str = "error.html";
}

impl Page for DevicePage {
    const TEMPLATE: &'static str = "device.html";
}

impl Page for DeviceConfirmPage {
    const TEMPLATE: &'static str = "device_confirm.html";

    fn allowed(&self) -> Allowed {
        Allowed { picture: self.client.logo.clone(), ..Allowed::default() }
    }
}

impl Page for DonePage {
    const TEMPLATE: &'static str = "done.html";
}

impl Page for LogoutPage {
    const TEMPLATE: &'static str = "logout.html";

    fn allowed(&self) -> Allowed {
        let picture = self.client.as_ref().and_then(|client| client.logo.clone());
        Allowed { forms: self.forms.clone(), picture, ..Allowed::default() }
    }
}

impl Page for FormPostPage {
    const TEMPLATE: &'static str = "form_post.html";

    fn allowed(&self) -> Allowed {
        Allowed { forms: self.forms.clone(), script: true, ..Allowed::default() }
    }
}

impl Page for AccountPage {
    const TEMPLATE: &'static str = "account.html";

    fn allowed(&self) -> Allowed {
        Allowed { script: self.passkey, calls: self.passkey, ..Allowed::default() }
    }
}

/// A stranger's text for a page: cut to `most` characters, without control characters, without those that turn the
/// direction of what follows, and without those that nobody sees (Default_Ignorable_Code_Point of the Unicode
/// Character Database), by which a name could pretend to be another.
pub(crate) fn shown(text: &str, most: usize) -> String {
    let clean = |character: char| match character {
        '\t' | '\n' | '\r' => ' ',
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => char::REPLACEMENT_CHARACTER,
        other if other.is_control() => char::REPLACEMENT_CHARACTER,
        other => other,
    };
    let mut characters = text.chars();
    let mut shown: String = characters.by_ref().take(most).map(clean).collect();
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_turns_the_page_around_or_fills_it() {
        assert_eq!(shown("Bank\u{202e}knaB", 40), "Bank\u{fffd}knaB");
        assert_eq!(shown("a\u{0}b\u{7f}c\nd", 40), "a\u{fffd}b\u{fffd}c d");
        for invisible in ["\u{3164}", "\u{115f}", "\u{1160}", "\u{ad}", "\u{34f}", "\u{180e}", "\u{e0041}"] {
            assert_eq!(shown(&format!("Ba{invisible}nk"), 40), "Ba\u{fffd}nk", "{invisible:?}");
        }
        assert_eq!(shown("abcdef", 3), "abc…");
        assert_eq!(shown("Zoë 株式会社", 40), "Zoë 株式会社");
    }
}
