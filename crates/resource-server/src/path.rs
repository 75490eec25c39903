//! Which paths a guard can judge. Routes are matched on a path, and the application behind may read the same
//! bytes as another path (CVE-2026-0976's class): so a path with more than one common reading is refused,
//! and routes are matched on a form in which unreserved characters are decoded and matrix parameters cut.

use std::borrow::Cow;

use bindery_core::rejection::Rejection;

/// The form of `path` that routes are matched on.
///
/// # Errors
/// [`Rejection::AmbiguousPath`] for dot segments, empty segments, encoded separators, backslashes and
/// control characters, raw or encoded.
pub fn parse(path: &str) -> Result<Cow<'_, str>, Rejection> {
    if !path.starts_with('/') {
        return Err(Rejection::AmbiguousPath("it does not start with a slash"));
    }
    if is_plain(path) {
        return Ok(Cow::Borrowed(path));
    }
    let decoded = decode_unreserved(path)?;
    let segments: Vec<&str> =
        decoded.split('/').map(|segment| segment.split(';').next().unwrap_or(segment)).collect();
    let last = segments.len() - 1;
    for (index, segment) in segments.iter().enumerate() {
        if matches!(*segment, "." | "..") {
            return Err(Rejection::AmbiguousPath("it has dot segments"));
        }
        if segment.is_empty() && index != 0 && index != last {
            return Err(Rejection::AmbiguousPath("it has empty segments"));
        }
    }
    Ok(Cow::Owned(segments.join("/")))
}

/// Letters, digits and a few marks in non-empty segments that are not dots: the usual case, one pass.
fn is_plain(path: &str) -> bool {
    let mut previous = 0;
    path.bytes().all(|byte| {
        let plain = match byte {
            b'/' => previous != b'/',
            b'.' => previous != b'/',
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' | b':' | b'@' | b'+' | b',' => true,
            _ => false,
        };
        previous = byte;
        plain
    })
}

fn decode_unreserved(path: &str) -> Result<String, Rejection> {
    let mut decoded = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(character) = rest.chars().next() {
        if character == '\\' || character.is_control() {
            return Err(Rejection::AmbiguousPath("it has a backslash or a control character"));
        }
        // RFC 3986 has no such characters in a path, and servers disagree about what they stand for.
        if !character.is_ascii() {
            return Err(Rejection::AmbiguousPath("it has a character outside ASCII that is not encoded"));
        }
        if character != '%' {
            decoded.push(character);
            rest = &rest[character.len_utf8()..];
            continue;
        }
        let value = rest
            .get(1..3)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .ok_or(Rejection::AmbiguousPath("it has a percent sign without two hexadecimal digits"))?;
        match value {
            b'/' | b'\\' => return Err(Rejection::AmbiguousPath("it has an encoded separator")),
            b';' => return Err(Rejection::AmbiguousPath("it has an encoded semicolon")),
            // A second decoding behind us would find what this one did not.
            b'%' => return Err(Rejection::AmbiguousPath("it has an encoded percent sign")),
            // Never part of UTF-8; lenient decoders read overlong forms of dots and slashes (CVE-2000-0884's class).
            0xc0 | 0xc1 | 0xf5.. => {
                return Err(Rejection::AmbiguousPath("it has encoded bytes that are not UTF-8"));
            }
            0..=0x1f | 0x7f => return Err(Rejection::AmbiguousPath("it has an encoded control character")),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                decoded.push(char::from(value));
            }
            _ => decoded.push_str(&rest[..3]),
        }
        rest = &rest[3..];
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_paths_that_two_servers_may_read_differently() {
        for path in [
            "",
            "x",
            "//",
            "/a//b",
            "/a/./b",
            "/a/../b",
            "/..",
            "/a/..;/b",
            "/a/%2e%2e/b",
            "/a/%2E./b",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/a%00",
            "/a%0a",
            "/a%",
            "/a%4",
            "/a%zz",
            "/a%252e%252e/b",
            "/.;x/a",
            "/;/a",
            "/a%3bx",
            "/a/%c0%ae%c0%ae/b",
            "/a%c0%afb",
            "/\u{ff0e}\u{ff0e}/b",
        ] {
            assert!(parse(path).is_err(), "{path}");
        }
    }

    #[test]
    fn matches_on_decoded_letters_and_without_matrix_parameters() {
        for (path, form) in [
            ("/", "/"),
            ("/a/b.c/", "/a/b.c/"),
            ("/%61dmin", "/admin"),
            ("/admin;x=1/users", "/admin/users"),
            ("/a%20b", "/a%20b"),
            ("/a/.hidden", "/a/.hidden"),
            ("/a..b", "/a..b"),
            ("/caf%C3%A9", "/caf%C3%A9"),
        ] {
            assert_eq!(parse(path).unwrap(), form, "{path}");
        }
    }
}
