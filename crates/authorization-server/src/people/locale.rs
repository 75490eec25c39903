//! The languages of the pages: one file of texts for each, complete, and the choice among them by
//! `ui_locales` (OpenID Connect Core section 3.1.2.1), `Accept-Language` (RFC 9110 section 12.5.4), or the
//! default. A text is plain: it is escaped where it is shown, like everything else.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;

use crate::configuration::{ConfigurationInvalid, invalid};

/// The built-in languages.
const BUILT_IN: [(&str, &str); 2] =
    [("en", include_str!("texts/en.json")), ("de", include_str!("texts/de.json"))];

/// The longest `Accept-Language` that is read, in bytes, and how many of its ranges.
const MAXIMUM_HEADER: usize = 1024;
const MAXIMUM_RANGES: usize = 32;

/// Languages that are written from right to left.
const RIGHT_TO_LEFT: [&str; 8] = ["ar", "fa", "he", "ur", "yi", "dv", "ps", "ckb"];

/// All texts in one language.
#[derive(Debug)]
pub(crate) struct Texts {
    /// The language tag, lower case, for `<html lang>`.
    pub(crate) language: String,
    texts: TextMap,
}

/// Texts by name.
type TextMap = BTreeMap<String, String>;

/// A language that was chosen for one answer.
pub(crate) type Locale = Arc<Texts>;

impl Texts {
    /// The text of that name, with `{name}` replaced by each value. Values are not looked into again.
    pub(crate) fn fill(&self, key: &str, values: &[(&str, &str)]) -> Option<String> {
        let mut rest = self.texts.get(key)?.as_str();
        let mut filled = String::with_capacity(rest.len());
        while let Some(open) = rest.find('{') {
            let (before, from) = rest.split_at(open);
            filled.push_str(before);
            let end = from.find('}')?;
            let value = values.iter().find(|(name, _)| *name == &from[1..end])?.1;
            filled.push_str(value);
            rest = &from[end + 1..];
        }
        filled.push_str(rest);
        Some(filled)
    }

    /// The text of that name, without values.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.texts.get(key).map(String::as_str)
    }

    /// `ltr` or `rtl`, for `<html dir>`.
    pub(crate) fn direction(&self) -> &'static str {
        let primary = self.language.split('-').next().unwrap_or_default();
        if RIGHT_TO_LEFT.contains(&primary) { "rtl" } else { "ltr" }
    }
}

/// Every language that there is.
#[derive(Debug)]
pub(crate) struct Languages {
    languages: BTreeMap<String, Locale>,
    default: Locale,
}

impl Languages {
    /// The built-in languages, changed and added to by `<directory>/texts/<language>.json`.
    pub(crate) fn load(directory: Option<&Path>, default: &str) -> Result<Self, ConfigurationInvalid> {
        let mut languages = BTreeMap::new();
        for (language, text) in BUILT_IN {
            languages.insert(language.to_owned(), parse(language, text, "people.templates")?);
        }
        let keys: Vec<String> =
            languages.get("en").map(|en| en.keys().cloned().collect()).unwrap_or_default();
        if let Some(directory) = directory {
            for (language, texts) in read_directory(&directory.join("texts"))? {
                let known = languages.entry(language.clone()).or_default();
                if let Some(key) = texts.keys().find(|key| !keys.contains(key)) {
                    let rule = format!("texts/{language}.json has the text {key:?}, which no page shows");
                    return Err(invalid("people.templates", directory.display(), rule, "remove it"));
                }
                known.extend(texts);
                if let Some(key) = keys.iter().find(|key| !known.contains_key(*key)) {
                    let rule = format!("texts/{language}.json lacks the text {key:?}");
                    return Err(invalid("people.templates", directory.display(), rule, "add it"));
                }
            }
        }
        let languages: BTreeMap<String, Locale> = languages
            .into_iter()
            .map(|(language, texts)| (language.clone(), Arc::new(Texts { language, texts })))
            .collect();
        let known = languages.keys().cloned().collect::<Vec<_>>().join(", ");
        let default = languages.get(&default.to_ascii_lowercase()).cloned().ok_or_else(|| {
            let rule = format!("there are texts in {known} alone");
            invalid("people.default_language", default, rule, "choose one of them, or add texts")
        })?;
        Ok(Self { languages, default })
    }

    /// The language for one answer.
    pub(crate) fn choose(&self, ui_locales: &[String], headers: &HeaderMap) -> Locale {
        let asked = ui_locales.iter().find_map(|tag| self.find(tag));
        let accepted = || {
            let header = headers.get(ACCEPT_LANGUAGE)?.to_str().ok()?;
            accepted_ranges(header).into_iter().find_map(|range| self.find(range))
        };
        asked.or_else(accepted).unwrap_or_else(|| Arc::clone(&self.default))
    }

