//! Pages as answers: rendered, kept out of caches and frames, and held by a policy that allows our own style
//! sheet, the forms that the page has, and nothing else. Whatever fails here ends in a plain error page.

use axum::body::Body;
use axum::response::Response;
use bindery_http::render;
use http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::locale::Locale;
use super::model::{Allowed, ErrorPage, Field, FormPostPage, Page};
use crate::event::AuditEvent;
use crate::observation::refused;
use crate::server::Server;

/// A browser that has been here comes back over TLS alone, for two years (FSP-NET-09). Of hosts below this one we
/// know nothing: who serves them all over TLS adds `includeSubDomains` in front.
const OVER_TLS_ALONE: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// The language for an answer: `ui_locales` of the request, else what the browser accepts.
pub(crate) fn locale(server: &Server, ui_locales: &[String], headers: &HeaderMap) -> Locale {
    server.people.languages.choose(ui_locales, headers)
}

/// A page.
pub(crate) fn show<P: Page>(server: &Server, page: &P, locale: &Locale) -> Response {
    show_as(server, StatusCode::OK, page, locale)
}

/// A page under another status than 200.
pub(crate) fn show_as<P: Page>(server: &Server, status: StatusCode, page: &P, locale: &Locale) -> Response {
    let (status, body) = match server.people.templates.render(page, locale) {
        Ok(html) => (status, html),
        Err(broken) => {
            server.audit.record(AuditEvent::PageBroken { template: P::TEMPLATE, reason: &broken.0 });
            (StatusCode::INTERNAL_SERVER_ERROR, "<!doctype html><title>Error</title>".to_owned())
        }
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    protect(headers, &page.allowed());
    response
}

/// The error page: a fixed text and our own code, nothing of the request. For `code` take
/// `AuthorizationError::code()`, or a name of ours.
pub(crate) fn error(
    server: &Server,
    headers: &HeaderMap,
    ui_locales: &[String],
    status: StatusCode,
    code: &'static str,
) -> Response {
    let text = match code {
        "invalid_request_uri" | "interaction_expired" => "error_expired",
        "other_browser" => "error_other_browser",
        "forged_form" => "error_forged",
        "server_error" | "temporarily_unavailable" => "error_unavailable",
        "not_found" => "error_not_found",
        "application_login" => "error_interaction_login",
        "too_many_requests" => "error_too_many",
        _ => "error_request",
    };
    refused(show_as(server, status, &ErrorPage { text, code }, &locale(server, ui_locales, headers)), code)
}

/// The answer to an authorization request, posted by the browser (OAuth 2.0 Form Post Response Mode).
pub(crate) fn form_post(
    server: &Server,
    headers: &HeaderMap,
    ui_locales: &[String],
    redirect_uri: &str,
    fields: Vec<(String, String)>,
) -> Response {
    let fields = fields.into_iter().map(|(name, value)| Field { name, value }).collect();
    let page =
        FormPostPage { action: redirect_uri.into(), fields, forms: form_targets(server, &[redirect_uri]) };
    show(server, &page, &locale(server, ui_locales, headers))
}

/// Sends the browser on with GET, whatever it came with.
pub(crate) fn see_other(location: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    match HeaderValue::from_str(location) {
        Ok(location) => headers.insert(LOCATION, location),
        Err(_) => {
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            return response;
        }
    };
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(STRICT_TRANSPORT_SECURITY, OVER_TLS_ALONE);
    render::forbid_storing(headers);
    response
}

/// Adds a cookie to an answer.
pub(crate) fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// What `form-action` must allow besides ourselves: browsers hold it against the redirect that answers a
/// form too, so a page whose answer may lead to a client names the client's origin.
pub(crate) fn form_targets(server: &Server, redirect_uris: &[&str]) -> Vec<String> {
    let mut targets: Vec<String> = redirect_uris.iter().filter_map(|uri| form_source(uri)).collect();
    targets.extend(server.people.settings.redirect_origins.iter().cloned());
    targets.dedup();
    targets
}

/// A CSP source expression (CSP level 3 section 2.3.1) that covers `uri`.
fn form_source(uri: &str) -> Option<String> {
    let url = url::Url::parse(uri).ok()?;
    // A host may hold characters that would end the directive, such as a semicolon.
    let plain =
        |host: &str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte));
    if url.host_str().is_some_and(|host| !plain(host)) {
        return None;
    }
    match (url.scheme(), url.host()) {
        // The grammar of host-source has no IPv6 addresses.
        ("http" | "https", Some(url::Host::Ipv6(_))) => Some(format!("{}:", url.scheme())),
        ("http" | "https", Some(_)) => Some(url.origin().ascii_serialization()),
        ("javascript" | "data" | "blob" | "file" | "about", _) => None,
        (scheme, _) => Some(format!("{scheme}:")),
    }
}

fn protect(headers: &mut HeaderMap, allowed: &Allowed) {
    let policy = content_security_policy(allowed);
    let policy = HeaderValue::from_str(&policy)
        .unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'"));
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(STRICT_TRANSPORT_SECURITY, OVER_TLS_ALONE);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let same_origin = HeaderValue::from_static("same-origin");
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), same_origin);
    render::forbid_storing(headers);
}

fn content_security_policy(allowed: &Allowed) -> String {
    let mut policy = "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'".to_owned();
    if let Some(source) = allowed.picture.as_deref().and_then(form_source) {
        policy.push_str(&format!(" {source}"));
    }
    if allowed.script {
        policy.push_str("; script-src 'self'");
    }
    if allowed.calls {
        policy.push_str("; connect-src 'self'");
    }
    policy.push_str("; form-action 'self'");
    for source in &allowed.forms {
        policy.push_str(&format!(" {source}"));
    }
    policy.push_str("; frame-ancestors 'none'; base-uri 'none'");
    policy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_allows_what_the_page_has_and_nothing_else() {
        let closed = "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; form-action 'self'; \
                      frame-ancestors 'none'; base-uri 'none'";
        assert_eq!(content_security_policy(&Allowed::default()), closed);
        let open = content_security_policy(&Allowed {
            forms: vec!["https://client.example".into(), "com.example.app:".into()],
            picture: Some("https://cdn.example/logo.png?x=1".into()),
            script: true,
            calls: true,
        });
        assert!(open.contains("img-src 'self' https://cdn.example;"));
        assert!(open.contains("script-src 'self'; connect-src 'self'"));
        assert!(open.contains("form-action 'self' https://client.example com.example.app:;"));
        assert!(!open.contains("unsafe"));
    }

    #[test]
    fn a_source_is_the_redirect_uris_origin_and_ends_no_directive() {
        for (uri, source) in [
            ("https://client.example/cb?a=1;b", Some("https://client.example")),
            ("https://client.example:8443/cb", Some("https://client.example:8443")),
            ("http://127.0.0.1:4711/cb", Some("http://127.0.0.1:4711")),
            ("http://[::1]:4711/cb", Some("http:")),
            ("com.example.app:/cb", Some("com.example.app:")),
            ("javascript:alert(1)", None),
            ("data:text/html,x", None),
            ("https://a;script-src/cb", None),
            ("https://a.example,b.example/cb", None),
            ("not a uri", None),
        ] {
            assert_eq!(form_source(uri).as_deref(), source, "{uri}");
        }
    }
}
