//! Mutual TLS: client authentication by certificate and certificate-bound tokens (RFC 8705 sections 2 to 4).

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use bindery_core::mtls::certificate::ClientCertificate;
use rcgen::SanType;
use serde_json::{Value, json};

use crate::support::{Call, Setup, World, certificate, certificate_jwk, claims, key, world};

fn call(client: &str) -> Call {
    Call::token("client_credentials").with("client_id", client)
}

fn name(text: &str) -> rcgen::string::Ia5String {
    text.try_into().unwrap()
}

/// A world whose `pki-client` is registered with another subject rule.
async fn with_subject(member: &str, value: &str) -> World {
    let mut setup = Setup::new();
    let clients = setup.configuration["client"].as_array_mut().unwrap();
    let client = clients.iter_mut().find(|client| client["client_id"] == "pki-client").unwrap();
    client.as_object_mut().unwrap().remove("tls_client_auth_subject_dn");
    client[member] = json!(value);
    setup.start().await
}

#[tokio::test]
async fn a_certificate_authenticates_and_binds_and_the_token_type_stays_bearer() {
    let world = world().await;
    let certificate = world.pki_certificate.clone();
    let body = world.send(call("pki-client").certificate(&certificate)).await.ok();
    assert_eq!(body["token_type"], "Bearer");
    let cnf = json!({"x5t#S256": certificate.thumbprint().to_string()});
    assert_eq!(claims(&body["access_token"])["cnf"], cnf);
}

#[tokio::test]
async fn each_of_the_five_subject_kinds_matches_its_own_and_nothing_else() {
    let email = |text| vec![SanType::Rfc822Name(name(text))];
    let address = IpAddr::V6("2001:db8::1".parse::<Ipv6Addr>().unwrap());
    let other_address = IpAddr::V6("2001:db8::2".parse::<Ipv6Addr>().unwrap());
    type Case = (&'static str, &'static str, Vec<SanType>, Vec<SanType>);
    let cases: [Case; 4] = [
        (
            "tls_client_auth_san_dns",
            "c.example",
            vec![SanType::DnsName(name("x.example")), SanType::DnsName(name("C.example"))],
            vec![SanType::DnsName(name("*.example"))],
        ),
        (
            "tls_client_auth_san_uri",
            "spiffe://c.example/c",
            vec![SanType::URI(name("spiffe://c.example/c"))],
            vec![SanType::URI(name("spiffe://c.example/C"))],
        ),
        (
            "tls_client_auth_san_ip",
            "2001:DB8::1",
            vec![SanType::IpAddress(address)],
            vec![SanType::IpAddress(other_address)],
        ),
        ("tls_client_auth_san_email", "c@c.example", email("c@C.example"), email("C@c.example")),
    ];
    for (member, value, good, bad) in cases {
        let world = with_subject(member, value).await;
        let issue = |names: Vec<SanType>| certificate("anything", names, Some(&world.ca)).0;
        world.send(call("pki-client").certificate(&issue(good))).await.ok();
        for wrong in [issue(bad), issue(Vec::new()), certificate(value, Vec::new(), Some(&world.ca)).0] {
            world.send(call("pki-client").certificate(&wrong)).await.error(401, "invalid_client");
        }
    }
    let world = world().await;
    let (other_name, _) = certificate("other", Vec::new(), Some(&world.ca));
    world.send(call("pki-client").certificate(&other_name)).await.error(401, "invalid_client");
}

#[tokio::test]
async fn the_same_subject_from_another_ca_is_a_stranger() {
    let world = world().await;
    // A CA that the server trusts, but for other clients (MTLS-7.4-01).
    let (other_tenant, _) = certificate("pki-client", Vec::new(), Some(&world.other_ca));
    let (nobodys, _) = certificate("pki-client", Vec::new(), None);
    let (unknown_ca, _) = certificate("pki-client", Vec::new(), Some(&crate::support::ca("trusted")));
    for stranger in [other_tenant, nobodys, unknown_ca] {
        world.send(call("pki-client").certificate(&stranger)).await.error(401, "invalid_client");
    }
}

