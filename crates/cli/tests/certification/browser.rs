//! A person's browser without script: keeps cookies by the rules of their prefixes, follows redirects of pages,
//! fills the forms by the ids that a certification run is configured with, and stops where the client's redirect
//! URI begins. Everything that a page must carry is required of every page on the way.

use reqwest::Client;
use url::Url;

use super::answer::Answer;
use super::html::{Page, Submission};
use super::support::watch::record::message;

/// What the person at the browser does with the consent page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Allow,
    Deny,
    /// Goes back to the client instead of signing in.
    Cancel,
    /// Opens the page and leaves.
    Leave,
}

/// Where a visit ended.
#[derive(Debug)]
pub(crate) enum Landing {
    /// At the client: the query, the fragment, and what a form posted.
    Callback { url: Url, posted: Option<Vec<(String, String)>> },
    /// On an error page of the server.
    ErrorPage { status: u16 },
    /// On a page that asks for something, with [`Decision::Leave`].
    Left,
    /// On the page that says that the session is over.
    LoggedOut,
}

/// One browser.
pub(crate) struct Browser {
    client: Client,
    /// Scheme, host and port of the authorization server.
    origin: String,
    cookies: Vec<(String, String)>,
    pub(crate) decision: Decision,
    /// Who signs in.
    pub(crate) account: (String, String),
    /// How often the login form was filled.
    pub(crate) logins: usize,
    /// How often the consent page was answered.
    pub(crate) consents: usize,
    /// The page that was seen last.
    pub(crate) page: String,
}

impl Browser {
    pub(crate) fn new(client: &Client, issuer: &str, account: (&str, &str)) -> Self {
        let account = (account.0.to_owned(), account.1.to_owned());
        let origin = Url::parse(issuer).unwrap().origin().ascii_serialization();
        let decision = Decision::Allow;
        let (client, page) = (client.clone(), String::new());
        Self { client, origin, cookies: vec![], decision, account, logins: 0, consents: 0, page }
    }

    /// Opens `url`, which a client at `callback` sent the browser to, and does what the pages ask.
    pub(crate) async fn visit(&mut self, url: &Url, callback: &str) -> Landing {
        self.go(Step::Get(url.clone()), callback).await
    }

    /// The same, by a form that a client's page posts.
    pub(crate) async fn post(&mut self, url: &Url, fields: Vec<(String, String)>, callback: &str) -> Landing {
        self.go(Step::Post(url.clone(), fields), callback).await
    }

    /// Opens `step` as a browser that is told what to do: follows redirects and stops at the first page, or where
    /// the server sent it away.
    pub(crate) async fn open(&mut self, mut step: Step) -> (Url, Page) {
        for _ in 0..16 {
            let at = step.url().clone();
            if !at.as_str().starts_with(&self.origin) {
                return (at, Page::parse(""));
            }
            let answer = self.send(step).await;
            match answer.status {
                302 | 303 => step = Step::Get(at.join(answer.header("location").unwrap()).unwrap()),
                200 | 400..=499 => {
                    require_page(&answer);
                    self.page.clone_from(&answer.body);
                    return (at, Page::parse(&answer.body));
                }
                _ => panic!("{answer:?}"),
            }
        }
        panic!("redirects go in circles");
    }

    async fn go(&mut self, mut step: Step, callback: &str) -> Landing {
        for _ in 0..16 {
            let at = step.url().clone();
            if at.as_str().starts_with(callback) {
                let posted = match step {
                    Step::Get(_) => None,
                    Step::Post(_, fields) => Some(fields),
                };
                return Landing::Callback { url: at, posted };
            }
            assert!(
                at.as_str().starts_with(&self.origin),
                "sent to {at}, which is neither server nor client"
            );
            let posted = matches!(step, Step::Post(..));
            let answer = self.send(step).await;
            match answer.status {
                302 | 303 => {
                    assert!(!posted || answer.status == 303, "a form is answered with 303 (FSP-AS-25)");
                    step = Step::Get(at.join(answer.header("location").unwrap()).unwrap());
                }
                200 => match self.act(&at, &answer, callback) {
                    Ok(next) => step = next,
                    Err(landing) => return landing,
                },
                status @ 400..=499 => {
                    require_page(&answer);
                    assert!(Page::parse(&answer.body).has("oauth-error"), "{answer:?}");
                    return Landing::ErrorPage { status };
                }
                _ => panic!("{answer:?}"),
            }
        }
        panic!("the pages go in circles");
    }

