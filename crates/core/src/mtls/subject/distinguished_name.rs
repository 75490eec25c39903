//! Distinguished names as values that can be compared: read from an RFC 4514 string (what was registered)
//! or from DER (what the certificate holds), folded the way distinguishedNameMatch compares directory
//! strings (MTLS-2.1-03). The two readings meet only as parsed attributes; no name is ever printed and
//! parsed again, which is how separators inside a value become separators of the name.

use alloc::string::String;
use alloc::vec::Vec;

use der::asn1::{AnyRef, BmpString, ObjectIdentifier};
use der::{Decode as _, Encode as _, Tag, Tagged as _};
use x509_cert::name::Name;

/// A name: its RDNs in the order of the DER, each a sorted set of attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DistinguishedName(Vec<Vec<Attribute>>);

/// One attribute; two are equal when a directory would say so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Attribute {
    kind: ObjectIdentifier,
    value: AttributeValue,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum AttributeValue {
    /// A string of any ASN.1 string type, folded.
    Text(String),
    /// Anything else: equal only byte for byte.
    Der(Vec<u8>),
}

/// Short names of RFC 4514 section 3 and the further ones that tools print (RFC 4519, OpenSSL).
const SHORT_NAMES: &[(&str, &str)] = &[
    ("CN", "2.5.4.3"),
    ("SN", "2.5.4.4"),
    ("SERIALNUMBER", "2.5.4.5"),
    ("C", "2.5.4.6"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("S", "2.5.4.8"),
    ("STREET", "2.5.4.9"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("T", "2.5.4.12"),
    ("TITLE", "2.5.4.12"),
    ("BUSINESSCATEGORY", "2.5.4.15"),
    ("POSTALCODE", "2.5.4.17"),
    ("GN", "2.5.4.42"),
    ("GIVENNAME", "2.5.4.42"),
    ("DNQUALIFIER", "2.5.4.46"),
    ("ORGANIZATIONIDENTIFIER", "2.5.4.97"),
    ("UID", "0.9.2342.19200300.100.1.1"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("EMAIL", "1.2.840.113549.1.9.1"),
    ("EMAILADDRESS", "1.2.840.113549.1.9.1"),
    ("JURISDICTIONL", "1.3.6.1.4.1.311.60.2.1.1"),
    ("JURISDICTIONST", "1.3.6.1.4.1.311.60.2.1.2"),
    ("JURISDICTIONC", "1.3.6.1.4.1.311.60.2.1.3"),
];

/// The most attributes that one name may have.
const MAXIMUM_ATTRIBUTES: usize = 64;

impl DistinguishedName {
    /// Reads an RFC 4514 string, whose first RDN is the last of the DER.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut rest = text;
        let mut rdns = Vec::new();
        let mut rdn = Vec::new();
        loop {
            let (attribute, after) = attribute(rest)?;
            rdn.push(attribute);
            if rdns.len() + rdn.len() > MAXIMUM_ATTRIBUTES {
                return Err("it has too many attributes");
            }
            let separator = after.bytes().next();
            if separator != Some(b'+') {
                rdns.push(set(core::mem::take(&mut rdn))?);
            }
            if separator.is_none() {
                rdns.reverse();
                return Ok(Self(rdns));
            }
            rest = &after[1..];
        }
    }

    /// Reads the name of a certificate.
    pub(super) fn of(name: &Name) -> Result<Self, &'static str> {
        let mut rdns = Vec::with_capacity(name.len());
        for rdn in name.iter_rdn() {
            let mut attributes = Vec::new();
            for attribute in rdn.iter() {
                let value = AttributeValue::of(AnyRef::from(&attribute.value))?;
                attributes.push(Attribute { kind: attribute.oid, value });
            }
            rdns.push(set(attributes)?);
        }
        Ok(Self(rdns))
    }
}

/// The attributes of one RDN are a set (X.501 section 9.3).
fn set(mut attributes: Vec<Attribute>) -> Result<Vec<Attribute>, &'static str> {
    attributes.sort();
    if attributes.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err("an RDN holds the same attribute twice");
    }
    Ok(attributes)
}

/// `type=value` and what follows the value.
fn attribute(text: &str) -> Result<(Attribute, &str), &'static str> {
    let (kind, rest) = text.split_once('=').ok_or("an attribute has no `=`")?;
    let kind = attribute_type(kind.trim_matches(' '))?;
    let rest = rest.trim_start_matches(' ');
    let (value, rest) = match rest.strip_prefix('#') {
        Some(hex) => {
            let end = hex.find([',', '+']).unwrap_or(hex.len());
            (hex_value(hex[..end].trim_end_matches(' '))?, &hex[end..])
        }
        None => string_value(rest)?,
    };
    Ok((Attribute { kind, value }, rest))
}