    /// The languages, for `ui_locales_supported`.
    pub(crate) fn tags(&self) -> impl Iterator<Item = &str> {
        self.languages.keys().map(String::as_str)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Locale> {
        self.languages.values()
    }

    /// The language itself, or the one of which it is a variant (RFC 4647 section 3.4).
    fn find(&self, tag: &str) -> Option<Locale> {
        let tag = tag.to_ascii_lowercase();
        let mut tag = tag.as_str();
        loop {
            if let Some(found) = self.languages.get(tag) {
                return Some(Arc::clone(found));
            }
            tag = &tag[..tag.rfind('-')?];
        }
    }
}

/// The ranges of an `Accept-Language`, most wanted first; what can't be read is left out.
fn accepted_ranges(header: &str) -> Vec<&str> {
    if header.len() > MAXIMUM_HEADER {
        return Vec::new();
    }
    let mut ranges: Vec<(&str, f32)> = header
        .split(',')
        .take(MAXIMUM_RANGES)
        .filter_map(|range| {
            let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
            let weight: f32 = weight.trim().strip_prefix("q=")?.parse().ok()?;
            ((0.0..=1.0).contains(&weight) && weight > 0.0).then_some((tag.trim(), weight))
        })
        .collect();
    ranges.sort_by(|left, right| right.1.total_cmp(&left.1));
    ranges.into_iter().map(|(tag, _)| tag).collect()
}

fn parse(language: &str, text: &str, option: &str) -> Result<TextMap, ConfigurationInvalid> {
    serde_json::from_str(text).map_err(|error| {
        let rule = format!("texts/{language}.json is not a JSON object of texts: {error}");
        invalid(option, "", rule, "mend the file")
    })
}

fn read_directory(directory: &Path) -> Result<Vec<(String, TextMap)>, ConfigurationInvalid> {
    let option = "people.templates";
    let Ok(entries) = std::fs::read_dir(directory) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(language) = name.strip_suffix(".json") else { continue };
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if language.is_empty() || !language.bytes().all(plain) {
            let rule = "its name is not a language tag in lower case";
            return Err(invalid(option, path.display(), rule, "name it like \"pt-br.json\""));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| {
            invalid(option, path.display(), format!("it can't be read: {error}"), "give it UTF-8 text")
        })?;
        found.push((language.to_owned(), parse(language, &text, option)?));
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn languages() -> Languages {
        Languages::load(None, "en").unwrap()
    }

    fn chosen(ui_locales: &[&str], accept: &str) -> String {
        let mut headers = HeaderMap::new();
        if !accept.is_empty() {
            headers.insert(ACCEPT_LANGUAGE, accept.parse().unwrap());
        }
        let ui_locales: Vec<String> = ui_locales.iter().map(|tag| (*tag).to_owned()).collect();
        languages().choose(&ui_locales, &headers).language.clone()
    }

    #[test]
    fn every_language_has_the_same_texts_with_the_same_values() {
        let read = |text| parse("", text, "").unwrap();
        let english = read(BUILT_IN[0].1);
        for (language, text) in BUILT_IN {
            let texts = read(text);
            assert_eq!(texts.keys().collect::<Vec<_>>(), english.keys().collect::<Vec<_>>(), "{language}");
            for (key, text) in &texts {
                assert_eq!(places(text), places(&english[key]), "{language}: {key}");
                assert!(!text.trim().is_empty(), "{language}: {key}");
            }
        }
    }

    fn places(text: &str) -> Vec<&str> {
        let mut places: Vec<_> =
            text.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
        places.sort_unstable();
        places
    }

    #[test]
    fn ui_locales_come_before_the_browser_and_the_default_is_last() {
        assert_eq!(chosen(&["fr", "de-AT"], "en"), "de");
        assert_eq!(chosen(&["fr"], "fr, de;q=0.5, en;q=0.1"), "de");
        assert_eq!(chosen(&[], "en;q=0.2, de-CH;q=0.9"), "de");
        assert_eq!(chosen(&[], "de;q=0, fr"), "en");
        assert_eq!(chosen(&[], ""), "en");
    }

    #[test]
    fn hostile_headers_choose_the_default() {
        for header in ["de;q=NaN", "de;q=2", ";;;", ",,,", "-", "de;q=-1", &"de,".repeat(2000)] {
            assert_eq!(chosen(&[], header), "en", "{header:.20}");
        }
    }

    #[test]
    fn a_value_is_put_in_as_it_is_and_not_looked_into() {
        let texts = languages().default;
        assert_eq!(texts.fill("login_to", &[("client", "{client}")]).unwrap(), "to continue to {client}");
        assert_eq!(texts.fill("login_to", &[]), None);
        assert_eq!(texts.fill("no such text", &[]), None);
    }

    #[test]
    fn texts_of_a_directory_change_and_add_languages_and_must_be_complete() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("texts")).unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(directory.path().join("texts").join(name), text).unwrap();
        };
        write("en.json", r#"{"login_title": "Welcome"}"#);
        write("ar.json", BUILT_IN[0].1);
        let languages = Languages::load(Some(directory.path()), "en").unwrap();
        assert_eq!(languages.default.get("login_title"), Some("Welcome"));
        assert_eq!(languages.tags().collect::<Vec<_>>(), ["ar", "de", "en"]);
        assert_eq!(languages.languages["ar"].direction(), "rtl");
        write("fr.json", r#"{"login_title": "Bienvenue"}"#);
        assert!(Languages::load(Some(directory.path()), "en").unwrap_err().rule.contains("fr.json lacks"));
        write("fr.json", "[]");
        assert!(Languages::load(Some(directory.path()), "en").is_err());
        std::fs::remove_file(directory.path().join("texts/fr.json")).unwrap();
        write("en.json", r#"{"no_such_text": "x"}"#);
        assert!(Languages::load(Some(directory.path()), "en").unwrap_err().rule.contains("no page shows"));
        assert_eq!(Languages::load(None, "fr").unwrap_err().option, "people.default_language");
    }
}
