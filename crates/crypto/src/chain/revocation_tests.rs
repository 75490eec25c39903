//! Revocation lists, and what may serve as an anchor.

use rcgen::{
    CertificateRevocationListParams, KeyIdMethod, KeyUsagePurpose, RevokedCertParams, SerialNumber,
    date_time_ymd,
};

use super::test_authority::{
    Authority, NOW, anchors, authority_params, below_with, client_params, der, leaf, root,
};
use super::*;

/// A list of `issuer` that revokes the serial numbers.
fn list(issuer: &Authority, revoked: &[u8]) -> Vec<u8> {
    let revoked_certs = revoked
        .iter()
        .map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&[*serial]),
            revocation_time: date_time_ymd(2025, 3, 1),
            reason_code: None,
            invalidity_date: None,
        })
        .collect();
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2025, 6, 1),
        next_update: date_time_ymd(2026, 6, 1),
        crl_number: SerialNumber::from_slice(&[1]),
        issuing_distribution_point: None,
        revoked_certs,
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(issuer).unwrap().der().to_vec()
}

fn with_lists(authority: &Authority, lists: &[Vec<u8>]) -> TrustAnchors {
    anchors(authority).with_revocation_lists(lists.iter().map(Vec::as_slice)).unwrap()
}

#[test]
fn rejects_a_revoked_leaf() {
    let root = root("root");
    let client = leaf(&root, &client_params());
    let judge = |anchors: &TrustAnchors| verify_client_chain(&client, &[], anchors, NOW);
    assert_eq!(judge(&with_lists(&root, &[list(&root, &[7])])), Err(ChainInvalid::Revoked));
    assert_eq!(judge(&with_lists(&root, &[list(&root, &[6, 8])])), Ok(()));
    assert_eq!(judge(&with_lists(&root, &[])), Ok(()));
}

#[test]
fn rejects_a_leaf_below_a_revoked_intermediate() {
    let root = root("root");
    let mut params = authority_params("intermediate");
    params.serial_number = Some(SerialNumber::from_slice(&[9]));
    let intermediate = below_with(&root, params);
    let client = leaf(&intermediate, &client_params());
    let judge = |lists: &[Vec<u8>]| {
        verify_client_chain(&client, &[der(&intermediate)], &with_lists(&root, lists), NOW)
    };
    assert_eq!(judge(&[list(&root, &[9]), list(&intermediate, &[])]), Err(ChainInvalid::Revoked));
    assert_eq!(judge(&[list(&root, &[]), list(&intermediate, &[])]), Ok(()));
    assert_eq!(judge(&[list(&root, &[])]), Err(ChainInvalid::RevocationUnknown));
}

#[test]
fn rejects_when_the_revocation_list_is_expired_forged_or_of_another_authority() {
    let root = root("root");
    let client = leaf(&root, &client_params());
    let judge = |list: Vec<u8>, now| verify_client_chain(&client, &[], &with_lists(&root, &[list]), now);
    let year_2027 = UnixTime::from_seconds(1_798_761_600);
    assert_eq!(judge(list(&root, &[]), year_2027), Err(ChainInvalid::RevocationListExpired));
    assert_eq!(judge(list(&self::root("root"), &[]), NOW), Err(ChainInvalid::RevocationListInvalid));
    assert_eq!(judge(list(&self::root("other"), &[]), NOW), Err(ChainInvalid::RevocationUnknown));
}

#[test]
fn reads_authorities_and_lists_from_pem() {
    let (first, second) = (root("first"), root("second"));
    let anchors = TrustAnchors::from_pem((first.pem() + &second.pem()).as_bytes()).unwrap();
    assert_eq!(anchors.count(), 2);
    for authority in [&first, &second] {
        let client = leaf(authority, &client_params());
        assert_eq!(verify_client_chain(&client, &[], &anchors, NOW), Ok(()));
    }
    let text =
        x509_cert::der::pem::encode_string("X509 CRL", Default::default(), &list(&first, &[7])).unwrap();
    let anchors = anchors.with_revocation_lists_pem(text.as_bytes()).unwrap();
    assert!(anchors.check_revocation());
    let client = leaf(&first, &client_params());
    assert_eq!(verify_client_chain(&client, &[], &anchors, NOW), Err(ChainInvalid::Revoked));
}

#[test]
fn rejects_anchors_that_are_none() {
    let root = root("root");
    let client = leaf(&root, &client_params());
    let invalid = |der: &[u8]| TrustAnchors::from_der([root.der().as_ref(), der]).unwrap_err();
    assert_eq!(invalid(&client), TrustAnchorsInvalid::NotAuthority(1));
    assert_eq!(invalid(b"garbage"), TrustAnchorsInvalid::Certificate(1));
    let mut params = authority_params("crl signer");
    params.key_usages = vec![KeyUsagePurpose::CrlSign];
    assert_eq!(invalid(&der(&below_with(&root, params))), TrustAnchorsInvalid::NotAuthority(1));
    assert_eq!(TrustAnchors::from_der([]).unwrap_err(), TrustAnchorsInvalid::Empty);
    assert_eq!(TrustAnchors::from_pem(b"no pem").unwrap_err(), TrustAnchorsInvalid::Empty);
    let cut = root.pem().replace("-----END", "");
    assert_eq!(TrustAnchors::from_pem(cut.as_bytes()).unwrap_err(), TrustAnchorsInvalid::NotPem);
    let anchors = anchors(&root);
    assert_eq!(
        anchors.clone().with_revocation_lists([&b"garbage"[..]]).unwrap_err(),
        TrustAnchorsInvalid::RevocationList(0)
    );
    assert_eq!(
        anchors.with_revocation_lists_pem(root.pem().as_bytes()).unwrap_err(),
        TrustAnchorsInvalid::NoRevocationList
    );
}
