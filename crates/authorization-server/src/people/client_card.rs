//! What a client and its request look like to a person: names, links, what scope values mean, and
//! `authorization_details` (RFC 9396) as a tree. All of it is the client's word, so it is cleaned
//! here and escaped where it is shown; only https links are kept.

use std::collections::BTreeMap;

use bindery_core::oauth::authorization_request::Ask;
use bindery_core::oauth::client_metadata::ClientMetadata;
use bindery_core::oauth::scope::Scope;
use serde_json::Value;

use super::configuration::PeopleConfiguration;
use super::locale::Texts;
use super::model::{ClientCard, DetailCard, Node, ScopeLine, shown};
use crate::settings::Settings;

/// The most characters of a client's name on a page.
const NAME: usize = 80;
/// What is granted is never cut: what would not fit was refused with its request.
const WHOLE: usize = usize::MAX;
/// How deep and how wide a tree is shown; the rest is refused before it gets here.
const DEPTH: usize = 12;

/// The scope values that OpenID Connect Core sections 3.1.2.1, 5.4 and 11 give a meaning.
const STANDARD_SCOPES: [(&str, &str); 6] = [
    ("openid", "scope_openid"),
    ("profile", "scope_profile"),
    ("email", "scope_email"),
    ("address", "scope_address"),
    ("phone", "scope_phone"),
    ("offline_access", "scope_offline_access"),
];

/// Texts of the operator, by name and language.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meanings {
    scopes: TextsByName,
    details: TextsByName,
}

impl Meanings {
    /// Texts for each language, and for the default language the descriptions beside scopes and types.
    pub(crate) fn new(configuration: &PeopleConfiguration, settings: &Settings) -> Self {
        let scopes = settings.scopes.values().map(|scope| (&scope.name, &scope.description));
        let details = settings.authorization_details.iter();
        let details = details.map(|details| (&details.kind, &details.description));
        let language = &configuration.default_language;
        Self {
            scopes: with_descriptions(&configuration.scopes, scopes, language),
            details: with_descriptions(&configuration.authorization_details, details, language),
        }
    }

    /// The scope values with what they mean: in the operator's words, in ours, or by name.
    pub(crate) fn scopes(&self, scope: &Scope, locale: &Texts) -> Vec<ScopeLine> {
        scope
            .iter()
            .map(|name| {
                let standard = STANDARD_SCOPES.iter().find(|(known, _)| *known == name);
                let ours = || locale.get(standard?.1).map(str::to_owned);
                let text = meaning(&self.scopes, name, locale)
                    .or_else(ours)
                    .or_else(|| locale.fill("scope_unknown", &[("scope", &shown(name, WHOLE))]));
                ScopeLine { name: shown(name, WHOLE), text: text.unwrap_or_default() }
            })
            .collect()
    }

    /// The authorization details, each with a title and its members.
    pub(crate) fn details(&self, details: &[Value], locale: &Texts) -> Vec<DetailCard> {
        details
            .iter()
            .map(|detail| {
                let name = detail.get("type").and_then(Value::as_str).unwrap_or_default();
                let title = meaning(&self.details, name, locale)
                    .or_else(|| locale.fill("details_unknown", &[("type", &shown(name, WHOLE))]));
                DetailCard {
                    title: title.unwrap_or_default(),
                    content: node(String::new(), detail, true, DEPTH),
                }
            })
            .collect()
    }
}

/// Texts by name and language.
type TextsByName = BTreeMap<String, BTreeMap<String, String>>;

fn with_descriptions<'a>(
    texts: &TextsByName,
    descriptions: impl Iterator<Item = (&'a String, &'a Option<String>)>,
    language: &str,
) -> TextsByName {
    let mut texts = texts.clone();
    for (name, description) in descriptions {
        if let Some(description) = description {
            let of_name = texts.entry(name.clone()).or_default();
            of_name.entry(language.to_owned()).or_insert_with(|| description.clone());
        }
    }
    texts
}

fn meaning(meanings: &TextsByName, name: &str, locale: &Texts) -> Option<String> {
    let texts = meanings.get(name)?;
    let text = texts.get(&locale.language).or_else(|| texts.get("en")).or_else(|| texts.values().next());
    text.cloned()
}

/// The claims that a client asks for by name.
pub(crate) fn claims(ask: &Ask, locale: &Texts) -> Vec<String> {
    let mut names: Vec<&String> = ask.claims.userinfo.keys().chain(ask.claims.id_token.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        // How someone signed in is no information about them.
        .filter(|name| !matches!(name.as_str(), "sub" | "acr" | "amr" | "auth_time"))
        .filter_map(|name| {
            // `name#de` asks for a translation of the claim (OpenID Connect Core section 5.2).
            let bare = name.split('#').next().unwrap_or_default();
            let known = bare.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            let ours = known.then(|| locale.get(&format!("claim_{bare}"))).flatten();
            let unknown = || locale.fill("claim_unknown", &[("claim", &shown(name, WHOLE))]);
            ours.map(str::to_owned).or_else(unknown)
        })
        .collect()
}

/// A client as its pages show it.
pub(crate) fn card(client: &ClientMetadata, locale: &Texts) -> ClientCard {
    let languages = [locale.language.clone()];
    let display = &client.display;
    let name = display
        .in_language("client_name", &languages)
        .or(client.client_name.as_deref())
        .filter(|name| !name.trim().is_empty());
    let link = |member: &str, plain: &Option<String>| {
        let link = display.in_language(member, &languages).or(plain.as_deref())?;
        let https = url::Url::parse(link).is_ok_and(|url| url.scheme() == "https");
        https.then(|| link.to_owned())
    };
    ClientCard {
        name: shown(name.unwrap_or(&client.client_id), NAME),
        logo: link("logo_uri", &display.logo_uri),
        home: link("client_uri", &display.client_uri),
        policy: link("policy_uri", &display.policy_uri),
        terms: link("tos_uri", &display.tos_uri),
    }
}

/// The host to which the answer goes, when it is a web address.
pub(crate) fn return_host(redirect_uri: &str) -> Option<String> {
    let url = url::Url::parse(redirect_uri).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.host_str().map(|host| shown(host, NAME))).flatten()
}

