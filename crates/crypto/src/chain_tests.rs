//! Chains that must pass and chains that must not, one defect each, made on the fly.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints, SerialNumber, date_time_ymd,
};

use super::test_authority::{
    Authority, NOW, YEAR_2020, YEAR_2040, anchors, authority_params, below, below_with, client_params, der,
    leaf, params, root,
};
use super::*;

/// A leaf right below `root`, changed by `change`, and the verdict on it.
fn verdict(change: impl FnOnce(&mut CertificateParams)) -> Result<(), ChainInvalid> {
    let root = root("root");
    let mut params = client_params();
    change(&mut params);
    verify_client_chain(&leaf(&root, &params), &[], &anchors(&root), NOW)
}

#[test]
fn accepts_a_leaf_below_the_anchor_and_below_intermediates() {
    let root = root("root");
    let (first, second) = (below(&root, "first"), below_with_second(&root));
    assert_eq!(verify_client_chain(&leaf(&root, &client_params()), &[], &anchors(&root), NOW), Ok(()));
    let client = leaf(&first, &client_params());
    assert_eq!(verify_client_chain(&client, &[der(&first)], &anchors(&root), NOW), Ok(()));
    assert_eq!(verify_client_chain(&client, &[], &anchors(&root), NOW), Err(ChainInvalid::UnknownIssuer));
    let client = leaf(&second[1], &client_params());
    assert_eq!(
        verify_client_chain(&client, &[der(&second[1]), der(&second[0])], &anchors(&root), NOW),
        Ok(())
    );
}

fn below_with_second(root: &Authority) -> [Authority; 2] {
    let upper = below(root, "upper");
    let lower = below(&upper, "lower");
    [upper, lower]
}

#[test]
fn accepts_intermediates_in_any_order_among_unrelated_certificates_and_the_root() {
    let root = root("root");
    let [upper, lower] = below_with_second(&root);
    let stranger = self::root("stranger");
    let client = leaf(&lower, &client_params());
    let other_client = leaf(&stranger, &client_params());
    for chain in [
        vec![der(&upper), der(&lower)],
        vec![der(&stranger), der(&upper), other_client.clone(), der(&lower), der(&root)],
        vec![der(&root), der(&lower), der(&lower), der(&upper), client.clone()],
    ] {
        assert_eq!(verify_client_chain(&client, &chain, &anchors(&root), NOW), Ok(()));
    }
}

#[test]
fn rejects_a_leaf_of_another_authority_with_the_same_name() {
    let (real, impostor) = (root("root"), root("root"));
    let client = leaf(&impostor, &client_params());
    assert_eq!(verify_client_chain(&client, &[], &anchors(&real), NOW), Err(ChainInvalid::WrongSignature));
    assert_eq!(
        verify_client_chain(&client, &[der(&impostor)], &anchors(&real), NOW),
        Err(ChainInvalid::WrongSignature)
    );
    let mut other_kind = authority_params("root");
    other_kind.serial_number = Some(SerialNumber::from_slice(&[1]));
    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let impostor = CertifiedIssuer::self_signed(other_kind, p384).unwrap();
    let client = leaf(&impostor, &client_params());
    assert_eq!(verify_client_chain(&client, &[], &anchors(&real), NOW), Err(ChainInvalid::WrongSignature));
}

#[test]
fn rejects_an_authority_that_another_tenant_trusts() {
    let (ours, theirs) = (root("ours"), root("theirs"));
    let client = leaf(&theirs, &client_params());
    assert_eq!(
        verify_client_chain(&client, &[der(&theirs)], &anchors(&ours), NOW),
        Err(ChainInvalid::UnknownIssuer)
    );
}

#[test]
fn rejects_a_self_made_leaf_in_front_of_somebody_elses_good_chain() {
    let root = root("root");
    let good = leaf(&root, &client_params());
    let forged = client_params().self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
    assert_eq!(
        verify_client_chain(&forged, &[good, der(&root)], &anchors(&root), NOW),
        Err(ChainInvalid::IssuerNotAuthority)
    );
}

