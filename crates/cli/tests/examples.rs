//! The configurations of `examples/` start as they stand: each is checked with throw-away certificates under the
//! names that it uses, and resolves to the posture that its name promises.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the verdict")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

#[path = "redaction/record.rs"]
#[expect(dead_code, reason = "a process is recorded here, and its key")]
mod record;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use serde_json::Value;

#[test]
fn every_example_starts_and_is_what_its_name_says() {
    let directory = tempfile::tempdir().unwrap();
    lay_out(directory.path());
    let expected: [(&str, &[&str]); 4] = [
        ("fapi2-message-signing.toml", &["fapi2-message-signing"]),
        ("fapi2-security.toml", &["fapi2-security"]),
        ("openid.toml", &["openid"]),
        ("two-issuers.toml", &["fapi2-security", "openid"]),
    ];
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut found: Vec<PathBuf> = fs::read_dir(&examples)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    found.sort();
    let names: Vec<_> = found.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, expected.map(|(name, _)| name));
    for (path, (name, profiles)) in found.iter().zip(expected) {
        let posture = require(name, run(directory.path(), &["server", "posture", "--json"], path));
        let posture: Value = serde_json::from_str(&posture).unwrap();
        let resolved: Vec<_> = posture["issuers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|issuer| issuer["profile"].as_str().unwrap())
            .collect();
        assert_eq!(resolved, profiles, "{name}");
        require(name, run(directory.path(), &["server", "--check"], path));
    }
}

fn run(directory: &Path, arguments: &[&str], config: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bindery"));
    command.args(arguments).arg("--config").arg(config).current_dir(directory);
    let output = command.output().unwrap();
    record::process(&output.stderr);
    output
}

fn require(name: &str, output: Output) -> String {
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Writes a key that nobody else may use.
fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn lay_out(directory: &Path) {
    let key = KeyPair::generate().unwrap();
    record::secret("a private key", &key.serialize_pem());
    let mut parameters = CertificateParams::new(vec!["login.example.com".to_owned()]).unwrap();
    fs::write(directory.join("server.pem"), parameters.self_signed(&key).unwrap().pem()).unwrap();
    write_private(&directory.join("server.key"), &key.serialize_pem());
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(directory.join("clients-ca.pem"), parameters.self_signed(&key).unwrap().pem()).unwrap();
}