#[tokio::test]
async fn a_revoked_certificate_authenticates_nobody() {
    let mut setup = Setup::new();
    let issue = |serial: u8| {
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, "pki-client");
        params.serial_number = Some(rcgen::SerialNumber::from_slice(&[serial]));
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        let leaf = params.signed_by(&rcgen::KeyPair::generate().unwrap(), &setup.ca).unwrap();
        ClientCertificate::new(leaf.der().to_vec(), Vec::new(), &bindery_crypto::AwsLc)
    };
    let (revoked, good) = (issue(7), issue(8));
    let list = rcgen::CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2027, 1, 1),
        next_update: rcgen::date_time_ymd(2028, 1, 1),
        crl_number: rcgen::SerialNumber::from_slice(&[1]),
        issuing_distribution_point: None,
        revoked_certs: vec![rcgen::RevokedCertParams {
            serial_number: rcgen::SerialNumber::from_slice(&[7]),
            revocation_time: rcgen::date_time_ymd(2027, 1, 1),
            reason_code: None,
            invalidity_date: None,
        }],
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), list.signed_by(&setup.ca).unwrap().pem().unwrap()).unwrap();
    setup.configuration["trust_anchors"][0]["revocation_lists"] = json!(file.path());
    let world = setup.start().await;
    world.send(call("pki-client").certificate(&revoked)).await.error(401, "invalid_client");
    world.send(call("pki-client").certificate(&good)).await.ok();
}

#[tokio::test]
async fn a_good_certificate_behind_a_strangers_leaf_authenticates_nobody() {
    let world = world().await;
    let (stranger, _) = certificate("pki-client", Vec::new(), None);
    let chain = vec![world.pki_certificate.leaf().to_vec(), world.ca.der().to_vec()];
    let mixed = ClientCertificate::new(stranger.leaf().to_vec(), chain, &bindery_crypto::AwsLc);
    world.send(call("pki-client").certificate(&mixed)).await.error(401, "invalid_client");
}

#[tokio::test]
async fn a_new_certificate_of_the_same_subject_needs_no_change_here() {
    let world = world().await;
    let token = world.provision("pki-client", bindery_core::token::confirmation::Confirmation::Unbound).await;
    let refresh =
        |certificate: &ClientCertificate| world.refresh("pki-client", &token).certificate(certificate);
    let first = world.send(refresh(&world.pki_certificate)).await.ok();
    let (renewed, _) = certificate("pki-client", Vec::new(), Some(&world.ca));
    let second = world.send(refresh(&renewed)).await.ok();
    let cnf = |body: &Value| claims(&body["access_token"])["cnf"]["x5t#S256"].clone();
    assert_eq!(cnf(&first), world.pki_certificate.thumbprint().to_string());
    assert_eq!(cnf(&second), renewed.thumbprint().to_string());
}

#[tokio::test]
async fn a_certificate_is_needed_and_so_is_the_client_id() {
    let world = world().await;
    for client in ["pki-client", "self-signed-client"] {
        world.send(call(client)).await.error(401, "invalid_client");
        world.send(call(client).dpop(world.proof(&key()))).await.error(401, "invalid_client");
    }
    let call = Call::token("client_credentials").certificate(&world.pki_certificate);
    world.send(call).await.error(401, "invalid_client");
}

#[tokio::test]
async fn one_clients_certificate_does_not_authenticate_another() {
    let world = world().await;
    world
        .send(call("self-signed-client").certificate(&world.pki_certificate))
        .await
        .error(401, "invalid_client");
    world.send(call("pki-client").certificate(&world.self_signed)).await.error(401, "invalid_client");
}

#[tokio::test]
async fn a_self_signed_certificate_must_be_the_registered_one_byte_for_byte() {
    let world = world().await;
    world.send(call("self-signed-client").certificate(&world.self_signed)).await.ok();
    let (other, _) = certificate("anything", Vec::new(), None);
    world.send(call("self-signed-client").certificate(&other)).await.error(401, "invalid_client");
}

#[tokio::test]
async fn old_and_new_self_signed_certificates_overlap_while_both_are_registered() {
    let mut setup = Setup::new();
    let (next, _) = certificate("next", Vec::new(), None);
    let clients = setup.configuration["client"].as_array_mut().unwrap();
    let client = clients.iter_mut().find(|client| client["client_id"] == "self-signed-client").unwrap();
    client["jwks"]["keys"].as_array_mut().unwrap().push(certificate_jwk(&next));
    let world = setup.start().await;
    for certificate in [&world.self_signed, &next] {
        world.send(call("self-signed-client").certificate(certificate)).await.ok();
    }
}

#[tokio::test]
async fn a_registered_certificate_that_has_expired_is_refused() {
    let world = world().await;
    world.clock.set(bindery_core::time::UnixTime::from_seconds(0).plus(Duration::from_secs(80_000_000_000)));
    world.send(call("self-signed-client").certificate(&world.self_signed)).await.error(401, "invalid_client");
    world.send(call("pki-client").certificate(&world.pki_certificate)).await.error(401, "invalid_client");
}

#[tokio::test]
async fn any_method_with_a_certificate_gives_a_certificate_bound_token() {
    let world = world().await;
    let issue = |client: &str| {
        Call::token("client_credentials").assertion(world.assertion(client)).certificate(&world.self_signed)
    };
    for client in ["jwt-client", "jwt-mtls"] {
        let body = world.send(issue(client)).await.ok();
        let x5t = world.self_signed.thumbprint().to_string();
        assert_eq!(claims(&body["access_token"])["cnf"], json!({"x5t#S256": x5t}));
    }
    world.send(issue("jwt-dpop")).await.error(400, "invalid_dpop_proof");
}

