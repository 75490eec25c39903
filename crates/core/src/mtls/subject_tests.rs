//! One table per kind of subject. Certificates are written byte by byte, because the cases that matter are
//! those that no certificate authority's tool would write.

use std::string::ToString as _;
use std::vec;

use alloc::vec::Vec;

use super::*;
use crate::jose::jwk::PublicKey;
use crate::time::UnixTime;

const UTF8: u8 = 0x0c;
const PRINTABLE: u8 = 0x13;
const T61: u8 = 0x14;
const IA5: u8 = 0x16;
const BMP: u8 = 0x1e;
const CN: &[u8] = &[0x55, 4, 3];
const C: &[u8] = &[0x55, 4, 6];
const O: &[u8] = &[0x55, 4, 10];
const OU: &[u8] = &[0x55, 4, 11];
const DC: &[u8] = &[9, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25];

fn tlv(tag: u8, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let mut der = vec![tag];
    match content.len() {
        length @ 0..=127 => der.push(length as u8),
        length @ 128..=255 => der.extend([0x81, length as u8]),
        length => der.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    der.extend(content);
    der
}

fn attribute(kind: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
    tlv(0x30, [tlv(6, kind), tlv(tag, value)].concat())
}

fn rdn(attributes: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x31, attributes.concat())
}

fn name(rdns: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, rdns.concat())
}

/// `CN=<value>` alone.
fn common_name(tag: u8, value: &[u8]) -> Vec<u8> {
    name(&[rdn(&[attribute(CN, tag, value)])])
}

fn p256_key() -> Vec<u8> {
    let algorithm = tlv(
        0x30,
        [tlv(6, [0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]), tlv(6, [0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7])]
            .concat(),
    );
    let mut point = vec![0, 4];
    point.extend([7; 64]);
    tlv(0x30, [algorithm, tlv(3, point)].concat())
}

fn certificate_with(subject: &[u8], key: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    let algorithm = tlv(0x30, tlv(6, [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]));
    let dates = tlv(0x30, [tlv(0x17, b"250101000000Z"), tlv(0x18, b"20600101000000Z")].concat());
    let mut body = [tlv(0xa0, tlv(2, [2])), tlv(2, [1]), algorithm.clone()].concat();
    body.extend(tlv(0x30, []));
    body.extend([&dates, subject, key].concat());
    if !extensions.is_empty() {
        body.extend(tlv(0xa3, tlv(0x30, extensions.concat())));
    }
    tlv(0x30, [tlv(0x30, body), algorithm, tlv(3, [0, 1])].concat())
}

fn with_subject(subject: &[u8]) -> Vec<u8> {
    certificate_with(subject, &p256_key(), &[])
}

fn alternative_names(names: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, [tlv(6, [0x55, 0x1d, 0x11]), tlv(4, tlv(0x30, names.concat()))].concat())
}

fn with_names(names: &[(u8, &[u8])]) -> Vec<u8> {
    let names: Vec<_> = names.iter().map(|(tag, value)| tlv(*tag, value)).collect();
    certificate_with(&common_name(UTF8, b"whoever"), &p256_key(), &[alternative_names(&names)])
}

fn confirm(kind: SubjectKind, registered: &str, certificate: &[u8]) -> Result<(), SubjectMismatch> {
    SubjectRule::parse(kind, registered).unwrap().confirm(certificate).map(|_| ())
}

#[test]
fn a_distinguished_name_matches_across_string_types_case_and_spacing() {
    let certificate = with_subject(&name(&[
        rdn(&[attribute(C, PRINTABLE, b"NL")]),
        rdn(&[attribute(O, UTF8, b"Example  Payments")]),
        rdn(&[attribute(CN, PRINTABLE, b"Ledger client")]),
    ]));
    for registered in [
        "CN=Ledger client,O=Example Payments,C=NL",
        "cn=ledger CLIENT, o=EXAMPLE   payments , c=nl",
        "2.5.4.3=Ledger client,2.5.4.10=Example Payments,2.5.4.6=NL",
        "CN = Ledger client,O=Example Payments,C=NL",
        r"CN=\4cedger client,O=Example Payments,C=NL",
        "CN=#130d4c656467657220636c69656e74,O=Example Payments,C=NL",
    ] {
        assert_eq!(confirm(SubjectKind::Dn, registered, &certificate), Ok(()), "{registered}");
    }
    for registered in [
        "C=NL,O=Example Payments,CN=Ledger client",
        "CN=Ledger client,O=Example Payments",
        "CN=Ledger client",
        "CN=Ledgerclient,O=Example Payments,C=NL",
        "CN=Ledger client,O=Example Payments,C=NL,C=NL",
        "CN=Ledger client+O=Example Payments,C=NL",
        "OU=Ledger client,O=Example Payments,C=NL",
        "CN=#0402abcd,O=Example Payments,C=NL",
    ] {
        assert_eq!(
            confirm(SubjectKind::Dn, registered, &certificate),
            Err(SubjectMismatch::Dn),
            "{registered}"
        );
    }
}