fn node(label: String, value: &Value, root: bool, depth: usize) -> Node {
    let mut node = Node { label, ..Node::default() };
    match value {
        Value::Null => node.word = Some("none"),
        Value::Bool(true) => node.word = Some("yes"),
        Value::Bool(false) => node.word = Some("no"),
        Value::Number(number) => node.value = shown(&number.to_string(), WHOLE),
        Value::String(text) => node.value = shown(text, WHOLE),
        _ if depth == 0 => node.value = shown(&value.to_string(), WHOLE),
        Value::Array(items) if items.iter().all(|item| item.is_string() || item.is_number()) => {
            let texts = items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), Into::into));
            node.value = shown(&texts.collect::<Vec<String>>().join(", "), WHOLE);
        }
        Value::Array(items) => {
            let numbered = items.iter().enumerate();
            node.children = numbered
                .map(|(index, item)| self::node((index + 1).to_string(), item, false, depth - 1))
                .collect();
        }
        Value::Object(members) => {
            // The type stands in the title.
            let members = members.iter().filter(|(name, _)| !(root && *name == "type"));
            node.children = members
                .map(|(name, value)| {
                    self::node(shown(&name.replace('_', " "), WHOLE), value, false, depth - 1)
                })
                .collect();
        }
    }
    if node.children.is_empty() && node.value.is_empty() && node.word.is_none() {
        node.word = Some("none");
    }
    node
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use serde_json::json;

    use super::*;
    use crate::people::locale::Languages;

    fn locale(language: &str) -> crate::people::locale::Locale {
        Languages::load(None, language).unwrap().choose(&[], &HeaderMap::new())
    }

    fn meanings() -> Meanings {
        let configuration: crate::ServerConfiguration = serde_json::from_value(json!({
            "issuer": "https://id.example",
            "scope": [{"name": "write", "description": "Change your files"}, {"name": "read", "description": "x"}],
            "people": {"scopes": {"read": {"en": "Read your files", "de": "Ihre Dateien lesen"}, "x": {"fr": "Lire"}},
            "authorization_details": {"payment": {"en": "A payment"}}},
        }))
        .unwrap();
        Meanings::new(&configuration.people, &configuration.settings().unwrap())
    }

    #[test]
    fn scopes_are_told_in_the_operators_words_then_ours_then_by_name() {
        let scope = Scope::parse("read openid x odd write").unwrap();
        let german: Vec<String> =
            meanings().scopes(&scope, &locale("de")).into_iter().map(|line| line.text).collect();
        assert_eq!(
            german,
            [
                "Die Berechtigung „odd“ nutzen",
                "Wissen, wer Sie sind",
                "Ihre Dateien lesen",
                "Change your files",
                "Lire"
            ]
        );
    }

    #[test]
    fn details_become_a_tree_whose_texts_are_clean_and_whole() {
        let details = [
            json!({"type": "payment", "amount": {"currency": "EUR", "value": 12.5}, "urgent": true,
                   "to": ["a", 1], "note": "x\u{202e}y", "empty": [], "steps": [{"a": null}]}),
            json!({"type": "<b>", "long": "x".repeat(1000)}),
        ];
        let cards = meanings().details(&details, &locale("en"));
        assert_eq!(cards[0].title, "A payment");
        assert_eq!(cards[1].title, "Request of type “<b>”");
        let child =
            |label: &str| cards[0].content.children.iter().find(|node| node.label == label).unwrap().clone();
        assert!(cards[0].content.children.iter().all(|node| node.label != "type"));
        assert_eq!(child("amount").children[0].value, "EUR");
        assert_eq!((child("urgent").word, child("to").value.as_str()), (Some("yes"), "a, 1"));
        assert_eq!((child("note").value.as_str(), child("empty").word), ("x\u{fffd}y", Some("none")));
        assert_eq!(child("steps").children[0].children[0].word, Some("none"));
        assert_eq!(cards[1].content.children[0].value, "x".repeat(1000));
    }

    #[test]
    fn a_deep_tree_ends() {
        let mut value = json!("end");
        for _ in 0..100 {
            value = json!([[value], {"a": 1}]);
        }
        let mut node =
            &meanings().details(&[json!({"type": "payment", "deep": value})], &locale("en"))[0].content;
        let mut depth = 0;
        while let Some(child) = node.children.first() {
            (node, depth) = (child, depth + 1);
        }
        assert!(depth <= DEPTH);
    }
}
