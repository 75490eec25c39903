//! Judges a redirect (RFC 9110 section 15.4) for a request that carried a bound token: on the same origin it may
//! be followed with a new proof, to another origin only without credentials, to `http:` never (DPOP-7.3-02).

use http::header::LOCATION;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use crate::origin::{Origin, PlainHttp};

/// What a response says about going elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedirectVerdict {
    /// It is no redirect that could be followed.
    Stay,
    /// Go on at the same origin.
    SameOrigin(NextHop),
    /// Go on elsewhere, which must not see the token.
    OtherOrigin(NextHop),
    /// The target is not https, or carries userinfo.
    Refused,
}

/// The request that a redirect asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextHop {
    /// Its method.
    pub method: Method,
    /// Its URL.
    pub url: Url,
    /// Whether the body goes along: always for 307 and 308, never after a change to GET.
    pub keep_body: bool,
}

/// Judges an answer with `status` and `headers` to a request of `method` to `url`.
#[must_use]
pub fn judge_redirect(
    status: StatusCode,
    headers: &HeaderMap,
    method: &Method,
    url: &Url,
) -> RedirectVerdict {
    judge(status, headers, method, url, PlainHttp::Refused)
}

pub(crate) fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    method: &Method,
    url: &Url,
    plain: PlainHttp,
) -> RedirectVerdict {
    let changes_to_get = match status {
        StatusCode::SEE_OTHER => *method != Method::HEAD && *method != Method::GET,
        // RFC 9110 sections 15.4.2 and 15.4.3 let POST become GET, and every browser does it.
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => *method == Method::POST,
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => false,
        _ => return RedirectVerdict::Stay,
    };
    let mut locations = headers.get_all(LOCATION).iter();
    let (Some(location), None) = (locations.next(), locations.next()) else { return RedirectVerdict::Stay };
    let Some(target) = location.to_str().ok().and_then(|text| url.join(text).ok()) else {
        return RedirectVerdict::Stay;
    };
    let Ok(origin) = Origin::within(&target, plain) else { return RedirectVerdict::Refused };
    let method = if changes_to_get { Method::GET } else { method.clone() };
    let hop = NextHop { method, url: target, keep_body: !changes_to_get };
    if Origin::within(url, plain).as_ref() == Ok(&origin) {
        RedirectVerdict::SameOrigin(hop)
    } else {
        RedirectVerdict::OtherOrigin(hop)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn judge_to(status: u16, method: Method, location: &str) -> RedirectVerdict {
        let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_str(location).unwrap())]);
        let url = Url::parse("https://api.example/a/b").unwrap();
        judge_redirect(StatusCode::from_u16(status).unwrap(), &headers, &method, &url)
    }

    fn hop(method: Method, url: &str, keep_body: bool) -> NextHop {
        NextHop { method, url: Url::parse(url).unwrap(), keep_body }
    }

    #[test]
    fn keeps_method_and_body_on_307_and_308_and_turns_303_into_get() {
        for status in [307, 308] {
            let expected = hop(Method::PUT, "https://api.example/a/c", true);
            assert_eq!(judge_to(status, Method::PUT, "c"), RedirectVerdict::SameOrigin(expected));
        }
        let expected = hop(Method::GET, "https://api.example/c", false);
        assert_eq!(judge_to(303, Method::PUT, "/c"), RedirectVerdict::SameOrigin(expected.clone()));
        assert_eq!(judge_to(302, Method::POST, "/c"), RedirectVerdict::SameOrigin(expected));
        let expected = hop(Method::DELETE, "https://api.example/c", true);
        assert_eq!(judge_to(302, Method::DELETE, "/c"), RedirectVerdict::SameOrigin(expected));
    }

    #[test]
    fn another_host_or_port_is_another_origin_and_plain_http_is_refused() {
        for location in ["https://other.example/", "//other.example/", "https://api.example:8443/a"] {
            assert!(
                matches!(judge_to(307, Method::GET, location), RedirectVerdict::OtherOrigin(_)),
                "{location}"
            );
        }
        for location in ["http://api.example/a", "https://u:p@api.example/", "javascript:alert(1)", "data:,x"]
        {
            assert_eq!(judge_to(307, Method::GET, location), RedirectVerdict::Refused, "{location}");
        }
        assert_eq!(judge_to(200, Method::GET, "/c"), RedirectVerdict::Stay);
    }
}