#[test]
fn string_types_beyond_ascii_compare_by_their_characters() {
    let bmp: Vec<u8> = "Zoë".encode_utf16().flat_map(u16::to_be_bytes).collect();
    for subject in [common_name(UTF8, "ZOË".as_bytes()), common_name(T61, b"Zo\xeb"), common_name(BMP, &bmp)]
    {
        for registered in ["CN=Zoë", r"CN=Zo\C3\AB"] {
            assert_eq!(confirm(SubjectKind::Dn, registered, &with_subject(&subject)), Ok(()));
        }
    }
    let kelvin = with_subject(&common_name(UTF8, "\u{212a}ey".as_bytes()));
    assert_eq!(confirm(SubjectKind::Dn, "CN=key", &kelvin), Err(SubjectMismatch::Dn));
    assert_eq!(confirm(SubjectKind::Dn, "CN=\u{212a}EY", &kelvin), Ok(()));
    let components = name(&[rdn(&[attribute(DC, IA5, b"Example")]), rdn(&[attribute(CN, UTF8, b"a")])]);
    assert_eq!(confirm(SubjectKind::Dn, "CN=a,DC=example", &with_subject(&components)), Ok(()));
}

#[test]
fn a_multi_valued_rdn_is_a_set() {
    let both = [attribute(CN, UTF8, b"a"), attribute(OU, UTF8, b"b")];
    let certificate = with_subject(&name(&[rdn(&both)]));
    for registered in ["CN=a+OU=b", "OU=b+CN=a", "ou=B + cn=A"] {
        assert_eq!(confirm(SubjectKind::Dn, registered, &certificate), Ok(()), "{registered}");
    }
    for registered in ["CN=a,OU=b", "OU=b,CN=a", "CN=a", "CN=a+OU=b+O=c"] {
        assert_eq!(
            confirm(SubjectKind::Dn, registered, &certificate),
            Err(SubjectMismatch::Dn),
            "{registered}"
        );
    }
}

#[test]
fn separators_inside_a_value_never_become_separators_of_the_name() {
    for (value, forged) in [
        (&b"victim,O=Bank"[..], "CN=victim,O=Bank"),
        (b"victim+O=Bank", "CN=victim+O=Bank"),
        (b"x,CN=victim", "CN=x,CN=victim"),
        (b"victim\\", "CN=victim"),
        (b"victim\\,O=Bank", "CN=victim,O=Bank"),
        (b"\"victim\"", "CN=victim"),
        (b"#130161", "CN=#130161"),
    ] {
        let certificate = with_subject(&common_name(UTF8, value));
        assert_eq!(confirm(SubjectKind::Dn, forged, &certificate), Err(SubjectMismatch::Dn), "{forged}");
    }
    let two =
        with_subject(&name(&[rdn(&[attribute(O, UTF8, b"Bank")]), rdn(&[attribute(CN, UTF8, b"victim")])]));
    assert_eq!(confirm(SubjectKind::Dn, r"CN=victim\,O=Bank", &two), Err(SubjectMismatch::Dn));
    let one = with_subject(&common_name(UTF8, b"victim,O=Bank"));
    assert_eq!(confirm(SubjectKind::Dn, r"CN=victim\,O\=Bank", &one), Ok(()));
}

