//! `X-Forwarded-Client-Cert` of Envoy, Istio, Contour and Gorouter: elements joined by `,`, pairs by `;`,
//! values quoted where they hold a separator. The last element is the nearest proxy's and the only one
//! read; it must hold the certificate itself (`Cert`, or `Chain`), and its `Hash` must agree with it.
//! Envoy leaves `URI` bare: where clients choose their own certificates, let it send `Cert` alone.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Forwarded, ForwardedInvalid, ForwardedValues, HeaderFormat, decode};

pub(super) const FORMAT: HeaderFormat = HeaderFormat {
    name: "xfcc",
    certificate_header: "x-forwarded-client-cert",
    chain_header: None,
    verification_header: None,
    parse,
};

fn parse(values: &ForwardedValues<'_>) -> Result<Option<Forwarded>, ForwardedInvalid> {
    let Some(value) = values.one_certificate()? else { return Ok(None) };
    let element = last_element(value)?;
    let mut chain = match &element.chain {
        Some(chain) => decode::pem(&decode::percent(chain)?)?,
        None => Vec::new(),
    };
    if let Some(certificate) = &element.certificate {
        let leaf = decode::single_pem(&decode::percent(certificate)?)?.leaf;
        match chain.first() {
            Some(first) if *first != leaf => return Err(ForwardedInvalid::Disagreement),
            Some(_) => {}
            None => chain.push(leaf),
        }
    }
    let Some(leaf) = chain.first() else { return Err(ForwardedInvalid::CertificateNotIncluded) };
    if let Some(hash) = &element.hash {
        require_hash(hash, &values.cryptography.sha256(&[leaf]))?;
    }
    decode::leaf_first(chain).map(Some)
}

/// The pairs of one element that can matter.
#[derive(Default)]
struct Element {
    hash: Option<String>,
    certificate: Option<String>,
    chain: Option<String>,
}

/// Reads all elements, because quotes decide where one ends, and keeps the last.
fn last_element(value: &str) -> Result<Element, ForwardedInvalid> {
    let mut element = Element::default();
    let mut rest = value;
    loop {
        let (key, after) = rest.split_once('=').ok_or(ForwardedInvalid::NotThisFormat)?;
        let (text, after) = pair_value(after)?;
        element.take(key.trim_matches(' '), text)?;
        let after = after.trim_start_matches(' ');
        let Some(separator) = after.chars().next() else { return Ok(element) };
        rest = &after[1..];
        match separator {
            ';' => {}
            ',' => element = Element::default(),
            _ => return Err(ForwardedInvalid::NotThisFormat),
        }
    }
}

/// A value, quoted or bare, and what follows it.
fn pair_value(text: &str) -> Result<(String, &str), ForwardedInvalid> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ';']).unwrap_or(text.len());
        let (value, after) = text.split_at(end);
        // A quote or `=` inside a bare value means that somebody splits it otherwise than we do.
        if value.contains(['"', '=']) {
            return Err(ForwardedInvalid::NotThisFormat);
        }
        return Ok((value.trim_end_matches(' ').into(), after));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &quoted[index + 1..])),
            '\\' => value.push(characters.next().ok_or(ForwardedInvalid::NotThisFormat)?.1),
            other => value.push(other),
        }
    }
    Err(ForwardedInvalid::NotThisFormat)
}

impl Element {
    fn take(&mut self, key: &str, value: String) -> Result<(), ForwardedInvalid> {
        const KNOWN: [&str; 7] = ["by", "hash", "cert", "chain", "subject", "uri", "dns"];
        let slot = if key.eq_ignore_ascii_case("hash") {
            &mut self.hash
        } else if key.eq_ignore_ascii_case("cert") {
            &mut self.certificate
        } else if key.eq_ignore_ascii_case("chain") {
            &mut self.chain
        } else if KNOWN.iter().any(|known| key.eq_ignore_ascii_case(known))
            || key.eq_ignore_ascii_case("issuer")
        {
            return Ok(());
        } else {
            return Err(ForwardedInvalid::NotThisFormat);
        };
        match slot.replace(value) {
            None => Ok(()),
            Some(_) => Err(ForwardedInvalid::Repeated),
        }
    }
}

/// `Hash` is the SHA-256 of the certificate in hexadecimal.
fn require_hash(text: &str, digest: &[u8; 32]) -> Result<(), ForwardedInvalid> {
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(char::from(*high).to_digit(16)? * 16 + char::from(*low).to_digit(16)?),
        _ => None,
    });
    if text.len() == 64 && pairs.eq(digest.iter().map(|byte| Some(u32::from(*byte)))) {
        return Ok(());
    }
    Err(ForwardedInvalid::Disagreement)
}
