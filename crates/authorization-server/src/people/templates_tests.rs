//! The built-in templates, and those of an operator.

use std::fs;

use super::*;
use crate::people::samples::HOSTILE;

fn load(directory: Option<&Path>) -> Result<Templates, ConfigurationInvalid> {
    let languages = Languages::load(directory, "en").unwrap();
    Templates::load(directory, &languages, "/assets".into(), "id.example".into())
}

#[test]
fn every_page_in_every_language_as_it_stands_with_hostile_values() {
    let languages = Languages::load(None, "en").unwrap();
    let templates = load(None).unwrap();
    for locale in languages.all() {
        let mut seen = std::collections::HashSet::new();
        for (name, sample) in samples::all() {
            let html = templates.render_value(name, &sample, locale).unwrap();
            assert!(!html.contains(HOSTILE) && !html.contains("alert(\""), "{name}");
            require_accessible(name, &html, locale);
            // The first sample of each page is the full one.
            if seen.insert(name) {
                let page = name.trim_end_matches(".html");
                insta::assert_snapshot!(format!("{page}_{}", locale.language), html);
            }
        }
    }
}

/// Language, title, one main heading, a label for every field, no style or script in the page itself.
fn require_accessible(name: &str, html: &str, locale: &Locale) {
    assert!(html.contains(&format!("<html lang=\"{}\" dir=\"ltr\">", locale.language)), "{name}");
    assert!(html.contains("<meta name=\"viewport\""), "{name}");
    assert_eq!(html.matches("<title>").count(), 1, "{name}");
    assert_eq!(html.matches("<h1>").count(), 1, "{name}");
    assert!(!html.contains("style=") && !html.contains("<style"), "{name}");
    assert!(!html.contains(" onclick") && !html.contains("javascript:"), "{name}");
    assert_eq!(html.matches("<script").count(), html.matches("<script src=\"&#x2f;assets").count(), "{name}");
    for input in html.split("<input").skip(1).map(|rest| rest.split('>').next().unwrap()) {
        if input.contains("type=\"hidden\"") || input.ends_with(" hidden") {
            continue;
        }
        let id = input.split("id=\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(html.contains(&format!("<label for=\"{id}\">")), "{name}: {id} has no label");
    }
    let mut ids: Vec<&str> =
        html.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "{name}: an id occurs twice");
    for form in html.split("<form").skip(1).map(|rest| rest.split("</form>").next().unwrap()) {
        assert!(form.contains("method=\"post\""), "{name}");
        let ours = form.contains("name=\"form_token\"") || name == "form_post.html";
        assert!(ours, "{name}: a form without token");
    }
}

#[test]
fn an_operators_template_takes_the_place_of_the_built_in_one() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write(
        "done.html",
        "{% extends 'layout.html' %}{% block main %}<h1>Ours: {{ t(text) }}</h1>{% endblock %}",
    );
    write("notes.txt", "not a template");
    fs::create_dir(directory.path().join("assets")).unwrap();
    fs::write(directory.path().join("assets/style.css"), "body { color: red }").unwrap();
    fs::write(directory.path().join("assets/logo.png"), [0x89]).unwrap();
    let templates = load(Some(directory.path())).unwrap();
    let locale = Languages::load(None, "de").unwrap().choose(&[], &http::HeaderMap::new());
    let page = crate::people::model::DonePage { title: "logged_out_title", text: "logged_out" };
    assert!(templates.render(&page, &locale).unwrap().contains("<h1>Ours: Sie sind abgemeldet.</h1>"));
    assert_eq!(templates.asset("style.css").unwrap().content, "body { color: red }");
    assert_eq!(templates.asset("logo.png").unwrap().media_type, "image/png");
    assert!(templates.asset("form_post.js").is_some() && templates.asset("../Cargo.toml").is_none());
}

#[test]
fn a_template_that_fails_or_does_not_escape_stops_the_start() {
    for (name, text, reason) in [
        ("login.html", "{{ nobody_knows_this }}", "undefined"),
        ("login.html", "{% if %}", "syntax"),
        ("login.html", "{{ t('no such text') }}", "no text"),
        ("consent.html", "<h1>{{ client.name|safe }}</h1>", "without escaping"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(name), text).unwrap();
        let fault = load(Some(directory.path())).err().unwrap();
        assert_eq!(fault.option, "people.templates");
        assert!(fault.rule.contains(reason) && fault.rule.contains(name), "{}", fault.rule);
    }
    let gone = tempfile::tempdir().unwrap().path().join("gone");
    assert!(load(Some(&gone)).is_err());
    let scripts = tempfile::tempdir().unwrap();
    fs::create_dir(scripts.path().join("assets")).unwrap();
    fs::write(scripts.path().join("assets/passkey.js"), "alert(1)").unwrap();
    assert!(load(Some(scripts.path())).err().unwrap().rule.contains("alone"));
}