#[test]
fn rejects_a_certificate_whose_name_holds_nul_or_is_malformed() {
    for subject in [
        common_name(UTF8, b"victim\0.example"),
        common_name(UTF8, b"victim\n"),
        common_name(UTF8, b"vict\xffim"),
        common_name(PRINTABLE, b"vict\xeb"),
        common_name(UTF8, b"   "),
        common_name(BMP, b"\0v\0"),
        name(&[rdn(&[attribute(CN, UTF8, b"a"), attribute(CN, PRINTABLE, b"A")])]),
    ] {
        let certificate = with_subject(&subject);
        for registered in ["CN=victim", "CN=victim.example", "CN=a"] {
            assert_eq!(
                confirm(SubjectKind::Dn, registered, &certificate),
                Err(SubjectMismatch::Unreadable),
                "{registered}"
            );
        }
    }
}

#[test]
fn rejects_registered_names_that_are_not_rfc_4514() {
    for registered in [
        "",
        "CN",
        "CN=",
        "CN=a,",
        "CN=a+",
        "=a",
        "CN=a\\",
        "CN=a\\g",
        "CN=\"a\"",
        "CN=a;O=b",
        "CN=a<b",
        "XX=a",
        "2.5.4=a,.=b",
        "CN=#",
        "CN=#0",
        "CN=#zz",
        "CN=#1301",
        "CN=#13016100",
        "CN=\\00",
        "CN=a\\00b",
        "CN=\\ff",
        "CN=a\nO=b",
        "CN=a+CN=A",
        "/C=NL/CN=a",
    ] {
        assert!(SubjectRule::parse(SubjectKind::Dn, registered).is_err(), "{registered:?}");
    }
    let error = SubjectRule::parse(SubjectKind::Dn, "XX=a").unwrap_err().to_string();
    assert!(error.contains("unknown") && error.contains("RFC 4514"), "{error}");
}

#[test]
fn dns_names_match_without_case_and_a_wildcard_never_matches() {
    let certificate =
        with_names(&[(0x82, b"other.example"), (0x82, b"Api.Example.COM"), (0x82, b"*.example.org")]);
    assert_eq!(confirm(SubjectKind::SanDns, "api.example.com", &certificate), Ok(()));
    for registered in ["a.example.org", "example.com", "pi.example.com", "whoever"] {
        assert_eq!(
            confirm(SubjectKind::SanDns, registered, &certificate),
            Err(SubjectMismatch::OtherName(SubjectKind::SanDns)),
            "{registered}"
        );
    }
    let nul = with_names(&[(0x82, b"api.example.com\0.attacker.example"), (0x82, b"api.example.com.")]);
    assert!(confirm(SubjectKind::SanDns, "api.example.com", &nul).is_err());
    for registered in ["*.example.com", "a..b", ".a", "a.", "a b", "ä.example", "-a.example", ""] {
        assert!(SubjectRule::parse(SubjectKind::SanDns, registered).is_err(), "{registered:?}");
    }
}

#[test]
fn uris_match_byte_for_byte() {
    let certificate = with_names(&[(0x86, b"spiffe://example.org/ledger"), (0x86, b"urn:example:a")]);
    assert_eq!(confirm(SubjectKind::SanUri, "spiffe://example.org/ledger", &certificate), Ok(()));
    assert_eq!(confirm(SubjectKind::SanUri, "urn:example:a", &certificate), Ok(()));
    for registered in
        ["spiffe://example.org/Ledger", "spiffe://example.org/ledger/", "spiffe://EXAMPLE.org/ledger"]
    {
        assert_eq!(
            confirm(SubjectKind::SanUri, registered, &certificate),
            Err(SubjectMismatch::OtherName(SubjectKind::SanUri))
        );
    }
    for registered in ["example", ":a", "1a:b", "a:", "a:b c", "a:\u{e9}"] {
        assert!(SubjectRule::parse(SubjectKind::SanUri, registered).is_err(), "{registered:?}");
    }
}

