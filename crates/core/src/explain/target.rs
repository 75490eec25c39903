//! Where two target URIs differ, in words: an `htu` that is almost right is the most common failure behind a
//! proxy. Both are compared in the normal form of RFC 9449 section 4.3 step 9, as the check itself does.

use alloc::format;
use alloc::string::{String, ToString as _};

use super::Explanation;
use super::shown;
use crate::dpop::proof_builder::without_query;
use crate::dpop::target::{TargetUri, normal_form};

/// Says what differs between `claimed` and the accepted URI that is nearest to it, and why that may be.
pub(super) fn difference(explanation: &mut Explanation, claimed: &str, target: &TargetUri<'_>) -> String {
    if claimed.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://")) {
        explanation.hint(
            "htu_http",
            "htu has the scheme http. Where TLS ends at a proxy, the application sees http and must not sign or \
             compare that: htu is the https URL that the client calls.",
        );
    }
    let (origin, path) = match normal_form(without_query(claimed)) {
        Ok(parts) => parts,
        Err(reason) => return format!("htu {} can't be compared: {reason}", shown::uri(claimed)),
    };
    let Some((expected_origin, expected_path)) = nearest(&origin, &path, target) else {
        explanation.hint(
            "public_base_missing",
            "No configured public URL stands for the path as it arrives; check the prefix that the proxy removes.",
        );
        return format!("no public URL stands for the path {}", shown::for_terminal(target.path));
    };
    let part = if origin == expected_origin {
        path_difference(explanation, &path, &expected_path)
    } else {
        if path == expected_path || expected_path.ends_with(&path) || path.ends_with(&expected_path) {
            explanation.hint(
                "htu_behind_proxy",
                format!(
                    "Only the origin differs. If clients reach this server as {origin} through a proxy, add that URL to \
                     the guard's public_urls; if not, the client signs an internal name ({origin}) in place of the \
                     public URL that it calls."
                ),
            );
        }
        origin_difference(&origin, &expected_origin)
    };
    format!("htu is {origin}{path}, the request is {expected_origin}{expected_path}: {part}")
}

fn nearest(origin: &str, path: &str, target: &TargetUri<'_>) -> Option<(String, String)> {
    target.accepted().filter_map(|uri| normal_form(&uri).ok()).min_by_key(
        |(accepted_origin, accepted_path)| {
            (u8::from(accepted_origin != origin)) + u8::from(accepted_path != path)
        },
    )
}

fn origin_difference(claimed: &str, expected: &str) -> String {
    let split = |origin: &str| {
        let authority = origin.trim_start_matches("https://").to_string();
        match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host.to_string(), port.to_string()),
            _ => (authority, "443".to_string()),
        }
    };
    let ((host, port), (expected_host, expected_port)) = (split(claimed), split(expected));
    match (host == expected_host, port == expected_port) {
        (false, true) => "the host differs".to_string(),
        (true, _) => format!("the port differs ({port}, not {expected_port})"),
        (false, false) => "host and port differ".to_string(),
    }
}

fn path_difference(explanation: &mut Explanation, claimed: &str, expected: &str) -> String {
    if claimed.trim_end_matches('/') == expected.trim_end_matches('/') {
        return "only the trailing slash differs, and it counts".to_string();
    }
    if claimed.eq_ignore_ascii_case(expected) {
        return "only upper and lower case of the path differ, and they count".to_string();
    }
    if decode(claimed) == decode(expected) {
        return "only percent-encoding differs, and reserved characters count as they are written"
            .to_string();
    }
    if claimed.replace("//", "/") == expected.replace("//", "/") {
        return "only doubled slashes differ, and they count".to_string();
    }
    let (longer, shorter) =
        if claimed.len() > expected.len() { (claimed, expected) } else { (expected, claimed) };
    if let Some(prefix) = longer.strip_suffix(shorter) {
        explanation.hint(
            "path_prefix",
            format!(
                "The path prefix {prefix} is on one side only: a proxy adds or removes it. Put the prefix that clients \
                 see into the guard's public_urls."
            ),
        );
        return format!("the path prefix {prefix} is missing on one side");
    }
    "the path differs".to_string()
}

/// Percent-decoding of everything, for recognising what was encoded once too often.
pub(super) fn decode(path: &str) -> alloc::vec::Vec<u8> {
    let mut bytes = path.bytes();
    let mut decoded = alloc::vec::Vec::new();
    let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16)).unwrap_or(0) as u8;
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => digit(bytes.next()) << 4 | digit(bytes.next()),
            other => other,
        });
    }
    decoded
}