#[test]
fn rejects_a_leaf_that_is_expired_or_not_valid_yet() {
    let root = root("root");
    let client = leaf(&root, &client_params());
    let judge = |now| verify_client_chain(&client, &[], &anchors(&root), now);
    let not_before = UnixTime::from_seconds(1_735_689_600);
    let not_after = UnixTime::from_seconds(1_893_456_000);
    assert_eq!(judge(YEAR_2020), Err(ChainInvalid::NotYetValid { not_before }));
    assert_eq!(judge(YEAR_2040), Err(ChainInvalid::Expired { not_after }));
    assert_eq!(judge(not_before), Ok(()));
    assert_eq!(judge(not_after), Ok(()));
    assert_eq!(judge(UnixTime::MAX), Err(ChainInvalid::Expired { not_after }));
    assert_eq!(judge(UnixTime::MIN), Err(ChainInvalid::NotYetValid { not_before }));
}

#[test]
fn rejects_an_expired_intermediate() {
    let root = root("root");
    let mut params = authority_params("expired");
    params.not_after = date_time_ymd(2025, 2, 1);
    let expired = below_with(&root, params);
    let client = leaf(&expired, &client_params());
    assert!(matches!(
        verify_client_chain(&client, &[der(&expired)], &anchors(&root), NOW),
        Err(ChainInvalid::Expired { .. })
    ));
}

#[test]
fn rejects_an_extended_key_usage_without_client_authentication() {
    let with = |purposes: &[ExtendedKeyUsagePurpose]| {
        let purposes = purposes.to_vec();
        verdict(move |params| params.extended_key_usages = purposes)
    };
    use ExtendedKeyUsagePurpose as Purpose;
    assert_eq!(with(&[Purpose::ServerAuth]), Err(ChainInvalid::NotForClientAuthentication));
    assert_eq!(
        with(&[Purpose::ServerAuth, Purpose::EmailProtection]),
        Err(ChainInvalid::NotForClientAuthentication)
    );
    assert_eq!(with(&[Purpose::ServerAuth, Purpose::ClientAuth]), Ok(()));
    assert_eq!(with(&[Purpose::Any]), Ok(()));
    assert_eq!(with(&[]), Ok(()));
}

#[test]
fn rejects_a_key_usage_without_digital_signature() {
    assert_eq!(
        verdict(|params| params.key_usages = vec![KeyUsagePurpose::KeyEncipherment]),
        Err(ChainInvalid::KeyUsage)
    );
    assert_eq!(verdict(|params| params.key_usages = vec![]), Ok(()));
}

#[test]
fn rejects_an_authority_as_client() {
    let root = root("root");
    let authority = below(&root, "authority");
    let mut params = authority_params("authority");
    params.key_usages.push(KeyUsagePurpose::DigitalSignature);
    let signing_authority = below_with(&root, params);
    let judge = |der: &[u8]| verify_client_chain(der, &[], &anchors(&root), NOW);
    assert_eq!(judge(&der(&authority)), Err(ChainInvalid::KeyUsage));
    assert_eq!(judge(&der(&signing_authority)), Err(ChainInvalid::AuthorityAsClient));
    assert!(judge(&der(&root)).is_err());
}

#[test]
fn rejects_a_client_certificate_that_issues_another() {
    let root = root("root");
    let client = below_with(&root, client_params());
    let mut grandchild = client_params();
    grandchild.distinguished_name = params("grandchild").distinguished_name;
    let grandchild = leaf(&client, &grandchild);
    assert_eq!(
        verify_client_chain(&grandchild, &[der(&client)], &anchors(&root), NOW),
        Err(ChainInvalid::IssuerNotAuthority)
    );
}

#[test]
fn rejects_an_issuer_whose_key_usage_does_not_allow_issuing() {
    let root = root("root");
    let mut params = authority_params("crl signer");
    params.key_usages = vec![KeyUsagePurpose::CrlSign];
    let issuer = below_with(&root, params);
    let client = leaf(&issuer, &client_params());
    assert_eq!(
        verify_client_chain(&client, &[der(&issuer)], &anchors(&root), NOW),
        Err(ChainInvalid::IssuerNotAuthority)
    );
}

#[test]
fn rejects_a_chain_longer_than_the_path_length_allows() {
    let root = root("root");
    let mut params = authority_params("upper");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let upper = below_with(&root, params);
    let lower = below(&upper, "lower");
    let client = leaf(&lower, &client_params());
    assert_eq!(
        verify_client_chain(&client, &[der(&lower), der(&upper)], &anchors(&root), NOW),
        Err(ChainInvalid::PathLength)
    );
}