#[test]
fn addresses_match_in_binary_and_a_mapped_one_is_not_ipv4() {
    let v6 = "2001:db8::1".parse::<Ipv6Addr>().unwrap().octets();
    let mapped = "::ffff:192.0.2.1".parse::<Ipv6Addr>().unwrap().octets();
    let certificate = with_names(&[(0x87, &v6), (0x87, &mapped)]);
    for registered in ["2001:db8::1", "2001:DB8::1", "2001:db8:0:0::1", "::ffff:192.0.2.1"] {
        assert_eq!(confirm(SubjectKind::SanIp, registered, &certificate), Ok(()), "{registered}");
    }
    assert!(confirm(SubjectKind::SanIp, "192.0.2.1", &certificate).is_err());
    let v4 = with_names(&[(0x87, &[192, 0, 2, 1])]);
    assert_eq!(confirm(SubjectKind::SanIp, "192.0.2.1", &v4), Ok(()));
    assert!(confirm(SubjectKind::SanIp, "::ffff:192.0.2.1", &v4).is_err());
    // A network of a name constraint, and the address as text, are no addresses.
    for value in [&[192, 0, 2, 1, 255, 255, 255, 255][..], b"192.0.2.1"] {
        assert!(confirm(SubjectKind::SanIp, "192.0.2.1", &with_names(&[(0x87, value)])).is_err());
    }
    for registered in ["192.0.2", "192.0.2.01", "192.0.2.1/32", "[::1]", "fe80::1%eth0"] {
        assert!(SubjectRule::parse(SubjectKind::SanIp, registered).is_err(), "{registered:?}");
    }
}

#[test]
fn email_keeps_the_case_of_its_local_part_only() {
    let certificate = with_names(&[(0x81, b"Ops@Example.com")]);
    for registered in ["Ops@example.com", "Ops@EXAMPLE.COM"] {
        assert_eq!(confirm(SubjectKind::SanEmail, registered, &certificate), Ok(()), "{registered}");
    }
    for registered in ["ops@example.com", "Ops@example.co", "xOps@example.com"] {
        assert!(confirm(SubjectKind::SanEmail, registered, &certificate).is_err(), "{registered}");
    }
    for registered in ["example.com", "@example.com", "a@", "a@b@c", "a b@example.com"] {
        assert!(SubjectRule::parse(SubjectKind::SanEmail, registered).is_err(), "{registered:?}");
    }
}

#[test]
fn a_name_of_another_kind_or_the_common_name_is_no_substitute() {
    let certificate = with_names(&[(0x86, b"api.example.com")]);
    let missing = Err(SubjectMismatch::NoSuchName(SubjectKind::SanDns));
    assert_eq!(confirm(SubjectKind::SanDns, "api.example.com", &certificate), missing);
    let common = with_subject(&common_name(UTF8, b"api.example.com"));
    assert_eq!(confirm(SubjectKind::SanDns, "api.example.com", &common), missing);
}

#[test]
fn rejects_repeated_or_malformed_alternative_names() {
    let names = alternative_names(&[tlv(0x82, b"a.example")]);
    let key = p256_key();
    let subject = common_name(UTF8, b"x");
    for extensions in [
        vec![names.clone(), names],
        vec![alternative_names(&[tlv(0x0c, b"a.example")])],
        vec![alternative_names(&[tlv(0xa2, tlv(0x82, b"a.example"))])],
        vec![alternative_names(&[vec![0x82, 20, b'a']])],
    ] {
        let certificate = certificate_with(&subject, &key, &extensions);
        assert_eq!(confirm(SubjectKind::SanDns, "a.example", &certificate), Err(SubjectMismatch::Unreadable));
    }
    for certificate in [&[][..], &[0x30, 0], &[0; 40_000]] {
        assert_eq!(confirm(SubjectKind::SanDns, "a.example", certificate), Err(SubjectMismatch::Unreadable));
    }
}

#[test]
fn reads_the_dates_and_the_key_of_a_certificate() {
    let certificate = with_subject(&common_name(UTF8, b"a"));
    let (from, until) = validity(&certificate).unwrap();
    assert_eq!(from, UnixTime::from_seconds(1_735_689_600));
    assert_eq!(until, UnixTime::from_seconds(2_840_140_800));
    assert!(
        matches!(public_key_of(&certificate), Ok(PublicKey::EcP256(point)) if point[0] == 4 && point[1] == 7)
    );
}

