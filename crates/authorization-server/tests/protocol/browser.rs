//! A browser without script: it keeps cookies, follows redirects as long as they stay at the issuer, and sends
//! forms as they stand on the page, found by the ids that people's tools rely on.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use axum::body::{Body, to_bytes};
use bindery_http::Peer;
use http::{HeaderMap, Request, StatusCode};

use crate::support::{ISSUER, World, form};

pub(crate) struct Browser<'w> {
    world: &'w World,
    cookies: RefCell<BTreeMap<String, String>>,
    /// Headers that it sends besides, in place of its own of that name.
    pub(crate) headers: RefCell<Vec<(&'static str, String)>>,
}

/// What the browser shows, or where it was sent to outside the issuer.
pub(crate) struct Page {
    pub(crate) url: String,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) html: String,
    /// The address outside the issuer that the last answer redirects to.
    pub(crate) left_for: Option<String>,
}

impl<'w> Browser<'w> {
    pub(crate) fn new(world: &'w World) -> Self {
        Self { world, cookies: RefCell::default(), headers: RefCell::default() }
    }

    /// What it holds, by name.
    pub(crate) fn cookies(&self) -> BTreeMap<String, String> {
        self.cookies.borrow().clone()
    }

    /// Goes on with these, as somebody who was given them.
    pub(crate) fn set_cookies(&self, cookies: BTreeMap<String, String>) {
        *self.cookies.borrow_mut() = cookies;
    }

    pub(crate) async fn get(&self, url: &str) -> Page {
        self.go("GET", url, String::new()).await
    }

    /// Sends the form that holds the element `id` by that element, with `fields` filled in.
    pub(crate) async fn press(&self, page: &Page, id: &str, fields: &[(&str, &str)]) -> Page {
        let (action, mut values) = page.form_with(id);
        for (name, value) in fields {
            values.retain(|(given, _)| given != name);
            values.push(((*name).into(), (*value).into()));
        }
        self.go("POST", &action, form(&values)).await
    }

    /// Posts what no page of ours has made.
    pub(crate) async fn post(&self, url: &str, values: &[(&str, &str)]) -> Page {
        let values: Vec<_> =
            values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.go("POST", url, form(&values)).await
    }

    async fn go(&self, method: &str, url: &str, body: String) -> Page {
        let (mut method, mut url, mut body) = (method.to_owned(), url.to_owned(), body);
        for _ in 0..10 {
            let page = self.send(&method, &url, body).await;
            let redirect = page.headers.get("location").map(|to| to.to_str().unwrap().to_owned());
            let Some(to) = redirect.filter(|_| page.status.is_redirection()) else { return page };
            let here = to.starts_with('/') || to.starts_with(&format!("{ISSUER}/"));
            if !here {
                return Page { left_for: Some(to), ..page };
            }
            assert_eq!(page.status, StatusCode::SEE_OTHER, "a form is never posted onwards");
            (method, url, body) = ("GET".into(), to, String::new());
        }
        panic!("the pages redirect in a circle");
    }

