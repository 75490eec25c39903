//! Certificates: in the headers of proxies, and their subjects.

use bindery_core::mtls::certificate::MAXIMUM_CERTIFICATE;
use bindery_core::mtls::header::{
    Forwarded, ForwardedInvalid, ForwardedValues, HEADERS, MAXIMUM_INTERMEDIATES,
};
use bindery_core::mtls::subject::{SubjectKind, SubjectRule, public_key_of, validity};

use crate::accepting::Accepting;
use crate::{Accepted, Refused, Verdict, parts, text};

/// The first byte chooses: a header format for the values on the lines that follow (certificate, chain,
/// verification), or a kind of subject for a registered value and, after it, a certificate in DER.
pub fn certificate(data: &[u8]) -> Verdict {
    let Some((choice, rest)) = data.split_first() else { return Refused };
    match HEADERS.get(usize::from(choice.wrapping_sub(b'a'))) {
        Some(format) => {
            let [certificate, chain, verification] = parts(rest);
            let chain: Vec<&[u8]> = if chain.is_empty() { vec![] } else { vec![chain] };
            let mut verdict = Refused;
            for verification in [None, Some(&[verification][..])] {
                let values = ForwardedValues {
                    certificate: &[certificate],
                    chain: &chain,
                    verification,
                    cryptography: &Accepting,
                };
                if forwarded(format.parse, &values) == Accepted {
                    verdict = Accepted;
                }
            }
            let twice = [certificate, certificate];
            let values = ForwardedValues {
                certificate: &twice,
                chain: &chain,
                verification: None,
                cryptography: &Accepting,
            };
            assert!((format.parse)(&values).is_err(), "{} read a header that came twice", format.name);
            verdict
        }
        None => subject(*choice, rest),
    }
}

type Parse = fn(&ForwardedValues<'_>) -> Result<Option<Forwarded>, ForwardedInvalid>;

/// What is read is whole DER certificates, within the limits.
fn forwarded(parse: Parse, values: &ForwardedValues<'_>) -> Verdict {
    match parse(values) {
        Ok(Some(forwarded)) => {
            assert!(forwarded.intermediates.len() <= MAXIMUM_INTERMEDIATES);
            for der in std::iter::once(&forwarded.leaf).chain(&forwarded.intermediates) {
                assert!((4..=MAXIMUM_CERTIFICATE).contains(&der.len()) && der[0] == 0x30);
            }
            subjects_of(&forwarded.leaf);
            assert_eq!(parse(values), Ok(Some(forwarded)));
            Accepted
        }
        Ok(None) => Refused,
        Err(reason) => {
            assert!(!reason.to_string().is_empty());
            Refused
        }
    }
}

fn subject(choice: u8, rest: &[u8]) -> Verdict {
    let kind = SubjectKind::ALL[usize::from(choice) % SubjectKind::ALL.len()];
    let [registered, der] = parts(rest);
    subjects_of(der);
    let Ok(rule) = SubjectRule::parse(kind, text(registered)) else { return Refused };
    assert_eq!(rule.value(), text(registered));
    assert_eq!(SubjectRule::parse(kind, rule.value()).as_ref(), Ok(&rule));
    match rule.confirm(der) {
        Ok(_) => Accepted,
        Err(_) => Refused,
    }
}

/// No certificate makes a reader panic, and no rule matches what can't be read.
fn subjects_of(der: &[u8]) {
    let _ = public_key_of(der);
    if let Ok((from, until)) = validity(der) {
        let _ = until.seconds_since(from);
        let mut longer = der.to_vec();
        longer.push(0);
        assert!(validity(&longer).is_err(), "bytes after the certificate");
    }
    for (kind, value) in [
        (SubjectKind::Dn, "CN=client,O=Example"),
        (SubjectKind::SanDns, "client.example"),
        (SubjectKind::SanUri, "urn:client"),
        (SubjectKind::SanIp, "192.0.2.1"),
        (SubjectKind::SanEmail, "a@example.com"),
    ] {
        let rule = SubjectRule::parse(kind, value).unwrap();
        if rule.confirm(der).is_ok() {
            assert!(validity(der).is_ok(), "{value}");
        }
    }
}
