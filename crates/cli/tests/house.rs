//! The rules of the house that no compiler checks: dependency arrows point down, ARCHITECTURE.md names what
//! exists, every file says first what it is for, and none grows beyond a reader's patience.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the verdict")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// Whom each crate may depend on. What is not listed is not allowed.
const ARROWS: &[(&str, &[&str])] = &[
    ("bindery-core", &[]),
    ("bindery-crypto", &["bindery-core"]),
    ("bindery-store", &["bindery-core"]),
    ("bindery-http", &["bindery-core", "bindery-crypto"]),
    ("bindery-authorization-server", &["bindery-core", "bindery-crypto", "bindery-store", "bindery-http"]),
    ("bindery-resource-server", &["bindery-core", "bindery-crypto", "bindery-store", "bindery-http"]),
    (
        "bindery-gateway",
        &["bindery-core", "bindery-crypto", "bindery-store", "bindery-http", "bindery-resource-server"],
    ),
    ("bindery-client", &["bindery-core", "bindery-crypto"]),
];

#[test]
fn dependency_arrows_point_down() {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap();
    let mut seen = BTreeMap::new();
    for package in &metadata.packages {
        let ours: Vec<&str> = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind == DependencyKind::Normal)
            .map(|dependency| dependency.name.as_str())
            .filter(|name| name.starts_with("bindery"))
            .collect();
        seen.insert(package.name.to_string(), ours);
    }
    for (name, allowed) in ARROWS {
        let ours = seen.get(*name).unwrap_or_else(|| panic!("{name} is gone from the workspace"));
        for dependency in ours {
            assert!(allowed.contains(dependency), "{name} may not depend on {dependency}");
        }
    }
    for name in seen.keys() {
        let known = ARROWS.iter().any(|(known, _)| known == name);
        let outside = ["bindery", "bindery-benches"].contains(&name.as_str());
        assert!(
            known || outside,
            "{name} has no place in the house: give it one here and in ARCHITECTURE.md"
        );
    }
}

#[test]
fn core_can_not_reach_the_standard_library() {
    let lib = fs::read_to_string(root().join("crates/core/src/lib.rs")).unwrap();
    assert!(lib.contains("\n#![no_std]\n"), "core must stay no_std");
    assert!(!lib.replace("#[cfg(test)]\nextern crate std;", "").contains("extern crate std"));
}

/// In the blocks fenced as `life`, every `crate::path::name` must exist in that crate.
#[test]
fn architecture_names_functions_that_exist() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut checked = 0;
    for block in text.split("```life").skip(1).map(|rest| rest.split("```").next().unwrap()) {
        for word in block.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')) {
            let word = word.trim_end_matches(':');
            let parts: Vec<&str> = word.split("::").collect();
            if parts.len() < 2 || parts.iter().any(|part| part.is_empty()) {
                continue;
            }
            let source =
                sources_of(parts[0]).unwrap_or_else(|| panic!("{word}: {} is not a crate", parts[0]));
            let kinds = ["fn ", "struct ", "enum ", "trait ", "mod ", "const "];
            let name = parts.last().unwrap();
            let defined = kinds.iter().any(|kind| defines(&source, kind, name));
            assert!(defined, "ARCHITECTURE.md names {word}, which is gone");
            checked += 1;
        }
    }
    assert!(checked > 20, "the two lives are drawn as function names");
}

#[test]
fn papers_name_files_that_exist() {
    for page in ["ARCHITECTURE.md", "README.md", "CONTRIBUTING.md", "SECURITY.md"] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        for word in text.split(|c: char| c.is_whitespace() || "`()[]|,\"'".contains(c)) {
            let word = word.trim_end_matches(['.', ':', ';']);
            let rooms = ["crates/", "docs/", "vectors/", "fuzz/", "benches/", "scripts/"];
            if rooms.iter().any(|room| word.starts_with(room)) && !word.contains(['*', '<', '{']) {
                assert!(root().join(word).exists(), "{page} names {word}, which is gone");
            }
        }
    }
}

#[test]
fn every_file_opens_with_what_it_is_for_and_none_passes_800_lines() {
    let files = ["crates", "benches"].map(|room| rust_files(&root().join(room)));
    for path in files.into_iter().flatten() {
        let text = fs::read_to_string(&path).unwrap();
        let shown = path.strip_prefix(root()).unwrap().display();
        assert!(text.starts_with("//!"), "{shown} does not open with what it is for");
        let lines = text.lines().count();
        assert!(lines <= 800, "{shown} has {lines} lines; rethink it");
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn sources_of(name: &str) -> Option<String> {
    let directory = root().join("crates").join(name.replace('_', "-")).join("src");
    let read = |path: &PathBuf| fs::read_to_string(path).unwrap();
    directory.is_dir().then(|| rust_files(&directory).iter().map(read).collect())
}

fn defines(source: &str, kind: &str, name: &str) -> bool {
    source.match_indices(&format!("{kind}{name}")).any(|(at, found)| {
        let next = source[at + found.len()..].chars().next();
        next.is_none_or(|next| !(next.is_alphanumeric() || next == '_'))
    })
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
