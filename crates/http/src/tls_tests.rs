//! Handshakes: possession is proven, sessions are not resumed, and set-up errors say what to do.

use rustls::client::ResolvesClientCert;
use rustls::{HandshakeKind, SignatureScheme, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::listener::Limits;
use crate::loopback::{Issued, Running, says_its_peer, self_signed, start};

#[derive(Debug)]
struct Presents(Arc<CertifiedKey>);

impl ResolvesClientCert for Presents {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn trusting(
    server: &Running,
    version: &'static SupportedProtocolVersion,
) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    trusting_with(provider(), server, version)
}

fn trusting_with(
    provider: Arc<CryptoProvider>,
    server: &Running,
    version: &'static SupportedProtocolVersion,
) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(server.authority.root.as_bytes()).unwrap()).unwrap();
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
}

/// Shows the first certificate and signs with the key of the second.
fn with_stolen_certificate(shown: &Issued, signing: &Issued) -> Arc<CertifiedKey> {
    let key = PrivateKeyDer::from_pem_slice(signing.key.as_bytes()).unwrap();
    let key = provider().key_provider.load_private_key(key).unwrap();
    Arc::new(CertifiedKey::new(vec![CertificateDer::from(shown.der.clone())], key))
}

/// Whether the server answers a request over this configuration.
async fn answers(server: &Running, config: ClientConfig) -> std::io::Result<bool> {
    let mut stream = server.handshake(config).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer.starts_with(b"HTTP/1.1 200"))
}

#[tokio::test]
async fn rejects_a_certificate_without_the_key_that_belongs_to_it() {
    let server = start(ClientCertificates::Asked, Limits::default(), says_its_peer());
    let (victim, thief) = (server.authority.issue("victim.example"), self_signed("thief.example"));
    for version in [&TLS13, &TLS12] {
        let stolen = Arc::new(Presents(with_stolen_certificate(&victim, &thief)));
        let config = trusting(&server, version).with_client_cert_resolver(stolen);
        assert!(answers(&server, config).await.is_err(), "{version:?}");
        let own = Arc::new(Presents(with_stolen_certificate(&victim, &victim)));
        let config = trusting(&server, version).with_client_cert_resolver(own);
        assert!(answers(&server, config).await.unwrap(), "{version:?}");
    }
}

#[tokio::test]
async fn a_listener_that_asks_for_certificates_resumes_no_session() {
    for (clients, second) in [
        (ClientCertificates::Asked, HandshakeKind::Full),
        (ClientCertificates::NotAsked, HandshakeKind::Resumed),
    ] {
        let server = start(clients, Limits::default(), says_its_peer());
        for version in [&TLS13, &TLS12] {
            let config = Arc::new(trusting(&server, version).with_no_client_auth());
            let mut kinds = Vec::new();
            for _ in 0..2 {
                let mut stream = server.handshake_with(Arc::clone(&config)).await.unwrap();
                // Tickets of TLS 1.3 arrive with the answer.
                stream
                    .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                    .await
                    .unwrap();
                stream.read_to_end(&mut Vec::new()).await.unwrap();
                kinds.push(stream.get_ref().1.handshake_kind().unwrap());
            }
            assert_eq!(kinds, [HandshakeKind::Full, second], "{clients:?} {version:?}");
        }
    }
}

#[tokio::test]
async fn of_tls_1_2_only_what_bcp_195_recommends_is_spoken() {
    let server = start(ClientCertificates::NotAsked, Limits::default(), says_its_peer());
    for (suite, spoken) in [
        (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, true),
        (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, true),
        (CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, false),
    ] {
        let mut offered = CryptoProvider::clone(&provider());
        offered.cipher_suites.retain(|known| known.suite() == suite);
        let config = trusting_with(Arc::new(offered), &server, &TLS12).with_no_client_auth();
        match server.handshake(config).await {
            Ok(_) => assert!(spoken, "{suite:?}"),
            Err(error) => {
                assert!(!spoken && error.to_string().contains("HandshakeFailure"), "{suite:?}: {error}");
            }
        }
    }
}

#[test]
fn early_data_is_refused_everywhere() {
    for clients in [ClientCertificates::Asked, ClientCertificates::NotAsked] {
        let server = self_signed("localhost");
        let tls = ServerTls::from_pem(server.certificate.as_bytes(), server.key.as_bytes(), clients).unwrap();
        assert_eq!(tls.config().max_early_data_size, 0);
    }
}

#[tokio::test]
async fn a_renewed_certificate_serves_the_next_handshake_and_a_bad_one_changes_nothing() {
    let server = start(ClientCertificates::NotAsked, Limits::default(), says_its_peer());
    let shown = async || {
        let stream = server.handshake(server.client(None)).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    };
    let first = shown().await;
    let next = server.authority.issue("localhost");
    let other = server.authority.issue("localhost");
    let refused = server.tls.renew_from_pem(next.certificate.as_bytes(), other.key.as_bytes());
    assert_eq!(refused, Err(TlsInvalid::KeyMismatch("the private key".to_owned())));
    assert_eq!(shown().await, first);
    server.tls.renew_from_pem(next.certificate.as_bytes(), next.key.as_bytes()).unwrap();
    assert_eq!(shown().await, next.der);
}

#[test]
fn errors_name_the_file_the_rule_and_the_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let server = self_signed("localhost");
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let certificate = write("server.pem", &server.certificate);
    let key = write("server.key", &server.key);
    let missing = directory.path().join("missing.pem");
    let other = write("other.key", &self_signed("localhost").key);
    let error = |certificate: &Path, key: &Path| {
        ServerTls::from_pem_files(certificate, key, ClientCertificates::Asked).unwrap_err().to_string()
    };
    for (text, file, rule) in [
        (error(&missing, &key), "missing.pem", "can't be read"),
        (error(&key, &key), "server.key", "no X.509 certificate"),
        (error(&certificate, &certificate), "server.pem", "no private key"),
        (error(&certificate, &other), "other.key", "not the key of the certificate"),
    ] {
        assert!(text.contains(file) && text.contains(rule) && text.contains("; "), "{text}");
    }
    assert!(ServerTls::from_pem_files(&certificate, &key, ClientCertificates::Asked).is_ok());
}

#[test]
fn a_client_without_roots_is_refused() {
    assert!(matches!(client_config(b"", None), Err(TlsInvalid::NoCertificate(_))));
}

#[tokio::test]
async fn rejects_clients_that_speak_no_tls_1_2() {
    let server = start(ClientCertificates::Asked, Limits::default(), says_its_peer());
    // A ClientHello of TLS 1.1: its version, 32 random octets, no session, one suite, no compression, and the
    // extensions that rustls looks at before the version.
    let mut hello = vec![0x03, 0x02];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x13, 1, 0]);
    hello.extend([0, 22, 0, 13, 0, 4, 0, 2, 4, 3, 0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0]);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![0x16, 0x03, 0x01, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&record).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert_eq!((answer.first(), answer.last()), (Some(&0x15), Some(&70)), "the alert `protocol_version`");
}