    /// Fills what the page asks.
    fn act(&mut self, at: &Url, answer: &Answer, callback: &str) -> Result<Step, Landing> {
        require_page(answer);
        self.page.clone_from(&answer.body);
        let page = Page::parse(&answer.body);
        if page.has("oauth-error") {
            return Err(Landing::ErrorPage { status: answer.status });
        }
        if let Some(form) =
            page.forms.iter().find(|form| form.action.as_deref().is_some_and(|a| a.starts_with(callback)))
        {
            // Form post response mode: script submits it; the page has a button for browsers without.
            assert_eq!(form.method, "post");
            let target = Url::parse(form.action.as_deref().unwrap()).unwrap();
            return Ok(Step::Post(target, form.successful(&[])));
        }
        if self.decision == Decision::Leave {
            return Err(Landing::Left);
        }
        if page.has("logout") {
            return Ok(Step::submit(at, page.click("logout", &[])));
        }
        if page.has("message") && page.forms.is_empty() {
            return Err(Landing::LoggedOut);
        }
        let path = at.path();
        if page.has("username") {
            assert!(path.contains("/login") || path.contains("/authorize"), "login is asked at {path}");
            if self.decision == Decision::Cancel {
                return Ok(Step::submit(at, page.click("cancel", &[])));
            }
            self.logins += 1;
            assert!(self.logins < 5, "signing in does not succeed: {}", answer.body);
            let texts = [("username", self.account.0.as_str()), ("password", self.account.1.as_str())];
            return Ok(Step::submit(at, page.click("login", &texts)));
        }
        assert!(
            page.has("allow") && page.has("deny"),
            "a page that asks nothing known at {at}: {}",
            answer.body
        );
        assert!(path.contains("/consent") || path.contains("/authorize"), "consent is asked at {path}");
        self.consents += 1;
        let button = if self.decision == Decision::Deny { "deny" } else { "allow" };
        Ok(Step::submit(at, page.click(button, &[])))
    }

    async fn send(&mut self, step: Step) -> Answer {
        let url = step.url().clone();
        let mut request = match step {
            Step::Get(url) => self.client.get(url),
            // A browser says where a form came from.
            Step::Post(url, fields) => {
                for (name, value) in &fields {
                    message::parameter(name, value);
                }
                self.client.post(url).header("origin", &self.origin).form(&fields)
            }
        };
        if !self.cookies.is_empty() {
            let cookies: Vec<String> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", cookies.join("; "));
        }
        let response =
            request.header("accept", "text/html").header("accept-language", "en").send().await.unwrap();
        let answer = Answer::read(format!("page {}", url.path()), response).await;
        for cookie in answer.headers.get_all("set-cookie") {
            self.keep(cookie.to_str().unwrap());
        }
        answer
    }

    /// Keeps a cookie as browsers do; it must be one that no other host and no script can read or set.
    fn keep(&mut self, text: &str) {
        let mut parts = text.split(';').map(str::trim);
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let attributes: Vec<String> = parts.map(str::to_lowercase).collect();
        let has = |attribute: &str| attributes.iter().any(|known| known == attribute);
        assert!(name.starts_with("__Host-"), "{name} could be set by a neighbour");
        assert!(has("secure") && has("httponly") && has("path=/"), "{name}: {attributes:?}");
        assert!(!attributes.iter().any(|known| known.starts_with("domain")), "{name}: {attributes:?}");
        assert!(
            has("samesite=lax") || has("samesite=strict") || has("samesite=none"),
            "{name}: {attributes:?}"
        );
        self.cookies.retain(|(known, _)| known != name);
        if !has("max-age=0") && !value.is_empty() {
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
    }

    /// The cookies it holds, for tests that move them.
    pub(crate) fn cookies(&self) -> &[(String, String)] {
        &self.cookies
    }

    /// Goes on with these instead of its own.
    pub(crate) fn take_cookies(&mut self, cookies: Vec<(String, String)>) {
        self.cookies = cookies;
    }
}

/// One request of a browser.
pub(crate) enum Step {
    Get(Url),
    Post(Url, Vec<(String, String)>),
}

impl Step {
    fn url(&self) -> &Url {
        let (Self::Get(url) | Self::Post(url, _)) = self;
        url
    }

    pub(crate) fn submit(at: &Url, submission: Submission) -> Self {
        // `join` with nothing is the page itself, as an absent action is.
        let mut target = at.join(submission.action.as_deref().unwrap_or_default()).unwrap();
        if submission.method == "post" {
            return Self::Post(target, submission.fields);
        }
        target.query_pairs_mut().clear().extend_pairs(&submission.fields);
        Self::Get(target)
    }
}

/// What every page carries: HTML, kept nowhere, framed nowhere, with a policy that runs no foreign script.
fn require_page(answer: &Answer) {
    let header = |name: &str| answer.header(name).unwrap_or_else(|| panic!("no {name}: {answer:?}"));
    assert!(header("content-type").starts_with("text/html"), "{answer:?}");
    answer.require_no_store();
    let policy = header("content-security-policy");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(policy.contains("default-src 'none'") || policy.contains("script-src"), "{policy}");
    assert!(!policy.contains("unsafe-inline"), "{policy}");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert!(answer.header("strict-transport-security").is_some(), "FSP-NET-09: {answer:?}");
    assert!(answer.header("access-control-allow-origin").is_none(), "FSP-NET-11: {answer:?}");
}
