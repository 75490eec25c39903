//! Holds docs/requirements.md against the code: every file that it names is there, every function and test still
//! stands in its file, every case in its vectors, and no row is without a test unless it says "not yet". It reads
//! text and judges no behaviour; the tests that are named do that.

#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test a panic is the verdict")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const KINDS: [&str; 7] = ["fn", "struct", "enum", "trait", "const", "static", "type"];

#[test]
fn every_row_names_code_and_tests_that_exist() {
    let page = fs::read_to_string(root().join("docs/requirements.md")).unwrap();
    let mut files = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut faults = Vec::new();
    for row in page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| id |")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [id, what, place, shown] = cells[..] else {
            faults.push(format!("not four cells: {row}"));
            continue;
        };
        if id == "class" {
            continue;
        }
        if !seen.insert(id.to_owned()) {
            faults.push(format!("{id} stands twice"));
        }
        if what.len() > 160 {
            faults.push(format!("{id}: one line, please"));
        }
        if links(shown).is_empty() && !what.contains("not yet: ") {
            faults.push(format!("{id} has no test and does not say `not yet: <reason>`"));
        }
        for (kinds, (name, path)) in links(place)
            .into_iter()
            .map(|link| (&KINDS[..], link))
            .chain(links(shown).into_iter().map(|link| (&KINDS[..1], link)))
        {
            let text = files.entry(path).or_insert_with(|| fs::read_to_string(root().join(path)).ok());
            match text {
                None => faults.push(format!("{id} names {path}, which is gone")),
                Some(text) if !occurs(text, path, name, kinds) => {
                    faults.push(format!("{id} names `{name}`, which is gone from {path}"));
                }
                Some(_) => {}
            }
        }
    }
    assert!(faults.is_empty(), "docs/requirements.md:\n{}", faults.join("\n"));
    assert!(seen.len() > 280, "rows are missing: {} are left", seen.len());
}

/// docs/attacks.md: each incident and each class has a rule and tests that exist.
#[test]
fn every_attack_names_tests_that_exist() {
    let page = fs::read_to_string(root().join("docs/attacks.md")).unwrap();
    let mut faults = Vec::new();
    let mut count = 0;
    for row in page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("|---")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [attack, _, rule, shown] = cells[..] else {
            faults.push(format!("not four cells: {row}"));
            continue;
        };
        if matches!(attack, "incident" | "attack") {
            continue;
        }
        count += 1;
        if rule.is_empty() || links(shown).is_empty() {
            faults.push(format!("{attack} has no rule or no test"));
        }
        for (name, path) in links(shown) {
            let text = fs::read_to_string(root().join(path));
            if !text.is_ok_and(|text| occurs(&text, path, name, &KINDS[..1])) {
                faults.push(format!("{attack} names `{name}`, which is not in {path}"));
            }
        }
    }
    assert!(faults.is_empty(), "docs/attacks.md:\n{}", faults.join("\n"));
    assert!(count > 36, "rows are missing: {count} are left");
}

/// Every ``[`name`](../path)`` of a cell.
fn links(cell: &str) -> Vec<(&str, &str)> {
    let ends = cell.match_indices("](../");
    ends.map(|(at, mark)| {
        let start = cell[..at].rfind("[`").unwrap_or_else(|| panic!("a link without a name: {cell}"));
        let path = cell[at + mark.len()..].split(')').next().unwrap_or_default();
        (cell[start + 1..at].trim_matches('`').trim(), path)
    })
    .collect()
}

/// In Rust as a definition of one of these kinds, in vectors as a case, elsewhere as text.
fn occurs(text: &str, path: &str, name: &str, kinds: &[&str]) -> bool {
    let is_word = |next: Option<char>| next.is_some_and(|next| next.is_alphanumeric() || next == '_');
    if path.ends_with(".rs") {
        return kinds.iter().any(|kind| {
            let found = format!("{kind} {name}");
            text.match_indices(&found).any(|(at, _)| !is_word(text[at + found.len()..].chars().next()))
        });
    }
    if path.ends_with(".json") {
        return text.contains(&format!("\"name\": \"{}\"", name.replace('"', "\\\"")));
    }
    text.contains(name)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}
