//! What a server says of an error, made fit for an operator's log. The text is the server's, so it may echo
//! what we sent: every run of characters that could be a token, a proof or a secret is cut out, controls
//! and anything outside ASCII as well, and the length is bounded.

const MAXIMUM: usize = 200;
/// Words of prose are shorter than this; tokens, thumbprints and secrets are not.
const LONGEST_WORD: usize = 20;

/// `text` without anything that could be a credential.
pub(crate) fn printable(text: &str) -> String {
    let mut fit = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        let clean = word.len() <= LONGEST_WORD && word.bytes().all(|byte| byte.is_ascii_graphic());
        let word = if clean { word } else { "[..]" };
        if fit.len() + word.len() >= MAXIMUM {
            break;
        }
        if !fit.is_empty() {
            fit.push(' ');
        }
        fit.push_str(word);
    }
    fit
}

/// An OAuth error code: lower-case words joined by underscores, as every registered one is.
pub(crate) fn error_code(text: &str) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    (!text.is_empty() && text.len() <= 48 && text.bytes().all(allowed)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_out_whatever_could_be_a_token() {
        let jwt = "eyJhbGciOiJFUzI1NiJ9.eyJhIjoxfQ.c2lnbmF0dXJl";
        assert_eq!(printable(&format!("token {jwt} is\u{1b}[31m not known")), "token [..] is [31m not known");
        assert_eq!(printable(&format!("token={jwt}")), "[..]");
        assert!(printable(&"word ".repeat(500)).len() <= MAXIMUM);
    }

    #[test]
    fn an_error_code_is_words_and_underscores() {
        assert_eq!(error_code("use_dpop_nonce").as_deref(), Some("use_dpop_nonce"));
        for bad in ["", "Invalid", "a b", "eyJhbGciOiJFUzI1NiJ9.e"] {
            assert_eq!(error_code(bad), None, "{bad:?}");
        }
    }
}
