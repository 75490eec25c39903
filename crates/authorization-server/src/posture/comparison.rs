//! Two postures side by side: every value that differs, by its path. Issuers are matched by identifier, so that
//! one that was added or removed shows as such and moves no other.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::Posture;

/// One value that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Issuer, and the members on the way.
    pub path: String,
    /// What was there.
    pub before: Option<Value>,
    /// What is there.
    pub after: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => write!(f, "~ {}: {before} -> {after}", self.path),
            (None, Some(after)) => write!(f, "+ {}: {after}", self.path),
            (Some(before), None) => write!(f, "- {}: {before}", self.path),
            (None, None) => write!(f, "  {}", self.path),
        }
    }
}

impl Posture {
    /// What changes from `self` to `after`, in the order of the paths.
    #[must_use]
    pub fn compare(&self, after: &Self) -> Vec<Difference> {
        let (before, after) = (self.leaves(), after.leaves());
        let mut paths: Vec<&String> = before.keys().chain(after.keys()).collect();
        paths.sort();
        paths.dedup();
        paths
            .into_iter()
            .filter(|path| before.get(*path) != after.get(*path))
            .map(|path| Difference {
                path: path.clone(),
                before: before.get(path).cloned(),
                after: after.get(path).cloned(),
            })
            .collect()
    }

    fn leaves(&self) -> BTreeMap<String, Value> {
        let mut leaves = BTreeMap::new();
        for issuer in &self.issuers {
            let value = serde_json::to_value(issuer).unwrap_or_default();
            collect(&issuer.issuer, value, &mut leaves);
        }
        leaves
    }
}

/// Objects are walked, and so are lists of things with a name; other lists are one value.
fn collect(path: &str, value: Value, leaves: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                collect(&format!("{path} {name}"), value, leaves);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for item in items {
                let name = ["name", "client_id"].iter().find_map(|name| item.get(name)?.as_str());
                let path = format!("{path} {}", name.unwrap_or("(issuer)"));
                collect(&path, item, leaves);
            }
        }
        // What isn't there is no difference to an older file that didn't know it.
        Value::Null => {}
        Value::Array(items) if items.is_empty() => {}
        value => {
            leaves.insert(path.to_owned(), value);
        }
    }
}