fn attribute_type(text: &str) -> Result<ObjectIdentifier, &'static str> {
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        return ObjectIdentifier::new(text).map_err(|_| "an attribute type is not an object identifier");
    }
    SHORT_NAMES
        .iter()
        .find(|(name, _)| text.eq_ignore_ascii_case(name))
        .and_then(|(_, identifier)| ObjectIdentifier::new(identifier).ok())
        .ok_or("an attribute type is unknown; write it as an object identifier in dots")
}

/// RFC 4514 section 2.4: specials are escaped by `\` or by `\` and two hexadecimal digits.
fn string_value(text: &str) -> Result<(AttributeValue, &str), &'static str> {
    let mut value = Vec::new();
    let mut unescaped_end = 0;
    let bytes = text.as_bytes();
    let mut index = 0;
    while let Some(byte) = bytes.get(index) {
        match byte {
            b',' | b'+' => break,
            b'"' | b';' | b'<' | b'>' => return Err("one of `\";<>` is not escaped by a backslash"),
            b'\\' => {
                let (escaped, length) = escape(&bytes[index + 1..])?;
                value.push(escaped);
                index += 1 + length;
                unescaped_end = value.len();
            }
            byte => {
                value.push(*byte);
                index += 1;
                if *byte != b' ' {
                    unescaped_end = value.len();
                }
            }
        }
    }
    // Spaces around a value count only when they are escaped.
    value.truncate(unescaped_end);
    let value = String::from_utf8(value).map_err(|_| "an escaped value is not UTF-8")?;
    Ok((AttributeValue::text(&value)?, &text[index..]))
}

fn escape(after: &[u8]) -> Result<(u8, usize), &'static str> {
    match after {
        [byte @ (b' ' | b'"' | b'#' | b'+' | b',' | b';' | b'<' | b'=' | b'>' | b'\\'), ..] => Ok((*byte, 1)),
        [high, low, ..] => Ok((hex_byte(*high, *low)?, 2)),
        _ => Err("a backslash escapes nothing"),
    }
}

fn hex_byte(high: u8, low: u8) -> Result<u8, &'static str> {
    let digit =
        |byte: u8| char::from(byte).to_digit(16).ok_or("a backslash or `#` is not followed by hexadecimal");
    Ok((digit(high)? * 16 + digit(low)?) as u8)
}

/// `#` and the BER of the value in hexadecimal; we read DER only.
fn hex_value(text: &str) -> Result<AttributeValue, &'static str> {
    if text.is_empty() || !text.len().is_multiple_of(2) {
        return Err("a `#` value has an odd number of hexadecimal digits");
    }
    let der =
        text.as_bytes().chunks(2).map(|pair| hex_byte(pair[0], pair[1])).collect::<Result<Vec<_>, _>>()?;
    AttributeValue::of(AnyRef::from_der(&der).map_err(|_| "a `#` value is not one DER value")?)
}

impl AttributeValue {
    fn of(value: AnyRef<'_>) -> Result<Self, &'static str> {
        let utf8 = || core::str::from_utf8(value.value()).map_err(|_| "a string is not UTF-8");
        match value.tag() {
            Tag::Utf8String => Self::text(utf8()?),
            // All three are ASCII or refused; nothing outside it means the same to everybody.
            Tag::PrintableString | Tag::Ia5String | Tag::VisibleString | Tag::NumericString => {
                Self::text(utf8().ok().filter(|text| text.is_ascii()).ok_or("a string is not ASCII")?)
            }
            // T.61 is read as Latin-1, as every other reader does.
            Tag::TeletexString => {
                Self::text(&value.value().iter().map(|byte| char::from(*byte)).collect::<String>())
            }
            Tag::BmpString => {
                let text = BmpString::from_ucs2(value.value()).map_err(|_| "a BMPString is malformed")?;
                Self::text(&text.chars().collect::<String>())
            }
            _ => value.to_der().map(Self::Der).map_err(|_| "a value can't be encoded again"),
        }
    }

    /// caseIgnoreMatch (RFC 4517 section 4.2.11, RFC 4518): case folded, runs of spaces one space, none at
    /// the ends. Control characters, NUL among them, have no place in a name that is compared.
    fn text(value: &str) -> Result<Self, &'static str> {
        if value.contains(char::is_control) {
            return Err("a value holds control characters");
        }
        let mut folded = String::with_capacity(value.len());
        for word in value.split(' ').filter(|word| !word.is_empty()) {
            if !folded.is_empty() {
                folded.push(' ');
            }
            word.chars().for_each(|character| fold(character, &mut folded));
        }
        if folded.is_empty() {
            return Err("a value is empty");
        }
        Ok(Self::Text(folded))
    }
}

/// Lower case, except that nothing outside ASCII folds into it: KELVIN SIGN is no `k` to a reader who
/// registered `k`, and a certificate authority may not have seen the difference.
fn fold(character: char, folded: &mut String) {
    match character.is_ascii() {
        false if character.to_lowercase().any(|lower| lower.is_ascii()) => folded.push(character),
        _ => folded.extend(character.to_lowercase()),
    }
}
