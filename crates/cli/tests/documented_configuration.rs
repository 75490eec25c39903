//! The configurations that README.md and docs/configuration.md print are the ones that the binary takes: each
//! is written to a file as it stands and checked, with throw-away certificates under the names that it uses.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the verdict")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "redaction/record.rs"]
#[expect(dead_code, reason = "a process is recorded here, and its key")]
mod record;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

/// Stands around what a page prints of the server's configuration without a listener.
const FRAME: &str = "[listener]\naddress = \"127.0.0.1:0\"\ncertificate_file = \"server.pem\"\n\
                     key_file = \"server.key\"\n[server]\nissuer = \"https://localhost\"\n";

#[test]
fn every_printed_configuration_passes_its_check() {
    let directory = tempfile::tempdir().unwrap();
    lay_out(directory.path());
    let mut checked = 0;
    for page in [
        "README.md",
        "docs/configuration.md",
        "docs/people.md",
        "docs/interaction-api.md",
        "docs/administration.md",
    ] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        for block in text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
            let command = if block.contains("[gateway.upstream]") { "gateway" } else { "server" };
            let file = directory.path().join("printed.toml");
            let whole = if block.contains("[listener]") { "" } else { FRAME };
            fs::write(&file, format!("{whole}{block}")).unwrap();
            let output = Command::new(env!("CARGO_BIN_EXE_bindery"))
                .args([command, "--check", "--config"])
                .arg(&file)
                .current_dir(directory.path())
                .output()
                .unwrap();
            record::process(&output.stderr);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{page}, {command}:\n{block}\n{said}");
            checked += 1;
        }
    }
    assert_eq!(checked, 10, "a gateway and a server twice, several issuers, and what is printed in part");
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
    let mut parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = parameters.self_signed(&key).unwrap().pem();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = parameters.self_signed(&key).unwrap().pem();
    for name in ["gateway", "server"] {
        fs::write(directory.join(format!("{name}.pem")), &leaf).unwrap();
        write_private(&directory.join(format!("{name}.key")), &key.serialize_pem());
    }
    fs::write(directory.join("partners-ca.pem"), authority).unwrap();
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
