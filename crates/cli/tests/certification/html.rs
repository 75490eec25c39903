//! A page as a browser without script sees it: elements by their id, forms and what they submit. Tokenised by
//! html5gum as the HTML standard says; it judges nothing.

use std::collections::BTreeMap;

use html5gum::{Token, Tokenizer};

/// One form of a page.
#[derive(Debug, Default)]
pub(crate) struct Form {
    pub(crate) action: Option<String>,
    pub(crate) method: String,
    controls: Vec<Control>,
}

#[derive(Debug)]
struct Control {
    element: &'static str,
    attributes: BTreeMap<String, String>,
}

impl Control {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    fn kind(&self) -> &str {
        self.get("type").unwrap_or(if self.element == "button" { "submit" } else { "text" })
    }
}

/// What a click does.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) action: Option<String>,
    /// `get` or `post`.
    pub(crate) method: String,
    pub(crate) fields: Vec<(String, String)>,
}

/// A parsed page.
#[derive(Debug, Default)]
pub(crate) struct Page {
    ids: Vec<String>,
    /// Where its links and pictures lead.
    pub(crate) addresses: Vec<String>,
    pub(crate) forms: Vec<Form>,
}

const CONTROLS: [&str; 4] = ["input", "button", "select", "textarea"];

impl Page {
    pub(crate) fn parse(text: &str) -> Self {
        let mut page = Self::default();
        let mut inside = false;
        for token in Tokenizer::new(text).flatten() {
            match token {
                Token::StartTag(tag) => {
                    let attributes: BTreeMap<String, String> =
                        tag.attributes.iter().map(|(name, value)| (lossy(name), lossy(value))).collect();
                    if let Some(id) = attributes.get("id") {
                        assert!(!page.ids.contains(id), "two elements with the id {id}");
                        page.ids.push(id.clone());
                    }
                    page.addresses
                        .extend(["href", "src"].iter().filter_map(|name| attributes.get(*name).cloned()));
                    let name = lossy(&tag.name);
                    if name == "form" {
                        let method = attributes.get("method").map_or("get", String::as_str).to_lowercase();
                        let action = attributes.get("action").cloned();
                        page.forms.push(Form { action, method, controls: Vec::new() });
                        inside = true;
                    } else if let Some(element) = CONTROLS.into_iter().find(|control| *control == name)
                        && inside
                    {
                        page.forms.last_mut().unwrap().controls.push(Control { element, attributes });
                    }
                }
                Token::EndTag(tag) if *tag.name == *b"form" => inside = false,
                _ => {}
            }
        }
        page
    }

    pub(crate) fn has(&self, id: &str) -> bool {
        self.ids.iter().any(|known| known == id)
    }

    /// Clicks the button with this id, after `texts` (by id) were typed into its form.
    pub(crate) fn click(&self, id: &str, texts: &[(&str, &str)]) -> Submission {
        let has_it = |form: &&Form| form.controls.iter().any(|control| control.get("id") == Some(id));
        let form = self.forms.iter().find(has_it).unwrap_or_else(|| panic!("no form with the button {id}"));
        let button = form.controls.iter().find(|control| control.get("id") == Some(id)).unwrap();
        assert_eq!(button.kind(), "submit", "{id} submits nothing");
        for (text, _) in texts {
            let typed = form.controls.iter().any(|control| control.get("id") == Some(text));
            assert!(typed, "no {text} in the form of {id}");
        }
        let mut fields = form.successful(texts);
        if let (Some(name), value) = (button.get("name"), button.get("value").unwrap_or_default()) {
            fields.push((name.to_owned(), value.to_owned()));
        }
        let action = button.get("formaction").map(str::to_owned).or_else(|| form.action.clone());
        Submission { action, method: form.method.clone(), fields }
    }
}

impl Form {
    /// What is submitted without any button (HTML, "constructing the entry list").
    pub(crate) fn successful(&self, texts: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        for control in &self.controls {
            let typed = texts.iter().find(|(id, _)| control.get("id") == Some(id)).map(|(_, text)| *text);
            let Some(name) = control.get("name") else { continue };
            let value = match control.kind() {
                "submit" | "button" | "reset" | "image" => continue,
                "checkbox" | "radio" if control.get("checked").is_none() => continue,
                "checkbox" | "radio" => control.get("value").unwrap_or("on"),
                _ => typed.or(control.get("value")).unwrap_or_default(),
            };
            if control.get("disabled").is_none() {
                fields.push((name.to_owned(), value.to_owned()));
            }
        }
        fields
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn submits_what_a_browser_submits() {
    let page = Page::parse(
        "<form method=POST action='/login?a=1&amp;b=2'><input type=hidden name=csrf value='&lt;x&gt;'>\
         <input id=username name=username><input type=checkbox name=scope value=a checked>\
         <input type=checkbox name=scope value=b><button id=login name=do value=login>Go</button></form>",
    );
    let click = page.click("login", &[("username", "alice")]);
    assert_eq!(click.action.as_deref(), Some("/login?a=1&b=2"));
    assert_eq!(click.method, "post");
    let fields: Vec<(&str, &str)> = click.fields.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(fields, [("csrf", "<x>"), ("username", "alice"), ("scope", "a"), ("do", "login")]);
}