#[tokio::test]
async fn a_proof_wins_over_a_certificate_unless_the_client_is_registered_for_certificates() {
    let world = world().await;
    let issue = |client: &str| {
        Call::token("client_credentials")
            .assertion(world.assertion(client))
            .certificate(&world.self_signed)
            .dpop(world.proof(&key()))
    };
    let body = world.send(issue("jwt-client")).await.ok();
    assert_eq!(body["token_type"], "DPoP");
    assert!(claims(&body["access_token"])["cnf"].get("x5t#S256").is_none());
    let body = world.send(issue("jwt-mtls")).await.ok();
    assert_eq!(body["token_type"], "Bearer");
    assert!(claims(&body["access_token"])["cnf"].get("jkt").is_none());
}

#[tokio::test]
async fn a_certificate_in_a_header_of_an_untrusted_peer_is_nothing() {
    let world = world().await;
    let text = crate::support::base64_standard(world.pki_certificate.leaf());
    for (name, value) in [
        ("client-cert", format!(":{text}:")),
        ("x-forwarded-client-cert", format!("Cert=\"{text}\"")),
        ("x-client-cert", text.clone()),
        ("ssl-client-cert", text),
    ] {
        world.send(call("pki-client").header(name, value)).await.error(401, "invalid_client");
    }
}

/// RFC 8705 section 2: the endpoints that ask a person authenticate by the same function.
#[tokio::test]
async fn a_certificate_authenticates_wherever_a_person_is_asked_and_its_absence_nowhere() {
    let mut setup = Setup::new();
    let grants = [
        "authorization_code",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:openid:params:grant-type:ciba",
    ];
    setup.configuration["openid"] = true.into();
    setup.configuration["grants"] = json!([&grants[..], &["client_credentials", "refresh_token"]].concat());
    setup.configuration["client"].as_array_mut().unwrap().push(json!({
        "client_id": "asking", "token_endpoint_auth_method": "tls_client_auth", "trust_anchors": "trusted",
        "tls_client_auth_subject_dn": "CN=pki-client", "grant_types": grants, "scope": "openid read",
        "redirect_uris": [crate::authorization::CALLBACK], "audiences": [crate::support::API],
        "backchannel_token_delivery_mode": "poll",
    }));
    let world = setup.start().await;
    world.account("alice", crate::authorization::PASSWORD).await;
    for (path, status) in [("/par", 201), ("/device_authorization", 200), ("/bc-authorize", 200)] {
        let call = || {
            let call = Call::to(path).with("client_id", "asking").with("scope", "openid");
            match path {
                "/par" => call
                    .with("response_type", "code")
                    .with("redirect_uri", crate::authorization::CALLBACK)
                    .with("code_challenge", crate::authorization::challenge())
                    .with("code_challenge_method", "S256"),
                "/bc-authorize" => call.with("login_hint", "alice"),
                _ => call,
            }
        };
        world.send(call()).await.error(401, "invalid_client");
        world.send(call().certificate(&world.self_signed)).await.error(401, "invalid_client");
        let answer = world.send(call().certificate(&world.pki_certificate)).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_certificate_authenticates_wherever_clients_do_and_its_absence_nowhere() {
    let world = world().await;
    for path in ["/token", "/introspect", "/revoke"] {
        let call = || {
            let call = Call::to(path).with("client_id", "pki-client").with("token", "unknown");
            call.with("grant_type", "client_credentials")
        };
        world.send(call()).await.error(401, "invalid_client");
        let answer = world.send(call().certificate(&world.pki_certificate)).await;
        assert_eq!(answer.status.as_u16(), 200, "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn another_certificate_of_the_registered_key_is_not_the_registered_one() {
    let (registered, key) = certificate("registered", Vec::new(), None);
    let params = rcgen::CertificateParams::new(vec!["issued.again".into()]).unwrap();
    let der = params.self_signed(&key).unwrap().der().to_vec();
    let again = ClientCertificate::new(der, Vec::new(), &bindery_crypto::AwsLc);
    let mut setup = Setup::new();
    let clients = setup.configuration["client"].as_array_mut().unwrap();
    let client = clients.iter_mut().find(|client| client["client_id"] == "self-signed-client").unwrap();
    client["jwks"] = json!({"keys": [certificate_jwk(&registered)]});
    let world = setup.start().await;
    world.send(call("self-signed-client").certificate(&registered)).await.ok();
    world.send(call("self-signed-client").certificate(&again)).await.error(401, "invalid_client");
}