#[test]
fn rejects_keys_that_no_jwk_of_ours_could_hold() {
    let subject = common_name(UTF8, b"a");
    let ec = |curve: &[u8], point: &[u8]| {
        let algorithm = [tlv(6, [0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]), tlv(6, curve)].concat();
        tlv(0x30, [tlv(0x30, algorithm), tlv(3, [&[0], point].concat())].concat())
    };
    let okp = |key: &[u8]| {
        tlv(0x30, [tlv(0x30, tlv(6, [0x2b, 0x65, 0x70])), tlv(3, [&[0], key].concat())].concat())
    };
    let rsa = |modulus: &[u8], exponent: &[u8]| {
        let algorithm = [tlv(6, [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]), tlv(5, [])].concat();
        let numbers = tlv(0x30, [tlv(2, modulus), tlv(2, exponent)].concat());
        tlv(0x30, [tlv(0x30, algorithm), tlv(3, [&[0][..], &numbers].concat())].concat())
    };
    let positive = |length: usize| [&[0][..], &vec![0xff; length]].concat();
    let p256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    let p384 = [0x2b, 0x81, 4, 0, 0x22];
    for key in [
        ec(&p256, &[[2].as_slice(), &[7; 32]].concat()),
        ec(&p256, &[[4].as_slice(), &[7; 63]].concat()),
        ec(&p384, &[[4].as_slice(), &[7; 64]].concat()),
        ec(&[0x2b, 0x81, 4, 0, 0x0a], &[[4].as_slice(), &[7; 64]].concat()),
        okp(&[0; 32]),
        okp(&[1; 31]),
        rsa(&positive(128), &[1, 0, 1]),
        rsa(&positive(256), &[2]),
        rsa(&positive(2048), &[1, 0, 1]),
    ] {
        let certificate = certificate_with(&subject, &key, &[]);
        assert_eq!(public_key_of(&certificate), Err(CertificateUnreadable::Key));
    }
    for key in
        [ec(&p384, &[[4].as_slice(), &[7; 96]].concat()), okp(&[0x58; 32]), rsa(&positive(256), &[1, 0, 1])]
    {
        assert!(public_key_of(&certificate_with(&subject, &key, &[])).is_ok());
    }
    assert_eq!(public_key_of(b"x"), Err(CertificateUnreadable::NotACertificate));
}

proptest::proptest! {
    #[test]
    fn any_value_escaped_as_rfc_4514_asks_is_that_value_and_no_other(
        value in r#"[ -~\u{a1}-\u{ff}]{1,24}"#,
        other in r#"[a-z,+=\\\\"<>; #]{1,12}"#,
    ) {
        proptest::prop_assume!(!value.trim_matches(' ').is_empty() && !other.trim_matches(' ').is_empty());
        let escape = |text: &str| -> std::string::String {
            text.bytes().map(|byte| std::format!("\\{byte:02x}")).collect()
        };
        let certificate = with_subject(&common_name(UTF8, value.as_bytes()));
        let own = std::format!("CN={}", escape(&value));
        proptest::prop_assert_eq!(confirm(SubjectKind::Dn, &own, &certificate), Ok(()));
        let words = |text: &str| text.to_lowercase().split_ascii_whitespace().map(std::string::String::from).collect::<Vec<_>>();
        if words(&value) != words(&other) {
            let another = std::format!("CN={}", escape(&other));
            proptest::prop_assert_eq!(confirm(SubjectKind::Dn, &another, &certificate), Err(SubjectMismatch::Dn));
        }
        // Read as text, it may be refused or name another subject, but it never panics.
        let _ = SubjectRule::parse(SubjectKind::Dn, &std::format!("CN={value},{other}"));
    }

    #[test]
    fn no_bytes_make_the_reader_of_certificates_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64), at in 0_usize..400, byte: u8) {
        let _ = public_key_of(&bytes);
        let mut certificate = with_names(&[(0x82, b"a.example"), (0x87, &[192, 0, 2, 1])]);
        let at = at % certificate.len();
        certificate[at] = byte;
        let _ = (public_key_of(&certificate), validity(&certificate));
        for (kind, value) in [(SubjectKind::Dn, "CN=whoever"), (SubjectKind::SanDns, "a.example"), (SubjectKind::SanIp, "192.0.2.1")] {
            let _ = confirm(kind, value, &certificate);
        }
    }
}
