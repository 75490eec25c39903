//! One value of every page with everything in it and one with nothing, by which templates are tried at
//! start: a template that names what there isn't must fail there, never before a person.

use minijinja::Value;
use minijinja::value::Serde;

use super::model::{
    AccountPage, ClientCard, ClientLine, ConsentPage, DetailCard, DeviceConfirmPage, DevicePage, DonePage,
    ErrorPage, Field, FormPostPage, LoginPage, LogoutPage, Node, Page, PasskeyLine, ScopeLine, SessionLine,
    WaitingLine,
};

/// A text that no page may show as it is.
pub(crate) const HOSTILE: &str = "<script>alert(\"1\")</script>'&";

fn text() -> String {
    HOSTILE.into()
}

fn value<P: Page + Send + Sync>(page: P) -> (&'static str, Value) {
    (P::TEMPLATE, Value::from(Serde(&page)))
}

fn client() -> ClientCard {
    let url = || Some("https://client.example/?a=1&b=%22%3E".to_owned());
    ClientCard { name: text(), logo: url(), home: url(), policy: url(), terms: url() }
}

fn node() -> Node {
    let leaf = |label: &str| Node { label: label.into(), value: text(), ..Node::default() };
    let word = Node { label: text(), word: Some("yes"), ..Node::default() };
    let inner = Node { label: text(), children: vec![leaf("amount"), word], ..Node::default() };
    Node { children: vec![leaf("type"), inner], ..Node::default() }
}

fn scopes() -> Vec<ScopeLine> {
    vec![ScopeLine { name: "read".into(), text: text() }, ScopeLine { name: text(), text: text() }]
}

/// All pages.
pub(crate) fn all() -> Vec<(&'static str, Value)> {
    let action = || "/path?x=1".to_owned();
    let message = Some("login_failed");
    let mut pages = vec![
        value(LoginPage {
            client: Some(client()),
            again: true,
            message,
            action: action(),
            begin: action(),
            interaction: "interaction".into(),
            form_token: "form-token".into(),
            username: text(),
            password: true,
            passkey: true,
            passkey_wanted: true,
            can_cancel: true,
            forms: Vec::new(),
        }),
        value(LoginPage { passkey: true, ..LoginPage::default() }),
        value(LoginPage::default()),
        value(ConsentPage {
            client: client(),
            account: Some(text()),
            scopes: scopes(),
            claims: vec![text()],
            details: vec![DetailCard { title: text(), content: node() }],
            resources: vec![text()],
            return_host: Some(text()),
            binding_message: Some(text()),
            message: Some("form_stale"),
            action: action(),
            interaction: "interaction".into(),
            form_token: "form-token".into(),
            forms: Vec::new(),
        }),
        value(ConsentPage::default()),
        value(ErrorPage { text: "error_request", code: "invalid_request" }),
        value(DevicePage { message: Some("device_unknown"), user_code: text(), ..DevicePage::default() }),
        value(DevicePage::default()),
        value(DeviceConfirmPage {
            client: client(),
            user_code: text(),
            scopes: scopes(),
            ..DeviceConfirmPage::default()
        }),
        value(DeviceConfirmPage::default()),
        value(DonePage { title: "device_done_title", text: "device_done" }),
        value(LogoutPage {
            client: Some(client()),
            account: Some(text()),
            request: Some(text()),
            ..LogoutPage::default()
        }),
        value(LogoutPage::default()),
        value(FormPostPage {
            action: "https://client.example/?a=1&b=2".into(),
            fields: vec![Field { name: text(), value: text() }],
            forms: Vec::new(),
        }),
    ];
    pages.push(value(account()));
    pages.push(value(AccountPage::default()));
    pages
}

fn account() -> AccountPage {
    AccountPage {
        account: text(),
        message: Some("account_password_wrong"),
        notice: Some("account_saved"),
        action: "/account".into(),
        begin: "/account/passkey".into(),
        login: "/login".into(),
        fresh: true,
        logout: "/logout".into(),
        form_token: "form-token".into(),
        passkey: true,
        password: true,
        minimum: 12,
        passkeys: vec![PasskeyLine { id: "id".into(), name: text(), added: "2027-01-15".into() }],
        sessions: vec![SessionLine { id: "id".into(), since: "2027-01-15".into(), current: true }],
        clients: vec![ClientLine { client_id: text(), name: text(), scope: text() }],
        waiting: vec![WaitingLine { name: text(), message: Some(text()), link: "/approve?request=x".into() }],
    }
}
