//! Searches everything that a whole test run logged for everything that it kept secret: tokens, codes, proofs,
//! assertions, passwords, cookies, client secrets, private keys, clients' certificates, in their parts, as they are
//! and encoded. The run writes both down where `BINDERY_TEST_RECORD` says; `scripts/test` then runs the ignored
//! test here. A suite that wrote nothing down fails it, and every suite of the workspace must be known here.

#![expect(clippy::unwrap_used, reason = "a panic in a test is its verdict")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cargo_metadata::{MetadataCommand, TargetKind};

#[path = "redaction/record.rs"]
#[expect(dead_code, reason = "the suites use the rest")]
mod record;
#[path = "redaction/search.rs"]
mod search;

/// The suites whose code logs or that start processes which do: at least so many secrets and bytes of logs.
const RECORDED: [(&str, usize, usize); 11] = [
    ("bindery-authorization-server.protocol", 2_000, 1_000_000),
    ("bindery-client.client", 200, 100_000),
    ("bindery-client.log", 10, 5_000),
    ("bindery-gateway.gateway", 200, 100_000),
    ("bindery-resource-server.guard", 200, 100_000),
    ("bindery-resource-server.logs", 10, 10_000),
    ("bindery.certification", 2_000, 1_000_000),
    ("bindery.documented_configuration", 1, 500),
    ("bindery.end_to_end", 200, 1_000_000),
    ("bindery.examples", 1, 500),
    ("bindery.explain", 10, 500),
];

/// The suites that log nothing, because they start no process and install nothing that would listen to events.
/// Of unit tests there are many more; they are packages' own (`lib`, `bin`) and log nothing either.
const SILENT: [&str; 11] = [
    "bindery-core.forgery",
    "bindery-crypto.arbitrary",
    "bindery-crypto.proof_corpus",
    "bindery-crypto.published",
    "bindery-crypto.signatures",
    "bindery-crypto.wycheproof",
    "bindery-store.durability",
    "bindery.explain_agreement",
    "bindery.house",
    "bindery.redaction",
    "bindery.requirements",
];

/// What one suite wrote down.
#[derive(Default)]
struct Written {
    secrets: Vec<(String, String)>,
    logs: Vec<(String, Vec<u8>)>,
}

fn written(directory: &Path, suite: &str) -> Written {
    let mut written = Written::default();
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.split('@').next() != Some(suite) {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        if name.ends_with(".log") {
            written.logs.push((name, bytes));
            continue;
        }
        assert!(name.ends_with(".secrets"), "{name} is neither log nor secrets");
        for line in String::from_utf8(bytes).unwrap().lines() {
            let (what, encoded) = line.split_once('\t').unwrap();
            let secret = bindery_core::encoding::base64url::decode(encoded).unwrap();
            written.secrets.push((what.to_owned(), String::from_utf8(secret).unwrap()));
        }
    }
    written
}

/// What is missing in the record of a run, and what leaked in it.
fn faults(directory: &Path, expected: &[(&str, usize, usize)]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut all = Written::default();
    for (suite, least_secrets, least_bytes) in expected {
        let own = written(directory, suite);
        let logged: usize = own.logs.iter().map(|(_, log)| log.len()).sum();
        if own.secrets.len() < *least_secrets || logged < *least_bytes {
            found.insert(format!("{suite} wrote down {} secrets, {logged} bytes", own.secrets.len()));
        }
        all.secrets.extend(own.secrets);
        all.logs.extend(own.logs);
    }
    // What the run itself printed, as scripts/test keeps it.
    all.logs.extend(written(directory, "run").logs);
    all.secrets.sort_unstable();
    all.secrets.dedup_by(|one, other| one.1 == other.1);
    found.extend(search::leaks(&all.secrets, &all.logs));
    found
}

#[test]
#[ignore = "scripts/test runs it after all other tests, over what they wrote down"]
fn no_secret_of_the_whole_test_run_is_in_any_log_of_it() {
    let directory = PathBuf::from(std::env::var_os(record::DIRECTORY).unwrap());
    assert!(!written(&directory, "run").logs.is_empty(), "what the run printed was not kept");
    let found = faults(&directory, &RECORDED);
    let shown: Vec<&String> = found.iter().take(50).collect();
    assert!(found.is_empty(), "{} faults, among them {shown:#?}", found.len());
}

/// A new suite must say whether its code logs.
#[test]
fn every_suite_of_the_workspace_is_recorded_or_known_to_be_silent() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap();
    let suites: BTreeSet<String> = metadata
        .packages
        .iter()
        .flat_map(|package| package.targets.iter().map(move |target| (package, target)))
        .filter(|(_, target)| target.kind.contains(&TargetKind::Test))
        .map(|(package, target)| format!("{}.{}", package.name, target.name))
        .collect();
    let known: BTreeSet<String> =
        RECORDED.iter().map(|(suite, ..)| *suite).chain(SILENT).map(str::to_owned).collect();
    assert_eq!(suites, known);
}

/// Writes down like any suite, when the next test asks for it.
#[test]
#[ignore = "only `a_leak_of_any_suite_is_found_and_so_is_a_suite_that_wrote_nothing` runs it"]
fn a_suite_that_leaks() {
    record::listen::install();
    let (secret, kept) = ("tGzv3JOkF0XG5Qx2TlKWIA-planted", "9Qw1kSxyR4tLpZ0-never-logged");
    record::message::payload(format!("{{\"access_token\": \"{secret}\"}}").as_bytes());
    record::message::parameters(format!("code={kept}").as_bytes());
    tracing::info!(client = "shop", "a request was admitted");
    if std::env::var_os("PLANT").is_some() {
        tracing::trace!(authorization = format!("DPoP {secret}"), "a careless line");
    }
    record::process(b"a process that has nothing to tell\n");
}

#[test]
fn a_leak_of_any_suite_is_found_and_so_is_a_suite_that_wrote_nothing() {
    let run = |plant: bool| {
        let directory = tempfile::tempdir().unwrap();
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "a_suite_that_leaks", "--include-ignored"]);
        command.env(record::DIRECTORY, directory.path());
        if plant {
            command.env("PLANT", "yes");
        }
        assert!(command.output().unwrap().status.success());
        directory
    };
    let expected = [(record::SUITE, 2, 50)];
    let clean = run(false);
    assert_eq!(faults(clean.path(), &expected), BTreeSet::new());
    let planted = faults(run(true).path(), &expected);
    assert_eq!(planted.len(), 1, "{planted:?}");
    assert!(planted.first().unwrap().starts_with("access_token is in bindery.redaction@"), "{planted:?}");
    let missing = faults(clean.path(), &[expected[0], ("bindery.end_to_end", 1, 1)]);
    assert_eq!(missing.first().unwrap(), "bindery.end_to_end wrote down 0 secrets, 0 bytes");
    let little = faults(clean.path(), &[(record::SUITE, 3, 50)]);
    assert_eq!(little.len(), 1, "fewer secrets than the suite has: {little:?}");
    // A leak into what the run itself printed.
    std::fs::write(clean.path().join("run@.log"), "test x ... 9Qw1kSxyR4tLpZ0-never-logged").unwrap();
    assert_eq!(faults(clean.path(), &expected).first().unwrap(), "code is in run@.log, line 1");
}
