//! The certifier's scripted browser: reads the `browser` and `override` parts of a configuration as the suite does, and
//! does on our pages what they say. A task that is not optional and an element that is not there end the run.

use serde_json::Value;
use url::Url;

use super::browser::{Browser, Step};
use super::html::Page;

/// The scripts of one module's run.
pub(crate) struct Automation {
    entries: Vec<Value>,
}

/// How a visit ended.
#[derive(Debug)]
pub(crate) struct Visit {
    /// The address in the end.
    pub(crate) at: Url,
    /// The tasks that were done.
    pub(crate) tasks: Vec<String>,
    /// Whether a page was kept for whoever reads the log.
    pub(crate) shown: bool,
}

impl Automation {
    /// As `config` has it for `module`.
    pub(crate) fn of(config: &Value, module: &str) -> Self {
        let overridden = &config["override"][module]["browser"];
        let entries = if overridden.is_null() { &config["browser"] } else { overridden };
        Self { entries: entries.as_array().unwrap().clone() }
    }

    /// Goes to `url`; nobody is there to do what no script does.
    pub(crate) async fn visit(&mut self, browser: &mut Browser, url: &Url) -> Visit {
        let tasks = self.tasks_for(url);
        let (mut at, mut page) = browser.open(Step::Get(url.clone())).await;
        let mut visit = Visit { at: at.clone(), tasks: Vec::new(), shown: false };
        for task in &tasks {
            let name = task["task"].as_str().unwrap();
            if !matches(task["match"].as_str().unwrap_or("*"), at.as_str()) {
                assert_eq!(task["optional"], true, "{name}: unexpectedly at {at}");
                continue;
            }
            let mut typed: Vec<(String, String)> = Vec::new();
            for command in task["commands"].as_array().unwrap() {
                let word = |index: usize| command[index].as_str().unwrap_or_default();
                let here = is_there(&page, &at, word(1), word(2));
                match word(0) {
                    "wait" => {
                        assert!(here, "{name}: {command} waits in vain at {at}: {}", browser.page);
                        visit.shown |= word(5).starts_with("update-image-placeholder");
                    }
                    "text" => {
                        assert!(here, "{name}: no element for {command} at {at}");
                        typed.push((word(2).to_owned(), word(3).to_owned()));
                    }
                    "click" if !here => {
                        assert_eq!(word(3), "optional", "{name}: no element for {command} at {at}")
                    }
                    "click" => {
                        let texts: Vec<_> =
                            typed.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect();
                        let step = Step::submit(&at, page.click(word(2), &texts));
                        (at, page) = browser.open(step).await;
                    }
                    other => panic!("{other} is no command"),
                }
            }
            visit.tasks.push(name.to_owned());
        }
        visit.at = at;
        visit
    }

    /// The first entry that matches and has not been used up.
    fn tasks_for(&mut self, url: &Url) -> Vec<Value> {
        for entry in &mut self.entries {
            if !matches(entry["match"].as_str().unwrap(), url.as_str()) {
                continue;
            }
            match entry["match-limit"].as_i64() {
                Some(0) => continue,
                Some(left) => entry["match-limit"] = (left - 1).into(),
                None => {}
            }
            return entry["tasks"].as_array().unwrap().clone();
        }
        panic!("no script for {url}");
    }
}

/// Whether an element is on the page; the certifier's own page at the callback is taken to have what it has.
fn is_there(page: &Page, at: &Url, kind: &str, target: &str) -> bool {
    let ids: Vec<&str> = match kind {
        "id" => vec![target],
        "css" => target.split(',').map(|one| one.trim().strip_prefix('#').unwrap()).collect(),
        other => panic!("{other} is no selector that our pages are meant for"),
    };
    ids.iter().any(|id| page.has(id) || *id == "submission_complete" && at.path().contains("/callback"))
}

/// A text with `*` for anything, whole.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(first) else { return false };
    loop {
        if matches(rest, left) {
            return true;
        }
        let Some(next) = left.chars().next() else { return false };
        left = &left[next.len_utf8()..];
    }
}

#[test]
fn a_star_stands_for_anything() {
    for (pattern, text) in
        [("*", ""), ("a*", "abc"), ("*/cb*", "https://x/cb?y"), ("a", "a"), ("a*c", "abcbc")]
    {
        assert!(matches(pattern, text), "{pattern} {text}");
    }
    for (pattern, text) in [("a*", "ba"), ("*/cb", "/cb/x"), ("a", "ab")] {
        assert!(!matches(pattern, text), "{pattern} {text}");
    }
}