#[test]
fn rejects_a_name_outside_the_constraints_of_its_authority() {
    let root = root("root");
    let mut params = authority_params("constrained");
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("example.com".into())],
        excluded_subtrees: vec![],
    });
    let constrained = below_with(&root, params);
    for (name, expected) in [("a.example.com", Ok(())), ("a.example.org", Err(ChainInvalid::NameConstraints))]
    {
        let mut params = client_params();
        params.subject_alt_names = CertificateParams::new([name.to_owned()]).unwrap().subject_alt_names;
        let client = leaf(&constrained, &params);
        assert_eq!(verify_client_chain(&client, &[der(&constrained)], &anchors(&root), NOW), expected);
    }
}

#[test]
fn rejects_an_unknown_critical_extension() {
    assert_eq!(
        verdict(|params| {
            let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]);
            extension.set_criticality(true);
            params.custom_extensions.push(extension);
        }),
        Err(ChainInvalid::CriticalExtension)
    );
}

#[test]
fn rejects_garbage_wherever_it_stands() {
    let root = root("root");
    let client = leaf(&root, &client_params());
    let judge = |leaf: &[u8], chain: &[Vec<u8>]| verify_client_chain(leaf, chain, &anchors(&root), NOW);
    for garbage in [&b""[..], b"garbage", &[0x30, 0x80], &client[..client.len() - 1]] {
        assert_eq!(judge(garbage, &[]), Err(ChainInvalid::Malformed));
        assert_eq!(
            judge(&client, &[der(&root), garbage.to_vec()]),
            Err(ChainInvalid::MalformedIntermediate(1))
        );
    }
    let trailing = [&client[..], b"x"].concat();
    assert_eq!(judge(&trailing, &[]), Err(ChainInvalid::Malformed));
}

#[test]
fn rejects_any_changed_bit_of_the_signed_part() {
    let root = root("root");
    let client = leaf(&root, &client_params());
    for byte in 4..client.len() {
        let mut changed = client.clone();
        changed[byte] ^= 1;
        assert!(verify_client_chain(&changed, &[], &anchors(&root), NOW).is_err(), "byte {byte}");
    }
}

#[test]
fn rejects_too_large_and_too_many_certificates_unread() {
    let root = root("root");
    let client = leaf(&root, &client_params());
    let huge = vec![0x30; MAXIMUM_CERTIFICATE + 1];
    let judge = |leaf: &[u8], chain: &[Vec<u8>]| verify_client_chain(leaf, chain, &anchors(&root), NOW);
    assert_eq!(judge(&huge, &[]), Err(ChainInvalid::TooLong));
    assert_eq!(judge(&client, &[huge]), Err(ChainInvalid::TooLong));
    let many = vec![der(&root); MAXIMUM_INTERMEDIATES + 1];
    assert_eq!(judge(&client, &many), Err(ChainInvalid::TooManyCertificates));
}

#[test]
fn accepts_every_kind_of_client_key() {
    let root = root("root");
    for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let client = client_params().signed_by(&key, &root).unwrap();
        assert_eq!(verify_client_chain(client.der(), &[], &anchors(&root), NOW), Ok(()));
    }
}

/// Made with OpenSSL, since rcgen can't sign with SHA-1; the other certificate differs in the digest alone.
#[test]
fn rejects_a_certificate_signed_with_sha1() {
    let read = |pem: &str| {
        use rustls_pki_types::pem::PemObject as _;
        CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec()
    };
    let anchors = TrustAnchors::from_pem(include_bytes!("../tests/certificates/authority.pem")).unwrap();
    let in_2030 = UnixTime::from_seconds(1_893_456_000);
    let judge = |pem| verify_client_chain(&read(pem), &[], &anchors, in_2030);
    assert_eq!(judge(include_str!("../tests/certificates/client_sha256.pem")), Ok(()));
    assert_eq!(
        judge(include_str!("../tests/certificates/client_sha1.pem")),
        Err(ChainInvalid::UnsupportedAlgorithm)
    );
}
