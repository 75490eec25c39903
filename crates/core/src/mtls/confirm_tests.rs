//! The one comparison, and every reason why there is nothing to compare.

use super::*;
use crate::fake_cryptography::FakeCryptography;
use crate::mtls::certificate::{CertificateAbsence, ClientCertificate};
use alloc::vec;

#[test]
fn only_the_leaf_that_the_token_names_is_confirmed() {
    let leaf = vec![1, 2, 3];
    let bound = CertificateThumbprint::of(&leaf, &FakeCryptography);
    let present =
        |leaf, chain| PresentedCertificate::Present(ClientCertificate::new(leaf, chain, &FakeCryptography));
    assert_eq!(confirm(&present(leaf.clone(), vec![]), bound), Ok(bound));
    assert_eq!(confirm(&present(leaf.clone(), vec![vec![9]]), bound), Ok(bound));
    // The named certificate somewhere else in the chain proves nothing.
    for (other, chain) in [(vec![1, 2, 4], vec![]), (vec![9], vec![leaf.clone()]), (vec![], vec![leaf])] {
        let proven = CertificateThumbprint::of(&other, &FakeCryptography);
        assert_eq!(
            confirm(&present(other, chain), bound),
            Err(Rejection::CertificateMismatch { proven, bound })
        );
    }
}

#[test]
fn absence_is_refused_whatever_its_reason() {
    let bound = CertificateThumbprint::of(b"", &FakeCryptography);
    for reason in
        [CertificateAbsence::NotAsked, CertificateAbsence::NotOffered, CertificateAbsence::NotForwarded]
    {
        let refused = confirm(&PresentedCertificate::Absent(reason), bound).unwrap_err();
        assert_eq!(refused, Rejection::CertificateMissing(reason));
    }
}
