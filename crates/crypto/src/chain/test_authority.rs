//! Authorities, clients and their certificates, made on the fly for the tests of chains.

use bindery_core::time::UnixTime;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SerialNumber, date_time_ymd,
};

use super::TrustAnchors;

pub(super) type Authority = CertifiedIssuer<'static, KeyPair>;

/// 2025-06-15, within the validity of all that is made here.
pub(super) const NOW: UnixTime = UnixTime::from_seconds(1_749_945_600);
pub(super) const YEAR_2020: UnixTime = UnixTime::from_seconds(1_577_836_800);
pub(super) const YEAR_2040: UnixTime = UnixTime::from_seconds(2_208_988_800);

pub(super) fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = date_time_ymd(2030, 1, 1);
    params
}

pub(super) fn authority_params(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

pub(super) fn client_params() -> CertificateParams {
    let mut params = params("client");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.serial_number = Some(SerialNumber::from_slice(&[7]));
    params
}

pub(super) fn root(name: &str) -> Authority {
    CertifiedIssuer::self_signed(authority_params(name), KeyPair::generate().unwrap()).unwrap()
}

pub(super) fn below(issuer: &Authority, name: &str) -> Authority {
    below_with(issuer, authority_params(name))
}

pub(super) fn below_with(issuer: &Authority, params: CertificateParams) -> Authority {
    CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), issuer).unwrap()
}

pub(super) fn leaf(issuer: &Authority, params: &CertificateParams) -> Vec<u8> {
    params.signed_by(&KeyPair::generate().unwrap(), issuer).unwrap().der().to_vec()
}

pub(super) fn anchors(authority: &Authority) -> TrustAnchors {
    TrustAnchors::from_der([authority.der().as_ref()]).unwrap()
}

pub(super) fn der(authority: &Authority) -> Vec<u8> {
    authority.der().to_vec()
}