    async fn send(&self, method: &str, url: &str, body: String) -> Page {
        let path = url.strip_prefix(ISSUER).unwrap_or(url);
        let mut request = Request::builder().method(method).uri(path).body(Body::from(body)).unwrap();
        let headers = request.headers_mut();
        headers.insert("host", "id.example".parse().unwrap());
        if method == "POST" {
            headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
            headers.insert("origin", ISSUER.parse().unwrap());
        }
        let cookies =
            self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        if !cookies.is_empty() {
            headers.insert("cookie", cookies.join("; ").parse().unwrap());
        }
        for (name, value) in &*self.headers.borrow() {
            headers.insert(*name, value.parse().unwrap());
        }
        let mut peer = Peer::plaintext(SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000)));
        peer.encrypted = true;
        request.extensions_mut().insert(peer);
        let response = crate::exchange::exchange(&self.world.router, request).await;
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all("set-cookie") {
            self.keep(cookie.to_str().unwrap());
        }
        let body = to_bytes(body, 1 << 20).await.unwrap();
        let html = String::from_utf8(body.to_vec()).unwrap();
        Page { url: path.into(), status: parts.status, headers: parts.headers, html, left_for: None }
    }

    /// The value of its cookie whose name begins so.
    pub(crate) fn cookie(&self, prefix: &str) -> Option<String> {
        let cookies = self.cookies.borrow();
        let found = cookies.iter().find(|(name, _)| name.starts_with(prefix));
        found.map(|(_, value)| value.clone())
    }

    /// The whole name of its cookie whose name begins so.
    pub(crate) fn cookie_name(&self, prefix: &str) -> Option<String> {
        self.cookies.borrow().keys().find(|name| name.starts_with(prefix)).cloned()
    }

    /// Puts a value into its cookie whose name begins so, as an attacker at the keyboard could.
    pub(crate) fn plant(&self, prefix: &str, value: &str) {
        let mut cookies = self.cookies.borrow_mut();
        let name = cookies.keys().find(|name| name.starts_with(prefix)).unwrap().clone();
        cookies.insert(name, value.into());
    }

    /// Another browser with the same cookies.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::new(self.world);
        copy.cookies.replace(self.cookies.borrow().clone());
        copy
    }

    /// What a browser does with `Set-Cookie`, as far as `__Host-` cookies go.
    fn keep(&self, cookie: &str) {
        let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
        let (name, value) = pair.split_once('=').unwrap();
        assert!(name.starts_with("__Host-"), "{name} can be set by a neighbour");
        for attribute in ["Secure", "HttpOnly", "Path=/", "SameSite="] {
            assert!(attributes.contains(attribute), "{name} lacks {attribute}");
        }
        let gone = attributes.contains("Max-Age=0") || value.is_empty();
        match gone {
            true => self.cookies.borrow_mut().remove(name),
            false => self.cookies.borrow_mut().insert(name.into(), value.into()),
        };
    }
}

impl Page {
    /// The element with this id, from `<` to `>`.
    pub(crate) fn element(&self, id: &str) -> Option<&str> {
        let at = self.html.find(&format!("id=\"{id}\""))?;
        let start = self.html[..at].rfind('<')?;
        let end = at + self.html[at..].find('>')?;
        Some(&self.html[start..=end])
    }

    /// The value of the hidden field of that name.
    pub(crate) fn hidden(&self, name: &str) -> String {
        let at = self.html.find(&format!("name=\"{name}\"")).unwrap();
        let start = self.html[..at].rfind('<').unwrap();
        attribute(&self.html[start..at + self.html[at..].find('>').unwrap()], "value").unwrap()
    }

    /// An attribute of the element with this id.
    pub(crate) fn attribute(&self, id: &str, name: &str) -> Option<String> {
        attribute(self.element(id)?, name)
    }

    fn form_with(&self, id: &str) -> (String, Vec<(String, String)>) {
        let at = self.html.find(&format!("id=\"{id}\""));
        let at = at.unwrap_or_else(|| panic!("{} has no element {id}: {}", self.url, self.html));
        let start = self.html[..at].rfind("<form").unwrap();
        let end = start + self.html[start..].find("</form>").unwrap();
        let form = &self.html[start..end];
        let head = &form[..form.find('>').unwrap()];
        let action = attribute(head, "action").unwrap_or_else(|| self.url.clone());
        let inputs = form.split("<input").skip(1).map(|rest| &rest[..rest.find('>').unwrap()]);
        let hidden = inputs.filter(|input| input.contains("type=\"hidden\""));
        let mut values: Vec<_> = hidden
            .filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value")?)))
            .collect();
        let button = self.element(id).unwrap();
        if let (Some(name), Some(value)) = (attribute(button, "name"), attribute(button, "value")) {
            values.push((name, value));
        }
        (action, values)
    }

    /// A parameter of the query of the address that the browser left for.
    pub(crate) fn answer(&self, name: &str) -> Option<String> {
        let url = url::Url::parse(self.left_for.as_deref()?).ok()?;
        url.query_pairs().find(|(given, _)| given == name).map(|(_, value)| value.into_owned())
    }
}

fn attribute(element: &str, name: &str) -> Option<String> {
    let start = element.find(&format!(" {name}=\""))? + name.len() + 3;
    let end = start + element[start..].find('"')?;
    let text = &element[start..end];
    Some(text.replace("&#x2f;", "/").replace("&#x27;", "'").replace("&quot;", "\"").replace("&amp;", "&"))
}
